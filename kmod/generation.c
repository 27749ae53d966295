// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a generation: built, published, renewed, expired, replaced.
 *
 * Who may touch merlon_net.generation: written under merlon_net.lock, and set
 * (not cleared) under RTNL too, so that no device comes or goes between the
 * filling of its table of devices and its publication. RTNL is the inner lock:
 * it is the whole host's, and must not wait for one namespace's counters.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "classifier/parts.h"
#include "compat/compat.h"
#include "conditions.h"
#include "device.h"
#include "event.h"
#include "generation.h"
#include "pernet.h"

static struct workqueue_struct *reaper;

/* ------------------------------------------------------------------ build */

static u32 chunk_count(u32 rules)
{
	return (rules >> MERLON_COUNTER_SHIFT) + 1;
}

/* Room for what no rule speaks of and for each rule; the last chunk is cut to fit. */
static int alloc_counters(struct merlon_generation *generation)
{
	u32 left = generation->rules + 1;
	u32 i, n;

	for (i = 0; left; i++, left -= n) {
		n = min(left, MERLON_COUNTER_CHUNK);
		if (merlon_env_interrupted())
			return -EINTR;
		generation->counters[i] =
			__alloc_percpu_gfp(n * sizeof(struct merlon_counter),
					   sizeof(struct merlon_counter),
					   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!generation->counters[i])
			return -ENOMEM;
		generation->memory += (u64)n * sizeof(struct merlon_counter) *
				      num_possible_cpus();
	}
	return 0;
}

/* Takes over @tables, also on failure. */
static struct merlon_generation *alloc_generation(struct merlon_tables *tables)
{
	u32 rules = merlon_tables_rule_count(tables);
	struct merlon_generation *generation;
	int err;

	generation = kvzalloc(struct_size(generation, counters, chunk_count(rules)),
			      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!generation) {
		merlon_tables_free(tables);
		return ERR_PTR(-ENOMEM);
	}
	generation->tables = tables;
	generation->rules = rules;
	generation->memory = merlon_tables_bytes(tables) +
		struct_size(generation, counters, chunk_count(rules)) +
		(rules + 1) * sizeof(*generation->inherited);
	generation->inherited = kvcalloc(rules + 1, sizeof(*generation->inherited),
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	err = generation->inherited ? alloc_counters(generation) : -ENOMEM;
	if (err) {
		merlon_generation_free(generation);
		return ERR_PTR(err);
	}
	return generation;
}

/* A part of an image; a guard's is less than a generation, and never in force. */
static int build_part(const void *bytes, size_t length, bool is_guard,
		      struct merlon_generation **ret, struct merlon_fault *fault)
{
	struct merlon_generation *part;
	struct merlon_tables *tables;
	struct merlon_view view;
	int err;

	err = merlon_image_check(bytes, length, &view, fault);
	if (!err && is_guard)
		err = merlon_parts_check_guard(&view, fault);
	if (err)
		return err;
	err = merlon_tables_build(&view, &tables, fault);
	if (err)
		return err;
	part = alloc_generation(tables);
	if (IS_ERR(part)) {
		fault->what = NULL;
		return PTR_ERR(part);
	}
	*ret = part;
	return 0;
}

/* What is built stays with @generation, also on failure. */
static int build_guard(struct merlon_generation *generation, const struct merlon_parts *parts,
		       struct merlon_fault *fault)
{
	int err;

	err = build_part(parts->second, parts->second_len, true, &generation->guard, fault);
	if (err)
		return err;
	if (generation->rules + generation->guard->rules > MERLON_MAX_RULES) {
		*fault = (struct merlon_fault) {
			"more than MERLON_MAX_RULES in both parts", -1, 0
		};
		return -E2BIG;
	}
	generation->conditions = merlon_conditions_alloc(parts);
	if (!generation->conditions) {
		fault->what = NULL;
		return -ENOMEM;
	}
	generation->flags = MERLON_GENERATION_GUARDED;
	generation->memory += generation->guard->memory +
			      merlon_conditions_bytes(generation->conditions);
	return 0;
}

/**
 * merlon_generation_build - from the bytes of an image to what can be published
 * @image: @offer->image_bytes long; its digest was compared
 * @offer: what userspace says of it
 * @ret: untouched on failure
 * @fault: filled on failure; @fault->what is NULL where it is not the image's
 *
 * Return: 0, -EINVAL, -E2BIG, -ENOMEM or -EINTR (a fatal signal).
 */
int merlon_generation_build(const void *image, const struct merlon_offer *offer,
			    struct merlon_generation **ret, struct merlon_fault *fault)
{
	struct merlon_generation *generation;
	struct merlon_parts parts;
	int err;

