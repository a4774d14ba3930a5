"""What the integration tests share: a sandbox portal, a sandbox province and a daemon between them.

A World lives in a folder of its own, takes free ports, and ends every process it started. Waiting
is on conditions with a deadline, never for a time. BUILD names the build folder.
"""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import exits
from leaks import Leaks

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
CATALOG = ROOT / "test" / "data" / "procedures.csv"
AGENCIES = ROOT / "test" / "data" / "agencies.csv"
DEADLINE_S = 60
PORTAL_PASSWORD = "mat-khau-cong-thu-nghiem"
PROVINCE_PASSWORD = "mat-khau-tinh-thu-nghiem"
LIBC = ctypes.CDLL(None)


def die_with_parent():
    LIBC.prctl(1, signal.SIGKILL)


def wait_until(condition, what, deadline_s=DEADLINE_S, pause_s=0.03):
    """The first true value of condition(); a failure that names what was waited for."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s} s in vain: {what}")
        time.sleep(pause_s)


def free_port():
    """One that no connection of another process is given meanwhile: those come from 32768 on."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=20):
        super().__init__("localhost", timeout=timeout)
        self.unix_path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix_path)


class Reply:
    """An HTTP answer: status, text, and json() of the text."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.text = body.decode()

    def json(self):
        return json.loads(self.text)


def ask(connection, method, path, body=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return Reply(reply.status, dict(reply.getheaders()), reply.read())


class Process:
    """A child with its output in a file."""

    def __init__(self, arguments, log_path):
        with open(log_path, "ab") as log:
            self.popen = subprocess.Popen([str(a) for a in arguments], stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.log_path = log_path

    def running(self):
        return self.popen.poll() is None

    def stop(self, how=signal.SIGTERM, deadline_s=30):
        if self.running():
            self.popen.send_signal(how)
        try:
            return self.popen.wait(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.popen.args[0]} did not end within {deadline_s} s")


class Sandbox(Process):
    """One end of the sandbox, reached over HTTP."""

    def __init__(self, world, role, *arguments):
        self.role, self.leaks = role, world.leaks
        port_file = world.dir / f"{role}.port"
        port_file.unlink(missing_ok=True)
        super().__init__([BUILD / "dvcsync-sandbox", role, "--listen",
                          f"127.0.0.1:{world.ports.get(role, 0)}", "--port-file", port_file,
                          *arguments], world.dir / f"{role}.log")
        wait_until(lambda: port_file.exists() and port_file.read_text().strip() or not self.running(),
                   f"{role} to start")
        if not self.running():
            raise AssertionError(f"{role} did not start: {self.log_path.read_text()}")
        self.port = world.ports[role] = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}"

    def http(self, method, path, body=None):
        return ask(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30), method, path,
                   body)

    def stop(self, how=signal.SIGTERM, deadline_s=30):
        self.learn()
        return super().stop(how, deadline_s)

    def learn(self):
        """Whom and what this end knows: it must be shown nowhere. A hung end tells nothing."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            if self.running() and self.role == "portal":
                for token in self.quick("sessions").json():
                    self.leaks.add("session", token)
            elif self.running() and self.role == "province":
                lines = self.quick("dump").text.splitlines()
                self.leaks.add_people(json.loads(line) for line in lines)

    def quick(self, path):
        return ask(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5), "GET",
                   "/_sandbox/" + path)

    def get(self, path):
        return self.http("GET", "/_sandbox/" + path)

    def post(self, path, **values):
        reply = self.http("POST", "/_sandbox/" + path, json.dumps(values))
        if reply.status != 200:
            raise AssertionError(f"{path}: {reply.status} {reply.text}")
        return reply.json()

    def knob(self, **values):
        return self.post("knobs", **{k: str(v) for k, v in values.items()})

    def stats(self):
        return self.get("stats").json()

    def dump(self):
        return [json.loads(line) for line in self.get("dump").text.splitlines()]


