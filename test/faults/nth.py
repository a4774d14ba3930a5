"""The n-th call fails: every distinct call stack of a full cycle at its first and its last hit.

preload.c does it inside the daemon. plan makes the list from recordings, Bench runs one fault in one
cycle and judges what is left.
"""

import collections
import contextlib
import errno
import http.client
import json
import mmap
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import harness
from harness import BUILD, World, free_port, wait_until

CLASSES = ("alloc", "read", "write", "recv", "send", "fsync", "open", "rename", "socket", "connect",
           "accept", "mmap")
SHORT = -1  # of preload.c: half of what was asked for
# What a call of the class can meet. The first is also tried at the last hit.
WAYS = {
    "alloc": (errno.ENOMEM,), "read": (errno.EIO, errno.EINTR, SHORT),
    "write": (errno.EIO, errno.ENOSPC, errno.EINTR, SHORT),
    "recv": (errno.ECONNRESET, errno.EINTR, SHORT), "send": (errno.EPIPE, errno.EINTR, SHORT),
    "fsync": (errno.EIO, errno.ENOSPC), "open": (errno.EMFILE, errno.EIO, errno.ENOSPC),
    "rename": (errno.EIO, errno.ENOSPC), "socket": (errno.EMFILE,),
    "connect": (errno.ENETUNREACH, errno.ECONNREFUSED),
    "accept": (errno.EMFILE, errno.ECONNABORTED), "mmap": (errno.ENOMEM,)}
MODE_RECORD, MODE_STACK, MODE_NTH = 1, 2, 3

# A stack is the innermost frames of the call and the innermost of the daemon's own.
INNER_FRAMES = int(os.environ.get("FAULT_INNER", "3"))
OWN_FRAMES = int(os.environ.get("FAULT_OWN", "2"))

# The preload stands before AddressSanitizer, whose allocator it calls. Libraries leak when they find
# no memory.
SANITIZER = "verify_asan_link_order=0:detect_leaks=0:allocator_may_return_null=1"
EXITS_FOR_A_PERSON = (77, 78)
CYCLE_S = 20       # for what must happen while one fault is about
RUNS_A_WORLD = 25  # then both ends and the journal begin anew
ACCOUNT = ("mot-cua", "mat-khau-mot-cua-thu-nghiem")
# Libraries that do not survive every allocation of their own that fails: libconfuse's scanner calls
# exit(2) and its parser reads through NULL, OpenSSL's first use of a random source does too, libuv
# calls abort when its threads or its table of descriptors find no memory, glibc's name service
# crashes or aborts. It counts as a kill.
FRAIL = ("libconfuse.so.2", "libcrypto.so.3", "libuv.so.1", "libc.so.6")
ABORT_FRAMES = 3  # abort, raise and what they use
LIBC_DEEP = 3


class Control:
    """The shared file of preload.c; the offsets are those of its struct control."""

    MAGIC, FRAMES, MODULES, SLOTS, ENTRY = 0x544c4146, 20, 96, 32768, 184
    HEAD = struct.Struct("<IIIiQQII")
    COUNTERS = struct.Struct("<QQ")  # fired, seen
    AT_COUNTERS, AT_FIRED, AT_COUNTS, AT_CRASH, AT_MODULES = 40, 56, 224, 320, 392
    CRASH_FRAMES = 8
    AT_SLOTS = AT_MODULES + MODULES * 64

    def __init__(self, path, mode, klass=0, fail=0, stack=0, n=0):
        size = self.AT_SLOTS + (self.SLOTS * self.ENTRY if mode == MODE_RECORD else 0)
        path.unlink(missing_ok=True)
        with open(path, "wb") as file:
            file.write(self.HEAD.pack(self.MAGIC, mode, klass, fail, stack, n, INNER_FRAMES,
                                      OWN_FRAMES))
            file.truncate(size)
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), size)
        self.path, self.klass = path, klass

    def close(self):
        self.map.close()
        self.path.unlink(missing_ok=True)

    def counters(self):
        return self.COUNTERS.unpack_from(self.map, self.AT_COUNTERS)

    @property
    def fired(self):
        return self.counters()[0] > 0

    @property
    def seen(self):
        return self.counters()[1]

    def counts(self):
        return dict(zip(CLASSES, struct.unpack_from("<12Q", self.map, self.AT_COUNTS)))

    def frame(self, value):
        at = self.AT_MODULES + (value >> 48) * 64
        name = self.map[at:at + 64].split(b"\0")[0].decode()
        return f"{name}+{value & 0xffffffffffff:#x}"

    def crash_frames(self):
        """Where the process died; none when it lived."""
        n, = struct.unpack_from("<I", self.map, self.AT_CRASH + 8 * self.CRASH_FRAMES)
        return [self.frame(f) for f in struct.unpack_from(f"<{n}Q", self.map, self.AT_CRASH)]

    def fired_frames(self):
        n, = struct.unpack_from("<I", self.map, self.AT_FIRED + 8 * self.FRAMES)
        return [self.frame(f) for f in struct.unpack_from(f"<{n}Q", self.map, self.AT_FIRED)]

    def stacks(self):
        """{(class, hash): count} and the frames of each."""
        dropped, = struct.unpack_from("<I", self.map, self.AT_FIRED + 8 * self.FRAMES + 4)
        assert dropped == 0, f"{dropped} calls found no slot in the table"
        counts, frames = {}, {}
        for slot in range(self.SLOTS):
            at = self.AT_SLOTS + slot * self.ENTRY
            stack, count, klass, n = struct.unpack_from("<QQII", self.map, at)
            if stack != 0:
                counts[CLASSES[klass], stack] = count
                frames[CLASSES[klass], stack] = [
                    self.frame(f) for f in struct.unpack_from(f"<{n}Q", self.map, at + 24)]
        return counts, frames


