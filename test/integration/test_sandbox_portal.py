"""The portal's side of the sandbox, driven over its own protocol.

Starts the program named by the environment variable SANDBOX, or build/dvcsync-sandbox.
"""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SANDBOX = os.environ.get("SANDBOX", str(ROOT / "build" / "dvcsync-sandbox"))
CATALOG = ROOT / "test" / "data" / "procedures.csv"
CODE = "H56.31.01-261118-0007"


def dossier(code=CODE, **changes):
    record = {
        "MaHoSo": code,
        "MaTTHC": "1.000016",
        "TenTTHC": "Thông báo tăng, giảm vốn góp",
        "ChuHoSo": "Nguyễn Thị Hoa",
        "LoaiDoiTuong": "1",
        "TrichYeuHoSo": "Thông báo tăng vốn góp",
        "NgayTiepNhan": "20261118093000",
        "NgayHenTra": "20261125170000",
        "TrangThaiHoSo": "2",
        "HinhThuc": "0",
        "DonViXuLy": "Sở Tài chính",
        "TaiLieuNop": [],
    }
    record.update(changes)
    return record


def step(time_text="20261118093000", state="2", officer="Nguyễn Thị Hoa", code=CODE):
    return {
        "MaHoSo": code,
        "NguoiXuLy": officer,
        "ThoiDiemXuLy": time_text,
        "NoiDungXuLy": "Tiếp nhận hồ sơ",
        "TrangThai": state,
    }


class Portal:
    """A running portal and a client's session with it."""

    def __init__(self, directory, *knobs):
        self.ledger_path = pathlib.Path(directory) / "ledger.jsonl"
        self.knob_args = [part for knob in knobs for part in ("--knob", knob)]
        self.start()

    def start(self):
        port_file = self.ledger_path.with_suffix(".port")
        port_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [SANDBOX, "portal", "--listen", "127.0.0.1:0", "--port-file", str(port_file),
             "--ledger", str(self.ledger_path), "--catalog", str(CATALOG), "--seed", "7",
             *self.knob_args])
        deadline = time.monotonic() + 20
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the portal did not start")
            time.sleep(0.01)
        self.port = int(port_file.read_text())
        self.session = self.login().get("session")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(timeout=20)

    def http(self, method, path, body=None, headers=None, timeout=10):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            conn.request(method, path, body, headers or {})
            reply = conn.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()
        finally:
            conn.close()

    def post(self, path, body):
        status, _, text = self.http("POST", path, json.dumps(body))
        return json.loads(text) if status == 200 else status

    def login(self, **account):
        return self.post("/adapter/forward/mapi/login", account or {"username": "u", "password": "p"})

    def envelope(self, service, **params):
        return {"session": self.session, "madonvi": "H56", "service": service, **params}

    def call(self, service, **params):
        return self.post("/adapter/forward/mapi/g", self.envelope(service, **params))

    def push(self, *records, updating="False"):
        return self.call("DongBoHoSoMC", isUpdating=updating, data=list(records))

    def push_steps(self, *records):
        return self.call("CapNhatTienDoHoSoMC", data=list(records))

    def lookup(self, code=CODE):
        return self.call("TraCuuHoSo", mahoso=code)["result"]

    def knob(self, **values):
        return self.post("/_sandbox/knobs", {k: str(v) for k, v in values.items()})

    def stats(self):
        return json.loads(self.http("GET", "/_sandbox/stats")[2])

    def ledger(self):
        return [json.loads(line) for line in self.ledger_path.read_text().splitlines()]


class PortalTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.portal = Portal(self.directory.name)

    def tearDown(self):
        if self.portal.process.poll() is None:
            self.assertEqual(self.portal.stop(), 0)
        self.directory.cleanup()

    def assert_refused(self, reply, words, code=-1):
        self.assertEqual(reply["error_code"], code)
        self.assertIn(words, reply["message"])

    def assert_accepted(self, reply):
        self.assertEqual(reply["error_code"], 0)
        self.assertIn("thành công", reply["message"])


