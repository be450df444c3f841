//! Applications of the catalogue: for which purposes they may be allowed (`profiles/authorization/purposes.tsv`), and what the scopes of
//! a token let them ask for (SMART App Launch, scopes of versions 1 and 2).

use super::LoadError;
use super::table::Table;
use crate::fhir::ResourceType;

/// The table this binary was built with.
pub const EMBEDDED: &str = include_str!("../../profiles/authorization/purposes.tsv");

/// Purposes, as system and code.
///
/// # Errors
/// [`LoadError`] with the line.
pub fn load() -> Result<Vec<(&'static str, &'static str)>, LoadError> {
    let mut all = Vec::new();
    Table::read("purposes.tsv", EMBEDDED, &["system", "code", "source"])?.each(|[system, code, _]| {
        if all.contains(&(system, code)) {
            return Err(format!("duplicate purpose `{code}`"));
        }
        all.push((system, code));
        Ok(())
    })?;
    Ok(all)
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
    use super::*;

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
