"""Trust: a peer that is not who it should be gets no byte, and a person is told.

Every server ends TLS before the sandbox and counts the plaintext that a client sent; a handshake
alone leaves it at 0. The last server of each test is a good one and is the control: the same
configuration delivers.
"""

import os
import shutil

import together
from front import Front
from harness import WorldTest
from tls_server import Authority, bad_servers, context, pin

WORDS = {"expired": "expired", "not yet valid": "not yet valid", "wrong host": "subject name",
         "self-signed": "self-signed", "unknown CA": "issuer", "weak key": "weak",
         "SHA-1": "weak"}


class Tls(WorldTest):
    def setUp(self):
        super().setUp()
        self.fronts = []
        self.addCleanup(lambda: [front.close() for front in self.fronts])
        self.authority = Authority(self.world.dir, "tinh")

    def front(self, tls, port_behind=None):
        front = Front(port_behind or self.world.portal.port, tls=tls)
        self.fronts.append(front)
        return front

    def prepare(self, dossiers=4, **portal):
        """Both ends and a configuration in which nothing may be plain at the portal."""
        world = self.world
        world.start_portal()
        world.start_province(dossiers)
        world.write_conf(portal={"allow_plaintext": False, "ca_file": self.authority.cert,
                                 "adapter_url": "https://127.0.0.1:1/forward", **portal})
        return world

    def point_at(self, front, section="portal", **values):
        """The daemon goes there from now on, pauses lifted."""
        key = "adapter_url" if section == "portal" else "url"
        path = "/forward" if section == "portal" else "/o/rest/v2"
        self.world.change_conf(section, **{key: front.url() + path}, **values)
        if self.world.daemon is None:
            self.world.start()
            return
        name = section.split()[-1]
        self.world.order("/v1/reload")
        self.world.order(f"/v1/endpoints/{name}:resume", reason="another server")

    def wait_paused(self, front, words, name="portal"):
        world = self.world
        world.wait(lambda: front.connections > 0, "a connection")
        world.wait(lambda: world.endpoint(name)["paused"], "the endpoint to pause")
        self.assertIn(words, world.endpoint(name)["pause_reason"])
        self.assertNotEqual(world.status()["verdict"], "ok")
        self.assertTrue(any(name in reason for reason in world.status()["reasons"]),
                        world.status()["reasons"])
        self.assertEqual(front.plaintext, 0)
        self.assertEqual(front.requests, [])

    def nothing_was_sent(self):
        world = self.world
        self.assertEqual(world.ledger("dossier"), [])
        self.assertEqual(world.queue(state="UNSURE"), [])
        self.assertEqual(world.queue(state="HELD"), [])
        self.assertTrue(all(i["attempts"] == 0 for i in world.queue()), "no item is charged")

    def test_no_bad_server_gets_a_byte(self):
        world = self.prepare()
        stranger = Authority(world.dir, "la")
        for name, tls in bad_servers(self.authority, stranger).items():
            with self.subTest(server=name):
                front = self.front(tls)
                self.point_at(front)
                if name in WORDS:
                    self.wait_paused(front, WORDS[name])
                else:  # an old protocol may pass as well as any trouble of a handshake: no pause
                    world.wait(lambda: "protocol" in world.endpoint()["last_failure_text"],
                               "the failure")
                    self.assertFalse(world.endpoint()["paused"])
                    self.assertEqual((front.plaintext, front.requests), (0, []))
                self.nothing_was_sent()
        good = self.front(context(self.authority.issue("good")))
        self.point_at(good)
        world.settle()
        self.assert_delivered(repeats=0)
        self.assertGreater(good.plaintext, 0)
        self.assertEqual({outcome for _, outcome, _, _ in world.attempts()} & {"unsure"}, set())

    def test_a_pinned_key_must_be_the_servers(self):
        pair, other = self.authority.issue("good"), self.authority.issue("other")
        world = self.prepare(pinned_key=pin(other[0]))
        front = self.front(context(pair))
        self.point_at(front)
        self.wait_paused(front, "public key")
        self.nothing_was_sent()
        # The next key is announced beside the one that is used: both are good.
        self.point_at(front, pinned_key=f"{pin(other[0])};{pin(pair[0])}")
        world.settle()
        self.assert_delivered(repeats=0)

    def test_a_revoked_certificate(self):
        """By the list on disk: from the start, and by a newer list while all goes well."""
        lost, kept, next_one = (self.authority.issue(n) for n in ("lost", "kept", "next"))
        listed = self.world.dir / "revoked.pem"
        shutil.copy(self.authority.crl(lost[0]), listed)
        world = self.prepare(crl_file=listed)
        front = self.front(context(lost))
        self.point_at(front)
        self.wait_paused(front, "revoked")
        self.nothing_was_sent()
        good = self.front(context(kept))
        self.point_at(good)
        world.settle()
        self.assert_delivered(repeats=0)
        # Connections are kept and sessions resumed; a newer list ends that, with a reload.
        fresh = world.dir / "revoked.new"
        shutil.copy(self.authority.crl(kept[0]), fresh)
        os.replace(fresh, listed)
        world.order("/v1/reload")
        seen = good.plaintext
        world.province.post("step", changes=5)
        world.order("/v1/sources/onestop:poll", full=True)
        world.wait(lambda: world.endpoint()["paused"], "the endpoint to pause")
        self.assertIn("revoked", world.endpoint()["pause_reason"])
        self.assertEqual(good.plaintext, seen)
        self.point_at(self.front(context(next_one)))
        world.settle()
        self.assert_delivered()

    def test_a_list_that_can_not_be_read_sends_nothing(self):
        """Neither a missing list nor a broken one turns the check off."""
        world = self.prepare(crl_file=self.world.dir / "missing.pem")
        front = self.front(context(self.authority.issue("good")))
        for text in (None, "no list\n"):
            if text is not None:
                (world.dir / "missing.pem").write_text(text)
            self.point_at(front)
            calls = world.endpoint()["failures"]
            world.wait(lambda: world.endpoint()["failures"] > calls, "a failure")
            self.assertEqual(front.plaintext, 0)
            self.nothing_was_sent()
        shutil.copy(self.authority.crl(), world.dir / "missing.pem")
        self.point_at(front)
        world.settle()
        self.assert_delivered(repeats=0)

    def test_a_province_that_is_not_itself_gets_no_password(self):
        """The account of the province stands in the first request's header."""
        world = self.prepare()
        province = {"ca_file": self.authority.cert, "allow_plaintext": False,
                    "file_url": "https://127.0.0.1:1/files/{dossierId}/{referenceUid}"}
        world.change_conf("portal", adapter_url=world.portal.url + "/forward", ca_file=None,
                          allow_plaintext=True)
        bad = {"expired": context(self.authority.issue("expired", begins="20200101000000Z",
                                                       ends="20210101000000Z")),
               "wrong host": context(self.authority.issue("other", san="DNS:tinh.example.vn")),
               "unknown CA": context(Authority(world.dir, "la").issue("foreign"))}
        for name, tls in bad.items():
            with self.subTest(server=name):
                front = self.front(tls, world.province.port)
                self.point_at(front, "source onestop", **province)
                world.wait(lambda: front.connections > 0, "a connection")
                world.wait(lambda: WORDS[name] in world.flow()["trouble"], "the trouble")
                self.assertNotEqual(world.status()["verdict"], "ok")
                self.assertEqual((front.plaintext, front.requests), (0, []))
        self.assertEqual(world.queue(), [])
        good = self.front(context(self.authority.issue("good")), world.province.port)
        self.point_at(good, "source onestop", **province)
        world.settle()
        self.assertGreater(good.plaintext, 0)


if __name__ == "__main__":
    together.main()
