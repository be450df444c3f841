//! A world as data: what was done, by whom, in order. The twin is the same world after some changes.

use ensemble::fhir::national::nir_key;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::build::INS;

/// System of the INS that persons are given after the first one.
pub const DEMO: &str = "urn:oid:1.2.250.1.213.1.4.11";
/// Holders of this place and above are relatives without a space.
pub const RELATIVES: usize = 8;
/// The holder who is a minor.
pub const MINOR: usize = 2;
/// Nobody without a right is ever told that this holder has a record: it may be missing in the twin.
pub const QUIET: usize = 3;
/// The holder whose space is announced only.
pub const ANNOUNCED: usize = 4;

/// The professional of one exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Professional {
    pub number: usize,
    pub profession: String,
    #[serde(default)]
    pub system: String,
    #[serde(default)]
    pub structure: Option<usize>,
    #[serde(default)]
    pub purpose: String,
    #[serde(default)]
    pub sector: String,
    #[serde(default)]
    pub specialty: String,
}

/// Who does or asks something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    Operator,
    Auditor,
    Tester,
    Holder(usize),
    Representative { person: usize, of: usize },
    Application(usize),
    Structure(usize),
    Professional(Professional),
}

/// Who is named by national identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Party {
    Professional(usize),
    Structure(usize),
}

/// Whom a Consent names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Named {
    Nobody,
    Party(Party),
    Team(String),
    Application,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub of: usize,
    pub by: Who,
    pub kind: String,
    pub permits: bool,
    pub named: Named,
    /// The first day, or empty.
    #[serde(default)]
    pub start: String,
    /// The last day, or empty.
    #[serde(default)]
    pub end: String,
    /// The part of the space it is narrowed to, or empty.
    #[serde(default)]
    pub part: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    pub of: usize,
    pub by: Who,
    /// Its master identifier.
    pub number: usize,
    pub code: String,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub authors: Vec<Party>,
    /// The Practitioner that is author too, or empty.
    #[serde(default)]
    pub practitioner: String,
    /// The Organization that keeps it, or empty.
    #[serde(default)]
    pub custodian: String,
    pub title: String,
    pub date: String,
    #[serde(default)]
    pub language: String,
    /// Documents it relates to, and does not replace.
    #[serde(default)]
    pub related: Vec<String>,
    /// The document it replaces, or empty.
    #[serde(default)]
    pub replaces: String,
    /// The number of the report of a laboratory that comes with it, or 0: one report has the same in every document of it.
    #[serde(default)]
    pub report: usize,
}

/// A List of documents that are there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    pub of: usize,
    pub by: Who,
    /// Its identifier.
    pub number: usize,
    pub folder: bool,
    pub title: String,
    pub documents: Vec<String>,
}

/// A change of a stored document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edit {
    Mask,
    Unmask,
    Announce,
    Archive,
    Withdraw,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A Practitioner of this number.
    Practitioner(usize),
    /// An Organization of this number.
    Organization(usize),
    /// A Practitioner at an Organization.
    Role(String, String),
    /// A space, open or announced, with a telephone and the general practitioner, or empty.
    Space {
        holder: usize,
        open: bool,
        phone: String,
        practitioner: String,
    },
    /// A RelatedPerson.
    Relative {
        of: usize,
        person: usize,
        active: bool,
    },
    Team {
        of: usize,
        members: Vec<Party>,
        manager: Option<usize>,
        active: bool,
    },
    Consent(Consent),
    /// The person ends a Consent.
    End(String),
    Document(Document),
    Set(Set),
    Edit {
        document: String,
        by: Who,
        edit: Edit,
    },
    /// The operator gives the person of a space another INS; all goes on to speak of it by the former one.
    Renumber(usize),
    /// The operator has another space replace this one.
    Merge {
        of: usize,
        into: usize,
    },
    /// Somebody reads the thing of this name, or searches the documents of the holder of this space.
    Look {
        by: Who,
        at: String,
    },
}

/// A deed and the name by which others speak of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub name: String,
    pub what: What,
}

impl Step {
    /// The names without which it cannot be done.
    pub fn needs(&self) -> Vec<String> {
        let space = |of: &usize| format!("p{of}");
        match &self.what {
            What::Practitioner(_) | What::Organization(_) => Vec::new(),
            What::Role(one, other) => vec![one.clone(), other.clone()],
            What::Space { practitioner, .. } => some(practitioner),
            What::Relative { of, .. } | What::Team { of, .. } => vec![space(of)],
            What::Consent(consent) => {
                let mut all = vec![space(&consent.of)];
                if let Named::Team(team) = &consent.named {
                    all.push(team.clone());
                }
                all
            }
            What::End(consent) => vec![consent.clone()],
            What::Document(one) => [vec![space(&one.of)], some(&one.practitioner), some(&one.custodian), some(&one.replaces)].concat(),
            What::Set(one) => [vec![space(&one.of)], one.documents.clone()].concat(),
            What::Edit { document, .. } => vec![document.clone()],
            What::Renumber(of) => vec![space(of)],
            What::Merge { of, into } => vec![space(of), space(into)],
            What::Look { .. } => Vec::new(),
        }
    }

    /// The type of the resource it makes, or empty.
    pub fn resource(&self) -> &'static str {
        match self.what {
            What::Practitioner(_) => "Practitioner",
            What::Organization(_) => "Organization",
            What::Role(..) => "PractitionerRole",
            What::Space { .. } => "Patient",
            What::Relative { .. } => "RelatedPerson",
            What::Team { .. } => "CareTeam",
            What::Consent(_) => "Consent",
            What::Document(_) => "DocumentReference",
            What::Set(_) => "List",
            What::End(_) | What::Edit { .. } | What::Renumber(_) | What::Merge { .. } | What::Look { .. } => "",
        }
    }
}

