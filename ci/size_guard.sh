#!/bin/sh
# Fails where a boot archive is too large: size_guard.sh FILE [BUDGET_BYTES]
# The limit is 4 MiB and cannot be changed; our own budget, 1 MiB, can.
# Exit codes: 0 fits, 1 too large, missing, or empty, 2 wrong usage.
set -eu

limit=4194304
default_budget=1048576

usage() {
    echo "usage: size_guard.sh FILE [BUDGET_BYTES]" >&2
    exit 2
}

fail() {
    echo "size_guard: $*" >&2
    exit 1
}

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ -z "$1" ]; then usage; fi
file=$1
budget=${2:-$default_budget}
case $budget in
'' | *[!0-9]* | ??????????*) usage ;;
esac

[ -e "$file" ] || fail "$file does not exist: run \`./cohesix build\` first"
[ -f "$file" ] || fail "$file is not a file"
[ -r "$file" ] || fail "$file cannot be read"
size=$(wc -c <"$file")
size=$((size))
[ "$size" -gt 0 ] || fail "$file is empty: remove it and run \`./cohesix build\`"

line="$file: $size bytes (budget $budget, limit below $limit)"
[ "$size" -lt "$limit" ] || fail "$line: at or over the limit"
[ "$size" -le "$budget" ] || fail "$line: over the budget"
echo "$line"
