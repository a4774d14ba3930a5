"""A journal's log whose last transaction is torn: 500 images, each opened and judged.

The journal is one that a daemon left when it was killed; each of its last transactions is torn in
turn. An image is its file and its log up to there, with that transaction cut off at a byte, or with a
random part of its sectors, the others being zeros or an older frame's. Each image must be whole, and
hold exactly what the journal held before that transaction, or after it: what was synced before is not
torn, so nothing of it may be missing.
"""

import hashlib
import pathlib
import random
import shutil
import sqlite3
import struct
import tempfile

from disk import SECTOR

TRANSACTIONS = 5  # torn, the last ones
IMAGES = 100      # of each
HEADER = 32
FRAME_HEADER = 24


class Log:
    """The frames of a WAL that count: those of its own salt, up to the last commit."""

    def __init__(self, data):
        self.data = data
        self.page = struct.unpack(">I", data[8:12])[0]
        frame = FRAME_HEADER + self.page
        self.commits = []  # where each transaction ends
        for at in range(HEADER, len(data) - frame + 1, frame):
            if data[at + 8:at + 16] != data[16:24]:
                break
            if struct.unpack(">I", data[at + 4:at + 8])[0] > 0:
                self.commits.append(at + frame)


class Images:
    def __init__(self, folder, journal, seed):
        self.folder = pathlib.Path(folder)
        self.main = journal.read_bytes()
        self.log = Log(journal.with_name(journal.name + "-wal").read_bytes())
        self.chance = random.Random(seed)
        self.bad = []
        self.count = {"before": 0, "after": 0}
        if len(self.log.commits) < TRANSACTIONS + 2:
            raise AssertionError("the log is too short to be torn")

    def judge(self, log):
        """What a journal with this log holds, as a digest; an AssertionError for a damaged one."""
        path = self.folder / "journal.db"
        path.write_bytes(self.main)
        path.with_name("journal.db-wal").write_bytes(log)
        path.with_name("journal.db-shm").unlink(missing_ok=True)
        db = sqlite3.connect(path)
        try:
            db.execute("PRAGMA synchronous = OFF")
            answer = db.execute("PRAGMA integrity_check").fetchone()[0]
            if answer != "ok":
                raise AssertionError(f"integrity_check: {answer}")
            digest = hashlib.sha256()
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"
                                       " ORDER BY name").fetchall():
                digest.update(repr(db.execute(f'SELECT * FROM "{table}"').fetchall()).encode())
            return digest.hexdigest()
        finally:
            db.close()

    def cut_off(self, n):
        """At every byte of the last frame's header, at every border, and at random bytes."""
        frame = FRAME_HEADER + self.log.page
        last = self.end - frame
        borders = [b + d for b in range(self.begin, self.end, frame) for d in (0, 1, -1)][2:]
        places = [*range(last, last + FRAME_HEADER + 1), self.end - 1, *borders][:n // 2]
        places += [self.chance.randint(self.begin, self.end) for _ in range(n - len(places))]
        return [self.log.data[:at] for at in places]

    def sectors(self, n):
        """The log's file kept its length; some sectors were not written."""
        for _ in range(n):
            missing = self.chance.choice((0.02, 0.5, 0.98))
            old = self.chance.choice((b"", self.log.data[HEADER:self.begin]))
            data = bytearray(self.log.data[:self.end])
            for at in range(self.begin - self.begin % SECTOR, self.end, SECTOR):
                first, behind = max(at, self.begin), min(at + SECTOR, self.end)
                if self.chance.random() < missing:
                    at_old = (first - HEADER) % max(1, len(old) - SECTOR)
                    stale = old[at_old:at_old + behind - first]
                    data[first:behind] = stale.ljust(behind - first, b"\0")
            yield bytes(data)

    def run(self):
        for last in range(len(self.log.commits) - TRANSACTIONS, len(self.log.commits)):
            self.begin, self.end = self.log.commits[last - 1:last + 1]
            self.before = self.judge(self.log.data[:self.begin])
            self.after = self.judge(self.log.data[:self.end])
            if self.before == self.after:
                self.bad.append("a transaction changes nothing: its images prove nothing")
            for image in (*self.cut_off(IMAGES // 2), *self.sectors(IMAGES - IMAGES // 2)):
                self.open(image)
        self.control()

    def open(self, image):
        where = f"bytes {self.begin}..{self.end} of the log"
        try:
            digest = self.judge(image)
        except (AssertionError, sqlite3.Error) as e:
            self.bad.append(f"{where}: {e}")
            return
        if digest not in (self.before, self.after):
            self.bad.append(f"{where}: neither what was before nor what was after")
        self.count["after" if digest == self.after else "before"] += 1

    def control(self):
        """One that was synced, torn: the judging sees it."""
        data = bytearray(self.log.data[:self.end])
        data[self.log.commits[-3] + FRAME_HEADER] ^= 0xFF
        if self.judge(bytes(data)) in (self.before, self.after):
            self.bad.append("a transaction torn in the middle was not noticed")

    def lines(self):
        return self.bad[:10] + [
            f"torn: images {sum(self.count.values())} whole {self.count['after']} "
            f"without_the_last {self.count['before']} bad {len(self.bad)}"]


def run(journal, seed):
    """journal: a file with its -wal beside it, as a killed daemon left them."""
    folder = tempfile.mkdtemp(prefix="dvcsync-torn-")
    try:
        images = Images(folder, pathlib.Path(journal), seed)
        images.run()
        return images
    finally:
        shutil.rmtree(folder, ignore_errors=True)
