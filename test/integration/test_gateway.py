"""The gateway: software that talks to the portal, pointed at the daemon by changing one address.

dropin_client.py knows the protocol page and nothing of the daemon. GATEWAY_DOSSIERS sets how many
dossiers it has in the long run.
"""

import base64
import datetime
import http.client
import json
import os
import pathlib
import ssl
import threading
import time
import unittest

import dropin_client
from harness import ROOT, WorldTest, free_port, wait_until

DOSSIERS = int(os.environ.get("GATEWAY_DOSSIERS", "200"))
ACCOUNT = ("mot-cua", "mat-khau-mot-cua-thu-nghiem")
TLS = ROOT / "test" / "data" / "tls"


class GatewayTest(WorldTest):
    """A portal and a daemon with a gateway between it and the test."""

    def begin(self, source=None, catalog=None, portal=None, **knobs):
        world = self.world
        world.start_portal(**knobs)
        self.port = free_port()
        accounts = world.write_accounts(ACCOUNT)
        world.settings = {
            "": {"state_dir": world.dir / "state", "status_socket": world.dir / "status.sock",
                 "control_socket": world.dir / "control.sock"},
            "maps": {k: f"maps/{k}.csv" for k in ("status", "procedure", "agency")},
            "portal": {"adapter_url": world.portal.url + "/forward", "agency_code": "H56",
                       "dstcode": "VN:GOV:000.00.00.G22:vpcpdvcqg", "username": "demo",
                       "password_file": world.dir / "portal.password", "allow_plaintext": True,
                       "max_in_flight": 8, "catalog_rate": 0, "request_timeout": "5s",
                       **(portal or {})},
            "source cua": {"profile": "gateway", "listen": f"127.0.0.1:{self.port}",
                           "accounts_file": accounts, "answer_timeout": "300ms",
                           **(source or {})},
            "flow dossiers": {"from": "cua", "to": "portal", "mode": "live"},
            "retry": {"first": "50ms", "cap": "500ms", "give_up_after": "5d"},
        }
        if catalog is not None:
            world.settings["flow catalog"] = {"from": "portal", "to": "", **catalog}
        world.conf_extra = ""
        world.save_conf()
        world.start()
        self.session = None
        return world

    def http(self, method, path, body=None, headers=None, tls=False):
        if tls:
            context = ssl.create_default_context(cafile=TLS / "test.crt")
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20,
                                                     context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def post(self, body, path="/mapi/g", headers=None, tls=False):
        status, text = self.http("POST", path, json.dumps(body).encode(), headers, tls)
        self.assertEqual(status, 200, text)
        return json.loads(text)

    def login(self, tls=False):
        reply = self.post({"username": ACCOUNT[0], "password": ACCOUNT[1]}, "/mapi/login", tls=tls)
        self.assertEqual(reply["error_code"], 0)
        return reply["session"]

    def call(self, service, tls=False, **values):
        if self.session is None:
            self.session = self.login(tls)
        return self.post({"session": self.session, "madonvi": "H56", "service": service, **values},
                         tls=tls)

    def notes(self):
        return self.world.endpoint("cua")["notes"]

    @staticmethod
    def dossier(number, status=4, **more):
        return {"MaHoSo": f"H56.31.25-261118-{number:04d}", "MaTTHC": "1.000005",
                "TenTTHC": "Thủ tục", "MaLinhVuc": "G12-TC04", "TenLinhVuc": "Hải quan",
                "KenhThucHien": "1", "ChuHoSo": "Nguyễn Văn An", "LoaiDoiTuong": "1",
                "HinhThuc": "0", "DonViXuLy": "UBND xã Y", "NoiNopHoSo": "2",
                "TrichYeuHoSo": "Hồ sơ thử", "NgayHenTra": "20261121093000",
                "NgayTiepNhan": "20261118093000", "TrangThaiHoSo": str(status), **more}

    @staticmethod
    def step(number, at="20261118093000", status=2):
        return {"MaHoSo": f"H56.31.25-261118-{number:04d}", "NguoiXuLy": "Trần Văn Bé",
                "ThoiDiemXuLy": at, "NoiDungXuLy": "Tiếp nhận", "TrangThai": str(status)}


