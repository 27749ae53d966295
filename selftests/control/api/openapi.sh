#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
# docs/openapi.json beside the server: its routes are the server's own table; each of them
# answers; what is asked and what is answered fits the schemas (check.jq), every success that
# is described among them.
#
#	curl, joiner ---- TLS ---- merlon-control ---- merlon-signer
#	root ---- admin.sock ------+

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
cd "$(dirname "$0")/../../.." || exit
tree=$PWD
# shellcheck source=../real.bash
. selftests/control/real.bash
description=$tree/docs/openapi.json check=$tree/selftests/control/api/check.jq
peopled=$build/control/peopled
[ -x "$peopled" ] || bail "$peopled is not built: make people-programs"

described() { jq -r --slurpfile api "$description" -n "\$api[0] as \$api | $(cat "$check")"$'\n'"$1"; }
judged() { jq -r --slurpfile api "$description" "\$api[0] as \$api | $(cat "$check")"$'\n'"$1"; }

# --- the description itself ----------------------------------------------------
is "$(described 'operations | "\(.method) \(.path | gsub("\\{[a-z0-9]+\\}"; "{}"))"' | sort | uniq -d)" "" \
	"no route is described twice"
is "$(described '[operations.operation.operationId] | group_by(.)[] | select(length > 1)[0]')" "" \
	"no operation's name occurs twice"
is "$(described '$api | .. | objects | .["$ref"]? // empty | . as $ref | select(($api | getpath($ref | target)) == null)')" "" \
	"every reference leads somewhere"
is "$(described '[$api | .. | objects | .["$ref"]? // empty | target | select(.[1] == "schemas")[2]] as $used
	| $api.components.schemas | keys - $used | .[]')" "" "every schema is used"
