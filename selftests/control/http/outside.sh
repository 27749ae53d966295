#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The HTTP server as others' programs see it: curl and openssl s_client.
#
#	curl, s_client ---- TLS 1.3, h2 ---- toyd (127.0.0.1 and ::1, any port)

# shellcheck source=../../lib/tap.sh
. "$(dirname "$0")/../../lib/tap.sh"
toyd=${HTTP_PROGRAMS:-$(dirname "$0")/../../../build/user/http}/toyd
pki=$tap_dir/pki
plan 38

# start ADDRESS: a toyd of its own, $url
start() {
	mkdir -p "$pki"
	: >"$tap_dir/said"
	"$toyd" "$pki" "$1" >>"$tap_dir/said" 2>&1 &
	toy=$!
	at_exit kill "$toy"
	wait_for 10 grep -q '^port' "$tap_dir/said" || bail "toyd does not start"
	port=$(sed -n 's/^port //p' "$tap_dir/said")
	url=https://localhost:$port
}

said() { wait_for 5 grep -qE -- "$1" "$tap_dir/said"; }
get() { curl -sS --max-time 20 --http2 --cacert "$pki/ca.pem" "$@"; }
status() { get -o /dev/null -w '%{http_code}' "$@"; }
# What a refused handshake says; s_client ends when it is refused.
shake() { timeout 10 openssl s_client -connect "127.0.0.1:$port" -CAfile "$pki/ca.pem" "$@" \
	</dev/null 2>&1 | tr -d '\0'; }

start 127.0.0.1:0

# --- TLS
both=$(shake -tls1_3 -alpn h2)
like "$both" 'Verify return code: 0' "control: TLS 1.3 with ALPN h2"
like "$both" 'ALPN protocol: h2' "h2 is agreed upon"
like "$both" 'Cipher is TLS_AES_256_GCM_SHA384' "AES-256 is preferred"
like "$(shake -tls1_3 -alpn h2 -ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384)" \
	'Cipher is TLS_CHACHA20' "ChaCha20 where the client prefers it"
for version in tls1_2 tls1_1 tls1; do
	: >"$tap_dir/said"
	not_ok "$version is refused by s_client" \
		shake "-$version" -alpn h2 -cipher 'ALL:@SECLEVEL=0'
	ok "$version came to the server" said '^refused tls: (unsupported protocol|version too low)'
done
not_ok "TLS 1.2 is refused by curl" get --tlsv1.2 --tls-max 1.2 "$url/hello"
ok "and reported" said '^refused tls: unsupported protocol'
not_ok "AES-128 alone is refused" shake -tls1_3 -alpn h2 -ciphersuites TLS_AES_128_GCM_SHA256
ok "and reported" said '^refused tls: no shared cipher'
not_ok "another group is refused" shake -tls1_3 -alpn h2 -groups P-521
not_ok "HTTP/1.1 by ALPN is refused" shake -tls1_3 -alpn http/1.1
ok "and reported" said '^refused tls: no application protocol'
: >"$tap_dir/said"
shake -tls1_3 >/dev/null
ok "no ALPN at all is refused" said '^refused alpn'
not_ok "curl without HTTP/2 is refused" get --http1.1 "$url/hello"
not_ok "no ticket is given" grep -qi 'session-id: *[0-9a-f]' <<<"$both"
# shellcheck disable=SC2024
(printf 'GET / HTTP/1.1\r\n\r\n' >"/dev/tcp/127.0.0.1/$port") 2>/dev/null
ok "bytes that are no TLS are reported" said '^refused tls: (http request|wrong version|unexpected)'

# --- HTTP
is "$(get "$url/hello")" hello "GET"
is "$(get -w ' %{http_version}' "$url/hello")" "hello 2" "over HTTP/2"
is "$(get -d 'abc' "$url/echo")" abc "POST"
head -c 1000000 /dev/urandom >"$tap_dir/body"
is "$(get --data-binary "@$tap_dir/body" "$url/large")" 1000000 "a large body where it is allowed"
is "$(get -o /dev/null -w '%{http_code}' --data-binary "@$tap_dir/body" "$url/echo")" 413 \
	"and its refusal is seen by a client that still sends"
is "$(get -w '%{http_code}' "$url/none")" '{"status":404,"title":"Not Found"}404' "a uniform error"
is "$(get -I -o /dev/null -w '%{http_code} %{size_download}' "$url/hello")" "200 0" "HEAD"
like "$(get -I "$url/hello")" 'content-length: 5' "HEAD says the length"
is "$(status --path-as-is "$url/a/../hello")" 400 "dot segments"
is "$(get "$url/file" | tr -d a-p | wc -c)" 0 "a file's bytes"
is "$(get "$url/file" | wc -c)" 1048576 "all of them"
urls=()
for _ in {1..60}; do urls+=(-o "$tap_dir/many" "$url/hello"); done
is "$(get --no-progress-meter --parallel --parallel-max 50 -w '%{http_code}\n' "${urls[@]}" | sort | uniq -c | xargs)" \
	"60 200" "60 requests side by side"

# --- client certificates
as() { get --cert "$pki/$1.pem" --key "$pki/$1.key" "$url/who"; }
spki=$(openssl x509 -in "$pki/node.pem" -noout -pubkey | openssl pkey -pubin -outform der | sha256sum)
is "$(get "$url/who")" nobody "none is needed"
is "$(as node)" "CN=node-one,O=example ${spki%% *}" "one that holds: subject and key"
is "$(as old)" nobody "one that has expired is none"
is "$(as other)" nobody "one of another authority is none"

# --- IPv6
kill "$toy"
start '[::1]:0'
is "$(get --resolve "localhost:$port:::1" "$url/hello")" hello "IPv6"
