"""One daemon per journal: what others see who are started on the same one."""

import hashlib
import os
import re
import signal
import subprocess
import threading
import time

from harness import BUILD, LIBC, wait_until

STARTS = 100
AT_ONCE = 4


def begin(world, dossiers=8):
    world.start_portal()
    world.start_province(dossiers)
    world.write_conf()


def child_of_us():
    LIBC.prctl(1, signal.SIGKILL)


def start_one(world):
    """Another daemon on the same configuration, not waited for."""
    return subprocess.Popen([str(BUILD / "dvcsyncd"), "-f", str(world.conf_path)], text=True,
                            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=child_of_us)


def digest(world):
    """Of all that stands in the folder, the lock file and its word included."""
    found = hashlib.sha256()
    for path in sorted((world.dir / "state").iterdir()):
        if not path.name.endswith("-shm"):  # readers' marks
            found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def refused(world, pid, times, count):
    for _ in range(count):
        begun = time.monotonic()
        other = start_one(world)
        _, text = other.communicate(timeout=20)
        times.append(time.monotonic() - begun)
        assert other.returncode == 75, f"exit {other.returncode}: {text}"
        assert f"process {pid};" in text, f"the holder {pid} is not named: {text}"


def beside_one(run):
    """A hundred starts beside a daemon: each ends with 75, names it, and touches nothing."""
    with run.world() as world:
        begin(world)
        world.start()
        world.settle()
        world.change_conf("source onestop", poll_every="1h", sweep_every="1h", slow_sweep_every="1h")
        world.stop()
        world.start()
        world.sweep()
        world.wait(world.idle, "idle")
        wal = world.dir / "state" / "journal.db-wal"
        wait_until(lambda: not changes_within(wal, 1.5), "the journal to rest")
        before, times, troubles = digest(world), [], []

        def some():
            try:
                refused(world, world.daemon.popen.pid, times, STARTS // AT_ONCE)
            except AssertionError as trouble:
                troubles.append(str(trouble))

        threads = [threading.Thread(target=some) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not troubles, troubles[0]
        assert digest(world) == before, "something of the journal was touched"
        median = sorted(times)[len(times) // 2]
        assert len(times) == STARTS and median < 1, f"{len(times)} starts, median {median:.2f} s"
        world.province.post("step", changes=3)
        world.settle()
        return run.judge(world)


def changes_within(path, seconds):
    before = path.stat().st_mtime_ns if path.exists() else 0
    time.sleep(seconds)
    return (path.stat().st_mtime_ns if path.exists() else 0) != before


def all_at_once(run):
    """Many starts and nobody there: one of them has it, the others end with 75 and name that one."""
    with run.world() as world:
        begin(world)
        (world.dir / "state").mkdir()
        others = [start_one(world) for _ in range(24)]
        try:
            wait_until(lambda: sum(o.poll() is None for o in others) == 1, "all but one to end")
            winner = next(o for o in others if o.poll() is None)
            named = set()
            for other in others:
                if other is not winner:
                    text = other.stderr.read()
                    assert other.returncode == 75, f"exit {other.returncode}: {text}"
                    named |= set(re.findall(r"process (\d+);", text))
            # Between taking the lock and writing the pid it is unknown, never wrong.
            assert named <= {str(winner.pid)}, (named, winner.pid)
            wait_until(world.answers, "the one to answer")
            world.settle()
            winner.send_signal(signal.SIGTERM)
            assert winner.wait(timeout=30) == 0
            return run.judge(world)
        finally:
            for other in others:
                if other.poll() is None:
                    other.kill()
                other.wait()
                other.stderr.close()


def stale(run):
    """A lock file that a dead process left, with whatever in it, is no lock."""
    with run.world() as world:
        begin(world)
        (world.dir / "state").mkdir()
        lock = world.dir / "state" / "journal.db.lock"
        for text in ("", "1\n", f"{os.getpid()}\n", "no number", "9" * 4000):
            lock.write_text(text)
            world.start()
            assert lock.read_text().split()[0] == str(world.daemon.popen.pid)
            world.kill()
        world.start()
        world.settle()
        return run.judge(world)


def cases(run):
    return [("a hundred beside one", lambda: beside_one(run)),
            ("many at once", lambda: all_at_once(run)), ("stale lock file", lambda: stale(run))]
