// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/printk.h>

#include "compat/compat.h"
#include "kfunc.h"

#ifdef MERLON_HAS_KFUNCS

#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <net/xdp.h>

#include "classifier/classify.h"
#include "generation.h"
#include "leave.h"
#include "pernet.h"

/* Under RCU. */
static int ask(const struct merlon_net *mn, const struct merlon_question *question,
	       struct merlon_answer *ret)
{
	const struct merlon_generation *generation = rcu_dereference(mn->generation);
	u8 mode = READ_ONCE(mn->mode);
	u32 verdict;

	if (mode == MERLON_MODE_UNSPEC)
		return -ESRCH;
	if (!generation)
		return -ENOENT;
	if (merlon_generation_expired(generation))
		return -ETIME;
	verdict = merlon_classify_ip(generation->tables, question->family, question->source,
				     question->destination, question->protocol,
				     question->selector);
	*ret = (struct merlon_answer) {
		.rule = merlon_tables_rule_id(generation->tables, MERLON_VERDICT_RULE(verdict)),
		.action = MERLON_VERDICT_ACTION(verdict),
		.mode = mode,
	};
	return 0;
}

static int ask_at(const struct net_device *dev, const struct merlon_question *question,
		  struct merlon_answer *ret)
{
	int err;

	if ((question->family != AF_INET && question->family != AF_INET6) ||
	    question->selector > merlon_selector_max(question->protocol))
		return -EINVAL;
	if (!dev)
		return -ENODEV;
	rcu_read_lock();
	err = ask(merlon_net_get(dev_net(dev)), question, ret);
	rcu_read_unlock();
	return err;
}

__bpf_kfunc_start_defs();

/**
 * merlon_classify_skb - what the policy says of a packet, to a tc program
 * @context: the program's; its device's namespace is the one whose policy is asked
 * @question: about what; it need not be what @context holds
 * @ret: the verdict; untouched on failure
 *
 * The rules for tunnels alone are asked: no connection, no device, no address
 * that a tunnel owns, nor what the tunnel guard lets out. Nothing is counted,
 * dropped or reported. A failure is no permission: who wants to fail closed
 * drops there.
 *
 * Return: 0; -ESRCH: the namespace is not armed; -ENOENT: it is, without a
 * generation (lockdown); -ETIME: the generation's lifetime is over; -EINVAL: no
 * such family, or a selector that the protocol does not have; -ENODEV.
 */
__bpf_kfunc int merlon_classify_skb(struct __sk_buff *context,
				    const struct merlon_question *question,
				    struct merlon_answer *ret)
{
	return ask_at(((struct sk_buff *)context)->dev, question, ret);
}

/**
 * merlon_classify_xdp - merlon_classify_skb() for an XDP program
 * @context: the program's
 * @question: about what
 * @ret: the verdict
 *
 * Return: as merlon_classify_skb().
 */
__bpf_kfunc int merlon_classify_xdp(struct xdp_md *context,
				    const struct merlon_question *question,
				    struct merlon_answer *ret)
{
	return ask_at(((struct xdp_buff *)context)->rxq->dev, question, ret);
}

/**
 * merlon_may_leave - may what a socket is about to connect to be sent?
 * @context: of a program at a control group's connect4 or connect6
 * @ret: why not; untouched where it may
 *
 * The answer is that of the wall, or yes where that cannot be known yet: see
 * leave.h. In mode OBSERVING it is yes, and where the namespace is not armed.
 *
 * Return: 0 or -EPERM.
 */
__bpf_kfunc int merlon_may_leave(struct bpf_sock_addr *context, struct merlon_refusal *ret)
{
	return merlon_leave_check((const struct bpf_sock_addr_kern *)context, ret);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(skb_kfuncs)
BTF_ID_FLAGS(func, merlon_classify_skb)
BTF_KFUNCS_END(skb_kfuncs)

BTF_KFUNCS_START(xdp_kfuncs)
BTF_ID_FLAGS(func, merlon_classify_xdp)
BTF_KFUNCS_END(xdp_kfuncs)

BTF_KFUNCS_START(sock_addr_kfuncs)
BTF_ID_FLAGS(func, merlon_may_leave)
BTF_KFUNCS_END(sock_addr_kfuncs)

static const struct btf_kfunc_id_set skb_set = { .owner = THIS_MODULE, .set = &skb_kfuncs };
static const struct btf_kfunc_id_set xdp_set = { .owner = THIS_MODULE, .set = &xdp_kfuncs };
static const struct btf_kfunc_id_set sock_addr_set = { .owner = THIS_MODULE,
						       .set = &sock_addr_kfuncs };

/* They assist: without them every wall stands. What is registered goes with the module. */
void __init merlon_kfunc_setup(void)
{
	int err;

	err = register_btf_kfunc_id_set(BPF_PROG_TYPE_SCHED_CLS, &skb_set);
	if (!err)
		err = register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &xdp_set);
	if (!err)
		err = register_btf_kfunc_id_set(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, &sock_addr_set);
	if (err)
		pr_warn("BPF programs cannot ask for verdicts: %d\n", err);
}

MODULE_INFO(kfuncs, "merlon_classify_skb merlon_classify_xdp merlon_may_leave");

#else

void __init merlon_kfunc_setup(void)
{
	pr_info("built without BTF: BPF programs cannot ask for verdicts\n");
}

MODULE_INFO(kfuncs, "none: built without BTF");

#endif
