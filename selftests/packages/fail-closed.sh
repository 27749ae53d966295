#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# A machine that was armed when it went down, and comes up with a kernel for
# which there is no merlon.ko, or one that the kernel does not take: no tunnel
# comes up, and the kernel log says why. An unarmed machine notices nothing.
# shellcheck disable=SC2046 # words are wanted

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/lib.bash"
plan 86

built=$PWD/build/kmod/$MERLON_VM/merlon.ko
case $MERLON_VM in 6.1) other=6.12 ;; *) other=6.1 ;; esac

# A tunnel, as every tool makes it: the kernel has modprobe load wireguard.
tunnel() { ip link add wg9 type wireguard; }

# As before the next boot: neither device nor module.
no_tunnel() {
	ip link del wg9 2>/dev/null
	must modprobe -qr wireguard
	! loaded merlon || must rmmod merlon
}

# install_module FILE: where DKMS would
install_module() {
	must install -D -m 644 "$1" "$modules/updates/dkms/merlon.ko"
	must depmod
}

# arm_at_boot [CONTENT]: as the machine went down
arm_at_boot() {
	must mkdir -p "${armed_file%/*}"
	echo "${1:-$enforcing}" >"$armed_file"
}

# stays_off WHAT PATTERN...: no tunnel, and the kernel log holds each pattern
stays_off() {
	local what=$1 pattern

	shift
	log_mark
	not_ok "$what: no tunnel comes up" tunnel
	not_ok "$what: WireGuard is not loaded" loaded wireguard
	for pattern in "WireGuard stays off" "merlon disarm --reason" "$@"; do
		like "$(log_since)" "merlon: .*$pattern" "$what: the log says '$pattern'"
	done
}

# way_out WHAT: disarming without the module
way_out() {
	ok "$1: merlon disarm works" merlon disarm --reason "test: $1"
	not_ok "$1: nothing is armed then" test -e "$armed_file"
	ok "$1: and a tunnel comes up" tunnel
	no_tunnel
}

few_modules
must dpkg -i $(debs "$version")
not_ok "without headers there is no merlon.ko" modprobe -q merlon

# --- not armed ----------------------------------------------------------------
log_mark
ok "an unarmed machine: a tunnel comes up" tunnel
is "$(log_since | grep 'merlon:')" "" "and the log says nothing of Merlon"
no_tunnel

# --- no module ----------------------------------------------------------------
arm_at_boot
stays_off "no module" "does not load into kernel $release_re" "install linux-headers-$release_re"
like "$(modprobe wireguard 2>&1)" "^merlon: armed, but" "modprobe at a prompt says so too"
cat >"$tap_dir/wg9.conf" <<-END
	[Interface]
	PrivateKey = $(wg genkey)
	Address = 10.9.9.1/24
END
not_ok "wg-quick brings up nothing" wg-quick up "$tap_dir/wg9.conf"
not_ok "and leaves nothing" ip link show wg9
way_out "no module"

# --- no module, and everything is to go by the tunnel -----------------------------
# A wire to another namespace, as the network that comes up.
hold() { /usr/lib/merlon/hold; }
leaves() { ping -qc1 -W2 192.0.2.2 && ping -qc1 -W2 2001:db8::2; }
everything='{"mode":"enforcing","scope":"everything"}'

ns_add far
must ip link add out0 type veth peer name eth0 netns far
addr_add far eth0 192.0.2.2/24 2001:db8::2/64
must ip -n far link set eth0 up
must ip addr add 192.0.2.1/24 dev out0
must ip addr add 2001:db8::1/64 dev out0 nodad
must ip link set out0 up
must ip link set lo up
ok "not armed: hold does nothing" hold
ok "and packets leave" leaves
arm_at_boot
ok "armed with scope tunnels: hold does nothing" hold
ok "and packets leave" leaves
arm_at_boot "$everything"
log_mark
ok "armed with scope everything, no module: hold" hold
not_ok "nothing leaves" leaves
not_ok "in IPv6 neither" ping -qc1 -W2 2001:db8::2
ok "but to oneself" ping -qc1 -W2 127.0.0.1
for pattern in "scope everything, but merlon.ko does not load" "install linux-headers-$release_re" \
	"merlon disarm --reason WHY; nft delete table"; do
	like "$(log_since)" "merlon: .*$pattern" "the log says '$pattern'"
