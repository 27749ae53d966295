# SPDX-License-Identifier: GPL-2.0
# Holds answers against docs/openapi.json. Input: one object for each request that was
# made, {"method","path","request","status","type","body"}, all of them texts; $api is the
# description. Output: a line for each thing that is wrong, or "seen OPERATION STATUS".
#
# Of JSON Schema as much as the description uses; what it does not know it complains of.

def known: ["$ref", "additionalProperties", "const", "default", "description", "enum", "items",
	"maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minProperties",
	"minimum", "oneOf", "pattern", "properties", "required", "type"];

def target: ltrimstr("#/") | split("/");
def resolve: . as $it | if type == "object" and has("$ref") then $api | getpath($it["$ref"] | target) else $it end;

def is($wanted):
	if $wanted == "integer" then type == "number" and floor == . else type == $wanted end;

# ^ and $ are those of the whole text, not of its lines.
def fits($pattern): gsub("\n"; "\u0001") | test($pattern | gsub("\n"; "\u0001"));

def problems($schema; $where):
	. as $value | ($schema | resolve) as $s | ($schema | type) as $kind
	| if ($s | type) != "object" then "\($where): \($schema) leads nowhere" else
		(($s | keys) - known | .[] | "\($where): the schema has the unknown word \(.)"),
		(if $s | has("type") then
			([$s.type] | flatten) as $types
			| select([$types[] as $t | $value | is($t)] | any | not)
			| "\($where): is no \($types | join(" or "))"
		else empty end),
		(if $s | has("const") then select($value != $s.const) | "\($where): is not \($s.const)" else empty end),
		(if $s | has("enum") then select([$s.enum[] == $value] | any | not) | "\($where): is none of \($s.enum)" else empty end),
		(if $s | has("oneOf") then
			[$s.oneOf[] as $one | [$value | problems($one; $where)] | length == 0]
			| select(map(select(.)) | length != 1) | "\($where): is not exactly one of those"
		else empty end),
		($value | if type == "string" then
			(if $s | has("pattern") then select(fits($s.pattern) | not) | "\($where): does not fit \($s.pattern)" else empty end),
			(select(length > ($s.maxLength // length)) | "\($where): is too long")
		elif type == "number" then
			(select(. < ($s.minimum // .)) | "\($where): is too small"),
			(select(. > ($s.maximum // .)) | "\($where): is too large")
		elif type == "array" then
			(select(length < ($s.minItems // 0)) | "\($where): has too few"),
			(select(length > ($s.maxItems // length)) | "\($where): has too many"),
			(if $s | has("items") then to_entries[] | .key as $i | .value | problems($s.items; "\($where)[\($i)]") else empty end)
		elif type == "object" then
			(select(length < ($s.minProperties // 0)) | "\($where): has too few"),
			(select(length > ($s.maxProperties // length)) | "\($where): has too many"),
			((($s.required // []) - keys)[] | "\($where): lacks \(.)"),
			(if $s.additionalProperties == false then (keys - (($s.properties // {}) | keys))[] | "\($where): has \(.)" else empty end),
			(to_entries[] | .key as $key | select(($s.properties // {}) | has($key))
				| .value | problems($s.properties[$key]; "\($where).\($key)"))
		else empty end)
	end;

# "/v1/nodes/{name}" as a pattern; the rest of the path where the parameter says so.
def template($operation; $item):
	([$operation.parameters // [], $item.parameters // []] | add
		| map(resolve | select(."x-rest" == true)) | length > 0) as $rest
	| gsub("[.]"; "[.]") | "^" + gsub("\\{[a-zA-Z0-9]+\\}"; if $rest then ".+" else "[^/]+" end) + "$";

def operations:
	$api.paths | to_entries[] | .key as $path | .value as $item
	| $item | to_entries[] | select(.key | IN("get", "post", "put", "delete", "patch"))
	| .value as $operation
	| { method: (.key | ascii_upcase), path: $path, operation: $operation,
	    pattern: ($path | template($operation; $item)) };

# The most exact one: /v1/audit/entries before what takes any path.
def operation_of($method; $path):
	[operations | select(.method == $method and (.pattern as $p | $path | test($p)))]
	| sort_by(.pattern | length) | last;

def body_problems($content; $where):
	.body as $body | .type as $type
	| if $content == null then
		select($body != "") | "\($where): a body that is not described"
	elif $content | has($type) | not then
		"\($where): is \($type), and \($content | keys | join(" or ")) is described"
	elif ($type | test("json")) then
		(try ($body | fromjson | problems($content[$type].schema; $where))
		catch "\($where): is no JSON: \($body[:60])")
	else empty end;

# What was taken must have been what is described.
def request_problems($operation; $where):
	select((.status | startswith("2")) and .request != "")
	| (.request | fromjson) as $body
	| $operation.requestBody.content["application/json"].schema as $schema
	| if $schema == null then "\($where): takes a body that is not described"
	else $body | problems($schema; "\($where), as it was asked") end;

def answer_problems:
	. as $answer | (.path | sub("[?].*"; "")) as $path
	| operation_of(.method; $path) as $found
	| if $found == null then "\(.method) \(.path): is not described" else
		($found.operation.responses["\(.status)"] | resolve) as $response
		| "\($found.operation.operationId) \(.status)" as $where
		| if $response == null then
			"\($where): is not described: \($answer.body[:200])"
		else
			[$answer | body_problems($response.content; $where),
				request_problems($found.operation; $where)]
			| if length == 0 then "seen \($where)" else .[] end
		end
	end;
