"""The province's other faces, each asked by HTTP from here as its product's clients ask it: logins,
pages, acknowledgements, shapes. No daemon runs: what is judged here is the sandbox.
"""

import base64
import http.client
import http.server
import json
import subprocess
import threading
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree

from harness import (AGENCIES, BUILD, PORTAL_PASSWORD, PROVINCE_PASSWORD, Sandbox, World,
                     wait_until)

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
OWN = "http://hoso.provider.exch.sharedservice.dtt.vn/"


class FaceTest(unittest.TestCase):
    """A province with one face, 30 dossiers and two of each planted kind."""

    product = None
    dossiers = 30

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def start(self, product=None, **knobs):
        knobs = {"username": "demo", "password": PROVINCE_PASSWORD, "planted": 2, **knobs}
        self.province = Sandbox(
            self.world, "province", "--catalog", self.world.catalog_path, "--agencies", AGENCIES,
            "--dossiers", self.dossiers, "--product", product or self.product,
            *[part for k, v in knobs.items() for part in ("--knob", f"{k}={v}")])
        self.world.children.append(self.province)
        self.truth = {line["code"]: line for line in map(json.loads, self.province.get(
            f"dump?product={product or self.product}").text.splitlines()) if line["code"]}
        return self.province

    def call(self, method, path, body=None, headers=None, product=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.province.port, timeout=30)
        try:
            connection.request(method, f"/{product or self.product}/{path}",
                               body.encode() if isinstance(body, str) else body, headers or {})
            reply = connection.getresponse()
            text = reply.read().decode()
            return reply.status, dict(reply.getheaders()), text
        finally:
            connection.close()

    def json(self, method, path, value=None, headers=None):
        body = json.dumps(value) if value is not None else None
        status, _, text = self.call(method, path, body,
                                    {"Content-Type": "application/json", **(headers or {})})
        return status, json.loads(text)

    def expected(self, *expects):
        """The codes that the face must show."""
        return {code for code, line in self.truth.items() if line["expect"] in expects}

    def behind(self):
        return self.province.stats()["products"][self.product]["behind"]

    def step(self, changes=3):
        return self.province.post("step", changes=changes)["codes"]


