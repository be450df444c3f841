//! `delete` (FHIR R4 http.html#delete): what testers keep. A document is withdrawn by its status, a right ends by its status, a space
//! is erased: no other caller deletes (CONTRACT 3).

use super::condition::Which;
use super::create::permitted;
use super::update::allowed;
use super::{Answer, Error, Request, Service, plain};
use crate::fhir::ResourceType;
use crate::policy::Action;

/// Deletes a resource.
///
/// # Errors
/// [`Error::Method`] for every caller but a tester, [`Error::Precondition`].
pub async fn delete(service: &Service, request: &Request, resource: ResourceType, which: &Which) -> Result<Answer, Error> {
    let target = match which {
        Which::Id(id) => id.as_str(),
        Which::Matching(_) => "",
    };
    let asked = service.asked(request, "delete", resource, target, "");
    if !request.is_tester() {
        let error = Error::Method { allow: allowed(resource, which), message: format!("{resource} is not deleted") };
        return Err(service.refused(&asked, error.into()).await);
    }
    permitted(service, request, resource, Action::Delete)?;
    plain::delete(service, request, resource, which).await.map_err(|refused| refused.error)
}
