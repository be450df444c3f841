//! Reading the tables of `profiles/authorization`, strictly: a law that does not load is no law, and the server does not start.
//! Everything that is wrong is told at once, each with its place.

use super::Finding;

/// Bytes of a table, and of one of its lines, at most.
const TABLE_BYTES_MAX: usize = 16 * 1024 * 1024;
const LINE_BYTES_MAX: usize = 4 * 1024;

/// A cell, with its place.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// What it says; never blank.
    pub text: &'a str,
    /// The name of its column.
    pub name: &'static str,
    file: &'static str,
    line: usize,
    column: usize,
}

impl Cell<'_> {
    /// The line it stands in, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// What is wrong with it.
    pub fn wrong(&self, message: impl std::fmt::Display) -> Finding {
        Finding::new(self.file, self.line, self.column, format!("`{}`: {message}", self.name))
    }

    /// One of these words.
    ///
    /// # Errors
    /// A [`Finding`] that names them.
    pub fn word<T: Copy, const N: usize>(&self, words: [(&str, T); N]) -> Result<T, Finding> {
        let found = words.iter().find(|(word, _)| *word == self.text).map(|(_, meaning)| *meaning);
        found.ok_or_else(|| self.wrong(format!("`{}` is not one of {}", self.text, words.map(|(word, _)| word).join(", "))))
    }

    /// What the text was found to be, or that it is unknown.
    ///
    /// # Errors
    /// A [`Finding`] where it was not found.
    pub fn known<T>(&self, what: &str, found: Option<T>) -> Result<T, Finding> {
        found.ok_or_else(|| self.wrong(format!("unknown {what} `{}`", self.text)))
    }

    /// Days since 1970 of `YYYY-MM-DD`, or the open end `*`.
    ///
    /// # Errors
    /// A [`Finding`] for anything else.
    pub fn day(&self, open: i32) -> Result<i32, Finding> {
        if self.text == "*" {
            return Ok(open);
        }
        day(self.text).ok_or_else(|| self.wrong(format!("`{}` is not a date, as 2026-11-23, nor `*`", self.text)))
    }
}

/// A table: the rows under a header that can be read.
pub struct Table<'a, const N: usize> {
    rows: Vec<[Cell<'a>; N]>,
}

