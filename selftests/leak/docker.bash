# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # tap.sh sets what is read here
# Docker in the namespace node: its daemon, containers of an image that is made
# here, and the resolver at 127.0.0.11 that each of them has, which asks who
# `docker run --dns` said, if that is an IPv4 address. Sourced by rows. MERLON_DOCKER is where scripts/stubs
# unpacked it.
#
#	box4, …   10.8.0.0/24, fd08::/64 ---- bridge of Docker's in node, which masquerades

docker=$tap_dir/docker

# docker_up: both daemons; starting is slow in an emulated machine
docker_up() {
	[ -n "${MERLON_DOCKER:-}" ] || bail "no Docker (scripts/stubs docker)"
	export PATH=$MERLON_DOCKER/usr/bin:$MERLON_DOCKER/usr/sbin:$PATH
	export DOCKER_HOST=unix://$docker/sock
	must mkdir -p "$docker"/{root,exec,containerd,image/bin}
	cat >"$docker/containerd.toml" <<-CONF
		version = 2
		root = "$docker/containerd/root"
		state = "$docker/containerd/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$docker/containerd.sock"
		[ttrpc]
		address = "$docker/containerd.sock.ttrpc"
	CONF
	nsenter --net=/run/netns/node containerd -c "$docker/containerd.toml" \
		>"$docker/containerd.log" 2>&1 &
	at_exit kill $!
	wait_for 120 [ -S "$docker/containerd.sock" ] || bail "$(tail -n 5 "$docker/containerd.log")"
	nsenter --net=/run/netns/node dockerd --containerd "$docker/containerd.sock" \
		--host "$DOCKER_HOST" --data-root "$docker/root" --exec-root "$docker/exec" \
		--pidfile "$docker/pid" --bridge none --storage-driver vfs \
		--ip6tables --experimental >"$docker/log" 2>&1 &
	at_exit kill $!
	wait_for 240 docker version || bail "$(tail -n 5 "$docker/log")"
	must cp /bin/busybox "$docker/image/bin/busybox"
	must ln -s busybox "$docker/image/bin/sh"
	must eval "tar -C '$docker/image' -c . | docker import - box"
	must docker network create --ipv6 --subnet 10.8.0.0/24 --subnet fd08::/64 box
}

# box NAME RESOLVER: a container, and its network namespace under that name
box() {
	must docker run --detach --rm --name "$1" --network box --dns "$2" box \
		busybox sleep 100000
	must ip netns attach "$1" "$(docker inspect -f '{{.State.Pid}}' "$1")"
	at_exit ns_del "$1"
}
