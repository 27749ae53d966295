#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# merlond on the gate: what it takes, what it refuses and says so, and that
# packets never notice it come or go.
#
#	   client                      gate (merlond, guarded)
#	+-----------------+         +-----------------+
#	| eth0 192.0.2.1  |---------| eth0 192.0.2.2  |
#	| wg0  10.0.0.1   |=========| wg0  10.0.0.2   |
#	+-----------------+         +-----------------+
#	       ^ judge: what comes back to the client

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/merlond.bash"
plan 160

make_gate() {
	ns_add gate
	veth_pair client eth0 192.0.2.1/24 gate eth0 192.0.2.2/24
	wg_pair client wg0 10.0.0.1/24 192.0.2.1 gate wg0 10.0.0.2/24 192.0.2.2
	serve gate tcp 10.0.0.2 7
}

# A reboot, as far as the kernel's memory of this namespace goes.
reboot_gate() {
	md_kill
	ip -n client link del wg0
	ns_del gate
	make_gate
}

ping_passes() { n client ping -qc1 -W3 10.0.0.2; }
ping_fails() { ! n client ping -qc1 -W1 10.0.0.2; }
tcp_passes() { reach client tcp 10.0.0.2 7; }
tcp_fails() { ! reach client tcp 10.0.0.2 7 1; }

# refused FILE CODE PATTERN DESCRIPTION: and all stays as it is
refused() {
	local reply before after

	before=$(kernel_says generation)/$(watermark)
	reply=$(ask apply "$1")
	after=$(kernel_says generation)/$(watermark)
	is "$(jq -r .code <<<"$reply")" "$2" "$4: refused"
	like "$(jq -r .sentence <<<"$reply")" "$3" "$4: says why"
	is "$after" "$before" "$4: the generation in force stays"
}

# Moves the guest's clock by so many seconds. The kernel takes no date so early that
# the machine would have come up before 1970.
clock_add() { must date -s "@$(($(date +%s) + $1))"; }

# field of /proc/PID/status
proc() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }

ns_add client
make_gate
md_setup gate
capture_start answers client wg0 in "icmp[icmptype] = icmp-echoreply"

# --- start ------------------------------------------------------------------
exits 0 "-n accepts a good configuration" "$merlond" -n --trust "$md_dir/trust.json"
echo '{' >"$tap_dir/broken.json"
exits 2 "-n refuses a broken one" "$merlond" -n --trust "$tap_dir/broken.json"
jq '.node = ""' "$md_dir/trust.json" >"$tap_dir/nobody.json"
exits 2 "-n refuses one that names no node" "$merlond" -n --trust "$tap_dir/nobody.json"
exits 2 "an unknown option is refused" "$merlond" --no-such-option
exits 0 "--version" "$merlond" --version
exits 0 "--help" "$merlond" --help
echo precious >"$tap_dir/file"
exits 2 "a file in the place of the socket is refused" n gate "$merlond" \
	"${md_options[@]}" --socket "$tap_dir/file"
is "$(cat "$tap_dir/file")" precious "and still there"
must mkdir "$tap_dir/foreign"
exits 2 "somebody else's directory as inbox is refused" n gate "$merlond" \
	"${md_options[@]}" --inbox "$tap_dir/foreign"
is "$(stat -c %U "$tap_dir/foreign")" root "and still theirs"
md_start
is "$(ask status | jq -r .state)" disarmed "at first the namespace is disarmed"
exits 2 "a second merlond on the same directories is refused" \
	n gate "$merlond" "${md_options[@]}"
ok "and the first still answers" md_answers

# --- privileges -------------------------------------------------------------
read -r supervisor apply sync <<<"$(md_pids)"
is "$(proc "$apply" CapEff) $(proc "$apply" CapBnd)" \
	"0000000000001000 0000000000000000" "apply has CAP_NET_ADMIN and no more"
is "$(proc "$sync" CapPrm) $(proc "$supervisor" CapPrm)" \
	"0000000000000000 0000000000000000" "the others have no capability"
is "$(proc "$sync" NoNewPrivs)$(proc "$apply" NoNewPrivs)$(proc "$supervisor" NoNewPrivs)" \
	111 "none can gain privileges"
