//! What a header says (HL7 CDA R2, 4.2; CI-SIS, "Structuration minimale de documents de santé"), as plain data.

use super::id::Id;
use super::node::Node;

/// Parties, identifiers and templates of each kind that are kept.
const KEPT_MAX: usize = 100;

/// A code of a code system, which is named by its OID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// `codeSystem`.
    pub system: String,
    /// `code`.
    pub code: String,
    /// `displayName`.
    pub display: Option<String>,
}

/// The name of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    /// `family`, the first.
    pub family: Option<String>,
    /// `given`.
    pub given: Vec<String>,
    /// `prefix`.
    pub prefix: Option<String>,
    /// `suffix`.
    pub suffix: Option<String>,
}

/// An organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Organization {
    /// Its identifiers: root and extension as written.
    pub ids: Vec<(String, String)>,
    /// Its name.
    pub name: Option<String>,
}

/// An author or authenticator: a person, or a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Its identifiers: root and extension as written.
    pub ids: Vec<(String, String)>,
    /// Profession and specialty.
    pub code: Option<Code>,
    /// The person's name.
    pub name: Option<Name>,
    /// The name of the device, where it is one.
    pub device: Option<String>,
    /// The organization it acted for.
    pub organization: Option<Organization>,
}

/// The header of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// `id`.
    pub id: Option<Id>,
    /// `setId`.
    pub set_id: Option<Id>,
    /// `versionNumber`.
    pub version: Option<String>,
    /// `templateId`: root and extension as written.
    pub templates: Vec<(String, String)>,
    /// `code`, then its translations.
    pub codes: Vec<Code>,
    /// `title`.
    pub title: Option<String>,
    /// `effectiveTime`, as HL7 writes it.
    pub effective_time: Option<String>,
    /// `confidentialityCode`.
    pub confidentiality: Option<Code>,
    /// `languageCode`.
    pub language: Option<String>,
    /// `recordTarget/patientRole/id`: root and extension as written.
    pub patients: Vec<(String, String)>,
    /// `recordTarget/patientRole/patient/name`.
    pub patient_names: Vec<Name>,
    /// `author`.
    pub authors: Vec<Party>,
    /// `custodian`.
    pub custodian: Option<Organization>,
    /// `legalAuthenticator`.
    pub legal_authenticator: Option<Party>,
    /// `documentationOf/serviceEvent/effectiveTime` of the principal act: beginning and end, as HL7 writes them.
    pub period: Option<(Option<String>, Option<String>)>,
    /// `documentationOf/serviceEvent/code`.
    pub events: Vec<Code>,
    /// `documentationOf/serviceEvent/statusCode`, as IHE and HL7 add it.
    pub statuses: Vec<String>,
    /// `documentationOf/serviceEvent/performer/…/standardIndustryClassCode`.
    pub practice_setting: Option<Code>,
    /// `componentOf/…/healthCareFacility/code`.
    pub facility: Option<Code>,
    /// `relatedDocument[@typeCode='RPLC']/parentDocument/id`: what it replaces.
    pub replaces: Vec<Id>,
}

