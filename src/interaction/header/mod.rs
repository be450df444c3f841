//! Metadata and the header of a clinical document: what is missing is made of it, what is given must agree (CONTRACT 3, Documents).

mod agree;
mod fill;
mod parties;

pub use agree::{Claim, agree, known_as};
pub use fill::fill;
pub use parties::{organization, person};

use super::content::Learnt;
use crate::cda::{Cda, Code, Id};
use crate::fhir::national::is_ins_system;
use crate::filter::HolderName;
use crate::policy::Policy;
use crate::policy::nomenclature::DocType;

/// The first clinical document among the contents, and its place: the one that metadata is of.
fn first(learnt: &[Learnt]) -> Option<(usize, &Cda)> {
    learnt.iter().enumerate().find_map(|(at, learnt)| match learnt {
        Learnt::Cda(cda) => Some((at, &**cda)),
        _ => None,
    })
}

/// What the content says it replaces.
pub fn replaced(learnt: &[Learnt]) -> Vec<Id> {
    first(learnt).map(|(_, cda)| cda.header.replaces.clone()).unwrap_or_default()
}

/// The person a header is about, by INS; identifiers of other domains are the business of who gave them.
fn persons(cda: &Cda) -> Vec<HolderName> {
    let ins = cda.header.patients.iter().map(|(root, value)| (format!("urn:oid:{root}"), value));
    ins.filter(|(system, _)| is_ins_system(system)).map(|(system, value)| HolderName::Identifier(format!("{system}|{value}"))).collect()
}

/// The type of document that a code means.
fn doc_type<'p>(policy: &'p Policy, code: &Code) -> Option<&'p DocType> {
    let system = (!code.system.is_empty()).then(|| format!("urn:oid:{}", code.system));
    policy.matrix().types().by_code(system.as_deref(), &code.code)
}
