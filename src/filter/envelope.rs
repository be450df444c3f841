//! The envelope: what rights need to know of a resource without reading it, and of its holder.

use std::sync::Arc;

use crate::fhir::ResourceType;

/// Somebody who acts, in one spelling: `P:` PSIdNat, `S:` StructIdNat, `H:` INS as `system|value`, `A:` application;
/// `M:` is a StructIdNat too, of a structure that manages what names it.
///
/// INVARIANT: letters, digits and `:|.-` only, so that an actor is one word of a list of parties.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(String);

impl Actor {
    /// A professional, by PSIdNat.
    pub fn professional(id: &str) -> Option<Self> {
        Self::new('P', id)
    }

    /// A structure, by StructIdNat.
    pub fn structure(id: &str) -> Option<Self> {
        Self::new('S', id)
    }

    /// A person with a space, or a representative, by INS as `system|value`.
    pub fn person(ins: &str) -> Option<Self> {
        Self::new('H', ins)
    }

    /// An application of the catalogue.
    pub fn application(client: &str) -> Option<Self> {
        Self::new('A', client)
    }

    /// An actor of the service itself: `operator`, `auditor`, `tester`.
    pub fn service(name: &str) -> Option<Self> {
        Self::new('X', name)
    }

    /// A structure as the one that manages something: another word than the structure itself, which is not named by managing.
    pub fn managing(structure: &Self) -> Option<Self> {
        if structure.kind() == 'S' { Self::new('M', structure.id()) } else { None }
    }

    /// An actor read from the database.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    fn new(kind: char, id: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '|' | '.' | '-');
        (!id.is_empty() && id.len() <= 128 && id.chars().all(fits)).then(|| Self(format!("{kind}:{id}")))
    }

    /// The spelling kept in databases.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier without the kind.
    pub fn id(&self) -> &str {
        self.0.get(2..).unwrap_or_default()
    }

    /// The letter of the kind.
    pub fn kind(&self) -> char {
        self.0.chars().next().unwrap_or('?')
    }
}

/// An actor identifies a person: it never prints itself.
impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:[redacted]", self.kind())
    }
}

/// A bit of [`Envelope::labels`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// `MASQUE_PS`: masked to professionals.
    Masked = 1,
    /// `INVISIBLE_PATIENT` or `NOPAT`: hidden from the holder until announced.
    HiddenFromHolder = 2,
    /// `INVISIBLE_REPRESENTANTS_LEGAUX`.
    HiddenFromRepresentatives = 4,
    /// `status` is `entered-in-error`: deleted, for everyone.
    EnteredInError = 8,
    /// A Consent that refuses or has ended: in an occupational exercise it looks like none (CONTRACT 3, occupational-health).
    Unspoken = 16,
    /// `status` of a document is `superseded`: what it brought (reports, results) is no more found.
    Superseded = 32,
}

impl Label {
    /// The bit.
    pub fn bit(self) -> i16 {
        self as i16
    }
}

/// What a scope may speak of, beside the holder and the rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The holder's number; 0 for shared directories, -1 for what testers keep.
    pub holder: i64,
    /// Unique per holder and ordered by creation: microseconds since 2020 times 1024, plus noise.
    pub key: i64,
    /// The resource type.
    pub resource: ResourceType,
    /// The logical id.
    pub id: String,
    /// `meta.versionId`, counting per resource from 1.
    pub version: i32,
    /// `meta.lastUpdated`, microseconds since 1970.
    pub updated: i64,
    /// The row of the matrix, by its number in `profiles/authorization/types.tsv`; 0 where the matrix does not speak.
    pub doc_type: i16,
    /// Bits of [`Label`].
    pub labels: i16,
    /// Who deposited it; empty for what the server made.
    pub submitter: String,
    /// Authors, named actors or members: a list of [`Actor`] spellings with a blank before, between and after.
    pub parties: String,
    /// The key of the first deposit of what it replaces in turn, from which its labels last; 0 for its own.
    pub first: i64,
}

impl Envelope {
    /// The key from which its labels last.
    pub fn lasting_from(&self) -> i64 {
        if self.first == 0 { self.key } else { self.first }
    }

    /// Whether the bit of the label is set.
    pub fn has(&self, label: Label) -> bool {
        self.labels & label.bit() != 0
    }
}

/// A test on the envelope.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvelopeTest {
    /// The row of the matrix is one of these, sorted.
    DocTypeIn(Arc<[i16]>),
    /// The label is set.
    Labelled(Label),
    /// The key from which its labels last is smaller: they began before the instant for which this key stands.
    KeyBelow(i64),
    /// One of these actors is a party.
    PartyIn(Vec<Actor>),
    /// Deposited by this actor.
    SubmittedBy(Actor),
    /// Belongs to the person with this INS (`system|value`).
    HolderIs(String),
}

/// Where a space stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HolderState {
    /// Told to the person, not yet open.
    Announced = 1,
    /// Open: the only state in which anybody consults or deposits.
    Open = 2,
    /// The person opposed.
    Opposed = 3,
    /// Closed by the holder, kept ten years.
    Closed = 4,
    /// Suspended by the operator.
    Suspended = 5,
    /// Being erased.
    Erasing = 6,
}

impl HolderState {
    /// The number kept in databases.
    pub fn number(self) -> i16 {
        self as i16
    }

    /// The state of a number read from a database.
    pub fn from_number(number: i16) -> Option<Self> {
        [Self::Announced, Self::Open, Self::Opposed, Self::Closed, Self::Suspended, Self::Erasing]
            .into_iter()
            .find(|s| s.number() == number)
    }
}