is "$(proc "$sync" Seccomp)$(proc "$apply" Seccomp)$(proc "$supervisor" Seccomp)" \
	222 "all have a system call filter"
is "$(readlink "/proc/$sync/root")" "$md_dir/inbox" "sync sees the inbox alone"
is "$(readlink "/proc/$apply/root")" "$md_dir/state" "apply sees the state directory alone"
not_ok "sync is not root" grep -q "^Uid:	0" "/proc/$sync/status"

# --- apply ------------------------------------------------------------------
is "$(apply_code "$(bundle one serial=1 allow=icmp)")" 0 "a good bundle is applied"
is "$(kernel_says generation)" 1.1 "and is in the kernel when apply returns"
is "$(watermark)" 1.1 "and in the watermark"
must kernel arm tunnels enforcing
is "$(ask armed tunnels enforcing | jq -r .state)" enforcing "armed, and kept"
ok "ping passes, as the policy says" ping_passes
ok "TCP does not, as no rule says" tcp_fails
is "$(apply_code "$(bundle two serial=2 allow=all)")" 0 "the next bundle is applied"
ok "now TCP passes" tcp_passes
is "$(apply_code "$md_dir/two.bundle")" -114 "a repeat is told so"
is "$(kernel_says generation)" 1.2 "and changes nothing"
is "$(apply_code "$(bundle renewal serial=3 allow=all)")" 0 "a renewal is applied"
like "$(tail -n1 "$md_log")" "renewed: generation 1.3" "by renewing, not by loading"

# --- refusals ---------------------------------------------------------------
refused "$(bundle old serial=1 allow=none)" -116 "older than 1.3" "a rolled-back serial"
refused "$(bundle other serial=3 allow=none)" -116 "other content" "a serial given twice"
refused "$(bundle key serial=9 seed=2)" -129 "[Ss]igned|key" "a stranger's key"
refused "$(bundle node serial=9 node=other)" -18 "node" "another node's bundle"
refused "$(bundle net serial=9 network=other)" -18 "network" "another network's bundle"
refused "$(bundle dead serial=9 issued=-99999 notBefore=-99999 expires=-10)" -62 \
	"expired" "an expired bundle"
refused "$(bundle image serial=9 image=bad)" -22 "rule|zero|reserved" \
	"a signed image that the kernel does not take"
not_ok "no candidate is left of it" test -e "$md_dir/state/candidate.bundle"
bundle whole serial=9 allow=none >/dev/null
head -c 500 "$md_dir/whole.bundle" >"$md_dir/cut.bundle"
refused "$md_dir/cut.bundle" -74 . "a truncated bundle"
: >"$md_dir/empty.bundle"
refused "$md_dir/empty.bundle" -74 "empty" "an empty bundle"
head -c 3000 /dev/urandom >"$md_dir/noise.bundle"
refused "$md_dir/noise.bundle" -74 . "noise"
refused=0
size=$(stat -c %s "$md_dir/whole.bundle")
for ((at = 5; at < size; at += 83)); do
	cp "$md_dir/whole.bundle" "$md_dir/flip.bundle"
	printf '\377' | dd of="$md_dir/flip.bundle" bs=1 seek="$at" conv=notrunc status=none
	cmp -s "$md_dir/whole.bundle" "$md_dir/flip.bundle" && continue
	[ "$(apply_code "$md_dir/flip.bundle")" -lt 0 ] || diag "byte $at: taken"
	kernel_has generation 1.3 || refused=$((refused + 1))
done
is "$refused" 0 "a bundle altered anywhere is refused"
ok "after all that, TCP passes as before" tcp_passes

# --- who may ask ------------------------------------------------------------
groupadd -rf merlon
like "$(setpriv --reuid 4711 --regid 4711 --clear-groups "$tools/askd" \
	--socket "$md_dir/socket" status)" '"code":-1,.*members of the group' \
	"a stranger is refused, with a sentence"
not_ok "a stranger cannot apply" setpriv --reuid 4711 --regid 4711 --clear-groups \
	"$tools/askd" --socket "$md_dir/socket" raw '{"request":"disarmed"}'
