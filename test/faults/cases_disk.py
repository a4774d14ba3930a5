"""The disk: full and freed, out of files, over its quota, read-only, and one that does not answer."""

import os
import resource
import signal
import subprocess
import time

import harness
from harness import BUILD
from small_disk import SmallDisk

MB = 1 << 20
FREED_S = 60
CPU_PERCENT = 3  # of one processor, while nothing can be done
CPU_SECONDS = 3


def begin(world, low_water="0", dossiers=60, **knobs):
    """Both ends and a configuration; the portal is slow enough for work to be under way."""
    world.start_portal(latency_ms=20, **knobs)
    world.start_province(dossiers)
    world.write_conf()
    world.change_conf("journal", low_water=low_water)


def under_way(world, effects=20):
    world.wait(lambda: world.portal.stats()["effects"] >= effects, "work under way")


def degraded(world, words):
    """The state is not ok, and a reason says why in these words."""
    def reasons():
        status = world.status()
        return status["verdict"] != "ok" and any("journal" in r and words in r
                                                 for r in status["reasons"])
    world.wait(reasons, f"a reason with '{words}'")
    assert "dvcsync_journal_ok 0" in world.get("/metrics").text
    assert world.get("/v1/health/ready").status == 503


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def rests(world):
    """Nothing is taken and nothing sent meanwhile, at no cost; it hears its sockets."""
    world.province.post("step", changes=5)
    world.wait(lambda: world.endpoint()["in_flight"] == 0, "the calls under way to end")
    time.sleep(1.5)  # what was read before is behind it
    effects = world.portal.stats()["effects"]
    before, begun = cpu_ticks(world.daemon.popen.pid), time.monotonic()
    time.sleep(CPU_SECONDS)
    spent = (cpu_ticks(world.daemon.popen.pid) - before) / os.sysconf("SC_CLK_TCK")
    percent = 100 * spent / (time.monotonic() - begun)
    assert percent < CPU_PERCENT, f"{percent:.1f} % of a processor while nothing can be done"
    assert world.portal.stats()["effects"] == effects, "it sent what it could not record"
    assert world.answers()


def resumes(run, world):
    """By itself, within a minute, and all of it arrives."""
    world.wait(lambda: world.status()["ready"], "to resume by itself", deadline_s=FREED_S)
    world.settle()
    assert "dvcsync_journal_ok 1" in world.get("/metrics").text
    return run.judge(world)


def ends(world, expected, *words):
    """The daemon does not start: this code, these words."""
    done = subprocess.run([str(BUILD / "dvcsyncd"), "-f", str(world.conf_path)], timeout=30,
                          capture_output=True, text=True)
    assert done.returncode == expected, f"{done.returncode} instead of {expected}: {done.stderr}"
    for word in words:
        assert word in done.stderr, f"'{word}' is not in: {done.stderr}"


def full_and_freed(run):
    with run.world() as world:
        begin(world)
        with SmallDisk(world.dir / "state", 24 * MB) as disk:
            world.start()
            under_way(world)
            disk.fill()
            degraded(world, "full")
            rests(world)
            disk.clear()
            return resumes(run, world)


def hold_one(world):
    """An item that waits for a person, held while no call can take it."""
    world.portal.knob(latency_ms=0)
    world.settle()
    world.portal.stop()
    world.order("/v1/endpoints/portal:pause", reason="a person looks")
    world.province.post("step", changes=6)
    world.order("/v1/sources/onestop:poll", full=True)
    item = world.wait(lambda: world.queue(flow="dossiers", state="PENDING"), "something waiting")[0]
    world.order(f"/v1/records/{item['id']}:hold")
    world.order("/v1/endpoints/portal:resume", reason="looked")
    return item["id"]


def drop(world, item):
    world.order(f"/v1/records/{item}:drop", reason="a test of a full disk")
    state, = world.sql("SELECT state FROM item WHERE id = ?", item)[0]
    assert state == 7, f"the dropped item is in state {state}"


def nearly_full(run):
    """Somebody else fills the disk: the journal stops at its mark, where there is room to drop."""
    with run.world() as world:
        begin(world, low_water="4MB", dossiers=30)
        with SmallDisk(world.dir / "state", 24 * MB) as disk:
            world.start()
            item = hold_one(world)
            disk.fill(leave=2 * MB)
            degraded(world, "disk nearly full")
            drop(world, item)
            disk.clear()
            world.order(f"/v1/records/{item}:resolve-resend", reason="room again")
            world.start_portal()
            return resumes(run, world)


def ballast(run):
    """The disk has not one byte left: the ballast is given up, so that a person can still act."""
    with run.world() as world:
        begin(world, low_water="4MB", dossiers=30)
        with SmallDisk(world.dir / "state", 24 * MB) as disk:
            kept = world.dir / "state" / "journal.db.ballast"
            world.start()
            item = hold_one(world)
            assert kept.stat().st_blocks * 512 >= MB // 2
            disk.fill()
            degraded(world, "disk nearly full")
            # The WAL has room of its own to go over again; somebody takes the last of it.
            for _ in range(300):
                if not kept.exists():
                    break
                disk.fill(leave=0)
                world.post("/v1/endpoints/portal:pause", reason="x" * 200)
                world.post("/v1/endpoints/portal:resume", reason="x" * 200)
            assert not kept.exists(), "the ballast was not given up"
            drop(world, item)
            disk.clear()
            world.order(f"/v1/records/{item}:resolve-resend", reason="room again")
            world.start_portal()
            if world.endpoint()["paused"]:
                world.order("/v1/endpoints/portal:resume", reason="room again")
            result = resumes(run, world)
            world.wait(kept.exists, "new ballast")
            return result