is "$(described 'operations | . as $it | [.path | match("\\{([a-z0-9]+)\\}"; "g").captures[0].string]
	- [.operation.parameters // [] | .[] | resolve | select(.in == "path").name] | .[] | "\($it.path): \(.)"')" "" \
	"every part of a path is a parameter"

# --- and the server's table -------------------------------------------------------
described 'operations | . as $it | .operation
	| (.security | if any(length == 0) then "anybody" else .[0] | .person[0]? // "node" end) as $who
	| ([.parameters // [] | .[] | resolve | select(."x-rest")] | length > 0) as $rest
	| [$it.method, ($it.path | gsub("\\{[a-z0-9]+\\}"; if $rest then "{*}" else "{}" end)), $who,
	   (if ."x-step-up" then "step-up" else "-" end), (."x-body" // 65536 | tostring)] | join(" ")' |
	sort >in-description
"$build/server/routes" | sort >in-server
ok "the server has routes" test "$(wc -l <in-server)" -gt 20
ok "path, method, who, step-up and size of each are those of the server's table" diff in-description in-server

control_setup
server_start 0
ok "a policy is published" policy_publish 1

# --- asking -------------------------------------------------------------------------
# keep METHOD PATH STATUS TYPE [REQUEST]: what was answered, in the file body
keep() {
	local text=body

	[[ $4 == *json* || $4 == text/* ]] || text=/dev/null
	jq -nc --arg method "$1" --arg path "$2" --arg status "$3" --arg type "$4" --rawfile body "$text" \
		--arg request "${5:-}" '$ARGS.named' >>answers
}
number=0
# ask METHOD PATH [BODY [CURL OPTION...]]: $status; from an address that has not failed before
ask() {
	local said options=(-X "$1" "${@:4}")

	number=$((number + 1))
	[ -z "${3:-}" ] || options+=(-H 'content-type: application/json' --data-binary "$3")
	: >body
	said=$(curl -sS --max-time 60 -k --interface "${source:-127.3.$((number / 200)).$((1 + number % 200))}" -o body \
		-w '%{http_code} %{content_type}' "${options[@]}" "https://127.0.0.1:${port[0]}$2")
	status=${said%% *}
	keep "$1" "$2" "$status" "${said#* }" "${3:-}"
}
root_asks() { # METHOD PATH [BODY]
	local said options=(-X "$1")

	[ -z "${3:-}" ] || options+=(--data-binary "$3")
	: >body
	said=$(curl -sS --http2-prior-knowledge --unix-socket admin-0.sock -o body -w '%{http_code} %{content_type}' \
		"${options[@]}" "http://localhost$2")
	status=${said%% *}
	keep "$1" "$2" "$status" "${said#* }" "${3:-}"
}
# joined METHOD PATH: the answer that joiner printed
joined() {
	status=$(head -n 1 answer)
	tail -n +2 answer | head -c -1 >body
	keep "$1" "$2" "$status" application/json
}
field() { jq -r "$1" body; }

# --- every route answers ----------------------------------------------------------------
: >answers
while read -r method path; do
	ask "$method" "$path" ''
done < <(described 'operations | "\(.method) \(.path | gsub("\\{[a-z0-9]+\\}"; "x"))"')
is "$(judged 'answer_problems | select(startswith("seen") | not)' <answers)" "" "every route answers a stranger as described"
is "$(jq -r 'select(.status | IN("404", "405")) | .path' answers)" "" "and is there"
is "$(wc -l <answers)" "$(wc -l <in-server)" "(all were asked)"
: >others
: >others.said
while read -r method path; do
	echo "$method $path $(api "$path" -X "$method")" >>others
	jq -c . body >>others.said
done < <(described '[operations | {path, method}] | group_by(.path)[] | .[0].path as $path
	| (["GET", "POST", "DELETE"] - map(.method))[] | "\(.) \($path | gsub("\\{[a-z0-9]+\\}"; "x"))"')
is "$(grep -v ' 405$' others)" "" "$(wc -l <others) methods that are not described are refused"
is "$(judged 'problems($api.components.schemas.NotAllowed; "405")' <others.said)" "" "as is described"
is "$(wc -l <others.said)" "$(wc -l <others)" "(each of them)"
is "$(api /v1/nothing)" 404 "a path that is not described is not there"

# --- documents, and nodes -----------------------------------------------------------------
ask GET /v1/health
ask GET '/v1/roots?after=0'
ask GET '/v1/roots?after=x'
ask POST /v1/challenge '{}'
policy_document 2 | jq -c '{policy: .}' >policy
ask POST /v1/policy "$(cat policy)"
"$trustee" policy net 0 3 m1 <<<'{}' | jq -c '{policy: .}' >forged
ask POST /v1/policy "$(cat forged)"
is "$status" 403 "(a policy by another role is refused)"
grant_of() { "$trustee" grant net "$1" 2 3600 m1 | jq -c '{grant: .}'; }
grant_of k1 >grant
ask POST /v1/grants "$(cat grant)"
ask POST /v1/grants '{"grant":{}}'
ask POST /v1/root '{"root":{"payload":""}}'
key_create >key
mkdir n1 n2 n3 n4
must "$joiner" prepare - n1 n1 <key
ask POST /v1/join "$(cat n1/join.json)"
is "$status" 200 "(a machine joins)"
field .certificate >n1/tls.pem
must "$joiner" prepare - n2 n2 <key
ask POST /v1/join "$(cat n2/join.json)"
is "$status" 403 "(a second by the same key does not)"
key_create --uses 25 >many
key_create >late
# Another machine that says it is n1: by another identity, then.
"$joiner" join - n4 n4 <many >answer && joined POST /v1/join
"$joiner" renew - n4 n4 >answer && joined POST /v1/renew
"$joiner" renew - n3 n4 >answer && joined POST /v1/renew
node=(--cert n4/tls.pem --key n4/tls.key)
ok "(it is in a generation)" "$joiner" fetch - n4
ask GET '/v1/generation?epoch=0&serial=0' '' "${node[@]}"
image=$(field .blocks.image.sha256)
ask GET '/v1/generation?epoch=9&serial=9' '' "${node[@]}"
ask GET '/v1/generation?epoch=9' '' "${node[@]}"
ask GET '/v1/generation?epoch=9&serial=9&endpoints=' '' "${node[@]}"
ask POST /v1/endpoints '{"addresses":["192.0.2.7"],"port":51820}' "${node[@]}"
ask GET '/v1/generation?epoch=9&serial=9&ends=x' '' "${node[@]}"
ask POST /v1/endpoints '{"addresses":["127.0.0.1"],"port":51820}' "${node[@]}"
ask GET "/v1/blocks/$image" '' "${node[@]}"
ask GET "/v1/blocks/$(printf '0%.0s' {1..64})" '' "${node[@]}"
ask GET /v1/blocks/x '' "${node[@]}"
openssl req -new -key n4/tls.key -subj /CN=n4 2>/dev/null | jq -Rsc '{certificateRequest: .}' >request
ask POST /v1/certificate "$(cat request)" "${node[@]}"
ask POST /v1/certificate '{"certificateRequest":"x"}' "${node[@]}"
"$joiner" rotate - n4 n4 1 >answer && joined POST /v1/rotate
is "$status" 200 "(it has another WireGuard key)"
ask POST /v1/rotate '{"rotation":1}' "${node[@]}"
"$joiner" rotate - n4 n4 1 >answer && joined POST /v1/rotate

# Signed by the key of a role, or nobody's: node renew prints no document, so the wire is asked.
local_api /v1/nodes/n4 >/dev/null && grant=$(field .grant)
"$joiner" extension net n4 "$grant" -100 600 m1.key 3<<<none >extension
ask POST /v1/extend "$(cat extension)"
is "$status" 200 "(a membership gets an end)"
ask GET '/v1/generation?epoch=9&serial=9&ends=0' '' "${node[@]}"
is "$status" 200 "(and the node is told)"
"$joiner" extension net n4 "$grant" -200 600 m1.key 3<<<none >extension
ask POST /v1/extend "$(cat extension)"
ask POST /v1/extend '{"extension":{}}'
"$joiner" extension net n4 "$grant" -50 6 m1.key 3<<<none >extension
ask POST /v1/extend "$(cat extension)"
is "$status" 200 "(and comes near)" || diag "$(cat body)"
ended() { [ "$(api '/v1/generation?epoch=9&serial=9' "${node[@]}")" = 403 ]; }
ok "(whose membership is over is refused)" wait_for 15 ended
ask GET '/v1/generation?epoch=9&serial=9' '' "${node[@]}"
is "$(field .error)" expired "(and told why)"
"$joiner" renew - n4 n4 >answer && joined POST /v1/renew
"$joiner" extension net n4 "$grant" 0 0 m1.key 3<<<none >extension
ask POST /v1/extend "$(cat extension)"
is "$status" 200 "(and comes back)"
back() { [ "$(api '/v1/generation?epoch=0&serial=0' "${node[@]}")" = 200 ]; }
ok "(within a moment)" wait_for 10 back

"$trustee" root net 2 0 r1 | jq -c '{root: .}' >root2
ask POST /v1/root "$(cat root2)"
is "$status" 200 "(a root takes the place of the one before)"
ask POST /v1/root "$(cat root2)"

# --- people -----------------------------------------------------------------------------
mkdir clock
password='a horse and a staple'
new() { jq -nc --arg n "$1" --arg r "$2" --arg p "$password" '{name:$n,role:$r,password:$p}'; }
# Of each code only the first use is good; recovery codes are ten.
secret() { field .totp | sed -n 's/.*secret=\([A-Z2-7]*\).*/\1/p'; }
recovery() { field ".recovery[${1:-0}]"; }
login() { jq -nc --arg n "$1" --arg p "$password" --arg c "$3" "{name:\$n,password:\$p,$2:\$c}"; }
root_asks POST /v1/admins "$(new anna owner)"
is "$status" 200 "(root makes an owner)"
annas=$(secret) codes=("$(recovery 0)" "$(recovery 1)")
root_asks POST /v1/admins "$(new anna owner)"
root_asks POST /v1/admins "$(new Anna owner)"
root_asks GET /v1/session
ask POST /v1/session "$(login anna totp "$("$peopled" code clock "$annas")")"
is "$status" 200 "(who logs in)"
person=(-H "authorization: Bearer $(field .token)")
ask POST /v1/session "$(login anna totp 000000)"
ask GET /v1/session '' "${person[@]}"
ask POST /v1/session/step-up "$(jq -nc --arg c "${codes[0]}" '{recovery:$c}')" "${person[@]}"
is "$status" 200 "(and steps up)"
person=(-H "authorization: Bearer $(field .token)")
ask POST /v1/session/step-up '{}' "${person[@]}"
ask POST /v1/admins "$(new bert viewer)" "${person[@]}"
ask GET /v1/admins '' "${person[@]}"
ask POST /v1/admins/bert/role '{"role":"auditor"}' "${person[@]}"
ask POST /v1/admins/anna/role '{"role":"auditor"}' "${person[@]}"
ask POST /v1/admins/nobody/role '{"role":"auditor"}' "${person[@]}"
ask POST /v1/admins/bert/reset "{\"password\":\"$password\"}" "${person[@]}"
berts=$(recovery)
ask POST /v1/admins/nobody/reset "{\"password\":\"$password\"}" "${person[@]}"
ask POST /v1/admins/bert/reset '{"password":"short"}' "${person[@]}"
for path in status nodes 'nodes?count=1' 'nodes?count=x' nodes/n4 nodes/nobody grants 'grants?after=0' generations \
	'generations?epoch=0&serial=1' 'generations?epoch=0' 'generations?epoch=7&serial=7' audit/checkpoint \
	audit/tile/9/000 audit/entries 'audit/entries?from=x'; do
	ask GET "/v1/$path" '' "${person[@]}"
done
tile=$(cd state/audit && find tile/0 -type f | head -n 1)
ask GET "/v1/audit/$tile" '' "${person[@]}"
ask POST /v1/revoke '{"node":"n4"}' "${person[@]}"
ask POST /v1/revoke '{"node":"nobody"}' "${person[@]}"
"$joiner" revocation net n1 -86400 m1.key 3<<<none >revocation
ask POST /v1/revoke "$(cat revocation)"
is "$status" 409 "(a revocation of yesterday)"
"$joiner" revocation net n1 0 m1.key 3<<<none >revocation
ask POST /v1/revoke "$(cat revocation)"
is "$status" 200 "(and one of today)"
ask POST /v1/session "$(login bert recovery "$berts")"
berts=(-H "authorization: Bearer $(field .token)")
ask DELETE /v1/session '' "${berts[@]}"
ask DELETE /v1/admins/bert '' "${person[@]}"
ask DELETE /v1/admins/bert '' "${person[@]}"
ask DELETE /v1/admins/anna '' "${person[@]}"
ask POST /v1/session/secrets "{\"password\":\"$password\"}" "${person[@]}"
is "$status" 200 "(and all of one's secrets anew)"
root_asks DELETE /v1/session

# --- without the signer ------------------------------------------------------------------
signer_stop
ask GET /v1/health
grant_of k2 >grant
ask POST /v1/grants "$(cat grant)"
is "$status" 202 "(without the signer a grant is kept)"
"$trustee" root net 3 0 r1 | jq -c '{root: .}' >root3
ask POST /v1/root "$(cat root3)"
root_asks POST /v1/revoke '{"node":"n1"}'
must "$joiner" prepare - n3 n3 <late
ask POST /v1/join "$(cat n3/join.json)"
is "$status" 503 "(and a join)"

# --- too large, too often ------------------------------------------------------------------
while read -r path; do
	head -c 4300000 /dev/zero | tr '\0' ' ' >large
	source=127.0.0.1 ask POST "${path//\{name\}/bert}" '' --data-binary @large
done < <(described 'operations | select(.method == "POST").path')
is "$(jq -r 'select(.status == "413").path' answers | sort -u | wc -l)" "$(described '[operations | select(.method == "POST")] | length')" \
	"no body is larger than its route says"
for _ in {1..30}; do
	source=127.9.9.9 ask POST /v1/revoke '{"node":"n1"}'
done
while read -r path; do
	source=127.9.9.9 ask POST "$path" '{}'
done < <(described 'operations | select(.method == "POST" and (.operation.security | any(length == 0))).path')
is "$(jq -r 'select(.status == "429").path' answers | sort -u | wc -l)" \
	"$(described '[operations | select(.method == "POST" and (.operation.security | any(length == 0)))] | length')" \
	"who fails too often is heard at no route that anybody may ask"

# --- what was answered ---------------------------------------------------------------------
judged answer_problems <answers >judged
is "$(grep -v '^seen ' judged)" "" "$(wc -l <answers) answers, and what they were answers to, are as described"
sed -n 's/^seen //p' judged | sort -u >seen
described 'operations.operation | .operationId as $id | .responses | keys[] | "\($id) \(.)"' | sort >wanted
is "$(comm -13 seen wanted | grep ' 2')" "" "every success that is described was seen"
diag "of $(wc -l <wanted) answers that are described $(comm -12 seen wanted | wc -l) were seen; not: $(comm -13 seen wanted | sort -k 2 |
	awk '{ list[$2] = list[$2] " " $1 } END { for (status in list) printf "%s:%s; ", status, list[status] }')"
# The judge can say no.
refuted() { judged answer_problems <<<"$1" | grep -qv '^seen '; }
one=$(grep -m 1 '"path":"/v1/status","status":"200"' answers)
not_ok "control: an answer as it came" refuted "$one"
ok "one with a key too many is refused" refuted "$(jq -c '.body |= (fromjson | .more = 1 | tojson)' <<<"$one")"
ok "one that lacks a key" refuted "$(jq -c '.body |= (fromjson | del(.url) | tojson)' <<<"$one")"
ok "one with another type within" refuted "$(jq -c '.body |= (fromjson | .audit.entries = "1" | tojson)' <<<"$one")"
ok "one of another content-type" refuted "$(jq -c '.type = "text/html"' <<<"$one")"
ok "one of a status that is not described" refuted "$(jq -c '.status = "201"' <<<"$one")"
ok "one at a path that is not" refuted "$(jq -c '.path = "/v1/state"' <<<"$one")"
done_testing
