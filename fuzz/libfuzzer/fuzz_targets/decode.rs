//! libFuzzer's door to the target that decodes one frame.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::fuzz_decode(data));