def conf_value(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(f'"{v}"' for v in value) + " }"
    if isinstance(value, int):
        return str(value)
    return f'"{value}"'


def conf_section(title, values):
    lines = "".join(f"    {k} = {conf_value(v)}\n" for k, v in values.items() if v is not None)
    return f"{title} {{\n{lines}}}\n" if title else lines.replace("    ", "")


class World:
    """Both ends and the daemon. Keyword settings override single keys of the configuration."""

    def __init__(self, catalog_rows=40):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="dvcsync-test-"))
        self.ports = {}
        self.children = []
        self.leaks = Leaks()
        self.portal = self.province = self.daemon = None
        self.ledger_path = self.dir / "ledger.jsonl"
        self.journal_path = self.dir / "state" / "journal.db"
        self.conf_path = self.dir / "dvcsyncd.conf"
        self.log_path = self.dir / "dvcsyncd.log"
        self.catalog_path = self.dir / "procedures.csv"
        rows = CATALOG.read_text().splitlines(keepends=True)
        step = max(1, (len(rows) - 1) // catalog_rows)
        self.catalog_path.write_text("".join(rows[:1] + rows[1::step][:catalog_rows]))
        shutil.copytree(ROOT / "conf" / "maps", self.dir / "maps")
        for name, password in (("portal", PORTAL_PASSWORD), ("province", PROVINCE_PASSWORD)):
            self.leaks.add(f"password of the {name}", password)
            path = self.dir / f"{name}.password"
            path.write_text(password + "\n")
            path.chmod(0o400)

    def close(self):
        """Ends everything; fails when the daemon has shown a secret or a person (leaks.py)."""
        try:
            found = self.shown()
        finally:
            for child in reversed(self.children):
                if child.running():
                    child.popen.kill()
                    child.popen.wait()
            shutil.rmtree(self.dir, ignore_errors=True)
        if found:
            raise AssertionError("shown: " + "; ".join(found))

    def shown(self):
        """Secrets and people in all that the daemon has written or answered so far."""
        if self.daemon is None or not self.dir.exists():
            return []
        for end in (self.portal, self.province):
            if end is not None:
                end.learn()
        with contextlib.suppress(OSError, http.client.HTTPException):
            for path in ("status", "events", "queue?limit=1000", "config", "catalog") * (
                    self.daemon.running()):
                self.quick("/v1/" + path)
            if self.daemon.running():
                self.quick("/metrics")
        found = self.leaks.find("the log", self.log_path.read_bytes())
        found += self.leaks.find("an answer or an event", self.leaks.heard())
        for path in self.dir.rglob("*.reason"):
            found += self.leaks.find("a reason file", path.read_bytes())
        for path in (self.dir / "state").glob("*"):
            if path.is_file() and path.suffix != ".ballast":  # 8 MB of nothing
                found += self.leaks.find(f"state/{path.name}", path.read_bytes(), people=False)
        return found

    def quick(self, path):
        self.leaks.hear(ask(UnixConnection(self.dir / "status.sock", timeout=5), "GET", path).text)

    # ---- the two ends ----

    def start_portal(self, seed=1, **knobs):
        knobs = {"username": "demo", "password": PORTAL_PASSWORD, **knobs}
        arguments = [part for k, v in knobs.items() for part in ("--knob", f"{k}={v}")]
        self.portal = Sandbox(self, "portal", "--ledger", self.ledger_path, "--catalog",
                              self.catalog_path, "--agencies", AGENCIES, "--seed", seed, *arguments)
        self.children.append(self.portal)
        return self.portal

    def start_province(self, dossiers=8, seed=1, changes=0, rate=0, days=30, until=None, **knobs):
        knobs = {"username": "demo", "password": PROVINCE_PASSWORD, "planted": 0, **knobs}
        arguments = [part for k, v in knobs.items() for part in ("--knob", f"{k}={v}")]
        if changes:
            arguments += ["--changes", changes, "--rate", rate]
        if until is not None:
            arguments += ["--until", until]
        self.province = Sandbox(self, "province", "--catalog", self.catalog_path, "--agencies",
                                AGENCIES, "--dossiers", dossiers, "--seed", seed, "--days", days,
                                *arguments)
        self.children.append(self.province)
        return self.province

    # ---- the configuration ----

    def write_conf(self, top=None, portal=None, source=None, dossiers=None, catalog=False,
                   seen=None, retry=None, extra=""):
        """catalog: a dict of settings switches that flow on; dossiers=False switches it off."""
        self.settings = {
            "": {"state_dir": self.dir / "state", "status_socket": self.dir / "status.sock",
                 "control_socket": self.dir / "control.sock", **(top or {})},
            "maps": {k: f"maps/{k}.csv" for k in ("status", "procedure", "agency")},
            "portal": {
                "adapter_url": self.portal.url + "/forward", "agency_code": "H56",
                "dstcode": "VN:GOV:000.00.00.G22:vpcpdvcqg", "username": "demo",
                "password_file": self.dir / "portal.password", "allow_plaintext": True,
                "max_in_flight": 8, "catalog_rate": 0, "seen_rate": 0, "request_timeout": "5s",
                **(portal or {})},
            "source onestop": {
                "profile": "opencps", "url": self.province.url + "/o/rest/v2",
                "group_id": "20126", "username": "demo",
                "password_file": self.dir / "province.password", "allow_plaintext": True,
                "file_url": self.province.url + "/files/{dossierId}/{referenceUid}",
                "page_size": 200, "max_in_flight": 4, "poll_every": "300ms", "sweep_every": "2s",
                "slow_sweep_every": "4s", "test_agencies": ["H56.99"], **(source or {})},
            "retry": {"first": "50ms", "cap": "500ms", "give_up_after": "5d", **(retry or {})},
        }
        if dossiers is not False:
            self.settings["flow dossiers"] = {"from": "onestop", "to": "portal", "mode": "live",
                                              **(dossiers or {})}
        if catalog is not False:
            self.settings["flow catalog"] = {"from": "portal", "to": "onestop", "at": "01:00",
                                             **(catalog or {})}
        if seen is not None:
            self.settings["flow seen"] = {"from": "portal", **seen}
        self.conf_extra = extra
        self.save_conf()

    def save_conf(self):
        text = "".join(conf_section(title, values) for title, values in self.settings.items())
        self.conf_path.write_text(text + self.conf_extra)

    def change_conf(self, section, **values):
        """Changes keys in the file; None removes one. The daemon is not told."""
        self.settings.setdefault(section, {}).update(values)
        self.save_conf()

    # ---- the daemon ----

    def write_accounts(self, *accounts):
        """The file of those who may push, pairs of a user and a password."""
        path = self.dir / "accounts"
        path.unlink(missing_ok=True)
        path.write_text("".join(f"{user}:{password}\n" for user, password in accounts))
        for _, password in accounts:
            self.leaks.add("password of an account", password)
        path.chmod(0o400)
        return path

    def start(self, binary="dvcsyncd", wait=True):
        (self.dir / "state").mkdir(exist_ok=True)
        self.daemon = Process([BUILD / binary, "-f", self.conf_path], self.log_path)
        self.children.append(self.daemon)
        if wait:
            wait_until(lambda: self.answers() or not self.daemon.running(), "the daemon to answer")
            if not self.daemon.running():
                raise AssertionError(f"the daemon ended with {self.daemon.popen.returncode}: "
                                     f"{self.log_tail()}")

    def stop(self, how=signal.SIGTERM):
        return self.daemon.stop(how)

    def kill(self):
        self.daemon.stop(signal.SIGKILL)

    def answers(self):
        try:
            return self.get("/v1/health/live").status == 200
        except OSError:
            return False

    def log_tail(self, lines=12):
        return "\n".join(self.log_path.read_text().splitlines()[-lines:])

    # ---- its sockets ----

    def get(self, path, sock="status"):
        return self.heard(ask(UnixConnection(self.dir / f"{sock}.sock"), "GET", path))

    def post(self, path, sock="control", **order):
        return self.heard(ask(UnixConnection(self.dir / f"{sock}.sock"), "POST", path,
                              json.dumps(order) if order else ""))

    def heard(self, reply):
        self.leaks.hear(reply.text)
        return reply

    def ctl(self, *arguments, **more):
        """dvcsyncctl with this world's configuration, and what it printed."""
        done = subprocess.run([BUILD / "dvcsyncctl", "-f", self.conf_path, *map(str, arguments)],
                              capture_output=True, text=True, timeout=60, **more)
        self.leaks.hear(done.stdout + done.stderr)
        exits.check(BUILD / "dvcsyncctl", arguments, done.returncode)
        return done

    def order(self, path, **order):
        """A POST that must be taken."""
        reply = self.post(path, **order)
        if reply.status != 200:
            raise AssertionError(f"POST {path}: {reply.status} {reply.text}")
        return reply.json()

    def status(self):
        return self.get("/v1/status").json()

    def flow(self, name="dossiers"):
        return next(f for f in self.status()["flows"] if f["name"] == name)

    def endpoint(self, name="portal"):
        return self.get(f"/v1/endpoints/{name}").json()

    def queue(self, **filters):
        """All items, page by page."""
        items, after = [], "0"
        while after is not None:
            query = urllib.parse.urlencode({**filters, "after": after, "limit": 500})
            page = self.get("/v1/queue?" + query).json()
            items += page["items"]
            after = page["next"]
        return items

    def life(self, code):
        reply = self.get("/v1/dossiers/" + urllib.parse.quote(code, safe=""))
        if reply.status != 200:
            raise AssertionError(f"{code}: {reply.status} {reply.text}")
        return reply.json()

    def attempts(self, flow="dossiers"):
        """Every attempt of the flow as (verb, outcome, http, code), read from the journal."""
        verbs, outcomes = {1: "send", 2: "lookup"}, (
            "none", "done", "unsure", "transient", "permanent", "backoff", "auth", "exists",
            "missing", "config", "login", "canceled", "held")
        rows = self.sql("SELECT a.verb, a.outcome, a.http, a.code FROM attempt a"
                        " JOIN subject s ON s.id = a.subject JOIN flow f ON f.id = s.flow"
                        " WHERE f.name = ? ORDER BY a.id", flow)
        return [(verbs[verb], outcomes[outcome or 0], code_http, code)
                for verb, outcome, code_http, code in rows]

    def sql(self, text, *values):
        with contextlib.closing(sqlite3.connect(f"file:{self.journal_path}?mode=ro", uri=True,
                                                timeout=20)) as db:
            return db.execute(text, values).fetchall()

    # ---- waiting ----

    def wait(self, condition, what, deadline_s=DEADLINE_S, pause_s=0.03):
        """As wait_until, but fails at once, with the log, when the daemon has ended."""
        def check():
            if self.daemon is not None and not self.daemon.running():
                raise AssertionError(f"the daemon ended: {self.log_tail()}")
            return condition()
        try:
            return wait_until(check, what, deadline_s, pause_s)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.log_tail()}") from None

    def idle(self):
        return self.status()["idle"]

    def sweep(self, deadline_s=DEADLINE_S):
        """One complete reading of the province that began after this call."""
        before = self.flow()["full_sweeps"]
        self.order("/v1/sources/onestop:poll", full=True)
        self.wait(lambda: self.flow()["full_sweeps"] > before, "a complete sweep",
                  deadline_s)

    def age_first_looks(self):
        """The minutes between two looks for what the portal did not find are over. The daemon is
        stopped."""
        with contextlib.closing(sqlite3.connect(self.journal_path)) as db, db:
            db.execute("UPDATE review_dossier SET at_ms = at_ms - 600000 WHERE kind = -2")

    def reconcile_fix(self, *arguments, deadline_s=DEADLINE_S):
        """A whole reconcile --fix that does not wait those minutes; its exit code and its result."""
        def told():
            return self.get("/v1/reconcile?limit=0").json()

        begun = self.ctl("reconcile", *arguments, "--fix", "--no-wait")
        if begun.returncode != 0:
            raise AssertionError(f"reconcile --fix: {begun.returncode} {begun.stderr}")
        self.wait(lambda: not told()["running"] or "once more" in told()["trouble"],
                  "the first looks", deadline_s)
        if told()["running"]:
            self.stop()
            self.age_first_looks()
            self.start()
            self.wait(lambda: not told()["running"], "the second looks", deadline_s)
        done = self.ctl("reconcile", "--format", "json")
        return done.returncode, json.loads(done.stdout)

    def settle(self, deadline_s=DEADLINE_S):
        """All that the province holds now is read, and nothing is left to do."""
        self.sweep(deadline_s)
        self.wait(self.idle, "idle", deadline_s)

    # ---- judging ----

    def verify(self):
        """The oracle's numbers, its exit code, and its last line."""
        done = subprocess.run(
            [BUILD / "dvcsync-sandbox", "verify", "--ledger", self.ledger_path, "--province",
             self.province.url, "--portal", self.portal.url, "--journal", self.journal_path,
             "--json"], capture_output=True, text=True, timeout=120)
        lines = done.stdout.splitlines()
        if len(lines) < 2:
            raise AssertionError(f"verify: {done.returncode} {done.stdout} {done.stderr}")
        return json.loads(lines[0]) | {"exit": done.returncode, "line": lines[-1]}

    def ledger(self, kind=None):
        lines = [json.loads(line) for line in self.ledger_path.read_text().splitlines()]
        return [line for line in lines if kind is None or line["kind"] == kind]


