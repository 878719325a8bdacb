//! Archives: whatever is in them, reading ends.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let stream = std::io::Cursor::new(bytes.to_vec());
    if let Ok(dump) = common::dump::Dump::read_archive("fuzz", stream, &common::wish()) {
        assert!(common::read(dump) <= bytes.len() as u64);
    }
});