fn some(name: &str) -> Vec<String> {
    if name.is_empty() { Vec::new() } else { vec![name.to_owned()] }
}

/// A difference of the twin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Without this, and without what needs it.
    Without(String),
    /// This in the place of what has its name.
    Instead(Step),
    /// This after the step at this place.
    Added(usize, Step),
}

impl Change {
    /// The name of what differs.
    pub fn name(&self) -> &str {
        match self {
            Self::Without(name) => name,
            Self::Instead(step) | Self::Added(_, step) => &step.name,
        }
    }

    /// The world after the change.
    pub fn apply(&self, world: &[Step]) -> Vec<Step> {
        let mut after = world.to_vec();
        match self {
            Self::Without(name) => remove(&mut after, name),
            Self::Instead(step) => {
                if let Some(old) = after.iter_mut().find(|old| old.name == step.name) {
                    *old = step.clone();
                }
            }
            Self::Added(place, step) => after.insert((*place).min(after.len()), step.clone()),
        }
        after
    }
}

/// Takes a step out with all that needs it.
pub fn remove(world: &mut Vec<Step>, name: &str) {
    let mut gone = vec![name.to_owned()];
    world.retain(|step| {
        let goes = step.name == name || step.needs().iter().any(|need| gone.contains(need));
        if goes {
            gone.push(step.name.clone());
        }
        !goes
    });
}

/// A request of the caller; `{{name}}` stands for the id that the thing of this name has in the database asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub method: String,
    pub path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// How many pages more are asked for.
    #[serde(default)]
    pub pages: usize,
    /// The name that what it creates goes by, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub makes: String,
    /// Whether it writes what callers of other worlds see.
    #[serde(default)]
    pub alone: bool,
}

/// Two worlds, who asks, and what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// The number of the world, by which its people are named.
    pub seed: u64,
    pub caller: Who,
    pub world: Vec<Step>,
    pub changes: Vec<Change>,
    /// How many days pass before anything is asked.
    #[serde(default)]
    pub days: u32,
    pub asks: Vec<Ask>,
}

impl Case {
    pub fn names(&self) -> Names {
        Names { world: self.seed }
    }

    /// The other world.
    pub fn twin(&self) -> Vec<Step> {
        self.changes.iter().fold(self.world.clone(), |world, change| change.apply(&world))
    }
}

/// How the people of one world are identified, so that many worlds share a database.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    pub world: u64,
}

impl Names {
    /// The PSIdNat of a professional.
    pub fn psidnat(self, number: usize) -> String {
        format!("81{:07}{:03}", self.world % 10_000_000, number)
    }

    /// The StructIdNat of a structure.
    pub fn structure(self, number: usize) -> String {
        format!("1{:07}{:02}", self.world % 10_000_000, number)
    }

    /// The INS of a person: sixteen in each world.
    pub fn ins(self, person: usize) -> String {
        let number = self.world * 16 + u64::try_from(person).unwrap();
        let born = if person == MINOR { "21409" } else { "28003" };
        let body = format!("{born}{:08}", 33_000_000 + number % 60_000_000);
        format!("{body}{:02}", nir_key(&body).unwrap())
    }

    /// The INS that a person is given after it, with its system.
    pub fn next_token(self, person: usize) -> String {
        format!("{DEMO}|{}", self.ins(person))
    }

    /// The INS with its system.
    pub fn token(self, person: usize) -> String {
        format!("{INS}|{}", self.ins(person))
    }

    /// The family name of everybody in this world.
    pub fn family(self) -> String {
        // Letters only, so that no prefix of one is that of another.
        let mut number = self.world;
        let mut letters = String::new();
        for _ in 0..6 {
            letters.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
            number /= 26;
        }
        format!("Monde{letters}")
    }

    pub fn party(self, party: Party) -> String {
        match party {
            Party::Professional(number) => self.psidnat(number),
            Party::Structure(number) => self.structure(number),
        }
    }

    /// The token request.
    pub fn who(self, who: &Who) -> Value {
        match who {
            Who::Operator => json!({"kind": "operator"}),
            Who::Auditor => json!({"kind": "auditor"}),
            Who::Tester => json!({"kind": "tester"}),
            Who::Holder(person) => json!({"kind": "holder", "ins": self.token(*person)}),
            Who::Representative { person, of } => json!({"kind": "representative", "ins": self.token(*person), "for": self.token(*of)}),
            Who::Application(of) => json!({"kind": "application", "client": "app", "for": self.token(*of), "scope": "patient/*.rs"}),
            Who::Structure(number) => json!({"kind": "structure", "id": self.structure(*number)}),
            Who::Professional(one) => {
                let mut token = json!({"kind": "professional", "id": self.psidnat(one.number), "profession": one.profession});
                for (name, value) in
                    [("profession_system", &one.system), ("purpose", &one.purpose), ("sector", &one.sector), ("specialty", &one.specialty)]
                {
                    if !value.is_empty() {
                        token[name] = value.as_str().into();
                    }
                }
                match one.purpose.as_str() {
                    "bris_de_glace" => token["reason"] = "inconscient".into(),
                    "centre_15" => token["regulation"] = true.into(),
                    _ => {}
                }
                if let Some(structure) = one.structure {
                    token["structure"] = self.structure(structure).into();
                }
                token
            }
        }
    }
}
