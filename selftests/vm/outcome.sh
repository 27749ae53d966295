# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Sourced by selftests/vm/run when the guest has ended: what became of it, from
# the status port, the kernel log that stage2 sent, and the serial console.
: "${tmp:?}" "${ended:?}" "${timeout:?}" "${release:?}"

splats='WARNING: |BUG: |Oops|general protection|Call Trace|KASAN|UBSAN'
splats+='|KCSAN|kmemleak|possible circular locking|suspicious RCU usage'
splats+='|possible recursive locking|inconsistent lock state|refcount_t:'
harmless='Unprivileged eBPF is enabled'

# first_splat LOG: its line number, or nothing
first_splat() {
	grep -nE "$splats" "$1" | grep -vE -m1 "$harmless" | cut -d: -f1 || true
}

# show_log LOG LINE: from there on; without LINE the last ones
show_log() {
	if [ -n "$2" ]; then
		tail -n "+$2" "$1" | head -n 100
	else
		tail -n 40 "$1"
	fi | tr -d '\r' | sed 's/^/vm: | /' >&2
}

status=$(sed -n 's/^S \([0-9]*\)$/\1/p' "$tmp/status" | tail -n 1)
sed -n 's/^K //p' "$tmp/status" >"$tmp/klog"
log=$tmp/klog
if [ -z "$status" ] || [ -z "$(first_splat "$log")" ]; then
	log=$tmp/console
fi
first=$(first_splat "$log")
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
fi
exit "$status"
