#!/usr/bin/env python3
"""make soak: the whole daemon at work for an hour, a twentieth of all calls failing, and flat.

Polled and published dossiers of a province, the catalogue, dossiers that begin at the portal, and
software that pushes at the gateway: 10,000 records an hour, thrice as fast in the first third; as many
in a shorter run, but at most 40 a second. One kind of fault after the other, at the portal and at the
province. In the first tenth the daemon is killed now and then; from then on it is one process, reloaded
and asked all the time. In the last two thirds its memory and descriptors are watched.

The slope of its resident memory over that stretch, by least squares, must be at most 1 MB/h, plus four
standard errors of the fit. The samples follow each other too closely to be independent, so they are
first averaged in twelve parts; what the line leaves of those is the noise. A short run adds what is
still being touched for the first time: WARM_MB over the stretch, falling to nothing at an hour. A leak
of 1 kB a record is 5 MB over the stretch of three minutes, and fails: SOAK_LEAK=300 shows it, lost at
each of the three or four requests that a record takes (leak.c).

  SOAK_MINUTES=n SEED=n SOAK_LEAK=bytes soak.py
"""

import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import dropin_client  # noqa: E402
from harness import BUILD, Process, World, conf_section, free_port, wait_until  # noqa: E402

MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
SEED = int(os.environ.get("SEED", "1"))
LEAK_BYTES = int(os.environ.get("SOAK_LEAK", "0"))
RECORDS_PER_HOUR = 10_000
RATE_MAX = 40             # records a second
RUSH = 3                  # times the rate, in the first third
KILLED = 0.1              # of the run, with kills
SLOPE_MAX = 1.0           # MB/h
WARM_MB = 2.5
PARTS = 12
WAL_MAX = 64 << 20
DRIFT_MAX = 3             # descriptors or threads, between the stretch's first and last quarter
SETTLE_S = 240
KILLS = 3
SAMPLE_S = 2.0
CHANGE_RECORDS = 2.0      # that a change in the province makes, about
BIRTH_RECORDS = 2.0
PUSH_RECORDS = 9.0        # of a pushed dossier's whole life
SHARES = {"province": 0.7, "pushed": 0.2, "born": 0.1}
GATEWAY = ("mot-cua", "mat-khau-mot-cua-thu-nghiem")
PUBLISHER = ("opencps", "mat-khau-day-thu-nghiem")

# Kinds that take turns; 5 % of the calls each.
PORTAL_FAULTS = (
    {"fail_500_percent": 5}, {"fail_500_after_commit_percent": 5}, {"fail_429_percent": 5},
    {"drop_before_percent": 5}, {"drop_after_commit_percent": 5}, {"lookup_fail_percent": 50,
     "drop_after_commit_percent": 5}, {"truncate_reply_percent": 5},
    {"truncate_reply_percent": 5, "truncate_style": "wire"}, {"html_reply_percent": 5},
    {"empty_reply_percent": 5}, {"latency_ms": 200, "latency_jitter_ms": 800},
    {"hang_percent": 2, "hang_ms": 8000}, {"session_calls": 20},
    {"burst_every": 100, "burst_calls": 5}, {"burst_every": 100, "burst_calls": 5,
                                             "burst_status": "429"})
PROVINCE_FAULTS = (
    {"fail_500_percent": 5}, {"fail_503_percent": 5}, {"drop_percent": 5}, {"cut_percent": 5},
    {"xml_broken_percent": 5}, {"detail_fail_percent": 5}, {"write_fail_percent": 5},
    {"shifting_total_percent": 5}, {"latency_ms": 50, "latency_jitter_ms": 300})
CALM = {"truncate_style": "json", "burst_status": "500", "hang_ms": 120000, "burst_calls": 10}


def calm(kinds):
    names = {name for kind in kinds for name in kind}
    return {name: CALM.get(name, 0) for name in names}


