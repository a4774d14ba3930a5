"""The lives in which the daemon dies: each takes a Case, drives it to its end and returns the oracle's
(lost, duplicated, order violations)."""

import base64
import contextlib
import csv
import http.client
import json
import os
import sqlite3
import time

import older
from case import FAST, HISTORY_ENDS_S, RETRY, Failed
from harness import (AGENCIES, PROVINCE_PASSWORD, ROOT, Sandbox, UnixConnection, ask, conf_section,
                     free_port)

FINAL = ("done", "cancelled", "denied", "unresolved")
ACCOUNT = ("mot-cua", "mat-khau-mot-cua-thu-nghiem")
BASIC = {"Authorization": "Basic " + base64.b64encode(":".join(ACCOUNT).encode()).decode(),
         "Content-Type": "application/json"}
REST = {"poll_every": "1h"}


# ---- a province that is polled ----

def world_of(c, dossiers=4, source=None, portal=None, catalog=False, province=None, conf=None,
             **knobs):
    w = c.world
    w.start_portal(**knobs)
    w.start_province(dossiers, days=3, until=HISTORY_ENDS_S, **(province or {}))
    w.write_conf(source={**FAST, **(source or {})}, portal={"max_in_flight": 3, **(portal or {})},
                 catalog=catalog, retry=RETRY, **(conf or {}))
    return w


def live(c, changes=4):
    """A first reading, changes, a second one, a clean stop."""
    c.begin()
    c.settle()
    c.change(changes)
    c.settle()
    c.stop()
    return c.verdict()


def first(c):
    world_of(c)
    return live(c)


def retry(c):
    world_of(c, fail_429_percent=20, burst_every=7, burst_calls=3, burst_status=429,
             session_calls=9)
    return live(c)


def unsure(c):
    world_of(c, drop_after_commit_percent=30, lookup_fail_percent=20, duplicate_code="mix")
    return live(c)


def batch(c):
    world_of(c, 8, portal={"transport": "bridge", "batch": 5}, drop_after_commit_percent=15)
    return live(c)


def restart(c):
    """Calls of the first daemon are done and never answered: the second finds them INFLIGHT."""
    w = world_of(c, latency_ms=300)
    c.begin()
    c.until(lambda: w.portal.stats()["effects"] >= 2, "calls that are done")
    c.kill()
    w.portal.knob(latency_ms=0)
    return live(c, changes=2)


# ---- the catalogue ----

def delivered(w):
    """Nothing is on its way; idle says so only after the engine's next upkeep."""
    return w.sql("SELECT count(*) FROM item WHERE state < 4")[0][0] == 0



def catalogue(c):
    """Read and handed over; then another version of it, until both sides agree."""
    w = world_of(c, 0, catalog={})
    c.settle = lambda: c.until(agreed, "agreement")

    def read_at():
        return w.sql("SELECT ifnull(max(CAST(value AS INTEGER)), 0) FROM fact "
                     "WHERE name = 'catalog-read-3'")[0][0]

    def read_again():
        before = c.until(lambda: (read_at(),), "the journal")[0]
        c.order_until("/v1/flows/catalog:catalog", lambda: read_at() > before and delivered(w))

    def agreed():
        answer = w.get("/v1/catalog").json()
        return answer["equal"] > 0 and not any(
            answer["differences"][k]["count"] for k in ("portal_only", "differs", "withdrawn_open"))

    c.begin()
    c.until(lambda: w.province.get("catalog").text and delivered(w), "the first reading")
    read_again()
    w.portal.knob(catalog_version=2)
    for _ in range(3):  # what is missing twice is withdrawn, and then compared
        read_again()
    while not c.until(lambda: (agreed(),), "the catalogue")[0]:
        read_again()
    c.stop()
    return c.verdict()


# ---- intake ----

def intake(c):
    """Fetched from the portal, taken by the province, acknowledged; what becomes of it goes up."""
    w = world_of(c, 0, portal={"intake_every": "200ms"}, conf={"extra": conf_section(
        "flow intake", {"from": "portal", "to": "onestop", "mode": "live"})})
    codes = w.portal.post("intake", count=4, seed=5)["codes"]
    c.begin()
    c.until(lambda: acknowledged(w) >= set(codes), "acknowledgements")
    w.province.post("intake", code=codes[0], status="receiving")
    c.settle()
    c.until(lambda: w.portal.get("dossier?code=" + codes[0]).json()["state"] == 2, "it to be shown")
    c.stop()
    return taken(c, codes)