	err = merlon_parts_split(image, offer->image_bytes, &parts, fault);
	if (err)
		return err;
	err = build_part(parts.first, parts.first_len, false, &generation, fault);
	if (err)
		return err;
	err = parts.second ? build_guard(generation, &parts, fault) : 0;
	if (err) {
		merlon_generation_free(generation);
		return err;
	}
	memcpy(generation->digest, offer->digest, sizeof(generation->digest));
	generation->image_bytes = offer->image_bytes;
	*ret = generation;
	return 0;
}

/* One that was never published, or that a grace period has passed over. */
void merlon_generation_free(struct merlon_generation *generation)
{
	u32 i;

	if (generation->guard)
		merlon_generation_free(generation->guard);
	kvfree(generation->conditions);
	for (i = 0; i < chunk_count(generation->rules); i++)
		free_percpu(generation->counters[i]);
	kvfree(generation->inherited);
	merlon_tables_free(generation->tables);
	kvfree(generation);
}

static void reap(struct work_struct *work)
{
	merlon_generation_free(container_of(to_rcu_work(work), struct merlon_generation, free));
}

/* Large tables take a while to free, and nobody should wait for it. */
static void retire(struct merlon_generation *generation)
{
	INIT_RCU_WORK(&generation->free, reap);
	queue_rcu_work(reaper, &generation->free);
}

/* --------------------------------------------------------------- counters */

/**
 * merlon_generation_sum - what a rule has counted, over all processors
 * @generation: whose rule
 * @rule: index from 1; 0: what no rule speaks of
 * @ret: packets and bytes
 *
 * Under merlon_net.lock: a swap moves counts from one generation to the next.
 */
void merlon_generation_sum(const struct merlon_generation *generation, u32 rule,
			   struct merlon_counter *ret)
{
	const struct merlon_counter *counter;
	int cpu;

