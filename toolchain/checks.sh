# shellcheck shell=sh
# What tools Cohesix needs, and whether this machine has them.
#
# Sourced by ./cohesix and by the setup scripts, after they have set `root` (the repository).
# A probe prints the version that it found and returns 0, or prints why not and returns 1.
# Nothing here installs anything: a setup script adds `install_tools` and `choose_rust`.

: "${root:?the script that sources this sets it}"

min_qemu=7.2
min_rust=1.95.0
vm_target=aarch64-unknown-none
all_groups='rust kernel qemu scripts'

# Set by a setup script: the interpreter of the kernel's generators, and the chosen Rust.
python=
rust_kind=
rust_bin=
rust_why=

# version_at_least FOUND WANTED: compares dotted numbers.
version_at_least() {
    awk -v found="$1" -v wanted="$2" 'BEGIN {
        n = split(wanted, w, "."); split(found, f, ".")
        for (i = 1; i <= n; i++) {
            if (f[i] + 0 > w[i] + 0) exit 0
            if (f[i] + 0 < w[i] + 0) exit 1
        }
        exit 0
    }'
}

# first_version: the first dotted number of the standard input.
first_version() {
    sed -n 's/^[^0-9]*\([0-9][0-9]*\.[0-9][0-9.]*\).*/\1/p' | sed -n 1p
}

# The toolchain that rust-toolchain.toml pins.
pinned_channel() {
    sed -n 's/^channel *= *"\([^"]*\)".*/\1/p' "$root/rust-toolchain.toml"
}

