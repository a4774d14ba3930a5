"""Sessions, logins and redirects: what is the endpoint's trouble and never an item's."""

import unittest

from harness import RepliesTest


class Session(RepliesTest):
    """A dead session costs one login and one repeat, never an item."""

    def ends_often(self, **knobs):
        self.run_world(30, **knobs)
        world = self.world
        world.settle()
        self.assert_delivered(repeats=0)
        self.assertGreater(world.portal.stats()["logins"], 3)
        self.assertEqual({o for _, o, _, _ in world.attempts()}, {"done"})
        self.assertEqual(world.queue(state="HELD"), [])

    def test_after_so_many_calls(self):
        self.ends_often(session_calls=10)

    def test_after_so_many_calls_told_by_401(self):
        self.ends_often(session_calls=10, expiry_style="401")

    def test_after_so_many_calls_with_one_session_at_a_time(self):
        self.ends_often(session_calls=10, single_session=1)

    def test_after_a_time(self):
        self.run_world(10, province={"days": 6}, session_ttl=1)
        world = self.world
        world.settle()
        logins = world.portal.stats()["logins"]

        def renewed():
            self.change(2)
            world.settle()
            return world.portal.stats()["logins"] > logins
        world.wait(renewed, "a second login")
        self.assert_delivered(repeats=0)

    def test_renewed_before_it_ends(self):
        """At 80 % of the configured life, so the portal never has to refuse one."""
        self.run_world(10, province={"days": 6}, conf={"portal": {"session_life": "2s"}},
                       session_ttl=600)
        world = self.world
        world.settle()

        def renewed():
            self.change(1)
            world.settle()
            return world.portal.stats()["logins"] > 1
        world.wait(renewed, "a renewal")
        self.assertEqual(world.portal.stats()["refused"]["session"], 0)

    def login_trouble(self, value):
        world = self.world
        world.start_portal(login_fail=value)
        world.start_province(6)
        world.write_conf()
        world.start()
        world.wait(lambda: world.endpoint()["last_failure_text"], "a failed login")
        self.assertEqual(world.ledger("dossier"), [])
        self.assertTrue({i["state"] for i in world.queue()} <= {"PENDING", "INFLIGHT"})
        self.assertTrue({o for _, o, _, _ in world.attempts()} <= {"none", "login", "transient"})
        world.portal.knob(login_fail="off")
        world.settle()
        self.assert_delivered(repeats=0)

    def test_login_refused_cools_the_endpoint_down(self):
        self.login_trouble("on")

    def test_login_answers_500(self):
        self.login_trouble("500")

    def test_logins_are_not_hammered(self):
        world = self.world
        world.start_portal(login_fail="on")
        world.start_province(30)
        world.write_conf(retry={"first": "2s", "cap": "60s"})
        world.start()
        world.wait(lambda: world.portal.stats()["refused"]["login"] >= 1, "a refused login")
        world.wait(lambda: world.flow()["counts"]["snapshots"]["PENDING"] == 30, "the first reading")
        self.assertLessEqual(world.portal.stats()["refused"]["login"], 2)

    def test_sessions_that_are_always_refused_pause_the_endpoint(self):
        """Three dossiers in a row refused on the newest session: HELD, and the endpoint pauses."""
        self.run_world(12, session_ttl=0)
        world = self.world
        world.wait(lambda: world.endpoint()["paused"], "the endpoint to pause")
        held = world.queue(state="HELD", hold="auth")
        self.assertGreaterEqual(len(held), 3)
        world.portal.knob(session_ttl=600)
        world.order("/v1/endpoints/portal:resume", reason="the portal is mended")
        world.order("/v1/queue:release", state="HELD", reason="the portal is mended")
        world.settle()
        self.assert_delivered(repeats=0)


class Configuration(RepliesTest):
    """3xx: nothing follows a redirect; the endpoint pauses with an alert."""

    def redirected(self, where):
        world = self.settled()
        world.portal.knob(redirect=where)
        self.change()
        world.wait(lambda: world.endpoint()["paused"], "the endpoint to pause")
        world.wait(lambda: "config" in self.outcomes(), "the attempt's end to be committed")
        self.assertEqual(world.queue(state="HELD"), [])
        self.assertNotEqual(world.status()["verdict"], "ok")
        world.portal.knob(redirect="off")
        world.order("/v1/endpoints/portal:resume", reason="the address is mended")
        world.settle()
        self.assert_delivered(repeats=0)

    def test_redirect_on_the_same_host(self):
        self.redirected("same")

    def test_redirect_to_another_host(self):
        self.redirected("other")


if __name__ == "__main__":
    unittest.main()
