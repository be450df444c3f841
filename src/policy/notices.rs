//! Of what the person is told without asking (`profiles/authorization/notices.tsv`), in which words, and after how many days.

use super::table::Table;
use super::{Files, Finding};

/// Days that a notice may wait, at most: it comes before what it announces is shown of itself.
const DAYS_MAX: u32 = 366;
const DAY_US: i64 = 86_400_000_000;

/// Of what the person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Something is in the record that awaits its announcement.
    AwaitingAnnouncement,
    /// A professional declared that the person consented.
    ConsentRecorded,
    /// What awaited its announcement is shown, for its time has ended.
    MadeVisible,
}

impl Notice {
    /// Every notice, by its code.
    pub const ALL: [Self; 3] = [Self::AwaitingAnnouncement, Self::ConsentRecorded, Self::MadeVisible];

    /// The code in tables, and in `Communication.category`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingAnnouncement => "awaiting-announcement",
            Self::ConsentRecorded => "consent-recorded",
            Self::MadeVisible => "made-visible",
        }
    }

    /// Whether it waits for a number of days.
    fn waits(self) -> bool {
        self == Self::AwaitingAnnouncement
    }
}

/// What each notice says, and after how many days.
#[derive(Debug)]
pub struct Notices(Vec<(Notice, i64, String)>);

impl Notices {
    /// Reads `notices.tsv`, telling an unknown or missing notice, one said twice, and days where none are waited for.
    pub(super) fn load(files: &Files, findings: &mut Vec<Finding>) -> Self {
        let mut all: Vec<(Notice, i64, String)> = Vec::new();
        let (header, mut last) = (["notice", "days", "text", "source"], 1);
        Table::read("notices.tsv", files.bytes("notices.tsv"), header, findings).each(findings, |[notice, days, text, _]| {
            last = notice.line();
            let kind = notice.word(Notice::ALL.map(|one| (one.as_str(), one)))?;
            let waits = match (kind.waits(), days.text) {
                (false, "-") => 0,
                (false, other) => return Err(days.wrong(format!("`{other}` where nothing is waited for; `-` it is"))),
                (true, other) => {
                    let count = other.parse::<u32>().ok().filter(|count| (1..=DAYS_MAX).contains(count) && count.to_string() == other);
                    count.ok_or_else(|| days.wrong(format!("`{other}` is not a number of days, 1 to {DAYS_MAX}")))?
                }
            };
            if all.iter().any(|(known, ..)| *known == kind) {
                return Err(notice.wrong(format!("duplicate notice `{}`", notice.text)));
            }
            all.push((kind, i64::from(waits) * DAY_US, text.text.to_owned()));
            Ok(())
        });
        for missing in Notice::ALL.into_iter().filter(|one| !all.iter().any(|(known, ..)| known == one)) {
            findings.push(Finding::new("notices.tsv", last + 1, 1, format!("`{}` is missing", missing.as_str())));
        }
        Self(all)
    }

    /// How long it waits, microseconds, and what it says, in French.
    pub fn of(&self, notice: Notice) -> (i64, &str) {
        // INVARIANT: a table without it is no law.
        self.0.iter().find(|(known, ..)| *known == notice).map_or((0, ""), |(_, waits, text)| (*waits, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_awaits_its_announcement_is_told_of_after_two_weeks() {
        let mut findings = Vec::new();
        let notices = Notices::load(&Files::embedded(), &mut findings);
        assert_eq!((findings, notices.of(Notice::AwaitingAnnouncement).0), (vec![], 14 * DAY_US));
        assert!(Notice::ALL.into_iter().all(|one| !notices.of(one).1.is_empty()));
    }

    #[test]
    fn a_table_that_is_wrong_does_not_load() {
        let good = "awaiting-announcement\t14\ta\tx\nconsent-recorded\t-\tb\tx\nmade-visible\t-\tc\tx\n";
        let rows = [
            ("\t14\t", "\t0\t", "notices.tsv, line 2, column 23: `days`: `0` is not a number of days, 1 to 366"),
            ("\t14\t", "\t-\t", "notices.tsv, line 2, column 23: `days`: `-` is not a number of days, 1 to 366"),
            ("\t-\tb", "\t1\tb", "notices.tsv, line 3, column 18: `days`: `1` where nothing is waited for; `-` it is"),
            ("made-visible\t-\tc\tx\n", "", "notices.tsv, line 4, column 1: `made-visible` is missing"),
        ];
        for (part, other, expected) in rows {
            let mut findings = Vec::new();
            let table = format!("notice\tdays\ttext\tsource\n{}", good.replacen(part, other, 1));
            Notices::load(&Files::embedded().with("notices.tsv", table), &mut findings);
            // A row that is wrong is missing, too.
            assert_eq!(findings.first().map(ToString::to_string).as_deref(), Some(expected));
        }
        let twice = format!("notice\tdays\ttext\tsource\n{good}made-visible\t-\tc\tx\nother\t-\tc\tx\n");
        let mut findings = Vec::new();
        Notices::load(&Files::embedded().with("notices.tsv", twice), &mut findings);
        assert_eq!(
            findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "notices.tsv, line 5, column 1: `notice`: duplicate notice `made-visible`",
                "notices.tsv, line 6, column 1: `notice`: `other` is not one of awaiting-announcement, consent-recorded, made-visible"
            ]
        );
    }
}
