/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * seL4 5.0.0 on QEMU's "virt" machine: interrupt numbers.
 *
 * An seL4 IRQ is the GIC's INTID. Device INTIDs are 32 + the SPI number of QEMU's
 * hw/arm/virt.c; the PPIs are 16 + those of its device tree.
 */
#ifndef __PLAT_MACHINE_H
#define __PLAT_MACHINE_H

enum IRQConstants {
    /* CNTV. The kernel takes it for its tick. */
    INTERRUPT_VTIMER_PPI = 27,
    /* CNTP of non-secure EL1, level-triggered. Free for user level. */
    INTERRUPT_PTIMER_PPI = 30,
    INTERRUPT_UART0      = 33,
    INTERRUPT_RTC        = 34,
    /* 32 virtio-mmio transports: 48 to 79 */
    INTERRUPT_VIRTIO_0   = 48,
    /* irq_handler_cap has 8 bits for the number in 5.0.0: more cannot be offered. */
    maxIRQ               = 255
};

/* log2 of the IRQ CNode's size in bytes: 256 slots of 32 bytes */
#define IRQ_CNODE_BITS   13

#define KERNEL_TIMER_IRQ INTERRUPT_VTIMER_PPI

#include <plat/machine/gic_v3.h>

#endif
