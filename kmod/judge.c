// SPDX-License-Identifier: GPL-2.0
/*
 * Conntrack is used where it runs, through inline functions alone: this module
 * neither loads it nor switches it on.
 *
 * Cache lines that a packet of a connection touches, apart from the nine of a
 * verdict (classify.h): its struct sk_buff, its IP header, the first two of
 * its struct nf_conn. Without conntrack: its headers, and one line (IPv4) or
 * two (IPv6) of the flows where it is not TCP.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <net/ip.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/sock.h>

#include "classifier/classify.h"
#include "flow.h"
#include "generation.h"
#include "judge.h"
#include "judge_conntrack.h"
#include "judge_plain.h"
#include "parse_skb.h"
#include "pernet.h"

/* Not inlined: whatever is not a packet of a connection comes here, some of it twice. */
static noinline u32 classify_apart(u8 family, const struct merlon_tables *tables,
				   const void *source, const void *destination,
				   u8 protocol, u16 selector)
{
	return merlon_classify_ip(tables, family, source, destination, protocol, selector);
}

static u32 classify_own(const struct merlon_tables *tables,
			const struct merlon_packet *packet)
{
	return classify_apart(packet->family, tables, packet->source, packet->destination,
			      packet->protocol, packet->selector);
}

/* ------------------------------------------------------------- connections */

/* @original is allowed by @verdict: does a rule deny what NAT made of it? */
static struct merlon_judgement by_translated(u8 family, const struct merlon_tables *tables,
					     const struct nf_conntrack_tuple *original,
					     const struct nf_conntrack_tuple *reply, u32 verdict)
{
	u8 protocol = original->dst.protonum;
	u16 selector = merlon_tuple_selector(protocol, reply->src.u.all,
					     original->dst.u.icmp.type);
	u32 translated = classify_apart(family, tables, &original->src.u3, &reply->src.u3,
					protocol, selector);

	if (!MERLON_VERDICT_RULE(translated) || merlon_verdict_allows(translated))
		return merlon_by_verdict(verdict);
	return (struct merlon_judgement) { translated, MERLON_REASON_TRANSLATED };
}

static struct merlon_judgement by_connection(u8 family, const struct merlon_tables *tables,
					     const struct nf_conn *ct)
{
	u32 verdict = merlon_classify_connection(family, tables, ct);

	if (merlon_is_translated(family, ct) && merlon_verdict_allows(verdict))
		return by_translated(family, tables, &ct->tuplehash[IP_CT_DIR_ORIGINAL].tuple,
				     &ct->tuplehash[IP_CT_DIR_REPLY].tuple, verdict);
	return merlon_by_verdict(verdict);
}

/* ------------------------------------------------------- without conntrack */

/* The verdict on what @packet, as a reply, would answer; 0: it is no reply. */
static u32 classify_asked(const struct merlon_tables *tables,
			  const struct merlon_packet *packet)
{
	int selector = packet->source_port;

	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6)
		selector = merlon_flow_query(packet);
	if (selector < 0)
		return 0;
	return classify_apart(packet->family, tables, packet->destination, packet->source,
			      packet->protocol, selector);
}

static bool is_opener(const struct merlon_packet *packet)
{
	return packet->protocol == IPPROTO_TCP &&
	       (packet->tcp_flags & (MERLON_TCP_SYN | MERLON_TCP_ACK)) == MERLON_TCP_SYN;
}

/* Forwarded packets have no socket, and ICMP of the kernel's own has the kernel's. */
static bool is_from_kernel(const struct sk_buff *skb)
{
	return skb->sk && sk_fullsock(skb->sk) && skb->sk->sk_kern_sock;
}

/*
 * The verdict on the permitted packet that the ICMP error @error quotes, else 0.
 * What the kernel itself complains of (too big, too many hops) it stopped before
 * anybody judged it: no state can have been left.
 */
static noinline u32 classify_quoted(const struct merlon_net *mn,
				    const struct merlon_tables *tables,
				    const struct sk_buff *skb,
				    const struct merlon_packet *error)
{
	bool stateless, own = is_from_kernel(skb);
	struct merlon_packet quoted;
	u32 verdict;

	if (merlon_packet_quoted(skb, error, &quoted) ||
	    !merlon_same_address(AF_INET6, quoted.source, error->destination))
		return 0;
	stateless = quoted.protocol == IPPROTO_TCP;
	verdict = classify_own(tables, &quoted);
	if (merlon_verdict_allows(verdict) &&
	    (stateless || own || merlon_flow_opened(mn->flows, &quoted)))
		return verdict;
	if (is_opener(&quoted))
		return 0;
	verdict = classify_asked(tables, &quoted);
	if (merlon_verdict_allows(verdict) &&
	    (stateless || merlon_flow_answers(mn->flows, &quoted, false)))
		return verdict;
	return 0;
}