like "$(ask raw '{"request":"reboot"}')" '"code":-74,.*no request' "an unknown request"
like "$(ask raw 'nonsense')" '"code":-74,.*not a JSON' "a request that is none"
like "$(ask raw '{"request":"apply"}')" 'descriptor' "apply without a bundle"
ok "merlond still answers" md_answers

# shellcheck disable=SC2012
descriptors() { ls "/proc/$1/fd" | wc -l; }
before=$(descriptors "$sync")
for i in {1..20}; do ask two >/dev/null; done
is "$(descriptors "$sync")" "$before" "two descriptors in one request: none is kept"

# --- inbox ------------------------------------------------------------------
drop() { install -m 644 "$1" "$md_dir/inbox/.new" && mv "$md_dir/inbox/.new" "$md_dir/inbox/$2"; }
bundle four serial=4 allow=all >/dev/null
drop "$md_dir/four.bundle" a.bundle
ok "a bundle moved into the inbox is applied" wait_for 10 kernel_has generation 1.4
gone() { [ ! -e "$1" ]; }
ok "and taken out of it" wait_for 10 gone "$md_dir/inbox/a.bundle"
drop "$md_dir/one.bundle" b.bundle
ok "a refused one is put aside" wait_for 10 test -e "$md_dir/inbox/b.bundle.refused"
install -m 600 "$md_dir/one.bundle" "$md_dir/inbox/.new"
mv "$md_dir/inbox/.new" "$md_dir/inbox/c.bundle"
ok "one that it may not read is put aside" wait_for 10 gone "$md_dir/inbox/c.bundle"
ln -s "$md_dir/state/watermark" "$md_dir/inbox/.l" && mv "$md_dir/inbox/.l" "$md_dir/inbox/l.bundle"
ok "a link is not followed" wait_for 10 gone "$md_dir/inbox/l.bundle"
mkfifo "$md_dir/inbox/.p" && mv "$md_dir/inbox/.p" "$md_dir/inbox/p.bundle"
ok "a pipe does not stop it" wait_for 10 gone "$md_dir/inbox/p.bundle"
truncate -s 600M "$md_dir/huge.bundle"
mv "$md_dir/huge.bundle" "$md_dir/inbox/h.bundle"
ok "a huge file is put aside" wait_for 10 test -e "$md_dir/inbox/h.bundle.refused"
like "$(grep "'h.bundle'" "$md_log")" "larger than any" "unread: it says why"
# Together more than the guest's memory; their headings promise far less.
pids=$(md_pids)
for i in {1..5}; do
	cp "$md_dir/one.bundle" "$md_dir/inbox/.big$i"
	truncate -s 300M "$md_dir/inbox/.big$i"
