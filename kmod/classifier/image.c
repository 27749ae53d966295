// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * From bytes to a view: every field, bound, order and reference of an image.
 *
 * A parser of untrusted bytes: a pure function, linear in their number. It
 * also refuses second spellings as far as one pass can see them: numbers that
 * are given (classes, services, shapes, slots, places in the verdicts) go up
 * by one at their first use, and records that say what would hold without
 * them are left out.
 */
#include "tables.h"

#define IN_HEADER (-1)
/* Every selector of every protocol a range of its own. */
#define MAX_SERVICE_RANGES (5 * 65536 + 2 * 256 + 249)

struct check {
	struct merlon_view *view;
	struct merlon_fault *fault;
	u16 *last_slot;		/* of each shape */
	u16 *list_last;		/* of the list that starts at a verdict */
};

static int refuse(struct merlon_fault *fault, int code, int section, u32 index,
		  const char *what)
{
	return merlon_fault_set(fault, code, section, index, what);
}

#define REFUSE(section, index, what) \
	refuse(c->fault, -EINVAL, section, index, what)
#define INTERRUPTED(section, index) \
	refuse(c->fault, -EINTR, section, index, "interrupted by a signal")

/* ------------------------------------------------------- header and layout */

static const struct {
	size_t size;
	u32 max;
	const char *excess;
} sections[MERLON_SECTIONS] = {
	[MERLON_SECTION_TUNNELS] = { sizeof(struct merlon_tunnel),
		MERLON_MAX_TUNNELS, "more than MERLON_MAX_TUNNELS" },
	[MERLON_SECTION_HOSTS4] = { sizeof(struct merlon_host4),
		MERLON_MAX_HOSTS, "more than MERLON_MAX_HOSTS" },
	[MERLON_SECTION_HOSTS6] = { sizeof(struct merlon_host6),
		MERLON_MAX_HOSTS, "more than MERLON_MAX_HOSTS" },
	[MERLON_SECTION_NETS4] = { sizeof(struct merlon_net4),
		MERLON_MAX_NETS, "more than MERLON_MAX_NETS" },
	[MERLON_SECTION_NETS6] = { sizeof(struct merlon_net6),
		MERLON_MAX_NETS, "more than MERLON_MAX_NETS" },
	[MERLON_SECTION_CLASSES] = { sizeof(struct merlon_class),
		2 * MERLON_MAX_CLASSES, "more than MERLON_MAX_CLASSES" },
	[MERLON_SECTION_PAIRS] = { sizeof(struct merlon_pair),
		MERLON_MAX_PAIRS, "more than MERLON_MAX_PAIRS" },
	[MERLON_SECTION_SERVICES] = { sizeof(struct merlon_service),
		MAX_SERVICE_RANGES, "more ranges than there are selectors" },
	[MERLON_SECTION_RUNS] = { sizeof(struct merlon_run),
		MERLON_MAX_RUNS, "more than MERLON_MAX_RUNS" },
	[MERLON_SECTION_VERDICTS] = { sizeof(__le32),
		MERLON_MAX_VERDICTS, "more than MERLON_MAX_VERDICTS" },
	[MERLON_SECTION_RULES] = { sizeof(struct merlon_rule),
		MERLON_MAX_RULES, "more than MERLON_MAX_RULES" },
};

static void point_view(struct merlon_view *view, const u8 *at[MERLON_SECTIONS])
{
	view->tunnels = (const void *)at[MERLON_SECTION_TUNNELS];
	view->hosts4 = (const void *)at[MERLON_SECTION_HOSTS4];
	view->hosts6 = (const void *)at[MERLON_SECTION_HOSTS6];
	view->nets4 = (const void *)at[MERLON_SECTION_NETS4];
	view->nets6 = (const void *)at[MERLON_SECTION_NETS6];
	view->classes = (const void *)at[MERLON_SECTION_CLASSES];
	view->pairs = (const void *)at[MERLON_SECTION_PAIRS];
	view->services = (const void *)at[MERLON_SECTION_SERVICES];
	view->runs = (const void *)at[MERLON_SECTION_RUNS];
	view->verdicts = (const void *)at[MERLON_SECTION_VERDICTS];
	view->rules = (const void *)at[MERLON_SECTION_RULES];
}

