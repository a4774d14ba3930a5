"""Usage figures to EMC: one call for each change of status; nothing is lost and nothing is counted twice but
where an answer was, whatever EMC's answers and the daemon's ends are."""

import random
import subprocess
import unittest

from front import Front
from harness import BUILD, Sandbox, WorldTest, wait_until
from tls_server import Authority, context


class EmcTest(WorldTest):

    def run_emc(self, dossiers=20, usage=None, source=None, account=False, beside=False, **knobs):
        """The province, EMC with these knobs, and the daemon with a flow between them; beside the
        flow to the portal when asked."""
        w = self.world
        self.source = "measure" if beside else "onestop"
        self.ledger_path = w.dir / "emc.jsonl"
        if account:
            path = w.dir / "emc.password"
            path.write_text("mat-khau-emc-thu-nghiem\n")
            path.chmod(0o400)
            w.leaks.add("password of EMC", "mat-khau-emc-thu-nghiem")
            knobs = {"username": "tinh", "password": "mat-khau-emc-thu-nghiem", **knobs}
            source = {"username": "tinh", "password_file": path, **(source or {})}
        w.start_portal()
        w.start_province(dossiers, days=6)
        arguments = [part for k, v in knobs.items() for part in ("--knob", f"{k}={v}")]
        self.emc = Sandbox(w, "emc", "--ledger", self.ledger_path, *arguments)
        w.children.append(self.emc)
        w.write_conf(dossiers={} if beside else False)
        w.settings["source " + self.source] = dict(w.settings["source onestop"])
        w.settings["source emc"] = {
            "profile": "emc", "url": self.emc.url + "/emc/event", "site_id": "101",
            "allow_plaintext": True, "request_timeout": "5s", **(source or {})}
        w.settings["flow usage"] = {"from": self.source, "to": "emc", **(usage or {})}
        w.save_conf()
        w.start()

    def sweep(self):
        """All that the province holds now is read."""
        w = self.world
        before = w.flow("usage")["full_sweeps"]
        w.order(f"/v1/sources/{self.source}:poll", full=True)
        w.wait(lambda: w.flow("usage")["full_sweeps"] > before, "a complete sweep")

    def settle(self):
        self.sweep()
        self.world.wait(self.world.idle, "idle")

    def counted(self):
        return len(self.ledger_path.read_text().splitlines())

    def verdict(self):
        """The oracle's exit status and its last line."""
        w = self.world
        done = subprocess.run(
            [BUILD / "dvcsync-sandbox", "verify-emc", "--ledger", self.ledger_path, "--province",
             w.province.url, "--journal", w.journal_path],
            capture_output=True, text=True, timeout=60)
        return done.returncode, (done.stdout or done.stderr).splitlines()[-1]

    def agreed(self, n, held=0):
        return 0, f"emc {n - held}/{n} held {held} lost 0 duplicated 0"

    def assert_agreed(self, least=1, held=0):
        """All that the province has, dossiers that began meanwhile among them."""
        code, line = self.verdict()
        n = int(line.split()[1].partition("/")[2])
        self.assertGreaterEqual(n, least)
        self.assertEqual((code, line), self.agreed(n, held))

    def doubts(self):
        return sum(verb == "send" and outcome in ("unsure", "none")
                   for verb, outcome, _, _ in self.world.attempts("usage"))


class DeliveryTest(EmcTest):

    def test_each_change_of_status_is_told_once(self):
        self.run_emc(account=True)
        self.settle()
        self.assertEqual(self.verdict(), self.agreed(20))
        self.assertEqual(self.counted(), 20)
        for _ in range(3):
            self.world.province.post("step", changes=20)
            self.settle()
        self.assert_agreed(20)
        events = self.counted()
        self.assertGreater(events, 20)
        self.settle()  # the same, read again
        self.assert_agreed(20)
        self.assertEqual(self.counted(), events)
        self.assertEqual(self.doubts(), 0)
        steps = self.world.sql("SELECT count(*) FROM item WHERE kind = 2")
        self.assertEqual(steps, [(0,)])  # EMC counts dossiers, not steps

    def test_beside_the_flow_to_the_portal_it_counts_for_itself(self):
        w = self.world
        self.run_emc(beside=True)
        w.settle()
        self.settle()
        self.assert_agreed(20)
        self.assert_delivered()
        of_usage = w.sql("SELECT count(*) FROM figure g JOIN subject s ON s.id = g.subject"
                         " JOIN flow f ON f.id = s.flow WHERE f.name = 'usage'")
        self.assertEqual(of_usage, [(0,)])  # a month's report counts each dossier once

    def test_both_flows_can_not_read_one_source(self):
        w = self.world
        self.run_emc(dossiers=1)
        w.settings["flow dossiers"] = {"from": "onestop", "to": "portal"}
        w.save_conf()
        done = w.ctl("config", "check", w.conf_path)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("each kind needs a source of its own", done.stdout + done.stderr)

    def test_a_wrong_account_waits_and_holds_nothing(self):
        self.run_emc(account=True, username="khac")
        w = self.world
        w.wait(lambda: w.flow("usage")["counts"]["snapshots"].get("PENDING", 0) > 0, "work")
        w.wait(lambda: w.attempts("usage"), "a call")
        self.assertEqual(w.queue(state="held"), [])
        self.assertEqual(self.counted(), 0)


