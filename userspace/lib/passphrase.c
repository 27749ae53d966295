// SPDX-License-Identifier: MIT
#include "passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "file.h"
#include "locked.h"

static int passphrase_alloc(char **ret, struct ml_error *error)
{
	*ret = ml_locked_alloc(ML_PASSPHRASE_MAX + 1, "a passphrase", error);
	return *ret ? 0 : -ENOMEM;
}

void ml_passphrase_free(char *passphrase)
{
	ml_locked_free(passphrase);
}

/* Byte by byte: what follows the line belongs to somebody else. */
static int passphrase_read_line(int fd, char *line, struct ml_error *error)
{
	size_t length = 0;
	ssize_t n;
	char c;

	for (;;) {
		n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ml_error_set(error, -errno, "cannot read the passphrase: %s",
					    strerror(errno));
		if (!n || c == '\n')
			break;
		if (length == ML_PASSPHRASE_MAX || !c)
			return ml_error_set(error, -EINVAL,
					    "the passphrase is longer than %d bytes, or not text",
					    ML_PASSPHRASE_MAX);
		line[length++] = c;
	}
	sodium_memzero(&c, sizeof(c));
	line[length] = 0;
	if (!length)
		return ml_error_set(error, -EINVAL, "the passphrase is empty");
	return 0;
}

int ml_passphrase_read_fd(int fd, char **ret, struct ml_error *error)
{
	char *line;
	int r;

	r = passphrase_alloc(&line, error);
	if (r)
		return r;
	r = passphrase_read_line(fd, line, error);
	if (r) {
		ml_passphrase_free(line);
		return r;
	}
	*ret = line;
	return 0;
}

static int from_credential(const char *name, char **ret, struct ml_error *error)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	int fd, r;

	if (!directory)
		return -ENOENT;
	snprintf(path, sizeof(path), "%.4000s/%.64s", directory, name);
	r = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);
	if (r)
		return r;
	r = ml_passphrase_read_fd(fd, ret, error);
	close(fd);
	return r;
}

/* /proc/PID/environ shows what stands there, so it does not stay. */
static int from_environment(char **ret, struct ml_error *error)
{
	char *value = getenv(ML_PASSPHRASE_VARIABLE);
	size_t length;
	int r;

	if (!value)
		return -ENOENT;
	length = strlen(value);
	if (!length || length > ML_PASSPHRASE_MAX)
		r = ml_error_set(error, -EINVAL, ML_PASSPHRASE_VARIABLE " is empty, or longer than %d bytes",
				 ML_PASSPHRASE_MAX);
	else
		r = passphrase_alloc(ret, error);
	if (!r)
		memcpy(*ret, value, length + 1);
	sodium_memzero(value, length);
	unsetenv(ML_PASSPHRASE_VARIABLE);
	return r;
}

int ml_passphrase_given(int fd, const char *credential, char **ret, struct ml_error *error)
{
	int r;

	if (fd >= 0)
		return ml_passphrase_read_fd(fd, ret, error);
	r = from_credential(credential, ret, error);
	return r == -ENOENT ? from_environment(ret, error) : r;
}

/* A terminal with echo off, and the signals that would leave it so held back. */
struct quiet {
	int tty;
	int signals;
	sigset_t mask;
	struct termios termios;
};

static int quiet_open(struct quiet *quiet, struct ml_error *error)
{
	quiet->tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (quiet->tty < 0 || tcgetattr(quiet->tty, &quiet->termios)) {
		if (quiet->tty >= 0)
			close(quiet->tty);
		return ml_error_set(error, -ENXIO,
				    "no terminal to ask for the passphrase: give it through a file descriptor");
	}
	return 0;
}

static int quiet_hold_signals(struct quiet *quiet, struct ml_error *error)
{
	static const int held[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		sigaddset(&set, held[i]);
	quiet->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (quiet->signals < 0)
		return ml_error_set(error, -errno, "cannot hold signals back: %s",
				    strerror(errno));
	sigprocmask(SIG_BLOCK, &set, &quiet->mask);
	return 0;
}

static int quiet_begin(struct quiet *quiet, struct ml_error *error)
{
	struct termios silent;
	int r;

	r = quiet_open(quiet, error);
	if (r)
		return r;
	r = quiet_hold_signals(quiet, error);
	if (r) {
		close(quiet->tty);
		return r;
	}
	silent = quiet->termios;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	/* What was typed before the question is no answer to it. */
	tcsetattr(quiet->tty, TCSAFLUSH, &silent);
	return 0;
}

/* Signals that came are delivered here, to a terminal as it was. */
static void quiet_end(struct quiet *quiet)
{
	tcsetattr(quiet->tty, TCSAFLUSH, &quiet->termios);
	close(quiet->signals);
	close(quiet->tty);
	sigprocmask(SIG_SETMASK, &quiet->mask, NULL);
}

static int quiet_wait(const struct quiet *quiet, struct ml_error *error)
{
	struct pollfd events[2] = {
		{ .fd = quiet->signals, .events = POLLIN },
		{ .fd = quiet->tty, .events = POLLIN },
	};

	while (poll(events, 2, -1) < 0)
		if (errno != EINTR)
			return ml_error_set(error, -errno, "cannot wait for the terminal: %s",
					    strerror(errno));
	if (events[0].revents)
		return ml_error_set(error, -EINTR, "interrupted");
	return 0;
}

static int quiet_say(const struct quiet *quiet, const char *text, struct ml_error *error)
{
	if (write(quiet->tty, text, strlen(text)) < 0)
		return ml_error_set(error, -errno, "cannot write to the terminal: %s",
				    strerror(errno));
	return 0;
}

int ml_passphrase_ask(const char *prompt, char **ret, struct ml_error *error)
{
	struct quiet quiet;
	char *line = NULL;
	int r;

	r = quiet_begin(&quiet, error);
	if (r)
		return r;
	r = quiet_say(&quiet, prompt, error);
	if (!r)
		r = quiet_wait(&quiet, error);
	if (!r)
		r = ml_passphrase_read_fd(quiet.tty, &line, error);
	/* The newline that was typed was not shown. */
	quiet_say(&quiet, "\n", NULL);
	quiet_end(&quiet);
	if (!r)
		*ret = line;
	return r;
}

int ml_passphrase_ask_new(const char *prompt, const char *again, char **ret,
			  struct ml_error *error)
{
	char *first, *second;
	int r;

	r = ml_passphrase_ask(prompt, &first, error);
	if (r)
		return r;
	r = ml_passphrase_ask(again, &second, error);
	if (r) {
		ml_passphrase_free(first);
		return r;
	}
	if (strcmp(first, second) != 0)
		r = ml_error_set(error, -EINVAL, "the two passphrases differ: try again");
	ml_passphrase_free(second);
	if (r)
		ml_passphrase_free(first);
	else
		*ret = first;
	return r;
}
