//! Invented clinical documents (CDA R2), and pushes that have nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A clinical document whose every element can be told.
#[derive(Clone)]
pub struct Cda {
    /// `id`: root and extension.
    pub id: (String, String),
    /// `code` and its code system.
    pub code: (String, String),
    /// `title`.
    pub title: String,
    /// `effectiveTime`.
    pub time: String,
    /// `recordTarget` identifiers: root and extension.
    pub patients: Vec<(String, String)>,
    /// PSIdNat of the author.
    pub author: String,
    /// StructIdNat of organization and custodian.
    pub structure: String,
    /// `relatedDocument`: the code of the relation, root and extension.
    pub related: Option<(String, String, String)>,
    /// Root of a template.
    pub template: String,
    /// `confidentialityCode`.
    pub confidentiality: String,
    /// `setId`, and `versionNumber`.
    pub version: (String, u32),
    /// `statusCode` of what is documented, as IHE adds it; empty for none.
    pub status: String,
    /// What stands in `component`.
    pub body: String,
}

/// A discharge letter about a person; `number` is its identifier.
pub fn cda(ins: &str, number: u32) -> Cda {
    Cda {
        id: (format!("1.2.250.1.999.7.{number}"), String::new()),
        code: ("11490-0".into(), "2.16.840.1.113883.6.1".into()),
        title: "Lettre de liaison à la sortie".into(),
        time: "20261001101500+0200".into(),
        patients: vec![("1.2.250.1.213.1.4.10".into(), ins.into()), ("1.2.250.1.999.8".into(), format!("IPP{number}"))],
        author: "810000000101".into(),
        structure: "1750000018".into(),
        related: None,
        template: "1.2.250.1.213.1.1.1.29".into(),
        confidentiality: "N".into(),
        version: ("1.2.250.1.999.7".into(), 1),
        status: String::new(),
        body: "<structuredBody><component><section><title>Motif</title><text>Contrôle</text></section></component></structuredBody>".into(),
    }
}

impl Cda {
    /// With this identifier.
    pub fn named(mut self, root: &str, extension: &str) -> Self {
        self.id = (root.into(), extension.into());
        self
    }

    /// Of this LOINC type.
    pub fn of_type(mut self, code: &str) -> Self {
        self.code.0 = code.into();
        self
    }

    /// Instead of the document with this identifier.
    pub fn replacing(mut self, root: &str, extension: &str) -> Self {
        self.related = Some(("RPLC".into(), root.into(), extension.into()));
        self
    }

    /// With this media type and content as its body (level 1).
    pub fn around(mut self, media: &str, bytes: &[u8]) -> Self {
        let data = STANDARD.encode(bytes);
        self.body = format!("<nonXMLBody><text mediaType=\"{media}\" representation=\"B64\">{data}</text></nonXMLBody>");
        self
    }

    /// The document.
    pub fn xml(&self) -> String {
        let id = |name: &str, (root, extension): &(String, String)| {
            let extension = if extension.is_empty() { String::new() } else { format!(" extension=\"{extension}\"") };
            format!("<{name} root=\"{root}\"{extension}/>")
        };
        let own = |name: &str, root: &str, extension: &str| id(name, &(root.to_owned(), extension.to_owned()));
        let patients: String = self.patients.iter().map(|patient| id("id", patient)).collect();
        let related = self.related.as_ref().map_or_else(String::new, |(code, root, extension)| {
            let parent = own("id", root, extension);
            format!("<relatedDocument typeCode=\"{code}\"><parentDocument>{parent}</parentDocument></relatedDocument>")
        });
        let organization = format!("{}<name>Hôpital inventé</name>", own("id", "1.2.250.1.71.4.2.2", &self.structure));
        let author = own("id", "1.2.250.1.71.4.2.1", &self.author);
        let (code, system) = &self.code;
        let status = match self.status.as_str() {
            "" => String::new(),
            code => format!("<lab:statusCode xmlns:lab=\"urn:oid:1.3.6.1.4.1.19376.1.3.2\" code=\"{code}\"/>"),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?xml-stylesheet type=\"text/xsl\" href=\"a.xsl\"?>\n\
             <ClinicalDocument xmlns=\"urn:hl7-org:v3\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<!-- inventé -->\
             <realmCode code=\"FR\"/><typeId root=\"2.16.840.1.113883.1.3\" extension=\"POCD_HD000040\"/>{template}{id}\
             <code code=\"{code}\" codeSystem=\"{system}\" displayName=\"Lettre\"/><title>{title}</title>\
             <effectiveTime value=\"{time}\"/><confidentialityCode code=\"{confidentiality}\" codeSystem=\"2.16.840.1.113883.5.25\"/>\
             <languageCode code=\"fr-FR\"/><setId root=\"{set}\"/><versionNumber value=\"{version}\"/>\
             <recordTarget><patientRole>{patients}<patient><name><family qualifier=\"BR\">EXEMPLE</family><given>Anne</given></name>\
             </patient></patientRole></recordTarget>\
             <author><time value=\"{time}\"/><assignedAuthor>{author}<code code=\"G15_10/SM26\" codeSystem=\"1.2.250.1.213.1.1.4.5\"/>\
             <assignedPerson><name><family>MODELE</family><given>Luc</given><prefix>M</prefix><suffix>DR</suffix></name></assignedPerson>\
             <representedOrganization>{organization}</representedOrganization></assignedAuthor></author>\
             <custodian><assignedCustodian><representedCustodianOrganization>{organization}</representedCustodianOrganization>\
             </assignedCustodian></custodian><legalAuthenticator><time value=\"{time}\"/><assignedEntity>{author}<assignedPerson><name>\
             <family>MODELE</family><given>Luc</given></name></assignedPerson></assignedEntity></legalAuthenticator>\
             <documentationOf><serviceEvent><code code=\"34133-9\" codeSystem=\"2.16.840.1.113883.6.1\"/>{status}<effectiveTime><low value=\"20260928\"/>\
             <high value=\"20261001\"/></effectiveTime><performer typeCode=\"PRF\"><assignedEntity>{author}<representedOrganization>\
             <standardIndustryClassCode code=\"ETABLISSEMENT\" codeSystem=\"1.2.250.1.213.1.1.4.9\"/></representedOrganization>\
             </assignedEntity></performer></serviceEvent></documentationOf>{related}\
             <componentOf><encompassingEncounter><effectiveTime value=\"20261001\"/><location><healthCareFacility>\
             <code code=\"SA01\" codeSystem=\"1.2.250.1.71.4.2.4\"/></healthCareFacility></location></encompassingEncounter></componentOf>\
             <component>{body}</component></ClinicalDocument>\n",
            template = own("templateId", &self.template, ""),
            id = id("id", &self.id),
            title = self.title,
            time = self.time,
            confidentiality = self.confidentiality,
            set = self.version.0,
            version = self.version.1,
            body = self.body,
        )
    }

    /// A push of nothing but the document.
    pub fn push(&self) -> Value {
        push("text/xml", self.xml().as_bytes())
    }
}

/// A push of nothing but this content.
pub fn push(media: &str, bytes: &[u8]) -> Value {
    let attachment = json!({"contentType": media, "data": STANDARD.encode(bytes)});
    json!({"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]})
}
