"""What must not be seen: secrets and people in what the daemon writes, in its process, its core, its
journal after their time; and what a configuration with bad secrets says.

Every World of every test looks for leaks when it closes (leaks.py); here is the control that it
finds what is planted.
"""

import base64
import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse

from harness import (BUILD, PORTAL_PASSWORD, PROVINCE_PASSWORD, UnixConnection, WorldTest,
                     ask, wait_until)
from leaks import ADDRESS, Leaks

# One of each kind, as the sandbox makes them.
PLANTED = {
    "password of the portal": PORTAL_PASSWORD,
    "password of the province": PROVINCE_PASSWORD,
    "password of an account": "mat-khau-cua-ai-do",
    "session": "0123456789abcdef0123456789abcdef",
    "access key": "khoa-truy-cap-thu-nghiem",
    "identity number of 12 digits": "000123456789",
    "identity number of 9 digits": "000123456",
    "passport number": "000P12345",
    "telephone number": "0000123456",
    "e-mail address": "nguoi77@example.invalid",
    "name": "Nguyễn Văn Thử",
    "name in capitals": "NGUYỄN VĂN THỬ",
    "name of an organization": "Hợp tác xã Thử Nghiệm 123",
    "address": ADDRESS,
}
FORMS = {
    "plain": lambda v: v.encode(),
    "escaped": lambda v: json.dumps(v).encode(),
    "URL": lambda v: urllib.parse.quote(v).encode(),
    "Base64": lambda v: base64.b64encode(v.encode()),
    "Base64 inside": lambda v: base64.b64encode(b'{"a":"' + v.encode() + b'"}'),
    "hexadecimal": lambda v: v.encode().hex().encode(),
    "UTF-16": lambda v: v.encode("utf-16-le"),
    "UTF-16 the other way": lambda v: v.encode("utf-16-be"),
}
SECRETS = list(PLANTED)[:5]


class Scan(unittest.TestCase):
    def setUp(self):
        self.leaks = Leaks()
        for kind in SECRETS:
            self.leaks.add(kind, PLANTED[kind])

    def test_finds_each_kind_in_each_form_and_never_tells_it(self):
        self.assertGreaterEqual(len(PLANTED), 12)
        for kind, value in PLANTED.items():
            for form, make in FORMS.items():
                found = self.leaks.find("here", b"level=info x " + make(value) + b" event=done\n")
                with self.subTest(kind=kind, form=form):
                    self.assertTrue(any(f.startswith(kind + " in here") for f in found), found)
                    self.assertNotIn(value, "".join(found))

    def test_finds_numbers_of_known_people_within_other_digits(self):
        self.leaks.add_people([{"dossier": {"applicantIdNo": "000123456789",
                                            "contactTelNo": "0000123456"}}])
        for value in (b"900012345678977", b"x0000123456y", base64.b64encode(b"1000123456789")):
            self.assertNotEqual(self.leaks.find("here", value), [])

    def test_finds_nothing_in_what_the_daemon_may_say(self):
        fine = (b'dossier=9f3c1d2e4b5a outcome="done" code=000.00.01.H56-261118-000123 '
                b'at=2026-11-18T09:30:00.000123456 H56.31.25-261118-000001 0.000123456 '
                b'{"sha256":"00012345678900001234560123456789abcdef00000000ffff000123456789aa"} '
                + "Thủ tục hành chính; Nguyễn; UBND xã Y; Trần".encode())
        self.assertEqual(self.leaks.find("here", fine), [])


class Worlds(WorldTest):
    """A World whose daemon has shown something does not close in silence."""

    def test_every_place_is_looked_at(self):
        world = self.run_world(4)
        world.settle()
        self.assertEqual(world.shown(), [])
        log, reason = world.log_path.read_bytes(), world.dir / "spool" / "bad" / "x.json.reason"
        reason.parent.mkdir(parents=True)
        (world.dir / "state" / "journal.db-old").write_text("kept: " + PORTAL_PASSWORD)
        reason.write_text("a phone number: 0000123456")
        with open(world.log_path, "ab") as file:
            file.write(b"logged in as demo with " + base64.b64encode(PROVINCE_PASSWORD.encode()))
        world.leaks.hear(json.dumps({"words": PLANTED["name"]}))
        session = world.portal.get("sessions").json()[0]
        world.leaks.hear(json.dumps({"session": session}))
        found = "\n".join(world.shown())
        for expected in ("password of the portal in state/journal.db-old (plain)",
                         "telephone number in a reason file (plain)",
                         "password of the province in the log (Base64)",
                         "name in an answer or an event (escaped)",
                         "session in an answer or an event (plain)"):
            self.assertIn(expected, found)
        with self.assertRaisesRegex(AssertionError, "shown: .*telephone number"):
            world.close()
        self.assertFalse(world.dir.exists())
        self.assertNotIn(PROVINCE_PASSWORD.encode(), log)


