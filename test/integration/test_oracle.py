"""The oracle can lose: what it is shown wrong, it reports. Without these, its zeros prove nothing."""

import os
import random
import re
import signal
import subprocess
import tempfile
import unittest

from harness import BUILD, ROOT, WorldTest


class Losing(WorldTest):
    def drops(self, binary):
        """A tenth of the answers get lost after the commit, with changes all the while."""
        world = self.world
        world.start_portal(drop_after_commit_percent=10)
        world.start_province(40, changes=20, rate=20)
        world.write_conf()
        world.start(binary)
        world.wait(lambda: world.province.stats()["finished"], "the changes to be made")
        world.settle()
        return world.verify()

    def test_doubt_forgotten_is_found(self):
        report = self.drops("dvcsyncd-losing")
        self.assertGreater(report["duplicated"], 0)
        self.assertNotEqual(report["exit"], 0)

    def test_doubt_kept_is_not(self):
        report = self.drops("dvcsyncd")
        self.assertEqual((report["lost"], report["duplicated"]), (0, 0), report["first_mismatches"])
        self.assertGreater(report["repeats"], 0)

    def killed(self, binary):
        """INFLIGHT found at start: the calls were done, their answers never read."""
        world = self.world
        world.start_portal(latency_ms=150)
        world.start_province(40)
        world.write_conf()
        for turn in range(6):
            world.start(binary)
            before = world.portal.stats()["effects"]
            world.wait(lambda: world.portal.stats()["effects"] > before + 4, "calls")
            world.kill()
        world.portal.knob(latency_ms=0)
        world.start(binary)
        world.settle()
        return world.verify()

    def test_kills_with_doubt_forgotten_are_found(self):
        self.assertGreater(self.killed("dvcsyncd-losing")["duplicated"], 0)

    def test_kills_with_doubt_kept_are_not(self):
        report = self.killed("dvcsyncd")
        self.assertEqual((report["lost"], report["duplicated"]), (0, 0), report["first_mismatches"])


class Tampered(WorldTest):
    def test_secret_changes_are_found(self):
        world = self.run_world(30, province={"days": 30}, conf={"catalog": {}})
        world.settle()
        honest = world.verify()
        self.assertEqual((honest["exit"], honest["consistent_percent"]), (0, 100),
                         honest["first_mismatches"])
        self.assertTrue(honest["line"].startswith("demo: procedures "))
        self.assertTrue(honest["line"].endswith("consistent 100.00%"))
        tampered = world.province.post("tamper", count=3)["tampered"]
        self.assertEqual(tampered, 3)
        report = world.verify()
        self.assertEqual(report["exit"], 1)
        self.assertLess(report["consistent_percent"], 100)
        self.assertEqual(report["dossiers_agreed"], report["dossiers"] - 3)

    def test_a_daemon_that_never_ran_loses_everything(self):
        world = self.world
        world.start_portal()
        world.start_province(10)
        world.write_conf(dossiers={"mode": "observe"})
        world.start()
        world.settle()
        report = world.verify()
        self.assertEqual(report["lost"], 10 + report["steps"])
        self.assertEqual(report["dossiers_agreed"], 0)

    def test_a_ledger_line_too_few_or_too_many_is_found(self):
        world = self.run_world(10)
        world.settle()
        self.assert_delivered()
        lines = world.ledger_path.read_text().splitlines(keepends=True)
        last = max(i for i, line in enumerate(lines) if '"kind":"dossier"' in line)
        world.ledger_path.write_text("".join(lines[:last] + lines[last + 1:]))
        self.assertEqual(world.verify()["lost"], 1)
        again = lines[last].replace('"effect":true', '"effect":false')
        world.ledger_path.write_text("".join(lines + [again]))
        self.assertEqual(world.verify()["duplicated"], 1)


class Steps(WorldTest):
    """The portal has no look-up for steps: with step_dedupe off doubt may cost a repeat, no more."""

    def doubtful(self, steps_in_doubt, kills):
        world = self.world
        world.start_portal(step_dedupe=0, drop_after_commit_percent=15)
        world.start_province(30)
        world.write_conf(dossiers={"steps_in_doubt": steps_in_doubt})
        chance = random.Random(5)
        for _ in range(kills):
            world.start()
            enough = world.portal.stats()["effects"] + chance.randrange(5, 25)
            world.wait(lambda: world.portal.stats()["effects"] > enough or world.idle(), "calls")
            world.kill()
        world.start()
        world.settle()
        return world.verify()

    def test_sent_again_at_most_as_often_as_in_doubt(self):
        report = self.doubtful("resend", kills=3)
        self.assertGreater(report["steps_repeated"], 0)
        self.assertLessEqual(report["steps_repeated"], report["steps_in_doubt"])
        self.assertEqual((report["lost"], report["duplicated"]), (0, 0), report["first_mismatches"])

    def test_never_sent_again_when_a_person_is_asked(self):
        report = self.doubtful("ask", kills=3)
        self.assertEqual(report["steps_repeated"], 0)
        self.assertEqual((report["lost"], report["duplicated"]), (0, 0), report["first_mismatches"])
        world = self.world
        held = world.queue(state="HELD", hold="in_doubt")
        self.assertTrue(held)
        # The person looks at the portal: what is there was delivered, the rest goes again.
        stored = {(line["code"], line["key"][:14]) for line in world.ledger("step")}
        while held:
            for item in held:
                at = item["at"][:19].replace("-", "").replace("T", "").replace(":", "")
                verb = "delivered" if (item["code"], at) in stored else "resend"
                world.order(f"/v1/records/{item['id']}:resolve-{verb}", reason="seen on the portal")
            world.wait(world.idle, "idle")
            stored = {(line["code"], line["key"][:14]) for line in world.ledger("step")}
            held = world.queue(state="HELD", hold="in_doubt")
        report = world.verify()
        self.assertEqual(report["steps_repeated"], 0)
        self.assertEqual(report["steps_agreed"], report["steps"])


class Demonstration(unittest.TestCase):
    """test/demo.sh itself, small: its last line is the oracle's, its exit code too."""

    def demo(self, **settings):
        with tempfile.TemporaryDirectory(prefix="dvcsync-demo-") as folder:
            settings = {"DOSSIERS": 200, "SEED": 3, "KILLS": 3, "BUILD": BUILD,
                        "DEMO_DIR": folder + "/demo", **settings}
            child = subprocess.Popen(
                ["bash", str(ROOT / "test" / "demo.sh")], cwd=ROOT, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **{k: str(v) for k, v in settings.items()}})
            try:
                output, _ = child.communicate(timeout=80)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGTERM)
                output, _ = child.communicate(timeout=20)
                self.fail("the demonstration did not end:\n" + output[-2000:])
            return child.returncode, output

    def test_hard_faults(self):
        code, output = self.demo(FAULTS="hard")
        self.assertEqual(code, 0, output[-2000:])
        last = output.splitlines()[-1]
        self.assertIn(" lost 0 duplicated 0 ", last)
        self.assertTrue(last.startswith("demo: procedures ") and last.endswith("100.00%"), last)

    def test_tampered(self):
        code, output = self.demo(TAMPER=2)
        self.assertEqual(code, 1, output[-2000:])
        last = output.splitlines()[-1]
        agreed, dossiers = map(int, re.search(r" dossiers (\d+)/(\d+) ", last).groups())
        self.assertEqual(agreed, dossiers - 2)
        self.assertNotIn("100.00%", last)


if __name__ == "__main__":
    unittest.main()
