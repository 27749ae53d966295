# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Sourced by selftests/vm/run when the guest has ended: what became of it, from
# the status port, the kernel log that stage2 sent, and the serial console.
: "${tmp:?}" "${ended:?}" "${timeout:?}" "${release:?}"

splats='WARNING: |BUG: |Oops|general protection|Call Trace|KASAN|UBSAN'
splats+='|KCSAN|kmemleak|possible circular locking|suspicious RCU usage'
splats+='|possible recursive locking|inconsistent lock state|refcount_t:|ODEBUG'
splats+='|detected stall|INFO: task .* blocked|non-static key|lockdep is turned off'
splats+='|ref_tracker: .* has|waiting for .* to become free'
group_oom='Memory cgroup out of memory: Killed process'
asked_for='faultn: (vmalloc error|page allocation failure)'
harmless='Unprivileged eBPF is enabled|kmemleak: [0-9]+ new suspected memory leaks'

# first_splat LOG FROM: its line number, or nothing; not before line FROM. The
# trace of an OOM kill is none where a control group ran out of memory: tests do
# that on purpose. Where the machine did, it is one. Of which it was the console has
# another line than the log: it lacks those of level info. Nor is it one where the kernel
# tells where an allocation failed that faultn had asked to fail.
first_splat() {
	grep -anE "$splats|invoked oom-killer|oom-kill:constraint|$group_oom|$asked_for" "$1" |
		grep -avE "$harmless" |
		awk -F: -v from="$2" -v group="$group_oom" -v asked_for="$asked_for" '
			$0 ~ asked_for { asked = 1; next }
			asked && /Call Trace/ { asked = 0; next }
			/invoked oom-killer/ { oom = 1; trace = 0; next }
			/oom-kill:constraint=CONSTRAINT_MEMCG/ || $0 ~ group { oom = trace = 0; next }
			/oom-kill:constraint/ || $1 + 0 < from + 0 { next }
			oom && !trace && /Call Trace/ { trace = $1; next }
			{ first = trace ? trace : $1; exit }
			END { if (first || trace) print first ? first : trace }' || true
}

# begins LOG: the line with which stage2 said that the command begins. merlon.ko
# is loaded after it, if at all. 1 where the line is gone: then all is judged.
begins() {
	local line

	line=$(grep -an -m1 'merlon-vm begins' "$1" | cut -d: -f1 || true)
	echo "${line:-1}"
}

# show_log LOG LINE: from there on; without LINE the last ones. The whole log is
# read: what ends a pipe early would end this shell too.
show_log() {
	if [ -n "$2" ]; then
		awk -v from="$2" 'NR >= from && NR < from + 100' "$1"
	else
		tail -n 40 "$1"
	fi | tr -d '\r' | sed 's/^/vm: | /' >&2
}

status=$(sed -n 's/^S \([0-9]*\)$/\1/p' "$tmp/status" | tail -n 1)
sed -n 's/^K //p' "$tmp/status" >"$tmp/klog"
log=$tmp/klog
if [ -z "$status" ] || [ -z "$(first_splat "$log" "$(begins "$log")")" ]; then
	log=$tmp/console
fi
# A guest that died may have died of what came before.
first=$(first_splat "$log" "$([ -z "$status" ] && echo 1 || begins "$log")")
if [ -n "${dmesg:-}" ]; then
	if [ -s "$tmp/klog" ]; then
		cp "$tmp/klog" "$dmesg"
	else
		cp "$tmp/console" "$dmesg"
	fi
fi

if [ -z "$status" ]; then
	cat "$tmp/qemu" >&2
	show_log "$log" "$first"
	if [ "$ended" = 124 ] || [ "$ended" = 137 ]; then
		printf 'vm: %s: given up after %s s\n' "$release" "$timeout" >&2
		exit 124
	fi
	if grep -q 'Oops: int3' "$log" && [ "${threads:-}" = multi ]; then
		printf 'vm: this is a known fault of emulation with --threads\n' >&2
	fi
	fail "$release: the guest died before the command ended (qemu: $ended)"
fi
if [ -z "${splat_ok:-}" ] && [ -n "$first" ]; then
	show_log "$log" "$first"
	printf 'vm: %s: the kernel complained (see above)\n' "$release" >&2
	[ "$status" != 0 ] || status=126
elif [ -z "${splat_ok:-}" ] && [ "$status" != 0 ] && [ -n "$(first_splat "$log" 1)" ]; then
	printf 'vm: %s: the kernel complained before the command began: is the host too busy?\n' \
		"$release" >&2
fi
exit "$status"
