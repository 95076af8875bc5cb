#!/bin/sh
# Tests of setup_gpu.sh: with a fake apt-get and a PATH that holds nothing else. Installs nothing,
# touches nothing outside a temporary folder.
set -eu

root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/setup gpu.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0
passed=0

mkdir "$work/bin" "$work/icd"
for tool in sh dirname env sed; do
    ln -s "$(command -v "$tool")" "$work/bin/$tool"
done

# fake NAME: an executable that logs its call, its body from the standard input.
fake() {
    {
        echo '#!/bin/sh'
        echo "echo \"$1 \$*\" >>\"\$LOG\""
        while read -r line; do echo "$line"; done
    } >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

# run ARGUMENT...: output in $output, exit code in $code.
run() {
    code=0
    : >"$work/log"
    output=$(env -i PATH="$work/bin" LOG="$work/log" ICD="$work/icd" \
        COHESIX_VULKAN_DRIVERS="$work/icd" sh "$root/ci/setup_gpu.sh" "$@" 2>&1) || code=$?
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
    printf 'FAILED: %s: %s\n  exit %s, output:\n%s\n' "$name" "$what" "$code" "$output" >&2
    cat "$work/log" >&2
}
exits() { check "exits with $1" [ "$code" = "$1" ]; }
in_output() { case $output in *"$1"*) ;; *) return 1 ;; esac; }
shows() { check "shows \"$1\"" in_output "$1"; }
logged() { check "calls \"$1\"" grep -qF -- "$1" "$work/log"; }
not_logged() { check "does not call \"$1\"" lacks "$1"; }
lacks() { ! grep -qF -- "$1" "$work/log"; }

echo 'echo 0' | fake id
echo "echo '  Candidate: 1'" | fake apt-cache

name='without apt'
run
exits 1
shows 'apt-get is missing: install by hand what provides: mesa-vulkan-drivers'

name='apt fails'
echo 'exit 100' | fake apt-get
run
exits 1
shows 'apt could not install: mesa-vulkan-drivers'

name='apt does nothing'
echo 'exit 0' | fake apt-get
run
exits 1
shows 'yet'

name='it installs the driver, once'
# shellcheck disable=SC2016 # for the fake
echo ': >"$ICD/lvp_icd.x86_64.json"' | fake apt-get
run
exits 0
logged 'install mesa-vulkan-drivers'
run
exits 0
not_logged apt-get

name='wrong usage'
run everything
exits 2
shows 'usage: setup_gpu.sh'

[ "$failures" = 0 ] || { echo "test_setup_gpu.sh: $failures of $((failures + passed)) checks failed" >&2; exit 1; }
echo "test_setup_gpu.sh: $passed checks pass"
