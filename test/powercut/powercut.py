#!/usr/bin/env python3
"""make powercut: the daemon on a disk on which only what was synced survives, cut off again and again.

powercut.c is that disk, disk.py what a cut leaves on it. Three worlds take turns: one is polled; in
one the source is told "taken" and never says it again; in one the source's queue forgets what was
acknowledged. What a source was told and the portal never got is lost, and polling can't hide it. The
sandboxes are other machines: they keep their state.

The control is the same with PRAGMA synchronous = NORMAL and must lose. torn.py cuts the last
transaction of a journal's log at every byte.

  CUTS=n SEED=n JOBS=n powercut.py
  powercut.py world KIND SEED CUTS BINARY       one world; prints its report as JSON
  powercut.py torn SEED                         the torn images only
"""

import concurrent.futures
import datetime
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import torn  # noqa: E402
from disk import Disk  # noqa: E402
from harness import (AGENCIES, BUILD, PROVINCE_PASSWORD, ROOT, Process, Sandbox, World,  # noqa: E402
                     free_port, wait_until)

CUTS = int(os.environ.get("CUTS", "1000"))
SEED = int(os.environ.get("SEED", "20261122"))
JOBS = int(os.environ.get("JOBS", "2"))
CUTS_PER_WORLD = 60
CONTROL_SHARE = 20   # one of so many cuts, at least
CONTROL_LEAST = 8
DOSSIERS = 60
TORN_DOSSIERS = 6
OPERATIONS = 2500    # of the disk, at most, until a cut
PAGES = 400          # of the journal's file, at most, that a checkpoint writes before a cut
RUN_S = 1.0          # a run lasts no longer
STOP_S = 1.0         # nor a stop
FEED_EVERY_S = 0.05
SETTLE_S = 90
WORLD_S = 600
CONTROL = "dvcsyncd-normal"
KINDS = ("pushed", "acknowledged", "polled")
PRODUCTS = {"pushed": "bridge-array", "acknowledged": "ngsp-justice"}


class Feeder(threading.Thread):
    """Changes in the province, all the time."""

    def __init__(self, province, seed):
        super().__init__(daemon=True)
        self.province = province
        self.chance = random.Random(seed)
        self.ended = threading.Event()
        self.trouble = None

    def run(self):
        try:
            while not self.ended.wait(FEED_EVERY_S):
                self.province.post("step", changes=self.chance.randrange(1, 5))
        except (OSError, AssertionError) as e:
            self.trouble = e

    def end(self):
        self.ended.set()
        self.join(30)
        if self.trouble is not None:
            raise AssertionError(f"the province: {self.trouble}")


