"""Damaged journals. Whatever was damaged: it is found before anything of it is sent, or it was of no
consequence; the file is never replaced, and nothing is lost or doubled.

The daemon may refuse to start (78, the recovery page named, every byte as it was), or hold an item whose
body is damaged, or stop sending when it meets the damage at work. What it then says is the person's
to act on; all else must be right.
"""

import contextlib
import shutil
import sqlite3
import time

from harness import wait_until

IMAGES = 200
GROUPS = 10
BYTES = 64
PAGE = 8192
WAL_HEADER = 32
ENDED, FAULTY, RAN = "refused", "stopped sending", "ran"


class Patient:
    """A world whose journal is put back and damaged again and again, the portal's memory with it."""

    def __init__(self, run, world, killed=False):
        self.run, self.world = run, world
        world.start_portal()
        world.start_province(25)
        world.write_conf(source={"request_timeout": "5s"})
        world.start()
        world.settle()
        world.portal.stop()
        world.province.post("step", changes=20)
        world.sweep()
        world.wait(lambda: world.queue(state="PENDING"), "something waiting")
        if killed:
            world.kill()
        else:
            assert world.stop() == 0
        self.ledger = world.ledger_path.read_bytes()
        self.kept = world.dir / "kept"
        shutil.copytree(world.dir / "state", self.kept)
        (self.kept / "journal.db-shm").unlink(missing_ok=True)
        self.journal = (self.kept / "journal.db").read_bytes()
        self.lock = (self.kept / "journal.db.lock").read_bytes()
        wal = self.kept / "journal.db-wal"
        self.wal = wal.read_bytes() if wal.exists() else b""
        self.seen = {ENDED: 0, FAULTY: 0, RAN: 0, "held": 0}

    def files(self):
        state = self.world.dir / "state"
        return {name: (state / name).read_bytes() if (state / name).exists() else b""
                for name in ("journal.db", "journal.db-wal")}

    def put(self, journal, wal):
        state = self.world.dir / "state"
        shutil.rmtree(state)
        state.mkdir(mode=0o700)
        for name, content in (("journal.db", journal), ("journal.db-wal", wal),
                              ("journal.db.lock", self.lock)):
            if content is not None:
                (state / name).write_bytes(content)
        self.world.ledger_path.write_bytes(self.ledger)
        self.world.log_path.write_bytes(b"")

    def examine(self, what, journal, wal=None, must_refuse=False):
        """One image: how it went."""
        world = self.world
        self.put(journal, wal)
        before = self.files()
        world.start_portal()
        try:
            world.start(wait=False)
            wait_until(lambda: not world.daemon.running() or world.answers(), f"{what}: an end")
            how = self.judge(what, before)
            assert how == ENDED or not must_refuse, f"{what}: not refused"
            self.seen[how] += 1
        finally:
            if world.daemon.running():
                world.kill()
            world.portal.stop()

    def judge(self, what, before):
        world = self.world
        if not world.daemon.running():
            code, log = world.daemon.popen.returncode, world.log_path.read_text()
            assert code == 78, f"{what}: exit {code}: {log}"
            assert "recovery.md" in log, f"{what}: the page is not named: {log}"
            assert self.files() == before, f"{what}: a refused journal was touched"
            return ENDED
        if not self.settled(what):
            self.assert_nothing_false(what)
            return FAULTY
        report = world.verify()
        held = {item["code"] for item in world.queue(state="HELD")}
        self.seen["held"] += bool(held)
        wrong = unlike(report, held)
        assert not wrong, f"{what}: {wrong[:3]}"
        assert (report["lost"], report["duplicated"], report["order_violations"]) == (0, 0, 0), \
            f"{what}: {report}"
        return RAN

    def settled(self, what):
        """False: it met the damage at work, says so, and sends no more."""
        world, end = self.world, time.monotonic() + 40
        swept = world.flow()["full_sweeps"]
        world.order("/v1/sources/onestop:poll", full=True)
        while time.monotonic() < end:
            assert world.daemon.running(), f"{what}: it ended: {world.log_tail()}"
            status = world.status()
            if any("journal" in reason for reason in status["reasons"]):
                return False
            if status["idle"] and world.flow()["full_sweeps"] > swept:
                return True
            time.sleep(0.03)
        raise AssertionError(f"{what}: neither idle nor out of order: {world.status()['reasons']}")

    def assert_nothing_false(self, what):
        """What it had sent before it met the damage is as the province has it."""
        report = self.world.verify()
        assert report["duplicated"] == 0 and report["order_violations"] == 0, f"{what}: {report}"


def unlike(report, held):
    """Dossiers that differ and of which the daemon does not say so. (Catalogues are another case; a
    damaged body of something delivered is never read again, `dvcsyncctl journal check` lists it.)"""
    return [m for m in report["first_mismatches"]
            if m["code"] not in held and not m["what"].startswith("procedure") and
            not m["what"].endswith("bodies differ from their digests")]


