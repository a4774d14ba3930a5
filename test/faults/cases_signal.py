"""Signals: SIGTERM in every phase of the work, and a storm of SIGHUP with good and bad configurations."""

import contextlib
import os
import signal
import threading
import time

import harness
from harness import wait_until

STOP_S = 30


def requests(world):
    """How many calls of each kind the two ends have had."""
    portal = world.portal.stats()
    province = world.province.stats()
    return {"calls": portal["requests"], "logins": portal["logins"], "effects": portal["effects"],
            "look-ups": portal["calls"].get("TraCuuHoSo", 0),
            "reads": sum(province["requests"].values())}


def more(world, kind, amount):
    """A condition: so many more calls of the kind than now. A call is counted when it arrives."""
    before = requests(world)[kind]
    return lambda: requests(world)[kind] >= before + amount


class Phase:
    """One phase: the knobs that make it long, the configuration, and when it has been reached."""

    def __init__(self, kind, amount, portal=None, province=None, conf=None, doubt=False):
        self.kind, self.amount = kind, amount
        self.portal, self.province = portal or {}, province or {}
        self.conf, self.doubt = conf or {}, doubt

    def begin(self, world):
        world.start_portal(session_calls=12, **self.portal)
        world.start_province(12, **self.province)
        world.write_conf(**self.conf)

    def calm(self, world):
        world.portal.knob(latency_ms=0, hang_percent=0, fail_500_percent=0, lookup_fail_percent=0,
                          drop_after_commit_percent=0)
        world.province.knob(latency_ms=0)


BRIDGE = {"portal": {"transport": "bridge", "batch": 50, "max_in_flight": 4}}
PHASES = {
    "logging in": Phase("calls", 1, portal={"latency_ms": 150}),
    "polling": Phase("reads", 1, province={"latency_ms": 150}),
    "reading details": Phase("reads", 6, province={"latency_ms": 60}),
    "appending": Phase("reads", 12),
    "sending to a slow portal": Phase("effects", 2, portal={"latency_ms": 120}),
    "asking after a lost answer": Phase("look-ups", 1, doubt=True, portal={
        "latency_ms": 40, "drop_after_commit_percent": 100}),
    "calls that hang": Phase("calls", 3, portal={"hang_percent": 60, "hang_ms": 600000}, doubt=True,
                             conf={"top": {"shutdown_timeout": "1s"},
                                   "portal": {"request_timeout": "1s", "connect_timeout": "1s"}}),
    "backing off": Phase("calls", 6, portal={"fail_500_percent": 100}, doubt=True),
    "sending a batch": Phase("calls", 1, portal={"latency_ms": 120}, conf=BRIDGE),
    "reading the catalogue": Phase("calls", 4, portal={"latency_ms": 60}, conf={"catalog": {}}),
}


def stopped_well(world, begun):
    code = world.stop(signal.SIGTERM)
    took = time.monotonic() - begun
    assert took < STOP_S, f"the stop took {took:.0f} s"
    wal = world.dir / "state" / "journal.db-wal"
    size = wal.stat().st_size if wal.exists() else 0
    assert size == 0, f"{size} bytes are left in the WAL"
    return code


def nothing_in_flight(world):
    """What was under way is finished or in doubt, and every attempt has an end."""
    left = world.sql("SELECT count(*) FROM item WHERE state = 1")[0][0]
    open_attempts = world.sql("SELECT count(*) FROM attempt WHERE ended_ms IS NULL")[0][0]
    assert (left, open_attempts) == (0, 0), f"in flight after a clean stop: {left}, {open_attempts}"


def term(run, name, phase, times):
    chance = run.chance("term " + name)
    with run.world() as world:
        phase.begin(world)
        for _ in range(times):
            world.start()
            world.province.post("step", changes=3)
            reached = more(world, phase.kind, phase.amount)
            world.order("/v1/sources/onestop:poll", full=True)
            world.wait(reached, name, pause_s=0.005)
            time.sleep(chance.random() * 0.08)
            assert stopped_well(world, time.monotonic()) == 0, world.log_tail()
            nothing_in_flight(world)
        phase.calm(world)
        world.start()
        if world.endpoint()["paused"]:
            world.order("/v1/endpoints/portal:resume", reason="calm again")
        world.settle()
        return run.judge(world)


def term_at_start(run, times):
    """Before it hears signals the kernel ends it; from then on it stops as ever. Nothing is lost."""
    chance = run.chance("term at start")
    codes = set()
    with run.world() as world:
        world.start_portal()
        world.start_province(20)
        world.write_conf()
        begun = time.monotonic()
        world.start()
        whole = time.monotonic() - begun
        assert world.stop() == 0
        for _ in range(times):
            world.start(wait=False)
            time.sleep(chance.random() * whole)
            codes.add(world.stop(signal.SIGTERM))
        assert codes <= {0, -signal.SIGTERM}, codes
        assert 0 in codes, "every signal came too early: the case shows nothing"
        world.start()
        world.settle()
        return run.judge(world)


