//! From reset to Rust, and from Rust to the kernel.
//!
//! Translation is on before the first Rust instruction: without it memory counts as device
//! memory, where unaligned accesses fault. TTBR0 maps the first GiB as device memory and the
//! next three as RAM, one to one; TTBR1 is filled in for the kernel's GiB. MAIR_EL1 and TCR_EL1
//! are the values that seL4 expects and never sets itself. Reference: ARM DDI 0487, chapter D8;
//! Linux Documentation/arch/arm64/booting.rst for the Image header.

use core::arch::{asm, global_asm};

global_asm!(
    r#"
    .section .text._start, "ax"
    .globl _start
_start:
    b       1f
    .long   0
    .quad   0x10000000          // text_offset
    .quad   __image_size
    .quad   0xa                 // little-endian, 4 KiB pages, anywhere in RAM
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0
1:  msr     daifset, #0xf
    mov     x19, x0             // the device tree
    mrs     x9, CurrentEL
    lsr     x9, x9, #2
    cmp     x9, #3
    b.eq    el3
    cmp     x9, #2
    b.ne    2f
    mov     x9, #(1 << 31)      // EL1 is AArch64
    msr     hcr_el2, x9
    mov     x9, #3              // EL1 may use the physical timer and counter
    msr     cnthctl_el2, x9
    msr     cntvoff_el2, xzr
    mov     x9, #0x33ff         // no traps of FP and SIMD
    msr     cptr_el2, x9
    mov     x9, #9              // EL1 may use the GIC's system registers
    msr     S3_4_C12_C9_5, x9
    isb
    mrs     x9, midr_el1
    msr     vpidr_el2, x9
    mrs     x9, mpidr_el1
    msr     vmpidr_el2, x9
    ldr     x9, =0x30d00800     // SCTLR_EL1: reserved bits, everything off
    msr     sctlr_el1, x9
    mov     x9, #0x3c5          // EL1h, interrupts masked
    msr     spsr_el2, x9
    adr     x9, 2f
    msr     elr_el2, x9
    eret
2:  mov     x9, #(3 << 20)      // rustc uses SIMD registers
    msr     cpacr_el1, x9
    ldr     x9, =0x0000aaff440c0400
    msr     mair_el1, x9
    ldr     x9, =0x0000001085100510
    mrs     x10, id_aa64mmfr0_el1
    and     x10, x10, #7
    mov     x11, #5
    cmp     x10, #5
    csel    x10, x10, x11, ls   // at most 48 bits of physical address
    bfi     x9, x10, #32, #3
    msr     tcr_el1, x9
    adrp    x9, l0_low
    msr     ttbr0_el1, x9
    adrp    x9, l0_high
    msr     ttbr1_el1, x9
    tlbi    vmalle1
    ic      iallu
    dsb     sy
    isb
    mrs     x9, sctlr_el1
    ldr     x10, =0x4001005     // UCI, I, C, M
    orr     x9, x9, x10
    orr     x9, x9, #(1 << 15)  // UCT
    bic     x9, x9, #2          // no alignment checks
    msr     sctlr_el1, x9
    isb
    adrp    x9, __bss_start
    adrp    x10, __bss_end
3:  cmp     x9, x10
    b.hs    4f
    stp     xzr, xzr, [x9], #16
    b       3b
4:  adrp    x9, stack_top
    mov     sp, x9
    mov     x0, x19
    b       {boot}

el3:
    adr     x9, el3_message
    mov     x10, #0x09000000
5:  ldrb    w11, [x9], #1
    cbz     w11, 6f
    str     w11, [x10]
    b       5b
6:  wfe
    b       6b
el3_message:
    .asciz  "loader: error: started at EL3; start QEMU without secure=on\n\x15"
    .balign 4

    .section .data.tables, "aw"
    .balign 4096
l0_low:
    .quad   l1_low + 3
    .fill   511, 8, 0
l1_low:
    .quad   0x00000401          // block, accessed, attribute 0: device
    .quad   0x40000711          // block, accessed, inner shareable, attribute 4: write-back
    .quad   0x80000711
    .quad   0xc0000711
    .fill   508, 8, 0
l0_high:
    .fill   511, 8, 0
    .quad   l1_high + 3
    .globl  l1_high
l1_high:
    .fill   512, 8, 0
    .globl  l2_high
l2_high:
    .fill   512, 8, 0

    .section .bss.stack, "aw", %nobits
    .balign 4096
    .skip   65536
stack_top:
"#,
    boot = sym crate::boot::boot,
);

type Table = [u64; 512];

unsafe extern "C" {
    static __start: u8;
    static __end: u8;
    static mut l1_high: Table;
    static mut l2_high: Table;
}

/// Block of 2 MiB, accessed, inner shareable, write-back.
const BLOCK: u64 = 0x711;
const TABLE: u64 = 3;
const BLOCK_SIZE: u64 = 2 << 20;
const GIB: u64 = 1 << 30;
/// Bytes that one entry of the level-0 table covers; only the last one leads anywhere.
const LAST_ENTRY: u64 = 511;

/// Physical addresses of this program.
pub fn own_memory() -> core::ops::Range<u64> {
    (&raw const __start).addr() as u64..(&raw const __end).addr() as u64
}

/// Maps the kernel's GiB around the virtual address `kernel` so that it lies at `physical`.
/// Returns false where `kernel` is not in the part that can be mapped.
pub fn map_kernel(kernel: u64, physical: u64) -> bool {
    if kernel >> 39 & LAST_ENTRY != LAST_ENTRY || !physical.is_multiple_of(BLOCK_SIZE) {
        return false;
    }
    let index = (kernel >> 30 & 511) as usize;
    let base = physical - kernel % GIB;
    // SAFETY: the tables are this program's own, aligned by the assembly, and the one processor
    // that walks them finds these entries invalid until they are written whole.
    unsafe {
        let l2 = &raw mut l2_high;
        for block in 0..512 {
            (*l2)[block as usize] = (base + block * BLOCK_SIZE) | BLOCK;
        }
        let l1 = &raw mut l1_high;
        (*l1)[index] = l2.addr() as u64 | TABLE;
    }
    true
}

/// Makes code that was written to `range` visible to instruction fetch.
pub fn clean(range: core::ops::Range<u64>) {
    const LINE: usize = 64;
    for line in (range.start & !(LINE as u64 - 1)..range.end).step_by(LINE) {
        // SAFETY: cleaning a cache line changes no memory; the range is mapped RAM.
        unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack)) };
    }
}

/// What seL4's boot protocol hands over.
pub struct Handover {
    /// Physical addresses of the root task's image, page aligned.
    pub image: core::ops::Range<u64>,
    /// Physical minus virtual address of the image.
    pub offset: u64,
    /// Entry point of the root task.
    pub entry: u64,
    /// Physical address and size of the device tree for the kernel; 0 for none.
    pub device_tree: (u64, u64),
}

/// Enters the kernel.
///
/// # Safety
/// The kernel's image must lie where [`map_kernel`] mapped it, `kernel` must be its entry point,
/// and the handover must describe memory that has been filled in.
pub unsafe fn enter(kernel: u64, handover: &Handover) -> ! {
    // SAFETY: the caller vouches for the kernel; nothing of this program is used afterwards.
    unsafe {
        asm!("dsb sy", "tlbi vmalle1is", "ic iallu", "dsb sy", "isb", "br x6",
            in("x0") handover.image.start, in("x1") handover.image.end,
            in("x2") handover.offset, in("x3") handover.entry,
            in("x4") handover.device_tree.0, in("x5") handover.device_tree.1,
            in("x6") kernel, options(noreturn))
    }
}