class ConnectorTest(FaceTest):
    product = "igate-connector"
    base = "connector/connector/v1/"

    def login(self, secret=PROVINCE_PASSWORD):
        return self.json("POST", self.base + "login", {"client_id": "demo", "client_secret": secret})

    def bearer(self):
        return {"Authorization": "Bearer " + self.login()[1]["access_token"]}

    def rows(self, headers):
        status, rows = self.json("POST", self.base + "laydanhsachhoso",
                                 {"TrangThaiHoSo": "", "MaTTHC": "", "HinhThucTiepNhan": ""}, headers)
        self.assertEqual(status, 200)
        return rows

    def ack(self, codes, headers):
        return self.json("POST", self.base + "hoso/xacnhantrangthainhan",
                         [{"MaHoSo": c, "TrangThaiNhanHoSo": 1} for c in codes], headers)

    def test_a_wrong_secret_and_a_wrong_or_missing_token_are_refused(self):
        self.start()
        self.assertEqual(self.login("sai")[0], 401)
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
            self.assertEqual(self.json("POST", self.base + "laydanhsachhoso", {}, headers)[0], 401)

    def test_a_token_runs_out(self):
        self.start(token_life_s=0)
        self.assertEqual(self.login()[1]["expires_in"], 0)
        self.assertEqual(self.json("POST", self.base + "laydanhsachhoso", {}, self.bearer())[0], 401)

    def test_rows_come_until_they_are_acknowledged_and_again_when_they_change(self):
        self.start()
        headers = self.bearer()
        rows = self.rows(headers)
        codes = {row["MaHoSo"] for row in rows}
        self.assertEqual(codes, self.expected("portal", "held"))
        self.assertEqual({r["MaHoSo"] for r in self.rows(headers)}, codes)
        self.assertEqual(self.ack(codes, headers)[1]["error_code"], 0)
        self.assertEqual(self.rows(headers), [])
        self.assertEqual(self.behind(), 0)
        changed = set(self.step(4))
        self.assertEqual({r["MaHoSo"] for r in self.rows(headers)}, changed)

    def test_an_acknowledgement_is_of_what_was_shown(self):
        self.start()
        headers = self.bearer()
        codes = {row["MaHoSo"] for row in self.rows(headers)}
        changed = set(self.step(5)) & codes
        self.ack(codes | changed, headers)
        self.assertEqual({r["MaHoSo"] for r in self.rows(headers)} & codes, changed)

    def test_a_lost_acknowledgement_is_answered_well_and_the_row_comes_again(self):
        self.start(ack_lost_percent=100)
        headers = self.bearer()
        codes = {row["MaHoSo"] for row in self.rows(headers)}
        self.assertEqual(self.ack(codes, headers)[1]["error_code"], 0)
        self.assertEqual({r["MaHoSo"] for r in self.rows(headers)}, codes)

    def test_rows_and_steps_say_what_the_dossier_is(self):
        self.start()
        headers = self.bearer()
        for row in self.rows(headers):
            truth = self.truth[row["MaHoSo"]]["dossier"]
            self.assertEqual(row["TenChuHoSo"], truth["applicantName"])
            self.assertEqual(row["SoGiayTo"], truth["applicantIdNo"])
            self.assertEqual(row["MaTTHC"], truth["serviceCode"])
            if truth["receiveDate"]:
                day, month, rest = truth["receiveDate"].split("/")
                self.assertEqual(row["NgayTiepNhan"], f"{rest[:4]}-{month}-{day}{rest[4:]}")
            else:
                self.assertIsNone(row["NgayTiepNhan"])
            status, steps = self.json("POST", self.base + "hoso/tientrinh",
                                      {"MaHoSo": row["MaHoSo"]}, headers)
            actions = [a for a in self.truth[row["MaHoSo"]]["actions"]
                       if a["state"] != 2 and not a["pending"]]
            self.assertEqual((status, [s["NguoiXuLy"] for s in steps]),
                             (200, [a["actionUser"] for a in actions]))
            self.assertEqual(steps[-1]["TrangThai"], row["TrangThaiHoSo"])
        self.assertEqual(self.json("POST", self.base + "hoso/tientrinh", {"MaHoSo": "H56-0"},
                                   headers)[0], 404)

    def test_quirks(self):
        self.start(duplicate_rows_percent=100, burst_every=3, burst_calls=1)
        headers = self.bearer()
        seen = [self.json("POST", self.base + "laydanhsachhoso", {}, headers)
                if n != 2 else self.call("POST", self.base + "laydanhsachhoso", "{}", headers)
                for n in range(3)]
        self.assertEqual([s[0] for s in seen], [200, 200, 500])
        codes = [row["MaHoSo"] for row in seen[0][1]]
        self.assertEqual(len(codes), 2 * len(set(codes)))


