//! The files of `profiles/authorization`: those this binary was built with, or others in their place. Reads no disk.

use std::borrow::Cow;

/// The bytes of every table.
#[derive(Debug, Clone)]
pub struct Files {
    files: [(&'static str, Cow<'static, [u8]>); 13],
}

macro_rules! embedded {
    ($($name:literal),*) => {
        [$(($name, Cow::Borrowed(include_bytes!(concat!("../../profiles/authorization/", $name)).as_slice()))),*]
    };
}

impl Files {
    /// The tables this binary was built with.
    pub fn embedded() -> Self {
        Self {
            files: embedded![
                "changes.tsv",
                "consents.tsv",
                "deposits.tsv",
                "exercises.tsv",
                "labels.tsv",
                "matrix.tsv",
                "notices.tsv",
                "professions.tsv",
                "purposes.tsv",
                "resources.tsv",
                "rules.tsv",
                "sources.tsv",
                "types.tsv"
            ],
        }
    }

    /// Other tables: `read` gives each by its name.
    ///
    /// # Errors
    /// The first error of `read`.
    pub fn read<E>(read: impl Fn(&'static str) -> Result<Vec<u8>, E>) -> Result<Self, E> {
        let mut files = Self::embedded();
        for (name, bytes) in &mut files.files {
            *bytes = Cow::Owned(read(name)?);
        }
        Ok(files)
    }

    /// The same but for one table.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        if let Some((_, held)) = self.files.iter_mut().find(|(one, _)| *one == name) {
            *held = Cow::Owned(bytes.into());
        }
        self
    }

    /// The bytes of a table; none of one that there is not.
    pub fn bytes(&self, name: &str) -> &[u8] {
        self.files.iter().find(|(one, _)| *one == name).map_or(&[], |(_, bytes)| bytes)
    }

    /// Every table with its bytes, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (*name, &**bytes))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_folder_is_law() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/authorization");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut tables: Vec<String> = names.filter(|name| name.ends_with(".tsv")).collect();
        tables.sort();
        assert_eq!(Files::embedded().all().map(|(name, _)| name).collect::<Vec<_>>(), tables);
    }
}
