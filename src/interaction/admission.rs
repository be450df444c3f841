//! What the guides ask for beside base R4 (CONTRACT 3, Admission): its absence is told as a warning, or refused where admission is strict.

use serde_json::Value;

use super::{Error, Settings};
use crate::fhir::issue::Issue;

/// The warnings, where they may be no more than that.
///
/// # Errors
/// [`Error::Invalid`] with every departure from the guides.
pub(super) fn taken(settings: &Settings, warnings: Vec<Value>) -> Result<Vec<Value>, Error> {
    if !settings.strict_admission {
        return Ok(warnings);
    }
    let text = |issue: &Value, pointer: &str| issue.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let departs = |issue: &&Value| issue.get("code").and_then(Value::as_str) == Some(DEPARTS);
    let departures: Vec<Issue> = warnings
        .iter()
        .filter(departs)
        .map(|issue| Issue { code: DEPARTS, expression: text(issue, "/expression/0"), message: text(issue, "/details/text") })
        .collect();
    if departures.is_empty() { Ok(warnings) } else { Err(Error::Invalid(departures)) }
}

/// The code of what departs from a guide; what is only told has another.
const DEPARTS: &str = "business-rule";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::outcome;

    #[test]
    fn what_departs_from_a_guide_is_warned_of_or_refused() {
        let of = |strict_admission| Settings { strict_admission, ..Settings::sandbox() };
        let told = outcome::issue("warning", "informational", "a", &["List.text".to_owned()]);
        let departs = outcome::issue("warning", "business-rule", "b", &["List.date".to_owned()]);
        let (both, one) = (vec![told.clone(), departs.clone()], vec![told]);
        assert_eq!(taken(&of(false), both.clone()), Ok(both.clone()));
        assert_eq!(taken(&of(true), one.clone()), Ok(one));
        let issue = Issue { code: "business-rule", expression: "List.date".into(), message: "b".into() };
        assert_eq!(taken(&of(true), both), Err(Error::Invalid(vec![issue])));
    }
}
