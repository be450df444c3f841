//! What testers keep (CONTRACT 2): a plain FHIR server for every R4 type, without holders, rights, uniqueness or trace. It never mixes
//! with records: realm 1, holder -1, and a tester's Scope reaches nothing else.

use serde_json::Value;

use super::condition::{self, Created, Which};
use super::create::check;
use super::patch::{self, Operations};
use super::stored::{envelope, prepare, set};
use super::{Answer, Error, Refused, Request, Service};
use crate::fhir::{Document, ResourceType};
use crate::filter::{Envelope, IndexRows};
use crate::policy::Action;
use crate::store::{self, AnyConnection, Found, NewResource};

/// The holder of all that testers keep.
const HOLDER: i64 = -1;
/// Their realm.
pub(super) const REALM: i16 = 1;

/// The first version of a resource.
pub(super) fn first(service: &Service, request: &Request, resource: ResourceType, id: String, value: &Value) -> NewResource {
    let clock = &service.clock;
    // An id that is not one of this server was put.
    let put = !uuid::Uuid::try_parse(&id).is_ok_and(|id| id.get_version_num() == 7);
    NewResource { put, ..prepared(value, envelope(resource, HOLDER, clock.next_key(), id, clock.now(), &request.caller.principal)) }
}

/// A version with this envelope.
pub(super) fn prepared(value: &Value, envelope: Envelope) -> NewResource {
    prepare(value, envelope, REALM)
}

/// The envelope of the version after this one.
pub(super) fn next(service: &Service, current: &Envelope) -> Envelope {
    Envelope { version: current.version + 1, updated: service.clock.now(), ..current.clone() }
}

/// A version that is a deletion.
pub(super) fn deletion(envelope: Envelope) -> NewResource {
    NewResource {
        envelope,
        realm: REALM,
        bound: 0,
        media: String::new(),
        body: Vec::new(),
        index: IndexRows::default(),
        deleted: true,
        put: false,
    }
}

/// The resource after a patch, still one of base R4.
///
/// # Errors
/// [`Error::Business`] for an operation that does not apply, [`Error::Invalid`].
pub(super) fn patched(
    service: &Service,
    resource: ResourceType,
    body: &[u8],
    operations: &patch::Understood,
    id: &str,
) -> Result<Value, Error> {
    let mut value = super::stored::tree(body)?;
    operations.apply(&mut value, service.clock.now()).map_err(|message| Error::value(resource.name(), message))?;
    set(&mut value, "id", id.into());
    let document = Document::from(value);
    check(resource, &document)?;
    Ok(document.value)
}

/// The answer to a write.
pub(super) fn answer(new: &NewResource, status: u16) -> Answer {
    let envelope = &new.envelope;
    Answer {
        status,
        body: new.body.clone(),
        version: Some(envelope.version),
        updated: Some(envelope.updated),
        location: (status == 201).then(|| format!("{}/{}/_history/{}", envelope.resource, envelope.id, envelope.version)),
        ..Answer::default()
    }
}

/// The resource, for one who is about to write it.
fn find(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    resource: ResourceType,
    id: &str,
) -> Result<Option<Found>, Error> {
    // Writers of one resource come one after the other, so that none finds its version gone.
    store::write::lock_condition(connection, &format!("{resource}/{id}"))?;
    let scope = service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
    Ok(store::read::read(connection, &scope, id)?)
}

/// The version of `If-Match` must be the current one.
fn expect_version(request: &Request, found: Option<&Found>) -> Result<(), Error> {
    match found.filter(|found| !found.deleted) {
        Some(found) => request.expect_version(found.envelope.version),
        None if request.if_match.is_some() => Err(Error::Precondition("there is no current version".into())),
        None => Ok(()),
    }
}

/// Creates a resource under a new id.
pub(super) async fn create(service: &Service, request: &Request, resource: ResourceType, value: Value) -> Result<Answer, Refused> {
    if request.if_none_exist.is_none() {
        // Nothing has to be asked first: it is made ready now and written together with others.
        let new = service.store.insert(|| first(service, request, resource, service.clock.next_id(), &value)).await?;
        return Ok(answer(&new, 201));
    }
    let (within, asker) = (service.clone(), request.clone());
    let done = condition::unless_exists(service, request, resource, move |connection| {
        let new = first(&within, &asker, resource, within.clock.next_id(), &value);
        store::write::insert(connection, &new)?;
        Ok(new)
    });
    Ok(match done.await? {
        Created::New(new) => answer(&new, 201),
        Created::Existing(hit) => condition::existing(service, request, &hit),
    })
}