class FaultsTest(EmcTest):

    FAULTS = {"drop_after_commit_percent": 12, "drop_before_percent": 6, "fail_500_percent": 6,
              "fail_500_after_commit_percent": 4, "ok_200_percent": 6}

    def calm(self):
        self.emc.knob(**{name: 0 for name in self.FAULTS})

    def test_lost_answers_and_kills_lose_nothing_and_repeat_nothing_without_doubt(self):
        rng = random.Random(17)
        print("seed 17")
        self.run_emc(dossiers=60, **self.FAULTS)
        for _ in range(6):
            more = self.counted() + rng.randrange(3, 20)
            wait_until(lambda n=more: self.counted() >= n or self.world.idle(), "events at EMC")
            self.world.kill()
            self.world.start()
            self.world.province.post("step", changes=20)
        self.calm()
        self.settle()
        self.assert_agreed(60)
        self.assertGreater(self.doubts(), 0)
        lines = self.counted()
        self.settle()
        self.assertEqual(self.counted(), lines)

    def test_ask_leaves_a_doubt_to_a_person(self):
        self.run_emc(dossiers=6, usage={"steps_in_doubt": "ask"}, drop_after_commit_percent=100)
        w = self.world
        w.wait(lambda: len(w.queue(state="held")) == 6, "all to be held")
        self.assertEqual({i["hold"] for i in w.queue(state="held")}, {"in_doubt"})
        self.assertEqual(self.counted(), 6)
        self.emc.knob(drop_after_commit_percent=0)
        first, *others = w.queue(state="held")
        w.order(f"/v1/records/{first['id']}:release")
        w.wait(lambda: self.counted() == 7, "the released one")
        for item in others:
            w.order(f"/v1/records/{item['id']}:resolve-delivered", reason="EMC shows it")
        self.settle()
        self.assertEqual(w.queue(state="held"), [])
        self.assertEqual(self.verdict(), self.agreed(6))
        self.assertEqual(self.counted(), 7)

    def test_what_emc_refuses_waits_for_a_person(self):
        w = self.world
        self.run_emc(dossiers=5, usage={"mode": "off"})
        code = w.province.dump()[0]["code"]
        self.emc.knob(refuse_code=code)
        w.change_conf("flow usage", mode="live")
        w.order("/v1/reload")
        self.settle()
        held = w.queue(state="held")
        self.assertEqual([(i["code"], i["hold"]) for i in held], [(code, "refused")])
        self.assertEqual(self.verdict(), self.agreed(5, held=1))
        self.emc.knob(refuse_code="")
        w.order(f"/v1/records/{held[0]['id']}:release")
        w.wait(w.idle, "idle")
        self.assertEqual(self.verdict(), self.agreed(5))

    def test_an_address_that_takes_nothing_pauses_the_endpoint(self):
        self.run_emc(dossiers=4, status=404)
        w = self.world
        w.wait(lambda: w.endpoint("emc")["paused"], "the endpoint to pause")
        self.assertIn("404", w.endpoint("emc")["pause_reason"])
        self.assertEqual(w.queue(state="held"), [])
        self.emc.knob(status=0)
        w.order("/v1/endpoints/emc:resume", reason="mended")
        self.settle()
        self.assertEqual(self.verdict(), self.agreed(4))

    def test_200_is_not_taken_for_success(self):
        self.run_emc(dossiers=4, ok_200_percent=100)
        w = self.world
        w.wait(lambda: self.doubts() >= 4, "doubts")
        self.assertEqual(w.flow("usage")["counts"]["snapshots"].get("DONE", 0), 0)
        self.emc.knob(ok_200_percent=0)
        self.settle()
        self.assertEqual(self.verdict(), self.agreed(4))


class TlsTest(EmcTest):

    def test_a_wrong_certificate_pauses_and_nothing_is_told(self):
        w = self.world
        ours, stranger = Authority(w.dir, "tinh"), Authority(w.dir, "la")
        self.run_emc(dossiers=4, usage={"mode": "off"})
        fronts = []
        self.addCleanup(lambda: [f.close() for f in fronts])

        def point_at(pair):
            fronts.append(Front(self.emc.port, tls=context(pair)))
            w.change_conf("source emc", url=fronts[-1].url() + "/emc/event",
                          allow_plaintext=False, ca_file=ours.cert)
            w.change_conf("flow usage", mode="live")
            w.order("/v1/reload")
            return fronts[-1]

        front = point_at(stranger.issue("foreign"))
        w.wait(lambda: w.endpoint("emc")["paused"], "the endpoint to pause")
        self.assertEqual(front.plaintext, 0)
        self.assertEqual(self.counted(), 0)
        self.assertEqual(w.queue(state="held"), [])
        self.assertEqual(w.queue(state="unsure"), [])
        point_at(ours.issue("fine"))
        w.order("/v1/endpoints/emc:resume", reason="another server")
        self.settle()
        self.assertEqual(self.verdict(), self.agreed(4))


class OracleTest(EmcTest):
    """The oracle sees what it is there for."""

    def test_what_is_missing_or_another_is_lost_and_repeats_are_duplicated(self):
        self.run_emc(dossiers=3)
        self.settle()
        self.world.stop()
        lines = self.ledger_path.read_text().splitlines(keepends=True)
        self.assertEqual(len(lines), 3)

        def verdict_of(*kept):
            self.ledger_path.write_text("".join(kept))
            return self.verdict()

        self.assertEqual(verdict_of(*lines), self.agreed(3))
        self.assertEqual(verdict_of(*lines[1:]), (1, "emc 2/3 held 0 lost 1 duplicated 0"))
        self.assertEqual(verdict_of(*lines, lines[0]), (1, "emc 3/3 held 0 lost 0 duplicated 1"))
        other = lines[0].replace('"codeTTHC":"', '"codeTTHC":"9')
        self.assertEqual(verdict_of(*lines[1:], other), (1, "emc 2/3 held 0 lost 1 duplicated 0"))
        nobody = lines[0].replace('"code":"H', '"code":"X')
        self.assertEqual(verdict_of(*lines, nobody), (1, "emc 3/3 held 0 lost 1 duplicated 0"))


if __name__ == "__main__":
    unittest.main()
