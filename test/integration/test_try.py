"""dvcsyncctl source try: what a source shows and what becomes of it, without touching the journal."""

import http.server
import json
import threading
import time
import unittest

from harness import World, conf_section

PRESET = """
title = "a product to try"
format = json
national_status = yes
dates = {"yyyyMMddHHmmss"}
id = {"/MaHoSo"}
auth {
    kind = bearer
}
cursor {
    style = full
}
call list {
    url = "{url}/list"
    rows = "/data"
}
dossier {
    code = "/MaHoSo"
    procedure_code = "/MaTTHC"
    status = "/TrangThai"
    applicant_name = "/ChuHoSo"
    applicant_id = "/SoGiayTo"
    received = "/NgayTiepNhan"
}
step {
    rows = "/TienDo"
    at = "/luc"
    status = "/tt"
    actor = "/ai"
    text = "/nd"
}
"""

ROWS = [
    {"MaHoSo": "000.00.00.H56-261110-0001", "MaTTHC": "1.001193", "TrangThai": 4,
     "ChuHoSo": "Nguyễn Văn A", "SoGiayTo": "000123456789", "NgayTiepNhan": "20261110080000",
     "lienHe": "a.nguyen@example.vn, 0901234567",
     "TienDo": [{"luc": "20261110080000", "tt": 2, "ai": "Trần Thị B", "nd": "Tiếp nhận"}]},
    {"MaHoSo": "000.00.00.H56-261110-0002", "MaTTHC": "1.001193", "TrangThai": 77,
     "NgayTiepNhan": "20261110080000"},
    {"MaHoSo": "000.00.00.H56-261110-0003", "NgayTiepNhan": "gestern",
     "ChuHoSo": "Lê Thị Không Ghép", "DiaChi": "Thon Dong, xa Tay"},
]

