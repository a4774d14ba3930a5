"""Reconciliation: what the portal lost or shows otherwise is found exactly, put right, and gone; a
kill in the middle asks nothing twice; a restored journal ends with nothing lost."""

import csv
import io
import json
import time
import unittest

from test_restore import CopyTest

EXTRA = "reconcile {{\n    grace = {grace}\n    rate = {rate}\n}}\n"


class ReconcileTest(CopyTest):
    def settled(self, dossiers, grace="0s", rate=0, **more):
        world = self.run_world(dossiers, province={"days": 6},
                               conf={"extra": EXTRA.format(grace=grace, rate=rate)}, **more)
        world.settle()
        return world

    def reconcile(self, *arguments, code):
        done = self.world.ctl("reconcile", *arguments, "--format", "json")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def fix(self, *arguments, code):
        exit_code, result = self.world.reconcile_fix(*arguments)
        self.assertEqual(exit_code, code, result)
        return result

    def kinds(self, result):
        rows = result["tables"]["agreement"]["rows"]
        return {r["kind"]: int(r["dossiers"]) for r in rows if int(r["dossiers"]) > 0}

    def found(self, result):
        return {r["code"]: r for r in result["tables"]["dossiers"]["rows"]}

    def codes(self):
        return [row[0] for row in self.world.sql("SELECT code FROM subject ORDER BY id")
                if self.world.portal.get("dossier?code=" + row[0]).status == 200]

    def asked(self):
        return self.world.portal.stats()["calls"]["TraCuuHoSo"]

    def damage(self, path, codes, **more):
        self.assertEqual(self.world.portal.post(path, codes=codes, **more)["done"], codes)


class PortalDamage(ReconcileTest):
    def test_exactly_what_was_lost_or_altered_is_found_and_put_right(self):
        world = self.settled(24)
        codes = self.codes()
        clean = self.reconcile("--sample", "1000", code=0)
        self.assertEqual(self.kinds(clean), {"agreed": len(codes)})
        how = {r["what"]: int(r["n"]) for r in clean["tables"]["asked"]["rows"]}
        self.assertEqual((how["source_asked"], how["portal_asked"]), (len(codes), len(codes)))
        lost = codes[0:12:3]
        altered = [c for c in codes if c not in lost and
                   world.portal.get("dossier?code=" + c).json()["state"] not in (1, 2)][:5]
        steps = world.portal.stats()["steps"]
        self.damage("lose", lost)
        self.damage("alter", altered, state=2)
        asked = self.asked()
        result = self.reconcile("--sample", "1000", code=1)
        self.assertEqual(self.asked() - asked, len(codes))
        found = self.found(result)
        self.assertEqual({c for c, r in found.items() if r["kind"] == "lost"}, set(lost))
        self.assertEqual({c for c, r in found.items() if r["kind"].startswith("portal_")},
                         set(altered))
        self.assertEqual(len(found), len(lost) + len(altered))
        self.assertEqual({found[c]["portal_status"] for c in altered}, {2})
        self.assertEqual({r["put_right"] for r in found.values()}, {"no"})
        mended = self.fix("--sample", "1000", code=1)
        self.assertEqual({r["put_right"] for r in self.found(mended).values()}, {"yes"})
        self.assertEqual(set(self.found(mended)), set(found))
        world.settle()
        self.assertEqual(self.kinds(self.reconcile("--sample", "1000", code=0)),
                         {"agreed": len(codes)})
        self.assertEqual(world.portal.stats()["steps"], steps)
        report = self.assert_nothing_lost()
        self.assertEqual((report["duplicated"], report["order_violations"]), (0, 0),
                         report["first_mismatches"][:5])
        audit = world.sql("SELECT object FROM audit WHERE verb = 'reconcile-fix'")
        self.assertEqual({o.split()[1] for o, in audit}, set(found))

    def test_what_waits_for_a_person_is_told_and_left(self):
        world = self.settled(12)
        codes = self.codes()
        returned = [c for c in codes
                    if world.portal.get("dossier?code=" + c).json()["state"] not in (3, 8, 10)][:2]
        self.damage("alter", returned, state=10)
        result = self.fix("--sample", "1000", code=1)
        found = self.found(result)
        self.assertEqual({c: (r["kind"], r["put_right"]) for c, r in found.items()},
                         {c: ("portal_newer", "no") for c in returned})
        self.assertTrue(all(r["note"] for r in found.values()))
        world.change_conf("reconcile", tolerate=["*/10"], grace="0s", rate=0)
        world.conf_extra = ""
        world.save_conf()
        world.order("/v1/reload")
        result = self.reconcile("--sample", "1000", code=0)
        used = result["tables"]["tolerances"]["rows"]
        self.assertEqual([(r["tolerance"], int(r["uses"])) for r in used], [("*/10", 2)])

    def test_one_dossier_in_every_format(self):
        world = self.settled(6)
        code = self.codes()[0]
        self.damage("lose", [code])
        text = world.ctl("reconcile", "--dossier", code)
        self.assertEqual(text.returncode, 1, text.stderr)
        self.assertIn(code, text.stdout)
        self.assertIn("lost at the portal", text.stdout)
        self.assertEqual(text.stdout.count("\n"), 1, text.stdout)
        self.assertEqual(text.stderr, "")
        fine = world.ctl("reconcile", "--dossier", self.codes()[0])
        self.assertEqual((fine.returncode, fine.stdout.count("\n")), (0, 1), fine.stdout)
        self.assertIn("agree", fine.stdout)
        self.assertEqual(world.ctl("reconcile", "--dossier", code).stdout, text.stdout)
        last = world.ctl("reconcile")
        self.assertEqual((last.returncode, last.stdout), (1, text.stdout))
        page = world.ctl("reconcile", "--format", "html").stdout
        self.assertIn(code, page)
        self.assertNotIn("<script", page)
        rows = list(csv.reader(io.StringIO(world.ctl("reconcile", "--format", "csv").stdout)))
        self.assertIn(code, [cell for row in rows for cell in row])
        self.assertEqual(world.ctl("reconcile", "--format", "pdf").returncode, 64)
        self.assertEqual(world.ctl("reconcile", "--open", "--sample", "3").returncode, 64)
        self.assertEqual(world.ctl("reconcile", "--month", "2026-13").returncode, 64)
        self.assertEqual(world.ctl("reconcile", "--sample", "0").returncode, 64)
        self.assertEqual(world.ctl("reconcile", "--fix").returncode, 64)
        self.assertEqual(world.ctl("reconcile", "--open", "--yes").returncode, 64)
        self.assertEqual(world.ctl("reconcile", "--cancel").returncode, 1)


