"""A reply of many megabytes is read while it arrives: memory and the loop stay as they were."""

import http.server
import os
import pathlib
import re
import threading
import unittest

from harness import World, conf_section

MEGABYTES = int(os.environ.get("FEED_MB", "20"))
MEMORY_MAX_MB = 32
LAG_MAX_S = 0.05

COMMON = """
title = "a long feed"
national_status = yes
dates = {"yyyyMMddHHmmss"}
auth { kind = none }
cursor { style = full }
"""

JSON_PRESET = COMMON + """
format = json
id = {"/MaHoSo"}
call list {
    url = "{url}/list"
    ok = "/code"
    ok_values = {"0"}
    rows = "/data/rows"
}
dossier {
    code = "/MaHoSo"
    procedure_code = "/MaTTHC"
    status = "/TrangThai"
    applicant_name = "/ChuHoSo"
    received = "/NgayTiepNhan"
}
"""

XML_PRESET = COMMON + """
format = xml
namespaces { q = "urn:example:feed" }
id = {"q:MaHoSo"}
call list {
    url = "{url}/list"
    ok = "/q:reply/q:code"
    ok_values = {"0"}
    rows = "/q:reply/q:rows/q:row"
}
dossier {
    code = "q:MaHoSo"
    procedure_code = "q:MaTTHC"
    status = "q:TrangThai"
    applicant_name = "q:ChuHoSo"
    received = "q:NgayTiepNhan"
}
"""

FILLING = "Nội dung hồ sơ thử nghiệm. " * 60


def json_parts(n):
    yield b'{"code":0,"data":{"rows":[\n'
    for i in range(n):
        yield (("," if i else "") +
               '{"MaHoSo":"000.00.00.H56-261110-%06d","MaTTHC":"1.001193","TrangThai":4,'
               '"ChuHoSo":"Nguyễn Văn A","NgayTiepNhan":"20261110080000","x":"%s"}\n'
               % (i, FILLING)).encode()
    yield b"]}}"


def xml_parts(n):
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<reply xmlns="urn:example:feed"><code>0</code><rows>\n'
    for i in range(n):
        yield ("<row><MaHoSo>000.00.00.H56-261110-%06d</MaHoSo><MaTTHC>1.001193</MaTTHC>"
               "<TrangThai>4</TrangThai><ChuHoSo>Nguyễn Văn A</ChuHoSo>"
               "<NgayTiepNhan>20261110080000</NgayTiepNhan><x>%s</x></row>\n"
               % (i, FILLING)).encode()
    yield b"</rows></reply>"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, parts):
        self.parts, self.rows, self.sent, self.complete = parts, 0, 0, 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.send_all()
        except ConnectionError:
            pass  # the daemon was stopped

    def send_all(self):
        batch = b""
        for part in self.server.parts(self.server.rows):
            batch += part
            if len(batch) > 65536:
                self.chunk(batch)
                batch = b""
        self.chunk(batch)
        self.wfile.write(b"0\r\n\r\n")
        self.server.complete += 1

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.server.sent += len(data)

    def log_message(self, *_):
        pass


class FeedTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def write_conf(self, server, preset):
        world = self.world
        path = world.dir / "feed.preset"
        path.write_text(preset)
        settings = {
            "": {"state_dir": world.dir / "state", "status_socket": world.dir / "status.sock",
                 "control_socket": world.dir / "control.sock"},
            "maps": {"procedure": "maps/procedure.csv"},
            "portal": {"adapter_url": "http://127.0.0.1:1/forward", "agency_code": "H56",
                       "dstcode": "x", "username": "demo",
                       "password_file": world.dir / "portal.password", "allow_plaintext": True},
            "source onestop": {"profile": "mapped", "url": server.url, "preset": path,
                               "allow_plaintext": True, "poll_every": "300ms"},
            "flow dossiers": {"from": "onestop", "to": "portal", "mode": "observe"},
        }
        world.conf_path.write_text("".join(conf_section(t, v) for t, v in settings.items()))

    def memory_mb(self, what):
        text = pathlib.Path(f"/proc/{self.world.daemon.popen.pid}/status").read_text()
        return int(re.search(what + r":\s*(\d+)", text)[1]) / 1024

    def stored(self):
        return self.world.sql("SELECT count(*) FROM subject")[0][0]

    def late_turns(self):
        """Turns of the loop that were later than LAG_MAX_S, and the bucket that holds the worst."""
        text = self.world.get("/metrics").text
        buckets = [(float(le), int(n)) for le, n in
                   re.findall(r'dvcsync_loop_lag_seconds_bucket\{le="([0-9.e-]+)"\} (\d+)', text)]
        total = int(re.search(r"dvcsync_loop_lag_seconds_count (\d+)", text)[1])
        good = max(n for le, n in buckets if le <= LAG_MAX_S)
        worst = min((le for le, n in buckets if n == total), default=float("inf"))
        return total - good, worst

    def feed(self, kind, parts, preset):
        server = Server(parts)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.write_conf(server, preset)
        self.world.start()
        self.world.wait(lambda: server.complete > 0, "the first, empty list")
        self.world.wait(lambda: self.world.flow()["full_sweeps"] > 0, "its end")
        before = self.memory_mb("VmRSS")
        late_before, _ = self.late_turns()
        server.rows = MEGABYTES * 1_000_000 // 2300
        sent_before = server.sent
        self.world.wait(lambda: self.world.flow()["details"] >= server.rows, "all rows",
                        deadline_s=600, pause_s=0.3)
        self.world.wait(lambda: self.stored() == server.rows, "all rows to be stored")
        sent = (server.sent - sent_before) / 1e6
        peak = self.memory_mb("VmHWM") - before
        late, worst = self.late_turns()
        print(f"feed {kind}: {sent:.0f} MB, {server.rows} rows, "
              f"peak RSS +{peak:.1f} MB, longest loop lag <= {worst} s, late turns {late - late_before}",
              flush=True)
        self.assertGreaterEqual(sent, MEGABYTES * 0.8)
        self.assertLess(peak, MEMORY_MAX_MB)
        self.assertEqual(late - late_before, 0, f"the loop was blocked, up to {worst} s")

    def test_json(self):
        self.feed("json", json_parts, JSON_PRESET)

    def test_xml(self):
        self.feed("xml", xml_parts, XML_PRESET)


if __name__ == "__main__":
    unittest.main()
