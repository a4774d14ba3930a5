#include "base/net_allow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool to_bytes(const char *text, uint8_t out[16], bool *is_v4)
{
    *is_v4 = inet_pton(AF_INET, text, out + sizeof(mapped)) == 1;
    if (*is_v4) {
        memcpy(out, mapped, sizeof(mapped));
        return true;
    }
    return inet_pton(AF_INET6, text, out) == 1;
}

static bool agree(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;

    return memcmp(a, b, whole) == 0 &&
           (rest == 0 || (a[whole] >> (8 - rest)) == (b[whole] >> (8 - rest)));
}

static bool zero_behind(const uint8_t bytes[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++) {
        if ((bytes[i / 8] >> (7 - i % 8) & 1) != 0) {
            return false;
        }
    }
    return true;
}

int net_range_parse(const char *text, struct net_range *out, struct errmsg *msg)
{
    const char *slash = strchr(text, '/');
    size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
    char address[NET_ADDRESS_SIZE];
    unsigned long bits = 128;
    char *end = NULL;
    bool is_v4;

    if (n >= sizeof(address)) {
        return err_set(msg, ERR_FORMAT, "%.60s: not an address or net", text);
    }
    memcpy(address, text, n);
    address[n] = '\0';
    if (!to_bytes(address, out->bytes, &is_v4)) {
        return err_set(msg, ERR_FORMAT,
                       "%.60s: not an address or net; write 10.1.2.3, 10.1.0.0/16 or fd00::/8",
                       text);
    }
    if (slash != NULL) {
        bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > (is_v4 ? 32U : 128U)) {
            return err_set(msg, ERR_FORMAT, "%.60s: the length of a net is 0 to %u", text,
                           is_v4 ? 32U : 128U);
        }
        bits += is_v4 ? 96 : 0;
        if (!zero_behind(out->bytes, (unsigned)bits)) {
            return err_set(msg, ERR_FORMAT,
                           "%.60s: the address has bits behind the net's length; name the net's "
                           "first address",
                           text);
        }
    }
    out->bits = (uint8_t)bits;
    return 0;
}

bool net_address_bytes(const struct sockaddr *address, uint8_t out[16])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof(in));
        memcpy(out, mapped, sizeof(mapped));
        memcpy(out + sizeof(mapped), &in.sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;

        memcpy(&in, address, sizeof(in));
        memcpy(out, &in.sin6_addr, 16);
        return true;
    }
    return false;
}

bool net_in_range(const struct net_range *range, const uint8_t address[16])
{
    return agree(address, range->bytes, range->bits);
}

bool net_allowed(const struct net_allow *allow, const struct sockaddr *address)
{
    uint8_t bytes[16];

    if (!net_address_bytes(address, bytes)) {
        return false;
    }
    for (size_t i = 0; i < allow->n; i++) {
        if (net_in_range(&allow->ranges[i], bytes)) {
            return true;
        }
    }
    return false;
}

void net_address_text(const struct sockaddr *address, char out[NET_ADDRESS_SIZE])
{
    uint8_t bytes[16];
    bool v4;

    out[0] = '\0';
    if (!net_address_bytes(address, bytes)) {
        return;
    }
    v4 = memcmp(bytes, mapped, sizeof(mapped)) == 0;
    if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + sizeof(mapped) : bytes, out,
                  NET_ADDRESS_SIZE) == NULL) {
        out[0] = '\0';
    }
}

/* The host of ADDRESS:PORT as bytes. */
static bool endpoint_bytes(const char *address_port, uint8_t out[16])
{
    const char *colon = strrchr(address_port, ':');
    size_t n = colon != NULL ? (size_t)(colon - address_port) : 0;
    char host[NET_ADDRESS_SIZE];
    unsigned long port;
    char *end;
    bool is_v4;

    if (n == 0 || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    port = strtoul(colon + 1, &end, 10);
    if (n >= 2 && address_port[0] == '[' && address_port[n - 1] == ']') {
        address_port++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof(host) || *end != '\0' || port > UINT16_MAX) {
        return false;
    }
    memcpy(host, address_port, n);
    host[n] = '\0';
    return to_bytes(host, out, &is_v4);
}

bool net_is_endpoint(const char *address_port)
{
    uint8_t bytes[16];

    return endpoint_bytes(address_port, bytes);
}

bool net_is_loopback_endpoint(const char *address_port)
{
    static const struct net_range loopback[] = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 0}, 104},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128}};
    uint8_t bytes[16];

    return endpoint_bytes(address_port, bytes) &&
           (agree(bytes, loopback[0].bytes, loopback[0].bits) ||
            agree(bytes, loopback[1].bytes, loopback[1].bits));
}
