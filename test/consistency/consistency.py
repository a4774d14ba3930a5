#!/usr/bin/env python3
"""make consistency: a month in which differences are planted at known places; all of them are
found, no other, and what can be healed is.

The last complete month of a province with 2,863 procedures: everything is delivered, both
catalogues agree. Then differences of every kind that catalog report, reconcile and integrity tell are planted
(scene.py), found, healed by catalog heal and reconcile --fix, and looked for again. Whether a
difference was found is a matter of its kind and its code, not of a number (truth.py). Last, report
--month is counted again from the province's own record (recount.py). doc/consistency.md tells more.

  CONSISTENCY_DOSSIERS=n (30000) CONSISTENCY_DIFFERENCES=n (500) SEED=n BUILD=folder consistency.py
"""

import collections
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from harness import BUILD  # noqa: E402
from recount import recount  # noqa: E402
from scene import CATCH_UP_S, Scene  # noqa: E402

DOSSIERS = int(os.environ.get("CONSISTENCY_DOSSIERS", "30000"))
DIFFERENCES = int(os.environ.get("CONSISTENCY_DIFFERENCES", "500"))
SEED = int(os.environ.get("SEED", "1"))
LINKS, LINKS_RATE = 100000, 1000
SHOWN = 8                 # wrong ones of a kind that are named


class Run:
    def __init__(self):
        self.scene = Scene(DOSSIERS, DIFFERENCES, SEED)
        self.begun = time.monotonic()
        self.wrong = []

    def tell(self, text):
        print(f"  {time.monotonic() - self.begun:4.0f} s  {text}", flush=True)

    # ---- the world ----

    def prepare(self):
        scene = self.scene
        scene.begin_all()
        self.tell(f"world: {DOSSIERS} dossiers of {scene.month}, {len(scene.world)} with what is "
                  f"no business of the portal, seed {SEED}")
        scene.catch_up()
        self.tell(f"delivered: {scene.portal.stats()['dossiers']} dossiers")
        scene.push_fees()
        scene.settle_facts()
        scene.plant_promises()
        scene.settle(CATCH_UP_S)
        before = self.find_catalog()
        self.expect_none("before anything is planted", before)

    def plant(self):
        scene = self.scene
        scene.plant_catalogs()
        scene.read_catalogs()
        scene.plant_waiting()
        scene.stop()
        scene.age(scene.truth.keys("catalog", "overdue"))
        scene.start()
        scene.settle(CATCH_UP_S)  # a start reads the sources: before something is hidden in them
        scene.plant_grace()
        scene.plant_between()
        path = BUILD / "consistency" / "planted.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        scene.truth.save(path)
        kinds = scene.truth.kinds()
        self.tell(f"planted: {sum(kinds.values())} differences of {len(kinds)} kinds, at least "
                  f"{min(kinds.values())} each: {path}")

    # ---- finding ----

    def find(self, fix):
        found = self.find_catalog() | self.find_between(fix) | self.find_integrity()
        self.tell(f"found: {len(found)} findings")
        return found

    def find_catalog(self):
        rows = self.scene.sheet("catalog", "report")["differences"]["rows"]
        return {("catalog", row["kind"], row["code"]) for row in rows}

    def find_between(self, fix):
        scope = ("--month", self.scene.month)
        tables = self.scene.reconcile_fix(*scope, deadline_s=CATCH_UP_S)[1]["tables"] if fix \
            else self.scene.sheet("reconcile", *scope)
        return {("reconcile", row["kind"], row["code"]) for row in tables["dossiers"]["rows"]}

    def find_integrity(self):
        tables = self.scene.sheet("integrity", "--links", LINKS, "--rate", LINKS_RATE)
        return {("integrity", row["kind"], row["code"]) for row in tables["findings"]["rows"]}

    # ---- judging ----

    def expect_none(self, when, found):
        for area, kind, key in sorted(found)[:SHOWN]:
            self.wrong.append(f"{when}: {area} {kind} {key}")

    def judge(self, when, judgement):
        for what, entries in (("missed", judgement.missed), ("false", judgement.false)):
            kinds = collections.defaultdict(list)
            for area, kind, key in sorted(entries):
                kinds[area, kind].append(key)
            for (area, kind), keys in kinds.items():
                self.wrong.append(f"{when}: {what} {len(keys)} of {area} {kind}: "
                                  f"{', '.join(keys[:SHOWN])}")

    def show(self, first, second):
        planted, found = self.scene.truth.kinds(), collections.Counter()
        healed = collections.Counter((a, k) for a, k, _ in second.found)
        found.update((a, k) for a, k, _ in first.found)
        heals = {(a, k) for a, k, _ in self.scene.truth.healable()}
        for area, kind in planted:
            told = f"healed {healed[area, kind]}" if (area, kind) in heals else "for a person"
            print(f"  {area:9} {kind:15} planted {planted[area, kind]:3} found "
                  f"{found[area, kind]:3} {told}")

    def heal(self):
        done = self.scene.run_ctl("catalog", "heal")
        if done.returncode not in (0, 1):
            raise AssertionError(f"catalog heal: {done.stdout[-1000:]} {done.stderr}")
        self.scene.wait(self.scene.idle, "idle", CATCH_UP_S)
        self.scene.read_catalogs()
        self.tell("healed")

    def figures(self):
        told, counted = recount(self.scene)
        for name in sorted(told.keys() | counted.keys()):
            if told.get(name) != counted.get(name):
                self.wrong.append(f"report: {name} is {told.get(name)}, counted again "
                                  f"{counted.get(name)}")
        self.tell(f"report of {self.scene.month}: {len(counted)} figures counted again")

    def run(self):
        self.prepare()
        self.figures()
        self.plant()
        truth = self.scene.truth
        first = truth.judge(self.find(fix=True))
        self.judge("first run", first)
        self.heal()
        second = truth.judge_healed(self.find(fix=False))
        self.judge("second run", second)
        self.show(first, second)
        return (len(truth.planted), len(first.found), len(first.false) + len(second.false),
                len(truth.healable()), len(second.found))


def main():
    run = Run()
    try:
        planted, found, false, healable, healed = run.run()
    except Exception:
        print(run.scene.log_tail(), file=sys.stderr)
        raise
    finally:
        run.scene.close()
    for text in run.wrong:
        print(f"FAILED {text}", file=sys.stderr)
    print(f"consistency: planted {planted} found {found} false {false} healable {healable} "
          f"healed {healed}")
    return 1 if run.wrong or found != planted or false or healed != healable else 0


if __name__ == "__main__":
    sys.exit(main())
