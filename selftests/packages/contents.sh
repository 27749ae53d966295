#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
# What is in the packages, and that make install lays out the same. Run by
# groups.d/51-packages, which builds them.

. "$(dirname "$0")/../lib/tap.sh"
export LC_ALL=C
plan 66

version=$(cat VERSION)
programs=build/deb/merlon_${version}_$(dpkg --print-architecture).deb
module=build/deb/merlon-dkms_${version}_all.deb
server=build/deb/merlon-control_${version}_$(dpkg --print-architecture).deb

# listing DEB: "mode owner path", files and links alone
listing() {
	dpkg-deb -c "$1" | awk '$1 !~ /^d/ { print $1, $2, substr($6, 2) }' | sort -k3
}
holds() { grep -qxF -- "$2" "$tap_dir/$1"; }
field() { dpkg-deb -f "$1" "$2"; }
script() { dpkg-deb --ctrl-tarfile "$1" | tar -xO "./$2"; }

must listing "$programs"
listing "$programs" >"$tap_dir/programs"
listing "$module" >"$tap_dir/module"
listing "$server" >"$tap_dir/server"
must mkdir "$tap_dir/x" "$tap_dir/m" "$tap_dir/s"
must dpkg-deb -x "$programs" "$tap_dir/x"
must dpkg-deb -x "$module" "$tap_dir/m"
must dpkg-deb -x "$server" "$tap_dir/s"

# --- programs -----------------------------------------------------------------
for file in "-rwxr-xr-x root/root /usr/bin/merlon" \
	"-rwxr-xr-x root/root /usr/sbin/merlond" \
	"-rwxr-xr-x root/root /usr/sbin/merlon-shield" \
	"-rwxr-xr-x root/root /usr/sbin/merlon-watch" \
	"-rwxr-xr-x root/root /usr/lib/merlon/load-wireguard" \
	"-rwxr-xr-x root/root /usr/lib/merlon/hold" \
	"-rw-r--r-- root/root /usr/lib/merlon/boot.sh" \
	"-rw-r--r-- root/root /usr/lib/merlon/closed.nft" \
	"-rw-r--r-- root/root /lib/systemd/system/merlon-hold.service" \
	"-rw-r--r-- root/root /lib/systemd/system/merlon-hold-early.service" \
	"-rw-r--r-- root/root /lib/systemd/system/merlon-watch.service" \
	"-rwxr-xr-x root/root /usr/share/initramfs-tools/hooks/merlon" \
	"-rwxr-xr-x root/root /usr/share/initramfs-tools/scripts/init-top/merlon" \
	"-rwxr-xr-x root/root /usr/share/initramfs-tools/scripts/init-bottom/merlon" \
	"-rw-r--r-- root/root /lib/modprobe.d/merlon.conf" \
	"-rw-r--r-- root/root /lib/systemd/system/merlond.service" \
	"-rw-r--r-- root/root /usr/lib/sysusers.d/merlon.conf" \
	"-rw-r--r-- root/root /usr/lib/tmpfiles.d/merlon.conf" \
	"-rw-r--r-- root/root /usr/share/bash-completion/completions/merlon" \
	"-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_merlon" \
	"-rw-r--r-- root/root /usr/share/fish/vendor_completions.d/merlon.fish" \
	"-rw-r--r-- root/root /usr/share/doc/merlon/operations.md" \
	"-rw-r--r-- root/root /usr/share/doc/merlon/policy.md" \
	"-rw-r--r-- root/root /usr/share/doc/merlon/policies/server.hujson"; do
	ok "merlon holds ${file##* }" holds programs "$file"
done
missing=$(for page in man/*.[158]; do
	[[ $page != man/merlon-@(control|signer).8 ]] || continue
	file=/usr/share/man/man${page##*.}/${page##*/}.gz
	holds programs "-rw-r--r-- root/root $file" || echo "$file"
done)
is "$missing" "" "merlon holds every man page"
is "$("$tap_dir/x/usr/bin/merlon" --version)" "merlon $version" "merlon runs, and says its version"
like "$(readelf -hlWd "$tap_dir/x/usr/sbin/merlond")" "BIND_NOW" "merlond is linked with full RELRO"
is "$(readelf -S "$tap_dir/x/usr/bin/merlon" | grep -c debug_info)" 0 "programs are stripped"
is "$(readelf -Wd "$tap_dir/x/usr/bin/merlon" | grep -c libcurl)" 0 "merlon runs without libcurl"
like "$(field "$programs" Depends)" "libcurl4" "which the package needs all the same"
is "$(field "$programs" Depends | grep -oE 'merlon-dkms \([^)]*\)')" "merlon-dkms (= $version)" \
	"merlon needs the module of its version"
like "$(script "$programs" triggers)" "^activate-noawait update-initramfs\$" "the initramfs is made anew"
like "$(script "$programs" postinst)" "systemd-sysusers .*merlon.conf" "the user is made"
not_ok "there is no debug package to install by mistake" \
	eval "ls build/deb | grep -q dbgsym"