class Sessions(PortalTest):
    def test_login_needs_an_account_and_gives_a_session(self):
        self.assertEqual(len(self.portal.session), 32)
        self.assert_refused(self.portal.login(username="u"), "mật khẩu không đúng")
        self.portal.knob(username="tinh", password="bi-mat")
        self.assert_refused(self.portal.login(), "mật khẩu không đúng")
        self.assertEqual(self.portal.login(username="tinh", password="bi-mat")["error_code"], 0)

    def test_a_foreign_session_is_refused(self):
        self.portal.session = "0" * 32
        self.assert_refused(self.portal.push(dossier()), "Phiên làm việc không hợp lệ")

    def test_a_session_ends_after_its_time(self):
        self.portal.knob(session_ttl=1)
        time.sleep(1.1)
        self.assert_refused(self.portal.call("TraCuuHoSo", mahoso=CODE), "Phiên làm việc")
        self.portal.session = self.portal.login()["session"]
        self.assertEqual(self.portal.lookup(), [])

    def test_a_session_ends_after_its_calls_with_401(self):
        self.portal.knob(session_calls=2, expiry_style="401")
        self.portal.lookup()
        self.portal.lookup()
        self.assertEqual(self.portal.call("TraCuuHoSo", mahoso=CODE), 401)

    def test_login_fail(self):
        self.portal.knob(login_fail="on")
        self.assert_refused(self.portal.login(), "mật khẩu không đúng")
        self.portal.knob(login_fail="500")
        self.assertEqual(self.portal.login(), 500)


