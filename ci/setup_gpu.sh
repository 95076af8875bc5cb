#!/bin/sh
# Puts a Vulkan driver in place that needs no GPU, Mesa's lavapipe, for the tests of host/gpu-bridge.
# What is there already is left alone.
# Exit codes: 0 it is there, 1 it is not, 2 wrong usage.
set -eu

root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=toolchain/checks.sh
. "$root/toolchain/checks.sh"
# shellcheck source=toolchain/apt.sh
. "$root/toolchain/apt.sh"

# Where the Vulkan loader looks for drivers that are installed for the whole system.
drivers=${COHESIX_VULKAN_DRIVERS:-/usr/share/vulkan/icd.d}

# lavapipe's description; its name ends in the architecture.
is_there() {
    for description in "$drivers"/lvp_icd*.json; do
        [ ! -e "$description" ] || return 0
    done
    return 1
}

if [ $# -gt 0 ]; then
    say 'usage: setup_gpu.sh'
    exit 2
fi
is_there && exit 0
apt_install mesa-vulkan-drivers || fail 'apt could not install: mesa-vulkan-drivers'
is_there || fail "apt installed mesa-vulkan-drivers, yet $drivers has no lavapipe"
