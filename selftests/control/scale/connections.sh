#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 6000
# Many nodes at one server: what a connection costs it, and what a generation does in
# which ten nodes joined.
#
#	127.2.x.1, each node by a connection and a certificate of its own ---- TLS ----
#		merlon-control ---- merlon-signer
#
# 300 nodes; MERLON_LENGTH=long: a thousand, and ten thousand, for which there is 1 GiB.
# NODES: as many as that.

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=../real.bash
. selftests/control/real.bash
sizes=300
[ "${MERLON_LENGTH:-normal}" != long ] || sizes="1000 10000"
read -ra sizes <<<"${NODES:-$sizes}"
url=https://127.0.0.1:${port[0]} each_limit=64 # KiB
polls=$build/server/polls polling=''

control_setup
server_start 0
ok "a policy is published" policy_publish 1

resident() { awk '/^VmRSS/ { print $2 }' "/proc/${server[0]}/status"; } # KiB
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
ms_of() { echo $((($2 - $1) * 1000 / $(getconf CLK_TCK))); }
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
nodes_are() { [ "$(status_of .generation.nodes)" -ge "$1" ]; }

# grow COUNT: so many machines are in
grow() {
	local i have=0

	mkdir -p n
	have=$(find n -mindepth 1 -maxdepth 1 | wc -l)
	for ((i = have; i < $1; i += 25)); do
		key_create --uses 25
	done >keys
	# Names are counted from 0 for each directory.
	"$crowd" stream 8 "n$1" "$url" <keys >"joined-$1" 2>"errors-$1"
	mv "n$1"/* n/
	wait_for 600 nodes_are $(($1 + 1))
}

polls_end() {
	[ -z "$polling" ] || kill "$polling" 2>/dev/null
	[ -z "$polling" ] || wait "$polling" 2>/dev/null
	polling=''
}
at_exit polls_end

all_have() { # GENERATION COUNT
	[ "$(grep -c " $1 " told)" -ge "$2" ]
}
newest() { status_of '"\(.generation.epoch).\(.generation.serial)"'; }

# costs COUNT: of so many connections, and of a generation for them
costs() {
	local before after all ticks_signer ticks_server begin count=$1

	before=$(resident)
	(ulimit -n 16384 && exec "$polls" n "$url" "$count") >told 2>polls.errors &
	polling=$!
	wait_for 600 grep -q "^connected $count" told || bail "they do not connect: $(tail -n 3 told polls.errors)"
	is "$(ss -Htn state established "( sport = :${port[0]} )" | wc -l)" "$count" \
		"$count nodes wait, each by a connection of its own"
	after=$(resident)
	each=$(((after - before) / count))
	ok "one takes $each KiB, and no more than $each_limit" test "$each" -le "$each_limit"
	ok "the server has $((after / 1024)) MiB, and no more than 1 GiB" test "$after" -le 1048576

	key_create --uses 10 >key
	all=$(($(status_of .generation.nodes) + 10))
	ticks_signer=$(ticks "$signer") ticks_server=$(ticks "${server[0]}") begin=$(now_ms)
	"$crowd" race 10 "ten-$count" "$url" <key >ten.said 2>ten.errors
	is "$(grep '^[0-9]' ten.said | xargs)" "200 10" "ten nodes join"
	wait_for 60 nodes_are "$all" || bail "they are in no generation"
	ok "all $count have the same generation" wait_for 120 all_have "$(newest)" "$count"
	milliseconds=$(($(tail -n 1 told | cut -d' ' -f3) - begin))
	not_ok "nobody was refused" grep -E '^[^ ]+-[0-9]+ -?[0-9]+$' told
	diag "connections: $(jq -cn '$ARGS.named' --argjson nodes "$all" \
		--argjson connected "$count" --argjson memory $((after / 1024)) --argjson each "$each" \
		--argjson signerCpu "$(ms_of "$ticks_signer" "$(ticks "$signer")")" \
		--argjson serverCpu "$(ms_of "$ticks_server" "$(ticks "${server[0]}")")" \
		--argjson milliseconds "$milliseconds")"
	polls_end
	mv "ten-$count"/* n/
}

for size in "${sizes[@]}"; do
	ok "$size nodes are in" grow "$size"
	costs "$size"
done
ok "the server ends well" server_kill 0 TERM
ok "the audit log verifies" audit_is_well
done_testing
