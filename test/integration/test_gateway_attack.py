"""The gateway among hostile and careless clients: what they do may cost them, never others, never a
dossier, and no answer claims what is not so."""

import base64
import http.client
import json
import pathlib
import re
import socket
import ssl
import struct
import threading
import time
import unittest

from test_gateway import ACCOUNT, TLS, GatewayTest

CODE = "H56.31.25-261118-%04d"
FALSE_WORDS = ("thành công", "đã tồn tại", "không tồn tại")


class Attack(GatewayTest):
    def dial(self, source="127.0.0.1", tls=False, timeout=10):
        s = socket.create_connection(("127.0.0.1", self.port), timeout, (source, 0))
        self.addCleanup(s.close)
        if tls:
            context = ssl.create_default_context(cafile=TLS / "test.crt")
            s = context.wrap_socket(s, server_hostname="127.0.0.1")
            self.addCleanup(s.close)
        return s

    @staticmethod
    def request(body, path="/mapi/g", method="POST", headers=""):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return (f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
                f"{headers}\r\n").encode() + body

    @staticmethod
    def read(s):
        """One answer: (status, text); None when the connection ends first."""
        reply = http.client.HTTPResponse(s)
        try:
            reply.begin()
            return reply.status, reply.read().decode()
        except (OSError, http.client.HTTPException):
            return None

    @staticmethod
    def read_in_turn(s, n):
        """The bodies of n answers on one connection; a reader of each would swallow the next ones."""
        texts = []
        with s.makefile("rb") as stream:
            for _ in range(n):
                head = b"".join(iter(stream.readline, b"\r\n")).decode()
                length = re.search(r"^content-length: *(\d+)", head, re.I | re.M)
                texts.append(stream.read(int(length.group(1))).decode())
        return texts

    def push(self, number, status=4, **more):
        return {"session": self.session, "madonvi": "H56", "service": "DongBoHoSoMC",
                "isUpdating": "False", "data": [self.dossier(number, status, **more)]}

    def is_well(self):
        """A client with manners is served, and soon."""
        begun = time.monotonic()
        reply = self.post({"username": ACCOUNT[0], "password": ACCOUNT[1]}, "/mapi/login")
        self.assertEqual(reply["error_code"], 0)
        self.assertLess(time.monotonic() - begun, 2)

    def assert_queued(self, text):
        self.assertEqual(json.loads(text)["error_code"], 0, text)
        self.assertIn("xếp hàng", text)
        for words in FALSE_WORDS:
            self.assertNotIn(words, text.lower())


