# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# nghttpx before a merlon-control, as merlon-control-http1.service has it: its command, its
# environment, its configuration; only paths are others. Sourced behind real.bash; $tree is
# the tree's root.
#
#	http1_setup		a merlon-control that runs, certificates, $http1_port
#	http1_start [OPTION...]	nghttpx, which is ready to be asked; $http1

# What a server's certificate names must be a name, for nghttpx.
url_host=localhost
http1_port=$((port[0] + 3)) http1='' http1_environment=()
unit=$tree/packaging/systemd/merlon-control-http1.service

# In place of the unit's paths.
here() {
	sed -e "s|/usr/share/merlon-control/http1.conf|$tree/packaging/http1/http1.conf|" \
		-e "s|/etc/merlon/http1.conf|$dir/http1.conf|" -e "s|%d|$dir/credentials|g"
}

http1_stop() {
	[ -z "$http1" ] || kill -KILL -- "-$http1" 2>/dev/null
	[ -z "$http1" ] || wait "$http1" 2>/dev/null
	http1=''
}
at_exit http1_stop

http1_setup() {
	control_setup
	server_start 0
	install -d -m 755 credentials
	must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout credentials/key -out credentials/certificate
	cp state/authority.pem credentials/authority
	chown -R nobody credentials
	cat >http1.conf <<-END
		frontend=127.0.0.1,$http1_port
		backend=127.0.0.1,${port[0]};;proto=h2;tls;sni=localhost
	END
}

# A session of its own: nghttpx is two processes.
http1_start() {
	local command environment

	read -ra environment < <(sed -n 's/^Environment=//p' "$unit" | here | xargs)
	read -ra command < <(sed -n 's/^ExecStart=//p' "$unit" | here)
	: >"$dir/http1.log"
	setsid setpriv --reuid nobody --regid nogroup --clear-groups env -i "${environment[@]}" \
		"${http1_environment[@]}" "${command[0]}" "$@" "${command[@]:1}" >>"$dir/http1.log" 2>&1 &
	http1=$!
	wait_for 20 http1_listens || bail "no nghttpx: $(cat "$dir/http1.log")"
}
http1_listens() { openssl s_client -connect "127.0.0.1:$http1_port" </dev/null; }

# As api(), by HTTP/1.1 through nghttpx.
http1_api() {
	curl -sS --max-time 20 --http1.1 --cacert "$dir/credentials/certificate" -o "$dir/body" \
		-w '%{http_code}' "${@:2}" "https://localhost:$http1_port$1"
}
