#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# NAT on the gate: a connection is judged by what its opener named, and by a deny
# for where it was sent instead; expected connections by their own tuple; what
# conntrack does not follow by its own. The scene is drawn in common.bash.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
# shellcheck source=common.bash
. selftests/netns/common.bash

scene
mute alice lan gate

# nft RULES: the gate's own, instead of those before
nft_gate() {
	must n gate nft flush ruleset
	must n gate nft -f - <<<"$1"
}

# Lan sees the gate's address: an exit node.
# shellcheck disable=SC2086
masquerade() {
	local f=$1 to back

	to=$(ends a2l $f)
	back="src=${ip[lan$f]} dst=${ip[gatelan$f]} proto=tcp sport=80 dport=5000"
	nft_gate 'table inet nat {
		chain post {
			type nat hook postrouting priority 100;
			oifname "lan0" masquerade
		}
	}'
	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} tcp/80"
	capture_start masked$f lan eth0 in "src host ${ip[gatelan$f]}"
	passes a2l "IPv$f masquerade: a SYN to what is allowed" \
		$to proto=tcp sport=5000 dport=80 flags=S seq=1
	ok "IPv$f masquerade: lan sees the gate's address" capture_seen masked$f 1
	passes l2a "IPv$f masquerade: the answer finds back" $back flags=SA seq=9 ack=2
	stopped a2l "IPv$f masquerade: another port" $to proto=tcp sport=5001 dport=81 flags=S
	wall_load <<<"allow ${ip[gatelan$f]} ${ip[lan$f]} *"
	stopped a2l "IPv$f masquerade: a rule for the gate's address is not one for alice" \
		$to proto=tcp sport=5002 dport=80 flags=S
	stopped l2a "IPv$f masquerade: revoked, the answer stops too" $back flags=SA seq=9 ack=2
	must capture_stop masked$f
}

# The gate's port 8080 is lan's 80.
# shellcheck disable=SC2086
translate() {
	local f=$1 to back before rule lan=${ip[lan$1]} gate=${ip[gate$1]} alice=${ip[alice$1]} family=ip

	[ $f = 4 ] || family=ip6 lan="[$lan]"
	to="src=$alice dst=$gate proto=tcp dport=8080 flags=S"
	back="src=${ip[lan$f]} dst=$alice proto=tcp sport=80 flags=SA"
	nft_gate "table inet nat {
		chain pre {
			type nat hook prerouting priority -100;
			$family daddr $gate tcp dport 8080 dnat $family to $lan:80
			$family daddr $gate tcp dport 8081 dnat $family to $lan:81
		}
	}"
	lan=${ip[lan$f]}
	wall_load <<<"allow $alice $gate tcp/8080-8081"
	passes a2l "IPv$f translated: the destination that was named is allowed" \
		$to sport=5100 seq=1
	passes l2a "IPv$f translated: its answer" $back dport=5100 seq=9 ack=2
	wall_load <<-RULES
		allow $alice $gate tcp/8080-8081
		drop $alice $lan tcp/80
	RULES
	before=$(denied translated) rule=$(denied rule)
	stopped a2l "IPv$f translated: a deny for where it went" $to sport=5101 seq=1
	stopped l2a "IPv$f translated: stops the answer of another as well" \
		$back dport=5100 seq=9 ack=2
	is "$(denied translated)" $((before + 2)) "IPv$f translated: counted as such"
	is "$(wall hits "drop $alice $lan tcp/80")" 2 "IPv$f translated: and with the rule"
	is "$(denied rule)" "$rule" "IPv$f translated: under one reason"
	passes a2l "IPv$f translated: another port is not meant" \
		src="$alice" dst="$gate" proto=tcp sport=5102 dport=8081 flags=S
	wall_load <<<"allow $alice $lan tcp/80"
	stopped a2l "IPv$f translated: a rule for where it went does not allow it" \
		$to sport=5103 seq=1
	passes a2l "IPv$f translated: but allows going there" \
		src="$alice" dst="$lan" proto=tcp sport=5104 dport=80 flags=S
}

# From lan to the gate, translated to alice: judged on the way out.
# shellcheck disable=SC2086
publish() {
	local f=$1 alice=${ip[alice$1]} family=ip named to

	named=${ip[gatelan$f]}
	to="src=${ip[lan$f]} dst=$named proto=tcp flags=S"
	[ $f = 4 ] || family=ip6 alice="[$alice]"
	nft_gate "table inet nat {
		chain pre {
			type nat hook prerouting priority -100;
			iifname lan0 $family daddr $named tcp dport 2222 dnat $family to $alice:22
		}
	}"
	alice=${ip[alice$f]}
	wall_load <<<"allow ${ip[lan$f]} $named tcp/2222"
	passes l2a "IPv$f published: by the name it has outside" $to sport=5200 dport=2222
	wall_load <<-RULES
		allow ${ip[lan$f]} $named tcp/2222
		reject * $alice tcp/22
	RULES
	stopped l2a "IPv$f published: not against a deny for what is inside" \
		$to sport=5201 dport=2222
}

