// SPDX-License-Identifier: MIT
/*
 * leakpkt [OPTION]... WAY DEVICE|- [FIELD=VALUE]...
 *
 * Sends one packet (fields.h) in one of the ways in which packets leave a
 * machine. DEVICE is bound to; with "-" routing decides.
 *
 *   udp tcp		sockets; tcp connects and does not wait
 *   raw		a raw socket of the packet's protocol: ICMP, NDP, IGMP, GRE, …
 *   hdrincl		a raw socket, IP header included
 *   join		membership in the group dst=, for -w MS
 *   packet		AF_PACKET, whole frames
 *   packet-dgram	AF_PACKET, the kernel writes the Ethernet header
 *   packet-bypass	AF_PACKET with PACKET_QDISC_BYPASS; packet-dgram-bypass: both
 *   packet-ring	AF_PACKET with PACKET_TX_RING
 *   xdp		AF_XDP
 *   tap		what a virtual machine behind the tap DEVICE sends
 *
 *   -n NAME	in that namespace; before other options
 *   -m MARK	SO_MARK			-i DEV	multicast leaves by DEV
 *   -d MAC	the frame's destination (broadcast)
 *   -e TYPE	EtherType; without dst= the frame is that and the data
 *   -x HEX	data			-s SIZE	data repeated up to SIZE bytes
 *   -w MS	how long a membership is kept; an AF_XDP socket, too: "sent", then
 *
 * Status: 0 sent; 1 refused by the kernel (the error is printed); 2 usage.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <netinet/ether.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "leakxdp.h"
#include "netns.h"

/* ------------------------------------------------------------------ sockets */

static void set_int(int fd, int level, int option, int value)
{
	sender_check(!setsockopt(fd, level, option, &value, sizeof(value)), "setsockopt");
}

static socklen_t address_of(const struct leak *leak, const uint8_t *bytes, uint16_t port,
			    struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = leak->craft.family;
	if (leak->craft.family == AF_INET) {
		memcpy(&v4->sin_addr, bytes, 4);
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	memcpy(&v6->sin6_addr, bytes, 16);
	v6->sin6_port = htons(port);
	if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) || IN6_IS_ADDR_MULTICAST(&v6->sin6_addr))
		v6->sin6_scope_id = leak->ifindex;
	return sizeof(*v6);
}

static void set_hops(const struct leak *leak, int fd)
{
	if (leak->craft.family == AF_INET) {
		set_int(fd, IPPROTO_IP, IP_TTL, leak->craft.ttl);
		set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, leak->craft.ttl);
	} else {
		set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, leak->craft.ttl);
		set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, leak->craft.ttl);
	}
}

static void set_multicast(const struct leak *leak, int fd)
{
	int ifindex = (int)if_nametoindex(leak->multicast);
	struct ip_mreqn group = { .imr_ifindex = ifindex };

	if (leak->craft.family == AF_INET6)
		set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, ifindex);
	else
		sender_check(!setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof(group)),
			     "IP_MULTICAST_IF");
}

static int open_socket(const struct leak *leak, int type, int protocol)
{
	int fd = socket(leak->craft.family, type | SOCK_NONBLOCK, protocol);

	sender_check(fd >= 0, "socket");
	set_int(fd, SOL_SOCKET, SO_BROADCAST, 1);
	if (leak->mark)
		set_int(fd, SOL_SOCKET, SO_MARK, (int)leak->mark);
	if (leak->device)
		sender_check(!setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, leak->device,
					 (socklen_t)strlen(leak->device)), "SO_BINDTODEVICE");
	if (leak->multicast)
		set_multicast(leak, fd);
	return fd;
}

static void bind_source(const struct leak *leak, int fd, uint16_t port)
{
	static const uint8_t any[16];
	struct sockaddr_storage address;
	socklen_t length;

	if (!port && !memcmp(leak->craft.source, any, sizeof(any)))
		return;
	length = address_of(leak, leak->craft.source, port, &address);
	sender_check(!bind(fd, (struct sockaddr *)&address, length), "bind");
}

static int send_on(const struct leak *leak, int fd, uint16_t port, const uint8_t *bytes,
		   size_t size)
{
	struct sockaddr_storage address;
	socklen_t length = address_of(leak, leak->craft.destination, port, &address);

	if (sendto(fd, bytes, size, 0, (struct sockaddr *)&address, length) < 0)
		return -errno;
	return 0;
}

static int send_udp(struct leak *leak)
{
	int fd = open_socket(leak, SOCK_DGRAM, 0);

	set_hops(leak, fd);
	bind_source(leak, fd, leak->craft.source_port);
	return send_on(leak, fd, leak->craft.port, leak->craft.data, leak->craft.data_length);
}