	*ret = generation->inherited[rule];
	for_each_possible_cpu(cpu) {
		counter = per_cpu_ptr(generation->counters[rule >> MERLON_COUNTER_SHIFT], cpu) +
			  (rule & (MERLON_COUNTER_CHUNK - 1));
		ret->packets += READ_ONCE(counter->packets);
		ret->bytes += READ_ONCE(counter->bytes);
	}
}

/* Adds @packets to the reason that rule @rule counts for. */
static void add_reason(struct merlon_reason_counts *counts,
		       const struct merlon_generation *generation, u32 rule, u64 packets)
{
	if (!rule)
		counts->denied[MERLON_REASON_NO_RULE] += packets;
	else if (merlon_tables_rule_action(generation->tables, rule) == MERLON_ACTION_ALLOW)
		counts->passed[MERLON_REASON_RULE] += packets;
	else
		counts->denied[MERLON_REASON_RULE] += packets;
}

static void add_all_reasons(struct merlon_reason_counts *counts,
			    const struct merlon_generation *generation)
{
	struct merlon_counter sum;
	u32 rule;

	for (rule = 0; rule <= generation->rules; rule++) {
		merlon_generation_sum(generation, rule, &sum);
		add_reason(counts, generation, rule, sum.packets);
		cond_resched();
	}
	if (generation->guard)
		add_all_reasons(counts, generation->guard);
}

/**
 * merlon_generation_totals - packets by reason since the namespace was created
 * @mn: the namespace
 * @ret: passed and denied
 *
 * The packet path counts a rule's packets once, for the rule: what belongs to
 * RULE and NO_RULE is summed up here, with what generations left that are gone.
 */
void merlon_generation_totals(const struct merlon_net *mn, struct merlon_reason_counts *ret)
{
	const struct merlon_generation *generation = merlon_generation_get(mn);
	const struct merlon_reason_counts *counts;
	int cpu, i;

	*ret = mn->retired;
	/* ORDER: before the rules, which counted what is TRANSLATED or GUARD first. */
	for_each_possible_cpu(cpu) {
		counts = per_cpu_ptr(mn->reasons, cpu);
		for (i = 0; i <= MERLON_REASON_MAX; i++) {
			ret->passed[i] += READ_ONCE(counts->passed[i]);
			ret->denied[i] += READ_ONCE(counts->denied[i]);
		}
	}
	if (generation)
		add_all_reasons(ret, generation);
	ret->denied[MERLON_REASON_RULE] -= ret->denied[MERLON_REASON_TRANSLATED] +
					   ret->denied[MERLON_REASON_GUARD];
}

static bool same_rule(const struct merlon_generation *a, u32 i,
		      const struct merlon_generation *b, u32 j)
{
	return merlon_tables_rule_id(a->tables, i) == merlon_tables_rule_id(b->tables, j) &&
	       merlon_tables_rule_action(a->tables, i) ==
	       merlon_tables_rule_action(b->tables, j);
}

/*
 * Counters survive by rule. Both generations' rules ascend by id: one pass
 * finds who has an heir; what has none goes to the namespace's totals.
 */
static void inherit(struct merlon_net *mn, struct merlon_generation *heir,
		    const struct merlon_generation *old)
{
	struct merlon_counter sum;
	u32 i, j = 1;

	merlon_generation_sum(old, 0, &heir->inherited[0]);
	for (i = 1; i <= old->rules; i++) {
		u64 id = merlon_tables_rule_id(old->tables, i);

		while (j <= heir->rules && merlon_tables_rule_id(heir->tables, j) < id)
			j++;
		merlon_generation_sum(old, i, &sum);
		if (j <= heir->rules && same_rule(old, i, heir, j))
			heir->inherited[j] = sum;
		else
			add_reason(&mn->retired, old, i, sum.packets);
		cond_resched();
	}
	if (old->guard && heir->guard)
		inherit(mn, heir->guard, old->guard);
	else if (old->guard)
		add_all_reasons(&mn->retired, old->guard);
}

/* ---------------------------------------------------------------- devices */

static u8 tunnel_number(const struct merlon_generation *generation, const char *name)
{
	u32 count = merlon_tables_tunnel_count(generation->tables);
	const struct merlon_tunnel *tunnel;
	u32 i;

	for (i = 1; i <= count; i++) {
		tunnel = merlon_tables_tunnel(generation->tables, i);
		if (strncmp(tunnel->name, name, sizeof(tunnel->name)))
			continue;
		if (le32_to_cpu(tunnel->flags) & MERLON_TUNNEL_F_IGNORED)
			return MERLON_TUNNEL_IGNORED;
		return i;
	}
	return MERLON_TUNNEL_UNKNOWN;
}

/* ORDER: a device that is neither is denied, so it is nothing before it is another thing. */
static void set_tunnel(struct merlon_generation *generation, int ifindex, u8 number)
{
	bool ignored = number == MERLON_TUNNEL_IGNORED;

	merlon_slots_set(ignored ? &generation->tunnels : &generation->ignored, ifindex, 0);
	merlon_slots_set(ignored ? &generation->ignored : &generation->tunnels, ifindex, number);
}

/* Under RTNL: the device goes, or goes to another namespace. */
void merlon_generation_remove_device(struct merlon_generation *generation,
				     const struct net_device *dev)
{
	set_tunnel(generation, dev->ifindex, MERLON_TUNNEL_UNKNOWN);
	if (generation->conditions)
		merlon_slots_set(&generation->conditions->devices, dev->ifindex, 0);
}

/**
 * merlon_generation_add_device - a device came, or has another name
 * @generation: in force, or about to be
 * @dev: the device
 *
 * Under RTNL; lockless readers may be at work. A WireGuard device that the
 * policy does not name is unknown, and denied.
 */
void merlon_generation_add_device(struct merlon_generation *generation,
				  const struct net_device *dev)
{
	if (merlon_device_is_wireguard(dev))
		set_tunnel(generation, dev->ifindex, tunnel_number(generation, dev->name));
	if (generation->conditions)
		merlon_conditions_add_device(generation->conditions, dev);
}

static void add_all_devices(struct merlon_generation *generation, struct net *net)
{
	const struct net_device *dev;

	ASSERT_RTNL();
	for_each_netdev(net, dev)
		merlon_generation_add_device(generation, dev);
}

/* --------------------------------------------------------------- in force */

/* The generation, for who holds merlon_net.lock. */
struct merlon_generation *merlon_generation_get(const struct merlon_net *mn)
{
	return rcu_dereference_protected(mn->generation, lockdep_is_held(&mn->lock));
}

/**
 * merlon_generation_check_order - generations never go backwards
 * @mn: the namespace, under its lock
 * @offer: epoch and serial
 * @extack: gets a sentence on failure
 *
 * Also across disarming: the last one that was taken counts, not the one in
 * force. That one itself may come back when it was forgotten: disarmed by
 * mistake, a namespace need not wait for a signature. Return: 0 or -ESTALE.
 */
int merlon_generation_check_order(const struct merlon_net *mn,
				  const struct merlon_offer *offer,
				  struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&mn->lock);
	if (offer->epoch > mn->last_epoch ||
	    (offer->epoch == mn->last_epoch && offer->serial > mn->last_serial))
		return 0;
	if (offer->epoch == mn->last_epoch && offer->serial == mn->last_serial &&
	    !merlon_generation_get(mn) &&
	    !memcmp(offer->digest, mn->last_digest, sizeof(mn->last_digest)))
		return 0;
	NL_SET_ERR_MSG(extack, "epoch and serial are not above the last that were taken");
	return -ESTALE;
}

