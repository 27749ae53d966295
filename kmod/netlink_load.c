// SPDX-License-Identifier: GPL-2.0
#include <linux/mutex.h>
#include <net/genetlink.h>

#include <linux/merlon.h>

#include "generation.h"
#include "load.h"
#include "netlink.h"
#include "pernet.h"

/* What LOAD_BEGIN and RENEW have in common. */
static int take_offer(struct genl_info *info, struct merlon_offer *ret)
{
	static const u8 wanted[] = {
		MERLON_A_EPOCH, MERLON_A_SERIAL, MERLON_A_LIFETIME_MS, MERLON_A_DIGEST,
	};
	struct nlattr **attrs = info->attrs;
	int err;

	err = merlon_netlink_require(info, wanted, ARRAY_SIZE(wanted));
	if (err)
		return err;
	ret->epoch = nla_get_u64(attrs[MERLON_A_EPOCH]);
	ret->serial = nla_get_u64(attrs[MERLON_A_SERIAL]);
	ret->lifetime_ms = nla_get_u64(attrs[MERLON_A_LIFETIME_MS]);
	ret->image_bytes = 0;
	nla_memcpy(ret->digest, attrs[MERLON_A_DIGEST], sizeof(ret->digest));
	if (!ret->lifetime_ms || ret->lifetime_ms > MERLON_MAX_LIFETIME_MS) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[MERLON_A_LIFETIME_MS],
				    "the lifetime is 1 millisecond to 90 days");
		return -ERANGE;
	}
	return 0;
}

static int take_bytes(struct genl_info *info, struct merlon_offer *ret)
{
	static const u8 wanted[] = { MERLON_A_IMAGE_BYTES };
	struct nlattr **attrs = info->attrs;
	int err;

	err = merlon_netlink_require(info, wanted, ARRAY_SIZE(wanted));
	if (err)
		return err;
	ret->image_bytes = nla_get_u32(attrs[MERLON_A_IMAGE_BYTES]);
	if (ret->image_bytes > MERLON_MAX_IMAGE_BYTES) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[MERLON_A_IMAGE_BYTES],
				    "an image is 128 MiB at the most");
		return -E2BIG;
	}
	if (ret->image_bytes < sizeof(struct merlon_image_header)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[MERLON_A_IMAGE_BYTES],
				    "an image is at least as long as its header");
		return -EINVAL;
	}
	return 0;
}

int merlon_netlink_load_begin(struct sk_buff *skb, struct genl_info *info)
{
	struct merlon_offer offer;
	int err;

	err = take_offer(info, &offer);
	if (!err)
		err = take_bytes(info, &offer);
	if (err)
		return err;
	return merlon_load_begin(merlon_net_get(genl_info_net(info)), info->snd_portid,
				 &offer, info->extack);
}

static int take_data(struct genl_info *info)
{
	static const u8 wanted[] = { MERLON_A_OFFSET, MERLON_A_DATA };
	int err, bytes;

	err = merlon_netlink_require(info, wanted, ARRAY_SIZE(wanted));
	if (err)
		return err;
	bytes = nla_len(info->attrs[MERLON_A_DATA]);
	if (!bytes || bytes > MERLON_LOAD_CHUNK_BYTES) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[MERLON_A_DATA],
				    "a chunk is 1 byte to 32 KiB");
		return -EINVAL;
	}
	return 0;
}

int merlon_netlink_load_chunk(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	int err;

	err = take_data(info);
	if (err)
		return err;
	return merlon_load_chunk(merlon_net_get(genl_info_net(info)), info->snd_portid,
				 nla_get_u32(attrs[MERLON_A_OFFSET]),
				 nla_data(attrs[MERLON_A_DATA]),
				 nla_len(attrs[MERLON_A_DATA]), info->extack);
}

int merlon_netlink_load_commit(struct sk_buff *skb, struct genl_info *info)
{
	return merlon_load_commit(merlon_net_get(genl_info_net(info)), info->snd_portid,
				  info->extack);
}

int merlon_netlink_load_abort(struct sk_buff *skb, struct genl_info *info)
{
	return merlon_load_abort(merlon_net_get(genl_info_net(info)), info->snd_portid,
				 info->extack);
}

int merlon_netlink_renew(struct sk_buff *skb, struct genl_info *info)
{
	struct merlon_net *mn = merlon_net_get(genl_info_net(info));
	struct merlon_offer offer;
	int err;

	err = take_offer(info, &offer);
	if (err)
		return err;
	mutex_lock(&mn->lock);
	err = merlon_generation_renew(mn, &offer, info->extack);
	mutex_unlock(&mn->lock);
	return err;
}