def acknowledged(w):
    return {b["code"] for b in w.portal.get("intake").json() if b["acks"] > 0 and not b["waits"]}


def taken(c, codes):
    """All of them are in the province, each made once."""
    w = c.world
    held = [d["code"] for d in w.province.dump() if d["code"].startswith("G22.99-")]
    lost, doubled, order = c.verdict()
    made = w.province.stats()["intake"]["created"]
    return lost + len(set(codes) - set(held)), doubled + max(0, made - len(codes)), order


def push(c):
    """The portal pushes, and repeats what was not answered with success."""
    port = free_port()
    w = world_of(c, 0, conf={"extra": conf_section(
        "flow intake", {"from": "portal-push", "to": "onestop", "mode": "live"}) + conf_section(
        "source portal-push", {"profile": "intake", "listen": f"127.0.0.1:{port}",
                               "answer_timeout": "5s"})})
    c.begin()
    codes = w.portal.post("intake", count=3, seed=5)["codes"]
    for code in codes:
        c.until(lambda code=code: pushed(w, port, code), f"{code} to be taken")
    c.settle()
    c.stop()
    return taken(c, codes)


def pushed(w, port, code):
    order = {"url": f"http://127.0.0.1:{port}", "kind": "receive", "codes": [code]}
    answer = w.portal.post("push", **order)["answers"][0]
    return answer["status"] == 200 and answer["reply"].get("error_code") in (0, 1)


# ---- those that push at the daemon ----

def publish(c):
    """OpenCPS's queue, while no poll is due."""
    port = free_port()
    w = c.world
    accounts = w.write_accounts(ACCOUNT)
    world_of(c, source={"listen": f"127.0.0.1:{port}", "accounts_file": accounts, **REST},
             province={"publish_every_ms": 30, "publish_user": ACCOUNT[0],
                       "publish_password": ACCOUNT[1]})
    c.begin()
    c.settle()
    w.province.knob(publish_url=f"http://127.0.0.1:{port}/o/rest/v2")
    c.change(5)

    def empty():
        stats = w.province.stats()["publish"]
        if stats["dead"] > 0:
            w.province.post("republish")
        return stats["waiting"] + stats["dead"] == 0
    c.until(empty, "the queue to be taken")
    c.until(w.idle, "idle")
    c.settle()
    c.stop()
    return c.verdict()


def code_of(n):
    return f"H56.31.25-261118-{n:04d}"


def dossier(n, procedure="1.000005", status=4, steps=None):
    made = {"MaHoSo": code_of(n), "MaTTHC": procedure, "TenTTHC": "Thủ tục",
            "MaLinhVuc": "G12-TC04", "TenLinhVuc": "Hải quan", "KenhThucHien": "1",
            "ChuHoSo": "Nguyễn Văn An", "LoaiDoiTuong": "1", "HinhThuc": "0",
            "DonViXuLy": "UBND xã Y", "NoiNopHoSo": "2", "TrichYeuHoSo": "Hồ sơ thử",
            "NgayHenTra": "20261121093000", "NgayTiepNhan": "20261118093000",
            "TrangThaiHoSo": str(status)}
    return {**made, "TienDo": [step(n, k) for k in range(steps)]} if steps else made


def step(n, k=0):
    return {"MaHoSo": code_of(n), "NguoiXuLy": "Trần Văn Bé",
            "ThoiDiemXuLy": f"20261118{9 + k:02d}3000", "NoiDungXuLy": f"Bước {k}",
            "TrangThai": "2" if k == 0 else "4"}