/* Where each section stands; nothing behind the header is read. */
static int check_layout(struct check *c, const u8 *bytes, size_t len)
{
	const struct merlon_image_header *header = c->view->header;
	u64 position = sizeof(*header);
	const u8 *at[MERLON_SECTIONS];
	u32 count, s;

	for (s = 0; s < MERLON_SECTIONS; s++) {
		count = le32_to_cpu(header->count[s]);
		if (count > sections[s].max)
			return refuse(c->fault, -E2BIG, s, count, sections[s].excess);
		if (position + (u64)count * sections[s].size > len)
			return REFUSE(s, count, "the image ends inside this section");
		c->view->count[s] = count;
		at[s] = bytes + position;
		position += (u64)count * sections[s].size;
	}
	if (position != len)
		return REFUSE(IN_HEADER, 0, "bytes follow the last section");
	point_view(c->view, at);
	return 0;
}

static int check_counts(struct check *c)
{
	struct merlon_view *view = c->view;
	u32 classes = view->count[MERLON_SECTION_CLASSES];

	view->source_classes = le32_to_cpu(view->header->source_classes);
	view->shapes = le32_to_cpu(view->header->shapes);
	view->nr_services = le32_to_cpu(view->header->services);
	if (!view->source_classes || view->source_classes >= classes)
		return REFUSE(IN_HEADER, 0, "no source or no destination class");
	view->destination_classes = classes - view->source_classes;
	if (view->source_classes > MERLON_MAX_CLASSES ||
	    view->destination_classes > MERLON_MAX_CLASSES)
		return refuse(c->fault, -E2BIG, MERLON_SECTION_CLASSES, classes,
			      "more than MERLON_MAX_CLASSES");
	if (!view->shapes || !view->nr_services)
		return REFUSE(IN_HEADER, 0, "no shape or no service");
	if (view->shapes > MERLON_MAX_SHAPES)
		return refuse(c->fault, -E2BIG, IN_HEADER, view->shapes,
			      "more than MERLON_MAX_SHAPES");
	if (view->nr_services > MERLON_MAX_SERVICES)
		return refuse(c->fault, -E2BIG, IN_HEADER, view->nr_services,
			      "more than MERLON_MAX_SERVICES");
	return 0;
}

static int check_header(struct check *c, const u8 *bytes, size_t len)
{
	const struct merlon_image_header *header = (const void *)bytes;
	int ret;

	if (len < sizeof(*header))
		return REFUSE(IN_HEADER, 0, "shorter than a header");
	if (len > MERLON_MAX_IMAGE_BYTES)
		return refuse(c->fault, -E2BIG, IN_HEADER, 0,
			      "more than MERLON_MAX_IMAGE_BYTES");
	if (memcmp(header->magic, MERLON_IMAGE_MAGIC, sizeof(header->magic)) != 0)
		return REFUSE(IN_HEADER, 0, "not a Merlon policy image");
	if (le32_to_cpu(header->version) != MERLON_IMAGE_VERSION)
		return REFUSE(IN_HEADER, 0, "unknown image version");
	c->view->header = header;
	c->view->flags = le32_to_cpu(header->flags);
	if (c->view->flags & ~MERLON_IMAGE_F_MASK)
		return REFUSE(IN_HEADER, 0, "unknown image flag");
	if (le32_to_cpu(header->bytes) != len)
		return REFUSE(IN_HEADER, 0, "header names another length");
	ret = check_layout(c, bytes, len);
	return ret ? ret : check_counts(c);
}

/* ------------------------------------------------------------------ tunnels */

