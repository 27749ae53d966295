# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A thousand machines, each from an address of its own, use one one-time key at once. Sourced
# behind real.bash; $urls are the processes that they ask.

count=1000

grants() { local_api '/v1/grants' >/dev/null; }
# Of the grant that was made last.
grant_field() { grants && jq -r ".grants | max_by(.added) | .$1" body; }
node_count() { local_api '/v1/nodes' >/dev/null && jq ".nodes | map(select(.name | startswith(\"$1-\"))) | length" body; }
in_generation() { [ "$(status_of .generation.nodes)" -ge "$1" ]; }

# race NAME [COMMAND...]: the key is in the file key; COMMAND is run in the middle of it
race() {
	local line

	exec 5< <("$crowd" race $count "$1" "${urls[@]}" <key 2>"$1.errors" | tee "$1.said")
	while read -ru 5 line && [ "$line" != some ]; do :; done
	[ $# = 1 ] || "${@:2}"
	cat <&5 >"$tap_dir/output"
	exec 5<&-
}
# refusals_are NUMBER: so many were refused in the store
refusals_are() { [ "$(grant_field refusals)" -ge "$1" ]; }

# race_judge NAME: exactly one is in, and everybody else was told so by the store
race_judge() {
	local winner

	is "$(grep '^[0-9]' "$1.said" | xargs)" "200 1 403 $((count - 1))" "$1: of $count one is in"
	is "$(node_count "$1")" 1 "$1: one node is in the store"
	is "$(grant_field left)" 0 "$1: no use is left"
	winner=$(ls "$1")
	is "$(wc -w <<<"$winner")" 1 "$1: one has a certificate"
	for url in "${urls[@]}"; do
		printf %s "$url" >"$1/$winner/url"
		is "$("$joiner" fetch - "$1/$winner" 2>&1 | cut -d' ' -f3)" "$winner" "$1: and its bundle, from $url"
	done
}
