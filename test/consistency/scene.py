"""A month of a province: 2,863 procedures, dossiers, and the plants in it.

The month is the last complete one. What the source must show from the beginning is planted before
anybody reads it; the rest after everything was delivered and both catalogues agreed.
"""

import base64
import calendar
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import random
import sqlite3
import subprocess
import time

import dropin_client
from harness import BUILD, PORTAL_PASSWORD, PROVINCE_PASSWORD, World, conf_section, free_port
from truth import Truth, pair

PROCEDURES = 2863
GATEWAY = ("mot-cua", "mat-khau-mot-cua-thu-nghiem")
CATCH_UP_S = 600
VIETNAM = datetime.timezone(datetime.timedelta(hours=7))
OPEN = ("receiving", "processing", "interoperating", "handover")
AGED_DAYS = 40            # by so much are the overdue ones older than the others
DUMP_ROWS = 1000          # of the province's record in one answer
CERTIFIED = "KQ.H56.999999"

CATALOG_HEALS = {"portal_only": True, "overdue": True, "withdrawn_open": True, "renamed": True,
                 "sector": True, "content": True, "local_only": False, "agency": False,
                 "level": False, "decision": False, "decentralised": False, "independent": False,
                 "process": False, "eform": False}
BY_PROVINCE = ("portal_only", "overdue", "renamed", "sector", "content", "agency", "level",
               "process", "eform")
BY_FACTS = ("decision", "decentralised", "independent")
INTEGRITY = ("no_result", "shared_result", "strange_paper", "dead_link", "unsigned", "supplements",
             "promise_moved", "fee_differs")
RECONCILE_HEALS = {"lost": True, "portal_older": True, "portal_newer": False, "portal_other": False,
                   "not_in_journal": True, "source_ahead": True, "not_at_source": False,
                   "held": False, "never_delivered": False, "waiting": False, "in_grace": False,
                   "tolerated": False, "not_shown": False, "not_answered": False,
                   "source_silent": False}
KINDS = len(CATALOG_HEALS) + len(INTEGRITY) + len(RECONCILE_HEALS)


