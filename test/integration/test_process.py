"""The daemon as a process: exit codes, signals, sockets, metrics, and what must never be shown."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest

from harness import (BUILD, PORTAL_PASSWORD, PROVINCE_PASSWORD, UnixConnection, WorldTest, ask)


class Recorder:
    """Stands between the daemon and the portal and keeps every byte of both directions."""

    def __init__(self, port):
        self.target = port
        self.seen = bytearray()
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self.open += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pass_on, args=(a, b), daemon=True).start()

    def pass_on(self, source, sink):
        try:
            data = source.recv(65536)
            while data:
                self.seen += data
                sink.sendall(data)
                data = source.recv(65536)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        for end in [self.listener, *self.open]:
            end.close()


class ProcessTest(WorldTest):
    def prepared(self, dossiers=8, conf=None, **knobs):
        self.world.start_portal(**knobs)
        self.world.start_province(dossiers)
        self.world.write_conf(**(conf or {}))
        return self.world

    def run_daemon(self, *arguments):
        return subprocess.run([str(BUILD / "dvcsyncd"), *map(str, arguments)], timeout=30,
                              capture_output=True, text=True)


class ExitCodes(ProcessTest):
    def test_usage_is_64(self):
        self.assertEqual(self.run_daemon("-x").returncode, 64)
        self.assertEqual(self.run_daemon("-f").returncode, 64)
        done = self.run_daemon("too", "many")
        self.assertEqual(done.returncode, 64)
        self.assertIn("Usage: dvcsyncd", done.stderr)
        self.assertEqual(self.run_daemon("-h").returncode, 0)
        self.assertIn("dvcsyncd", self.run_daemon("-V").stdout)

    def test_bad_configuration_is_78_with_all_faults(self):
        world = self.prepared()
        world.change_conf("portal", agency_code="", max_in_flight=100000, nonsense="x")
        world.change_conf("retry", first="soon")
        world.change_conf("flow dossiers", to="nowhere")
        for arguments in (("-f", world.conf_path), ("-t", "-f", world.conf_path)):
            done = self.run_daemon(*arguments)
            self.assertEqual(done.returncode, 78)
            for word in ("max_in_flight", "nonsense", "first"):
                self.assertIn(word, done.stderr)
            self.assertIn(str(world.conf_path) + ":", done.stderr)
        self.assertEqual(self.run_daemon("-f", world.dir / "none.conf").returncode, 78)

    def test_check_and_print(self):
        world = self.prepared()
        done = self.run_daemon("-t", "-f", world.conf_path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("is fine", done.stdout)
        done = self.run_daemon("-T", "-f", world.conf_path)
        self.assertEqual(done.returncode, 0)
        for word in (world.portal.url, "page_size", str(world.conf_path), "H56"):
            self.assertIn(word, done.stdout)
        for secret in (PORTAL_PASSWORD, PROVINCE_PASSWORD):
            self.assertNotIn(secret, done.stdout)
        self.assertFalse(world.journal_path.exists())

    def test_readable_password_file_is_not_used(self):
        """The password is read for each login, so a mended file needs no restart."""
        world = self.prepared()
        (world.dir / "portal.password").chmod(0o444)
        world.start()
        world.wait(lambda: "portal.password" in world.endpoint()["last_failure_text"], "a complaint")
        self.assertEqual(world.portal.stats()["requests"], 0)
        check = subprocess.run([BUILD / "dvcsyncctl", "-f", world.conf_path, "check"], timeout=30,
                               capture_output=True, text=True)
        self.assertEqual(check.returncode, 1, check.stderr)
        self.assertRegex(check.stdout, "portal: login refused; .*dvcsyncctl resume portal")
        self.assertNotIn(PORTAL_PASSWORD, check.stdout)
        (world.dir / "portal.password").chmod(0o400)
        if world.endpoint()["paused"]:
            world.order("/v1/endpoints/portal:resume", reason="the file is mended")
        world.settle()
        self.assert_delivered(repeats=0)

    def test_second_daemon_is_75_and_names_the_first(self):
        world = self.prepared()
        world.start()
        done = self.run_daemon("-f", world.conf_path)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertIn(str(world.daemon.popen.pid), done.stderr)
        world.settle()
        self.assert_delivered()

    def test_damaged_journal_is_78_and_left_alone(self):
        world = self.prepared()
        world.start()
        world.settle()
        self.assertEqual(world.stop(), 0)
        damaged = b"\0" * 4096 + world.journal_path.read_bytes()[4096:]
        world.journal_path.write_bytes(damaged)
        done = self.run_daemon("-f", world.conf_path)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("recovery", done.stderr)
        self.assertEqual(world.journal_path.read_bytes(), damaged)


class Signals(ProcessTest):
    def test_term_in_the_middle_of_work_leaves_nothing_in_doubt(self):
        world = self.prepared(40, latency_ms=150)
        world.start()
        world.wait(lambda: world.portal.stats()["effects"] > 5 and world.endpoint()["in_flight"] > 2,
                   "work")
        self.assertEqual(world.stop(), 0)
        self.assertEqual(world.sql("SELECT count(*) FROM item WHERE state IN (1, 2)"), [(0,)])
        self.assertEqual(world.sql("SELECT count(*) FROM attempt WHERE ended_ms IS NULL"), [(0,)])
        self.assertEqual(world.sql("SELECT count(*) FROM attempt WHERE outcome = 2"), [(0,)])
        self.assertFalse((world.dir / "status.sock").exists())
        world.portal.knob(latency_ms=0)
        world.start()
        world.settle()
        self.assert_delivered(repeats=0)

    def test_term_ends_within_its_time_though_the_portal_hangs(self):
        world = self.prepared(10, hang_percent=100, hang_ms=600000,
                              conf={"top": {"shutdown_timeout": "1s"}})
        world.start()
        world.wait(lambda: world.portal.stats()["requests"] > 0, "a call")
        begun = time.monotonic()
        self.assertEqual(world.stop(), 0)
        self.assertLess(time.monotonic() - begun, 15)
        world.portal.knob(hang_percent=0)
        world.start()
        world.settle()
        self.assert_delivered()

    def test_interrupt_is_a_stop_too(self):
        world = self.prepared()
        world.start()
        self.assertEqual(world.stop(signal.SIGINT), 0)

    def test_hup_reloads(self):
        world = self.prepared()
        world.start()
        before = world.status()["configuration"]["generation"]
        world.change_conf("", log_level="debug")
        world.daemon.popen.send_signal(signal.SIGHUP)
        world.wait(lambda: world.status()["configuration"]["generation"] > before, "the reload")
        self.assertEqual(world.status()["log_level"], "debug")
        world.change_conf("portal", nonsense="x")
        world.daemon.popen.send_signal(signal.SIGHUP)
        world.wait(lambda: world.status()["configuration"]["reload_error"], "the refusal")
        world.settle()
        self.assert_delivered()


class Sockets(ProcessTest):
    def test_modes_and_orders(self):
        world = self.prepared()
        world.start()
        for name in ("status", "control"):
            mode = os.stat(world.dir / f"{name}.sock").st_mode
            self.assertTrue(stat.S_ISSOCK(mode))
            self.assertEqual(stat.S_IMODE(mode), 0o660)
        self.assertEqual(world.post("/v1/sources/onestop:poll", sock="status").status, 403)
        self.assertEqual(world.post("/v1/reload", sock="status").status, 403)
        self.assertEqual(world.post("/v1/status").status, 405)
        self.assertEqual(world.get("/v1/nothing").status, 404)
        self.assertEqual(world.get("/v1/queue?state=SOMETHING").status, 400)
        self.assertEqual(world.post("/v1/queue:release", nonsense="x").status, 400)
        for path in ("status", "health/live", "health/ready", "queue", "catalog", "config",
                     "events", "endpoints/portal", "endpoints/onestop"):
            for sock in ("status", "control"):
                reply = world.get("/v1/" + path, sock=sock)
                self.assertIn(reply.status, (200, 503) if path == "health/ready" else (200,), path)
                self.assertEqual(reply.json()["schema"], 1)

    def test_journal_is_nobody_elses_business(self):
        world = self.prepared()
        world.start()
        world.settle()
        for path in (world.dir / "state").iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)

    def test_slow_clients_are_cut_while_others_are_served(self):
        world = self.prepared()
        world.start()
        slow = []
        for _ in range(20):
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.settimeout(20)
            client.connect(str(world.dir / "status.sock"))
            client.sendall(b"GET /v1/status HT")
            slow.append(client)
        begun = time.monotonic()
        served = 0
        while time.monotonic() - begun < 2:
            self.assertEqual(world.get("/v1/status").status, 200)
            served += 1
        self.assertGreater(served, 20)
        for client in slow:
            while client.recv(4096):  # an answer that tells of the timeout is fine
                pass
        self.assertLess(time.monotonic() - begun, 8)
        self.assertEqual(world.get("/v1/status").status, 200)

    def test_huge_orders_are_refused(self):
        world = self.prepared()
        world.start()
        try:
            reply = ask(UnixConnection(world.dir / "control.sock"), "POST", "/v1/reload",
                        "x" * 200000)
            self.assertEqual(reply.status, 413)
        except OSError:
            pass  # the connection was closed before all was sent
        self.assertTrue(world.answers())

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_metrics_pass_promtool(self):
        world = self.prepared(30, drop_after_commit_percent=10, fail_429_percent=5)
        world.start()
        world.settle()
        metrics = world.get("/metrics")
        self.assertIn("text/plain", metrics.headers["Content-Type"])
        done = subprocess.run(["promtool", "check", "metrics"], input=metrics.text, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        for name in ("dvcsync_calls_total", "dvcsync_delivery_lag_seconds"):
            self.assertIn(name, metrics.text)


class Canaries(ProcessTest):
    """Secrets and people stay where they belong."""

    def all_answers(self, codes):
        world = self.world
        paths = ["/v1/status", "/v1/health/ready", "/v1/catalog", "/v1/config", "/v1/events",
                 "/v1/endpoints/portal", "/v1/endpoints/onestop", "/metrics",
                 "/v1/queue?limit=1000"] + ["/v1/dossiers/" + code for code in codes]
        return "".join(world.get(path).text for path in paths)

    def test_neither_secrets_nor_people_are_shown(self):
        world = self.world
        portal = world.start_portal(drop_after_commit_percent=10, session_calls=15, max_trichyeu=40,
                                    fail_500_percent=5, duplicate_code="mix")
        world.start_province(25, planted=1)
        recorder = Recorder(portal.port)
        self.addCleanup(recorder.close)
        world.write_conf(top={"log_level": "debug"}, catalog={},
                         portal={"adapter_url": f"http://127.0.0.1:{recorder.port}/forward"})
        world.start()
        world.settle()
        world.order("/v1/endpoints/portal:test")
        world.order("/v1/sources/onestop:poll")
        world.kill()
        world.start()
        world.settle()
        dump = world.province.dump()
        answers = self.all_answers([line["code"] for line in dump if line["code"]])
        self.assertEqual(world.stop(), 0)
        log = world.log_path.read_text()
        self.assertIn("logged in", log)
        wire = bytes(recorder.seen)
        sessions = {part[:32] for part in wire.split(b'"session":"')[1:]}
        self.assertGreater(len(sessions), 1)
        for session in sessions:
            self.assertEqual(len(session), 32)
        self.assertIn(PORTAL_PASSWORD.encode(), wire)
        files = {path: path.read_bytes() for path in (world.dir / "state").rglob("*")
                 if path.is_file()}
        self.assertIn(world.journal_path, files)
        for secret in sessions | {PORTAL_PASSWORD.encode(), PROVINCE_PASSWORD.encode()}:
            self.assertNotIn(secret.decode(), log)
            self.assertNotIn(secret.decode(), answers)
            for path, content in files.items():
                self.assertNotIn(secret, content, path)
        people = 0
        for line in dump:
            dossier = line["dossier"]
            for key in ("applicantName", "applicantIdNo", "contactTelNo", "contactEmail"):
                value = str(dossier.get(key, ""))
                if len(value) > 5:
                    people += 1
                    self.assertNotIn(value, log, key)
                    self.assertNotIn(value, answers, key)
                    self.assertNotIn(value.upper(), log, key)
        self.assertGreater(people, 50)
        # No log line carries a dossier's code unless the configuration says so.
        for line in dump:
            if line["code"]:
                self.assertNotIn(line["code"], log)


class Xml(ProcessTest):
    def delivered(self, name, format):
        """What reaches an empty portal, whatever the order of calls."""
        world = self.world
        world.ledger_path = world.dir / f"ledger-{name}.jsonl"
        portal = world.start_portal()
        world.write_conf(top={"state_dir": world.dir / f"state-{name}"}, source={"format": format},
                         catalog={})
        (world.dir / f"state-{name}").mkdir()
        world.journal_path = world.dir / f"state-{name}" / "journal.db"
        world.start()
        world.settle()
        self.assert_delivered()
        held = sorted((i["code"], i["hold"]) for i in world.queue(state="HELD"))
        self.assertEqual(world.stop(), 0)
        portal.stop()
        records = sorted((line["kind"], line["code"], line.get("key", ""),
                          str(sorted(line["record"].items()))) for line in world.ledger())
        return records, held

    def test_xml_delivers_the_same_as_json(self):
        self.world.start_province(60, planted=2)
        as_json = self.delivered("json", "json")
        as_xml = self.delivered("xml", "xml")
        self.assertGreater(len(as_json[0]), 100)
        self.assertEqual(as_json, as_xml)


if __name__ == "__main__":
    unittest.main()
