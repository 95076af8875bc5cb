/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * seL4 5.0.0: ARM GICv3, one core, one security state.
 *
 * Offers the interface of the kernel's arch/machine/gic_pl390.h. Registers are named as in
 * ARM IHI 0069 (GIC architecture specification, version 3).
 *
 * The kernel knows two states of an interrupt, the GIC four. Taking one acknowledges it
 * (active); the kernel masks it if user level is to handle it, and drops and deactivates it
 * at once (EOImode 0). Unmasking, when user level acknowledges, lets a line that is still
 * high fire again; an edge that came meanwhile is still pending in the GIC.
 */
#ifndef __PLAT_MACHINE_GIC_V3_H
#define __PLAT_MACHINE_GIC_V3_H

#include <stdint.h>
#include <util.h>
#include <arch/linker.h>
#include <plat/machine/devices.h>

typedef uint16_t interrupt_t;
typedef uint16_t irq_t;

enum irqNumbers {
    irqInvalid = (irq_t) - 1
};

#define NR_LOCAL_IRQS     32u   /* SGIs and PPIs: in the redistributor */
#define SPECIAL_IRQ_START 1020u /* 1020 to 1023 are no interrupts */
#define IRQ_NONE          1023u
#define IS_IRQ_VALID(x)   ((x) < SPECIAL_IRQ_START)

#define GIC_REG(base, off) (*(volatile uint32_t *)((base) + (off)))
#define GICD(off)          GIC_REG(GIC_DISTRIBUTOR_PPTR, off)
#define GICD_64(off)       (*(volatile uint64_t *)(GIC_DISTRIBUTOR_PPTR + (off)))
#define GICR_RD(off)       GIC_REG(GICR_RD_PPTR, off)
#define GICR_SGI(off)      GIC_REG(GICR_SGI_PPTR, off)

/* Same offsets in the distributor and in the redistributor's SGI_base frame */
#define GIC_IGROUPR        0x0080
#define GIC_ISENABLER      0x0100
#define GIC_ICENABLER      0x0180
#define GIC_ICPENDR        0x0280
#define GIC_ICACTIVER      0x0380
#define GIC_IPRIORITYR     0x0400
#define GIC_ICFGR          0x0c00

#define GICD_CTLR          0x0000
#define GICD_CTLR_RWP      BIT(31)
#define GICD_CTLR_ARE      BIT(4)
#define GICD_CTLR_GRP1     BIT(1)
#define GICD_TYPER         0x0004
#define GICD_TYPER_LINES   0x1f
#define GICD_IROUTER       0x6000

#define GICR_CTLR          0x0000
#define GICR_CTLR_RWP      BIT(3)
#define GICR_WAKER         0x0014
#define GICR_WAKER_SLEEP   BIT(1)
#define GICR_WAKER_CHILD   BIT(2)

/* By encoding: assemblers know the names only with a newer -march. */
#define ICC_PMR_EL1        "S3_0_C4_C6_0"
#define ICC_IAR1_EL1       "S3_0_C12_C12_0"
#define ICC_EOIR1_EL1      "S3_0_C12_C12_1"
#define ICC_HPPIR1_EL1     "S3_0_C12_C12_2"
#define ICC_BPR1_EL1       "S3_0_C12_C12_3"
#define ICC_CTLR_EL1       "S3_0_C12_C12_4"
#define ICC_SRE_EL1        "S3_0_C12_C12_5"
#define ICC_IGRPEN1_EL1    "S3_0_C12_C12_7"
#define ICC_INTID          0xffffff

/* Not MRS and MSR: <mode/machine.h>, which has them, includes this file. */
#define GIC_MRS(reg, v) asm volatile("mrs %0, " reg : "=r"(v) :: "memory")
#define GIC_MSR(reg, v) asm volatile("msr " reg ", %0; isb" :: "r"((word_t)(v)) : "memory")

/* Reading ICC_IAR1 acknowledges, so the answer is kept until ackInterrupt(). */
extern uint32_t active_irq;

static inline interrupt_t
getActiveIRQ(void)
{
    if (!IS_IRQ_VALID(active_irq)) {
        word_t v;

        GIC_MRS(ICC_IAR1_EL1, v);
        active_irq = v & ICC_INTID;
    }
    /* 1020 to 1023: the interrupt went away before it was taken. There is nothing to end. */
    return IS_IRQ_VALID(active_irq) ? (interrupt_t)active_irq : irqInvalid;
}

static inline bool_t
isIRQPending(void)
{
    word_t v;

    GIC_MRS(ICC_HPPIR1_EL1, v);
    return IS_IRQ_VALID(v & ICC_INTID);
}

static inline void
maskInterrupt(bool_t disable, interrupt_t irq)
{
    word_t off = (disable ? GIC_ICENABLER : GIC_ISENABLER) + (irq / 32) * 4;

    /* After disabling, wait: only then can the interrupt no longer be signalled. */
    if (irq < NR_LOCAL_IRQS) {
        GICR_SGI(off) = BIT(irq % 32);
        while (disable && (GICR_RD(GICR_CTLR) & GICR_CTLR_RWP));
    } else {
        GICD(off) = BIT(irq % 32);
        while (disable && (GICD(GICD_CTLR) & GICD_CTLR_RWP));
    }
}

static inline void
ackInterrupt(irq_t irq)
{
    assert(active_irq == irq);
    GIC_MSR(ICC_EOIR1_EL1, active_irq);
    active_irq = IRQ_NONE;
}

static inline void
handleSpuriousIRQ(void)
{
}

void initIRQController(void);

#endif
