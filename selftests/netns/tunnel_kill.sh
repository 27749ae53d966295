#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 2400
# merlond's apply is killed at every netlink message of a change-over, in both
# directions between two generations. Then the device has nothing that the generation
# in the kernel does not permit, and nothing on its way that another peer covers; and
# after a restart it is as wanted. MERLON_LENGTH=long: at every system call.
#
#	           old: left                       new: right
#	10.0.0.2   bob                             -
#	10.0.0.3   carol                           carol
#	10.0.0.4   -                               dora, new
#	10.0.0.5   carol                           dora          moves
#	10.0.0/24  carol                           carol         covers all of them
#	10.9.0/24  bob                             carol         moves
#	10.8.0.1   the node's own address          -             and 10.8.0.2 instead

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/merlond.bash"
PATH=$PWD/build/user/tools:$PATH
ns_add node
md_setup node
md_options+=(--tunnel "$md_dir/key")
(umask 077 && wg genkey >"$md_dir/key")

key_of() { printf "%032d" "$1" | base64; }
declare -A name=([$(key_of 1)]=bob [$(key_of 2)]=carol [$(key_of 3)]=dora)
nobody=UeCZHtULlf2p8vXJcTbXvDr4sdfSjq7vZEj9EXSXkzM=

peer() { # NAME NUMBER ALLOWED...
	jq -n --arg name "$1" --arg key "$(key_of "$2")" \
		'{name: $name, publicKey: $key, allowedIPs: $ARGS.positional}' --args "${@:3}"
}

config() { # FILE ADDRESS PEER...
	printf '%s' "${@:3}" | jq -s --arg address "$2" '{addresses: [$address], peers: .,
		tunnels: [{name: "wg0", ignored: false}]}' >"$tap_dir/$1.json"
}

config left 10.8.0.1 "$(peer bob 1 10.0.0.2 10.9.0.0/24)" \
	"$(peer carol 2 10.0.0.3 10.0.0.5 10.0.0.0/24)"
config right 10.8.0.2 "$(peer carol 2 10.0.0.3 10.0.0.0/24 10.9.0.0/24)" \
	"$(peer dora 3 10.0.0.4 10.0.0.5)"

# whose SIDE ADDRESS: in the end; "-": nobody's
whose() {
	case $1$2 in
	left10.0.0.2 | left10.9.0.*) echo bob ;;
	left10.0.0.* | right10.0.0.[23679] | right10.9.0.*) echo carol ;;
	right10.0.0.[45]) echo dora ;;
	*) echo - ;;
	esac
}

number() {
	local IFS=.

	# shellcheck disable=SC2086
	set -- $1
	echo $(($1 << 24 | $2 << 16 | $3 << 8 | $4))
}

# What the kernel has, as "KEY ADDRESS LENGTH"
read_wires() {
	n node wg show wg0 allowed-ips 2>/dev/null | awk '{
		for (i = 2; i <= NF; i++)
			if (split($i, at, "/") == 2)
				print $1, at[1], at[2]
	}' >"$tap_dir/wires"
}

# has ADDRESS: whose it is in these, by the longest prefix
has() {
	local wanted best=-1 owner=- key address length

	wanted=$(number "$1")
	while read -r key address length; do
		[ "$length" -gt "$best" ] || continue
		[ $((wanted >> (32 - length))) = $(($(number "$address") >> (32 - length))) ] ||
			continue
		best=$length owner=${name[$key]:--}
		[ "$key" != "$nobody" ] || owner=-
	done <"$tap_dir/wires"
	echo "$owner"
}

asked=(10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.9 10.9.0.7 10.7.0.1)
complain() { diag "call $at ($what, $from to $to): $*"; wrong=$((wrong + 1)); }

# The law is that of the generation in the kernel.
check_wreck() {
	local law=$1 address now

	read_wires
	for address in "${asked[@]}"; do
		now=$(has "$address")
		[ "$now" = - ] || [ "$now" = "$(whose "$law" "$address")" ] ||
			complain "$address is $now's under $law"
	done
	now=$(ip -n node -br -4 addr show dev wg0 2>/dev/null | awk '{ print $3 }')
	case $law$now in
	left | right | left10.8.0.1/32 | right10.8.0.2/32) ;;
	*) complain "addresses '$now' under $law" ;;
	esac
}