/* The kernel's rule for the names of devices, and NUL to the end. */
bool merlon_device_name_valid(const u8 name[16])
{
	u32 i, n = 0;

	while (n < 16 && name[n])
		n++;
	if (!n || n == 16)
		return false;
	for (i = n; i < 16; i++)
		if (name[i])
			return false;
	for (i = 0; i < n; i++)
		if (name[i] == '/' || name[i] == ':' || name[i] == ' ' ||
		    (name[i] >= '\t' && name[i] <= '\r') || name[i] == 0xa0)
			return false;
	return !(name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')));
}

static int check_tunnels(struct check *c)
{
	const struct merlon_tunnel *tunnels = c->view->tunnels;
	u32 i, j;

	for (i = 0; i < c->view->count[MERLON_SECTION_TUNNELS]; i++) {
		if (!merlon_device_name_valid(tunnels[i].name))
			return REFUSE(MERLON_SECTION_TUNNELS, i,
				      "not the name of a device");
		if (le32_to_cpu(tunnels[i].flags) & ~MERLON_TUNNEL_F_MASK)
			return REFUSE(MERLON_SECTION_TUNNELS, i,
				      "unknown tunnel flag");
		for (j = 0; j < i; j++)
			if (!memcmp(tunnels[j].name, tunnels[i].name, 16))
				return REFUSE(MERLON_SECTION_TUNNELS, i,
					      "a tunnel is named twice");
	}
	return 0;
}

/* ---------------------------------------------------------- hosts and nets */

/* One record of any of the four sections; IPv4 in the highest bits. */
struct end {
	u64 high, low;
	u32 source, destination;
	u8 tunnel, length, zero;
};

static void end_of_net4(const struct merlon_net4 *net, struct end *end)
{
	end->high = (u64)be32_to_cpu(net->address) << 32;
	end->low = 0;
	end->source = le32_to_cpu(net->source);
	end->destination = le32_to_cpu(net->destination);
	end->tunnel = net->tunnel;
	end->length = net->length;
	end->zero = net->zero[0] | net->zero[1];
}

static void end_of_net6(const struct merlon_net6 *net, struct end *end)
{
	end->high = merlon_env_be64(net->address);
	end->low = merlon_env_be64(net->address + 8);
	end->source = le32_to_cpu(net->source);
	end->destination = le32_to_cpu(net->destination);
	end->tunnel = net->tunnel;
	end->length = net->length;
	end->zero = net->zero[0] | net->zero[1];
}

static void end_of_host4(const struct merlon_host4 *host, struct end *end)
{
	end->high = (u64)be32_to_cpu(host->address) << 32;
	end->low = 0;
	end->source = le32_to_cpu(host->source);
	end->destination = le32_to_cpu(host->destination);
	end->tunnel = host->tunnel;
	end->length = 32;
	end->zero = host->zero[0] | host->zero[1] | host->zero[2];
}

static void end_of_host6(const struct merlon_host6 *host, struct end *end)
{
	end->high = merlon_env_be64(host->address);
	end->low = merlon_env_be64(host->address + 8);
	end->source = le32_to_cpu(host->source);
	end->destination = le32_to_cpu(host->destination);
	end->tunnel = host->tunnel;
	end->length = 128;
	end->zero = host->zero[0] | host->zero[1] | host->zero[2];
}

static void end_read(const struct merlon_view *view, u32 section, u32 i,
		     struct end *end)
{
	if (section == MERLON_SECTION_HOSTS4)
		end_of_host4(&view->hosts4[i], end);
	else if (section == MERLON_SECTION_HOSTS6)
		end_of_host6(&view->hosts6[i], end);
	else if (section == MERLON_SECTION_NETS4)
		end_of_net4(&view->nets4[i], end);
	else
		end_of_net6(&view->nets6[i], end);
}

/* The first @length bits of the 64 that start at bit @from of an address. */
static u64 prefix_mask(u32 length, u32 from)
{
	if (length <= from)
		return 0;
	if (length - from >= 64)
		return ~0ull;
	return ~0ull << (64 - (length - from));
}

static bool end_contains(const struct end *net, const struct end *end)
{
	return net->length <= end->length &&
	       !((net->high ^ end->high) & prefix_mask(net->length, 0)) &&
	       !((net->low ^ end->low) & prefix_mask(net->length, 64));
}

static bool end_below(const struct end *a, const struct end *b)
{
	if (a->high != b->high)
		return a->high < b->high;
	if (a->low != b->low)
		return a->low < b->low;
	return a->length < b->length;
}

static int check_end(struct check *c, u32 section, u32 i, const struct end *end)
{
	const struct merlon_view *view = c->view;
	u32 max = section == MERLON_SECTION_NETS4 ? 31 : 127;

	if (end->zero)
		return REFUSE(section, i, "a reserved byte is not zero");
	if (end->source >= view->source_classes)
		return REFUSE(section, i, "no such source class");
	if (end->destination >= view->destination_classes)
		return REFUSE(section, i, "no such destination class");
	if (end->tunnel > view->count[MERLON_SECTION_TUNNELS])
		return REFUSE(section, i, "no such tunnel");
	if (end->tunnel && le32_to_cpu(view->tunnels[end->tunnel - 1].flags) &
			   MERLON_TUNNEL_F_IGNORED)
		return REFUSE(section, i, "owned by an ignored tunnel");
	if (section != MERLON_SECTION_NETS4 && section != MERLON_SECTION_NETS6)
		return 0;
	if (end->length > max)
		return REFUSE(section, i, "too long for a net");
	if (end->high & ~prefix_mask(end->length, 0) ||
	    end->low & ~prefix_mask(end->length, 64))
		return REFUSE(section, i, "bits are set behind the prefix");
	return 0;
}

struct numbering {
	u32 source, destination;	/* how many classes were used so far */
};

static int check_ends(struct check *c, u32 section, struct numbering *used)
{
	struct end end, last = {};
	int ret;
	u32 i;

	for (i = 0; i < c->view->count[section]; i++, last = end) {
		if (merlon_env_interrupted_at(i))
			return INTERRUPTED(section, i);
		end_read(c->view, section, i, &end);
		ret = check_end(c, section, i, &end);
		if (ret)
			return ret;
		if (i && !end_below(&last, &end))
			return REFUSE(section, i, "not in ascending order");
		if (end.source > used->source || end.destination > used->destination)
			return REFUSE(section, i, "a class is used before the one below it");
		used->source += end.source == used->source;
		used->destination += end.destination == used->destination;
	}
	return 0;
}

/* The nets around the place that a sweep has reached, outermost first. */
struct nest {
	u32 section;		/* of the nets */
	u32 next;		/* net that the sweep meets next */
	u32 depth;
	u32 net[128];
};

static bool says_as_nest(struct check *c, struct nest *nest, const struct end *end)
{
	struct end outer;

	for (; nest->depth; nest->depth--) {
		end_read(c->view, nest->section, nest->net[nest->depth - 1], &outer);
		if (end_contains(&outer, end))
			return outer.source == end->source &&
			       outer.destination == end->destination &&
			       outer.tunnel == end->tunnel;
	}
	return !end->source && !end->destination && !end->tunnel;
}

/* Enters the nets that start before @until, or all of them if that is NULL. */
static int sweep_nets(struct check *c, struct nest *nest, const struct end *until)
{
	u32 count = c->view->count[nest->section];
	struct end net;

	for (; nest->next < count; nest->next++) {
		if (merlon_env_interrupted_at(nest->next))
			return INTERRUPTED(nest->section, nest->next);
		end_read(c->view, nest->section, nest->next, &net);
		if (until && !end_below(&net, until))
			return 0;
		if (says_as_nest(c, nest, &net))
			return REFUSE(nest->section, nest->next,
				      "says what holds without it");
		nest->net[nest->depth++] = nest->next;
	}
	return 0;
}

/* Hosts and nets of one family that could be left out. */
static int check_redundant(struct check *c, u32 hosts, u32 nets)
{
	struct nest nest = { .section = nets };
	struct end host;
	int ret;
	u32 i;

	for (i = 0; i < c->view->count[hosts]; i++) {
		if (merlon_env_interrupted_at(i))
			return INTERRUPTED(hosts, i);
		end_read(c->view, hosts, i, &host);
		ret = sweep_nets(c, &nest, &host);
		if (ret)
			return ret;
		if (says_as_nest(c, &nest, &host))
			return REFUSE(hosts, i, "says what holds without it");
	}
	return sweep_nets(c, &nest, NULL);
}

static int check_addresses(struct check *c)
{
	struct numbering used = { 1, 1 };
	u32 s;
	int ret;

	for (s = MERLON_SECTION_HOSTS4; s <= MERLON_SECTION_NETS6; s++) {
		ret = check_ends(c, s, &used);
		if (ret)
			return ret;
	}
	if (used.source != c->view->source_classes ||
	    used.destination != c->view->destination_classes)
		return REFUSE(IN_HEADER, 0, "a class has no address");
	ret = check_redundant(c, MERLON_SECTION_HOSTS4, MERLON_SECTION_NETS4);
	if (ret)
		return ret;
	return check_redundant(c, MERLON_SECTION_HOSTS6, MERLON_SECTION_NETS6);
}

/* ------------------------------------------------------ services and shapes */

u32 merlon_selector_max(u8 protocol)
{
	switch (protocol) {
	case 6:		/* TCP */
	case 17:	/* UDP */
	case 33:	/* DCCP */
	case 132:	/* SCTP */
	case 136:	/* UDP-Lite */
		return 65535;
	case 1:		/* ICMP */
	case 58:	/* ICMPv6 */
		return 255;
	default:
		return 0;
	}
}

static int check_service(struct check *c, u32 i, u32 *used)
{
	const struct merlon_service *now = &c->view->services[i];
	const struct merlon_service *last = i ? now - 1 : NULL;
	u32 first = le16_to_cpu(now->first), service = le16_to_cpu(now->service);

	if (now->zero)
		return REFUSE(MERLON_SECTION_SERVICES, i, "a reserved byte is not zero");
	if (first > le16_to_cpu(now->last) ||
	    le16_to_cpu(now->last) > merlon_selector_max(now->protocol))
		return REFUSE(MERLON_SECTION_SERVICES, i, "not a range of the protocol");
	if (!service || service > *used)
		return REFUSE(MERLON_SECTION_SERVICES, i,
			      "service 0, or one that is used before the one below it");
	*used += service == *used;
	if (!last || last->protocol < now->protocol)
		return 0;
	if (last->protocol > now->protocol || le16_to_cpu(last->last) >= first)
		return REFUSE(MERLON_SECTION_SERVICES, i,
			      "overlaps, or not in ascending order");
	if (last->service == now->service && le16_to_cpu(last->last) + 1u == first)
		return REFUSE(MERLON_SECTION_SERVICES, i, "two ranges that are one");
	return 0;
}

static int check_services(struct check *c)
{
	u32 i, used = 1;
	int ret;

	for (i = 0; i < c->view->count[MERLON_SECTION_SERVICES]; i++) {
		if (merlon_env_interrupted_at(i))
			return INTERRUPTED(MERLON_SECTION_SERVICES, i);
		ret = check_service(c, i, &used);
		if (ret)
			return ret;
	}
	if (used != c->view->nr_services)
		return REFUSE(IN_HEADER, 0, "a service has no range");
	return 0;
}

static int check_run(struct check *c, u32 i)
{
	const struct merlon_run *now = &c->view->runs[i];
	const struct merlon_run *last = i ? now - 1 : NULL;
	u32 shape = le32_to_cpu(now->shape), slot = le16_to_cpu(now->slot);
	u32 previous = last ? le32_to_cpu(last->shape) : 0;

	if (now->zero)
		return REFUSE(MERLON_SECTION_RUNS, i, "a reserved byte is not zero");
	if (!shape)
		return REFUSE(MERLON_SECTION_RUNS, i, "shape 0 has no runs");
	if (shape >= c->view->shapes)
		return REFUSE(MERLON_SECTION_RUNS, i, "no such shape");
	if (shape - previous > 1)
		return REFUSE(MERLON_SECTION_RUNS, i,
			      "not in ascending order, or a shape has no run");
	if (le16_to_cpu(now->first) > le16_to_cpu(now->last) ||
	    le16_to_cpu(now->last) >= c->view->nr_services)
		return REFUSE(MERLON_SECTION_RUNS, i, "no such range of services");
	if (!slot || slot > c->last_slot[shape] + 1u)
		return REFUSE(MERLON_SECTION_RUNS, i,
			      "slot 0, or one that is used before the one below it");
	if (slot > c->last_slot[shape])
		c->last_slot[shape] = slot;
	if (shape != previous)
		return 0;
	if (le16_to_cpu(last->last) >= le16_to_cpu(now->first))
		return REFUSE(MERLON_SECTION_RUNS, i,
			      "overlaps, or not in ascending order");
	if (last->slot == now->slot &&
	    le16_to_cpu(last->last) + 1u == le16_to_cpu(now->first))
		return REFUSE(MERLON_SECTION_RUNS, i, "two runs that are one");
	return 0;
}

/* Shape 0 has no runs, and slots. */
static int check_slots(struct check *c)
{
	const struct merlon_run *runs = c->view->runs;
	u32 i, count = c->view->count[MERLON_SECTION_RUNS];

	c->view->wide_shapes = 1;
	for (i = 0; i < count; i++)
		if ((!i || runs[i - 1].shape != runs[i].shape) && !merlon_run_is_lone(c->view, i))
			c->view->wide_shapes++;
	if ((u64)c->view->wide_shapes * c->view->nr_services > MERLON_MAX_SLOTS)
		return refuse(c->fault, -E2BIG, IN_HEADER, c->view->wide_shapes,
			      "shapes times services: more than MERLON_MAX_SLOTS");
	return 0;
}

static int check_runs(struct check *c)
{
	u32 i, count = c->view->count[MERLON_SECTION_RUNS];
	int ret;

	for (i = 0; i < count; i++) {
		if (merlon_env_interrupted_at(i))
			return INTERRUPTED(MERLON_SECTION_RUNS, i);
		ret = check_run(c, i);
		if (ret)
			return ret;
	}
	if ((count ? le32_to_cpu(c->view->runs[count - 1].shape) : 0) !=
	    c->view->shapes - 1)
		return REFUSE(IN_HEADER, 0, "a shape has no run");
	return check_slots(c);
}

/* ------------------------------------------------------------ rows and rules */

/* How far the numbers of shapes and the places of lists have been given out. */
struct rows {
	u32 shapes;
	u32 verdicts;
};

/*
 * A list is 0 and then the rules of slots 1 and up; none of them is 0. So what
 * a base may point at is a 0, and the list's length was noted when a row first
 * pointed there: that it fits the shape is one comparison.
 */
static const char *take_list(struct check *c, struct rows *rows, u32 base, u32 last)
{
	const __le32 *verdicts = c->view->verdicts;
	u32 i, rules = c->view->count[MERLON_SECTION_RULES];

	if ((u64)base + last >= c->view->count[MERLON_SECTION_VERDICTS])
		return "the verdicts end before this row does";
	if (verdicts[base])
		return "the verdict at base is not 0";
	for (i = 1; i <= last; i++)
		if (!verdicts[base + i] || le32_to_cpu(verdicts[base + i]) > rules)
			return "a verdict names no rule";
	c->list_last[base] = last;
	rows->verdicts = base + last + 1;
	return NULL;
}

static const char *check_row(struct check *c, struct rows *rows, u32 shape, u32 base)
{
	u32 last;

	if (shape >= c->view->shapes)
		return "no such shape";
	if (shape > rows->shapes)
		return "a shape is used before the one below it";
	rows->shapes += shape == rows->shapes;
	last = c->last_slot[shape];
	if (base > rows->verdicts)
		return "verdicts are left out before this row's";
	if (base == rows->verdicts)
		return take_list(c, rows, base, last);
	if (c->view->verdicts[base] || c->list_last[base] != last)
		return "base is not the start of a list that fits the shape";
	return NULL;
}

static const char *check_class(struct check *c, struct rows *rows, u32 i)
{
	const struct merlon_class *class = &c->view->classes[i];
	const struct merlon_class *zero = &c->view->classes[0];
	u32 flags = le32_to_cpu(class->flags);

	if (flags & ~MERLON_CLASS_F_MASK)
		return "unknown class flag";
	if (i < c->view->source_classes && flags)
		return "a source class has a flag";
	if (i >= c->view->source_classes && !flags)
		return class->shape || class->base ?
		       "a row that is not used is not 0" : NULL;
	if (flags && class->shape == zero->shape && class->base == zero->base)
		return "says what holds without it";
	return check_row(c, rows, le32_to_cpu(class->shape), le32_to_cpu(class->base));
}

static const char *check_pair(struct check *c, struct rows *rows, u32 i)
{
	const struct merlon_view *view = c->view;
	const struct merlon_pair *pair = &view->pairs[i];
	const struct merlon_pair *last = i ? pair - 1 : NULL;
	const struct merlon_class *row;
	u32 s = le32_to_cpu(pair->source), d = le32_to_cpu(pair->destination);

	if (s >= view->source_classes)
		return "no such source class";
	if (d >= view->destination_classes)
		return "no such destination class";
	if (last && (le32_to_cpu(last->source) > s ||
		     (last->source == pair->source && le32_to_cpu(last->destination) >= d)))
		return "not in ascending order";
	row = &view->classes[view->source_classes + d];
	if (!row->flags)
		row = &view->classes[s];
	if (row->shape == pair->shape && row->base == pair->base)
		return "says what holds without it";
	return check_row(c, rows, le32_to_cpu(pair->shape), le32_to_cpu(pair->base));
}

static int check_rows(struct check *c)
{
	struct rows rows = { .shapes = 1 };
	const char *what = NULL;
	u32 i;

	for (i = 0; i < c->view->count[MERLON_SECTION_CLASSES]; i++) {
		if (merlon_env_interrupted_at(i))
			return INTERRUPTED(MERLON_SECTION_CLASSES, i);
		what = check_class(c, &rows, i);
		if (what)
			return REFUSE(MERLON_SECTION_CLASSES, i, what);
	}
	for (i = 0; i < c->view->count[MERLON_SECTION_PAIRS]; i++) {
		if (merlon_env_interrupted_at(i))
			return INTERRUPTED(MERLON_SECTION_PAIRS, i);
		what = check_pair(c, &rows, i);
		if (what)
			return REFUSE(MERLON_SECTION_PAIRS, i, what);
	}
	if (rows.shapes != c->view->shapes)
		return REFUSE(IN_HEADER, 0, "a shape has no row");
	if (rows.verdicts != c->view->count[MERLON_SECTION_VERDICTS])
		return REFUSE(MERLON_SECTION_VERDICTS, rows.verdicts, "verdicts without a row");
	return 0;
}

void merlon_rule_read(const struct merlon_view *view, u32 i, struct merlon_rule *ret)
{
	/* The records before leave rules on a multiple of four, not of eight. */
	memcpy(ret, (const u8 *)view->rules + (size_t)i * sizeof(*ret), sizeof(*ret));
}

static int check_rules(struct check *c)
{
	static const u8 zero[sizeof(((struct merlon_rule *)NULL)->zero)];
	struct merlon_rule rule;
	u64 last = 0;
	u32 i;

	for (i = 0; i < c->view->count[MERLON_SECTION_RULES]; i++) {
		if (merlon_env_interrupted_at(i))
			return INTERRUPTED(MERLON_SECTION_RULES, i);
		merlon_rule_read(c->view, i, &rule);
		if (le64_to_cpu(rule.id) <= last)
			return REFUSE(MERLON_SECTION_RULES, i,
				      "id 0, or not in ascending order");
		if (rule.action == MERLON_ACTION_UNSPEC || rule.action > MERLON_ACTION_MAX)
			return REFUSE(MERLON_SECTION_RULES, i, "unknown action");
		if (memcmp(rule.zero, zero, sizeof(zero)) != 0)
			return REFUSE(MERLON_SECTION_RULES, i, "a reserved byte is not zero");
		last = le64_to_cpu(rule.id);
	}
	return 0;
}

static int check_sections(struct check *c)
{
	static int (*const checks[])(struct check *c) = {
		check_tunnels, check_addresses, check_services, check_runs,
		check_rows, check_rules,
	};
	u32 i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(checks); i++)
		ret = checks[i](c);
	return ret;
}

int merlon_image_check(const void *bytes, size_t len, struct merlon_view *ret,
		       struct merlon_fault *fault)
{
	struct merlon_view view = {};
	struct check c = { .view = &view, .fault = fault };
	int err;

	err = check_header(&c, bytes, len);
	if (err)
		return err;
	c.last_slot = merlon_env_calloc(view.shapes, sizeof(*c.last_slot));
	c.list_last = merlon_env_calloc(view.count[MERLON_SECTION_VERDICTS] + 1,
					sizeof(*c.list_last));
	if (c.last_slot && c.list_last)
		err = check_sections(&c);
	else
		err = refuse(fault, -ENOMEM, IN_HEADER, 0, "out of memory");
	merlon_env_free(c.list_last);
	merlon_env_free(c.last_slot);
	if (!err)
		*ret = view;
	return err;
}