class PowerWorld(World):
    """A world whose daemon runs on the model disk."""

    def __init__(self, kind, seed, binary):
        super().__init__()
        self.kind = kind
        self.seed = seed
        self.binary = binary
        self.chance = random.Random(seed)
        (self.dir / "state").mkdir()
        # The lock file tells of commits, unsynced: where it survives, the control's daemon refuses to
        # start on a journal that has lost some. The control is to show the loss.
        forget = ("journal.db.lock",) if binary == CONTROL else ()
        self.disk = Disk(self.dir / "state", self.dir / "disk", forget)

    # ---- the two ends ----

    def begin(self):
        """Answers get lost and come late: much is in doubt, and the gateway answers before it knows."""
        knobs = {"required_fields": "none"} if self.kind == "acknowledged" else {}
        self.start_portal(seed=self.seed, latency_ms=2, latency_jitter_ms=60,
                          drop_after_commit_percent=2, **knobs)
        if self.kind == "polled":
            self.start_province(DOSSIERS, seed=self.seed)
        else:
            self.province = Sandbox(
                self, "province", "--catalog", self.catalog_path, "--agencies", AGENCIES,
                "--dossiers", DOSSIERS, "--seed", self.seed, "--product", PRODUCTS[self.kind],
                "--knob", "username=demo", "--knob", f"password={PROVINCE_PASSWORD}", "--knob",
                "planted=0")
            self.children.append(self.province)
        getattr(self, "conf_" + self.kind)()

    # ---- what is asked of the daemon ----

    def conf_polled(self):
        self.write_conf(catalog={})

    def conf_product(self, **source):
        self.write_conf()
        start = datetime.date.today() - datetime.timedelta(days=32)
        self.settings["source onestop"] = source
        self.settings["flow dossiers"]["start_from"] = start.isoformat()
        self.save_conf()

    def conf_pushed(self):
        port = free_port()
        self.conf_product(profile="gateway", listen=f"127.0.0.1:{port}", answer_timeout="30ms",
                          national_status=True)
        self.province.knob(push_url=f"http://127.0.0.1:{port}/api/SynsTTHCC")

    def conf_acknowledged(self):
        presets = ROOT / "conf" / "presets"
        self.conf_product(
            profile="mapped", preset=presets / "ngsp-justice.preset",
            url=f"{self.province.url}/ngsp-justice", username="demo",
            password_file=self.dir / "province.password", allow_plaintext=True, page_size=200,
            max_in_flight=8, poll_every="200ms", sweep_every="2s", slow_sweep_every="4s",
            test_agencies=["H56.99"], status_map=presets / "ngsp-status.csv")

    # ---- the cuts ----

    def start(self, binary=None, wait=True, **cut):
        self.daemon = Process(["env", *self.disk.environment(BUILD / "powercut.so", **cut),
                               BUILD / (binary or self.binary), "-f", self.conf_path],
                              self.log_path)
        self.children.append(self.daemon)
        if wait:
            wait_until(lambda: self.answers() or not self.daemon.running(), "the daemon to answer")
            if not self.daemon.running():
                raise self.ended()

    def ended(self):
        return AssertionError(f"the daemon ended with {self.daemon.popen.returncode}: "
                              f"{self.log_tail()}")

    def number(self, most):
        """Small ones as likely as big ones."""
        return round(math.exp(self.chance.uniform(0, math.log(most))))

    def runs(self, seconds):
        """Whether the daemon still runs after so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.daemon.running():
            time.sleep(0.005)
        return self.daemon.running()

    def cut(self):
        """At a random moment, at a random operation of the disk, or in the checkpoint of a stop."""
        how = self.chance.choices(("moment", "operation", "checkpoint"), (3, 5, 2))[0]
        moment_s = self.chance.uniform(0, RUN_S / 2)
        fine = (-9,)
        if how == "operation":
            self.start(wait=False, at=self.number(OPERATIONS))
            moment_s = RUN_S
        elif how == "checkpoint":
            self.start(wait=False, at=self.number(PAGES), of="journal.db")
            fine = (-9, 0, -15)  # before the count was reached; before it heard of signals
        else:
            self.start(wait=False)
        if self.runs(moment_s) and how == "checkpoint":
            self.daemon.popen.terminate()
            self.runs(STOP_S)
        if self.daemon.running():
            self.kill()
        elif self.daemon.popen.returncode not in fine:
            raise self.ended()
        self.children.remove(self.daemon)
        self.disk.cut(self.chance)

    def delivered(self):
        """The source has nothing left to say, and nothing is left to do."""
        product = PRODUCTS.get(self.kind)
        if product is None:
            return self.settle(SETTLE_S)
        requests = []

        def quiet():
            if self.province.stats()["products"][product]["behind"] > 0 or not self.idle():
                requests.clear()
                return False
            requests.append(self.portal.stats()["requests"])
            return len(requests) > 5 and len(set(requests[-5:])) == 1
        return self.wait(quiet, "everything to be delivered", SETTLE_S, pause_s=0.1)

    def live(self, cuts):
        self.begin()
        feeder = Feeder(self.province, self.seed)
        feeder.start()
        for _ in range(cuts):
            self.cut()
        feeder.end()
        self.start()
        self.delivered()
        if self.stop() != 0:
            raise AssertionError(f"the daemon stopped with {self.daemon.popen.returncode}")
        report = self.verify()
        report["saw_everything"] = self.disk.saw_everything("journal.db")
        report["disk"] = self.disk.count
        return report

    def verify(self):
        product = PRODUCTS.get(self.kind)
        done = subprocess.run(
            [BUILD / "dvcsync-sandbox", "verify", "--ledger", self.ledger_path, "--province",
             self.province.url, "--portal", self.portal.url, "--journal", self.journal_path,
             "--json", *(["--product", product] if product else [])],
            capture_output=True, text=True, timeout=120)
        if not done.stdout:
            raise AssertionError(f"verify: {done.returncode} {done.stderr}")
        return json.loads(done.stdout.splitlines()[0]) | {"exit": done.returncode}


def torn_images(seed):
    """Of a small journal that was killed in the middle of its work."""
    world = PowerWorld("polled", seed, "dvcsyncd")
    try:
        world.start_portal(latency_ms=5)
        world.start_province(TORN_DOSSIERS, seed=seed)
        world.write_conf()
        World.start(world)
        world.wait(lambda: world.portal.stats()["effects"] > TORN_DOSSIERS, "work")
        world.kill()
        return torn.run(world.journal_path, seed)
    finally:
        world.close()


def live(kind, seed, cuts, binary):
    world = PowerWorld(kind, seed, binary)
    try:
        return world.live(cuts)
    finally:
        world.close()


# ---- the run ----

def plan(cuts):
    """Worlds as (kind, seed, cuts, binary): the promise in all kinds in turn, and the control."""
    worlds, left = [], cuts
    each = min(CUTS_PER_WORLD, math.ceil(cuts / len(KINDS)))
    while left > 0:
        n = len(worlds)
        worlds.append((KINDS[n % len(KINDS)], SEED + n, min(each, left), "dvcsyncd"))
        left -= worlds[-1][2]
    control = max(CONTROL_LEAST, cuts // CONTROL_SHARE)
    return worlds, [("pushed", SEED + 1000, control, CONTROL)]


def in_process(*arguments):
    """The report of main(arguments) in a process of its own: its children die with it."""
    try:
        done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True,
                              timeout=WORLD_S)
    except subprocess.TimeoutExpired:
        return {"trouble": [f"{arguments}: not done within {WORLD_S} s"]}
    if done.returncode != 0:
        return {"trouble": done.stderr.strip().splitlines()[-20:]}
    return json.loads(done.stdout.splitlines()[-1])


def run_world(kind, seed, cuts, binary):
    return in_process("world", kind, str(seed), str(cuts), binary)


def faults(report):
    """Why a world of the promise fails; empty when it holds."""
    if "trouble" in report:
        return report["trouble"]
    found = [f"{name} {report[name]}" for name in ("lost", "duplicated", "order_violations")
             if report[name] > 0]
    if report["exit"] != 0:
        found += [f"{m['code']}: {m['what']}" for m in report["first_mismatches"][:5]]
    if not report["saw_everything"]:
        found.append("the model did not see every write: its result means nothing")
    return found


def say(spec, report):
    kind, seed, cuts, binary = spec
    numbers = {k: report.get(k) for k in ("dossiers", "steps", "repeats", "lost", "duplicated")}
    disk = report.get("disk", {})
    print(f"{binary} {kind} seed {seed}: cuts {cuts} " +
          " ".join(f"{k} {v}" for k, v in numbers.items()) +
          f"; not synced: sectors {disk.get('sectors')} kept {disk.get('kept')}"
          f" sizes {disk.get('sizes')} entries {disk.get('entries')}"
          f" in a checkpoint {disk.get('checkpoints')}", flush=True)


def run():
    started = time.monotonic()
    worlds, control = plan(CUTS)
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        # the control first: without it nothing else says anything
        futures = [(spec, pool.submit(run_world, *spec)) for spec in control + worlds]
        torn_run = pool.submit(in_process, "torn", str(SEED))
        reports = []
        for spec, future in futures:
            reports.append((spec, future.result()))
            say(*reports[-1])
        images = torn_run.result()
    failed = "trouble" in images or images["bad"] > 0
    for spec, report in reports[len(control):]:
        for fault in faults(report):
            failed = True
            print(f"FAILED {spec[0]} seed {spec[1]}: {fault}", file=sys.stderr)
    controls = [report for _, report in reports[:len(control)]]
    for report in controls:
        print("\n".join(report.get("trouble", [])), file=sys.stderr)
    good = [report for _, report in reports[len(control):] if "trouble" not in report]
    print("\n".join(images.get("trouble", images.get("lines"))), flush=True)
    cuts = sum(spec[2] for spec, report in reports[len(control):] if "trouble" not in report)
    lost = sum(report["lost"] for report in good)
    control_lost = sum(report.get("lost", 0) for report in controls)
    print(f"duplicated {sum(report['duplicated'] for report in good)}, control_duplicated "
          f"{sum(report.get('duplicated', 0) for report in controls)}, seconds "
          f"{time.monotonic() - started:.0f}, seed {SEED}", flush=True)
    print(f"powercut: cuts {cuts} lost {lost} control_lost {control_lost}")
    return 1 if failed or control_lost == 0 or cuts != CUTS else 0


def main(arguments):
    if arguments[:1] == ["world"]:
        kind, seed, cuts, binary = arguments[1:]
        print(json.dumps(live(kind, int(seed), int(cuts), binary)))
        return 0
    if arguments[:1] == ["torn"]:
        images = torn_images(int(arguments[1]))
        print(json.dumps({"lines": images.lines(), "bad": len(images.bad)}))
        return 0
    return run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
