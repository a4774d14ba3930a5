"""Memory: a process that the kernel ends for want of it while it reads a big catalogue, and one that has enough."""

import contextlib
import os
import pathlib
import subprocess
import time

import harness
from harness import BUILD, die_with_parent, wait_until

MB = 1 << 20
ENOUGH_MB = 64
CGROUPS = ((pathlib.Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
           (pathlib.Path("/sys/fs/cgroup"), "memory.max"))


@contextlib.contextmanager
def memory_of(megabytes):
    """The folder of a control group with so much memory; None where none can be made."""
    for root, limit in CGROUPS:
        folder = root / f"dvcsync-faults-{os.getpid()}-{megabytes}"
        with contextlib.suppress(OSError):
            folder.mkdir()
            try:
                (folder / limit).write_text(str(megabytes * MB))
                yield folder
                return
            finally:
                wait_until(lambda: not (folder / "cgroup.procs").read_text(), "an empty group")
                folder.rmdir()
    yield None


class Limited(harness.Process):
    """The daemon in such a group from its first instruction on."""

    def __init__(self, world, folder):
        def enter():
            die_with_parent()
            (folder / "cgroup.procs").write_text(str(os.getpid()))

        with open(world.log_path, "ab") as log:
            self.popen = subprocess.Popen([str(BUILD / "dvcsyncd"), "-f", str(world.conf_path)],
                                          stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                          preexec_fn=enter)
        self.log_path = world.log_path


def start(world, folder):
    (world.dir / "state").mkdir(exist_ok=True)
    world.daemon = Limited(world, folder)
    world.children.append(world.daemon)


def peak_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmHWM")


def catalogue(run):
    """Killed over and over while the catalogue is read and dossiers go; then with enough memory all
    of both arrives, under the limit."""
    chance = run.chance("memory")
    kills = 3 if run.short else 50
    with run.world(catalog_rows=300 if run.short else 2800) as world:
        world.start_portal()
        world.start_province(30)
        world.write_conf(catalog={})
        killed = 0
        for _ in range(kills):
            with memory_of(chance.randrange(4, 13)) as folder:
                if folder is None:
                    return without_groups(run, world)
                start(world, folder)
                end = time.monotonic() + 1.5
                while world.daemon.running() and time.monotonic() < end:
                    time.sleep(0.01)
                killed += not world.daemon.running()
                world.kill()
        assert killed > kills // 3, f"only {killed} of {kills} were killed: the case shows nothing"
        print(f"{killed} of {kills} killed by the kernel")
        with memory_of(ENOUGH_MB) as folder:
            start(world, folder)
            wait_until(world.answers, "the daemon to answer")
            world.settle()
            world.wait(lambda: world.get("/v1/catalog").json()["read"], "the catalogue", 120)
            world.settle(120)
            peak = peak_mb(world.daemon.popen.pid)
            assert peak < ENOUGH_MB, f"{peak} MB at the most"
            result = run.judge(world)
            assert world.stop() == 0
        return result


def without_groups(run, world):
    """No control groups here: killed at the same moments by us, and the peak is still looked at."""
    for _ in range(3):
        world.start()
        world.kill()
    world.start()
    world.settle(120)
    peak = peak_mb(world.daemon.popen.pid)
    assert peak < ENOUGH_MB, f"{peak} MB at the most"
    return run.judge(world)


def cases(run):
    call = lambda: catalogue(run)  # noqa: E731 (it has an attribute)
    call.deadline_s = 300
    return [("a big catalogue", call)]