class SearchTest(FaceTest):
    product = "igate-search"
    dossiers = 70

    def token(self, secret=PROVINCE_PASSWORD, grant="client_credentials"):
        account = base64.b64encode(f"demo:{secret}".encode()).decode()
        status, _, text = self.call("POST", "auth/realms/digo/protocol/openid-connect/token",
                                    f"grant_type={grant}",
                                    {"Authorization": "Basic " + account,
                                     "Content-Type": "application/x-www-form-urlencoded"})
        return status, json.loads(text)

    def bearer(self):
        return {"Authorization": "Bearer " + self.token()[1]["access_token"]}

    def page(self, n, size=50, headers=None):
        return self.json("GET", f"pa/dossier/search?spec=slice&page={n}&size={size}"
                         "&sort=updatedDate,desc", None, headers)

    def test_accounts_grants_and_tokens(self):
        self.start()
        self.assertEqual(self.token("sai")[0], 401)
        self.assertEqual(self.token(grant="password")[0], 400)
        self.assertEqual(self.page(0)[0], 401)
        self.assertEqual(self.page(0, headers=self.bearer())[0], 200)

    def test_slices_are_ordered_by_change_and_the_newest_change_comes_first(self):
        self.start()
        headers = self.bearer()
        rows, n, last = [], 0, False
        while not last:
            _, slice_ = self.page(n, 30, headers)
            rows += slice_["content"]
            last, n = slice_["last"], n + 1
        self.assertEqual({r["code"] for r in rows}, self.expected("portal", "held") |
                         {c for c, t in self.truth.items()
                          if t["why"].startswith("handled by the test agency")})
        times = [r["updatedDate"] for r in rows]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual({type(r["procedure"]["translate"]) for r in rows}, {dict, list})
        code = self.step(1)[0]
        self.assertEqual(self.page(0, 1, headers)[1]["content"][0]["code"], code)
        self.assertEqual(self.page(99, 50, headers)[1]["content"], [])

    def test_a_detail_adds_the_tasks(self):
        self.start()
        headers = self.bearer()
        for row in self.page(0, 20, headers)[1]["content"]:
            status, detail = self.json("GET", f"pa/dossier/{row['id']}/--online", None, headers)
            self.assertEqual(status, 200)
            self.assertEqual({k: v for k, v in detail.items() if k != "task"}, row)
            self.assertEqual(detail["task"][-1]["status"], detail["dossierStatus"])
        self.assertEqual(self.json("GET", "pa/dossier/636b0f2a9abb62f511891001/--online", None,
                                   headers)[0], 404)

    def test_all_are_behind_until_their_details_were_read(self):
        self.start()
        headers = self.bearer()
        before = self.behind()
        row = self.page(0, 1, headers)[1]["content"][0]
        self.assertEqual(self.behind(), before)
        self.json("GET", f"pa/dossier/{row['id']}/--online", None, headers)
        self.assertEqual(self.behind(), before - 1)


class VpcpTest(FaceTest):
    product = "vpcp-shape"

    def rows(self, since="20200101000000", until="20990101000000", page=1, size=20):
        status, reply = self.json("GET", "KetNoiMotCuaQuocGia/DanhSachHoSo?"
                                  f"tuNgay={since}&denNgay={until}&trang={page}&soLuong={size}")
        self.assertEqual((status, list(reply)), (200, ["message"]))
        return json.loads(reply["message"])

    def test_a_reply_is_json_in_a_string_and_pages_end_empty(self):
        self.start()
        first, second, third = (self.rows(page=n) for n in (1, 2, 3))
        rows = first["result"] + second["result"]
        self.assertEqual((first["error_code"], first["total"], third["result"]),
                         ("0", len(rows), []))
        times = [r["NgayCapNhat"] for r in rows]
        self.assertEqual(times, sorted(times))
        self.assertEqual(len({r["MaHoSo"] for r in rows}), len(rows))
        self.assertEqual(self.behind(), 0)

    def test_the_interval_is_open_at_its_end(self):
        self.start()
        times = [r["NgayCapNhat"] for r in self.rows(size=500)["result"]]
        low, high = times[3], times[-3]
        self.assertEqual([r["NgayCapNhat"] for r in self.rows(low, high, size=500)["result"]],
                         [t for t in times if low <= t < high])

    def test_a_row_carries_files_and_steps(self):
        self.start()
        for row in self.rows(size=500)["result"]:
            line = self.truth[row["MaHoSo"]]
            self.assertEqual(len(row["TaiLieuNop"]) + len(row["DanhSachGiayToKetQua"]),
                             len(line["files"]))
            self.assertEqual(row["TienDo"][-1]["TrangThai"], row["TrangThaiHoSo"])
            self.assertEqual(row["GhiChu"], line["dossier"]["applicantNote"])

    def test_nonsense_is_refused_in_band(self):
        self.start()
        self.assertEqual(self.rows(since="hôm qua".encode().hex())["error_code"], "-1")


