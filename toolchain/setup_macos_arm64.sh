#!/bin/sh
# Installs, with Homebrew, what Cohesix needs on macOS on Apple silicon; what is there stays.
#
#   setup_macos_arm64.sh [--check] [GROUP...]
#
# --check only reports. Groups (default all): rust kernel qemu scripts.
# The Python modules of the kernel's generators are not Homebrew's: the build keeps them in a
# virtual environment of its own, so only python3 with `venv` is needed here.
set -eu

root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=toolchain/checks.sh
. "$root/toolchain/checks.sh"

python=python3

# Replaces the probe for Debian's module packages.
probe_python() {
    has "$1" || { echo "missing ($1)"; return 1; }
    "$1" -c 'import venv' 2>/dev/null || { echo "$1 lacks the module venv"; return 1; }
    echo "$("$1" --version | first_version) ($(command -v "$1"))"
}

# Homebrew's folder is not in PATH of every shell.
if ! has brew && [ -x /opt/homebrew/bin/brew ]; then
    PATH=/opt/homebrew/bin:$PATH
fi

brew_install() {
    has brew || fail 'Homebrew is missing: install it (https://brew.sh), then try again'
    HOMEBREW_NO_AUTO_UPDATE=1 HOMEBREW_NO_INSTALL_UPGRADE=1 brew install "$@" >&2 ||
        fail "Homebrew could not install: $*"
}

install_tools() {
    for tool in "$@"; do
        case $tool in
        # Apple's compiler comes with a dialog of its own, which no script can answer.
        cc) fail "the C compiler is missing: run \`xcode-select --install\`, then try again" ;;
        kernel-cc) brew_install aarch64-elf-gcc ;;
        python) brew_install python3 ;;
        qemu) brew_install qemu ;;
        shellcheck) brew_install shellcheck ;;
        esac
    done
}

choose_rust() {
    channel=$(pinned_channel)
    rust_kind=rustup
    rust_why='rustup has the pinned toolchain'
    [ "${COHESIX_RUST:-rustup}" = rustup ] ||
        fail "COHESIX_RUST=$COHESIX_RUST: macOS has only rustup"
    if ! rustup=$(find_rustup || brew_rustup); then
        rust_missing='rustup is not installed; setup installs it'
        [ -z "$check" ] || return 0
        say 'installing rustup'
        brew_install rustup
        rustup=$(find_rustup || brew_rustup) || fail 'rustup is missing after its installation'
    fi
    lacks=$(rustup_lacks "$rustup" "$channel" | one_line)
    if [ -n "$lacks" ]; then
        rust_missing="rustup's $channel lacks: $lacks; setup installs it"
        [ -z "$check" ] || return 0
        say "rustup's $channel lacks: $lacks; installing"
        rustup_complete "$rustup" "$channel" "$lacks" ||
            fail "rustup could not install $channel with $vm_target: see its message above"
    fi
    rust_missing=
    rust_bin=$(rustup_bin "$rustup" "$channel") || fail "rustup does not know $channel"
}

# Homebrew keeps rustup out of PATH, in a folder of its own.
brew_rustup() {
    has brew || return 1
    keg=$(brew --prefix rustup 2>/dev/null) && [ -x "$keg/bin/rustup" ] || return 1
    printf '%s\n' "$keg/bin/rustup"
}

case $(uname -s)/$(uname -m) in
Darwin/arm64) ;;
*) fail "$(uname -s) on $(uname -m) is not macOS on Apple silicon" ;;
esac
setup "$@"