def gateway_conf(c, flow, port, source=None, **settings):
    """A portal and a source that is pushed at; `flow` are keys of the flow of dossiers."""
    w = c.world
    w.settings = {
        "": {"state_dir": w.dir / "state", "status_socket": w.dir / "status.sock",
             "control_socket": w.dir / "control.sock"},
        "maps": {k: f"maps/{k}.csv" for k in ("status", "procedure", "agency")},
        "portal": {"adapter_url": w.portal.url + "/forward", "agency_code": "H56",
                   "dstcode": "VN:GOV:000.00.00.G22:vpcpdvcqg", "username": "demo",
                   "password_file": w.dir / "portal.password", "allow_plaintext": True,
                   "max_in_flight": 3, "catalog_rate": 0, "request_timeout": "5s"},
        "source cua": source or {
            "profile": "gateway", "listen": f"127.0.0.1:{port}", "answer_timeout": "2s",
            "accounts_file": w.write_accounts(ACCOUNT)},
        "flow dossiers": {"from": "cua", "to": "portal", "mode": "live", **flow},
        "retry": RETRY, **settings}
    w.conf_extra = ""
    w.save_conf()


def post(port, path, body):
    """The answer's error_code; OSError when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", path, json.dumps(body).encode(), BASIC)
        return json.loads(connection.getresponse().read())["error_code"]


def gateway(c):
    """A client that repeats until it is answered."""
    port = free_port()
    c.world.start_portal()
    gateway_conf(c, {}, port)
    c.settle = c.settle_idle
    c.begin()
    base = "/test/api/SynsTTHCC/"
    for n in range(1, 4):
        for path, body in (("DongBoHoSoMC?MaDinhDanhDV=H56&isUpdating=False", [dossier(n)]),
                           ("CapNhatTienDoHoSoMC?MaDinhDanhDV=H56", [step(n)])):
            c.until(lambda p=path, b=body: post(port, base + p, b) in (0, 1), f"{path} {n}")
    c.settle()
    c.stop()
    return c.once([(code_of(n), 1) for n in range(1, 4)])


def merge(c):
    """A dossier of the province, known to a gateway's client too."""
    port = free_port()
    w = world_of(c, 3, conf={"dossiers": {"also_from": ["onegate"]}, "extra": conf_section(
        "source onegate", {"profile": "gateway", "listen": f"127.0.0.1:{port}",
                           "accounts_file": c.world.write_accounts(ACCOUNT),
                           "national_status": True, "answer_timeout": "2s"})})

    def told():
        return {line["code"]: line["dossier"] for line in w.province.dump() if line["expect"] == "portal"}
    before = told()
    c.begin()
    c.settle()
    code = min(code for code, dossier in before.items() if dossier["dossierStatus"] not in FINAL)
    record = [x for x in w.ledger("dossier") if x["code"] == code][-1]["record"]
    path = "/test/api/SynsTTHCC/DongBoHoSoMC?MaDinhDanhDV=H56&isUpdating=True"
    c.until(lambda: post(port, path, [{**record, "SoGiayToChuHoSo": "000199000457"}]) in (0, 1),
            "the gateway's word")
    said_s = int(time.time())
    c.until(lambda: int(time.time()) > said_s, "the next second")  # which word is newer, in each life
    for _ in range(10):  # until that dossier is among the changed ones: which are, depends on the day
        c.change(3)
        if told()[code] != before[code]:
            break
    else:
        raise Failed("the province changes everything but that dossier")
    c.settle()
    c.stop()
    return c.verdict()


# ---- a product with a queue that is acknowledged ----

def product(c):
    w = c.world
    w.start_portal(required_fields="none")
    w.province = Sandbox(
        w, "province", "--catalog", w.catalog_path, "--agencies", AGENCIES, "--dossiers", 5,
        "--product", "igate-connector", "--days", 3, "--until", HISTORY_ENDS_S, "--knob", "planted=0", "--knob",
        "username=demo", "--knob", f"password={PROVINCE_PASSWORD}")
    w.children.append(w.province)
    w.write_conf(catalog=False, retry=RETRY, portal={"max_in_flight": 3},
                 dossiers={"start_from": "2020-01-01"})
    w.settings["source onestop"] = {
        "profile": "mapped", "preset": ROOT / "conf/presets/igate-connector.preset",
        "url": w.province.url + "/igate-connector", "username": "demo",
        "password_file": w.dir / "province.password", "allow_plaintext": True, "page_size": 200,
        "max_in_flight": 3, "poll_every": "300ms", "test_agencies": ["H56.99"]}
    w.save_conf()

    def read():
        return w.province.stats()["products"]["igate-connector"]["behind"] == 0 and w.idle()
    c.settle = lambda: c.until(read, "the queue to be read")
    c.begin()
    c.settle()
    c.change(4)
    c.settle()
    c.stop()
    return c.verdict("--product", "igate-connector")


