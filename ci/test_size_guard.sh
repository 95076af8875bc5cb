#!/bin/sh
# Tests of size_guard.sh: each case names the exit code and the words that it expects.
set -eu

here=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/size guard.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

# of_size BYTES: a file of that size, sparse.
of_size() {
    rm -f "$work/a file"
    dd if=/dev/null of="$work/a file" bs=1 seek="$1" 2>/dev/null
}

# expect CODE WORDS ARGUMENT...
expect() {
    code=$1
    words=$2
    shift 2
    got=0
    output=$("$here/size_guard.sh" "$@" 2>&1) || got=$?
    case $got/$output in
    "$code/"*"$words"*) ;;
    *)
        echo "size_guard.sh $*: exit $got, \"$output\"; expected exit $code with \"$words\"" >&2
        failures=$((failures + 1))
        ;;
    esac
}

of_size 1048576
expect 0 'a file: 1048576 bytes (budget 1048576, limit below 4194304)' "$work/a file"
of_size 1048577
expect 1 'over the budget' "$work/a file"
expect 0 '1048577 bytes (budget 2000000,' "$work/a file" 2000000
of_size 4194303
expect 0 '4194303 bytes' "$work/a file" 9999999
of_size 4194304
expect 1 'at or over the limit' "$work/a file" 9999999
expect 1 'at or over the limit' "$work/a file"
of_size 1
expect 0 ' 1 bytes' "$work/a file"
expect 1 'over the budget' "$work/a file" 0
of_size 0
expect 1 'is empty' "$work/a file"
expect 1 'does not exist: run' "$work/absent"
expect 1 'is not a file' "$work"
expect 2 'usage:'
expect 2 'usage:' ''
expect 2 'usage:' "$work/a file" 1MiB
expect 2 'usage:' "$work/a file" 99999999999
expect 2 'usage:' "$work/a file" -1
expect 2 'usage:' "$work/a file" 1 2

[ "$failures" = 0 ] || exit 1
echo 'size_guard.sh: 17 cases pass'