class Wire(Attack):
    def test_a_get_with_a_long_body_pushes_nothing(self):
        self.begin(source={"accounts_file": None})
        for size in (10, 70_000, 900_000):
            status, text = self.http("GET", "/cau/DongBoHoSoMC", b"x" * size)
            self.assertEqual(status, 404, text)
        self.assertEqual(self.world.queue(), [])

    def test_many_connections_of_one_address_leave_room_for_others(self):
        world = self.begin(source={"allow": ["127.0.0.0/8"], "max_clients": 60,
                                   "max_per_client": 4})
        crowd = []
        for _ in range(500):
            s = self.dial("127.0.0.9")
            s.sendall(b"POST /mapi/g HTTP/1.1\r\nHost: x\r\nContent-Le")  # and then nothing
            crowd.append(s)
        self.is_well()
        self.session = self.login()
        self.assertEqual(self.call("DongBoHoSoMC", data=[self.dossier(1)])["error_code"], 0)
        self.assertEqual(len(world.ledger("dossier")), 1)

    def test_requests_in_one_piece_are_answered_in_order(self):
        self.begin()
        self.session = self.login()
        s = self.dial()
        s.sendall(b"".join(self.request(self.push(n)) for n in (1, 2, 3)) +
                  self.request({"session": self.session, "service": "TraCuuHoSo",
                                "mahoso": CODE % 3}))
        answers = [json.loads(text) for text in self.read_in_turn(s, 4)]
        self.assertEqual([a["error_code"] for a in answers], [0] * 4, answers)
        self.assertEqual(answers[3]["result"], [{"MaHoSo": CODE % 3, "TrangThaiHoSo": "4"}])

    def test_odd_framing(self):
        world = self.begin(source={"body_limit": "64KB"})
        self.session = self.login()
        whole = self.request(self.push(1))
        s = self.dial()  # says that it sends no more, and waits
        s.sendall(whole)
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(json.loads(self.read(s)[1])["error_code"], 0)
        s = self.dial()
        s.sendall(self.request(self.push(2), headers="Expect: 100-continue\r\n"))
        self.assertIn(self.read(s)[0], (100, 200))
        s = self.dial()
        s.sendall(b"POST /mapi/g HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000000\r\n"
                  b"Expect: 100-continue\r\n\r\n")
        self.assertEqual(self.read(s)[0], 413)
        for head in (b"Content-Length: -1\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n",
                     b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
                     b"X: " + b"y" * 100_000 + b"\r\n", b"".join(b"X%d: y\r\n" % i
                                                               for i in range(20_000))):
            s = self.dial(timeout=3)
            try:
                s.sendall(b"POST /mapi/g HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n" + b"{}" * 3)
                reply = self.read(s)
            except OSError:
                reply = None
            self.assertTrue(reply is None or reply[0] >= 400 or '"error_code":-1' in reply[1],
                            (head[:40], reply))
        self.is_well()
        world.wait(world.idle, "idle")
        self.assertEqual(len(world.ledger("dossier")), 2)

    def test_a_body_without_an_end_is_cut_off(self):
        world = self.begin(source={"body_limit": "64KB"})
        s = self.dial(timeout=5)
        s.sendall(b"POST /mapi/g HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        with self.assertRaises(OSError):  # well before the deadline of 30 s
            for _ in range(200):
                s.sendall(chunk)
        status = pathlib.Path(f"/proc/{world.daemon.popen.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmRSS:\s+(\d+)", status)[1]), 400_000)
        self.is_well()

    def test_who_leaves_in_any_way_leaves_nothing_behind(self):
        world = self.begin(source={"answer_timeout": "400ms"}, latency_ms=150)
        self.session = self.login()
        for n in range(1, 25):
            s = self.dial()
            whole = self.request(self.push(n))
            s.sendall(whole if n % 3 else whole[:-20])
            if n % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        sure = {CODE % n for n in range(1, 25) if n % 3 and n % 2 == 0}  # a reset takes bytes back
        world.wait(lambda: sure <= {line["code"] for line in world.ledger("dossier")}
                   and world.idle(), "what came whole")
        world.wait(lambda: self.notes()["waiting"] == 0, "nobody to wait")
        self.assertTrue(all(line["effect"] for line in world.ledger("dossier")))

    def test_tls_clients_that_stop_anywhere(self):
        key = pathlib.Path(self.world.dir / "tls.key")
        key.write_bytes((TLS / "test.key").read_bytes())
        key.chmod(0o400)
        world = self.begin(source={"tls_certificate_file": TLS / "test.crt", "tls_key_file": key})
        for piece in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n\r\n",
                      b"\x80" * 4000):
            s = self.dial()
            s.sendall(piece)
        for _ in range(4):
            self.dial(tls=True).sendall(b"POST /mapi/g HTT")
        s = self.dial(tls=True)
        self.session = self.login(tls=True)
        s.sendall(self.request(self.push(1)))
        self.assertEqual(json.loads(self.read(s)[1])["error_code"], 0)
        self.assertEqual(len(world.ledger("dossier")), 1)


