#!/bin/sh
# Boots Cohesix in QEMU. A front of `./cohesix run` and `./cohesix qemu-run`: all work is theirs.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

usage() {
    cat <<'END'
usage: scripts/qemu-run.sh [OPTION...]
       scripts/qemu-run.sh ELFLOADER KERNEL ROOTFS [OPTION...]

Without files it builds everything and boots it. With three it boots that loader with that
kernel.elf and that rootfs.cpio. Options are those of `./cohesix run`: --headless,
--for SECONDS, --memory MIB, --dry-run ...
END
}

case ${1:-} in
-h | --help)
    usage
    exit 0
    ;;
'' | -*) exec "$root/cohesix" run "$@" ;;
esac
if [ $# -lt 3 ]; then
    echo "qemu-run.sh: give no file, or all three of ELFLOADER KERNEL ROOTFS" >&2
    usage >&2
    exit 2
fi
exec "$root/cohesix" qemu-run "$@"
