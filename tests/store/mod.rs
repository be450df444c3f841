//! The store beside its oracle, on both databases.

mod chains;
mod commit;
mod differential;
mod growth;
mod plans;
mod walk;

use ensemble::fhir::ResourceType;
use ensemble::filter::{Envelope, IndexRows};
use ensemble::store::NewResource;

/// The first version of what a tester keeps.
fn kept(resource: ResourceType, key: i64, id: &str, index: IndexRows, body: Vec<u8>) -> NewResource {
    NewResource {
        envelope: Envelope {
            holder: -1,
            key,
            resource,
            id: id.to_owned(),
            version: 1,
            updated: key,
            doc_type: 0,
            labels: 0,
            submitter: String::new(),
            parties: String::new(),
            first: 0,
        },
        realm: 1,
        bound: 0,
        media: String::new(),
        body,
        index,
        deleted: false,
        put: false,
    }
}