class Dropin(GatewayTest):
    def test_an_existing_client_works_while_the_portal_is_away_for_a_time(self):
        world = self.begin(source={"answer_timeout": "200ms"}, session_ttl=600)
        result = {}

        def client():
            result.update(dropin_client.run(f"http://127.0.0.1:{self.port}", *ACCOUNT, DOSSIERS,
                                            threads=6, deadline_s=30 + DOSSIERS * 0.6))

        thread = threading.Thread(target=client)
        thread.start()
        wait_until(lambda: len(world.ledger("dossier")) >= DOSSIERS // 10, "the first dossiers")
        world.portal.stop()
        time.sleep(0.8)  # the client goes on against a portal that is not there
        world.kill()     # what was taken stays taken; sessions do not: the client logs in again
        world.start()
        time.sleep(0.8)
        world.start_portal(session_ttl=600)
        thread.join()
        world.wait(world.idle, "idle", 120)
        self.assertEqual((result["done"], result["troubles"]), (DOSSIERS, []), result)
        self.assertGreater(result["queued"], 0)
        self.assertGreater(result["logins"], 1)
        self.assertEqual(result["bad_claims"], 0)
        self.judge(result["lives"])
        print("dropin_client:", {k: v for k, v in result.items() if k != "lives"})

    def judge(self, lives):
        """Every dossier once, its steps complete and in order, and no effect twice."""
        snapshots, steps, contents = {}, {}, {}
        for line in self.world.ledger():
            code = line["code"]
            self.assertFalse(line.get("stored_twice"), line)
            if line["kind"] == "dossier":
                snapshots.setdefault(code, []).append(line["record"])
                if line["effect"]:
                    text = json.dumps(line["record"], sort_keys=True)
                    self.assertNotIn(text, contents.setdefault(code, set()), "an effect twice")
                    contents[code].add(text)
            elif line["effect"]:
                steps.setdefault(code, []).append(line["record"])
        self.assertEqual(set(snapshots), set(lives))
        for code, life in lives.items():
            self.assertEqual(snapshots[code][-1]["TrangThaiHoSo"], str(life[-1]), code)
            self.assertEqual([s["TrangThai"] for s in steps[code]], [str(s) for s in life], code)
            times = [s["ThoiDiemXuLy"] for s in steps[code]]
            self.assertEqual(times, sorted(times), code)
        stats = self.world.portal.stats()
        self.assertLessEqual(stats["max_concurrent_per_dossier"], 1)

    def test_what_the_client_sent_is_what_the_portal_has(self):
        world = self.begin()
        sent = dropin_client.Dossier(7, [{"MATTHC": "1.000005", "TENTTHC": "Thủ tục"}],
                                     datetime.datetime(2026, 11, 18)).snapshot(2)
        sent |= {"TruongLa": {"b": 1, "a": [True, None]}, "Fax": "02103000000"}
        reply = self.call("DongBoHoSoMC", isUpdating="False", data=[sent])
        self.assertEqual(reply["error_code"], 0, reply)
        self.assertIn("thành công", reply["message"])
        self.assertEqual(self.bare(world.ledger("dossier")[-1]["record"]), self.bare(sent))

    def bare(self, value):
        """Without what is empty: absent and empty are the same."""
        if isinstance(value, dict):
            return {k: self.bare(v) for k, v in value.items() if v not in ("", [], None)}
        return [self.bare(v) for v in value] if isinstance(value, list) else value


class Answers(GatewayTest):
    def test_a_refusal_of_the_portal_reaches_the_client(self):
        self.begin()
        reply = self.call("DongBoHoSoMC", data=[self.dossier(1, MaTTHC="9.999999")])
        self.assertEqual(reply["error_code"], -1)
        self.assertNotIn("thành công", reply["message"].lower())

    def test_without_the_portal_it_is_queued_and_not_said_to_be_there(self):
        world = self.begin()
        world.portal.stop()
        reply = self.call("DongBoHoSoMC", data=[self.dossier(1)])
        self.assertEqual(reply["error_code"], 0)
        self.assertIn("xếp hàng", reply["message"])
        for word in ("thành công", "tồn tại"):
            self.assertNotIn(word, reply["message"].lower())
        self.assertEqual(self.call("TraCuuHoSo", mahoso="H56.31.25-261118-0001")["result"], [])
        self.assertEqual(self.call("TraCuuHoSo", mahoso="H56.31.25-261118-0002")["error_code"], -1)
        world.start_portal()
        world.wait(world.idle, "idle")
        self.assertEqual(self.call("TraCuuHoSo", mahoso="H56.31.25-261118-0001")["result"],
                         [{"MaHoSo": "H56.31.25-261118-0001", "TrangThaiHoSo": "4"}])
        reply = self.call("DongBoHoSoMC", data=[self.dossier(1)])
        self.assertIn("thành công", reply["message"].lower())
        self.assertEqual(len(world.ledger("dossier")), 1)

    def test_wrong_password_no_session_and_oversize(self):
        self.begin(source={"body_limit": "64KB"})
        reply = self.post({"username": ACCOUNT[0], "password": "sai"}, "/mapi/login")
        self.assertEqual((reply["error_code"], "session" in reply), (-1, False))
        reply = self.post({"session": "0" * 32, "service": "TraCuuHoSo", "mahoso": "x"})
        self.assertEqual(reply["error_code"], -1)
        self.assertIn("đăng nhập lại", reply["message"])
        status, _ = self.http("POST", "/mapi/g", b"x" * 200_000)
        self.assertEqual(status, 413)
        self.assertEqual(self.world.ledger(), [])

    def test_bad_input_is_refused_with_its_place_and_nothing_is_stored(self):
        world = self.begin()
        reply = self.call("DongBoHoSoMC", data=[self.dossier(1), self.dossier(2, status=11)])
        self.assertEqual(reply["error_code"], -1)
        self.assertIn("data[1]: TrangThaiHoSo", reply["message"])
        self.assertEqual(world.queue(), [])

    def test_steps_of_several_dossiers_in_one_call(self):
        world = self.begin()
        self.call("DongBoHoSoMC", data=[self.dossier(1), self.dossier(2)])
        reply = self.call("CapNhatTienDoHoSoMC", data=[
            self.step(1), self.step(2), self.step(1, "20261118103000", 4)])
        self.assertEqual(reply["error_code"], 0, reply)
        world.wait(world.idle, "idle")
        self.assertEqual(sorted(line["code"][-4:] for line in world.ledger("step")),
                         ["0001", "0001", "0002"])

    def test_the_form_of_bridges(self):
        world = self.begin()
        query = "?MaDinhDanhDV=000.00.01.H56&isUpdating=False"
        status, _ = self.http("POST", "/test/api/SynsTTHCC/DongBoHoSoMC" + query,
                              json.dumps([self.dossier(1)]))
        self.assertEqual(status, 401)
        basic = {"Authorization": "Basic " + base64.b64encode(":".join(ACCOUNT).encode()).decode()}
        bearer = {"Authorization": "Bearer " + ACCOUNT[1]}
        reply = self.post([self.dossier(1)], "/test/api/SynsTTHCC/DongBoHoSoMC" + query, basic)
        self.assertEqual(reply["error_code"], 0, reply)
        reply = self.post([self.step(1)], "/test/api/SynsTTHCC/CapNhatTienDoHoSoMC" + query, bearer)
        self.assertEqual(reply["error_code"], 0, reply)
        status, text = self.http("GET", "/KetNoiMotCuaQuocGia/LayThuTuc?maTTHC=1.000005", None,
                                 bearer)
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(text)["result"][0]["MATTHC"], "1.000005")
        world.wait(world.idle, "idle")
        self.assertEqual(len(world.ledger("step")), 1)

    def test_tls(self):
        world = self.begin(source={"tls_certificate_file": TLS / "test.crt",
                                   "tls_key_file": self.key()})
        reply = self.call("DongBoHoSoMC", tls=True, data=[self.dossier(1)])
        self.assertEqual(reply["error_code"], 0, reply)
        with self.assertRaises(OSError):
            self.http("GET", "/LayDVC")
        self.assertEqual(len(world.ledger("dossier")), 1)

    def key(self):
        path = pathlib.Path(self.world.dir / "tls.key")
        path.write_bytes((TLS / "test.key").read_bytes())
        path.chmod(0o400)
        return path


