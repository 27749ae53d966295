#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# A stub on the node whose upstream somebody rewrote: the program that asks is
# served by loopback, the stub asks the local network's resolver, which answers.
# MERLON_STUBS is where scripts/stubs unpacked what is not installed.

# shellcheck source=../row.bash
. "$(dirname "$0")/../row.bash"

row=18 title="a local stub (dnsmasq, unbound, systemd-resolved), its upstream rewritten"
ways=({dnsmasq,unbound,resolved}{4,6})
declare -A on=([dnsmasq]=127.0.0 [unbound]=127.0.1 [resolved]=127.0.2)

setup() {
	local way

	[ -n "${MERLON_STUBS:-}" ] || bail "no unbound and no systemd-resolved (scripts/stubs)"
	must useradd --system --no-create-home systemd-resolve
	must touch /etc/systemd/resolved.conf
	resolver
	for way in "${ways[@]}"; do
		f=${way: -1}
		"start_${way%?}" "${on[${way%?}]}.$f" "${at[gw$f]}" >"$tap_dir/$way" 2>&1 &
		at_exit kill $!
		wait_for 30 listens_at node "${on[${way%?}]}.$f" || bail "$way: $(cat "$tap_dir/$way")"
	done
	why="Docker's resolver is not among them"
}

listens_at() { n "$1" ss -Hlnu "src = [$2] and sport = :53" | grep -q .; }

# dns NS ADDRESS OPTION...: dnsmasq
dns() {
	exec nsenter --net="/run/netns/$1" dnsmasq --no-daemon --conf-file=/dev/null --no-resolv \
		--no-hosts --port=53 --listen-address="$2" --bind-interfaces --pid-file= \
		--user=root "${@:3}"
}

# The local network's resolver: there is no such name.
resolver() {
	local f

	for f in 4 6; do
		dns far "${at[gw$f]}" --local=/example.com/ >"$tap_dir/resolver$f" 2>&1 &
		at_exit kill $!
		wait_for 20 listens_at far "${at[gw$f]}" || bail "$(cat "$tap_dir/resolver$f")"
	done
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

send() { leak -x "$(dns_hex)" udp - dst="${on[${1%?}]}.$f" dport=53; }

row_run
