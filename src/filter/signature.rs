//! The tokens of a resource as bits: what lacks a bit lacks the token, what has it may have the token.

use super::Param;

/// The bits of a token, at most two of sixty-three. The sign is set with all others only, in rows of a build that kept no bits.
///
/// INVARIANT: stored beside index rows, so they stay as they are: FNV-1a over the parameter's key and the spelling.
pub fn bits(param: Param, spelling: &str) -> i64 {
    let bytes = param.key().to_be_bytes().into_iter().chain(spelling.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    1 << (hash % 63) | 1 << ((hash >> 32) % 63)
}

/// The bits of all tokens.
pub fn signature(tokens: &[(Param, String)]) -> i64 {
    tokens.iter().fold(0, |all, (param, spelling)| all | bits(*param, spelling))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::ResourceType;

    #[test]
    fn what_a_resource_has_passes_and_what_it_lacks_mostly_does_not() {
        let code = Param::new(ResourceType::DOCUMENT_REFERENCE, "type");
        let own: Vec<(Param, String)> = (0..12).map(|n| (code, format!("http://loinc.org|{n}-1"))).collect();
        let of_all = signature(&own);
        assert!(own.iter().all(|(param, spelling)| of_all & bits(*param, spelling) == bits(*param, spelling)));
        let passed = (100..1_100).filter(|n| bits(code, &format!("http://loinc.org|{n}-1")) & !of_all == 0).count();
        assert!(passed < 200, "{passed} of 1000 that it lacks pass");
        assert!(of_all > 0, "the sign is for what is not known");
    }

    #[test]
    fn the_bits_are_those_of_databases_that_exist() {
        let code = Param::new(ResourceType::DOCUMENT_REFERENCE, "type");
        assert_eq!(bits(code, "http://loinc.org|8302-2"), 2_305_843_009_482_129_408);
    }
}
