// SPDX-License-Identifier: GPL-2.0
/*
 * The transaction that loads an image. merlon_net.load_lock guards the pointer
 * to it and all its fields, until COMMIT marks it busy: from then on it belongs
 * to that COMMIT alone, which checks, builds and publishes with no lock held.
 * Everybody else (a second BEGIN, the socket's end, the idle timer) sees the
 * mark, leaves it alone, and is told so: there is one owner at a time, and the
 * owner alone frees.
 */
#include <crypto/sha2.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat/compat.h"
#include "generation.h"
#include "load.h"
#include "pernet.h"

#define IDLE (MERLON_LOAD_IDLE_SECONDS * HZ)

/**
 * struct merlon_load - a transaction
 * @portid: the socket that began it
 * @busy: a COMMIT owns it
 * @idle_at: when it ends unless something comes, jiffies
 * @received: bytes that came, and their @hash
 * @offer: what BEGIN said
 * @hash: see @received
 * @image: room for all of it
 */
struct merlon_load {
	u32 portid;
	bool busy;
	unsigned long idle_at;
	u32 received;
	struct merlon_offer offer;
	struct sha256_state hash;
	u8 *image;
};

static struct merlon_load *alloc_load(u32 portid, const struct merlon_offer *offer)
{
	struct merlon_load *load = kzalloc(sizeof(*load), GFP_KERNEL_ACCOUNT);

	if (!load)
		return NULL;
	load->image = kvmalloc(offer->image_bytes, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!load->image) {
		kfree(load);
		return NULL;
	}
	load->portid = portid;
	load->offer = *offer;
	sha256_init(&load->hash);
	return load;
}

static void free_load(struct merlon_load *load)
{
	kvfree(load->image);
	kfree(load);
}

/* ------------------------------------------------------- under load_lock */

static void touch(struct merlon_net *mn, struct merlon_load *load)
{
	lockdep_assert_held(&mn->load_lock);
	load->idle_at = jiffies + IDLE;
	mod_delayed_work(system_wq, &mn->load_idle, IDLE);
}

/* The transaction of this socket, if nobody commits it. */
static struct merlon_load *find(struct merlon_net *mn, u32 portid,
				struct netlink_ext_ack *extack)
{
	struct merlon_load *load = mn->load;

	lockdep_assert_held(&mn->load_lock);
	if (!load || load->portid != portid) {
		NL_SET_ERR_MSG(extack, "this socket has no load: begin one");
		return ERR_PTR(-ESRCH);
	}
	if (load->busy) {
		NL_SET_ERR_MSG(extack, "this load is being committed");
		return ERR_PTR(-EBUSY);
	}
	return load;
}

static void end(struct merlon_net *mn)
{
	lockdep_assert_held(&mn->load_lock);
	free_load(mn->load);
	WRITE_ONCE(mn->load, NULL);
}

/* --------------------------------------------------------------- commands */

static int refuse_second(struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG(extack, "another load runs in this network namespace");
	return -EBUSY;
}

/* COMMIT and install() ask again; this saves the sending and the memory. */
static int may_begin(struct merlon_net *mn, const struct merlon_offer *offer,
		     struct netlink_ext_ack *extack)
{
	int err;

	if (READ_ONCE(mn->load))
		return refuse_second(extack);
	mutex_lock(&mn->lock);
	err = merlon_generation_check_order(mn, offer, extack);
	mutex_unlock(&mn->lock);
	return err;
}

static int install(struct merlon_net *mn, struct merlon_load *load,
		   struct netlink_ext_ack *extack)
{
	int err = 0;

	mutex_lock(&mn->load_lock);
	if (mn->load) {
		err = refuse_second(extack);
	} else {
		WRITE_ONCE(mn->load, load);
		touch(mn, load);
	}
	mutex_unlock(&mn->load_lock);
	return err;
}

/**
 * merlon_load_begin - the socket @portid is going to send an image
 * @mn: the namespace
 * @portid: of the netlink socket
 * @offer: what is going to come
 * @extack: gets a sentence on failure
 *
 * Return: 0, -EBUSY, -ESTALE or -ENOMEM.
 */
int merlon_load_begin(struct merlon_net *mn, u32 portid, const struct merlon_offer *offer,
		      struct netlink_ext_ack *extack)
{
	struct merlon_load *load;
	int err;

	err = may_begin(mn, offer, extack);
	if (err)
		return err;
	load = alloc_load(portid, offer);
	if (!load) {
		NL_SET_ERR_MSG(extack, "no memory for the image");
		return -ENOMEM;
	}
	err = install(mn, load, extack);
	if (err)
		free_load(load);
	return err;
}

static int append(struct merlon_load *load, u32 offset, const void *data, u32 bytes,
		  struct netlink_ext_ack *extack)
{
	if (offset != load->received) {
		NL_SET_ERR_MSG(extack, "offset is not the end of what came before");
		return -EINVAL;
	}
	if (bytes > load->offer.image_bytes - load->received) {
		NL_SET_ERR_MSG(extack, "more bytes than were announced");
		return -EINVAL;
	}
	memcpy(load->image + offset, data, bytes);
	sha256_update(&load->hash, data, bytes);
	load->received += bytes;
	return 0;
}

/* A chunk that is refused changes nothing: the right one may follow. */
int merlon_load_chunk(struct merlon_net *mn, u32 portid, u32 offset, const void *data,
		      u32 bytes, struct netlink_ext_ack *extack)
{
	struct merlon_load *load;
	int err;

	mutex_lock(&mn->load_lock);
	load = find(mn, portid, extack);
	err = PTR_ERR_OR_ZERO(load);
	if (!err)
		err = append(load, offset, data, bytes, extack);
	if (!err)
		touch(mn, load);
	mutex_unlock(&mn->load_lock);
	return err;
}

