//! libFuzzer's door to the target that reads the lines of a GPU's files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::fuzz_gpu_job(data);
});
