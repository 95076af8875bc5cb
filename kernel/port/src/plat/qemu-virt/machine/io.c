/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * seL4 5.0.0 on QEMU's "virt" machine: the debug console, a PL011 (ARM DDI 0183).
 *
 * User level drives the same device without a lock, so lines of both may mix. Compiled in only
 * where CONFIG_PRINTING or CONFIG_DEBUG_BUILD asks for it.
 */
#include <config.h>
#include <stdint.h>
#include <util.h>
#include <machine/io.h>
#include <plat/machine/devices.h>

#define UARTDR      0x000
#define UARTFR      0x018
#define UARTFR_TXFF BIT(5)
#define UART_REG(x) (*(volatile uint32_t *)(UART0_PPTR + (x)))

#if defined(CONFIG_DEBUG_BUILD) || defined(CONFIG_PRINTING)
void
putDebugChar(unsigned char c)
{
    while (UART_REG(UARTFR) & UARTFR_TXFF);
    UART_REG(UARTDR) = c;
}
#endif

#ifdef CONFIG_DEBUG_BUILD
/* Only the kernel's debug console reads, and this kernel has none. */
unsigned char
getDebugChar(void)
{
    return 0;
}
#endif
