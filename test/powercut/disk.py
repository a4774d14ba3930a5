"""The folder of a daemon whose disk is powercut.c: what a power cut leaves of it."""

import os
import pathlib

SECTOR = 512
CHUNK = 1 << 16
NEVER_SYNCED = "-shm"  # shared memory by way of a file; made anew


def differing(a, b):
    """The numbers of the sectors in which two blocks differ."""
    return [i for i in range(0, max(len(a), len(b)), SECTOR) if a[i:i + SECTOR] != b[i:i + SECTOR]]


class Disk:
    """Between two runs of the daemon, never while it runs."""

    def __init__(self, folder, shadow, forget=()):
        """forget: names that no cut leaves."""
        self.forget = forget
        self.folder = pathlib.Path(folder)
        self.shadow = pathlib.Path(shadow)
        self.shadow.mkdir()
        self.count = {"sectors": 0, "kept": 0, "sizes": 0, "entries": 0, "checkpoints": 0}

    def environment(self, library, at=0, of=None):
        """of: the file whose calls count until the cut."""
        values = {"LD_PRELOAD": library, "POWERCUT_DIR": self.folder,
                  "POWERCUT_SHADOW": self.shadow, "POWERCUT_AT": at,
                  **({"POWERCUT_OF": of} if of else {})}
        return [f"{k}={v}" for k, v in values.items()]

    def pairs(self, name):
        path = self.shadow / name
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split(" ", 1) for line in lines]

    def data(self, number):
        return self.shadow / f"data.{number}"

    def names(self):
        """What stands in the folder now, and what stood there when it was synced last."""
        numbers = {int(inode): int(number) for number, inode in self.pairs("inodes")}
        now = {e.name: numbers[e.inode()] for e in os.scandir(self.folder)
               if e.inode() in numbers and not e.name.endswith(NEVER_SYNCED)}
        return now, {name: int(number) for number, name in self.pairs("names")}

    def cut(self, chance):
        """What was synced stays; of the rest a random part. Both sides are equal afterwards."""
        now, synced = self.names()
        paths = {number: self.folder / name for name, number in now.items()}
        names = synced if chance.random() < 0.5 else now
        self.count["entries"] += now != synced
        names = {name: number for name, number in names.items() if name not in self.forget}
        share = chance.choice((0, 0.1, 0.5, 0.9, 1))
        for name, number in names.items():
            self.data(number).touch()
            if number in paths:
                torn = self.tear(self.data(number), paths[number], chance, share)
                self.count["checkpoints"] += torn > 0 and name == "journal.db"
        self.arrange(names, paths)

    def keep(self):
        """After a clean end: everything gets written in time."""
        now, _ = self.names()
        for name, number in now.items():
            self.data(number).write_bytes((self.folder / name).read_bytes())
        self.arrange(now, {number: self.folder / name for name, number in now.items()})

    def tear(self, synced, written, chance, share):
        """Makes both files the same mixture; the number of sectors that differed."""
        with open(synced, "r+b") as s, open(written, "r+b") as w:
            sizes = sorted((os.fstat(s.fileno()).st_size, os.fstat(w.fileno()).st_size))
            torn = 0
            for at in range(0, sizes[1], CHUNK):
                s.seek(at)
                w.seek(at)
                old, new = s.read(CHUNK), w.read(CHUNK)
                if old == new:
                    continue
                for i in differing(old, new):
                    torn += 1
                    survives = chance.random() < share
                    self.count["kept"] += survives
                    source, to = (new, s) if survives else (old, w)
                    sector = source[i:i + SECTOR]
                    to.seek(at + i)  # what was never there reads as zeros
                    to.write(sector.ljust(len(max(old, new, key=len)[i:i + SECTOR]), b"\0"))
            if sizes[0] != sizes[1]:
                self.count["sizes"] += 1
                size = chance.choice((*sizes, chance.randint(*sizes)))
                s.truncate(size)
                w.truncate(size)
        self.count["sectors"] += torn
        return torn

    def arrange(self, names, paths):
        """The folder holds these names and nothing else, and the shadow says the same."""
        kept = {}
        for number in set(names.values()) & set(paths):
            kept[number] = self.folder / f".{number}"
            paths[number].rename(kept[number])
        for entry in list(os.scandir(self.folder)):
            if pathlib.Path(entry.path) not in kept.values():
                os.unlink(entry.path)
        lines = {"names": [], "inodes": []}
        for name, number in names.items():
            path = self.folder / name
            if number in kept:
                kept[number].rename(path)
            else:
                path.write_bytes(self.data(number).read_bytes())
                path.chmod(0o600)
            lines["names"].append(f"{number} {name}\n")
            lines["inodes"].append(f"{number} {path.stat().st_ino}\n")
        for path in self.shadow.glob("data.*"):
            if int(path.name[5:]) not in names.values():
                path.unlink()
        for name, text in lines.items():
            (self.shadow / name).write_text("".join(text))

    def saw_everything(self, name):
        """After a clean stop, which syncs it, the file and its shadow are the same to the byte."""
        now, _ = self.names()
        return (name in now and
                (self.folder / name).read_bytes() == self.data(now[name]).read_bytes())
