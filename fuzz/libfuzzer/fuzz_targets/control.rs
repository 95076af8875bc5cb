//! libFuzzer's door to the target that parses a control line.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::fuzz_control(data);
});
