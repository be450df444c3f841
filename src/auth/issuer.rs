//! The issuer of the sandbox (CONTRACT 2): a fresh key for each process, tokens like anybody else's.

use serde::Deserialize;

use super::{Claims, Error, PublicKey, SigningKey};
use crate::clock::Clock;
use crate::fhir::national::Ins;

/// How long a token is good for, seconds.
pub const LIFETIME_S: i64 = 3600;
/// The name of the issuer.
pub const NAME: &str = "ensemble-sandbox";

/// `POST /sandbox/token`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenRequest {
    /// The kind of caller.
    pub kind: String,
    /// PSIdNat or StructIdNat.
    pub id: Option<String>,
    /// INS of a holder or representative.
    pub ins: Option<String>,
    /// INS of the person represented.
    pub r#for: Option<String>,
    /// Client id of an application.
    pub client: Option<String>,
    /// SMART scopes of an application.
    pub scope: Option<String>,
    /// Code of the profession.
    pub profession: Option<String>,
    /// Its nomenclature.
    pub profession_system: Option<String>,
    /// Specialty.
    pub specialty: Option<String>,
    /// Role.
    pub role: Option<String>,
    /// Birth name.
    pub family: Option<String>,
    /// First name.
    pub given: Option<String>,
    /// StructIdNat of the structure acted for.
    pub structure: Option<String>,
    /// Sector of activity.
    pub sector: Option<String>,
    /// Mode of access.
    pub purpose: Option<String>,
    /// Why, in break-glass.
    pub reason: Option<String>,
    /// Whether it is an act of regulation.
    pub regulation: bool,
    /// A minor's secret connection.
    pub secret: bool,
}

/// Makes the sandbox's tokens.
#[derive(Clone)]
pub struct Issuer {
    key: SigningKey,
    audience: String,
}

impl Issuer {
    /// An issuer with a fresh key.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn new(audience: &str) -> Result<Self, Error> {
        Ok(Self { key: SigningKey::generate()?, audience: audience.to_owned() })
    }

    /// The key that verifies its tokens.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn public_key(&self) -> Result<PublicKey, Error> {
        self.key.public()
    }

    /// A token for this request.
    ///
    /// # Errors
    /// [`Error::Field`] naming what does not fit.
    pub fn issue(&self, request: &TokenRequest, clock: &Clock) -> Result<String, Error> {
        let claims = self.claims(request, clock)?;
        claims.caller()?;
        self.key.sign(&claims)
    }

    fn claims(&self, request: &TokenRequest, clock: &Clock) -> Result<Claims, Error> {
        let needed = |name: &'static str, value: &Option<String>| {
            value.clone().ok_or_else(|| Error::Field { field: name, message: format!("`{name}` is needed for this kind of caller") })
        };
        // A bare value is of system INS-NIR; what is no INS is told by the claims.
        let person = |text: String| Ins::parse(&text).map_or(text, |ins| ins.to_string());
        let sub = match request.kind.as_str() {
            "professional" | "structure" => needed("id", &request.id)?,
            "holder" | "representative" => person(needed("ins", &request.ins)?),
            "application" => needed("client", &request.client)?,
            other => other.to_owned(),
        };
        Ok(Claims {
            iss: NAME.to_owned(),
            aud: self.audience.clone(),
            sub,
            iat: clock.seconds(),
            exp: clock.seconds() + LIFETIME_S,
            nbf: None,
            jti: clock.next_id(),
            kind: request.kind.clone(),
            profession: request.profession.clone(),
            profession_system: request.profession_system.clone(),
            specialty: request.specialty.clone(),
            role: request.role.clone(),
            sector: request.sector.clone(),
            structure: request.structure.clone(),
            family: request.family.clone(),
            given: request.given.clone(),
            purpose: request.purpose.clone(),
            reason: request.reason.clone(),
            regulation: request.regulation,
            secret: request.secret,
            r#for: request.r#for.clone().map(person),
            scope: request.scope.clone(),
            acr: None,
        })
    }
}
