"""A backup of the living journal, put back elsewhere."""

import shutil
import subprocess
import time

from harness import BUILD


def ctl(world, *arguments):
    done = subprocess.run([str(BUILD / "dvcsyncctl"), "-f", str(world.conf_path),
                           *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
    return done.stdout


def put_back(world, path):
    """The machine is gone; another has the backup alone."""
    shutil.rmtree(world.dir / "state")
    (world.dir / "state").mkdir(mode=0o700)
    shutil.copy(path, world.journal_path)
    world.start()
    world.settle()


def while_it_works(run):
    """Backups under load, each sound; put back, nothing is lost. The last, taken at rest, also
    repeats nothing; of an older one what came after it goes once more (doc/recovery.md)."""
    with run.world() as world:
        world.start_portal(latency_ms=15)
        world.start_province(60, changes=80, rate=12)
        world.write_conf()
        world.start()
        world.wait(lambda: world.portal.stats()["effects"] > 20, "work")
        paths = [world.dir / f"backup-{n}.db" for n in range(3 if run.short else 6)]
        for path in paths:
            ctl(world, "journal", "backup", path)
            ctl(world, "journal", "check", path)
            time.sleep(0.3)
        world.wait(lambda: world.province.stats()["finished"], "the changes to be made")
        world.settle()
        last = world.dir / "last.db"
        ctl(world, "journal", "backup", last)
        assert world.stop() == 0
        put_back(world, last)
        result = run.judge(world)
        assert world.stop() == 0
        put_back(world, paths[-1])
        report = world.verify()
        assert report["lost"] == 0 and report["order_violations"] == 0, report
        assert report["steps_agreed"] == report["steps"], report["first_mismatches"][:5]
        return result


def cases(run):
    return [("taken under load, put back", lambda: while_it_works(run))]