class Fault(collections.namedtuple("Fault", "cycle klass stack n fail")):
    """One thing to go wrong: call n of a stack (stack 0: of the class), and how."""

    @property
    def name(self):
        how = "SHORT" if self.fail == SHORT else errno.errorcode[self.fail]
        where = f"{self.stack:016x}" if self.stack else "random"
        return f"nth/{self.cycle}/{self.klass}/{where}/{self.n}/{how}"


class Outcome(collections.namedtuple(
        "Outcome", "name ended fired lost duplicated trouble where took_s")):
    """ended: how the process under the fault ended; trouble: None, or why the case failed; where:
    the call that failed, and the last words after it."""


def symbolize(frames, binary):
    """The daemon's own frames with function and line, for a person."""
    own = [f.split("+")[1] for f in frames if f.startswith("main+")]
    if not own:
        return frames
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        places = [hex(int(a, 16) - 1) for a in own]  # the calls, not where they return to
        done = subprocess.run(["addr2line", "-s", "-f", "-e", binary, *places],
                              capture_output=True, text=True, timeout=20, check=True)
        lines = done.stdout.splitlines()
        named = iter(f"{name} {at}" for name, at in zip(lines[::2], lines[1::2]))
        return [next(named, f) if f.startswith("main+") else f for f in frames]
    return frames


