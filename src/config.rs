//! The configuration of `ensemble serve`: a TOML file, read once; an unknown key or a missing security setting refuses to start.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What `ensemble.toml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where `/metrics` and health listen, apart from the public; absent for nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// `postgres://…` or `sqlite:PATH`; `ENSEMBLE_DATABASE` wins, so that a password stays out of the file.
    pub database: Option<String>,
    /// The address of the FHIR base as clients know it, `https://…/fhir`.
    pub base_url: String,
    /// Which identities are taken.
    pub environment: Environment,
    /// A secret all nodes share, 32 characters at least, for page cursors; `ENSEMBLE_CURSOR_SECRET` wins.
    pub cursor_secret: Option<String>,
    /// Whose tokens are believed.
    #[serde(default)]
    pub issuer: Vec<IssuerConfig>,
    /// The applications that persons may allow something; none where none is named.
    #[serde(default)]
    pub application: Vec<ApplicationConfig>,
    /// A directory with the tables of the law; by default those the binary was built with.
    pub authorization: Option<PathBuf>,
    /// Whether provisional cells of the matrix apply; by default confirmed ones only.
    #[serde(default)]
    pub accept_provisional: bool,
    /// Whether unknown search parameters are errors.
    #[serde(default)]
    pub strict_search: bool,
    /// Whether what departs from the guides' profiles is warned of or refused.
    #[serde(default)]
    pub admission: Admission,
    /// Whether `MASQUE_PS` and `INVISIBLE_PATIENT` may stand together.
    #[serde(default)]
    pub masked_and_hidden: bool,
    /// Bytes of a resource at most, as sent and decompressed.
    #[serde(default = "body_bytes_max")]
    pub body_bytes_max: usize,
}

/// What is taken where nothing else is said: a document of 50 MiB, which JSON holds as base64, and a little around it.
pub const BODY_BYTES_MAX: usize = 50 * 1024 * 1024 / 3 * 4 + 1024 * 1024;

fn body_bytes_max() -> usize {
    BODY_BYTES_MAX
}

/// What the limit may be: some room for a resource, and no more than a database holds in one value.
const BODY_BYTES: std::ops::RangeInclusive<usize> = 64 * 1024..=512 * 1024 * 1024;

/// Which identities are taken (CONTRACT 3, The space).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// True ones.
    Production,
    /// Test and demonstration ones.
    Test,
}

/// What becomes of a resource that departs from the guides' profiles (CONTRACT 3, Admission).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Admission {
    /// It is taken, with warnings.
    #[default]
    Lenient,
    /// It is refused.
    Strict,
}

/// An issuer of tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// Its name, `iss`.
    pub name: String,
    /// Who its tokens must be for, `aud`.
    pub audience: String,
    /// A PEM file with its public key: P-256 (ES256) or RSA of 2048 bits at least (RS256).
    pub key: PathBuf,
}

/// An application of the catalogue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationConfig {
    /// Its client id, as in its tokens and in Consents.
    pub client: String,
    /// The codes of the purposes it may be allowed, of `purposes.tsv`.
    pub purposes: Vec<String>,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// It is no TOML, has an unknown key, lacks one or says something impossible.
    #[error("{0}")]
    Content(String),
}

/// Characters of the cursor secret at least.
const SECRET_CHARS_MIN: usize = 32;

impl Config {
    /// Reads and checks a file; `environment` gives variables of the process.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key.
    pub fn read(path: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File(path.to_owned(), error))?;
        Self::parse(&text, environment)
    }

    fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let refuse = |message: &str| Err(ConfigError::Content(message.to_owned()));
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Content(error.to_string()))?;
        config.database = environment("ENSEMBLE_DATABASE").or(config.database);
        config.cursor_secret = environment("ENSEMBLE_CURSOR_SECRET").or(config.cursor_secret);
        if config.database.is_none() {
            return refuse("`database` is missing: set it, or ENSEMBLE_DATABASE");
        }
        if config.cursor_secret.as_ref().is_none_or(|secret| secret.chars().count() < SECRET_CHARS_MIN) {
            return refuse("`cursor_secret` is missing or shorter than 32 characters: set it, or ENSEMBLE_CURSOR_SECRET");
        }
        if config.issuer.is_empty() {
            return refuse("`issuer` is missing: nobody could be let in");
        }
        if let Some(twice) =
            config.issuer.iter().enumerate().find(|(at, one)| config.issuer.iter().take(*at).any(|other| other.name == one.name))
        {
            return refuse(&format!("issuer `{}` stands twice", twice.1.name));
        }
        if let Some(empty) = config.issuer.iter().find(|one| one.name.is_empty() || one.audience.is_empty()) {
            return refuse(&format!("issuer `{}` needs a name and an audience", empty.name));
        }
        let mut clients: Vec<&str> = config.application.iter().map(|one| one.client.as_str()).collect();
        clients.sort_unstable();
        if let Some(twice) = clients.windows(2).find(|pair| pair.first() == pair.last()) {
            return refuse(&format!("application `{}` stands twice", twice.first().copied().unwrap_or_default()));
        }
        if let Some(empty) = config.application.iter().find(|one| one.client.is_empty() || one.purposes.is_empty()) {
            return refuse(&format!("application `{}` needs a client and purposes", empty.client));
        }
        let base = config.base_url.trim_end_matches('/').to_owned();
        let secure = match base.split_once("://") {
            Some(("https", rest)) => !host(rest).is_empty(),
            Some(("http", rest)) => matches!(host(rest), "127.0.0.1" | "localhost" | "[::1]"),
            _ => false,
        };
        if !secure || !base.ends_with("/fhir") {
            return refuse("`base_url` is `https://…/fhir` (http on loopback only)");
        }
        if !BODY_BYTES.contains(&config.body_bytes_max) {
            return refuse(&format!("`body_bytes_max` is from {} to {}", BODY_BYTES.start(), BODY_BYTES.end()));
        }
        config.base_url = base;
        Ok(config)
    }
}