int merlon_load_abort(struct merlon_net *mn, u32 portid, struct netlink_ext_ack *extack)
{
	struct merlon_load *load;
	int err;

	mutex_lock(&mn->load_lock);
	load = find(mn, portid, extack);
	err = PTR_ERR_OR_ZERO(load);
	if (!err)
		end(mn);
	mutex_unlock(&mn->load_lock);
	return err;
}

/* ------------------------------------------------------------------ commit */

/* ORDER: @busy is set under the lock, and from then on the load is the caller's. */
static struct merlon_load *claim(struct merlon_net *mn, u32 portid,
				 struct netlink_ext_ack *extack)
{
	struct merlon_load *load;

	mutex_lock(&mn->load_lock);
	load = find(mn, portid, extack);
	if (!IS_ERR(load))
		load->busy = true;
	mutex_unlock(&mn->load_lock);
	return load;
}

static int check_bytes(struct merlon_load *load, struct netlink_ext_ack *extack)
{
	u8 digest[MERLON_DIGEST_BYTES];

	BUILD_BUG_ON(MERLON_DIGEST_BYTES != SHA256_DIGEST_SIZE);
	if (load->received != load->offer.image_bytes) {
		NL_SET_ERR_MSG(extack, "bytes are missing at the end of the image");
		return -EBADMSG;
	}
	sha256_final(&load->hash, digest);
	if (memcmp(digest, load->offer.digest, sizeof(digest))) {
		NL_SET_ERR_MSG(extack, "the image does not have the announced digest");
		return -EBADMSG;
	}
	return 0;
}

static const char *section_name(int section)
{
	static const char * const names[MERLON_SECTIONS] = {
		"tunnels", "hosts4", "hosts6", "nets4", "nets6", "classes",
		"pairs", "services", "runs", "verdicts", "rules",
	};

	return section < 0 || section >= MERLON_SECTIONS ? "header" : names[section];
}

static int build(const struct merlon_load *load, struct merlon_generation **ret,
		 struct netlink_ext_ack *extack)
{
	struct merlon_fault fault = {};
	int err;

	err = merlon_generation_build(load->image, &load->offer, ret, &fault);
	if (err == -ENOMEM)
		NL_SET_ERR_MSG(extack, "no memory for the tables");
	else if (err == -EINTR)
		NL_SET_ERR_MSG(extack, "killed while the image was checked");
	else if (err && fault.what)
		merlon_compat_refuse_record(extack, fault.what, section_name(fault.section),
					    fault.index);
	return err;
}

static int take_over(struct merlon_net *mn, struct merlon_load *load,
		     struct netlink_ext_ack *extack)
{
	struct merlon_generation *generation;
	int err;

	err = build(load, &generation, extack);
	if (err)
		return err;
	/* The image is not needed any more, and may be as large as the tables. */
	kvfree(load->image);
	load->image = NULL;
	err = merlon_generation_publish(mn, generation, &load->offer, extack);
	if (err)
		merlon_generation_free(generation);
	return err;
}

/**
 * merlon_load_commit - check, build and publish
 * @mn: the namespace
 * @portid: of the netlink socket
 * @extack: gets a sentence on failure
 *
 * The transaction ends here, whatever comes of it. Return: 0, -ESRCH, -EBUSY,
 * -EBADMSG, -EINVAL, -E2BIG, -ENOMEM, -ESTALE or -EINTR.
 */
int merlon_load_commit(struct merlon_net *mn, u32 portid, struct netlink_ext_ack *extack)
{
	struct merlon_load *load;
	int err;

	load = claim(mn, portid, extack);
	if (IS_ERR(load))
		return PTR_ERR(load);
	err = check_bytes(load, extack);
	if (!err)
		err = take_over(mn, load, extack);
	mutex_lock(&mn->load_lock);
	end(mn);
	mutex_unlock(&mn->load_lock);
	return err;
}

/* ---------------------------------------------------- those who let it down */

static void idle(struct work_struct *work)
{
	struct merlon_net *mn = container_of(to_delayed_work(work), struct merlon_net,
					     load_idle);

	mutex_lock(&mn->load_lock);
	/* A chunk that came while this waited set the work for later, too. */
	if (mn->load && !mn->load->busy && time_after_eq(jiffies, mn->load->idle_at))
		end(mn);
	mutex_unlock(&mn->load_lock);
}

/*
 * A socket is gone. The one that a COMMIT runs on cannot be: its sender holds
 * it. Only a stranger with the same number can come here then, and @busy stops
 * it.
 */
static int socket_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	const struct netlink_notify *gone = ptr;
	struct merlon_net *mn;

	if (event != NETLINK_URELEASE || gone->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	mn = merlon_net_get(gone->net);
	if (!READ_ONCE(mn->load))
		return NOTIFY_DONE;
	mutex_lock(&mn->load_lock);
	if (mn->load && !mn->load->busy && mn->load->portid == gone->portid)
		end(mn);
	mutex_unlock(&mn->load_lock);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = {
	.notifier_call = socket_event,
};

void merlon_load_init(struct merlon_net *mn)
{
	mutex_init(&mn->load_lock);
	INIT_DELAYED_WORK(&mn->load_idle, idle);
}

/* No command is left; a load is, where the module goes before the socket. */
void merlon_load_clean(struct merlon_net *mn)
{
	cancel_delayed_work_sync(&mn->load_idle);
	mutex_lock(&mn->load_lock);
	if (mn->load)
		end(mn);
	mutex_unlock(&mn->load_lock);
}

int __init merlon_load_setup(void)
{
	return netlink_register_notifier(&notifier);
}

void merlon_load_teardown(void)
{
	netlink_unregister_notifier(&notifier);
}
