/* net_allow: addresses and nets that may connect, and how a peer's address is written.
 *
 * A peer that comes as ::ffff:10.1.2.3 is 10.1.2.3. Pure; any thread. */
#ifndef BASE_NET_ALLOW_H
#define BASE_NET_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NET_ALLOW_MAX 64
#define NET_ADDRESS_SIZE 46 /* text of an address with its NUL */

struct net_range {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;      /* of the 128 that must agree */
};

struct net_allow {
    struct net_range ranges[NET_ALLOW_MAX];
    size_t n;
};

struct sockaddr;

/* "10.1.2.3", "10.1.0.0/16", "fd00::/8". ERR_FORMAT names the text (also for bits set behind the
 * prefix: 10.1.2.3/16 is more often a slip than meant). */
MUST_CHECK int net_range_parse(const char *text, struct net_range *out, struct errmsg *msg);
bool net_allowed(const struct net_allow *allow, const struct sockaddr *address);
bool net_in_range(const struct net_range *range, const uint8_t address[16]);
/* As in net_range. false: none of IPv4 and IPv6. */
bool net_address_bytes(const struct sockaddr *address, uint8_t out[16]);
/* The address without its port; "" when it is none of IPv4 and IPv6. */
void net_address_text(const struct sockaddr *address, char out[NET_ADDRESS_SIZE]);
/* "127.0.0.1:8080", "[::1]:8080": an address in numbers and a port. */
bool net_is_endpoint(const char *address_port);
/* And the address is a loopback one. */
bool net_is_loopback_endpoint(const char *address_port);

#endif
