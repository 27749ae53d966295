# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # rows and tap.sh set what is read here
# What is said of a row of the leak bench: one line of JSON, appended to the file
# MERLON_LEAK_RESULT. Sourced by row.bash, and by rows that run on the host.

row='' title='' ways=() state=${state:-}
seen=0 tried=0 refused=0 leaked=0 again=0 passed=0 checks=0
told=0		# frames that left, and were told of
stuck=0		# times that an alarm rang without a reason
slowest=0 reported='' why=''
series=${MERLON_LEAK_SERIES:-${MERLON_VM:-}} kernel=${MERLON_LEAK_KERNEL:-$(uname -r)}

# report VERDICT
report() {
	reported=$1
	[ -n "${MERLON_LEAK_RESULT:-}" ] || return 0
	printf '{"row":%d,"title":"%s","series":"%s","kernel":"%s","state":"%s","verdict":"%s","why":"%s","ways":%d,"seen":%d,"tries":%d,"refused":%d,"leaked":%d,"told":%d,"allowed":%d,"checks":%d,"again":%d,"ms":%d}\n' \
		"$row" "$title" "$series" "$kernel" "$state" "$1" "${why//[\"\\]/}" \
		"${#ways[@]}" "$seen" "$tried" "$refused" "$leaked" "$told" "$passed" \
		"$checks" "$again" "$slowest" >>"$MERLON_LEAK_RESULT"
}

# A row that ends without a report was not tested. tap_end runs this.
# shellcheck disable=SC2317
unreported() {
	[ -n "$reported" ] || why="it stopped: $(tail -n 1 "$tap_dir/output" 2>/dev/null)" \
		report "not tested"
}

verdict() {
	if [ "$seen" != "${#ways[@]}" ]; then
		echo "not tested"
	elif [ -n "${MERLON_LEAK_CONTROL:-}" ]; then
		echo "leaks"
	elif [ "$leaked" != "$told" ]; then
		echo "LEAKED"
	elif [ "$passed" != "$checks" ]; then
		echo "too tight"
	elif [ "$again" != "${#ways[@]}" ] || [ "$stuck" != 0 ]; then
		echo "not proven"
	elif [ "$told" != 0 ]; then
		echo "alarm"
	else
		echo "held"
	fi
}
