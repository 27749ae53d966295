// SPDX-License-Identifier: GPL-2.0
#include <linux/in.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/udp.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/sock.h>
#include <net/udp.h>

#include "shadow.h"

/* Who gets what the other side answers; the caller has a reference. */
static struct sock *listener(u8 family, struct net *net,
			     const struct nf_conntrack_tuple *reply)
{
	if (family == AF_INET)
		return udp4_lib_lookup(net, reply->src.u3.ip, reply->src.u.udp.port,
				       reply->dst.u3.ip, reply->dst.u.udp.port, 0);
	return udp6_lib_lookup(net, &reply->src.u3.in6, reply->src.u.udp.port,
			       &reply->dst.u3.in6, reply->dst.u.udp.port, 0);
}

bool merlon_shadow_casts(u8 family, const struct sk_buff *skb,
			 const struct nf_hook_state *state)
{
	enum ip_conntrack_info info;
	const struct nf_conn *ct = nf_ct_get(skb, &info);
	struct sock *sk;
	bool ret;

	if (nf_ct_protonum(ct) != IPPROTO_UDP)
		return false;
	sk = listener(family, state->net, &ct->tuplehash[IP_CT_DIR_REPLY].tuple);
	if (!sk)
		return false;
	ret = sk->sk_kern_sock;
	sock_put(sk);
	return ret;
}
