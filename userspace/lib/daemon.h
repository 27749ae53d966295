/* SPDX-License-Identifier: MIT */
/*
 * merlond, as a program on the same machine sees it.
 *
 * THE PROTOCOL
 * ============
 * A SOCK_SEQPACKET unix socket, ML_DAEMON_SOCKET. One datagram is one request
 * or one reply, both JSON objects in UTF-8 of at most ML_DAEMON_MESSAGE bytes;
 * every request has exactly one reply, in order. Requests:
 *
 *   {"request":"status"}                       root and members of group merlon
 *   {"request":"apply"}                        root; one descriptor comes with it
 *                                              (SCM_RIGHTS): a memfd sealed against
 *                                              every change, holding a bundle file
 *   {"mode":"enforcing","request":"armed","scope":"tunnels"}    root
 *   {"request":"disarmed"}                                      root
 *
 * `merlon arm` and `merlon disarm` change the kernel themselves, and then say
 * so here: 'armed' is kept, so that merlond arms the same scope and mode after
 * a reboot before it loads the last bundle; and where the kernel holds no
 * generation, merlond loads that bundle now. merlond believes the kernel, not
 * the request. An arming that waits for its confirmation is told when it is
 * confirmed, not before (-EINPROGRESS): it must not survive a reboot. Where
 * merlond does not run, see ml_armed_write().
 *
 * Every reply has "ok", "code" (0 or a negative errno), "sentence" (for a
 * person; "" where there is nothing to say), and as far as they are known
 * "epoch", "serial" (of the generation that the kernel holds), "state",
 * "scope", "mode" (as ml_state_name() and its neighbours call them). A refused
 * client is told so and the connection ends.
 *
 * A reply to 'apply' comes when the kernel has acknowledged, and the state
 * directory remembers: what was acknowledged survives everything. -EAGAIN: the
 * bundle is good, its not-before lies ahead; it is kept, and applied then.
 * -EALREADY: exactly this generation is in force; nothing was done. -ETIME: it
 * has expired, by its date or in the kernel.
 *
 * A reply to 'status' also has "network", "node", "version", and, where there
 * are any: "issued", "notBefore", "expires" (Unix seconds, of the last accepted
 * bundle; "expires": or when the kernel ends it, if that is earlier), "stale"
 * (true: issued more than three days ago, and a fifth of its lifetime is gone),
 * "armed" (what is kept for the next boot: {"mode":…,"scope":…}), "bundleScope"
 * (the scope that the bundle asks for), "pending" (array of {"epoch":…,
 * "notBefore":…,"serial":…}), "quarantined" (how many bundles were set aside),
 * "tunnel" (where merlond has the WireGuard device: {"device":…,"peers":…,
 * "problem":…}; "device": "" before the first bundle; "peers": of the bundle;
 * "problem": a sentence, "" where the device is as the bundle says), "server" (where
 * the node is enrolled: {"certificateExpires":…,"problem":…,"url":…}; the first in Unix
 * seconds, 0: there is no certificate; "problem": a sentence, "" where all is well).
 */
#ifndef ML_DAEMON_H
#define ML_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <linux/merlon.h>

#include "bundle.h"
#include "error.h"

#define ML_DAEMON_SOCKET	"/run/merlon/merlond.sock"
#define ML_DAEMON_STATE_DIR	"/var/lib/merlon"
#define ML_DAEMON_INBOX		"/var/lib/merlon-inbox"	/* *.bundle, moved in by rename */
#define ML_DAEMON_TRUST		"/etc/merlon/trust.json"
#define ML_DAEMON_USER		"merlon"
#define ML_DAEMON_ARMED_FILE	"armed"	/* in the state directory: see ml_armed_write() */
#define ML_DAEMON_MESSAGE	8192u
#define ML_DAEMON_STALE_SECONDS	(3 * 86400)

struct ml_daemon;	/* a connection; one thread at a time */

/* @path: NULL: ML_DAEMON_SOCKET. -ECONNREFUSED, -ENOENT: merlond does not run. */
int ml_daemon_open(const char *path, struct ml_daemon **ret, struct ml_error *error);
void ml_daemon_close(struct ml_daemon *daemon);

struct ml_daemon_reply {
	uint64_t epoch, serial;		/* 0: the kernel holds no generation */
	enum merlon_state state;	/* UNSPEC: not known */
	enum merlon_scope scope;
	enum merlon_mode mode;
	char sentence[512];
	json_t *json;			/* all of it; ml_daemon_reply_clean() frees it */
};

/*
 * Each returns 0 or the reply's code, with its sentence in @error. @ret may be
 * NULL; it is filled whenever there was a reply (ret->json is set), also where
 * that is a refusal, and untouched otherwise.
 */
int ml_daemon_apply(struct ml_daemon *daemon, struct ml_bytes bundle,
		    struct ml_daemon_reply *ret, struct ml_error *error);
int ml_daemon_status(struct ml_daemon *daemon, struct ml_daemon_reply *ret,
		     struct ml_error *error);
int ml_daemon_armed(struct ml_daemon *daemon, enum merlon_scope scope,
		    enum merlon_mode mode, struct ml_daemon_reply *ret,
		    struct ml_error *error);
int ml_daemon_disarmed(struct ml_daemon *daemon, struct ml_daemon_reply *ret,
		       struct ml_error *error);
void ml_daemon_reply_clean(struct ml_daemon_reply *reply);

/*
 * What is armed after a reboot, kept in the file "armed" of the state directory
 * (absent: nothing). merlond writes it; a program only where merlond does not
 * run: `merlon disarm` on a machine whose module does not load, for one.
 * @scope UNSPEC: nothing shall be armed, and the file goes. Atomic, fsynced.
 * -EBADMSG: the file says what no program wrote.
 */
int ml_armed_write(const char *path, enum merlon_scope scope, enum merlon_mode mode,
		   struct ml_error *error);
int ml_armed_read(const char *path, enum merlon_scope *ret_scope,
		  enum merlon_mode *ret_mode, struct ml_error *error);

/* The other side: what merlond makes of a request. */
enum ml_daemon_request_type {
	ML_DAEMON_NONE,
	ML_DAEMON_STATUS,
	ML_DAEMON_APPLY,
	ML_DAEMON_ARMED,
	ML_DAEMON_DISARMED,
};

struct ml_daemon_request {
	enum ml_daemon_request_type type;
	enum merlon_scope scope;	/* ARMED */
	enum merlon_mode mode;		/* ARMED */
};

/* From untrusted bytes. -EBADMSG: not a request, and why. */
int ml_daemon_request_parse(const char *text, size_t length, struct ml_daemon_request *ret,
			    struct ml_error *error);

/*
 * A descriptor that holds @bytes, sealed against every change; and from such a
 * descriptor the bytes, mapped (munmap() them; the descriptor stays open).
 * -EPERM: not sealed, so that what was verified could change afterwards;
 * -E2BIG: above ML_BUNDLE_MAX_BYTES; -EBADMSG: empty.
 */
int ml_sealed_create(struct ml_bytes bytes, int *ret_fd, struct ml_error *error);
int ml_sealed_map(int fd, struct ml_bytes *ret, struct ml_error *error);

#endif
