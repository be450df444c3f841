//! The types that expressions name: FHIR's own and those of FHIRPath (FHIR R4 fhirpath.html#types, FHIRPath N1 #models).

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::fhir::definitions::{Primitive, Structure, Type, structure};

const TYPES: &str = include_str!("../../profiles/r4/types.tsv");

/// Every type of R4 with the one it specializes.
static BASES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let mut cells = line.split('\t');
        Some((cells.next()?, cells.nth(1)?))
    };
    TYPES.lines().skip(1).filter_map(row).collect()
});

/// A type of FHIRPath itself, the namespace `System`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemType {
    /// `true` or `false`.
    Boolean,
    /// 32 bits.
    Integer,
    /// 28 digits.
    Decimal,
    /// Text.
    String,
    /// A date, perhaps without day or month.
    Date,
    /// A date with a time, perhaps in part.
    DateTime,
    /// A time of day.
    Time,
    /// A number with a unit.
    Quantity,
}

impl SystemType {
    const ALL: [(&'static str, Self); 8] = [
        ("Boolean", Self::Boolean),
        ("Integer", Self::Integer),
        ("Decimal", Self::Decimal),
        ("String", Self::String),
        ("Date", Self::Date),
        ("DateTime", Self::DateTime),
        ("Time", Self::Time),
        ("Quantity", Self::Quantity),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("Any", |(name, _)| name)
    }

    /// What a primitive of FHIR is to FHIRPath.
    pub fn of(primitive: Primitive) -> Self {
        match primitive {
            Primitive::Boolean => Self::Boolean,
            Primitive::Integer | Primitive::UnsignedInt | Primitive::PositiveInt => Self::Integer,
            Primitive::Decimal => Self::Decimal,
            Primitive::Date => Self::Date,
            Primitive::DateTime | Primitive::Instant => Self::DateTime,
            Primitive::Time => Self::Time,
            _ => Self::String,
        }
    }
}

/// The type of an element of a resource.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A resource, a complex type or a backbone element.
    Structure(&'static Structure),
    /// One value.
    Primitive(Primitive),
}

impl Kind {
    /// The kind of a type; `None` for any resource, where the value tells.
    pub fn of(kind: &Type) -> Option<Self> {
        kind.primitive().map(Self::Primitive).or_else(|| kind.structure().map(Self::Structure))
    }

    /// The name of its type: `HumanName`, `code`, `BackboneElement`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primitive(primitive) => primitive_name(primitive),
            Self::Structure(structure) if structure.name.contains('.') => backbone(structure),
            Self::Structure(structure) => structure.name,
        }
    }

    /// Whether it is this type or one that specializes it.
    pub fn is_a(self, name: &str) -> bool {
        let mut at = Some(self.name());
        while let Some(one) = at {
            if one == name {
                return true;
            }
            at = BASES.get(one).copied();
        }
        false
    }
}

impl Kind {
    /// Whether it is a Quantity, or a type that specializes it.
    pub fn is_quantity(self) -> bool {
        static QUANTITIES: LazyLock<[Option<&'static Structure>; 5]> =
            LazyLock::new(|| ["Quantity", "Age", "Count", "Distance", "Duration"].map(structure));
        let Self::Structure(of) = self else { return false };
        QUANTITIES.iter().flatten().any(|one| std::ptr::eq(*one, of))
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Structure(one), Self::Structure(two)) => std::ptr::eq(*one, *two),
            (Self::Primitive(one), Self::Primitive(two)) => one == two,
            _ => false,
        }
    }
}

fn primitive_name(primitive: Primitive) -> &'static str {
    Primitive::ALL.iter().find(|(_, one)| *one == primitive).map_or("Element", |(name, _)| name)
}

/// `BackboneElement`, or `Element` inside a data type.
fn backbone(of: &'static Structure) -> &'static str {
    let parent = of.name.rsplit_once('.').and_then(|(parent, _)| structure(parent));
    let types = parent.into_iter().flat_map(|parent| &parent.elements).flat_map(|element| &element.types);
    types.into_iter().find(|one| one.structure().is_some_and(|found| std::ptr::eq(found, of))).map_or("BackboneElement", |one| one.name)
}

/// The structure that the extensions of a primitive belong to.
pub fn element() -> Option<&'static Structure> {
    static ELEMENT: LazyLock<Option<&'static Structure>> = LazyLock::new(|| structure("Element"));
    *ELEMENT
}

