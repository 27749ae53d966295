// SPDX-License-Identifier: MIT
/* What an administrator is shown once: the secret of his codes, and recovery codes. */
#include <stdlib.h>
#include <string.h>

#include <qrencode.h>
#include <sodium.h>

#include "admin.h"

#define QUIET 2		/* modules around the code that are light */

static bool is_dark(const QRcode *code, int x, int y)
{
	x -= QUIET;
	y -= QUIET;
	return x >= 0 && y >= 0 && x < code->width && y < code->width &&
	       (code->data[y * code->width + x] & 1);
}

/* Two rows in a line of text; light is drawn, since terminals are dark. */
static char *qr_draw(const QRcode *code)
{
	static const char *const blocks[] = { "█", "▀", "▄", " " };
	const int side = code->width + 2 * QUIET;
	char *text = malloc((size_t)side * (size_t)(side + 1) / 2 * 3 + (size_t)side + 1);
	char *at = text;

	for (int y = 0; text && y < side; y += 2) {
		for (int x = 0; x < side; x++) {
			bool below = y + 1 >= side || is_dark(code, x, y + 1);

			at = stpcpy(at, blocks[is_dark(code, x, y) * 2 + below]);
		}
		at = stpcpy(at, "\n");
	}
	return text;
}

static bool qr_show(struct ml_output *out, const char *uri)
{
	QRcode *code = QRcode_encodeString8bit(uri, 0, QR_ECLEVEL_L);
	char *text = code ? qr_draw(code) : NULL;
	const bool drawn = text;

	if (drawn) {
		ml_output_raw(out, text);
		sodium_memzero(text, strlen(text));
	}
	free(text);
	QRcode_free(code);
	return drawn;
}

static void codes_show(struct ml_output *out, const json_t *codes)
{
	ml_output_list(out, "recovery");
	for (size_t i = 0; i < json_array_size(codes); i++) {
		const char *code = json_string_value(json_array_get(codes, i));

		ml_output_field(out, NULL, NULL, i ? " " : "recovery codes", ML_PLAIN, "%s",
				code ? code : "");
		ml_output_value(out, NULL, ml_output_text(code));
	}
	ml_output_end(out);
}

bool admin_show_secrets(struct cli *cli, const json_t *answer)
{
	struct ml_output *out = cli->output;
	const char *uri = admin_text(answer, "totp");

	ml_output_field(out, "name", ml_output_text(admin_text(answer, "name")), "administrator",
			ML_STRONG, "%s", admin_text(answer, "name"));
	if (!cli->json && !qr_show(out, uri))
		return false;
	ml_output_field(out, "totp", ml_output_text(uri), "authenticator", ML_PLAIN, "%s", uri);
	codes_show(out, json_object_get(answer, "recovery"));
	ml_output_say(out, ML_WARN,
		      "This is shown once. Each recovery code stands for a lost authenticator, once.");
	return true;
}
