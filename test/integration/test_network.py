"""The network between the daemon and the portal at its worst: late, slow, silent, cut, gone.

A relay makes the weather; namespaces of the kernel make what a relay can not. What must hold is
always the same: nothing lost, nothing twice, and nothing in doubt that can not have left.
NETWORK_LONG=1 takes the slow forms, NETWORK_SECONDS is the length of the random weather.
"""

import ctypes
import os
import random
import socket
import subprocess
import time
import unittest

import together
from harness import LIBC, RepliesTest
from relay import BlackHole, Relay

LONG = os.environ.get("NETWORK_LONG", "") == "1"
SECONDS = float(os.environ.get("NETWORK_SECONDS", "600" if LONG else "4"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000


class Weather(RepliesTest):
    """A world whose portal is behind a relay."""

    def through_relay(self, dossiers=8, days=6, portal=None, start=True, **knobs):
        world = self.world
        world.start_portal(**knobs)
        world.start_province(dossiers, days=days)
        self.relay = Relay(world.portal.port)
        self.addCleanup(self.relay.close)
        world.write_conf(portal={"adapter_url": self.relay.url + "/forward",
                                 "connect_timeout": "1s", "request_timeout": "3s",
                                 "stall_timeout": "1s", **(portal or {})})
        if start:
            world.start()
            world.settle()
            self.mark = len(world.attempts())
        return world

    def fair(self, **expected):
        """Calm weather again: everything arrives."""
        self.relay.calm()
        self.world.settle(120)
        return self.assert_delivered(**expected)

    def failures(self):
        return sum(outcome in ("unsure", "transient") for _, outcome, _, _ in self.new_attempts())

    def wait_failures(self, n=1):
        """Since the last change."""
        self.world.wait(lambda: self.failures() >= n, f"{n} calls that fail")


class Slow(Weather):
    """Slower only."""

    def test_a_third_of_a_second_each_way(self):
        self.through_relay(4, start=False, portal={"request_timeout": "30s",
                                                   "stall_timeout": "20s",
                                                   "connect_timeout": "20s"})
        self.relay.delay_s = 0.3
        self.world.start()
        self.world.settle(120)
        self.assert_delivered(repeats=0)
        self.assertEqual({o for _, o, _, _ in self.world.attempts()}, {"done"})

    def test_a_line_of_few_bits(self):
        """1 kbit/s each way in the long form; 16 otherwise."""
        self.through_relay(2, start=False, portal={"request_timeout": "10m",
                                                   "stall_timeout": "60s",
                                                   "connect_timeout": "60s"})
        rate = 125 if LONG else 2000
        self.relay.bytes_per_s.update(up=rate, down=rate)
        began = time.monotonic()
        self.world.start()
        self.world.settle(1200)
        self.assertGreater(time.monotonic() - began, self.relay.passed["up"] / rate / 8)
        self.assert_delivered(repeats=0)
        self.assertEqual({o for _, o, _, _ in self.world.attempts()}, {"done"})


class Broken(Weather):
    def test_a_line_that_falls_silent(self):
        """Either way: the request never arrives whole, or the answer never comes."""
        world = self.through_relay(30)
        for way in ("up", "down"):
            with self.subTest(stalled=way):
                self.mark = len(world.attempts())
                self.relay.stalled[way] = True
                self.change(4)
                self.wait_outcome("unsure")
                self.relay.break_open()
                self.relay.stalled[way] = False
                world.settle()
                self.assert_delivered(**({"repeats": 0} if way == "up" else {}))

    def test_connections_that_break_after_any_byte(self):
        """In the request: nothing was stored. In the answer: it was, and is known by the look-up."""
        self.through_relay(60)
        step = 16 if LONG else 97
        cuts = [("up", n) for n in range(1, 3000, step * 8)]
        cuts += [("down", n) for n in range(1, 330, step)]
        for way, n in cuts:
            with self.subTest(way=way, bytes=n):
                self.relay.break_open()  # the count begins with a connection
                self.relay.cut_after[way] = n
                self.relay.cut_with_reset = n % 2 == 0
                self.change(3)
                self.wait_failures()
                self.relay.cut_after[way] = None
        self.fair()

    def test_what_was_given_up_arrives_all_the_same(self):
        """Later than the daemon heard of the break: two may arrive, the second changes nothing."""
        for late in (0.05, 0.4):
            with self.subTest(late=late):
                if self.world.daemon is None:
                    self.through_relay(40)
                self.relay.break_open()
                self.relay.late_s = late
                self.change(4)
                self.wait_failures()
                self.relay.late_s = None
                time.sleep(late + 0.3)  # it is under way, and nothing shows when it is there
                self.fair()

    def test_half_an_end(self):
        """The peer's end comes early, while what was asked is still under way."""
        world = self.through_relay(40)
        for n in (0, 1, 60, 120):
            self.relay.break_open()
            self.relay.half_close_after = n
            self.change(3)
            self.wait_failures()
        self.fair()
        self.assertEqual(world.queue(state="UNSURE"), [])

    def test_random_weather(self):
        world = self.through_relay(20, start=False)
        print(f"seed {SEED}, {SECONDS:.0f} s")
        world.start()
        chance = random.Random(SEED)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            way = chance.choice(("up", "down"))
            chance.choice((
                lambda: setattr(self.relay, "delay_s", chance.uniform(0, 0.3)),
                lambda: self.relay.stalled.update({way: True}),
                lambda: self.relay.cut_after.update({way: chance.randrange(1, 3000)}),
                lambda: self.relay.bytes_per_s.update({way: chance.randrange(500, 50000)}),
                self.relay.break_open, self.relay.refuse, self.relay.calm, self.relay.calm))()
            world.province.post("step", changes=2)
            time.sleep(chance.uniform(0.05, 0.5))
        self.fair()


class NothingLeft(Weather):
    """Where no connection comes about there is no doubt, and no item pays for it."""

    def nothing_in_doubt(self, failures=3):
        world = self.world
        codes = self.change(4)
        self.assertTrue(codes)
        self.wait_failures(failures)
        self.assertEqual({(o, h) for _, o, h, _ in self.new_attempts()}, {("transient", 0)})
        self.assertEqual(world.queue(state="UNSURE"), [])
        self.assertTrue(all(i["attempts"] == 0 for i in world.queue(state="PENDING")))
        self.assertEqual(world.queue(state="HELD"), [])

    def elsewhere(self, url):
        self.world.change_conf("portal", adapter_url=url + "/forward", connect_timeout="300ms")
        self.world.order("/v1/reload")

    def test_refused(self):
        self.through_relay()
        self.relay.refuse()
        self.nothing_in_doubt()
        self.fair(repeats=0)

    def test_a_name_that_nobody_knows(self):
        self.through_relay()
        self.elsewhere("http://khong-co.invalid:8080")
        self.nothing_in_doubt()
        self.elsewhere(self.relay.url)
        self.fair(repeats=0)

    def test_a_port_that_swallows_the_first_packet(self):
        self.through_relay()
        hole = BlackHole()
        self.addCleanup(hole.close)
        if not hole.swallows():
            self.skipTest("this kernel answers although the queue of connections is full")
        self.elsewhere(hole.url)
        self.nothing_in_doubt()
        self.elsewhere(self.relay.url)
        self.fair(repeats=0)


class Kept(Weather):
    """Connections that are kept, and die before they are used again."""

    def test_the_peer_closes_what_is_idle(self):
        world = self.through_relay(portal={"max_in_flight": 4})
        self.relay.close_idle_s = 0.2
        for _ in range(4):
            time.sleep(0.4)  # all kept connections are closed by now
            self.mark = len(world.attempts())
            self.change(3)
            world.settle()
        self.fair(repeats=0)

    def test_a_kept_connection_dies_under_the_next_request(self):
        """It is not sent again by the way: at most one arrival for each that the daemon knows of."""
        world = self.through_relay()
        self.relay.close_on_next = True
        accepted = self.relay.accepted
        self.change(6)
        self.wait_outcome("unsure", 2)
        world.wait(lambda: self.relay.accepted > accepted, "a new connection")
        self.fair(repeats=0)


class Namespaces(Weather):
    """In a network and a table of mounts of this process's own."""

    def enter(self):
        """Or says why not."""
        LIBC.unshare.argtypes = [ctypes.c_int]
        flags = CLONE_NEWNET | CLONE_NEWNS
        uid, gid = os.getuid(), os.getgid()
        if uid != 0:
            flags |= CLONE_NEWUSER
        if LIBC.unshare(flags) != 0:
            self.skipTest("the kernel gives no network namespace to this user")
        if uid != 0:
            for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"),
                               ("gid_map", f"0 {gid} 1")):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)
        try:
            self.ip("link", "set", "lo", "up")
            self.ip("link", "add", "hole", "type", "veth", "peer", "name", "deep")
            self.ip("link", "set", "hole", "up")
            self.ip("link", "set", "deep", "up")
            self.ip("addr", "add", "192.0.2.1/24", "dev", "hole")
            self.swallow("192.0.2.9")
            subprocess.run(["mount", "--make-rprivate", "/"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as e:
            self.skipTest(f"no black hole can be made here: {e}")

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)

    def swallow(self, address):
        """What goes there is never answered: the way leads to a card that nobody has."""
        self.ip("neigh", "add", address, "lladdr", "02:00:00:00:00:09", "dev", "hole", "nud",
                "permanent")

    def hosts(self, *lines):
        """What names mean from now on."""
        path = self.world.dir / "hosts"
        first = not path.exists()
        path.write_text("".join(line + "\n" for line in ("127.0.0.1 localhost", *lines)))
        if first:
            subprocess.run(["mount", "--bind", path, "/etc/hosts"], check=True,
                           capture_output=True)

    def test_a_black_hole_by_route(self):
        self.enter()
        world = self.through_relay()
        self.hosts("192.0.2.9 cong.test")
        with socket.socket() as s:  # the control
            s.settimeout(0.5)
            self.assertRaises(TimeoutError, s.connect, ("192.0.2.9", 80))
        world.change_conf("portal", adapter_url=f"http://cong.test:{self.relay.port}/forward",
                          connect_timeout="300ms")
        world.order("/v1/reload")
        self.change(4)
        self.wait_failures(3)
        self.assertEqual({(o, h) for _, o, h, _ in self.new_attempts()}, {("transient", 0)})
        self.assertEqual(world.queue(state="UNSURE"), [])
        world.change_conf("portal", adapter_url=self.relay.url + "/forward")
        world.order("/v1/reload")
        self.fair(repeats=0)

    def test_a_name_with_a_broken_ipv6_and_a_good_ipv4(self):
        self.enter()
        try:
            self.ip("-6", "addr", "add", "2001:db8::1/64", "dev", "hole", "nodad")
            self.swallow("2001:db8::9")
        except subprocess.CalledProcessError:
            self.skipTest("this kernel has no IPv6")
        self.hosts("2001:db8::9 cong.test", "127.0.0.1 cong.test")
        world = self.through_relay(start=False, portal={"connect_timeout": "5s",
                                                        "request_timeout": "10s"})
        world.change_conf("portal", adapter_url=f"http://cong.test:{self.relay.port}/forward")
        world.start()
        world.settle()
        self.assert_delivered(repeats=0)
        self.assertEqual({o for _, o, _, _ in world.attempts()}, {"done"})

    def test_a_name_with_both_where_only_one_listens(self):
        self.enter()
        self.hosts("::1 cong.test", "127.0.0.1 cong.test")
        for listen in ("127.0.0.1", "::1"):
            with self.subTest(listen=listen):
                if self.world.daemon is None:
                    self.through_relay()
                try:
                    relay = Relay(self.world.portal.port, listen=listen)
                except OSError as e:
                    self.skipTest(f"this kernel has no {listen}: {e}")
                self.addCleanup(relay.close)
                self.world.change_conf("portal",
                                       adapter_url=f"http://cong.test:{relay.port}/forward")
                self.world.order("/v1/reload")
                self.change(3)
                self.world.settle()
                self.assert_delivered(repeats=0)
                self.assertGreater(relay.accepted, 0)

    @unittest.skipUnless(LONG, "names are kept for a minute: NETWORK_LONG=1")
    def test_a_name_that_moves(self):
        self.enter()
        world = self.through_relay()
        here = Relay(world.portal.port, listen="127.0.0.2")
        there = Relay(world.portal.port, listen="127.0.0.3", listen_port=here.port)
        for relay in (here, there):
            self.addCleanup(relay.close)
        self.hosts("127.0.0.2 cong.test")
        world.change_conf("portal", adapter_url=f"http://cong.test:{here.port}/forward")
        world.order("/v1/reload")
        self.change(3)
        world.settle()
        self.assertGreater(here.accepted, 0)
        self.hosts("127.0.0.3 cong.test")
        here.refuse()
        self.change(3)
        world.wait(lambda: there.accepted > 0, "the other address", 150)
        world.settle()
        self.assert_delivered()


if __name__ == "__main__":
    together.main()
