#compdef merlon
# zsh completion for merlon; written by `merlon completion zsh`
autoload -U +X bashcompinit && bashcompinit

# bash completion for merlon; written by `merlon completion bash`

_merlon_options() {
	case $1 in
	'adopt') echo '--dry-run --network --node --directory --listen --no-passphrase --passphrase-fd --passphrase-file --socket --state-dir --json --help' ;;
	'enrol') echo '--name --key-file --no-start --state-dir --inbox --user --json --help' ;;
	'rotate') echo '--give-up --state-dir --inbox --user --json --help' ;;
	'status') echo '--socket --state-dir --json --help' ;;
	'rules') echo '--sort --watch --interval --count --state-dir --json --help' ;;
	'explain') echo '--file --node --verbose --leaving --user --cgroup --outside --state-dir --json --help' ;;
	'drops') echo '--follow --count --state-dir --json --help' ;;
	'leaks') echo '--follow --state-dir --json --help' ;;
	'apply') echo '--socket --json --help' ;;
	'arm') echo '--scope --observe --confirm-within --confirm --reason --force --socket --state-dir --json --help' ;;
	'disarm') echo '--reason --socket --state-dir --json --help' ;;
	'policy check') echo '--json --help' ;;
	'policy test') echo '--json --help' ;;
	'policy compile') echo '--node --output --json --help' ;;
	'policy sign') echo '--network --node --epoch --output --key --serial --issued --not-before --expires --lifetime --force --passphrase-fd --passphrase-file --json --help' ;;
	'policy renew') echo '--output --key --serial --issued --not-before --expires --lifetime --force --passphrase-fd --passphrase-file --json --help' ;;
	'policy verify') echo '--trust --any-node --json --help' ;;
	'policy show') echo '--node --trust --json --help' ;;
	'policy diff') echo '--node --json --help' ;;
	'key generate') echo '--output --no-passphrase --passphrase-fd --passphrase-file --json --help' ;;
	'key show') echo '--json --help' ;;
	'trust init') echo '--network --node --key --trust --replace --json --help' ;;
	'admin login') echo '--server --pin --socket --session --stdin --json --help' ;;
	'admin logout') echo '--session --stdin --json --help' ;;
	'admin list') echo '--server --pin --socket --session --stdin --json --help' ;;
	'admin create') echo '--role --server --pin --socket --session --stdin --json --help' ;;
	'admin role') echo '--server --pin --socket --session --stdin --json --help' ;;
	'admin reset') echo '--server --pin --socket --session --stdin --json --help' ;;
	'admin remove') echo '--server --pin --socket --session --stdin --json --help' ;;
	'admin recover') echo '--server --pin --socket --session --stdin --json --help' ;;
	'audit verify') echo '--key --cosigner --checkpoint --json --help' ;;
	'audit show') echo '--key --cosigner --since --until --type --actor --last --json --help' ;;
	'audit prove') echo '--key --cosigner --from --json --help' ;;
	'completion') echo '--json --help' ;;
	'version') echo '--json --help' ;;
	'help') echo '--json --help' ;;
	esac
}

_merlon_words() {
	case $1 in
	'') echo 'adopt enrol rotate status rules explain drops leaks apply arm disarm policy key trust admin audit completion version help' ;;
	'policy') echo 'check test compile sign renew verify show diff' ;;
	'key') echo 'generate show' ;;
	'trust') echo 'init' ;;
	'admin') echo 'login logout list create role reset remove recover' ;;
	'audit') echo 'verify show prove' ;;
	esac
}