class WorldTest(unittest.TestCase):
    """A test with a World that is closed whatever happens."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def run_world(self, dossiers=8, province=None, conf=None, **knobs):
        """Both ends with these portal knobs, and the daemon, running."""
        self.world.start_portal(**knobs)
        self.world.start_province(dossiers, **(province or {}))
        self.world.write_conf(**(conf or {}))
        self.world.start()
        return self.world

    def assert_delivered(self, **expected):
        """Everything is on the portal, nothing lost, nothing twice; expected names more numbers."""
        report = self.world.verify()
        numbers = {"lost": 0, "duplicated": 0, "order_violations": 0,
                   "dossiers_agreed": report["dossiers"], "steps_agreed": report["steps"],
                   **expected}
        self.assertEqual({k: report[k] for k in numbers}, numbers,
                         report["first_mismatches"][:5])
        return report


class RepliesTest(WorldTest):
    """A world that is settled, disturbed by the portal's replies, and calm again."""

    def settled(self, **knobs):
        """A world in which everything of the first reading is delivered."""
        self.run_world(10, province={"days": 6}, **knobs)
        self.world.settle()
        return self.world

    def change(self, changes=6):
        """Changes in the province; returns the codes of the dossiers that changed."""
        self.mark = len(self.world.attempts())
        codes = self.world.province.post("step", changes=changes)["codes"]
        self.world.order("/v1/sources/onestop:poll", full=True)
        return codes

    def new_attempts(self):
        """Ended since the changes."""
        return [a for a in self.world.attempts()[self.mark:] if a[1] != "none"]

    def outcomes(self):
        return {outcome for _, outcome, _, _ in self.new_attempts()}

    def wait_outcome(self, outcome, n=1):
        self.world.wait(lambda: sum(o == outcome for _, o, _, _ in self.new_attempts()) >= n,
                        f"{n} attempts that end as {outcome}")

    def calm(self, **knobs):
        """The portal behaves again; everything must arrive."""
        self.world.portal.knob(**knobs)
        self.world.settle()
        self.assert_delivered()
