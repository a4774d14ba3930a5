"""make faults: everything that can fail under the daemon does, one thing at a time.

Two halves: the n-th failures (nth.py, preload.c) and the cases of cases_*.py. Each run of either is
a case of the last line. FAULT_RUNS=n takes a sample of n n-th failures and the small form of the
cases; SEED chooses it.
FAULT_ASAN_RUNS=n: so many once more under sanitizers (200; none in the small form).
--only TEXT runs what has TEXT in its name.
"""

import argparse
import collections
import contextlib
import importlib
import io
import multiprocessing
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unittest
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE)]

import nth  # noqa: E402 (the path had to be set before)
from harness import BUILD, World  # noqa: E402

WORKERS = 2
CASE_DEADLINE_S = 120
NTH_DEADLINE_S = 240  # of one n-th failure, far above what its own deadlines allow
RANDOM_RUNS = 500
ASAN_RUNS = 200
MEMORY, MEMORY_BYTES = "/dev/shm", 512 << 20
SHOWN = 20  # failures in full
FORK = multiprocessing.get_context("fork")

LEFT_OUT = -1  # instead of a number of lost ones
Result = collections.namedtuple("Result", "lost duplicated", defaults=(0, 0))


class Run:
    """What cases get from the runner."""

    Result = Result

    def __init__(self, seed, short):
        self.seed, self.short, self.build = seed, short, BUILD
        self.preload = BUILD / "faults" / "preload.so"

    def chance(self, name):
        return random.Random(f"{self.seed} {name}")

    @staticmethod
    @contextlib.contextmanager
    def world(**arguments):
        world = World(**arguments)
        try:
            yield world
        finally:
            world.close()

    @staticmethod
    def judge(world, **expected):
        """The oracle: nothing lost, doubled or out of order, everything agreed."""
        report = world.verify()
        numbers = {"order_violations": 0, "dossiers_agreed": report["dossiers"],
                   "steps_agreed": report["steps"], **expected}
        got = {k: report[k] for k in numbers}
        assert got == numbers, f"{got} instead of {numbers}: {report['first_mismatches'][:5]}"
        return Result(report["lost"], report["duplicated"])

    def start(self, world, env=None, **arguments):
        """world.start with more environment; with FAULT_ variables the preload is in it."""
        env = dict(env or {})
        if any(name.startswith("FAULT_") for name in env):
            env.setdefault("LD_PRELOAD", str(self.preload))
        saved = dict(os.environ)
        os.environ.update(env)
        try:
            world.start(**arguments)
        finally:
            os.environ.clear()
            os.environ.update(saved)


def say(text):
    print(text, flush=True)


class Tally:
    """What the last line says."""

    def __init__(self):
        self.cases = self.passed = self.lost = self.duplicated = 0
        self.ended = collections.Counter()
        self.not_reached = 0
        self.started = self.told = time.monotonic()

    def add(self, name, trouble, lost, duplicated):
        self.cases += 1
        self.lost += lost
        self.duplicated += duplicated
        if trouble is None and lost == 0 and duplicated == 0:
            self.passed += 1
        elif self.cases - self.passed <= SHOWN:
            say(f"FAILED {name}\n{trouble or f'lost {lost} duplicated {duplicated}'}")

    def progress(self, what, of):
        now = time.monotonic()
        if now - self.told >= 30:
            self.told = now
            say(f"{now - self.started:4.0f}s  {what} of {of}, {self.cases - self.passed} failed")

    def line(self):
        return (f"faults: cases {self.cases} passed {self.passed} lost {self.lost} "
                f"duplicated {self.duplicated}")


# ---- the n-th failures ----

