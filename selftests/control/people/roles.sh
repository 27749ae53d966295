#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every route of people with every role; and texts that would like to be something else.

# shellcheck source=people.bash
. "$(dirname "$0")/people.bash"

server_start
mkdir -p "$dir/audit/tile/0"
echo checkpoint >"$dir/audit/checkpoint"
echo tile >"$dir/audit/tile/0/000"
echo secret >"$dir/audit/other"
ln -s ../../other "$dir/audit/tile/0/001"

# METHOD PATH LEAST-ROLE STATUS-WHERE-LET BODY: nothing here changes anything
routes='GET /v1/session viewer 200
POST /v1/session/step-up viewer 400 {}
POST /v1/session/secrets viewer 400 {}
GET /v1/nodes viewer 200
GET /v1/nodes/none viewer 404
GET /v1/grants viewer 200
GET /v1/generations viewer 200
GET /v1/admins auditor 200
GET /v1/audit/checkpoint auditor 200
GET /v1/audit/tile/0/000 auditor 200
GET /v1/audit/entries auditor 200
POST /v1/admins owner 400 {}
POST /v1/admins/none/role owner 404 {"role":"viewer"}
POST /v1/admins/none/reset owner 400 {"password":"short"}
DELETE /v1/admins/none owner 404'
roles=(nobody viewer auditor operator owner)

# All of them in one go, as $1 with token $2: "METHOD PATH STATUS" each
ask_all() {
	local method path least wanted body

	while read -r method path least wanted body; do
		printf 'url = "%s%s"\nrequest = %s\noutput = "%s"\ncacert = "%s"\nhttp2\ninterface = 127.0.3.%s\n' \
			"$url" "$path" "$method" "$tap_dir/matrix" "$dir/ca.pem" "$(rank "$1")"
		[ -z "$2" ] || printf 'header = "authorization: Bearer %s"\n' "$2"
		[ -z "$body" ] || printf 'data = "%s"\n' "${body//\"/\\\"}"
		printf 'write-out = "%s %s %%{http_code}\\n"\nnext\n' "$method" "$path"
	done <<<"$routes" >"$tap_dir/config"
	sed -i '$d' "$tap_dir/config"
	curl -sS -K "$tap_dir/config" 2>>"$tap_dir/curl"
}
rank() {
	local i

	for i in "${!roles[@]}"; do [ "${roles[i]}" != "$1" ] || echo "$i"; done
}
wanted_of() {
	local method path least wanted body

	while read -r method path least wanted body; do
		[ "$(rank "$1")" -ge "$(rank "$least")" ] || wanted=403
		echo "$method $path $wanted"
	done <<<"$routes"
}

for role in "${roles[@]:1}"; do admin "its-$role" "$role"; done
for role in "${roles[@]}"; do
	token=''
	[ "$role" = nobody ] || login "its-$role"
	mark
	is "$(ask_all "$role" "$token")" "$(wanted_of "$role")" "$role: what is let, and what not"
	[ "$role" = nobody ] || [ "$role" = owner ] ||
		ok "$role: what was not is told of" audited ".event_type==\"authz.failure\" and .reason==\"role\" and .actor==\"admin:its-$role\""
	tick 301
	[ "$role" = nobody ] || is "$(ask_all "$role" "$token" | grep -cE '^(POST|DELETE) [^ ]* [24]0[04]')" 1 \
		"$role: of changes, a second factor later, the step-up alone"
