# SPDX-License-Identifier: GPL-2.0
# Of docs/openapi.json: requests for curl (a file for --config), each with something in the
# place of one text that has no business there. $base is before the path, $token a session's.

def payloads: [
	"'; DROP TABLE nodes; --", "x' OR '1'='1", "\" OR \"\"=\"", "x\u0000y", "a\nmerlon-control: forged: line",
	"a\r\n{\"level\":\"AUDIT\",\"event_type\":\"forged\"}", "\u001b]0;owned\u0007\u001b[31m", "\u009b31m", "%s%n%x%p",
	"../../../../etc/passwd", "$(touch owned)`touch owned`", "{\"$gt\":\"\"}", "\u202egnp", "@/etc/passwd",
	([range(3000) | "A"] | add) ];

def resolve($api): if type == "object" and has("$ref") then .["$ref"] as $ref
	| $api | getpath($ref | ltrimstr("#/") | split("/")) | resolve($api) else . end;

# Something of that schema.
def sample($api):
	resolve($api) | if has("oneOf") then .oneOf[] | sample($api)
	elif has("enum") then .enum[0] elif has("const") then .const
	elif .type == "object" then [.properties | to_entries[] | {key, value: [.value | sample($api)][0]}] | from_entries
	elif .type == "array" then [.items | sample($api)]
	elif .type == "integer" then 1 else "x" end;

def spoiled($some): . as $body | paths(strings) as $at | $some[] as $evil | $body | setpath($at; $evil);

# Each password costs a tenth of a second, and wrong codes are counted.
def some($operation): if $operation.operationId | IN("login", "adminAdd", "adminReset", "stepUp")
	then payloads[0, 4, 6] else payloads[] end;

def request($method; $template; $path; $body):
	{ method: $method, template: $template, path: $path, body: $body };

# From another address after every dozen: who fails too often is heard no more.
def written($number):
	"next", "url = \($base + .path | tojson)", "request = \"\(.method)\"", "http2", "insecure", "silent", "show-error",
	"max-time = 60", "output = /dev/null", "path-as-is", "globoff", "header = \"authorization: Bearer \($token)\"",
	"interface = \"127.5.1.\(1 + ($number / 12 | floor))\"",
	"write-out = \"%{http_code} \(.method) \(.template)\\n\"",
	(if .body then "data-raw = \(.body | tojson)" else empty end);

def filled($with): split("/") | map(if startswith("{") then $with else . end) | join("/");

. as $api | [.paths | to_entries[] | .key as $template | .value | to_entries[]
| (.key | ascii_upcase) as $method | .value as $operation
| select($operation.operationId != "ownSecrets")	# which ends the session
| [$operation.parameters // [] | .[] | resolve($api)] as $parameters
| (
	# a body
	([$operation.requestBody.content["application/json"].schema // empty | sample($api)][]
	| (if has("totp") then del(.recovery) else . end)	# which go not together
	| spoiled([some($operation)]) | tojson
	| request($method; $template; $template | filled("x"); .)),
	# a part of the path
	(payloads[] as $evil | select($template | contains("{"))
	| request($method; $template; $template | filled($evil | @uri); null)),
	# a value of the query
	($parameters[] | select(.in == "query").name as $name | payloads[] as $evil
	| request($method; $template; "\($template | filled("x"))?\($name)=\($evil | @uri)"; null))
)] | to_entries[] | .key as $number | .value | written($number)