/// A type as an expression names it; without namespace a name may mean one of each.
#[derive(Debug, Clone, Copy)]
pub struct TypeName {
    /// The FHIR type.
    pub fhir: Option<Kind>,
    /// The type of FHIRPath.
    pub system: Option<SystemType>,
    /// Whether it came without namespace.
    pub bare: bool,
}

impl TypeName {
    /// Finds a type; `None` where no such type exists. A type of another namespace exists and has no values.
    pub fn find(namespace: Option<&str>, name: &str) -> Option<Self> {
        let fhir = || {
            let primitive = Primitive::parse(name).map(Kind::Primitive);
            primitive.or_else(|| structure(name).filter(|_| !name.contains('.')).map(Kind::Structure))
        };
        let system = || SystemType::ALL.iter().find(|(known, _)| *known == name).map(|(_, one)| *one);
        let found = match namespace {
            Some("FHIR") => Self { fhir: Some(fhir()?), system: None, bare: false },
            Some(_) => Self { fhir: None, system: (namespace == Some("System")).then(system).flatten(), bare: false },
            None => Self { fhir: fhir(), system: system(), bare: true },
        };
        (namespace.is_some() || found.fhir.is_some() || found.system.is_some()).then_some(found)
    }

    /// Whether an element of this kind is of the type: `code` is a `string`, `Age` is a `Quantity`.
    pub fn is(&self, kind: Kind) -> bool {
        match self.fhir {
            // Nothing specializes a resource type.
            Some(Kind::Structure(wanted)) if wanted.resource => Kind::Structure(wanted) == kind,
            Some(wanted) => wanted == kind || kind.is_a(wanted.name()),
            None => false,
        }
    }

    /// Whether `as` and `ofType` let an element of this kind through. Primitives must be of the very type (so dom-3 lists `canonical`
    /// beside `uri`); a bare name of FHIRPath's own takes the primitives that are it (`value.as(DateTime)` of a search parameter).
    pub fn keeps(&self, kind: Kind) -> bool {
        match (self.fhir, kind) {
            (Some(wanted), Kind::Primitive(_)) => wanted == kind,
            (Some(_), Kind::Structure(_)) => self.is(kind),
            (None, Kind::Primitive(primitive)) => self.bare && self.system == Some(SystemType::of(primitive)),
            (None, Kind::Structure(_)) => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    fn kind(name: &str) -> Kind {
        Primitive::parse(name).map(Kind::Primitive).or_else(|| structure(name).map(Kind::Structure)).expect(name)
    }

    #[test]
    fn types_specialize_others() {
        for (one, other, expected) in [
            ("Age", "Quantity", true),
            ("Quantity", "Age", false),
            ("code", "string", true),
            ("url", "uri", true),
            ("uri", "url", false),
            ("positiveInt", "integer", true),
            ("Patient", "DomainResource", true),
            ("Bundle", "DomainResource", false),
            ("Bundle", "Resource", true),
            ("Patient.contact", "BackboneElement", true),
            ("Timing.repeat", "BackboneElement", false),
            ("Timing.repeat", "Element", true),
            ("Dosage", "BackboneElement", true),
        ] {
            assert_eq!(TypeName::find(None, other).expect(other).is(kind(one)), expected, "{one} is {other}");
        }
    }

    #[test]
    fn every_quantity_is_known() {
        for (name, _) in BASES.iter().filter(|(name, _)| structure(name).is_some()) {
            assert_eq!(kind(name).is_quantity(), kind(name).is_a("Quantity"), "{name}");
        }
    }

    #[test]
    fn names_have_namespaces() {
        for (namespace, name, fhir, system) in [
            (None, "Quantity", true, true),
            (Some("System"), "Quantity", false, true),
            (Some("FHIR"), "Quantity", true, false),
            (Some("System"), "Patient", false, false),
            (None, "boolean", true, false),
            (None, "Boolean", false, true),
        ] {
            let found = TypeName::find(namespace, name).expect(name);
            assert_eq!((found.fhir.is_some(), found.system.is_some()), (fhir, system), "{namespace:?}.{name}");
        }
        for (namespace, name) in [(None, "string1"), (Some("FHIR"), "Boolean"), (None, "Patient.contact")] {
            assert!(TypeName::find(namespace, name).is_none(), "{name}");
        }
    }

    #[test]
    fn as_keeps_the_very_primitive() {
        for (wanted, one, expected) in [
            ("string", "code", false),
            ("code", "code", true),
            ("DateTime", "dateTime", true),
            ("DateTime", "date", false),
            ("Quantity", "Age", true),
        ] {
            assert_eq!(TypeName::find(None, wanted).expect(wanted).keeps(kind(one)), expected, "{one} as {wanted}");
        }
    }
}
