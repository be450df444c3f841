//! What a search is once it is understood.

use std::collections::BTreeSet;

use crate::fhir::ResourceType;
use crate::filter::{Filter, HolderName, Param, ParamKind};

/// Parameters in one search.
pub const MAX_PARAMETERS: usize = 100;
/// Values in one search, alternatives counted.
pub const MAX_VALUES: usize = 500;
/// Types that one link of a chain may lead to when it names none.
pub const MAX_CHAIN_TYPES: usize = 12;
/// Links of one chain, `_has` counted.
pub const MAX_CHAIN_LINKS: usize = 4;
/// Ways that all chains of a search may take together.
pub const MAX_CHAINS: usize = 60;
/// `_include` and `_revinclude` of one search.
pub const MAX_INCLUDES: usize = 20;
/// Keys of `_sort`.
pub const MAX_SORT_KEYS: usize = 5;
/// Bytes of one parameter's value.
pub const MAX_VALUE_BYTES: usize = 4096;
/// Entries of one page; a larger `_count` is cut.
pub const MAX_COUNT: u32 = 200;
/// Entries of one page when `_count` is absent.
pub const DEFAULT_COUNT: u32 = 20;

/// The parameters of AuditEvent that traces answer to.
pub const TRACES: [&str; 9] = ["action", "agent", "date", "entity", "outcome", "patient", "policy", "subtype", "type"];

/// What a query string means beside its words.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Now, microseconds since 1970, for `ap`.
    pub now: i64,
    /// Whether an unknown parameter is an error (`Prefer: handling=strict`).
    pub strict: bool,
    /// Whether traces are searched, which answer to [`TRACES`] alone.
    pub traces: bool,
    /// The types searched, where they are several: an include starts at any of them.
    pub beside: &'a [ResourceType],
    /// The address of this server, under which an absolute reference is its own.
    pub base_url: &'a str,
}

/// A parsed search: every value typed, every limit applied.
#[derive(Debug, Clone)]
pub struct Query {
    /// What is asked.
    pub filter: Filter,
    /// The holders named, one list of alternatives for each parameter that names some. Every match belongs to one of each list.
    pub holders: Vec<Vec<HolderName>>,
    /// `_include` and `_revinclude`, in the order given.
    pub includes: Vec<Include>,
    /// `_sort`; empty for the order of the server.
    pub sort: Vec<Sort>,
    /// `_count`, at most [`MAX_COUNT`].
    pub count: u32,
    /// `_total`.
    pub total: TotalMode,
    /// `_summary`.
    pub summary: Summary,
    /// `_elements`; empty for all.
    pub elements: Vec<String>,
    /// `_cursor`, as it was given.
    pub cursor: Option<String>,
    /// Parameters and sort keys left out because the type does not have them.
    pub ignored: Vec<String>,
    /// What was understood, for the self link; without `_cursor` and `_format`.
    pub echo: Vec<(String, String)>,
    /// Names of the parameters used without a modifier. A holder named by identifier stands as `patient.identifier` or
    /// `subject.identifier`, however it was written; a type (`subject:Patient`) is no modifier here.
    pub named: BTreeSet<String>,
}

/// What else an answer brings (FHIR R4 search.html#revinclude).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Whether it brings what refers to the resources, `_revinclude`, or what they refer to.
    pub reverse: bool,
    /// Whether it looks at included resources too.
    pub iterate: bool,
    /// The type that refers; `None` for any (`*`) of those that includes start at.
    pub source: Option<ResourceType>,
    /// By which parameter; `None` for any.
    pub param: Option<Param>,
    /// The only type that counts at the other end.
    pub target: Option<ResourceType>,
}

/// A key of `_sort`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Whether it runs backwards (`-`).
    pub descending: bool,
}

/// What a page is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// `_lastUpdated`.
    LastUpdated,
    /// `_id`.
    Id,
    /// The index rows of a parameter.
    Index(Param, ParamKind),
}

/// `_total` (FHIR R4 search.html#total).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotalMode {
    /// `none`, and the default.
    None,
    /// `accurate`.
    Accurate,
    /// `estimate`.
    Estimate,
}

/// `_summary` (FHIR R4 search.html#summary).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// `false`, and the default.
    False,
    /// `count`, and `_count=0`.
    Count,
    /// `true`.
    True,
    /// `text`.
    Text,
    /// `data`.
    Data,
}
