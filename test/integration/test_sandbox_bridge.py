"""The sandbox portal beyond pushes: as a province's bridge, and with dossiers that begin there.

Starts the program named by the environment variable SANDBOX, or build/dvcsync-sandbox.
"""

import http.server
import json
import signal
import threading
import unittest

import test_sandbox_portal as base

CODE = base.CODE
NOTICE = "G22.99-251118-020175"


class Bridge(base.PortalTest):
    def post(self, service, body, **query):
        query = "&".join(f"{k}={v}" for k, v in {"MaDinhDanhDV": "H56", **query}.items())
        status, _, text = self.portal.http("POST", f"/tinh/api/{service}?{query}", json.dumps(body),
                                           self.headers)
        return json.loads(text) if status == 200 else status

    def get(self, path):
        status, _, text = self.portal.http("GET", "/tinh/api/" + path, headers=self.headers)
        return json.loads(text) if status == 200 else status

    def setUp(self):
        super().setUp()
        self.headers = {}

    def test_a_bare_array_is_a_push(self):
        self.assert_accepted(self.post("DongBoHoSoMC", [base.dossier()], isUpdating="False"))
        self.assert_refused(self.post("DongBoHoSoMC", [base.dossier()], isUpdating="False"),
                            "đã tồn tại", -3)
        self.assert_accepted(self.post("CapNhatTienDoHoSoMC", [base.step()]))
        self.assertEqual([line["kind"] for line in self.portal.ledger()], ["dossier", "step"])
        self.assert_refused(self.post("DongBoHoSoMC", base.dossier(), isUpdating="False"), "JSON")
        self.assert_refused(self.post("DongBoHoSoMC", [], isUpdating="False"), "data")
        self.assert_refused(self.post("DongBoHoSoMC", [base.dossier()], MaDinhDanhDV=""),
                            "MaDinhDanhDV")
        self.assertEqual(self.get("DongBoHoSoMC?MaDinhDanhDV=H56"), 405)

    def test_a_hundred_dossiers_are_taken_and_no_more(self):
        many = [base.dossier(f"H56-261118-{i:04d}") for i in range(101)]
        self.assert_refused(self.post("DongBoHoSoMC", many, isUpdating="False"), "vượt quá")
        self.assert_accepted(self.post("DongBoHoSoMC", many[:100], isUpdating="False"))
        self.assertEqual(self.portal.stats()["dossiers"], 100)
        self.assertEqual({line["call"] for line in self.portal.ledger()}, {1})

    def test_the_first_failure_fails_the_call(self):
        three = [base.dossier(f"H56-261118-{i:04d}") for i in range(3)]
        self.portal.knob(refuse_code="H56-261118-0001")
        self.assert_refused(self.post("DongBoHoSoMC", three, isUpdating="False"), "không hợp lệ")
        self.assertEqual(len(self.portal.ledger()), 1)  # the one before stays committed
        self.portal.knob(atomic_batch="on")
        self.assert_refused(self.post("DongBoHoSoMC", three[1:], isUpdating="False"), "không hợp lệ")
        self.assertEqual(len(self.portal.ledger()), 1)

    def test_readings_are_get(self):
        self.assertEqual(len(self.get("LayDanhSachTTHC")["result"]), 2863)
        self.assertEqual(self.get("LayThuTuc?maTTHC=1.000016")["result"][0]["MATTHC"], "1.000016")
        self.assertEqual(self.get("TraCuuHoSo?mahoso=" + CODE), 404)
        self.portal.knob(bridge_lookup="on")
        self.assertEqual(self.get("TraCuuHoSo?mahoso=" + CODE)["result"], [])

    def test_a_token_is_asked_for(self):
        self.portal.knob(bridge_token="chia-khoa")
        self.assertEqual(self.get("LayDVC"), 401)
        self.headers = {"Authorization": "Bearer sai"}
        self.assertEqual(self.post("DongBoHoSoMC", [base.dossier()], isUpdating="False"), 401)
        self.headers = {"Authorization": "Bearer chia-khoa"}
        self.assert_accepted(self.post("DongBoHoSoMC", [base.dossier()], isUpdating="False"))

    def test_replies_may_be_wrapped_and_without_a_code(self):
        self.portal.knob(bridge_double_encode="on")
        self.assertEqual(json.loads(self.get("LayDanhMucCoQuan")["message"])["error_code"], 0)
        self.portal.knob(bridge_double_encode="off", bridge_error_code="off")
        self.assertEqual(self.post("DongBoHoSoMC", [base.dossier()], isUpdating="False"),
                         {"message": "Đồng bộ hồ sơ thành công"})
        self.assertEqual(self.portal.lookup()[0]["MaHoSo"], CODE)  # only the bridge is so

    def test_an_answer_is_an_object(self):
        code = self.portal.post("/_sandbox/intake", {"count": 1})["codes"][0]
        self.assertEqual(self.post("DongBoTrangThaiHoSoKM", answer(code))["error_code"], 0)