class LgspTest(FaceTest):
    product = "lgsp-hcm"

    def account(self, secret=PROVINCE_PASSWORD):
        value = {"AccessKey": "demo", "SecretKey": secret, "AppName": "dvcsync",
                 "PartnerCode": "H56", "PartnerCodeCus": ""}
        return {"lgspaccesstoken": base64.b64encode(json.dumps(value).encode()).decode()}

    def token(self, headers):
        status, _, text = self.call("POST", "token", "grant_type=client_credentials", headers)
        return status, json.loads(text)

    def headers(self):
        return {**self.account(), "Authorization": "Bearer " + self.token(self.account())[1][
            "access_token"]}

    def rows(self, headers, days=("01/01/2020", "01/01/2099"), page=1, size=20):
        query = urllib.parse.urlencode({"tuNgay": days[0], "denNgay": days[1], "trang": page,
                                        "soLuong": size})
        return self.json("GET", "hoso?" + query, None, headers)

    def test_both_headers_are_needed(self):
        self.start(limit_every=0)
        self.assertEqual(self.token({})[0], 401)
        self.assertEqual(self.token(self.account("sai"))[0], 401)
        both = self.headers()
        for name in both:
            self.assertEqual(self.rows({k: v for k, v in both.items() if k != name})[0], 401)
        self.assertEqual(self.rows(both)[0], 200)

    def test_windows_of_days_and_pages(self):
        self.start(limit_every=0)
        headers = self.headers()
        pages = [self.rows(headers, page=n)[1] for n in (1, 2, 3)]
        rows = pages[0]["data"] + pages[1]["data"]
        self.assertEqual((pages[0]["total"], pages[2]["data"]), (len(rows), []))
        self.assertEqual([r["maHoSo"] for r in rows], sorted(r["maHoSo"] for r in rows))
        day = rows[0]["ngayNop"][:10]
        dotted = "/".join(reversed(day.split("-")))
        self.assertEqual({r["maHoSo"] for r in self.rows(headers, (dotted, dotted))[1]["data"]},
                         {r["maHoSo"] for r in rows if r["ngayNop"][:10] == day})

    def test_every_so_many_calls_one_is_limited(self):
        self.start(limit_every=3, limit_retry_after_s=2)
        headers = self.headers()
        path = "hoso?tuNgay=01%2F01%2F2020&denNgay=01%2F01%2F2099&trang=1&soLuong=1"
        replies = [self.call("GET", path, None, headers) for _ in range(6)]
        self.assertEqual([r[0] for r in replies], [200, 200, 429] * 2)
        self.assertEqual(replies[2][1]["Retry-After"], "2")


