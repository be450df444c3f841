//! `patch` of a document (PDSm flux 03, FHIR R4 http.html#patch): status, labels and isArchived, nothing else.

use serde_json::Value;

use super::changes::{self, ALLOW, ARCHIVED, Change, Step};
use super::condition::{self, Touched, Which};
use super::create::{leave_trace, permitted, written};
use super::fhirpath_patch::{self, PathPatch};
use super::read::{candidate, seen};
use super::stored::{add_extension, prepare, remove_extension, set};
use super::update::allowed;
use super::{Answer, Error, Refused, Request, Service, json_patch, labels, notice, plain};
use crate::fhir::{Document, ResourceType};
use crate::filter::{Candidate, Envelope, EnvelopeTest, Filter, HolderName, Label, RightKind, Test, matches};
use crate::policy::changes::{May, Role};
use crate::policy::{Action, CONSULTS, Caller, CallerKind, Policy, Purpose, Scope};
use crate::search;
use crate::store::{self, AnyConnection, Found, NewResource, PageRequest};

/// The operations of a patch, as they came.
#[derive(Debug, Clone)]
pub enum Operations {
    /// A JSON Patch (RFC 6902).
    Json(Value),
    /// A FHIRPath Patch (FHIR R4 fhirpatch.html).
    Path(Document),
    /// An XML Patch (RFC 5261).
    Xml(Vec<u8>),
}

/// The operations of a patch of any tree, understood.
#[derive(Debug, Clone)]
pub(super) enum Understood {
    /// A JSON Patch.
    Json(json_patch::Patch),
    /// A FHIRPath Patch.
    Path(PathPatch),
}

impl Operations {
    /// Understands the operations, as a patch of any element of such a resource.
    ///
    /// # Errors
    /// Those of [`json_patch::understand`] and [`fhirpath_patch::understand`].
    pub(super) fn understand(&self, resource: ResourceType) -> Result<Understood, Error> {
        match self {
            Self::Json(operations) => json_patch::understand(operations).map(Understood::Json),
            Self::Path(parameters) => fhirpath_patch::understand(parameters, resource).map(Understood::Path),
            Self::Xml(_) => Err(Error::MediaType("an XML Patch is for documents of a record".into())),
        }
    }
}

impl Understood {
    /// Applies the operations, all or none; `now` in microseconds.
    ///
    /// # Errors
    /// What does not apply, in words.
    pub(super) fn apply(&self, tree: &mut Value, now: i64) -> Result<(), String> {
        match self {
            Self::Json(patch) => json_patch::apply(tree, patch),
            Self::Path(patch) => fhirpath_patch::apply(tree, patch, now),
        }
    }
}

/// Patches a document: the one with this id, or the one that matches in the caller's own scope. A tester patches anything.
///
/// # Errors
/// [`Error::Method`] for any other element, then 404, 403, 412, 422 in this order.
pub async fn patch(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    which: &Which,
    operations: &Operations,
) -> Result<Answer, Error> {
    if request.is_tester() {
        permitted(service, request, resource, Action::Patch)?;
        return plain::patch(service, request, resource, which, operations).await.map_err(|refused| refused.error);
    }
    let (target, query) = match which {
        Which::Id(id) => (id.as_str(), String::new()),
        Which::Matching(pairs) => ("", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()),
    };
    let asked = service.asked(request, "patch", resource, target, &query);
    match run(service, request, resource, which, operations).await {
        Ok(answer) => Ok(answer),
        Err(refused) => Err(service.refused(&asked, refused).await),
    }
}

