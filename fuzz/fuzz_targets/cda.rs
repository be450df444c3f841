//! Reading a clinical document and its results never breaks, and takes no more than its bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if ensemble::cda::read(bytes).is_ok() {
        let _ = ensemble::cda::results::results(bytes);
    }
});
