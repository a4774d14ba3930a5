"""A portal that breaks the rules of HTTP, of patience and of size.

A front before the sandbox portal answers in its place. Times are compared with what was told to the
daemon, never with the clock of a quiet machine. FAULTY_LONG=1 takes the long forms.
"""

import email.utils
import gzip
import itertools
import json
import os
import re
import time

import together
from front import Front, answer
from harness import RepliesTest

LONG = os.environ.get("FAULTY_LONG", "") == "1"
PADDED = json.dumps({"error_code": 0, "message": "Thành công", "pad": "x" * 1960})


class FaultyTest(RepliesTest):
    def through_front(self, dossiers=20, days=6, portal=None, start=True, conf=None, **knobs):
        """A settled world with the front between, which passes everything on so far."""
        world = self.world
        world.start_portal(**knobs)
        world.start_province(dossiers, days=days)
        self.front = Front(world.portal.port)
        self.addCleanup(self.front.close)
        world.write_conf(portal={"adapter_url": self.front.url() + "/forward", **(portal or {})},
                         **(conf or {}))
        if start:
            world.start()
            world.settle()
            self.mark = len(world.attempts())
        return world

    def fair(self, **expected):
        self.front.behave = None
        self.world.settle(120)
        return self.assert_delivered(**expected)


class Outage(FaultyTest):
    def test_a_portal_that_fails_for_long_is_only_probed(self):
        """500, 502, 503, 504 in turn; 10 minutes in the long form."""
        world = self.through_front(60, conf={"retry": {"first": "1s", "cap": "2s"}})
        statuses = itertools.cycle((500, 502, 503, 504))
        self.front.behave = lambda r: answer("<html>", next(statuses))
        begun = time.monotonic()
        self.change(30)
        world.wait(lambda: world.endpoint()["breaker"] != "closed", "the breaker to open")
        world.wait(lambda: self.front.in_flight == 0, "the calls under way to end")
        self.front.most_in_flight = 0
        # 5 in a row and what was under way then, of 8; after that one probe, after 1 to 2 s at most.
        self.assertLessEqual(len(self.front.of(since=begun)), 5 + 8 + 4)
        opened, seconds = time.monotonic(), 600 if LONG else 5
        time.sleep(seconds)
        probes = len(self.front.of(since=opened))
        self.assertLessEqual(probes, 6 + 3 * seconds)
        self.assertGreaterEqual(probes, 1)
        self.assertEqual(self.front.most_in_flight, 1)
        self.assertEqual(world.queue(state="HELD"), [])
        self.fair(repeats=0)
        self.assertEqual(world.endpoint()["breaker"], "closed")

    def test_told_to_wait_it_waits(self):
        """Whatever is no usable time is the daemon's own back-off, and never for ever."""
        world = self.through_front(60, portal={"max_in_flight": 1})
        told = []
        rows = [("2", 2), ("date", 3), ("-5", 0), ("1e20", 0), ("soon", 0), ("", 0), ("0", 0),
                ("99999999999999999999", 0), ("Thu, 99 Foo 2026", 0), ("1, 2", 0)]
        for status in (429, 503):
            for value, seconds in rows if status == 429 else rows[:3]:
                with self.subTest(status=status, value=value):
                    told.clear()

                    def behave(request, status=status, value=value, told=told):
                        if told or not request.pushes:
                            return None
                        until = int(time.time()) + 3
                        told.append((time.monotonic(), until - time.time()))
                        text = email.utils.formatdate(until, usegmt=True)
                        return answer("", status,
                                      f"Retry-After: {text if value == 'date' else value}\r\n")
                    self.front.behave = behave
                    self.change(3)
                    world.wait(lambda: told, "a call")
                    at, left = told[0]
                    # a date is compared with a clock of whole seconds
                    least = left - 1 if value == "date" else seconds
                    following = world.wait(lambda: self.front.of(since=at), "the next call", 40)
                    self.assertGreaterEqual(following[0].at - at, least)
        self.fair()

    def test_logins_are_as_patient(self):
        """A login that is told to wait holds everything."""
        world = self.through_front(6, start=False)
        told = []

        def behave(request):
            if told:
                return None
            told.append(time.monotonic())
            return answer("", 429, "Retry-After: 3\r\n")
        self.front.behave = behave
        world.start()
        world.wait(lambda: len(self.front.requests) > 1, "the next call", 40)
        self.assertGreaterEqual(self.front.requests[1].at - told[0], 3)
        self.fair(repeats=0)


