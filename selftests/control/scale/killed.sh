#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# merlon-control, and each third time merlon-signer, is killed at random moments while
# machines join: nothing that was acknowledged is lost, nothing is in twice, the audit log
# verifies.
#
#	127.1.x.y, three at a time ---- TLS ---- merlon-control ---- merlon-signer
#
# 30 times; MERLON_LENGTH=long: 200 times. KILLS: so many.

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=../real.bash
. selftests/control/real.bash
kills=30
[ "${MERLON_LENGTH:-normal}" != long ] || kills=200
kills=${KILLS:-$kills}
url=https://127.0.0.1:${port[0]}

control_setup
server_start 0
ok "a policy is published" policy_publish 1
for ((i = 0; i < 10 + kills; i++)); do
	key_create --uses 25
done >keys

: >acknowledged
"$crowd" stream 3 n "$url" <keys >acknowledged 2>stream.errors &
stream=$!
at_exit kill "$stream"
acknowledged() { wc -l <acknowledged; }
more_than() { [ "$(acknowledged)" -gt "$1" ]; }
joins_go_on() { wait_for 60 more_than "$(acknowledged)"; }

# A join takes some milliseconds, and three run at a time: the moment of the death is
# anywhere in them, and in a start.
died=0 signers=0
for ((round = 1; round <= kills; round++)); do
	if ((round % 4)); then
		wait_for 30 grep -q 'ready:' started-0 || break
		joins_go_on || break
	fi
	read -rt "0.$((RANDOM % 4))$((RANDOM % 10))" <> <(:)
	if ((round % 3)); then
		server_kill 0 || died=$((died + 1))
		server_begin 0
	else
		kill -0 "$signer" && signer_stop && died=$((died + 1)) signers=$((signers + 1))
		rm -f signer.sock
		signer_start
	fi
done
is "$died" "$kills" "they were killed $kills times, of these the signer $signers times"
wait_for 30 grep -q 'ready:' started-0 || bail "no server: $(cat started-0)"
ok "joins go on" joins_go_on
kill "$stream"
wait "$stream"
diag "$(cut -d' ' -f2 acknowledged | sort | uniq -c | xargs) answers"
not_ok "nobody was refused" grep -v ' 200$' acknowledged

# --- what is there now ----------------------------------------------------------------
sort -u acknowledged | sed 's/ 200$//' >wanted
pages() { # of LIST: one line of JSON for each
	local after=''

	while :; do
		local_api "/v1/$1?count=1000${after:+&after=$after}" >/dev/null
		jq -c ".$1[]" body
		[ "$(jq .more body)" = true ] || break
		after=$(jq -r ".$1[-1] | .name // .id" body)
	done
}
pages nodes >nodes
jq -r 'select(.state == "active").name' nodes | sort >active
is "$(comm -23 wanted active)" "" "each of $(wc -l <wanted) that have an answer is in the store, and active"
is "$(jq -r .state nodes | sort | uniq -c | xargs)" "$(wc -l <nodes) active" "nobody is half in"
pages grants | jq -r '"\(.id) \(.uses - .left)"' | sort >uses
jq -r .grant nodes | sort | uniq -c | awk '{ print $2, $1 }' >used
is "$(grep -v ' 0$' uses)" "$(cat used)" "as many uses are gone of each key as machines are in by it"
in_generation() { [ "$(status_of .generation.nodes)" = $(($(wc -l <active) + 1)) ]; }
ok "all are in a generation" wait_for 20 in_generation
"$crowd" fetch n "$url" | sort >fetched
is "$(cat fetched)" "$(sed 's/$/ 200/' wanted)" "each of them fetches its own leaf"
last=$(tail -n 1 wanted)
is "$("$joiner" fetch - "n/$last" 2>&1 | cut -d' ' -f3)" "$last" "and one's bundle verifies"

ok "it ends well" server_kill 0 TERM
ok "the audit log verifies" audit_is_well
events 'select(.event_type == "node.enrol").details.node' | sort >told
is "$(uniq -d told)" "" "it tells of nobody twice"
is "$(comm -3 told active)" "" "and of each machine that is in"
done_testing
