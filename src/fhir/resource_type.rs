//! The resource types of R4 (FHIR R4 resourcelist.html), numbered in alphabetical order.
//!
//! INVARIANT: the numbers are stored in databases; R4 is frozen, so the list never changes.

use std::fmt;
use std::sync::LazyLock;

use super::names::Names;

/// A resource type of R4, as its number in [`NAMES`] plus one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceType(i16);

/// Every concrete resource type of FHIR 4.0.1, sorted.
pub const NAMES: [&str; 146] = [
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceDefinition",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "InsurancePlan",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularSequence",
    "NamingSystem",
    "NutritionOrder",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
];

impl ResourceType {
    /// `AuditEvent`.
    pub const AUDIT_EVENT: Self = Self(7);
    /// `Binary`.
    pub const BINARY: Self = Self(9);
    /// `CareTeam`.
    pub const CARE_TEAM: Self = Self(15);
    /// `Consent`.
    pub const CONSENT: Self = Self(29);
    /// `DiagnosticReport`.
    pub const DIAGNOSTIC_REPORT: Self = Self(40);
    /// `DocumentReference`.
    pub const DOCUMENT_REFERENCE: Self = Self(42);
    /// `List`.
    pub const LIST: Self = Self(70);
    /// `Observation`.
    pub const OBSERVATION: Self = Self(96);
    /// `OperationOutcome`.
    pub const OPERATION_OUTCOME: Self = Self(99);
    /// `Organization`.
    pub const ORGANIZATION: Self = Self(100);
    /// `Parameters`.
    pub const PARAMETERS: Self = Self(102);
    /// `Patient`.
    pub const PATIENT: Self = Self(103);
    /// `Practitioner`.
    pub const PRACTITIONER: Self = Self(108);
    /// `PractitionerRole`.
    pub const PRACTITIONER_ROLE: Self = Self(109);
    /// `RelatedPerson`.
    pub const RELATED_PERSON: Self = Self(114);
    /// `Communication`.
    pub const COMMUNICATION: Self = Self(23);
    /// `CapabilityStatement`.
    pub const CAPABILITY_STATEMENT: Self = Self(13);
    /// `Bundle`.
    pub const BUNDLE: Self = Self(12);
    /// `Location`.
    pub const LOCATION: Self = Self(71);
    /// `HealthcareService`.
    pub const HEALTHCARE_SERVICE: Self = Self(60);

    /// The types of what comes to a record with a document: its structured content.
    pub const BROUGHT: [Self; 2] = [Self::DIAGNOSTIC_REPORT, Self::OBSERVATION];

    /// The type of this name, if R4 has it; names are case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        static NUMBERS: LazyLock<Names<i16>> = LazyLock::new(|| Names::new(NAMES.into_iter().zip(1..)));
        NUMBERS.get(name).map(Self)
    }

    /// FHIR's name of the type.
    pub fn name(self) -> &'static str {
        let at = usize::try_from(self.0 - 1).unwrap_or(usize::MAX);
        NAMES.get(at).copied().unwrap_or("Resource")
    }

    /// Whether resources of this type come to a record with a document, whose rights they have.
    pub fn is_brought(self) -> bool {
        Self::BROUGHT.contains(&self)
    }

    /// The number kept in databases.
    pub fn number(self) -> i16 {
        self.0
    }

    /// The type of a number read from a database.
    pub fn from_number(number: i16) -> Option<Self> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        NAMES.get(at).map(|_| Self(number))
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            let parsed = ResourceType::parse(name).map(|t| (t.name(), ResourceType::from_number(t.number())));
            assert_eq!(parsed, Some((name, ResourceType::parse(name))));
        }
        assert_eq!(ResourceType::PATIENT.name(), "Patient");
        assert_eq!(ResourceType::AUDIT_EVENT.name(), "AuditEvent");
        assert_eq!(ResourceType::DIAGNOSTIC_REPORT.name(), "DiagnosticReport");
        assert_eq!(ResourceType::OBSERVATION.name(), "Observation");
        assert_eq!(ResourceType::RELATED_PERSON.name(), "RelatedPerson");
        assert_eq!(ResourceType::from_number(0), None);
        assert_eq!(ResourceType::parse("patient"), None);
    }
}
