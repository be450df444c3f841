//! From a token to a [`Caller`](crate::policy::Caller). The only room that names openssl.

mod claims;
pub mod digest;
mod issuer;
mod jwt;
mod seal;
mod verifier;

pub use claims::Claims;
pub use issuer::{Issuer, TokenRequest};
pub use jwt::{PublicKey, SigningKey};
pub use seal::Sealer;
pub use verifier::{TrustedIssuer, Verifier};

/// Why somebody is not let in, or a token is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No token, or one that is not ours, not valid any more or not understood; the reason goes to the log only.
    #[error("no valid token: {0}")]
    Token(&'static str),
    /// A field of a token request.
    #[error("{message}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The machine cannot do cryptography.
    #[error("cryptography failed")]
    Crypto,
}

impl From<openssl::error::ErrorStack> for Error {
    fn from(_: openssl::error::ErrorStack) -> Self {
        Self::Crypto
    }
}
