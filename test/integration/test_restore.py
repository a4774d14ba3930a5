"""A journal that comes back from a backup, or out of a damaged file: nothing lost at the portal."""

import fcntl
import json
import os
import pathlib
import random
import shutil
import subprocess
import unittest

from harness import BUILD, WorldTest

CTL = BUILD / "dvcsyncctl"
SEED = int(os.environ.get("SEED", "20261122"))
IMAGES = int(os.environ.get("IMAGES", "20"))
PAGE = 8192


class CopyTest(WorldTest):
    def ctl(self, *arguments, code=0):
        done = subprocess.run([CTL, "-f", self.world.conf_path, *arguments], text=True,
                              capture_output=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def put(self, copy):
        """The copy becomes the journal, as the recovery page says."""
        for tail in ("", "-wal", "-shm"):
            pathlib.Path(f"{self.world.journal_path}{tail}").unlink(missing_ok=True)
        shutil.copy(copy, self.world.journal_path)

    def assert_nothing_lost(self):
        """Everything is at the portal, and no step is stored twice there."""
        report = self.world.verify()
        self.assertEqual({k: report[k] for k in ("lost", "steps_repeated", "dossiers_agreed",
                                                 "steps_agreed")},
                         {"lost": 0, "steps_repeated": 0, "dossiers_agreed": report["dossiers"],
                          "steps_agreed": report["steps"]}, report["first_mismatches"][:5])
        return report


class Backup(CopyTest):
    def test_a_backup_under_load_comes_back_without_loss(self):
        world = self.run_world(30, province={"days": 6, "changes": 400, "rate": 100})
        world.wait(lambda: world.flow()["delivered"] > 20, "some deliveries")
        backup = world.dir / "backup.db"
        self.ctl("journal", "backup", backup)
        self.assertFalse(pathlib.Path(f"{backup}.part").exists())
        delivered = world.flow()["delivered"]
        world.wait(lambda: world.flow()["delivered"] > delivered + 60, "deliveries behind it")
        world.kill()
        self.put(backup)
        self.ctl("journal", "check", world.journal_path)
        world.start()
        self.assertIn("this journal began as a copy (backup)", world.log_path.read_text())
        restored = world.status()["journal"]["restored"]
        self.assertEqual(restored["from"], "backup")
        self.assertIn("put back", self.ctl("status"))
        world.wait(lambda: world.province.stats()["finished"], "the changes to be made")
        world.settle(120)
        self.assert_nothing_lost()
        # Dossiers that are new here were asked for first.
        self.assertGreater(sum(verb == "lookup" for verb, *_ in world.attempts()), 0)
        self.assertEqual(world.queue(state="HELD"), [])
        world.stop()
        world.start()
        self.assertEqual(world.log_path.read_text().count("this journal began as a copy"), 1)
        self.assertEqual(world.status()["journal"]["restored"], restored)

    def test_an_unfinished_copy_is_in_the_way_refused_and_never_touched(self):
        world = self.run_world(6, province={"days": 6})
        world.settle()
        backup, part = world.dir / "backup.db", world.dir / "backup.db.part"
        part.write_text("somebody's")
        done = world.ctl("journal", "backup", backup)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"{part} is in the way", done.stdout + done.stderr)
        self.assertEqual((part.read_text(), backup.exists()), ("somebody's", False))
        part.unlink()
        self.ctl("journal", "backup", backup)
        self.assertFalse(part.exists())
        self.ctl("journal", "check", backup)
        shutil.copy(backup, part)  # as a stop behind the copying would leave it
        self.assertIn("unfinished", world.ctl("journal", "check", part).stdout)
        self.ctl("journal", "check", part, code=2)

    def test_asked_first_no_step_goes_twice_and_a_person_sees_which(self):
        world = self.run_world(12, province={"days": 6},
                               conf={"dossiers": {"steps_in_doubt": "ask"}}, step_dedupe="off")
        world.settle()
        backup = world.dir / "backup.db"
        self.ctl("journal", "backup", backup)
        codes = world.province.post("step", changes=10)["codes"]
        world.settle()
        stored = sum(1 for line in world.ledger("step"))
        world.kill()
        self.put(backup)
        world.start()
        world.sweep()
        world.wait(lambda: all(i["state"] == "HELD" for i in world.queue(state="open")
                               if i["kind"] == "step"), "the steps to be held")
        held = [i for i in world.queue(state="HELD") if i["hold"] == "in_doubt"]
        self.assertGreater(len(held), 0)
        self.assertLessEqual({i["code"] for i in held}, set(codes))
        shown = self.ctl("queue", "--state", "held", "--hold", "in_doubt")
        self.assertTrue(all(i["code"] in shown for i in held))
        self.assertIn("resolve it as delivered", shown)
        self.assertEqual(sum(1 for line in world.ledger("step")), stored)
        # The person looks at the portal, and says that it has them.
        while held:
            self.ctl("resolve", *[str(i["id"]) for i in held], "--as", "delivered", "--reason",
                     "seen at the portal")
            world.settle()
            held = [i for i in world.queue(state="HELD") if i["hold"] == "in_doubt"]
        self.assertEqual(sum(1 for line in world.ledger("step")), stored)
        report = world.verify()
        self.assertEqual((report["lost"], report["steps_repeated"]), (0, 0), report["line"])


