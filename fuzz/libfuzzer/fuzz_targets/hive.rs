//! libFuzzer's door to the target that plays a client's stream to the system's tree.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::fuzz_hive(data);
});
