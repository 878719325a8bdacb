//! `.bson` files: whatever is in them, each byte is part of a document or was passed over.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert_eq!(common::read_file("c.bson", bytes), bytes.len() as u64);
});
