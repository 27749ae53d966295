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

# --- what leaves: the guard ---------------------------------------------------
guarded=$root/selftests/golden/policies/merlon/guard.hujson
must "$merlon" policy sign "$guarded" --key policy.key --network home -o guarded
# node, device, circumstances, destination, service: verdict and line, or "-"
leave() {
	local node=$1 device=$2 more=$3 to=$4 service=$5 wanted=$6

	# shellcheck disable=SC2086 # options are words
	merlon_run explain --leaving "$device" $more "$to" "$service" --file "$guarded" \
		--node "$node" --json
	is "$status $(jq -r '"\(.verdict) \(.answers[0].rule.line // "-")"' out)" \
		"$([ "${wanted%% *}" = allow ] && echo 0 || echo 1) $wanted" \
		"$node by $device${more:+ $more}: $to $service"
	source_says=$(answer)
	# shellcheck disable=SC2086
	merlon_run explain --leaving "$device" $more "$to" "$service" \
		--file "guarded/$node.bundle" --json
	[ "$(answer)" = "$source_says" ] || fail "the bundle says otherwise"
}
leave laptop eth0 "" 203.0.113.50 tcp:80 "deny -"
leave laptop wg0 "" 203.0.113.50 tcp:80 "allow -"
leave laptop eth0 "" 203.0.113.50 tcp:443 "allow 14"
leave laptop wlan0 "" 203.0.113.50 tcp:443 "deny -"
leave laptop eth0 "" 203.0.113.8 tcp:443 "deny -"
leave laptop wlan0 "--outside" 198.51.100.9 tcp:22 "allow 13"
leave laptop wlan0 "" 198.51.100.9 tcp:22 "deny -"
leave laptop wlan0 "--outside" 198.51.101.9 tcp:22 "deny -"
leave laptop wlan0 "" 203.0.113.1 udp:123 "allow 13"
leave laptop wlan0 "" fd00:ec2::254 tcp:80 "allow 13"
leave laptop wlan0 "" fe80::1 tcp:445 "allow 13"
leave laptop wlan0 "--outside" 192.168.1.7 tcp:445 "allow 13"
leave laptop wlan0 "" 192.168.1.7 tcp:2049 "allow 13"
leave laptop eth0 "" 203.0.113.1 icmp:8 "deny -"
leave laptop eth0 "--cgroup /system.slice/chrony.service" 203.0.113.1 icmp:8 "allow 15"
leave laptop eth0 "--cgroup /system.slice/chrony.service/sub" 203.0.113.1 icmp:8 "allow 15"
leave laptop eth0 "--cgroup /system.slice/chrony.service2" 203.0.113.1 icmp:8 "deny -"
leave laptop eth0 "--outside --user 123" 198.51.100.9 tcp:9100 "allow 16"
leave laptop eth0 "--outside --user 124" 198.51.100.9 tcp:9100 "deny -"
# Lookups: to the nameservers, by their devices; by the tunnel neither.
leave laptop wg0 "" 8.8.8.8 udp:53 "deny 29"
leave laptop wg0 "" 2001:db8::1 tcp:853 "deny 29"
leave laptop eth0 "" 224.0.0.251 udp:5353 "deny 29"
leave laptop eth0 "" ff02::1:3 udp:5355 "deny 29"
leave laptop eth0 "" 192.168.1.255 udp:137 "deny 29"
leave laptop eth0 "" 192.168.1.20 udp:53 "deny 29"
leave laptop wg0 "" 100.64.0.53 udp:53 "allow -"
leave laptop eth0 "" 100.64.0.53 udp:53 "deny -"
leave laptop wg0 "" 9.9.9.9 tcp:853 "allow -"
leave laptop eth0 "" 9.9.9.9 tcp:853 "deny 29"
leave laptop eth0 "" 192.168.1.1 udp:53 "allow 29"
leave laptop wlan0 "" 192.168.1.1 udp:53 "deny 29"
leave laptop wlan0 "" 2001:db8::53 udp:53 "allow 29"
leave laptop eth0 "" 2001:db8::53 udp:53 "deny 29"
# HTTPS of resolvers
leave laptop wg0 "" 9.9.9.9 tcp:443 "allow -"
leave laptop eth0 "" 9.9.9.9 tcp:443 "deny 29"
leave laptop wg0 "" 149.112.112.112 udp:443 "deny 29"
leave laptop wg0 "" 2001:db8:d0::7 tcp:443 "deny 29"
leave laptop wg0 "" 1.1.1.1 tcp:443 "allow -"
# Another node: no tunnel guard; and the one that resolves has none.
leave phone eth0 "" 203.0.113.50 tcp:80 "allow -"
leave phone wg-home "" 8.8.8.8 udp:53 "deny 29"
leave dns wg0 "" 8.8.8.8 udp:53 "allow -"
yes "a sentence" explain --leaving eth0 192.168.1.1 udp:53 --file "$guarded" --node laptop
like "$(said out)" "^eth0 → 192.168.1.1  udp:53: may leave$" "says by which device"
yes "the circumstances are told" explain --leaving eth0 --user 0 --cgroup /system.slice/cups.service/x \
	printer tcp:631 --file "$guarded" --node laptop --json
json '[.leaving, .user, .cgroup, .outside, .tunnel, .scope]' \
	'["eth0",0,"/system.slice/cups.service/x",false,false,"everything"]' "as they were asked"
json '.answers[0] | [.destinationName, .rule.guard, (.shadows | length)]' '["printer",true,1]' \
	"with the rule, and what it shadows"
misuse "go with --leaving" "circumstances of another packet" explain ada gate --user 3 --file "$office" --node gate
misuse "takes DST" "three words" explain --leaving eth0 ada gate tcp:22 --file "$office" --node gate
misuse "needs more" "one word" explain gate --file "$office" --node gate
misuse "--user is 'root'" "a user by name" explain --leaving eth0 --user root gate --file "$office" --node gate

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
