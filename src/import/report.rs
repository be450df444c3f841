//! What is told: every rejection with its reason, and what became of all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::Error;
use super::progress::Progress;
use crate::interaction::{Error as Refusal, outcome_of};

/// Characters of a reason on standard error at most; the file of rejections has all.
const REASON_CHARS_MAX: usize = 300;

/// What became of resources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// New ones.
    pub created: u64,
    /// With a new version.
    pub updated: u64,
    /// Those that were there already with the same content.
    pub unchanged: u64,
    /// Deleted by an entry of a Bundle.
    pub deleted: u64,
    /// Not stored.
    pub rejected: u64,
}

impl Counts {
    /// All of them.
    pub fn read(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.deleted + self.rejected
    }

    /// In the order in which they are noted.
    pub(super) fn numbers(&self) -> [i64; 5] {
        [self.created, self.updated, self.unchanged, self.deleted, self.rejected].map(|count| i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// As they were noted.
    pub(super) fn noted(numbers: [i64; 5]) -> Self {
        let [created, updated, unchanged, deleted, rejected] = numbers.map(|count| u64::try_from(count).unwrap_or(0));
        Self { created, updated, unchanged, deleted, rejected }
    }

    /// Adds others.
    pub(super) fn add(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.rejected += other.rejected;
    }

    fn json(&self) -> Value {
        json!({"read": self.read(), "created": self.created, "updated": self.updated, "unchanged": self.unchanged,
            "deleted": self.deleted, "rejected": self.rejected})
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} created, {} updated, {} unchanged, ", self.created, self.updated, self.unchanged)?;
        if self.deleted > 0 {
            write!(f, "{} deleted, ", self.deleted)?;
        }
        write!(f, "{} rejected", self.rejected)
    }
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Sources read to their end, or done before.
    pub files: u64,
    /// Those of them that were done before.
    pub files_before: u64,
    /// Files of directories that were not taken.
    pub skipped: usize,
    /// Now.
    pub now: Counts,
    /// Of the same files by an import before, which this one went on with.
    pub before: Counts,
    /// Bytes read of the files.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Whether it was told to stop.
    pub interrupted: bool,
}

impl Summary {
    /// Resources that were written.
    pub(super) fn stored(&self) -> u64 {
        self.now.created + self.now.updated + self.now.deleted
    }

    /// Whether anything is not stored of what these files hold.
    pub fn has_rejected(&self) -> bool {
        self.now.rejected + self.before.rejected > 0
    }

    fn rate(&self) -> f64 {
        if self.seconds > 0.0 { number(self.now.read()) / self.seconds } else { 0.0 }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "files": self.files, "filesBefore": self.files_before, "filesSkipped": self.skipped, "bytes": self.bytes,
            "now": self.now.json(), "before": self.before.json(), "seconds": (self.seconds * 1000.0).round() / 1000.0,
            "resourcesPerSecond": self.rate().round(), "interrupted": self.interrupted
        })
    }
}

/// For people.
impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files = if self.files == 1 { "file" } else { "files" };
        writeln!(f, "{} resources of {} {files}: {}", self.now.read(), self.files, self.now)?;
        if self.before != Counts::default() || self.files_before > 0 {
            writeln!(f, "imported before: {} of these files, in all {}; `--restart` starts over", self.files_before, self.before)?;
        }
        write!(f, "{:.1} MB in {:.1} s, {:.0} resources/s", number(self.bytes) / 1e6, self.seconds, self.rate())?;
        if self.interrupted {
            write!(f, "\ninterrupted: what is told of is stored; the same command goes on from here")?;
        }
        Ok(())
    }
}

/// A count as a number with a fraction.
pub(super) fn number(count: u64) -> f64 {
    u32::try_from(count).map_or_else(|_| f64::from(u32::try_from(count / 1024).unwrap_or(u32::MAX)) * 1024.0, f64::from)
}

/// Where rejections go.
pub(super) struct Report {
    progress: Progress,
    file: Option<BufWriter<File>>,
}

impl Report {
    /// Begins a file of rejections, or goes on with it.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(path: Option<&Path>, restart: bool, progress: Progress) -> Result<Self, Error> {
        let open = |path: &Path| {
            let opened = if restart { File::create(path) } else { File::options().create(true).append(true).open(path) };
            opened.map_err(|error| Error::File(path.display().to_string(), error))
        };
        Ok(Self { progress, file: path.map(open).transpose()?.map(BufWriter::new) })
    }

    /// Tells a rejection.
    ///
    /// # Errors
    /// [`Error::File`] when the file of rejections takes no more.
    pub fn reject(&mut self, source: &str, line: Option<i64>, entry: Option<usize>, error: &Refusal) -> Result<(), Error> {
        let issues = issues(error);
        let place = line.map_or_else(|| source.to_owned(), |line| format!("{source}:{line}"));
        let place = entry.map_or_else(|| place.clone(), |entry| format!("{place}: entry {entry}"));
        let said = issues.iter().map(|issue| {
            let text = |name: &str| issue.get(name).and_then(Value::as_str).unwrap_or_default();
            if text("expression").is_empty() { text("message").to_owned() } else { format!("{}: {}", text("expression"), text("message")) }
        });
        let said: Vec<String> = said.collect();
        let reason: String = said.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_CHARS_MAX).collect();
        self.say(&format!("{place}: rejected ({}): {reason}", error.status()));
        let Some(file) = &mut self.file else { return Ok(()) };
        let row = json!({"source": source, "line": line, "entry": entry, "status": error.status(), "issues": issues});
        writeln!(file, "{row}").map_err(|error| Error::File("the file of rejections".into(), error))
    }

    /// What was told is kept.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.file.as_mut().map_or(Ok(()), Write::flush);
        flushed.map_err(|error| Error::File("the file of rejections".into(), error))
    }

    /// Tells a person.
    pub fn say(&mut self, line: &str) {
        self.progress.clear();
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// How far it is.
    pub fn draw(&mut self, read: u64, counts: &Counts) {
        self.progress.draw(read, counts.read(), counts.rejected);
    }

    /// The line of progress goes.
    pub fn clear(&mut self) {
        self.progress.clear();
    }
}

/// The issues a request with it would be answered.
fn issues(error: &Refusal) -> Vec<Value> {
    if let Refusal::Unexpected(reason) = error.cause() {
        return vec![json!({"code": "exception", "expression": "", "message": reason})];
    }
    let outcome = outcome_of(error, "");
    let all = outcome.get("issue").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |issue: &Value, pointer: &str| issue.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let one = |issue: &Value| json!({"code": text(issue, "/code"), "expression": text(issue, "/expression/0"), "message": text(issue, "/details/text")});
    all.iter().map(one).collect()
}
