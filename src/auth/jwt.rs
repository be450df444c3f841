//! JSON Web Tokens (RFC 7519, RFC 7515): ES256 made and verified, RS256 verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::sha::sha256;
use openssl::sign::Verifier;

use super::{Claims, Error};

/// Bytes of a token at most.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Bytes of each half of an ES256 signature.
const HALF: usize = 32;

/// A key that signs tokens.
#[derive(Clone)]
pub struct SigningKey(EcKey<Private>);

/// A key that verifies tokens: P-256 for ES256, RSA for RS256.
#[derive(Clone)]
pub struct PublicKey(PKey<Public>);

impl SigningKey {
    /// A fresh key on P-256.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn generate() -> Result<Self, Error> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        Ok(Self(EcKey::generate(&group)?))
    }

    /// The key that verifies what this one signs.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn public(&self) -> Result<PublicKey, Error> {
        let key = EcKey::from_public_key(self.0.group(), self.0.public_key())?;
        Ok(PublicKey(PKey::from_ec_key(key)?))
    }

    /// A token with these claims.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        let body = serde_json::to_vec(claims).map_err(|_| Error::Crypto)?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(br#"{"alg":"ES256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(body));
        let signature = EcdsaSig::sign(&sha256(signed.as_bytes()), &self.0)?;
        let size = i32::try_from(HALF).map_err(|_| Error::Crypto)?;
        let mut bytes = signature.r().to_vec_padded(size)?;
        bytes.extend(signature.s().to_vec_padded(size)?);
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes)))
    }
}

impl PublicKey {
    /// A key from PEM: RSA of 2048 bits at least, or P-256.
    ///
    /// # Errors
    /// [`Error::Crypto`] for anything else.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let key = PKey::public_key_from_pem(pem)?;
        let fits = match key.id() {
            Id::RSA => key.bits() >= 2048,
            Id::EC => key.ec_key()?.group().curve_name() == Some(Nid::X9_62_PRIME256V1),
            _ => false,
        };
        if fits { Ok(Self(key)) } else { Err(Error::Crypto) }
    }

    /// The key as PEM.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn to_pem(&self) -> Result<Vec<u8>, Error> {
        Ok(self.0.public_key_to_pem()?)
    }

    /// Whether the signature is of this key; the algorithm follows from the key, never from the token.
    fn verifies(&self, algorithm: &str, signed: &[u8], signature: &[u8]) -> Result<bool, Error> {
        match (self.0.id(), algorithm) {
            (Id::EC, "ES256") => {
                let (Some(r), Some(s)) = (signature.get(..HALF), signature.get(HALF..2 * HALF)) else { return Ok(false) };
                if signature.len() != 2 * HALF {
                    return Ok(false);
                }
                let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
                let key = self.0.ec_key()?;
                Ok(signature.verify(&sha256(signed), &key).unwrap_or(false))
            }
            (Id::RSA, "RS256") => {
                let mut verifier = Verifier::new(MessageDigest::sha256(), &self.0)?;
                verifier.update(signed)?;
                Ok(verifier.verify(signature).unwrap_or(false))
            }
            _ => Ok(false),
        }
    }
}

/// A token taken apart, nothing in it verified yet.
pub struct Unverified<'a> {
    algorithm: String,
    signed: &'a str,
    signature: Vec<u8>,
    /// What it claims.
    pub claims: Claims,
}

/// Takes a token apart.
///
/// # Errors
/// [`Error::Token`] for another form.
pub fn take_apart(token: &str) -> Result<Unverified<'_>, Error> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Error::Token("too long"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Error::Token("not three parts"))?;
    let (header, body) = signed.split_once('.').ok_or(Error::Token("not three parts"))?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Error::Token("not base64url"));
    #[derive(serde::Deserialize)]
    struct Header {
        alg: String,
        crit: Option<serde_json::Value>,
    }
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Error::Token("bad header"))?;
    if header.crit.is_some() {
        return Err(Error::Token("critical extension"));
    }
    let claims = serde_json::from_slice(&decode(body)?).map_err(|_| Error::Token("bad claims"))?;
    Ok(Unverified { algorithm: header.alg, signed, signature: decode(signature)?, claims })
}

impl Unverified<'_> {
    /// The claims, if the key signed them.
    ///
    /// # Errors
    /// [`Error::Token`] for another signature or algorithm.
    pub fn verify(self, key: &PublicKey) -> Result<Claims, Error> {
        match key.verifies(&self.algorithm, self.signed.as_bytes(), &self.signature) {
            Ok(true) => Ok(self.claims),
            _ => Err(Error::Token("bad signature")),
        }
    }
}
