/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * seL4 5.0.0 on QEMU's "virt" machine: timer, and the outer cache that it lacks.
 *
 * The kernel ticks on the virtual timer CNTV. The physical timer CNTP is user level's.
 */
#include <config.h>
#include <types.h>
#include <arch/machine.h>
#include <arch/linker.h>
#include <mode/machine.h>
#include <machine/timer.h>
#include <plat/machine/hardware.h>

/* QEMU's default, for a machine whose firmware left CNTFRQ_EL0 at 0 */
#define TIMER_CLOCK_HZ   62500000llu

/* CNTKCTL_EL1: what EL0 may touch without a trap. Bit 8, CNTV, must stay 0: it is the tick. */
#define CNTKCTL_EL0PCTEN BIT(0) /* CNTPCT_EL0, CNTFRQ_EL0 */
#define CNTKCTL_EL0VCTEN BIT(1) /* CNTVCT_EL0, CNTFRQ_EL0 */
#define CNTKCTL_EL0PTEN  BIT(9) /* CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTP_TVAL_EL0 */

#ifdef CONFIG_EXPORT_VTMR_USER
#error the kernel ticks on CNTV: user level cannot have it
#endif

#define CNTKCTL ((config_set(CONFIG_EXPORT_PCNT_USER) ? CNTKCTL_EL0PCTEN : 0) \
               | (config_set(CONFIG_EXPORT_VCNT_USER) ? CNTKCTL_EL0VCTEN : 0) \
               | (config_set(CONFIG_EXPORT_PTMR_USER) ? CNTKCTL_EL0PTEN : 0))

#define TIMER_ENABLE     BIT(0)

static word_t timer_reload;

void
resetTimer(void)
{
    MSR("cntv_tval_el0", timer_reload);
    MSR("cntv_ctl_el0", TIMER_ENABLE);
    /* The line must be low before the interrupt is ended, or it fires once more. */
    isb();
}

BOOT_CODE void
initTimer(void)
{
    word_t hz;

    MRS("cntfrq_el0", hz);
    if (hz == 0) {
        hz = TIMER_CLOCK_HZ;
    }
    timer_reload = (hz / 1000) * CONFIG_TIMER_TICK_MS;
    MSR("cntkctl_el1", CNTKCTL);
    /* Whatever ran before may have left user level's timer going. */
    MSR("cntp_ctl_el0", 0);
    resetTimer();
}

BOOT_CODE void
initL2Cache(void)
{
}

void
plat_cleanL2Range(paddr_t start, paddr_t end)
{
}

void
plat_invalidateL2Range(paddr_t start, paddr_t end)
{
}

void
plat_cleanInvalidateL2Range(paddr_t start, paddr_t end)
{
}

void
plat_cleanInvalidateCache(void)
{
}
