//! Sealing small texts that travel through clients: page cursors (AES-256-GCM).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::rand::rand_bytes;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};

use super::{Error, digest};

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Seals with one key, which every node of a server shares.
#[derive(Clone)]
pub struct Sealer {
    key: Vec<u8>,
}

impl Sealer {
    /// A sealer with a key that lives as long as the process.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn fresh() -> Result<Self, Error> {
        let mut key = vec![0; 32];
        rand_bytes(&mut key)?;
        Ok(Self { key })
    }

    /// A sealer whose key is made from a secret.
    pub fn from_secret(secret: &str) -> Self {
        Self { key: digest::sha256(format!("ensemble cursor {secret}").as_bytes()) }
    }

    /// The text, sealed for this purpose.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn seal(&self, bound_to: &[u8], text: &[u8]) -> Result<String, Error> {
        let (mut nonce, mut tag) = ([0; NONCE_BYTES], [0; TAG_BYTES]);
        rand_bytes(&mut nonce)?;
        let sealed = encrypt_aead(Cipher::aes_256_gcm(), &self.key, Some(&nonce), bound_to, text, &mut tag)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &tag, &sealed].concat()))
    }

    /// The text that was sealed for this purpose; `None` for anything else.
    pub fn unseal(&self, bound_to: &[u8], sealed: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_BYTES)?;
        let (tag, body) = rest.split_at_checked(TAG_BYTES)?;
        decrypt_aead(Cipher::aes_256_gcm(), &self.key, Some(nonce), bound_to, body, tag).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_here_for_this_opens() {
        let sealer = Sealer::fresh().unwrap();
        let sealed = sealer.seal(b"search", b"after 12").unwrap();
        assert_eq!(sealer.unseal(b"search", &sealed).as_deref(), Some(b"after 12".as_slice()));
        assert_eq!(sealer.unseal(b"another", &sealed), None);
        assert_eq!(Sealer::from_secret("x").unseal(b"search", &sealed), None);
        for text in ["", "é", "AAAA", "A"] {
            assert_eq!(sealer.unseal(b"search", text), None);
        }
    }
}
