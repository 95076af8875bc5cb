// SPDX-License-Identifier: GPL-2.0-only
//! Empty: cargo wants a target before it tells where a dependency lies.
