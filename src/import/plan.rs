//! What is imported, in which order: files as named, directories by name.

use std::path::{Path, PathBuf};

use super::Error;

/// The ends of names that are taken out of a directory.
const ENDS: [&str; 4] = [".json", ".ndjson", ".json.gz", ".ndjson.gz"];

/// What others refer to by conditions comes first in a directory: Synthea writes hospitals and practitioners into files of their own.
const FIRST: [&str; 2] = ["hospitalInformation", "practitionerInformation"];

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stream,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// Its name, for people.
    pub fn name(&self) -> String {
        match self {
            Self::Stream => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Whether each of its lines is a resource, whatever the first looks like.
    pub fn has_lines(&self) -> bool {
        matches!(self, Self::File(path) if path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy().to_lowercase();
            name.ends_with(".ndjson") || name.ends_with(".ndjson.gz")
        }))
    }
}

/// Everything to read.
#[derive(Debug, Default)]
pub struct Plan {
    /// In order.
    pub inputs: Vec<Input>,
    /// Bytes of all files; `None` where a stream is among them.
    pub bytes: Option<u64>,
    /// Files of directories that are not taken.
    pub skipped: Vec<PathBuf>,
    /// The file of rejections, which may stand in one of them.
    rejected: Option<PathBuf>,
}

/// Looks at every path before anything is done; `rejected` is the file for what is rejected.
///
/// # Errors
/// [`Error::File`] for what is not there or cannot be read.
pub fn plan(paths: &[PathBuf], rejected: Option<&Path>) -> Result<Plan, Error> {
    let rejected = rejected.and_then(|path| path.canonicalize().ok());
    let mut plan = Plan { bytes: Some(0), rejected, ..Plan::default() };
    for path in paths {
        if path.as_os_str() == "-" {
            plan.bytes = None;
            plan.inputs.push(Input::Stream);
            continue;
        }
        let failed = |error| Error::File(path.display().to_string(), error);
        if std::fs::metadata(path).map_err(failed)?.is_dir() {
            directory(path, &mut plan)?;
        } else {
            file(path, &mut plan)?;
        }
    }
    Ok(plan)
}

fn file(path: &Path, plan: &mut Plan) -> Result<(), Error> {
    let failed = |error| Error::File(path.display().to_string(), error);
    let length = std::fs::File::open(path).and_then(|file| file.metadata()).map_err(failed)?.len();
    plan.bytes = plan.bytes.map(|bytes| bytes.saturating_add(length));
    plan.inputs.push(Input::File(path.to_owned()));
    Ok(())
}

fn directory(path: &Path, plan: &mut Plan) -> Result<(), Error> {
    let failed = |error| Error::File(path.display().to_string(), error);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let later = !FIRST.iter().any(|first| name.starts_with(first));
        entries.push((later, name, entry.path(), entry.file_type().map_err(failed)?));
    }
    entries.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    for (_, name, path, kind) in entries {
        let rejected = plan.rejected.is_some() && path.canonicalize().ok() == plan.rejected;
        let taken = !rejected && ENDS.iter().any(|end| name.to_lowercase().ends_with(end));
        // A link to a directory may lead round and round.
        if kind.is_dir() {
            directory(&path, plan)?;
        } else if taken && path.is_file() {
            file(&path, plan)?;
        } else {
            plan.skipped.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_read_by_name_and_hospitals_first() {
        let root = std::env::temp_dir().join(format!("ensemble-plan-{}", std::process::id()));
        std::fs::create_dir_all(root.join("more")).unwrap();
        for name in ["b.json", "A.NDJSON.GZ", "hospitalInformation1.json", "notes.txt", "more/c.ndjson", "more/rejected.ndjson"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        let plan = plan(std::slice::from_ref(&root), Some(&root.join("more/rejected.ndjson"))).unwrap();
        let names: Vec<String> = plan.inputs.iter().map(|input| input.name().replace(&format!("{}/", root.display()), "")).collect();
        assert_eq!(names, ["hospitalInformation1.json", "A.NDJSON.GZ", "b.json", "more/c.ndjson"]);
        assert_eq!((plan.skipped, plan.bytes), (vec![root.join("more/rejected.ndjson"), root.join("notes.txt")], Some(4)));
        assert!(plan.inputs.iter().map(Input::has_lines).eq([false, true, false, true]));
        assert!(super::plan(&[root.join("absent.json")], None).unwrap_err().to_string().contains("absent.json"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
