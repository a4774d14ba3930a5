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

    def test_lag_is_told_of_every_delivered_item(self):
        world = self.prepare()
        world.settle()
        world.stop()
        delivered = world.sql("SELECT count(*), max((i.changed_ms / 1000) - (i.created_ms / 1000)) FROM item i "
                              "JOIN subject s ON s.id = i.subject JOIN flow f ON f.id = s.flow "
                              "WHERE i.state = 4 AND f.name = 'dossiers'")[0]
        agencies = {row[0] for row in world.sql("SELECT DISTINCT agency FROM figure")}
        self.assertGreater(delivered[0], 12)
        lag = self.answer("lag")
        rows = {row["part"]: row for row in lag["tables"]["lag"]["rows"]}
        self.assertEqual(rows["to_sink"]["items"], delivered[0])
        self.assertEqual(rows["to_sink"]["max_s"], delivered[1])
        self.assertEqual(rows["to_sink"]["flow"], "dossiers")
        by_agency = self.answer("lag", "--by", "agency")["tables"]["lag"]["rows"]
        self.assertEqual({row["agency"] for row in by_agency}, agencies)
        self.assertEqual(sum(row["items"] for row in by_agency if row["part"] == "to_sink"), delivered[0])
        by_hour = self.answer("lag", "--by", "hour")["tables"]["lag"]["rows"]
        self.assertEqual(sum(row["items"] for row in by_hour if row["part"] == "to_sink"), delivered[0])
        later = self.answer("lag", "--since", "2199-01-01")
        self.assertEqual(later["tables"]["lag"]["rows"], [])
        self.assertIn("<html", self.ctl("lag", "--format", "html"))
        self.assertIn("to_sink", self.ctl("lag", "--format", "csv"))
        self.assertRegex(self.ctl("lag"), r"dossiers +to_sink +%d " % delivered[0])
        self.ctl("lag", "--by", "officer", code=64)
        self.ctl("lag", "--since", "yesterday", code=64)

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
