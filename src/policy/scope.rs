//! From the rules to what one caller may see of one resource type: a filter that nobody else can make.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::applications;
use super::catalogue::Catalogue;
use super::changes::Changes;
use super::consents::{self, ConsentKind};
use super::deposits::Deposits;
use super::known::known;
use super::labels::Lasting;
use super::law::Law;
use super::matrix::{Exercise, Matrix};
use super::notices::Notices;
use super::resources::{self, Belonging, Bound};
use super::rules::{self, Rule};
use super::{Caller, Files, Finding, LoadError};
use crate::fhir::{NAMES, ResourceType};
use crate::filter::{Actor, Candidate, EnvelopeTest, Facts, Filter, Label, matches};

/// What is done with a resource, as the rules distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// `read`, `search-type`, and `vread` of the current version.
    Consult,
    /// `vread` and `history-instance` of earlier versions.
    History,
    /// `history-type` and `history-system`.
    HistoryType,
    /// `create`.
    Create,
    /// `update`.
    Update,
    /// `patch`.
    Patch,
    /// `delete`.
    Delete,
    /// The operation `$explain-access`.
    Explain,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 8] =
        [Self::Consult, Self::History, Self::HistoryType, Self::Create, Self::Update, Self::Patch, Self::Delete, Self::Explain];

    /// The spelling in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consult => "consult",
            Self::History => "history",
            Self::HistoryType => "history-type",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Explain => "explain",
        }
    }

    /// The action of this spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// What was decided, and by which rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Permitted by these rules.
    Permit(Vec<String>),
    /// Denied by these rules, or because none applies.
    Deny(Vec<String>),
}

/// What a caller may see of one resource type. Only [`Policy`] makes one.
#[derive(Debug, Clone)]
pub struct Scope {
    resource: ResourceType,
    /// Rule, group, condition.
    permits: Vec<(String, String, Filter)>,
    /// Rule, group beaten (`None` for all), condition.
    forbids: Vec<(String, Option<String>, Filter)>,
    /// The actors whose rights the filter asks for.
    actors: Vec<Actor>,
    tester: bool,
    directory: bool,
}

impl Scope {
    /// The resource type it speaks of.
    pub fn resource(&self) -> ResourceType {
        self.resource
    }

    /// The actors whose rights must be read with the resource.
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// Whether it speaks of what testers keep, apart from records.
    pub fn is_tester(&self) -> bool {
        self.tester
    }

    /// Whether it speaks of a directory, whose resources belong to nobody.
    pub fn is_of_directory(&self) -> bool {
        self.directory
    }

    /// Whether no rule permits anything.
    pub fn is_nothing(&self) -> bool {
        self.permits.is_empty()
    }

    /// The rules that forbid the candidate, each with the group it beats, `None` for all.
    pub(super) fn forbidding<'a>(&'a self, candidate: &'a Candidate<'_>) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        self.forbids.iter().filter(|(_, _, against)| matches(against, candidate)).map(|(rule, group, _)| (rule.as_str(), group.as_deref()))
    }

    /// The ids of the rules that may permit.
    pub fn rules(&self) -> Vec<String> {
        self.permits.iter().map(|(rule, _, _)| rule.clone()).collect()
    }

    /// The whole as one filter.
    pub fn filter(&self) -> Filter {
        let mut groups: Vec<&str> = self.permits.iter().map(|(_, group, _)| group.as_str()).collect();
        groups.dedup();
        groups.sort_unstable();
        groups.dedup();
        groups.into_iter().fold(Filter::Nothing, |all, group| {
            let permits = self.permits.iter().filter(|(_, g, _)| g == group);
            let permitted = permits.fold(Filter::Nothing, |any, (_, _, condition)| any.or(condition.clone()));
            let beaten = self.forbids.iter().filter(|(_, g, _)| g.as_deref().is_none_or(|g| g == group));
            let forbidden = beaten.fold(Filter::Nothing, |any, (_, _, condition)| any.or(condition.clone()));
            all.or(permitted.and(forbidden.negate()))
        })
    }

    /// The conditions that follow references, each once: a read asks the database for them, in the statement of the resource.
    pub fn links(&self) -> Vec<Filter> {
        let mut found = Vec::new();
        for (_, _, condition) in &self.permits {
            links(condition, &mut found);
        }
        for (_, _, condition) in &self.forbids {
            links(condition, &mut found);
        }
        found
    }

    /// Whether something of this type may be permitted over a holder of whom this much is known: the caller's rights, and whether
    /// it deposited something there. Decides whether a search that names the holder is answered or refused (CONTRACT 4).
    pub fn reaches(&self, facts: &Facts, deposited: bool) -> bool {
        self.permits.iter().any(|(_, group, condition)| {
            let beaten = |(_, g, against): &(String, Option<String>, Filter)| {
                g.as_deref().is_none_or(|g| g == group) && known(against, facts, deposited) == Some(true)
            };
            known(condition, facts, deposited) != Some(false) && !self.forbids.iter().any(beaten)
        })
    }

    /// The decision on one resource, in memory, with the rules that made it.
    pub fn decide(&self, candidate: &Candidate<'_>) -> Decision {
        let against: Vec<&(String, Option<String>, Filter)> = self.forbids.iter().filter(|(_, _, f)| matches(f, candidate)).collect();
        let beaten = |group: &str| against.iter().any(|(_, g, _)| g.as_deref().is_none_or(|g| g == group));
        let held = self.permits.iter().filter(|(_, group, condition)| !beaten(group) && matches(condition, candidate));
        let permitted: Vec<String> = held.map(|(rule, _, _)| rule.clone()).collect();
        if permitted.is_empty() {
            Decision::Deny(against.into_iter().map(|(rule, _, _)| rule.clone()).collect())
        } else {
            Decision::Permit(permitted)
        }
    }
}

