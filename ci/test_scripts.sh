#!/bin/sh
# Runs the tests of every shell script; all run, and it fails when one fails.
set -u

root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd) || exit 1
code=0
for tests in ci/test_size_guard.sh ci/test_setup_interop.sh ci/test_setup_gpu.sh toolchain/test_setup.sh; do
    "$root/$tests" || code=1
done
exit "$code"
