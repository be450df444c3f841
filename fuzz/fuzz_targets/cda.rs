//! Reading a clinical document never breaks, and takes no more than its bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = ensemble::cda::read(bytes);
});
