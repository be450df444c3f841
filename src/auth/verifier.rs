//! Who the bearer of a token is: signature, issuer, audience, time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use openssl::sha::sha256;

use super::jwt::take_apart;
use super::{Error, PublicKey};
use crate::clock::Clock;
use crate::policy::{Caller, CallerKind};

/// Verified tokens remembered at most; then all are forgotten, which costs one verification each.
const REMEMBERED_MAX: usize = 10_000;
/// How far ahead of ours an issuer's clock may be, seconds.
const LEEWAY_S: i64 = 60;

/// An issuer that is believed.
#[derive(Clone)]
pub struct TrustedIssuer {
    /// Its name, `iss`.
    pub name: String,
    /// Who its tokens must be for, `aud`.
    pub audience: String,
    /// Its key.
    pub key: PublicKey,
    /// Whether it may name a `tester`.
    pub testers: bool,
}

/// Verifies tokens. What it remembers is who signed what, never a right.
#[derive(Clone)]
pub struct Verifier {
    issuers: Arc<Vec<TrustedIssuer>>,
    clock: Clock,
    remembered: Arc<Mutex<HashMap<[u8; 32], Remembered>>>,
}

/// From when, until when, and who.
type Remembered = (i64, i64, Arc<Caller>);

impl Verifier {
    /// A verifier that believes these issuers.
    pub fn new(issuers: Vec<TrustedIssuer>, clock: Clock) -> Self {
        Self { issuers: Arc::new(issuers), clock, remembered: Arc::default() }
    }

    /// The bearer of the token.
    ///
    /// # Errors
    /// [`Error::Token`]: anything but a token of a trusted issuer, for this server, now.
    pub fn verify(&self, token: &str) -> Result<Arc<Caller>, Error> {
        let digest = sha256(token.as_bytes());
        let known = self.remembered.lock().ok().and_then(|known| known.get(&digest).cloned());
        let (from, until, caller) = match known {
            Some(known) => known,
            None => {
                let fresh = self.read(token)?;
                if let Ok(mut known) = self.remembered.lock() {
                    if known.len() >= REMEMBERED_MAX {
                        known.clear();
                    }
                    known.insert(digest, fresh.clone());
                }
                fresh
            }
        };
        let now = self.clock.seconds();
        if now >= until {
            return Err(Error::Token("expired"));
        }
        if now < from {
            return Err(Error::Token("not yet valid"));
        }
        Ok(caller)
    }

