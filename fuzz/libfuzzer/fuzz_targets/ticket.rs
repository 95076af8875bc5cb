//! libFuzzer's door to the target that attaches with what may be a ticket.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::fuzz_ticket(data);
});
