//! The rules: which relation to a resource permits or forbids what (`profiles/authorization/rules.tsv`).

use super::caller::{CallerKind, Purpose};
use super::table::Table;
use super::{Action, Files, Finding};
use crate::fhir::ResourceType;
use crate::filter::Label;
use crate::policy::nomenclature::visibility;

/// How a caller may stand to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Any resource of the type.
    Any,
    /// The caller is its holder.
    Own,
    /// The caller represents its holder.
    Representative,
    /// An application allowed by the person its token is for, within the scopes of the token.
    Application,
    /// A right `record-access`.
    RecordAccess,
    /// A right through a care team.
    CareTeam,
    /// The treating physician.
    TreatingPhysician,
    /// An administrator.
    Administrator,
    /// Named as author, or of the depositing structure, and with a right to consult.
    AuthorWithRight,
    /// Deposited it, or is the actor of a trace.
    Submitter,
    /// Named in it: actor of a Consent, member of a CareTeam.
    Party,
    /// Sees something it has as an entry: of a List.
    Entry,
    /// The structure that manages it: of a CareTeam.
    Manager,
    /// Break-glass is not opposed.
    BreakGlass,
    /// Break-glass, and masked documents are permitted in emergency.
    BreakGlassMasked,
    /// SAMU regulation is not opposed.
    Samu,
    /// SAMU regulation, and masked documents are permitted in emergency.
    SamuMasked,
    /// A block.
    Blocked,
    /// The space is not open.
    SpaceNotOpen,
    /// `entered-in-error`.
    EnteredInError,
    /// What a replaced document brought: a report or result.
    Superseded,
    /// A notice whose time has not come.
    Unsent,
    /// A document that brought it, now or before, is not seen: of a report or result, whose versions tell of each.
    Former,
}

impl Relation {
    /// Every relation with its spelling in tables.
    pub const ALL: [(&'static str, Self); 23] = [
        ("any", Self::Any),
        ("self", Self::Own),
        ("representative", Self::Representative),
        ("application", Self::Application),
        ("record-access", Self::RecordAccess),
        ("care-team", Self::CareTeam),
        ("treating-physician", Self::TreatingPhysician),
        ("administrator", Self::Administrator),
        ("author-with-right", Self::AuthorWithRight),
        ("submitter", Self::Submitter),
        ("party", Self::Party),
        ("entry", Self::Entry),
        ("manager", Self::Manager),
        ("break-glass", Self::BreakGlass),
        ("break-glass-masked", Self::BreakGlassMasked),
        ("samu", Self::Samu),
        ("samu-masked", Self::SamuMasked),
        ("blocked", Self::Blocked),
        ("space-not-open", Self::SpaceNotOpen),
        ("entered-in-error", Self::EnteredInError),
        ("superseded", Self::Superseded),
        ("unsent", Self::Unsent),
        ("former", Self::Former),
    ];

    /// The spelling in tables.
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, relation)| *relation == self).map_or("", |(text, _)| text)
    }

    /// The relation of this spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(spelt, _)| *spelt == text).map(|(_, relation)| relation)
    }
}

/// A rule with its id.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The id.
    pub id: String,
    /// Its line in the table.
    pub line: usize,
    /// For this kind of caller.
    pub caller: CallerKind,
    /// In this mode of access; `None` for any.
    pub purpose: Option<Purpose>,
    /// Standing so to the resource.
    pub relation: Relation,
    /// Of this type; `None` for every type of R4, which only testers have.
    pub resource: Option<ResourceType>,
    /// Whether the matrix limits it.
    pub matrix: bool,
    /// Labels that take a document out of the rule.
    pub except: Vec<Label>,
    /// What is done; consulting is of all versions, unless `current`.
    pub action: Action,
    /// Whether it opens the current version only, for what one sees by being named in it: an earlier one may have named others.
    pub current: bool,
    /// Whether it permits; else it forbids.
    pub permits: bool,
    /// A forbid beats the permits of its group; `None` those of all.
    pub group: Option<String>,
    /// First day, since 1970.
    pub since: i32,
    /// First day after.
    pub until: i32,
    /// Where it comes from.
    pub source: String,
}

impl Rule {
    /// Whether it is about this action.
    pub fn is_of(&self, action: Action) -> bool {
        self.action == action || action == Action::History && self.action == Action::Consult && !self.current
    }

    /// Whether it is about this type.
    pub fn is_about(&self, resource: ResourceType) -> bool {
        self.resource.is_none_or(|own| own == resource)
    }
}

/// The columns of `rules.tsv`.
const HEADER: [&str; 13] =
    ["rule", "caller", "purpose", "relation", "resource", "matrix", "except", "interaction", "effect", "group", "since", "until", "source"];

/// Reads `rules.tsv`, telling unknown words, ids out of order, rules that end before they begin, and those that repeat or contradict
/// another of the same days.
pub(super) fn load(files: &Files, findings: &mut Vec<Finding>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut said: Vec<([&str; 8], bool)> = Vec::new();
    Table::read("rules.tsv", files.bytes("rules.tsv"), HEADER, findings).each(
        findings,
        |[id, caller, purpose, relation, resource, matrix, except, interaction, effect, group, since, until, source]| {
            if rules.last().is_some_and(|last| id.text <= last.id.as_str()) {
                return Err(id.wrong(format!("rule `{}` is out of order", id.text)));
            }
            let labels = || except.text.split(',').map(|code| except.known("label", visibility(code)));
            let rule = Rule {
                id: id.text.to_owned(),
                line: id.line(),
                caller: caller.known("caller", CallerKind::parse(caller.text))?,
                purpose: match purpose.text {
                    "*" => None,
                    code => Some(purpose.known("purpose", Purpose::parse(code))?),
                },
                relation: relation.known("relation", Relation::parse(relation.text))?,
                resource: match resource.text {
                    "*" if caller.text == CallerKind::Tester.as_str() => None,
                    name => Some(resource.known("resource", ResourceType::parse(name))?),
                },
                matrix: matrix.word([("yes", true), ("no", false)])?,
                except: if except.text == "-" { Vec::new() } else { labels().collect::<Result<_, _>>()? },
                action: match interaction.text {
                    "current" => Action::Consult,
                    other => interaction.known("interaction", Action::parse(other))?,
                },
                current: interaction.text == "current",
                permits: effect.word([("permit", true), ("forbid", false)])?,
                group: (group.text != "*").then(|| group.text.to_owned()),
                since: since.day(i32::MIN)?,
                until: until.day(i32::MAX)?,
                source: source.text.to_owned(),
            };
            if rule.since >= rule.until {
                return Err(until.wrong("the rule ends before it begins"));
            }
            let key = [caller, purpose, relation, resource, matrix, except, interaction, group].map(|cell| cell.text);
            let same =
                rules.iter().zip(&said).find(|(other, (one, _))| *one == key && other.since < rule.until && rule.since < other.until);
            if let Some((other, (_, permits))) = same {
                let what = if *permits == rule.permits { "repeats" } else { "contradicts" };
                return Err(effect.wrong(format!("the rule {what} `{}`", other.id)));
            }
            said.push((key, rule.permits));
            rules.push(rule);
            Ok(())
        },
    );
    rules
}
