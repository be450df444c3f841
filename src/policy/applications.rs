//! Applications of the catalogue: for which purposes they may be allowed (`profiles/authorization/purposes.tsv`), and what the scopes of
//! a token let them ask for (SMART App Launch, scopes of versions 1 and 2).

use super::table::Table;
use super::{Caller, Files, Finding, Policy};
use crate::fhir::ResourceType;
use crate::filter::{EnvelopeTest, Filter, RightKind};

/// Reads `purposes.tsv`: purposes, as system and code.
pub(super) fn load(files: &Files, findings: &mut Vec<Finding>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    Table::read("purposes.tsv", files.bytes("purposes.tsv"), ["system", "code", "source"], findings).each(findings, |[system, code, _]| {
        let purpose = (system.text.to_owned(), code.text.to_owned());
        if all.contains(&purpose) {
            return Err(code.wrong(format!("duplicate purpose `{}`", code.text)));
        }
        all.push(purpose);
        Ok(())
    });
    all
}

/// The classes of documents (TRE_A03) that an application may be narrowed to, with the names of these parts in rights.
pub const CLASSES: [(&str, &str); 11] = [
    ("10", "class:10"),
    ("11", "class:11"),
    ("31", "class:31"),
    ("42", "class:42"),
    ("43", "class:43"),
    ("44", "class:44"),
    ("45", "class:45"),
    ("52", "class:52"),
    ("60", "class:60"),
    ("90", "class:90"),
    ("95", "class:95"),
];

impl Policy {
    /// What an application may consult of a type: the whole part of the space whose rights it has, or the documents of the classes it
    /// is allowed. Its scopes name the type itself, but for a Binary.
    pub(super) fn allowed(&self, caller: &Caller, resource: ResourceType, now: i64) -> Filter {
        let part = self.lender(resource);
        if !self.catalogue().has(caller.principal.id()) {
            return Filter::Nothing;
        }
        if !consults(&caller.scopes, if resource.is_brought() { resource } else { part }) {
            return Filter::Nothing;
        }
        let purposes = self.catalogue().purposes(caller.principal.id());
        let right = |part| self.right_to(caller, &[RightKind::Application], Some(part), purposes, now);
        let whole = right(part.name());
        if part != ResourceType::DOCUMENT_REFERENCE {
            return whole;
        }
        let types = |class: &str| {
            let of_class = self.matrix().types().all().iter().filter(|one| one.class == class);
            Filter::Envelope(EnvelopeTest::DocTypeIn(of_class.map(|one| one.number).collect()))
        };
        CLASSES.into_iter().fold(whole, |any, (class, name)| any.or(right(name).and(types(class))))
    }
}

/// Whether one of the scopes lets read and search the type, of the one person the token is for. One with conditions of its own, which
/// nobody would keep to, lets nothing; neither does one that reads without searching, for consulting is both.
pub fn consults(scopes: &[String], resource: ResourceType) -> bool {
    scopes.iter().filter_map(|scope| scope.strip_prefix("patient/")?.split_once('.')).any(|(name, what)| {
        let rest = what.trim_start_matches('c');
        let rest = rest.strip_prefix('r').map(|rest| rest.trim_start_matches('u').trim_start_matches('d'));
        (name == "*" || name == resource.name()) && (matches!(what, "*" | "read") || rest == Some("s"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::nomenclature::{Types, class_display};
    use super::*;

    fn class_of<'a>(types: &'a Types, code: &str) -> &'a str {
        types.by_code(None, code).map_or("10", |one| &one.class)
    }

    #[test]
    fn every_class_of_documents_is_a_part() {
        for (class, name) in CLASSES {
            assert_eq!(format!("class:{class}"), name);
            assert!(class_display(class).is_some(), "{class}");
        }
        let known = |class: &str| CLASSES.iter().any(|(code, _)| *code == class);
        let types = Types::load(Files::embedded().bytes("types.tsv"), &mut Vec::new());
        // The class of E1762 is none of TRE_A03, and no part.
        let parts = types.all().iter().filter(|one| one.code != "E1762");
        assert!(types.all().len() > 100 && parts.into_iter().all(|one| known(&one.class)) && !known(class_of(&types, "E1762")));
    }

    #[test]
    fn a_scope_lets_what_it_says() {
        let rows = [
            ("patient/DocumentReference.rs", true),
            ("patient/DocumentReference.read", true),
            ("patient/DocumentReference.*", true),
            ("patient/*.cruds", true),
            ("patient/*.rs", true),
            ("patient/DocumentReference.r", false),
            ("patient/DocumentReference.s", false),
            ("patient/DocumentReference.cud", false),
            ("patient/DocumentReference.rs?category=x", false),
            ("patient/DocumentReference.write", false),
            ("patient/Observation.rs", false),
            ("user/DocumentReference.rs", false),
            ("system/*.rs", false),
            ("patient/DocumentReference", false),
            ("patient/documentreference.rs", false),
            ("openid", false),
            ("", false),
        ];
        for (scope, expected) in rows {
            assert_eq!(consults(&[scope.to_owned()], ResourceType::DOCUMENT_REFERENCE), expected, "{scope}");
        }
        assert!(!consults(&[], ResourceType::DOCUMENT_REFERENCE));
    }
}
