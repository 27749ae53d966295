#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# merlon against the real kernel and merlond: the first ten minutes (adopt,
# observe, arm, confirm), then every command that asks or changes the kernel.
#
#	   laptop                    gate (merlond, guarded)
#	+--------------------+      +-----------------------+
#	| eth0 192.0.2.1     |------| under 192.0.2.2       |
#	| wg0  10.8.0.2      |======| wg0   10.8.0.1        |  listens: tcp 22, 80,
#	|      fd08::2       |      |       fd08::1         |  445 on eth only, udp 53
#	+--------------------+      | wg1   10.9.0.1        |  no peers
#	   phone, the same as 10.8.0.3 by 198.51.100.1
#	        ^ judge: what the laptop is answered

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"
merlon=${MERLON:-$PWD/build/user/merlon}
merlond=${MERLOND:-$PWD/build/user/merlond}
data=$PWD/selftests/cli/data
dir=$tap_dir/etc state=$tap_dir/state socket=$tap_dir/merlond.sock
plan 108
export NO_COLOR=1
must mkdir -p "$dir"
must modprobe merlon

# m ARGUMENT...: merlon in the gate; sets $status, writes out and err
m() {
	status=0
	nsenter --net=/run/netns/gate "$merlon" "$@" >"$tap_dir/out" 2>"$tap_dir/err" </dev/null || status=$?
}
by() { m "$@" --socket "$socket"; }		# asks merlond
with() { m "$@" --state-dir "$state"; }		# knows names
both() { m "$@" --socket "$socket" --state-dir "$state"; }
said() { cat "$tap_dir/$1"; }
json() { is "$(jq -rc "$1" "$tap_dir/out" 2>&1)" "$2" "$3"; }