done
for i in {1..5}; do mv "$md_dir/inbox/.big$i" "$md_dir/inbox/big$i.bundle"; done
emptied() { ! compgen -G "$md_dir/inbox/*.bundle" >/dev/null; }
ok "letters that would fill the memory are put aside" wait_for 60 emptied
is "$(md_pids)" "$pids" "and nobody died of them"
rm -f "$md_dir"/inbox/*.refused
drop "$md_dir/one.bundle" other.txt
ok "merlond still answers" md_answers
ok "and what is not named .bundle stays" test -e "$md_dir/inbox/other.txt"

# --- trust, again -----------------------------------------------------------
must "$tools/mkbundle" "$md_dir/new-trust.json" seed=3
cp "$md_dir/trust.json" "$tap_dir/trust.json"
cp "$md_dir/new-trust.json" "$md_dir/trust.json"
kill -HUP "$(md_pids | cut -d' ' -f1)"
new_key() { grep -q "trust: trusts 1 key" "$md_log"; }
ok "SIGHUP reads the trust again" wait_for 10 new_key
is "$(apply_code "$(bundle five serial=5 seed=1)")" -129 "the old key is not trusted now"
is "$(apply_code "$(bundle five serial=5 seed=3 allow=all)")" 0 "the new one is"
echo nonsense >"$md_dir/trust.json"
kill -HUP "$(md_pids | cut -d' ' -f1)"
kept() { grep -q "the trust of before stays" "$md_log"; }
ok "a broken trust changes nothing" wait_for 10 kept
is "$(apply_code "$(bundle six serial=6 seed=3 allow=icmp)")" 0 "the trust of before stays"
cp "$tap_dir/trust.json" "$md_dir/trust.json"
kill -HUP "$(md_pids | cut -d' ' -f1)"

# --- the day that has not come ----------------------------------------------
again() { [ "$(grep -c "trust: trusts 1 key" "$md_log")" = 2 ]; }
wait_for 10 again
bundle seven serial=7 notBefore=7200 allow=all >/dev/null
refused "$md_dir/seven.bundle" -11 "kept.*applied" "a bundle of tomorrow"
is "$(ask status | jq -c '.pending | map(.serial)')" "[7]" "it is listed as pending"
ok "the policy of today holds meanwhile" tcp_fails
clock_add 7300
ok "it is applied when its time comes" wait_for 10 kernel_has generation 1.7
clock_add -7300
is "$(ask status | jq -c .pending)" "[]" "and is pending no more"
ok "TCP passes by it" tcp_passes

# --- death ------------------------------------------------------------------
for victim in 1 2 3; do
	pid=$(md_pids | cut -d' ' -f$victim)
	n client ping -qi 0.05 -W1 -c 30 10.0.0.2 >"$tap_dir/ping" &
	pinging=$!
	kill -9 "$pid"
	ok "process $victim killed: the others end" wait_for 10 md_gone
	wait "$md_pid" 2>/dev/null
	md_start
	wait "$pinging"
	like "$(cat "$tap_dir/ping")" " 0% packet loss" \
		"process $victim killed, merlond started again: no packet is lost"
done
is "$(grep -c "restored" "$md_log")" 0 "nothing was loaded anew"
ok "told to end, it ends with status 0" md_stop
ok "without it, the policy holds" ping_passes

# --- reboot -----------------------------------------------------------------
reboot_gate
is "$(kernel_says state)" disarmed "after a reboot the kernel knows nothing"
md_start
is "$(kernel_says state)/$(kernel_says generation)" enforcing/1.7 \
	"merlond has armed it as before, and loaded the last bundle"
ok "TCP passes by it" tcp_passes
is "$(apply_code "$md_dir/six.bundle")" -129 "who is not trusted any more is refused"
is "$(apply_code "$(bundle back serial=6)")" -116 "the watermark holds across reboots"
must kernel arm tunnels observing 60
like "$(ask armed tunnels observing)" "confirm" "an arming to be confirmed is not kept yet"
like "$(cat "$md_dir/state/armed")" enforcing "what was kept before stays"
must kernel arm tunnels enforcing

# A clock that is wrong by half a century: dates are judged by the floor.
md_kill
reboot_gate
back=$(($(date +%s) - $(cut -d. -f1 /proc/uptime) - 1000))
clock_add -$back
n gate "$merlond" "${md_options[@]}" >>"$md_log" 2>&1 &
md_pid=$!
for ((i = 0; i < 100; i++)); do
	kernel_has generation 1.7 && break
	read -rt 0.05 <> <(:)
done
generation=$(kernel_says generation)
clock_add "$back"
is "$generation" 1.7 "in 1970 the last bundle is loaded as well"
wait_for 20 md_answers

# --- expiry -----------------------------------------------------------------
is "$(apply_code "$(bundle short serial=8 expires=3 allow=all)")" 0 "a short-lived bundle"
ok "the kernel ends it" wait_for 10 kernel_has state expired
clock_add -600
refused "$md_dir/short.bundle" -62 "expired in the kernel.*renew" \
	"what the kernel has ended, while its date lies ahead,"
clock_add 600
ok "then nothing passes" ping_fails
reboot_gate
md_start
is "$(kernel_says state)" lockdown "expired at boot: armed, and nothing is loaded"
like "$(cat "$md_log")" "cannot be loaded again.*expired" "the log says why"
ok "nothing passes" ping_fails
is "$(apply_code "$(bundle fresh serial=9 allow=icmp)")" 0 "a renewal is taken"
ok "and ping passes again" ping_passes

# --- what kills it twice ----------------------------------------------------
bundle bad serial=10 allow=all >/dev/null
# shellcheck disable=SC2046
calls=$(KILLAT_LIST=1 "$tools/killat" 0 $(md_pids) -- \
	"$tools/askd" --socket "$md_dir/socket" apply "$md_dir/one.bundle")
at=$(($(awk '$3 == "renameat" { print $1; exit }' <<<"$calls") + 3))
# strike BUNDLE: dies over it; KILLAT_CRASH: crashes
strike() {
	# shellcheck disable=SC2046
	"$tools/killat" "$at" $(md_pids) -- "$tools/askd" --socket "$md_dir/socket" \
		apply "$1" >>"$md_log" 2>&1
	wait_for 10 md_gone
	wait "$md_pid" 2>/dev/null
	md_start
}
for i in 1 2 3 4; do strike "$md_dir/bad.bundle"; done
is "$(ask status | jq -r .quarantined)" 0 "killed from outside: the bundle is not to blame"
export KILLAT_CRASH=1
strike "$md_dir/bad.bundle"
is "$(ask status | jq -r .quarantined)" 0 "nor for one crash"
strike "$md_dir/bad.bundle"
unset KILLAT_CRASH
is "$(ask status | jq -r .quarantined)" 1 "what crashed it twice is set aside"
refused "$md_dir/bad.bundle" -125 "set.*aside.*quarantine/[0-9a-f]{64}" "it is"
is "$(sha256sum <"$md_dir/bad.bundle" | cut -c1-64)" \
	"$(basename "$(echo "$md_dir"/state/quarantine/*)")" "it is named by its digest"
ok "its bytes are kept" cmp "$md_dir/bad.bundle" "$md_dir"/state/quarantine/*
is "$(apply_code "$(bundle good serial=10 allow=icmp)")" 0 "another bundle is taken"
bundle hang serial=11 allow=all >/dev/null
for i in 1 2 3 4 5; do strike "$md_dir/hang.bundle"; done
is "$(ask status | jq -r .quarantined)" 2 "nor is one looked at that it was killed over time and again"
is "$(kernel_says generation)" 1.10 "the kernel keeps the one before"

# --- a full disk ------------------------------------------------------------
fill() { dd if=/dev/zero of="$md_dir/state/ballast" bs=4k status=none 2>/dev/null; }
is "$(apply_code "$(bundle later serial=11 notBefore=7200 allow=all)")" -11 "a bundle of tomorrow"
must md_stop
must cp -a "$md_dir/state" "$tap_dir/state"
must mount -t tmpfs -o size=512k,mode=700 state "$md_dir/state"
at_exit umount "$md_dir/state"
must cp -a "$tap_dir/state/." "$md_dir/state"
fill
reboot_gate
MD_PATIENCE=20 md_start
is "$(kernel_says state)/$(kernel_says generation)" enforcing/1.10 \
	"a full disk does not keep the last bundle from the kernel"
like "$(cat "$md_log")" "without the crash journal" "and it says what it does without"
# shellcheck disable=SC2046
ticks() { awk '{ n += $14 + $15 } END { print n + 0 }' $(printf '/proc/%s/stat ' $(md_pids)); }
clock_add 7300
read -rt 1 <> <(:)
before=$(ticks)
read -rt 4 <> <(:)
ok "a pending one that cannot be taken now is not tried all the time" \
	[ $(($(ticks) - before)) -lt 20 ]
is "$(ask status | jq -c '.pending | map(.serial)')" "[11]" "it is not forgotten either"
# The hour of its next try comes by the clock's being set, which merlond hears of
# only when it sets its timer anew.
for i in {1..20}; do
	clock_add 301
	md_answers >/dev/null || break
done
ok "the clock set again and again: merlond lives" md_answers
rm "$md_dir/state/ballast"
clock_add 301
ok "and applied when there is room" wait_for 40 kernel_has generation 1.11
clock_add -$((7300 + (i + 1) * 301))

# --- another document under the last number ---------------------------------
rm "$md_dir/state/accepted.bundle"
reboot_gate
md_start
like "$(ask apply "$(bundle twin serial=11 allow=none)")" '"code":-116.*other content' \
	"the bundle lost: another one under its serial is refused"
is "$(apply_code "$md_dir/later.bundle")" -11 "its own waits for its day"
clock_add 7300
ok "and is taken again then" wait_for 10 kernel_has generation 1.11
clock_add -7300
must kernel arm tunnels enforcing
must ask armed tunnels enforcing

# --- many clients -----------------------------------------------------------
coproc holder { setpriv --reuid 4711 --regid merlon --clear-groups \
	"$tools/askd" --socket "$md_dir/socket" hold 32; }
pid=$holder_PID		# the variable goes when it ends
read -rt 10 -u "${holder[0]}" _
read -rt 1 <> <(:)
ok "32 idle clients do not lock root out" md_answers
like "$(setpriv --reuid 4711 --regid merlon --clear-groups "$tools/askd" \
	--socket "$md_dir/socket" status 2>&1)" '"code":-16,.*too many' "others are told it is busy"
kill "$pid"
wait "$pid" 2>/dev/null

# --- disarmed ---------------------------------------------------------------
must kernel disarm
is "$(ask disarmed | jq -r .code)" 0 "disarmed, and kept"
reboot_gate
md_start
is "$(kernel_says state)/$(kernel_says generation)" disarmed/1.11 \
	"after a reboot it is not armed"

# --- what no guard holds ----------------------------------------------------
must modprobe pktgen
must kernel arm everything enforcing
must md_stop
md_start
like "$(cat "$md_log")" "does not hold what pktgen sends" "what was there before it was armed is told"
must kernel disarm
must modprobe -r pktgen

# --- systemd ----------------------------------------------------------------
md_stop
socat -u "UNIX-RECV:$tap_dir/notify" "OPEN:$tap_dir/notified,creat,append" &
at_exit kill $!
wait_for 5 test -S "$tap_dir/notify"
export NOTIFY_SOCKET=$tap_dir/notify WATCHDOG_USEC=1500000
md_start
unset NOTIFY_SOCKET WATCHDOG_USEC
said() { grep -q "$1" "$tap_dir/notified"; }
ok "systemd is told READY" wait_for 10 said READY=1
ok "and how things are" wait_for 10 said "STATUS=.*generation 1.11"
ok "and that all live" wait_for 10 said WATCHDOG=1
: >"$tap_dir/notified"
for ((until = SECONDS + 6; SECONDS < until; )); do ask apply "$md_dir/noise.bundle"; done >/dev/null
ok "with a lot to say, it still feeds the watchdog" \
	[ "$(grep -o WATCHDOG=1 "$tap_dir/notified" | wc -l)" -ge 4 ]
read -r supervisor apply sync <<<"$(md_pids)"
kill -STOP "$sync"
read -rt 2 <> <(:)
: >"$tap_dir/notified"
read -rt 3 <> <(:)
not_ok "a process that hangs holds the watchdog back" said WATCHDOG=1
kill -CONT "$sync"

# --- idle -------------------------------------------------------------------
# shellcheck disable=SC2046
rss() { awk '/^VmRSS/ { n += $2 } END { print n }' $(printf '/proc/%s/status ' $(md_pids)); }
# How often they were woken; on a busy machine, ticks are somebody else's as well.
# shellcheck disable=SC2046
wakes() { awk '/^voluntary_ctxt/ { n += $2 } END { print n }' $(printf '/proc/%s/status ' $(md_pids)); }
before=$(ticks) woken=$(wakes)
read -rt 20 <> <(:)
used=$(($(ticks) - before)) woken=$(($(wakes) - woken))
diag "idle: $(rss) kB resident in three processes, woken $woken times in 20 s, $used ticks of 2000"
ok "idle, all three take under 20 MB" [ "$(rss)" -lt 20000 ]
ok "are woken less than twenty times a second ($woken)" [ "$woken" -lt 400 ]
ok "and do not spin" [ "$used" -lt 400 ]
ok "told to end, it ends with status 0" md_stop