def answer(code, **changes):
    return {"MaHoSo": code, "MaHoSoDonVi": "H56.05-261118-0012", "MaDoiTuong": "",
            "NoiDung": "Đã tiếp nhận", "NgayXuLy": "20261118101500", "TrangThai": "2",
            "TaiLieuXuLy": [], **changes}


class Answers(base.PortalTest):
    def setUp(self):
        super().setUp()
        self.code = self.portal.post("/_sandbox/intake", {"count": 1})["codes"][0]

    def send(self, type="2", **changes):
        return self.portal.call("DongBoTrangThaiHoSo", type=type, data=answer(self.code, **changes))

    def test_an_answer_moves_the_state(self):
        for given, shown in (("2", "2"), ("5", "5"), ("11", "3")):
            self.assert_accepted_silently(self.send(TrangThai=given))
            self.assertEqual(self.portal.lookup(self.code)[0]["TrangThaiHoSo"], shown)
        self.send(TrangThai="11")
        lines = [line for line in self.portal.ledger() if line["kind"] == "answer"]
        self.assertEqual([line["effect"] for line in lines], [True, True, True, False])
        stats = self.portal.stats()
        self.assertEqual((stats["answers"], stats["answers_repeated"]), (3, 1))

    def assert_accepted_silently(self, reply):
        self.assertEqual((reply["error_code"], reply["message"]), (0, "Thành công"))

    def test_what_is_checked(self):
        self.assert_refused(self.send(NgayXuLy=""), "NgayXuLy")
        self.assert_refused(self.send(NgayXuLy="18/11/2026"), "NgayXuLy")
        self.assert_refused(self.send(TrangThai="4"), "TrangThai")
        self.assert_refused(self.send(MaHoSoDonVi=""), "MaHoSoDonVi")
        self.assert_refused(self.send(type="1"), "type")
        self.assert_refused(self.send(MaHoSo=NOTICE), "không tồn tại")