/// What one rule asks for, all of which must hold.
pub(super) struct Condition {
    /// How the caller stands to the resource.
    pub relation: Filter,
    /// What the matrix lets the caller's profession consult, where it limits the rule.
    pub matrix: Filter,
    /// The labels that take a resource out of the rule, each with the condition that it does not.
    pub unlabelled: Vec<(Label, Filter)>,
}

impl Condition {
    fn whole(self) -> Filter {
        self.unlabelled.into_iter().fold(self.relation.and(self.matrix), |all, (_, one)| all.and(one))
    }
}

/// The day of an instant, days since 1970.
pub(super) fn day(now: i64) -> i32 {
    i32::try_from(now.div_euclid(86_400_000_000)).unwrap_or(i32::MAX)
}

/// The outermost conditions within a filter that follow references.
fn links(filter: &Filter, found: &mut Vec<Filter>) {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().for_each(|one| links(one, found)),
        Filter::Not(inner) => links(inner, found),
        Filter::Via(..) | Filter::Has(..) if !found.contains(filter) => found.push(filter.clone()),
        _ => {}
    }
}

/// The law in force: matrix and rules.
#[derive(Debug)]
pub struct Policy {
    matrix: Matrix,
    rules: Vec<Rule>,
    resources: Vec<Belonging>,
    consents: Vec<ConsentKind>,
    changes: Changes,
    lasting: Lasting,
    notices: Notices,
    deposits: Deposits,
    purposes: Vec<(String, String)>,
    catalogue: Catalogue,
    accept_provisional: bool,
    law: Law,
    /// The types of records that a rule of the law is about.
    of_records: Vec<ResourceType>,
}

impl Policy {
    /// The law this binary was built with; `fingerprint` digests its tables.
    ///
    /// # Errors
    /// [`LoadError`]: the tables do not load.
    pub fn embedded(accept_provisional: bool, fingerprint: impl Fn(&[u8]) -> String) -> Result<Self, LoadError> {
        Self::load(&Files::embedded(), accept_provisional, fingerprint)
    }

