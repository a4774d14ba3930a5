"""Working days and hours: the calendar's file, `risk`, `silent`, `lag`, and what the daemon tells of them."""

import contextlib
import json
import sqlite3
import time
import unittest

from harness import WorldTest

ALWAYS = """kind,first,last,days,hours,instead_of,basis
covered,2020-01-01,2199-12-31,,,,test
hours,2020-01-01,,mon-sun,00:00-24:00,,
"""
NEVER = """kind,first,last,days,hours,instead_of,basis
covered,2020-01-01,2020-12-31,,,,test
hours,2020-01-01,,mon-fri,07:30-11:30 13:30-17:30,,
"""
HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
DAY_S = 24 * 3600


class Deadlines(WorldTest):
    def calendar(self, text):
        (self.world.dir / "calendar.csv").write_text(text, encoding="utf-8")

    def prepare(self, dossiers=12, calendar=ALWAYS, **knobs):
        world = self.world
        self.calendar(calendar)
        world.start_portal(**knobs)
        world.start_province(dossiers)
        world.write_conf()
        world.change_conf("deadlines", calendar="calendar.csv")
        world.start()
        return world

    def tamper(self, *statements):
        """The daemon is stopped; its journal becomes one of another time."""
        with contextlib.closing(sqlite3.connect(self.world.journal_path)) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()

    def ctl(self, *arguments, code=0):
        done = self.world.ctl(*arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def answer(self, *arguments, code=0):
        return json.loads(self.ctl(*arguments, "--json", code=code))

    def metric(self, name):
        for line in self.world.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return None

    def histogram(self, sheet, unit, part):
        """The row of the only group; its columns but the first four, in their order."""
        row = next(r for r in sheet["tables"]["histogram"]["rows"] if (r["of"], r["part"]) == (unit, part))
        return [row[c["name"]] for c in sheet["tables"]["histogram"]["columns"][4:]]

    def test_lag_is_told_of_dossiers_snapshots_and_steps(self):
        world = self.prepare()
        world.settle()
        world.stop()
        counts = {row[0]: row[1:] for row in world.sql(
            "SELECT i.kind, count(*), max((i.changed_ms / 1000) - (i.created_ms / 1000)), count(DISTINCT s.id) "
            "FROM item i JOIN subject s ON s.id = i.subject JOIN flow f ON f.id = s.flow "
            "WHERE i.state = 4 AND f.name = 'dossiers' GROUP BY i.kind")}
        snapshots, steps = counts[1], counts[2]
        agencies = {row[0] for row in world.sql("SELECT DISTINCT agency FROM figure")}
        self.assertGreater(snapshots[0] + steps[0], 12)
        lag = self.answer("lag")
        rows = {(row["of"], row["part"]): row for row in lag["tables"]["lag"]["rows"]}
        self.assertEqual(rows["snapshot", "to_sink"]["count"], snapshots[0])
        self.assertEqual(rows["snapshot", "to_sink"]["max_s"], snapshots[1])
        self.assertEqual(rows["step", "to_sink"]["count"], steps[0])
        self.assertEqual(rows["step", "to_sink"]["max_s"], steps[1])
        self.assertEqual(rows["dossier", "to_sink"]["count"], snapshots[2])
        self.assertEqual(rows["dossier", "to_sink"]["flow"], "dossiers")
        self.assertEqual(lag["facts"]["dossier"], str(snapshots[2]))
        by_agency = self.answer("lag", "--by", "agency")["tables"]["lag"]["rows"]
        self.assertEqual({row["agency"] for row in by_agency}, agencies)
        for by in ("agency", "hour"):
            rows = self.answer("lag", "--by", by)["tables"]["histogram"]["rows"]
            for unit, n in (("dossier", snapshots[2]), ("snapshot", snapshots[0]), ("step", steps[0])):
                of = [row for row in rows if (row["of"], row["part"]) == (unit, "to_sink")]
                self.assertEqual(sum(row["count"] for row in of), n, (by, unit))
                self.assertEqual(sum(row[name] for row in of for name in row if name.startswith(("upto_", "over_"))),
                                 n, (by, unit))
        later = self.answer("lag", "--since", "2199-01-01")
        self.assertEqual(later["tables"]["lag"]["rows"], [])
        self.assertRegex(self.ctl("lag"), r"dossiers +dossier +to_sink +%d " % snapshots[2])
        self.ctl("lag", "--by", "officer", code=64)
        self.ctl("lag", "--since", "yesterday", code=64)

    def test_the_histogram_of_lag_counts_to_the_second_and_dossiers_by_their_slowest(self):
        world = self.prepare(dossiers=3)
        world.settle()
        world.stop()
        ids = [row[0] for row in world.sql("SELECT s.id FROM subject s JOIN flow f ON f.id = s.flow "
                                           "WHERE f.name = 'dossiers' ORDER BY s.id")]
        self.assertEqual(len(ids), 3)
        base_s = int(time.time()) // DAY_S * DAY_S
        # Each dossier has two snapshots and a step; stored 60 s and acknowledged so long after the source's time.
        items = [(ids[0], 1, 60), (ids[0], 1, 61), (ids[0], 2, 3600),
                 (ids[1], 1, 4 * 3600), (ids[1], 1, 4 * 3600 + 1), (ids[1], 2, 60),
                 (ids[2], 1, 61), (ids[2], 1, 8 * DAY_S), (ids[2], 2, 7 * DAY_S)]
        self.tamper("UPDATE item SET state = 6 WHERE kind = 1",
                    "DELETE FROM item WHERE kind = 2",
                    *(f"INSERT INTO item (subject, kind, state, step_key, hash, at, created_ms, changed_ms) VALUES "
                      f"({subject}, {kind}, 4, {repr(str(i)) if kind == 2 else 'NULL'}, zeroblob(32), {base_s}, "
                      f"{(base_s + 60) * 1000}, {(base_s + lag_s) * 1000})"
                      for i, (subject, kind, lag_s) in enumerate(items)))
        lag = self.answer("lag")
        #                                                          1m 5m 15m 1h 4h 1d 3d 7d more
        self.assertEqual(self.histogram(lag, "snapshot", "whole"), [1, 2, 0, 0, 1, 1, 0, 0, 1])
        self.assertEqual(self.histogram(lag, "step", "whole"), [1, 0, 0, 1, 0, 0, 0, 1, 0])
        self.assertEqual(self.histogram(lag, "dossier", "whole"), [0, 0, 0, 1, 0, 1, 0, 0, 1])
        self.assertEqual(self.histogram(lag, "dossier", "to_journal"), [3, 0, 0, 0, 0, 0, 0, 0, 0])
        self.assertEqual([c["title"] for c in lag["tables"]["histogram"]["columns"]][3:],
                         ["Count", "<=1m", "<=5m", "<=15m", "<=1h", "<=4h", "<=1d", "<=3d", "<=7d", ">7d"])
        text = self.ctl("lag")
        self.assertRegex(text, r"dossier +whole +3 +0 +0 +0 +1 +0 +1 +0 +0 +1\n")
        self.assertIn("step: each acknowledged step", text)
        self.assertIn("\nhistogram,dossiers,dossier,whole,3,0,0,0,1,0,1,0,0,1\n",
                      self.ctl("lag", "--format", "csv").replace("\r\n", "\n"))
        self.assertIn("<h2>Histogram</h2>", self.ctl("lag", "--format", "html"))

    def test_more_agencies_than_lag_has_room_for_count_as_one(self):
        world = self.prepare(dossiers=1)
        world.settle()
        world.stop()
        self.tamper("DELETE FROM item", "DELETE FROM figure", "DELETE FROM subject",
                    *(statement for i in range(1, 1011) for statement in (
                        f"INSERT INTO subject (id, flow, code) SELECT {i}, id, 'X{i}' FROM flow WHERE name = 'dossiers'",
                        f"INSERT INTO figure VALUES ({i}, '', '', 'A{i}', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1)",
                        f"INSERT INTO item (subject, kind, state, hash, created_ms, changed_ms) "
                        f"VALUES ({i}, 1, 4, zeroblob(32), 1000, 2000)")))
        rows = [row for row in self.answer("lag", "--by", "agency")["tables"]["lag"]["rows"] if row["of"] == "dossier"]
        self.assertEqual(len(rows), 1001)
        self.assertEqual([row["count"] for row in rows if row["agency"] == "(others)"], [10])

    def test_lists_go_into_a_file_and_write_times_for_people(self):
        world = self.prepare(dossiers=2)
        world.settle()
        world.stop()
        for verb in ("lag", "risk", "silent"):
            path = world.dir / f"{verb}.csv"
            self.assertEqual(self.ctl(verb, "--format", "csv", "-o", path), "")
            self.assertIn(f"document,name,{verb}", path.read_text(encoding="utf-8"))
        self.assertRegex(self.ctl("risk"), r"They end at: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n")
        self.assertRegex(self.answer("risk")["facts"]["horizon"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+07:00$")
        for arguments in (("risk", "--hours", "x"), ("risk", "--hours", "81"), ("silent", "--days", "0")):
            done = world.ctl(*arguments)
            self.assertEqual(done.returncode, 64)
            self.assertIn(f"{arguments[1]} {arguments[2]}: a number from 1 to ", done.stderr)

    def test_a_promised_dossier_that_waits_is_at_risk_until_it_is_delivered(self):
        world = self.prepare(fail_500_percent=100)
        world.wait(lambda: world.sql("SELECT count(*) FROM subject")[0][0] == 12, "the dossiers to be stored")
        world.stop()
        soon_s = int(time.time()) + 3 * 3600
        self.tamper("UPDATE subject SET promised = 0",
                    f"UPDATE subject SET promised = {soon_s}, since_ms = since_ms - {HOUR_MS} "
                    "WHERE settled = 0 AND id % 2 = 0 AND flow = (SELECT id FROM flow WHERE name = 'dossiers')")
        near = {row[0] for row in world.sql("SELECT code FROM subject WHERE promised > 0")}
        self.assertGreater(len(near), 2)
        listed = self.answer("risk", code=1)
        rows = listed["tables"]["dossiers"]["rows"]
        self.assertEqual({row["code"] for row in rows}, near)
        self.assertEqual({row["kind"] for row in rows}, {"at_risk"})
        self.assertTrue(all(3 * 3600 - 60 <= row["left_s"] <= 3 * 3600 for row in rows))
        self.assertEqual(self.answer("risk", "--hours", "2")["tables"]["dossiers"]["rows"], [])
        self.assertIn(min(near), self.ctl("risk", code=1))
        self.assertNotIn("until a person decides", self.ctl("risk", code=1))
        self.tamper("UPDATE item SET state = 3, hold = 4 WHERE state = 0 AND kind = 1 AND subject = "
                    f"(SELECT id FROM subject WHERE code = '{min(near)}')")
        held = self.answer("risk", code=1)
        self.assertEqual([row["code"] for row in held["tables"]["dossiers"]["rows"] if row["held"]], [min(near)])
        self.assertIn("1 of them are held, or wait behind something held, until a person decides: dvcsyncctl queue",
                      held["tables"]["dossiers"]["notes"][-1]["text"])
        self.tamper("UPDATE item SET state = 0, hold = 0 WHERE state = 3")
        world.start()
        world.wait(lambda: world.status()["deadlines"].get("at_risk") == len(near), "the daemon to count them")
        self.assertEqual(self.metric("dvcsync_dossiers_at_risk"), len(near))
        self.assertEqual(world.status()["verdict"], "degraded")
        told = [e for e in world.get("/v1/events").json()["events"] if e["kind"] == "at_risk"]
        self.assertEqual(len(told), 1)
        self.assertIn(f"{len(near)} dossiers are promised within 8 working hours", told[0]["text"])
        world.portal.knob(fail_500_percent=0)
        world.settle()
        world.stop()
        self.assertEqual(self.answer("risk")["tables"]["dossiers"]["rows"], [])
        world.start()
        world.wait(lambda: world.status()["deadlines"].get("at_risk") == 0, "nothing to be at risk")
        self.assert_delivered()

    def test_an_agency_that_sent_nothing_is_silent(self):
        world = self.prepare()
        world.settle()
        world.wait(lambda: world.status()["deadlines"].get("silent") == 0, "the agencies to be counted")
        world.stop()
        agencies = sorted(row[0] for row in world.sql("SELECT DISTINCT agency FROM figure WHERE agency <> ''"))
        self.assertGreater(len(agencies), 1)
        self.assertEqual(self.answer("silent")["tables"]["agencies"]["rows"], [])
        # all but one have been silent for four days, and one of them for a year
        self.tamper(f"UPDATE item SET created_ms = created_ms - {4 * DAY_MS} WHERE subject IN "
                    f"(SELECT subject FROM figure WHERE agency <> '{agencies[0]}')",
                    "DELETE FROM agency_seen")
        listed = self.answer("silent", code=1)["tables"]["agencies"]["rows"]
        self.assertEqual([row["agency"] for row in listed], agencies[1:])
        self.assertEqual({row["kind"] for row in listed}, {"silent"})
        self.assertEqual(self.answer("silent", "--days", "5")["tables"]["agencies"]["rows"], [])
        world.change_conf("deadlines", calendar="calendar.csv", silent_until="3d")
        listed = self.answer("silent")["tables"]["agencies"]["rows"]
        self.assertEqual({row["kind"] for row in listed}, {"closed"})
        world.change_conf("deadlines", calendar="calendar.csv", silent_until="30d")
        world.start()
        world.wait(lambda: world.status()["deadlines"].get("silent") == len(agencies) - 1, "the daemon to count them")
        self.assertEqual(self.metric("dvcsync_agencies_silent"), len(agencies) - 1)
        self.assertEqual(self.metric("dvcsync_agencies"), len(agencies))
        told = [e for e in world.get("/v1/events").json()["events"] if e["kind"] == "silent"]
        self.assertEqual(len(told), 1)
        self.assertIn(agencies[1], told[0]["text"])

    def test_days_that_the_calendar_does_not_cover_are_not_guessed(self):
        world = self.prepare(dossiers=4, calendar=NEVER)
        world.settle()
        deadlines = world.status()["deadlines"]
        self.assertFalse(deadlines["calendar_covers_today"])
        self.assertNotIn("at_risk", deadlines)
        self.assertIsNone(self.metric("dvcsync_dossiers_at_risk"))
        self.assertEqual(self.metric("dvcsync_calendar_covers_today"), 0)
        kinds = [e["kind"] for e in world.get("/v1/events").json()["events"]]
        self.assertIn("calendar_ends", kinds)
        self.ctl("risk", code=3)
        self.assertIn("of 1 it is not known" if len(world.sql("SELECT DISTINCT agency FROM figure")) == 1
                      else "it is not known", self.ctl("silent"))
        catalog = world.get("/v1/catalog").json()
        self.assertFalse(catalog["overdue_known"])
        # a reload with a calendar that goes on
        self.calendar(ALWAYS)
        self.ctl("reload", "--reason", "test")
        world.wait(lambda: world.status()["deadlines"].get("at_risk") == 0, "the new calendar to count")
        self.assertTrue(world.get("/v1/catalog").json()["overdue_known"])

    def test_a_faulty_calendar_is_told_with_its_lines_and_changes_nothing(self):
        world = self.prepare(dossiers=2)
        self.calendar(ALWAYS + "holiday,2026-02-30,,,,,test\nmoved,2026-01-10,,,,2026-01-02,\n")
        done = world.ctl("config", "check")
        self.assertEqual(done.returncode, 78)
        self.assertIn("deadlines.calendar: ", done.stderr)
        self.assertIn("calendar.csv:4: first \"2026-02-30\" is no date", done.stderr)
        self.assertIn("calendar.csv:5: basis is empty", done.stderr)
        done = world.ctl("reload", "--reason", "test")
        self.assertEqual(done.returncode, 78)
        world.settle()
        self.assert_delivered()


if __name__ == "__main__":
    unittest.main()
