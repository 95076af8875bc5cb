#!/bin/sh
# Puts the 9P clients of other people in place that tests/interop runs: setup_interop.sh [GROUP...]
#
# Groups (default all); what is there already is left alone:
#   packages  Debian's diod, QEMU for x86-64, Python's venv and xz; the only one that installs
#   p9fs      a Python environment with p9fs, in $COHESIX_OUT/interop/p9fs
#   codec     one with python-9p, which is plan9port's codec, in $COHESIX_OUT/interop/codec
#   linux     Debian's kernel for x86-64 with its 9P modules, and busybox, unpacked and not
#             installed, in $COHESIX_OUT/interop/linux
# Exit codes: 0 all is there, 1 something is not, 2 wrong usage.
set -eu

root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=toolchain/checks.sh
. "$root/toolchain/checks.sh"
# shellcheck source=toolchain/apt.sh
. "$root/toolchain/apt.sh"

packages='diod qemu-system-x86 python3-venv xz-utils'
# In the order of what needs what: guest/init loads them so.
modules=$(cat "$root/tests/interop/guest/modules")
# Debian's venv belongs to Debian's interpreter.
python=python3
! has apt-get || python=${COHESIX_SYSTEM_PYTHON:-/usr/bin/python3}

packages_are_there() {
    # Debian keeps diod's programs where only root looks.
    (PATH=$PATH:/usr/sbin && has diodls && has diodcat) && has qemu-system-x86_64 && has xz &&
        "$python" -c 'import ensurepip, venv' 2>/dev/null
}

set_up_packages() {
    packages_are_there && return
    # shellcheck disable=SC2086 # a list of words
    apt_install $packages || fail "apt could not install: $packages"
    packages_are_there || fail "apt installed $packages, yet programs are missing"
}

# set_up_python GROUP: its folder is whole or not there, and made anew when the versions change.
set_up_python() {
    wanted=$root/tests/interop/requirements-$1.txt
    venv=$interop/$1
    cmp -s "$wanted" "$venv/requirements.txt" && return
    say "fetching $(one_line <"$wanted") for the tests"
    unfinished=$venv.new
    rm -rf "$unfinished" "$venv"
    "$python" -m venv "$venv.new" || fail "$python makes no environment: install python3-venv"
    "$venv.new/bin/python" -m pip --quiet --disable-pip-version-check install \
        --requirement "$wanted" >&2 || fail "pip could not install what $wanted lists"
    cp "$wanted" "$venv.new/requirements.txt"
    mv "$venv.new" "$venv"
}

# The name of the kernel's package changes with each update; linux-image-amd64 depends on it.
kernel_package() {
    apt-cache depends --important linux-image-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | sed -n 1p
}

# Fails where the package lists are stale, or lack the kernel.
download_linux() {
    kernel=$(kernel_package)
    [ -n "$kernel" ] && apt-get -q -o APT::Sandbox::User=root download "$kernel" busybox-static >&2
}

# take_module NAME: from the unpacked package, uncompressed. Newer kernels have some built in.
take_module() {
    found=$(find unpacked -name "$1.ko*" | sed -n 1p)
    case $found in
    '') ;;
    *.xz) xz -dc "$found" >"lib/$1.ko" ;;
    *) cp "$found" "lib/$1.ko" ;;
    esac
}

# In an empty folder.
make_linux() {
    download_linux || { apt_update && download_linux; } ||
        fail "apt-get cannot download linux-image-amd64's kernel and busybox-static: it takes Debian for amd64, and its package lists"
    for archive in ./*.deb; do
        dpkg-deb -x "$archive" unpacked
    done
    cp unpacked/boot/vmlinuz-* vmlinuz
    find unpacked -path '*/bin/busybox' -type f -exec cp {} busybox \;
    mkdir lib
    for module in $modules; do
        take_module "$module"
    done
    if ! [ -s vmlinuz ] || ! [ -s busybox ] || ! [ -s lib/9p.ko ]; then
        fail "$kernel and busybox-static are not as expected"
    fi
    rm -rf unpacked ./*.deb
    echo "$modules" >modules
}

set_up_linux() {
    linux=$interop/linux
    cmp -s "$root/tests/interop/guest/modules" "$linux/modules" && return
    if ! has apt-get || ! has dpkg-deb; then fail "the Linux guest is made of Debian's packages"; fi
    say 'fetching a Linux kernel and busybox for the tests'
    unfinished=$linux.new
    rm -rf "$unfinished" "$linux"
    mkdir "$linux.new"
    cd "$linux.new"
    make_linux
    cd "$interop"
    mv "$linux.new" "$linux"
}

# The folder that is being made, which a failure leaves no part of.
unfinished=
trap 'rm -rf "$unfinished"' EXIT
trap 'exit 1' HUP INT TERM
interop=$(out_dir)/interop
for group in "$@"; do
    case $group in
    packages | p9fs | codec | linux) ;;
    *)
        say "usage: setup_interop.sh [packages] [p9fs] [codec] [linux]"
        exit 2
        ;;
    esac
done
mkdir -p "$interop" || fail "cannot write in $interop: make it writable, or set COHESIX_OUT"
[ $# -gt 0 ] || set -- packages p9fs codec linux
for group in "$@"; do
    case $group in
    p9fs | codec) set_up_python "$group" ;;
    *) "set_up_$group" ;;
    esac
done
