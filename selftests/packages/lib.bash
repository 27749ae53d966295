# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the tests of the packages share. Sourced after tap.sh, in a guest.

[ -n "${MERLON_VM:-}" ] || skip_all "needs a guest (selftests/vm/run)"

release=$(uname -r)
release_re=${release//+/[+]}	# in a pattern
modules=/lib/modules/$release
headers=$(readlink -f "$modules/build")
version=$(cat VERSION)
next=$version.99
# As merlond keeps it; dkms.sh checks that.
armed_file=/var/lib/merlon/armed
enforcing='{"mode":"enforcing","scope":"tunnels"}'

# What the packages install, and nothing that was built in the tree.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive

# few_modules: a kernel package of few modules, without headers and without
# merlon.ko. DKMS has depmod read every module, four times; of Debian's five
# thousand each time takes minutes in an emulated machine.
few_modules() {
	local few=$tap_dir/modules name file

	for name in wireguard veth nf_tables sch_ingress cls_bpf act_gact nf_reject_ipv4 nf_reject_ipv6 \
		nf_defrag_ipv4 nf_defrag_ipv6; do
		modprobe --show-depends "$name"
	done >"$tap_dir/insmod"
	sed -n 's/^insmod \([^ ]*\).*/\1/p' "$tap_dir/insmod" | sort -u |
		while read -r file; do
			install -D -m 644 "$file" "$few/${file#"$modules"/}"
		done
	cp "$modules"/modules.{order,builtin,builtin.modinfo} "$few/"
	chmod 755 "$tap_dir" "$few"
	must mount --bind "$few" "$modules"
	must depmod
}

# give_headers, take_headers: as installing and removing linux-headers does
give_headers() { must ln -sfn "$headers" "$modules/build"; }
take_headers() { must rm -f "$modules/build"; }

# deb VERSION: the packages
debs() {
	case $1 in
	"$version") echo build/deb/merlon_*.deb build/deb/merlon-dkms_*.deb ;;
	*) echo build/deb-next/merlon_*.deb build/deb-next/merlon-dkms_*.deb ;;
	esac
}

loaded() { [ -d "/sys/module/$1" ]; }

# Kernel log since the last log_mark.
log_mark() { echo "packages: mark $((++log_marks))" >/dev/kmsg; }
log_marks=0
log_since() { dmesg | sed "1,/packages: mark $log_marks\$/d"; }