async fn run(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    which: &Which,
    operations: &Operations,
) -> Result<Answer, Refused> {
    if resource != ResourceType::DOCUMENT_REFERENCE {
        return Err(Error::Method { allow: allowed(resource, which), message: format!("{resource} is not patched") }.into());
    }
    let changes = changes::understand(operations)?;
    permitted(service, request, resource, Action::Patch)?;
    let condition = match which {
        Which::Id(_) => None,
        Which::Matching(pairs) => Some(condition::parse(service, request, resource, pairs)?),
    };
    if condition.as_ref().is_some_and(|condition| !condition.query.named.contains("identifier")) {
        return Err(Error::Required { place: "identifier".into(), message: "a conditional PATCH goes by `identifier`".into() }.into());
    }
    let touched = match &condition {
        Some(condition) => condition::touched(service, request, condition).await?,
        None => Touched::default(),
    };
    let (conditioned, named) = (condition.clone(), touched.clone());
    let (within, asker, which) = (service.clone(), request.clone(), which.clone());
    let done = service.store.write(move |connection| -> Result<NewResource, Refused> {
        let scope = within.policy.scope(&asker.caller, Action::Consult, resource, within.clock.now());
        let id = match (&which, &condition) {
            (Which::Id(id), _) => id.clone(),
            (Which::Matching(_), Some(condition)) => {
                let found = condition::resolve(&within, &asker, connection, condition)?.at_most_one(resource)?;
                let found = found.ok_or_else(|| Error::NotFound(resource, "?identifier".into()))?.envelope;
                condition::tell(&within, &asker, connection, condition, &touched, found.holder)?;
                found.id
            }
            (Which::Matching(_), None) => return Err(Error::Unexpected("a condition was not understood".into()).into()),
        };
        // Writers of one resource come one after the other, so that none finds its version gone.
        store::write::lock_condition(connection, &format!("{resource}/{id}"))?;
        let found = seen(store::read::read(connection, &scope, &id)?, resource, &id)?;
        let at = |error: Error| Refused::at(error, found.envelope.holder.max(0), found.envelope.key);
        let document = apply(&within, &asker, connection, &found, &changes).map_err(at)?;
        let asked = within.asked(&asker, "patch", resource, &id, "");
        let before = super::stored::tree(&found.body)?;
        if document == before {
            leave_trace(&within, connection, &asked, &found.envelope, 200)?;
            let same = found.envelope.clone();
            return Ok(NewResource {
                envelope: same,
                realm: 0,
                bound: 0,
                media: String::new(),
                body: found.body,
                index: Default::default(),
                deleted: false,
                put: false,
            });
        }
        let next = Envelope {
            version: found.envelope.version + 1,
            updated: within.clock.now(),
            labels: labels::bits(&document),
            ..found.envelope.clone()
        };
        let new = prepare(&document, next, 0);
        store::write::update(connection, &new)?;
        let hidden = [&found.envelope, &new.envelope].into_iter().any(|one| one.has(Label::HiddenFromHolder));
        if let Some(row) = found.facts.holder.as_ref().filter(|_| hidden) {
            notice::settle(&within, connection, &new.envelope, row)?;
        }
        leave_trace(&within, connection, &asked, &new.envelope, 200)?;
        Ok(new)
    });
    let new = match (done.await, conditioned) {
        (Err(refused), Some(condition)) => return Err(condition::told(service, request, &condition, &named, refused).await),
        (done, _) => done?,
    };
    Ok(Answer { location: None, ..written(service, &new, 200, Vec::new()) })
}

/// Ids of at most two resources that match, in this scope.
fn matching(connection: &mut AnyConnection, scope: &Scope, filter: &Filter) -> Result<Vec<String>, Error> {
    let request = PageRequest::first(filter.clone(), 1);
    Ok(store::search::page(connection, scope, &request)?.into_iter().map(|hit| hit.envelope.id).collect())
}

/// The id of the one document of this holder with this identifier, in this scope.
pub(super) fn one_by_identifier(connection: &mut AnyConnection, scope: &Scope, holder: i64, token: &str) -> Result<Option<String>, Error> {
    let Some(parameter) = search::find(scope.resource(), "identifier") else { return Ok(None) };
    let own = Filter::HolderNamed(vec![HolderName::Number(holder)]);
    let found = matching(connection, scope, &own.and(Filter::Index(parameter.param, Test::Token(vec![token.to_owned()]))))?;
    Ok(if found.len() == 1 { found.into_iter().next() } else { None })
}

/// The document after the changes, if this caller may make them.
fn apply(service: &Service, request: &Request, connection: &mut AnyConnection, found: &Found, changes: &[Step]) -> Result<Value, Error> {
    let before = super::stored::tree(&found.body)?;
    let mut document = before.clone();
    let unfit = |place: &str, message: String| Error::value(&format!("DocumentReference.{place}"), message);
    let mut failed = None;
    for step in changes {
        let change = match step.on(&document, service.clock.now()) {
            Ok(change) => change,
            Err(message) => {
                failed.get_or_insert(unfit("", message));
                continue;
            }
        };
        match change {
            Change::Nothing => {}
            Change::Status(status) => set(&mut document, "status", status.into()),
            Change::Label(operation, index, value) => {
                if let Err(message) = labels::apply(&mut document, &operation, index.as_deref(), value.as_ref()) {
                    failed.get_or_insert(unfit("securityLabel", message));
                }
            }
            Change::Archived(flag, index) => {
                let named = index
                    .is_none_or(|index| document.pointer(&format!("/extension/{index}/url")).and_then(Value::as_str) == Some(ARCHIVED));
                if !named {
                    return Err(Error::Method { allow: ALLOW, message: "of the extensions only isArchived is patched".into() });
                }
                remove_extension(&mut document, ARCHIVED);
                if flag || index.is_some() {
                    add_extension(&mut document, ARCHIVED, "valueBoolean", flag.into());
                }
            }
            Change::Test(path, value) => {
                if document.pointer(&path) != Some(&value) {
                    failed.get_or_insert(unfit("", format!("the test of `{path}` fails")));
                }
            }
        }
    }
    labels::imply_normal(&mut document);
    authorised(service, request, connection, found, &before, &document)?;
    // A label that has ended of itself goes with the next change, whoever makes it.
    if document != before {
        labels::take_off(&mut document, ended(service, found, &before));
    }
    request.expect_version(found.envelope.version)?;
    if let Some(error) = failed {
        return Err(error);
    }
    let status = document.get("status").and_then(Value::as_str).unwrap_or_default();
    if !matches!(status, "current" | "superseded" | "entered-in-error") {
        return Err(unfit("status", "expected current, superseded or entered-in-error".into()));
    }
    // What stood together before, by another configuration, does not keep other changes from being made.
    if !labels::exclude_each_other(&before) {
        labels::check_together(&document, service.settings.masked_and_hidden)?;
    }
    let document = Document::from(document);
    super::create::check(ResourceType::DOCUMENT_REFERENCE, &document)?;
    Ok(document.value)
}

