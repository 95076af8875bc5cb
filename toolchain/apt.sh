# shellcheck shell=sh
# Installing Debian's packages.
#
# Sourced, after checks.sh, by the scripts that do so. Packages are only ever added.

# What to run as root where this is not root.
apt_caller=$0${1:+ $*}
apt_updated=

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif ! has sudo; then
        fail "packages are missing, and this is neither root nor is sudo installed: as root, run $apt_caller"
    elif [ -n "${CI:-}" ]; then
        sudo -n "$@"
    else
        sudo "$@"
    fi
}

# Packages are only ever added: where one conflicts with what is installed, apt stops.
apt() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y --no-remove --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >&2
}

# At most once: the package lists are refreshed only when they have proved stale.
apt_update() {
    [ -z "$apt_updated" ] || return 1
    apt_updated=1
    apt update
}

# candidate PACKAGE: the version that apt would install; nothing where there is none.
candidate() {
    apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: \([^(].*\)/\1/p'
}

all_known() {
    for package in "$@"; do
        [ -n "$(candidate "$package")" ] || return 1
    done
}

apt_install() {
    has apt-get || fail "apt-get is missing: install by hand what provides: $*"
    all_known "$@" || apt_update || true
    apt install "$@" && return 0
    apt_update || return 1
    apt install "$@"
}