    /// The law of these tables.
    ///
    /// # Errors
    /// [`LoadError`] with everything that is wrong with them.
    pub fn load(files: &Files, accept_provisional: bool, fingerprint: impl Fn(&[u8]) -> String) -> Result<Self, LoadError> {
        let mut findings = Vec::new();
        let matrix = Matrix::read(files, &mut findings);
        let mut policy = Self {
            deposits: Deposits::load(files, matrix.types(), &mut findings),
            matrix,
            rules: rules::load(files, &mut findings),
            resources: resources::load(files, &mut findings),
            consents: consents::load(files, &mut findings),
            changes: Changes::load(files, &mut findings),
            lasting: Lasting::load(files, &mut findings),
            notices: Notices::load(files, &mut findings),
            purposes: applications::load(files, &mut findings),
            catalogue: Catalogue::default(),
            accept_provisional,
            law: Law::of(files, accept_provisional, fingerprint),
            of_records: Vec::new(),
        };
        let kept = |resource| policy.belonging(resource).is_some_and(|row| row.bound == Bound::Tester);
        for rule in policy.rules.iter().filter(|rule| rule.resource.is_some_and(kept)) {
            let message = format!("rule `{}` is about a type that only testers keep", rule.id);
            findings.push(Finding::new("rules.tsv", rule.line, 1, message));
        }
        let served = |resource: &ResourceType| {
            super::CallerKind::ALL.into_iter().any(|kind| kind != super::CallerKind::Tester && policy.serves(kind, *resource))
        };
        let all = policy.resources.iter().filter(|row| row.bound == Bound::Holder).map(|row| row.resource);
        let of_records = all.filter(served).collect();
        policy.of_records = of_records;
        LoadError::unless_none(findings).map(|()| policy)
    }

    /// Who may change what of a document.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The same with these applications alone.
    ///
    /// # Errors
    /// The first purpose that no application may be allowed.
    pub fn with_catalogue(mut self, catalogue: Catalogue) -> Result<Self, String> {
        if let Catalogue::Of(all) = &catalogue {
            let known = |code: &&String| self.purposes.iter().any(|(_, purpose)| purpose == *code);
            if let Some(unknown) = all.iter().flat_map(|one| &one.purposes).find(|code| !known(code)) {
                return Err(unknown.clone());
            }
        }
        self.catalogue = catalogue;
        Ok(self)
    }

    /// The applications that may be allowed something.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Whether an application may be allowed this purpose: it is one of the law, and of what the application is catalogued for.
    pub fn allows_purpose(&self, client: &str, system: &str, code: &str) -> bool {
        self.purposes.iter().any(|(known, purpose)| known == system && purpose == code) && self.catalogue.has_for(client, code)
    }

    /// Whether an application may be narrowed to documents of this class of TRE_A03.
    pub fn is_class(&self, code: &str) -> bool {
        applications::CLASSES.iter().any(|(class, _)| *class == code)
    }

    /// Whether a right may be narrowed to this type: it is a part of the record, with a right of its own.
    pub fn is_part(&self, resource: ResourceType) -> bool {
        self.is_of_record(resource) && self.part(resource) == resource
    }

    /// Whether callers of this kind deposit documents of this type, by its number.
    pub fn deposits(&self, kind: super::CallerKind, doc_type: i16) -> bool {
        self.matrix.types().all().iter().any(|known| known.number == doc_type && self.deposits.may(kind, known))
    }

    /// How long each label hides what bears it.
    pub fn lasting(&self) -> &Lasting {
        &self.lasting
    }

    /// Of what the person is told.
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// The kind of Consent with this code.
    pub fn consent_kind(&self, code: &str) -> Option<&ConsentKind> {
        self.consents.iter().find(|kind| kind.code == code)
    }

    /// To whom the resources of each type belong.
    pub fn resources(&self) -> &[Belonging] {
        &self.resources
    }

    /// Whether resources of this type belong to a person.
    pub fn is_of_record(&self, resource: ResourceType) -> bool {
        self.belonging(resource).is_some_and(|row| row.bound == Bound::Holder)
    }

    /// Whether resources of this type belong to a person, and somebody but testers may have to do with them: requests on them are traced.
    pub fn is_traced(&self, resource: ResourceType) -> bool {
        self.of_records.contains(&resource)
    }

    fn belonging(&self, resource: ResourceType) -> Option<&Belonging> {
        self.resources.iter().find(|row| row.resource == resource)
    }

    /// The part of the space a resource belongs to, as a right may be narrowed to it: the type whose element names its holder, which
    /// for a Binary is its DocumentReference.
    pub(super) fn part(&self, resource: ResourceType) -> ResourceType {
        let element = self.belonging(resource).and_then(|row| row.element);
        element.and_then(|element| ResourceType::parse(element.split('.').next()?)).unwrap_or(resource)
    }

    /// The part of the space whose rights a resource has: its own, but for what documents bring, which has those of the documents.
    pub(super) fn lender(&self, resource: ResourceType) -> ResourceType {
        if resource.is_brought() { ResourceType::DOCUMENT_REFERENCE } else { self.part(resource) }
    }

