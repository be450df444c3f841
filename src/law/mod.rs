//! The matrix for people: where its tables are, what it says of a type or a profession, and what the national table would change.

mod delimited;
mod difference;
mod explain;
mod national;

use std::path::{Path, PathBuf};

pub use difference::{Difference, Way};
pub use explain::explain;
pub use national::{National, read as read_national};

use crate::policy::matrix::{Matrix, spelt};
use crate::policy::{Code, Files};

/// The tables in a directory, or those this binary was built with.
///
/// # Errors
/// The name of the first file that cannot be read, and why.
pub fn files(directory: Option<&Path>) -> Result<Files, String> {
    let Some(directory) = directory else { return Ok(Files::embedded()) };
    Files::read(|name| {
        let path = directory.join(name);
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    })
}

/// What these files of the national table say; `professions` tells what codes mean, each as `7=TRE_G15|28`.
///
/// # Errors
/// What cannot be read or is not understood, all of it.
pub fn national(paths: &[PathBuf], professions: &[String], matrix: &Matrix) -> Result<National, String> {
    let read = |path: &PathBuf| match std::fs::read(path) {
        Ok(bytes) => Ok((path.display().to_string(), bytes)),
        Err(error) => Err(format!("{}: {error}", path.display())),
    };
    let files = paths.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let meaning = |text: &String| -> Option<(String, Code)> {
        let (code, profession) = text.split_once('=')?;
        Some((code.to_owned(), spelt(profession)?))
    };
    let meanings = professions.iter().map(|text| meaning(text).ok_or_else(|| format!("`--profession {text}` is not as `7=TRE_G15|28`")));
    let meanings = meanings.collect::<Result<_, _>>()?;
    read_national(&files, &meanings, matrix).map_err(|faults| format!("the table is not understood:\n{faults}"))
}
