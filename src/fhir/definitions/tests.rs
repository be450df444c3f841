#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::load::{CODE_SETS, CODES, ELEMENTS, Row, TYPES};
use super::*;
use crate::fhir::NAMES;

#[test]
fn every_line_is_read() {
    let mut paths = std::collections::BTreeSet::new();
    for line in ELEMENTS.lines().skip(1) {
        let row = Row::read(line).unwrap();
        assert!(row.codes == "-" || CODE_SETS.contains_key(row.codes), "{line}");
        assert!(paths.insert(row.path), "{line}");
    }
    for line in CODES.lines().skip(1) {
        assert_eq!(line.split('\t').filter(|cell| !cell.is_empty()).count(), 3, "{line}");
    }
    let resources: Vec<&str> = TYPES
        .lines()
        .skip(1)
        .filter(|line| line.split('\t').nth(1) == Some("resource"))
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    assert_eq!(resources, NAMES);
    let primitives: Vec<&str> = TYPES
        .lines()
        .skip(1)
        .filter(|line| line.split('\t').nth(1) == Some("primitive"))
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    assert_eq!(primitives, Primitive::ALL.map(|(name, _)| name));
}

#[test]
fn every_type_leads_somewhere() {
    for structure in &MODEL.structures {
        assert!(!structure.elements.is_empty(), "{}", structure.name);
        for element in &structure.elements {
            assert!(!element.types.is_empty() && (element.choice || element.types.len() == 1), "{}.{}", structure.name, element.name);
            for kind in &element.types {
                assert!(
                    !matches!(kind.is, Is::Structure(_)) || kind.structure().is_some(),
                    "{}.{} {}",
                    structure.name,
                    element.name,
                    kind.name
                );
            }
        }
    }
}

#[test]
fn elements_are_what_the_specification_says() {
    let patient = structure("Patient").unwrap();
    let names: Vec<&str> = patient.elements.iter().map(|element| element.name).collect();
    assert_eq!(
        names.join(" "),
        "id meta implicitRules language text contained extension modifierExtension identifier active name telecom gender birthDate deceased \
         address maritalStatus multipleBirth photo contact communication generalPractitioner managingOrganization link"
    );
    let (_, gender, _) = patient.member("gender").unwrap();
    assert!(gender.codes.unwrap().has_code("female") && !gender.codes.unwrap().has_code("homme"));
    let (_, deceased, kind) = patient.member("deceasedDateTime").unwrap();
    assert!(deceased.choice && deceased.modifier && kind.primitive() == Some(Primitive::DateTime));
    assert!(patient.member("deceasedString").is_none() && patient.member("deceased").is_none());
    let (_, contact, kind) = patient.member("contact").unwrap();
    assert!(contact.repeats() && kind.structure().unwrap().member("modifierExtension").is_some());
    assert_eq!(structure("Age").unwrap().elements.len(), structure("Quantity").unwrap().elements.len());
    let nested = structure("Consent.provision").unwrap().member("provision").unwrap().2.structure().unwrap();
    assert_eq!(nested.name, "Consent.provision");
    let extension = structure("Extension").unwrap();
    assert!(extension.member("url").unwrap().1.attribute && extension.member("valueMoney").is_some());
    assert!(structure("Timing.repeat").unwrap().member("modifierExtension").is_none());
    assert!(structure("Bundle").unwrap().member("text").is_none());
    let (_, status, _) = structure("AllergyIntolerance").unwrap().member("clinicalStatus").unwrap();
    assert!(status.codes.unwrap().has("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active"));
}