class Dossiers(PortalTest):
    def test_a_new_dossier_is_stored_and_found(self):
        self.assertEqual(self.portal.lookup(), [])
        self.assert_accepted(self.portal.push(dossier()))
        self.assertEqual(self.portal.lookup(), [{"MaHoSo": CODE, "TrangThaiHoSo": "2"}])

    def test_duplicates_carry_the_code_of_the_knob(self):
        self.portal.push(dossier())
        for code in (0, 3, -3):
            self.portal.knob(duplicate_code=code)
            self.assert_refused(self.portal.push(dossier()), "đã tồn tại", code)
        self.portal.knob(duplicate_code="mix")
        codes = {self.portal.push(dossier())["error_code"] for _ in range(40)}
        self.assertEqual(codes, {0, 3, -3})

    def test_updating_an_unknown_dossier_needs_upsert(self):
        self.assert_refused(self.portal.push(dossier(), updating="True"), "không tồn tại")
        self.portal.knob(upsert="on")
        self.assert_accepted(self.portal.push(dossier(), updating="True"))

    def test_a_repeat_has_no_effect_whatever_the_order_of_its_members(self):
        self.portal.push(dossier())
        turned = dict(reversed(list(dossier(GhiChu="").items())))
        self.assert_accepted(self.portal.push(turned, updating="True"))
        self.portal.push(dossier(TrangThaiHoSo="4"), updating="True")
        self.assertEqual([line["effect"] for line in self.portal.ledger()], [True, False, True])
        stats = self.portal.stats()
        self.assertEqual((stats["effects"], stats["repeats"]), (2, 1))

    def test_fields_are_checked(self):
        bad = [
            ({"MaHoSo": "H56-1"}, "Mã hồ sơ không hợp lệ"),
            ({"MaHoSo": "H56.31.01-261318-0007"}, "Mã hồ sơ không hợp lệ"),
            ({"MaTTHC": "9.999999"}, "Mã TTHC không hợp lệ"),
            ({"TrangThaiHoSo": "11"}, "Trạng thái hồ sơ không hợp lệ"),
            ({"TrichYeuHoSo": ""}, "TrichYeuHoSo không được để trống"),
            ({"NgayTiepNhan": ""}, "NgayTiepNhan không được để trống"),
            ({"NgayHenTra": "2026-11-25"}, "NgayHenTra không đúng định dạng ngày"),
            ({"NgayTra": "20260230101010"}, "NgayTra không đúng định dạng ngày"),
            ({"HinhThuc": "7"}, "HinhThuc không hợp lệ"),
            ({"TaiLieuNop": "x"}, "TaiLieuNop không đúng kiểu dữ liệu"),
            ({"GhiChu": "ệ" * 2001}, "GhiChu vượt quá 2000 ký tự"),
            ({"TrichYeuHoSo": "ệ" * 1001}, "TrichYeuHoSo vượt quá 1000 ký tự"),
            ({"TaiLieuNop": [{"TenTepDinhKem": "ệ" * 4001}]}, "TenTepDinhKem vượt quá 4000"),
            ({"DanhSachGiayToKetQua": [{"TenGiayTo": "ệ" * 2001}]}, "TenGiayTo vượt quá 2000"),
        ]
        for changes, words in bad:
            with self.subTest(words):
                self.assert_refused(self.portal.push(dossier(**changes)), words)
        longest = dossier(GhiChu="ệ" * 2000, TrichYeuHoSo="ệ" * 1000,
                          TaiLieuNop=[{"TenTepDinhKem": "ệ" * 4000}],
                          DanhSachGiayToKetQua=[{"TenGiayTo": "ệ" * 2000}])
        self.assert_accepted(self.portal.push(longest))
        self.assertEqual(len(self.portal.ledger()), 1)

    def test_codes_of_all_periods_are_accepted(self):
        for code in ("000.00.12.H56-230118-0001", "G22.99-251225-020175",
                     "G09.20-20260609-0092637", "H56-261118-00042"):
            with self.subTest(code):
                self.assert_accepted(self.portal.push(dossier(code)))

    def test_required_fields_grow_with_the_generation(self):
        self.portal.knob(required_fields="g2")
        self.assert_refused(self.portal.push(dossier(TenLinhVuc="x")), "KenhThucHien")

    def test_strict_transitions(self):
        self.portal.knob(strict_transitions="on")
        self.portal.push(dossier(TrangThaiHoSo="10"))
        back = dossier(TrangThaiHoSo="4")
        self.assert_refused(self.portal.push(back, updating="True"), "Chuyển trạng thái")
        self.portal.knob(strict_transitions="off")
        self.assert_accepted(self.portal.push(back, updating="True"))

    def test_a_batch_keeps_what_came_before_the_refused_item_unless_atomic(self):
        good, bad = dossier("H56-261118-0001"), dossier("H56-261118-0002", TenTTHC="")
        self.portal.knob(atomic_batch="on")
        self.assert_refused(self.portal.push(good, bad), "TenTTHC")
        self.assertEqual(self.portal.lookup("H56-261118-0001"), [])
        self.portal.knob(atomic_batch="off")
        self.assert_refused(self.portal.push(good, bad), "TenTTHC")
        self.assertEqual(len(self.portal.lookup("H56-261118-0001")), 1)

    def test_malformed_requests_are_refused(self):
        self.assertEqual(self.portal.http("GET", "/mapi/g")[0], 405)
        self.assertEqual(self.portal.http("POST", "/elsewhere", "{}")[0], 404)
        for body in (b"{", b"[]", b'{"session":"\xff"}'):
            reply = json.loads(self.portal.http("POST", "/mapi/g", body)[2])
            self.assertEqual(reply["error_code"], -1)
        self.assert_refused(self.portal.call("KhongCo"), "Dịch vụ")
        self.assert_refused(self.portal.call("DongBoHoSoMC", isUpdating="False", data=[]), "data")
        self.assert_refused(self.portal.call("DongBoHoSoMC", data=[dossier()]), "isUpdating")