impl Header {
    pub(super) fn of(root: &Node<'_>) -> Self {
        let id = |name: &str| root.one(name).and_then(identifier);
        let said = |node: &Node<'_>| node.attribute("code").map(ToOwned::to_owned);
        let acts: Vec<&Node<'_>> = root.all("documentationOf").filter_map(|act| act.one("serviceEvent")).collect();
        let class = ["assignedEntity", "representedOrganization", "standardIndustryClassCode"];
        let setting = |act: &&Node<'_>| act.all("performer").find_map(|performer| code(performer.at(&class)?));
        // Of several acts the principal one is the one that says its setting.
        let principal = acts.iter().find(|act| setting(act).is_some()).or(acts.first());
        let roles: Vec<&Node<'_>> = root.all("recordTarget").filter_map(|target| target.one("patientRole")).collect();
        let replaced = root.all("relatedDocument").filter(|related| related.attribute("typeCode") == Some("RPLC"));
        Self {
            id: id("id"),
            set_id: id("setId"),
            version: root.one("versionNumber").and_then(|node| node.attribute("value")).map(ToOwned::to_owned),
            templates: ids(root, "templateId"),
            codes: root.one("code").map(codes).unwrap_or_default(),
            title: root.one("title").and_then(Node::words),
            effective_time: root.one("effectiveTime").and_then(|node| node.attribute("value")).map(ToOwned::to_owned),
            confidentiality: root.one("confidentialityCode").and_then(code),
            language: root.one("languageCode").and_then(|node| node.attribute("code")).map(ToOwned::to_owned),
            // All of them: one left out could be another person.
            patients: roles.iter().flat_map(|role| all_ids(role, "id")).collect(),
            patient_names: roles.iter().filter_map(|role| name(role.at(&["patient", "name"])?)).take(KEPT_MAX).collect(),
            authors: root.all("author").filter_map(|author| author.one("assignedAuthor")).take(KEPT_MAX).map(party).collect(),
            custodian: root.at(&["custodian", "assignedCustodian", "representedCustodianOrganization"]).map(organization),
            legal_authenticator: root.at(&["legalAuthenticator", "assignedEntity"]).map(party),
            period: principal.and_then(|act| period(act.one("effectiveTime")?)),
            events: acts.iter().filter_map(|act| code(act.one("code")?)).take(KEPT_MAX).collect(),
            statuses: acts.iter().filter_map(|act| said(act.one("statusCode")?)).take(KEPT_MAX).collect(),
            practice_setting: principal.and_then(setting),
            facility: root.at(&["componentOf", "encompassingEncounter", "location", "healthCareFacility", "code"]).and_then(code),
            replaces: replaced.filter_map(|related| identifier(related.at(&["parentDocument", "id"])?)).take(KEPT_MAX).collect(),
        }
    }
}

fn identifier(node: &Node<'_>) -> Option<Id> {
    Id::new(node.attribute("root")?, node.attribute("extension").unwrap_or_default())
}

/// Roots and extensions of the children of this name, as many as are kept.
fn ids(node: &Node<'_>, name: &str) -> Vec<(String, String)> {
    all_ids(node, name).take(KEPT_MAX).collect()
}

/// Roots and extensions of all children of this name; of those together a header has a bound.
pub(super) fn all_ids(node: &Node<'_>, name: &str) -> impl Iterator<Item = (String, String)> {
    let both = |id: &Node<'_>| Some((id.attribute("root")?.to_owned(), id.attribute("extension").unwrap_or_default().to_owned()));
    node.all(name).filter_map(both)
}

pub(super) fn code(node: &Node<'_>) -> Option<Code> {
    Some(Code {
        system: node.attribute("codeSystem").unwrap_or_default().to_owned(),
        code: node.attribute("code")?.to_owned(),
        display: node.attribute("displayName").map(ToOwned::to_owned),
    })
}

/// A code and its translations.
pub(super) fn codes(node: &Node<'_>) -> Vec<Code> {
    code(node).into_iter().chain(node.all("translation").filter_map(code)).take(KEPT_MAX).collect()
}

fn name(node: &Node<'_>) -> Option<Name> {
    let one = |name: &str| node.one(name).and_then(Node::words);
    let found = Name {
        family: one("family"),
        given: node.all("given").filter_map(Node::words).take(KEPT_MAX).collect(),
        prefix: one("prefix"),
        suffix: one("suffix"),
    };
    (found.family.is_some() || !found.given.is_empty()).then_some(found)
}

fn organization(node: &Node<'_>) -> Organization {
    Organization { ids: ids(node, "id"), name: node.one("name").and_then(Node::words) }
}

fn party(node: &Node<'_>) -> Party {
    let device = node.one("assignedAuthoringDevice");
    let said = |device: &Node<'_>| ["softwareName", "manufacturerModelName"].iter().find_map(|name| device.one(name)?.words());
    Party {
        ids: ids(node, "id"),
        code: node.one("code").and_then(code),
        name: node.at(&["assignedPerson", "name"]).and_then(name),
        device: device.map(|device| said(device).unwrap_or_default()),
        organization: node.one("representedOrganization").map(organization),
    }
}

fn period(node: &Node<'_>) -> Option<(Option<String>, Option<String>)> {
    let side = |name: &str| node.one(name).and_then(|side| side.attribute("value")).map(ToOwned::to_owned);
    let (low, high) = (side("low").or_else(|| node.attribute("value").map(ToOwned::to_owned)), side("high"));
    (low.is_some() || high.is_some()).then_some((low, high))
}