class Worker(threading.Thread):
    """Calls turn() every so often until it is ended; what went wrong is kept."""

    def __init__(self, turn, every_s):
        super().__init__(daemon=True)
        self.turn = turn
        self.every_s = every_s
        self.ended = threading.Event()
        self.trouble = None

    def run(self):
        due = time.monotonic()
        try:
            while not self.ended.is_set():
                self.turn()
                due = max(due + self.every_s, time.monotonic() - 5)
                self.ended.wait(max(0, due - time.monotonic()))
        except Exception as e:  # told to who ends it
            self.trouble = e

    def end(self, deadline_s=60):
        self.ended.set()
        self.join(deadline_s)
        if self.is_alive():
            raise AssertionError(f"{self.turn.__name__} does not end")
        if self.trouble is not None:
            raise AssertionError(f"{self.turn.__name__}: {self.trouble!r}")


class Soak(World):
    def __init__(self):
        super().__init__()
        self.chance = random.Random(SEED)
        self.seconds = MINUTES * 60
        self.rate = min(RATE_MAX, RECORDS_PER_HOUR / min(self.seconds, 3600))
        self.samples = []  # (time, pid, rss_kb, hwm_kb, threads, fds, wal, file)
        self.settled = threading.Lock()  # held while the daemon is no more or not yet
        self.counting = threading.Lock()
        self.pushed = []
        self.pushed_done = 0
        self.wal_peak = 0
        self.requests = 0

    # ---- the world ----

    def begin(self):
        self.start_portal(seed=SEED)
        self.start_province(200, seed=SEED, publish_every_ms=500, publish_user=PUBLISHER[0],
                            publish_password=PUBLISHER[1])
        publish, gateway = free_port(), free_port()
        accounts = self.write_accounts(PUBLISHER, GATEWAY)
        self.write_conf(
            top={"log_level": "error"}, catalog={"at": "01:00"},
            portal={"intake_every": "1s"},
            source={"listen": f"127.0.0.1:{publish}", "accounts_file": accounts,
                    "poll_every": "1s", "sweep_every": "5s", "slow_sweep_every": "20s"},
            retry={"first": "100ms", "cap": "2s"},
            # a cache that is full at once: what grows then is not the cache
            extra=conf_section("journal", {"cache": "512KB"}) + conf_section("source cua", {
                "profile": "gateway", "listen": f"127.0.0.1:{gateway}", "accounts_file": accounts,
                "answer_timeout": "300ms"}) +
            conf_section("flow pushed", {"kind": "dossiers", "from": "cua", "to": "portal",
                                         "mode": "live"}) +
            conf_section("flow intake", {"from": "portal", "to": "onestop", "mode": "live"}))
        self.start()
        self.province.knob(publish_url=f"http://127.0.0.1:{publish}/o/rest/v2")
        self.client = dropin_client.Portal(f"http://127.0.0.1:{gateway}", *GATEWAY, "H56")

    def start(self, **_):
        prefix = []
        if LEAK_BYTES:
            prefix = ["env", f"LD_PRELOAD={BUILD / 'soak-leak.so'}", f"SOAK_LEAK={LEAK_BYTES}"]
        (self.dir / "state").mkdir(exist_ok=True)
        self.daemon = Process([*prefix, BUILD / "dvcsyncd", "-f", self.conf_path], self.log_path)
        self.children.append(self.daemon)
        wait_until(lambda: self.answers() or not self.daemon.running(), "the daemon to answer")
        if not self.daemon.running():
            raise AssertionError(f"the daemon ended: {self.log_tail()}")

    # ---- life ----

    def make_changes(self):
        """Once a second."""
        rush = time.monotonic() < self.begun + self.seconds / 3
        rate = min(RATE_MAX, self.rate * RUSH) if rush else self.rate
        n = rate * SHARES["province"] / CHANGE_RECORDS
        self.province.post("step", changes=int(n) + (self.chance.random() < n % 1))
        n = rate * SHARES["born"] / BIRTH_RECORDS
        if self.chance.random() < n % 1 or n >= 1:
            self.portal.post("intake", count=max(1, int(n)))

    def push_one(self):
        """The whole life of a dossier that software pushes at the gateway."""
        with self.counting:
            dossier = dropin_client.Dossier(len(self.pushed), self.procedures, self.day)
            self.pushed.append(dossier)
        done = dossier.live(self.client, self.push_deadline)
        with self.counting:
            self.pushed_done += done

    def learn_procedures(self):
        def listed():
            return self.client.call("LayDanhSachTTHC")[2].get("result")
        self.procedures = wait_until(listed, "the gateway's list of procedures")
        day = dropin_client.datetime.datetime.now() - dropin_client.datetime.timedelta(days=1)
        self.day = day.replace(microsecond=0)
        self.push_deadline = time.monotonic() + self.seconds + SETTLE_S

    def change_faults(self):
        for end, kinds in ((self.portal, PORTAL_FAULTS), (self.province, PROVINCE_FAULTS)):
            end.knob(**calm(kinds) | self.chance.choice(kinds))

    def disturb(self):
        """A reload and questions, as operators and monitors have them."""
        with self.settled:
            if self.chance.random() < 0.2:
                self.daemon.popen.send_signal(1)
            for path in ("/v1/status", "/metrics", "/v1/queue?limit=50", "/v1/events"):
                if self.get(path).status != 200:
                    raise AssertionError(f"{path} is not answered")
                self.requests += 1

    def sample(self):
        with self.settled:
            pid = self.daemon.popen.pid
            status = self.status()
            fields = dict(line.split(":", 1) for line in
                          pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
        number = {k: int(fields[k].split()[0]) for k in ("VmRSS", "VmHWM", "Threads")}
        self.wal_peak = max(self.wal_peak, status["journal"]["wal_bytes"])
        self.samples.append({"t": time.monotonic(), "pid": pid, **number,
                             "fds": status["open_fds"], "file": status["journal"]["file_bytes"]})

    def crash(self):
        with self.settled:
            self.kill()
            self.children.remove(self.daemon)
            self.start()

    # ---- the run ----

    def run(self):
        self.begin()
        self.learn_procedures()
        self.begun = time.monotonic()
        pushers = 4
        every_s = pushers * PUSH_RECORDS / (self.rate * SHARES["pushed"])
        workers = [Worker(self.make_changes, 1), Worker(self.sample, min(SAMPLE_S, self.seconds / 200)),
                   Worker(self.change_faults, max(2.0, self.seconds / 120)),
                   Worker(self.disturb, max(1.0, self.seconds / 400)),
                   *(Worker(self.push_one, every_s) for _ in range(pushers))]
        for worker in workers:
            worker.start()
        for n in range(KILLS):
            self.pause_until((n + 1) / KILLS * KILLED, workers)
            self.crash()
        self.pause_until(1, workers)
        for worker in workers:
            worker.end(SETTLE_S)
        self.portal.knob(**calm(PORTAL_FAULTS))
        self.province.knob(**calm(PROVINCE_FAULTS))
        self.province.post("republish")
        self.deliver()
        if self.stop() != 0:
            raise AssertionError(f"the daemon stopped with {self.daemon.popen.returncode}")
        return self.judge()

    def pause_until(self, part, workers):
        """Until so much of the run is over; fails as soon as something does."""
        while time.monotonic() < self.begun + part * self.seconds:
            time.sleep(0.2)
            for worker in workers:
                if worker.trouble is not None:
                    raise AssertionError(f"{worker.turn.__name__}: {worker.trouble!r}"
                                         f"\n{self.log_tail()}")

    def deliver(self):
        def done():
            waiting = [b for b in self.births() if b["waits"] or b["acks"] == 0]
            return not waiting and self.province.stats()["publish"]["waiting"] == 0
        self.wait(done, "the births to be acknowledged", SETTLE_S, pause_s=0.3)
        self.settle(SETTLE_S)

    def births(self):
        return self.portal.get("intake").json()

    # ---- judging ----

    def judge(self):
        self.report = report = self.verify()
        pushed = {d.code: d for d in self.pushed}
        births = {b["code"] for b in self.births()}
        known = {d["code"] for d in self.province.dump()}
        intake = self.province.stats()["intake"]
        lost = report["lost"] + len(births - known) + self.judge_pushed(pushed)
        duplicated = report["duplicated"] + max(0, intake["created"] - len(births))
        wrong = []
        # What was pushed is strange to the province: one mismatch each, and no other.
        if report["mismatches"] != len(pushed):
            wrong += [f"{m['code']}: {m['what']}" for m in report["first_mismatches"]
                      if m["code"] not in pushed][:10]
            wrong.append(f"{report['mismatches']} mismatches, {len(pushed)} dossiers were pushed")
        if report["order_violations"]:
            wrong.append(f"order violated {report['order_violations']} times")
        if self.pushed_done != len(pushed):
            wrong.append(f"pushed {len(pushed)}, of these done {self.pushed_done}")
        if self.wal_peak >= WAL_MAX:
            wrong.append(f"the log of the journal grew to {self.wal_peak} bytes")
        return lost, duplicated, wrong

    def judge_pushed(self, pushed):
        """Dossiers and steps that the client was told are there, or waits for, and that are not."""
        states, steps = {}, {}
        for line in self.ledger():
            if line["kind"] == "dossier":
                states[line["code"]] = line["record"]["TrangThaiHoSo"]
            elif line["kind"] == "step" and line["effect"]:
                steps.setdefault(line["code"], []).append(line["record"]["ThoiDiemXuLy"])
        lost = 0
        for code, dossier in pushed.items():
            times = [dropin_client.stamp(moment) for _, moment in dossier.moments]
            lost += states.get(code) != str(dossier.moments[-1][0])
            lost += len(set(times) - set(steps.get(code, [])))
        return lost

    # ---- flat ----

    def stretch(self):
        """The samples of the last two thirds: all of one process."""
        begin = self.begun + self.seconds / 3
        return [s for s in self.samples if s["t"] >= begin]

    def flat(self):
        """The slope in MB/h, what it may be, the descriptors' range, and what is wrong."""
        samples = self.stretch()
        size = len(samples) / PARTS
        parts = [samples[int(i * size):int((i + 1) * size)] for i in range(PARTS)]
        if any(len(part) < 2 for part in parts):
            raise AssertionError(f"{len(samples)} samples are too few: a longer run is needed")
        hours = [statistics.mean(s["t"] for s in part) / 3600 for part in parts]
        mb = [statistics.mean(s["VmRSS"] for s in part) / 1024 for part in parts]
        slope, zero = statistics.linear_regression(hours, mb)
        rest = sum((y - zero - slope * x) ** 2 for x, y in zip(hours, mb)) / (PARTS - 2)
        spread = sum((x - statistics.mean(hours)) ** 2 for x in hours)
        took_h = (samples[-1]["t"] - samples[0]["t"]) / 3600
        warm = WARM_MB / took_h * max(0.0, 1 - MINUTES / 60)
        allowed = SLOPE_MAX + 4 * (rest / spread) ** 0.5 + warm
        wrong = [] if slope <= allowed else [f"memory grows {slope:.2f} MB/h, {allowed:.2f} allowed"]
        for name in ("fds", "Threads"):
            values = [s[name] for s in samples]
            quarter = len(values) // 4
            first, last = (statistics.median(v) for v in (values[:quarter], values[-quarter:]))
            if last > first + DRIFT_MAX:
                wrong.append(f"{name}: {first} in the first quarter, {last} in the last")
        fds = [s["fds"] for s in samples]
        print(f"stretch {took_h * 60:.1f} min, {len(samples)} samples, RSS "
              f"{mb[0]:.1f}..{mb[-1]:.1f} MB, peak {max(s['VmHWM'] for s in samples) / 1024:.1f} MB,"
              f" allowed {allowed:.2f} MB/h (noise {4 * (rest / spread) ** 0.5:.2f}, warm {warm:.2f}),"
              f" threads {min(s['Threads'] for s in samples)}..{max(s['Threads'] for s in samples)},"
              f" log at most {self.wal_peak} bytes, journal {samples[-1]['file']} bytes")
        return slope, fds, wrong


def main():
    soak = Soak()
    try:
        lost, duplicated, wrong = soak.run()
        slope, fds, grown = soak.flat()
        stats = soak.portal.stats()
        records = len(soak.ledger("dossier")) + len(soak.ledger("step"))
    finally:
        soak.close()
    print(f"seed {SEED}, pushed {len(soak.pushed)}, faults at the portal "
          f"{json.dumps({k: v for k, v in stats.get('faults', {}).items() if v})}, kills {KILLS},"
          f" questions {soak.requests}")
    for text in wrong + grown:
        print(f"FAILED {text}", file=sys.stderr)
    print(f"soak: minutes {MINUTES:g} records {records} rss_slope_mb_per_h {slope:.2f} descriptors "
          f"{min(fds)}..{max(fds)} lost {lost} duplicated {duplicated}")
    return 1 if wrong or grown or lost or duplicated else 0


if __name__ == "__main__":
    sys.exit(main())