def out_of_files(run):
    """Running, it needs no new file; it does not start without one, says so, and starts later."""
    with run.world() as world:
        begin(world, dossiers=30)
        with SmallDisk(world.dir / "state", 24 * MB, inodes=40) as disk:
            world.start()
            under_way(world)
            disk.fill_files()
            world.settle()
            world.kill()  # the WAL is there and must be read
            (world.dir / "state" / "journal.db-shm").unlink(missing_ok=True)
            disk.fill_files()
            ends(world, 1, "journal")
            disk.clear()
            world.start()
            world.province.post("step", changes=5)
            return resumes(run, world)


def over_quota(run):
    """A file may not grow: EFBIG with its signal, the same as a full disk."""
    with run.world() as world:
        begin(world)
        world.start()
        under_way(world)
        pid = world.daemon.popen.pid
        size = (world.dir / "state" / "journal.db-wal").stat().st_size
        whole = resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        degraded(world, "journal")
        rests(world)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, whole)
        return resumes(run, world)


def whim(world, text):
    path = world.dir / "whim.new"
    path.write_text(text)
    path.rename(world.dir / "whim")


def whims(run, world):
    """The environment of a disk with whims."""
    whim(world, "")
    return {"LD_PRELOAD": str(run.build / "faults" / "disk.so"), "DISK_WHIM": str(world.dir / "whim"),
            "DISK_UNDER": str(world.dir / "state")}


def refuses(run, name):
    with run.world() as world:
        begin(world)
        run.start(world, env=whims(run, world))
        under_way(world)
        whim(world, name)
        degraded(world, "journal")
        rests(world)
        whim(world, "")
        return resumes(run, world)


def read_only_at_start(run):
    """A person must act: 77 with words, and nothing was touched."""
    with run.world() as world:
        begin(world, dossiers=20)
        with SmallDisk(world.dir / "state", 24 * MB) as disk:
            world.start()
            world.settle()
            assert world.stop() == 0
            before = world.journal_path.read_bytes()
            disk.read_only(True)
            ends(world, 77, "Read-only", "must be writable")
            disk.read_only(False)
            assert world.journal_path.read_bytes() == before
            world.start()
            return resumes(run, world)


def no_folder(run):
    with run.world() as world:
        begin(world, dossiers=5)
        ends(world, 78, "No such file", "state_dir")
        (world.dir / "state").write_text("a file\n")
        ends(world, 78, "Not a directory", "state_dir")
        (world.dir / "state").unlink()
        world.start()
        world.settle()
        return run.judge(world)


def stuck(run):
    """Who pushes is told to come again in time; the sockets answer; the worker's age is shown."""
    with run.world() as world:
        begin(world, dossiers=10)
        url = f"http://127.0.0.1:{harness.free_port()}"
        world.conf_extra = harness.conf_section("flow intake", {
            "from": "portal", "to": "onestop", "mode": "live", "also_from": ["portal-push"]})
        world.conf_extra += harness.conf_section("source portal-push", {
            "profile": "intake", "listen": url[7:], "answer_timeout": "2s"})
        world.change_conf("portal", intake_every="200ms")
        run.start(world, env=whims(run, world))
        world.settle()
        whim(world, "stall")
        begun = time.monotonic()
        answer = world.portal.post("push", url=url, kind="receive", count=1)["answers"][0]
        took = time.monotonic() - begun
        assert answer["status"] == 503, answer
        assert took < 15, f"told after {took:.1f} s"
        assert world.answers()
        world.wait(lambda: worker_age(world) > 1, "the age of the worker's batch")
        whim(world, "")
        codes = [answer["code"]]
        again = world.portal.post("push", url=url, kind="receive", codes=codes)["answers"][0]
        assert again["reply"]["error_code"] in (0, 1), again
        assert world.province.stats()["intake"]["created"] == 1
        world.settle()
        return run.judge(world)


def worker_age(world):
    for line in world.get("/metrics").text.splitlines():
        if line.startswith("dvcsync_journal_worker_age_seconds "):
            return float(line.split()[1])
    raise AssertionError("the metric is missing")


def stop_on_a_full_disk(run):
    """SIGTERM does not wait for room."""
    with run.world() as world:
        begin(world)
        with SmallDisk(world.dir / "state", 24 * MB) as disk:
            world.start()
            under_way(world)
            disk.fill()
            degraded(world, "full")
            begun = time.monotonic()
            code = world.stop(signal.SIGTERM)
            assert code == 0 and time.monotonic() - begun < 30, f"exit {code}"
            disk.clear()
            world.start()
            world.settle()
            return run.judge(world)


def cases(run):
    found = [("full and freed", full_and_freed), ("nearly full, room to drop", nearly_full),
             ("full to the last byte, ballast", ballast), ("out of files", out_of_files),
             ("a file may not grow", over_quota), ("read-only at start", read_only_at_start),
             ("no folder", no_folder), ("stuck while the portal pushes", stuck),
             ("stop on a full disk", stop_on_a_full_disk)]
    named = [(name, lambda call=call: call(run)) for name, call in found]
    named.append(("read-only while running", lambda: refuses(run, "EROFS")))
    if not run.short:
        named += [("a quota reached", lambda: refuses(run, "EDQUOT")),
                  ("input/output errors", lambda: refuses(run, "EIO"))]
    return named
