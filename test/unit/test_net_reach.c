#include "base/net_reach.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

/* All that is named, "a b c". */
static struct net_reach naming(const char *const *names, size_t n)
{
    struct net_reach reach = {.n = n};
    struct errmsg msg = {""};

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(net_target_parse(names[i], &reach.targets[i], &msg), 0);
    }
    return reach;
}

static bool reaches(const struct net_reach *reach, const char *address, uint16_t port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
        return net_may_reach(reach, (const struct sockaddr *)(const void *)&four);
    }
    assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
    return net_may_reach(reach, (const struct sockaddr *)(const void *)&six);
}

static void expect(const struct net_reach *reach, const char *const *addresses, size_t n,
                   bool reached)
{
    for (size_t i = 0; i < n; i++) {
        if (reaches(reach, addresses[i], 443) != reached) {
            fail_msg("%s: %s", addresses[i], reached ? "refused" : "reached");
        }
    }
}

#define EXPECT(reach, reached, ...)                                                                \
    do {                                                                                           \
        static const char *const addresses[] = {__VA_ARGS__};                                      \
        expect(reach, addresses, sizeof(addresses) / sizeof(addresses[0]), reached);               \
    } while (0)

static void nothing_that_is_near_is_reached_unless_named(void **state)
{
    const struct net_reach reach = {.n = 0};

    (void)state;
    EXPECT(&reach, true, "203.0.113.7", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255",
           "100.128.0.1", "192.167.1.1", "169.253.1.1", "2001:db8::1", "2606:4700::1");
    EXPECT(&reach, false, "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1",
           "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8",
           "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
           "fc00::1", "fd00::8", "fe80::1", "fec0::1", "ff02::1", "100::1", "2001:0:1::1",
           "64:ff9b:1::8.8.8.8");
}

static void an_ipv4_address_is_taken_out_of_an_ipv6_one(void **state)
{
    static const char *const names[] = {"203.0.113.0/24", "10.1.2.3"};
    const struct net_reach none = {.n = 0};
    const struct net_reach named = naming(names, 2);

    (void)state;
    EXPECT(&none, false, "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::10.1.2.3", "64:ff9b::10.1.2.3",
           "64:ff9b::7f00:1", "2002:7f00:1::", "2002:0a01:0203::1", "2002:c0a8:0101::1");
    EXPECT(&none, true, "::ffff:203.0.113.7", "64:ff9b::203.0.113.7", "2002:cb00:7107::1");
    EXPECT(&named, true, "::ffff:203.0.113.7", "64:ff9b::203.0.113.7", "2002:cb00:7107::1",
           "::ffff:10.1.2.3", "64:ff9b::10.1.2.3");
    EXPECT(&named, false, "64:ff9b::10.1.2.4", "64:ff9b::8.8.8.8", "8.8.8.8");
}

static void a_wide_net_names_no_private_host(void **state)
{
    static const char *const all[] = {"0.0.0.0/0", "::/0"};
    static const char *const nets[] = {"10.1.0.0/16", "fd00::/8", "10.0.0.0/7", "127.0.0.0/8"};
    const struct net_reach wide = naming(all, 2);
    const struct net_reach some = naming(nets, 4);

    (void)state;
    EXPECT(&wide, true, "8.8.8.8", "2001:db8::1");
    EXPECT(&wide, false, "10.1.2.3", "127.0.0.1", "::1", "fd00::1", "::ffff:10.1.2.3");
    EXPECT(&some, true, "10.1.2.3", "fd00::1", "127.9.9.9", "11.1.1.1");
    EXPECT(&some, false, "10.2.2.3", "fc00::1", "8.8.8.8", "127.0.0.1"); /* the last is our own */
}

static void the_machines_own_addresses_are_named_one_by_one(void **state)
{
    const struct net_reach none = {.n = 0};
    struct ifaddrs *all = NULL;
    size_t seen = 0;

    (void)state;
    assert_int_equal(getifaddrs(&all), 0);
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        struct net_reach named = {.n = 1};
        struct errmsg msg = {""};
        char text[NET_ADDRESS_SIZE];

        if (i->ifa_addr == NULL) {
            continue;
        }
        net_address_text(i->ifa_addr, text);
        if (text[0] != '\0') {
            seen++;
            assert_false(reaches(&none, text, 443));
            assert_int_equal(net_target_parse(text, &named.targets[0], &msg), 0);
            assert_true(reaches(&named, text, 443));
            named.targets[0].range.bits = 127;
            assert_false(reaches(&named, text, 443));
        }
    }
    freeifaddrs(all);
    assert_true(seen > 0); /* loopback at least */
}

static void other_ports_than_those_of_the_web_are_named(void **state)
{
    static const char *const names[] = {"10.1.2.3", "10.1.2.4:8080", "[fd00::1]:8443",
                                        "10.2.0.0/16:81", "[fd01::/16]:82"};
    const struct net_reach none = {.n = 0};
    const struct net_reach named = naming(names, 5);

    (void)state;
    assert_true(reaches(&none, "203.0.113.7", 80));
    assert_false(reaches(&none, "203.0.113.7", 8080));
    assert_false(reaches(&none, "203.0.113.7", 0));
    assert_true(reaches(&named, "10.1.2.3", 80));
    assert_false(reaches(&named, "10.1.2.3", 22));
    assert_true(reaches(&named, "10.1.2.4", 8080));
    assert_false(reaches(&named, "10.1.2.4", 80));
    assert_true(reaches(&named, "fd00::1", 8443));
    assert_true(reaches(&named, "10.2.9.9", 81));
    assert_true(reaches(&named, "fd01::9", 82));
    assert_false(reaches(&named, "fd02::9", 82));
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = {"",           "host",        "host:80",        "10.1.2.3:",
                                      "10.1.2.3:0", "10.1.2.3:x",  "10.1.2.3:65536", "10.1.2.3:+1",
                                      "[fd00::1]",  "[fd00::1]:",  "[fd00::1",       "[]:80",
                                      "[:80",       "10.1.2.3/33", "10.1.2.3/16:80"};
    const struct net_reach none = {.n = 0};
    const struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct errmsg msg = {""};
    struct net_target t;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (net_target_parse(bad[i], &t, &msg) != ERR_FORMAT) {
            fail_msg("%s", bad[i]);
        }
    }
    assert_false(net_may_reach(&none, (const struct sockaddr *)(const void *)&local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_is_near_is_reached_unless_named),
        cmocka_unit_test(an_ipv4_address_is_taken_out_of_an_ipv6_one),
        cmocka_unit_test(a_wide_net_names_no_private_host),
        cmocka_unit_test(the_machines_own_addresses_are_named_one_by_one),
        cmocka_unit_test(other_ports_than_those_of_the_web_are_named),
        cmocka_unit_test(what_is_no_address_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
