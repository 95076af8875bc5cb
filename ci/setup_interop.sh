#!/bin/sh
# Puts the 9P clients of other people in place that tests/interop runs: setup_interop.sh [GROUP...]
#
# Groups (default all), each done at most once:
#   packages  Debian's diod, QEMU for x86-64 and Python's venv; the only one that needs root
#   p9fs      a Python environment with p9fs, in $COHESIX_OUT/interop/p9fs
#   codec     one with python-9p, which is plan9port's codec, in $COHESIX_OUT/interop/codec
#   linux     Debian's kernel for x86-64 with its 9P modules, and busybox, unpacked and not
#             installed, in $COHESIX_OUT/interop/linux
# Exit codes: 0 all is there, 1 something is not, 2 wrong usage.
set -eu

packages='diod qemu-system-x86 python3-venv'
modules='e1000 netfs fscache 9pnet 9pnet_fd 9p'

fail() {
    echo "setup_interop: $*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif has sudo; then
        sudo -n "$@"
    else
        fail "this is neither root nor is sudo installed: as root, run ci/setup_interop.sh packages"
    fi
}

apt() {
    has apt-get || fail "apt-get is missing: install by hand what provides: $packages"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y --no-remove --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >&2
}

packages_are_there() {
    { has diodls || [ -x /usr/sbin/diodls ]; } && has qemu-system-x86_64 &&
        python3 -c 'import ensurepip, venv' 2>/dev/null
}

set_up_packages() {
    packages_are_there && return
    # shellcheck disable=SC2086 # a list of words
    apt install $packages || { apt update && apt install $packages; }
    packages_are_there || fail "apt-get installed $packages, yet programs are missing"
}

# set_up_python GROUP: its folder is whole or not there, and made anew when the versions change.
set_up_python() {
    wanted=$root/tests/interop/requirements-$1.txt
    venv=$out/$1
    cmp -s "$wanted" "$venv/requirements.txt" && return
    rm -rf "$venv.new" "$venv"
    python3 -m venv "$venv.new" || fail "python3 makes no environment: install python3-venv"
    "$venv.new/bin/python" -m pip --quiet --disable-pip-version-check install \
        --requirement "$wanted" >&2 || fail "pip could not install what $wanted lists"
    cp "$wanted" "$venv.new/requirements.txt"
    mv "$venv.new" "$venv"
}

# The name of the kernel's package changes with each update; linux-image-amd64 depends on it.
kernel_package() {
    apt-cache depends --important linux-image-amd64 |
        sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | sed -n 1p
}

# take_module NAME: from the unpacked package to lib/, uncompressed. Newer kernels lack some.
take_module() {
    found=$(find unpacked -name "$1.ko*" | sed -n 1p)
    case $found in
    '') ;;
    *.xz) xz -dc "$found" >"lib/$1.ko" ;;
    *) cp "$found" "lib/$1.ko" ;;
    esac
}

unpack_linux() {
    package=$(kernel_package)
    [ -n "$package" ] || fail "apt knows no linux-image-amd64: run apt-get update on Debian amd64"
    apt-get -q download "$package" busybox-static >&2 || fail "apt-get cannot download $package"
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
        fail "$package and busybox-static are not as expected"
    fi
    rm -rf unpacked ./*.deb
}

set_up_linux() {
    [ -d "$out/linux" ] && return
    if ! has apt-get || ! has dpkg-deb; then fail "the Linux guest is made of Debian's packages"; fi
    rm -rf "$out/linux.new"
    mkdir "$out/linux.new"
    (cd "$out/linux.new" && unpack_linux)
    mv "$out/linux.new" "$out/linux"
}

root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
out=${COHESIX_OUT:-$root/out}/interop
mkdir -p "$out"
out=$(CDPATH='' cd -P -- "$out" && pwd)
[ $# -gt 0 ] || set -- packages p9fs codec linux
for group in "$@"; do
    case $group in
    packages) set_up_packages ;;
    p9fs | codec) set_up_python "$group" ;;
    linux) set_up_linux ;;
    *)
        echo "usage: setup_interop.sh [packages] [p9fs] [codec] [linux]" >&2
        exit 2
        ;;
    esac
done
