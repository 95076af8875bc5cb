#!/bin/sh
# Tests of setup_interop.sh: on a copy, with fake tools that log how they are called and a PATH that
# holds nothing else. Installs nothing, touches nothing outside a temporary folder.
set -eu

source_root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/setup interop.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
repo="$work/re po"
bin=$work/bin
log=$work/log
made=$repo/out/interop
failures=0
passed=0

mkdir "$work/base"
for tool in sh awk cat cmp cp dirname env find grep ln mkdir mv rm sed tr; do
    ln -s "$(command -v "$tool")" "$work/base/$tool"
done

# fake NAME: an executable that logs its call, its body from the standard input.
fake() {
    {
        echo '#!/bin/sh'
        echo "echo \"$1 \$*\" >>\"\$LOG\""
        cat
    } >"$bin/$1"
    chmod +x "$bin/$1"
}

# A copy of the repository, and every tool there is on Debian.
fresh() {
    rm -rf "$repo" "$bin"
    mkdir -p "$repo/ci" "$repo/tests/interop/guest" "$bin"
    cp "$source_root/ci/setup_interop.sh" "$repo/ci/"
    cp -R "$source_root/toolchain" "$repo/"
    cp "$source_root"/tests/interop/requirements-*.txt "$repo/tests/interop/"
    cp "$source_root/tests/interop/guest/modules" "$repo/tests/interop/guest/"
    : >"$log"
    for tool in diodls diodcat qemu-system-x86_64; do fake "$tool" </dev/null; done
    echo 'echo 0' | fake id
    fake xz <<'END'
cat "$2"
END
    fake python3 <<'END'
[ "$2" != venv ] || { mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; }
END
    fake apt-cache <<'END'
case $1 in
policy) echo '  Candidate: 1' ;;
depends) echo "  Depends: linux-image-6.1-amd64" ;;
esac
END
    fake apt-get <<'END'
case "$*" in
*download*) : >kernel.deb && : >busybox.deb ;;
*install*) ln -sf "$(command -v diodls)" "$BIN/qemu-system-x86_64" ;;
esac
END
    fake dpkg-deb <<'END'
case $2 in
*busybox*) mkdir -p "$3/usr/bin" && echo busybox >"$3/usr/bin/busybox" ;;
*) mkdir -p "$3/boot" "$3/lib/fs" && echo kernel >"$3/boot/vmlinuz-6" &&
    echo plain >"$3/lib/fs/9p.ko" && echo packed >"$3/lib/fs/9pnet.ko.xz" ;;
esac
END
}

# run ARGUMENT...: output in $output, exit code in $code.
run() {
    code=0
    : >"$log"
    output=$(cd "$repo" && env -i PATH="$bin:$work/base" LOG="$log" BIN="$bin" \
        COHESIX_SYSTEM_PYTHON=python3 sh ci/setup_interop.sh "$@" 2>&1) || code=$?
}

# check WHAT COMMAND...: counts whether the command succeeds.
check() {
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        return
    fi
    failures=$((failures + 1))
    printf 'FAILED: %s: %s\n  exit %s, output:\n%s\n  log:\n' "$name" "$what" "$code" "$output" >&2
    cat "$log" >&2
}
exits() { check "exits with $1" [ "$code" = "$1" ]; }
in_output() { case $output in *"$1"*) ;; *) return 1 ;; esac; }
shows() { check "shows \"$1\"" in_output "$1"; }
logged() { check "calls \"$1\"" grep -qF -- "$1" "$log"; }
not_logged() { check "does not call \"$1\"" lacks "$1" "$log"; }
lacks() { ! grep -qF -- "$1" "$2"; }
holds() { check "$1 holds \"$2\"" [ "$(cat "$made/$1" 2>&1)" = "$2" ]; }
no() { check "there is no $1" [ ! -e "$made/$1" ]; }

name='everything, and once'
fresh
rm "$bin/qemu-system-x86_64"
run
exits 0
logged 'install diod qemu-system-x86 python3-venv xz-utils'
logged '--requirement '
holds linux/vmlinuz kernel
holds linux/busybox busybox
holds linux/lib/9p.ko plain
holds linux/lib/9pnet.ko packed
no linux/kernel.deb
run
exits 0
not_logged 'apt-get'
not_logged 'venv '
not_logged ' install'

name='what changed is made anew'
echo 'p9fs==9' >"$repo/tests/interop/requirements-p9fs.txt"
run
exits 0
logged "venv $made/p9fs.new"
not_logged codec.new
not_logged apt-get
holds p9fs/requirements.txt 'p9fs==9'
echo 9p >"$repo/tests/interop/guest/modules"
run linux
exits 0
no linux/lib/9pnet.ko
holds linux/modules 9p

name='pip fails'
fresh
fake python3 <<'END'
case "$*" in *venv*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;; *pip*) exit 1 ;; esac
END
run p9fs
exits 1
shows 'pip could not install what'
no p9fs
no p9fs.new

name='apt fails'
fresh
rm "$bin/qemu-system-x86_64"
echo 'exit 100' | fake apt-get
run packages
exits 1
shows 'apt could not install: diod'
run linux
exits 1
logged 'apt-get -q -y --no-remove --no-install-recommends -o DPkg::Lock::Timeout=300 update'
shows 'apt-get cannot download'
no linux
no linux.new

name='apt does nothing'
echo 'exit 0' | fake apt-get
run packages
exits 1
shows 'yet programs are missing'

name='the package lists are stale'
fresh
fake apt-get <<'END'
case "$*" in
*download*) [ -e "$BIN/updated" ] && : >kernel.deb && : >busybox.deb ;;
*update*) : >"$BIN/updated" ;;
esac
END
run linux
exits 0
holds linux/vmlinuz kernel

name='a kernel without 9P'
fresh
fake dpkg-deb <<'END'
mkdir -p "$3/boot" "$3/bin" && echo kernel >"$3/boot/vmlinuz-6" && echo busybox >"$3/bin/busybox"
END
run linux
exits 1
shows 'linux-image-6.1-amd64 and busybox-static are not as expected'
no linux

name='not Debian'
fresh
rm "$bin/apt-get" "$bin/qemu-system-x86_64"
run packages
exits 1
shows 'apt-get is missing: install by hand what provides: diod qemu-system-x86'
run linux
exits 1
shows "the Linux guest is made of Debian's packages"

name='wrong usage'
run p9fs everything
exits 2
shows 'usage: setup_interop.sh'
no p9fs

[ "$failures" = 0 ] || { echo "test_setup_interop.sh: $failures of $((failures + passed)) checks failed" >&2; exit 1; }
echo "test_setup_interop.sh: $passed checks pass"
