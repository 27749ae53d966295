/* SPDX-License-Identifier: MIT */
/* Between a session and what nghttp2 calls. */
#ifndef MERLON_CONTROL_HTTP_FRAMES_H
#define MERLON_CONTROL_HTTP_FRAMES_H

#include <nghttp2/nghttp2.h>

#include "http_session.h"

#define HTTP_LONGEST_BLOCK 4		/* CONTINUATION frames behind one HEADERS */
#define HTTP_DRAIN_PING "draining"	/* 8 bytes: what the first GOAWAY waits for */

/* -ENOMEM */
int http_frames_callbacks(nghttp2_session_callbacks **ret);

#endif
