//! The catalogue of applications (L1111-13-1, R1111-37 CSP): those that a person may allow something, each for purposes of its own.

/// An application of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its client id.
    pub client: String,
    /// The codes of the purposes it is catalogued for.
    pub purposes: Vec<String>,
}

/// Which applications there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Catalogue {
    /// Any, for any purpose: the sandbox.
    #[default]
    Open,
    /// These and no other.
    Of(Vec<Application>),
}

impl Catalogue {
    /// Whether an application is catalogued; one that is not any more consults nothing, whatever it was allowed.
    pub fn has(&self, client: &str) -> bool {
        self.find(client).is_none_or(|found| found.is_some())
    }

    /// What an application is catalogued for: a right that was given for nothing else gives nothing. `None` where everything is.
    pub fn purposes(&self, client: &str) -> Option<&[String]> {
        self.find(client).map(|found| found.map(|one| one.purposes.as_slice()).unwrap_or_default())
    }

    /// Whether an application is catalogued for a purpose.
    pub fn has_for(&self, client: &str, purpose: &str) -> bool {
        self.find(client).is_none_or(|found| found.is_some_and(|one| one.purposes.iter().any(|code| code == purpose)))
    }

    /// What is catalogued; `None` where everything is.
    fn find(&self, client: &str) -> Option<Option<&Application>> {
        match self {
            Self::Open => None,
            Self::Of(all) => Some(all.iter().find(|one| one.client == client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_catalogued_is_nothing() {
        let diary = Application { client: "diary".into(), purposes: vec!["PATRQT".into()] };
        let of = Catalogue::Of(vec![diary]);
        let rows = [
            (&Catalogue::Open, "any", "TREAT", true, true),
            (&of, "diary", "PATRQT", true, true),
            (&of, "diary", "TREAT", true, false),
            (&of, "Diary", "PATRQT", false, false),
            (&of, "", "", false, false),
        ];
        for (catalogue, client, purpose, has, has_for) in rows {
            assert_eq!((catalogue.has(client), catalogue.has_for(client, purpose)), (has, has_for), "{client} {purpose}");
        }
        assert!(!Catalogue::Of(Vec::new()).has("diary"));
        assert_eq!(Catalogue::Open.purposes("any"), None);
        assert_eq!(of.purposes("diary"), Some(&["PATRQT".to_owned()][..]));
        assert_eq!(of.purposes("game"), Some(&[][..]));
    }
}