class Steps(PortalTest):
    def setUp(self):
        super().setUp()
        self.portal.push(dossier())

    def state(self):
        return self.portal.lookup()[0]["TrangThaiHoSo"]

    def test_steps_need_their_dossier_and_their_fields(self):
        unknown = step(code="H56-261118-0009")
        self.assert_refused(self.portal.push_steps(unknown), "không tồn tại")
        self.assert_refused(self.portal.push_steps(step(officer="ệ" * 51)), "NguoiXuLy vượt quá 50")
        self.assert_refused(self.portal.push_steps(step(time_text="")), "ThoiDiemXuLy")

    def test_the_newest_step_moves_the_state_and_a_late_one_does_not(self):
        self.assert_accepted(self.portal.push_steps(step("20261118100000", "4")))
        self.assertEqual(self.state(), "4")
        self.assert_accepted(self.portal.push_steps(step("20261118095000", "5")))
        self.assertEqual(self.state(), "4")
        self.assertEqual(self.portal.stats()["order_violations"], 1)

    def test_an_older_snapshot_does_not_move_the_state_back(self):
        self.portal.push(dossier(TrangThaiHoSo="9", NgayKetThucXuLy="20261120090000"),
                         updating="True")
        self.assert_accepted(self.portal.push(dossier(TrangThaiHoSo="4"), updating="True"))
        self.assertEqual(self.state(), "9")
        self.assertEqual(self.portal.stats()["snapshots_dated_back"], 1)

    def test_a_repeated_step_is_stored_twice_only_without_dedupe(self):
        self.portal.push_steps(step())
        self.portal.push_steps(step())
        self.portal.knob(step_dedupe="off")
        self.portal.push_steps(step())
        lines = [line for line in self.portal.ledger() if line["kind"] == "step"]
        self.assertEqual([line["key"] for line in lines], ["20261118093000|2|Nguyễn Thị Hoa"] * 3)
        self.assertEqual([line["effect"] for line in lines], [True, False, False])
        self.assertEqual([line.get("stored_twice") for line in lines], [None, None, True])

    def test_a_call_of_several_steps_is_one_call_with_several_lines(self):
        self.portal.push_steps(step("20261118093000", "2"), step("20261118100000", "4"))
        lines = self.portal.ledger()
        self.assertEqual([line["n"] for line in lines], [1, 2, 3])
        self.assertEqual([line["call"] for line in lines], [1, 2, 2])


class Catalog(PortalTest):
    def codes(self):
        return {row["MATTHC"]: row["TENTTHC"] for row in self.portal.call("LayDanhSachTTHC")["result"]}

    def test_the_lists(self):
        self.assertEqual(len(self.codes()), 2863)
        services = self.portal.call("LayDVC")["result"]["data"]
        self.assertTrue(1800 < len(services) < 2200)
        agencies = self.portal.call("LayDanhMucCoQuan")["result"]
        self.assertEqual(agencies[0]["MADONVI"], "H56")
        self.assertEqual(len(agencies), 150)
        sectors = self.portal.call("LayDanhMucLinhVuc")["result"]
        self.assertTrue(all(row["MALINHVUC"].startswith(row["MANGANH"] + "-") for row in sectors))

    def test_every_record_is_whole_and_always_the_same(self):
        first = self.portal.http("GET", "/_sandbox/catalog")[2]
        self.assertEqual(first, self.portal.http("GET", "/_sandbox/catalog")[2])
        rows = [json.loads(line) for line in first.splitlines()]
        self.assertEqual(len(rows), 2863)
        for row in rows:
            for name in ("TRINHTUTHUCHIEN", "CACHTHUCTHUCHIEN", "THANHPHANHOSO", "LINHVUCTHUCHIEN",
                         "DOITUONGTHUCHIEN", "KETQUATHUCHIEN", "CANCUPHAPLY", "COQUANTHUCHIEN"):
                self.assertTrue(row[name], (row["MATTHC"], name))
        asked = self.portal.call("LayThuTuc", maTTHC=rows[5]["MATTHC"])["result"]
        self.assertEqual(asked, [rows[5]])

    def test_version_two_changes_some(self):
        old = {r["MATTHC"]: r for r in map(json.loads, self.portal.http("GET", "/_sandbox/catalog")[2].splitlines())}
        before = self.codes()
        self.portal.knob(catalog_version=2)
        after = self.codes()
        new = {r["MATTHC"]: r for r in map(json.loads, self.portal.http("GET", "/_sandbox/catalog")[2].splitlines())}
        removed = before.keys() - after.keys()
        self.assertTrue(removed and after.keys() - before.keys())
        both = before.keys() & after.keys()
        self.assertTrue(any(before[c] != after[c] for c in both))
        self.assertTrue(any(str(new[c]["TRANGTHAI"]) == "2" for c in both))
        changed = sum(old[c] != new[c] for c in both)
        self.assertTrue(0.03 * len(both) < changed < 0.3 * len(both))
        self.assertEqual(self.portal.call("LayThuTuc", maTTHC=min(removed))["result"], [])
        self.assert_accepted(self.portal.push(dossier(MaTTHC=min(removed))))

    def test_the_list_can_shrink(self):
        self.portal.knob(catalog_shrink=50)
        self.assertTrue(1400 < len(self.codes()) < 1460)


