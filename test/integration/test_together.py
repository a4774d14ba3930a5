"""Reloads, questions, parsing on workers, orders and a stop, all at the same time.

Made for ThreadSanitizer (make check-tsan runs it with such a build); in any build it must lose
nothing and end in order.
"""

import http.client
import os
import random
import re
import signal
import threading
import unittest

from harness import WorldTest

SEED = int(os.environ.get("SEED", "20261122"))
ROUNDS = int(os.environ.get("TOGETHER_ROUNDS", "2"))
REPORTS = re.compile(r"WARNING: ThreadSanitizer|ERROR: AddressSanitizer|runtime error:|LeakSanitizer")


class Together(WorldTest):
    def busy(self, over, chance):
        """Threads that ask and order until over is set."""
        world, orders = self.world, []

        def again(act):
            def run():
                while not over.is_set():
                    try:
                        act()
                    except (AssertionError, OSError, ValueError, http.client.HTTPException):
                        over.wait(0.05)  # the daemon is stopping, or too many ask
            thread = threading.Thread(target=run, daemon=True)
            orders.append(thread)
            thread.start()
        paths = ("/v1/status", "/metrics", "/v1/queue?limit=500", "/v1/events", "/v1/config",
                 "/v1/endpoints/portal", "/v1/health/ready", "/v1/catalog")
        for _ in range(3):
            again(lambda: world.get(chance.choice(paths)))
        again(lambda: world.get(chance.choice(paths), "control"))
        again(lambda: (world.post("/v1/reload"), over.wait(0.05)))
        again(lambda: (world.daemon.popen.send_signal(signal.SIGHUP), over.wait(0.07)))
        again(lambda: (world.post("/v1/sources/onestop:poll", full=True), over.wait(0.1)))
        again(lambda: (world.post("/v1/log-level", level=chance.choice(("debug", "info"))),
                       world.post("/v1/endpoints/portal:pause", reason="x"),
                       world.post("/v1/endpoints/portal:resume", reason="x"),
                       world.post("/v1/endpoints/portal:test"), over.wait(0.1)))
        again(lambda: (world.province.post("step", changes=5), over.wait(0.2)))
        return orders

    def test_everything_at_once(self):
        print(f"seed {SEED}, {ROUNDS} rounds")
        chance = random.Random(SEED)
        world = self.world
        world.start_portal(latency_ms=5)
        # A page of 200 rows is more than what is parsed on the loop.
        world.start_province(250, days=6)
        # What is due often comes first: a slow build must be able to do more than that.
        world.write_conf(catalog={}, source={"poll_every": "2s", "sweep_every": "20s",
                                             "slow_sweep_every": "40s"})
        for n in range(ROUNDS):
            world.start()
            over = threading.Event()
            threads = self.busy(over, chance)
            effects = world.portal.stats()["effects"]
            try:
                world.wait(lambda: world.portal.stats()["effects"] > effects + 20, "work", 120)
                world.change_conf("retry", first=f"{50 + n}ms")
                code = world.stop()
                self.no_report()
                self.assertEqual(code, 0, world.log_tail())
            finally:
                over.set()
                for thread in threads:
                    thread.join(30)
        world.start()
        if world.endpoint()["paused"]:
            world.order("/v1/endpoints/portal:resume", reason="the end")
        world.settle(240)
        self.assert_delivered()
        self.assertEqual(world.stop(), 0)
        self.no_report()
        self.assertIn("reload", world.log_path.read_text())

    def no_report(self):
        """Of the sanitizer that the daemon was built with."""
        log = self.world.log_path.read_text()
        found = REPORTS.search(log)
        if found:
            self.fail(log[found.start():found.start() + 8000])


if __name__ == "__main__":
    unittest.main()
