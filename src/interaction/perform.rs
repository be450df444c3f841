//! From a route to its interaction: one way for a request of its own and for an entry of a batch.

use super::condition::Which;
use super::patch::Operations;
use super::read::Wanted;
use super::route::Route;
use super::{
    Answer, Error, Request, Service, create, delete, explain, history, history_type, patch, read, search, search_system, update, vread,
};
use crate::fhir::Document;

/// What came with a request.
#[derive(Debug, Clone)]
pub enum Sent {
    /// Nothing.
    Nothing,
    /// A resource.
    Resource(Document),
    /// The operations of a patch.
    Patch(Operations),
}

/// Does what the route says.
///
/// # Errors
/// Those of the interaction.
pub async fn perform(
    service: &Service,
    request: &Request,
    route: &Route,
    pairs: Vec<(String, String)>,
    sent: Sent,
    wanted: &Wanted,
) -> Result<Answer, Error> {
    match (route, sent) {
        (Route::Read(resource, id), _) => read(service, request, *resource, id, wanted).await,
        (Route::Vread(resource, id, version), _) => vread(service, request, *resource, id, version, wanted).await,
        (Route::History(resource, id), _) => history(service, request, *resource, id, &pairs).await,
        (Route::HistoryType(resource), _) => history_type(service, request, *resource, &pairs).await,
        (Route::Search(resource, within), _) => search(service, request, *resource, within.as_ref(), &pairs, false).await,
        (Route::PostSearch(resource, within), _) => search(service, request, *resource, within.as_ref(), &pairs, true).await,
        (Route::SearchSystem(within), _) => search_system(service, request, within.as_ref(), &pairs, false).await,
        (Route::PostSearchSystem, _) => search_system(service, request, None, &pairs, true).await,
        (Route::Create(resource), Sent::Resource(document)) => create(service, request, *resource, document).await,
        (Route::Update(resource, id), Sent::Resource(document)) => {
            update(service, request, *resource, &which(id.as_ref(), pairs), document).await
        }
        (Route::Patch(resource, id), Sent::Patch(operations)) => {
            patch(service, request, *resource, &which(id.as_ref(), pairs), &operations).await
        }
        (Route::Explain(resource, id, _), sent) => explain::explain(service, request, *resource, id, pairs, &sent).await,
        (Route::Delete(resource, id), _) => delete(service, request, *resource, &which(id.as_ref(), pairs)).await,
        _ => Err(Error::Unexpected("a route has no interaction for what was sent".into())),
    }
}

/// The resource an address names: by its id or by a condition.
fn which(id: Option<&String>, mut pairs: Vec<(String, String)>) -> Which {
    match id {
        Some(id) => Which::Id(id.clone()),
        None => {
            pairs.retain(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"));
            Which::Matching(pairs)
        }
    }
}

/// A query that is no UTF-8.
pub fn not_utf8() -> Error {
    Error::Value { place: "query".into(), message: "expected UTF-8".into() }
}

/// The parameters of a query, in order.
///
/// # Errors
/// [`Error::Value`] for what is no UTF-8: it would be read as something else than was asked.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, Error> {
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().filter(|(name, value)| !(name.is_empty() && value.is_empty())).collect();
    let lossy = pairs.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
    if lossy && !query.to_ascii_uppercase().contains("%EF%BF%BD") { Err(not_utf8()) } else { Ok(pairs) }
}
