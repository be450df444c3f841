//! The tables of invented people, `profiles/sandbox`.

use serde_json::{Value, json};

use crate::auth::TokenRequest;
use crate::fhir::national::{INS_TEST, nir_key};

const HOLDERS: &str = include_str!("../../profiles/sandbox/holders.tsv");
const PROFESSIONALS: &str = include_str!("../../profiles/sandbox/professionals.tsv");
const STRUCTURES: &str = include_str!("../../profiles/sandbox/structures.tsv");
const DOCUMENTS: &str = include_str!("../../profiles/sandbox/documents.tsv");

/// The representatives of every minor here.
pub const PARENTS: [&str; 2] = ["paul", "sarah"];

/// A person with a space.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    pub key: &'static str,
    nir: &'static str,
    pub born: &'static str,
    pub gender: &'static str,
    pub family: &'static str,
    pub given: &'static str,
    pub state: &'static str,
    pub note: &'static str,
}

impl Holder {
    /// The INS value, with its key.
    pub fn value(&self) -> String {
        format!("{}{:02}", self.nir, nir_key(self.nir).unwrap_or(0))
    }

    /// The INS, a test one.
    pub fn ins(&self) -> String {
        format!("{INS_TEST}|{}", self.value())
    }

    /// Whether the person lets anybody consult.
    pub fn gives_rights(&self) -> bool {
        self.key != "yann"
    }

    /// Whether parents act for the person.
    pub fn is_minor(&self) -> bool {
        self.born > "2010"
    }
}

/// A professional.
#[derive(Debug, Clone, Copy)]
pub struct Professional {
    pub id: &'static str,
    pub profession: &'static str,
    pub specialty: Option<&'static str>,
    pub family: &'static str,
    pub given: &'static str,
    pub structure: Option<&'static str>,
    pub sector: &'static str,
    pub note: &'static str,
}

impl Professional {
    /// What `POST /sandbox/token` takes.
    pub fn token_request(&self) -> Value {
        let mut request = json!({
            "kind": "professional", "id": self.id, "profession": self.profession, "family": self.family, "given": self.given, "sector": self.sector
        });
        if let Some(members) = request.as_object_mut() {
            members.extend(self.specialty.map(|specialty| ("specialty".to_owned(), specialty.into())));
            members.extend(self.structure.map(|structure| ("structure".to_owned(), structure.into())));
        }
        request
    }
}

/// A structure.
#[derive(Debug, Clone, Copy)]
pub struct Structure {
    pub id: &'static str,
    pub name: &'static str,
    pub note: &'static str,
}

/// A kind of document that everybody has one of.
#[derive(Debug, Clone, Copy)]
pub struct Document {
    pub code: &'static str,
    pub title: &'static str,
    pub media: &'static str,
    pub by: &'static str,
    pub label: Option<&'static str>,
}

fn rows<const N: usize>(table: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    table.lines().skip(1).filter_map(|line| line.split('\t').collect::<Vec<_>>().try_into().ok())
}

fn some(cell: &'static str) -> Option<&'static str> {
    (cell != "-").then_some(cell)
}

/// Everybody with a space.
pub fn holders() -> impl Iterator<Item = Holder> {
    rows(HOLDERS).map(|[key, nir, born, gender, family, given, state, note]| Holder { key, nir, born, gender, family, given, state, note })
}

/// Every professional.
pub fn professionals() -> impl Iterator<Item = Professional> {
    rows(PROFESSIONALS).map(|[id, profession, specialty, family, given, structure, sector, note]| Professional {
        id,
        profession,
        specialty: some(specialty),
        family,
        given,
        structure: some(structure),
        sector,
        note,
    })
}

/// Every structure.
pub fn structures() -> impl Iterator<Item = Structure> {
    rows(STRUCTURES).map(|[id, name, _, note]| Structure { id, name, note })
}

/// Every kind of document.
pub fn documents() -> impl Iterator<Item = Document> {
    rows(DOCUMENTS).map(|[code, title, media, by, label]| Document { code, title, media, by, label: some(label) })
}

/// The request for the token of whoever has this PSIdNat or StructIdNat.
pub fn token_of(id: &str) -> TokenRequest {
    let found = professionals().find(|professional| professional.id == id);
    let request = found.map_or_else(|| json!({"kind": "structure", "id": id}), |professional| professional.token_request());
    serde_json::from_value(request).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::national::Ins;

    #[test]
    fn every_line_is_read() {
        assert_eq!(holders().count() + 1, HOLDERS.lines().count());
        assert_eq!(professionals().count() + 1, PROFESSIONALS.lines().count());
        assert_eq!(structures().count() + 1, STRUCTURES.lines().count());
        assert_eq!(documents().count() + 1, DOCUMENTS.lines().count());
        assert!(holders().all(|holder| Ins::parse(&holder.ins()).is_some()));
        assert!((holders().count(), professionals().count(), structures().count()) == (20, 30, 4));
    }
}