static int send_tcp(struct leak *leak)
{
	int fd = open_socket(leak, SOCK_STREAM, 0);
	struct sockaddr_storage address;
	socklen_t length;

	bind_source(leak, fd, leak->craft.source_port);
	length = address_of(leak, leak->craft.destination, leak->craft.port, &address);
	if (connect(fd, (struct sockaddr *)&address, length) && errno != EINPROGRESS)
		return -errno;
	return 0;
}

static int send_raw(struct leak *leak)
{
	int fd = open_socket(leak, SOCK_RAW, leak->craft.protocol);
	size_t header = leak_header(leak);

	set_hops(leak, fd);
	bind_source(leak, fd, 0);
	return send_on(leak, fd, 0, leak->packet + header, leak->length - header);
}

static int send_hdrincl(struct leak *leak)
{
	int fd = open_socket(leak, SOCK_RAW, IPPROTO_RAW);

	if (leak->craft.family == AF_INET)
		set_int(fd, IPPROTO_IP, SENDER_IP_NODEFRAG, 1);
	else
		set_int(fd, IPPROTO_IPV6, SENDER_IPV6_HDRINCL, 1);
	return send_on(leak, fd, 0, leak->packet, leak->length);
}

/* The kernel reports by timers: the membership lasts until they have run. */
static int send_join(struct leak *leak)
{
	int fd = open_socket(leak, SOCK_DGRAM, 0), level, option;
	struct group_req request = { .gr_interface = leak->ifindex };

	level = leak->craft.family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	option = MCAST_JOIN_GROUP;
	address_of(leak, leak->craft.destination, 0, &request.gr_group);
	if (setsockopt(fd, level, option, &request, sizeof(request)))
		return -errno;
	poll(NULL, 0, (int)leak->hold_ms);
	return 0;
}

/* ----------------------------------------------------------- packet sockets */

static int open_packet(const struct leak *leak, int type)
{
	int fd = socket(AF_PACKET, type, 0);

	sender_check(fd >= 0, "packet socket");
	if (leak->mark)
		set_int(fd, SOL_SOCKET, SO_MARK, (int)leak->mark);
	return fd;
}

static struct sockaddr_ll link_address(const struct leak *leak)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(leak->ether),
		.sll_ifindex = (int)leak->ifindex,
		.sll_halen = ETH_ALEN,
	};

	memcpy(address.sll_addr, leak->to, ETH_ALEN);
	return address;
}

static int send_frame(const struct leak *leak, int fd)
{
	struct sockaddr_ll address = link_address(leak);

	if (sendto(fd, leak->frame, leak_frame_length(leak), 0, (struct sockaddr *)&address,
		   sizeof(address)) < 0)
		return -errno;
	return 0;
}

static int send_packet(struct leak *leak)
{
	return send_frame(leak, open_packet(leak, SOCK_RAW));
}

static int send_packet_bypass(struct leak *leak)
{
	int fd = open_packet(leak, SOCK_RAW);

	set_int(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
	return send_frame(leak, fd);
}

static int send_datagram(const struct leak *leak, int fd)
{
	struct sockaddr_ll address = link_address(leak);

	if (sendto(fd, leak->packet, leak->length, 0, (struct sockaddr *)&address,
		   sizeof(address)) < 0)
		return -errno;
	return 0;
}

static int send_packet_dgram(struct leak *leak)
{
	return send_datagram(leak, open_packet(leak, SOCK_DGRAM));
}

static int send_packet_dgram_bypass(struct leak *leak)
{
	int fd = open_packet(leak, SOCK_DGRAM);

	set_int(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
	return send_datagram(leak, fd);
}

static int send_packet_ring(struct leak *leak)
{
	int fd = open_packet(leak, SOCK_RAW);
	struct sockaddr_ll address = link_address(leak);
	struct tpacket_req request = {
		.tp_block_size = 4096, .tp_block_nr = 1,
		.tp_frame_size = 4096, .tp_frame_nr = 1,
	};
	struct tpacket2_hdr *slot;

	set_int(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
	sender_check(!setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &request, sizeof(request)) &&
		     !bind(fd, (struct sockaddr *)&address, sizeof(address)), "TX_RING");
	slot = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sender_check(slot != MAP_FAILED, "TX_RING mmap");
	memcpy((uint8_t *)slot + TPACKET2_HDRLEN - sizeof(address), leak->frame,
	       leak_frame_length(leak));
	slot->tp_len = (uint32_t)leak_frame_length(leak);
	slot->tp_status = TP_STATUS_SEND_REQUEST;
	return send(fd, NULL, 0, 0) < 0 ? -errno : 0;
}

static int send_xdp(struct leak *leak)
{
	int code = leakxdp_send(leak);

	if (!code && leak->hold_ms) {
		printf("sent\n");
		fflush(stdout);
		poll(NULL, 0, (int)leak->hold_ms);
	}
	return code;
}

/* ---------------------------------------------------------------------- tap */

/* A bridge's port forwards some time after its carrier is there. */
static bool tap_forwards(const char *device)
{
	char path[100], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/brport/state", device);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fread(&state, 1, 1, file) != 1)
		state = 0;
	fclose(file);
	return state == '3';
}

static int send_tap(struct leak *leak)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR), tries;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", leak->device);
	sender_check(fd >= 0 && !ioctl(fd, TUNSETIFF, &request), "tap");
	for (tries = 0; !tap_forwards(leak->device) && tries < 1000; tries++)
		usleep(10000);
	leak->frame[ETH_ALEN + 5] ^= 1;	/* the machine's address, not the port's own */
	if (write(fd, leak->frame, leak_frame_length(leak)) < 0)
		return -errno;
	return 0;
}