done
ok "once more is the same" hold
must merlon disarm --reason test
must nft delete table inet merlon_closed
ok "disarmed, and the table gone: packets leave" leaves
arm_at_boot nonsense
ok "a damaged file: hold" hold
not_ok "nothing leaves" leaves
must nft delete table inet merlon_closed
arm_at_boot '{"mode":"observing","scope":"everything"}'
ok "observing: hold" hold
ok "lets packets leave" leaves

arm_at_boot nonsense
stays_off "a damaged file" "armed, but"
arm_at_boot '{"mode":"observing","scope":"tunnels"}'
log_mark
ok "observing: nothing is dropped, so a tunnel comes up" tunnel
like "$(log_since)" "merlon: .*comes up unobserved" "observing: the log says that nobody looks"
no_tunnel

# --- /var is mounted late -----------------------------------------------------
# A mount brings the directory and the file in it at once, as a rename does.
arm_at_boot
must mv /var/lib/merlon /var/lib/merlon-late
modprobe wireguard 2>"$tap_dir/late" &
late=$!
must wait_for 60 pgrep -f load-wireguard
must mv /var/lib/merlon-late /var/lib/merlon
not_ok "/var is mounted late: the file in it counts" wait "$late"
like "$(cat "$tap_dir/late")" "armed, but" "/var is mounted late: and is why"

# --- a module of another kernel -----------------------------------------------
install_module "$PWD/build/kmod/$other/merlon.ko"
stays_off "another kernel's module" "does not load into kernel $release_re" "dkms autoinstall"
way_out "another kernel's module"

# --- the right one ------------------------------------------------------------
install_module "$built"
arm_at_boot
ok "the right module: a tunnel comes up" tunnel
like "$(merlon status --json)" '"state": ?"lockdown"' \
	"the right module: and until there is a policy, nothing passes it"
is "$(cat "$armed_file")" "$enforcing" "the right module: what is kept is what was kept"
must merlon disarm --reason test
no_tunnel

arm_at_boot "$everything"
ok "the right module, scope everything: hold" hold
like "$(merlon status --json)" '"state": ?"lockdown"' "is a lockdown"
not_ok "nothing leaves" leaves
not_ok "by the module alone" nft list table inet merlon_closed

# --- what an initramfs held ---------------------------------------------------
was=/run/merlon-initramfs
: >$was
ok "armed by the initramfs, and to be: hold" hold
not_ok "nothing leaves" leaves
not_ok "the file that says so is gone" test -e $was
must rm "$armed_file"
: >$was
log_mark
ok "disarmed since the initramfs was made: hold" hold
ok "packets leave" leaves
like "$(log_since)" "merlon: .*not to be held any more" "the log says so"
not_ok "and nothing is kept" test -e "$armed_file"
arm_at_boot "$everything"
: >$was
must nft -f /usr/lib/merlon/closed.nft
ok "the initramfs had no module, and the machine has: hold" hold
like "$(merlon status --json)" '"state": ?"lockdown"' "is a lockdown"
not_ok "the rules that stood in are gone" nft list table inet merlon_closed
must merlon disarm --reason test
ok "disarmed: packets leave" leaves
must rmmod merlon

# --- signatures are wanted ----------------------------------------------------
# What Secure Boot switches on: lockdown, which says EPERM, or sig_enforce, which
# says that the key is wrong. Debian's own modules are signed, merlon.ko is not.
must mount -t securityfs securityfs /sys/kernel/security
echo integrity >/sys/kernel/security/lockdown
arm_at_boot
stays_off "locked down" "Secure Boot" "mokutil --import /var/lib/dkms/mok.pub"
way_out "locked down"
echo 1 >/sys/module/module/parameters/sig_enforce
arm_at_boot
stays_off "signatures enforced" "Secure Boot" "mokutil --import /var/lib/dkms/mok.pub"
way_out "signatures enforced"
