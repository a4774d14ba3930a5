"""Evidence: one file about a dossier, checked by dvcsyncctl and by the commands of doc/evidence.md."""

import base64
import contextlib
import hashlib
import json
import os
import random
import re
import sqlite3
import stat
import subprocess
import unittest

from harness import ROOT, WorldTest

PAGE = ROOT / "doc" / "evidence.md"
SEED = int(os.environ.get("SEED", "1"))
SAMPLE = 200
PERSON = "Tran-Van-C-1970"
REQUEST = "Nguyen-Van-A/12"
CANARY = "Lời Riêng Của Người Nộp Đơn"


def page_commands():
    """The commands of the page in their order; the first block names the files."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) == 7 and blocks[0].startswith("FILE="), blocks
    return blocks[0], blocks[1:]


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def digest_json(value):
    return digest(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def write_anew(journal, older):
    """The audit's chain made anew, the first rows in the form that had one salt; its end."""
    chain = "0" * 64
    with contextlib.closing(sqlite3.connect(journal)) as db:
        db.execute("DROP TRIGGER IF EXISTS audit_no_update")
        for row, at, who, verb, about, reason, salt in db.execute(
                "SELECT id, at_ms, who, verb, object, reason, lower(hex(salt)) FROM audit "
                "ORDER BY id").fetchall():
            actor = digest_json(["sealed", salt[:32], who, reason])
            if row <= older:
                salt = salt[:32]
                chain = digest_json(["audit", row, at, verb, about, actor, chain])
            else:
                chain = digest_json(["audit", row, at, 2, verb,
                                     digest_json(["object", salt[32:], about]), actor, chain])
            db.execute("UPDATE audit SET chain = ?, salt = ? WHERE id = ?",
                       (bytes.fromhex(chain), bytes.fromhex(salt), row))
        db.commit()
    return chain


class EvidenceTest(WorldTest):
    def settled(self):
        self.run_world(6, province={"days": 6})
        self.world.settle()
        return self.world

    def ctl(self, *arguments, code=0):
        done = self.world.ctl(*arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def a_code(self):
        return self.world.sql("SELECT s.code FROM subject s JOIN attempt t ON t.subject = s.id "
                              "GROUP BY 1 ORDER BY count(*) DESC, 1")[0][0]

    def make(self, code, name="evidence.jsonl"):
        path = self.world.dir / name
        path.unlink(missing_ok=True)
        self.ctl("evidence", code, "-o", path)
        return path

    def key(self):
        text = self.ctl("evidence", "key")
        path = self.world.dir / "key.pem"
        path.write_text(text)
        return path, re.search(r"fingerprint.*: ([0-9a-f]{64})", text).group(1)

    def run_block(self, path, key, block):
        done = subprocess.run(
            ["bash", "-c", f"FILE={path}\nKEY={key}\n{block}"], capture_output=True,
            cwd=self.world.dir, timeout=60)
        return (done.returncode, done.stdout.decode(errors="replace"),
                done.stderr.decode(errors="replace"))

    def by_page(self, path, key, blocks=None):
        """Runs the page's commands as they stand; True when each says what the page promises."""
        names, all_blocks = page_commands()
        self.assertEqual(names, "FILE=evidence.jsonl\nKEY=key.pem\n")
        said = [self.run_block(path, key, block)
                for block in (all_blocks if blocks is None else all_blocks[:blocks])]
        good = (said[0][0] == 0 and "Signature Verified Successfully" in said[0][1]
                and said[1] == (0, "", ""))
        if blocks is None:
            fingerprint = said[2][1].split()[0] if said[2][1].split() else ""
            journal = [json.loads(line) for line in path.read_text().splitlines()
                       if '"is":"journal"' in line]
            good = good and said[2][0] == 0 and said[2][2] == "" and len(fingerprint) == 64
            good = good and said[3] == (0, "", "") and "broken" not in said[4][1]
            good = good and said[4][1].strip() == journal[0]["audit_head"]
            good = good and said[5] == (0, "", "")
        return good


    def signed_by(self, path, public):
        """The file with a date that would be more than one, signed again with other.key."""
        lines = path.read_text().splitlines()[:-3]
        first = json.loads(lines[0])
        first["made"] = "2026\nKey 0: the one.\x1b[8m"
        body = "\n".join([json.dumps(first), *lines[1:]]) + "\n"
        key = "".join(public.read_text().splitlines()[1:-1])
        body += f'{{"sha256":"{digest(body)}"}}\n{{"key":"{key}"}}\n'
        part = self.world.dir / "forged.part"
        part.write_text(body)
        signature = subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.world.dir / "other.key", "-in",
             part], check=True, capture_output=True, timeout=60).stdout
        forged = self.world.dir / "forged.jsonl"
        forged.write_text(body + f'{{"signature":"{base64.b64encode(signature).decode()}"}}\n')
        return forged


