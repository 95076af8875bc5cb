/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * seL4 5.0.0 on QEMU's "virt" machine: the platform adds no constants to the API. The kernel
 * includes this file by name, so it has to exist.
 */
#ifndef __LIBSEL4_SEL4_PLAT_API_CONSTANTS_H_
#define __LIBSEL4_SEL4_PLAT_API_CONSTANTS_H_
#endif
