#!/bin/sh
# Tests of ./cohesix and the setup scripts: on a copy, with fake tools that log how they are called
# and a PATH that holds nothing else. Installs nothing, touches nothing outside a temporary folder.
set -eu

source_root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/setup test.XXXXXX")
work=$(CDPATH='' cd -P -- "$work" && pwd)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0
passed=0
repo="$work/re po"
bin=$work/bin
log=$work/log
state=$work/state

# The system's own small tools, and only these.
mkdir "$work/base"
for tool in sh awk cat chmod cp dirname env grep ln mkdir mv readlink rm sed tr; do
    ln -s "$(command -v "$tool")" "$work/base/$tool"
done

# fake NAME: an executable, its body from the standard input.
fake() {
    { echo '#!/bin/sh'; cat; } >"$bin/$1"
    chmod +x "$bin/$1"
}

# says NAME TEXT: a fake that logs its call and prints TEXT.
says() {
    fake "$1" <<END
echo "$1 \$*" >>"\$LOG"
echo "$2"
END
}

# fresh OS MACHINE: a copy of the repository, no tools, an empty log.
fresh() {
    for old in "$repo" "$bin" "$state" "$work/debian" "$work/home" "$work/ca"; do rm -rf "$old"; done
    mkdir -p "$repo/toolchain" "$bin" "$state" "$work/home" "$work/debian"
    cp "$source_root/cohesix" "$source_root/rust-toolchain.toml" "$repo/"
    cp "$source_root"/toolchain/*.sh "$repo/toolchain/"
    : >"$log"
    : >"$work/ca"
    says id 0
    fake uname <<END
case \$1 in -s) echo $1 ;; -m) echo $2 ;; esac
END
}

host_tools() {
    says cc 12.2.0
    says aarch64-linux-gnu-gcc 12.2.0
    says qemu-system-aarch64 'QEMU emulator version 7.2.22 (Debian)'
    says shellcheck 'version: 0.9.0'
    fake_python
}

# Lacks the modules that the file `lacks` of the state names.
fake_python() {
    fake python3 <<'END'
echo "python3 $1" >>"$LOG"
case $1 in
--version) echo 'Python 3.11.2' ;;
-c) [ ! -e "$STATE/lacks" ] || cat "$STATE/lacks" ;;
esac
END
}

# A toolchain's folder whose cargo shows what it was given.
fake_cargo() {
    mkdir -p "$1"
    cat >"$1/cargo" <<'END'
#!/bin/sh
echo "cargo cwd=$PWD toolchain=${RUSTUP_TOOLCHAIN:-} std=${COHESIX_BUILD_STD:-} linker=${CARGO_TARGET_AARCH64_UNKNOWN_NONE_LINKER:-} out=$COHESIX_OUT args=$*"
echo "cargo is $(command -v cargo)"
exit "${CARGO_EXITS:-0}"
END
    printf '#!/bin/sh\necho "rustc %s (x)"\n' "$2" >"$1/rustc"
    chmod +x "$1/cargo" "$1/rustc"
}

# State: a line for each thing that the toolchain has; the file `offline` makes rustup fail.
fake_rustup() {
    fake_cargo "$work/tc/bin" 1.95.0
    printf '%s\n' "$@" >"$state/has"
    fake rustup <<'END'
echo "rustup $*" >>"$LOG"
has() { grep -qx "$1" "$STATE/has"; }
case "$*" in
'toolchain list') ! has toolchain || echo '1.95.0-x86_64-unknown-linux-gnu (active)' ;;
'target list --installed'*) ! has target || echo aarch64-unknown-none ;;
'component list --installed'*) grep -E 'rustfmt|clippy' "$STATE/has" | sed 's/$/-x86_64/' ;;
which*) echo "$TC/bin/cargo" ;;
*) [ ! -e "$STATE/offline" ] || exit 1 ;;
esac
case "$*" in
'toolchain install'*) printf '%s\n' toolchain target rustfmt clippy >>"$STATE/has" ;;
'target add'*) echo target >>"$STATE/has" ;;
'component add'*) echo "$*" | sed 's/.* //' >>"$STATE/has" ;;
esac
END
}
complete_rustup() { fake_rustup toolchain target rustfmt clippy; }

# apt with the packages of the file `candidates` (lines: name version). The file `stale` makes an
# installation fail until the lists were refreshed.
fake_apt() {
    printf '%s\n' 'gcc 12' 'libc6-dev 2' 'gcc-aarch64-linux-gnu 12' 'python3 3.11' \
        'python3-ply 3' 'python3-six 1' 'python3-tempita 0.5' 'qemu-system-arm 7.2' \
        'shellcheck 0.9' 'lld 14' 'rustc 1.63.0+dfsg1-2' \
        'rustc-web 1.96.0+dfsg1-1' 'cargo-web 1.96' 'rust-web-src 1.96' 'rustfmt-web 1.96' \
        'rust-web-clippy 1.96' >"$state/candidates"
    says dpkg amd64
    fake apt-cache <<'END'
echo "$2:"
version=$(sed -n "s/^$2 //p" "$STATE/candidates")
echo "  Candidate: ${version:-(none)}"
END
    fake apt-get <<'END'
for word; do case $word in install | update) verb=$word ;; esac; done
echo "apt-get $*" | sed 's/ -q -y.*Timeout=300//' >>"$LOG"
if [ "$verb" = update ]; then rm -f "$STATE/stale"; exit 0; fi
[ ! -e "$STATE/stale" ] || exit 100
cp_fake() { ln -sf "$SPARE/$1" "$BIN/$1"; }
for package; do
    case $package in
    gcc) cp_fake cc ;;
    gcc-aarch64-linux-gnu) cp_fake aarch64-linux-gnu-gcc ;;
    python3) cp_fake python3 ;;
    python3-tempita) rm -f "$STATE/lacks" ;;
    qemu-system-arm) cp_fake qemu-system-aarch64 ;;
    shellcheck) cp_fake shellcheck ;;
    rustc-web) for tool in cargo rustc rustfmt cargo-clippy ld.lld; do ln -sf "$SPARE/deb/$tool" "$DEBIAN/$tool"; done ;;
    esac
done
END
}

# What the fake apt and brew install from.
prepare_spare() {
    fresh Linux x86_64
    host_tools
    says aarch64-elf-gcc 14.1.0
    fake_cargo "$work/spare/deb" 1.96.0
    rm "$bin/id" "$bin/uname"
    mv "$bin"/* "$work/spare/"
    for tool in rustfmt cargo-clippy ld.lld; do
        printf '#!/bin/sh\n' >"$work/spare/deb/$tool"
        chmod +x "$work/spare/deb/$tool"
    done
    mkdir -p "$work/usr/lib/rustlib/src/rust/library"
    : >"$work/usr/lib/rustlib/src/rust/library/Cargo.lock"
    cat >"$work/spare/deb/rustc" <<END
#!/bin/sh
case \$1 in --version) echo 'rustc 1.96.0 (x)' ;; --print) echo "$work/usr" ;; esac
END
}

# run [VARIABLE=VALUE...] PROGRAM ARGUMENT...: output in $output, exit code in $code.
run() {
    code=0
    output=$(cd "${in_folder:-$repo}" && env -i PATH="$bin:$work/base" HOME="$work/home" LOG="$log" \
        STATE="$state" BIN="$bin" SPARE="$work/spare" DEBIAN="$work/debian" TC="$work/tc" \
        COHESIX_SYSTEM_PYTHON=python3 COHESIX_DEBIAN_BIN="$work/debian" \
        COHESIX_CA_CERTIFICATES="$work/ca" "$@" 2>&1) || code=$?
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
is_code() { [ "$code" = "$1" ]; }
in_output() { case $output in *"$1"*) ;; *) return 1 ;; esac; }
in_log() { grep -qF -- "$1" "$log"; }
not_in_log() { ! in_log "$1"; }
in_log_times() { [ "$(grep -cF -- "$2" "$log")" = "$1" ]; }
empty() { [ ! -s "$1" ]; }
absent() { [ ! -e "$1" ]; }

exits() { check "exits with $1" is_code "$1"; }
shows() { check "shows \"$1\"" in_output "$1"; }
logged() { check "calls \"$1\"" in_log "$1"; }
not_logged() { check "does not call \"$1\"" not_in_log "$1"; }
logged_times() { check "calls \"$2\" $1 times" in_log_times "$1" "$2"; }

starts() {
    name='help without any tool'
    fresh Linux x86_64
    for words in help --help -h ''; do
        # shellcheck disable=SC2086 # '' is no argument
        run ./cohesix $words
        exits 0
        shows './cohesix run'
    done

    name='everything is there'
    host_tools
    complete_rustup
    fake_apt
    run ./cohesix run --for 12
    exits 0
    shows "toolchain=1.95.0 std= linker= out=$repo/out args=run --quiet --manifest-path $repo/Cargo.toml --package xtask -- run --for 12"
    shows "cargo is $work/tc/bin/cargo"
    not_logged apt-get
    not_logged 'rustup toolchain install'

    name='the second start does no work that the first did'
    : >"$log"
    run ./cohesix run
    exits 0
    shows 'args=run'
    check 'calls no tool but cargo' empty "$log"
    run CARGO_EXITS=7 ./cohesix test
    exits 7

    name='any folder, through symbolic links'
    ln -sf "$repo/cohesix" "$work/home/absolute"
    ln -sf absolute "$work/home/relative"
    in_folder=$work/home
    run COHESIX_OUT=my/out ./relative sizes 'a b'
    in_folder=
    exits 0
    shows "cwd=$work/home"
    shows "out=$work/home/my/out"
    shows "$repo/Cargo.toml --package xtask -- sizes a b"

    name='what is recorded no longer holds'
    : >"$log"
    run ./cohesix build
    check 'calls no tool' empty "$log"
    sed 's/1\.95\.0/1.99.0/' "$source_root/rust-toolchain.toml" >"$repo/rust-toolchain.toml"
    : >"$state/offline"
    run COHESIX_RUST=rustup ./cohesix build
    exits 1
    logged 'rustup toolchain install 1.99.0'
    shows 'COHESIX_RUST=rustup, but rustup could not install 1.99.0'
}

installs_on_debian() {
    name='apt installs what is missing, once'
    fresh Linux x86_64
    complete_rustup
    fake_apt
    run ./cohesix test
    exits 0
    logged 'apt-get install gcc libc6-dev gcc-aarch64-linux-gnu python3 python3-ply python3-six python3-tempita qemu-system-arm shellcheck'
    not_logged 'apt-get update'
    run ./cohesix test
    logged_times 1 'apt-get install'

    name='only what the command needs'
    fresh Linux x86_64
    says cc 12.2.0
    complete_rustup
    fake_apt
    run ./cohesix tidy
    exits 0
    not_logged apt-get
    run ./cohesix build
    logged 'apt-get install gcc-aarch64-linux-gnu python3'
    not_logged qemu-system-arm

    name='missing Python modules'
    fresh Linux x86_64
    host_tools
    complete_rustup
    fake_apt
    echo tempita >"$state/lacks"
    run ./cohesix setup --check
    exits 1
    shows 'python3 lacks the modules: tempita'
    run ./cohesix build
    exits 0
    logged 'python3-tempita'

    name='unknown packages: the lists are refreshed first, once'
    fresh Linux x86_64
    complete_rustup
    fake_apt
    grep -v qemu "$state/candidates" >"$state/fewer"
    mv "$state/fewer" "$state/candidates"
    run ./cohesix run
    logged_times 1 'apt-get update'

    name='stale lists: refreshed once, then tried again'
    fresh Linux x86_64
    complete_rustup
    fake_apt
    : >"$state/stale"
    run ./cohesix run
    exits 0
    logged_times 1 'apt-get update'
    logged_times 2 'apt-get install'

    name='an installation that goes on failing'
    fresh Linux x86_64
    complete_rustup
    fake_apt
    grep -v qemu "$state/candidates" >"$state/fewer"
    mv "$state/fewer" "$state/candidates"
    fake apt-get <<'END'
echo "apt-get $*" >>"$LOG"
case "$*" in *update) ;; *) exit 100 ;; esac
END
    run ./cohesix run
    exits 1
    shows 'apt could not install: gcc libc6-dev'
    logged_times 1 ' update'
    check 'records nothing' absent "$repo/out"

    name='certificates'
    fresh Linux x86_64
    complete_rustup
    fake_apt
    rm "$work/ca"
    run ./cohesix sizes
    logged 'libc6-dev ca-certificates'
}

roots_and_users() {
    name='neither root nor sudo'
    fresh Linux x86_64
    complete_rustup
    fake_apt
    says id 1000
    run ./cohesix run
    exits 1
    shows 'this is neither root nor is sudo installed'
    not_logged apt-get

    name='sudo'
    fake sudo <<'END'
echo "sudo $*" >>"$LOG"
[ "$1" != -n ] || shift
exec "$@"
END
    run ./cohesix run
    exits 0
    logged 'sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-remove'

    name='sudo under CI asks nobody'
    rm -r "$repo/out" "$bin/qemu-system-aarch64"
    run CI=true ./cohesix run
    exits 0
    logged 'sudo -n env'

    name='nothing is missing: no sudo'
    rm -r "$repo/out"
    : >"$log"
    run ./cohesix run
    exits 0
    not_logged sudo
}

rust_by_rustup() {
    name='rustup adds the target'
    fresh Linux x86_64
    host_tools
    fake_apt
    fake_rustup toolchain rustfmt
    run ./cohesix sizes
    exits 0
    logged 'rustup target add --toolchain 1.95.0 aarch64-unknown-none'
    logged 'rustup component add --toolchain 1.95.0 clippy'
    not_logged 'component add --toolchain 1.95.0 rustfmt'
    not_logged 'toolchain install'

    name='rustup installs the pinned toolchain'
    fresh Linux x86_64
    host_tools
    fake_apt
    fake_rustup nothing
    run ./cohesix setup --check
    exits 1
    shows "rustup's 1.95.0 lacks: toolchain"
    run ./cohesix sizes
    exits 0
    logged 'rustup toolchain install 1.95.0 --no-self-update --profile minimal --component rustfmt --component clippy --target aarch64-unknown-none'

    name='rustup outside PATH'
    rm -r "$repo/out"
    mkdir -p "$work/home/.cargo/bin"
    mv "$bin/rustup" "$work/home/.cargo/bin/"
    run ./cohesix sizes
    exits 0
    shows 'toolchain=1.95.0'
}

rust_by_debian() {
    name='no rustup: Debian'"'"'s Rust'
    fresh Linux x86_64
    host_tools
    fake_apt
    run ./cohesix setup --check
    exits 1
    shows "missing: rustup is not installed, and Debian's Rust lacks: cargo"
    check 'writes nothing' absent "$repo/out"
    not_logged apt-get
    run ./cohesix run
    exits 0
    logged 'apt-get install rustc-web cargo-web rust-web-src rustfmt-web rust-web-clippy lld'
    shows 'toolchain= std=1 linker=ld.lld'
    shows "cargo is $work/debian/cargo"
    run ./cohesix setup --check
    exits 0
    shows 'chosen because rustup is not installed'
    shows 'built from source (build-std)'

    name='rustup fails: Debian'"'"'s Rust, and check says why'
    fresh Linux x86_64
    host_tools
    fake_apt
    fake_rustup nothing
    : >"$state/offline"
    run ./cohesix setup
    exits 0
    logged 'rustup toolchain install'
    shows 'chosen because rustup could not install 1.95.0 with aarch64-unknown-none'
    : >"$log"
    run ./cohesix run
    shows 'std=1'
    not_logged rustup

    name='the choice is forced'
    complete_rustup
    rm "$state/offline"
    run COHESIX_RUST=rustup ./cohesix run
    exits 0
    shows 'toolchain=1.95.0 std= '
    run COHESIX_RUST=debian ./cohesix run
    shows 'std=1'
    run COHESIX_RUST=fast ./cohesix run
    exits 1
    shows 'COHESIX_RUST=fast is neither rustup nor debian'

    name='Debian'"'"'s Rust is too old'
    fresh Linux x86_64
    host_tools
    fake_apt
    sed 's/^rustc-web .*/rustc-web 1.85.0/' "$state/candidates" >"$state/older"
    mv "$state/older" "$state/candidates"
    run ./cohesix run
    exits 1
    shows 'too old (rustc-web: 1.85.0, rustc: 1.63.0+dfsg1-2; 1.95.0 or newer is needed): install rustup'
    check 'records nothing' absent "$repo/out/toolchain.env"

    name='Debian'"'"'s Rust is too old only in stale lists'
    fresh Linux x86_64
    host_tools
    fake_apt
    mv "$state/candidates" "$state/fresh"
    sed 's/^rustc-web .*/rustc-web 1.85.0/' "$state/fresh" >"$state/candidates"
    mv "$bin/apt-get" "$bin/installing"
    fake apt-get <<'END'
case "$*" in *update) cp "$STATE/fresh" "$STATE/candidates" ;; esac
exec "$BIN/installing" "$@"
END
    run ./cohesix run
    exits 0
    logged_times 1 'apt-get update'
    shows 'std=1'
}