class Claims(Attack):
    def test_what_the_client_thinks_of_isupdating_changes_nothing(self):
        world = self.begin()
        self.session = self.login()
        push = self.push(1)
        push["isUpdating"] = "True"  # and it is not there
        self.assertEqual(self.post(push)["error_code"], 0)
        push = self.push(1, status=5)  # and it is
        self.assertEqual(self.post(push)["error_code"], 0)
        world.wait(world.idle, "idle")
        self.assertEqual([line["effect"] for line in world.ledger("dossier")], [True, True])
        self.assertEqual(len(world.attempts()), 2)

    def test_every_client_of_a_replaced_snapshot_is_answered_and_only_the_truth(self):
        world = self.begin(source={"answer_timeout": "400ms"}, latency_ms=1000)
        self.session = self.login()
        answers = []

        def client(status):
            answers.append(self.post(self.push(1, status)))

        threads = [threading.Thread(target=client, args=(n % 3 + 2,)) for n in range(9)]
        for t in threads:
            t.start()
            time.sleep(0.05)
        for t in threads:
            t.join()
        self.assertEqual(len(answers), 9)
        for a in answers:
            self.assert_queued(json.dumps(a, ensure_ascii=False))
        world.wait(world.idle, "idle")
        last = world.ledger("dossier")[-1]["record"]["TrangThaiHoSo"]
        self.assertEqual(last, "4")  # of the ninth
        self.assertLessEqual(world.portal.stats()["max_concurrent_per_dossier"], 1)

    def test_a_reload_in_the_middle_loses_nothing(self):
        world = self.begin(source={"answer_timeout": "20s"}, latency_ms=800)
        self.session = self.login()
        s = self.dial()
        s.sendall(self.request(self.push(1)))
        world.wait(lambda: len(world.queue()) == 1, "the dossier to be taken")
        world.change_conf("source cua", body_limit="128KB")  # the listener is opened anew
        world.order("/v1/reload")
        reply = self.read(s)
        self.assertTrue(reply is None or reply[0] == 503 or "error_code" in reply[1], reply)
        world.wait(world.idle, "idle")
        reply = self.post(self.push(1))  # the session has outlived it, the client repeats
        self.assertEqual(reply["error_code"], 0, reply)
        self.assertEqual(len(world.ledger("dossier")), 1)

    def test_what_a_person_gave_up_is_not_queued(self):
        world = self.begin()
        world.portal.stop()
        self.assert_queued(json.dumps(self.call("DongBoHoSoMC", data=[self.dossier(1)]),
                                      ensure_ascii=False))
        item = world.queue()[0]["id"]
        world.order(f"/v1/records/{item}:drop", reason="thử")
        reply = self.call("DongBoHoSoMC", data=[self.dossier(1)])
        self.assertEqual(reply["error_code"], -1, reply)
        self.assertEqual(self.call("TraCuuHoSo", mahoso=CODE % 1)["result"], [])

    def test_what_is_held_here_is_told_without_our_files(self):
        self.begin()
        reply = self.call("DongBoHoSoMC", data=[self.dossier(1, MaTTHC="thu-tuc-la")])
        self.assertEqual(reply["error_code"], -1)
        self.assertIn("quản trị viên", reply["message"])
        self.assertNotIn("procedure.csv", reply["message"])

    def test_a_step_of_a_dossier_that_only_the_portal_knows(self):
        world = self.begin()
        self.call("DongBoHoSoMC", data=[self.dossier(1)])
        world.stop()
        # A gateway placed before a system that has long run: nothing of a journal is there.
        for path in world.journal_path.parent.glob("journal.db*"):
            path.unlink()
        world.start()
        self.session = None
        reply = self.call("CapNhatTienDoHoSoMC", data=[self.step(1)])
        self.assertEqual(reply["error_code"], 0, reply)
        self.assertEqual(self.call("TraCuuHoSo", mahoso=CODE % 1)["result"][0]["MaHoSo"], CODE % 1)


