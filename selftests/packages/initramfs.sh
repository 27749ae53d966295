#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# The hook for initramfs-tools, by Debian's mkinitramfs, on this machine's files in
# a layer of their own: what is in an image, and what its init-top does where it can
# load no module, under the shell that is there. That nothing leaves a machine that
# boots by one is row 37 of the leak bench.

. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
plan 29

made=$PWD/build/initramfs-test
names=(plain armed bare open tunnels observing)
at_exit rm -rf "$made"
must rm -rf "$made"
must mkdir -p "$made/images"
must env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s install-programs "DESTDIR=$made/root" PREFIX=/usr
tools=$(scripts/stubs initramfs) || bail "no initramfs-tools"
ok "mkinitramfs, with the hook" selftests/leak/boot/image "$made/root" "$tools" 0 6.1 \
	"$made/images" "${names[@]}"

unpacked() {
	for name in "${names[@]}"; do
		mkdir "$made/$name" && zcat "$made/images/$name" |
			(cd "$made/$name" && cpio -id --quiet --no-preserve-owner) || return
	done
}
ok "the images unpack" unpacked

# holds IMAGE: what is in it of Merlon that arms
holds() { (cd "$made/$1" && find . -path ./conf -prune -o \( -name 'merlon.ko*' -o -name merlon -type f -o -name armed \) -printf '%f\n') | sort | paste -sd' '; }
said() { cat "$made/images/$1.said"; }

everything="armed merlon merlon merlon merlon.ko"
is "$(holds armed)" "$everything" "armed for everything: module, command, file"
is "$(said armed)" "" "and nothing is said"
ok "the command runs there" chroot "$made/armed" /usr/bin/merlon --version
ok "nft, too" chroot "$made/armed" /usr/sbin/nft --version
ok "and rules of nf_tables" test -e "$made/armed/usr/lib/merlon/closed.nft"
for name in plain tunnels observing open; do
	is "$(holds $name)" "merlon merlon" "$name: nothing but two scripts"
done
is "$(said plain; said tunnels; said observing)" "" "of which nothing is said"
like "$(said open)" "^W: merlon: what this initramfs sends is not held" "open: it is said"
is "$(holds bare)" "armed merlon merlon merlon" "no module: the rest"
like "$(said bare)" "^W: merlon: there is no merlon.ko for kernel 6.1" "and it is said"

# --- init-top, of an image whose kernel is another one ------------------------------

# boots IMAGE WORD...: its init-top with that command line; sets $log, $ip
boots() {
	local image=$made/$1

	mkdir -p "$image"/{dev,proc,run}
	: >"$image/dev/null"
	echo "${*:2}" >"$image/proc/cmdline"
	rm -f "$image/conf/param.conf" "$image/run/merlon-initramfs"
	log=$(unshare --net chroot "$image" /bin/sh -c '
		export PATH=/sbin:/usr/sbin:/bin:/usr/bin BOOT=local ROOT=/dev/sda1 IP=dhcp blacklist=
		. /scripts/init-top/ORDER
		echo "IP=$IP"' 2>&1)
	ip=$(sed -n 's/^IP=//p' <<<"$log")
}

boots plain ip=dhcp
is "$log" "IP=dhcp" "not armed: nothing is done"
boots armed ip=dhcp
like "$log" "merlon: armed with scope everything, but merlon.ko does not load" "no module that loads: it is said"
ok "and kept for the machine" test -e "$made/armed/run/merlon-initramfs"
mv "$made/armed/usr/sbin/nft" "$made/armed/nft"
boots armed ip=dhcp
is "$ip" off "nor nft: no network comes up"
like "$log" "the initramfs brings up no network" "and it is said"
for word in boot=nfs root=/dev/nfs nfsroot=192.0.2.1:/x iscsi_initiator=x; do
	boots armed ip=dhcp "$word"
	like "$log" "^merlon: / comes by the network: what the initramfs sends is not held" "$word: not held, and it is said"
done
boots armed ip=dhcp merlon.hold=no
is "$ip $(grep -c "merlon.hold=no: " <<<"$log")" "dhcp 1" "merlon.hold=no: not held, and it is said"
is "$(ls "$made/armed/run")" "" "nor does the machine think so"

# --- init-bottom: is Merlon on the root file system? --------------------------------

bottom() { rootmnt=$1 chroot "$made/armed" /bin/sh /scripts/init-bottom/merlon 2>&1; }

is "$(bottom /none)" "" "not held: nothing is done"
: >"$made/armed/run/merlon-initramfs"
is "$(bottom "")" "" "held, and Merlon is on it: nothing is done"
like "$(bottom /none)" "^merlon: the initramfs held this machine: Merlon is not on it any more" \
	"held, and Merlon is not on it: it lets go"
