"""The month's figures counted again, from the province's own record and the portal's ledger.

Shares nothing with the daemon but the words of the definitions that every report prints. Statuses,
dates and levels are worked out here from what the two sandboxes say.
"""

import collections
import csv
import datetime
import json

import dropin_client
from harness import AGENCIES, PORTAL_PASSWORD

HOUR_S, DAY_S = 3600, 86400
VIETNAM = datetime.timezone(datetime.timedelta(hours=7))

# OpenCPS's words (conf/maps/status.csv): a sub-status before its status.
STATUS = {"new": 1, "receiving": 2, "receiving_1": 1, "unresolved": 3, "processing": 4,
          "interoperating": 4, "handover": 4, "waiting": 5, "waiting_2": 6, "paying": 6,
          "cancelling": 7, "cancelled": 7, "denied": 8, "denied_1": 3, "releasing": 9,
          "posting": 9, "done": 10}
LEVELS = (("toàn trình", "full", 3), ("một phần", "partial", 1), ("", "online", 2))
SHARED = ("received", "online", "direct")
JOURNAL_ONLY = ("read_late", "end_read_late")  # when it stored something, neither sandbox knows


def seconds(text, form="%d/%m/%Y %H:%M:%S"):
    """UTC seconds of a local time, 0 for none."""
    if not text:
        return 0
    return int(datetime.datetime.strptime(text, form).replace(tzinfo=VIETNAM).timestamp())


def status_of(status, substatus):
    return STATUS.get(substatus) or STATUS.get(status, 0)


class Told:
    """When the portal acknowledged what: by its ledger, milliseconds."""

    def __init__(self, scene):
        self.first = collections.defaultdict(dict)  # code: status: when
        for line in scene.ledger("dossier"):
            status = int(line["record"]["TrangThaiHoSo"])
            self.first[line["code"]].setdefault(status, line["at_ms"])

    def of(self, code, statuses):
        times = [ms for status, ms in self.first[code].items() if status in statuses]
        return min(times, default=0)


class Case:
    """A dossier as the definitions look at it."""

    def __init__(self, code, procedure, agency, online):
        self.code, self.procedure, self.agency, self.online = code, procedure, agency, online
        self.status = self.received = self.promised = self.first_promised = self.end = 0
        self.words = []  # (status, when), oldest first

    def supplement(self, until):
        """Seconds that it waited for supplements."""
        total, since = 0, None
        for status, at in self.words:
            if at >= until or status == 0:
                continue
            if status == 5 and since is None:
                since = at
            elif status != 5 and since is not None:
                total, since = total + at - since, None
        return total if since is None else total + until - since

    def deadline(self, until):
        waited = self.supplement(until)
        return max(self.promised, self.first_promised + waited) if waited else self.promised


