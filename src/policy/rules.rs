//! The rules: which relation to a resource permits or forbids what (`profiles/authorization/rules.tsv`).

use super::caller::{CallerKind, Purpose};
use super::table::{Table, day};
use super::{Action, LoadError};
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
}

/// A rule with its id.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The id.
    pub id: String,
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

/// The rules this binary was built with.
pub const EMBEDDED: &str = include_str!("../../profiles/authorization/rules.tsv");

/// Reads `rules.tsv`.
///
/// # Errors
/// [`LoadError`] with the line: unknown word, duplicate or unsorted id.
pub fn load(text: &str) -> Result<Vec<Rule>, LoadError> {
    let header = [
        "rule",
        "caller",
        "purpose",
        "relation",
        "resource",
        "matrix",
        "except",
        "interaction",
        "effect",
        "group",
        "since",
        "until",
        "source",
    ];
    let mut rules: Vec<Rule> = Vec::new();
    Table::read("rules.tsv", text, &header)?.each(
        |[id, caller, purpose, relation, resource, matrix, except, interaction, effect, group, since, until, _]| {
            if rules.last().is_some_and(|last| id <= last.id.as_str()) {
                return Err(format!("rule `{id}` is out of order"));
            }
            let word = |what: &str, text: &str| format!("unknown {what} `{text}`");
            rules.push(Rule {
                id: id.to_owned(),
                caller: CallerKind::parse(caller).ok_or_else(|| word("caller", caller))?,
                purpose: match purpose {
                    "*" => None,
                    code => Some(Purpose::parse(code).ok_or_else(|| word("purpose", code))?),
                },
                relation: parse_relation(relation).ok_or_else(|| word("relation", relation))?,
                resource: match resource {
                    "*" if caller == CallerKind::Tester.as_str() => None,
                    name => Some(ResourceType::parse(name).ok_or_else(|| word("resource", name))?),
                },
                matrix: match matrix {
                    "yes" => true,
                    "no" => false,
                    other => return Err(word("matrix", other)),
                },
                except: match except {
                    "-" => Vec::new(),
                    codes => codes.split(',').map(|code| visibility(code).ok_or_else(|| word("label", code))).collect::<Result<_, _>>()?,
                },
                action: match interaction {
                    "current" => Action::Consult,
                    other => Action::parse(other).ok_or_else(|| word("interaction", other))?,
                },
                current: interaction == "current",
                permits: match effect {
                    "permit" => true,
                    "forbid" => false,
                    other => return Err(word("effect", other)),
                },
                group: (group != "*").then(|| group.to_owned()),
                since: day(since, i32::MIN)?,
                until: day(until, i32::MAX)?,
            });
            Ok(())
        },
    )?;
    Ok(rules)
}

fn parse_relation(text: &str) -> Option<Relation> {
    Some(match text {
        "any" => Relation::Any,
        "self" => Relation::Own,
        "representative" => Relation::Representative,
        "application" => Relation::Application,
        "record-access" => Relation::RecordAccess,
        "care-team" => Relation::CareTeam,
        "treating-physician" => Relation::TreatingPhysician,
        "administrator" => Relation::Administrator,
        "author-with-right" => Relation::AuthorWithRight,
        "submitter" => Relation::Submitter,
        "party" => Relation::Party,
        "manager" => Relation::Manager,
        "break-glass" => Relation::BreakGlass,
        "break-glass-masked" => Relation::BreakGlassMasked,
        "samu" => Relation::Samu,
        "samu-masked" => Relation::SamuMasked,
        "blocked" => Relation::Blocked,
        "space-not-open" => Relation::SpaceNotOpen,
        "entered-in-error" => Relation::EnteredInError,
        _ => return None,
    })
}
