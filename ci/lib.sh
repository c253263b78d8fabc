# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the scripts of ci/ share. Sourced; leaves the shell in the root of the tree, with errors fatal.
#
# A script that checks something says what came of it in lines that ci/test adds up:
#
#     result: LABEL: 12 passed, 0 failed, 1 skipped
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
PYTHON=/usr/bin/python3 # Debian's, which has Debian's pytest and paho
LOGS=$ROOT/build-logs
JOBS=$(nproc)

say() {
    printf '\n== %s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# result LABEL PASSED FAILED [SKIPPED]
result() {
    printf 'result: %s: %d passed, %d failed, %d skipped\n' "$1" "$2" "$3" "${4:-0}"
}

retry() {
    local attempt
    for attempt in 1 2 3; do
        "$@" && return 0
        printf 'attempt %d of 3 failed: %s\n' "$attempt" "$*" >&2
    done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "not root, and no sudo to run: $*"
    fi
}

# packages_missing GROUP...: the packages of these groups that are not installed, one a line.
packages_missing() {
    local group package
    for group in "$@"; do
        # shellcheck disable=SC2013 # words are what is wanted
        for package in $(sed -n "s/^$group  *//p" ci/packages); do
            [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
        done
    done
}

# without_services COMMAND...: while it works no service is started: the broker that comes with a package must not take port 1883, now
# or at the next boot.
without_services() {
    local policy=/usr/sbin/policy-rc.d made_policy='' status=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        made_policy=$policy
    fi
    "$@" || status=$?
    [ -z "$made_policy" ] || as_root rm -f "$made_policy"
    return "$status"
}

# packages_install GROUP...: installs what is missing; says nothing and touches nothing where nothing is.
packages_install() {
    local missing status=0
    missing=$(packages_missing "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || die "not a Debian system; install the like of: $missing"
    say "installing $missing"
    without_services packages_fetch "$missing" || status=$?
    case " $missing" in
    *' mosquitto '*) ! command -v systemctl >/dev/null || as_root systemctl disable mosquitto >/dev/null 2>&1 || : ;;
    esac
    [ "$status" = 0 ] || die "could not install $missing"
}

packages_fetch() {
    retry as_root apt-get -q update || return 1
    # shellcheck disable=SC2086 # a list of words
    retry as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends $1 </dev/null
}

# build_make DIRECTORY [OPTION...]: configures the directory, again if it exists, and builds in it what can be built.
build_make() {
    local directory=$1
    shift
    if [ -e "$directory/build.ninja" ]; then
        meson configure "$directory" "$@" || return 1
    else
        meson setup "$directory" "$@" || return 1
    fi
    ninja -C "$directory" -j "$JOBS" -k 0
}

# build_run DIRECTORY [OPTION...]: build_make as a test.
build_run() {
    if build_make "$@"; then
        result "$1" 1 0
    else
        result "$1" 0 1
        return 1
    fi
}

# units_run LABEL DIRECTORY: the unit tests of a build.
units_run() {
    local status=0
    rm -f "$2/meson-logs/testlog.json"
    meson test -C "$2" --no-rebuild --print-errorlogs --num-processes "$JOBS" \
        --timeout-multiplier "${HBMQTT_DEADLINE_SCALE:-2}" || status=$?
    ci/count "$1" "$2/meson-logs/testlog.json"
    return "$status"
}

# blackbox_run LABEL DIRECTORY SHARDS RING_FEATURES_DISABLED [PYTEST_ARGUMENT...]: the black-box suite, or the files of it that the
# arguments name, against a build.
blackbox_run() {
    local label=$1 directory=$2 shards=$3 disable=$4 status=0
    local report=$LOGS/$label.xml
    local -a environment=("HBMQTT_BUILD=$ROOT/$directory" "HBMQTT_SHARDS=$shards"
        "HBMQTT_DEADLINE_SCALE=${HBMQTT_DEADLINE_SCALE:-2}")
    shift 4
    if [ ! -x "$directory/server/hbmqtt" ]; then
        printf '%s: no broker in %s\n' "$label" "$directory"
        result "$label" 0 1
        return 1
    fi
    [ -z "$disable" ] || environment+=("HBMQTT_RING_DISABLE=$disable")
    mkdir -p "$LOGS"
    rm -f "$report"
    (
        cd harness/blackbox
        env -u HBMQTT_RING_DISABLE "${environment[@]}" timeout -k 10 1500 \
            "$PYTHON" -m pytest -q -n "$JOBS" -p no:cacheprovider --junit-xml="$report" "$@"
    ) || status=$?
    ci/count "$label" "$report"
    return "$status"
}