/* Its own tuple, @own, does not pass: is @packet an answer to one that did? */
static struct merlon_judgement by_reply(const struct merlon_net *mn,
					const struct merlon_tables *tables,
					const struct sk_buff *skb,
					const struct merlon_packet *packet, u32 own)
{
	u32 asked;

	if (packet->icmp_error) {
		asked = classify_quoted(mn, tables, skb, packet);
		return asked ? merlon_by_verdict(asked) : merlon_not_opened(own);
	}
	if (is_opener(packet))
		return merlon_by_verdict(own);
	asked = classify_asked(tables, packet);
	if (!merlon_verdict_allows(asked))
		return merlon_by_verdict(own);
	if (packet->protocol == IPPROTO_TCP || merlon_flow_answers(mn->flows, packet, true))
		return merlon_by_verdict(asked);
	return merlon_not_opened(own);
}

/* Nothing says which connection it is of: its own tuple has the verdict @own. */
static struct merlon_judgement by_flags(u8 family, const struct merlon_net *mn,
					const struct merlon_tables *tables,
					const struct sk_buff *skb,
					const struct merlon_packet *packet, u32 own)
{
	if (merlon_conntrack_runs(mn->net, family))
		return merlon_by_verdict(own);
	if (!merlon_verdict_allows(own))
		return by_reply(mn, tables, skb, packet, own);
	if (packet->protocol != IPPROTO_TCP)
		merlon_flow_open(mn->flows, packet);
	return merlon_by_verdict(own);
}

/* ------------------------------------------------------------------ frames */

/* Conntrack's original tuple, NAT undone, where it knows the packet (IPv4 alone). */
static u32 classify_original(const struct merlon_tables *tables, const struct sk_buff *skb)
{
	struct nf_conntrack_tuple tuple;
	u8 protocol;

	if (!nf_ct_get_tuple_skb(&tuple, skb))
		return 0;
	protocol = tuple.dst.protonum;
	return classify_apart(AF_INET, tables, &tuple.src.u3, &tuple.dst.u3, protocol,
			      merlon_tuple_selector(protocol, tuple.dst.u.all,
						    tuple.dst.u.icmp.type));
}

struct merlon_judgement merlon_judge_frame(const struct merlon_generation *generation,
					   const struct sk_buff *skb,
					   const struct merlon_packet *packet, bool routed)
{
	const struct merlon_tables *tables = generation->tables;
	u32 own = classify_own(tables, packet);
	u32 asked = 0;

	if (merlon_verdict_allows(own) || !routed || is_opener(packet))
		return merlon_by_verdict(own);
	asked = classify_asked(tables, packet);
	if (!merlon_verdict_allows(asked) && packet->family == AF_INET)
		asked = classify_original(tables, skb);
	return merlon_by_verdict(merlon_verdict_allows(asked) ? asked : own);
}

/* ------------------------------------------------------------------- entry */

/* The headers are sound, and @ct is not a template. */
static struct merlon_judgement by_oddity(u8 family, const struct merlon_tables *tables,
					 const struct nf_conn *ct, enum ip_conntrack_info info,
					 const struct merlon_packet *packet)
{
	bool member;

	if (merlon_is_related(info) &&
	    (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6))
		member = packet->icmp_error;
	else
		member = merlon_leads_to(family, ct, info, packet->destination);
	if (!member)
		return merlon_by_verdict(classify_own(tables, packet));
	return by_connection(family, tables, ct);
}

struct merlon_judgement merlon_judge_any(u8 family, const struct merlon_net *mn,
					 const struct merlon_tables *tables,
					 const struct sk_buff *skb)
{
	enum ip_conntrack_info info;
	const struct nf_conn *ct = nf_ct_get(skb, &info);
	struct merlon_packet packet;
	u8 fault;

	fault = merlon_packet_read(family, skb, &packet);
	if (unlikely(fault))
		return (struct merlon_judgement) { .reason = fault };
	if (ct && !nf_ct_is_template(ct))
		return by_oddity(family, tables, ct, info, &packet);
	return by_flags(family, mn, tables, skb, &packet, classify_own(tables, &packet));
}