refusals() {
    name='old QEMU'
    fresh Linux x86_64
    host_tools
    complete_rustup
    fake_apt
    rm "$bin/aarch64-linux-gnu-gcc"
    says qemu-system-aarch64 'QEMU emulator version 6.2.0'
    fake apt-get <<'END'
echo "apt-get $*" >>"$LOG"
ln -sf "$SPARE/aarch64-linux-gnu-gcc" "$BIN/"
END
    run ./cohesix run
    exits 1
    shows 'QEMU 6.2.0 is too old: 7.2 or newer is needed'
    run ./cohesix build
    exits 0

    name='the output folder cannot be written'
    : >"$work/home/file"
    run COHESIX_OUT="$work/home/file/out" ./cohesix build
    exits 1
    shows "cannot write in $work/home/file/out: make it writable, or set COHESIX_OUT"

    name='another Linux'
    fresh Linux x86_64
    complete_rustup
    run ./cohesix run
    exits 1
    shows 'not this Linux'
    shows 'apt-get is missing: install by hand'
    host_tools
    run ./cohesix run
    exits 0

    name='another system'
    fresh FreeBSD amd64
    run ./cohesix run
    exits 1
    shows 'FreeBSD on amd64 is not supported'
    fresh Darwin x86_64
    run ./cohesix setup --check
    exits 1
    shows 'Darwin on x86_64 is not supported'

    name='wrong arguments'
    run ./cohesix setup --force
    exits 2
    run ./toolchain/setup_debian.sh --check everything
    exits 2
    shows 'unknown argument'
}

