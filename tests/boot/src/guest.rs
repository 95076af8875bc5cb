//! Tiny guest programs, assembled by hand, that test the machinery without any image.
//!
//! QEMU boots a raw image without a header at EL1 with the MMU off. Instruction encodings are
//! from the Arm Architecture Reference Manual (DDI 0487), section C6.2.

use xtask::qemu::{Machine, Serial};

use crate::Scratch;

/// What a program does after its text.
#[derive(Debug, Clone, Copy)]
pub enum Then {
    /// Waits for ever.
    Wait,
    /// Ends QEMU with this exit status by semihosting.
    Exit(u32),
}

/// `SYS_EXIT_EXTENDED` of the semihosting specification, and the reason that carries a status.
const EXIT_EXTENDED: u32 = 0x20;
const APPLICATION_EXIT: u64 = 0x20026;
/// Instructions of every program, before its data.
const LENGTH: u32 = 10;

/// A program that writes `text` to the UART byte by byte and then does `then`.
#[must_use]
pub fn program(text: &[u8], then: Then) -> Vec<u8> {
    let code = match then {
        Then::Wait => 0,
        Then::Exit(code) => code,
    };
    // adr's offset counts from the instruction itself.
    let adr = |register: u32, words: u32| 0x1000_0000 | words << 5 | register;
    let last = match then {
        Then::Wait => 0xd503_207f,    // wfi
        Then::Exit(_) => 0xd45e_0000, // hlt #0xf000
    };
    let instructions: [u32; LENGTH as usize] = [
        0xd2a1_2001,                      // movz x1, #0x0900, lsl #16 (the UART)
        adr(0, LENGTH - 1 + 4),           // adr x0, text (after two 64-bit words)
        0x3840_1402,                      // next: ldrb w2, [x0], #1
        0x3400_0000 | 3 << 5 | 2,         // cbz w2, end
        0x3900_0022,                      // strb w2, [x1]
        0x1400_0000 | (0x03ff_ffff & !2), // b next (three back)
        0xd280_0000 | EXIT_EXTENDED << 5, // end: movz x0, #0x20
        adr(1, LENGTH - 7),               // adr x1, the two words
        last,                             // wfi, or hlt
        0x1400_0000 | 0x03ff_ffff,        // b to the one before
    ];
    let mut image: Vec<u8> = instructions.iter().flat_map(|word| word.to_le_bytes()).collect();
    image.extend(APPLICATION_EXIT.to_le_bytes());
    image.extend(u64::from(code).to_le_bytes());
    image.extend(text);
    image.push(0);
    image
}

/// A machine that runs [`program`], its image and log in `scratch`.
#[must_use]
pub fn machine(scratch: &Scratch, text: &[u8], then: Then) -> Machine {
    Machine {
        image: scratch.write("guest.img", &program(text, then)),
        initrd: None,
        memory_mib: 64,
        serial: Serial::Pipe { log: Some(scratch.path("serial.log")) },
        icount: false,
        semihosting: true,
        link: false,
        secret: None,
        own_group: false,
    }
}