    /// Whether the type is served to this caller: some rule is about it, for testers theirs, for all others any but theirs.
    pub fn serves(&self, caller: super::CallerKind, resource: ResourceType) -> bool {
        let tester = |kind| kind == super::CallerKind::Tester;
        self.rules.iter().any(|rule| tester(rule.caller) == tester(caller) && rule.is_about(resource))
    }

    /// Every type and action that some caller of these kinds may be permitted.
    pub fn served(&self, testers: bool) -> BTreeSet<(ResourceType, Action)> {
        let counts = |rule: &&Rule| rule.permits && (testers || rule.caller != super::CallerKind::Tester);
        let all = || NAMES.into_iter().filter_map(ResourceType::parse);
        let pairs = |rule: &Rule| match rule.resource {
            Some(resource) => vec![(resource, rule.action)],
            None => all().map(|resource| (resource, rule.action)).collect(),
        };
        self.rules.iter().filter(counts).flat_map(pairs).collect()
    }

    /// Whether the exercise is one of occupational health, for which one right only counts (L1111-17 IV CSP).
    pub fn exercise(&self, caller: &Caller) -> Exercise {
        self.matrix.exercise(caller.sector.as_deref(), caller.specialty.as_deref())
    }

    /// Every rule, in the order of its table.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The matrix.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// The law's name, told with each decision.
    pub fn version(&self) -> &str {
        &self.law.version
    }

    /// What the law is, to be kept beside the decisions made by it.
    pub fn law(&self) -> &Law {
        &self.law
    }

    /// Whether provisional cells of the matrix count.
    pub fn accepts_provisional(&self) -> bool {
        self.accept_provisional
    }

    /// Whether some rule may permit the action on the type at all; the cell of the decision table.
    pub fn permits(&self, caller: &Caller, action: Action, resource: ResourceType, now: i64) -> Vec<String> {
        self.scope(caller, action, resource, now).rules()
    }

    /// What the caller may see (or touch) of the type, at an instant in microseconds since 1970.
    pub fn scope(&self, caller: &Caller, action: Action, resource: ResourceType, now: i64) -> Scope {
        let today = day(now);
        let mut scope =
            Scope { resource, permits: Vec::new(), forbids: Vec::new(), actors: caller.actors(), tester: false, directory: false };
        scope.directory = self.belonging(resource).is_some_and(|row| row.bound == Bound::Directory);
        scope.tester = caller.kind == super::CallerKind::Tester;
        for rule in self.applicable(caller, action, resource, today) {
            let condition = self.condition(rule, caller, resource, now).whole();
            if condition == Filter::Nothing {
                continue;
            }
            if rule.permits {
                scope.permits.push((rule.id.clone(), rule.group.clone().unwrap_or_default(), condition));
            } else {
                scope.forbids.push((rule.id.clone(), rule.group.clone(), condition));
            }
        }
        scope
    }

    /// The rules about what a caller does with a type on a day, in the order of their table.
    pub(super) fn applicable(&self, caller: &Caller, action: Action, resource: ResourceType, today: i32) -> impl Iterator<Item = &Rule> {
        // A barred exercise reaches nothing of anybody's record; directories everybody reads.
        let barred = self.exercise(caller) == Exercise::Barred && self.is_of_record(resource);
        let (kind, purpose) = (caller.kind, caller.purpose);
        self.rules.iter().filter(move |rule| {
            !barred
                && rule.caller == kind
                && rule.is_about(resource)
                && rule.is_of(action)
                && rule.purpose.is_none_or(|one| one == purpose)
                && rule.since <= today
                && today < rule.until
        })
    }

    /// What a rule asks for.
    pub(super) fn condition(&self, rule: &Rule, caller: &Caller, resource: ResourceType, now: i64) -> Condition {
        Condition {
            relation: self.relation(rule.relation, caller, resource, now),
            matrix: if rule.matrix { self.readable(caller, day(now)) } else { Filter::Everything },
            unlabelled: rule.except.iter().map(|label| (*label, self.lasting.hides(*label, now).negate())).collect(),
        }
    }

    /// What the matrix lets the caller's profession consult.
    fn readable(&self, caller: &Caller, today: i32) -> Filter {
        let Some(profession) = &caller.profession else { return Filter::Nothing };
        let types: Arc<[i16]> = self.matrix.readable(profession, self.accept_provisional, today);
        if types.is_empty() { Filter::Nothing } else { Filter::Envelope(EnvelopeTest::DocTypeIn(types)) }
    }
}
