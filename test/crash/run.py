#!/usr/bin/env python3
"""make crash: the daemon dies at every crash point and at random moments; nothing may be lost or doubled.

First each scenario runs undisturbed and notes which points it hits. Then, for each scenario and each
point that it hits, the same life with a death at the first hit (and, where a point is hit often, at a
middle one): the end must be the undisturbed one's. Then a control that forgets doubt must be found
losing. Then KILLS random kills, from SEED.

    KILLS=n (1000)  SEED=n (1)  BUILD=folder
    LIVES=all|core  core (for make ci): points in the lives of CORE, and elsewhere only those that no life
                    of CORE reaches; points of starting and stopping, which are the same in all, once
    SCENARIOS=a,b   only these; points that they don't reach are then missing
"""

import collections
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import time

import kills
from case import BUILD, Case
from scenarios import SCENARIOS

SIDE_BY_SIDE = 2
TURNS = 3
OFTEN = 8           # hits from which on a middle one is tried too
BAD = ("lost", "duplicated", "order violations")
CORE = ("first", "retry", "unsure", "batch", "catalogue", "intake")
START = ("schema_", "create_", "open_", "flow_", "close_", "journal_locked", "recover_before",
         "recover_committed", "portal_login_")
# Deaths of the first life that lose something when doubt is forgotten, and must then be found.
CONTROLS = ("portal_answered:6", "send_answered:5")

Result = collections.namedtuple("Result", "scenario crash crashed verdict content error seconds")


def run_case(scenario, crash=None, hits=None, binary="crash/dvcsyncd"):
    begun = time.monotonic()
    verdict, content, error = (0, 0, 0), {}, None
    case = None
    try:
        case = Case(crash, hits, binary)
        verdict = SCENARIOS[scenario](case)
        case.integrity()
        content = case.content()
    except Exception as e:  # whatever it is, the case has failed
        error = f"{type(e).__name__}: {e}"
    crashed = case is not None and case.crashed
    try:
        if case is not None:
            case.close()
    except AssertionError as e:
        error = error or str(e)
    return Result(scenario, crash, crashed, verdict, content, error, time.monotonic() - begun)


def differences(content, wanted):
    """Words for what is not as in the undisturbed life."""
    said = []
    for kind in wanted:
        more = [x for x in content.get(kind, []) if x not in wanted[kind]]
        less = [x for x in wanted[kind] if x not in content.get(kind, [])]
        if more or less:
            said.append(f"{kind}: {len(more)} more {more[:1]}, {len(less)} less {less[:1]}"[:600])
    return said


class Run:
    def __init__(self, pool):
        self.pool = pool
        self.points = subprocess.run([BUILD / "crash" / "points"], capture_output=True, text=True,
                                     check=True).stdout.split()
        self.wanted = {}                            # scenario: content
        self.hits = {}                              # scenario: Counter
        self.died = set()
        self.bad = collections.Counter()
        self.failed = 0

    def complain(self, result, words):
        self.failed += 1
        print(f"  {result.scenario} {result.crash or 'undisturbed'}: {words}", flush=True)

    def judge(self, result):
        """Whether the end is the one that it must be."""
        before = self.failed
        if result.error is not None:
            self.complain(result, result.error)
            return False
        for name, n in zip(BAD, result.verdict):
            self.bad[name] += n
            if n:
                self.complain(result, f"{name} {n}")
        for words in differences(result.content, self.wanted.get(result.scenario, {})):
            self.complain(result, f"differs: {words}")
        return self.failed == before

    def record(self, names):
        """The undisturbed lives: how they end, and what they hit. Some points need two things to meet;
        while one was hit in none of them, all live once more."""
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(TURNS):
                running = [(name, self.pool.submit(run_case, name, None,
                                                   os.path.join(folder, f"{name}.{turn}")))
                           for name in names]
                for name, future in running:
                    result = future.result()
                    if self.judge(result):
                        self.wanted[name] = result.content
                        with open(os.path.join(folder, f"{name}.{turn}"), encoding="ascii") as file:
                            hits = collections.Counter(file.read().split())
                        self.hits[name] = hits | self.hits.get(name, collections.Counter())
                if all(any(hits[p] for hits in self.hits.values()) for p in self.points):
                    break

    def cases(self, core):
        run = collections.Counter()
        most = {point: max(self.hits, key=lambda s: self.hits[s][point])
                for hits in self.hits.values() for point in hits}
        for name, hits in self.hits.items():
            for point, n in hits.items():
                if core and run[point] and (name not in CORE or point.startswith(START)):
                    continue
                run[point] += 1
                yield name, f"{point}:1"
                if n >= OFTEN and most[point] == name:
                    yield name, f"{point}:{n // 2}"

    def die(self, core):
        """Every point in every life that reaches it, or in those that count; what came in none of them
        is tried again."""
        deaths = collections.Counter()
        cases = list(self.cases(core))
        for _ in range(TURNS):
            running = [self.pool.submit(run_case, *case) for case in cases]
            for n, future in enumerate(running):
                if n % 100 == 0:
                    print(f"  {n} of {len(running)} deaths", flush=True)
                result = future.result()
                if self.judge(result) and result.crashed:
                    deaths[result.scenario] += 1
                    self.died.add(result.crash.split(":")[0])
            cases = [(name, f"{point}:1") for name, hits in self.hits.items() for point in hits
                     if point not in self.died]
        for name, hits in self.hits.items():
            print(f"  {name}: {len(hits)} points, {deaths[name]} deaths")
        print(f"  {sum(deaths.values())} deaths", flush=True)

    def control(self):
        """The same judge must see what a daemon that forgets doubt makes of the same deaths."""
        for point in CONTROLS:
            result = run_case("first", point, binary="crash/dvcsyncd-losing")
            found = sum(result.verdict)
            print(f"  control, doubt forgotten, {point}: lost or doubled {found}")
            if not result.crashed or result.error is not None or found == 0:
                self.complain(result, f"the control was not found out: {result.error}")

    def kill(self, number, seed):
        shares = [number // SIDE_BY_SIDE + (i < number % SIDE_BY_SIDE)
                  for i in range(SIDE_BY_SIDE)]
        made = 0
        running = [self.pool.submit(kills.life, n, seed + i)
                   for i, n in enumerate(shares) if n > 0]
        for future in running:
            try:
                n, *verdict = future.result()
            except Exception as e:  # whatever it is, the life has failed
                self.failed += 1
                print(f"  kills: {type(e).__name__}: {e}")
                continue
            made += n
            for name, count in zip(BAD, verdict):
                self.bad[name] += count
        return made


def main():
    number, seed = int(os.environ.get("KILLS", "1000")), int(os.environ.get("SEED", "1"))
    names = [n for n in os.environ.get("SCENARIOS", "").split(",") if n] or list(SCENARIOS)
    begun = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(SIDE_BY_SIDE) as pool:
        run = Run(pool)
        run.record(names)
        run.die(os.environ.get("LIVES", "all") == "core")
        run.control()
        print(f"  points: {time.monotonic() - begun:.0f} s; kills: seed {seed}", flush=True)
        made = run.kill(number, seed)
    missing = [p for p in run.points if p not in run.died]
    if missing:
        print(f"never hit: {' '.join(missing)}")
    if run.bad["order violations"]:
        print(f"order violations: {run.bad['order violations']}")
    print(f"seconds: {time.monotonic() - begun:.0f}; failures: {run.failed}")
    print(f"crash: points {len(run.died)}/{len(run.points)} kills {made} lost {run.bad['lost']} "
          f"duplicated {run.bad['duplicated']}")
    return 1 if missing or run.failed or made != number or sum(run.bad.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