class Intake(base.PortalTest):
    def list(self, **params):
        return self.portal.call("LayDanhSachHoSo", **params)["result"]

    def ack(self, code):
        return self.portal.call("XacNhanHoSo", maHoSo=code, daNhan=True)

    def sandbox(self, path):
        return json.loads(self.portal.http("GET", "/_sandbox/" + path)[2])

    def test_born_listed_fetched_acknowledged(self):
        codes = self.portal.post("/_sandbox/intake", {"count": 3, "seed": 5})["codes"]
        self.assertEqual(len(set(codes)), 3)
        self.assertTrue(all(code.startswith("G22.99-") for code in codes))
        self.assertEqual([row["MaHoSo"] for row in self.list()], codes)
        whole = self.portal.call("LayHoSo", mahoso=codes[0])["result"][0]
        self.assertEqual((whole["MaHoSo"], whole["TrangThaiHoSo"]), (codes[0], "1"))
        self.assertTrue(whole["TaiLieuNop"][0]["Base64"])
        self.assertTrue(whole["SoGiayToChuHoSo"].startswith("000"))
        self.assert_accepted(self.ack(codes[0]))
        self.assert_accepted(self.ack(codes[0]))
        self.assertEqual([row["MaHoSo"] for row in self.list()], codes[1:])
        acks = [(line["code"], line["effect"]) for line in self.portal.ledger()
                if line["kind"] == "ack"]
        self.assertEqual(acks, [(codes[0], True), (codes[0], False)])
        self.assert_refused(self.ack(NOTICE), "không tồn tại")
        self.portal.knob(intake_plain_ack="on")
        self.assertEqual(self.ack(codes[1]), {"message": "Cập nhật thành công"})

    def test_the_list_has_a_window_and_a_state(self):
        code = self.portal.post("/_sandbox/intake", {"count": 1})["codes"][0]
        self.assertEqual(self.list(tuNgay="20200101000000", denNgay="20200102000000"), [])
        self.assertEqual(len(self.list(tuNgay="20200101000000", denNgay="")), 1)
        self.assertEqual(self.list(trangThai="5"), [])
        self.assertEqual(self.list(trangThai="1")[0]["MaHoSo"], code)
        self.assert_refused(self.portal.call("LayDanhSachHoSo", tuNgay="hôm nay"), "tuNgay")

    def test_a_dossier_sent_back_is_handed_in_again(self):
        code = self.portal.post("/_sandbox/intake", {"count": 1})["codes"][0]
        self.ack(code)
        self.assertEqual(self.portal.post("/_sandbox/resubmit", {"code": code})["codes"], [])
        self.portal.push(base.dossier(code, TrangThaiHoSo="5"), updating="True")
        self.assertEqual(self.portal.post("/_sandbox/resubmit", {"code": code})["codes"], [code])
        self.assertEqual(self.list()[0]["LanNop"], 2)
        self.assertEqual(self.portal.lookup(code)[0]["TrangThaiHoSo"], "1")

    def test_it_is_all_there_after_a_kill(self):
        codes = self.portal.post("/_sandbox/intake", {"count": 2})["codes"]
        self.ack(codes[0])
        self.portal.call("DongBoTrangThaiHoSo", type="2", data=answer(codes[0], TrangThai="5"))
        self.portal.stop(signal.SIGKILL)
        self.portal.start()
        self.assertEqual([row["MaHoSo"] for row in self.list()], codes[1:])
        self.assertEqual([(b["state"], b["waits"], b["acks"]) for b in self.sandbox("intake")],
                         [(5, False, 1), (1, True, 0)])
        self.assertNotIn(self.portal.post("/_sandbox/intake", {"count": 1})["codes"][0], codes)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers like a province; keeps what came."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.calls.append((self.path, self.headers.get("Authorization"), body))
        text = json.dumps({"error_code": 0, "message": "Thành công"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


class Pushing(base.PortalTest):
    def setUp(self):
        super().setUp()
        self.server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
        self.server.calls = []
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def push(self, kind, **order):
        return self.portal.post("/_sandbox/push", {"url": self.url, "kind": kind, **order})

    def test_the_four_kinds(self):
        notices = self.push("notice", count=2)["answers"]
        self.assertEqual([(a["status"], a["reply"]["error_code"]) for a in notices], [(200, 0)] * 2)
        path, _, body = self.server.calls[0]
        self.assertEqual((path, body["MaHoSo"]), ("/addtthcKhuyenMai", notices[0]["code"]))
        self.assertTrue(body["TaiLieuNop"][0]["Base64"])
        self.push("change", codes=[notices[0]["code"]])
        path, _, body = self.server.calls[2]
        self.assertEqual((path, body["data"]["MaHoSoQG"]), ("/nhanhsdvcqg", notices[0]["code"]))
        self.push("receive", user="cong", password="x")
        path, authorization, body = self.server.calls[3]
        self.assertEqual((path, body["service"], body["isUpdating"]),
                         ("/nhanhoso", "NhanHoSo", "False"))
        self.assertTrue(authorization.startswith("Basic "))
        self.push("search", codes=[CODE], path="/tra-cuu")
        path, _, body = self.server.calls[4]
        self.assertEqual((path, body["masohoso"]), ("/tra-cuu", CODE))

    def test_what_was_pushed_is_known_and_not_listed(self):
        code = self.push("receive")["answers"][0]["code"]
        self.assertEqual(self.portal.call("LayDanhSachHoSo")["result"], [])
        self.assertEqual(self.portal.lookup(code)[0]["TrangThaiHoSo"], "1")

    def test_a_province_that_is_away_is_said(self):
        answers = self.portal.post("/_sandbox/push", {"url": "http://127.0.0.1:1", "kind": "notice"})
        self.assertEqual(answers["answers"][0]["status"], 0)
        self.assertIn("error", self.push("other"))


if __name__ == "__main__":
    unittest.main()