class Bench:
    """One worker's place: a world that goes on from run to run, until it is old or spoilt."""

    def __init__(self, preload, binary="faults/dvcsyncd"):
        self.preload, self.binary = preload, binary
        self.world = None
        self.pushes = 0
        self.runs = 0
        self.spoilt = False

    def close(self):
        """Ends the world; says what the daemon has shown that it must not show (leaks.py)."""
        world, self.world = self.world, None
        with contextlib.suppress(AssertionError) if self.spoilt else contextlib.nullcontext():
            if world is not None:
                self.spoilt = False
                world.close()

    def renew(self):
        self.close()
        world = self.world = World(catalog_rows=3)
        world.agencies_path = world.dir / "agencies.csv"
        lines = harness.AGENCIES.read_text().splitlines(keepends=True)
        world.agencies_path.write_text("".join(lines[:6]))
        with self.small_agencies():
            world.start_portal()
            world.start_province(3, days=4)
        self.gate_port = free_port()
        accounts = world.write_accounts(ACCOUNT)
        world.write_conf(
            top={"keep_payload": "1s", "shutdown_timeout": "3s"},
            source={"poll_every": "1s", "sweep_every": "1h", "slow_sweep_every": "1h",
                    "request_timeout": "5s", "rank": 2},
            dossiers={"also_from": ["cua"]}, catalog={"refresh": "1s"},
            retry={"first": "20ms", "cap": "200ms"})
        world.settings["source cua"] = {
            "profile": "gateway", "listen": f"127.0.0.1:{self.gate_port}",
            "accounts_file": accounts, "answer_timeout": "500ms", "national_status": True}
        world.save_conf()
        self.runs = 0
        self.codes = []
        self.pushed = None
        self.said = ""

    @contextlib.contextmanager
    def small_agencies(self):
        whole = harness.AGENCIES
        harness.AGENCIES = self.world.agencies_path
        try:
            yield
        finally:
            harness.AGENCIES = whole

    # ---- the cycle ----

    def run(self, control, fresh):
        """One cycle under the control file. Returns how the process ended: its exit code."""
        if fresh or self.world is None or self.runs >= RUNS_A_WORLD:
            self.renew()
            if not fresh:
                self.heal()  # a journal that has a past
        self.runs += 1
        world = self.world
        self.log_from = world.log_path.stat().st_size if world.log_path.exists() else 0
        self.start(control)
        with contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError,
                                 KeyError, AssertionError):
            self.disturb()
        if world.daemon.running():
            self.settle("goes on after the fault")
        code = world.daemon.stop(deadline_s=CYCLE_S)
        self.said = self.words()
        if code != 0:
            self.heal()
        return code

    def start(self, control=None):
        environment = {}
        if control is not None:
            environment = {"LD_PRELOAD": str(self.preload), "FAULT_CONTROL": str(control.path),
                           "ASAN_OPTIONS": SANITIZER}
        saved = dict(os.environ)
        os.environ.update(environment)
        try:
            self.world.start(self.binary, wait=False)
        finally:
            os.environ.clear()
            os.environ.update(saved)
        wait_until(lambda: self.world.answers() or not self.world.daemon.running(),
                   "the daemon to answer or to end", CYCLE_S)

    def disturb(self):
        """All the parts of a cycle; what the fault breaks is made good by settle."""
        world = self.world
        world.province.post("step", changes=2)
        world.portal.knob(drop_after_commit_percent=25)  # doubt, and look-ups
        try:
            world.order("/v1/sources/onestop:poll", full=True)
            self.wait_shortly(self.calm)
        finally:
            world.portal.knob(drop_after_commit_percent=0)
        lists = self.lists_read()
        world.order("/v1/flows/catalog:catalog")
        self.push()
        self.wait_shortly(lambda: self.lists_read() > lists, 0.3)
        self.wait_shortly(self.calm)
        for path in ("status", "queue", "metrics", "endpoints/portal", "health/ready"):
            world.get("/v1/" + path)
        world.get("/v1/dossiers/" + self.codes[-1])
        world.change_conf("", log_level=("info", "notice")[self.runs % 2])
        world.order("/v1/reload", reason="a test")

    def lists_read(self):
        return self.world.portal.stats()["calls"]["LayDanhSachTTHC"]

    def wait_shortly(self, condition, seconds=1.5):
        end = time.monotonic() + seconds
        while self.world.daemon.running() and time.monotonic() < end and not condition():
            time.sleep(0.01)

    def calm(self):
        status = self.world.status()
        return all(f["waiting"] == 0 for f in status["flows"]) and status["flows"][0]["idle"]

    # ---- the gateway's client ----

    def gate(self, body, path="/mapi/g"):
        connection = http.client.HTTPConnection("127.0.0.1", self.gate_port, timeout=10)
        with contextlib.closing(connection):
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())

    def push(self):
        """A dossier and a step of it through the gateway: kept in mind until both are taken."""
        if self.pushed is None:
            self.pushes += 1
            self.pushed = f"H56.31.25-261118-{self.pushes:04d}"
            self.codes.append(self.pushed)
        session = self.gate({"username": ACCOUNT[0], "password": ACCOUNT[1]}, "/mapi/login")
        for service, record in (("DongBoHoSoMC", DOSSIER), ("CapNhatTienDoHoSoMC", STEP)):
            reply = self.gate({"session": session["session"], "madonvi": "H56", "service": service,
                               "isUpdating": "False", "data": [{"MaHoSo": self.pushed, **record}]})
            if str(reply["error_code"]) != "0":
                raise AssertionError(f"{service}: {reply}")
        self.pushed = None

    # ---- afterwards ----

    def settle(self, what):
        """All is read, pushed and sent, within the time that a cycle has."""
        world = self.world
        end = time.monotonic() + CYCLE_S
        last = None
        while True:
            if not world.daemon.running():
                return  # judged by its exit code
            try:
                if self.pushed is not None:
                    self.push()
                before = world.flow()["full_sweeps"]
                world.order("/v1/sources/onestop:poll", full=True)
                wait_until(lambda: not world.daemon.running() or (
                    world.flow()["full_sweeps"] > before and self.calm()), "calm", 5, 0.01)
                return
            except (OSError, http.client.HTTPException, json.JSONDecodeError, KeyError,
                    AssertionError) as e:
                last = e
            if time.monotonic() > end:
                raise AssertionError(f"not {what}: {last!r}")
            time.sleep(0.05)

    def heal(self):
        """A start without faults, to the end."""
        self.start()
        if not self.world.daemon.running():
            raise AssertionError("does not start again")
        self.settle("settled after a new start")
        code = self.world.daemon.stop(deadline_s=CYCLE_S)
        if code != 0:
            raise AssertionError(f"ended with {code} without a fault")

    def words(self):
        """The daemon's lines since the fault was armed."""
        with open(self.world.log_path, "rb") as log:
            log.seek(self.log_from)
            return log.read().decode(errors="replace")

    def judge(self):
        """The oracle, the pushes and the journal. Returns lost and duplicated."""
        world = self.world
        report = world.verify()
        lost, duplicated = report["lost"], report["duplicated"]
        effects = collections.Counter((line["code"], line["kind"]) for line in world.ledger()
                                      if line["kind"] in ("dossier", "step") and line["effect"])
        for code in self.codes:
            for kind in ("dossier", "step"):
                n = effects[code, kind]
                lost += n == 0
                duplicated += n > 1
        numbers = {"lost": lost, "duplicated": duplicated,
                   "order_violations": report["order_violations"],
                   "not agreed": report["dossiers"] - report["dossiers_agreed"] +
                   report["steps"] - report["steps_agreed"] +
                   report["procedures"] - report["procedures_agreed"], "held": report["held"]}
        trouble = None
        if any(numbers.values()):
            trouble = f"{numbers} {report['first_mismatches'][:3]}"
        check = world.sql("PRAGMA integrity_check")[0][0]
        if check != "ok":
            trouble = f"integrity_check: {check}"
        return lost, duplicated, trouble

    # ---- one case ----

    def case(self, fault, keep=None):
        """Runs a fault and says what came of it. keep: a folder for the evidence of a failure."""
        path = pathlib.Path(tempfile.gettempdir()) / f"dvcsync-control-{os.getpid()}"
        control = Control(path, MODE_STACK if fault.stack else MODE_NTH, CLASSES.index(fault.klass),
                          fault.fail, fault.stack, fault.n)
        lost = duplicated = 0
        ended, trouble = "?", None
        began = time.monotonic()
        try:
            code = self.run(control, fault.cycle == "fresh")
            ended, trouble = self.explain(code, control)
            lost, duplicated, judged = self.judge()
            trouble = trouble or judged
        except Exception as e:  # whatever it is, this case has failed
            trouble = f"{type(e).__name__}: {e}"
        fired, seen = control.fired, control.seen
        where = " < ".join(symbolize(control.fired_frames()[:8], BUILD / self.binary)) \
            if ended != "went on" or trouble is not None else ""
        errors = [line for line in self.said.splitlines() if line.startswith(("<3>", "dvcsyncd:"))]
        where += f" | {errors[-1]}" if errors else ""
        if trouble is not None:
            trouble = self.describe(trouble, ended, control, fault, keep)
            self.spoilt = True
            self.close()
        control.close()
        return Outcome(fault.name, ended, fired, lost, duplicated, trouble, where,
                       time.monotonic() - began), seen

    def explain(self, code, control):
        """In a word how the process ended, and what is wrong with that."""
        # SQLite takes a read of the journal that fails with EIO for a damaged medium, and so do we.
        damaged = "event=journal_damaged" in self.said and CLASSES[control.klass] == "read"
        if code == 0:
            return "went on", None
        crash = [f.split("+")[0] for f in control.crash_frames()]
        crash = crash[ABORT_FRAMES:] if code == -signal.SIGABRT else crash
        outer = next((f for f in crash if not f.startswith(("libc.", "ld-"))), "libc.so.6")
        if crash[:LIBC_DEEP] == ["libc.so.6"] * LIBC_DEEP:
            outer = "libc.so.6"  # its name service, and not a call of ours that it took badly
        cause = next((f.split("+")[0] for f in control.fired_frames()
                      if not f.startswith(("libc.", "ld-"))), "nothing")
        if code == -signal.SIGABRT and crash[:1] == ["main"]:
            return "aborted by the small-allocation helper", None
        if code < 0 and outer in FRAIL:
            return f"killed by {outer}", None
        if cause in FRAIL and "dynamic memory" in self.said:
            return f"ended by {cause}", None
        if "AddressSanitizer" in self.said or "runtime error" in self.said:
            return "sanitizer", "a sanitizer complains"
        if code < 0:
            return f"signal {-code}", f"ended by signal {-code} in {control.crash_frames()}"
        if code in EXITS_FOR_A_PERSON and not damaged:
            return f"exit {code}", "a fault that passes must not keep the service down"
        said = any("event=start_failed" in line or line.startswith("dvcsyncd:")
                   for line in self.said.splitlines())
        return f"exit {code}", None if said else f"ended with {code} without a word"

    def describe(self, trouble, ended, control, fault, keep):
        frames = symbolize(control.fired_frames(), BUILD / self.binary)
        text = [f"{fault.name}: {trouble}", f"  ended: {ended}", "  where: " + " < ".join(frames)]
        text += ["    " + line for line in self.said.splitlines()[-25:]]
        if keep is not None and self.world is not None:
            keep.mkdir(parents=True, exist_ok=True)
            target = keep / fault.name.replace("/", "-")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(self.world.dir, target,
                            ignore=shutil.ignore_patterns("*.sock", "*.ballast"))
        return "\n".join(text)