class Life(GatewayTest):
    def test_a_stop_answers_who_waits_and_keeps_what_was_taken(self):
        world = self.begin(source={"answer_timeout": "50s"})
        world.portal.stop()
        self.session = self.login()
        replies = []
        thread = threading.Thread(
            target=lambda: replies.append(self.call("DongBoHoSoMC", data=[self.dossier(1)])))
        thread.start()
        world.wait(lambda: len(world.queue()) == 1, "the dossier to be taken")
        self.assertEqual(world.stop(), 0)
        thread.join()
        self.assertEqual(replies[0]["error_code"], 0)
        self.assertIn("xếp hàng", replies[0]["message"])
        world.start_portal()
        world.start()
        world.wait(world.idle, "idle")
        self.assertEqual(len(world.ledger("dossier")), 1)

    def test_a_reload_changes_accounts_and_refuses_what_can_not_be_used(self):
        world = self.begin()
        self.session = self.login()
        world.write_accounts(("khac", "bi-mat-khac"))
        world.order("/v1/reload")
        reply = self.post({"username": ACCOUNT[0], "password": ACCOUNT[1]}, "/mapi/login")
        self.assertEqual(reply["error_code"], -1)
        self.assertEqual(self.call("LayDVC")["error_code"], -1)  # the old session is gone with it
        reply = self.post({"username": "khac", "password": "bi-mat-khac"}, "/mapi/login")
        self.assertEqual(reply["error_code"], 0)
        world.change_conf("source cua", allow=["10.0.0.1/8"])
        self.assertNotEqual(world.post("/v1/reload").status, 200)
        self.assertEqual(self.post({"username": "khac", "password": "bi-mat-khac"},
                                   "/mapi/login")["error_code"], 0)


