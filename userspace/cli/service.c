// SPDX-License-Identifier: MIT
#include "service.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#define UNIT "merlond.service"

int service_start(struct ml_error *error)
{
	sd_bus_error bus_error = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	int code;

	if (sd_booted() <= 0)
		return ml_error_set(error, -ENOENT, "systemd does not run here: start merlond yourself");
	code = sd_bus_open_system(&bus);
	if (code >= 0)
		code = sd_bus_call_method(bus, "org.freedesktop.systemd1",
					  "/org/freedesktop/systemd1",
					  "org.freedesktop.systemd1.Manager", "RestartUnit",
					  &bus_error, NULL, "ss", UNIT, "replace");
	if (code < 0)
		ml_error_set(error, -ENOENT, "systemd did not start " UNIT ": %s",
			     bus_error.message ? bus_error.message : strerror(-code));
	sd_bus_error_free(&bus_error);
	sd_bus_flush_close_unref(bus);
	return code < 0 ? -ENOENT : 0;
}
