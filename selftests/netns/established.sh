#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# A new generation cuts an established TCP flow in both directions, by taking its
# rule away or by denying it, and another one brings it back. Both ends keep
# sending throughout. The scene is drawn in common.bash.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene

# Two ends that send a line five times a second, from alice to port $2 of lan.
# Retransmissions that stand apart come at an even pace. read waits without a
# process of its own, which would be dear here.
cat >"$tap_dir/talk" <<-'END'
	#!/bin/bash
	cat >/dev/null &
	exec {never}<> <(:)
	until read -rt 0.2 -u "$never"; do echo "still there"; done
END
chmod +x "$tap_dir/talk"
for ns in alice lan; do
	must n "$ns" sysctl -qw net.ipv4.tcp_thin_linear_timeouts=1 net.ipv4.tcp_frto=0
done

talk() {
	local f=$1 port=$2

	n lan socat "TCP$f-LISTEN:$port,reuseaddr" EXEC:"$tap_dir/talk" >/dev/null 2>&1 &
	at_exit kill $!
	disown $!
	wait_for 10 listens lan tcp "$port" || bail "no server"
	n alice socat "TCP$f:$(bracket "$f"):$port" EXEC:"$tap_dir/talk" >/dev/null 2>&1 &
	at_exit kill $!
	disown $!
}

bracket() {
	case $1 in 6) echo "[${ip[lan6]}]" ;; *) echo "${ip[lan4]}" ;; esac
}

# Where the flow's packets are seen: as they are sent, and as they arrive.
watch() {
	capture_start "sent_a$1" alice wg0 out "tcp port $1"
	capture_start "sent_l$1" lan eth0 out "tcp port $1"
	capture_start "got_a$1" alice wg0 in "tcp port $1"
	capture_start "got_l$1" lan eth0 in "tcp port $1"
}

# Both ends get something new.
flows() {
	local a l

	a=$(capture_count "got_a$1") l=$(capture_count "got_l$1")
	capture_seen "got_a$1" $((a + 3)) 60 && capture_seen "got_l$1" $((l + 3)) 60
}

# Both ends send, and neither gets anything. On a busy machine it stands for so long that
# retransmissions come ever later.
stands() {
	local port=$1 a l sent_a sent_l

	# What was judged before the new generation has arrived by now.
	marked a2l && marked l2a || return 1
	a=$(capture_count "got_a$port") l=$(capture_count "got_l$port")
	sent_a=$(capture_count "sent_a$port") sent_l=$(capture_count "sent_l$port")
	capture_seen "sent_a$port" $((sent_a + 2)) 240 || return 1
	capture_seen "sent_l$port" $((sent_l + 2)) 240 || return 1
	marked a2l && marked l2a || return 1
	echo "alice: $(($(capture_count "got_a$port") - a)) new, lan:" \
		"$(($(capture_count "got_l$port") - l)) new"
	[ "$(capture_count "got_a$port")" = "$a" ] && [ "$(capture_count "got_l$port")" = "$l" ]
}

one() {
	local f=$1 how="$2, IPv$1" port=$3

	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} tcp/$port"
	watch "$port"
	talk "$f" "$port"
	ok "$how: it flows both ways" flows "$port"
	wall_load </dev/null
	ok "$how: without its rule it stands" stands "$port"
	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} tcp/$port"
	ok "$how: with it, it flows again" flows "$port"
	wall_load <<-RULES
		allow ${ip[alice$f]} ${ip[lan$f]} tcp/$port
		drop ${ip[alice$f]} * tcp/$port
	RULES
	ok "$how: denied, it stands" stands "$port"
	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} tcp"
	ok "$how: by another rule it flows again" flows "$port"
	wall_load <<<"allow ${ip[lan$f]} ${ip[alice$f]} tcp/$port"
	ok "$how: a rule for the other direction is none" stands "$port"
}

wall_up </dev/null
one 4 "no conntrack" 7094
one 6 "no conntrack" 7096
conntrack_on
one 4 conntrack 7104
one 6 conntrack 7106

done_testing