class Brake(ReconcileTest):
    def test_a_portal_that_finds_hardly_anything_stops_it(self):
        world = self.settled(70)
        codes = self.codes()
        lost = codes[:55]
        self.damage("lose", lost)
        effects = world.portal.stats()["effects"]
        done = world.ctl("reconcile", "--sample", "1000", "--fix")
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("--fix --yes", done.stdout)
        self.assertIn("stopped", done.stdout)
        self.assertIn(f"About {len(codes)} dossiers", done.stderr)
        result = self.reconcile(code=2)
        self.assertEqual(result["facts"]["state"], "stopped")
        self.assertEqual({c: r["put_right"] for c, r in self.found(result).items()},
                         {c: "no" for c in lost})
        self.assertEqual(world.portal.stats()["effects"], effects)
        self.assertIn("was stopped: the portal does not find", world.log_path.read_text())
        self.assertEqual(self.kinds(self.fix("--sample", "1000", "--yes", code=1))["lost"], len(lost))
        world.settle()
        self.reconcile("--sample", "1000", code=0)
        self.assert_nothing_lost()


class SourceAhead(ReconcileTest):
    def test_what_no_poll_brought_is_found_read_and_delivered(self):
        world = self.run_world(10, province={"days": 6},
                               conf={"extra": EXTRA.format(grace="0s", rate=0)})
        world.settle()
        late = {"poll_every": "1d", "sweep_every": "1d", "slow_sweep_every": "7d"}
        world.change_conf("source onestop", **late, full_sweep_at="")
        world.stop()
        world.start()
        world.settle()
        known = set(self.codes())
        changed = set(world.province.post("step", changes=6)["codes"])
        result = self.reconcile("--sample", "1000", code=1)
        self.assertEqual({c: r["kind"] for c, r in self.found(result).items()},
                         {c: "source_ahead" for c in changed & known})
        self.assertGreater(len(changed & known), 0)
        self.fix("--sample", "1000", code=1)
        world.settle()
        self.reconcile("--sample", "1000", code=0)
        # What is new at the source is found by its reading, behind the comparison.
        known = {row[0] for row in world.sql("SELECT code FROM subject")}
        fresh = set(world.province.post("step", changes=20)["codes"]) - known
        self.assertGreater(len(fresh), 0)
        found = self.found(self.reconcile("--open", code=1))
        self.assertEqual({c for c, r in found.items() if r["kind"] == "not_in_journal"}, fresh)
        self.assertLessEqual({r["kind"] for r in found.values()},
                             {"not_in_journal", "source_ahead"})
        world.settle()
        self.assert_nothing_lost()
        wrong = self.reconcile("--dossier", "H56.31.95-261117-9999", code=1)
        self.assertEqual(self.kinds(wrong), {"nowhere": 1})


