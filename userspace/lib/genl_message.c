// SPDX-License-Identifier: MIT
/* Reading of generic netlink messages: bytes in, values out. */
#include "genl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>

uint8_t ml_genl_command(const struct nlmsghdr *message)
{
	const struct genlmsghdr *head = mnl_nlmsg_get_payload(message);

	return mnl_nlmsg_get_payload_len(message) < sizeof(*head) ? 0 : head->cmd;
}

static void sort(const struct nlattr *attribute, const struct nlattr **table, uint16_t max)
{
	uint16_t type = mnl_attr_get_type(attribute);

	if (type <= max)
		table[type] = attribute;
}

void ml_genl_attributes(const struct nlmsghdr *message, const struct nlattr **table,
			uint16_t max)
{
	const struct nlattr *attribute;

	memset(table, 0, (max + 1u) * sizeof(*table));
	if (mnl_nlmsg_get_payload_len(message) < GENL_HDRLEN)
		return;
	mnl_attr_for_each(attribute, message, GENL_HDRLEN)
		sort(attribute, table, max);
}

void ml_genl_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t max)
{
	const struct nlattr *attribute;

	memset(table, 0, (max + 1u) * sizeof(*table));
	if (!nest)
		return;
	mnl_attr_for_each_nested(attribute, nest)
		sort(attribute, table, max);
}

size_t ml_genl_bytes(const struct nlattr *attribute, void *ret, size_t size)
{
	size_t length = attribute ? mnl_attr_get_payload_len(attribute) : 0;

	if (length > size)
		length = size;
	memset(ret, 0, size);
	if (length)
		memcpy(ret, mnl_attr_get_payload(attribute), length);
	return length;
}

void ml_genl_string(const struct nlattr *attribute, char *ret, size_t size)
{
	ml_genl_bytes(attribute, ret, size);
	ret[size - 1] = '\0';
}

#define INTEGER(bits)							\
	uint##bits##_t ml_genl_u##bits(const struct nlattr *attribute)	\
	{								\
		uint##bits##_t value;					\
									\
		if (ml_genl_bytes(attribute, &value, sizeof(value)) != sizeof(value)) \
			return 0;					\
		return value;						\
	}

INTEGER(8)
INTEGER(16)
INTEGER(32)
INTEGER(64)

/* Where the attributes of an NLMSG_ERROR begin, from its payload. */
static size_t error_attributes(const struct nlmsghdr *message)
{
	const struct nlmsgerr *refusal = mnl_nlmsg_get_payload(message);
	size_t offset = sizeof(*refusal);

	if (!(message->nlmsg_flags & NLM_F_CAPPED) && refusal->msg.nlmsg_len > NLMSG_HDRLEN)
		offset += MNL_ALIGN(refusal->msg.nlmsg_len - NLMSG_HDRLEN);
	return offset;
}

static const char *sentence(const struct nlmsghdr *message, size_t offset)
{
	const struct nlattr *attribute;
	const char *text;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    mnl_nlmsg_get_payload_len(message) < offset)
		return NULL;
	mnl_attr_for_each(attribute, message, offset) {
		if (mnl_attr_get_type(attribute) != NLMSGERR_ATTR_MSG)
			continue;
		text = mnl_attr_get_payload(attribute);
		if (memchr(text, '\0', mnl_attr_get_payload_len(attribute)))
			return text;
	}
	return NULL;
}

int ml_genl_refusal(const struct nlmsghdr *message, const char **ret_sentence)
{
	size_t room = mnl_nlmsg_get_payload_len(message);
	int code = 0;

	*ret_sentence = NULL;
	if (message->nlmsg_type == NLMSG_ERROR && room < sizeof(struct nlmsgerr))
		return -EBADMSG;
	if (room >= sizeof(code))
		memcpy(&code, mnl_nlmsg_get_payload(message), sizeof(code));
	if (code >= 0)
		return 0;
	*ret_sentence = sentence(message, message->nlmsg_type == NLMSG_ERROR ?
				 error_attributes(message) : sizeof(code));
	return code;
}
