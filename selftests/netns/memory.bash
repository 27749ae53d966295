# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What a test has left behind in the kernel's memory. Sourced after tap.sh.
#
#	memory_note
#	...
#	memory_is_back 2000	a test each for vmalloc, counters, and the slab,
#				which may have so many kB more
#
# What is freed is freed late: each is waited for.

: "${tap_dir:?source tap.sh}"

# memory NAME: kB of /proc/meminfo, when the dead are gone
memory() { awk -v what="$1:" '$1 == what { print $2 }' /proc/meminfo; }

# by_caller FILE: kB of vmalloc. Stacks of threads are other people's, "unpurged"
# is free, and of pcpu_* /proc/meminfo knows more.
by_caller() {
	awk '{ sub(/\+0x.*/, "", $3) }
		$3 !~ /^(kernel_clone|dup_task_struct|unpurged|pcpu_)/ {
			kb[$3] += $2 / 1024
			sum += $2 / 1024
		}
		END {
			for (name in kb)
				print name, kb[name]
			print "all", sum
		}' /proc/vmallocinfo | sort >"$1"
}
vmalloced() { by_caller "$1" && awk '$1 == "all" { print int($2) }' "$1"; }
vmalloc_is_back() { [ $(($(vmalloced "$tap_dir/after") - memory_vmalloc)) -lt 1000 ]; }
near() { [ $(($(memory "$1") - $2)) -lt "$3" ]; }

memory_note() {
	memory_vmalloc=$(vmalloced "$tap_dir/before")
	memory_percpu=$(memory Percpu) memory_slab=$(memory SUnreclaim)
}

memory_is_back() {
	ok "nothing is left of what vmalloc gave" wait_for 60 vmalloc_is_back ||
		diag "$(diff "$tap_dir/before" "$tap_dir/after")"
	ok "nor counters" wait_for 60 near Percpu "$memory_percpu" 4000
	ok "nor anything else: a table of flows alone has 2.5 MiB" \
		wait_for 60 near SUnreclaim "$memory_slab" "$1"
}