TODAY = time.strftime("%Y%m%d", time.gmtime(time.time() + 7 * 3600 + 86400))  # end of the last window


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.calls += 1
        good = self.headers.get("Authorization") == "Bearer sandbox-key"
        rows = [] if "tu=" in self.path and "den=" + TODAY not in self.path else ROWS
        body = json.dumps({"data": rows}).encode() if good else b"{}"
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class TryTest(unittest.TestCase):
    def setUp(self):
        self.world = world = World()
        self.addCleanup(world.close)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.calls = 0
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.secret = world.dir / "product.key"
        self.write_secret("sandbox-key")
        (world.dir / "product.preset").write_text(PRESET)
        settings = {
            "": {"state_dir": world.dir / "state", "status_socket": world.dir / "status.sock",
                 "control_socket": world.dir / "control.sock"},
            "maps": {"procedure": "maps/procedure.csv"},
            "portal": {"adapter_url": "http://127.0.0.1:1/forward", "agency_code": "H56",
                       "dstcode": "x", "username": "demo",
                       "password_file": world.dir / "portal.password", "allow_plaintext": True},
            "source onestop": {"profile": "mapped", "preset": world.dir / "product.preset",
                               "url": f"http://127.0.0.1:{self.server.server_address[1]}",
                               "password_file": self.secret, "allow_plaintext": True},
            "flow dossiers": {"from": "onestop", "to": "portal", "mode": "off"},
        }
        world.conf_path.write_text("".join(conf_section(t, v) for t, v in settings.items()))
        world.start()

    def write_secret(self, text):
        self.secret.unlink(missing_ok=True)
        self.secret.write_text(text)
        self.secret.chmod(0o400)

    def ctl(self, *arguments):
        done = self.world.ctl(*arguments)
        return done.returncode, done.stdout + done.stderr

    def test_rows_records_verdicts_and_calls_are_shown(self):
        code, text = self.ctl("source", "try", "onestop")
        self.assertEqual(code, 1, text)  # the third row can't be mapped
        self.assertEqual(self.ctl("--json", "source", "try", "onestop")[0], 1)
        self.assertIn("row 1: 000.00.00.H56-261110-0001", text)
        self.assertIn('"TrangThai":4', text)
        self.assertIn("would be sent", text)
        self.assertIn("DongBoHoSoMC", text)
        self.assertIn("CapNhatTienDoHoSoMC", text)
        self.assertIn("would be HELD: unmapped_status", text)
        self.assertIn("can't be mapped:", text)
        self.assertIn("product.preset", text)
        self.assertIn("received", text)
        self.assertIn("3 of 3 rows", text)
        self.assertNotIn("session", text)

    def test_what_is_personal_is_masked(self):
        for arguments in (["source", "try", "onestop"], ["--json", "source", "try", "onestop"]):
            _, text = self.ctl(*arguments)
            for secret in ("Nguyễn Văn A", "000123456789", "Trần Thị B", "a.nguyen@example.vn",
                           "0901234567", "sandbox-key", "Không Ghép", "Thon Dong"):
                self.assertNotIn(secret, text)
            self.assertIn("20261110080000", text)
            self.assertIn("received_s", text)
            self.assertIn("gestern", text)

    def test_nothing_is_stored(self):
        self.ctl("source", "try", "onestop")
        self.assertEqual(self.server.calls, 1)
        for table in ("subject", "source_row", "cursor"):
            if self.world.sql("SELECT 1 FROM sqlite_master WHERE name = ?", table):
                self.assertEqual(self.world.sql(f"SELECT count(*) FROM {table}")[0][0], 0, table)

    def test_rows_are_bounded(self):
        code, text = self.ctl("--json", "source", "try", "onestop", "--rows", "1")
        self.assertEqual(code, 0, text)
        self.assertEqual(len(json.loads(text)["rows"]), 1)
        for rows in ("0", "51", "x"):
            self.assertEqual(self.ctl("source", "try", "onestop", "--rows", rows)[0], 64)

    def test_windows_before_the_first_dossier_are_passed_over(self):
        window = PRESET.replace("style = full", "style = window\n    back = 6d")
        window = window.replace('{url}/list"', '{url}/list?tu={since|yyyyMMdd}&den={until|yyyyMMdd}"')
        (self.world.dir / "product.preset").write_text(window)
        self.ctl("reload")
        code, text = self.ctl("source", "try", "onestop", "--rows", "1")
        self.assertEqual(code, 0, text)
        self.assertIn("row 1: 000.00.00.H56-261110-0001", text)
        self.assertGreater(self.server.calls, 3)

    def test_no_rows_are_told_with_what_to_look_at(self):
        (self.world.dir / "product.preset").write_text(PRESET.replace("{url}/list", "{url}/list?tu=1"))
        self.ctl("reload")
        code, text = self.ctl("source", "try", "onestop")
        self.assertEqual(code, 1, text)
        self.assertIn("the path of the rows", text)

    def test_trouble_is_told(self):
        self.write_secret("wrong")
        code, text = self.ctl("source", "try", "onestop")
        self.assertEqual(code, 2, text)
        self.assertIn("401", text)
        self.assertEqual(self.ctl("--json", "source", "try", "onestop")[0], 2)
        code, text = self.ctl("source", "try", "nobody")
        self.assertEqual(code, 2, text)
        self.assertIn("there is no source nobody", text)
        code, text = self.ctl("test", "onestop")
        self.assertEqual(code, 2, text)
        self.assertIn("401", text)
        for verb in (("poll", "nobody"), ("pause", "nobody"), ("resume", "nobody"),
                     ("adopt", "nobody"), ("catalog", "read", "nobody"), ("show", "4711"), ("why", "nobody"),
                     ("retry", "4711")):
            self.assertEqual(self.ctl(*verb)[0], 1, verb)
        self.write_secret("sandbox-key")
        code, text = self.ctl("test", "onestop")
        self.assertEqual(code, 0, text)
        self.assertIn("listed 3 rows", text)
        code, text = self.ctl("source", "try", "portal")
        self.assertEqual(code, 2, text)


if __name__ == "__main__":
    unittest.main()
