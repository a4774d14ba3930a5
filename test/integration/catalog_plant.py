"""Differences between the two catalogues, planted at known places; for tests and for larger runs.

Most are made by an order to one end of the sandbox, which takes a kind and a code (POST
/_sandbox/plant). What no wire shows stands in the operator's file of facts, and the clock of what is
overdue in the journal of a daemon that rests.
"""

import contextlib
import csv
import json
import sqlite3

FACTS = ("decision", "decentralised", "independent")
# by an order to the province; withdrawn_open also by one to the portal, before
ORDERED = ("local_only", "portal_only", "overdue", "withdrawn_open", "renamed", "sector", "agency",
           "content", "level", "process", "eform")
KINDS = ORDERED + FACTS
HEALED = ("portal_only", "overdue", "withdrawn_open", "renamed", "sector", "content")
COLUMNS = ("code", "side", "decision_no", "decision_date", "decentralised", "independent", "own")
DAY_MS = 86400000


class Plants:
    """The facts of an undisturbed province first, then one difference after the other."""

    def __init__(self, world):
        self.world = world
        self.planted = set()
        self.facts = {}
        self.facts_path = world.dir / "maps" / "catalog.csv"
        self.save()

    def procedures(self):
        """The portal's, as the mirror has them: code to record."""
        rows = self.world.sql("SELECT code, body FROM mirror WHERE kind = 3 AND active = 1")
        return {code: json.loads(body) for code, body in rows}

    def online(self, code):
        return self.world.sql("SELECT level FROM local_catalog WHERE code = ?", code)[0][0] > 2

    def know_facts(self):
        """Both sides tell the same of everything, and the province's own procedures are known."""
        decisions = {code: json.loads(body) for code, body in self.world.sql(
            "SELECT code, body FROM mirror WHERE kind = 11")}
        for code, record in self.procedures().items():
            decision = decisions[record["decision_id"]]
            day = decision["extra"]
            same = {"decentralised": "no", "independent": "no"}
            self.facts[code, "portal"] = dict(same)
            self.facts[code, "local"] = {"decision_no": decision["parent"],
                                         "decision_date": f"{day[:4]}-{day[4:6]}-{day[6:8]}", **same}
        for code, in self.world.sql("SELECT code FROM local_catalog WHERE code LIKE 'TTHC%'"):
            self.facts[code, "local"] = {"own": "yes"}
        self.save()

    def save(self):
        with open(self.facts_path, "w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, COLUMNS)
            out.writeheader()
            for (code, side), values in self.facts.items():
                out.writerow({"code": code, "side": side, **values})

    def at_portal(self, kind, code, **more):
        return self.world.portal.post("plant", kind=kind, code=code, **more)["planted"]

    def at_province(self, kind, code, **more):
        return self.world.province.post("plant", kind=kind, code=code, **more)["planted"]

    def prepare(self, kind, code):
        """What must be read by the daemon before plant() is called."""
        if kind == "withdrawn_open" and self.at_portal(kind, code) != 1:
            raise AssertionError(f"{kind} {code} was not planted at the portal")

    def plant(self, kind, code, **more):
        if kind in ORDERED and self.at_province(kind, code, **more) != 1:
            raise AssertionError(f"{kind} {code} was not planted at the province")
        if kind == "decision":
            self.facts[code, "local"]["decision_no"] += "/khác"
        elif kind in FACTS:
            self.facts[code, "local"][kind] = "yes"
        self.planted.add((kind, code))
        self.save()

    def age(self, days=15):
        """The overdue ones were first seen so many days ago. The daemon must rest."""
        with contextlib.closing(sqlite3.connect(self.world.journal_path, timeout=20)) as db:
            for kind, code in self.planted:
                if kind == "overdue":
                    db.execute("UPDATE mirror SET first_ms = first_ms - ? WHERE kind = 3 AND "
                               "code = ?", (days * DAY_MS, code))
            db.commit()

    # ---- what the daemon and its command say ----

    def local_read(self):
        if not self.world.journal_path.exists():
            return 0
        rows = self.world.sql("SELECT value FROM fact WHERE name = 'catalog-local-read'")
        return int(rows[0][0]) if rows else 0

    def settle(self, order=None, deadline_s=120):
        """Until the province's list was read after this call and nothing is on its way."""
        before = self.local_read()
        if order is not None:
            order()
        self.world.wait(lambda: self.local_read() > before and self.world.idle(),
                        "the province's list", deadline_s)

    def read(self):
        self.settle(lambda: self.world.order("/v1/flows/catalog:catalog"))

    def report(self, *options):
        done = self.world.ctl("catalog", "report", "--format", "json", *options)
        if done.returncode not in (0, 1):
            raise AssertionError(f"catalog report: {done.returncode} {done.stderr}")
        return json.loads(done.stdout) | {"exit": done.returncode}

    def found(self):
        rows = self.report()["tables"]["differences"]["rows"]
        return {(row["kind"], row["code"]) for row in rows}
