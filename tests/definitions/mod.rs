//! The tables of `profiles/r4` are what the generator makes of the R4 packages (FHIR 4.0.1, CC0).

mod generate;

use std::path::Path;

use crate::support::package;

/// Compares with what is committed, or writes it where `ENSEMBLE_WRITE_SNAPSHOTS` is set. Where the registry cannot be reached there
/// is nothing to compare with; that the tables are read whole is tested beside the code that reads them.
#[test]
fn the_tables_are_what_the_generator_makes() {
    let (Some(examples), Some(expansions)) = (package::examples(), package::expansions()) else {
        eprintln!("the R4 packages cannot be had here: the tables are not compared");
        return;
    };
    for (name, text) in generate::tables(&examples, &expansions) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/r4").join(name);
        if std::env::var_os("ENSEMBLE_WRITE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "profiles/r4/{name} is not what the generator makes: set ENSEMBLE_WRITE_SNAPSHOTS, and review the difference"
        );
    }
}
