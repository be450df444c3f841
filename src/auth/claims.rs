//! What a token says of its bearer, and the caller it makes.

use serde::{Deserialize, Serialize};

use super::Error;
use crate::fhir::national::{Ins, is_psidnat, is_structidnat};
use crate::filter::Actor;
use crate::policy::matrix::PROFESSION_SYSTEMS;
use crate::policy::{Caller, CallerKind, Code, Purpose};

/// The claims of a token (RFC 7519; the names of persons and purposes follow the DMP's VIHF and Pro Santé Connect).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience: the base URL, or the name of this server.
    pub aud: String,
    /// The actor: PSIdNat, StructIdNat, INS as `system|value`, client id, or the name of a service.
    pub sub: String,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Expires at, seconds since 1970.
    pub exp: i64,
    /// Not valid before, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The token's own identifier.
    pub jti: String,
    /// The kind of caller.
    pub kind: String,
    /// Code of the profession.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profession: Option<String>,
    /// `TRE_G15` (default), `TRE_A02`, `TRE_R85`, `TRE_R94`, `TRE_R95`, or their canonical addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profession_system: Option<String>,
    /// Specialty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub specialty: Option<String>,
    /// Role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Sector of activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector: Option<String>,
    /// StructIdNat of the structure acted for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structure: Option<String>,
    /// Birth name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// Mode of access, TRE_R248; `normal` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Why, in break-glass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it is an act of medical regulation.
    pub regulation: bool,
    /// A minor's secret connection.
    pub secret: bool,
    /// INS of the person acted for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#for: Option<String>,
    /// SMART scopes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// How the bearer was authenticated; for a professional, where it is told, `eidas1` (Pro Santé Connect).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
}

fn field(field: &'static str, message: impl Into<String>) -> Error {
    Error::Field { field, message: message.into() }
}

/// The INS of a field, as `system|value`.
fn ins(name: &'static str, text: &str) -> Result<String, Error> {
    let ins = Ins::parse(text).ok_or_else(|| field(name, "expected an INS, as `system|value` with a right key"))?;
    Ok(ins.to_string())
}

impl Claims {
    /// The caller these claims describe.
    ///
    /// # Errors
    /// [`Error::Field`] naming the first claim that does not fit its kind.
    pub fn caller(&self) -> Result<Caller, Error> {
        if let Some(name) = self.with_control_character() {
            return Err(field(name, "a control character is in it"));
        }
        let kind = CallerKind::parse(&self.kind).ok_or_else(|| field("kind", "unknown kind of caller"))?;
        // A code in another spelling would make an ordinary exercise of one that is not.
        let spelt = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if self.sector.as_ref().is_some_and(|sector| !spelt(sector) || !sector.starts_with("SA")) {
            return Err(field("sector", "expected a code of TRE_R02"));
        }
        if self.specialty.as_ref().is_some_and(|specialty| !spelt(specialty)) {
            return Err(field("specialty", "expected a code of TRE_R38 or TRE_R01"));
        }
        if let Some(name) = self.of_another_kind(kind) {
            return Err(field(name, "not a claim of this kind of caller"));
        }
        let mut caller = Caller {
            kind,
            principal: self.principal(kind)?,
            structure: None,
            profession: None,
            specialty: self.specialty.clone(),
            role: self.role.clone(),
            sector: self.sector.clone(),
            purpose: Purpose::Normal,
            reason: self.reason.clone().filter(|reason| !reason.trim().is_empty()),
            acts_for: None,
            family: self.family.clone(),
            given: self.given.clone(),
            secret: self.secret,
            scopes: self.scope.iter().flat_map(|scope| scope.split_whitespace()).map(ToOwned::to_owned).collect(),
            token: self.jti.clone(),
        };
        match kind {
            CallerKind::Professional => self.professional(&mut caller)?,
            CallerKind::Holder => caller.acts_for = Some(ins("ins", &self.sub)?),
            CallerKind::Representative | CallerKind::Application => {
                let text = self.r#for.as_deref().ok_or_else(|| field("for", "the INS of the person is needed"))?;
                caller.acts_for = Some(ins("for", text)?);
                if kind == CallerKind::Representative && caller.acts_for.as_deref() == Some(caller.principal.id()) {
                    return Err(field("for", "nobody represents oneself"));
                }
            }
            CallerKind::Structure | CallerKind::Operator | CallerKind::Auditor | CallerKind::Tester => {}
        }
        if kind != CallerKind::Professional && self.purpose.as_deref().is_some_and(|purpose| purpose != Purpose::Normal.as_str()) {
            return Err(field("purpose", "only a professional has a mode of access"));
        }
        Ok(caller)
    }