# Nothing less and nothing more.
check_whole() {
	local address now

	read_wires
	for address in "${asked[@]}"; do
		now=$(has "$address")
		[ "$now" = "$(whose "$1" "$address")" ] ||
			complain "in the end $address is $now's, not $(whose "$1" "$address")'s"
	done
	! grep -qF "$nobody" "$tap_dir/wires" || complain "nobody is left behind"
	now=$(ip -n node -4 route show proto 77 dev wg0 | awk '{ print $1 }' | sort | xargs)
	case $1 in
	left) want="10.0.0.0/24 10.0.0.2 10.0.0.3 10.0.0.5 10.9.0.0/24" ;;
	right) want="10.0.0.0/24 10.0.0.3 10.0.0.4 10.0.0.5 10.9.0.0/24" ;;
	esac
	[ "$now" = "$want" ] || complain "in the end the routes are $now"
	now=$(ip -n node -br -4 addr show dev wg0 | awk '{ print $3 }')
	[ "$now" = "10.8.0.$([ "$1" = left ] && echo 1 || echo 2)/32" ] ||
		complain "in the end the address is $now"
}

serial=0 from='' to='' at=0 what='' wrong=0
next() { # SIDE: its next bundle; sets $path
	serial=$((serial + 1))
	local allow=all

	[ "$1" = left ] || allow=icmp
	path=$(bundle "$1" "serial=$serial" "allow=$allow" "config=$tap_dir/$1.json")
}

# goes SIDE: there, undisturbed
goes() {
	next "$1"
	[ "$(apply_code "$path")" = 0 ] || bail "not applied: $(tail -n3 "$md_log")"
}

apply_pid() { md_pids | cut -d' ' -f2; }

# plan_calls: which calls of apply are to be struck, of a change-over from $from to $to
plan_calls() {
	local filter=' sendto$'

	[ "${MERLON_LENGTH:-}" != long ] || filter=.
	next "$to"
	KILLAT_LIST=1 killat 0 "$(apply_pid)" -- "$tools/askd" --socket "$md_dir/socket" apply \
		"$path" | grep -v survived >"$tap_dir/calls"
	grep -E "$filter" "$tap_dir/calls" | awk '{ print $1 }' >"$tap_dir/strike"
}

strike() {
	local law

	next "$to"
	killat "$at" "$(apply_pid)" -- "$tools/askd" --socket "$md_dir/socket" apply "$path" \
		>"$tap_dir/killed"
	what=$(awk '/^killed/ { print $4 }' "$tap_dir/killed")
	[ -n "$what" ] || return 0	# it was faster this time
	struck=$((struck + 1))
	wait_for 30 md_gone || bail "merlond does not end with its apply"
	wait "$md_pid" 2>/dev/null
	law=$from
	! kernel_has generation "1.$serial" || law=$to
	reached[$law]=1
	check_wreck "$law"
	md_start
	# Dead before the candidate was on disk: the old one, and it is offered again.
	law=$from
	! kernel_has generation "1.$serial" || law=$to
	check_whole "$law"
	[ "$law" = "$to" ] || goes "$to"
	check_whole "$to"
}

sides() { # FROM TO
	declare -gA reached=()
	from=$1 to=$2 struck=0 wrong=0
	plan_calls
	goes "$from"
	while read -r at; do
		strike
		goes "$from"
	done <"$tap_dir/strike"
	is "$wrong" 0 "$from to $to, killed at $struck calls: never more than both, and whole again"
	ok "most of them were struck" [ "$struck" -ge $(($(wc -l <"$tap_dir/strike") * 3 / 4)) ]
	is "${!reached[*]}" "$(printf '%s\n' "${!reached[@]}" | sort | xargs)" "the law was known"
	is "${#reached[@]}" 2 "before the publication, and after it"
}

md_start
goes left
check_whole left
is "$wrong" 0 "the first generation is there"
goes right
check_whole right
is "$wrong" 0 "and the second, undisturbed"
# The oracle can say no.
must n node wg set wg0 peer "$(key_of 3)" allowed-ips 10.0.0.4/32,10.0.0.5/32,10.0.0.3/32
at=0 what=control from=left to=right
check_wreck right >/dev/null
is "$wrong" 1 "the oracle sees a prefix at the wrong peer"
wrong=0
goes left
check_whole left
is "$wrong" 0 "a change-over puts it right"
sides left right
sides right left
done_testing
