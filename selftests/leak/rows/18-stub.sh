#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1200
# A stub on the node whose upstream somebody rewrote: the program that asks is
# served by loopback, the stub asks the local network's resolver, which answers.
# Docker's does so for its containers. Armed, without a policy and then with one that
# lets everything out but lookups: of those, only what goes to the tunnel's resolver,
# which the same stubs ask as well, and answer with what it says.
# MERLON_STUBS, MERLON_DOCKER: where scripts/stubs unpacked what is not installed.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"
# shellcheck source=../docker.bash
. selftests/leak/docker.bash

row=18 title="a local stub (dnsmasq, unbound, systemd-resolved, Docker's), its upstream rewritten"
stubs=({dnsmasq,unbound,resolved}{4,6})
ways=("${stubs[@]}" docker{4,6})
declare -A on=([dnsmasq]=127.0.0 [unbound]=127.0.1 [resolved]=127.0.2)
tunnel_on=100	# the last byte is higher by that for those that ask the tunnel's resolver
said=192.0.2.77	# what that says

setup() {
	local way

	[ -n "${MERLON_STUBS:-}" ] || bail "no unbound and no systemd-resolved (scripts/stubs)"
	must useradd --system --no-create-home systemd-resolve
	must touch /etc/systemd/resolved.conf
	resolvers
	for way in "${stubs[@]}"; do
		f=${way: -1}
		stub_on "${way%?}" $f "${at[gw$f]}"
		stub_on "${way%?}" $((f + tunnel_on)) "${at[tunpeer$f]}"
	done
	docker_up
	for f in 4 6; do
		box box$f "${at[gw$f]}"
		box tunbox$f "${at[tunpeer$f]}"
	done
	must ip -n far route add fd08::/64 via "${at[node6]}"
}

# stub_on NAME LAST-BYTE UPSTREAM
stub_on() {
	"start_$1" "${on[$1]}.$2" "$3" >"$tap_dir/$1-$2" 2>&1 &
	at_exit kill $!
	wait_for 30 listens_at node "${on[$1]}.$2" || bail "$1: $(cat "$tap_dir/$1-$2")"
}

listens_at() { n "$1" ss -Hlnu "src = [$2] and sport = :53" | grep -q .; }

# dns NS ADDRESS OPTION...: dnsmasq
dns() {
	exec nsenter --net="/run/netns/$1" dnsmasq --no-daemon --conf-file=/dev/null --no-resolv \
		--no-hosts --port=53 --listen-address="$2" --bind-interfaces --pid-file= \
		--user=root "${@:3}"
}

# The local network's resolver, to which there is no such name; and the tunnel's.
resolvers() {
	local f

	for f in 4 6; do
		resolver far "${at[gw$f]}" --local=/example.com/
		resolver peer "${at[tunpeer$f]}" --address=/example.com/$said
	done
}

resolver() {
	dns "$@" >"$tap_dir/resolver" 2>&1 &
	at_exit kill $!
	wait_for 20 listens_at "$1" "$2" || bail "$(cat "$tap_dir/resolver")"
}

# start_STUB ADDRESS UPSTREAM
start_dnsmasq() { dns node "$1" --server="$2"; }

# A resolver that does not answer is forgotten soon, so that it is asked again.
start_unbound() {
	cat >"$tap_dir/unbound-$1.conf" <<-CONF
		server:
			interface: $1
			port: 53
			username: ""
			chroot: ""
			pidfile: ""
			directory: "$tap_dir"
			use-syslog: no
			do-daemonize: no
			module-config: "iterator"
			infra-host-ttl: 1
			infra-keep-probing: yes
		remote-control:
			control-enable: no
		forward-zone:
			name: "."
			forward-addr: $2
	CONF
	exec nsenter --net=/run/netns/node env \
		LD_LIBRARY_PATH="$MERLON_STUBS/usr/lib/x86_64-linux-gnu" \
		"$MERLON_STUBS/usr/sbin/unbound" -d -c "$tap_dir/unbound-$1.conf"
}

# Each has a /run/systemd and a configuration of its own.
start_resolved() {
	cat >"$tap_dir/resolved-$1.conf" <<-CONF
		[Resolve]
		DNS=$2
		FallbackDNS=
		Domains=~.
		LLMNR=no
		MulticastDNS=no
		DNSSEC=no
		Cache=no
		DNSStubListener=no
		DNSStubListenerExtra=$1
	CONF
	mkdir -p /run/systemd
	# shellcheck disable=SC2016
	exec nsenter --net=/run/netns/node unshare --mount sh -c '
		mount -t tmpfs run /run/systemd &&
			mkdir /run/systemd/resolve &&
			chown systemd-resolve: /run/systemd/resolve &&
			mount --bind "$1" /etc/systemd/resolved.conf &&
			export LD_LIBRARY_PATH="$2/usr/lib/x86_64-linux-gnu/systemd" &&
			exec "$2/lib/systemd/systemd-resolved"' \
		resolved "$tap_dir/resolved-$1.conf" "$MERLON_STUBS"
}

# What a container has in its resolv.conf: Docker's resolver for an IPv4 one, which
# forwards; an IPv6 one is left to the container itself, after Docker's.
send() {
	case $1 in
	docker4) leak_in box4 -x "$(dns_hex)" udp - dst=127.0.0.11 dport=53 ;;
	docker6) leak_in box6 -x "$(dns_hex)" udp - dst="${at[gw6]}" dport=53 ;;
	*) leak -x "$(dns_hex)" udp - dst="${on[${1%?}]}.$f" dport=53 ;;
	esac
}

# --- with a policy ----------------------------------------------------------------

# Nobody's lookups but those to what is in 10.0.0.0/8 and fd00::/8, where the
# tunnel's resolver is.
policy() {
	in_ns node "$tools/wall" load <<-'RULES'
		tunnel wg0
		allow * * *
		guard allow * * *
		guard drop * 0.0.0.0/5,8.0.0.0/7,11.0.0.0/8,12.0.0.0/6,16.0.0.0/4,32.0.0.0/3,64.0.0.0/2,128.0.0.0/1,2000::/3 udp/53,tcp/53
	RULES
}

# answers WAY: with what the tunnel's resolver says
answers() {
	case $1 in
	docker*) docker exec tunbox$f busybox nslookup -type=a yes.example.com ;;
	*) n node busybox nslookup -type=a yes.example.com "${on[${1%?}]}.$((f + tunnel_on))" ;;
	esac | grep -q "$said"
}

row_judge() {
	local way

	holds "${ways[@]}"
	allowed
	must policy
	for f in 4 6; do
		new_marker
		shoot udp - "${at[gw$f]}" 7777
		passes "with a policy: what is no lookup leaves, IPv$f" wire "$look"
	done
	holds "${ways[@]}"
	for way in "${ways[@]}"; do
		f=${way: -1}
		checks=$((checks + 1))
		if ok "with a policy: $way answers with what the tunnel's resolver says" \
			wait_for 30 answers "$way"; then
			passed=$((passed + 1))
		fi
	done
}

row_run
