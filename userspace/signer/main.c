// SPDX-License-Identifier: MIT
/* merlon-signer: options, and what must be done before the rights are given up. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "confine.h"
#include "log.h"
#include "passphrase.h"
#include "server.h"
#include "strict.h"

#define STATE_DIR	"/var/lib/merlon-signer"
#define SOCKET		"/run/merlon-signer/signer.sock"
#define USER		"merlon-signer"
#define SERVER_USER	"merlon-control"
#define CREDENTIAL	"signing-key"
#define PASSPHRASE	"signing-passphrase"

static const char usage[] =
"Usage: merlon-signer [options]\n"
"Signs generations, from signed documents alone, and stays in the foreground.\n"
"\n"
"      --network NAME        begin a new ledger, of this network, with\n"
"      --root-digest HEX     the SHA-256 of its first root document's payload\n"
"      --key FILE            the key that signs (the credential " CREDENTIAL ")\n"
"      --passphrase-fd N     where to read its passphrase (the credential " PASSPHRASE ",\n"
"                            or the variable " ML_PASSPHRASE_VARIABLE ")\n"
"      --state-dir DIR       of the ledger (" STATE_DIR ")\n"
"      --socket PATH         where the server asks (" SOCKET ")\n"
"      --user NAME           who the signer is, when root starts it (" USER ")\n"
"      --server-user NAME    who may ask (" SERVER_USER ")\n"
"  -n, --check               read the ledger, say what is in it, end\n"
"      --forget-log          the server's audit log is lost: cosign the next one, and end\n"
"      --version\n"
"  -h, --help\n"
"\n"
"Status 0: ended as told; 1: died, 2: never started.\n";

struct options {
	const char *network, *root_digest, *key, *state_dir, *socket, *user, *server_user;
	int passphrase_fd;
	bool check, forget;
};

enum {
	OPT_NETWORK = 256, OPT_ROOT, OPT_KEY, OPT_PASSPHRASE, OPT_STATE, OPT_SOCKET, OPT_USER,
	OPT_SERVER, OPT_FORGET, OPT_VERSION,
};

static const struct option options[] = {
	{ "network", required_argument, NULL, OPT_NETWORK },
	{ "root-digest", required_argument, NULL, OPT_ROOT },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "passphrase-fd", required_argument, NULL, OPT_PASSPHRASE },
	{ "state-dir", required_argument, NULL, OPT_STATE },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "user", required_argument, NULL, OPT_USER },
	{ "server-user", required_argument, NULL, OPT_SERVER },
	{ "check", no_argument, NULL, 'n' },
	{ "forget-log", no_argument, NULL, OPT_FORGET },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void __attribute__((noreturn)) tell(const char *text)
{
	printf("%s", text);
	exit(0);
}

static void __attribute__((noreturn, format(printf, 1, 2))) refuse(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_line(LOG_CRIT, "not-started", "%s", text);
	exit(2);
}

static void take_option(struct options *to, int option)
{
	switch (option) {
	case OPT_NETWORK: to->network = optarg; break;
	case OPT_ROOT: to->root_digest = optarg; break;
	case OPT_KEY: to->key = optarg; break;
	case OPT_PASSPHRASE: to->passphrase_fd = atoi(optarg); break;
	case OPT_STATE: to->state_dir = optarg; break;
	case OPT_SOCKET: to->socket = optarg; break;
	case OPT_USER: to->user = optarg; break;
	case OPT_SERVER: to->server_user = optarg; break;
	case 'n': to->check = true; break;
	case OPT_FORGET: to->check = to->forget = true; break;
	case 'h': tell(usage);
	case OPT_VERSION: tell("merlon-signer " MERLON_VERSION "\n");
	default: refuse("try 'merlon-signer --help'");
	}
}

static void read_options(struct options *ret, int argc, char **argv)
{
	int option;

	*ret = (struct options){
		.state_dir = STATE_DIR, .socket = SOCKET, .user = USER,
		.server_user = SERVER_USER, .passphrase_fd = -1,
	};
	while ((option = getopt_long(argc, argv, "nh", options, NULL)) != -1)
		take_option(ret, option);
	if (optind < argc)
		refuse("merlon-signer takes no arguments: try 'merlon-signer --help'");
	if (!ret->network != !ret->root_digest)
		refuse("--network and --root-digest go together: they begin a new ledger");
	if (ret->network && !ml_name_valid(ret->network))
		refuse("--network: " ML_NAME_RULE);
}

/* -------------------------------------------------------------------- key */

