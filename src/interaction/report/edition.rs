//! Versions of a report that come as clinical documents (HL7 CDA R2, 4.2.3.1: `setId`, `versionNumber`, `relatedDocument`).
//!
//! What a document says of its version says what it makes of the one before; a status alone says it where no version does. A document
//! that does not follow is kept, and brings nothing.

use serde_json::{Value, json};

use super::status;
use crate::cda::results::Results;
use crate::cda::{Header, Id};
use crate::interaction::Error;
use crate::interaction::header::known_as;
use crate::policy::projection::CB;

/// Which version of a report a clinical document is.
#[derive(Debug, Clone)]
pub struct Edition {
    /// `versionNumber`.
    number: Option<u32>,
    /// What it says it replaces.
    replaces: Vec<Id>,
}

/// The number of the version.
pub fn number(header: &Header) -> Option<u32> {
    header.version.as_deref()?.parse().ok()
}

fn url() -> String {
    format!("{CB}/StructureDefinition/clinical-document-version")
}

/// How a report says which version it is.
pub fn extension(number: u32) -> Value {
    json!({"url": url(), "valueString": number.to_string()})
}

/// The status of the report (XD-LAB 6.3.2.9): that of the acts documented, else that of the acts read.
pub fn status(header: &Header, results: &Results) -> &'static str {
    let said = if header.statuses.is_empty() { &results.statuses } else { &header.statuses };
    let open = |code: &String| matches!(code.as_str(), "active" | "new" | "held" | "suspended");
    let none = |code: &String| matches!(code.as_str(), "aborted" | "cancelled" | "nullified");
    if said.iter().any(open) {
        "preliminary"
    } else if !said.is_empty() && said.iter().all(none) {
        "cancelled"
    } else if number(header).is_some_and(|number| number > 1) || !header.replaces.is_empty() {
        "amended"
    } else {
        "final"
    }
}

impl Edition {
    /// Of the document with this header.
    pub fn of(header: &Header) -> Self {
        Self { number: number(header), replaces: header.replaces.clone() }
    }

    /// Whether it says itself that it replaces the document of a report that is stored.
    pub fn names(&self, before: &Value) -> bool {
        known_as(before).iter().any(|id| self.replaces.contains(id))
    }

    /// The status of a report of this version after one that `was`, where the metadata say that it `replaces` that one, or not.
    ///
    /// # Errors
    /// [`Error::Conflict`] for what does not follow: an earlier version, one that is known already, or one after a withdrawal.
    pub fn after(&self, before: &Value, was: &str, now: &str, replaces: bool) -> Result<&'static str, Error> {
        if was == "entered-in-error" {
            status::follows(was, now)?;
        }
        let all = before.get("extension").and_then(Value::as_array).into_iter().flatten();
        let own = all.filter(|one| one.get("url").and_then(Value::as_str) == Some(&url()));
        let known: Option<u32> = own.filter_map(|one| one.get("valueString")?.as_str()?.parse().ok()).next();
        match known.zip(self.number) {
            _ if replaces || self.names(before) => {}
            Some((known, number)) if number > known => {}
            Some((known, _)) => return Err(Error::Conflict(format!("version {known} of this report is known already"))),
            None => status::follows(was, now)?,
        }
        Ok(match (now, was) {
            ("preliminary", _) => "preliminary",
            ("cancelled", _) => "cancelled",
            // What was never final is not amended.
            (_, "registered" | "partial" | "preliminary" | "unknown") => "final",
            _ => "amended",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(number: Option<u32>, replaces: &[&str]) -> Edition {
        Edition { number, replaces: replaces.iter().filter_map(|root| Id::new(root, "")).collect() }
    }

    #[test]
    fn a_version_follows_an_earlier_one() {
        let before = |number: u32| {
            json!({
                "extension": [extension(number)],
                "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}, {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.1"}]
            })
        };
        let rows: [(Option<u32>, &[&str], &str, &str, bool, Option<&str>); 13] = [
            (Some(2), &[], "final", "amended", false, Some("amended")),
            (Some(2), &[], "preliminary", "amended", false, Some("final")),
            (Some(2), &[], "final", "preliminary", false, Some("preliminary")),
            (Some(3), &[], "cancelled", "amended", false, Some("amended")),
            (Some(2), &[], "amended", "cancelled", false, Some("cancelled")),
            (Some(1), &[], "final", "final", false, None),
            (Some(1), &["1.2.3.1"], "final", "amended", false, Some("amended")),
            (Some(1), &["1.2.3.0"], "final", "amended", false, None),
            (Some(1), &[], "final", "final", true, Some("amended")),
            (None, &[], "final", "final", false, None),
            (None, &[], "final", "amended", false, Some("amended")),
            (None, &[], "preliminary", "final", false, Some("final")),
            (Some(9), &["1.2.3.1"], "entered-in-error", "amended", true, None),
        ];
        for (number, replaces, was, now, said, expected) in rows {
            let found = edition(number, replaces).after(&before(1), was, now, said);
            assert_eq!(found.ok(), expected, "{number:?} {replaces:?} {was} {now}");
        }
        // A report that came as FHIR has no number.
        assert!(edition(Some(2), &[]).after(&json!({}), "final", "final", false).is_err());
    }

    #[test]
    fn a_status_is_that_of_the_acts() {
        let of = |header: &[&str], acts: &[&str], version: &str| {
            let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
            let header = Header { statuses: texts(header), version: Some(version.into()), ..Header::default() };
            status(&header, &Results { statuses: texts(acts), ..Results::default() })
        };
        assert_eq!(of(&["completed"], &["active"], "1"), "final");
        assert_eq!(of(&["completed", "active"], &[], "1"), "preliminary");
        assert_eq!(of(&[], &["completed", "active"], "2"), "preliminary");
        assert_eq!(of(&["aborted"], &[], "2"), "cancelled");
        assert_eq!(of(&["aborted", "completed"], &[], "2"), "amended");
        assert_eq!(of(&[], &[], "x"), "final");
    }
}
