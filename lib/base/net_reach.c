#include "base/net_reach.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PORT_HTTP 80
#define PORT_HTTPS 443

/* clang-format off */
#define V4(a, b, c, d, n) {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (n)}
#define V6(a, b, c, d, n) {{a, b, c, d}, n}

static const struct net_range near[] = {
    V4(0, 0, 0, 0, 8),       V4(10, 0, 0, 0, 8),      V4(100, 64, 0, 0, 10), V4(127, 0, 0, 0, 8),
    V4(169, 254, 0, 0, 16),  V4(172, 16, 0, 0, 12),   V4(192, 0, 0, 0, 24),  V4(192, 168, 0, 0, 16),
    V4(198, 18, 0, 0, 15),   V4(224, 0, 0, 0, 3),
    V6(0, 0, 0, 0, 8),       /* unspecified, loopback, 64:ff9b:1::/48; a mapped one is seen apart */
    V6(0x01, 0, 0, 0, 8),    /* discarded */
    V6(0x20, 0x01, 0, 0, 32), /* Teredo: IPv4 behind it */
    V6(0xfc, 0, 0, 0, 7),    V6(0xfe, 0x80, 0, 0, 10), V6(0xfe, 0xc0, 0, 0, 10),
    V6(0xff, 0, 0, 0, 8),
};
/* clang-format on */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t compatible[12] = {0};
static const uint8_t translated[12] = {0, 0x64, 0xff, 0x9b};

static bool is_v4(const uint8_t a[16])
{
    return memcmp(a, mapped, sizeof(mapped)) == 0;
}

/* As ::ffff:a.b.c.d whatever it comes wrapped in. :: and ::1 stay what they are. */
static void unwrap(uint8_t a[16])
{
    uint8_t inner[4];

    if (a[0] == 0x20 && a[1] == 0x02) {
        memcpy(inner, a + 2, sizeof(inner));
    } else if (memcmp(a, translated, sizeof(translated)) == 0 ||
               (memcmp(a, compatible, sizeof(compatible)) == 0 && (a[12] | a[13] | a[14]) != 0)) {
        memcpy(inner, a + 12, sizeof(inner));
    } else {
        return;
    }
    memcpy(a, mapped, sizeof(mapped));
    memcpy(a + sizeof(mapped), inner, sizeof(inner));
}

static bool bytes_of(const struct sockaddr *address, uint8_t out[16])
{
    bool known = net_address_bytes(address, out);

    if (known) {
        unwrap(out);
    }
    return known;
}

static uint16_t port_of(const struct sockaddr *address)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET) {
        memcpy(&in, address, sizeof(in));
        return ntohs(in.sin_port);
    }
    memcpy(&in6, address, sizeof(in6));
    return ntohs(in6.sin6_port);
}

/* Asked each time: addresses come and go. What can't be told is taken for own. */
static bool is_own(const uint8_t a[16])
{
    struct ifaddrs *all = NULL;
    bool own = false;

    if (getifaddrs(&all) != 0) {
        return true;
    }
    for (const struct ifaddrs *i = all; i != NULL && !own; i = i->ifa_next) {
        uint8_t b[16];

        own = i->ifa_addr != NULL && bytes_of(i->ifa_addr, b) && memcmp(a, b, 16) == 0;
    }
    freeifaddrs(all);
    return own;
}

/* How narrow a net must be to name it; 0: it is not near. */
static unsigned bits_needed(const uint8_t a[16])
{
    unsigned bits = 0;

    if (is_own(a)) {
        return 128;
    }
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
        bool same_family = is_v4(near[i].bytes) == is_v4(a);

        bits =
            same_family && net_in_range(&near[i], a) && near[i].bits > bits ? near[i].bits : bits;
    }
    return bits;
}

bool net_may_reach(const struct net_reach *reach, const struct sockaddr *address)
{
    uint8_t a[16];
    unsigned needed;
    uint16_t port;
    bool usual;

    if (!bytes_of(address, a)) {
        return false;
    }
    needed = bits_needed(a);
    port = port_of(address);
    usual = port == PORT_HTTP || port == PORT_HTTPS;
    for (size_t i = 0; i < reach->n; i++) {
        const struct net_target *t = &reach->targets[i];

        if (net_in_range(&t->range, a) && t->range.bits >= needed &&
            (t->port == 0 ? usual : t->port == port)) {
            return true;
        }
    }
    return reach->n == 0 && needed == 0 && usual;
}

/* ---- what is named ---- */

/* Where ":PORT" begins behind an address; NULL: there is none. */
static const char *find_port(const char *text)
{
    const char *colon = strchr(text, ':');

    if (text[0] == '[') {
        const char *bracket = strchr(text, ']');

        return bracket != NULL && bracket[1] == ':' ? bracket + 1 : NULL;
    }
    return colon != NULL && strchr(colon + 1, ':') == NULL ? colon : NULL;
}

static bool read_port(const char *digits, uint16_t *out)
{
    char *end = NULL;
    unsigned long port = strtoul(digits, &end, 10);

    *out = (uint16_t)port;
    return digits[0] >= '0' && digits[0] <= '9' && *end == '\0' && port > 0 && port <= UINT16_MAX;
}

int net_target_parse(const char *text, struct net_target *out, struct errmsg *msg)
{
    const char *colon = find_port(text);
    bool bracket = text[0] == '[';
    size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);
    char net[NET_ADDRESS_SIZE + 8];

    out->port = 0;
    if (colon != NULL && !read_port(colon + 1, &out->port)) {
        return err_set(msg, ERR_FORMAT, "%.60s: a port is 1 to 65535", text);
    }
    if (bracket && colon == NULL) {
        return err_set(msg, ERR_FORMAT, "%.60s: brackets are for an address with a port", text);
    }
    n -= bracket ? 2 : 0;
    if (n >= sizeof(net)) {
        return err_set(msg, ERR_FORMAT, "%.60s: not an address or net", text);
    }
    memcpy(net, text + (bracket ? 1 : 0), n);
    net[n] = '\0';
    return net_range_parse(net, &out->range, msg);
}