class Interrupted(ReconcileTest):
    def running(self):
        return self.world.get("/v1/reconcile?limit=0").json()

    def test_killed_in_the_middle_it_goes_on_and_keeps_its_rate(self):
        world = self.settled(14, rate=120)
        codes = self.codes()
        self.damage("lose", codes[3:5])
        asked, begun = self.asked(), time.monotonic()
        told = world.ctl("reconcile", "--sample", "1000", "--no-wait", "--json")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertEqual(json.loads(told.stdout), {
            "schema": 1, "id": 1, "expected": len(codes), "per_minute": 120})
        world.wait(lambda: self.running()["counts"].get("portal_asked", 0) >= 4, "some verdicts")
        busy = world.ctl("reconcile", "--open")
        self.assertEqual(busy.returncode, 75, busy.stderr)
        world.kill()
        before = self.asked() - asked
        self.assertLess(before, len(codes))
        world.start()
        world.wait(lambda: not self.running()["running"], "its end")
        took = time.monotonic() - begun
        # Only what was on its way at the kill was asked for again.
        self.assertLessEqual(self.asked() - asked, len(codes) + 8)
        self.assertLessEqual(self.asked() - asked - before, len(codes) - 4)
        self.assertGreaterEqual(took, 0.5 * (len(codes) - 2))
        result = self.reconcile(code=1)
        self.assertEqual(self.kinds(result), {"agreed": len(codes) - 2, "lost": 2})
        self.assertEqual(set(self.found(result)), set(codes[3:5]))
        self.assertIn(f"{len(codes)} dossiers compared, 2 differ", world.log_path.read_text())
        for start in range(2):
            if start > 0:
                world.kill()
                world.start()
            world.wait(lambda: "\ndvcsync_reconcile_compared " in world.get("/metrics").text,
                       "the last one to be known")
            metrics = world.get("/metrics").text
            self.assertIn(f"\ndvcsync_reconcile_compared {len(codes)}\n", metrics)
            self.assertIn("\ndvcsync_reconcile_differences 2\n", metrics)

    def test_between_the_two_looks_it_says_what_it_waits_for(self):
        world = self.settled(10)
        codes = self.codes()
        self.damage("lose", codes[:2])
        told = world.ctl("reconcile", "--sample", "1000", "--fix", "--no-wait")
        self.assertEqual(told.returncode, 0, told.stderr)
        world.wait(lambda: "once more" in self.running()["trouble"], "the first looks")
        result = self.reconcile(code=1)
        self.assertEqual(self.kinds(result), {"agreed": len(codes) - 2, "absent_once": 2})
        self.assertEqual({int(r["compared"]) for r in result["tables"]["agreement"]["rows"]},
                         {len(codes)})
        self.assertIn("once more", result["facts"]["waits_for"])
        text = world.ctl("reconcile").stdout
        self.assertRegex(text, r"Ended: +not yet")
        self.assertRegex(text, r"Ordered with --fix: +yes")
        self.assertIn("not found yet", text)
        self.assertEqual(world.ctl("reconcile", "--cancel").returncode, 0)
        world.wait(lambda: not self.running()["running"], "its end")
        result = self.reconcile(code=1)
        self.assertEqual(self.kinds(result), {"agreed": len(codes) - 2, "lost": 2})
        self.assertNotIn("waits_for", result["facts"])

    def test_a_cancel_keeps_what_was_found(self):
        world = self.settled(10, rate=60)
        self.assertEqual(world.ctl("reconcile", "--sample", "1000", "--no-wait").returncode, 0)
        world.wait(lambda: self.running()["counts"].get("agreed", 0) >= 1, "a verdict")
        self.assertEqual(world.ctl("reconcile", "--cancel").returncode, 0)
        world.wait(lambda: not self.running()["running"], "its end")
        result = self.reconcile(code=1)
        self.assertEqual(result["facts"]["state"], "cancelled")
        self.assertEqual(world.ctl("reconcile", "--dossier", self.codes()[0]).returncode, 0)


class Restored(ReconcileTest):
    def test_an_old_journal_and_a_month_with_fix_end_with_nothing_lost(self):
        world = self.run_world(20, province={"days": 6, "changes": 150, "rate": 60},
                               conf={"extra": EXTRA.format(grace="0s", rate=0)})
        world.wait(lambda: world.flow()["delivered"] > 10, "some deliveries")
        backup = world.dir / "backup.db"
        self.ctl("journal", "backup", backup)
        delivered = world.flow()["delivered"]
        world.wait(lambda: world.flow()["delivered"] > delivered + 40, "deliveries behind it")
        world.kill()
        self.put(backup)
        world.start()
        world.wait(lambda: world.province.stats()["finished"], "the changes to be made")
        lost = self.codes()[:3]
        self.damage("lose", lost)
        for _ in range(2):
            for month in self.months():
                self.assertIn(world.reconcile_fix("--month", month, deadline_s=120)[0], (0, 1))
            world.settle(120)
        self.assert_nothing_lost()
        for month in self.months():
            done = world.ctl("reconcile", "--month", month, "--format", "json")
            self.assertEqual(done.returncode, 0, done.stdout)

    def months(self):
        """This one and the one before: the province's dossiers are at most some days old."""
        now = time.gmtime(time.time() + 7 * 3600)
        before = time.gmtime(time.time() + 7 * 3600 - now.tm_mday * 86400)
        return [time.strftime("%Y-%m", t) for t in (before, now)]


if __name__ == "__main__":
    unittest.main()
