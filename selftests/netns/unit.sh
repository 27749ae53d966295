#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# merlond's unit under a real systemd, as PID 1 of a PID namespace: it starts
# with no more rights than the unit gives, is ready when it says so, writes to
# the journal, and is started again when it dies.
#
#	guest: namespaces for processes, mounts, cgroups and network
#	  systemd ── systemd-journald
#	         └── merlond.service ── real module, lo only

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/merlond.bash"
plan 18

# What `make install` puts there.
install_all() {
	must install -m 755 "$merlond" /usr/sbin/merlond
	must install -m 644 packaging/systemd/merlond.service /etc/systemd/system/
	must install -D -m 644 packaging/systemd/merlon.sysusers /etc/sysusers.d/merlon.conf
	must install -D -m 644 packaging/systemd/merlon.tmpfiles /etc/tmpfiles.d/merlon.conf
	must mkdir -p /etc/merlon
	must "$tools/mkbundle" /etc/merlon/trust.json
	# The guest starts nothing else.
	cat >/etc/systemd/system/merlon-test.target <<-END
		[Unit]
		Wants=systemd-journald.service systemd-sysusers.service dbus.socket
		Wants=systemd-tmpfiles-setup.service
	END
	# Nor does it sweep the guest's /tmp.
	must mkdir -p /etc/systemd/system/systemd-tmpfiles-setup.service.d
	cat >/etc/systemd/system/systemd-tmpfiles-setup.service.d/merlon.conf <<-END
		[Service]
		ExecStart=
		ExecStart=systemd-tmpfiles --create merlon.conf
	END
	must rm -rf /var/lib/merlon /var/lib/merlon-inbox /run/merlon
}

# shellcheck disable=SC2016
boot() {
	ip netns add unit
	at_exit ip netns del unit
	n unit unshare --fork --pid --mount --cgroup --kill-child --mount-proc bash -c '
		mount -t tmpfs -o mode=755 run /run
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		export container=merlon
		exec /lib/systemd/systemd --unit=merlon-test.target --log-target=console \
			--show-status=no' </dev/null >"$tap_dir/boot" 2>&1 &
	at_exit kill -9 $!
	disown $!
	wait_for 90 find_systemd || bail "no systemd: $(tail -n 5 "$tap_dir/boot")"
}

find_systemd() {
	init=$(pgrep -f -- "^/lib/systemd/systemd --unit=merlon-test" | head -n1)
	[ -n "$init" ]
}

# inside COMMAND...: with systemd
inside() { nsenter -t "$init" -m -p -C -n "$@"; }
running() { inside systemctl is-system-running | grep -qE 'running|degraded'; }
property() { inside systemctl show -P "$1" merlond; }
is_active() { [ "$(property ActiveState)" = active ]; }
journal() { inside journalctl -q --no-pager "$@"; }
in_journal() { inside journalctl -q --no-pager -o cat "$@" | grep -q .; }
status() { inside "$tools/askd" status; }
has() { inside "$tools/askd" kernel status | grep -q "$1"; }
restarted() { [ "$(property NRestarts)" = "$1" ] && is_active; }

must modprobe merlon
install_all
boot
ok "systemd runs" wait_for 120 running
ok "the unit starts, and is ready" inside systemctl start merlond ||
	bail "$(journal -u merlond -u systemd-sysusers -n 30 -o short-monotonic)"
is "$(property ActiveState)" active "it is active"
like "$(property StatusText)" "disarmed; no generation" "it says how things are"
is "$(property MainPID)" "$(property ExecMainPID)" "its main process is the supervisor"
is "$(inside stat -c '%U %a' /var/lib/merlon /var/lib/merlon-inbox | tr '\n' ' ')" \
	"root 700 merlon 1770 " "its directories are those that the design names"
pids=$(inside pgrep -x merlond | tr '\n' ' ')
is "$(wc -w <<<"$pids")" 3 "three processes"
uids=$(for pid in $pids; do inside sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$pid/status"; done)
is "$(grep -c '^0$' <<<"$uids")" 2 "one of them is not root"
must "$tools/mkbundle" "/tmp/unit.bundle" serial=1
is "$(inside "$tools/askd" apply /tmp/unit.bundle | jq -r .code)" 0 "a bundle is applied"
ok "the kernel has it" has "generation=1.1"
ok "the journal knows the event, and the generation" \
	wait_for 10 in_journal MERLON_EVENT=applied MERLON_SERIAL=1 MERLON_PROCESS=apply
before=$(has "lifetime" && property NRestarts)
is "$before" 0 "it was never started again"
must inside kill -9 "$(property MainPID)"
ok "killed, systemd starts it again" wait_for 60 restarted 1
ok "the kernel still has the generation" has "generation=1.1"
ok "it answers" status
must inside systemctl reload merlond
ok "a reload reads the trust again" wait_for 10 in_journal MERLON_EVENT=trust
ok "it is stopped" inside systemctl stop merlond
is "$(property Result)" success "and ended well"