class Pace(FaultyTest):
    """Counted where the calls arrive. A machine that is busy may bring a second's calls together."""

    def assert_pace(self, requests, rate):
        times = [r.at for r in requests]
        self.assertGreater(len(times), 2 * rate, "too few calls to tell")
        for i, j in itertools.combinations(range(len(times)), 2):
            allowed = rate * (times[j] - times[i] + 1) + 1
            self.assertLessEqual(j - i, allowed, f"calls {i} to {j}")

    def test_dossier_calls(self):
        world = self.through_front(30, portal={"dossier_rate": 10}, start=False)
        world.start()
        world.settle(120)
        self.assert_pace(self.front.pushes(), 10)
        self.assert_delivered(repeats=0)

    def test_catalogue_calls(self):
        world = self.through_front(2, portal={"catalog_rate": 10}, conf={"catalog": {}},
                                   start=False)
        world.start()
        world.wait(lambda: len(self.front.of("LayThuTuc")) >= 40, "the details")
        self.assert_pace([r for r in self.front.of() if r.service.startswith("Lay")], 10)

    def test_looks_at_what_the_portal_holds(self):
        """Flow seen, at its own rate a minute; a round takes every open dossier."""
        world = self.through_front(60, portal={"seen_rate": 300}, start=False)
        world.start()
        world.settle()
        self.assertEqual(world.stop(), 0)
        world.change_conf("flow seen", **{"from": "portal", "every": "1s"})
        asked = time.monotonic()
        world.start()
        world.wait(lambda: len(self.front.of("TraCuuHoSo", since=asked)) > 20, "look-ups")
        self.assert_pace(self.front.of("TraCuuHoSo", since=asked), 5)

    def test_calls_to_the_province(self):
        world = self.world
        world.start_portal()
        world.start_province(20)
        self.front = Front(world.province.port)
        self.addCleanup(self.front.close)
        world.write_conf(source={"url": self.front.url() + "/o/rest/v2", "rate": 20})
        world.start()
        world.wait(lambda: len(self.front.requests) > 100, "calls")
        self.assert_pace(self.front.requests, 20)


