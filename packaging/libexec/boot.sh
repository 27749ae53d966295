# shellcheck shell=sh disable=SC2034
# SPDX-License-Identifier: GPL-2.0
# What is done at boot on an armed machine, before merlond. Sourced by
# load-wireguard, hold, and the hook for initramfs-tools. It runs in an initramfs,
# too: no more than a shell is there.

state=/var/lib/merlon
merlon=/usr/bin/merlon
held=/run/merlon-initramfs	# is there where an initramfs held the machine

say() { # priority sentence
	echo "merlon: $2" >&2
	{ echo "<$1>merlon: $2" >/dev/kmsg; } 2>/dev/null || true
}

# What helps, by what modprobe said.
advice() {
	case $1 in
	*"not found"*)
		echo "It is not built: install linux-headers-$(uname -r), and run 'dkms autoinstall'."
		;;
	*[Kk]ey* | *"not permitted"*)
		echo "The kernel wants a signature (Secure Boot): 'mokutil --import /var/lib/dkms/mok.pub', and reboot."
		;;
	*)
		echo "It may be of another kernel: 'dkms status' and the lines above say more; 'dkms autoinstall' builds it."
		;;
	esac
}

armed() {
	answer=$("$merlon" status --json 2>/dev/null)
	for one in observing lockdown enforcing expired; do
		case $answer in
		*"\"state\": \"$one\""* | *"\"state\":\"$one\""*) return 0 ;;
		esac
	done
	return 1
}

# As merlond would, and before it. Where merlond or a person was first, theirs stands.
arm() { # why; $arming is as the file says it
	scope=${arming##*\"scope\":\"}
	observe=
	[ -z "$observing" ] || observe=--observe
	armed || "$merlon" arm --scope "${scope%%\"*}" $observe --force \
		--reason "as before the restart: $1"
}

# Sets $arming and $observing; the file is there.
read_arming() {
	read -r arming <"$state/armed" || arming=
	case $arming in
	*'"mode":"observing"'*) observing=1 ;;
	*) observing= ;;
	esac
}

# A file that cannot be read asks for no less.
holds_everything() { # $arming is as the file says it
	case $arming in
	*'"scope":"tunnels"'*) return 1 ;;
	esac
}

# Is an initramfs to hold this machine?
wants_hold() {
	[ -e "$state/armed" ] || return 1
	read_arming
	[ -z "$observing" ] && holds_everything
}

# Undoes what an initramfs did, and nothing else of Merlon's: what is kept stays.
let_go() { # why
	say 5 "the initramfs held this machine: $1."
	"$merlon" disarm --state-dir /run/merlon.none --reason "held by the initramfs: $1" ||
		say 3 "it cannot be disarmed: say 'merlon disarm --reason WHY' on this machine."
	nft delete table inet merlon_closed 2>/dev/null || true
}

# Loads and arms; else sets $what and $help. The kernel called modprobe with -q,
# which it hands on; here the reason counts.
load_and_arm() { # why
	unset MODPROBE_OPTIONS
	if ! reason=$(LC_ALL=C /sbin/modprobe merlon 2>&1); then
		what="merlon.ko does not load into kernel $(uname -r) (${reason:-no reason given})"
		help=$(advice "$reason")
		return 1
	fi
	if ! reason=$(arm "$1" 2>&1); then
		what="merlon.ko cannot be armed (${reason:-no reason given})"
		help="'merlon status' and 'journalctl -u merlond' say more."
		return 1
	fi
}