class Running(WorldTest):
    def test_neither_arguments_nor_environment_nor_dumps_hold_a_secret(self):
        world = self.run_world(4, conf={"top": {"log_level": "debug"}})
        world.settle()
        pid = world.daemon.popen.pid
        for name in ("cmdline", "environ"):
            text = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
            self.assertEqual(world.leaks.find(name, text), [])
        for arguments in (("-T",), ("-t",)):
            done = subprocess.run([BUILD / "dvcsyncd", *arguments, "-f", world.conf_path],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 0, done.stderr)
            world.leaks.hear(done.stdout + done.stderr)
        for arguments in (("config", "check"), ("config", "dump", "--origin"), ("--json", "config",
                          "dump"), ("status",), ("queue",), ("events",), ("catalog",)):
            self.assertNotEqual(world.ctl(*arguments).stdout, "", arguments)


    def test_a_crash_leaves_no_core(self):
        world = self.world
        world.start_portal()
        world.start_province(2)
        world.write_conf()
        before = resource.getrlimit(resource.RLIMIT_CORE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE, before)
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        except (OSError, ValueError):
            self.skipTest("no cores may be asked for")
        control = subprocess.Popen([sys.executable, "-c", "import os; os.abort()"],
                                   cwd=world.dir, stderr=subprocess.DEVNULL)
        if not os.WCOREDUMP(os.waitpid(control.pid, 0)[1]):
            control.returncode = -6
            self.skipTest("this machine keeps no cores")
        control.returncode = -6
        world.start()
        pid = world.daemon.popen.pid
        os.kill(pid, signal.SIGABRT)
        status = os.waitpid(pid, 0)[1]
        world.daemon.popen.returncode = -os.WTERMSIG(status)
        self.assertEqual(os.WTERMSIG(status), signal.SIGABRT)
        self.assertFalse(os.WCOREDUMP(status))


class Configuration(WorldTest):
    def prepared(self):
        world = self.world
        world.start_portal()
        world.start_province(2)
        world.write_conf()
        return world

    def check(self, **environment):
        """Exit codes and words of both checks, which must agree."""
        outcomes = []
        for program in ([BUILD / "dvcsyncd", "-t", "-f", self.world.conf_path],
                        [BUILD / "dvcsyncctl", "-f", self.world.conf_path, "config", "check"]):
            done = subprocess.run(program, capture_output=True, text=True, timeout=30,
                                  env={**os.environ, **environment})
            self.world.leaks.hear(done.stdout + done.stderr)
            self.assertNotIn(PORTAL_PASSWORD, done.stdout + done.stderr)
            outcomes.append((done.returncode, done.stderr))
        self.assertEqual(outcomes[0][0], outcomes[1][0], outcomes)
        return outcomes[0]

    def test_bad_passwords_are_78_and_named(self):
        world = self.prepared()
        self.assertEqual(self.check(), (0, ""))
        path = world.dir / "portal.password"
        for text, mode, words in ((None, 0, "is not there"), ("", 0o400, "is empty"),
                                  ("\n", 0o400, "is empty"), (PORTAL_PASSWORD, 0o644, "chmod 0400"),
                                  (PORTAL_PASSWORD + "\r\n", 0o400, "carriage return"),
                                  (PORTAL_PASSWORD + "\n\n", 0o400, "more than one line")):
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_bytes(text.encode())
                path.chmod(mode)
            code, said = self.check()
            self.assertEqual(code, 78, words)
            self.assertRegex(said, rf"dvcsyncd\.conf:\d+: portal\.password_file: .*{path}.*{words}")
        path.unlink(missing_ok=True)
        (world.dir / "province.password").unlink()
        said = self.check()[1]
        for place in ("portal.password_file", "source.onestop.password_file"):
            self.assertIn(place, said)

    def test_bad_credentials_are_78_and_named(self):
        world = self.prepared()
        world.change_conf("portal", password_file=None, password_credential="portal-password")
        folder = world.dir / "credentials"
        folder.mkdir()
        self.assertEqual(self.check(), (0, ""))  # only the service could see it
        code, said = self.check(CREDENTIALS_DIRECTORY=str(folder))
        self.assertEqual(code, 78)
        self.assertRegex(said, r"portal\.password_credential: credential portal-password is not there")
        (folder / "portal-password").write_text("\n")
        self.assertIn("credential portal-password is empty",
                      self.check(CREDENTIALS_DIRECTORY=str(folder))[1])
        (folder / "portal-password").write_text(PORTAL_PASSWORD + "\n")
        self.assertEqual(self.check(CREDENTIALS_DIRECTORY=str(folder)), (0, ""))

    def test_bad_listeners_are_78_before_anything_is_opened(self):
        world = self.prepared()
        for values, words in (({"listen": "127.0.0.1"}, "not ADDRESS:PORT"),
                              ({"listen": "0.0.0.0:1"}, "not a loopback address"),
                              ({"listen": "127.0.0.1:1", "allow": ["10.0.0.1/8"]}, "bits behind")):
            world.settings["source cua"] = {"profile": "gateway", **values}
            world.save_conf()
            code, said = self.check()
            self.assertEqual(code, 78)
            self.assertRegex(said, rf"dvcsyncd\.conf:\d+: source\.cua\.\w+: .*{words}")
            done = subprocess.run([BUILD / "dvcsyncd", "-f", world.conf_path], timeout=30,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 78)
            self.assertIn(words, done.stderr)
        self.assertFalse((world.dir / "state" / "journal.db").exists())

    def test_a_reload_that_needs_a_restart_is_refused_and_shown(self):
        world = self.prepared()
        world.start()
        world.settle()
        before = world.status()["configuration"]
        world.change_conf("", state_dir=world.dir / "elsewhere", log_level="debug")
        reply = world.post("/v1/reload")
        self.assertNotEqual(reply.status, 200)
        self.assertIn("a reload can't change state_dir", reply.text)
        now = world.status()
        self.assertIn("state_dir", now["configuration"]["reload_error"])
        self.assertEqual(now["configuration"]["generation"], before["generation"])
        self.assertEqual(now["log_level"], "info")
        self.assertFalse((world.dir / "elsewhere").exists())
        world.change_conf("", state_dir=world.dir / "state")
        self.assertEqual(world.post("/v1/reload").status, 200)
        self.assertFalse(world.status()["configuration"]["reload_error"])
        self.assertEqual(world.status()["log_level"], "debug")


