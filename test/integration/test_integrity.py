"""The list of integrity: every kind planted beside its counter-example, pushed through the gateway,
and links opened at a small server of results with made-up PDFs."""

import collections
import contextlib
import http.server
import json
import socket
import threading
import time
import unittest

from test_gateway import GatewayTest

FRONT = b"%%PDF-1.7\n%%made up %d\n1 0 obj\n<</Type /Sig /Filter /Adobe.PPKLite /ByteRange "
HEX = b"<30820100DEADBEEF>"
BACK = b"\n>>\nendobj\ntrailer\n<</Size 2 /Root 3 0 R>>\n%%EOF\n"
TIME_STAMP = b"9 0 obj\n<</Type /DocTimeStamp /SubFilter /ETSI.RFC3161>>\nendobj\n%%EOF\n"


def pdf(number, signed=True, added=b""):
    """A PDF of its own, with a signature that covers it, or none; added: what came behind."""
    front = FRONT % number
    if not signed:
        return front.replace(b"/Sig", b"/Abc") + BACK
    at = len(front) + 60
    head = front + b"[0 %d %d %d]" % (at, at + len(HEX), len(BACK))
    return head.ljust(at - 10) + b" /Contents" + HEX + BACK + added


class Results(http.server.BaseHTTPRequestHandler):
    """/N is a signed file of its own; what is named below is something else."""

    protocol_version = "HTTP/1.1"
    special = {
        "/large": (200, bytes(33 << 20)), "/cut": (200, pdf(6)),
        "/unsigned": (200, pdf(1, signed=False)), "/partial": (200, pdf(2, added=b"2 0 obj\n")),
        "/long-term": (200, pdf(5, added=TIME_STAMP)),
        "/copy": (200, pdf(3, signed=False)), "/copy-added": (200, pdf(7, added=b"2 0 obj\n")),
        "/same-a": (200, pdf(4)), "/same-b": (200, pdf(4)),
        "/picture": (200, b"\xff\xd8\xff\xe0 no PDF"),
        "/login": (200, b"<!DOCTYPE html><html><form>"), "/gone": (404, b"gone"),
        "/empty": (200, b""), "/moved": (302, b""), "/broken": (500, b"")}

    def do_GET(self):
        self.server.asked.append(self.path)
        status, body = self.special.get(self.path.split("?")[0], (0, b""))
        if status == 0:
            status, body = 200, pdf(int(self.path[1:]))
        self.send_response(status)
        cut = self.path == "/cut"
        self.send_header("Content-Length", str(len(body) + cut))
        if status == 302:
            self.send_header("Location", "/unsigned")
        self.end_headers()
        self.close_connection = cut or len(body) > 1 << 20
        with contextlib.suppress(OSError):  # what is larger than is read is not taken
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Integrity(GatewayTest):
    def serve(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Results)
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, f"http://127.0.0.1:{server.server_port}"

    def procedure(self):
        """One with papers, and a channel with a fee that is a number."""
        def found():
            for body, in self.world.sql("SELECT body FROM mirror WHERE kind = 3 AND active = 1"):
                p = json.loads(body)
                papers = json.loads(p.get("components") or "[]")
                fees = [f for f in json.loads(p.get("fees") or "[]")
                        if f.get("amount", "").replace(".", "").isdigit()]
                if papers and fees:
                    return p["code"], papers[0], fees[0]
            return None
        return self.world.wait(found, "the catalogue")

    def push(self, data, updating="False"):
        reply = self.call("DongBoHoSoMC", isUpdating=updating, data=[data])
        self.assertEqual(int(reply["error_code"]), 0, reply)

    def integrity(self, *arguments, code=None):
        done = self.world.ctl("integrity", "--format", "json", *arguments)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(self.world.leaks.find("the list", done.stdout.encode()), [])
        rows = collections.defaultdict(set)
        for row in report["tables"]["findings"]["rows"]:
            rows[row["kind"]].add(int(row["code"][-4:]))
        counts = {row["kind"]: row for row in report["tables"]["summary"]["rows"]}
        return dict(rows), counts

    def begin_with_catalog(self):
        world = self.begin(catalog={"mode": "live", "at": "01:00"})
        self.code, self.paper, self.fee = self.procedure()
        return world

    def a_result(self, url, code="KQ.G12.000031", name="ket_qua.pdf"):
        return {"TenGiayTo": name, "MaThanhPhanHoSo": "", "GiayToId": url[-8:],
                "DuongDanTepTinKetQua": url, "MaGiayToKetQua": code}

    def a_dossier(self, number, status=4, **more):
        papers = more.pop("papers", [self.paper])
        fees = more.pop("fees", [])
        urls = more.pop("urls", [])
        return self.dossier(number, status, **{
            "MaTTHC": self.code, "KenhThucHien": self.fee["channel"],
            "NgayKetThucXuLy": "20261120093000" if status in (9, 10) else "",
            "NgayTra": "20261120103000" if status == 10 else "",
            "TaiLieuNop": [{"TepDinhKemId": f"{number}{i}", "TenTepDinhKem": "to_khai.pdf",
                            "IsDeleted": "False", "MaThanhPhanHoSo": paper,
                            "DuongDanTaiTepTin": f"https://tep.example.vn/{number}-{i}"}
                           for i, paper in enumerate(papers)],
            "DanhSachLePhi": [{"TenPhiLePhi": "Lệ phí", "MaPhiLePhi": code, "HinhThucThu": "1",
                               "Gia": price, "LoaiPhiLePhi": "2"} for code, price in fees],
            "DanhSachGiayToKetQua": [self.a_result(url) for url in urls], **more})

    def test_each_kind_is_found_where_it_was_planted_and_nowhere_else(self):
        world = self.begin_with_catalog()
        amount = int(self.fee["amount"].replace(".", ""))
        rounds = [{"HoSoBoSungId": str(n), "NgayBoSung": "20261119080000", "TrangThaiBoSung": True,
                   "NguoiYeuCauBoSung": "", "NoiDungBoSung": "thieu", "NguoiTiepNhanBoSung": "",
                   "ThongTinTiepNhan": "", "NgayTiepNhanBoSung": "", "DanhSachGiayToBoSung": [],
                   "DanhSachLePhiBoSung": [], "NgayHenTraTruoc": "", "NgayHenTraMoi": ""}
                  for n in range(2)]
        far = "https://tep.example.vn/kq/"
        planted = {"no_result": {1, 2}, "shared_result": {11, 12}, "promise_moved": {21},
                   "supplements": {31}, "strange_paper": {41}, "fee_differs": {51, 52}}
        self.push(self.a_dossier(1, 9))
        self.push(self.a_dossier(2, 10))
        self.push(self.a_dossier(3, 10, urls=[far + "3"]))
        self.push(self.a_dossier(4, 4))
        self.push(self.a_dossier(11, 10, urls=[far + "11"]))
        self.push(self.a_dossier(12, 10, urls=[far + "11"]))
        self.push(self.a_dossier(13, 10, urls=[far + "13"]))
        # A promised date that has passed, put off; one that was put off in time.
        for number, first, later in ((21, "20201121093000", "20301121093000"),
                                     (22, "20301121093000", "20301221093000")):
            self.push(self.a_dossier(number, NgayHenTra=first, NgayTiepNhan="20201118093000"))
            world.wait(world.idle, "idle")
            self.push(self.a_dossier(number, 9, NgayHenTra=later, NgayTiepNhan="20201118093000",
                                     NgayKetThucXuLy="20201125093000", urls=[f"{far}{number}"]),
                      "True")
        self.push(self.a_dossier(31, 4, DanhSachHoSoBoSung=rounds))
        self.push(self.a_dossier(32, 4, DanhSachHoSoBoSung=rounds[:1]))
        self.push(self.a_dossier(41, 4, papers=[self.paper, "000.00.00.G12-KQ0000"]))
        self.push(self.a_dossier(42, 4, papers=[self.paper, self.paper]))
        self.push(self.a_dossier(51, 4, fees=[(self.fee["code"], str(amount + 1))]))
        self.push(self.a_dossier(52, 4, fees=[("LP-KHAC", "1000")]))
        self.push(self.a_dossier(53, 4, fees=[(self.fee["code"], str(amount))]))
        self.push(self.a_dossier(54, 4, fees=[(self.fee["code"], "không rõ")]))
        world.wait(world.idle, "idle")
        found, counts = self.integrity(code=1)
        self.assertEqual(found, planted)
        self.assertEqual(counts["fee_differs"]["not_comparable"], 1)
        self.assertEqual(counts["dead_link"]["examined"], 0)
        self.assertEqual(self.integrity("--kind", "supplements", code=1)[0], {"supplements": {31}})
        self.assertEqual(self.integrity("--month", "2019-01", code=0)[0], {})
        self.assertEqual(self.integrity("--since", "2020-01-01", code=1)[0], planted)
        # The same without a daemon; and text, CSV and HTML can be written.
        world.stop()
        self.assertEqual(self.integrity(world.journal_path, code=1)[0], planted)
        for form in ("text", "csv", "html"):
            done = world.ctl("integrity", "--format", form)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("H56.31.25-261118-0041", done.stdout)
        done = world.ctl("integrity", "--format", "csv", "-o", world.dir / "list.csv")
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertIn("H56.31.25-261118-0041", (world.dir / "list.csv").read_text())
        for wrong in (("--month", "2026-13"), ("--kind", "x"), ("--links", "0"), ("--rate", "5"),
                      ("--month", "2026-11", "--since", "2026-11-01"), ("--kind", "dead_link"),
                      ("--kind", "unsigned"), ("--kind", "added_behind")):
            self.assertEqual(world.ctl("integrity", *wrong).returncode, 64, wrong)

    def test_links_are_opened_and_judged_when_asked_for(self):
        server, url = self.serve()
        world = self.begin_with_catalog()
        closed = socket.socket()
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        self.addCleanup(closed.close)
        names = {101: "/1001", 102: "/unsigned", 103: "/partial", 104: "/picture", 105: "/gone",
                 106: "/empty", 107: "/moved", 108: "/broken", 109: "/same-a", 110: "/same-b",
                 111: "/1002", 114: "/login?1", 115: "/login?2",
                 116: "/long-term", 117: "/large", 118: "/cut"}
        for number, name in names.items():
            self.push(self.a_dossier(number, 10, urls=[url + name]))
        copy = self.a_dossier(112, 10)
        copy["DanhSachGiayToKetQua"] = [self.a_result(url + "/copy", "KQ-BAN-SAO")]
        self.push(copy)
        copy = self.a_dossier(120, 10)  # what was added behind a signature counts of a copy too
        copy["DanhSachGiayToKetQua"] = [self.a_result(url + "/copy-added", "KQ-BAN-SAO")]
        self.push(copy)
        self.push(self.a_dossier(
            113, 10, urls=[f"http://127.0.0.1:{closed.getsockname()[1]}/1003"]))
        world.wait(world.idle, "idle")
        # Not before it is asked for, and not where the configuration does not let it.
        self.assertEqual(self.integrity(code=0)[0], {})
        self.assertEqual(self.integrity("--links", "100", "--rate", "100", code=0)[0], {})
        self.assertEqual(server.asked, [])
        ports = server.server_port, closed.getsockname()[1]
        for allowed in ('"127.0.0.1"', ", ".join(f'"127.0.0.1:{port}"' for port in ports)):
            self.assertEqual(server.asked, [])  # an address alone is its ports 80 and 443
            world.conf_extra = ('integrity {\n    links_plaintext = yes\n'
                                f'    links_allow = {{ {allowed} }}\n'
                                '    certified = { "KQ-BAN-SAO" }\n}\n')
            world.save_conf()
            found, counts = self.integrity("--links", "100", "--rate", "100")
        self.assertEqual(found, {"unsigned": {102}, "added_behind": {103, 120},
                                 "dead_link": {105, 106, 108, 113, 114, 115, 118},
                                 "shared_result": {109, 110}})
        self.assertEqual(counts["dead_link"]["not_comparable"], 1)  # the redirection
        self.assertEqual(counts["unsigned"]["exempt"], 2)
        self.assertEqual(counts["added_behind"]["exempt"], 1)  # a time stamp
        self.assertEqual(counts["added_behind"]["examined"], 7)
        self.assertEqual(counts["unsigned"]["not_comparable"], 2)  # the picture, the large
        self.assertEqual(sorted(server.asked),
                         sorted([*names.values(), "/copy", "/copy-added"]))  # once each; /moved was not followed
        # At most so many, and no faster than asked.
        server.asked.clear()
        begun = time.monotonic()
        _, counts = self.integrity("--links", "4", "--rate", "10")
        self.assertGreaterEqual(time.monotonic() - begun, 0.3)  # three waits
        self.assertLessEqual(len(server.asked), 4)  # the one that refuses is not heard of here
        self.assertGreaterEqual(len(server.asked), 3)
        self.assertEqual(counts["dead_link"]["not_examined"], 15)


if __name__ == "__main__":
    unittest.main()
