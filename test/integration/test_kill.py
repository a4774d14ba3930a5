"""kill -9 at random moments, again and again: nothing lost, nothing twice, the order kept."""

import random
import unittest

from harness import WorldTest, wait_until

SEED = 20261122


class Kill(WorldTest):
    KILLS = 30

    def moment(self, chance):
        """A seeded event to die at: some calls further, some commits further, or right at start."""
        world = self.world
        kind = chance.choice(("requests", "effects", "reads", "start", "answers"))
        amount = chance.randrange(1, 40)
        if kind == "start":
            return lambda: True
        if kind == "answers":
            return world.answers
        if kind == "reads":
            before = sum(world.province.stats()["requests"].values())
            return lambda: sum(world.province.stats()["requests"].values()) >= before + amount
        before = world.portal.stats()[kind]
        return lambda: world.portal.stats()[kind] >= before + amount or self.finished()

    def finished(self):
        world = self.world
        return world.answers() and world.province.stats()["finished"] and world.idle()

    def kill_often(self, binary="dvcsyncd"):
        world = self.world
        chance = random.Random(SEED)
        for _ in range(self.KILLS):
            world.start(binary, wait=False)
            wait_until(self.moment(chance), "the moment to die", pause_s=0.005)
            self.assertTrue(world.daemon.running(), world.log_tail())
            world.kill()
        world.start(binary)
        world.wait(lambda: world.province.stats()["finished"], "the changes to be made")
        world.settle(90)

    def test_thirty_kills_under_hard_faults(self):
        world = self.world
        world.start_portal(drop_after_commit_percent=5, session_calls=50, burst_every=60,
                           burst_calls=6, latency_ms=5, latency_jitter_ms=15)
        world.start_province(150, changes=150, rate=12, planted=1)
        world.write_conf(catalog={})
        self.kill_often()
        report = self.assert_delivered()
        self.assertEqual((report["exit"], report["consistent_percent"]), (0, 100),
                         report["first_mismatches"])
        # Two processes overlap at a kill: the portal may still answer the dead one's call.
        self.assertEqual(world.queue(state="INFLIGHT"), [])
        self.assertEqual(world.queue(state="UNSURE"), [])

    def test_kills_while_the_portal_hangs(self):
        """Every call is done and never answered: all of it is found INFLIGHT at the next start."""
        world = self.world
        world.start_portal(hang_percent=100, hang_ms=600000)
        world.start_province(20)
        world.write_conf()
        for _ in range(4):
            world.start()
            logins = world.portal.stats()["requests"]
            world.wait(lambda: world.portal.stats()["requests"] > logins, "a call")
            world.kill()
        world.portal.knob(hang_percent=0)
        world.start()
        world.settle()
        self.assert_delivered()


if __name__ == "__main__":
    unittest.main()