class Retention(WorldTest):
    """What is over is gone: from the tables, from free pages, from the log and from a backup."""

    def bytes_of(self, *paths):
        return b"".join(p.read_bytes() for p in paths if p.exists())

    def without_body(self):
        return {code for (code,) in self.world.sql(
            "SELECT code FROM subject s WHERE flow IN (SELECT id FROM flow WHERE name = 'dossiers')"
            " AND NOT EXISTS (SELECT 1 FROM body b JOIN item i ON i.id = b.item"
            " WHERE i.subject = s.id)")}

    def test_content_of_what_is_over_is_gone_while_work_goes_on(self):
        world = self.run_world(80)
        world.settle()
        people = {line["code"]: str(line["dossier"].get("applicantIdNo") or "")
                  for line in world.province.dump() if line["code"]}
        journal = [world.journal_path, pathlib.Path(f"{world.journal_path}-wal")]
        stored = self.bytes_of(*journal)
        self.assertGreater(sum(p.encode() in stored for p in people.values() if p), 20)
        self.assertEqual(world.stop(), 0)
        wait_until(lambda: world.sql("SELECT max(settled) FROM subject")[0][0] < time.time() - 3,
                   "everything to be settled for longer than keep_payload")
        world.change_conf("", keep_payload="1s")
        world.start()
        over = threading.Event()

        def changes():
            while not over.wait(0.2):
                with contextlib.suppress(AssertionError, OSError):
                    world.province.post("step", changes=2)
        load = threading.Thread(target=changes, daemon=True)
        load.start()
        try:
            world.wait(self.without_body, "the first contents to go")
            attempts = len(world.attempts())
            world.wait(lambda: len(world.attempts()) > attempts + 3, "work that goes on")
        finally:
            over.set()
            load.join(20)
        world.settle()
        gone = self.without_body()
        kept = {people[c] for c in people if c not in gone}
        canaries = {people[c] for c in gone if c in people} - kept - {""}
        self.assertGreater(len(canaries), 3)
        backup = world.dir / "backup.db"
        reply = ask(UnixConnection(world.dir / "control.sock", 60), "POST", "/v1/journal:backup",
                    json.dumps({"path": str(backup)}))
        self.assertEqual(reply.status, 200, reply.text)
        # The write-ahead log is folded and cut when the daemon stops.
        self.assertEqual(world.stop(), 0)
        for where, data in (("the journal", self.bytes_of(*journal)),
                            ("the backup", self.bytes_of(backup))):
            self.assertGreater(len(data), 4096)
            self.assertEqual(sum(c.encode() in data for c in canaries), 0, where)
        self.assert_delivered()


if __name__ == "__main__":
    unittest.main()