class JusticeTest(FaceTest):
    product = "ngsp-justice"
    bearer = {"Authorization": "Bearer " + PROVINCE_PASSWORD}

    def changed(self, since="20200101000000", headers=None):
        return self.json("POST", "apiHoTichTuPhap/dsHoSoDangKy",
                         {"module": "HOTICH", "ngayCapNhat": since}, headers or self.bearer)

    def details(self, codes):
        return self.json("POST", "apiHoTichTuPhap/traDanhSachHoSo",
                         {"maTinh": "38", "module": "HOTICH", "dsMaHoSo": codes}, self.bearer)[1]

    def ack(self, codes):
        return self.json("POST", "apiLyLichTuPhap/danhDauHsThanhCong",
                         {"declarationId": ";".join(codes), "infoType": "HOTICH"}, self.bearer)[1]

    def test_a_wrong_key_is_refused(self):
        self.start()
        status, reply = self.changed(headers={"Authorization": "Bearer sai"})
        self.assertEqual((status, reply["errorCode"]), (401, 100))

    def test_changed_since_and_acknowledged(self):
        self.start()
        rows = self.changed()[1]["data"]
        codes = [r["maHoSo"] for r in rows]
        self.assertTrue(self.expected("portal", "held") <= set(codes))
        middle = sorted(r["ngayCapNhat"] for r in rows)[len(rows) // 2]
        self.assertEqual({r["maHoSo"] for r in self.changed(middle)[1]["data"]},
                         {r["maHoSo"] for r in rows if r["ngayCapNhat"] >= middle})
        self.assertEqual(self.ack(codes)["errorCode"], 0)
        self.assertEqual(set(r["maHoSo"] for r in self.changed()[1]["data"]), set(codes))
        self.details(codes)
        self.ack(codes)
        self.assertEqual(self.changed()[1]["data"], [])
        self.assertEqual(self.behind(), 0)

    def test_details_are_xml_in_json_and_states_are_four(self):
        self.start()
        codes = [r["maHoSo"] for r in self.changed()[1]["data"]]
        root = ElementTree.fromstring(self.details(codes)["data"].split("?>", 1)[1])
        self.assertEqual([h.findtext("maHoSo") for h in root], codes)
        for dossier in root:
            self.assertIn(dossier.findtext("trangThai"), "01234")
            self.assertNotEqual(dossier.findtext("ngayTiepNhan"), "")
            self.assertEqual(dossier.findall("tienTrinh/buoc")[-1].findtext("trangThai"),
                             dossier.findtext("trangThai"))
        self.assertEqual(self.details(["H56-000000-0000"])["errorCode"], 201)


class OepTest(FaceTest):
    product = "oep-soap"

    def soap(self, verb, inner, password=PROVINCE_PASSWORD, headers=None):
        body = (f'<e:Envelope xmlns:e="{SOAP[1:-1]}" xmlns:h="{OWN}"><e:Header/><e:Body><h:{verb}>'
                f"<userName>demo</userName><password>{password}</password>{inner}</h:{verb}>"
                "</e:Body></e:Envelope>")
        status, _, text = self.call("POST", "ExchDocumentService", body,
                                    {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""',
                                     **(headers or {})})
        return status, ElementTree.fromstring(text)

    def pull(self, agency="H56", **options):
        root = self.soap("pullDocument", f"<maDonViTiepNhan>{agency}</maDonViTiepNhan>", **options)[1]
        return root.find(f"{SOAP}Body/{{{OWN}}}pullDocumentResponse/return")

    def ack(self, codes):
        inner = "".join(f"<idList>{c}</idList>" for c in codes)
        root = self.soap("updateSendSignal", inner)[1]
        return root.find(f"{SOAP}Body/{{{OWN}}}updateSendSignalResponse/return")

    def test_the_account_stands_in_every_body(self):
        self.start()
        self.assertEqual(self.pull(password="sai").findtext("errCode"), "3")
        self.assertEqual(self.pull("X").findtext("errCode"), "4")
        self.assertEqual(self.soap("pullDocument", "", headers={"Content-Type": "text/plain"})[0],
                         500)

    def test_the_queue_is_pulled_and_acknowledged(self):
        self.start()
        rows = self.pull().findall("ossDocument")
        codes = [r.findtext("maSoHoSo") for r in rows]
        self.assertTrue(self.expected("portal", "held") <= set(codes))
        self.assertEqual(self.ack(codes).findtext("errCode"), "0")
        self.assertEqual(self.pull().findall("ossDocument"), [])
        self.assertEqual(self.behind(), 0)
        changed = set(self.step(3))
        self.assertEqual({r.findtext("maSoHoSo") for r in self.pull().findall("ossDocument")},
                         changed)

    def test_an_agency_gets_its_own(self):
        self.start()
        rows = self.pull().findall("ossDocument")
        agency = rows[0].findtext("maDonViTiepNhan")
        self.assertEqual({r.findtext("maSoHoSo") for r in self.pull(agency).findall("ossDocument")},
                         {r.findtext("maSoHoSo") for r in rows
                          if r.findtext("maDonViTiepNhan") == agency})

    def test_prefixes_differ_and_namespaces_do_not(self):
        self.start()
        seen = set()
        for n in range(6):
            body = (f'<e:Envelope xmlns:e="{SOAP[1:-1]}" xmlns:h="{OWN}"><e:Body><h:pullDocument>'
                    f"<userName>demo</userName><password>{PROVINCE_PASSWORD}</password>"
                    f"<maDonViTiepNhan>H56</maDonViTiepNhan></h:pullDocument>{' ' * n}</e:Body>"
                    "</e:Envelope>")
            text = self.call("POST", "ExchDocumentService", body,
                             {"Content-Type": "text/xml", "SOAPAction": '""'})[2]
            seen.add(text.split("Envelope", 1)[0])
            self.assertIsNotNone(ElementTree.fromstring(text).find(
                f"{SOAP}Body/{{{OWN}}}pullDocumentResponse/return/ossDocument/documentStatus"))
        self.assertGreater(len(seen), 1)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what the bridge pushes; its server's `answers` are used up first."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path, _, query = self.path.partition("?")
        with self.server.lock:
            self.server.calls.append((path, dict(urllib.parse.parse_qsl(query)), body))
            status, reply = self.server.answers.pop(0) if self.server.answers else (
                200, {"error_code": 0, "message": "Đã xếp hàng"})
        text = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class BridgeTest(FaceTest):
    product = "bridge-array"
    dossiers = 12

    def receive(self, answers=(), **knobs):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.server.daemon_threads = True
        self.server.lock, self.server.calls, self.server.answers = threading.Lock(), [], list(answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.start(push_threads=2, planted=0, **knobs)
        self.assertEqual(self.behind(), len(self.expected("portal", "held")))
        self.province.knob(push_url=f"http://127.0.0.1:{self.server.server_port}/api/SynsTTHCC")

    def settle(self):
        wait_until(lambda: self.behind() == 0, "everything to be pushed", 20)

    def test_it_pushes_bare_arrays_and_then_only_changes(self):
        self.receive(push_wrong_guess_percent=0)
        self.settle()
        dossiers = [c for c in self.server.calls if c[0].endswith("/DongBoHoSoMC")]
        self.assertEqual({c[2][0]["MaHoSo"] for c in dossiers}, self.expected("portal", "held"))
        self.assertEqual({c[1]["isUpdating"] for c in dossiers}, {"False"})
        steps = [s for c in self.server.calls if c[0].endswith("/CapNhatTienDoHoSoMC") for s in c[2]]
        actions = [a for c in self.expected("portal", "held") for a in self.truth[c]["actions"]
                   if a["state"] != 2 and not a["pending"]]
        self.assertEqual(len(steps), len(actions))
        before = len(self.server.calls)
        code = self.step(1)[0]
        self.settle()
        self.assertEqual({row["MaHoSo"] for c in self.server.calls[before:] for row in c[2]}, {code})

    def test_it_repeats_by_itself_and_guesses_the_other_way(self):
        self.receive([(500, {}), (200, {"error_code": -3, "message": "Hồ sơ đã tồn tại"})])
        self.settle()
        stats = self.province.stats()["products"][self.product]
        self.assertEqual((stats["troubles"], stats["refusals"], stats["given_up"]), (1, 1, 0))
        self.assertEqual(stats["repeats"], 2)

    def test_a_refusal_that_stays_is_given_up(self):
        self.receive([(200, {"error_code": -1, "message": "Mã TTHC không hợp lệ"})] * 40)
        wait_until(lambda: self.province.stats()["products"][self.product]["given_up"] > 0,
                   "something to be given up", 20)


class OracleTest(FaceTest):
    """The oracle over a product: a reader written here that brings all of vpcp-shape to the portal."""

    product = "vpcp-shape"

    def bring(self, change=lambda row: row):
        """Every row to the portal as it is, but for planted ones; change may spoil one."""
        portal = self.world.start_portal()
        self.start(planted=0)

        def ask_portal(path, value):
            reply = portal.http("POST", "/forward/mapi/" + path, json.dumps(value)).json()
            self.assertEqual(int(reply["error_code"]), 0, reply)
            return reply

        session = ask_portal("login", {"username": "demo", "password": PORTAL_PASSWORD})["session"]
        status, reply = self.json("GET", "KetNoiMotCuaQuocGia/DanhSachHoSo?tuNgay=20200101000000"
                                  "&denNgay=20990101000000&trang=1&soLuong=500")
        for row in map(change, json.loads(reply["message"])["result"]):
            if row is None:
                continue
            steps = row.pop("TienDo")
            row["MaTTHC"] = row["MaTTHC"][:8]
            row["NgayHenTra"] = "" if row["TrangThaiHoSo"] in "13" else row["NgayHenTra"]
            row["GhiChu"] = row["GhiChu"][:2000]
            del row["NgayCapNhat"], row["MaDonVi"]
            for step in steps:
                step["NguoiXuLy"] = step["NguoiXuLy"][:50]
            for service, data, more in (("DongBoHoSoMC", [row], {"isUpdating": "False"}),
                                        ("CapNhatTienDoHoSoMC", steps, {})):
                ask_portal("g", {"session": session, "madonvi": "H56", "service": service,
                                 "data": data, **more})

    def verdict(self, product="vpcp-shape"):
        done = subprocess.run(
            [BUILD / "dvcsync-sandbox", "verify", "--ledger", self.world.ledger_path, "--province",
             self.province.url, "--portal", self.world.portal.url, "--product", product, "--json"],
            capture_output=True, text=True, timeout=60)
        lines = done.stdout.splitlines()
        return done.returncode, json.loads(lines[0]) if lines else {}, lines[-1] if lines else ""

    def test_all_that_the_wire_carries_agrees(self):
        self.bring()
        code, report, line = self.verdict()
        self.assertEqual((code, report["lost"]), (0, 0), report.get("first_mismatches"))
        self.assertRegex(line, r"^vpcp-shape: procedures 0/0 dossiers 30/30 steps ")

    def test_a_dossier_left_out_is_lost_and_a_changed_field_is_seen(self):
        left = []

        def spoil(row):
            left.append(row["MaHoSo"])
            if len(left) == 1:
                return None
            return {**row, "ChuHoSo": "Người Khác"} if len(left) == 2 else row

        self.bring(spoil)
        code, report, _ = self.verdict()
        said = {m["code"]: m["what"] for m in report["first_mismatches"]}
        self.assertEqual((code, report["dossiers_agreed"]), (1, report["dossiers"] - 2))
        self.assertGreater(report["lost"], 1)
        self.assertEqual(said[left[1]], "dossier: ChuHoSo")

    def test_a_field_that_the_wire_carries_must_be_there(self):
        self.bring(lambda row: {**row, "HoSoCoThanhPhanSoHoa": "", "GhiChu": ""})
        self.assertEqual(self.verdict()[0], 1)
        code, report, _ = self.verdict("nobody")
        self.assertEqual((code, report), (2, {}))


class FacesTest(FaceTest):
    def test_all_faces_show_the_same_life(self):
        self.start("all")
        stats = self.province.stats()["products"]
        self.assertEqual(set(stats), {"igate-connector", "igate-search", "vpcp-shape", "lgsp-hcm",
                                      "ngsp-justice", "oep-soap", "bridge-array"})
        status, _, text = self.call("GET", "KetNoiMotCuaQuocGia/DanhSachHoSo?tuNgay=20200101000000"
                                    "&denNgay=20990101000000&trang=1&soLuong=9", product="vpcp-shape")
        self.assertEqual((status, "MaHoSo" in text), (200, True))
        self.assertEqual(self.call("GET", "nowhere", product="lgsp-hcm")[0], 404)

    def test_an_unknown_face_is_no_start(self):
        with self.assertRaisesRegex(AssertionError, "igate-connector"):
            self.start("viettel")


if __name__ == "__main__":
    unittest.main()