impl<'a, const N: usize> Table<'a, N> {
    /// Reads tab-separated UTF-8 under exactly this header; a row that is wrong is told and left out.
    pub fn read(file: &'static str, bytes: &'a [u8], header: [&'static str; N], findings: &mut Vec<Finding>) -> Self {
        let mut table = Self { rows: Vec::new() };
        let Some(text) = text(file, bytes, findings) else { return table };
        let mut lines = text.lines().zip(1..);
        let first = lines.next().map_or("", |(line, _)| line);
        if !is_header(file, first, &header, findings) {
            return table;
        }
        for (line, number) in lines {
            if let Some(cells) = row(file, line, number, header, findings) {
                table.rows.push(cells);
            }
        }
        if text.lines().nth(1).is_none() {
            findings.push(Finding::new(file, 1, 1, "no rows follow the header"));
        }
        table
    }

    /// Shows each row; what is wrong with one is told, and the next one follows.
    pub fn each(&self, findings: &mut Vec<Finding>, mut each: impl FnMut([Cell<'a>; N]) -> Result<(), Finding>) {
        for row in &self.rows {
            if let Err(finding) = each(*row) {
                findings.push(finding);
            }
        }
    }
}

/// The text of a file, where its bytes may be read at all.
fn text<'a>(file: &'static str, bytes: &'a [u8], findings: &mut Vec<Finding>) -> Option<&'a str> {
    if bytes.len() > TABLE_BYTES_MAX {
        findings.push(Finding::new(file, 1, 1, format!("the file has more than {TABLE_BYTES_MAX} bytes")));
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok()).unwrap_or_default();
            let last = good.rsplit('\n').next().unwrap_or_default();
            findings.push(Finding::new(file, good.matches('\n').count() + 1, last.chars().count() + 1, "not UTF-8"));
            return None;
        }
    };
    if text.starts_with('\u{feff}') {
        findings.push(Finding::new(file, 1, 1, "a byte order mark; the file is plain UTF-8"));
        return None;
    }
    if let Some((line, number)) = text.split('\n').zip(1..).find(|(line, _)| line.contains('\r')) {
        let column = line.chars().position(|c| c == '\r').unwrap_or_default() + 1;
        findings.push(Finding::new(file, number, column, "a carriage return; lines end in a line feed alone"));
        return None;
    }
    if !text.ends_with('\n') {
        let last = text.lines().last().unwrap_or_default();
        let (line, column) = (text.lines().count().max(1), last.chars().count() + 1);
        findings.push(Finding::new(file, line, column, "the last line does not end; the file may be cut off"));
    }
    Some(text)
}

fn is_header(file: &'static str, line: &str, header: &[&'static str], findings: &mut Vec<Finding>) -> bool {
    let found: Vec<&str> = line.split('\t').collect();
    if found == header {
        return true;
    }
    let before = findings.len();
    let mut column = 1;
    for (at, name) in found.iter().enumerate() {
        if !header.contains(name) {
            findings.push(Finding::new(file, 1, column, format!("unknown column `{name}`")));
        } else if found.iter().take(at).any(|other| other == name) {
            findings.push(Finding::new(file, 1, column, format!("the column `{name}` stands twice")));
        }
        column += name.chars().count() + 1;
    }
    for missing in header.iter().filter(|name| !found.contains(name)) {
        findings.push(Finding::new(file, 1, column - 1, format!("the column `{missing}` is missing")));
    }
    if findings.len() == before {
        findings.push(Finding::new(file, 1, 1, format!("the columns are not in the order `{}`", header.join(" "))));
    }
    false
}

fn row<'a, const N: usize>(
    file: &'static str,
    line: &'a str,
    number: usize,
    header: [&'static str; N],
    findings: &mut Vec<Finding>,
) -> Option<[Cell<'a>; N]> {
    if line.len() > LINE_BYTES_MAX {
        findings.push(Finding::new(file, number, 1, format!("the line has more than {LINE_BYTES_MAX} bytes")));
        return None;
    }
    if line.trim().is_empty() {
        findings.push(Finding::new(file, number, 1, "the line is empty"));
        return None;
    }
    let before = findings.len();
    let mut cells = header.map(|name| Cell { text: "", name, file, line: number, column: 1 });
    let (mut column, mut count) = (1, 0);
    for text in line.split('\t') {
        if let Some(cell) = cells.get_mut(count) {
            (cell.text, cell.column) = (text, column);
            if text.trim().is_empty() {
                findings.push(cell.wrong("the cell is empty"));
            } else if text.trim() != text {
                findings.push(cell.wrong("blanks around what the cell says"));
            } else if text.chars().any(char::is_control) {
                findings.push(cell.wrong("a control character in the cell"));
            }
        }
        column += text.chars().count() + 1;
        count += 1;
    }
    if count != N {
        findings.push(Finding::new(file, number, column.saturating_sub(1), format!("{count} cells instead of {N}")));
    }
    (findings.len() == before).then_some(cells)
}

/// Days since 1970 of exactly `YYYY-MM-DD`.
pub fn day(text: &str) -> Option<i32> {
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    if date.format("%Y-%m-%d").to_string() != text {
        return None;
    }
    i32::try_from(date.signed_duration_since(chrono::NaiveDate::default()).num_days()).ok()
}

/// `YYYY-MM-DD` of days since 1970; `*` where there is no such day.
pub fn date(day: i32) -> String {
    let date = chrono::NaiveDate::default().checked_add_signed(chrono::TimeDelta::days(day.into()));
    date.filter(|_| day != i32::MIN && day != i32::MAX).map_or_else(|| "*".to_owned(), |date| date.format("%Y-%m-%d").to_string())
}
