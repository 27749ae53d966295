// SPDX-License-Identifier: MIT
/* drops: what was denied, and why; as it happens with --follow. */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "commands.h"
#include "daemon.h"
#include "describe.h"
#include "live.h"
#include "units.h"

/* ------------------------------------------------------------- one event */

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ||
	       protocol == IPPROTO_UDPLITE || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP;
}

static void now_text(char buffer[static UNITS_TEXT], bool whole)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(buffer, UNITS_TEXT, whole ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
	snprintf(buffer + n, UNITS_TEXT - n, ".%03ld%s", now.tv_nsec / 1000000, whole ? "Z" : "");
}

/* A string, or null where there is no packet of IP to speak of. */
static json_t *known(bool is_known, const char *text)
{
	return is_known ? ml_output_text(text) : json_null();
}

static json_t *number(bool is_known, unsigned int value)
{
	return is_known ? json_integer(value) : json_null();
}

static void end_json(struct ml_output *out, const char *key, const char *name_key,
		     const struct live *live, uint8_t family, const uint8_t *address)
{
	ml_output_value(out, key, family ? describe_address_json(family, address) : json_null());
	ml_output_value(out, name_key, known(family, family ?
					     describe_name(live->ruleset, family, address) : NULL));
}

static void packet_json(struct ml_output *out, const struct live *live,
			const struct ml_kernel_event *event)
{
	char service[DESCRIBE_TEXT] = "";
	bool ip = event->family;

	if (ip)
		describe_service(event->protocol, event->selector, service);
	ml_output_value(out, "ethertype", number(event->ethertype, event->ethertype));
	ml_output_value(out, "family", known(ip, event->family == AF_INET ? "ipv4" : "ipv6"));
	end_json(out, "source", "sourceName", live, event->family, event->source);
	end_json(out, "destination", "destinationName", live, event->family, event->destination);
	ml_output_value(out, "protocol", number(ip, event->protocol));
	ml_output_value(out, "sourcePort",
			number(ip && has_ports(event->protocol), event->source_port));
	ml_output_value(out, "selector", number(ip, event->selector));
	ml_output_value(out, "service", known(ip, service));
}

static void drop_json(struct ml_output *out, const struct live *live,
		      const struct ml_kernel_event *event)
{
	ml_output_value(out, "reason", json_string(ml_reason_name(event->reason)));
	ml_output_value(out, "hook", json_string(ml_hook_name(event->hook)));
	ml_output_value(out, "action", json_string(ml_action_name(event->action)));
	ml_output_value(out, "observed", json_boolean(event->observed));
	packet_json(out, live, event);
	ml_output_value(out, "reply", json_boolean(event->reply));
	ml_output_value(out, "length", json_integer(event->length));
	ml_output_value(out, "deviceIn", known(*event->device_in, event->device_in));
	ml_output_value(out, "deviceOut", known(*event->device_out, event->device_out));
	ml_output_value(out, "rule", live_rule_json(live, event->rule_id));
	ml_output_value(out, "suppressed", json_integer((json_int_t)event->suppressed));
}

static void drop_why(const struct live *live, const struct ml_kernel_event *event,
		     char *buffer, size_t size)
{
	const struct ml_rule *rule = live_rule(live, event->rule_id);

	if (rule)
		snprintf(buffer, size, "rule %016" PRIx64 " (line %u)", event->rule_id, rule->line);
	else if (event->rule_id)
		snprintf(buffer, size, "rule %016" PRIx64, event->rule_id);
	else
		snprintf(buffer, size, "%s", ml_reason_name(event->reason));
}

/* The kernel knows by conntrack; where that does not run, some packets say it themselves. */
static bool is_reply(const struct ml_kernel_event *event)
{
	if (event->reply || (event->reason == MERLON_REASON_NOT_OPENED &&
			     has_ports(event->protocol)))
		return true;
	return (event->protocol == IPPROTO_ICMP && event->selector == ICMP_ECHOREPLY) ||
	       (event->protocol == IPPROTO_ICMPV6 && event->selector == ICMP6_ECHO_REPLY);
}

/* What was asked for; of a reply, what it answers. */
static const char *drop_service(const struct ml_kernel_event *event,
				char buffer[static DESCRIBE_TEXT + 16])
{
	bool reply = is_reply(event), answer = reply && has_ports(event->protocol);
	char service[DESCRIBE_TEXT];

	describe_service(event->protocol, answer ? event->source_port : event->selector, service);
	snprintf(buffer, DESCRIBE_TEXT + 16, "%s%s", reply ? "reply, " : "", service);
	return buffer;
}

/* Where a packet leaves, nobody says by which device it came, or whether it is this machine's. */
static const char *drop_way(const struct ml_kernel_event *event, char buffer[static 48])
{
	const char *out = event->hook == MERLON_HOOK_INPUT ? "here" : event->device_out;

	snprintf(buffer, 48, "%s→%s", event->device_in, out);
	return buffer;
}

