"""The sandbox's province and the oracle, tried with a small connector written here.

The connector reads OpenCPS, maps as doc/opencps.md says and calls the sandbox's portal. When it does
everything right the oracle must say 100 %; each fault made on purpose must be found.
Run: SANDBOX=build/dvcsync-sandbox python3 -m unittest test/integration/test_sandbox_province.py
"""

import base64
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SANDBOX = os.environ.get("SANDBOX", os.path.join(ROOT, "build", "dvcsync-sandbox"))
PROCEDURES = os.path.join(ROOT, "test", "data", "procedures.csv")
SCHEMA = os.path.join(ROOT, "lib", "journal", "schema.sql")
STATUS_MAP = os.path.join(ROOT, "conf", "maps", "status.csv")
GROUP = "20126"


class Role:
    """One running role of the sandbox."""

    def __init__(self, folder, *arguments):
        port_file = os.path.join(folder, "port-" + arguments[0])
        self.log = open(os.path.join(folder, "log-" + arguments[0]), "wb+")
        self.process = subprocess.Popen(
            [SANDBOX, *arguments, "--listen", "127.0.0.1:0", "--port-file", port_file],
            stderr=self.log)
        for _ in range(400):
            if os.path.exists(port_file):
                break
            if self.process.poll() is not None:
                break
            time.sleep(0.025)
        with open(port_file, encoding="ascii") as file:
            self.url = "http://127.0.0.1:" + file.read().strip()

    def call(self, path, method="GET", body=None, headers=None, accept="application/json"):
        """Status and body."""
        request = urllib.request.Request(self.url + path, data=body, method=method)
        request.add_header("Accept", accept)
        for name, value in (headers if headers is not None else {"groupId": GROUP}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def json(self, path, **options):
        status, body = self.call(path, **options)
        assert status == 200, (status, body[:300])
        return json.loads(body)

    def lines(self, path):
        return [json.loads(line) for line in self.call(path)[1].splitlines()]

    def post(self, path, value):
        return self.json(path, method="POST", body=json.dumps(value).encode())

    def stop(self):
        self.process.terminate()
        status = self.process.wait(20)
        self.log.seek(0)
        words = self.log.read()
        self.log.close()
        assert status == 0, (status, words)


def wire_date(text):
    match = re.fullmatch(r"(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d):(\d\d)", text)
    return "".join(match.group(3, 2, 1, 4, 5, 6)) if match else ""


def wire_time(ms):
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(ms // 1000 + 7 * 3600)) if ms else ""


def read_status_map():
    substatuses, statuses = {}, {}
    with open(STATUS_MAP, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or line.startswith("status,"):
                continue
            status, substatus, _, national = line.strip().split(",")[:4]
            (substatuses if substatus else statuses)[substatus or status] = national
    return lambda status, sub: substatuses.get(sub.lower()) or statuses.get(status.lower())


NATIONAL = read_status_map()


def map_files(files, uid):
    submitted, results = [], []
    for file in files:
        url = "https://kho.example.invalid/%s/%s" % (uid, file["dossierFileId"])
        if file["dossierPartType"] == 2:
            results.append({"TenGiayTo": file["displayName"], "MaThanhPhanHoSo": file["dossierPartNo"],
                            "GiayToId": str(file["dossierFileId"]), "DuongDanTepTinKetQua": url,
                            "MaGiayToKetQua": file["deliverableCode"]})
        else:
            submitted.append({"TepDinhKemId": str(file["dossierFileId"]),
                              "TenTepDinhKem": file["displayName"], "IsDeleted": "False",
                              "MaThanhPhanHoSo": file["dossierPartNo"], "DuongDanTaiTepTin": url})
    return submitted, results


def map_dossier(d, files):
    """The snapshot, or None when it is not sent."""
    status = NATIONAL(d["dossierStatus"], d["dossierSubStatus"])
    code = re.match(r"\d\.\d{6}(?=$|\.\d{3}\.\d\d\.\d\d\.[A-Z]\d\d$)", d["serviceCode"])
    if (not d["dossierNo"] or d["originDossierId"] != "0" or d["originality"] <= 0 or not status or
            not code or d["govAgencyCode"] == "H56.99"):
        return None
    number = d["applicantIdNo"]
    kind = {12: "1", 9: "2"}.get(len(number)) if number.isdigit() else None
    submitted, results = map_files(files, d["referenceUid"])
    when = lambda field, *statuses: wire_date(d[field]) if status in statuses else ""
    return {
        "MaHoSo": d["dossierNo"], "MaTTHC": code.group(), "TenTTHC": d["serviceName"],
        "MaLinhVuc": d["domainCode"], "TenLinhVuc": d["domainName"],
        "KenhThucHien": "2" if d["online"] == "true" else "1", "ChuHoSo": d["applicantName"],
        "LoaiDoiTuong": {"citizen": "1", "business": "2", "organization": "4"}[d["applicantIdType"]],
        "MaDoiTuong": "", "SoGiayToChuHoSo": number,
        "DinhDanhCHS": [{"LoaiDinhDanh": kind, "SoDinhDanh": number}]
                       if kind and d["applicantIdType"] == "citizen" else [],
        "ThongTinKhac": "", "Email": d["contactEmail"], "Fax": "", "SoDienThoai": d["contactTelNo"],
        "TrichYeuHoSo": (d["dossierName"] or d["serviceName"])[:1000], "SoBienNhan": "",
        "NgayNopHoSo": wire_date(d["submitDate"]), "NgayTiepNhan": wire_date(d["receiveDate"]),
        "NgayHenTra": "" if status in ("1", "3") else wire_date(d["dueDate"]),
        "TrangThaiHoSo": status, "NgayTra": when("finishDate", "10"), "ThongTinTra": "",
        "HinhThuc": "1" if d["viaPostal"] == "2" else "0",
        "NgayKetThucXuLy": when("releaseDate", "9", "10"),
        "NgayTuChoi": when("lastActionDate", "3", "8"), "DonViXuLy": d["govAgencyName"],
        "NoiNopHoSo": "1" if d["systemId"] == 5 else "2", "HoSoCoThanhPhanSoHoa": "",
        "TaiKhoanDuocXacThucVoiVNeID": "", "DuocThanhToanTrucTuyen": "", "DSKetNoiCSDL": [],
        "GhiChu": d["applicantNote"][:2000], "TaiLieuNop": submitted, "DanhSachLePhi": [],
        "DanhSachTepDinhKemKhac": [], "DanhSachHoSoBoSung": [], "DanhSachGiayToKetQua": results,
    }


def map_step(d, action, steps):
    """The step, or None when it is not sent."""
    if action["pending"] or action["state"] == 2:
        return None
    status = NATIONAL(*steps[action["stepCode"]])
    note = action["actionNote"]
    return {"MaHoSo": d["dossierNo"], "NguoiXuLy": action["actionUser"][:50], "ChucDanh": "",
            "ThoiDiemXuLy": wire_time(action["createDate"]), "PhongBanXuLy": d["govAgencyName"],
            "NoiDungXuLy": action["actionName"] + (" - " + note if note else ""),
            "TrangThai": status, "NgayBatDau": "",
            "NgayKetThucTheoQuyDinh": wire_time(action.get("dueDate"))}


def join_cases(cases, rows, field):
    pieces = []
    for case in cases:
        pieces += [case["TRUONGHOP"]] + [row[field] for row in case[rows]]
    return "<br>".join(piece for piece in pieces if piece)


def map_procedure(p, served):
    times = [t for way in p["CACHTHUCTHUCHIEN"] for t in way["THOIGIAN"]]
    fees = [f for t in times for f in t["PHILEPHI"]]
    channels = {"1": "Trực tiếp", "2": "Trực tuyến", "3": "Dịch vụ bưu chính"}
    pair = lambda a, b: " ".join(part for part in (str(a), b) if part)
    sector = (p["LINHVUCTHUCHIEN"] or [{}])[0]
    return {
        "serviceCode": p["MATTHC"], "serviceName": p["TENTTHC"],
        "processText": join_cases(p["TRINHTUTHUCHIEN"], "TRINHTU", "TENTRINHTU"),
        "methodText": "<br>".join(channels[str(way["KENH"])] for way in p["CACHTHUCTHUCHIEN"]),
        "durationText": "<br>".join(pair(t["THOIGIANGIAIQUYET"], t["DONVITINH"])
                                    for t in times if str(t["THOIGIANGIAIQUYET"])),
        "feeText": "<br>".join(pair(f["SOTIEN"], f["DONVI"]) for f in fees if f["SOTIEN"]),
        "dossierText": join_cases(p["THANHPHANHOSO"], "GIAYTO", "TENGIAYTO"),
        "conditionText": p["YEUCAU"],
        "applicantText": p["MOTADOITUONGTHUCHIEN"] or "; ".join(
            row["TENDOITUONG"] for row in p["DOITUONGTHUCHIEN"]),
        "resultText": "; ".join(row["TENKETQUA"] for row in p["KETQUATHUCHIEN"]),
        "regularText": "<br>".join(pair(row["SOVANBAN"], row["TENVANBAN"])
                                   for row in p["CANCUPHAPLY"]),
        "administrationCode": p["MACOQUANCONGBO"], "administrationName": "",
        "domainCode": sector.get("MALINHVUC", ""), "domainName": sector.get("TENLINHVUC", ""),
        "maxLevel": "4" if served else "2",
        "active": "true" if str(p["TRANGTHAI"]) == "1" else "false",
    }


class World(unittest.TestCase):
    """A province, for tests of its interface alone."""

    ARGUMENTS = ("--dossiers", "400", "--seed", "7", "--days", "20", "--knob", "national_percent=0")

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.province = Role(self.folder.name, "province", "--catalog", PROCEDURES, *self.ARGUMENTS)
        self.addCleanup(self.province.stop)

    def rows(self, **query):
        query = {"start": 0, "end": 100000, **query}
        return self.province.json("/o/rest/v2/dossiers?" + urllib.parse.urlencode(query))

    def knobs(self, **values):
        self.province.post("/_sandbox/knobs", {name: str(value) for name, value in values.items()})


class Lists(World):
    def test_pages_together_are_the_whole(self):
        whole = self.rows()
        pages = []
        for start in range(0, whole["total"], 77):
            page = self.rows(start=start, end=start + 77)
            self.assertEqual(page["total"], whole["total"])
            pages += page["data"]
        self.assertEqual(pages, whole["data"])
        self.assertEqual(len(pages), whole["total"])
        self.assertEqual(whole["total"], 400 + 6 * 3)

    def test_end_missing_or_0_is_a_dump_of_everything(self):
        total = self.rows()["total"]
        for path in ("dossiers", "dossiers?start=5&end=0"):
            self.assertEqual(len(self.province.json("/o/rest/v2/" + path)["data"]), total)

    def test_xml_and_json_say_the_same(self):
        _, body = self.province.call("/some/prefix/o/rest/v2/dossiers?start=3&end=9",
                                     accept="application/xml")
        root = ElementTree.fromstring(body)
        data = self.rows(start=3, end=9)
        self.assertEqual(root.tag, "data")
        self.assertEqual(root.findtext("total"), str(data["total"]))
        rows = [{cell.tag: cell.text or "" for cell in row} for row in root.findall("data")]
        self.assertEqual(rows, [{name: str(value) for name, value in row.items()}
                                for row in data["data"]])

    def test_dates_are_whole_days_and_inclusive(self):
        for field, low, high in (("submitDate", "fromSubmitDate", "toSubmitDate"),
                                 ("receiveDate", "fromReceiveDate", "toReceiveDate"),
                                 ("releaseDate", "fromReleaseDate", "toReleaseDate"),
                                 ("finishDate", "fromFinishDate", "toFinishDate")):
            every = [row for row in self.rows()["data"] if row[field]]
            day = every[len(every) // 2][field][:10]
            got = self.rows(**{low: day, high: day})["data"]
            self.assertEqual(got, [row for row in every if row[field][:10] == day])
            self.assertTrue(got)

    def test_status_agency_and_number_filter(self):
        every = self.rows()["data"]
        one = every[17]
        for argument, field in (("status", "dossierStatus"), ("agency", "govAgencyCode"),
                                ("dossierNo", "dossierNo")):
            self.assertEqual(self.rows(**{argument: one[field]})["data"],
                             [row for row in every if row[field] == one[field]])
        self.assertEqual(self.rows(systemId=5)["total"], 0)
        self.assertEqual(self.rows(substatus="waiting_1")["data"],
                         [row for row in every if row["dossierSubStatus"] == "waiting_1"])

    def test_a_lost_group_shows_nothing_and_does_not_fail(self):
        for headers in ({}, {"groupId": "1"}):
            answer = self.province.json("/o/rest/v2/dossiers?start=0&end=5", headers=headers)
            self.assertEqual(answer, {"total": 0, "data": []})

    def test_a_wrong_password_is_401(self):
        self.knobs(username="onestop", password="secret")
        good = "Basic " + base64.b64encode(b"onestop:secret").decode()
        path = "/o/rest/v2/dossiers?start=0&end=1"
        for headers, status in (({}, 401), ({"Authorization": good[:-2]}, 401),
                                ({"Authorization": good, "groupId": GROUP}, 200)):
            self.assertEqual(self.province.call(path, headers=headers)[0], status)

    def test_a_bad_date_is_refused(self):
        self.assertEqual(self.province.call("/o/rest/v2/dossiers?fromSubmitDate=2026-11-01")[0], 400)


class Records(World):
    def test_details_differ_from_rows_as_opencps_does(self):
        for row in self.rows()["data"][:60]:
            by_id = self.province.json("/o/rest/v2/dossiers/%d" % row["dossierId"])
            by_uid = self.province.json("/o/rest/v2/dossiers/" + row["referenceUid"])
            self.assertEqual(by_id, by_uid)
            self.assertEqual(by_id["applicantName"].upper(), row["applicantName"])
            self.assertEqual(row["modifiedDate"], "")
            self.assertRegex(by_id["modifiedDate"], r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d")
            self.assertTrue(by_id["applicantIdNo"].startswith("000"))
        self.assertEqual(self.province.call("/o/rest/v2/dossiers/99")[0], 404)

    def test_step_keys_are_unique_and_times_rise(self):
        rolled_back = pending = 0
        for line in self.province.lines("/_sandbox/dump"):
            actions = line["actions"]
            path = "/o/rest/v2/dossiers/%d/actions" % line["dossier"]["dossierId"]
            if len(actions) == 6:
                self.assertEqual(self.province.json(path), {"total": 6, "data": actions})
            times = [action["createDate"] // 1000 for action in actions]
            self.assertEqual(times, sorted(set(times)))
            rolled_back += sum(action["state"] == 2 for action in actions)
            pending += sum(action["pending"] for action in actions)
        self.assertGreater(rolled_back, 0)
        self.assertGreater(pending, 0)

    def test_dossier_numbers_are_unique_and_in_their_grammar(self):
        codes = [line["code"] for line in self.province.lines("/_sandbox/dump") if line["code"]]
        self.assertEqual(len(codes), len(set(codes)))
        for code in codes:
            self.assertRegex(code, r"^(H56(\.\d{1,3}){1,2}|000\.00\.\d\d\.H56)-\d{6}-\d{4,5}$")

    def test_every_status_but_the_planted_one_is_mapped(self):
        steps = self.province.json("/o/rest/v2/stepconfigs")["data"]
        unmapped = {s["dossierStatus"] for s in steps
                    if not NATIONAL(s["dossierStatus"], s["dossierSubStatus"])}
        self.assertEqual(unmapped, {"merging"})

    def test_three_of_each_planted_kind(self):
        why = {}
        for line in self.province.lines("/_sandbox/dump"):
            why.setdefault((line["expect"], line["why"]), []).append(line)
        self.assertEqual(len(why.pop(("portal", ""))), 400)
        self.assertEqual(sorted(len(lines) for lines in why.values()), [3] * 6)

    def test_the_same_seed_makes_the_same_lives(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        other = Role(folder.name, "province", "--catalog", PROCEDURES, *self.ARGUMENTS)
        first = self.province.lines("/_sandbox/dump")
        second = other.lines("/_sandbox/dump")
        other.stop()
        names = lambda lines: [(l["dossier"]["applicantName"], l["dossier"]["referenceUid"])
                               for l in lines]
        self.assertEqual(names(first), names(second))


class Services(World):
    FORM = {"Content-Type": "application/x-www-form-urlencoded", "groupId": GROUP}

    def test_procedures_are_created_changed_and_never_deleted(self):
        path = "/o/rest/v2/serviceinfos"
        form = urllib.parse.urlencode({"serviceCode": "1.999999", "serviceName": "Thủ tục & thử",
                                       "active": "true", "maxLevel": "4"}).encode()
        self.assertEqual(self.province.call(path, "POST", form, self.FORM)[0], 200)
        self.assertEqual(self.province.call(path, "POST", form, self.FORM)[0], 409)
        self.assertEqual(self.province.json(path + "/1.999999")["serviceName"], "Thủ tục & thử")
        change = urllib.parse.urlencode({"active": "false"}).encode()
        self.assertEqual(self.province.call(path + "/1.999999", "PUT", change, self.FORM)[0], 200)
        record = self.province.json(path + "/1.999999")
        self.assertEqual((record["active"], record["serviceName"]), (False, "Thủ tục & thử"))
        self.assertRegex(record["modifiedDate"], r"^\d{14}$")
        self.assertEqual(self.province.call(path + "/1.999999", "DELETE")[0], 405)
        self.assertEqual(self.province.call(path + "/1.888888", "PUT", change, self.FORM)[0], 404)
        self.assertEqual(self.province.call(path, "POST", b"{}", {"groupId": GROUP,
                                            "Content-Type": "application/json"})[0], 415)

    def test_the_list_is_paged(self):
        whole = self.province.json("/o/rest/v2/serviceinfos?start=0&end=5000")
        part = self.province.json("/o/rest/v2/serviceinfos?start=10&end=20")
        self.assertEqual(part["data"], whole["data"][10:20])
        self.assertEqual(part["total"], len(whole["data"]))


class Life(World):
    def test_changes_move_dossiers_on_and_show_in_rows(self):
        before = {row["dossierId"]: row for row in self.rows()["data"]}
        time.sleep(1.1)
        answer = self.province.post("/_sandbox/step", {"changes": 60})
        self.assertEqual(answer["made"], 60)
        after = {row["dossierId"]: row for row in self.rows()["data"]}
        codes = {row["dossierNo"] for number, row in after.items() if before.get(number) != row}
        # An action taken back changes the actions only, so a few codes show no row that moved.
        self.assertLessEqual(codes, set(answer["codes"]))
        self.assertGreater(len(codes), 40)
        self.assertGreater(len(after), len(before))

    def test_tampering_shows_in_no_list(self):
        rows = self.rows()
        lines = self.province.lines("/_sandbox/dump")
        self.assertEqual(self.province.post("/_sandbox/tamper", {"count": 4})["tampered"], 4)
        self.assertEqual(self.rows(), rows)
        changed = [new for old, new in zip(lines, self.province.lines("/_sandbox/dump"))
                   if old != new]
        self.assertEqual(len(changed), 4)

    def test_faults_come_by_knob(self):
        path = "/o/rest/v2/dossiers/100001"
        for knob, status in (("fail_500_percent", 500), ("detail_fail_percent", 500),
                             ("fail_503_percent", 503)):
            self.knobs(**{knob: 100})
            self.assertEqual(self.province.call(path)[0], status)
            self.knobs(**{knob: 0})
        self.knobs(xml_broken_percent=100)
        with self.assertRaises(ValueError):
            json.loads(self.province.call(path)[1])
        self.knobs(xml_broken_percent=0, shifting_total_percent=100)
        self.assertNotEqual(self.rows(start=0, end=1)["total"], 418)
        self.knobs(shifting_total_percent=0, latency_ms=300)
        begun = time.monotonic()
        self.province.call(path)
        self.assertGreater(time.monotonic() - begun, 0.29)
        self.knobs(latency_ms=0)
        self.assertGreater(self.province.json("/_sandbox/stats")["faults"], 4)


class Running(World):
    ARGUMENTS = ("--dossiers", "200", "--seed", "3", "--changes", "40", "--rate", "200",
                 "--knob", "national_percent=30", "--knob", "planted=0")

    def test_the_life_goes_on_and_ends(self):
        for _ in range(200):
            stats = self.province.json("/_sandbox/stats")
            if stats["finished"]:
                break
            time.sleep(0.05)
        self.assertEqual(stats["changes"], 40)
        self.assertEqual(stats["dossiers"], 200 + stats["created"])
        local, national = self.rows()["total"], self.rows(systemId=5)["total"]
        self.assertEqual(local + national, stats["dossiers"])
        self.assertGreater(national, 20)


class Oracle(World):
    """The connector delivers, the oracle judges."""

    ARGUMENTS = ("--dossiers", "150", "--seed", "11", "--days", "20", "--knob", "national_percent=5")

    def setUp(self):
        super().setUp()
        self.ledger = os.path.join(self.folder.name, "ledger.jsonl")
        self.portal = Role(self.folder.name, "portal", "--ledger", self.ledger, "--catalog",
                           PROCEDURES)
        self.addCleanup(self.portal.stop)
        self.session = self.portal.post("/mapi/login", {"username": "a", "password": "b"})["session"]
        self.known = {}

    def push(self, service, **body):
        answer = self.portal.post("/mapi/g", {"session": self.session, "madonvi": "H56",
                                              "service": service, **body})
        self.assertEqual(str(answer["error_code"]), "0", answer)
        return answer.get("result")

    def deliver_dossiers(self, skip=lambda d: False, with_files=True):
        steps = {s["stepCode"]: (s["dossierStatus"], s["dossierSubStatus"])
                 for s in self.province.json("/o/rest/v2/stepconfigs")["data"]}
        for row in self.rows()["data"] + self.rows(systemId=5)["data"]:
            base = "/o/rest/v2/dossiers/%d" % row["dossierId"]
            detail = self.province.json(base)
            files = self.province.json(base + "/files")["data"] if with_files else []
            record = map_dossier(detail, files)
            if record is None or skip(detail):
                continue
            sent = self.known.setdefault(record["MaHoSo"], [None, set()])
            if sent[0] != record:
                self.push("DongBoHoSoMC", isUpdating="True" if sent[0] else "False", data=[record])
                sent[0] = record
            wanted = [(action["dossierActionId"], map_step(detail, action, steps))
                      for action in self.province.json(base + "/actions")["data"]]
            new = [(number, step) for number, step in wanted if step and number not in sent[1]]
            for at in range(0, len(new), 10):
                self.push("CapNhatTienDoHoSoMC", data=[step for _, step in new[at:at + 10]])
            sent[1].update(number for number, _ in new)

    def deliver_catalog(self):
        here = {row["serviceCode"] for row in
                self.province.json("/o/rest/v2/serviceinfos?start=0&end=9999")["data"]}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "groupId": GROUP}
        self.services = {row["MADVC"]: row["MATTHC"] for row in self.push("LayDVC")["data"]}
        served = set(self.services.values())
        for procedure in self.portal.lines("/_sandbox/catalog"):
            record = map_procedure(procedure, procedure["MATTHC"] in served)
            code = record["serviceCode"]
            path = "/o/rest/v2/serviceinfos" + ("/" + code if code in here else "")
            status, body = self.province.call(path, "PUT" if code in here else "POST",
                                              urllib.parse.urlencode(record).encode(), headers)
            self.assertEqual(status, 200, body)

    def verify(self, *more):
        run = subprocess.run([SANDBOX, "verify", "--ledger", self.ledger, "--province",
                              self.province.url + "/o/rest/v2", "--portal", self.portal.url, *more],
                             capture_output=True, text=True, timeout=120, check=False)
        self.assertIn(run.returncode, (0, 1), run.stderr)
        last = run.stdout.splitlines()[-1]
        form = (r"demo: procedures (\d+)/(\d+) dossiers (\d+)/(\d+) steps (\d+)/(\d+) lost (\d+) "
                r"duplicated (\d+) held (\d+) consistent (\d+\.\d\d)%")
        match = re.fullmatch(form, last)
        self.assertIsNotNone(match, run.stdout)
        names = ("procedures", "all_procedures", "dossiers", "all_dossiers", "steps", "all_steps",
                 "lost", "duplicated", "held")
        found = dict(zip(names, map(int, match.groups()[:9])))
        return {**found, "consistent": match.group(10), "exit": run.returncode, "text": run.stdout}

    def test_a_right_connector_agrees_in_everything(self):
        self.deliver_catalog()
        self.deliver_dossiers()
        for _ in range(3):
            time.sleep(1.05)
            self.province.post("/_sandbox/step", {"changes": 40})
            self.deliver_dossiers()
        path, db = self.journal()
        add = ("INSERT INTO mirror (kind, code, name, version, hash, body, active, first_ms,"
               " changed_ms, checked_ms) VALUES (?, ?, ?, 1, zeroblob(32), '{...}', 1, 0, 0, 0)")
        for procedure in self.portal.lines("/_sandbox/catalog"):
            db.execute(add, (3, procedure["MATTHC"], procedure["TENTTHC"]))
        for service in self.services:
            db.execute(add, (4, service, ""))
        db.commit()
        v = self.verify("--journal", path)
        self.assertEqual(v["exit"], 0, v["text"])
        self.assertEqual((v["held"], v["consistent"]), (6, "100.00"))
        self.assertNotIn("mismatch", v["text"])
        db.execute("UPDATE mirror SET name = 'x' WHERE code = '1.000005'")
        db.execute("DELETE FROM mirror WHERE code = '1.000010'")
        db.commit()
        db.close()
        text = self.verify("--journal", path)["text"]
        self.assertIn("mismatch 1.000005: procedure: mirror: name", text)
        self.assertIn("mismatch 1.000010: procedure: not in the journal's mirror", text)
        v = self.verify()
        self.assertEqual(v["exit"], 0, v["text"])
        self.assertEqual(v["consistent"], "100.00")
        self.assertEqual(v["procedures"], v["all_procedures"])
        self.assertGreater(v["all_dossiers"], 150)
        self.assertGreater(v["all_steps"], 3 * v["all_dossiers"])
        self.assertEqual((v["lost"], v["duplicated"]), (0, 0))

    def test_a_silent_connector_has_lost_everything(self):
        v = self.verify()
        self.assertEqual((v["exit"], v["dossiers"], v["steps"]), (1, 0, 0))
        self.assertEqual(v["lost"], v["all_dossiers"] + v["all_steps"])

    def test_one_dossier_left_out_is_lost(self):
        skipped = []
        self.deliver_dossiers(skip=lambda d: not skipped and not skipped.append(d["dossierNo"]))
        v = self.verify()
        self.assertEqual(v["dossiers"], v["all_dossiers"] - 1)
        self.assertGreater(v["lost"], 1)
        self.assertIn("mismatch %s: dossier: not on the portal" % skipped[0], v["text"])

    def test_a_repeat_without_doubt_is_a_duplicate(self):
        self.deliver_dossiers()
        code, (record, _) = sorted(self.known.items())[5]
        self.push("DongBoHoSoMC", isUpdating="True", data=[record])
        v = self.verify()
        self.assertEqual((v["dossiers"], v["duplicated"]), (v["all_dossiers"], 1))
        self.assertIn("mismatch %s: snapshot delivered twice" % code, v["text"])

    def test_a_tampered_province_is_not_consistent(self):
        self.deliver_dossiers()
        self.province.post("/_sandbox/tamper", {"count": 2})
        v = self.verify()
        self.assertEqual(v["dossiers"], v["all_dossiers"] - 2)
        self.assertNotEqual(v["consistent"], "100.00")
        self.assertIn("dossier: GhiChu", v["text"])
        self.assertEqual(v["exit"], 1)

    def test_files_may_be_off_but_only_for_all(self):
        self.deliver_dossiers(with_files=False)
        v = self.verify()
        self.assertEqual(v["dossiers"], v["all_dossiers"], v["text"])
        code, (record, _) = sorted(self.known.items())[0]
        uid = next(row["referenceUid"] for row in self.rows(dossierNo=code)["data"])
        files = self.province.json("/o/rest/v2/dossiers/%s/files" % uid)["data"]
        record = dict(record)
        record["TaiLieuNop"], record["DanhSachGiayToKetQua"] = map_files(files, uid)
        self.push("DongBoHoSoMC", isUpdating="True", data=[record])
        v = self.verify()
        self.assertEqual(v["dossiers"], 1)

    def journal(self):
        """A journal in which everything that was delivered is DONE and what was planted HELD."""
        path = os.path.join(self.folder.name, "journal.db")
        db = sqlite3.connect(path)
        with open(SCHEMA, encoding="utf-8") as schema:
            db.executescript(schema.read())
        db.execute("INSERT INTO flow VALUES (1, 'dossiers')")
        planted = [line["code"] for line in self.province.lines("/_sandbox/dump")
                   if line["expect"] == "held"]
        add = ("INSERT INTO item (subject, kind, state, step_key, hash, created_ms, changed_ms, hold,"
               " reason) VALUES (?, ?, ?, ?, x'00', 0, 0, ?, ?)")
        for code, (_, numbers) in self.known.items():
            subject = db.execute("INSERT INTO subject (flow, code) VALUES (1, ?)", (code,)).lastrowid
            item = db.execute(add, (subject, 1, 4, None, 0, None)).lastrowid
            body = code.encode()
            db.execute("INSERT INTO body VALUES (?, ?, ?)",
                       (item, hashlib.sha256(body).digest(), body))
            for number in sorted(numbers):
                db.execute(add, (subject, 2, 4, str(number), 0, None))
        for code in planted:
            subject = db.execute("INSERT INTO subject (flow, code) VALUES (1, ?)", (code,)).lastrowid
            db.execute(add, (subject, 1, 3, None, 1, "no row in the map"))
        db.commit()
        return path, db

    def test_the_journal_is_judged_too(self):
        self.deliver_dossiers()
        path, db = self.journal()
        v = self.verify("--journal", path)
        self.assertEqual((v["held"], v["consistent"]), (6, "100.00"), v["text"])
        self.assertEqual((v["lost"], v["duplicated"]), (0, 0))

        code = sorted(self.known)[3]
        of = "(SELECT id FROM subject WHERE code = '%s')" % code
        db.execute("UPDATE item SET state = 3, hold = 1 WHERE kind = 1 AND subject = " + of)
        db.execute("UPDATE body SET body = x'ff' WHERE item = (SELECT min(item) FROM body)")
        db.commit()
        text = self.verify("--journal", path)["text"]
        self.assertIn("mismatch %s: snapshot HELD, and nothing was planted" % code, text)
        self.assertIn("1 bodies differ from their digests", text)

        db.execute("UPDATE item SET state = 0, hold = 0 WHERE state = 3")
        db.execute("DELETE FROM item WHERE kind = 2 AND subject = " + of)
        db.commit()
        db.close()
        text = self.verify("--journal", path)["text"]
        self.assertIn("planted, but not HELD", text)
        self.assertIn("in the ledger, not in the journal", text)

    def test_an_attempt_in_doubt_excuses_one_repeat_and_no_more(self):
        self.deliver_dossiers()
        path, db = self.journal()
        code, (record, _) = sorted(self.known.items())[8]
        begun_ms = int(time.time() * 1000) - 3600000
        subject, item = db.execute(
            "SELECT s.id, i.id FROM subject s JOIN item i ON i.subject = s.id AND i.kind = 1"
            " WHERE s.code = ?", (code,)).fetchone()
        db.execute("INSERT INTO attempt (subject, verb, first_item, last_item, items, begun_ms,"
                   " ended_ms, outcome) VALUES (?, 1, ?, ?, 1, ?, ?, 2)",
                   (subject, item, item, begun_ms, int(time.time() * 1000)))
        db.commit()
        db.close()
        self.push("DongBoHoSoMC", isUpdating="True", data=[record])
        self.assertEqual(self.verify("--journal", path)["duplicated"], 0)
        self.push("DongBoHoSoMC", isUpdating="True", data=[record])
        self.assertEqual(self.verify("--journal", path)["duplicated"], 1)

    def test_steps_stored_twice_are_allowed_as_often_as_in_doubt(self):
        self.portal.post("/_sandbox/knobs", {"step_dedupe": "off"})
        self.deliver_dossiers()
        path, db = self.journal()
        line = next(l for l in self.province.lines("/_sandbox/dump")
                    if l["expect"] == "portal" and len(l["actions"]) > 3)
        steps = {s["stepCode"]: (s["dossierStatus"], s["dossierSubStatus"])
                 for s in self.province.json("/o/rest/v2/stepconfigs")["data"]}
        step = map_step(line["dossier"], line["actions"][0], steps)
        self.push("CapNhatTienDoHoSoMC", data=[step])
        v = self.verify("--journal", path)
        self.assertEqual(v["duplicated"], 1)
        self.assertIn("steps_repeated 1 in_doubt 0", v["text"])
        subject, item = db.execute(
            "SELECT subject, id FROM item WHERE kind = 2 AND step_key = ?",
            (str(line["actions"][0]["dossierActionId"]),)).fetchone()
        db.execute("INSERT INTO attempt (subject, verb, first_item, last_item, items, begun_ms,"
                   " ended_ms, outcome) VALUES (?, 1, ?, ?, 1, 1, 2, 2)", (subject, item, item))
        db.commit()
        db.close()
        v = self.verify("--journal", path, "--json")
        self.assertEqual(v["duplicated"], 0)
        report = json.loads(v["text"].splitlines()[0])
        self.assertEqual((report["steps_repeated"], report["steps_in_doubt"]), (1, 1))

    def test_order_and_foreign_dossiers_are_seen(self):
        line = next(l for l in self.province.lines("/_sandbox/dump")
                    if l["expect"] == "portal" and len(l["actions"]) > 3)
        steps = {s["stepCode"]: (s["dossierStatus"], s["dossierSubStatus"])
                 for s in self.province.json("/o/rest/v2/stepconfigs")["data"]}
        record = map_dossier(line["dossier"], line["files"])
        self.deliver_dossiers(skip=lambda d: d["dossierNo"] == line["code"])
        self.push("DongBoHoSoMC", isUpdating="False", data=[record])
        self.push("DongBoHoSoMC", isUpdating="False",
                  data=[{**record, "MaHoSo": "H56.31.25-200101-9999"}])
        wanted = [map_step(line["dossier"], a, steps) for a in line["actions"]]
        for step in reversed([step for step in wanted if step]):
            self.push("CapNhatTienDoHoSoMC", data=[step])
        text = self.verify()["text"]
        self.assertIn("came after a later one", text)
        self.assertIn("mismatch H56.31.25-200101-9999: the province has no such dossier", text)


if __name__ == "__main__":
    unittest.main()