# ---- a folder ----

def spool(c):
    """Files in, one of them bad; procedures out."""
    w = c.world
    folder = w.dir / "spool"
    w.start_portal()
    gateway_conf(c, {}, 0, source={"profile": "spool", "dir": folder, "poll_every": "300ms"},
                 **{"flow catalog": {"from": "portal", "to": "cua", "at": "01:00"}})
    with open(w.catalog_path, encoding="utf-8") as file:
        procedures = [row["code"] for row in csv.DictReader(file)]
    names = ["a.json", "b.json"]

    def inside(name):
        return sorted(n for _, _, files in os.walk(folder / name) for n in files)

    def taken_in():
        return (inside("done") == names and inside("bad") == ["bad.json", "bad.json.reason"] and
                inside("in") == [] and len(inside("out")) == len(procedures) and delivered(w))

    c.settle = lambda: c.until(taken_in, "the files in their places")
    c.begin()
    c.until((folder / "in").is_dir, "the folders")
    bodies = {names[0]: [dossier(n, procedures[0], steps=2) for n in (1, 2)],
              names[1]: [dossier(3, procedures[1], steps=1)]}
    for name, body in {**bodies, "bad.json": [{"MaHoSo": ""}]}.items():
        part = folder / "in" / f".{name}"
        part.write_text(json.dumps(body) if name in names else "[{", encoding="utf-8")
        part.rename(folder / "in" / name)
    c.settle()
    c.stop()
    c.more = {name: inside(name) for name in ("in", "out", "bad", "done", "tmp", "catalog")}
    return c.once([(code_of(1), 2), (code_of(2), 2), (code_of(3), 1)])


# ---- what persons and the passing of time do ----

def persons(c):
    """Held and released by a person; a backup; then everything is old enough to be forgotten."""
    w = world_of(c, portal={"max_in_flight": 1}, latency_ms=100)
    c.begin()
    c.until(lambda: w.portal.stats()["effects"] > 0, "the first call, with others behind it")
    c.order("/v1/endpoints/portal:pause", reason="a person looks")
    w.portal.knob(latency_ms=0)
    for _ in range(2):  # of what waits, newer ones take the place
        c.change(8)
        while not c.sweep():
            pass
    c.order("/v1/queue:hold", state="PENDING", reason="a person looks")
    c.order("/v1/endpoints/portal:resume", reason="looked")
    c.settle()
    c.until(lambda: release(w), "them to be released")
    c.settle()
    backup(c)
    c.stop()
    verdict = c.verdict()
    w.change_conf("", keep_payload="1s", keep_history="1s")
    with contextlib.closing(sqlite3.connect(w.journal_path)) as db:
        db.executescript("UPDATE subject SET settled = settled - 9 WHERE settled > 9;"
                         "UPDATE attempt SET begun_ms = begun_ms - 9000")
    c.begin()
    c.until(lambda: w.sql("SELECT count(*) FROM attempt")[0][0] == 0, "old attempts to go")
    c.settle()
    c.stop()
    lost = c.verdict()[0]
    return (max(lost, verdict[0]), *verdict[1:])


def release(w):
    w.order("/v1/queue:release", state="HELD", reason="looked")
    return not w.queue(state="HELD")


def backup(c):
    """A path is taken only once: each try has its own. What came of it is whole, or is not there."""
    w = c.world
    paths = (w.dir / f"backup-{n}.db" for n in range(100))

    def made():
        path = next(paths)
        reply = ask(UnixConnection(w.dir / "control.sock"), "POST", "/v1/journal:backup",
                    json.dumps({"path": str(path)}))
        return path if reply.status == 200 else None
    path = c.until(made, "a backup")
    with contextlib.closing(sqlite3.connect(path)) as db:
        if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok" or \
                db.execute("SELECT count(*) FROM item").fetchone()[0] == 0:
            raise Failed(f"{path} is no whole copy")


