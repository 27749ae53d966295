#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# merlon explain --file: a table of expectations in both families, asked of the
# source and of the signed bundle, which must agree word for word.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=common.bash
. "$(dirname "$0")/common.bash"
data=$root/selftests/cli/data
office=$data/office.hujson
cd "$tap_dir" || exit

must "$merlon" key generate --no-passphrase -o policy.key
must "$merlon" policy sign "$office" --key policy.key --network home -o bundles

# What is answered, but for who was asked.
answer() { jq -cS 'del(.asked)' out; }

while IFS=$'\t' read -r node from to service action line; do
	[[ $node != \#* ]] || continue
	merlon_run explain "$from" "$to" "$service" --file "$office" --node "$node" --json
	is "$status $(jq -r '.answers | map("\(.action) \(.rule.line // "-")") | unique | join(" ")' \
		out)" "$([ "$action" = allow ] && echo 0 || echo 1) $action $line" \
		"$node: $from to $to $service"
	source_says=$(answer)
	merlon_run explain "$from" "$to" "$service" --file "bundles/$node.bundle" --json
	[ "$(answer)" = "$source_says" ] || fail "the bundle says otherwise"
done <"$data/explain.tsv"

# --- the answer -------------------------------------------------------------
yes "names with both families" explain ada gate udp:53 --file "$office" --node gate --json
json '[.answers[].family]' '["ipv4","ipv6"]' "are asked about in both"
json '.answers[0] | [.source, .sourceName, .destination, .destinationName]' \
	'["100.64.0.10","ada","100.64.0.1","gate"]' "names and addresses"
json '[.asked, .verdict, .rule.line]' '["file","allow",24]' "the summary"
merlon_run explain bob lan tcp:80 --file "$office" --node gate --json
json '[.answers[].family]' '["ipv4"]' "a name with one family is asked about in one"
merlon_run explain ada vault tcp:80 --file "$office" --node gate --json
json '.answers[0].shadows | map(.line)' '[22]' "the rules that it shadows"
json '.answers[0].rule.text | fromjson | .action' drop "the canonical text is JSON"
merlon_run explain ada vault tcp:80 --file "$office" --node gate -v
like "$(said out)" "^ada \(100.64.0.10\) → vault \(192.168.7.9\)  tcp:80: denied, dropped$" \
	"as a sentence"
like "$(said out)" "shadows +[0-9a-f]{16}  allow  line 22" "with what it shadows"
like "$(said out)" "classes +source [0-9]+, destination [0-9]+, service [0-9]+" "and classes"
merlon_run explain 203.0.113.1 203.0.113.2 tcp:1 --file "$office" --node gate
like "$(said out)" "none speaks of it \(no-rule\)" "no rule at all"
yes "without a service: a ping" explain ada lan --file "$office" --node gate --json
json '.answers[0].service' "icmp:8" "which is echo-request"

# --- what cannot be asked ---------------------------------------------------
ask() { misuse "$1" "$2" explain "${@:3}" --file "$office" --node gate; }
ask "'carol' is neither" "an unknown name" carol gate tcp:22
ask "is a network: name one address" "a network" 192.168.7.0/24 gate tcp:22
ask "is a network" "host bits" 192.168.7.1/24 gate tcp:22
ask "many services" "a range" ada gate tcp:22-23
ask "many services" "TCP without a port" ada gate tcp
ask "more than one protocol: say tcp:443" "a port without protocol" ada gate 443
ask "'22' is more than one protocol: say tcp:22 or udp:22, or 22:\* for IP protocol 22$" \
	"a small one, which is a protocol's number too" ada gate 22
ask "'0' is more than one protocol: say tcp:0 or udp:0$" "and 0, which is none's" ada gate 0
ask "'tcp/22': write tcp:22$" "a slash" ada gate tcp/22
ask "'ping': write icmp:echo-request" "a ping, by a name that it has not" ada gate ping
ask "the service is a word of its own: 192.168.7.9 tcp:22$" "a port behind an address" \
	ada 192.168.7.9:22
ask "the service is a word of its own: gate tcp:22$" "behind a name" gate:22 ada
ask "the service is a word of its own: fd7a::1 tcp:22$" "behind brackets" ada '[fd7a::1]:22'
# The one who is named by a rule is a set, as a group is.
merlon_run explain ada@example.org gate udp:53 --file "$office" --node gate --json
json '[.verdict, .answers[0].sourceName]' '["allow","ada"]' "a user whom a rule names"
ask "no rule names the user 'eve@example.org' by itself: name a group or a node" \
	"a user who is not in the rules" eve@example.org gate tcp:22
merlon_run explain ada 192.168.7.8 22:\* --file "$office" --node gate --json
json '[.answers[].service]' '["22:*"]' "a protocol by its number"
ask "'tcp:99999'" "a port that does not exist" ada gate tcp:99999
ask "'nonsense'" "no service" ada gate nonsense
ask "no family in which" "addresses of two families" 100.64.0.10 fd7a::1 tcp:22
misuse "say which node" "no node" explain ada gate --file "$office"
misuse "No such file" "no file" explain ada gate --file nothing.hujson
misuse "needs more" "one address" explain ada --file "$office"
merlon_run explain 1.2.3.4 5.6.7.8 tcp:22 --json
is "$status" 2 "without file and module there is nobody to ask"
like "$(jq -r .error.message err)" "run 'modprobe merlon', or ask a file with --file$|root" \
	"and it says what to do"

done_testing