DOSSIER = {
    "MaTTHC": "1.000005", "TenTTHC": "Thủ tục", "MaLinhVuc": "G12-TC04", "TenLinhVuc": "Hải quan",
    "KenhThucHien": "1", "ChuHoSo": "Nguyễn Văn An", "LoaiDoiTuong": "1", "HinhThuc": "0",
    "DonViXuLy": "UBND xã Y", "NoiNopHoSo": "2", "TrichYeuHoSo": "Hồ sơ thử",
    "NgayHenTra": "20261121093000", "NgayTiepNhan": "20261118093000", "TrangThaiHoSo": "4"}
STEP = {"NguoiXuLy": "Trần Văn Bé", "ThoiDiemXuLy": "20261118093000", "NoiDungXuLy": "Tiếp nhận",
        "TrangThai": "2"}


def record(preload, binary, say):
    """Two recordings of each cycle: for each its stacks with the lesser count, the calls of each class,
    and the frames of the stacks."""
    found = {}
    for cycle in ("fresh", "later"):
        runs = []
        bench = Bench(preload, binary)
        try:
            for _ in range(2):
                path = pathlib.Path(tempfile.gettempdir()) / f"dvcsync-record-{os.getpid()}"
                control = Control(path, MODE_RECORD)
                code = bench.run(control, cycle == "fresh")
                bench.judge()
                assert code == 0, f"the recorded cycle ended with {code}: {bench.words()}"
                runs.append((control.stacks(), control.counts()))
                control.close()
        finally:
            bench.close()
        (first, frames), counts = runs[0]
        (second, more_frames), _ = runs[1]
        stacks = {key: min(first.get(key, n), second.get(key, n))
                  for key, n in (first | second).items()}
        found[cycle] = stacks, counts, frames | more_frames
        say(f"faults: {cycle} cycle: {len(stacks)} stacks, calls " +
            " ".join(f"{k} {n}" for k, n in counts.items()))
    return found


def plan(found, random_runs, chance):
    """Each stack at its first and last hit, in each way; and calls at random."""
    faults, known = [], set()
    for cycle, (stacks, _, frames) in reversed(found.items()):  # "later" first: it has a past
        for (klass, stack), count in sorted(stacks.items()):
            ours = not any("asan" in frame for frame in frames[klass, stack])
            if (klass, stack) in known or not ours:
                continue
            known.add((klass, stack))
            faults += [Fault(cycle, klass, stack, 1, fail) for fail in WAYS[klass]]
            if count > 1:
                faults.append(Fault(cycle, klass, stack, count, WAYS[klass][0]))
    chance.shuffle(faults)
    for _ in range(random_runs):
        cycle = "fresh" if chance.random() < 0.2 else "later"
        counts = found[cycle][1]
        klass = "alloc" if chance.random() < 0.7 else chance.choice(
            [k for k in CLASSES if counts[k] > 0])
        faults.append(Fault(cycle, klass, 0, chance.randrange(1, counts[klass] + 1),
                            chance.choice(WAYS[klass])))
    return faults, len(known)
