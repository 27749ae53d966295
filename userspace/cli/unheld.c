// SPDX-License-Identifier: MIT
#include "unheld.h"

#include "watch.h"

void unheld_by_guards(struct ml_output *out, const struct ml_kernel_status *status)
{
	json_t *list = json_array();

	for (unsigned int bit = 0; bit < 32; bit++) {
		if (!(status->holes & 1u << bit))
			continue;
		json_array_append_new(list, json_string(ml_hole_name(bit)));
		ml_output_field(out, NULL, NULL, "not held", ML_BAD, "%s", ml_hole_advice(bit));
	}
	ml_output_value(out, "holes", list);
}

void unheld_by_watch(struct ml_output *out)
{
	const char *lacks[ML_WATCH_LACKS];
	struct ml_watch watch;
	struct ml_error error;
	json_t *list = json_array();
	size_t count;

	if (ml_watch_get(&watch, &error)) {
		ml_output_field(out, "watch", json_null(), "watch", ML_WARN, "%s", error.text);
		json_decref(list);
		return;
	}
	count = ml_watch_lacks(&watch, lacks);
	ml_output_object(out, "watch");
	ml_output_field(out, "attached", json_boolean(watch.attached), "watch",
			watch.attached && !count ? ML_GOOD : ML_PLAIN, "%s", watch.attached ?
			"who sends what is denied is noted: merlon leaks" :
			"not attached, programs are not named: merlon-watch attach");
	ml_output_value(out, "refusesCalls", json_boolean(watch.settings.refuses));
	ml_output_value(out, "refusesAfXdp", json_boolean(watch.settings.holds_xdp));
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(list, json_string(lacks[i]));
		ml_output_field(out, NULL, NULL, "watch lacks", ML_WARN, "%s", lacks[i]);
	}
	ml_output_value(out, "lacks", list);
	ml_output_end(out);
}
