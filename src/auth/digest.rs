//! Digests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::{Hasher, MessageDigest, hash};

/// SHA-256; empty where the machine cannot, which equals no digest.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    hash(MessageDigest::sha256(), bytes).map(|digest| digest.to_vec()).unwrap_or_default()
}

/// SHA-256 in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hexadecimal(&sha256(bytes))
}

/// SHA-256 in hexadecimal of all that is read.
///
/// # Errors
/// Those of the reader.
pub fn sha256_hex_of(mut reader: impl std::io::Read) -> std::io::Result<String> {
    let mut hasher = Hasher::new(MessageDigest::sha256())?;
    std::io::copy(&mut reader, &mut hasher)?;
    Ok(hexadecimal(&hasher.finish()?))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-1 in base64, as `Attachment.hash` has it (FHIR R4 datatypes.html#Attachment).
pub fn sha1_base64(bytes: &[u8]) -> String {
    hash(MessageDigest::sha1(), bytes).map(|digest| STANDARD.encode(digest)).unwrap_or_default()
}