def cut_forms():
    """name -> what of a reply is sent when it is cut after n bytes of its body."""
    whole = PADDED.encode()
    packed = gzip.compress(whole)

    def chunked(n):
        return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + f"{len(whole):x}\r\n".encode() + whole[:n])

    def chunked_to_its_end(n):
        return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + f"{n:x}\r\n".encode() + whole[:n] + b"\r\n0\r\n\r\n" if n else b"")
    return {
        "length": lambda n: answer(whole[:n], length=len(whole)),
        "length that fits": lambda n: answer(whole[:n]),
        "no length": lambda n: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + whole[:n],
        "chunked": chunked,
        "chunked to its end": chunked_to_its_end,
        "gzip": lambda n: answer(packed[:n * len(packed) // len(whole)],
                                 extra="Content-Encoding: gzip\r\n"),
        "gzip that nobody asked for": lambda n: answer(packed, extra="Content-Encoding: gzip\r\n"),
        "head": lambda n: answer(whole)[:n % 80],
    }


class Incomplete(FaultyTest):
    def test_a_reply_cut_anywhere_is_no_delivery(self):
        """Nothing reaches the portal behind: whatever were believed would be lost."""
        world = self.through_front(60, conf={"retry": {"first": "10ms", "cap": "40ms"}})
        step = 1 if LONG else 83
        cuts = [(form, n) for n in range(0, len(PADDED.encode()), step)
                for form in cut_forms().values()]
        left = iter(cuts)
        used = []

        def behave(request):
            if not request.pushes:
                return None  # sessions and look-ups go on
            form, n = next(left, (None, 0))
            used.append(n)
            return form(n) if form is not None else answer("")
        self.front.behave = behave
        before = len(world.ledger())
        self.change(40)
        world.wait(lambda: len(used) > len(cuts), f"{len(cuts)} cut replies", 3600 if LONG else 90)
        self.assertEqual(len(world.ledger()), before)
        self.assertEqual([a for a in self.new_attempts() if a[0] == "send" and a[1] == "done"], [])
        self.fair(repeats=0)

    def test_the_same_reply_whole_is_one(self):
        """The control: the padded reply is believed, so what the test above cut was a success."""
        world = self.through_front(20)
        self.front.behave = lambda r: answer(PADDED) if r.pushes else None
        self.change(10)
        self.wait_outcome("done")
        self.assertGreater(world.verify()["lost"], 0)


class Sluggish(FaultyTest):
    def test_calls_that_hardly_move_are_cut_and_stop_nobody_else(self):
        """Heads and bodies a byte a second, a peer that takes nothing; the province's polls go on."""
        world = self.through_front(40, portal={"request_timeout": "2s", "stall_timeout": "1s",
                                               "connect_timeout": "1s"})
        good = answer('{"error_code":0,"message":"Thành công"}')
        body = good.index(b"\r\n\r\n") + 4

        def slow_body(talk):
            talk.send(good[:body])
            talk.drip(good[body:], 1)
        habits = itertools.cycle((lambda talk: talk.drip(good, 1), slow_body,
                                  lambda talk: talk.hold()))
        polls = self.polls(4)
        self.front.behave = lambda r: next(habits) if r.pushes else None
        self.change(12)
        self.wait_outcome("unsure", 3)
        self.assertGreaterEqual(self.polls(4), polls / 3)
        took = [a["took_ms"] for i in world.queue(state="UNSURE")[:5]
                for a in world.life(i["code"])["attempts"] if a["outcome"] == "unsure"]
        self.assertTrue(took)
        self.assertGreaterEqual(min(took), 900)
        self.assertLess(min(took), 20000)
        self.fair(repeats=0)

    def polls(self, seconds):
        """Lists that the province answered in so many seconds."""
        before = sum(self.world.province.stats()["requests"].values())
        time.sleep(seconds)
        return sum(self.world.province.stats()["requests"].values()) - before


class Redirects(FaultyTest):
    def test_nobody_is_followed(self):
        world = self.through_front(80)
        elsewhere = Front(world.portal.port)  # would do as it is asked, and tell
        self.addCleanup(elsewhere.close)
        places = (elsewhere.url() + "/forward/mapi/g", f"//127.0.0.1:{elsewhere.port}/x",
                  "file:///etc/passwd", "ftp://127.0.0.1/x", self.front.url() + "/forward/mapi/g",
                  "/forward/mapi/g", "https://127.0.0.1:%d/" % elsewhere.port, "")
        for status, place in [(307, p) for p in places] + [(s, places[0])
                                                           for s in (300, 301, 302, 303, 308)]:
            with self.subTest(status=status, place=place):
                seen = len(self.front.pushes())
                self.front.behave = lambda r, s=status, p=place: answer(
                    "", s, f"Location: {p}\r\n") if r.pushes else None
                self.change(2)
                world.wait(lambda: world.endpoint()["paused"], "the endpoint to pause")
                self.assertIn(f"HTTP status {status}: redirects are not followed",
                              world.endpoint()["pause_reason"])
                self.assertLessEqual(len(self.front.pushes()) - seen, 8, "a loop")
                self.assertEqual(world.queue(state="HELD"), [])
                self.front.behave = None
                world.order("/v1/endpoints/portal:resume", reason="the address is mended")
                world.settle()
        self.assertEqual((elsewhere.connections, elsewhere.plaintext), (0, 0))
        self.fair(repeats=0)


class Bombs(FaultyTest):
    RSS_KB = 16 << 10

    def peak_kb(self):
        with open(f"/proc/{self.world.daemon.popen.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])

    def late(self):
        """Timers of the loop that were later than a tenth of a second."""
        text = self.world.get("/metrics").text
        found = dict(re.findall(r'dvcsync_loop_lag_seconds_bucket\{le="([^"]+)"\} (\d+)', text))
        bound = min(float(k) for k in found if k != "+Inf" and float(k) >= 0.1)
        key = next(k for k in found if k != "+Inf" and float(k) == bound)
        return int(found["+Inf"]) - int(found[key])

    def test_replies_that_never_end(self):
        world = self.through_front(60, portal={"max_in_flight": 1, "request_timeout": "20s"})
        good = answer('{"error_code":0,"message":"Thành công"}')
        chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"

        def declared(talk):
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
            for _ in range(16384):
                talk.send(b"a" * 65536)

        def endless(talk):
            talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(16384):
                talk.send(chunk)

        def packed(talk):
            talk.send(answer(gzip.compress(bytes(64 << 20)), extra="Content-Encoding: gzip\r\n"))

        def many_heads(talk):
            talk.send(b"HTTP/1.1 200 OK\r\n"
                      + b"".join(b"X%d: %s\r\n" % (i, b"a" * 1000) for i in range(2000)) + b"\r\n")

        def one_head(talk):
            talk.send(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n")

        def many_continues(talk):
            talk.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000 + good)

        def one_head_line_for_ever(talk):
            talk.send(b"HTTP/1.1 200 OK\r\nX: ")
            for _ in range(16384):
                talk.send(b"a" * 65536)
        for bomb in (declared, endless, packed, many_heads, one_head, one_head_line_for_ever,
                     many_continues):
            with self.subTest(bomb=bomb.__name__):
                self.one(bomb, harmless=bomb is many_continues)
        self.front.behave = None
        world.settle()
        report = world.verify()
        # what the 2000 continues announced was a success that the portal behind knows nothing of
        self.assertEqual(report["duplicated"], 0)

    def one(self, bomb, harmless):
        """Within the bars, at the latest the third time: the machine has other work too."""
        world, best = self.world, None
        for _ in range(3):
            peak, late = self.peak_kb(), self.late()
            thrown = []

            def behave(request, thrown=thrown):
                if thrown or not request.pushes:
                    return None
                thrown.append(request)
                return bomb
            self.front.behave = behave
            self.change(2)
            world.wait(lambda: thrown, "a call")
            world.settle()
            outcomes = {o for v, o, _, _ in self.new_attempts() if v == "send"}
            self.assertEqual("unsure" in outcomes, not harmless, outcomes)
            cost = (self.late() - late, self.peak_kb() - peak)
            best = min(best or cost, cost)
            if best[0] == 0 and best[1] < self.RSS_KB:
                return
        self.assertEqual(best[0], 0, "the loop was held up for more than 0.1 s")
        self.assertLess(best[1], self.RSS_KB, "memory in kB")


class Catalogue(FaultyTest):
    """A list is taken whole and plausible, or not at all."""

    def mirror(self):
        return self.world.sql("SELECT kind, code, name, version, active, hash FROM mirror"
                              " ORDER BY kind, code")

    def lists(self):
        return len(self.front.of("LayDanhSachTTHC"))

    def read(self, good=True):
        """A reading to its end. A refused one comes again by itself: its second beginning is the end
        of the first."""
        world, before = self.world, self.lists()
        world.order("/v1/flows/catalog:catalog")
        world.wait(lambda: self.lists() > before + (not good), "the list")
        if good:
            world.wait(lambda: not world.flow("catalog")["trouble"] and world.idle(), "a good end")
        else:
            self.assertTrue(world.flow("catalog")["trouble"])
            self.assertNotEqual(world.status()["verdict"], "ok")

    def test_lists_that_lie(self):
        world = self.through_front(2, conf={"catalog": {}, "retry": {"first": "10ms",
                                                                     "cap": "50ms"}})
        world.wait(lambda: len(self.front.of("LayThuTuc")) >= 40 and world.idle(), "the catalogue")
        before = self.mirror()
        self.assertGreaterEqual(len(before), 40)
        rows = self.rows()
        code = next(k for k in rows[0] if k.upper().startswith("MATTHC"))
        half = json.dumps(rows, ensure_ascii=False).encode()
        keep = {
            "out of order": rows[::-1],
            "every row twice": [r for r in rows for _ in range(2)],
            "a page repeated": rows + rows[:20],
            "pages in the wrong order": rows[20:] + rows[:20],
            "a count that lies": self.listing(rows, total=9000, totalPage=7),
        }
        refuse = {
            "empty": [], "shrunk": rows[:20], "one left": rows[:1],
            "a row without a code": [{**rows[0], code: None}, *rows[1:]],
            "a row that is none": ["x", *rows[1:]],
        }
        raw = {
            "cut in its JSON": answer(b'{"error_code":0,"result":' + half[:len(half) // 2]),
            "cut on the wire": answer(b'{"error_code":0,"result":' + half[:-5], length=len(half) * 2),
            "an object": answer('{"error_code":0,"result":{}}'),
            "nothing": answer('{"error_code":0}'),
            "refused": answer('{"error_code":-1,"message":"Lỗi","result":[]}'),
            "500": answer("x", 500), "a page": answer("<html></html>"),
        }
        for name, reply in {**keep, **refuse, **raw}.items():
            with self.subTest(list=name):
                reply = self.listing(reply) if isinstance(reply, list) else reply
                self.front.behave = lambda r, reply=reply: (
                    reply if r.service == "LayDanhSachTTHC" else None)
                self.read(good=name in keep)
                self.assertEqual(self.mirror(), before)
        self.front.behave = None
        self.read()
        self.assertEqual(self.mirror(), before)

    def listing(self, rows, **more):
        return answer(json.dumps({"error_code": 0, "message": "", "result": rows, **more},
                                 ensure_ascii=False))

    def rows(self):
        """The portal's own list."""
        found = []

        def behave(request):
            if request.service != "LayDanhSachTTHC":
                return None

            def pass_on(talk):
                _, _, body = talk.upstream()
                found.extend(json.loads(body)["result"])
                talk.send(answer(body))
            return pass_on
        self.front.behave = behave
        self.read()
        self.assertEqual(len(found), 40)
        return found


if __name__ == "__main__":
    together.main()