installs_on_macos() {
    name='macOS: brew installs what is missing'
    fresh Darwin arm64
    says cc 17.0.0
    fake brew <<'END'
echo "brew $*" >>"$LOG"
case "$*" in
*aarch64-elf-gcc) ln -sf "$SPARE/aarch64-elf-gcc" "$BIN/" ;;
*python3) ln -sf "$SPARE/python3" "$BIN/" ;;
*'install qemu') ln -sf "$SPARE/qemu-system-aarch64" "$BIN/" ;;
*'install rustup') mkdir -p "$STATE/keg/bin"; mv "$BIN/hidden" "$STATE/keg/bin/rustup" ;;
'--prefix rustup') echo "$STATE/keg" ;;
esac
END
    fake_rustup nothing
    mv "$bin/rustup" "$bin/hidden"
    run ./cohesix setup --check
    exits 1
    shows 'rustup is not installed; setup installs it'
    not_logged 'brew install'
    run ./cohesix run
    exits 0
    for formula in aarch64-elf-gcc python3 qemu rustup; do logged "brew install $formula"; done
    not_logged 'brew install shellcheck'
    logged 'rustup toolchain install 1.95.0'
    shows 'toolchain=1.95.0 std= '
    : >"$log"
    run ./cohesix run
    exits 0
    check 'calls no tool' empty "$log"

    name='macOS: LLVM instead of GCC'
    rm -r "$repo/out" "$bin/aarch64-elf-gcc"
    says clang 19.1.0
    says ld.lld 'LLD 19.1.0'
    run ./cohesix build
    exits 0
    not_logged 'brew install'

    name='macOS: no Homebrew, no compiler'
    rm "$bin/brew" "$bin/qemu-system-aarch64"
    run ./cohesix run
    exits 1
    shows 'Homebrew is missing'
    rm "$bin/cc"
    run ./cohesix run
    exits 1
    shows 'xcode-select --install'
}

prepare_spare
starts
installs_on_debian
roots_and_users
rust_by_rustup
rust_by_debian
refusals
installs_on_macos

[ "$failures" = 0 ] || { echo "test_setup.sh: $failures of $((failures + passed)) checks failed" >&2; exit 1; }
echo "test_setup.sh: $passed checks pass"
