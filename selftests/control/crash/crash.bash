# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Which calls a program is killed at. Sourced behind tap.sh.
#
# Sampled are of the calls that change files (of writes to one file in a row only the first)
# and of all calls every so-many-th, from a random one on, and the last changes, among which
# things get their names. SEED: the same again. MERLON_LENGTH=long: all calls.

killat=$PWD/build/user/tools/killat killed=$PWD/build/user/node/killed
for program in "$killat" "$killed"; do
	[ -x "$program" ] || bail "$program is not built: make tools node-programs"
done
SEED=${SEED:-$RANDOM}
diag "SEED=$SEED"
RANDOM=$SEED

# sweep CHANGES ALL COMMAND...: COMMAND N, for the N that are sampled: every CHANGES-th change,
# every ALL-th call. COMMAND says by status 1 that there are not so many, and has what killat or
# node-killed said in the file "struck". $points: how many there were, $at_changes of them at
# changes.
sweep() {
	points=0 at_changes=0
	if [ "${MERLON_LENGTH:-normal}" = long ]; then
		sweep_by 1 1 "${@:3}"
		return
	fi
	export KILLAT_CHANGES=1
	sweep_by $((1 + RANDOM % $1)) "$1" "${@:3}"
	(($1 == 1)) || sweep_last "${@:3}"
	unset KILLAT_CHANGES
	# shellcheck disable=SC2034
	at_changes=$points
	sweep_by $((1 + RANDOM % $2)) "$2" "${@:3}"
}
sweep_by() {
	local call=$1

	while "${@:3}" "$call"; do
		points=$((points + 1))
		call=$((call + $2))
	done
}
sweep_last() {
	local call total

	total=$(sed -n 's/^survived //p' struck | tail -n 1)
	for ((call = total > 8 ? total - 7 : 1; call <= total; call++)); do
		"$@" "$call" && points=$((points + 1))
	done
}