def damage(kind, rng, path):
    """One way in which a disk or a person spoils a journal. Returns what it did."""
    wal = pathlib.Path(f"{path}-wal")
    data = bytearray(path.read_bytes())
    if kind == "bytes":
        at = rng.randrange(len(data) - 64)
        data[at:at + 64] = rng.randbytes(64)
    elif kind == "page":
        at = rng.randrange(1, len(data) // PAGE) * PAGE
        data[at:at + PAGE] = rng.randbytes(PAGE)
    elif kind == "header":
        data[:100] = rng.randbytes(100)
    elif kind == "schema":
        data[:PAGE] = bytes(PAGE)
    elif kind == "half":
        del data[len(data) // 2 // PAGE * PAGE:]
    elif kind == "garbage":
        data[:] = rng.randbytes(len(data))
    elif kind == "empty":
        data.clear()
    elif kind == "log" and wal.exists():
        log = bytearray(wal.read_bytes())
        at = rng.randrange(32, max(33, len(log) - 64))
        log[at:at + 64] = rng.randbytes(64)
        wal.write_bytes(log)
    elif kind == "log gone":
        wal.unlink(missing_ok=True)
    path.write_bytes(data)
    return f"{kind}, {len(data)} bytes left"


KINDS = ("bytes", "page", "log", "header", "half", "bytes", "page", "schema", "log gone", "page",
         "bytes", "log", "garbage", "page", "bytes", "empty", "half", "page", "log", "bytes")


class Salvage(CopyTest):
    def test_a_damaged_journal_gives_a_new_one_and_nothing_is_lost(self):
        print(f"seed {SEED}")
        rng = random.Random(SEED)
        world = self.run_world(16, province={"days": 6})
        world.settle()
        for n in range(IMAGES):
            world.order("/v1/endpoints/portal:pause", reason="trial")
            world.province.post("step", changes=4)
            world.sweep()
            world.order("/v1/endpoints/portal:resume")
            world.province.post("step", changes=4)  # on their way when the end comes
            world.order("/v1/sources/onestop:poll", full=True)
            world.kill()
            with self.subTest(image=n, kind=KINDS[n % len(KINDS)]):
                self.recover(rng, n)

    def recover(self, rng, n):
        world = self.world
        state = world.dir / "state"
        damaged = world.dir / f"damaged-{n}"
        shutil.copytree(state, damaged)
        did = damage(KINDS[n % len(KINDS)], rng, damaged / "journal.db")
        for path in damaged.glob("*-shm"):
            path.unlink()
        before = {p.name: p.read_bytes() for p in damaged.iterdir()}
        fresh = world.dir / f"fresh-{n}.db"
        done = world.ctl("--json", "journal", "recover", damaged / "journal.db", fresh)
        report = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0 if report["item"] > 0 else 2, done.stderr)
        self.assertEqual({p.name: p.read_bytes() for p in damaged.iterdir()}, before, did)
        self.assertEqual(fresh.stat().st_mode & 0o777, 0o600)
        self.ctl("journal", "check", fresh)
        self.ctl("audit", "verify", fresh)
        self.put(fresh)
        world.start()
        self.assertEqual(world.status()["journal"]["restored"]["from"], "salvage", report)
        world.order("/v1/endpoints/portal:resume")  # the order to do so may be what was lost
        world.settle(120)
        held = world.queue(state="HELD")
        self.assertEqual(held, [], f"{did} {report}")
        self.assert_nothing_lost()
        shutil.rmtree(damaged)
        fresh.unlink()

    def test_a_sound_or_a_newer_journal_is_not_made_anew(self):
        world = self.run_world(6, province={"days": 6})
        world.settle()
        fresh = world.dir / "fresh.db"
        self.ctl("journal", "recover", world.journal_path, fresh, code=75)  # a daemon has it
        world.stop()
        fresh.write_text("mine")
        self.ctl("journal", "recover", world.journal_path, fresh, code=64)
        self.assertEqual(fresh.read_text(), "mine")
        fresh.unlink()
        newer = world.dir / "newer.db"
        data = bytearray(world.journal_path.read_bytes())
        data[60:64] = (99).to_bytes(4, "big")
        newer.write_bytes(data)
        self.ctl("journal", "recover", newer, fresh, code=2)
        self.assertFalse(fresh.exists())
        self.ctl("journal", "recover", world.dir / "nowhere.db", fresh, code=64)
        # One that was killed has left its folder, and somebody else holds the lock: neither is touched.
        part = world.dir / "fresh.db.part"
        part.mkdir()
        done = world.ctl("journal", "recover", world.journal_path, fresh)
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn(f"{part} is in the way", done.stderr)
        part.rmdir()
        with open(f"{world.journal_path}.lock", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.ctl("journal", "recover", world.journal_path, fresh, code=75)
        self.assertFalse(fresh.exists() or part.exists())
        # Of a sound one everything is taken over.
        counts = {t: world.sql(f"SELECT count(*) FROM {t}")[0][0]
                  for t in ("subject", "item", "body", "part", "attempt", "audit", "flow")}
        report = json.loads(self.ctl("--json", "journal", "recover", world.journal_path, fresh))
        self.assertEqual({t: report[t] for t in counts}, counts)
        self.assertEqual((report["bad_pages"], report["distrusted"], report["orphans"]), (0, 0, 0))


if __name__ == "__main__":
    unittest.main()
