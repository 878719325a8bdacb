//! Files of `mongoexport`: whatever is in them, reading ends.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    common::read_file("c.json", bytes);
});
