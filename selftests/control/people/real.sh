#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# People of merlon-control itself, as it is installed: its own user, its system call filter.
# What its routes promise is tested beside this, with a clock that moves.
#
#	merlon admin --- TLS ----------- merlon-control (user daemon), without a signer
#	root ----------- admin.sock ----+

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
# shellcheck source=../place.bash
. selftests/control/place.bash
control=$build/merlon-control code="$build/control/peopled code"
password='a horse and a staple'
export XDG_RUNTIME_DIR=$tap_dir

must "$control" init --network net --url "https://127.0.0.1:$port" --listen "127.0.0.1:$port" \
	--directory "$dir/state" --config "$dir/control.json" --keys "$dir/keys" --user daemon \
	--admin-socket "$dir/admin.sock" --signer-socket "$dir/signer.sock" \
	--signer-directory "$dir/ledger" --signer-user nobody --signer-program "$build/merlon-signer" \
	--passphrase-fd 3 3<<<"a phrase for the keys"
start() {
	: >"$dir/server.log"
	"$control" serve --config "$dir/control.json" --user daemon >"$dir/server.log" 2>&1 &
	server=$!
	at_exit kill "$server"
	wait_for 20 grep -q 'ready:' "$dir/server.log" || bail "no server: $(cat "$dir/server.log")"
}
start
pin=$(openssl s_client -connect "127.0.0.1:$port" -alpn h2 </dev/null 2>/dev/null | openssl x509 -noout -pubkey |
	openssl pkey -pubin -outform der | sha256sum | cut -c-64)

ok "root makes an owner" "$merlon" admin create anna --role owner --socket "$dir/admin.sock" --stdin --json \
	<<<"$password"
secret=$(jq -r .totp "$tap_dir/output" | sed -n 's/.*secret=\([A-Z2-7]*\).*/\1/p')
is "$(stat -c %U:%a state/totp.key)" "daemon:600" "the key of the codes is the server's alone"
mkdir "$dir/clock"
login() { printf '%s\n' "$password" "$($code "$dir/clock" "$secret" "$1")" >in && "$merlon" admin login anna \
	--server "https://127.0.0.1:$port" --pin "$pin" --stdin <in; }
ok "who logs in with password and code" login 0
is "$("$merlon" admin list --json | jq -r '.admins[].name')" anna "by TLS"
ok "makes another" "$merlon" admin create bert --stdin <<<"another horse and staple"
exits 1 "a code is good once" login 0
kill "$server"
wait "$server"
start
is "$("$merlon" admin list --json | jq -r '.admins | length')" 2 "a session outlives a restart of the server"
ok "and so do the codes' secrets" login 1
ok "logout" "$merlon" admin logout
events() { "$merlon" audit show --json --key "$dir/state/audit.pub" "$dir/state/audit" | jq -r '.. | .event_type? // empty'; }
whole() { events | grep -c 'session.end' | grep -qx 1; }
ok "all of it is in the audit log" wait_for 10 whole
is "$(events | grep -cE '^(admin.create|session.start)$')" 4 "two administrators, two sessions"
is "$(events | grep -c '^auth.failure$')" 1 "and the code that was used twice"
ok "control: what it wrote can be searched" grep -rqF argon2id state
not_ok "no secret is in what it wrote" grep -rqF -e "$password" -e "$secret" state server.log
done_testing
