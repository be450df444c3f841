//! Packages of the npm registry that carry the R4 definitions and examples, fetched once by `npm` where it reaches a registry.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Where the files of a package are kept between runs.
fn home() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages")
}

/// The directory with the resources of a package, one JSON file each; `None` where it cannot be fetched.
fn fetch(name: &str, version: &str) -> Option<PathBuf> {
    let directory = home().join(format!("{name}-{version}"));
    let files = directory.join("package");
    if files.is_dir() {
        return Some(files);
    }
    // Unpacked beside and moved, so that what is found is whole.
    let beside = home().join(format!("{name}-{version}.{}", std::process::id()));
    std::fs::create_dir_all(&beside).ok()?;
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(&beside).output().ok()?;
        output.status.success().then_some(())
    };
    let got = run("npm", &["pack", "--silent", "--fetch-retries=1", "--fetch-timeout=60000", &format!("{name}@{version}")])
        .and_then(|()| run("tar", &["-xzf", &format!("{name}-{version}.tgz")]))
        .and_then(|()| std::fs::rename(&beside, &directory).ok());
    let _ = std::fs::remove_dir_all(&beside);
    got?;
    files.is_dir().then_some(files)
}

static EXAMPLES: LazyLock<Option<PathBuf>> = LazyLock::new(|| fetch("hl7.fhir.r4.examples", "4.0.1"));
static EXPANSIONS: LazyLock<Option<PathBuf>> = LazyLock::new(|| fetch("hl7.fhir.r4.expansions", "4.0.1"));

/// Every resource of the specification: definitions and examples (5 306 files).
pub fn examples() -> Option<PathBuf> {
    EXAMPLES.clone()
}

/// Value sets of the specification with their expansions.
pub fn expansions() -> Option<PathBuf> {
    EXPANSIONS.clone()
}
