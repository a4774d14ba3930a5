"""The watchdog's side of the daemon, against a socket that plays systemd: when it is fed, and when not."""

import contextlib
import os
import signal
import socket
import time

from cases_disk import whim, whims
from harness import wait_until

WATCHDOG_S = 2


class Manager:
    """What systemd would hear."""

    def __init__(self, world):
        self.path = world.dir / "notify.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)
        self.heard = []

    def environment(self):
        return {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(WATCHDOG_S * 1000000)}

    def listen(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                for line in self.socket.recv(4096).decode().splitlines():
                    self.heard.append((time.monotonic(), line))

    def fed_within(self, seconds):
        """How often the watchdog is fed from now on."""
        self.listen()
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            self.listen()
            time.sleep(0.02)
        return sum(at >= begun and line == "WATCHDOG=1" for at, line in self.heard)

    def lines(self):
        self.listen()
        return [line for _, line in self.heard]


@contextlib.contextmanager
def watched(run, disk=False):
    with run.world() as world:
        manager = Manager(world)
        world.start_portal()
        world.start_province(20)
        world.write_conf()
        env = {**manager.environment(), **(whims(run, world) if disk else {})}
        run.start(world, env=env)
        wait_until(lambda: "READY=1" in manager.lines(), "READY=1")
        yield world, manager


def told_in_order(run):
    """READY only when the sockets answer; STATUS in words; STOPPING before the end."""
    with watched(run) as (world, manager):
        world.settle()
        assert manager.fed_within(2 * WATCHDOG_S) >= 2
        assert any(line.startswith("STATUS=ok: ") for line in manager.lines()), manager.lines()
        world.daemon.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: "RELOADING=1" in manager.lines() and
                   manager.lines()[::-1].index("READY=1") <
                   manager.lines()[::-1].index("RELOADING=1"), "READY=1 after RELOADING=1")
        assert world.stop() == 0
        assert "STOPPING=1" in manager.lines()
        return run.judge(world)


def loop_blocked(run):
    """A process that stands still feeds nothing: the manager would end it. Then it is started again."""
    with watched(run) as (world, manager):
        world.wait(lambda: world.portal.stats()["effects"] > 5, "work")
        world.daemon.popen.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        assert manager.fed_within(2 * WATCHDOG_S) == 0
        world.kill()  # what the manager does
        run.start(world, env=manager.environment())
        world.settle()
        assert manager.fed_within(2 * WATCHDOG_S) >= 2
        return run.judge(world)


def paused_for_a_while(run):
    """One that stood still and goes on is fed again and has lost nothing."""
    with watched(run) as (world, manager):
        world.wait(lambda: world.portal.stats()["effects"] > 5, "work")
        world.daemon.popen.send_signal(signal.SIGSTOP)
        time.sleep(2 * WATCHDOG_S)
        world.daemon.popen.send_signal(signal.SIGCONT)
        assert manager.fed_within(2 * WATCHDOG_S) >= 1
        world.settle()
        return run.judge(world)


def worker_blocked(run):
    """The loop turns but the disk does not answer: after a minute the watchdog is fed no longer."""
    with watched(run, disk=True) as (world, manager):
        world.settle()
        whim(world, "stall")
        world.province.post("step", changes=5)
        begun = time.monotonic()
        assert manager.fed_within(2 * WATCHDOG_S) >= 1  # a slow disk is no reason yet
        # Somebody must read what it tells meanwhile: the socket's queue is short.
        wait_until(lambda: manager.lines() and "watchdog is not fed" in world.log_path.read_text(),
                   "the watchdog to starve", deadline_s=90)
        assert time.monotonic() - begun > 50
        manager.listen()
        assert manager.fed_within(2 * WATCHDOG_S) == 0
        assert world.answers()
        os.kill(world.daemon.popen.pid, signal.SIGKILL)
        world.daemon.popen.wait()
        whim(world, "")
        run.start(world, env=manager.environment())
        world.settle()
        return run.judge(world)


def cases(run):
    found = [("told in order", lambda: told_in_order(run)),
             ("the loop is blocked", lambda: loop_blocked(run)),
             ("stopped for a while", lambda: paused_for_a_while(run))]
    if not run.short:
        found.append(("the worker is blocked", lambda: worker_blocked(run)))
    return found