# Where everything built goes, the record of setup included.
out_dir() {
    case "${COHESIX_OUT:-}" in
    '') printf '%s\n' "$root/out" ;;
    /*) printf '%s\n' "$COHESIX_OUT" ;;
    *) printf '%s\n' "$PWD/$COHESIX_OUT" ;;
    esac
}

# quoted TEXT: TEXT as one word of the shell.
quoted() {
    printf "'"
    printf '%s' "$1" | sed "s/'/'\\\\''/g"
    printf "'"
}

# one_line: the lines of the standard input, joined by blanks.
one_line() { tr '\n' ' ' | sed 's/ $//'; }

has() { command -v "$1" >/dev/null 2>&1; }

probe_cc() {
    has cc || { echo 'missing (Rust links host programs with it)'; return 1; }
    echo "$(cc -dumpversion 2>/dev/null) ($(command -v cc))"
}

# The kernel is C: a GCC for AArch64, or clang with LLVM's linker.
probe_kernel_cc() {
    for gcc in aarch64-linux-gnu-gcc aarch64-elf-gcc; do
        if has "$gcc"; then
            echo "$gcc $("$gcc" -dumpversion 2>/dev/null)"
            return 0
        fi
    done
    if has clang && has ld.lld; then
        echo "clang $(clang -dumpversion 2>/dev/null) with ld.lld"
        return 0
    fi
    echo 'missing (the kernel needs aarch64-linux-gnu-gcc, aarch64-elf-gcc, or clang and ld.lld)'
    return 1
}

# probe_python PYTHON: the kernel's generators are Python programs that import these modules.
probe_python() {
    has "$1" || { echo "missing ($1)"; return 1; }
    absent=$("$1" -c '
import importlib.util, sys
print(" ".join(m for m in sys.argv[1:] if importlib.util.find_spec(m) is None))' \
        ply six tempita 2>/dev/null) || { echo "$1 does not run"; return 1; }
    [ -z "$absent" ] || { echo "$1 lacks the modules: $absent"; return 1; }
    echo "$("$1" --version | first_version) ($1) with ply, six, tempita"
}

probe_qemu() {
    has qemu-system-aarch64 || { echo 'missing (qemu-system-aarch64)'; return 1; }
    qemu_version=$(qemu-system-aarch64 --version 2>/dev/null | first_version)
    if ! version_at_least "${qemu_version:-0}" "$min_qemu"; then
        echo "QEMU ${qemu_version:-of an unknown version} is too old: $min_qemu or newer is needed"
        return 1
    fi
    echo "$qemu_version ($(command -v qemu-system-aarch64))"
}

probe_shellcheck() {
    has shellcheck || { echo 'missing (tests check the shell scripts with it)'; return 1; }
    shellcheck --version | sed -n 's/^version: //p'
}

cargo_home() { printf '%s\n' "${CARGO_HOME:-${HOME:-}/.cargo}"; }

# rustup's own path, also when its folder is not in PATH.
find_rustup() {
    if has rustup; then
        command -v rustup
    elif [ -x "$(cargo_home)/bin/rustup" ]; then
        printf '%s\n' "$(cargo_home)/bin/rustup"
    else
        return 1
    fi
}

# rustup_lacks RUSTUP CHANNEL: prints what the toolchain lacks, nothing when it is complete.
rustup_lacks() {
    if ! "$1" toolchain list 2>/dev/null | grep -Eq "^$2(-| |\$)"; then
        echo toolchain
        return 0
    fi
    "$1" target list --installed --toolchain "$2" 2>/dev/null | grep -qx "$vm_target" ||
        echo target
    components=$("$1" component list --installed --toolchain "$2" 2>/dev/null)
    for component in rustfmt clippy; do
        printf '%s\n' "$components" | grep -q "^$component" || echo "$component"
    done
}

# rustup_complete RUSTUP CHANNEL LACKS: installs what rustup_lacks printed.
rustup_complete() {
    case " $3 " in
    *' toolchain '*)
        "$1" toolchain install "$2" --no-self-update --profile minimal \
            --component rustfmt --component clippy --target "$vm_target" >&2
        return
        ;;
    *' target '*) "$1" target add --toolchain "$2" "$vm_target" >&2 || return 1 ;;
    esac
    for component in rustfmt clippy; do
        case " $3 " in
        *" $component "*) "$1" component add --toolchain "$2" "$component" >&2 || return 1 ;;
        esac
    done
}

# rustup_bin RUSTUP CHANNEL: the folder of that toolchain's own cargo and rustc.
rustup_bin() {
    rustup_cargo=$("$1" which --toolchain "$2" cargo 2>/dev/null) || return 1
    printf '%s\n' "${rustup_cargo%/cargo}"
}

# debian_lacks BIN: prints what Debian's Rust in the folder BIN lacks for building VM images.
debian_lacks() {
    for tool in cargo rustc rustfmt cargo-clippy; do
        [ -x "$1/$tool" ] || echo "$tool"
    done
    [ -x "$1/ld.lld" ] || echo ld.lld
    [ -x "$1/rustc" ] || return 0
    rust_version=$("$1/rustc" --version | first_version)
    version_at_least "$rust_version" "$min_rust" ||
        echo "rustc $min_rust or newer (found $rust_version)"
    sysroot=$("$1/rustc" --print sysroot)
    [ -e "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ] || echo "the library's source"
}

# tools_of GROUP...: the tools, apart from Rust itself, that these groups need.
tools_of() {
    for group in "$@"; do
        case $group in
        rust) echo cc ;;
        kernel) echo kernel-cc python ;;
        qemu) echo qemu ;;
        scripts) echo shellcheck ;;
        esac
    done
}

# probe TOOL; `python` is the interpreter that the setup script names.
probe() {
    case $1 in
    cc) probe_cc ;;
    kernel-cc) probe_kernel_cc ;;
    python) probe_python "$python" ;;
    qemu) probe_qemu ;;
    shellcheck) probe_shellcheck ;;
    esac
}

# missing_of TOOL...: those whose probe fails.
missing_of() {
    for tool in "$@"; do
        probe "$tool" >/dev/null || printf '%s ' "$tool"
    done
}

# report LINE for each tool; returns 1 when one is missing.
report() {
    status=0
    for tool in "$@"; do
        finding=$(probe "$tool") || status=1
        printf '%-11s %s\n' "$tool" "$finding"
    done
    return "$status"
}

say() { printf 'cohesix: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# setup [--check] [GROUP...]: the course of both setup scripts.
# `choose_rust` sets rust_kind, rust_bin and rust_why; with $check set it installs nothing, and
# sets rust_missing to what is to be done.
setup() {
    check=
    [ "${1:-}" != --check ] || { check=1; shift; }
    for group in "$@"; do
        case " $all_groups " in
        *" $group "*) ;;
        *) say "setup: unknown argument \`$group\`: --check, or some of: $all_groups"; exit 2 ;;
        esac
    done
    # shellcheck disable=SC2086 # lists of words
    [ $# -gt 0 ] || set -- $all_groups
    tools=$(tools_of "$@" | one_line)
    if [ -n "$check" ]; then
        check_only
    else
        install_missing
        choose_rust
        record "$rust_kind" "$rust_bin" "$rust_why" "$*"
    fi
}

check_only() {
    # shellcheck disable=SC2086
    report $tools && found=0 || found=1
    rust_missing=
    choose_rust
    if [ -n "$rust_missing" ]; then
        printf '%-11s missing: %s\n' rust "$rust_missing"
        found=1
    else
        printf '%-11s %s (%s), chosen because %s\n' rust \
            "$("$rust_bin/rustc" --version 2>/dev/null)" "$rust_bin" "$rust_why"
        [ "$rust_kind" != debian ] ||
            echo '            the core library of the VM is built from source (build-std)'
    fi
    return "$found"
}

install_missing() {
    # shellcheck disable=SC2086
    missing=$(missing_of $tools)
    [ -n "$missing" ] || return 0
    say "installing what is missing: $missing"
    # shellcheck disable=SC2086
    install_tools $missing
    # shellcheck disable=SC2086
    still=$(missing_of $missing)
    [ -n "$still" ] || return 0
    # shellcheck disable=SC2086
    report $still >&2 || true
    fail "these tools are still missing after the installation: $still(docs/toolchain.md, Troubleshooting)"
}

# recorded KIND: why an earlier setup chose that kind of Rust; fails where it did not.
recorded() {
    (
        COHESIX_RUST_CHOSEN=
        # shellcheck source=/dev/null
        [ ! -r "$(out_dir)/toolchain.env" ] || . "$(out_dir)/toolchain.env"
        [ "$COHESIX_RUST_CHOSEN" = "$1" ] && [ "$COHESIX_RUST_CHANNEL" = "$(pinned_channel)" ] &&
            printf '%s\n' "$COHESIX_RUST_WHY"
    )
}

# record KIND BIN WHY GROUPS: writes the choice where ./cohesix reads it.
# KIND: `rustup`, or `debian` (no target library: the VM's core and alloc are built from source).
record() {
    out=$(out_dir)
    record_to=$out/toolchain.env
    if ! mkdir -p "$out" 2>/dev/null || ! : 2>/dev/null >"$record_to.$$"; then
        echo "cohesix: cannot write in $out: make it writable, or set COHESIX_OUT to another folder" >&2
        return 1
    fi
    {
        echo '# Written by setup, read by ./cohesix. Delete it to have the tools checked anew.'
        echo "COHESIX_RUST_CHOSEN=$1"
        echo "COHESIX_RUST_BIN=$(quoted "$2")"
        echo "COHESIX_RUST_WHY=$(quoted "$3")"
        echo "COHESIX_RUST_CHANNEL=$(quoted "$(pinned_channel)")"
        echo "COHESIX_TOOLS_READY=$(quoted " $4 ")"
        if [ "$1" = debian ]; then
            echo 'COHESIX_BUILD_STD=1'
            echo 'CARGO_TARGET_AARCH64_UNKNOWN_NONE_LINKER=ld.lld'
        fi
    } >"$record_to.$$" && mv -f "$record_to.$$" "$record_to"
}
