# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# TAP for shell tests. Source it first:
#
#	. "$(dirname "$0")/../lib/tap.sh"
#	plan 3
#	ok "ping gets through" n client ping -c1 -W2 10.0.0.1
#	not_ok "and not elsewhere" n client ping -c1 -W1 10.0.0.9
#	is "$(cat file)" "what it should hold" "file is untouched"
#
# A command's output is shown only where the verdict surprises. at_exit adds a
# command to what is run, last first, however the test ends. Exits with 1 when
# a test failed or the plan was not kept. Topology and captures: net.sh, which
# is sourced from here.

set -uo pipefail

tap_planned='' tap_number=0 tap_failed=0 tap_exit=()
tap_dir=$(mktemp -d "${TMPDIR:-/tmp}/tap.XXXXXX")

# plan N: how many tests will follow
plan() {
	tap_planned=$1
	echo "1..$1"
}

# For tests whose number is only known at the end. A test that stops early then
# has no plan, which counts as failed.
done_testing() { plan "$tap_number"; }

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

pass() {
	tap_number=$((tap_number + 1))
	echo "ok $tap_number - $*"
}

fail() {
	tap_number=$((tap_number + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_number - $*"
	return 1
}

# What the command said, and with what status it ended: the end of it
# where it said much.
tap_explain() {
	diag "$(printf "%q " "${@:2}" | cut -c-300)-> status $1"
	tail -n 200 "$tap_dir/output" | sed 's/^/#   /'
}

# ok DESCRIPTION COMMAND...: passes where COMMAND succeeds
ok() {
	local what=$1 status=0

	shift
	"$@" >"$tap_dir/output" 2>&1 || status=$?
	if [ "$status" = 0 ]; then
		pass "$what"
	else
		fail "$what"
		tap_explain "$status" "$@"
		return 1
	fi
}

# not_ok DESCRIPTION COMMAND...: passes where COMMAND runs and fails. A command
# that is missing (127), dies of a signal, or was stopped by timeout(1) proves
# nothing and does not pass.
not_ok() {
	local what=$1 status=0

	shift
	"$@" >"$tap_dir/output" 2>&1 || status=$?
	if [ "$status" -gt 0 ] && [ "$status" -lt 124 ]; then
		pass "$what"
	else
		fail "$what"
		tap_explain "$status" "$@"
		return 1
	fi
}

# exits STATUS DESCRIPTION COMMAND...: passes where COMMAND ends so
exits() {
	local want=$1 what=$2 status=0

	shift 2
	"$@" >"$tap_dir/output" 2>&1 || status=$?
	if [ "$status" = "$want" ]; then
		pass "$what"
	else
		fail "$what"
		diag "wanted status $want"
		tap_explain "$status" "$@"
		return 1
	fi
}

# is GOT WANTED DESCRIPTION
is() {
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3"
		diag "got:    $1"
		diag "wanted: $2"
		return 1
	fi
}

# like GOT EXTENDED-REGEX DESCRIPTION
like() {
	if grep -qE -- "$2" <<<"$1"; then
		pass "$3"
	else
		fail "$3"
		diag "got:            $1"
		diag "wanted a match: $2"
		return 1
	fi
}

# skip REASON DESCRIPTION [NUMBER]: counts as NUMBER tests that did not run
skip() {
	local i

	for ((i = 0; i < ${3:-1}; i++)); do
		tap_number=$((tap_number + 1))
		echo "ok $tap_number - $2 # SKIP $1"
	done
}

# skip_all REASON: instead of a plan
skip_all() {
	echo "1..0 # SKIP $*"
	tap_planned=0
	exit 0
}

# The test cannot go on: something it needs did not work.
bail() {
	echo "Bail out! $*"
	exit 1
}

# Set-up, where a failure leaves nothing to test: must COMMAND...
must() {
	local status=0

	"$@" >"$tap_dir/output" 2>&1 || status=$?
	[ "$status" != 0 ] || return 0
	tap_explain "$status" "$@"
	bail "could not: $*"
}

# wait_for SECONDS COMMAND...: polls until COMMAND succeeds. Fails, with the
# last output shown, when it never did. MERLON_PATIENCE multiplies SECONDS.
wait_for() {
	local end=$((SECONDS + $1 * ${MERLON_PATIENCE:-1} + 1)) status

	shift
	while :; do
		status=0
		"$@" >"$tap_dir/wait" 2>&1 || status=$?
		[ "$status" != 0 ] || return 0
		[ "$SECONDS" -lt "$end" ] || break
		read -rt 0.05 <> <(:) || true
	done
	diag "never: $*"
	sed 's/^/#   /' "$tap_dir/wait"
	return 1
}

# at_exit COMMAND...: run when the test ends, the last one first
at_exit() {
	tap_exit+=("$(printf '%q ' "$@")")
}

# shellcheck disable=SC2317
tap_end() {
	local status=$? i

	trap '' INT TERM
	for ((i = ${#tap_exit[@]} - 1; i >= 0; i--)); do
		eval "${tap_exit[i]}" >/dev/null 2>&1
	done
	rm -rf "$tap_dir"
	if [ "$status" = 0 ]; then
		if [ "$tap_failed" != 0 ] || { [ "${tap_planned:-0}" != 0 ] &&
			[ "$tap_planned" != "$tap_number" ]; }; then
			status=1
		fi
	fi
	exit "$status"
}
trap tap_end EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# shellcheck source=net.sh
. "${BASH_SOURCE[0]%/*}/net.sh"
