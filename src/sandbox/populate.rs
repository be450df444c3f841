//! Makes the invented people in an empty sandbox.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::content::content;
use super::tables::{Document, Holder, PARENTS, documents, holders, professionals, structures, token_of};
use crate::auth::{Issuer, TokenRequest, Verifier};
use crate::clock::seeded_id;
use crate::fhir::national::{INS_TEST, PSIDNAT, STRUCTIDNAT};
use crate::fhir::{ResourceType, primitive};
use crate::filter::HolderState;
use crate::interaction::{self, Error, Request, Service};
use crate::policy::matrix::profession_system;
use crate::policy::projection::CB;
use crate::store::{self, HolderBy};

/// How far back the story of a person goes, days; each kind of document is then some days later.
const DAYS_BACK: i64 = 90;
const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;

const PHYSICIAN: &str = "810000000101";
const CARDIOLOGIST: &str = "810000000103";
const OCCUPATIONAL: &str = "810000000105";
const NURSE: &str = "810000000201";
const PHARMACIST: &str = "810000000301";
const DENTIST: &str = "810000000401";
const OPTICIAN: &str = "810000000701";
const HOSPITAL_NURSE: &str = "810000000202";

/// What is noted once everybody is there.
const DONE: &str = "people";

/// Makes everybody as of this instant, unless they are there already; those whom an earlier start did not come to are made now.
///
/// # Errors
/// The first interaction that is refused: a defect of ours.
pub async fn populate(service: &Service, issuer: &Issuer, verifier: &Verifier, started: i64) -> Result<(), Error> {
    if service.store.is_done(DONE).await? {
        return Ok(());
    }
    let present = started - started.rem_euclid(SECOND_US);
    let mut maker = Maker { service: service.clone(), issuer: issuer.clone(), verifier: verifier.clone(), present, made: 0 };
    if !maker.are_others_there().await? {
        maker.everything().await?;
    }
    Ok(service.store.note_done(DONE).await?)
}

/// Makes the people, always the same: what is made has its place in one order, from which its id and its instant follow.
struct Maker {
    service: Service,
    issuer: Issuer,
    verifier: Verifier,
    /// Until when the story of the people goes, microseconds.
    present: i64,
    /// Places given so far.
    made: u64,
}

/// Something to make, with who makes it and when.
struct Making {
    token: TokenRequest,
    resource: ResourceType,
    value: Value,
    at: i64,
}

/// When the story of a person begins, microseconds: some time ago, but not before birth.
fn beginning(holder: &Holder, present: i64) -> i64 {
    let long_ago = present - DAYS_BACK * DAY_US;
    let born = primitive::days(holder.born).map_or(long_ago, |day| i64::from(day) * DAY_US + DAY_US / 2);
    // Who is not born yet, or just today, has a story all the same.
    if born > present - 2 * DAY_US { long_ago } else { born.max(long_ago) }
}

/// When a document of this place is deposited.
fn deposited(holder: &Holder, place: usize, present: i64) -> i64 {
    let first = beginning(holder, present) + DAY_US;
    let (place, count) = (i64::try_from(place).unwrap_or(0), i64::try_from(documents().count()).unwrap_or(1).max(1));
    let at = first + (present - DAY_US / 4 - first) / count * place;
    at - at.rem_euclid(SECOND_US)
}

impl Maker {
    /// Whether the people of another version are there, whose ids we do not know: they stay as they are.
    async fn are_others_there(&self) -> Result<bool, Error> {
        let Some(first) = holders().next() else { return Ok(true) };
        let ins = first.ins();
        let known = self.service.store.run(move |connection| store::write::holder(connection, HolderBy::Ins, &ins)).await?;
        // The directory comes first, then the first person.
        Ok(known.is_some_and(|row| row.patient != seeded_id(u64::try_from(directory().len()).unwrap_or(0), 0)))
    }

