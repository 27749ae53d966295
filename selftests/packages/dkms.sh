#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 2300
# The Debian packages on a server: DKMS builds the module, the installed
# programs arm it, and it can be neither purged nor opened by an upgrade.
#
#	   client                      gate: this machine, guarded
#	+-----------------+         +-----------------+
#	| eth0 192.0.2.1  |---------| eth0 192.0.2.2  |
#	| wg0  10.0.0.1   |=========| wg0  10.0.0.2   |
#	|      fd00::1    |         |      fd00::2    |
#	+-----------------+         +-----------------+
#	       ^ judge: what comes back to the client
#
# Granted are ICMP and TCP to port 7, over IPv4; IPv6 is not.
# shellcheck disable=SC2046 # words are wanted

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/lib.bash"
plan 68

work=$tap_dir/work
must mkdir "$work"

scene() {
	must ip netns attach gate 1
	at_exit ip netns del gate
	ns_add client
	veth_pair client eth0 192.0.2.1/24 gate eth0 192.0.2.2/24
	wg_pair client wg0 "10.0.0.1/24 fd00::1/64" 192.0.2.1 \
		gate wg0 "10.0.0.2/24 fd00::2/64" 192.0.2.2
	serve gate tcp 10.0.0.2 7
	serve gate tcp 10.0.0.2 8
	capture_start sent4 client wg0 out "icmp[icmptype] = icmp-echo"
	capture_start back4 client wg0 in "icmp[icmptype] = icmp-echoreply"
	capture_start sent6 client wg0 out "icmp6 and ip6[40] = 128"
	capture_start back6 client wg0 in "icmp6 and ip6[40] = 129"
	capture_start back8 client wg0 in "tcp src port 8"
}

ping4() { n client ping -qc1 -W5 10.0.0.2; }
ping6() { n client ping -qc1 -W"${1:-5}" fd00::2; }

daemon_start() {
	/usr/sbin/merlond >>"$work/log" 2>&1 &
	daemon=$!
	wait_for 30 test -S /run/merlon/merlond.sock || bail "$(tail "$work/log")"
}

daemon_stop() {
	kill "$daemon"
	wait "$daemon"
	rm -f /run/merlon/merlond.sock
}
at_exit daemon_stop

# policy SERIAL SERVICE...: written, signed and applied as an administrator would
policy() {
	local serial=$1 ip

	shift
	ip=$(printf '"%s",' "$@")
	cat >/etc/merlon/policy.hujson <<-END
		{
		    "nodes": {
		        "gate":   { "addresses": ["10.0.0.2"] },
		        "client": { "addresses": ["10.0.0.1"] },
		    },
		    "grants": [ { "src": ["client"], "dst": ["gate"], "ip": [$ip] } ],
		}
	END
	merlon policy sign /etc/merlon/policy.hujson --key /etc/merlon/policy.key \
		--network test --serial "$serial" -o /etc/merlon/bundles &&
		merlon apply /etc/merlon/bundles/gate.bundle
}

setup() {
	must mkdir -p /etc/merlon
	must merlon key generate --no-passphrase -o /etc/merlon/policy.key
	must merlon trust init --network test --node gate --key /etc/merlon/policy.key
}

# judged WHEN: the verdicts that the policy asks for, seen by the client
judged() {
	ok "$1: granted TCP passes" reach client tcp 10.0.0.2 7
	not_ok "$1: other TCP does not" reach client tcp 10.0.0.2 8 2
	ok "$1: ping passes" ping4
	not_ok "$1: over IPv6 it does not" ping6 2
}

# stays WHEN: armed, therefore neither removed nor opened
stays() {
	local status=0

	ok "$1: still installed" dpkg -s merlon merlon-dkms
	is "$(dpkg-query -W -f '${db:Status-Status} ' merlon merlon-dkms)" \
		"installed installed " "$1: and in order"
	ok "$1: the module stays loaded" loaded merlon
}

built_by_dkms() {
	is "$(dkms status)" "merlon/$1, $release, x86_64: installed" "DKMS has installed $1"
	is "$(modinfo -n merlon)" "$modules/updates/dkms/merlon.ko${suffix:-}" \
		"the next modprobe finds it"
	is "$(modinfo -F version merlon)" "$1" "and it is of that version"
}

running() { cat /sys/module/merlon/srcversion; }
named_merlon() {
	find /etc /usr/src /usr/lib/merlon /usr/lib/{modprobe,sysusers,tmpfiles}.d \
		/usr/lib/systemd /usr/bin /usr/sbin /usr/share/{man,doc,bash-completion} \
		/usr/share/{zsh,fish} /var/lib /var/log /run "$modules" \
		-iname '*merlon*' -not -path '/run/vm/*' 2>/dev/null
}

few_modules
give_headers
named_merlon | sort >"$work/before"
not_ok "at first there is no module" modprobe -n merlon
[ "$MERLON_VM" = 6.1 ] || suffix=.xz