class Faults(PortalTest):
    def raw(self, **params):
        body = json.dumps(self.portal.envelope("DongBoHoSoMC", isUpdating="False", data=[dossier(**params)]))
        return self.portal.http("POST", "/mapi/g", body)

    def test_knobs_are_read_set_and_bounded(self):
        self.assertEqual(self.portal.knob(latency_ms=5)["latency_ms"], 5)
        self.assertEqual(self.portal.knob(latency_ms=-1), 400)
        self.assertEqual(self.portal.knob(no_such=1), 400)
        self.assertEqual(self.portal.knob(session_ttl=9, error_code_type="x"), 400)
        knobs = json.loads(self.portal.http("GET", "/_sandbox/knobs")[2])
        self.assertEqual((knobs["latency_ms"], knobs["session_ttl"]), (5, 600))

    def test_error_code_forms(self):
        for form, wanted in (("int", 0), ("string", "0"), ("00", "00")):
            self.portal.knob(error_code_type=form)
            self.assertEqual(self.portal.call("TraCuuHoSo", mahoso=CODE)["error_code"], wanted)

    def test_double_encoding_and_line_breaks(self):
        self.portal.knob(double_encode="on", pretty_print="on")
        text = self.portal.http("POST", "/mapi/g", json.dumps(self.portal.envelope("TraCuuHoSo", mahoso=CODE)))[2]
        self.assertIn(b"\n", text)
        self.assertEqual(json.loads(json.loads(text)["message"])["result"], [])

    def test_a_drop_after_the_commit_is_in_the_ledger(self):
        self.portal.knob(drop_after_commit_percent=100)
        with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
            self.raw()
        self.portal.knob(drop_after_commit_percent=0)
        self.assertEqual(len(self.portal.ledger()), 1)
        self.assertEqual(len(self.portal.lookup()), 1)

    def test_a_500_after_the_commit_is_in_the_ledger(self):
        self.portal.knob(fail_500_after_commit_percent=100)
        self.assertEqual(self.raw()[0], 500)
        self.assertEqual(len(self.portal.ledger()), 1)

    def test_failures_before_the_commit_are_not(self):
        self.portal.knob(drop_before_percent=100)
        with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
            self.raw()
        self.portal.knob(drop_before_percent=0, fail_500_percent=100)
        self.assertEqual(self.raw()[0], 500)
        self.portal.knob(fail_500_percent=0, fail_429_percent=100, retry_after_s=3)
        status, headers, _ = self.raw()
        self.assertEqual((status, headers["Retry-After"]), (429, "3"))
        self.assertEqual(self.portal.ledger(), [])

    def test_bursts(self):
        self.portal.knob(burst_every=5, burst_calls=3, burst_status=429)
        statuses = [self.portal.http("POST", "/mapi/g", "{}")[0] for _ in range(16)]
        self.assertEqual(statuses.count(429), 6)

    def test_broken_replies(self):
        self.portal.knob(html_reply_percent=100)
        self.assertIn("text/html", self.raw()[1]["Content-Type"])
        self.portal.knob(html_reply_percent=0, empty_reply_percent=100)
        self.assertEqual(self.raw()[2], b"")
        self.portal.knob(empty_reply_percent=0, truncate_reply_percent=100)
        with self.assertRaises(json.JSONDecodeError):
            json.loads(self.raw()[2])
        self.portal.knob(truncate_style="wire")
        with self.assertRaises((http.client.IncompleteRead, ConnectionResetError)):
            self.raw()

    def test_lookup_fails_alone(self):
        self.portal.knob(lookup_fail_percent=100)
        self.assertEqual(self.portal.call("TraCuuHoSo", mahoso=CODE), 500)
        self.assert_accepted(self.portal.push(dossier()))

    def test_redirects(self):
        self.portal.knob(redirect="same")
        status, headers, _ = self.raw()
        self.assertEqual((status, headers["Location"]), (307, "/moved/mapi/g"))
        self.portal.knob(redirect="other")
        self.assertTrue(self.raw()[1]["Location"].startswith("http://localhost:"))

    def test_dstcode(self):
        self.portal.knob(require_dstcode="on")
        self.assertEqual(self.raw()[0], 400)
        body = json.dumps({"username": "u", "password": "p"})
        self.assertEqual(self.portal.http("POST", "/mapi/login", body, {"dstcode": "VN:GOV"})[0], 200)

    def test_slow_answers_do_not_hold_others_up(self):
        self.portal.knob(hang_percent=100, hang_ms=1500)
        def hanging():
            with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
                self.raw()
        thread = threading.Thread(target=hanging)
        began = time.monotonic()
        thread.start()
        while not self.portal.ledger():
            time.sleep(0.01)
        self.portal.knob(hang_percent=0, latency_ms=200)
        self.assertEqual(len(self.portal.lookup()), 1)
        self.assertTrue(0.2 <= time.monotonic() - began < 1.4)
        thread.join()
        self.assertGreaterEqual(time.monotonic() - began, 1.5)

    def test_the_same_seed_gives_the_same_faults(self):
        def run(directory):
            portal = Portal(directory)
            portal.knob(fail_500_percent=30)
            statuses = [portal.http("POST", "/mapi/g", "{}")[0] for _ in range(60)]
            portal.stop()
            return statuses
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            first = run(one)
            self.assertEqual(first, run(two))
        self.assertTrue(5 < first.count(500) < 35)

    def test_a_stop_ends_hanging_calls(self):
        self.portal.knob(hang_percent=100, hang_ms=600000)
        def hanging():
            with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
                self.raw()
        thread = threading.Thread(target=hanging)
        thread.start()
        while not self.portal.ledger():
            time.sleep(0.01)
        self.assertEqual(self.portal.stop(), 0)
        thread.join(timeout=5)
        self.assertFalse(thread.is_alive())


