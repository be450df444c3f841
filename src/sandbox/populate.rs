//! Makes the invented people in an empty sandbox.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::content::content;
use super::tables::{Document, Holder, PARENTS, documents, holders, professionals, structures, token_of};
use crate::auth::{Issuer, TokenRequest, Verifier};
use crate::fhir::national::{INS_TEST, PSIDNAT, STRUCTIDNAT};
use crate::fhir::{ResourceType, primitive};
use crate::interaction::{self, Error, Request, Service};
use crate::policy::matrix::profession_system;
use crate::policy::projection::CB;
use crate::store::{self, HolderBy};

/// How far back the first documents go, days; each kind of document is then some days later.
const DAYS_BACK: i64 = 90;
const DAY_US: i64 = 86_400_000_000;

const PHYSICIAN: &str = "810000000101";
const CARDIOLOGIST: &str = "810000000103";
const OCCUPATIONAL: &str = "810000000105";
const NURSE: &str = "810000000201";
const PHARMACIST: &str = "810000000301";
const DENTIST: &str = "810000000401";
const OPTICIAN: &str = "810000000701";
const HOSPITAL_NURSE: &str = "810000000202";

/// Makes everybody, unless they are there already.
///
/// # Errors
/// The first interaction that is refused: a defect of ours.
pub async fn populate(service: &Service, issuer: &Issuer, verifier: &Verifier) -> Result<(), Error> {
    let Some(first) = holders().next() else { return Ok(()) };
    let ins = first.ins();
    let known = service.store.run(move |connection| store::write::holder(connection, HolderBy::Ins, &ins)).await?;
    if known.is_some() {
        return Ok(());
    }
    let maker = Maker { service: service.clone(), issuer: issuer.clone(), verifier: verifier.clone() };
    let present = service.clock.now();
    service.clock.advance(-DAYS_BACK * DAY_US);
    let done = maker.everything().await;
    service.clock.set(present);
    done
}

#[derive(Clone)]
struct Maker {
    service: Service,
    issuer: Issuer,
    verifier: Verifier,
}

