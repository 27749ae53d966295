#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# slowhttptest against nghttpx before a merlon-control: clients that send their fields, or
# their bodies, by the letter, and clients that hardly read. Meanwhile others are answered, and
# afterwards nothing is left.
#
#	slowhttptest, curl ---- TLS, HTTP/1.1 ---- nghttpx ---- TLS, HTTP/2 ---- merlon-control

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
tree=$PWD
# shellcheck source=../real.bash
. selftests/control/real.bash
# shellcheck source=http1.bash
. "$tree/selftests/control/hostile/http1.bash"
http1_setup
http1_start
# The second of its two processes is the one that clients speak to.
worker=$(pgrep -P "$http1") || bail "nghttpx has no worker"
files() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
kibibytes() { sed -n 's/^VmRSS:\s*\([0-9]*\) kB/\1/p' "/proc/$1/status"; }
answered() { [ "$(http1_api /v1/health)" = 200 ]; }
many_are_there() { [ "$(files "$worker")" -ge $((before + 80)) ]; }
as_before() { [ "$(files "$worker")" -le $((before + 2)) ] && [ "$(files "${server[0]}")" -le $((server_before + 2)) ]; }

ok "control: a request is answered" answered
before=$(files "$worker") server_before=$(files "${server[0]}")

# slowly WHAT PATH OPTION...: 100 of them, for six seconds
slowly() {
	local what=$1 slow asked=0 failed=0

	slowhttptest -c 100 -r 100 -l 6 -i 1 -p 2 -g -o "$dir/slow" -u "https://localhost:$http1_port$2" "${@:3}" \
		>slow.out 2>&1 &
	slow=$!
	ok "$what: they are there" wait_for 20 many_are_there
	while kill -0 "$slow" 2>/dev/null; do
		asked=$((asked + 1))
		answered || failed=$((failed + 1))
	done
	ok "others asked $asked times" test "$asked" -gt 5
	is "$failed" 0 "and were answered each time"
	wait "$slow"
	is "$(sed 1d slow.csv | cut -d, -f5 | sort -u | grep -vc '^0*[1-9]')" 0 "slowhttptest finds the service there all the time"
	ok "afterwards no descriptor is left" wait_for 40 as_before
}
slowly "slow fields" /v1/health -H
slowly "slow bodies" /v1/policy -B -s 16384
slowly "slow readers" '/v1/roots?after=0' -X -w 512 -y 1024 -n 1 -z 5 -k 10
first=$(kibibytes "$worker") server_first=$(kibibytes "${server[0]}")
slowly "slow bodies once more" /v1/policy -B -s 16384
diag "nghttpx: $first KiB, then $(kibibytes "$worker"); merlon-control: $server_first KiB, then $(kibibytes "${server[0]}")"
ok "nor memory: nghttpx has what it had" test "$(kibibytes "$worker")" -le $((first + 4096))
ok "so has the server" test "$(kibibytes "${server[0]}")" -le $((server_first + 4096))
ok "the server is well" answered
ok "and ends well" server_kill 0 TERM
ok "the audit log verifies" audit_is_well
done_testing
