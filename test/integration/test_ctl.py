"""dvcsyncctl against a daemon of straw: canned answers on two Unix sockets, every verb, no daemon.

Runs the program named by the environment variable DVCSYNCCTL, or $BUILD/dvcsyncctl.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import socketserver
import sqlite3
import subprocess
import tempfile
import threading
import unittest

import exits

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
CTL = os.environ.get("DVCSYNCCTL", str(BUILD / "dvcsyncctl"))
CODE = "H56.31.01-261118-0007"
GOOD = """source onestop { profile = "opencps" url = "https://a.example/o" username = "u" password_credential = "p"
                 group_id = "1" }
portal { adapter_url = "https://b.example/f" agency_code = "H56" username = "u" password_credential = "p" }
flow dossiers { from = "onestop" to = "portal" mode = "observe" }
"""

FLOW = {
    "name": "dossiers", "kind": "dossiers", "mode": "live", "from": "onestop", "to": "portal",
    "waiting": 2, "held_items": 0, "held": {}, "oldest": "2026-11-20T08:00:00+07:00", "lag_s": 90,
    "last_delivery": "2026-11-20T08:01:00+07:00", "delivered": 1204, "sweeping": False, "owed": 0,
    "catalog_read": None, "trouble": "", "adopting": False, "idle": False,
}
ENDPOINT = {
    "name": "portal", "paused": False, "pause_reason": "", "paused_since": None,
    "breaker": "closed", "open_until": None, "in_flight": 1, "window": 8, "max_in_flight": 8,
    "calls": 1300, "failures": 2, "last_success": "2026-11-20T08:01:00+07:00",
    "last_failure": None, "last_failure_text": "",
}


def status(**changes):
    answer = {
        "schema": 1, "verdict": "ok", "reasons": [], "ready": True, "idle": False, "orphaned": 0,
        "version": "0.1.0", "at": "2026-11-20T08:01:30+07:00", "uptime_s": 7500, "rss_kb": 20480,
        "configuration": {"file": "/etc/dvcsync/dvcsyncd.conf", "generation": 1,
                          "loaded": "2026-11-20T06:00:00+07:00", "reload_error": ""},
        "flows": [FLOW], "endpoints": [ENDPOINT],
        "journal": {"condition": "ok", "text": "", "file_bytes": 12582912, "wal_bytes": 4096,
                    "free_bytes": 1 << 34, "window_full": False},
    }
    answer.update(changes)
    return answer


def item(number=7, **changes):
    row = {
        "id": number, "flow": "dossiers", "code": CODE, "kind": "snapshot", "state": "HELD",
        "hold": "refused", "status": 2, "status_text": "received",
        "at": "2026-11-20T07:58:00+07:00", "created": "2026-11-20T08:00:00+07:00",
        "changed": "2026-11-20T08:00:02+07:00", "due": None, "attempts": 1, "flags": [],
        "successor": None, "step_key": "", "reason": "ngày hẹn trả không hợp lệ",
        "digest": "00aa11bb22cc",
    }
    row.update(changes)
    return row


def life():
    return {
        "schema": 1, "flow": "dossiers", "code": CODE, "present": False, "doubt": False,
        "acked_status": 0, "acked_status_text": "", "status": 2, "status_text": "received",
        "promised": None, "since": None, "seen": None, "items": [item()],
        "attempts": [{
            "id": 1, "verb": "send", "first_item": 7, "last_item": 7, "items": 1,
            "updating": False, "begun": "2026-11-20T08:00:01+07:00",
            "ended": "2026-11-20T08:00:02+07:00", "outcome": "permanent", "http": 200,
            "code": "-1", "words": "ngày hẹn trả không hợp lệ", "repeats": 0, "took_ms": 120,
            "request": "", "response": "",
        }],
        "audits": [], "truncated": False,
    }


class Straw(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers from a dict of (method, path without query); remembers what was asked."""

    daemon_threads = True

    def __init__(self, path):
        self.answers = {}
        self.asked = []
        super().__init__(str(path), Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.asked.append((self.command, self.path, body))
        code, answer = self.server.answers.get(
            (self.command, self.path.split("?")[0]), (404, {"detail": "not found: nothing there"}))
        if isinstance(answer, list):  # one after another, the last one for good
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = answer
    do_POST = answer


class CtlTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.dir = pathlib.Path(self.folder.name)
        self.status = Straw(self.dir / "status.sock")
        self.control = Straw(self.dir / "control.sock")
        self.addCleanup(self.status.stop)
        self.addCleanup(self.control.stop)
        self.status.answers[("GET", "/v1/status")] = (200, status())

    def ctl(self, *args, code=0, sane=True, **more):
        """sane: the daemon answers as it should, so that the code is one that the verb's help names."""
        sockets = ["-s", str(self.dir / "status.sock"), "--control", str(self.dir / "control.sock")]
        done = subprocess.run([CTL, *sockets, *args], capture_output=True, text=True, timeout=30,
                              stdin=subprocess.DEVNULL, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        if sane:
            exits.check(CTL, args, code)
        return done.stdout if code in (0, 1, 2, 3) and done.stdout else done.stdout + done.stderr

    # ---- asking ----

    def test_status_begins_with_the_verdict(self):
        text = self.ctl("status")
        self.assertTrue(text.startswith("dvcsyncd 0.1.0: ok\n"), text)
        self.assertRegex(text, r"dossiers +live +2 +0 +1m +1204")
        self.assertRegex(text, r"portal +up +1 +8")
        self.assertIn("journal: ok, 12 MB", text)
        self.assertNotIn("\033", text)

    def test_json_is_the_daemons_own(self):
        self.assertEqual(json.loads(self.ctl("--json", "status")), status())
        self.assertEqual(json.loads(self.ctl("status", "--json")), status())

    def test_check_follows_nagios(self):
        line = self.ctl("check")
        self.assertRegex(line, r"^DVCSYNC OK - all flows run \|")
        self.assertIn("'dossiers_oldest'=90s;3600;14400;0", line)
        self.assertRegex(self.ctl("check", "--warn-age", "60s", code=1),
                         "^DVCSYNC WARNING - dossiers: oldest 1m")
        self.assertRegex(self.ctl("check", "--warn-age", "30s", "--crit-age", "1m", code=2),
                         "^DVCSYNC CRITICAL")
        self.status.answers[("GET", "/v1/status")] = (200, {"schema": 1})
        self.assertRegex(self.ctl("check", code=3), "^DVCSYNC UNKNOWN")
        self.status.answers[("GET", "/v1/status")] = (200, b"<html>")
        self.assertRegex(self.ctl("check", code=3), "^DVCSYNC UNKNOWN")
        self.status.stop()
        os.unlink(self.dir / "status.sock")
        self.assertRegex(self.ctl("check", code=2), "^DVCSYNC CRITICAL")

    def test_queue_asks_with_its_filters(self):
        self.status.answers[("GET", "/v1/queue")] = (200, {"items": [item()], "next": "7"})
        text = self.ctl("queue", "--hold", "refused", "--code", CODE, "--limit", "1")
        self.assertIn(f"7        {CODE}", text)
        self.assertIn("refused: ngày hẹn trả không hợp lệ", text)
        self.assertIn("--after 7", text)
        self.assertEqual(self.status.asked[-1][1],
                         f"/v1/queue?state=HELD&hold=refused&code={CODE}&limit=1")
        self.status.answers[("GET", "/v1/queue")] = (200, {"items": [], "next": None})
        self.assertEqual(self.ctl("queue"), "No items.\n")
        self.assertEqual(self.status.asked[-1][1], "/v1/queue?state=open")

    def test_show_and_why_tell_the_portals_words(self):
        self.status.answers[("GET", "/v1/records/7")] = (200, life())
        self.status.answers[("GET", f"/v1/dossiers/{CODE}")] = (200, life())
        self.assertIn("ngày hẹn trả không hợp lệ", self.ctl("show", "7"))
        text = self.ctl("why", CODE)
        self.assertIn("The portal does not have it from us.", text)
        self.assertIn("sent snapshot 7 as new: refused for good; in its words: "
                      "\"ngày hẹn trả không hợp lệ\" (HTTP 200, code -1, 120 ms)", text)
        self.assertIn("dvcsyncctl release 7", text)
        self.assertIn("not found", self.ctl("why", "a/b c", code=1))
        self.assertEqual(self.status.asked[-1][1], "/v1/dossiers/a%2Fb%20c")

    def test_catalog_gives_shares_with_their_numbers(self):
        self.status.answers[("GET", "/v1/catalog")] = (200, {
            "read": "2026-11-20T01:00:00+07:00", "portal": 2000, "local": 1998, "equal": 1996,
            "services": 3, "sectors": 40, "agencies": 20, "differences": {
                "portal_only": {"count": 2, "procedures": [
                    {"code": "1.000016", "name": "Thông báo tăng, giảm vốn góp", "note": ""}]},
                "lacks": {"count": 1, "procedures": [
                    {"code": "1.000017", "name": "Cấp lại thẻ", "note": "fees"}]}}})
        text = self.ctl("catalog", "--limit", "1")
        self.assertIn("99.8 % (1996 of 2000)", text)
        self.assertIn("99.8 % (1996 of 1998)", text)
        self.assertIn("1.000016", text)
        self.assertIn("... and 1 more", text)
        self.assertIn("(fees)", text)

    def test_events_are_read_to_the_end(self):
        def event(n):
            return {"id": n, "at": "2026-11-20T08:00:00+07:00", "level": "warn",
                    "kind": "item_held", "text": f"item {n} held\033[2J"}
        self.status.answers[("GET", "/v1/events")] = (200, [
            {"missed": False, "events": [event(n) for n in range(1, 1001)], "last": 1001},
            {"missed": True, "events": [event(1001)], "last": 1001}])
        text = self.ctl("events")
        self.assertEqual(text.count("item_held"), 1001)
        self.assertIn("some events are gone", text)
        self.assertNotIn("\033", text)
        self.assertEqual(self.status.asked[-1][1], "/v1/events?after=1000&limit=1000")

    def test_wait_waits(self):
        self.status.answers[("GET", "/v1/status")] = (200, [status(), status(idle=True)])
        self.ctl("wait", "--until", "idle", "--timeout", "20s")
        self.assertEqual(len(self.status.asked), 2)
        self.status.answers[("GET", "/v1/health/ready")] = (503, {"ready": False, "reasons": []})
        self.assertIn("not ready", self.ctl("wait", "--timeout", "0s", code=1))

    # ---- orders ----

    def test_acts_on_ids_carry_the_reason(self):
        self.control.answers[("POST", "/v1/records/7:release")] = (200, {"matched": 1, "moved": 1})
        self.control.answers[("POST", "/v1/records/8:release")] = (
            409, {"detail": "not possible in this state: item 8 is DONE"})
        self.assertIn("item 7: done", self.ctl("release", "7", "--reason", 'looked "up"'))
        self.assertEqual(self.control.asked[-1][2], {"reason": 'looked "up"'})
        self.assertIn("item 7: done", self.ctl("release", "7", "8", code=1))
        self.ctl("release", "seven", code=64)
        self.ctl("drop", "7", code=64)
        self.assertEqual(len(self.control.asked), 3)

    def test_acts_on_many_count_first(self):
        self.control.answers[("POST", "/v1/queue:retry")] = (
            200, {"matched": 3, "moved": 3, "dry_run": False})
        self.assertIn("3 of 3 items are due now", self.ctl("retry", "--state", "UNSURE", "--yes"))
        self.assertEqual([asked[2]["dry_run"] for asked in self.control.asked], [True, False])
        self.assertIn("nothing was changed", self.ctl("retry", "--state", "UNSURE", "--dry-run"))
        self.assertIn("--yes is needed", self.ctl("retry", "--state", "UNSURE", code=64))
        self.assertEqual(len(self.control.asked), 4)
        self.control.answers[("POST", "/v1/queue:retry")] = (200, {"matched": 1, "moved": 1})
        self.assertEqual(self.ctl("retry", "--state", "UNSURE", "--yes"),
                         "1 of 1 item is due now\n")
        self.assertEqual(self.ctl("retry", "--state", "UNSURE", "--dry-run"),
                         "1 item matches; nothing was changed\n")
        self.assertIn("1 item matches; --yes", self.ctl("retry", "--state", "UNSURE", code=64))
        del self.control.asked[4:]
        self.control.answers[("POST", "/v1/queue:retry")] = (
            200, {"matched": 3, "moved": 1, "dry_run": False})
        answer = self.ctl("retry", "--state", "UNSURE", "--yes", "--json", code=1)
        self.assertEqual(json.loads(answer)["moved"], 1)
        self.ctl("retry", "7", "--state", "UNSURE", code=64)
        self.ctl("retry", code=64)

    def test_resolve_has_two_ways(self):
        for way in ("delivered", "resend"):
            self.control.answers[("POST", f"/v1/records/7:resolve-{way}")] = (200, {"moved": 1})
            self.ctl("resolve", "7", "--as", way, "--reason", "looked it up")
        self.ctl("resolve", "7", "--as", "lost", "--reason", "x", code=64)
        self.ctl("resolve", "7", "--as", "resend", code=64)

    def test_orders_go_to_their_routes(self):
        done = (200, {"schema": 1, "done": True})
        orders = [
            (["pause", "portal", "--reason", "works"], "/v1/endpoints/portal:pause",
             {"reason": "works"}),
            (["resume", "portal"], "/v1/endpoints/portal:resume", {}),
            (["poll", "onestop"], "/v1/sources/onestop:poll", {}),
            (["poll", "onestop", "--full"], "/v1/sources/onestop:poll", {"full": True}),
            (["adopt", "dossiers"], "/v1/flows/dossiers:adopt", {}),
            (["adopt"], "/v1/flows/dossiers:adopt", {}),
            (["catalog", "read"], "/v1/flows/cat:catalog", {}),
            (["reload"], "/v1/reload", {}),
            (["log-level", "debug"], "/v1/log-level", {"level": "debug"}),
            (["journal", "backup", "/tmp/copy.db"], "/v1/journal:backup", {"path": "/tmp/copy.db"}),
        ]
        flows = [dict(FLOW, mode="observe"), dict(FLOW, name="cat", kind="catalog")]
        self.status.answers[("GET", "/v1/status")] = (200, status(flows=flows))
        for args, path, body in orders:
            with self.subTest(args=args):
                self.control.answers[("POST", path)] = done
                self.ctl(*args)
                self.assertEqual(self.control.asked[-1], ("POST", path, body))
        self.ctl("journal", "backup", "copy.db", code=64)

    def test_probe_tells_where_it_broke(self):
        path = ("POST", "/v1/endpoints/portal:test")
        self.control.answers[path] = (200, {"ok": True, "text": "logged in, looked up"})
        self.assertEqual(self.ctl("test", "portal"), "works: logged in, looked up\n")
        self.control.answers[path] = (200, {"ok": False, "text": "login: refused"})
        self.assertEqual(self.ctl("test", "portal", code=2), "fails: login: refused\n")

    def test_a_refused_reload_lists_all_faults(self):
        self.control.answers[("POST", "/v1/reload")] = (
            422, {"title": "The configuration was refused; the old one runs on.",
                  "detail": "a.conf:3: x", "errors": ["a.conf:3: x", "a.conf:4: y"]})
        text = self.ctl("reload", code=78)
        self.assertIn("the old one runs on", text)
        self.assertIn("a.conf:3: x", text)
        self.assertIn("a.conf:4: y", text)

    # ---- persons ----

    def about(self, verb, *options, code=0, **answer):
        """`subject VERB` about one number; the daemon of straw finds n dossiers."""
        dossier = {"code": CODE, "flow": "dossiers", "items": {}, "bodies": 0, "fields": [],
                   "removal_text": "kept", "why_not": answer.pop("why_not", "")}
        found = {"schema": 1, "n": answer.pop("n", 1), "more": False, "log_emptied": True,
                 "rewritten": True, **answer}
        found["dossiers"] = [dossier] * found["n"]
        for order in ("find", "export", "erase"):
            self.control.answers[("POST", f"/v1/persons:{order}")] = (200, found)
        who = self.dir / "who"
        who.write_text("000000000007\n")
        who.chmod(0o600)
        return self.ctl("subject", verb, "--by", "id", "--from", str(who), *options, code=code)

    def test_one_dossier_is_no_dossiers(self):
        path = self.dir / "one.json"
        self.assertRegex(self.about("export", "--request", "1", str(path)), r"^1 dossier is in /")
        self.assertIn("2 dossiers are in", self.about("export", "--request", "1",
                                                      str(self.dir / "two.json"), n=2))
        self.assertIn("1 dossier\n", self.about("find"))

    def test_an_order_without_the_number_of_its_request_says_what_is_missing(self):
        for verb, rest in (("export", [str(self.dir / "x.json")]), ("erase", ["--yes"])):
            text = self.about(verb, *rest, code=64)
            self.assertIn(f"subject {verb} needs --request NO", text)
            self.assertIn("audit", text)
        self.assertEqual(self.control.asked, [])
        self.assertFalse((self.dir / "x.json").exists())

    def test_an_erasure_of_nothing_does_not_speak_of_backups(self):
        options = ("--request", "1", "--yes")
        self.assertIn("Backups", self.about("erase", *options, erased=1, kept=0))
        text = self.about("erase", *options, code=1, n=0)
        self.assertIn("nothing was found, so nothing was erased", text)
        self.assertNotIn("Backups", text)
        text = self.about("erase", *options, code=1, erased=0, kept=1, why_not="still open")
        self.assertIn("Nothing was erased.", text)
        self.assertIn("NOT ERASED: still open", text)
        self.assertNotIn("Backups", text)

    # ---- trouble ----

    def test_trouble_has_exit_codes_and_advice(self):
        for http_code, exit_code in ((400, 64), (403, 77), (404, 1), (409, 1), (503, 75), (500, 2)):
            with self.subTest(http=http_code):
                self.status.answers[("GET", "/v1/status")] = (http_code, {"detail": "so it is"})
                self.assertIn("so it is", self.ctl("status", code=exit_code, sane=False))
        self.status.answers[("GET", "/v1/status")] = (200, b"{")
        self.assertIn("not JSON", self.ctl("status", code=3, sane=False))
        self.status.stop()
        self.assertIn("Is the daemon running?", self.ctl("status", code=69))
        os.unlink(self.dir / "status.sock")
        self.assertIn("no such socket", self.ctl("status", code=69))

    @unittest.skipIf(os.geteuid() != 0, "needs root to become somebody else")
    def test_a_forbidden_socket_names_the_group(self):
        os.chmod(self.dir, 0o755)
        os.chmod(self.dir / "status.sock", 0o600)
        program = self.dir / "dvcsyncctl"
        program.write_bytes(pathlib.Path(CTL).read_bytes())
        program.chmod(0o755)
        done = subprocess.run([program, "-s", self.dir / "status.sock", "status"],
                              capture_output=True, text=True, user=65534, group=65534)
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn("usermod -aG root", done.stderr)

    def test_usage_is_exit_64(self):
        for args in ([], ["bogus"], ["show"], ["show", "1", "2"], ["queue", "--full"],
                     ["queue", "--bogus"], ["journal"], ["--state", "HELD", "queue"],
                     ["status", "--watch", "0"]):
            with self.subTest(args=args):
                self.ctl(*args, code=64)
        self.assertIn("dvcsyncctl why", self.ctl("--help").replace("  why", "dvcsyncctl why"))
        self.assertIn("Nagios", self.ctl("help", "check"))
        self.assertRegex(self.ctl("--version"), r"^dvcsyncctl \d")

    def test_help_knows_the_words_that_verbs_begin_with(self):
        for word, verbs in (("subject", ("find", "export", "erase")),
                            ("journal", ("check", "backup", "recover")), ("audit", ("verify",)),
                            ("config", ("check", "dump")), ("map", ("check",)),
                            ("source", ("try",)), ("catalog", ("", "read", "report", "history", "heal"))):
            for args in (["help", word], [word, "--help"], [word, "-h"]):
                with self.subTest(args=args):
                    lines = self.ctl(*args).splitlines()
                    named = [line.strip() for line in lines[1:] if not line.startswith("   ")]
                    self.assertEqual(len(named), len(verbs), lines)
                    self.assertEqual(sum(line.startswith("      Exit: 0 ") for line in lines), len(verbs), lines)
                    for line, verb in zip(sorted(named), sorted(verbs)):
                        self.assertTrue(line.startswith(f"{word} {verb}".strip()), line)
                    self.assertEqual(len(lines), 1 + 3 * len(verbs))  # each with what it does and how it ends
        self.assertIn("help subject lists its verbs", self.ctl("subject", code=64))
        self.assertIn("no such verb", self.ctl("help", "bogus", code=64))

    def test_the_manual_has_the_exit_codes_of_each_verb_in_the_words_of_its_help(self):
        page = (ROOT / "doc" / "dvcsyncctl.1").read_text(encoding="utf-8")
        table = page.split("\nOf each verb, ")[1].split(".El\n")[0]
        manual = dict(re.findall(r"^\.It Cm (.+)\n(.+)$", table, re.MULTILINE))
        self.assertEqual(manual, exits.promised(CTL))
        self.assertEqual(len(manual), len([line for line in self.ctl("--help").splitlines()
                                           if line.startswith("      Exit: ")]))
        for verb, words in manual.items():
            with self.subTest(verb=verb):
                self.assertRegex(words, r"^0 ")

    def test_a_code_that_help_does_not_name_is_found(self):
        exits.check(CTL, ("risk", "--hours", "8"), 1)
        exits.check(CTL, ("queue",), 69)
        with self.assertRaises(AssertionError):
            exits.check(CTL, ("queue",), 1)
        with self.assertRaises(AssertionError):
            exits.check(CTL, ("-f", "x.conf", "catalog", "history"), 1)

    # ---- without a daemon ----

    def test_a_journal_that_is_not_there_can_not_be_read(self):
        conf = self.dir / "good.conf"
        conf.write_text(GOOD, encoding="utf-8")
        for words in (("report", "--month", "2026-01"), ("lag",), ("risk",), ("silent",), ("integrity",),
                      ("catalog", "report"), ("catalog", "history"), ("map", "check"), ("journal", "check"),
                      ("audit", "verify"), ("evidence", CODE, "-o", "x.jsonl")):
            with self.subTest(words=words):
                self.assertIn("No such file", self.ctl("-f", conf, *words, self.dir / "nope.db", code=3))

    def test_config_check_and_dump_need_no_daemon(self):
        good = self.dir / "good.conf"
        good.write_text(GOOD, encoding="utf-8")
        self.assertIn("is fine: 1 source, 1 flow", self.ctl("config", "check", "-f", str(good)))
        self.assertIn("good.conf:", self.ctl("config", "dump", "--origin", str(good)))
        self.assertIsInstance(json.loads(self.ctl("config", "dump", "--json", str(good))), dict)
        bad = self.dir / "bad.conf"
        bad.write_text("state_dri = \"/x\"\nlog_level = \"loud\"\n")
        text = self.ctl("config", "check", str(bad), code=78)
        self.assertIn("bad.conf:1", text)
        self.assertIn("bad.conf:2", text)
        self.ctl("-f", str(bad), "status", code=78)

    def test_journal_check_says_what_is_wrong_with_the_file(self):
        self.ctl("journal", "check", str(self.dir / "none.db"), code=3)
        (self.dir / "junk.db").write_bytes(b"no database at all " * 100)
        for verb in (["journal", "check"], ["audit", "verify"]):
            done = subprocess.run([CTL, *verb, str(self.dir / "junk.db")], capture_output=True,
                                  text=True)
            self.assertIn(done.returncode, (2, 3), done.stderr)
            self.assertIn("junk.db", done.stderr)

    def test_journal_check_prints_a_report_as_lines(self):
        path = self.dir / "torn.db"
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.executescript("PRAGMA page_size = 1024; CREATE TABLE a (x); CREATE TABLE b (x);")
            db.executemany("INSERT INTO a VALUES (?)", [("x" * 500,)] * 40)
            db.execute("DROP TABLE b")
            db.commit()
        data = bytearray(path.read_bytes())
        data[1024 + 8:1024 + 12] = b"\0\0\xff\xff"  # the rightmost page of the table
        path.write_bytes(data)
        text = self.ctl("journal", "check", str(path), code=2)
        self.assertNotIn("\\x0a", text)
        self.assertRegex(text, r"(?m)^(Tree 2|On tree) page 2.*\n.*[Pp]age \d+")

    @unittest.skipIf(os.geteuid() != 0, "needs root to become somebody else")
    def test_a_file_that_may_not_be_read_is_77_and_no_faulty_one(self):
        os.chmod(self.dir, 0o755)
        for name in ("dvcsyncctl", "dvcsyncd"):
            (self.dir / name).write_bytes((BUILD / name).read_bytes())
            (self.dir / name).chmod(0o755)
        preset = self.dir / "a.preset"
        preset.write_bytes((ROOT / "conf/presets/vpcp-shape.preset").read_bytes())
        conf = self.dir / "a.conf"
        conf.write_text(f'source a {{ profile = "mapped" preset = "{preset}" '
                        'url = "https://a.example/o" username = "u" password_credential = "p" }\n'
                        'portal { adapter_url = "https://b.example/f" agency_code = "H56" '
                        'username = "u" password_credential = "p" }\n'
                        'flow dossiers { from = "a" to = "portal" mode = "observe" }\n')

        def outcomes():
            for args in (["dvcsyncctl", "config", "check", conf], ["dvcsyncctl", "-f", conf, "status"],
                         ["dvcsyncd", "-t", "-f", conf], ["dvcsyncd", "-f", conf]):
                yield subprocess.run([self.dir / args[0], *args[1:]], capture_output=True, text=True,
                                     user=65534, group=65534, timeout=30)
        for path in (preset, conf):
            path.chmod(0o600)
            for done in outcomes():
                self.assertEqual(done.returncode, 77, done.stdout + done.stderr)
                self.assertIn(f"{path}: can't be opened: Permission denied", done.stderr)
            path.chmod(0o644)
        preset.chmod(0o600)  # beside a real fault it is the fault that counts
        conf.write_text(conf.read_text() + 'nonsense = "x"\n')
        for done in outcomes():
            self.assertEqual(done.returncode, 78, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