def last_month(today):
    """The first and the last moment of the last complete month, local time."""
    first = (today.replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
    days = calendar.monthrange(first.year, first.month)[1]
    begin = datetime.datetime(first.year, first.month, 1, tzinfo=VIETNAM)
    return begin, begin + datetime.timedelta(days=days) - datetime.timedelta(seconds=1), days


def shares(total, kinds):
    """How many of each kind, as equal as can be."""
    return [total // kinds + (i < total % kinds) for i in range(kinds)]


class Scene(World):
    def __init__(self, dossiers, differences, seed):
        super().__init__(catalog_rows=PROCEDURES)
        self.dossiers, self.seed = dossiers, seed
        self.chance = random.Random(seed)
        self.truth = Truth()
        self.begin, self.end, self.days = last_month(datetime.datetime.now(VIETNAM).date())
        self.month = f"{self.begin:%Y-%m}"
        names = [("catalog", k) for k in CATALOG_HEALS] + [("integrity", k) for k in INTEGRITY] + \
                [("reconcile", k) for k in RECONCILE_HEALS]
        self.wanted = dict(zip(names, shares(differences, KINDS)))
        self.taken = set()    # dossiers that have a plant already
        self.tables = {}

    # ---- what there is ----

    def read_dump(self):
        """The province's own record of each dossier, a part of it at a time."""
        start = 0
        while True:
            text = self.province.get(f"dump?start={start}&limit={DUMP_ROWS}").text
            if not text:
                return
            for line in text.splitlines():
                yield json.loads(line)
            start += DUMP_ROWS

    def stepconfigs(self):
        """The site's own dictionary of steps, as its readers get it."""
        mark = base64.b64encode(f"demo:{PROVINCE_PASSWORD}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.province.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", "/o/rest/v2/stepconfigs", headers={
                "Authorization": f"Basic {mark}", "groupId": "20126",
                "Accept": "application/json"})
            return json.loads(connection.getresponse().read())["data"]

    def learn(self):
        """What choosing where to plant needs of every dossier."""
        self.world = []
        for line in self.read_dump():
            d = line["dossier"]
            self.world.append({
                "code": line["code"], "expect": line["expect"], "why": line["why"],
                "id": d["dossierId"], "status": d["dossierStatus"], "system": d["systemId"],
                "actions": len(line["actions"]),
                "results": any(f["dossierPartType"] == 2 for f in line["files"])})
        self.chance.shuffle(self.world)

    def candidates(self, fits):
        return [d for d in self.world if d["expect"] == "portal" and d["id"] not in self.taken
                and fits(d)]

    def flaw(self, flaw, dossiers, count):
        """Plants it in as many of these as are wanted; those in which it is."""
        rows = dossiers if dossiers and isinstance(dossiers[0], tuple) else [(d,) for d in dossiers]
        ids = self.province.post("flaw", flaw=flaw, count=count,
                                 dossiers=[[d["id"] for d in row] for row in rows])["planted"]
        if len(ids) != count:
            raise AssertionError(f"{flaw}: {len(ids)} of {count} planted")
        planted = [row for row in rows if row[0]["id"] in set(ids)]
        self.taken |= {d["id"] for row in planted for d in row}
        return planted

    # ---- before anybody reads ----

    def choose_procedures(self):
        """Codes for each kind of the catalogue, and those that are decided by the file of facts."""
        codes = [line.split(",", 1)[0] for line in
                 self.catalog_path.read_text().splitlines()[1:]]
        self.chance.shuffle(codes)
        self.procedures = {}
        for kind in CATALOG_HEALS:
            n = self.wanted["catalog", kind]
            # a form is for what is served online: more to choose from
            self.procedures[kind], codes = codes[:n * 4], codes[n * 4:]
        self.trusted = codes[:50]  # the file says of these what is so
        self.facts_path = self.dir / "facts.csv"
        self.decisions, self.own = {}, []
        self.write_facts(False)

    def write_facts(self, wrong):
        """What no wire tells of both sides; of the province's, other words for what is planted."""
        rows = ["code,side,decision_no,decision_date,decentralised,independent,own\n"]
        answer = "no" if wrong else "yes"
        for code in self.trusted:
            rows.append(f"{code},portal,,,yes,no,\n")
            rows.append(f"{code},local,{self.decisions.get(code, ',')},yes,no,\n")
        for code in self.chosen("decentralised"):
            rows += [f"{code},portal,,,yes,,\n", f"{code},local,,,{answer},,\n"]
        for code in self.chosen("independent"):
            rows += [f"{code},portal,,,,yes,\n", f"{code},local,,,,{answer},\n"]
        for code in self.chosen("decision"):
            told = "1/QĐ-KHONG," if wrong else self.decisions.get(code, ",")
            rows.append(f"{code},local,{told},,,\n")
        rows += [f"{code},local,,,,,yes\n" for code in self.own]
        self.facts_path.write_text("".join(rows))

    def chosen(self, kind):
        return self.procedures[kind][:self.wanted["catalog", kind]]

    def plant_at_source(self):
        """Flaws that a dossier has from its beginning, and dossiers that nobody can see yet."""
        def n(kind):
            return self.wanted["integrity", kind]

        def ended(d):
            return d["status"] == "done"
        self.learn()
        for kind in ("no_result", "dead_link", "unsigned"):
            for (d,) in self.flaw(kind, self.candidates(ended), n(kind)):
                self.truth.plant("integrity", kind, d["code"], False)
        self.flaw("certified", self.candidates(ended), n("unsigned"))
        rest = self.candidates(ended)
        couples = list(zip(rest[::2], rest[1::2]))
        for one, other in self.flaw("shared_result", couples, n("shared_result")):
            self.truth.plant("integrity", "shared_result", pair(one["code"], other["code"]), False)
        for (d,) in self.flaw("strange_paper", self.candidates(lambda d: True), n("strange_paper")):
            self.truth.plant("integrity", "strange_paper", d["code"], False)
        for (d,) in self.flaw("supplements", self.candidates(lambda d: d["actions"] >= 5),
                              n("supplements")):
            self.truth.plant("integrity", "supplements", d["code"], False)
        self.hidden = self.flaw("gone", self.candidates(
            lambda d: d["status"] in OPEN and d["system"] == 0),
            self.wanted["reconcile", "not_in_journal"])

    # ---- the two ends and the daemon ----

    def begin_all(self):
        self.choose_procedures()
        self.start_portal(seed=self.seed)
        for code in self.chosen("withdrawn_open"):
            self.portal.post("plant", kind="withdrawn_open", code=code)
        self.start_province_of_month()
        self.plant_at_source()
        port = free_port()
        self.gateway = f"http://127.0.0.1:{port}"
        # The sources are read when they are told to be, so that nothing is found by chance.
        self.write_conf(
            top={"log_level": "warn"}, catalog={"at": "01:00"},
            dossiers={"start_from": f"{self.begin:%Y-%m-%d}"},
            portal={"decisions": True},
            source={"file_url": self.province.url + "/files/{referenceUid}", "poll_every": "1h",
                    "sweep_every": "24h", "slow_sweep_every": "24h", "max_in_flight": 8},
            extra=conf_section("source cua", {
                "profile": "gateway", "listen": f"127.0.0.1:{port}",
                "accounts_file": self.write_accounts(GATEWAY), "answer_timeout": "5s"}) +
            conf_section("flow pushed", {"kind": "dossiers", "from": "cua", "to": "portal",
                                         "mode": "live"}) +
            conf_section("source folder", {"profile": "spool", "dir": self.dir / "spool",
                                           "poll_every": "1s"}) +
            conf_section("flow parallel", {"kind": "dossiers", "from": "folder", "to": "portal",
                                           "mode": "observe"}) +
            conf_section("reconcile", {"rate": 0, "grace": "2h", "tolerate": ["10/9"]}) +
            conf_section("integrity", {"certified": ["2.000815", "2.000942", CERTIFIED],
                                       "links_allow": [f"127.0.0.1:{self.province.port}"],
                                       "links_plaintext": True}))
        self.change_conf("maps", catalog=self.facts_path)
        self.start()

    def start_province_of_month(self):
        planted = self.wanted["reconcile", "held"]
        if planted != self.wanted["reconcile", "never_delivered"]:
            raise AssertionError("held and never_delivered are planted in equal numbers")
        self.start_province(self.dossiers, seed=self.seed, days=self.days, planted=planted,
                            until=int(self.end.timestamp()))

    def catch_up(self):
        self.settle(CATCH_UP_S)
        self.read_catalogs()

    def read_catalogs(self):
        """One whole reading of both, delivered and compared."""
        lists = self.portal.stats()["calls"]["LayDanhSachTTHC"]
        self.order("/v1/flows/catalog:catalog")
        self.wait(lambda: self.portal.stats()["calls"]["LayDanhSachTTHC"] > lists, "the list")
        self.wait(self.idle, "both catalogues", CATCH_UP_S, pause_s=0.2)

    def run_ctl(self, *arguments, deadline_s=CATCH_UP_S):
        done = subprocess.run([BUILD / "dvcsyncctl", "-f", self.conf_path, *map(str, arguments)],
                              capture_output=True, text=True, timeout=deadline_s)
        self.leaks.hear(done.stdout + done.stderr)
        return done

    def sheet(self, *arguments, fine=(0, 1)):
        """The tables of a report, as JSON."""
        done = self.run_ctl(*arguments, "--format", "json")
        if done.returncode not in fine:
            raise AssertionError(f"{arguments}: exit {done.returncode} {done.stderr[-2000:]}")
        return json.loads(done.stdout)["tables"]

    # ---- after everything was delivered ----

    def push_fees(self):
        """Dossiers that software pushes, with fees: as many right as wrong ones."""
        wrong = self.wanted["integrity", "fee_differs"]
        records = [json.loads(line) for line in self.portal.get("catalog").text.splitlines()]
        priced = [(r, fee) for r in records for fee in [online_fee(r)] if fee is not None]
        self.pushed = [Priced(n, *self.chance.choice(priced), self.end, n < wrong)
                       for n in range(2 * wrong)]
        for dossier in self.pushed:
            if dossier.wrong:
                self.truth.plant("integrity", "fee_differs", dossier.code, False)
        self.priced = priced
        self.push(self.pushed)

    def push(self, dossiers):
        client = dropin_client.Portal(self.gateway, *GATEWAY, "H56")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            deadline = time.monotonic() + CATCH_UP_S
            if not all(pool.map(lambda d: d.live(client, deadline), dossiers)):
                raise AssertionError(f"pushed: {[d.trouble for d in dossiers if d.trouble][:3]}")
        client.close()

    def settle_facts(self):
        """What the portal says of decisions, and what is the province's own, is known now."""
        portal = dropin_client.Portal(self.portal.url + "/forward", "demo", PORTAL_PASSWORD, "H56")
        records = {r["MATTHC"]: r for r in
                   map(json.loads, self.portal.get("catalog").text.splitlines())}
        for code in self.trusted + self.chosen("decision"):
            number = str(records[code]["IDQUYETDINHCONGBO"])
            told = portal.call("LayQDCB", idQDCB=number)[2]["result"][0]
            day = datetime.datetime.strptime(told["NGAYBANHANH"], "%Y%m%d%H%M%S")
            self.decisions[code] = f"{told['SOQUYETDINH']},{day:%Y-%m-%d}"
        portal.close()
        here = map(json.loads, self.province.get("catalog").text.splitlines())
        self.own = [row["serviceCode"] for row in here if row["serviceCode"] not in records]
        self.write_facts(False)

    def plant_promises(self):
        """Read by the daemon as any change."""
        n = self.wanted["integrity", "promise_moved"]
        late = self.candidates(lambda d: d["status"] in OPEN)
        for (d,) in self.flaw("promise_moved", late, n):
            self.truth.plant("integrity", "promise_moved", d["code"], False)

    def plant_catalogs(self):
        """Both catalogues agree before. The daemon is stopped meanwhile."""
        here = {row["serviceCode"]: row for row in
                map(json.loads, self.province.get("catalog").text.splitlines())}
        for kind in BY_PROVINCE + ("withdrawn_open",):
            planted = 0
            for code in self.procedures[kind]:
                if planted == self.wanted["catalog", kind]:
                    break
                if self.province.post("plant", kind=kind, code=code)["planted"]:
                    self.truth.plant("catalog", kind, code, CATALOG_HEALS[kind])
                    planted += 1
            if planted != self.wanted["catalog", kind]:
                raise AssertionError(f"{kind}: {planted} planted")
        for n in range(self.wanted["catalog", "local_only"]):
            code = f"9.{n:06d}"
            if code in here or not self.province.post("plant", kind="local_only",
                                                      code=code)["planted"]:
                raise AssertionError(f"local_only: {code} is there")
            self.truth.plant("catalog", "local_only", code, False)
        self.write_facts(True)
        for kind in BY_FACTS:
            for code in self.chosen(kind):
                self.truth.plant("catalog", kind, code, False)

    def fresh(self, begin, count):
        """More dossiers with the right fee."""
        return [Priced(begin + n, *self.chance.choice(self.priced), self.end, False)
                for n in range(count)]

    def plant_waiting(self):
        """What a connector under test hands in: stored, and not delivered."""
        dossiers = self.fresh(30000, self.wanted["reconcile", "waiting"])
        folder = self.dir / "spool"
        part = folder / "in" / ".waiting.json"
        part.write_text(json.dumps([d.snapshot(1) for d in dossiers]), encoding="utf-8")
        part.rename(folder / "in" / "waiting.json")
        read = "SELECT count(*) FROM subject s JOIN flow f ON f.id = s.flow WHERE f.name = 'parallel'"
        self.wait(lambda: self.sql(read)[0][0] == len(dossiers), "the file to be read")
        for dossier in dossiers:
            self.truth.plant("reconcile", "waiting", dossier.code, RECONCILE_HEALS["waiting"])

    def plant_grace(self):
        """Delivered a moment ago, and the portal does not find it."""
        dossiers = self.fresh(31000, self.wanted["reconcile", "in_grace"])
        self.push(dossiers)
        self.wait(self.idle, "idle")
        codes = [d.code for d in dossiers]
        if self.portal.post("lose", codes=codes)["done"] != codes:
            raise AssertionError("in_grace: not all were there")
        for code in codes:
            self.truth.plant("reconcile", "in_grace", code, RECONCILE_HEALS["in_grace"])

    def age(self, codes):
        """The daemon saw these long ago, and delivered all dossiers long ago. It is stopped."""
        with contextlib.closing(sqlite3.connect(self.journal_path)) as db, db:
            db.execute("UPDATE item SET changed_ms = changed_ms - ?", (AGED_DAYS * 86400000,))
            for code in codes:
                n = db.execute("UPDATE mirror SET first_ms = first_ms - ? WHERE code = ?",
                               (AGED_DAYS * 86400000, code)).rowcount
                if n < 1:
                    raise AssertionError(f"{code} is not in the mirror")

    def plant_between(self):
        """What source, journal and portal do not say alike."""
        def n(kind):
            return self.wanted["reconcile", kind]

        def plant(kind, codes):
            for code in codes:
                self.truth.plant("reconcile", kind, code, RECONCILE_HEALS[kind])

        def quiet(d):
            return d["system"] == 0 and not d["results"]
        self.flaw("back", [d for d, in self.hidden], n("not_in_journal"))
        plant("not_in_journal", [d["code"] for d, in self.hidden])
        plant("source_ahead", [d["code"] for d, in self.flaw(
            "tampered", self.candidates(lambda d: True), n("source_ahead"))])
        plant("not_at_source", [d["code"] for d, in self.flaw(
            "gone", self.candidates(quiet), n("not_at_source"))])
        plant("source_silent", [d["code"] for d, in self.flaw(
            "silent", self.candidates(lambda d: True), n("source_silent"))])
        plant("lost", self.damage("lose", None, lambda d: True, n("lost")))
        # 4, under way; 10, ended; 8, stopped, which no way leads to from 10
        plant("portal_older", self.damage("alter", 4, by_word("done"), n("portal_older")))
        plant("portal_newer", self.damage("alter", 10, by_word("processing"), n("portal_newer")))
        plant("portal_other", self.damage("alter", 8, by_word("done"), n("portal_other")))
        plant("tolerated", self.damage("alter", 9, by_word("done"), n("tolerated")))
        plant("not_shown", self.damage("alter", 0, lambda d: True, n("not_shown")))
        plant("not_answered", self.damage("alter", None, lambda d: True, n("not_answered"),
                                          mute=True))
        held = {d["code"]: d["why"] for d in self.world if d["expect"] == "held"}
        plant("held", [code for code, why in held.items() if "status" in why])
        dropped = [code for code, why in held.items() if "procedure" in why]
        for code in dropped:
            for state in ("pending", "held"):  # its steps first: else they would go alone
                done = self.run_ctl("drop", "--state", state, "--code", code, "--reason",
                                    "not ours", "--yes")
                if done.returncode != 0:
                    raise AssertionError(f"drop {code}: {done.stdout} {done.stderr}")
        plant("never_delivered", dropped)

    def damage(self, how, state, fits, count, **more):
        """Codes of dossiers that the portal has lost, shows in another state, or tells nothing of."""
        chosen = self.candidates(fits)[:count]
        order = {"codes": [d["code"] for d in chosen], **more}
        if state is not None:
            order["state"] = state
        done = self.portal.post(how, **order)["done"]
        if len(done) != count:
            raise AssertionError(f"{how} {state}: {len(done)} of {count}")
        self.taken |= {d["id"] for d in chosen}
        return done


def by_word(word):
    return lambda d: d["status"] == word


def online_fee(record):
    """What the portal's record asks of who hands in online: a code and a sum, or None."""
    for method in record["CACHTHUCTHUCHIEN"]:
        for time_row in method["THOIGIAN"] if str(method["KENH"]) == "2" else ():
            for fee in time_row["PHILEPHI"]:
                digits = fee["SOTIEN"].replace(".", "")
                if digits.isdigit() and int(digits) > 0:
                    return fee["MAPHILEPHI"], int(digits)
    return None


class Priced(dropin_client.Dossier):
    """A dossier that is being worked at, with one paper and one fee of its procedure."""

    def __init__(self, number, record, fee, day, wrong):
        day = day.replace(tzinfo=None, microsecond=0)
        super().__init__(number, [record], day)
        self.code = f"H56.77-{day:%y%m%d}-{number:05d}"
        self.moments = [(status, moment) for (_, moment), status in zip(self.moments, (2, 4))]
        self.fee, self.wrong = fee, wrong
        self.paper = record["THANHPHANHOSO"][0]["GIAYTO"][0]["MAGIAYTO"]

    def snapshot(self, upto):
        record = super().snapshot(upto)
        code, price = self.fee
        record["TaiLieuNop"][0]["MaThanhPhanHoSo"] = self.paper
        record["DanhSachLePhi"][0].update(MaPhiLePhi=code, Gia=str(price + 1000 * self.wrong))
        return record
