# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Backups of the server at $at, and what a node or a key is worth behind one. Sourced behind
# common.bash.

sealed=backup-passphrase-$RANDOM
backup() { "$build/merlon-control" backup --config "$at/control.json" --passphrase-fd 3 "$@" 3<<<"$sealed"; }
# restore FILE [OPTION...]: to $at, without a terminal
restore() {
	setsid -w "$build/merlon-control" restore --config "$at/control.json" --user daemon --passphrase-fd 3 \
		"${@:2}" "$1" 3<<<"${secret:-$sealed}" </dev/null
}
uses_left() { local_api "/v1/grants" >/dev/null; jq -r --arg id "$1" '.grants[] | select(.id == $id) | .left' body; }
grant_of() { jq -r '.join.payload | @base64d | fromjson | .grant' "$1/join.json"; }
fetched() { "$joiner" fetch - "$dir/$1" 2>&1 | cut -d' ' -f3; }