def adopt(c):
    """A province that ran before us: observed, adopted, live; and what the portal shows is looked at."""
    w = world_of(c, 4, portal={"seen_rate": 6000},
                 conf={"dossiers": {"mode": "observe"}, "seen": {"every": "1s"}})
    c.begin()
    c.settle()
    states = {i["code"]: i["status"] for i in w.queue() if i["kind"] == "snapshot"}
    lines = [{**line, "state": states[line["code"]]} for line in w.province.dump()]
    w.portal.http("POST", "/_sandbox/load", "\n".join(map(json.dumps, lines)).encode())
    adopted = "SELECT count(*) FROM item WHERE state = 5"
    while w.sql(adopted)[0][0] == 0 or c.until(lambda: w.status(), "its status") and \
            w.sql("SELECT count(*) FROM item WHERE state = 0")[0][0] > 0:
        c.order("/v1/flows/dossiers:adopt", reason="the old connector is stopped")
        c.until(lambda: not w.flow()["adopting"], "the end of adopting")
    w.change_conf("flow dossiers", mode="live")
    c.order("/v1/reload", reason="live")
    c.change(4)
    c.settle()
    c.stop()
    c.begin()  # dossiers that are open are looked at after the start
    c.until(lambda: w.sql("SELECT count(*) FROM seen")[0][0] > 0, "a look")
    c.stop()
    return c.verdict()


# ---- agreement ----

def reconcile(c):
    """What the portal lost or shows otherwise, and what the source changed in secret, is put right;
    a first try is cancelled between its two looks."""
    w = world_of(c, 6, conf={"extra": conf_section("reconcile", {"rate": 0, "grace": "0s"})})
    c.begin()
    c.settle()
    shown = {d["code"]: w.portal.get("dossier?code=" + d["code"]).json()["state"]
             for d in w.province.dump() if d["expect"] == "portal"}
    still_open = [code for code, state in shown.items() if state not in (3, 8, 10)]
    older = next(code for code in still_open if shown[code] > 2)
    *lost, ahead = [code for code in still_open if code != older][:3]
    ahead = next(d for d in w.province.dump() if d["code"] == ahead)
    w.portal.post("lose", codes=lost)
    compare(c)
    c.until(lambda: w.post("/v1/reconcile:cancel") and not told(w)["running"], "its end")
    w.portal.post("alter", codes=[older], state=2)
    w.province.post("flaw", flaw="tampered", count=1,
                    dossiers=[[ahead["dossier"]["dossierId"]]])
    compare(c)
    while c.until(lambda: (told(w)["running"],), "whether it runs")[0]:
        c.stop()
        w.age_first_looks()
        c.begin()
        c.until(lambda: not told(w)["running"] or "once more" in told(w)["trouble"], "its end")
    if c.until(lambda: told(w)["counts"], "its counts")["mended"] != 4:
        raise Failed("not all was put right")
    c.settle()
    c.stop()
    return c.verdict()


def told(w):
    return w.get("/v1/reconcile?limit=0").json()


def compare(c):
    """Begun, and as far as it comes before its second looks."""
    w, before = c.world, len(c.world.sql("SELECT id FROM review"))

    def begun():
        return len(w.sql("SELECT id FROM review")) > before or \
            w.post("/v1/reconcile", what="open", fix=True) and False
    c.until(begun, "its begin")
    c.until(lambda: "once more" in told(w)["trouble"], "the first looks")


# ---- an older file ----

def upgrade(c):
    """The journal is one of the first version; and nothing happens for so long that it is folded."""
    w = world_of(c, source=REST)
    c.begin(armed=False)
    c.settle()
    c.stop()
    newest = older.make(w.journal_path, 1)
    before = w.journal_path.stat().st_mtime_ns
    c.begin()
    c.change(2)
    c.settle()
    c.until(lambda: w.journal_path.stat().st_mtime_ns > before, "the journal to be folded")
    c.stop()
    if w.sql("PRAGMA user_version")[0][0] < newest:
        raise Failed("the journal was not brought to the newest version")
    return c.verdict()


SCENARIOS = {s.__name__: s for s in (
    first, retry, unsure, batch, catalogue, intake, restart, push, publish, gateway, merge, product,
    spool, persons, adopt, reconcile, upgrade)}
