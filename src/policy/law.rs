//! Which law a decision was made by: the digest of all tables, and a short name of it for traces.

use super::Files;

/// Characters of the digest in the name.
const NAME_CHARS: usize = 12;

/// The tables as loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Law {
    /// The beginning of the digest, and which cells of the matrix count.
    pub version: String,
    /// SHA-256 of the names and digests of all tables.
    pub digest: String,
    /// Each table with the SHA-256 of its bytes.
    pub tables: Vec<(&'static str, String)>,
}

impl Law {
    /// The law of these tables; `fingerprint` is SHA-256 in hexadecimal.
    pub(super) fn of(files: &Files, accept_provisional: bool, fingerprint: impl Fn(&[u8]) -> String) -> Self {
        let tables: Vec<(&'static str, String)> = files.all().map(|(name, bytes)| (name, fingerprint(bytes))).collect();
        let digest = fingerprint(Self::list(&tables).as_bytes());
        let status = if accept_provisional { "provisional" } else { "confirmed" };
        let version = format!("{}-{status}", digest.chars().take(NAME_CHARS).collect::<String>());
        Self { version, digest, tables }
    }

    /// The tables with their digests, one a line, as `sha256sum` writes them.
    pub fn table_list(&self) -> String {
        Self::list(&self.tables)
    }

    fn list(tables: &[(&'static str, String)]) -> String {
        tables.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect()
    }
}
