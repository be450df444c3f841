// The exchange of a hospital's system with Java's HAPI client, in JSON and in XML: token, consent, deposit, find, read, patch.
//
//     mvn -q -f conformance/clients/hapi/pom.xml dependency:build-classpath -Dmdep.outputFile=classpath
//     java -cp "$(cat conformance/clients/hapi/classpath)" conformance/clients/hapi/Exchange.java http://127.0.0.1:8080/fhir
//
// Against a sandbox with its invented people. Prints a line a step; any other answer than expected ends it with an error.

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.api.ServerValidationModeEnum;
import ca.uhn.fhir.rest.client.interceptor.BearerTokenAuthInterceptor;
import ca.uhn.fhir.rest.server.exceptions.ForbiddenOperationException;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import ca.uhn.fhir.rest.server.exceptions.UnprocessableEntityException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.hl7.fhir.r4.model.Binary;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CodeableConcept;
import org.hl7.fhir.r4.model.Coding;
import org.hl7.fhir.r4.model.Consent;
import org.hl7.fhir.r4.model.DocumentReference;
import org.hl7.fhir.r4.model.Enumerations;
import org.hl7.fhir.r4.model.Identifier;
import org.hl7.fhir.r4.model.Reference;

public class Exchange {
    static final String DOCTOR = "810000000977";
    static final String TEXT = "Hémoglobine 13,2 g/dL, sans anomalie.";
    static final FhirContext CONTEXT = FhirContext.forR4();
    static String base;