/*
 * ORDER: the timer is cancelled before the generation or its deadline changes,
 * and started afterwards. So the handler finds the generation that it was set
 * for, and cannot expire one that was renewed in the meantime.
 */
static void take(struct merlon_net *mn, struct merlon_generation *generation,
		 const struct merlon_offer *offer)
{
	lockdep_assert_held(&mn->lock);
	hrtimer_cancel(&mn->expiry);
	generation->epoch = offer->epoch;
	generation->serial = offer->serial;
	generation->deadline_ns = ktime_get_boottime_ns() + offer->lifetime_ms * NSEC_PER_MSEC;
	WRITE_ONCE(generation->flags, generation->flags & ~MERLON_GENERATION_EXPIRED);
	generation->mn = mn;
	rcu_assign_pointer(mn->generation, generation);
	mn->last_epoch = offer->epoch;
	mn->last_serial = offer->serial;
	memcpy(mn->last_digest, offer->digest, sizeof(mn->last_digest));
	hrtimer_start(&mn->expiry, ns_to_ktime(generation->deadline_ns), HRTIMER_MODE_ABS);
}

/*
 * ORDER: packets that were in a hook still count for the old generation. The
 * counts move when the last of them is through, and until then nobody reads
 * them: readers take the lock too.
 */
static void succeed(struct merlon_net *mn, struct merlon_generation *generation,
		    struct merlon_generation *old)
{
	lockdep_assert_held(&mn->lock);
	synchronize_rcu_expedited();
	if (old)
		inherit(mn, generation, old);
	mn->sequence++;
	merlon_event_state(mn);
}

/* The one step that packets see. */
static int publish(struct merlon_net *mn, struct merlon_generation *generation,
		   const struct merlon_offer *offer, struct merlon_generation **ret_old,
		   struct netlink_ext_ack *extack)
{
	int err = rtnl_lock_killable();

	if (err) {
		NL_SET_ERR_MSG(extack, "interrupted by a signal: nothing was published");
		return err;
	}
	add_all_devices(generation, mn->net);
	*ret_old = merlon_generation_get(mn);
	take(mn, generation, offer);
	rtnl_unlock();
	return 0;
}

/**
 * merlon_generation_publish - from now on packets are judged by @generation
 * @mn: the namespace
 * @generation: taken over on success
 * @offer: what it was built from
 * @extack: gets a sentence on failure
 *
 * Returns when no packet is judged by the generation before any more.
 * Return: 0, -ESTALE or -EINTR.
 */
int merlon_generation_publish(struct merlon_net *mn, struct merlon_generation *generation,
			      const struct merlon_offer *offer,
			      struct netlink_ext_ack *extack)
{
	struct merlon_generation *old = NULL;
	int err;