def nth_worker(preload, binary, faults, at, results, keep):
    """Takes the next fault until none is left."""
    bench = nth.Bench(preload, binary)
    try:
        while True:
            with at.get_lock():
                index, at.value = at.value, at.value + 1
            if index >= len(faults):
                return
            fault = faults[index]
            signal.alarm(NTH_DEADLINE_S)
            outcome, seen = bench.case(fault, keep)
            # Runs differ a little from the recording: once more, at a call that came.
            if not outcome.fired and outcome.trouble is None and seen > 0:
                outcome, _ = bench.case(fault._replace(n=max(1, seen * 3 // 4)), keep)
            signal.alarm(0)
            results.put(outcome)
    finally:
        bench.close()
        results.put(None)


def run_faults(tally, faults, preload, binary):
    keep = BUILD / "faults" / "failed"
    results, at = FORK.SimpleQueue(), FORK.Value("L", 0)
    workers = [FORK.Process(target=nth_worker, args=(preload, binary, faults, at, results, keep))
               for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    working, done = len(workers), 0
    outcomes = open(BUILD / "faults" / "outcomes.txt", "a", encoding="utf-8")
    while working > 0:
        if results.empty():
            # A worker that was ended by its alarm says nothing.
            if not any(worker.is_alive() for worker in workers) and results.empty():
                tally.add("nth", "a worker hung and was ended", 0, 0)
                return
            time.sleep(0.02)
            continue
        outcome = results.get()
        if outcome is None:
            working -= 1
            continue
        done += 1
        reached = "" if outcome.fired else ", not reached"
        print(f"{outcome.name} {outcome.took_s:.1f} s, {outcome.ended}{reached}: {outcome.where}",
              file=outcomes, flush=True)
        tally.add(outcome.name, outcome.trouble, outcome.lost, outcome.duplicated)
        tally.ended[outcome.ended] += 1
        tally.not_reached += not outcome.fired
        tally.progress(f"n-th failures: {done}", len(faults))
    for worker in workers:
        worker.join()
    outcomes.close()


def in_memory():
    """The n-th failures need no disk of their own, and much less time without one."""
    with contextlib.suppress(OSError):
        room = os.statvfs(MEMORY)
        if "TMPDIR" not in os.environ and room.f_bavail * room.f_frsize >= MEMORY_BYTES:
            tempfile.tempdir = MEMORY


def run_nth(run, tally, runs, only):
    """runs: a sample of so many, None for all."""
    in_memory()
    # A stack is known by offsets: nobody may build another daemon over it meanwhile.
    shutil.copy2(BUILD / "dvcsyncd", BUILD / "faults" / "dvcsyncd")
    run_binary(run, tally, "faults/dvcsyncd", runs, only)
    asan_runs = int(os.environ.get("FAULT_ASAN_RUNS") or (0 if runs else ASAN_RUNS))
    if asan_runs > 0 and only is None:
        say("faults: a share of them under AddressSanitizer and UBSan")
        run_binary(run, tally, "faults/asan/dvcsyncd", asan_runs, None)


def run_binary(run, tally, binary, runs, only):
    found = nth.record(run.preload, binary, say)
    faults, stacks = nth.plan(found, RANDOM_RUNS, run.chance("nth"))
    whole = len(faults)
    if only:
        faults = [f for f in faults if only in f.name]
    elif runs is not None:
        faults = run.chance("sample").sample(faults, min(runs, whole))
    say(f"faults: {stacks} distinct call stacks, {whole} faults, {len(faults)} of them now")
    tally.ended.clear()
    tally.not_reached = 0
    run_faults(tally, faults, run.preload, binary)
    say(f"faults: {tally.not_reached} did not come to their call; how the process ended: " +
        ", ".join(f"{how} {n}" for how, n in tally.ended.most_common()))


# ---- the cases ----

def find_cases(run, only):
    found = []
    for path in sorted(HERE.glob("cases_*.py")):
        module = importlib.import_module(path.stem)
        found += [(f"{path.stem[6:]}/{name}", call) for name, call in module.cases(run)
                  if only is None or only in f"{path.stem[6:]}/{name}"]
    return found


def call_case(call, pipe):
    """In a process of its own: sends (words of a failure or None, lost, duplicated)."""
    output = io.StringIO()
    os.setsid()
    try:
        with contextlib.redirect_stdout(output):
            result = call()
        answer = None, int(result.lost), int(result.duplicated)
    except unittest.SkipTest as e:  # what this machine does not allow
        answer = str(e), LEFT_OUT, 0
    except BaseException:  # an assertion, or anything else: the case has failed
        answer = output.getvalue() + traceback.format_exc(), 0, 0
    pipe.send(answer)
    pipe.close()


class Running:
    """A case in its process."""

    def __init__(self, name, call):
        self.name, self.exclusive = name, getattr(call, "exclusive", False)
        deadline_s = getattr(call, "deadline_s", CASE_DEADLINE_S)
        self.pipe, far = FORK.Pipe(duplex=False)
        self.process = FORK.Process(target=call_case, args=(call, far))
        self.process.start()
        far.close()
        self.started = time.monotonic()
        self.end = self.started + deadline_s

    def answer(self):
        """None while it runs."""
        if self.pipe.poll(0):
            try:
                answer = self.pipe.recv()
            except EOFError:
                self.process.join()
                answer = f"the case's process ended with {self.process.exitcode}", 0, 0
            self.process.join()
            return answer
        if time.monotonic() < self.end:
            return None
        self.process.kill()  # its children go with it
        self.process.join()
        return f"not ended after {self.end - self.started:.0f} s", 0, 0


def run_cases(cases, tally):
    waiting, running = list(cases), []
    while waiting or running:
        room = WORKERS - len(running)
        if waiting and room > 0 and not any(r.exclusive for r in running):
            exclusive = getattr(waiting[0][1], "exclusive", False)
            if not exclusive or not running:
                running.append(Running(*waiting.pop(0)))
                continue
        for one in list(running):
            answer = one.answer()
            if answer is not None and answer[1] == LEFT_OUT:
                running.remove(one)
                say(f"  left out: {one.name}: {answer[0]}")
            elif answer is not None:
                running.remove(one)
                tally.add(one.name, *answer)
                say(f"  {'ok' if answer[0] is None else 'NOT OK'}  {one.name} "
                    f"({time.monotonic() - one.started:.1f} s)")
        time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="cases with this in their name")
    parser.add_argument("--half", choices=("nth", "cases", "both"), default=None)
    arguments = parser.parse_args()
    runs = os.environ.get("FAULT_RUNS") or None
    seed = int(os.environ.get("SEED", "1"))
    run, tally = Run(seed, runs is not None), Tally()
    half = arguments.half or ("both" if arguments.only is None else
                              "nth" if arguments.only.startswith("nth/") else "cases")
    say(f"faults: seed {seed}")
    shutil.rmtree(BUILD / "faults" / "failed", ignore_errors=True)
    (BUILD / "faults" / "outcomes.txt").unlink(missing_ok=True)
    if half != "nth":
        run_cases(find_cases(run, arguments.only), tally)
    if half != "cases":
        run_nth(run, tally, int(runs) if runs else None, arguments.only)
    say(tally.line())
    return 0 if tally.cases > 0 and tally.cases == tally.passed else 1


if __name__ == "__main__":
    sys.exit(main())
