//! The console: a PL011 UART, written to by polling.
//!
//! One console per program, so that a panic can print whatever the program was doing. Before
//! [`attach`] prints are dropped. QEMU's PL011 works without being set up; its transmit FIFO is
//! waited for (ARM DDI 0183, PrimeCell UART PL011).

use core::fmt::{self, Write};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use arm_pl011_uart::{PL011Registers, Uart, UniqueMmioPointer};

use crate::Registers;

/// Size of the PL011's registers in bytes.
const REGISTERS_SIZE: usize = 0x1000;

static ADDRESS: AtomicUsize = AtomicUsize::new(0);

/// Prints go to the PL011 with these registers from now on.
pub fn attach(registers: Registers) {
    const { assert!(size_of::<PL011Registers>() <= REGISTERS_SIZE) };
    ADDRESS.store(registers.address(), Ordering::Relaxed);
}

struct Console(Uart<'static>);

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.put(b'\r');
            }
            self.put(byte);
        }
        Ok(())
    }
}

impl Console {
    fn attached() -> Option<Self> {
        let registers = NonNull::new(ADDRESS.load(Ordering::Relaxed) as *mut PL011Registers)?;
        // SAFETY: `attach` took the only proof that a PL011 is mapped there for good. A `Console`
        // lives for one print, and a program here has one thread, so at most one exists; a panic
        // in the middle of a print only interleaves characters.
        Some(Self(Uart::new(unsafe { UniqueMmioPointer::new(registers) })))
    }

    fn put(&mut self, byte: u8) {
        while self.0.is_tx_fifo_full() {
            core::hint::spin_loop();
        }
        self.0.write_word(byte);
    }
}

/// Prints `arguments`; nothing where no console is attached.
pub fn print(arguments: fmt::Arguments) {
    if let Some(mut console) = Console::attached() {
        // The console's writer never fails; a failing Display implementation loses its line.
        let _ = console.write_fmt(arguments);
    }
}

/// Prints one byte as it is.
pub fn put(byte: u8) {
    if let Some(mut console) = Console::attached() {
        console.put(byte);
    }
}

/// Prints a line on the console.
#[macro_export]
macro_rules! println {
    () => {
        $crate::console::print(format_args!("\n"))
    };
    ($($argument:tt)*) => {
        $crate::console::print(format_args!("{}\n", format_args!($($argument)*)))
    };
}
