"""The wall clock jumps a day forward or back in the middle of work; the monotonic clock does not."""

import glob
import os
import time

from cases_disk import cpu_ticks

DAY_S = 86400


def faked(world):
    """The environment in which the wall clock is what a file says."""
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    assert libraries, "libfaketime is not installed (package faketime)"
    set_clock(world, 0)
    return {"LD_PRELOAD": libraries[0], "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1",
            "FAKETIME_TIMESTAMP_FILE": str(world.dir / "clock"), "FAKETIME_DONT_RESET": "1"}


def set_clock(world, offset_s):
    path = world.dir / "clock.new"
    path.write_text(f"{offset_s:+d}s\n")
    path.rename(world.dir / "clock")


def wall(world):
    """What the daemon takes for the time."""
    return world.status()["at"]


def jump(run, offset_s):
    """In the middle of back-offs and of a sync. Nothing waits for a day, nothing goes twice."""
    with run.world() as world:
        world.start_portal(latency_ms=20, drop_after_commit_percent=10)
        world.start_province(40)
        world.write_conf(retry={"cap": "2s"})
        run.start(world, env=faked(world))
        world.wait(lambda: world.portal.stats()["effects"] > 15, "work")
        world.portal.knob(fail_500_percent=100)
        world.province.post("step", changes=10)
        world.order("/v1/sources/onestop:poll", full=True)
        world.wait(lambda: any(outcome in ("unsure", "backoff", "transient")
                               for _, outcome, _, _ in world.attempts()[-5:]), "back-offs")
        before = wall(world)
        set_clock(world, offset_s)
        world.wait(lambda: wall(world)[:10] != before[:10], "the daemon to see the jump")
        rested(world)
        world.portal.knob(fail_500_percent=0, drop_after_commit_percent=0)
        world.province.post("step", changes=5)
        world.settle()  # within its own deadline: nobody waits for tomorrow
        repeats = world.verify()["steps_repeated"]
        set_clock(world, 0)  # and back
        world.wait(lambda: wall(world)[:10] == before[:10], "the clock to be right again")
        world.province.post("step", changes=5)
        world.settle()
        assert world.verify()["steps_repeated"] == repeats
        assert world.stop() == 0
        run.start(world, env=faked(world))
        world.settle()
        return run.judge(world)


def rested(world):
    """Whatever the clock says, it does not spin."""
    pid = world.daemon.popen.pid
    begun, before = time.monotonic(), cpu_ticks(pid)
    time.sleep(3)
    percent = 100 * (cpu_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - begun)
    assert percent < 60, f"{percent:.0f} % of a processor after a jump of the clock"


def cases(run):
    return [("a day forward", lambda: jump(run, DAY_S)), ("a day back", lambda: jump(run, -DAY_S))]