done
is "$(wanted_of viewer | grep -c ' 403$') $(wanted_of owner | grep -c ' 403$')" "8 0" "control: the table"
root DELETE /v1/admins/its-operator
is "$status" 204 "control: root at the local socket is an owner"
if awk '$3 > 65534 { many = 1 } END { exit !many }' /proc/self/uid_map; then
	chmod 711 "$tap_dir" "$dir"
	status=$(setpriv --reuid 65534 --regid 65534 --clear-groups curl -sS -o /dev/null -w '%{http_code}' \
		--unix-socket "$dir/admin.sock" --http2-prior-knowledge http://localhost/v1/admins)
	is "$status" 403 "another user at the local socket is nobody"
else
	skip "there is one user in this namespace" "another user at the local socket is nobody"
fi

# --- the audit log's files
root GET /v1/audit/tile/0/000
is "$status $body" "200 tile" "control: a tile"
for path in /v1/audit/tile/../checkpoint /v1/audit/tile/0/../../other /v1/audit/tile/0/001 \
	/v1/audit/tile/%2e%2e/other /v1/audit/tile/%2fetc%2fpasswd /v1/audit/tile/0 /v1/audit/tile/..%2fother; do
	status=$(curl -sS --path-as-is -o "$tap_dir/answer" -w '%{http_code}' --unix-socket "$dir/admin.sock" \
		--http2-prior-knowledge "http://localhost$path")
	like "$status $(cat "$tap_dir/answer")" '^(400|404) ' "no way out: $path"
	not_ok "and nothing of it" grep -qE '^(secret|root:)' "$tap_dir/answer"
done

# --- texts
root GET /v1/admins
before=$body
mark
number=0
texts=("' OR '1'='1" "its-owner' --" "'; DROP TABLE admins; --" $'its-owner\n{"level":"AUDIT","event_type":"forged"}'
	$'\e[2J\e]0;title\a' '%s%n%x%99999d' "\$(touch $tap_dir/shell)" '../../../etc/passwd' $'\u202e\ufeff'
	"$(printf 'a%.0s' {1..2000})")
for text in "${texts[@]}"; do
	number=$((number + 1))
	from=127.0.1.$number
	try "$text" "$password" 000000
	is "$status $body" "$refused" "name $number: as any other"
	try its-owner "$text" 000000
	is "$status $body" "$refused" "password $number: as any other"
	from=''
	root POST /v1/admins '' "$(jq -nc --arg n "$text" --arg p "$password" '{name:$n,role:"viewer",password:$p}')"
	is "$status" 400 "no administrator has name $number"
	root POST /v1/admins '' "$(jq -nc --arg r "$text" --arg p "$password" '{name:"eve",role:$r,password:$p}')"
	is "$status" 400 "nor role $number"
	path=$(jq -rn --arg t "$text" '$t|@uri')
	root GET "/v1/nodes/$path"
	like "$status" '^(400|404)$' "no node has name $number"
	root DELETE "/v1/admins/$path"
	like "$status" '^(400|404)$' "and none is removed by it"
	root GET "/v1/nodes?after=$path&count=$path"
	is "$status" 400 "nor is it a number"
	root GET "/v1/audit/entries?from=$path"
	is "$status" 400 "nor an entry's"
done
status=$(curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$dir/admin.sock" --http2-prior-knowledge \
	-A "x' ; DROP TABLE audit_leaves; -- \\\",\"level\":\"FORGED" -X DELETE http://localhost/v1/admins/nobody)
is "$status" 404 "control: a user agent with quotes is taken"
root POST /v1/admins '' '{"name":"eve\u0000","role":"viewer","password":"a horse and a staple"}'
is "$status" 400 "a NUL in a name"
root POST /v1/admins '' '{"name":"eve","name":"its-eve","role":"viewer","password":"a horse and a staple"}'
is "$status" 400 "a key twice"
root GET /v1/admins
is "$body" "$before" "the administrators are who they were"
ok "no shell ran" test ! -e "$tap_dir/shell"
is "$(sqlite3 "$dir/store.db" 'PRAGMA integrity_check' "select count(*) from sqlite_master where type = 'table'" | xargs)" \
	"ok 17" "the store is well, and has its tables"
sqlite3 "$dir/store.db" 'select leaf from audit_leaves' >"$tap_dir/leaves"
is "$(wc -l <"$tap_dir/leaves")" "$(sqlite3 "$dir/store.db" 'select count(*) from audit_leaves')" \
	"each entry is one line"
not_ok "of plain ASCII" grep -qP '[^\x20-\x7e]' "$tap_dir/leaves"
is "$(jq -r '(keys | length), .level' "$tap_dir/leaves" | sort -u | xargs)" "10 AUDIT" "with its ten keys and no other"
not_ok "and none was forged" jq -e 'select(.event_type == "forged" or .level != "AUDIT")' "$tap_dir/leaves"
not_ok "nor does a line of the journal begin with a stranger's text" grep -qP '\e|^\{' "$dir/journal"
ok "the server ends well" server_end
done_testing