/// The host of what follows the scheme: without a port; with whatever else stands there, which no name of a host is equal to.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        listen = "127.0.0.1:8443"
        database = "sqlite:x.db"
        base_url = "https://dmp.example/fhir/"
        environment = "test"
        cursor_secret = "0123456789abcdef0123456789abcdef"
        [[issuer]]
        name = "https://idp.example"
        audience = "https://dmp.example/fhir"
        key = "idp.pem"
    "#;
    const APPLICATION: &str = "[[application]]\nclient = \"diary\"\npurposes = [\"PATRQT\"]\n";

    #[test]
    fn a_configuration_is_whole_or_refused() {
        let nothing = |_: &str| None;
        let config = Config::parse(GOOD, nothing).unwrap();
        assert_eq!(
            (config.environment, config.base_url.as_str(), config.accept_provisional, config.body_bytes_max),
            (Environment::Test, "https://dmp.example/fhir", false, 70_953_640)
        );
        assert!(config.application.is_empty());
        let catalogued = Config::parse(&format!("{GOOD}\n{APPLICATION}"), nothing).unwrap().application;
        assert_eq!(
            catalogued.iter().map(|one| (one.client.as_str(), one.purposes.concat())).collect::<Vec<_>>(),
            [("diary", "PATRQT".into())]
        );
        assert_eq!(config.admission, Admission::Lenient);
        assert_eq!(Config::parse(&format!("admission = \"strict\"\n{GOOD}"), nothing).unwrap().admission, Admission::Strict);
        let larger = format!("body_bytes_max = 104857600\n{GOOD}");
        assert_eq!(Config::parse(&larger, nothing).unwrap().body_bytes_max, 100 * 1024 * 1024);
        let rows = [
            ("http://127.0.0.1/fhir", true),
            ("http://127.0.0.1:8080/fhir", true),
            ("http://localhost:1/dmp/fhir", true),
            ("http://[::1]:8080/fhir", true),
            ("https://dmp.example:8443/fhir", true),
            ("http://127.0.0.1.evil.example/fhir", false),
            ("http://localhost.evil.example/fhir", false),
            ("http://127.0.0.1@evil.example/fhir", false),
            ("http://127.0.0.1:8080@evil.example/fhir", false),
            ("http://evil.example/127.0.0.1/fhir", false),
            ("https:///fhir", false),
            ("https://:443/fhir", false),
            ("HTTP://127.0.0.1/fhir", false),
            ("ftp://127.0.0.1/fhir", false),
            ("https://dmp.example/other", false),
        ];
        for (base, good) in rows {
            assert_eq!(Config::parse(&GOOD.replace("https://dmp.example/fhir/", base), nothing).is_ok(), good, "{base}");
        }
        let rows = [
            (GOOD.replace("listen =", "lissen ="), "lissen"),
            (GOOD.replace("cursor_secret = \"0123456789abcdef0123456789abcdef\"", ""), "cursor_secret"),
            (GOOD.replace("0123456789abcdef0123456789abcdef", "short"), "cursor_secret"),
            (GOOD.replace("database = \"sqlite:x.db\"", ""), "database"),
            (GOOD.replace("environment = \"test\"", ""), "environment"),
            (GOOD.replace("\"test\"", "\"prod\""), "prod"),
            (GOOD.replace("https://dmp.example/fhir/", "http://dmp.example/fhir"), "base_url"),
            (format!("body_bytes_max = 100\n{GOOD}"), "body_bytes_max"),
            (format!("body_bytes_max = 99999999999\n{GOOD}"), "body_bytes_max"),
            (GOOD.split("[[issuer]]").next().unwrap().to_owned(), "issuer"),
            (GOOD.replace("key = ", "cle = "), "cle"),
            (format!("admission = \"severe\"\n{GOOD}"), "severe"),
            (format!("{GOOD}\n{APPLICATION}{APPLICATION}"), "application `diary` stands twice"),
            (format!("{GOOD}\n{}", APPLICATION.replace("\"PATRQT\"", "")), "application `diary` needs"),
            (format!("{GOOD}\n{}", APPLICATION.replace("purposes", "purpose")), "purpose"),
            (GOOD.replace("audience = \"https://dmp.example/fhir\"", "audience = \"\""), "audience"),
        ];
        for (text, message) in rows {
            let error = Config::parse(&text, nothing).unwrap_err().to_string();
            assert!(error.contains(message), "{message}: {error}");
        }
        let variable = |name: &str| (name == "ENSEMBLE_DATABASE").then(|| "postgres://elsewhere".to_owned());
        assert_eq!(Config::parse(GOOD, variable).unwrap().database.as_deref(), Some("postgres://elsewhere"));
    }
}