# --- install ------------------------------------------------------------------
begin=$SECONDS
ok "dpkg -i installs both packages" dpkg -i $(debs "$version")
diag "installed, with the module built, in $((SECONDS - begin)) s"
built_by_dkms "$version"
like "$(modinfo -F signer merlon)" "DKMS" "signed with DKMS's own key"
like "$(openssl x509 -inform der -in /var/lib/dkms/mok.pub -noout -subject)" "DKMS" \
	"which is where README says"
ok "there is a user for merlond" getent passwd merlon
is "$(stat -c '%a %U %G' /var/lib/merlon /var/lib/merlon-inbox)" \
	"700 root root"$'\n'"1770 merlon merlon" "its directories have their modes"
is "$(type -P merlon merlond)" "/usr/bin/merlon"$'\n'"/usr/sbin/merlond" \
	"programs are those of the package"
ok "modprobe merlon" modprobe merlon
is "$(running)" "$(modinfo -F srcversion merlon)" "loads what DKMS has built"
ok "merlon.1 is there to read" man -w merlon

# --- run ----------------------------------------------------------------------
scene
ok "not armed: TCP to port 8 passes" reach client tcp 10.0.0.2 8
ok "not armed: ping over IPv6 passes" ping6
setup
daemon_start
is "$(readlink "/proc/$daemon/exe")" /usr/sbin/merlond "merlond is the package's"
ok "a signed policy is applied" policy 1 "icmp:*" tcp:7
ok "and armed" merlon arm
is "$(cat "$armed_file")" "$enforcing" "which is kept for the next boot"
before6=$(capture_count back6)
judged "armed"

# --- purge, refused -----------------------------------------------------------

status=0
said=$(dpkg -P merlon merlon-dkms 2>&1) || status=$?
is "$status" 1 "armed: dpkg -P fails"
like "$said" "merlon: .*armed; taking Merlon out now would open it" "with a sentence"
like "$said" "merlon disarm --reason" "that says what to do"
stays "after dpkg -P"
must mkdir "$work/lists"
not_ok "armed: apt-get purge fails" apt-get -qq -y -o Dir::State::Lists="$work/lists" \
	-o Dir::Cache="$work" purge merlon merlon-dkms
stays "after apt-get purge"
not_ok "armed: apt-get remove merlon-dkms fails" apt-get -qq -y \
	-o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" remove merlon-dkms
daemon_stop
exits 1 "without merlond: still refused" dpkg -P merlon merlon-dkms
daemon_start
judged "after all that"

# --- upgrade ------------------------------------------------------------------
was=$(running)
n client ping -qi 1 10.0.0.2 >/dev/null &
pings=$!
n client ping -qi 1 fd00::2 >/dev/null &
pings+=" $!"
begin=$SECONDS
ok "armed: the next version is installed" dpkg -i $(debs "$next")
diag "upgraded, with the module built, in $((SECONDS - begin)) s"
# shellcheck disable=SC2086
kill -INT $pings
built_by_dkms "$next"
is "$(running)" "$was" "the module that ran is the one that runs"
is "$(cat /sys/module/merlon/version)" "$version" "and it is of the version of before"
all_back() { [ "$(capture_count sent4)" = "$(capture_count back4)" ]; }
ok "every ping during the upgrade had its answer ($(capture_count sent4))" wait_for 5 all_back
sent6=$(capture_count sent6)
ok "of $sent6 over IPv6" [ "$sent6" -gt 5 ]
is "$(capture_count back6)" "$before6" "none had one"
judged "upgraded"
daemon_stop
daemon_start
is "$(merlon --version)" "merlon $next" "the command is of the new version"
like "$(merlon status --json)" '"state": ?"enforcing"' "and understands the running module"
ok "the new merlond loads a policy into it" policy 2 "icmp:*" tcp:8
ok "by which TCP to port 8 passes" reach client tcp 10.0.0.2 8
not_ok "and to port 7 does not" reach client tcp 10.0.0.2 7 2
exits 1 "still refused: dpkg -P" dpkg -P merlon merlon-dkms

# --- purge --------------------------------------------------------------------
ok "disarmed" merlon disarm --reason "going away"
daemon_stop
dpkg -L merlon merlon-dkms | sort -u >"$work/files"
ok "not armed: dpkg -P" dpkg -P merlon merlon-dkms
not_ok "the module is no longer loaded" loaded merlon
left=$(while read -r file; do
	[ -d "$file" ] || [ ! -e "$file" ] || echo "$file"
done <"$work/files")
is "$left" "" "no file of the packages is left"
rm -rf /run/merlon
named_merlon | sort >"$work/after"
is "$(comm -13 "$work/before" "$work/after")" "" "nor anything by that name"
is "$(dkms status)" "" "nor anything of DKMS"
ok "and the tunnel is open: TCP to port 7" reach client tcp 10.0.0.2 7
ok "TCP to port 8" reach client tcp 10.0.0.2 8
ok "ping over IPv6" ping6
not_ok "modprobe merlon finds nothing" modprobe -n merlon
