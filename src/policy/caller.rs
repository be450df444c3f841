//! Who asks. Built by `auth` alone, from a verified token.

use crate::filter::Actor;

/// The kinds of callers (CONTRACT 2), as they are spelled in tokens and in the decision table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallerKind {
    /// A professional, nominative, with one exercise.
    Professional,
    /// A hospital's or laboratory's system acting for itself.
    Structure,
    /// The person whose space it is.
    Holder,
    /// A minor's or protected person's representative.
    Representative,
    /// An application of the catalogue, for one person.
    Application,
    /// Manages spaces, representatives and directories.
    Operator,
    /// Reads traces.
    Auditor,
    /// A plain FHIR client of the sandbox.
    Tester,
}

impl CallerKind {
    /// Every kind, in the order of CONTRACT.
    pub const ALL: [Self; 8] = [
        Self::Professional,
        Self::Structure,
        Self::Holder,
        Self::Representative,
        Self::Application,
        Self::Operator,
        Self::Auditor,
        Self::Tester,
    ];

    /// The spelling in tokens and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Professional => "professional",
            Self::Structure => "structure",
            Self::Holder => "holder",
            Self::Representative => "representative",
            Self::Application => "application",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Tester => "tester",
        }
    }

    /// The kind of this spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Its place in [`ALL`](Self::ALL), as traces keep it.
    pub fn number(self) -> i16 {
        (0..).zip(Self::ALL).find(|(_, kind)| *kind == self).map_or(-1, |(place, _)| place)
    }
}

/// The mode of access (TRE_R248).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// `normal`.
    Normal,
    /// `bris_de_glace`: emergency, with a reason.
    BreakGlass,
    /// `centre_15`: regulation by a SAMU.
    Samu,
}

impl Purpose {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Normal, Self::BreakGlass, Self::Samu];

    /// The code of TRE_R248.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::BreakGlass => "bris_de_glace",
            Self::Samu => "centre_15",
        }
    }

    /// The mode of this code.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// A code with its system; for professions the system is TRE_G15, TRE_R94, TRE_R95 or TRE_R85.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// Canonical address of the nomenclature.
    pub system: String,
    /// The code.
    pub code: String,
}

/// Who asks, with one exercise: rights of several exercises never add up.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    /// The kind.
    pub kind: CallerKind,
    /// The actor itself: person, structure, application or service.
    pub principal: Actor,
    /// The structure a professional acts for.
    pub structure: Option<Actor>,
    /// Profession of the exercise.
    pub profession: Option<Code>,
    /// Specialty of the exercise, a code of TRE_R38 or TRE_R01.
    pub specialty: Option<String>,
    /// Role, a code of TRE_R85.
    pub role: Option<String>,
    /// Sector of activity, a code of TRE_R02.
    pub sector: Option<String>,
    /// Mode of access.
    pub purpose: Purpose,
    /// Why, in break-glass.
    pub reason: Option<String>,
    /// INS (`system|value`) of the person acted for: the holder's own, or the one represented.
    pub acts_for: Option<String>,
    /// Birth name, for traces.
    pub family: Option<String>,
    /// First name, for traces.
    pub given: Option<String>,
    /// A minor's secret connection.
    pub secret: bool,
    /// SMART scopes of an application.
    pub scopes: Vec<String>,
    /// Identifier of the token (`jti`), for traces.
    pub token: String,
}

impl Caller {
    /// A plain FHIR client of the sandbox without a token; `None` never.
    pub fn tester() -> Option<Self> {
        Some(Self {
            kind: CallerKind::Tester,
            principal: Actor::service(CallerKind::Tester.as_str())?,
            structure: None,
            profession: None,
            specialty: None,
            role: None,
            sector: None,
            purpose: Purpose::Normal,
            reason: None,
            acts_for: None,
            family: None,
            given: None,
            secret: false,
            scopes: Vec::new(),
            token: String::new(),
        })
    }

    /// The actors whose rights count: the principal, and the structure it acts for.
    pub fn actors(&self) -> Vec<Actor> {
        std::iter::once(self.principal.clone()).chain(self.structure.clone()).collect()
    }
}

/// A caller identifies a person: only its kind and mode print.
impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Caller({}, {})", self.kind.as_str(), self.purpose.as_str())
    }
}