static struct ml_secret_key *read_key(const struct options *given)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char path[4096], *passphrase = NULL;
	struct ml_secret_key *key;
	struct ml_error error;
	int r;

	if (given->key)
		snprintf(path, sizeof(path), "%s", given->key);
	else if (credentials)
		snprintf(path, sizeof(path), "%s/" CREDENTIAL, credentials);
	else
		refuse("no key to sign with: say --key, or give systemd's credential " CREDENTIAL);
	r = ml_passphrase_given(given->passphrase_fd, PASSPHRASE, &passphrase, &error);
	if (r && r != -ENOENT)
		refuse("%s", error.text);
	r = ml_secret_key_read(path, passphrase, &key, &error);
	ml_passphrase_free(passphrase);
	if (r)
		refuse("%s: %s", path, error.text);
	return key;
}

/* ---------------------------------------------------------------- places */

static struct passwd user_find(const char *name)
{
	const struct passwd *found = getpwnam(name);

	if (!found)
		refuse("there is no user '%s'", name);
	return *found;
}

static int directory_open(const char *path, uid_t uid)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		refuse("the state directory '%s' cannot be opened: %s", path, strerror(errno));
	if (status.st_uid != uid || status.st_mode & 077)
		refuse("others than user %u can get into '%s': run 'chown %u %s; chmod 0700 %s'", uid,
		       path, uid, path, path);
	return fd;
}

static void address_set(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		refuse("the path of the socket is too long: '%s'", path);
	strcpy(address->sun_path, path);
}

/* One that nobody answers at is of a signer that died. */
static void socket_clear(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat status;

	if (lstat(address->sun_path, &status)) {
		close(fd);
		return;
	}
	if (!S_ISSOCK(status.st_mode))
		refuse("'%s' is there, and is no socket", address->sun_path);
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		refuse("another signer listens at '%s'", address->sun_path);
	close(fd);
	unlink(address->sun_path);
}

/* Everybody may connect: the kernel tells who it is, and only the server is answered. */
static int socket_listen(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	mode_t mask;

	address_set(&address, path);
	socket_clear(&address);
	mask = umask(0111);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, 16))
		refuse("cannot listen at '%s': %s", path, strerror(errno));
	umask(mask);
	return fd;
}

/* ------------------------------------------------------------------ whole */

static struct signer *ledger_read(const struct options *given, int directory,
				  struct ml_secret_key *key)
{
	struct signer *signer;
	struct ml_error error;
	uint8_t digest[32];

	if (given->root_digest && !ml_strict_hex32(given->root_digest, digest))
		refuse("--root-digest: expected 64 lower-case hex digits");
	if (signer_open(directory, given->network, given->network ? digest : NULL, key, &signer,
			&error))
		refuse("%s", error.text);
	if (signer->ledger.torn)
		log_line(LOG_WARNING, "cut", "the last %llu bytes of the ledger were a record that was "
			 "never finished, and nobody was told of: they are cut off",
			 (unsigned long long)signer->ledger.torn);
	return signer;
}

static void ready(void)
{
	confine_calls();
	log_line(LOG_NOTICE, "ready", "waiting for the server");
}

static void check(const struct signer *signer)
{
	struct ml_note_key cosigner;
	char text[ML_NOTE_KEY_TEXT];

	printf("network %s, %llu records, root %llu, policy %llu, %zu nodes, generation %llu.%llu\n",
	       signer->network, (unsigned long long)signer->ledger.records,
	       (unsigned long long)(signer->has_root ? signer->root.version : 0),
	       (unsigned long long)(signer->has_policy ? signer->policy.version : 0),
	       signer->active, (unsigned long long)signer->statement.epoch,
	       (unsigned long long)signer->statement.serial);
	if (!cosign_key(signer, &cosigner, NULL)) {
		ml_note_key_format(&cosigner, text);
		printf("cosigner %s, %llu audit entries\n", text,
		       (unsigned long long)signer->seen.size);
	}
}

int main(int argc, char **argv)
{
	struct options given;
	struct passwd self = { .pw_uid = geteuid(), .pw_gid = getegid() };
	struct signer *signer;
	struct ml_secret_key *key;
	struct ml_error error;
	uid_t server;
	int directory, listener = -1;

	read_options(&given, argc, argv);
	tzset();
	signal(SIGPIPE, SIG_IGN);
	if (ml_keys_setup(&error))
		refuse("%s", error.text);
	server = user_find(given.server_user).pw_uid;
	if (!geteuid())
		self = user_find(given.user);
	directory = directory_open(given.state_dir, self.pw_uid);
	key = read_key(&given);
	if (!given.check)
		listener = socket_listen(given.socket);
	confine(directory, self.pw_uid, self.pw_gid);
	signer = ledger_read(&given, directory, key);
	if (given.forget && cosign_forget(signer, &error))
		refuse("%s", error.text);
	if (given.check)
		check(signer);
	else
		server_run(signer, listener, server, ready);
	signer_close(signer);
	return 0;
}
