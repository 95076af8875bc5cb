/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * seL4 5.0.0: ARM GICv3, one core, one security state: initialisation.
 *
 * All interrupts are disabled, in group 1, of one priority, level-triggered and routed to this
 * core. Level suits virtio-mmio too, though QEMU's device tree calls it edge-triggered: its
 * line is high while InterruptStatus is not 0, so no event can be lost between two edges.
 */
#include <config.h>
#include <types.h>
#include <arch/machine.h>
#include <plat/machine/gic_v3.h>

#define ALL            0xffffffff
/* Four interrupts' priority: above the mask below, in both views of the priority range */
#define PRIORITY       0x80808080
#define PRIORITY_MASK  0xf0

uint32_t active_irq = IRQ_NONE;

BOOT_CODE static void
dist_wait(void)
{
    while (GICD(GICD_CTLR) & GICD_CTLR_RWP);
}

BOOT_CODE static void
dist_init(void)
{
    word_t mpidr, affinity, i;
    word_t n = 32 * ((GICD(GICD_TYPER) & GICD_TYPER_LINES) + 1);

    if (n > SPECIAL_IRQ_START) {
        n = SPECIAL_IRQ_START;
    }
    GICD(GICD_CTLR) = 0;
    dist_wait();
    for (i = NR_LOCAL_IRQS; i < n; i += 32) {
        GICD(GIC_ICENABLER + i / 8) = ALL;
        GICD(GIC_ICPENDR + i / 8) = ALL;
        GICD(GIC_ICACTIVER + i / 8) = ALL;
        GICD(GIC_IGROUPR + i / 8) = ALL;
    }
    for (i = NR_LOCAL_IRQS; i < n; i += 4) {
        GICD(GIC_IPRIORITYR + i) = PRIORITY;
    }
    for (i = NR_LOCAL_IRQS; i < n; i += 16) {
        GICD(GIC_ICFGR + i / 4) = 0;
    }
    dist_wait();
    GICD(GICD_CTLR) = GICD_CTLR_ARE | GICD_CTLR_GRP1;
    dist_wait();

    /* Routing registers exist only once affinity routing is on. */
    MRS("mpidr_el1", mpidr);
    affinity = mpidr & 0xff00ffffff;
    for (i = NR_LOCAL_IRQS; i < n; i++) {
        GICD_64(GICD_IROUTER + i * 8) = affinity;
    }
}

BOOT_CODE static void
redist_init(void)
{
    word_t i;

    GICR_RD(GICR_WAKER) = GICR_RD(GICR_WAKER) & ~GICR_WAKER_SLEEP;
    while (GICR_RD(GICR_WAKER) & GICR_WAKER_CHILD);

    GICR_SGI(GIC_ICENABLER) = ALL;
    GICR_SGI(GIC_ICPENDR) = ALL;
    GICR_SGI(GIC_ICACTIVER) = ALL;
    GICR_SGI(GIC_IGROUPR) = ALL;
    for (i = 0; i < NR_LOCAL_IRQS; i += 4) {
        GICR_SGI(GIC_IPRIORITYR + i) = PRIORITY;
    }
    /* PPIs are level-triggered, both timers among them; SGIs are always edges. */
    GICR_SGI(GIC_ICFGR + 4) = 0;
    while (GICR_RD(GICR_CTLR) & GICR_CTLR_RWP);
}

BOOT_CODE static void
cpu_iface_init(void)
{
    word_t sre;

    GIC_MRS(ICC_SRE_EL1, sre);
    GIC_MSR(ICC_SRE_EL1, sre | BIT(0));
    GIC_MSR(ICC_PMR_EL1, PRIORITY_MASK);
    GIC_MSR(ICC_BPR1_EL1, 0);
    /* EOImode 0: ending an interrupt also deactivates it */
    GIC_MSR(ICC_CTLR_EL1, 0);
    GIC_MSR(ICC_IGRPEN1_EL1, 1);
}

/* The kernel calls this before initIRQController(), but the architecture wants affinity
 * routing switched on first. With one core everything can be done here. */
BOOT_CODE void
cpu_initLocalIRQController(void)
{
    dist_init();
    redist_init();
    cpu_iface_init();
}

BOOT_CODE void
initIRQController(void)
{
}
