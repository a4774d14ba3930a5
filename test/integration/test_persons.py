"""Requests of data subjects: found, handed out, erased; the audit's chain through all of it."""

import contextlib
import json
import os
import sqlite3
import subprocess
import unittest

from harness import BUILD, WorldTest

CTL = BUILD / "dvcsyncctl"
CANARY_WORDS = "Lời Riêng Của Người Nộp Đơn"


class PersonsTest(WorldTest):
    def ctl(self, *arguments, needles=None, code=0):
        """Runs dvcsyncctl; needles go in on standard input. Gives what it printed."""
        done = subprocess.run(
            [CTL, "-f", self.world.conf_path, *arguments], text=True, capture_output=True,
            timeout=60, input="".join(f"{n}\n" for n in needles) if needles is not None else "")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for needle in needles or []:
            if "--by" in arguments and arguments[arguments.index("--by") + 1] != "code":
                self.assertNotIn(needle, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def ask(self, verb, by, *needles, code=0, options=()):
        return json.loads(self.ctl("--json", "subject", verb, "--by", by, *options,
                                   needles=needles, code=code))

    def settled(self, **options):
        self.run_world(12, province={"days": 6}, **options)
        self.world.settle()
        return self.world

    def bodies(self, code):
        rows = self.world.sql("SELECT b.body FROM body b JOIN item i ON i.id = b.item JOIN subject"
                              " s ON s.id = i.subject WHERE s.code = ? ORDER BY i.kind", code)
        return [json.loads(row[0]) for row in rows]

    def someone(self):
        """A dossier of one who has no other: code, record."""
        rows = [json.loads(r[0]) for r in self.world.sql(
            "SELECT b.body FROM body b JOIN item i ON i.id = b.item WHERE i.kind = 1")]
        numbers = [r.get("applicant_id", "") for r in rows]
        record = next(r for r in rows if r.get("applicant_id") and r.get("phone")
                      and numbers.count(r["applicant_id"]) == 1)
        return record["code"], record

    def state_bytes(self):
        """All that lies in the state directory."""
        return {p.name: p.read_bytes() for p in (self.world.dir / "state").iterdir()}

    def assert_nowhere(self, *canaries):
        for name, data in self.state_bytes().items():
            for canary in canaries:
                self.assertFalse(canary.encode() in data, f"a canary stands in {name}")

    def assert_somewhere(self, canary):
        self.assertTrue(any(canary.encode() in d for d in self.state_bytes().values()))


class FoundAndErased(PersonsTest):
    def test_a_person_is_found_by_each_of_their_numbers(self):
        self.settled()
        code, record = self.someone()
        found = self.ask("find", "id", record["applicant_id"])
        self.assertEqual([d["code"] for d in found["dossiers"]], [code])
        dossier = found["dossiers"][0]
        self.assertIn("applicant_id", dossier["found_in"])
        self.assertLessEqual({"applicant_id", "applicant_name", "phone"}, set(dossier["fields"]))
        self.assertGreater(dossier["bodies"], 0)
        self.assertNotIn(record["applicant_id"], json.dumps(found))
        # Groups of digits and the country's prefix are the same number.
        number = record["applicant_id"]
        if number.isdigit():
            spaced = " ".join([number[:3], number[3:6], number[6:]])
            self.assertIn(code, [d["code"] for d in self.ask("find", "id", spaced)["dossiers"]])
        phone = "+84" + record["phone"][1:]
        self.assertIn(code, [d["code"] for d in self.ask("find", "phone", phone)["dossiers"]])
        by_name = self.ask("find", "name", record["applicant_name"].upper())
        self.assertIn(code, [d["code"] for d in by_name["dossiers"]])
        self.assertEqual([d["code"] for d in self.ask("find", "code", code)["dossiers"]], [code])
        nobody = self.ask("find", "id", "000000000001")
        self.assertEqual(nobody["n"], 0, nobody)

    def test_who_is_meant_stands_in_no_log_status_or_audit(self):
        world = self.settled()
        _, record = self.someone()
        self.ask("find", "id", record["applicant_id"])
        self.ctl("subject", "find", "--by", "id", needles=["không phải số"], code=64)
        self.ask("find", "phone", record["phone"])
        self.assertEqual(world.post("/v1/persons:find", sock="status", by="id",
                                    needles=[record["applicant_id"]]).status, 403)
        verbs = [v for v, in world.sql("SELECT verb FROM audit")]
        self.assertEqual(verbs.count("subject-find"), 2)  # there before the answer
        seen = (world.log_path.read_text() + world.get("/v1/status").text
                + world.get("/v1/events").text + world.get("/metrics").text
                + json.dumps(world.sql("SELECT who, verb, object, reason FROM audit")))
        for canary in (record["applicant_id"], record["phone"], record["applicant_name"]):
            self.assertNotIn(canary, seen)

    def test_without_its_row_in_the_audit_nothing_of_a_person_is_told(self):
        world = self.settled()
        code, record = self.someone()
        path = world.dir / "export.json"

        def journal(statement):
            with contextlib.closing(sqlite3.connect(world.journal_path, timeout=20)) as db:
                db.execute(statement)
                db.commit()
        journal("CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
        try:
            for verb, options in (("find", ()), ("export", ("--request", "2026/17", path))):
                said = self.ctl("subject", verb, "--by", "id", *options,
                                needles=[record["applicant_id"]], code=75)
                self.assertNotIn(code, said)
            self.assertFalse(path.exists())
        finally:
            journal("DROP TRIGGER refuse")
        world.wait(lambda: world.status()["journal"]["condition"] == "ok", "the journal to recover")
        self.ctl("subject", "export", "--by", "id", "--request", "2026/17", path,
                 needles=[record["applicant_id"]])
        self.assertIn(code, path.read_text())
        self.assertIn("unbroken", self.ctl("audit", "verify"))

    def test_a_name_on_the_command_line_or_in_an_open_file_is_refused(self):
        world = self.settled()
        _, record = self.someone()
        self.ctl("subject", "find", "--by", "id", record["applicant_id"], needles=[], code=64)
        path = world.dir / "who"
        path.write_text(record["applicant_id"] + "\n")
        path.chmod(0o644)
        self.ctl("subject", "find", "--by", "id", "--from", path, code=77)
        path.chmod(0o600)
        self.assertIn("1 dossier", self.ctl("subject", "find", "--by", "id", "--from", path))

    def test_an_export_is_one_private_file_with_everything(self):
        world = self.settled()
        code, record = self.someone()
        path = world.dir / "export.json"
        self.ctl("subject", "export", "--by", "id", path, needles=[record["applicant_id"]],
                 code=64)  # without the number of the request
        self.assertFalse(path.exists())
        self.ctl("subject", "export", "--by", "id", "--request", "2026/17", path,
                 needles=[record["applicant_id"]])
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        export = json.loads(path.read_text())
        dossier, = export["dossiers"]
        self.assertEqual((dossier["code"], export["request"]), (code, "2026/17"))
        records = [i["record"] for i in dossier["history"] if i["record"] is not None]
        self.assertEqual(sorted(map(json.dumps, records)), sorted(map(json.dumps, self.bodies(code))))
        self.assertEqual(len(dossier["calls"]), len(world.life(code)["attempts"]))
        self.assertTrue(all(c["begun"] and c["outcome"] == "done" for c in dossier["calls"]))
        self.ctl("subject", "export", "--by", "id", "--request", "2026/17", path,
                 needles=[record["applicant_id"]], code=64)  # nothing is overwritten
        self.ctl("subject", "export", "--by", "name", "--request", "1", world.dir / "x",
                 needles=[record["applicant_name"]], code=64)  # a name is not one person

    def test_an_erasure_leaves_no_trace_and_the_chain_whole(self):
        world = self.settled()
        code, record = self.someone()
        number, phone = record["applicant_id"], record["phone"]
        with contextlib.closing(sqlite3.connect(world.journal_path)) as db:
            subject, = db.execute("SELECT id FROM subject WHERE code = ?", (code,)).fetchone()
            db.execute("UPDATE attempt SET words = ? WHERE subject = ?", (CANARY_WORDS, subject))
            db.execute("UPDATE item SET reason = ? WHERE subject = ?", (CANARY_WORDS, subject))
            db.commit()
        self.assert_somewhere(number)
        self.assert_somewhere(CANARY_WORDS)
        before = world.life(code)
        answer = self.ask("erase", "id", number, options=["--request", "2026/18", "--yes"])
        self.assertEqual((answer["erased"], answer["kept"]), (1, 0))
        self.assertTrue(answer["rewritten"] and answer["log_emptied"], answer)
        self.assert_nowhere(number, phone, CANARY_WORDS)
        after = world.life(code)
        for key in ("items", "attempts"):  # the history stays
            self.assertEqual([(r["id"], r.get("state"), r.get("digest")) for r in before[key]],
                             [(r["id"], r.get("state"), r.get("digest")) for r in after[key]])
        self.assertEqual(self.ask("find", "id", number)["n"], 0)
        row, = world.sql("SELECT who, verb, object, reason FROM audit WHERE verb = 'subject-erase'")
        self.assertIn("request 2026/18", row)
        self.assertIn("unbroken", self.ctl("audit", "verify"))
        self.ctl("journal", "check")
        backup = world.dir / "state" / "backup.db"
        self.ctl("journal", "backup", backup)
        self.assert_nowhere(number, phone, CANARY_WORDS)
        self.assertIn("unbroken", self.ctl("audit", "verify", backup))
        # What goes on goes on: changes come, also of the one who was erased.
        world.province.post("step", changes=12)
        world.settle()
        self.assert_delivered()
        world.stop()
        self.assertIn("unbroken", self.ctl("audit", "verify"))

    def test_what_must_still_be_delivered_is_kept_unless_dropped(self):
        world = self.settled()
        world.order("/v1/endpoints/portal:pause", reason="trial")
        codes = world.province.post("step", changes=6)["codes"]
        world.sweep()
        waiting = [i["code"] for i in world.queue(state="PENDING")]
        record = next(r for c in codes if c in waiting for r in self.bodies(c)
                      if r.get("applicant_id"))
        number = record["applicant_id"]
        answer = self.ask("erase", "id", number, code=1, options=["--request", "19", "--yes"])
        kept = [d for d in answer["dossiers"] if not d["erased"]]
        self.assertIn(record["code"], [d["code"] for d in kept])
        self.assertIn("must still be delivered", kept[0]["why_not"])
        self.assert_somewhere(number)
        self.ctl("subject", "erase", "--by", "id", "--request", "20", "--drop", "--yes",
                 needles=[number], code=64)  # dropping needs a reason
        answer = self.ask("erase", "id", number, options=["--request", "20", "--drop", "--reason",
                                                          "asked for in request 20", "--yes"])
        self.assertEqual(answer["kept"], 0)
        self.assertGreater(answer["dropped"], 0)
        self.assert_nowhere(number)
        self.assertEqual([i for i in world.queue(state="PENDING") if i["code"] == record["code"]],
                         [])
        self.assertIn("unbroken", self.ctl("audit", "verify"))

    def test_the_number_of_a_request_is_nobody_s_number(self):
        self.settled()
        code, _ = self.someone()
        self.ctl("subject", "erase", "--by", "code", "--request", "000123456789", "--yes",
                 needles=[code], code=64)
        self.assert_somewhere(code)


class Chain(PersonsTest):
    def tampered(self, *statements):
        """A copy of the stopped journal, changed; what `audit verify` says of it."""
        path = self.world.dir / "tampered.db"
        path.unlink(missing_ok=True)
        path.write_bytes(self.world.journal_path.read_bytes())
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("DROP TRIGGER audit_no_update")
            db.execute("DROP TRIGGER audit_no_delete")
            for statement in statements:
                self.assertNotEqual(db.execute(statement).rowcount, 0, statement)
            db.commit()
        done = subprocess.run([CTL, "audit", "verify", path, "--json"], capture_output=True,
                              text=True, timeout=60)
        return done.returncode, json.loads(done.stdout)

    def test_the_chain_tells_of_rows_changed_removed_and_cut_off(self):
        world = self.settled()
        for n in range(4):
            world.order("/v1/log-level", level="info", reason=f"trial {n}")
        head = world.wait(lambda: world.status()["journal"]["audit"]["row"] >= 4
                          and world.status()["journal"]["audit"], "the audit")
        self.ctl("subject", "find", "--by", "id", needles=["000000000009"])
        world.stop()
        code, whole = self.tampered("UPDATE tally SET n = n")
        self.assertEqual((code, whole["ok"]), (0, True))
        for statement in ("UPDATE audit SET reason = 'another' WHERE id = 2",
                          "UPDATE audit SET at_ms = at_ms - 1 WHERE id = 1",
                          "DELETE FROM audit WHERE id = 3", "DELETE FROM audit WHERE id = 1",
                          "DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)"):
            code, answer = self.tampered(statement)
            self.assertEqual((code, answer["ok"]), (2, False), statement)
        # Who also mends SQLite's count is only found by the head that was told before.
        code, cut = self.tampered("DELETE FROM audit WHERE id > 2",
                                  "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'audit'")
        self.assertEqual((code, cut["ok"]), (0, True))
        self.assertLess(cut["row"], head["row"])
        self.assertNotEqual(cut["head"], whole["head"])
        world.start()
        self.assertIn(f"row {whole['row']}, chain {whole['head']}", world.log_path.read_text())


if __name__ == "__main__":
    unittest.main()
