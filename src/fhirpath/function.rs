//! The functions by name, with how many arguments each takes (FHIRPath N1 #functions, FHIR R4 fhirpath.html#functions).

use super::types::SystemType;

/// A function, named as the specification names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Empty,
    Exists,
    All,
    AllTrue,
    AnyTrue,
    AllFalse,
    AnyFalse,
    SubsetOf,
    SupersetOf,
    Count,
    Distinct,
    IsDistinct,
    Not,
    Where,
    Select,
    Repeat,
    Aggregate,
    Sort,
    Iif,
    Trace,
    Single,
    First,
    Last,
    Tail,
    Skip,
    Take,
    Intersect,
    Exclude,
    Union,
    Combine,
    To(SystemType),
    ConvertsTo(SystemType),
    IndexOf,
    LastIndexOf,
    Substring,
    StartsWith,
    EndsWith,
    Contains,
    Upper,
    Lower,
    Replace,
    Matches,
    MatchesFull,
    ReplaceMatches,
    Length,
    ToChars,
    Encode,
    Decode,
    Escape,
    Unescape,
    Trim,
    Split,
    Join,
    Abs,
    Ceiling,
    Exp,
    Floor,
    Ln,
    Log,
    Power,
    Round,
    Sqrt,
    Truncate,
    Children,
    Descendants,
    Type,
    Extension,
    HasExtension,
    HasValue,
    GetValue,
    Resolve,
    CheckModifiers,
    Now,
    Today,
    TimeOfDay,
    LowBoundary,
    HighBoundary,
    Precision,
    Comparable,
    /// One that needs terminology, profiles or a parser of XHTML; its name.
    Beyond(&'static str),
}

use Function as F;

