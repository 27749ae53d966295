// SPDX-License-Identifier: MIT
#include "genl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 8

struct group {
	char name[GENL_NAMSIZ];
	uint32_t id;
};

struct ml_genl {
	struct ml_netlink *netlink;
	uint16_t type;		/* 0: not found yet */
	uint8_t version;
	struct group groups[GROUPS_MAX];
	size_t group_count;
};

static struct nlmsghdr *begin(struct ml_genl *genl, uint16_t type, uint8_t version,
			      uint8_t command, uint16_t flags)
{
	struct nlmsghdr *message = ml_netlink_begin(genl->netlink, type, flags);
	struct genlmsghdr *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	head->cmd = command;
	head->version = version;
	return message;
}

struct nlmsghdr *ml_genl_begin(struct ml_genl *genl, uint8_t command, uint16_t flags)
{
	return begin(genl, genl->type, genl->version, command, flags);
}

int ml_genl_talk(struct ml_genl *genl, ml_genl_each each, void *arg, struct ml_error *error)
{
	return ml_netlink_talk(genl->netlink, each, arg, error);
}

static void remember_group(struct ml_genl *genl, const struct nlattr *nest)
{
	const struct nlattr *table[CTRL_ATTR_MCAST_GRP_MAX + 1];
	struct group *group = &genl->groups[genl->group_count];

	if (genl->group_count == GROUPS_MAX)
		return;
	ml_genl_nested(nest, table, CTRL_ATTR_MCAST_GRP_MAX);
	ml_genl_string(table[CTRL_ATTR_MCAST_GRP_NAME], group->name, sizeof(group->name));
	group->id = ml_genl_u32(table[CTRL_ATTR_MCAST_GRP_ID]);
	genl->group_count++;
}

static int remember_family(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *table[CTRL_ATTR_MAX + 1];
	struct ml_genl *genl = arg;
	const struct nlattr *group;

	ml_genl_attributes(message, table, CTRL_ATTR_MAX);
	genl->type = ml_genl_u16(table[CTRL_ATTR_FAMILY_ID]);
	if (!table[CTRL_ATTR_MCAST_GROUPS])
		return 0;
	mnl_attr_for_each_nested(group, table[CTRL_ATTR_MCAST_GROUPS])
		remember_group(genl, group);
	return 0;
}

int ml_genl_find(struct ml_genl *genl, struct ml_error *error)
{
	const char *name = ml_netlink_name(genl->netlink);
	struct nlmsghdr *message;
	int code;

	genl->type = 0;
	genl->group_count = 0;
	message = begin(genl, GENL_ID_CTRL, 1, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, name);
	code = ml_genl_talk(genl, remember_family, genl, NULL);
	if (code == -ENOENT)
		return ml_error_set(error, code, "the kernel has no netlink family '%s'", name);
	if (!code && !genl->type)
		code = -EBADMSG;
	if (code)
		return ml_error_set(error, code, "cannot look up the netlink family '%s': %s",
				    name, strerror(-code));
	return 0;
}

int ml_genl_socket(const char *family, uint8_t version, struct ml_genl **ret,
		   struct ml_error *error)
{
	struct ml_genl *genl = calloc(1, sizeof(*genl));
	int code;

	if (!genl)
		return ml_error_set(error, -ENOMEM, "out of memory");
	genl->version = version;
	code = ml_netlink_open(NETLINK_GENERIC, family, &genl->netlink, error);
	if (code) {
		free(genl);
		return code;
	}
	*ret = genl;
	return 0;
}

int ml_genl_open(const char *family, uint8_t version, struct ml_genl **ret,
		 struct ml_error *error)
{
	struct ml_genl *genl;
	int code = ml_genl_socket(family, version, &genl, error);

	if (code)
		return code;
	code = ml_genl_find(genl, error);
	if (code) {
		ml_genl_close(genl);
		return code;
	}
	*ret = genl;
	return 0;
}

void ml_genl_close(struct ml_genl *genl)
{
	if (!genl)
		return;
	ml_netlink_close(genl->netlink);
	free(genl);
}

int ml_genl_fd(const struct ml_genl *genl)
{
	return ml_netlink_fd(genl->netlink);
}

struct ml_netlink *ml_genl_netlink(struct ml_genl *genl)
{
	return genl->netlink;
}

uint16_t ml_genl_type(const struct ml_genl *genl)
{
	return genl->type;
}

int ml_genl_join(struct ml_genl *genl, const char *group, struct ml_error *error)
{
	const char *name = ml_netlink_name(genl->netlink);
	size_t i;
	int code;

	for (i = 0; i < genl->group_count; i++)
		if (!strcmp(genl->groups[i].name, group))
			break;
	if (i == genl->group_count)
		return ml_error_set(error, -ENOENT, "the netlink family '%s' has no group '%s'",
				    name, group);
	code = ml_netlink_set(genl->netlink, NETLINK_ADD_MEMBERSHIP, (int)genl->groups[i].id);
	if (code)
		return ml_error_set(error, code, "cannot listen to '%s' of '%s': %s", group,
				    name, strerror(-code));
	return 0;
}

int ml_genl_listen(struct ml_genl *genl, ml_genl_each each, void *arg,
		   struct ml_error *error)
{
	return ml_netlink_listen(genl->netlink, genl->type, each, arg, error);
}