@contextlib.contextmanager
def patient(run, **arguments):
    with run.world() as world:
        yield Patient(run, world, **arguments)


def at_offsets(run, group):
    """64 random bytes at offsets over all of the file, this group's share of them."""
    images = IMAGES // GROUPS
    shown = range(group, IMAGES, GROUPS)
    if run.short:
        shown = list(shown)[:images // 4]
    chance = run.chance(f"corrupt {group}")
    with patient(run) as p:
        for n in shown:
            at = (len(p.journal) - BYTES) * n // (IMAGES - 1)
            damaged = p.journal[:at] + chance.randbytes(BYTES) + p.journal[at + BYTES:]
            p.examine(f"64 bytes at {at} of {len(p.journal)}", damaged)
        print(p.seen)
    return run.Result()


def whole_files(run):
    """The journal itself: its header, half of it, something else, nothing, pages changed about."""
    chance = run.chance("whole files")
    with patient(run) as p:
        j = p.journal
        other = chance.randbytes(len(j))
        must = {"a header of zeros": bytes(100) + j[100:],
                "a random header": chance.randbytes(100) + j[100:],
                "half of it": j[:len(j) // 2 // PAGE * PAGE],
                "half of it, in the middle of a page": j[:len(j) // 2 + 1000],
                "garbage": other, "one byte": b"S", "zero length": b"",
                "another program's database": database_of_another(p.world.dir),
                "text": b"not a journal\n" * 1000}
        for what, image in must.items():
            p.examine(what, image, must_refuse=True)
        pages = len(j) // PAGE
        for _ in range(3 if run.short else 20):
            a, b = chance.sample(range(1, pages), 2)
            p.examine(f"pages {a} and {b} changed about", swapped(j, a, b))
        print(p.seen)
    return run.Result()


def swapped(journal, a, b):
    pages = [journal[i:i + PAGE] for i in range(0, len(journal), PAGE)]
    pages[a], pages[b] = pages[b], pages[a]
    return b"".join(pages)


def database_of_another(folder):
    path = folder / "another.db"
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE item (id INTEGER PRIMARY KEY)")
        db.executemany("INSERT INTO item VALUES (?)", [(n,) for n in range(1000)])
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


def wal_of_another(folder):
    path = folder / "wal.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, text)")
        db.executemany("INSERT INTO thing VALUES (?, ?)", [(n, "x" * 500) for n in range(100)])
        db.commit()
        return (folder / "wal.db-wal").read_bytes()


def journal_gone(run, beside):
    """The journal is not there and what stood beside it is: no empty one is begun."""
    with patient(run, killed=True) as p:
        assert len(p.wal) > WAL_HEADER
        p.put(None, p.wal if beside == "WAL" else None)
        if beside == "WAL":
            p.world.journal_path.with_name("journal.db.lock").unlink()
        p.world.start_portal()
        p.world.start(wait=False)
        wait_until(lambda: not p.world.daemon.running(), "an end")
        assert p.judge("no journal", p.files()) == ENDED
        assert not p.world.journal_path.exists()
        p.world.portal.stop()
    return run.Result()


def wal_files(run):
    """The WAL after a kill: gone, cut, another database's, or damaged.

    SQLite takes it up to the first frame that does not add up, as after any crash; what came behind
    was committed, and the witness in the lock file knows of it."""
    chance = run.chance("wal")
    with patient(run, killed=True) as p:
        assert len(p.wal) > WAL_HEADER
        gone = {"missing": None, "empty": b"", "of another database": wal_of_another(p.world.dir),
                "with a header of zeros": bytes(WAL_HEADER) + p.wal[WAL_HEADER:],
                "half": p.wal[:len(p.wal) // 2], "garbage": chance.randbytes(len(p.wal))}
        for what, wal in gone.items():
            p.examine(f"WAL {what}", p.journal, wal, must_refuse=True)
        for _ in range(3 if run.short else 20):
            at = chance.randrange(len(p.wal) - BYTES)
            p.examine(f"WAL damaged at {at} of {len(p.wal)}", p.journal,
                      p.wal[:at] + chance.randbytes(BYTES) + p.wal[at + BYTES:])
        print(p.seen)
    return run.Result()


def cases(run):
    groups = range(0, GROUPS, 5) if run.short else range(GROUPS)
    found = [(f"64 bytes, group {n + 1} of {GROUPS}", lambda n=n: at_offsets(run, n)) for n in groups]
    found += [("whole files", lambda: whole_files(run)), ("the WAL", lambda: wal_files(run)),
              *((f"the journal is gone, its {beside} is there",
                 lambda beside=beside: journal_gone(run, beside)) for beside in ("WAL", "lock"))]
    for _, call in found:
        call.deadline_s = 300
    return found
