//! Reading the tables of `profiles/authorization`, strictly: a law that does not load is no law, and the server does not start.

use super::LoadError;

/// A table: rows of cells under a header.
pub struct Table<'a> {
    file: &'static str,
    rows: Vec<(usize, Vec<&'a str>)>,
}

impl<'a> Table<'a> {
    /// Reads tab-separated text under exactly this header.
    ///
    /// # Errors
    /// [`LoadError`] for another header, another number of cells or an empty cell.
    pub fn read(file: &'static str, text: &'a str, header: &[&str]) -> Result<Self, LoadError> {
        let mut lines = text.lines().enumerate();
        let first: Vec<&str> = lines.next().map(|(_, line)| line.split('\t').collect()).unwrap_or_default();
        if first != header {
            return Err(LoadError::new(file, 1, format!("the header is not `{}`", header.join(" "))));
        }
        let mut rows = Vec::new();
        for (at, line) in lines {
            let cells: Vec<&str> = line.split('\t').collect();
            if cells.len() != header.len() {
                return Err(LoadError::new(file, at + 1, format!("{} cells instead of {}", cells.len(), header.len())));
            }
            if let Some((_, name)) = cells.iter().zip(header).find(|(cell, _)| cell.trim().is_empty()) {
                return Err(LoadError::new(file, at + 1, format!("the cell `{name}` is empty")));
            }
            rows.push((at + 1, cells));
        }
        Ok(Self { file, rows })
    }

    /// The rows with exactly `N` cells, each with its line.
    ///
    /// # Errors
    /// What `each` says of a row, with its place.
    pub fn each<const N: usize>(&self, mut each: impl FnMut([&'a str; N]) -> Result<(), String>) -> Result<(), LoadError> {
        for (line, cells) in &self.rows {
            let cells: [&str; N] =
                cells.as_slice().try_into().map_err(|_| LoadError::new(self.file, *line, "wrong number of cells".to_owned()))?;
            each(cells).map_err(|message| LoadError::new(self.file, *line, message))?;
        }
        Ok(())
    }
}

/// Days since 1970 of `YYYY-MM-DD`, or the open end `*`.
///
/// # Errors
/// What is wrong with the text.
pub fn day(text: &str, open: i32) -> Result<i32, String> {
    if text == "*" {
        return Ok(open);
    }
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| format!("`{text}` is not a date"))?;
    i32::try_from(date.signed_duration_since(chrono::NaiveDate::default()).num_days()).map_err(|_| format!("`{text}` is out of range"))
}