    static String fetch(String path, String body) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base.replaceAll("/fhir$", "") + path));
        if (body != null) {
            request.POST(HttpRequest.BodyPublishers.ofString(body));
        }
        return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString()).body();
    }

    static String member(String json, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(json);
        if (!matcher.find()) {
            throw new IllegalStateException(pattern + " in " + json);
        }
        return matcher.group(1);
    }

    static IGenericClient client(String token) throws Exception {
        IGenericClient client = CONTEXT.newRestfulGenericClient(base);
        client.registerInterceptor(new BearerTokenAuthInterceptor(member(fetch("/sandbox/token", token), "\"access_token\":\"([^\"]+)\"")));
        return client;
    }

    static CodeableConcept concept(String system, String code) {
        return new CodeableConcept(new Coding(system, code, null));
    }

    static void refused(Class<? extends Exception> by, Runnable work) {
        try {
            work.run();
        } catch (Exception error) {
            if (by.isInstance(error)) {
                return;
            }
            throw error;
        }
        throw new IllegalStateException("expected " + by.getSimpleName());
    }

    public static void main(String[] arguments) throws Exception {
        base = arguments[0].replaceAll("/$", "");
        CONTEXT.getRestfulClientFactory().setServerValidationMode(ServerValidationModeEnum.ONCE);
        String people = fetch("/sandbox/people", null);
        String ins = member(people, "\"ins\":\"([^\"]+)\"[^{}]*\"state\":\"open\"");
        String[] parts = ins.split("\\|");
        Identifier person = new Identifier().setSystem(parts[0]).setValue(parts[1]);
        for (EncodingEnum encoding : List.of(EncodingEnum.JSON, EncodingEnum.XML)) {
            exchange(encoding, ins, person);
        }
    }

    static void exchange(EncodingEnum encoding, String ins, Identifier person) throws Exception {
        IGenericClient holder = client("{\"kind\":\"holder\",\"ins\":\"" + ins + "\"}");
        String psIdNat = encoding == EncodingEnum.JSON ? DOCTOR : "810000000969";
        IGenericClient doctor = client("{\"kind\":\"professional\",\"id\":\"" + psIdNat + "\",\"profession\":\"10\",\"family\":\"Aubry\",\"given\":\"Inès\"}");
        holder.setEncoding(encoding);
        doctor.setEncoding(encoding);
        System.out.println(encoding + " token");

        Runnable search = () -> doctor.search().forResource(DocumentReference.class)
            .where(DocumentReference.PATIENT.hasChainedProperty(new ca.uhn.fhir.rest.gclient.TokenClientParam("identifier").exactly().systemAndCode(person.getSystem(), person.getValue())))
            .returnBundle(Bundle.class).execute();
        refused(ForbiddenOperationException.class, search);
        Consent consent = new Consent();
        consent.setStatus(Consent.ConsentState.ACTIVE).setDateTime(new Date());
        consent.setScope(concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"));
        consent.addCategory(concept("https://ensemble.example/fhir/CodeSystem/consent-kind", "record-access"));
        consent.setPatient(new Reference().setIdentifier(person));
        consent.setPolicyRule(concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"));
        consent.getProvision().setType(Consent.ConsentProvisionType.PERMIT).addActor()
            .setRole(concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"))
            .setReference(new Reference().setIdentifier(new Identifier().setSystem("urn:oid:1.2.250.1.71.4.2.1").setValue(psIdNat)));
        holder.create().resource(consent).execute();
        search.run();
        System.out.println(encoding + " consent");

        Identifier master = new Identifier().setSystem("urn:ietf:rfc:3986").setValue("urn:uuid:" + UUID.randomUUID());
        DocumentReference document = new DocumentReference();
        document.setStatus(Enumerations.DocumentReferenceStatus.CURRENT).setDate(new Date()).setMasterIdentifier(master).addIdentifier(master);
        document.setType(concept("http://loinc.org", "11502-2")).setSubject(new Reference().setIdentifier(person));
        document.addAuthor().setDisplay("Inès Aubry");
        document.addContent().getAttachment().setContentType("text/plain").setTitle("Numération").setData(TEXT.getBytes(StandardCharsets.UTF_8));
        DocumentReference stored = (DocumentReference) doctor.create().resource(document).execute().getResource();
        DocumentReference nobody = document.copy();
        nobody.setSubject(new Reference().setIdentifier(new Identifier().setSystem(person.getSystem()).setValue("100000000000000")));
        refused(UnprocessableEntityException.class, () -> doctor.create().resource(nobody).execute());
        System.out.println(encoding + " deposit");

        List<String> ids = new ArrayList<>();
        Bundle page = doctor.search().forResource(DocumentReference.class).where(DocumentReference.PATIENT.hasId(stored.getSubject().getReference()))
            .sort().descending(DocumentReference.DATE).count(1).returnBundle(Bundle.class).execute();
        while (page != null) {
            page.getEntry().forEach(entry -> ids.add(entry.getResource().getIdElement().getIdPart()));
            page = page.getLink(Bundle.LINK_NEXT) == null ? null : doctor.loadPage().next(page).execute();
        }
        if (!ids.contains(stored.getIdElement().getIdPart())) {
            throw new IllegalStateException("not found: " + ids);
        }
        System.out.println(encoding + " find");

        String url = stored.getContentFirstRep().getAttachment().getUrl();
        Binary binary = doctor.read().resource(Binary.class).withId(url.substring(url.indexOf("Binary/") + 7)).execute();
        if (!new String(binary.getContent(), StandardCharsets.UTF_8).equals(TEXT)) {
            throw new IllegalStateException("another content");
        }
        refused(ResourceNotFoundException.class, () -> doctor.read().resource(DocumentReference.class).withId(UUID.randomUUID().toString()).execute());
        System.out.println(encoding + " read");

        String patch = "[{\"op\":\"add\",\"path\":\"/securityLabel\",\"value\":[{\"coding\":[{\"code\":\"N\"}]},{\"coding\":[{\"code\":\"MASQUE_PS\"}]}]}]";
        doctor.patch().withBody(patch).withId(stored.getIdElement().toUnqualifiedVersionless()).execute();
        DocumentReference patched = doctor.read().resource(DocumentReference.class).withId(stored.getIdElement().getIdPart()).execute();
        if (patched.getSecurityLabel().stream().noneMatch(label -> label.getCodingFirstRep().getCode().equals("MASQUE_PS"))) {
            throw new IllegalStateException("not masked");
        }
        System.out.println(encoding + " patch");
    }
}
