//! The routes under the FHIR base (FHIR R4 http.html#summary): method and path to an interaction. Pure.

use percent_encoding::percent_decode_str;

use super::{Compartment, Error, explain};
use crate::fhir::ResourceType;
use crate::fhir::format::is_id;
use crate::search::has_compartments;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET metadata`; public.
    Capabilities,
    /// `GET .well-known/smart-configuration`; public.
    SmartConfiguration,
    /// `POST` to the base: a batch or transaction.
    Bundle,
    /// `GET [type]/[id]`.
    Read(ResourceType, String),
    /// `GET [type]/[id]/_history/[vid]`.
    Vread(ResourceType, String, String),
    /// `GET [type]/[id]/_history`.
    History(ResourceType, String),
    /// `GET [type]/_history`, or `GET _history` of all types.
    HistoryType(Option<ResourceType>),
    /// `GET [type]`, or `GET [compartment]/[id]/[type]`.
    Search(ResourceType, Option<Compartment>),
    /// `POST [type]/_search`, or `POST [compartment]/[id]/[type]/_search`.
    PostSearch(ResourceType, Option<Compartment>),
    /// `GET` of the base, or `GET [compartment]/[id]/*`.
    SearchSystem(Option<Compartment>),
    /// `POST _search`.
    PostSearchSystem,
    /// `POST [type]`.
    Create(ResourceType),
    /// `PUT [type]/[id]`, or `PUT [type]?…` without an id.
    Update(ResourceType, Option<String>),
    /// `PATCH [type]/[id]`, or `PATCH [type]?…` without an id.
    Patch(ResourceType, Option<String>),
    /// `DELETE [type]/[id]`, or `DELETE [type]?…` without an id.
    Delete(ResourceType, Option<String>),
    /// `GET` or `POST [type]/[id]/$explain-access`, and whether it is a POST; the id as it was written.
    Explain(ResourceType, String, bool),
}

impl Route {
    /// Whether it is answered without a token.
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Capabilities | Self::SmartConfiguration)
    }

    /// FHIR's code of the interaction.
    pub fn interaction(&self) -> &'static str {
        match self {
            Self::Capabilities | Self::SmartConfiguration => "capabilities",
            Self::Bundle => "batch",
            Self::Read(..) => "read",
            Self::Vread(..) => "vread",
            Self::History(..) => "history-instance",
            Self::HistoryType(Some(_)) => "history-type",
            Self::HistoryType(None) => "history-system",
            Self::Search(..) | Self::PostSearch(..) => "search-type",
            Self::SearchSystem(_) | Self::PostSearchSystem => "search-system",
            Self::Create(_) => "create",
            Self::Update(..) => "update",
            Self::Patch(..) => "patch",
            Self::Delete(..) => "delete",
            Self::Explain(..) => "operation",
        }
    }

    /// The type it is about, where it is about one, and the id, where it names one.
    pub fn about(&self) -> (Option<ResourceType>, Option<&str>) {
        match self {
            Self::Capabilities | Self::SmartConfiguration | Self::Bundle | Self::PostSearchSystem => (None, None),
            Self::SearchSystem(within) => (within.as_ref().map(|within| within.of), within.as_ref().map(|within| within.id.as_str())),
            Self::Search(resource, _) | Self::PostSearch(resource, _) | Self::Create(resource) => (Some(*resource), None),
            Self::HistoryType(resource) => (*resource, None),
            Self::Read(resource, id) | Self::Vread(resource, id, _) | Self::History(resource, id) | Self::Explain(resource, id, _) => {
                (Some(*resource), Some(id))
            }
            Self::Update(resource, id) | Self::Patch(resource, id) | Self::Delete(resource, id) => (Some(*resource), id.as_deref()),
        }
    }

    /// Whether it answers one resource as it stands.
    pub fn reads(&self) -> bool {
        matches!(self, Self::Read(..) | Self::Vread(..))
    }

    /// Whether it answers a resource just written.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Update(..) | Self::Patch(..))
    }

    /// Whether it answers, or takes, the raw content of a Binary.
    pub fn is_of_binary(&self) -> bool {
        match self {
            Self::Read(resource, _) | Self::Vread(resource, ..) | Self::Create(resource) | Self::Update(resource, _) => {
                *resource == ResourceType::BINARY
            }
            _ => false,
        }
    }
}

/// The route of a method and a path below the base.
///
/// # Errors
/// [`Error::UnknownType`], [`Error::NotFound`] for an id that cannot be one, [`Error::Method`].
pub fn route(method: &str, path: &str) -> Result<Route, Error> {
    let method = if method == "HEAD" { "GET" } else { method };
    let path = percent_decode_str(path.trim_matches('/')).decode_utf8().map_err(|_| Error::UnknownType("?".into()))?.into_owned();
    let segments: Vec<&str> = path.split('/').collect();
    let method_error = |allow: &'static str| Error::Method {
        allow,
        message: format!("`{}` is not for this address", method.chars().take(16).collect::<String>()),
    };
    match segments.as_slice() {
        ["metadata"] => return if method == "GET" { Ok(Route::Capabilities) } else { Err(method_error("GET")) },
        [".well-known", "smart-configuration"] => {
            return if method == "GET" { Ok(Route::SmartConfiguration) } else { Err(method_error("GET")) };
        }
        ["_history"] => return if method == "GET" { Ok(Route::HistoryType(None)) } else { Err(method_error("GET")) },
        [""] if method == "POST" => return Ok(Route::Bundle),
        [""] if method == "GET" => return Ok(Route::SearchSystem(None)),
        [""] => return Err(method_error("GET, POST")),
        ["_search"] if method == "POST" => return Ok(Route::PostSearchSystem),
        ["_search"] => return Err(method_error("POST")),
        _ => {}
    }
    let name = segments.first().copied().unwrap_or_default();
    let resource = ResourceType::parse(name).ok_or_else(|| Error::UnknownType(name.chars().take(64).collect()))?;
    let id = |id: &str| if is_id(id) { Ok(id.to_owned()) } else { Err(Error::NotFound(resource, id.chars().take(64).collect())) };
    match segments.as_slice() {
        [_] => match method {
            "GET" => Ok(Route::Search(resource, None)),
            "POST" => Ok(Route::Create(resource)),
            "PUT" => Ok(Route::Update(resource, None)),
            "PATCH" => Ok(Route::Patch(resource, None)),
            "DELETE" => Ok(Route::Delete(resource, None)),
            _ => Err(method_error("GET, POST")),
        },
        [_, "_search"] => match method {
            "POST" => Ok(Route::PostSearch(resource, None)),
            _ => Err(method_error("POST")),
        },
        [_, "_history"] => match method {
            "GET" => Ok(Route::HistoryType(Some(resource))),
            _ => Err(method_error("GET")),
        },
        [_, other] if other.starts_with(['$', '_']) => {
            Err(Error::NotSupported { place: other.chars().take(64).collect(), message: "there is no such operation on this type".into() })
        }
        [_, one] => {
            let id = id(one)?;
            match method {
                "GET" => Ok(Route::Read(resource, id)),
                "PUT" => Ok(Route::Update(resource, Some(id))),
                "PATCH" => Ok(Route::Patch(resource, Some(id))),
                "DELETE" => Ok(Route::Delete(resource, Some(id))),
                _ => Err(method_error("GET, PUT, PATCH, DELETE")),
            }
        }
        [_, one, "_history"] => match method {
            "GET" => Ok(Route::History(resource, id(one)?)),
            _ => Err(method_error("GET")),
        },
        [_, one, "_history", version] => match method {
            "GET" => Ok(Route::Vread(resource, id(one)?, (*version).to_owned())),
            _ => Err(method_error("GET")),
        },
        [_, of, "*"] if has_compartments(resource) => match method {
            "GET" => Ok(Route::SearchSystem(Some(Compartment { of: resource, id: id(of)? }))),
            _ => Err(method_error("GET")),
        },
        [_, of, inner, rest @ ..]
            if has_compartments(resource) && ResourceType::parse(inner).is_some() && matches!(rest, [] | ["_search"]) =>
        {
            let inner = ResourceType::parse(inner).unwrap_or(resource);
            let within = Some(Compartment { of: resource, id: id(of)? });
            match (method, rest) {
                ("GET", []) => Ok(Route::Search(inner, within)),
                ("POST", ["_search"]) => Ok(Route::PostSearch(inner, within)),
                (_, []) => Err(method_error("GET")),
                _ => Err(method_error("POST")),
            }
        }
        [_, one, explain::NAME] if matches!(method, "GET" | "POST") => Ok(Route::Explain(resource, (*one).to_owned(), method == "POST")),
        [_, _, other, ..] => Err(nothing_here(other)),
        [] => Err(Error::UnknownType(String::new())),
    }
}

/// The answer at an address below a resource where there is nothing.
pub(super) fn nothing_here(name: &str) -> Error {
    Error::NotSupported { place: name.chars().take(64).collect(), message: "there is nothing at this address".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_interactions() {
        let rows = [
            ("GET", "/metadata", "capabilities"),
            ("HEAD", "/Patient/a", "read"),
            ("GET", "/Patient/a/_history", "history-instance"),
            ("GET", "/Patient/a/_history/1", "vread"),
            ("GET", "/Patient/_history", "history-type"),
            ("GET", "/_history", "history-system"),
            ("POST", "/Patient/_history", "405"),
            ("DELETE", "/_history", "405"),
            ("GET", "/Patient", "search-type"),
            ("POST", "/Patient/_search", "search-type"),
            ("POST", "/Patient", "create"),
            ("PUT", "/Consent/a", "update"),
            ("PATCH", "/DocumentReference/a", "patch"),
            ("PATCH", "/DocumentReference", "patch"),
            ("DELETE", "/DocumentReference/a", "delete"),
            ("POST", "/metadata", "405"),
            ("GET", "/Patient/_search", "405"),
            ("DELETE", "/Patient", "delete"),
            ("PUT", "/Patient", "update"),
            ("OPTIONS", "/Patient", "405"),
            ("TRACE", "/Patient/a", "405"),
            ("GET", "/patient/a", "404"),
            ("GET", "/Patient/a_b", "404"),
            ("GET", "/Patient/%ff", "404"),
            ("GET", "/Patient/$everything", "400"),
            ("POST", "/", "batch"),
            ("POST", "", "batch"),
            ("GET", "/", "search-system"),
            ("DELETE", "/", "405"),
            ("POST", "/_search", "search-system"),
            ("GET", "/_search", "405"),
            ("GET", "/Patient/a/Observation", "search-type"),
            ("POST", "/Patient/a/Observation/_search", "search-type"),
            ("GET", "/Patient/a/Observation/_search", "405"),
            ("POST", "/Patient/a/Observation", "405"),
            ("GET", "/Patient/a/*", "search-system"),
            ("GET", "/Patient/a/$explain-access", "operation"),
            ("POST", "/Patient/a_b/$explain-access", "operation"),
            ("DELETE", "/Patient/a/$explain-access", "400"),
            ("GET", "/Patient/a/$explain", "400"),
            ("GET", "/Patient/a/Nothing", "400"),
            ("GET", "/Observation/a/Patient", "400"),
            ("GET", "/Patient/a/b/c/d", "400"),
        ];
        for (method, path, expected) in rows {
            let found = route(method, path).map_or_else(|error| error.status().to_string(), |route| route.interaction().to_owned());
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}
