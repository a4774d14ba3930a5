/* net reach: to which addresses a call may go whose address somebody else wrote, judged by the
 * address that is connected to.
 *
 * IPv4 inside of IPv6 is unwrapped first: ::ffff:0:0/96, ::/96, 64:ff9b::/96 and 2002::/16. Of what
 * is near (private, loopback, link-local, multicast, kept for other uses, or an address of this
 * machine's own) only what is named may be reached. Any thread. */
#ifndef BASE_NET_REACH_H
#define BASE_NET_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/net_allow.h"

struct net_target {
    struct net_range range;
    uint16_t port; /* 0: 80 and 443 */
};

/* n 0: anything that is not near, at port 80 or 443. Else what is named alone, and a net names near
 * addresses only when all of it lies in one private net: 0.0.0.0/0 names none, 10.0.0.0/8 those of
 * 10.0.0.0/8. This machine's own address is named by itself alone. */
struct net_reach {
    struct net_target targets[NET_ALLOW_MAX];
    size_t n;
};

/* "10.1.2.3", "10.1.0.0/16", "fd00::/8"; with a port "10.1.2.3:8080", "10.1.0.0/16:8080",
 * "[fd00::1]:8080", "[fd00::/8]:8080". ERR_FORMAT names the text. */
MUST_CHECK int net_target_parse(const char *text, struct net_target *out, struct errmsg *msg);
/* false too for what is no IPv4 or IPv6, and when the own addresses can't be asked for. */
bool net_may_reach(const struct net_reach *reach, const struct sockaddr *address);

#endif