/* What a frame holds that has no addresses of IP. */
static const char *frame_text(uint16_t ethertype, char buffer[static DESCRIBE_TEXT])
{
	static const struct {
		uint16_t ethertype;
		const char *name;
	} names[] = {
		{ ETH_P_IP, "IPv4" }, { ETH_P_IPV6, "IPv6" }, { ETH_P_ARP, "ARP" },
		{ ETH_P_PAE, "EAPOL" }, { ETH_P_PPP_DISC, "PPPoE" }, { ETH_P_PPP_SES, "PPPoE" },
		{ 0, "a frame that is not understood" },
	};

	snprintf(buffer, DESCRIBE_TEXT, "EtherType 0x%04x", ethertype);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].ethertype == ethertype)
			snprintf(buffer, DESCRIBE_TEXT, "%s", names[i].name);
	return buffer;
}

/* "laptop (10.0.0.2) → 192.0.2.1  tcp:22", or "ARP" */
static const char *packet_text(const struct live *live, const struct ml_kernel_event *event,
			       char buffer[static 3 * DESCRIBE_TEXT + 32])
{
	char from[DESCRIBE_TEXT], to[DESCRIBE_TEXT], service[DESCRIBE_TEXT + 16];

	if (!event->family)
		return frame_text(event->ethertype, buffer);
	snprintf(buffer, 3 * DESCRIBE_TEXT + 32, "%s → %s  %s",
		 describe_address(live->ruleset, event->family, event->source, from),
		 describe_address(live->ruleset, event->family, event->destination, to),
		 drop_service(event, service));
	return buffer;
}

static void drop_text(struct ml_output *out, const struct live *live,
		      const struct ml_kernel_event *event)
{
	char packet[3 * DESCRIBE_TEXT + 32], why[80];
	char when[UNITS_TEXT], way[48], more[64] = "";

	now_text(when, false);
	drop_why(live, event, why, sizeof(why));
	if (event->suppressed)
		snprintf(more, sizeof(more), "  (%" PRIu64 " before it not shown)",
			 event->suppressed);
	ml_output_say(out, event->observed ? ML_WARN : ML_BAD, "%s  %s  %s  %s  %s%s", when,
		      event->observed ? "would drop" :
		      event->action == MERLON_ACTION_REJECT ? "rejected" : "dropped",
		      packet_text(live, event, packet), drop_way(event, way), why, more);
}

static void state_tell(struct ml_output *out, const struct ml_kernel_status *status)
{
	char when[UNITS_TEXT];

	now_text(when, false);
	ml_output_value(out, "state", json_string(ml_state_name(status->state)));
	ml_output_value(out, "epoch", json_integer((json_int_t)status->epoch));
	ml_output_value(out, "serial", json_integer((json_int_t)status->serial));
	ml_output_say(out, ML_STRONG, "%s  %s, generation %" PRIu64 ".%" PRIu64, when,
		      ml_state_name(status->state), status->epoch, status->serial);
}

static void event_tell(struct ml_output *out, const struct live *live,
		       const struct ml_kernel_event *event)
{
	bool drop = event->command == MERLON_CMD_DROP_EVENT;
	char when[UNITS_TEXT];

	now_text(when, true);
	ml_output_value(out, "event", json_string(drop ? "drop" : "state"));
	ml_output_value(out, "time", json_string(when));
	if (drop) {
		drop_json(out, live, event);
		drop_text(out, live, event);
	} else {
		state_tell(out, &event->status);
	}
	ml_output_flush(out);
}

/* What came faster than it could be shown: how much, nobody counted. */
static void lost_tell(struct cli *cli)
{
	char when[UNITS_TEXT];

	now_text(when, true);
	ml_output_value(cli->output, "event", json_string("lost"));
	ml_output_value(cli->output, "time", json_string(when));
	if (cli->json)
		ml_output_flush(cli->output);
	else
		cli_remark(cli, "(events came faster than they could be shown, some are lost)");
}

/* ----------------------------------------------------------------- follow */

/* Another generation has other rules and names. */
static int refresh(struct cli *cli, struct live *live, const struct ml_kernel_event *event,
		   struct ml_error *error)
{
	if (event->command != MERLON_CMD_STATE_EVENT ||
	    !memcmp(event->status.digest, live->status.digest, sizeof(live->status.digest)))
		return 0;
	live_close(live);
	return live_open(cli, live, error);
}

