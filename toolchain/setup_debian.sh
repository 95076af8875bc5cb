#!/bin/sh
# Installs, with apt, what Cohesix needs on Debian and its relatives; what is there stays as it is.
#
#   setup_debian.sh [--check] [GROUP...]
#
# --check only reports. Groups (default all): rust kernel qemu scripts.
# Rust is rustup's pinned toolchain where rustup is installed and can fetch it, else Debian's own
# compiler, with which the VM's core library is built from source. COHESIX_RUST=rustup or
# COHESIX_RUST=debian forces one.
set -eu

root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=toolchain/checks.sh
. "$root/toolchain/checks.sh"
# shellcheck source=toolchain/apt.sh
. "$root/toolchain/apt.sh"

# The kernel's generators need Debian's module packages, which belong to Debian's interpreter.
python=${COHESIX_SYSTEM_PYTHON:-/usr/bin/python3}
# Where Debian puts its cargo and rustc.
debian_bin=${COHESIX_DEBIAN_BIN:-/usr/bin}
# What cargo checks servers with.
ca_certificates=${COHESIX_CA_CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}

install_tools() {
    packages=
    for tool in "$@"; do
        case $tool in
        cc) packages="$packages gcc libc6-dev" ;;
        kernel-cc) packages="$packages $(kernel_gcc_package)" ;;
        python) packages="$packages python3 python3-ply python3-six python3-tempita" ;;
        qemu) packages="$packages qemu-system-arm" ;;
        shellcheck) packages="$packages shellcheck" ;;
        esac
    done
    # cargo fetches crates over TLS.
    [ -e "$ca_certificates" ] || packages="$packages ca-certificates"
    # shellcheck disable=SC2086 # a list of words
    apt_install $packages || fail "apt could not install:$packages"
}

# On an AArch64 host the host's own GCC carries the name aarch64-linux-gnu-gcc.
kernel_gcc_package() {
    if [ "$(dpkg --print-architecture 2>/dev/null)" = arm64 ]; then
        echo gcc
    else
        echo gcc-aarch64-linux-gnu
    fi
}

choose_rust() {
    channel=$(pinned_channel)
    case ${COHESIX_RUST:-} in
    '' | rustup) ;;
    debian)
        use_debian 'COHESIX_RUST=debian asks for it'
        return
        ;;
    *) fail "COHESIX_RUST=$COHESIX_RUST is neither rustup nor debian" ;;
    esac
    if ! rustup=$(find_rustup); then
        reason='rustup is not installed'
    elif use_rustup; then
        return 0
    else
        reason="rustup could not install $channel with $vm_target"
    fi
    [ -z "${COHESIX_RUST:-}" ] || fail "COHESIX_RUST=rustup, but $reason"
    use_debian "$reason"
}

use_rustup() {
    lacks=$(rustup_lacks "$rustup" "$channel" | one_line)
    if [ -n "$lacks" ] && [ -n "$check" ]; then
        # An earlier setup may have tried in vain and taken Debian's: then that is the state.
        recorded_why=$(recorded debian) && use_debian "$recorded_why" && return 0
        rust_missing="rustup's $channel lacks: $lacks; setup installs it, or else Debian's Rust"
        return 0
    fi
    if [ -n "$lacks" ]; then
        say "rustup's $channel lacks: $lacks; installing"
        rustup_complete "$rustup" "$channel" "$lacks" || return 1
    fi
    rust_bin=$(rustup_bin "$rustup" "$channel") || return 1
    rust_kind=rustup
    rust_why='rustup has the pinned toolchain'
}

# use_debian WHY: /usr/bin/cargo and rustc, the library's source, and LLVM's linker.
use_debian() {
    rust_kind=debian
    rust_bin=$debian_bin
    rust_why=$1
    lacks=$(debian_lacks "$rust_bin" | one_line)
    [ -n "$lacks" ] || return 0
    if [ -n "$check" ]; then
        rust_missing="$rust_why, and Debian's Rust lacks: $lacks; setup installs it"
        return 0
    fi
    has apt-get || fail "$rust_why: install rustup (https://rustup.rs)"
    say "taking Debian's Rust because $rust_why; it lacks: $lacks"
    # A release's first Rust is old, and its updates bring the newer one: so do fresh lists.
    packages=$(debian_rust_packages) || { apt_update && packages=$(debian_rust_packages); } ||
        fail "this release's Rust is too old (rustc-web: $(candidate rustc-web), rustc: $(candidate rustc); $min_rust or newer is needed): install rustup (https://rustup.rs)"
    # shellcheck disable=SC2086
    apt_install $packages ||
        fail "apt could not install $packages; where it says that they conflict with Debian's rustup, rustc or cargo package, remove that, or install rustup (https://rustup.rs)"
    lacks=$(debian_lacks "$rust_bin" | one_line)
    [ -z "$lacks" ] || fail "Debian's Rust still lacks: $lacks; install rustup (https://rustup.rs)"
}

# The web browsers' Rust where a stable release has it (it is kept new), else the plain packages;
# fails where both are too old.
debian_rust_packages() {
    web=$(candidate rustc-web)
    plain=$(candidate rustc)
    if version_at_least "${web:-0}" "$min_rust"; then
        echo 'rustc-web cargo-web rust-web-src rustfmt-web rust-web-clippy lld'
    elif version_at_least "${plain:-0}" "$min_rust"; then
        echo 'rustc cargo rust-src rustfmt rust-clippy lld'
    else
        return 1
    fi
}

setup "$@"
