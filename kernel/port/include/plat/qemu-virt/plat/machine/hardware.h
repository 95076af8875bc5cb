/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * seL4 5.0.0 on QEMU's "virt" machine: memory map.
 */
#ifndef __PLAT_MACHINE_HARDWARE_H
#define __PLAT_MACHINE_HARDWARE_H

#include <config.h>
#include <basic_types.h>
#include <arch/linker.h>
#include <plat/machine.h>
#include <plat/machine/devices.h>

/* Also in linker.lds: keep both the same. */
#define physBase   0x40000000
#define kernelBase 0xffffff8000000000

#ifndef CONFIG_QEMU_RAM_SIZE
#error CONFIG_QEMU_RAM_SIZE must be the size of RAM in bytes
#endif

/* The highest address of user level */
#define USER_TOP   0x0000ffffffffffff

/* { physical address, virtual address, never executed } */
static const kernel_frame_t BOOT_RODATA kernel_devices[] = {
    /* GICD_CTLR to GICD_ICFGR */
    { GIC_DISTRIBUTOR_PADDR,          GIC_DISTRIBUTOR_PPTR,          true },
    /* GICD_IROUTER<32> to <1019>: 0x6100 to 0x7fdf */
    { GIC_DISTRIBUTOR_PADDR + 0x6000, GIC_DISTRIBUTOR_PPTR + 0x6000, true },
    { GIC_DISTRIBUTOR_PADDR + 0x7000, GIC_DISTRIBUTOR_PPTR + 0x7000, true },
    { GICR_PADDR,                     GICR_RD_PPTR,                  true },
    { GICR_PADDR + 0x10000,           GICR_SGI_PPTR,                 true },
#if defined(CONFIG_DEBUG_BUILD) || defined(CONFIG_PRINTING)
    { UART0_PADDR,                    UART0_PPTR,                    true },
#endif
};

/* RAM. The loader's own pages are handed out too: nothing of it is needed any more. */
static const p_region_t BOOT_RODATA avail_p_regs[] = {
    /* not in int: 1 GiB would overflow it */
    { .start = physBase, .end = (paddr_t) physBase + CONFIG_QEMU_RAM_SIZE }
};

/* Everything that user level may drive. The GIC must never be in here: whoever can program
 * it can take every interrupt and, by its ITS, write to memory. */
static const p_region_t BOOT_RODATA dev_p_regs[] = {
    { 0x09000000, 0x09001000 }, /* PL011 UART */
    { 0x09010000, 0x09011000 }, /* PL031 RTC */
    { 0x09020000, 0x09021000 }, /* fw_cfg */
    { 0x09030000, 0x09031000 }, /* PL061 GPIO */
    { 0x0a000000, 0x0a004000 }, /* virtio-mmio, 32 x 0x200 */
    { 0x10000000, 0x3eff0000 }, /* PCIe memory */
    { 0x3eff0000, 0x3f000000 }, /* PCIe ports */
    { 0x3f000000, 0x40000000 }, /* PCIe configuration space (highmem=off) */
};

/* No interrupt is in the state IRQReserved here. */
static inline void
handleReservedIRQ(irq_t irq)
{
}

#endif