/// Name, fewest and most arguments.
const FUNCTIONS: [(&str, usize, usize, Function); 103] = [
    ("empty", 0, 0, F::Empty),
    ("exists", 0, 1, F::Exists),
    ("all", 1, 1, F::All),
    ("allTrue", 0, 0, F::AllTrue),
    ("anyTrue", 0, 0, F::AnyTrue),
    ("allFalse", 0, 0, F::AllFalse),
    ("anyFalse", 0, 0, F::AnyFalse),
    ("subsetOf", 1, 1, F::SubsetOf),
    ("supersetOf", 1, 1, F::SupersetOf),
    ("count", 0, 0, F::Count),
    ("distinct", 0, 0, F::Distinct),
    ("isDistinct", 0, 0, F::IsDistinct),
    ("not", 0, 0, F::Not),
    ("where", 1, 1, F::Where),
    ("select", 1, 1, F::Select),
    ("repeat", 1, 1, F::Repeat),
    ("aggregate", 1, 2, F::Aggregate),
    ("sort", 0, 8, F::Sort),
    ("iif", 2, 3, F::Iif),
    ("trace", 1, 2, F::Trace),
    ("single", 0, 0, F::Single),
    ("first", 0, 0, F::First),
    ("last", 0, 0, F::Last),
    ("tail", 0, 0, F::Tail),
    ("skip", 1, 1, F::Skip),
    ("take", 1, 1, F::Take),
    ("intersect", 1, 1, F::Intersect),
    ("exclude", 1, 1, F::Exclude),
    ("union", 1, 1, F::Union),
    ("combine", 1, 1, F::Combine),
    ("toBoolean", 0, 0, F::To(SystemType::Boolean)),
    ("toInteger", 0, 0, F::To(SystemType::Integer)),
    ("toDecimal", 0, 0, F::To(SystemType::Decimal)),
    ("toString", 0, 0, F::To(SystemType::String)),
    ("toDate", 0, 0, F::To(SystemType::Date)),
    ("toDateTime", 0, 0, F::To(SystemType::DateTime)),
    ("toTime", 0, 0, F::To(SystemType::Time)),
    ("toQuantity", 0, 1, F::To(SystemType::Quantity)),
    ("convertsToBoolean", 0, 0, F::ConvertsTo(SystemType::Boolean)),
    ("convertsToInteger", 0, 0, F::ConvertsTo(SystemType::Integer)),
    ("convertsToDecimal", 0, 0, F::ConvertsTo(SystemType::Decimal)),
    ("convertsToString", 0, 0, F::ConvertsTo(SystemType::String)),
    ("convertsToDate", 0, 0, F::ConvertsTo(SystemType::Date)),
    ("convertsToDateTime", 0, 0, F::ConvertsTo(SystemType::DateTime)),
    ("convertsToTime", 0, 0, F::ConvertsTo(SystemType::Time)),
    ("convertsToQuantity", 0, 1, F::ConvertsTo(SystemType::Quantity)),
    ("indexOf", 1, 1, F::IndexOf),
    ("lastIndexOf", 1, 1, F::LastIndexOf),
    ("substring", 1, 2, F::Substring),
    ("startsWith", 1, 1, F::StartsWith),
    ("endsWith", 1, 1, F::EndsWith),
    ("contains", 1, 1, F::Contains),
    ("upper", 0, 0, F::Upper),
    ("lower", 0, 0, F::Lower),
    ("replace", 2, 2, F::Replace),
    ("matches", 1, 1, F::Matches),
    ("matchesFull", 1, 1, F::MatchesFull),
    ("replaceMatches", 2, 2, F::ReplaceMatches),
    ("length", 0, 0, F::Length),
    ("toChars", 0, 0, F::ToChars),
    ("encode", 1, 1, F::Encode),
    ("decode", 1, 1, F::Decode),
    ("escape", 1, 1, F::Escape),
    ("unescape", 1, 1, F::Unescape),
    ("trim", 0, 0, F::Trim),
    ("split", 1, 1, F::Split),
    ("join", 0, 1, F::Join),
    ("abs", 0, 0, F::Abs),
    ("ceiling", 0, 0, F::Ceiling),
    ("exp", 0, 0, F::Exp),
    ("floor", 0, 0, F::Floor),
    ("ln", 0, 0, F::Ln),
    ("log", 1, 1, F::Log),
    ("power", 1, 1, F::Power),
    ("round", 0, 1, F::Round),
    ("sqrt", 0, 0, F::Sqrt),
    ("truncate", 0, 0, F::Truncate),
    ("children", 0, 0, F::Children),
    ("descendants", 0, 0, F::Descendants),
    ("type", 0, 0, F::Type),
    ("extension", 1, 1, F::Extension),
    ("hasExtension", 1, 1, F::HasExtension),
    ("hasValue", 0, 0, F::HasValue),
    ("getValue", 0, 0, F::GetValue),
    ("resolve", 0, 0, F::Resolve),
    ("checkModifiers", 0, 8, F::CheckModifiers),
    ("now", 0, 0, F::Now),
    ("today", 0, 0, F::Today),
    ("timeOfDay", 0, 0, F::TimeOfDay),
    ("lowBoundary", 0, 1, F::LowBoundary),
    ("highBoundary", 0, 1, F::HighBoundary),
    ("precision", 0, 0, F::Precision),
    ("comparable", 1, 1, F::Comparable),
    ("memberOf", 1, 1, F::Beyond("memberOf")),
    ("conformsTo", 1, 1, F::Beyond("conformsTo")),
    ("htmlChecks", 0, 0, F::Beyond("htmlChecks")),
    ("htmlChecks2", 0, 0, F::Beyond("htmlChecks2")),
    ("subsumes", 1, 1, F::Beyond("subsumes")),
    ("subsumedBy", 1, 1, F::Beyond("subsumedBy")),
    ("elementDefinition", 0, 0, F::Beyond("elementDefinition")),
    ("slice", 2, 2, F::Beyond("slice")),
    ("validateVS", 1, 1, F::Beyond("validateVS")),
    ("translate", 1, 1, F::Beyond("translate")),
];

impl Function {
    /// The function of this name, with the fewest and the most arguments it takes.
    pub fn find(name: &str) -> Option<(Self, usize, usize)> {
        FUNCTIONS.iter().find(|(known, ..)| *known == name).map(|(_, fewest, most, function)| (*function, *fewest, *most))
    }

    /// Whether its arguments are asked of each item of the input, not of the focus.
    pub fn asks_each(self) -> bool {
        matches!(self, F::Exists | F::All | F::Where | F::Select | F::Repeat | F::Aggregate | F::Sort | F::Iif | F::Trace)
    }

    /// Whether it yields nothing wherever there is no input.
    pub fn needs_input(self) -> bool {
        !matches!(
            self,
            F::Empty
                | F::Exists
                | F::All
                | F::AllTrue
                | F::AnyTrue
                | F::AllFalse
                | F::AnyFalse
                | F::SubsetOf
                | F::SupersetOf
                | F::Count
                | F::IsDistinct
                | F::Aggregate
                | F::Iif
                | F::Union
                | F::Combine
                | F::Now
                | F::Today
                | F::TimeOfDay
                | F::HasExtension
                | F::HasValue
                | F::Beyond(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_one_name() {
        for (name, fewest, most, function) in FUNCTIONS {
            assert_eq!(Function::find(name), Some((function, fewest, most)));
            assert!(fewest <= most);
        }
    }
}
