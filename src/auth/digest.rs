//! Digests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::{MessageDigest, hash};

/// SHA-256; empty where the machine cannot, which equals no digest.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    hash(MessageDigest::sha256(), bytes).map(|digest| digest.to_vec()).unwrap_or_default()
}

/// SHA-256 in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-1 in base64, as `Attachment.hash` has it (FHIR R4 datatypes.html#Attachment).
pub fn sha1_base64(bytes: &[u8]) -> String {
    hash(MessageDigest::sha1(), bytes).map(|digest| STANDARD.encode(digest)).unwrap_or_default()
}
