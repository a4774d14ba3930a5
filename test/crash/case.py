"""One life of a small world in which the daemon dies once, at a given crash point, and is started again.

A scenario drives a Case from outside and never learns of the crash: every wait and every order goes on
over it. What is left at the end is judged by the oracle and compared with the end of a life that
nothing disturbed.
"""

import contextlib
import http.client
import json
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import BUILD, Process, World  # noqa: E402

WAIT_S = 60
TROUBLE = (OSError, http.client.HTTPException, ValueError, sqlite3.Error)
RETRY = {"first": "50ms", "cap": "1s", "give_up_after": "5d"}
FAST = {"poll_every": "1s", "sweep_every": "1h", "slow_sweep_every": "1h", "full_sweep_at": "",
        "max_in_flight": 3}
# Up to here goes what the province has lived through before a life begins: the same for all lives of a run,
# and in a second that is over.
HISTORY_ENDS_S = int(time.time()) - 1


class Failed(Exception):
    """What a case says when it has not ended as it must."""


class Case:
    def __init__(self, crash=None, hits=None, binary="crash/dvcsyncd", rows=4):
        self.crash = crash      # name:n, or None
        self.hits = hits        # a file for the names of all points hit, or None
        self.binary = binary
        self.crashed = False
        self.patience_s = WAIT_S
        self.world = World(catalog_rows=rows)
        self.settle = self.settle_sweep
        self.changed_s = 0
        self.more = {}          # what a scenario adds to the content

    # ---- the daemon ----

    def begin(self, armed=True):
        (self.world.dir / "state").mkdir(exist_ok=True)
        environment = []
        if armed and self.crash is not None and not self.crashed:
            environment.append(f"DVCSYNC_CRASH={self.crash}")
        if armed and self.hits is not None:
            environment.append(f"DVCSYNC_CRASH_HITS={self.hits}")
        self.world.daemon = Process(["/usr/bin/env", *environment, BUILD / self.binary, "-f",
                                     self.world.conf_path], self.world.log_path)
        self.world.children.append(self.world.daemon)

    def ended(self, code):
        """The daemon has ended by itself: at its crash point, or wrongly."""
        if code != -signal.SIGKILL or self.crash is None or self.crashed:
            raise Failed(f"the daemon ended with {code}: {self.world.log_tail(4)}")
        self.crashed = True
        self.begin()

    def kill(self):
        """A kill -9 of the scenario's own."""
        self.look()
        self.world.kill()

    def look(self):
        if not self.world.daemon.running():
            self.ended(self.world.daemon.popen.returncode)

    def until(self, condition, what):
        """Waits over a crash; what asks a daemon that is not there is asked again."""
        end = time.monotonic() + self.patience_s
        while True:
            self.look()
            with contextlib.suppress(*TROUBLE):
                value = condition()
                if value:
                    return value
            if time.monotonic() > end:
                raise Failed(f"waited {self.patience_s} s in vain: {what}; {self.world.log_tail(3)}")
            time.sleep(0.01)

    def order(self, path, **order):
        """A POST that is taken in the end, perhaps twice."""
        self.until(lambda: self.world.post(path, **order).status == 200, path)

    def order_until(self, path, condition):
        """An order that dies with the process that took it: given anew to the next one."""
        done = False
        while not done:
            daemon = self.world.daemon
            self.order(path)
            done = self.until(lambda: condition() or self.world.daemon is not daemon and "again",
                              f"what {path} brings") != "again"

    def settle_idle(self):
        self.until(self.world.idle, "idle")

    def change(self, changes):
        """Changes in the province, the same ones in every run: what changed in this second does not
        change again, so each call has a second of its own and stays away from its edges."""
        while not (0.1 < time.time() % 1 < 0.8 and int(time.time()) > self.changed_s):
            time.sleep(0.02)
        self.changed_s = int(time.time())
        self.world.province.post("step", changes=changes)

    def sweep(self):
        """A complete reading that began after this call: one that is under way may have begun before.
        False: the daemon has died meanwhile."""
        daemon = self.world.daemon
        self.until(self.world.answers, "the daemon to answer")
        for _ in range(2):
            before = self.until(lambda: (self.world.flow()["full_sweeps"],), "its status")[0]
            self.order("/v1/sources/onestop:poll", full=True)
            self.until(lambda before=before: self.world.daemon is not daemon or
                       self.world.flow()["full_sweeps"] > before, "a complete sweep")
        return self.world.daemon is daemon

    def settle_sweep(self):
        """A complete reading, and nothing left to do; anew after a crash."""
        settled = False
        while not settled:
            daemon = self.world.daemon
            settled = self.sweep()
            self.until(lambda: self.world.daemon is not daemon or self.world.idle(), "idle")
            settled = settled and self.world.daemon is daemon and daemon.running()

    def stop(self):
        """A clean stop; one that dies on the way is made good and tried again."""
        code = None
        while code != 0:
            self.until(self.world.answers, "the daemon to answer")
            code = self.world.daemon.stop()
            if code != 0:
                self.ended(code)
                self.settle()

    # ---- the end ----

    def integrity(self):
        with contextlib.closing(sqlite3.connect(self.world.journal_path)) as db:
            said = db.execute("PRAGMA integrity_check").fetchone()[0]
        if said != "ok":
            raise Failed(f"integrity_check: {said}")
        check = subprocess.run([BUILD / "dvcsyncctl", "journal", "check", self.world.journal_path],
                               capture_output=True, text=True, timeout=60, check=False)
        if check.returncode != 0:
            raise Failed(f"journal check: {check.stdout}{check.stderr}")

    def content(self):
        """What is there at the end, in an order and with words that every run of the scenario shares."""
        world = self.world
        last, steps = {}, {}
        for line in world.ledger():
            if line["kind"] == "dossier":
                last[line["code"]] = line["record"]
            elif line["kind"] == "step":
                steps.setdefault(line["code"], {})[line["key"]] = line["record"]
        found = {"portal": {code: [record, sorted(map(stable, steps.get(code, {}).values())),
                                   world.portal.get("dossier?code=" + code).json()["state"]]
                            for code, record in last.items()}}
        found["born"] = [[b["code"], b["state"], b["waits"], b["acks"] > 0]
                         for b in world.portal.get("intake").json()]
        if world.province is not None:
            found["province"] = [[d["code"], d["dossier"]["dossierStatus"]]
                                 for d in world.province.dump()]
            found["catalogue"] = world.province.get("catalog").text.splitlines()
        found["open"] = world.sql(
            "SELECT f.name, s.code, i.kind, i.state FROM item i JOIN subject s ON s.id = i.subject "
            "JOIN flow f ON f.id = s.flow WHERE i.state < 4 ORDER BY 1, 2, 3")
        found |= self.more
        return {kind: sorted(map(stable, value.items() if isinstance(value, dict) else value))
                for kind, value in found.items()}

    def verdict(self, *arguments):
        """(lost, duplicated, order violations) by the oracle."""
        world = self.world
        done = subprocess.run(
            [BUILD / "dvcsync-sandbox", "verify", "--ledger", world.ledger_path, "--province",
             world.province.url, "--portal", world.portal.url, "--journal", world.journal_path,
             "--json", *arguments], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode not in (0, 1):
            raise Failed(f"the oracle can't judge: {done.stdout}{done.stderr}")
        report = json.loads(done.stdout.splitlines()[0])
        return report["lost"], report["duplicated"], report["order_violations"]

    def once(self, expected):
        """The same of dossiers that no province holds: expected are (code, number of steps)."""
        effects, kept = {}, set()
        for line in self.world.ledger():
            if line["kind"] in ("dossier", "step"):
                at = (line["code"], line.get("key"))
                kept.add(at)
                effects[at] = effects.get(at, 0) + line["effect"]
                effects[at] += bool(line.get("stored_twice"))
        lost = sum((code, None) not in kept for code, _ in expected)
        lost += sum(max(0, n - sum(c == code and k is not None for c, k in kept))
                    for code, n in expected)
        return lost, sum(n - 1 for n in effects.values() if n > 1), 0

    def close(self):
        self.world.daemon = None  # whether it shows secrets is asked elsewhere
        self.world.close()


TIMES = re.compile(r"\b20\d{6}(\d{6})?\b|\d\d/\d\d/\d{4}( \d\d:\d\d:\d\d)?|127\.0\.0\.1:\d+"
                   r"|20\d\d-\d\d-\d\dT[\d:.]+Z?")


def stable(value):
    """As text, without what differs from run to run: times and ports."""
    return TIMES.sub("~", json.dumps(value, ensure_ascii=False, sort_keys=True))