/* --------------------------------------------------------------------- main */

static const struct {
	const char *name;
	int (*send)(struct leak *leak);
} ways[] = {
	{ "udp", send_udp },
	{ "tcp", send_tcp },
	{ "raw", send_raw },
	{ "hdrincl", send_hdrincl },
	{ "join", send_join },
	{ "packet", send_packet },
	{ "packet-dgram", send_packet_dgram },
	{ "packet-bypass", send_packet_bypass },
	{ "packet-dgram-bypass", send_packet_dgram_bypass },
	{ "packet-ring", send_packet_ring },
	{ "xdp", send_xdp },
	{ "tap", send_tap },
};

static void device_address(const char *device, uint8_t *ret)
{
	struct ifreq request = { .ifr_name = "" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	sender_check(fd >= 0 && !ioctl(fd, SIOCGIFHWADDR, &request), device);
	memcpy(ret, request.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
}

static void set_device(struct leak *leak, const char *device)
{
	if (!strcmp(device, "-"))
		return;
	leak->device = device;
	leak->ifindex = if_nametoindex(device);
	sender_check(leak->ifindex, device);
	device_address(device, leak->frame + ETH_ALEN);
}

static void set_hex(struct craft *craft, const char *hex)
{
	uint8_t *data = calloc(1, strlen(hex) / 2 + 1);
	unsigned int byte;

	craft->data = data;
	craft->data_length = 0;
	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		data[craft->data_length++] = (uint8_t)byte;
}

static void repeat_data(struct craft *craft, size_t size)
{
	uint8_t *data = calloc(1, size);
	size_t i;

	if (!craft->data_length || !data)
		fields_refuse("-s without data");
	for (i = 0; i < size; i++)
		data[i] = craft->data[i % craft->data_length];
	craft->data = data;
	craft->data_length = size;
}

/* The packet where there is a destination, else the data alone. */
static void build(struct leak *leak)
{
	leak->packet = leak->frame + ETH_HLEN;
	if (leak->craft.family) {
		leak->length = craft_build(&leak->craft, leak->packet);
		if (!leak->ether)
			leak->ether = leak->craft.family == AF_INET ? ETH_P_IP : ETH_P_IPV6;
	} else {
		leak->length = leak->craft.data_length;
		memcpy(leak->packet, leak->craft.data, leak->length);
	}
	memcpy(leak->frame, leak->to, ETH_ALEN);
	craft16(leak->frame + 2 * ETH_ALEN, leak->ether);
}

static void set_option(struct leak *leak, int option)
{
	const struct ether_addr *mac;

	switch (option) {
	case 'n':
		netns_enter(optarg);
		break;
	case 'm':
		leak->mark = (uint32_t)strtoul(optarg, NULL, 0);
		break;
	case 'i':
		leak->multicast = optarg;
		leak->ifindex = if_nametoindex(optarg);
		break;
	case 'd':
		mac = ether_aton(optarg);
		if (!mac)
			fields_refuse(optarg);
		memcpy(leak->to, mac, ETH_ALEN);
		break;
	case 'e':
		leak->ether = (uint16_t)strtoul(optarg, NULL, 0);
		break;
	case 'w':
		leak->hold_ms = (unsigned int)strtoul(optarg, NULL, 0);
		break;
	default:
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct leak leak;
	const char *hex = NULL;
	size_t size = 0, i;
	int option, code;

	memset(leak.to, 255, ETH_ALEN);
	while ((option = getopt(argc, argv, "+n:m:i:d:e:w:x:s:")) > 0) {
		if (option == 'x')
			hex = optarg;
		else if (option == 's')
			size = strtoul(optarg, NULL, 0);
		else
			set_option(&leak, option);
	}
	argv += optind;
	if (argc - optind < 2)
		fields_refuse("too little");
	set_device(&leak, argv[1]);
	fields_read(&leak.craft, argv + 2);
	if (hex)
		set_hex(&leak.craft, hex);
	if (size)
		repeat_data(&leak.craft, size);
	build(&leak);
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (!strcmp(argv[0], ways[i].name))
			break;
	if (i == sizeof(ways) / sizeof(*ways))
		fields_refuse(argv[0]);
	code = ways[i].send(&leak);
	if (code)
		fprintf(stderr, "leakpkt: %s: %s\n", argv[0], strerror(-code));
	return code ? 1 : 0;
}
