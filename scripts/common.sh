# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the scripts share: where things are, and how they speak.

set -euo pipefail

MERLON_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
MERLON_CACHE=${MERLON_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/merlon}
MERLON_SERIES="6.1 6.12"
MERLON_DEBUG_SERIES="6.12-debug 6.12-kcsan"	# scripts/kernel-debug; of no loop over all
MERLON_UM_SERIES="6.12-um"	# scripts/kernel-um; a process, which no guest boots
export MERLON_ROOT MERLON_CACHE

note() { printf '# %s\n' "$*" >&2; }

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

known_series() {
	case " $MERLON_SERIES $MERLON_DEBUG_SERIES " in
	*" $1 "*) ;;
	*) die "no kernel series '$1': expected one of $MERLON_SERIES $MERLON_DEBUG_SERIES" ;;
	esac
}

# What modules can be built for.
buildable_series() { [ "$1" = "$MERLON_UM_SERIES" ] || known_series "$1"; }

is_debug_series() { [[ " $MERLON_DEBUG_SERIES " == *" $1 "* ]]; }

# Run apt-get as root, quietly; what it says is shown only when it fails.
apt_run() {
	local log sudo=()

	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null ||
			die "this needs root or sudo: apt-get $*"
		sudo=(sudo)
	fi
	log=$(mktemp)
	if ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=600 \
		-o Acquire::Retries=3 "$@" >"$log" 2>&1 </dev/null; then
		tail -n 30 "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}

# Ends what this process started, and what that started, the youngest first.
kill_tree() {
	local pid

	for pid in $(pgrep -P "$1"); do
		kill_tree "$pid"
		kill "$pid" 2>/dev/null || true
	done
}