class OneDossier(EvidenceTest):
    def test_a_dossier_s_file_tells_its_life_and_no_person(self):
        world = self.settled()
        code = self.a_code()
        item = world.sql("SELECT i.id FROM item i JOIN subject s ON s.id = i.subject "
                         "WHERE s.code = ?", code)[0][0]
        world.order("/v1/log-level", level="info", reason=CANARY)
        world.post(f"/v1/items/{item}:hold", reason=CANARY)
        path = self.make(code)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        kinds = [line["is"] for line in lines if isinstance(line, dict) and "is" in line]
        self.assertEqual(kinds[0], "evidence")
        self.assertEqual(kinds[-1], "journal")
        attempts = [x for x in lines if isinstance(x, dict) and x.get("is") == "attempt"]
        rows = world.sql("SELECT t.id, lower(hex(t.request)), lower(hex(t.response)), t.words "
                         "FROM attempt t JOIN subject s ON s.id = t.subject WHERE s.code = ? "
                         "ORDER BY t.id", code)
        self.assertEqual([(a["attempt"], a["request"], a["response"], a["words"])
                          for a in attempts], rows)
        self.assertGreater(len(rows), 0)
        self.assertTrue(all(a["begun_ms"] <= a["ended_ms"] for a in attempts))
        # The row of the source that the dossier was read from, with its digest.
        source, = [x for x in lines if isinstance(x, dict) and x.get("is") == "row"]
        self.assertEqual([(digest(row_id), row_hash) for row_id, row_hash in world.sql(
            "SELECT id, lower(hex(hash)) FROM source_row WHERE source = ? AND code = ?",
            source["source"], code)], [(source["id"], source["digest"])])
        audits = [x for x in lines if isinstance(x, list) and x[0] == "audit"]
        self.assertEqual([a[1] for a in audits],
                         [r[0] for r in world.sql("SELECT id FROM audit ORDER BY id")])
        journal, = [x for x in lines if isinstance(x, dict) and x.get("is") == "journal"]
        self.assertEqual(journal["schema_version"], 3)
        self.assertTrue(journal["daemon"])
        self.assertEqual(journal["attempts"], journal["witness_attempts"])
        text = path.read_text()
        self.assertNotIn(CANARY, text)
        for body, in world.sql("SELECT b.body FROM body b JOIN item i ON i.id = b.item WHERE "
                               "i.kind = 1"):
            record = json.loads(body)
            for field in ("applicant_name", "applicant_id", "phone", "email"):
                if record.get(field):
                    self.assertNotIn(record[field], text)
        for who, in world.sql("SELECT who FROM audit"):
            self.assertNotIn(json.dumps(who, ensure_ascii=False), text)
        self.assertEqual(world.leaks.find("the file of evidence", path.read_bytes()), [])

    def test_the_page_and_the_program_agree_that_it_is_whole(self):
        world = self.settled()
        path = self.make(self.a_code())
        key, fingerprint = self.key()
        self.assertTrue(self.by_page(path, key))
        self.assertIn("Verified", self.ctl("evidence", "verify", path, "--key", key))
        answer = json.loads(self.ctl("--json", "evidence", "verify", path, "--key", key))
        self.assertEqual((answer["ok"], answer["key_checked"], answer["fingerprint"]),
                         (True, True, fingerprint))
        # Its own key proves nothing of who made it.
        answer = json.loads(self.ctl("--json", "evidence", "verify", path, code=1))
        self.assertEqual((answer["ok"], answer["key_checked"], answer["dossier"]),
                         (True, False, self.a_code()))
        self.assertIn(f'"made":"{answer["made"]}"', path.read_text())
        self.assertIn("the file's own", self.ctl("evidence", "verify", path, code=1))
        self.assertIn(fingerprint, world.log_path.read_text())
        secret = world.dir / "state" / "evidence.key"
        self.assertEqual(stat.S_IMODE(secret.stat().st_mode), 0o600)
        # It is the same key after a restart, and what was signed before still counts.
        world.stop()
        world.start()
        self.assertEqual(self.key()[1], fingerprint)
        self.assertTrue(self.by_page(path, key))
        # Without a daemon, from the journal's file alone.
        world.stop()
        again = self.make(self.a_code(), "again.jsonl")
        self.assertTrue(self.by_page(again, key))

    def test_any_byte_that_changes_is_found_both_ways(self):
        print(f"seed {SEED}")
        self.settled()
        path = self.make(self.a_code())
        key, _ = self.key()
        whole = path.read_bytes()
        changed = self.world.dir / "changed.jsonl"
        chance = random.Random(SEED)
        # Every byte of the last three lines' frames matters most; the rest by chance.
        tail = len(b"".join(whole.splitlines(keepends=True)[-3:]))
        places = chance.sample(range(len(whole) - tail), SAMPLE // 2)
        places += chance.sample(range(len(whole) - tail, len(whole)), SAMPLE // 2)
        for place in places:
            bit = 1 << chance.randrange(8)
            data = bytearray(whole)
            data[place] ^= bit
            changed.write_bytes(data)
            self.assertFalse(self.by_page(changed, key, blocks=2), f"byte {place} bit {bit:#x}")
            done = self.world.ctl("evidence", "verify", changed)
            self.assertEqual(done.returncode, 2, f"byte {place} bit {bit:#x}: {done.stdout}")
        for data in (whole[:-1], whole + b"\n", b"\n" + whole, whole[1:], b""):
            changed.write_bytes(data)
            self.assertEqual(self.world.ctl("evidence", "verify", changed).returncode, 2)

    def test_another_key_and_another_journal_are_no_proof(self):
        world = self.settled()
        code = self.a_code()
        path = self.make(code)
        other = world.dir / "other.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out",
                        world.dir / "other.key"], check=True, capture_output=True, timeout=60)
        subprocess.run(["openssl", "pkey", "-in", world.dir / "other.key", "-pubout", "-out",
                        other], check=True, capture_output=True, timeout=60)
        self.assertFalse(self.by_page(path, other))
        self.ctl("evidence", "verify", path, "--key", other, code=2)
        # Who signs with a key of his own writes nothing on the terminal but one line.
        forged = self.signed_by(path, other)
        said = self.ctl("evidence", "verify", forged, code=1)
        self.assertNotIn("\x1b", said)
        self.assertEqual([line[:4] for line in said.splitlines()].count("Key "), 1)
        said = self.ctl("--json", "evidence", "verify", forged, code=1)
        self.assertFalse(json.loads(said)["key_checked"])
        # A dossier that is not there, a file that is, an open key.
        self.ctl("evidence", "H00.00.00-000000-0000", "-o", world.dir / "x", code=1)
        self.ctl("evidence", code, "-o", path, code=3)
        world.order("/v1/log-level", level="info", reason="trial")
        world.stop()
        tampered = world.dir / "tampered.db"
        tampered.write_bytes(world.journal_path.read_bytes())
        with contextlib.closing(sqlite3.connect(tampered)) as db:
            db.execute("DROP TRIGGER audit_no_update")
            db.execute("UPDATE audit SET verb = 'nothing' WHERE id = (SELECT max(id) FROM audit)")
            db.commit()
        self.ctl("evidence", code, "-o", world.dir / "y", tampered, code=2)
        self.assertFalse((world.dir / "y").exists())
        secret = world.dir / "state" / "evidence.key"
        secret.chmod(0o644)
        self.ctl("evidence", code, "-o", world.dir / "z", code=77)

    def test_a_sealed_row_of_the_audit_can_be_opened_by_who_keeps_the_salt(self):
        world = self.settled()
        world.order("/v1/log-level", level="info", reason=CANARY)
        path = self.make(self.a_code())
        rows = [json.loads(line) for line in path.read_text().splitlines()
                if line.startswith('["audit"')]
        for row in rows:
            who, reason, about, salt = world.sql("SELECT who, reason, object, lower(hex(salt)) "
                                                 "FROM audit WHERE id = ?", row[1])[0]
            for words, seal in ((["sealed", salt[:32], who, reason], row[6]),
                                (["object", salt[32:], about], row[5])):
                self.assertEqual(digest_json(words), seal)
        self.assertGreater(len(rows), 0)

    def test_orders_about_others_and_requests_of_persons_stay_sealed(self):
        world = self.settled()
        code = self.a_code()
        other = world.sql("SELECT code FROM subject WHERE code <> ? AND code LIKE '%-%-%' LIMIT 1",
                          code)[0][0]
        # A reconciliation is of a dossier, and of nothing else.
        done = world.ctl("reconcile", "--no-wait", "--dossier", PERSON)
        self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
        for one in (code, other):
            self.ctl("reconcile", "--dossier", one, "--format", "json")
        who = world.dir / "who.txt"
        who.write_text(other + "\n")
        who.chmod(0o600)
        self.ctl("subject", "find", "--by", "code", "--from", who, "--request", REQUEST)
        self.assertEqual(world.sql("SELECT count(*) FROM audit WHERE object LIKE ?",
                                   f"%{PERSON}%"), [(0,)])
        path = self.make(code)
        text = path.read_text()
        for word in (PERSON, REQUEST, other):
            self.assertNotIn(word, text)
        opened = [line for line in text.splitlines() if line.startswith('["object",')]
        self.assertEqual([json.loads(line)[2] for line in opened], [f"dossier {code}"])
        key, _ = self.key()
        self.assertTrue(self.by_page(path, key))
        # What is opened to something else is seen by the page's fifth step, whoever signed it.
        forged = world.dir / "forged.jsonl"
        forged.write_text(text.replace(opened[0], opened[0].replace("dossier", "Dossier")))
        block = page_commands()[1][5]
        self.assertEqual(self.run_block(path, key, block), (0, "", ""))
        self.assertEqual(self.run_block(forged, key, block), (0, "broken\n", ""))

    def test_a_chain_that_began_in_an_older_form_goes_on_and_hides_as_much(self):
        world = self.settled()
        code = self.a_code()
        self.ctl("reconcile", "--dossier", code, "--format", "json")
        world.order("/v1/log-level", level="info", reason=CANARY)
        world.stop()
        rows = world.sql("SELECT count(*) FROM audit")[0][0]
        key, _ = self.key()
        for older in (1, rows - 1, rows):
            head = write_anew(world.journal_path, older)
            self.assertIn(head, self.ctl("audit", "verify"))
            path = self.make(code, f"older{older}.jsonl")
            lines = path.read_text().splitlines()
            old = [json.loads(line) for line in lines if '"is":"old audit"' in line]
            self.assertEqual([row["row"] for row in old], list(range(1, older + 1)))
            self.assertNotIn(code, json.dumps(old))
            self.ctl("evidence", "verify", path, "--key", key)
            self.assertEqual(self.by_page(path, key), older < rows)  # else there is no row to show

    def test_only_the_daemon_makes_a_key(self):
        world = self.settled()
        code = self.a_code()
        world.stop()
        secret = world.dir / "state" / "evidence.key"
        secret.rename(world.dir / "kept.key")
        for words in (("evidence", "key"), ("evidence", code, "-o", world.dir / "x")):
            done = world.ctl(*words)
            self.assertEqual(done.returncode, 3, done.stdout)
            self.assertIn("start the daemon once", done.stderr)
        self.assertFalse(secret.exists() or (world.dir / "x").exists())

    def test_the_portal_s_words_may_stay_out(self):
        world = self.settled()
        path = world.dir / "silent.jsonl"
        self.ctl("evidence", self.a_code(), "-o", path, "--without-words")
        attempts = [line for line in map(json.loads, path.read_text().splitlines())
                    if isinstance(line, dict) and line.get("is") == "attempt"]
        self.assertEqual({attempt["words"] for attempt in attempts}, {None})
        self.assertTrue(self.by_page(path, self.key()[0]))


if __name__ == "__main__":
    unittest.main()