/// Writes a new version, or the first one under the id of the client; by a condition too.
pub(super) async fn update(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    which: &Which,
    value: &Value,
) -> Result<Answer, Refused> {
    let condition = match which {
        Which::Id(_) => None,
        Which::Matching(pairs) => Some(condition::parse(service, request, resource, pairs)?),
    };
    let (within, asker, which, value) = (service.clone(), request.clone(), which.clone(), value.clone());
    let done = service.store.write(move |connection| -> Result<(NewResource, u16), Refused> {
        let mut value = value.clone();
        let id = match (&which, &condition) {
            (_, Some(condition)) => {
                let found = condition::resolve(&within, &asker, connection, condition)?.at_most_one(resource)?;
                match_id(&within, &asker, connection, resource, &mut value, found.map(|hit| hit.envelope.id))?
            }
            (Which::Id(id), None) => id.clone(),
            (Which::Matching(_), None) => return Err(Error::Unexpected("a condition was not understood".into()).into()),
        };
        let found = find(&within, &asker, connection, resource, &id)?;
        expect_version(&asker, found.as_ref())?;
        if asker.only_new && found.as_ref().is_some_and(|found| !found.deleted) {
            return Err(Error::Precondition(format!("{resource} `{id}` exists")).into());
        }
        let Some(found) = found else {
            let new = NewResource { put: true, ..first(&within, &asker, resource, id, &value) };
            store::write::insert(connection, &new)?;
            return Ok((new, 201));
        };
        let new = prepared(&value, next(&within, &found.envelope));
        store::write::update(connection, &new)?;
        Ok((new, if found.deleted { 201 } else { 200 }))
    });
    done.await.map(|(new, status)| answer(&new, status))
}

/// The id that a conditional update writes (FHIR R4 http.html#cond-update).
fn match_id(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    resource: ResourceType,
    value: &mut Value,
    found: Option<String>,
) -> Result<String, Error> {
    let said = value.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    match (found, said) {
        (Some(found), Some(said)) if found != said => {
            Err(Error::Value { place: format!("{resource}.id"), message: "the resource that matches has another id".into() })
        }
        (Some(found), _) => Ok(found),
        (None, None) => Ok(service.clock.next_id()),
        (None, Some(said)) => match find(service, request, connection, resource, &said)?.filter(|found| !found.deleted) {
            None => Ok(said),
            Some(_) => Err(Error::Conflict(format!("{resource} `{said}` exists and does not match"))),
        },
    }
}

/// Applies a patch to the current version.
pub(super) async fn patch(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    which: &Which,
    operations: &Operations,
) -> Result<Answer, Refused> {
    let operations = operations.understand(resource)?;
    let condition = match which {
        Which::Id(_) => None,
        Which::Matching(pairs) => Some(condition::parse(service, request, resource, pairs)?),
    };
    let (within, asker, which) = (service.clone(), request.clone(), which.clone());
    let done = service.store.write(move |connection| -> Result<NewResource, Refused> {
        let id =
            one(&within, &asker, connection, resource, &which, condition.as_ref())?.ok_or_else(|| Error::NotFound(resource, "?".into()))?;
        let found = find(&within, &asker, connection, resource, &id)?.ok_or_else(|| Error::NotFound(resource, id.clone()))?;
        let found = super::read::current(found, resource, &id)?;
        expect_version(&asker, Some(&found))?;
        let value = patched(&within, resource, &found.body, &operations, &id)?;
        let new = prepared(&value, next(&within, &found.envelope));
        store::write::update(connection, &new)?;
        Ok(new)
    });
    done.await.map(|new| answer(&new, 200))
}

/// Deletes: a version without content follows. What is not there is deleted already.
pub(super) async fn delete(service: &Service, request: &Request, resource: ResourceType, which: &Which) -> Result<Answer, Refused> {
    let condition = match which {
        Which::Id(_) => None,
        Which::Matching(pairs) => Some(condition::parse(service, request, resource, pairs)?),
    };
    let (within, asker, which) = (service.clone(), request.clone(), which.clone());
    let done = service.store.write(move |connection| -> Result<Option<i32>, Refused> {
        let id = one(&within, &asker, connection, resource, &which, condition.as_ref())?;
        let found = match &id {
            Some(id) => find(&within, &asker, connection, resource, id)?,
            None => None,
        };
        expect_version(&asker, found.as_ref())?;
        let Some(found) = found.filter(|found| !found.deleted) else { return Ok(None) };
        let gone = deletion(next(&within, &found.envelope));
        store::write::update(connection, &gone)?;
        Ok(Some(gone.envelope.version))
    });
    done.await.map(|version| Answer { status: 204, version, ..Answer::default() })
}

/// The id a request is about; `None` when a condition finds nothing.
fn one(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    resource: ResourceType,
    which: &Which,
    condition: Option<&condition::Condition>,
) -> Result<Option<String>, Error> {
    match (which, condition) {
        (_, Some(condition)) => {
            let found =
                condition::resolve(service, request, connection, condition)?.at_most_one(resource).map_err(|refused| refused.error)?;
            Ok(found.map(|hit| hit.envelope.id))
        }
        (Which::Id(id), None) => Ok(Some(id.clone())),
        (Which::Matching(_), None) => Err(Error::Unexpected("a condition was not understood".into())),
    }
}
