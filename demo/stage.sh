# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What every scene of the demo is made of. Processes are dear in an emulated
# machine: what can stay in one shell does.

work=$(mktemp -d)
right=0 wrong=0 started=$SECONDS
patience=${MERLON_PATIENCE:-1}	# more than 1 on a busy host

if [ "${DEMO_COLOUR:-0}" = 1 ]; then
	green=$'\033[32m' red=$'\033[31m' bold=$'\033[1m' dim=$'\033[2m' off=$'\033[0m'
else
	green='' red='' bold='' dim='' off=''
fi

title() { printf '\n%s%s%s\n' "$bold" "$1" "$off"; }
say() { printf '  %s%s%s\n' "$dim" "$1" "$off"; }

mark() {
	if [ "$1" = ok ]; then
		right=$((right + 1))
		printf '  %s✓%s %s\n' "$green" "$off" "$2"
	else
		wrong=$((wrong + 1))
		printf '  %s✗ %s%s\n' "$red" "$2" "$off"
	fi
}

# until_true COMMAND…: waits for it, up to a minute, times patience
until_true() {
	local end=$((SECONDS + 60 * patience))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || { echo "waited in vain: $*" >&2; exit 1; }
		read -r -t 0.1 <> <(:) || true
	done
}

# summary POLICY SENTENCE…: the last thing; ends with how it went
summary() {
	local line

	title "Summary"
	say "policy: $1"
	say "kernel $(uname -r), merlon.ko $(</sys/module/merlon/version), $((SECONDS - started)) s"
	shift
	if [ "$wrong" = 0 ]; then
		printf '  %sAll %d observations above are as the policy says.%s\n' "$green" "$right" "$off"
		for line; do
			printf '  %s\n' "$line"
		done
		exit 0
	fi
	printf '  %s%d of %d observations above are not as the policy says.%s\n' \
		"$red" "$wrong" "$((right + wrong))" "$off"
	exit 1
}