# What an option takes: a file, one of some words, or something that nobody can guess.
_merlon_argument() {
	case $1 in
	'adopt --directory' | 'adopt --passphrase-file' | 'adopt --socket' | 'adopt --state-dir') echo file ;;
	'adopt --network' | 'adopt --node' | 'adopt -n' | 'adopt --listen' | 'adopt --passphrase-fd') echo none ;;
	'enrol --key-file' | 'enrol -f' | 'enrol --state-dir' | 'enrol --inbox') echo file ;;
	'enrol --name' | 'enrol -n' | 'enrol --user') echo none ;;
	'rotate --state-dir' | 'rotate --inbox') echo file ;;
	'rotate --user') echo none ;;
	'status --socket' | 'status --state-dir') echo file ;;
	'rules --state-dir') echo file ;;
	'rules --interval' | 'rules -i' | 'rules --count' | 'rules -c') echo none ;;
	'rules --sort' | 'rules -s') echo 'line packets bytes id' ;;
	'explain --file' | 'explain -f' | 'explain --state-dir') echo file ;;
	'explain --node' | 'explain -n' | 'explain --leaving' | 'explain -l' | 'explain --user' | 'explain -u' | 'explain --cgroup' | 'explain -c') echo none ;;
	'drops --state-dir') echo file ;;
	'drops --count' | 'drops -c') echo none ;;
	'leaks --state-dir') echo file ;;
	'apply --socket') echo file ;;
	'arm --socket' | 'arm --state-dir') echo file ;;
	'arm --confirm-within' | 'arm --reason') echo none ;;
	'arm --scope') echo 'tunnels everything' ;;
	'disarm --socket' | 'disarm --state-dir') echo file ;;
	'disarm --reason') echo none ;;
	'policy compile --output' | 'policy compile -o') echo file ;;
	'policy compile --node' | 'policy compile -n') echo none ;;
	'policy sign --output' | 'policy sign -o' | 'policy sign --key' | 'policy sign -k' | 'policy sign --passphrase-file') echo file ;;
	'policy sign --network' | 'policy sign --node' | 'policy sign -n' | 'policy sign --epoch' | 'policy sign -e' | 'policy sign --serial' | 'policy sign -s' | 'policy sign --issued' | 'policy sign --not-before' | 'policy sign --expires' | 'policy sign --lifetime' | 'policy sign --passphrase-fd') echo none ;;
	'policy renew --output' | 'policy renew -o' | 'policy renew --key' | 'policy renew -k' | 'policy renew --passphrase-file') echo file ;;
	'policy renew --serial' | 'policy renew -s' | 'policy renew --issued' | 'policy renew --not-before' | 'policy renew --expires' | 'policy renew --lifetime' | 'policy renew --passphrase-fd') echo none ;;
	'policy verify --trust' | 'policy verify -t') echo file ;;
	'policy show --trust' | 'policy show -t') echo file ;;
	'policy show --node' | 'policy show -n') echo none ;;
	'policy diff --node' | 'policy diff -n') echo none ;;
	'key generate --output' | 'key generate -o' | 'key generate --passphrase-file') echo file ;;
	'key generate --passphrase-fd') echo none ;;
	'trust init --trust' | 'trust init -t') echo file ;;
	'trust init --network' | 'trust init --node' | 'trust init -n' | 'trust init --key' | 'trust init -k') echo none ;;
	'admin login --session') echo file ;;
	'admin login --server' | 'admin login --pin' | 'admin login --socket') echo none ;;
	'admin logout --session') echo file ;;
	'admin list --session') echo file ;;
	'admin list --server' | 'admin list --pin' | 'admin list --socket') echo none ;;
	'admin create --session') echo file ;;
	'admin create --role' | 'admin create -r' | 'admin create --server' | 'admin create --pin' | 'admin create --socket') echo none ;;
	'admin role --session') echo file ;;
	'admin role --server' | 'admin role --pin' | 'admin role --socket') echo none ;;
	'admin reset --session') echo file ;;
	'admin reset --server' | 'admin reset --pin' | 'admin reset --socket') echo none ;;
	'admin remove --session') echo file ;;
	'admin remove --server' | 'admin remove --pin' | 'admin remove --socket') echo none ;;
	'admin recover --session') echo file ;;
	'admin recover --server' | 'admin recover --pin' | 'admin recover --socket') echo none ;;
	'audit verify --key' | 'audit verify -k' | 'audit verify --cosigner' | 'audit verify --checkpoint') echo file ;;
	'audit show --key' | 'audit show -k' | 'audit show --cosigner') echo file ;;
	'audit show --since' | 'audit show -s' | 'audit show --until' | 'audit show -u' | 'audit show --type' | 'audit show -t' | 'audit show --actor' | 'audit show -a' | 'audit show --last' | 'audit show -n') echo none ;;
	'audit prove --key' | 'audit prove -k' | 'audit prove --cosigner' | 'audit prove --from' | 'audit prove -f') echo file ;;
	*) return 1 ;;
	esac
}

_merlon() {
	local cur=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]-} second=${COMP_WORDS[2]-}
	local command argument

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_merlon_words '')" -- "$cur")
		return
	fi
	command=$first
	if [ -n "$(_merlon_words "$first")" ]; then
		if [ "$COMP_CWORD" -eq 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_merlon_words "$first")" -- "$cur")
			return
		fi
		[ "$first" = help ] || command="$first $second"
	fi
	if argument=$(_merlon_argument "$command ${COMP_WORDS[COMP_CWORD - 1]}"); then
		case $argument in
		none) ;;
		file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$argument" -- "$cur") ;;
		esac
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_merlon_options "$command")" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -o filenames -F _merlon merlon
