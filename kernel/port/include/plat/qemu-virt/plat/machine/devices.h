/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * seL4 5.0.0 on QEMU's "virt" machine: the devices that the kernel itself uses.
 */
#ifndef __PLAT_MACHINE_DEVICES_H
#define __PLAT_MACHINE_DEVICES_H

/* Physical, from base_memmap in QEMU's hw/arm/virt.c */
#define GIC_DISTRIBUTOR_PADDR  0x08000000
#define GICR_PADDR             0x080a0000
#define UART0_PADDR            0x09000000

/* Virtual. The kernel's device window is one page table: the last 2 MiB, in 4 KiB pages. */
#define GIC_DISTRIBUTOR_PPTR   0xffffffffffe10000 /* 64 KiB, of which three pages are mapped */
#define GICR_RD_PPTR           0xffffffffffff5000 /* redistributor of core 0, frame RD_base */
#define GICR_SGI_PPTR          0xffffffffffff6000 /* the same, frame SGI_base */
#define UART0_PPTR             0xffffffffffff0000

#endif
