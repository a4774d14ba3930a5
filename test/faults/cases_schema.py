"""The journal's schema: an older file is brought up, whatever kills it half-way; a newer one is left alone."""

import hashlib
import shutil

import older
from cases_disk import ends, whims
from harness import wait_until

KILLS_MAX = 200


def with_work_waiting(world):
    """A journal, closed, with dossiers delivered and others waiting; the province goes on alone."""
    world.start_portal()
    world.start_province(15)
    world.write_conf()
    world.start()
    world.settle()
    world.portal.stop()
    world.province.post("step", changes=8)
    world.order("/v1/sources/onestop:poll", full=True)
    world.wait(lambda: world.queue(state="PENDING"), "something waiting")
    assert world.stop() == 0


def up(run):
    """From version 1, killed before each write, sync and cut of the start; then to the end."""
    with run.world() as world:
        with_work_waiting(world)
        newest = older.make(world.journal_path, 1)
        kept = world.dir / "older"
        shutil.copytree(world.dir / "state", kept)
        step, killed, half = (7 if run.short else 1), 0, 0
        for n in range(1, KILLS_MAX, step):
            shutil.rmtree(world.dir / "state")
            shutil.copytree(kept, world.dir / "state")
            run.start(world, env={**whims(run, world), "DISK_KILL_AT": str(n)}, wait=False)
            world_ended_or_answers(world)
            if world.daemon.running():
                break
            assert world.daemon.popen.returncode == -9, world.log_tail()
            killed += 1
            found = older.version(world.journal_path)
            assert 1 <= found <= newest, f"version {found} after a kill"
            half += found < newest
            if n % 5 == 1:
                world.start()
                assert world.stop() == 0
                assert older.version(world.journal_path) == newest
        assert killed > (2 if run.short else 10) and half > 0, (killed, half)
        print(f"killed {killed} times, {half} of them before the new version stood")
        world.kill()  # its turn to be killed would come later
        world.start_portal()  # not before: the files were put back again and again
        world.start()
        world.settle()
        return run.judge(world)


def world_ended_or_answers(world):
    wait_until(lambda: not world.daemon.running() or world.answers(), "an end, or answers",
               pause_s=0.005)


def down(run):
    """Made by a newer version: refused with 78 and words; every file is as it was."""
    with run.world() as world:
        with_work_waiting(world)
        newest = older.version(world.journal_path)
        for higher in (newest + 1, newest + 100):
            older.change(world.journal_path, f"PRAGMA user_version = {higher}")
            before = digest(world)
            ends(world, 78, "newer", "recovery.md")
            assert digest(world) == before, "a newer journal was touched"
        older.change(world.journal_path, f"PRAGMA user_version = {newest}")
        world.start_portal()
        world.start()
        world.settle()
        return run.judge(world)


def digest(world):
    found = hashlib.sha256()
    for path in sorted((world.dir / "state").glob("journal.db*")):
        if path.suffix != ".lock" and not path.name.endswith("-shm") and path.stat().st_size > 0:
            found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def cases(run):
    return [("up, killed at each write", lambda: up(run)), ("down is refused", lambda: down(run))]