    async fn everything(&mut self) -> Result<(), Error> {
        let start = self.present - DAYS_BACK * DAY_US;
        self.all(directory().into_iter().map(|(resource, value)| by_operator(resource, value, start)).collect()).await?;
        self.each(1, |holder, at| Some(by_operator(ResourceType::PATIENT, patient(holder), at))).await?;
        for parent in holders().filter(|holder| PARENTS.contains(&holder.key)) {
            self.each(2, |minor, at| minor.is_minor().then(|| by_operator(ResourceType::RELATED_PERSON, related(minor, &parent), at)))
                .await?;
        }
        let of_all =
            [("treating-physician", PHYSICIAN), ("record-access", NURSE), ("record-access", OPTICIAN), ("record-access", PHARMACIST)];
        for (code, actor) in of_all {
            self.each(3, |holder, at| holder.gives_rights().then(|| give(holder, at, code, "permit", Some(party(actor))))).await?;
        }
        self.each(3, own_right).await?;
        let of_team =
            |holder: &Holder, at| Making { token: person_token(holder), resource: ResourceType::CARE_TEAM, value: team(holder), at };
        let teams = self.each(4, |holder, at| holder.gives_rights().then(|| of_team(holder, at))).await?;
        self.each(5, |holder, at| {
            let (_, team) = teams.iter().find(|(key, _)| *key == holder.key)?;
            Some(give(holder, at, "care-team-access", "permit", Some(json!({"reference": team}))))
        })
        .await?;
        for (place, document) in documents().enumerate() {
            let present = self.present;
            let of = holders().filter(|holder| holder.state != "opposed").map(|holder| {
                let at = deposited(&holder, place, present);
                Making {
                    token: token_of(document.by),
                    resource: ResourceType::DOCUMENT_REFERENCE,
                    value: reference(&document, &holder, place, at),
                    at,
                }
            });
            self.all(of.collect()).await?;
        }
        self.ends().await
    }