# ended STATUS DESCRIPTION [PATTERN]: of the last m; PATTERN of standard error
ended() {
	if [ "$status" = "$1" ] && { [ $# -lt 3 ] || grep -qE -- "$3" "$tap_dir/err"; }; then
		pass "$2"
	else
		fail "$2" || true
		diag "status $status, wanted $1${3:+ and: $3}"
		sed 's/^/#   /' "$tap_dir/out" "$tap_dir/err" | head -n 30
	fi
}

peer() { # NS WIRE-NET LAST
	veth_pair "$1" eth0 "$2.1/24" gate "under-$1" "$2.2/24"
	wg_dev "$1" wg0 "10.8.0.$3/24 fd08::$3/64"
	wg_peer "$1" wg0 gate wg0 10.8.0.0/24,fd08::/64 "$2.2"
	wg_peer gate wg0 "$1" wg0 "10.8.0.$3/32,fd08::$3/128" "$2.1"
}

# Its exit status says whether something is in force, which is not asked here.
status_json() { nsenter --net=/run/netns/gate "$merlon" status --json --socket "$socket" || true; }
daemon_answers() { status_json | jq -e .daemon.node; }
daemon_start() {
	n gate "$merlond" --trust "$dir/trust.json" --state-dir "$state" \
		--inbox "$tap_dir/inbox" --socket "$socket" >>"$tap_dir/log" 2>&1 &
	daemon=$!
	wait_for 20 daemon_answers || {
		diag "$(tail -n 20 "$tap_dir/log")"
		bail "merlond does not answer"
	}
}
daemon_pids() { pgrep -f -- "merlond --trust $dir/"; }
daemon_gone() { ! daemon_pids; }
daemon_stop() {
	kill "$daemon"
	wait "$daemon"
	wait_for 10 daemon_gone
}
daemon_kill() {
	daemon_pids | xargs -r kill -9
	wait_for 10 daemon_gone
} 2>/dev/null
at_exit daemon_kill

ssh_passes() { reach laptop tcp 10.8.0.1 22; }
# By whoever listens there, or by nobody.
ssh_answers() { ssh_passes || [[ $(reach laptop tcp 10.8.0.1 22 2>&1) == *refused* ]]; }
smb_passes() { reach laptop tcp 10.8.0.1 445; }
state_is() { [ "$(status_json | jq -r .state)" = "$1" ]; }

ns_add laptop phone gate
wg_dev gate wg0 "10.8.0.1/24 fd08::1/64"
wg_dev gate wg1 10.9.0.1/24 51821
peer laptop 192.0.2 2
peer phone 198.51.100 3
serve gate tcp 10.8.0.1 22
serve gate tcp 10.8.0.1 80
serve gate udp 10.8.0.1 53
wait_for 10 ssh_passes || bail "no tunnel"

# --- adopt: the draft -------------------------------------------------------
m adopt wg0 --dry-run --node gate
ended 0 "adopt --dry-run prints a draft"
cp "$tap_dir/out" "$tap_dir/draft.hujson"
like "$(said out)" '"src": \["peer1"\], "dst": \["gate"\], "ip": \["icmp:echo-request", "tcp:22", "tcp:80", "udp:53"\]' \
	"each peer is granted a ping and what is listened on"
like "$(said out)" 'tcp:22  socat' "with the program's name"
like "$(said out)" '"ignoreTunnels": \["wg1"\]' "the other tunnel is left alone"
like "$(said out)" 'last handshake .* from 192.0.2.1' "and what was seen is told"
not_ok "and nothing else" grep -q 51820 "$tap_dir/draft.hujson"
m policy check "$tap_dir/draft.hujson"
ended 0 "the draft is a valid policy"
not_ok "nothing was written" test -e "$dir/policy.hujson"
m adopt nosuch0
ended 2 "no such device" "nosuch0"
m adopt under-laptop
ended 2 "a device that is not WireGuard's" "under-laptop.*WireGuard"

# --- adopt: without merlond -------------------------------------------------
# What a former installation left: it had 3.7.
mkdir "$tap_dir/former"
{
	printf 'MERLONW1\003\0\0\0\0\0\0\0\007\0\0\0\0\0\0\0'
	head -c 40 /dev/zero
} >"$tap_dir/former/watermark"
digest=$(sha256sum <"$tap_dir/former/watermark" | cut -d' ' -f1 | sed 's/../\\x&/g')
# shellcheck disable=SC2059
printf "$digest" >>"$tap_dir/former/watermark"
m adopt wg0 --node gate --network home --directory "$tap_dir/again" --no-passphrase \
	--socket "$socket" --state-dir "$tap_dir/former"
m policy verify "$tap_dir/again/bundles/gate.bundle" --trust "$tap_dir/again/trust.json" --json
ended 0 "where Merlon was before, a draft is signed"
json '[.epoch, .serial]' '[3,8]' "above what was had"
m adopt wg0 --node gate --network home --directory "$tap_dir/alone" --no-passphrase \
	--socket "$socket"
ended 2 "without merlond it says what is missing" "systemd does not run here"
like "$(said err)" "merlon apply $tap_dir/alone/bundles/gate.bundle" "and what to do"
m policy verify "$tap_dir/alone/bundles/gate.bundle" --trust "$tap_dir/alone/trust.json"
ended 0 "the files that it wrote are good"
is "$(stat -c %a "$tap_dir/alone/policy.key")" 600 "the key is private"
m adopt wg0 --node gate --network home --directory "$tap_dir/alone" --no-passphrase
ended 1 "and it overwrites nothing" "is never overwritten"

# --- adopt: the whole way ---------------------------------------------------
must "$merlon" key generate --no-passphrase -o "$dir/policy.key"
must "$merlon" trust init --network home --node gate --key "$dir/policy.key" \
	--trust "$dir/trust.json"
daemon_start
by status --json
ended 1 "at first nothing is in force"
json '[.state, .generation]' '["disarmed",null]' "disarmed, no generation"
# Somebody tries a port that nobody listens on: so the draft cannot have it.
(while :; do
	reach laptop tcp 10.8.0.1 8443 1
done) >/dev/null 2>&1 &
traffic=$!
at_exit kill "$traffic"

m adopt wg0 --node gate --network home --directory "$dir" --listen 4 --socket "$socket" --json
kill "$traffic"
ended 0 "adopt loads and observes"
json '[.applied, .state, .kept, .epoch, .serial]' '[true,"observing",true,1,1]' \
	"the kernel has it, merlond keeps it"
json '[.wouldDrop[] | select(.service == "tcp:8443") | [.source, .destination, .reason]] | unique' \
	'[["10.8.0.2","10.8.0.1","no-rule"]]' "and what would have been dropped is told"
serve gate tcp 10.8.0.1 445
ok "traffic passes while observing" ssh_passes
m adopt wg0 --node gate --network home --directory "$dir" --socket "$socket"
ended 1 "a second time it is in the way of nothing" "is never overwritten"

# --- a policy of one's own: laptop may log in, everybody may ping -----------
cat >"$dir/policy.hujson" <<'HUJSON'
{
	"nodes": {
		"gate": {"addresses": ["10.8.0.1", "fd08::1"], "ignoreTunnels": ["wg1"]},
		"laptop": {"addresses": ["10.8.0.2", "fd08::2"]},
		"phone": {"addresses": ["10.8.0.3", "fd08::3"]},
	},
	"grants": [
		{"src": ["laptop", "phone"], "dst": ["gate"], "ip": ["icmp:echo-request"]},
		{"src": ["laptop"], "dst": ["gate"], "ip": ["tcp:22"]},
	],
	"deny": [
		{"src": ["phone"], "dst": ["gate"], "ip": ["tcp:80"], "action": "reject"},
	],
}
HUJSON
must "$merlon" policy sign "$dir/policy.hujson" --key "$dir/policy.key" --network home \
	-o "$dir/bundles"
by apply "$dir/bundles/gate.bundle" --json
ended 0 "the next generation is applied"
json '[.applied, .already, .epoch, .serial, .state]' '[true,false,1,2,"observing"]' "as 1.2"
by apply "$dir/bundles/gate.bundle" --json
ended 0 "a repeat is no failure"
json .already true "but told"
ok "what is not granted passes while observing" smb_passes

# --- drops ------------------------------------------------------------------
n gate "$merlon" drops --count 4 --json --state-dir "$state" >"$tap_dir/event" \
	2>"$tap_dir/err" &
follower=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	smb_passes || true
	kill -0 "$follower" 2>/dev/null || break
done
ok "drops --count ends" wait "$follower"
# It may have come in the middle of a connection: the first that is no answer.
jq -c 'select(.sourceName == "laptop")' "$tap_dir/event" 2>/dev/null | head -n 1 >"$tap_dir/out"
json '[.event, .observed, .sourceName, .destinationName, .service, .reason, .deviceIn]' \
	'["drop",true,"laptop","gate","tcp:445","no-rule","wg0"]' "an event names the peer and why"
with drops --json
ended 0 "drops counts them"
json '.drops[] | select(.reason == "no-rule") | .denied > 0' true "by reason"
with drops
like "$(said out)" "no-rule +[0-9]+ +no rule speaks of it" "and as text"

# --- arm, undone and confirmed ----------------------------------------------
both arm --confirm
ended 1 "there is nothing to confirm" "confirm"
both arm --confirm-within 5s --json
ended 0 "arm --confirm-within"
json '[.state, .kept, .confirmSeconds > 0]' '["enforcing",false,true]' "enforcing, not kept"
ok "it is undone by the kernel" wait_for 25 state_is observing
ok "then everything passes again" wait_for 10 smb_passes
# Time enough for a try that waits for an answer, on a busy machine too.
both arm --confirm-within 10m --reason "a test"
ended 0 "once more"
not_ok "what is not granted does not pass" smb_passes
ok "what is granted does" ssh_passes
both arm --confirm --json
ended 0 "confirmed"
json '[.state, .kept, .confirmSeconds]' '["enforcing",true,null]' "for good, and kept"
not_ok "and it is so" smb_passes
is "$(status_json | jq -r .daemon.armed.mode)" enforcing "merlond would arm it after a reboot"
both arm --scope everything --force --json
ended 0 "scope everything"
json '[.scope, .holes, .watch.attached // false]' '["everything",[],false]' "and what it cannot hold here"
not_ok "nothing leaves beside the tunnel" n gate ping -qc1 -W2 192.0.2.1
ok "what is granted comes by the tunnel" ssh_passes
both arm --scope tunnels
ended 0 "and scope tunnels again"

# --- status and rules -------------------------------------------------------
by status --json
ended 0 "status says yes"
json '[.state, .scope, .mode, .generation.epoch, .generation.serial]' \
	'["enforcing","tunnels","enforcing",1,2]' "what is in force"
json '.generation.rules' 3 "how many rules"
json '[.daemon.node, .daemon.network]' '["gate","home"]' "whose"
json '[.counters[].reason] | contains(["no-rule", "rule"])' true "why packets passed or not"
by status
like "$(said out)" "^state +enforcing: " "and as text"
must n laptop ping -qc3 -W2 10.8.0.1
with rules --json
ended 0 "rules"
json '[.rules[].line]' '[8,9,12]' "in the order of the source"
json '.rules[0] | [.packets >= 3, .bytes >= 252, .rule.sources, .rule.services]' \
	'[true,true,["laptop","phone"],["icmp:8","ipv6-icmp:128"]]' "pings were counted"
with rules --sort packets --json
json '[.rules[].packets] | . == (sort | reverse)' true "sorted"
with rules --interval 1 --count 2 --json
is "$(wc -l <"$tap_dir/out")" 2 "again and again, a line each"
with rules
like "$(said out)" "^ +[0-9]+ +[0-9]+ B +[0-9a-f]{16} +9 +allow +laptop +gate +tcp:22$" "as text"
m rules --state-dir "$tap_dir/nowhere" --json
json '[.rules[].line]' '[null,null,null]' "without the state directory ids remain"

# --- explain: live ----------------------------------------------------------
with explain laptop gate tcp:22 --json
ended 0 "explain: allowed"
json '[.asked, .verdict, .rule.line, (.answers | length)]' '["kernel","allow",9,2]' "in both families"
with explain phone gate tcp:80
ended 1 "explain: denied"
like "$(said out)" "phone \(10.8.0.3\) → gate \(10.8.0.1\)  tcp:80: denied, rejected" "as text"
with explain nobody gate tcp:80
ended 2 "an unknown name" "'nobody' is neither"
m explain laptop gate tcp:22 --state-dir "$tap_dir/nowhere"
ended 2 "names need the state directory" "names are not known here \(.*nowhere"
m explain 10.8.0.2 10.8.0.1 tcp:22 --state-dir "$tap_dir/nowhere" --json
json '[.verdict, (.rule | keys)]' '["allow",["id"]]' "addresses do not"

# --- what would cut the caller's own connection -----------------------------
# ssh_as CLIENT SERVER ARGUMENT...: as if by SSH from there
ssh_as() {
	SSH_CONNECTION="$1 50000 $2 22" both "${@:3}"
}
ssh_as 10.8.0.2 10.8.0.1 arm
ended 0 "arm where the policy allows the caller's SSH"
ssh_as 10.8.0.3 10.8.0.1 arm
ended 1 "arm refuses to cut the caller's SSH" "own SSH connection, 10.8.0.3 → 10.8.0.1 tcp:22 by wg0: no rule"
ssh_as fd08::3 fd08::1 arm
ended 1 "in IPv6 too" "fd08::3 → fd08::1"
ssh_as ::ffff:10.8.0.3 ::ffff:10.8.0.1 arm
ended 1 "and as a dual-stack sshd says it" "10.8.0.3 → 10.8.0.1"
ssh_as 198.51.100.1 198.51.100.2 arm
ended 0 "SSH by the physical network is none of its business"
ssh_as 10.9.0.2 10.9.0.1 arm
ended 0 "nor is an ignored tunnel"
ssh_as 10.8.0.3 10.8.0.1 arm --observe
ended 0 "observing cuts nothing"
ssh_as 10.8.0.3 10.8.0.1 arm --force
ended 0 "--force does what it is told"
# sudo takes the variable away; the process above still has it.
status=0
SSH_CONNECTION="10.8.0.3 50000 10.8.0.1 22" bash -c "env -u SSH_CONNECTION \
	ip netns exec gate $merlon arm --socket $socket --state-dir $state; exit \$?" \
	>"$tap_dir/out" 2>"$tap_dir/err" || status=$?
ended 1 "behind sudo it is found all the same" "own SSH connection"

# --- what apply refuses -----------------------------------------------------
must cp "$dir/bundles/gate.bundle" "$tap_dir/second.bundle"
refused() { # DESCRIPTION PATTERN FILE
	by apply "$3"
	ended 1 "$1" "$2"
}
refused "another node's bundle" phone "$dir/bundles/phone.bundle"
head -c 400 "$tap_dir/second.bundle" >"$tap_dir/cut.bundle"
refused "half a bundle" "bundle" "$tap_dir/cut.bundle"
must "$merlon" policy renew "$dir/bundles" --key "$dir/policy.key"
by apply "$dir/bundles/gate.bundle"
ended 0 "a renewal"
refused "a generation before it" "1.2|older|below" "$tap_dir/second.bundle"
must "$merlon" policy renew "$dir/bundles" --key "$dir/policy.key" -o "$tap_dir/later" \
	--not-before "@$(($(date +%s) + 3600))"
refused "one whose day has not come is kept" "kept" "$tap_dir/later/gate.bundle"
by status --json
json '.daemon.pending | length' 1 "and pending"
by apply "$tap_dir/nothing.bundle"
ended 2 "a file that is not there" "No such file"

# --- live and offline agree -------------------------------------------------
must "$merlon" policy sign "$data/office.hujson" --key "$dir/policy.key" --network home \
	--serial 10 -o "$dir/bundles"
by apply "$dir/bundles/gate.bundle"
ended 0 "another policy altogether"
# Every third expectation, and all that have names: a guest is slow. All of
# them are asked of source and bundle by selftests/cli/explain.sh.
differ=0 asked=0
while read -r from to service; do
	with explain "$from" "$to" "$service" --json
	mv "$tap_dir/out" "$tap_dir/live"
	m explain "$from" "$to" "$service" --file "$dir/bundles/gate.bundle" --json
	asked=$((asked + 1))
	if ! jq -se 'map(del(.asked)) | .[0] == .[1]' "$tap_dir/live" "$tap_dir/out" \
		>/dev/null; then
		differ=$((differ + 1))
		diag "$from $to $service: $(tr -d '\n' <"$tap_dir/live")"
	fi
done < <(awk '$1 == "gate" && (NR % 3 == 0 || $2 ~ /^[a-z]+$/) { print $2, $3, $4 }' \
	"$data/explain.tsv")
is "$differ of $asked" "0 of 16" "explain live and offline agree, word for word"

# --- disarm -----------------------------------------------------------------
both disarm --reason "end of test" --json
ended 0 "disarm"
json '[.state, .moduleLoaded, .kept]' '["disarmed",true,true]' "and kept"
by status
ended 1 "status says no"
ok "everything passes" smb_passes
not_ok "nothing is armed at boot" test -e "$state/armed"
with explain laptop gate tcp:22
ended 2 "nobody to ask" "no generation"
with rules
ended 2 "no rules to show" "no generation"
both arm
ended 1 "arm without a generation is refused" "no valid generation"
both arm --force --json
ended 0 "but for --force"
ok "merlond loads again what it had" wait_for 60 state_is enforcing
ok "what is granted is answered" ssh_answers
not_ok "and nothing else" smb_passes
daemon_kill
both arm --observe --json
ended 0 "without merlond"
json .kept true "the arming is kept all the same"
ok "in its place" test -e "$state/armed"
by status --json
json .daemon null "status says that merlond does not run"
both disarm --reason "no merlond" --json
ended 0 "disarm without merlond"
not_ok "is kept too" test -e "$state/armed"
m apply "$dir/bundles/gate.bundle" --socket "$socket"
ended 2 "apply needs it" "merlond does not run"