class Ledger(PortalTest):
    def test_an_answered_call_is_in_the_file(self):
        for i in range(50):
            code = f"H56-261118-{i:04d}"
            self.portal.push(dossier(code))
            self.assertEqual(self.portal.ledger()[-1]["code"], code)
        first = self.portal.ledger()[0]
        self.assertEqual((first["n"], first["call"], first["kind"]), (1, 1, "dossier"))
        self.assertIs(first["updating"], False)
        self.assertEqual(first["record"]["ChuHoSo"], "Nguyễn Thị Hoa")

    def test_a_killed_portal_knows_all_it_had_answered(self):
        self.portal.push(dossier())
        self.portal.push_steps(step("20261118100000", "4"))
        self.portal.stop(signal.SIGKILL)
        with open(self.portal.ledger_path, "a", encoding="utf-8") as file:
            file.write('{"n":3,"call":3,"kind":"dos')
        self.portal.start()
        self.assertEqual(self.portal.lookup()[0]["TrangThaiHoSo"], "4")
        self.assert_refused(self.portal.push(dossier()), "đã tồn tại", -3)
        self.portal.push_steps(step("20261118100000", "4"))
        last = self.portal.ledger()[-1]
        self.assertEqual((last["n"], last["call"], last["effect"]), (3, 3, False))

    def test_loaded_dossiers_do_not_count(self):
        lines = [{"code": "H56-261118-0001", "state": 4},
                 {"code": "H56-261118-0002", "expect": "held"},
                 {"code": "H56-261118-0003", "expect": "portal", "dossier": {"dossierStatus": "done"}},
                 {"code": CODE, "record": dossier(), "steps": [step("20261118100000", "5")]}]
        body = "\n".join(json.dumps(line) for line in lines)
        reply = json.loads(self.portal.http("POST", "/_sandbox/load", body)[2])
        self.assertEqual(reply, {"loaded": 3, "passed_over": 1})
        states = [self.portal.lookup(line["code"]) for line in lines]
        self.assertEqual([s[0]["TrangThaiHoSo"] if s else None for s in states], ["4", None, "10", "5"])
        self.assertEqual({line["kind"] for line in self.portal.ledger()}, {"loaded"})
        self.assert_accepted(self.portal.push(dossier(), updating="True"))
        self.assertIs(self.portal.ledger()[-1]["effect"], False)