    fn read(&self, token: &str) -> Result<Remembered, Error> {
        let unverified = take_apart(token)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name == unverified.claims.iss).ok_or(Error::Token("unknown issuer"))?;
        let claims = unverified.verify(&issuer.key)?;
        if claims.aud != issuer.audience {
            return Err(Error::Token("for another audience"));
        }
        let caller = claims.caller().map_err(|_| Error::Token("claims that make no caller"))?;
        if caller.kind == CallerKind::Tester && !issuer.testers {
            return Err(Error::Token("no testers here"));
        }
        let from = claims.iat.max(claims.nbf.unwrap_or(i64::MIN));
        Ok((from.saturating_sub(LEEWAY_S), claims.exp, Arc::new(caller)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Claims, Issuer, SigningKey, TokenRequest};
    use super::*;

    fn setup() -> (Issuer, Verifier, Clock) {
        let (clock, issuer) = (Clock::default(), Issuer::new("here").unwrap());
        let trusted =
            TrustedIssuer { name: "ensemble-sandbox".into(), audience: "here".into(), key: issuer.public_key().unwrap(), testers: true };
        (issuer, Verifier::new(vec![trusted], clock.clone()), clock)
    }

    fn physician() -> TokenRequest {
        TokenRequest {
            kind: "professional".into(),
            id: Some("810000000016".into()),
            profession: Some("10".into()),
            ..TokenRequest::default()
        }
    }

    fn structure() -> TokenRequest {
        TokenRequest { kind: "structure".into(), id: Some("1750000018".into()), ..TokenRequest::default() }
    }

    #[test]
    fn a_token_makes_its_caller_for_an_hour() {
        let (issuer, verifier, clock) = setup();
        let token = issuer.issue(&physician(), &clock).unwrap();
        let caller = verifier.verify(&token).unwrap();
        assert_eq!((caller.kind, caller.principal.as_str()), (CallerKind::Professional, "P:810000000016"));
        clock.advance(3_601 * 1_000_000);
        assert_eq!(verifier.verify(&token).err(), Some(Error::Token("expired")));
    }

    #[test]
    fn anything_else_is_refused() {
        let (issuer, verifier, clock) = setup();
        let token = issuer.issue(&physician(), &clock).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let [header, body, signature] = parts.as_slice() else { unreachable!() };
        let none = "eyJhbGciOiJub25lIn0";
        let claims =
            Claims { iss: "ensemble-sandbox".into(), aud: "here".into(), kind: "tester".into(), exp: i64::MAX, ..Claims::default() };
        let foreign = SigningKey::generate().unwrap().sign(&claims).unwrap();
        let mut rows =
            vec![String::new(), "a.b.c".into(), format!("{none}.{body}."), format!("{header}.{body}."), foreign, "x".repeat(100_000)];
        rows.push(format!("{none}.{body}.{signature}"));
        rows.push(format!("{header}.{body}.{}", signature.chars().rev().collect::<String>()));
        rows.push(Issuer::new("elsewhere").unwrap().issue(&physician(), &clock).unwrap());
        for token in rows {
            assert!(matches!(verifier.verify(&token), Err(Error::Token(_))), "{token}");
        }
    }

    #[test]
    fn a_token_is_good_from_its_beginning_and_clean_throughout() {
        let (clock, key) = (Clock::default(), SigningKey::generate().unwrap());
        let trusted = TrustedIssuer { name: "idp".into(), audience: "here".into(), key: key.public().unwrap(), testers: false };
        let verifier = Verifier::new(vec![trusted], clock.clone());
        let now = clock.seconds();
        let good = Claims {
            iss: "idp".into(),
            aud: "here".into(),
            sub: "810000000016".into(),
            iat: now,
            exp: now + 600,
            kind: "professional".into(),
            profession: Some("10".into()),
            ..Claims::default()
        };
        let rows = [
            (good.clone(), true),
            (Claims { nbf: Some(now + 30), ..good.clone() }, true),
            (Claims { nbf: Some(now + 300), ..good.clone() }, false),
            (Claims { iat: now + 300, ..good.clone() }, false),
            (Claims { iat: now + 300, nbf: Some(now), ..good.clone() }, false),
            (Claims { family: Some("Noël".into()), ..good.clone() }, true),
            (Claims { family: Some("a\0b".into()), ..good.clone() }, false),
            (Claims { jti: "a\u{1b}".into(), ..good.clone() }, false),
            (Claims { scope: Some("a\tb".into()), ..good.clone() }, false),
            (Claims { acr: Some("eidas1".into()), ..good.clone() }, true),
            (Claims { acr: Some("eidas2".into()), ..good }, false),
        ];
        for (claims, accepted) in rows {
            let token = key.sign(&claims).unwrap();
            assert_eq!(verifier.verify(&token).is_ok(), accepted, "{claims:?}");
        }
    }

    #[test]
    fn requests_that_fit_no_caller_are_refused_by_field() {
        let (issuer, _, clock) = setup();
        let rows = [
            (TokenRequest { kind: "nobody".into(), ..TokenRequest::default() }, "kind"),
            (TokenRequest { id: None, ..physician() }, "id"),
            (TokenRequest { id: Some("1".into()), ..physician() }, "id"),
            (TokenRequest { profession: None, ..physician() }, "profession"),
            (TokenRequest { profession_system: Some("TRE_X".into()), ..physician() }, "profession_system"),
            (TokenRequest { purpose: Some("curiosité".into()), ..physician() }, "purpose"),
            (TokenRequest { purpose: Some("bris_de_glace".into()), ..physician() }, "reason"),
            (TokenRequest { purpose: Some("centre_15".into()), ..physician() }, "regulation"),
            (TokenRequest { structure: Some("x".into()), ..physician() }, "structure"),
            (TokenRequest { kind: "holder".into(), ins: Some("1".into()), ..TokenRequest::default() }, "ins"),
            (TokenRequest { kind: "representative".into(), ins: Some("255081416802538".into()), ..TokenRequest::default() }, "for"),
            (TokenRequest { kind: "application".into(), ..TokenRequest::default() }, "client"),
            (TokenRequest { family: Some("a\0b".into()), ..physician() }, "family"),
            (TokenRequest { given: Some("a\u{7f}".into()), ..physician() }, "given"),
            (TokenRequest { specialty: Some("SM\n54".into()), ..physician() }, "specialty"),
            (TokenRequest { specialty: Some("sm25".into()), ..physician() }, "specialty"),
            (TokenRequest { sector: Some("SA66^1.2.250.1.71.4.2.4".into()), ..physician() }, "sector"),
            (TokenRequest { r#for: Some("255081416802538".into()), ..physician() }, "for"),
            (TokenRequest { profession: Some("10".into()), ..structure() }, "profession"),
            (TokenRequest { secret: true, ..structure() }, "secret"),
            (TokenRequest { sector: Some("assurance".into()), ..structure() }, "sector"),
            (TokenRequest { structure: Some("1750000018".into()), ..structure() }, "structure"),
            (
                TokenRequest {
                    kind: "representative".into(),
                    ins: Some("255081416802538".into()),
                    r#for: Some("255081416802538".into()),
                    ..TokenRequest::default()
                },
                "for",
            ),
        ];
        for (request, expected) in rows {
            let error = issuer.issue(&request, &clock).unwrap_err();
            assert!(matches!(error, Error::Field { field, .. } if field == expected), "{expected}: {error:?}");
        }
    }
}