class Intake(WorldTest):
    """The portal pushes at the province's REST, which the daemon plays (profile intake)."""

    NOTICE = {"MaHoSo": "G22.99-251118-020175", "MaTTHC": "1.000005", "MaSoThue": "0001234567",
              "NgayNopHoSo": "20251118081500", "TenThuongNhan": "Công ty A",
              "TepDonDangKy": "JVBERi0="}

    def post(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", path, json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def test_a_notice_is_done_when_the_province_has_it_and_once_only(self):
        world = self.world
        world.start_portal()
        world.start_province(4)
        world.write_conf(dossiers=False, catalog=False)
        self.port = free_port()
        world.settings["source cong"] = {"profile": "intake", "listen": f"127.0.0.1:{self.port}",
                                         "answer_timeout": "300ms"}
        world.settings["flow intake"] = {"from": "cong", "to": "onestop", "mode": "live"}
        world.save_conf()
        world.start()
        world.province.stop()
        reply = self.post("/addtthcKhuyenMai", self.NOTICE)
        self.assertEqual(reply["error_code"], -1, reply)  # to be repeated
        world.start_province(4)
        wait_until(lambda: self.post("/addtthcKhuyenMai", self.NOTICE)["error_code"] != -1,
                   "the province to have it", pause_s=0.2)
        reply = self.post("/addtthcKhuyenMai", self.NOTICE)
        self.assertEqual((reply["error_code"], reply["message"]),
                         (1, "G22.99-251118-020175| đã tồn tại"))
        self.assertEqual([i["state"] for i in world.queue()], ["DONE"])
        found = self.post("/search/call", {"masohoso": self.NOTICE["MaHoSo"]})
        self.assertEqual(found["TrangThaiHoSo"], "1")
        self.assertEqual(self.post("/search/call", {"masohoso": "x"})["error_code"], "-1")


class Catalogue(GatewayTest):
    def test_answers_of_the_cache_and_of_the_mirror_when_the_portal_is_away(self):
        world = self.begin(source={"cache_for": "0s"}, catalog={"every": "1h"})
        world.wait(lambda: all(world.get("/v1/catalog").json()[k] > 0
                               for k in ("portal", "services", "sectors", "agencies"))
                   and world.idle(), "the mirror to fill")
        live = self.call("LayDanhMucLinhVuc")
        self.assertEqual(live["error_code"], 0)
        self.assertEqual(self.notes()["stale_answers"], 0)
        world.portal.stop()
        self.assertEqual(self.call("LayDanhMucLinhVuc"), live)
        listed = self.call("LayDanhSachTTHC")
        self.assertEqual(listed["error_code"], 0, listed)
        code = listed["result"][0]["MATTHC"]
        one = self.call("LayThuTuc", maTTHC=code)
        self.assertEqual(one["result"][0]["MATTHC"], code)
        self.assertEqual(self.notes()["stale_answers"], 3)
        self.assertEqual(self.call("LayDanhMucTonGiao")["error_code"], -1)


if __name__ == "__main__":
    unittest.main()
