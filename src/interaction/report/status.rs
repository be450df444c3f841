//! What may become of a report (FHIR R4 valueset-diagnostic-report-status.html).

use super::super::Error;

/// Where a report is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Nothing but that there will be one.
    Announced,
    /// Some results, or results that nobody has verified.
    Preliminary,
    /// Complete and verified.
    Final,
    /// Changed after that.
    Changed,
    /// There will be none.
    Cancelled,
    /// It should never have been.
    Withdrawn,
}

fn stage(status: &str) -> Stage {
    match status {
        "partial" | "preliminary" => Stage::Preliminary,
        "final" => Stage::Final,
        "amended" | "corrected" | "appended" => Stage::Changed,
        "cancelled" => Stage::Cancelled,
        "entered-in-error" => Stage::Withdrawn,
        // `registered`, and `unknown`, which says no more.
        _ => Stage::Announced,
    }
}

/// Whether a report that was sent again otherwise may follow what it was: a late push of an earlier version does not undo a later one,
/// and what was final is not changed without saying so.
///
/// # Errors
/// [`Error::Conflict`].
pub fn follows(before: &str, after: &str) -> Result<(), Error> {
    use Stage::{Announced, Cancelled, Changed, Final, Preliminary, Withdrawn};
    match (stage(before), stage(after)) {
        (Withdrawn, _) => Err(Error::Conflict("this report was withdrawn: another one needs another identifier".into())),
        (_, Withdrawn) | (Announced, _) | (Preliminary, Preliminary | Final | Changed | Cancelled) => Ok(()),
        (Final | Changed, Changed | Cancelled) => Ok(()),
        (Final | Changed, Final) => {
            let message = "this report was final: other content comes as `amended`, `corrected` or `appended`, or as another report";
            Err(Error::Conflict(message.into()))
        }
        (Preliminary | Final | Changed | Cancelled, _) => {
            Err(Error::Conflict(format!("this report is `{before}` already: `{after}` does not follow")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_goes_on_and_not_back() {
        let all = ["registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled", "entered-in-error"];
        // What may follow each, by place.
        let rows: [(&str, &[usize]); 9] = [
            ("registered", &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
            ("partial", &[1, 2, 3, 4, 5, 6, 7, 8]),
            ("preliminary", &[1, 2, 3, 4, 5, 6, 7, 8]),
            ("final", &[4, 5, 6, 7, 8]),
            ("amended", &[4, 5, 6, 7, 8]),
            ("corrected", &[4, 5, 6, 7, 8]),
            ("appended", &[4, 5, 6, 7, 8]),
            ("cancelled", &[8]),
            ("entered-in-error", &[]),
        ];
        for (before, expected) in rows {
            let may: Vec<usize> = (0..).zip(all).filter(|(_, after)| follows(before, after).is_ok()).map(|(at, _)| at).collect();
            assert_eq!(may, expected, "{before}");
        }
    }
}