static int wait_for(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	while (poll(&poller, 1, -1) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int follow_one(struct cli *cli, struct live *live, struct ml_kernel *events,
		      uint64_t *drops, struct ml_error *error)
{
	struct ml_kernel_event event;
	int code;

	code = ml_kernel_event_read(events, &event, error);
	if (code == -ENOBUFS) {
		lost_tell(cli);
		return 0;
	}
	if (code == -EAGAIN)
		return wait_for(ml_kernel_fd(events));
	if (code)
		return code;
	code = refresh(cli, live, &event, error);
	if (code)
		return code;
	event_tell(cli->output, live, &event);
	*drops += event.command == MERLON_CMD_DROP_EVENT;
	return 0;
}

static int follow(struct cli *cli, struct live *live, uint64_t count, struct ml_error *error)
{
	struct ml_kernel *events;
	uint64_t drops = 0;
	int code;

	code = ml_kernel_open(&events, error);
	if (code)
		return code;
	code = ml_kernel_subscribe(events, error);
	if (!code)
		cli_remark(cli, "(state: %s; ends with Ctrl-C)", ml_state_name(live->status.state));
	while (!code && (!count || drops < count))
		code = follow_one(cli, live, events, &drops, error);
	ml_kernel_close(events);
	return code;
}

/* ----------------------------------------------------------------- totals */

static const struct ml_column total_columns[] = {
	{ "reason", "REASON", false },
	{ "denied", "DENIED", true },
	{ "meaning", "MEANING", false },
};

static const char *reason_meaning(enum merlon_reason reason)
{
	static const char *const meanings[__MERLON_REASON_MAX] = {
		[MERLON_REASON_RULE] = "a rule denies it: merlon rules",
		[MERLON_REASON_NO_RULE] = "no rule speaks of it",
		[MERLON_REASON_LOCKDOWN] = "armed without a generation",
		[MERLON_REASON_EXPIRED] = "the generation is too old",
		[MERLON_REASON_UNKNOWN_TUNNEL] = "a WireGuard device that the policy does not name",
		[MERLON_REASON_SPOOFED] = "a tunnel's source address that came by another device",
		[MERLON_REASON_HEADER] = "headers are cut short or contradict themselves",
		[MERLON_REASON_FRAGMENT] = "a fragment that was not put together",
		[MERLON_REASON_NOT_OPENED] = "looks like a reply, but nothing permitted asked for it",
		[MERLON_REASON_TRANSLATED] = "denied by the destination that NAT put in",
		[MERLON_REASON_OFF_TUNNEL] = "would leave outside of the tunnel",
		[MERLON_REASON_BYPASS] = "got past the IP stack (packet socket, bridge, macvlan), and may not leave",
		[MERLON_REASON_GUARD] = "the guard's rule does not let it leave",
		[MERLON_REASON_SHADOW] = "NAT gave it the port of a tunnel, whose packets it would get",
	};

	return reason < __MERLON_REASON_MAX && meanings[reason] ? meanings[reason] : "";
}

static void totals(struct cli *cli, const struct live *live)
{
	const struct ml_kernel_status *status = &live->status;
	struct ml_output *out = cli->output;
	uint64_t sum = 0;

	ml_output_value(out, "state", json_string(ml_state_name(status->state)));
	ml_output_table(out, "drops", total_columns, 3);
	for (int i = 1; i < __MERLON_REASON_MAX; i++) {
		if (!status->denied[i])
			continue;
		sum += status->denied[i];
		ml_output_cell(out, json_string(ml_reason_name(i)), ML_PLAIN, "%s",
			       ml_reason_name(i));
		ml_output_cell(out, json_integer((json_int_t)status->denied[i]), ML_BAD,
			       "%" PRIu64, status->denied[i]);
		ml_output_cell(out, json_string(reason_meaning(i)), ML_DIM, "%s",
			       reason_meaning(i));
	}
	ml_output_table_end(out);
	ml_output_value(out, "denied", json_integer((json_int_t)sum));
	ml_output_say(out, ML_PLAIN, "%" PRIu64 " packets denied%s. As it happens: merlon drops --follow",
		      sum, status->mode == MERLON_MODE_OBSERVING ?
			      " (observing now: they pass)" : "");
}

static int drops_run(struct cli *cli)
{
	const char *text = cli_option(cli, "count");
	struct ml_error error;
	struct live live;
	uint64_t count = 0;
	int code = 0;

	if (text && units_number_parse("--count", text, 1, UINT32_MAX, &count, &error))
		return cli_fail(cli, &error);
	if (live_open(cli, &live, &error))
		return cli_fail(cli, &error);
	if (text || cli_option(cli, "follow"))
		code = follow(cli, &live, count, &error);
	else
		totals(cli, &live);
	live_close(&live);
	return code ? cli_fail(cli, &error) : CLI_YES;
}

static const struct cli_option drops_options[] = {
	{ "follow", 'f', NULL, "show each as it happens, until Ctrl-C" },
	{ "count", 'c', "N", "show the next N, then end" },
	LIVE_OPTIONS,
	{ 0 },
};

const struct cli_command cli_drops = {
	.name = "drops", .operands = "",
	.summary = "show what was denied, and why",
	.notes = "The kernel limits how many it tells of; how many it did not tell of is shown.\n"
		 "With --json each event is one line.",
	.options = drops_options,
	.run = drops_run,
};
