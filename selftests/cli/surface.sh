#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What merlon looks like from outside: help, completion, man pages, options,
# exit statuses. All of it comes from one table or is compared with it.

# shellcheck source=../lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=common.bash
. "$(dirname "$0")/common.bash"

must "$merlon" help --json
"$merlon" help --json >"$tap_dir/table"
mapfile -t commands < <(jq -r '.commands[].name' "$tap_dir/table")

# --- help -------------------------------------------------------------------
all_help() {
	local command

	"$merlon" --help
	for command in "${commands[@]}"; do
		echo "--- $command"
		# shellcheck disable=SC2086
		"$merlon" $command --help
	done
}
golden=selftests/cli/data/help.golden
[ -z "${MERLON_GOLDEN:-}" ] || all_help >"$golden"
all_help >"$tap_dir/help"
ok "--help is what it was (MERLON_GOLDEN=1 writes it anew)" diff -u "$golden" "$tap_dir/help"
ok "no line of it is wider than 110 characters" \
	awk 'length > 110 { print; bad = 1 } END { exit bad }' "$tap_dir/help"
yes "help of a command" help policy sign
yes "help of a group" help policy
misuse "no command 'nothing'" "help of nothing" help nothing
ok "--version" "$merlon" --version
yes "version in JSON" version --json
json .version "$(cat VERSION)" "is the one of the tree"

# --- misuse -----------------------------------------------------------------
misuse "no command 'frobnicate'; see merlon help" "an unknown command" frobnicate
misuse "no command 'policy frob'; see merlon help policy" "an unknown command of a group" \
	policy frob
exits 2 "no command" "$merlon"
exits 2 "half a command" "$merlon" policy
for command in "${commands[@]}"; do
	# shellcheck disable=SC2086
	misuse "has no option --nonsense" "$command: an unknown option" $command --nonsense
	# shellcheck disable=SC2086
	merlon_run $command --json --nonsense
	is "$status $(jq -r '.error.message | length > 10' "$tap_dir/err")" "2 true" \
		"$command: in JSON where that was asked for"
done
misuse "has no option --js" "abbreviations are no options" status --js
misuse "--node needs an argument" "an option without its argument" explain a b --node
misuse "has no option -z" "an unknown letter" explain a b -z

in_json() { # MESSAGE DESCRIPTION ARGUMENT...
	merlon_run "${@:3}"
	is "$status $(jq -r .error.message "$tap_dir/err")" "2 $1" "$2, in JSON"
}
in_json "there is no command 'polcy'; see merlon help" "an unknown command" polcy --json
in_json "there is no command 'policy frob'; see merlon help policy" "of a group" policy frob --json
in_json "'merlon policy' needs a command behind it; see merlon help policy" "half a command" policy --json
in_json "'merlon policy' needs a command behind it; see merlon help policy" "or its rest behind" \
	policy --json check x
in_json "say which command; see merlon help" "nothing at all" --json
in_json "'merlon policy test' has no option --foo; see merlon policy test --help" \
	"an unknown option before it" policy test x --foo --json
like "$("$merlon" help)" "completion +print a completion script" "completion is in the overview"

# --- completion -------------------------------------------------------------
for shell in bash fish zsh; do
	"$merlon" completion "$shell" >"$tap_dir/completion"
	ok "completion/merlon.$shell is what the table says" \
		diff -u "completion/merlon.$shell" "$tap_dir/completion"
done
misuse "expected bash, fish or zsh" "no other shell" completion csh
ok "the bash script parses" bash -n completion/merlon.bash

complete_words() {
	# shellcheck source=../../completion/merlon.bash
	(. completion/merlon.bash
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_merlon
	printf '%s\n' "${COMPREPLY[@]}")
}
is "$(complete_words merlon pol)" policy "a command is completed"
is "$(complete_words merlon policy s | sort | xargs)" "show sign" "and its second word"
is "$(complete_words merlon policy sign --li)" --lifetime "and an option"
is "$(complete_words merlon arm --scope ev)" everything "what an option may be"
is "$(complete_words merlon rules --sort '' | xargs)" "line packets bytes id" "all of it"
is "$(complete_words merlon policy check selftests/cli/data/off)" \
	selftests/cli/data/office.hujson "and a file"

# --- man pages --------------------------------------------------------------
for page in man/*.[158]; do
	is "$(man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)" "" "$page has no warnings"
	while read -r name; do
		[ -e "man/$name" ] || fail "$page refers to $name, which is not there"
	done < <(sed -n 's/^\.Xr \(merlon[a-z-]*\) \([0-9]\).*/\1.\2/p' "$page")
done

# The section of a command: from its .Ss to the next.
section() { awk -v head=".Ss merlon $1" '$0 == head { on = 1; next } /^\.S[sh]/ { on = 0 } on' \
	man/*.[18]; }
for command in "${commands[@]}"; do
	missing=''
	section "$command" >"$tap_dir/section"
	[ -s "$tap_dir/section" ] || missing=' (no section)'
	while read -r option; do
		grep -qE -- "Fl -$option( |$)" "$tap_dir/section" || missing+=" --$option"
	done < <(jq -r --arg name "$command" '.commands[] | select(.name == $name) |
		.options[].name' "$tap_dir/table")
	is "$missing" "" "merlon $command and its options are in a man page"
done

# --- colours ----------------------------------------------------------------
coloured() {
	env -u NO_COLOR "$@" script -qec "$merlon policy test selftests/cli/data/office.hujson" \
		/dev/null </dev/null >"$tap_dir/screen"
	grep -q $'\033\\[' "$tap_dir/screen"
}
if command -v script >/dev/null; then
	ok "colours on a terminal" coloured TERM=xterm
	not_ok "not with NO_COLOR" coloured TERM=xterm NO_COLOR=1
	not_ok "not on a dumb one" coloured TERM=dumb
else
	skip "no script(1)" "colours" 3
fi
env -u NO_COLOR TERM=xterm "$merlon" policy test selftests/cli/data/office.hujson >"$tap_dir/out"
not_ok "nor in a pipe" grep -q $'\033' "$tap_dir/out"

# --- what a terminal would obey ----------------------------------------------
misuse "evil\\\\x1b\\[31m\\\\xff\\.hujson" "control characters of names are shown, not sent" \
	policy check $'evil\033[31m\xff.hujson'
merlon_run policy check $'evil\033\xff.hujson' --json
is "$(jq -r '.error | tostring | test("evil")' "$tap_dir/err")" true "and in JSON they are escaped"

# --- a place that cannot be written to --------------------------------------
status=0
"$merlon" version >/dev/full 2>"$tap_dir/err" || status=$?
is "$status" 2 "an answer that cannot be written is a failure"
like "$(said err)" "could not be written: No space" "and says so"

done_testing