# --- module -------------------------------------------------------------------
source=/usr/src/merlon-$version
missing=$( (cd kmod && find . \( -name '*.[chS]' -o -name Kbuild \) -printf '%P\n'; echo uapi/linux/merlon.h) |
	while read -r file; do
		holds module "-rw-r--r-- root/root $source/$file" || echo "$file"
	done)
is "$missing" "" "merlon-dkms holds the module's source, uapi with it"
ok "and dkms.conf" holds module "-rw-r--r-- root/root $source/dkms.conf"
is "$(cut -d' ' -f3 "$tap_dir/module" | grep -v "^$source/" | paste -sd' ')" \
	"/usr/lib/merlon/refuse-while-armed /usr/share/doc/merlon-dkms/changelog.gz /usr/share/doc/merlon-dkms/copyright" \
	"and nothing else but a script and documents"
conf() { sed -n "s/^$1=\"\(.*\)\"/\1/p" "$tap_dir/m$source/dkms.conf"; }
is "$(conf PACKAGE_VERSION)" "$version" "dkms.conf has the version"
is "$(conf AUTOINSTALL)" yes "and builds for kernels to come"
like "$(conf BUILD_EXCLUSIVE_CONFIG)" CONFIG_WIREGUARD "where they have WireGuard"
is "$(sed -n 's/^#define MERLON_VERSION[[:space:]]*"\([^"]*\)".*/\1/p' \
	"$tap_dir/m$source/event.h")" "$version" \
	"the module is of that version too"
like "$(field "$module" Depends)" "dkms" "merlon-dkms needs dkms"
is "$(comm -12 <(cut -d' ' -f3 "$tap_dir/programs") <(cut -d' ' -f3 "$tap_dir/module"))" "" \
	"no file is in both"
is "$(cut -d' ' -f3 "$tap_dir/programs" "$tap_dir/module" | grep -E '/(selftests|bench|demo|\.git)')" \
	"" "nor anything of the tests"

# --- server -------------------------------------------------------------------
for file in "-rwxr-xr-x root/root /usr/sbin/merlon-control" \
	"-rwxr-xr-x root/root /usr/sbin/merlon-signer" \
	"-rw-r--r-- root/root /lib/systemd/system/merlon-control.service" \
	"-rw-r--r-- root/root /lib/systemd/system/merlon-control-http1.service" \
	"-rw-r--r-- root/root /usr/share/merlon-control/http1.conf" \
	"-rw-r--r-- root/root /lib/systemd/system/merlon-signer.service" \
	"-rw-r--r-- root/root /usr/lib/sysusers.d/merlon-control.conf" \
	"-rw-r--r-- root/root /usr/lib/tmpfiles.d/merlon-control.conf" \
	"-rw-r--r-- root/root /usr/share/man/man8/merlon-control.8.gz" \
	"-rw-r--r-- root/root /usr/share/man/man8/merlon-signer.8.gz"; do
	ok "merlon-control holds ${file##* }" holds server "$file"
done
is "$("$tap_dir/s/usr/sbin/merlon-control" --version)" "merlon-control $version" \
	"merlon-control runs, and says its version"
for program in merlon-control merlon-signer; do
	like "$(readelf -hlWd "$tap_dir/s/usr/sbin/$program")" "BIND_NOW" "$program is linked with full RELRO"
done
is "$(field "$server" Depends | grep -c merlon-dkms)" 0 "it needs no module"
is "$(field "$server" Suggests)" "postgresql, nghttp2-proxy" "and what is optional is suggested"
like "$(script "$server" postinst)" "systemd-sysusers .*merlon-control.conf" "the users are made"
is "$(script "$server" postinst | grep -cE '(deb-systemd-invoke|systemctl) .*start')" 0 \
	"nothing starts before merlon-control init"
is "$(comm -12 <(cut -d' ' -f3 "$tap_dir/server") \
	<(cut -d' ' -f3 "$tap_dir/programs" "$tap_dir/module" | sort))" "" "no file is in two packages"

# --- make install -------------------------------------------------------------
staged=$tap_dir/staged
ok "make install with DESTDIR and PREFIX" make -s install DESTDIR="$staged" PREFIX=/opt/m
wanted=$(cut -d' ' -f3 "$tap_dir/programs" "$tap_dir/module" | grep -v /usr/share/doc/ |
	sed -E 's|\.gz$||; s|^/usr/(s?bin/)|/opt/m/\1|; s|^/usr/share/man|/opt/m/share/man|' | sort)
is "$(cd "$staged" && find . -type f -printf '/%P\n' | sort)" "$wanted" \
	"lays out what the packages hold, under PREFIX what is not looked for elsewhere"
is "$(grep -rhoE '/opt/m/s?bin/[a-z-]+' "$staged/lib" "$staged/usr/lib" | LC_ALL=C sort -u | paste -sd' ')" \
	"/opt/m/bin/merlon /opt/m/sbin/merlon-watch /opt/m/sbin/merlond" "units and script look there"
must make -s uninstall DESTDIR="$staged" PREFIX=/opt/m
is "$(find "$staged" -type f)" "" "make uninstall leaves no file"