class Load(PortalTest):
    def test_many_connections_at_once(self):
        def work(k):
            conn = http.client.HTTPConnection("127.0.0.1", self.portal.port, timeout=20)
            for i in range(25):
                code = f"H56.31.{k + 1}-261118-{i:04d}"
                for service, extra in (("DongBoHoSoMC", {"isUpdating": "False", "data": [dossier(code)]}),
                                       ("CapNhatTienDoHoSoMC", {"data": [step(code=code)]})):
                    conn.request("POST", "/mapi/g", json.dumps(self.portal.envelope(service, **extra)))
                    if json.loads(conn.getresponse().read())["error_code"] != 0:
                        failed.append(code)
            conn.close()
        failed = []
        threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        lines = self.portal.ledger()
        self.assertEqual([line["n"] for line in lines], list(range(1, 801)))
        stats = self.portal.stats()
        self.assertEqual((stats["dossiers"], stats["steps"], stats["accepted"]), (400, 400, 800))
        self.assertEqual(stats["max_concurrent_per_dossier"], 1)
        self.assertLess(stats["ledger"]["syncs"], 800)

    def test_two_calls_of_one_dossier_at_once_are_seen(self):
        self.portal.push(dossier())
        self.portal.knob(latency_ms=300)
        threads = [threading.Thread(target=self.portal.push_steps, args=(step(officer=name),))
                   for name in ("Nguyễn Thị Hoa", "Trần Văn Bình")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.portal.stats()["max_concurrent_per_dossier"], 2)

    def test_a_caller_that_hung_up_is_not_counted_as_concurrent(self):
        self.portal.push(dossier())
        self.portal.knob(hang_percent=100, hang_ms=5000)
        body = json.dumps(self.portal.envelope("CapNhatTienDoHoSoMC", data=[step()]))
        with self.assertRaises(TimeoutError):
            self.portal.http("POST", "/mapi/g", body, timeout=0.3)
        self.portal.knob(hang_percent=0)
        self.portal.push_steps(step())
        self.assertEqual(self.portal.stats()["max_concurrent_per_dossier"], 1)


if __name__ == "__main__":
    unittest.main()