class Secrets(Attack):
    def test_no_name_number_password_or_session_shows_anywhere(self):
        canaries = ["Chim Hoàng Yến", "000099000123", "0900000001", "bi-mat-chim", ACCOUNT[1]]
        world = self.begin(portal={"connect_timeout": "1s", "request_timeout": "1s"},
                           refuse_code=CODE % 3)
        world.change_conf("", log_level="debug")
        world.order("/v1/reload")
        self.session = self.login()
        person = {"ChuHoSo": canaries[0], "SoGiayToChuHoSo": canaries[1],
                  "SoDienThoai": canaries[2]}
        seen = [self.post({"username": canaries[0], "password": canaries[3]}, "/mapi/login")]
        for session in (self.session.upper(), canaries[3], "0" * 32, "", None, [self.session]):
            seen.append(self.post({**self.push(9), "session": session}))
            self.assertEqual(seen[-1]["error_code"], -1)
        for value in ({"NgayTiepNhan": canaries[1]}, {"TrangThaiHoSo": canaries[1]},
                      {"MaHoSo": canaries[0]}, {"TaiLieuNop": canaries[1]},
                      {"ChuHoSo": {"a": canaries[1]}}, {"HoSoCoThanhPhanSoHoa": canaries[0]}):
            seen.append(self.call("DongBoHoSoMC", data=[{**self.dossier(2), **person, **value}]))
        seen.append(self.call("DongBoHoSoMC", data=[{**self.dossier(3), **person}]))
        seen.append(self.call("TraCuuTechID", mstorcmnd=canaries[1]))
        for text in (b'{"username":"' + canaries[0].encode() + b'", "password" "',
                     json.dumps({"a": canaries[1]}).encode() + b"x", canaries[0].encode("utf-16")):
            seen.append(self.http("POST", "/mapi/g", text))
        for value in (b":" + canaries[3].encode(), b"a:b\0c", b"\xff\xfe:\x80", b"", b"a" * 3000):
            seen.append(self.http("POST", "/cau/DongBoHoSoMC", b"[]", {
                "Authorization": "Basic " + base64.b64encode(value).decode()}))
            self.assertEqual(seen[-1][0], 401)
        for path in ("/v1/status", "/metrics", "/v1/queue", "/v1/events", "/v1/config",
                     "/v1/endpoints/cua", "/v1/endpoints/portal"):
            seen.append(world.get(path).text)
        rows = world.sql("SELECT code, words FROM attempt") + world.sql(
            "SELECT reason, code FROM item JOIN subject ON subject.id = subject")
        text = json.dumps([seen, rows], ensure_ascii=False, default=str) + world.log_path.read_text()
        for canary in [*canaries, self.session]:
            at = text.find(canary)
            self.assertEqual(at, -1, f"...{text[max(0, at - 200):at + 50]}")

    def test_a_session_is_given_and_never_taken_over(self):
        self.begin()
        mine = "0123456789abcdef" * 2
        reply = self.post({"username": ACCOUNT[0], "password": ACCOUNT[1], "session": mine},
                          "/mapi/login")
        self.assertNotEqual(reply["session"], mine)
        self.session = mine
        self.assertEqual(self.call("TraCuuHoSo", mahoso="x")["error_code"], -1)
        given = {self.login() for _ in range(40)}
        self.assertEqual(len(given), 40)
        self.assertTrue(all(re.fullmatch("[0-9a-f]{32}", s) for s in given))

    def test_an_accounts_file_that_others_can_read_is_refused(self):
        world = self.begin()
        (world.dir / "accounts").chmod(0o644)
        self.assertNotEqual(world.post("/v1/reload").status, 200)
        self.is_well()


class Fairness(Attack):
    def test_a_question_that_breaks_the_portal_stops_no_delivery(self):
        world = self.begin(portal={"connect_timeout": "1s", "request_timeout": "2s"}, html_reply_percent=100)
        for n in range(8):
            self.assertEqual(self.call("LayDVC", n=n)["error_code"], -1)
        world.portal.knob(html_reply_percent=0)
        self.assertEqual(world.endpoint()["breaker"], "closed")
        reply = self.call("DongBoHoSoMC", data=[self.dossier(1)])
        self.assertIn("thành công", reply["message"].lower())


if __name__ == "__main__":
    unittest.main()