	mutex_lock(&mn->lock);
	err = merlon_generation_check_order(mn, offer, extack);
	if (!err)
		err = publish(mn, generation, offer, &old, extack);
	if (!err)
		succeed(mn, generation, old);
	mutex_unlock(&mn->lock);
	if (old)
		retire(old);
	return err;
}

/**
 * merlon_generation_renew - the same image goes on under a later serial
 * @mn: the namespace, under its lock
 * @offer: digest, lifetime, epoch and serial
 * @extack: gets a sentence on failure
 *
 * Also when its lifetime is over. Return: 0, -ENOENT (no generation, or another
 * image) or -ESTALE.
 */
int merlon_generation_renew(struct merlon_net *mn, const struct merlon_offer *offer,
			    struct netlink_ext_ack *extack)
{
	struct merlon_generation *generation;
	int err;

	lockdep_assert_held(&mn->lock);
	generation = merlon_generation_get(mn);
	if (!generation) {
		NL_SET_ERR_MSG(extack, "there is no generation to renew: load one");
		return -ENOENT;
	}
	if (memcmp(generation->digest, offer->digest, sizeof(offer->digest))) {
		NL_SET_ERR_MSG(extack, "the generation in force has another digest: load this one");
		return -ENOENT;
	}
	err = merlon_generation_check_order(mn, offer, extack);
	if (err)
		return err;
	take(mn, generation, offer);
	merlon_event_state(mn);
	return 0;
}

/*
 * What it counted goes to the namespace's totals; its place in the order stays.
 * Under merlon_net.lock; no packet is in a hook.
 */
void merlon_generation_forget(struct merlon_net *mn)
{
	struct merlon_generation *old;

	lockdep_assert_held(&mn->lock);
	hrtimer_cancel(&mn->expiry);
	old = rcu_replace_pointer(mn->generation, NULL, lockdep_is_held(&mn->lock));
	if (!old)
		return;
	add_all_reasons(&mn->retired, old);
	mn->sequence++;
	retire(old);
}

/* ------------------------------------------------------------------ expiry */

/* Hard interrupt: packets are denied from now on; the rest can wait for the work. */
static enum hrtimer_restart expire(struct hrtimer *timer)
{
	struct merlon_net *mn = container_of(timer, struct merlon_net, expiry);
	struct merlon_generation *generation;

	rcu_read_lock();
	generation = rcu_dereference(mn->generation);
	if (generation)
		WRITE_ONCE(generation->flags,
			   generation->flags | MERLON_GENERATION_EXPIRED);
	rcu_read_unlock();
	schedule_work(&mn->announce);
	return HRTIMER_NORESTART;
}

static void announce(struct work_struct *work)
{
	struct merlon_net *mn = container_of(work, struct merlon_net, announce);
	struct merlon_generation *generation;

	mutex_lock(&mn->lock);
	generation = merlon_generation_get(mn);
	if (generation && merlon_generation_expired(generation)) {
		pr_notice("namespace %u: generation %llu.%llu has expired\n", mn->net->ns.inum,
			  generation->epoch, generation->serial);
		merlon_event_state(mn);
	}
	mutex_unlock(&mn->lock);
}

void merlon_generation_init(struct merlon_net *mn)
{
	hrtimer_setup(&mn->expiry, expire, CLOCK_BOOTTIME, HRTIMER_MODE_ABS);
	INIT_WORK(&mn->announce, announce);
	mn->sequence = 1;
}

/* The namespace goes: no hook and no command is left. */
void merlon_generation_clean(struct merlon_net *mn)
{
	/* ORDER: the timer queues the work, the work starts no timer. */
	hrtimer_cancel(&mn->expiry);
	cancel_work_sync(&mn->announce);
	mutex_lock(&mn->lock);
	merlon_generation_forget(mn);
	mutex_unlock(&mn->lock);
}

int __init merlon_generation_setup(void)
{
	reaper = alloc_workqueue("merlon", WQ_UNBOUND, 0);
	return reaper ? 0 : -ENOMEM;
}

void merlon_generation_teardown(void)
{
	/* ORDER: what waits for a grace period is queued only at its end. */
	rcu_barrier();
	destroy_workqueue(reaper);
}
