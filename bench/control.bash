# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What bench/control and bench/revoke share: lines of JSON, costs, merlond. Sourced after
# lib.bash; $policies is bench/control-policies'.

spent=build/user/bench/spent

# line PEER RULES WHAT SAMPLE...
line() {
	local peer=$1 rules=$2 what=$3

	shift 3
	printf '{"series":"%s","kernel":"%s","peer":"%s","rules":%s,"what":"%s","samples":[%s]}\n' \
		"$MERLON_VM" "$(uname -r)" "$peer" "$rules" "$what" "$(IFS=,; echo "$*")"
}

# costs COMMAND...: what it costs, in $cost
costs() {
	cost=$($spent "$@" 2>"$bench_tmp/log") || {
		say "could not: $*"
		cat "$bench_tmp/log" >&2
		exit 1
	}
}

merlond_start() {
	rm -rf "$bench_tmp/merlond"
	mkdir -p "$bench_tmp/merlond"
	chmod 711 "$bench_tmp"
	cp "$policies/trust.json" "$bench_tmp/merlond/"
	build/user/merlond --trust "$bench_tmp/merlond/trust.json" \
		--state-dir "$bench_tmp/merlond/state" --inbox "$bench_tmp/merlond/inbox" \
		--socket "$bench_tmp/merlond/socket" >"$bench_tmp/merlond.log" 2>&1 &
	merlond=$!
	for _ in {1..100}; do
		! build/user/tools/askd --socket "$bench_tmp/merlond/socket" status \
			>/dev/null 2>&1 || return 0
		sleep 0.1
	done
	say "merlond does not answer"
	cat "$bench_tmp/merlond.log" >&2
	exit 1
}

merlond_stop() {
	kill $merlond
	wait $merlond || true
}

apply() { costs build/user/merlon apply "$1" --socket "$bench_tmp/merlond/socket"; }
