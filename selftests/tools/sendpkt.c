// SPDX-License-Identifier: MIT
/*
 * sendpkt [raw] DEVICE FIELD=VALUE... [quote FIELD=VALUE...]
 *
 * Sends one packet made by hand (fields.h): by a packet socket out of DEVICE,
 * past this namespace's own netfilter; with "raw" by a raw IP socket bound to
 * DEVICE, through all of it.
 *
 * Status: 0 sent; 1 refused by the kernel (the error is printed); 2 usage.
 */
#include "fields.h"
#include "sender.h"

int main(int argc, char **argv)
{
	static uint8_t bytes[CRAFT_ROOM];
	bool raw = argc > 1 && !strcmp(argv[1], "raw");
	struct sender sender;
	struct craft craft;
	size_t length;

	argv += raw ? 2 : 1;
	if (argc < 3 + raw)
		fields_refuse("too little");
	sender_open(&sender, raw, *argv);
	length = fields_build(&craft, argv + 1, bytes);
	while (fields_count--) {
		if (sender_send(&sender, &craft, bytes, length) >= 0)
			continue;
		fprintf(stderr, "sendpkt: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}