# An FTP server that knows one command, on lan.
ftp_server() {
	must n gate modprobe nf_conntrack_ftp
	must nft_gate "table $1 help {
		ct helper ftp { type \"ftp\" protocol tcp; }
		chain pre {
			type filter hook prerouting priority -150;
			tcp dport 21 ct helper set \"ftp\"
		}
	}"
	printf '#!/bin/bash\nprintf "220 \\r\\n"; read x; printf "%s\\r\\n"; exec cat\n' "$3" \
		>"$tap_dir/ftp$2"
	chmod +x "$tap_dir/ftp$2"
	n lan socat "TCP$2-LISTEN:21,fork,reuseaddr" "EXEC:$tap_dir/ftp$2" >/dev/null 2>&1 &
	at_exit kill $!
	disown $!
	wait_for 10 listens lan tcp 21 || bail "no FTP server"
}

# Asks for a data connection by a control connection, and keeps both: says which
# of them work. $2: the command; $3: as conntrack calls the family.
ftp_try() {
	# shellcheck disable=SC2016
	n alice timeout 20 bash -c '
		exec 3<>"/dev/tcp/$0/21" || exit
		read -rt 3 <&3 && printf "$1\r\n" >&3 && read -rt 3 <&3 && echo "asked"
		ip netns exec gate conntrack -L expect -f "$2" 2>/dev/null |
			grep -q "dport=20020" && echo "expected"
		timeout 2 bash -c "exec 4<>/dev/tcp/$0/20020" 2>/dev/null && echo "data"
		echo again >&3; read -rt 2 x <&3 && echo "control $x"
	' "$1" "$2" "$3"
}

# The control connection announces another one.
expected() {
	local f=$1 family=$2 server=${ip[lan$1]} command=$3 reply=$4

	ftp_server "$family" "$f" "$reply"
	serve lan tcp "$server" 20020
	wall_load <<<"allow ${ip[alice$f]} $server tcp/21,tcp/20020"
	is "$(ftp_try "$server" "$command" "ipv$f" | paste -sd, -)" \
		"asked,expected,data,control again" "IPv$f expected: allowed by its own tuple"
	wall_load <<<"allow ${ip[alice$f]} $server tcp/21"
	is "$(ftp_try "$server" "$command" "ipv$f" | paste -sd, -)" \
		"asked,expected,control again" "IPv$f expected: not by the one that announced it"
	must pkill -f TCP"$f"-LISTEN:21
}

# What conntrack is told not to follow, or does not understand, is new each time.
# shellcheck disable=SC2086
untracked() {
	local f=$1 to from

	to=$(ends a2l $f) from=$(ends l2a $f)
	conntrack_on
	must n gate nft -f - <<-'NFT'
		table inet raw {
			chain pre {
				type filter hook prerouting priority -300;
				udp dport 53 notrack
				udp sport 53 notrack
				tcp dport 90 notrack
				tcp sport 90 notrack
			}
		}
	NFT
	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} udp/53,tcp/80-90"
	passes a2l "IPv$f notrack: a query by its own tuple" $to proto=udp sport=5400 dport=53
	stopped l2a "IPv$f notrack: the reply by its own, which nothing allows" \
		$from proto=udp sport=53 dport=5400
	passes a2l "IPv$f notrack: an ACK of nothing" $to proto=tcp sport=5401 dport=90 flags=A
	stopped l2a "IPv$f notrack: its answer" $from proto=tcp sport=90 dport=5401 flags=A
	passes a2l "IPv$f invalid: SYN and FIN, by its own tuple" \
		$to proto=tcp sport=5402 dport=80 flags=SF
	stopped l2a "IPv$f invalid: the other way" $from proto=tcp sport=80 dport=5402 flags=SF
	wall_load <<-RULES
		allow ${ip[alice$f]} ${ip[lan$f]} udp/53
		allow ${ip[lan$f]} ${ip[alice$f]} udp/5400
	RULES
	passes l2a "IPv$f notrack: the reply, with a rule of its own" \
		$from proto=udp sport=53 dport=5400
	must n gate nft flush ruleset
}

# A destination that is rewritten behind conntrack's back is judged as it is.
# shellcheck disable=SC2086
rewritten() {
	local f=$1 to family=ip

	[ $f = 4 ] || family=ip6
	to=$(ends a2l $f)
	nft_gate "table inet behind {
		chain c { type filter hook prerouting priority 0; ct state new counter; }
		chain d {
			type filter hook prerouting priority 10;
			$family daddr ${ip[lan$f]} $family daddr set ${ip[bob$f]}
		}
	}"
	wall_load <<<"allow ${ip[alice$f]} ${ip[lan$f]} *"
	stopped a2b "IPv$f rewritten: to where no rule lets it" $to proto=udp sport=5500 dport=7
	wall_load <<-RULES
		allow ${ip[alice$f]} ${ip[lan$f]} *
		allow ${ip[alice$f]} ${ip[bob$f]} udp/7
	RULES
	passes a2b "IPv$f rewritten: to where one does" $to proto=udp sport=5501 dport=7
}

wall_up </dev/null
for f in 4 6; do
	masquerade $f
	translate $f
	publish $f
	untracked $f
	rewritten $f
done
expected 4 ip PASV '227 Entering Passive Mode (10,9,0,2,78,52)'
expected 6 ip6 EPSV '229 Entering Extended Passive Mode (|||20020|)'

done_testing