    /// The first claim that only another kind of caller has: with it, it is not clear who asks. Names, sector and scopes may stand in
    /// any token.
    fn of_another_kind(&self, kind: CallerKind) -> Option<&'static str> {
        let professional = [
            ("profession", self.profession.is_some()),
            ("profession_system", self.profession_system.is_some()),
            ("specialty", self.specialty.is_some()),
            ("role", self.role.is_some()),
            ("structure", self.structure.is_some()),
            ("secret", self.secret),
        ];
        let acts = matches!(kind, CallerKind::Representative | CallerKind::Application);
        let one = professional.into_iter().find(|(_, said)| *said && kind != CallerKind::Professional).map(|(name, _)| name);
        one.or((self.r#for.is_some() && !acts).then_some("for"))
    }

    /// The first claim with a control character: none is a name, a code or a reason, and databases and logs take some of them badly.
    fn with_control_character(&self) -> Option<&'static str> {
        let claims = [
            ("id", Some(&self.sub)),
            ("jti", Some(&self.jti)),
            ("kind", Some(&self.kind)),
            ("profession", self.profession.as_ref()),
            ("profession_system", self.profession_system.as_ref()),
            ("specialty", self.specialty.as_ref()),
            ("role", self.role.as_ref()),
            ("sector", self.sector.as_ref()),
            ("structure", self.structure.as_ref()),
            ("family", self.family.as_ref()),
            ("given", self.given.as_ref()),
            ("purpose", self.purpose.as_ref()),
            ("reason", self.reason.as_ref()),
            ("for", self.r#for.as_ref()),
            ("scope", self.scope.as_ref()),
            ("acr", self.acr.as_ref()),
        ];
        claims.into_iter().find(|(_, claim)| claim.is_some_and(|text| text.chars().any(char::is_control))).map(|(name, _)| name)
    }

    fn principal(&self, kind: CallerKind) -> Result<Actor, Error> {
        let actor = match kind {
            CallerKind::Professional if is_psidnat(&self.sub) => Actor::professional(&self.sub),
            CallerKind::Professional => return Err(field("id", "expected a PSIdNat, as `8` and an RPPS of 11 digits")),
            CallerKind::Structure if is_structidnat(&self.sub) => Actor::structure(&self.sub),
            CallerKind::Structure => return Err(field("id", "expected a StructIdNat, as `1` and a FINESS of 9 characters")),
            CallerKind::Holder | CallerKind::Representative => Actor::person(&ins("ins", &self.sub)?),
            CallerKind::Application => Actor::application(&self.sub),
            CallerKind::Operator | CallerKind::Auditor | CallerKind::Tester => Actor::service(kind.as_str()),
        };
        actor.ok_or_else(|| field(if kind == CallerKind::Application { "client" } else { "id" }, "letters, digits and `:|.-` only"))
    }

    fn professional(&self, caller: &mut Caller) -> Result<(), Error> {
        let code = self
            .profession
            .as_deref()
            .filter(|code| !code.is_empty())
            .ok_or_else(|| field("profession", "the code of the profession is needed"))?;
        let system = self.profession_system.as_deref().unwrap_or("TRE_G15");
        let known = PROFESSION_SYSTEMS.into_iter().find(|(short, canonical)| *short == system || *canonical == system);
        let (short, system) = known.ok_or_else(|| field("profession_system", "unknown nomenclature of professions"))?;
        if self.acr.as_deref().is_some_and(|acr| acr != "eidas1") {
            return Err(field("acr", "expected eidas1"));
        }
        caller.profession = Some(Code { system: system.to_owned(), code: code.to_owned() });
        if let Some(structure) = &self.structure {
            let actor = Actor::structure(structure).filter(|_| is_structidnat(structure));
            caller.structure = Some(actor.ok_or_else(|| field("structure", "expected a StructIdNat"))?);
        }
        let purpose = self.purpose.as_deref().unwrap_or("normal");
        caller.purpose = Purpose::parse(purpose).ok_or_else(|| field("purpose", "expected normal, bris_de_glace or centre_15"))?;
        match caller.purpose {
            Purpose::BreakGlass if caller.reason.is_none() => Err(field("reason", "break-glass needs a reason")),
            Purpose::BreakGlass | Purpose::Samu if short != "TRE_G15" => {
                Err(field("purpose", "only the professions of TRE_G15 have this mode of access"))
            }
            Purpose::Samu if !self.regulation => Err(field("regulation", "centre_15 needs an act of regulation")),
            Purpose::Normal | Purpose::BreakGlass | Purpose::Samu => Ok(()),
        }
    }
}