/// The labels of the document, as it was until now, that have ended of themselves.
fn ended(service: &Service, found: &Found, before: &Value) -> i16 {
    service.policy.lasting().ended(labels::bits(before), found.envelope.lasting_from(), service.clock.now())
}

/// Whether the caller counts as author of the document.
pub(super) fn is_author(candidate: &Candidate<'_>, caller: &Caller) -> bool {
    let own = Filter::Envelope(EnvelopeTest::SubmittedBy(caller.principal.clone()));
    matches(&own.or(Filter::Envelope(EnvelopeTest::PartyIn(caller.actors()))), candidate)
}

/// How the caller stands to the document.
fn roles(policy: &Policy, candidate: &Candidate<'_>, caller: &Caller, now: i64) -> Vec<Role> {
    let holds = |kind| matches(&policy.right(caller, &[kind], None, now), candidate);
    let mut roles = Vec::new();
    match caller.kind {
        CallerKind::Holder => roles.push(Role::Holder),
        CallerKind::Representative => roles.push(Role::Representative),
        _ => {}
    }
    if is_author(candidate, caller) {
        roles.push(Role::Author);
    }
    if holds(RightKind::TreatingPhysician) {
        roles.push(Role::TreatingPhysician);
    }
    if holds(RightKind::Administrator) {
        roles.push(Role::Administrator);
    }
    let consults = || matches(&policy.right(caller, &CONSULTS, Some(ResourceType::DOCUMENT_REFERENCE), now), candidate);
    if caller.kind == CallerKind::Professional && caller.purpose == Purpose::Normal && consults() {
        roles.push(Role::Consulting);
    }
    roles
}

/// Whether every difference is one that this caller may make.
fn authorised(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    found: &Found,
    before: &Value,
    after: &Value,
) -> Result<(), Error> {
    let roles = roles(&service.policy, &candidate(found), &request.caller, service.clock.now());
    let mut made: Vec<(&str, &str)> = Vec::new();
    // What has ended of itself is off already, and off it stays.
    let over = ended(service, found, before);
    let (then, now) = (labels::bits(before) & !over, labels::bits(after) & !over);
    for (label, code) in labels::VISIBILITY {
        match (then & label.bit() != 0, now & label.bit() != 0) {
            (false, true) => made.push((code, "on")),
            (true, false) => made.push((code, "off")),
            _ => {}
        }
    }
    if labels::levels(before) != labels::levels(after) {
        made.push(("confidentiality", "set"));
    }
    if before.get("status") != after.get("status") {
        made.push(("status", "set"));
    }
    if before.get("extension") != after.get("extension") {
        made.push(("isArchived", "set"));
    }
    for (element, change) in made {
        let allowed = match service.policy.changes().may(element, change, &roles) {
            May::Yes => true,
            May::No => false,
            May::Deposit => {
                let never = format!("`{element}` is set at deposit only: what was shown is not hidden again");
                return Err(Error::business("DocumentReference.securityLabel", never));
            }
            May::Unread if service.policy.lasting().ended(labels::bits(after), found.envelope.lasting_from(), service.clock.now()) != 0 => {
                false
            }
            May::Unread => {
                let kinds = [CallerKind::Holder, CallerKind::Representative].map(CallerKind::number);
                !store::write::seen_by_holder(connection, &found.envelope, &kinds)?
            }
        };
        if !allowed {
            return Err(Error::Forbidden(format!("`{element}` is not changed by this caller")));
        }
    }
    Ok(())
}