impl Maker {
    async fn everything(&self) -> Result<(), Error> {
        self.all(directory()).await?;
        self.all(holders().map(|holder| (kind("operator"), ResourceType::PATIENT, patient(&holder))).collect()).await?;
        let minors = holders().filter(Holder::is_minor);
        let represented = minors.flat_map(|minor| {
            holders()
                .filter(|h| PARENTS.contains(&h.key))
                .map(move |parent| (kind("operator"), ResourceType::RELATED_PERSON, related(&minor, &parent)))
        });
        self.all(represented.collect()).await?;
        for holder in holders().filter(|holder| holder.key != "yann") {
            self.rights(&holder).await?;
        }
        let count = i64::try_from(documents().count()).unwrap_or(1).max(1);
        for (place, document) in documents().enumerate() {
            let of = holders().filter(|holder| holder.state != "opposed");
            self.all(
                of.map(|holder| (token_of(document.by), ResourceType::DOCUMENT_REFERENCE, reference(&document, &holder, place))).collect(),
            )
            .await?;
            self.service.clock.advance((DAYS_BACK - 1) * DAY_US / count);
        }
        for holder in holders() {
            match holder.state {
                "closed" => {
                    interaction::close_space(&self.service, &holder.ins(), "À la demande du titulaire", "Ne souhaite plus de dossier")
                        .await?
                }
                "opposed" => interaction::oppose_space(&self.service, &holder.ins()).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Creates these, together: they share commits.
    async fn all(&self, batch: Vec<(TokenRequest, ResourceType, Value)>) -> Result<(), Error> {
        let mut set = JoinSet::new();
        for (token, resource, value) in batch {
            let maker = self.clone();
            set.spawn(async move { maker.create(&token, resource, value).await });
        }
        while let Some(done) = set.join_next().await {
            done.map_err(|error| Error::Unexpected(error.to_string()))??;
        }
        Ok(())
    }

    async fn create(&self, token: &TokenRequest, resource: ResourceType, value: Value) -> Result<String, Error> {
        let token = self.issuer.issue(token, &self.service.clock)?;
        let request = Request::new(self.verifier.verify(&token)?, "sandbox");
        let answer = interaction::create(&self.service, &request, resource, value.into()).await?;
        let location = answer.location.unwrap_or_default();
        Ok(location.split("/_history").next().unwrap_or_default().to_owned())
    }

    /// The rights a person gives; a minor's are given by a parent.
    async fn rights(&self, holder: &Holder) -> Result<(), Error> {
        let parent = holders().find(|parent| PARENTS.contains(&parent.key)).map(|parent| parent.ins());
        let own = TokenRequest { kind: "holder".into(), ins: Some(holder.ins()), ..TokenRequest::default() };
        let minor = TokenRequest { kind: "representative".into(), ins: parent, r#for: Some(holder.ins()), ..TokenRequest::default() };
        let who = if holder.is_minor() { minor } else { own };
        let now = self.service.clock.now();
        let party = |id: &str| json!({"identifier": {"system": if id.starts_with('8') { PSIDNAT } else { STRUCTIDNAT }, "value": id}});
        let give = |kind: &str, effect: &str, actor: Option<Value>| {
            (who.clone(), ResourceType::CONSENT, consent(holder, kind, effect, actor, now))
        };
        let mut batch = vec![
            give("treating-physician", "permit", Some(party(PHYSICIAN))),
            give("record-access", "permit", Some(party(NURSE))),
            give("record-access", "permit", Some(party(OPTICIAN))),
            give("record-access", "permit", Some(party(PHARMACIST))),
        ];
        match holder.key {
            "hugo" => batch.push(give("record-block", "deny", Some(party(DENTIST)))),
            "ines" => batch.push(give("break-glass", "deny", None)),
            "mei" => batch.push(give("emergency-masked", "permit", None)),
            "karim" => batch.push(give("default-masking", "permit", None)),
            "adele" => batch.push(give("occupational-health", "permit", Some(party(OCCUPATIONAL)))),
            _ => {}
        }
        self.all(batch).await?;
        let members: Vec<Value> = [CARDIOLOGIST, HOSPITAL_NURSE].iter().map(|id| json!({"member": party(id)})).collect();
        let team = json!({
            "resourceType": "CareTeam", "status": "active", "name": format!("Équipe de soins de {} {}", holder.given, holder.family),
            "subject": {"identifier": {"system": INS_TEST, "value": holder.value()}},
            "participant": members
        });
        let team = self.create(&who, ResourceType::CARE_TEAM, team).await?;
        let (who, resource, value) = give("care-team-access", "permit", Some(json!({"reference": team})));
        self.create(&who, resource, value).await.map(|_| ())
    }
}

fn kind(kind: &str) -> TokenRequest {
    TokenRequest { kind: kind.into(), ..TokenRequest::default() }
}

fn directory() -> Vec<(TokenRequest, ResourceType, Value)> {
    let organization = |id: &str, name: &str| json!({"resourceType": "Organization", "active": true, "name": name, "identifier": [{"system": STRUCTIDNAT, "value": id}]});
    let mut all: Vec<_> = structures().map(|one| (kind("operator"), ResourceType::ORGANIZATION, organization(one.id, one.name))).collect();
    for one in professionals() {
        let identifier = json!([{"system": PSIDNAT, "value": one.id}]);
        let practitioner = json!({
            "resourceType": "Practitioner", "active": true, "identifier": identifier,
            "name": [{"use": "official", "family": one.family, "given": [one.given]}]
        });
        let system = profession_system("TRE_G15").unwrap_or_default();
        let mut role = json!({
            "resourceType": "PractitionerRole", "active": true, "practitioner": {"identifier": {"system": PSIDNAT, "value": one.id}},
            "code": [{"coding": [{"system": system, "code": one.profession}]}]
        });
        if let (Some(structure), Some(members)) = (one.structure, role.as_object_mut()) {
            members.insert("organization".into(), json!({"identifier": {"system": STRUCTIDNAT, "value": structure}}));
        }
        all.push((kind("operator"), ResourceType::PRACTITIONER, practitioner));
        all.push((kind("operator"), ResourceType::PRACTITIONER_ROLE, role));
    }
    all
}

fn patient(holder: &Holder) -> Value {
    json!({
        "resourceType": "Patient", "active": true,
        "identifier": [{"use": "official", "system": INS_TEST, "value": holder.value()}],
        "name": [{"use": "official", "family": holder.family, "given": [holder.given]}],
        "gender": holder.gender, "birthDate": holder.born
    })
}

fn related(minor: &Holder, parent: &Holder) -> Value {
    json!({
        "resourceType": "RelatedPerson", "active": true,
        "identifier": [{"system": INS_TEST, "value": parent.value()}],
        "patient": {"identifier": {"system": INS_TEST, "value": minor.value()}},
        "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "PRN"}]}],
        "name": [{"family": parent.family, "given": [parent.given]}]
    })
}

/// A Consent of a kind; the instant is its date.
fn consent(holder: &Holder, kind: &str, effect: &str, actor: Option<Value>, now: i64) -> Value {
    let mut provision = json!({"type": effect});
    if let (Some(reference), Some(members)) = (actor, provision.as_object_mut()) {
        let role = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]});
        members.insert("actor".into(), json!([{"role": role, "reference": reference}]));
    }
    json!({
        "resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": format!("{CB}/CodeSystem/consent-kind"), "code": kind}]}],
        "patient": {"identifier": {"system": INS_TEST, "value": holder.value()}},
        "dateTime": primitive::format_instant(now),
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": provision
    })
}

fn reference(document: &Document, holder: &Holder, place: usize) -> Value {
    let (media, bytes) = content(document, holder, place);
    let system = if document.code.contains('-') { "http://loinc.org" } else { crate::policy::nomenclature::TRE_A05 };
    let author_system = if document.by.starts_with('8') { PSIDNAT } else { STRUCTIDNAT };
    let mut value = json!({
        "resourceType": "DocumentReference", "status": "current",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:1.2.250.1.999.2.{}.{}", holder.value().replace('A', "0").replace('B', "1"), place + 1)},
        "type": {"coding": [{"system": system, "code": document.code}]},
        "subject": {"identifier": {"system": INS_TEST, "value": holder.value()}},
        "date": format!("2026-{:02}-{:02}T09:00:00+02:00", 8 + place / 9, 1 + place % 9 * 3),
        "author": [{"identifier": {"system": author_system, "value": document.by}}],
        "description": document.title,
        "content": [{"attachment": {"contentType": media, "language": "fr-FR", "data": STANDARD.encode(bytes), "title": document.title}}],
        "context": {"period": {"start": format!("2026-{:02}-{:02}", 8 + place / 9, 1 + place % 9 * 3)}}
    });
    if let (Some(label), Some(members)) = (document.label, value.as_object_mut()) {
        members.insert("securityLabel".into(), json!([{"coding": [{"system": crate::policy::nomenclature::TRE_A07, "code": label}]}]));
    }
    value
}
