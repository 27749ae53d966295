/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/2 client without manners: it sends what it is told to, byte for byte,
 * and shows what comes back. Frames are built here by hand (RFC 9113, 4.1);
 * only the compression of fields is nghttp2's.
 */
#ifndef HTTP_TEST_CLIENT_H
#define HTTP_TEST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_type {
	DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY,
	WINDOW_UPDATE, CONTINUATION,
};

enum frame_flag {
	END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8,
};

struct client;

struct frame {
	uint32_t length;
	uint8_t type, flags;
	uint32_t stream;
	uint8_t payload[16384 + 256];
};

struct pair {
	const char *name, *value;
};

/* Connected, or NULL. @certificate: "DIR/node" of a .pem and .key, or NULL. */
struct client *client_open(uint16_t port, const char *certificate);
/* The same, and SETTINGS are exchanged; aborts where it cannot. */
struct client *client_greet(uint16_t port, const char *certificate);
void client_close(struct client *client);
/* The socket alone, before any TLS; from client_source, "127.0.0.1" at first. Or -1. */
int client_socket(uint16_t port);
extern const char *client_source;
/* The server certificate's common name. */
void client_server_name(struct client *client, char *ret, size_t size);
bool client_update_key(struct client *client);
/* The server has given something by which the session could be resumed. */
bool client_can_resume(struct client *client);

/* False: the server has closed. */
bool client_send(struct client *client, const void *bytes, size_t length);
bool client_frame(struct client *client, uint8_t type, uint8_t flags, uint32_t stream,
		  const void *payload, size_t length);
/* Compressed fields; @ret must have room for 64 KiB. */
size_t client_block(struct client *client, const struct pair *pairs, size_t count,
		    uint8_t *ret);
/* HEADERS with END_HEADERS and @flags of these fields. */
bool client_headers(struct client *client, uint32_t stream, uint8_t flags,
		    const struct pair *pairs, size_t count);
/* GET @path on that stream. */
bool client_get(struct client *client, uint32_t stream, const char *path);

/*
 * @length bytes of DATA, as far as the server opens its windows; false: it does
 * not, or ends the stream.
 */
bool client_body(struct client *client, uint32_t stream, size_t length);

enum heard {
	HEARD_FRAME, HEARD_CLOSED, HEARD_NOTHING,
};
enum heard client_read(struct client *client, struct frame *ret, int ms);

struct answer {
	unsigned int status;	/* 0: none */
	bool reset, goaway, closed, complete;
	uint32_t code;		/* of the reset or GOAWAY */
	char type[64];		/* content-type */
	size_t length;		/* of the body, of which the text is the beginning */
	char text[256];
};
/*
 * What comes for @stream until it is over, the connection is, or @ms have passed.
 * Windows are opened as bytes come.
 */
void client_answer(struct client *client, uint32_t stream, struct answer *ret, int ms);

#endif