/// A bit of [`HolderRow::settings`]: what the holder permits without naming an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// `break-glass`; by default permitted.
    BreakGlass = 1,
    /// `samu`; by default permitted.
    Samu = 2,
    /// `emergency-masked`; by default denied.
    EmergencyMasked = 4,
    /// `default-masking`; by default denied.
    DefaultMasking = 8,
}

impl Setting {
    /// The bit.
    pub fn bit(self) -> i16 {
        self as i16
    }
}

/// What the holder's row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderRow {
    /// The holder's number.
    pub holder: i64,
    /// The INS, `system|value`.
    pub ins: String,
    /// Those it had before, as ` a b `; empty for none.
    pub former: String,
    /// The logical id of the Patient.
    pub patient: String,
    /// Where the space stands; `None` for an unreadable number, which denies.
    pub state: Option<HolderState>,
    /// Birth date, days since 1970.
    pub born: i32,
    /// Bits of [`Setting`].
    pub settings: i16,
}

impl HolderRow {
    /// Whether the INS is the holder's, today or formerly.
    pub fn has_ins(&self, ins: &str) -> bool {
        self.ins == ins || self.had_ins(ins)
    }

    /// Whether the INS was the holder's.
    fn had_ins(&self, ins: &str) -> bool {
        self.former.split(' ').any(|former| !former.is_empty() && former == ins)
    }

    /// Whether a word for an actor, as this record has it, means this one: the holder is known by the INS of today, and comes by any.
    pub fn means(&self, word: &str, actor: &Actor) -> bool {
        word == actor.as_str()
            || actor.kind() == 'H' && self.had_ins(actor.id()) && word.strip_prefix("H:").is_some_and(|ins| ins == self.ins)
    }

    /// The actor as this record has it.
    pub fn actor(&self, actor: &Actor) -> Actor {
        let same = Actor::person(&self.ins).filter(|own| self.means(own.as_str(), actor));
        same.unwrap_or_else(|| actor.clone())
    }
}

/// A test on the holder's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderTest {
    /// The space is in this state.
    State(HolderState),
    /// The setting is permitted.
    Permits(Setting),
    /// Born on this day at the latest, days since 1970.
    BornUntil(i32),
}

/// The kinds of rights, as numbered in databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RightKind {
    /// Consent `record-access`.
    RecordAccess = 1,
    /// Consent `care-team-access`, one row for each member.
    CareTeam = 2,
    /// Consent `treating-physician`.
    TreatingPhysician = 3,
    /// Consent `administrator`.
    Administrator = 4,
    /// Consent `record-block`.
    Block = 5,
    /// Consent `occupational-health`.
    Occupational = 6,
    /// An active RelatedPerson.
    Representative = 7,
    /// Consent `application`.
    Application = 8,
    /// Consent `record-block` recorded by an administrator, who blocks others than the treating physician.
    BlockByAdministrator = 9,
}

impl RightKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::RecordAccess,
        Self::CareTeam,
        Self::TreatingPhysician,
        Self::Administrator,
        Self::Block,
        Self::Occupational,
        Self::Representative,
        Self::Application,
        Self::BlockByAdministrator,
    ];

    /// Whether it takes rights away instead of giving one.
    pub fn blocks(self) -> bool {
        matches!(self, Self::Block | Self::BlockByAdministrator)
    }

    /// The number kept in databases.
    pub fn number(self) -> i16 {
        self as i16
    }

    /// The kind of a number read from a database.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.number() == number)
    }
}

/// One row of the rights table: in force over `[from, until)`, microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Who has it.
    pub actor: Actor,
    /// Which.
    pub kind: RightKind,
    /// Start.
    pub from: i64,
    /// End; `i64::MAX` when open.
    pub until: i64,
    /// Parts of the space it is narrowed to (`provision.class`), types and classes of documents, and what an application is allowed it
    /// for: ` Type class:10 for:TREAT `, empty for all.
    pub parts: String,
    /// The resource it comes from: `Consent/[id]` or `RelatedPerson/[id]`.
    pub source: String,
}

/// A test for a right over the holder of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct RightTest {
    /// One of these kinds.
    pub kinds: Vec<RightKind>,
    /// Held by one of these.
    pub actors: Vec<Actor>,
    /// The instant at which it must be in force.
    pub at: i64,
    /// The part of the space for which a narrowed right must hold: letters, digits and a colon; `None` where any will do.
    pub part: Option<&'static str>,
    /// Purposes (letters and digits) of which the right must be given for one; `None` where any will do.
    pub purposes: Option<Vec<String>>,
}

impl RightTest {
    /// Whether the right passes.
    pub fn holds(&self, right: &Right) -> bool {
        let has = |part: &str| right.parts.split(' ').any(|own| own == part);
        self.kinds.contains(&right.kind)
            && self.actors.contains(&right.actor)
            && right.from <= self.at
            && self.at < right.until
            && self.part.is_none_or(|part| right.parts.is_empty() || has(part))
            && self.purposes.as_ref().is_none_or(|all| all.iter().any(|purpose| has(&format!("for:{purpose}"))))
    }
}

/// What is known of the holder of a resource, read in the same statement as the resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The holder's row; `None` for a resource without holder.
    pub holder: Option<HolderRow>,
    /// The rights of the caller's actors over that holder, in force or not.
    pub rights: Vec<Right>,
}