    /// Closes and opposes; what was done is not done again.
    async fn ends(&self) -> Result<(), Error> {
        let service = Service { clock: self.service.clock.fixed(self.present, self.made), ..self.service.clone() };
        for holder in holders() {
            let ins = holder.ins();
            let row = service.store.run(move |connection| store::write::holder(connection, HolderBy::Ins, &ins)).await?;
            if !row.is_some_and(|row| row.state == Some(HolderState::Open)) {
                continue;
            }
            match holder.state {
                "closed" => {
                    interaction::close_space(&service, &holder.ins(), "À la demande du titulaire", "Ne souhaite plus de dossier").await?
                }
                "opposed" => interaction::oppose_space(&service, &holder.ins()).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes one thing for each person whom it concerns, at this minute of the person's story; by key, where each is.
    async fn each(&mut self, minute: i64, make: impl Fn(&Holder, i64) -> Option<Making>) -> Result<Vec<(&'static str, String)>, Error> {
        let made: Vec<(&'static str, Making)> = holders()
            .filter_map(|holder| {
                let at = beginning(&holder, self.present) + minute * 60 * SECOND_US;
                Some((holder.key, make(&holder, at)?))
            })
            .collect();
        let (keys, batch): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        Ok(keys.into_iter().zip(self.all(batch).await?).collect())
    }

    /// Creates these, at most one of each person, together: they share commits. What is there already stays. Where each is, in order.
    async fn all(&mut self, batch: Vec<Making>) -> Result<Vec<String>, Error> {
        let first = self.made;
        let seeds = first..first.saturating_add(u64::try_from(batch.len()).unwrap_or(0));
        self.made = seeds.end;
        let places: Vec<String> =
            batch.iter().zip(seeds.clone()).map(|(making, seed)| format!("{}/{}", making.resource, seeded_id(seed, 0))).collect();
        let asked = places.clone();
        let there = self.service.store.run(move |connection| store::read::existing(connection, &asked)).await?;
        let mut set = JoinSet::new();
        for ((making, seed), place) in batch.into_iter().zip(seeds).zip(&places) {
            if !there.contains(place) {
                set.spawn(self.create(making, seed)?);
            }
        }
        while let Some(done) = set.join_next().await {
            match done.map_err(|error| Error::Unexpected(error.to_string()))? {
                // Somebody else opened this space, or deposited this document, in this sandbox.
                Ok(_) | Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(places)
    }

    fn create(&self, making: Making, seed: u64) -> Result<impl Future<Output = Result<interaction::Answer, Error>> + Send + use<>, Error> {
        let token = self.issuer.issue(&making.token, &self.service.clock)?;
        let request = Request::new(self.verifier.verify(&token)?, "sandbox");
        // Within one second all have the same instant but for their place, so that no two are made at the same.
        let at = making.at + i64::try_from(seed).unwrap_or(0);
        let service = Service { clock: self.service.clock.fixed(at, seed), ..self.service.clone() };
        Ok(async move { interaction::create(&service, &request, making.resource, making.value.into()).await })
    }
}

/// The token of a person, or of a parent who acts for a minor.
fn person_token(holder: &Holder) -> TokenRequest {
    if !holder.is_minor() {
        return TokenRequest { kind: "holder".into(), ins: Some(holder.ins()), ..TokenRequest::default() };
    }
    let parent = holders().find(|parent| PARENTS.contains(&parent.key)).map(|parent| parent.ins());
    TokenRequest { kind: "representative".into(), ins: parent, r#for: Some(holder.ins()), ..TokenRequest::default() }
}

fn party(id: &str) -> Value {
    json!({"identifier": {"system": if id.starts_with('8') { PSIDNAT } else { STRUCTIDNAT }, "value": id}})
}

/// A right that a person gives; a minor's are given by a parent.
fn give(holder: &Holder, at: i64, code: &str, effect: &str, actor: Option<Value>) -> Making {
    Making { token: person_token(holder), resource: ResourceType::CONSENT, value: consent(holder, code, effect, actor, at), at }
}

/// The right that tells one person from the others.
fn own_right(holder: &Holder, at: i64) -> Option<Making> {
    match holder.key {
        "hugo" => Some(give(holder, at, "record-block", "deny", Some(party(DENTIST)))),
        "ines" => Some(give(holder, at, "break-glass", "deny", None)),
        "mei" => Some(give(holder, at, "emergency-masked", "permit", None)),
        "karim" => Some(give(holder, at, "default-masking", "permit", None)),
        "adele" => Some(give(holder, at, "occupational-health", "permit", Some(party(OCCUPATIONAL)))),
        _ => None,
    }
}

fn team(holder: &Holder) -> Value {
    let members: Vec<Value> = [CARDIOLOGIST, HOSPITAL_NURSE].iter().map(|id| json!({"member": party(id)})).collect();
    json!({
        "resourceType": "CareTeam", "status": "active", "name": format!("Équipe de soins de {} {}", holder.given, holder.family),
        "subject": {"identifier": {"system": INS_TEST, "value": holder.value()}},
        "participant": members
    })
}

fn by_operator(resource: ResourceType, value: Value, at: i64) -> Making {
    Making { token: TokenRequest { kind: "operator".into(), ..TokenRequest::default() }, resource, value, at }
}

fn directory() -> Vec<(ResourceType, Value)> {
    let organization = |id: &str, name: &str| json!({"resourceType": "Organization", "active": true, "name": name, "identifier": [{"system": STRUCTIDNAT, "value": id}]});
    let mut all: Vec<_> = structures().map(|one| (ResourceType::ORGANIZATION, organization(one.id, one.name))).collect();
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
        all.push((ResourceType::PRACTITIONER, practitioner));
        all.push((ResourceType::PRACTITIONER_ROLE, role));
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

/// A Consent of a kind, dated where its holder's story begins.
fn consent(holder: &Holder, kind: &str, effect: &str, actor: Option<Value>, at: i64) -> Value {
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
        "dateTime": primitive::format_instant(at),
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": provision
    })
}

fn reference(document: &Document, holder: &Holder, place: usize, at: i64) -> Value {
    let oid = format!("1.2.250.1.999.2.{}.{}", holder.value().replace('A', "0").replace('B', "1"), place + 1);
    let (media, bytes) = content(document, holder, place, &oid, at);
    let date = primitive::format_instant(at);
    let system = if document.code.contains('-') { "http://loinc.org" } else { crate::policy::nomenclature::TRE_A05 };
    let author_system = if document.by.starts_with('8') { PSIDNAT } else { STRUCTIDNAT };
    let mut value = json!({
        "resourceType": "DocumentReference", "status": "current",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:{oid}")},
        "type": {"coding": [{"system": system, "code": document.code}]},
        "subject": {"identifier": {"system": INS_TEST, "value": holder.value()}},
        "date": date,
        "author": [{"identifier": {"system": author_system, "value": document.by}}],
        "description": document.title,
        "content": [{"attachment": {"contentType": media, "language": "fr-FR", "data": STANDARD.encode(bytes), "title": document.title}}],
        "context": {"period": {"start": date.chars().take(10).collect::<String>()}}
    });
    if let (Some(label), Some(members)) = (document.label, value.as_object_mut()) {
        members.insert("securityLabel".into(), json!([{"coding": [{"system": crate::policy::nomenclature::TRE_A07, "code": label}]}]));
    }
    value
}