def from_province(line, moved):
    d = line["dossier"]
    case = Case(line["code"], d["serviceCode"], d["govAgencyCode"], d["online"] == "true")
    case.status = status_of(d["dossierStatus"], d["dossierSubStatus"])
    case.received = seconds(d["receiveDate"])
    case.promised = case.first_promised = seconds(d["dueDate"])
    if line["code"] in moved:
        case.first_promised -= 3 * DAY_S
    for action in line["actions"]:
        if action["state"] != 2 and not action["pending"]:
            case.words.append((line["steps"][action["stepCode"]], action["createDate"] // 1000))
    if case.status in (9, 10):
        case.end = seconds(d["releaseDate"]) or seconds(d["finishDate"])
    elif case.status in (3, 8):
        case.end = seconds(d["lastActionDate"])
    elif case.status == 7 and case.received:
        case.end = min(at for status, at in case.words if status == 7)
    return case


def from_push(dossier):
    case = Case(dossier.code, dossier.procedure["MATTHC"], "", True)
    case.words = [(status, seconds(dropin_client.stamp(at), "%Y%m%d%H%M%S"))
                  for status, at in dossier.moments]
    case.status, case.received = case.words[-1][0], case.words[0][1]
    case.promised = case.first_promised = case.received + 3 * DAY_S
    return case


def count(case, begin, close, told, now):
    """The names of the figures that it counts for."""
    names = []
    if begin <= case.received < close:
        names += ["received", "online" if case.online else "direct"]
        at = told.of(case.code, range(2, 11))
        late = at / 1000 - case.received
        names += ["not_there"] if not at else ["within_day"] if late <= DAY_S else ["after_day"]
        names += ["within_hour"] if at and late <= HOUR_S else []
    if begin <= case.end < close:
        names.append("settled")
        names += {8: ["stopped"], 7: ["withdrawn"], 3: ["refused"]}.get(case.status, [])
        deadline = case.deadline(case.end)
        if not deadline:
            names.append("no_promise")
        elif case.end > deadline:
            names.append("overdue")
        else:
            names.append("on_time")
            same = (9, 10) if case.status in (9, 10) else (case.status,)
            at = told.of(case.code, same)
            if at > deadline * 1000 + 999 or (not at and now > deadline):
                names.append("late_by_sync")
    if case.received and case.received < close and (not case.end or case.end >= close):
        deadline = case.deadline(close)
        names += ["waiting", "waiting_no_promise" if not deadline else
                  "waiting_overdue" if deadline < close else "waiting_in_time"]
    return names


def public_procedures(scene):
    records = map(json.loads, scene.portal.get("catalog").text.splitlines())
    return {record["MATTHC"] for record in records if str(record["TRANGTHAI"]) == "1"}


def service_levels(scene, public):
    """The level of each procedure that has a service, and how many services each level has."""
    portal = dropin_client.Portal(scene.portal.url + "/forward", "demo", PORTAL_PASSWORD, "H56")
    listed = portal.call("LayDVC")[2]["result"]
    portal.close()
    best, services, of_public = {}, collections.Counter(), 0
    for row in listed["data"] if isinstance(listed, dict) else listed:
        level, rank = next((name, rank) for word, name, rank in LEVELS
                           if row["TENDVC"].lower().endswith(word))
        services[level] += 1
        of_public += row["MATTHC"] in public
        best[row["MATTHC"]] = max(best.get(row["MATTHC"], (0, "")), (rank, level))
    return {code: level for code, (_, level) in best.items()}, services, of_public


def counted(scene):
    """(table, row, figure): number."""
    with open(AGENCIES, encoding="utf-8", newline="") as file:
        tiers = {row["code"]: "commune" if row["level"] == "commune" else "province"
                 for row in csv.DictReader(file)}
    public = public_procedures(scene)
    levels, services, of_public = service_levels(scene, public)
    told = Told(scene)
    begin, close = int(scene.begin.timestamp()), int(scene.end.timestamp()) + 1
    now = int(datetime.datetime.now().timestamp())
    out = collections.Counter()
    for case in cases(scene):
        code = ".".join(case.procedure.split(".")[:2])
        level = levels.get(code, "information") if code in public else "unknown"
        for name in count(case, begin, close, told, now):
            out["figures", name] += 1
            out["levels", tiers.get(case.agency, "unknown"), name] += 1
            if name in SHARED:
                out["services", level, name] += 1
                out["year", name] += name != "direct"
    for level, n in services.items():
        out["services", level, "services"] = n
    out["year", "services"] = of_public
    return out


def cases(scene):
    """All that the daemon was given: what is no business of the portal is left out."""
    steps = {row["stepCode"]: status_of(row["dossierStatus"], row["dossierSubStatus"])
             for row in scene.stepconfigs()}
    moved = scene.truth.keys("integrity", "promise_moved")
    hidden = {d["code"] for d, in scene.hidden}
    for line in scene.read_dump():
        if line["expect"] in ("portal", "held") and line["code"] not in hidden:
            yield from_province({**line, "steps": steps}, moved)
    yield from map(from_push, scene.pushed)


def recount(scene):
    """What the report told, and the same counted again; by table, row and figure."""
    tables = scene.sheet("report", "--month", scene.month)
    told = {("figures", row["figure"]): row["dossiers"] for row in tables["figures"]["rows"]
            if row["figure"] not in JOURNAL_ONLY}
    told |= {("year", row["figure"]): row["n"] for row in tables["year"]["rows"]
             if row["figure"] in ("received", "online", "services")}
    for row in tables["levels"]["rows"]:
        told |= {("levels", row["code"], name): n for name, n in row.items()
                 if row["code"] != "all" and isinstance(n, int)}
    for row in tables["services"]["rows"]:
        told |= {("services", row["level"], name): row[name] for name in (*SHARED, "services")
                 if row["level"] != "all" and isinstance(row[name], int)}  # else hidden: few
    again = counted(scene)
    return told, {key: again[key] for key in told} | {
        key: n for key, n in again.items() if key[0] == "figures"}