def term_with_clients(run):
    """A client of the portal's push waits for its answer: it gets one, and the stop is clean."""
    with run.world() as world:
        world.start_portal()
        world.start_province(4, latency_ms=300)
        world.write_conf(extra=harness.conf_section("flow intake", {
            "from": "portal", "to": "onestop", "mode": "live", "also_from": ["portal-push"]}) +
            harness.conf_section("source portal-push", {
                "profile": "intake", "listen": f"127.0.0.1:{(port := harness.free_port())}",
                "answer_timeout": "10s"}), portal={"intake_every": "200ms"})
        world.start()
        answers = []
        client = threading.Thread(target=lambda: answers.extend(world.portal.post(
            "push", url=f"http://127.0.0.1:{port}", kind="receive", count=3)["answers"]))
        client.start()
        wait_until(lambda: world.sql("SELECT count(*) FROM item i JOIN subject s ON s.id = i.subject"
                                     " JOIN flow f ON f.id = s.flow WHERE f.name = 'intake'")[0][0],
                   "a pushed dossier")
        assert stopped_well(world, time.monotonic()) == 0
        client.join(timeout=30)
        assert not client.is_alive()
        world.province.knob(latency_ms=0)
        world.start()
        codes = [a["code"] for a in answers]
        again = world.portal.post("push", url=f"http://127.0.0.1:{port}", kind="receive",
                                  codes=codes)["answers"]
        assert all(a["reply"]["error_code"] in (0, 1) for a in again), again
        assert world.province.stats()["intake"]["created"] == 3
        world.settle()
        return run.judge(world)


# ---- SIGHUP ----

CONNECTIONS_KEPT = 64  # after a reload none is trusted that was opened before; idle ones stay for a while


def descriptors(world):
    """(sockets, others)"""
    folder = f"/proc/{world.daemon.popen.pid}/fd"
    links = []
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"{folder}/{name}"))
    sockets = sum(link.startswith("socket:") for link in links)
    return sockets, len(links) - sockets


def metric(world, name):
    for line in world.get("/metrics").text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"no metric {name}")


def reload_until(world, ok):
    """The last word of a storm: one more reload, whose result must be shown."""
    def told():
        world.daemon.popen.send_signal(signal.SIGHUP)
        return metric(world, "dvcsync_reload_ok") == ok
    world.wait(told, f"dvcsync_reload_ok {ok}", pause_s=0.2)


def storm(run, seconds):
    """A reload every 50 ms while everything is in motion; every third configuration is bad."""
    with run.world() as world:
        world.start_portal(latency_ms=5)
        world.start_province(60, changes=int(seconds * 6), rate=8)
        world.write_conf()
        world.start()
        world.wait(lambda: world.portal.stats()["effects"] > 10, "work")
        before, generation = descriptors(world), world.status()["configuration"]["generation"]
        end, n = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            bad = n % 3 == 2
            world.change_conf("portal", max_in_flight=8 - n % 2, nonsense="x" if bad else None)
            world.daemon.popen.send_signal(signal.SIGHUP)
            n += 1
            time.sleep(0.05)
            assert world.daemon.running(), world.log_tail()
        world.change_conf("portal", nonsense="x")
        reload_until(world, 0)
        assert world.status()["configuration"]["reload_error"]
        world.change_conf("portal", nonsense=None, max_in_flight=8)
        reload_until(world, 1)
        taken = world.status()["configuration"]["generation"] - generation
        assert taken >= min(n // 10, 20), f"only {taken} of {n} reloads were taken"
        world.wait(lambda: world.province.stats()["finished"], "the changes to be made", 90)
        world.settle()
        sockets, others = descriptors(world)
        assert others <= before[1] + 2, f"{others} descriptors that are no sockets, {before[1]} before"
        assert sockets <= before[0] + CONNECTIONS_KEPT, f"{sockets} sockets, {before[0]} before"
        if not run.short:  # the other end closes idle ones after half a minute
            world.wait(lambda: descriptors(world)[0] <= before[0] + 4, f"{before[0]} sockets as before",
                       90)
        return run.judge(world)


def cases(run):
    times = 3 if run.short else 20
    found = [(f"term while {name}", lambda name=name, phase=phase: term(run, name, phase, times))
             for name, phase in PHASES.items()]
    found += [("term while starting", lambda: term_at_start(run, 2 * times)),
              ("term while the portal waits", lambda: term_with_clients(run)),
              ("hup storm", lambda: storm(run, 5 if run.short else 60))]
    for _, call in found:
        call.deadline_s = 300
    return found
