"""SQL, shell and format words in every text, from every side: stored, shown and sent as they are.

The list is our own: quotation marks times statements, and what is special by itself. Afterwards the
journal has the same schema, is sound, and every dossier with such texts has arrived with them.
"""

import csv
import hashlib
import http.client
import http.server
import io
import json
import sqlite3
import threading
import unicodedata
import unittest
import urllib.parse

import hostile
from harness import DEADLINE_S, UnixConnection, WorldTest, ask, free_port
from test_hostile import PRESET, Product

OPENINGS = ("'", '"', "`", "')", "'))", "' ", "\\'", "ʼ")
STATEMENTS = (
    "; DROP TABLE item;--", "; DELETE FROM subject;--", "; UPDATE item SET state=4;--",
    " OR 1=1--", " OR ''='", " AND 1=0 UNION SELECT sql FROM sqlite_master--", "||(SELECT 1)||'",
    "; ATTACH DATABASE '/tmp/dvcsync-injected.db' AS x; CREATE TABLE x.y(z);--",
    "; PRAGMA writable_schema=1; DELETE FROM sqlite_master;--", "; PRAGMA user_version=99;--",
    "; PRAGMA journal_mode=DELETE;--", "; VACUUM INTO '/tmp/dvcsync-injected.db';--",
    " AND load_extension('x.so')--", "; INSERT INTO audit VALUES(1);--", "; COMMIT; BEGIN;--",
    " AND randomblob(1000000000)--", "; CREATE TRIGGER t AFTER INSERT ON item BEGIN SELECT 1; END;--",
    ", (SELECT group_concat(name) FROM pragma_table_info('item')))--", " LIKE '%", " GLOB '*",
    "/*", "*/;--", "; REINDEX;--", " ESCAPE ''--")
SPECIAL = (
    "%", "%%", "_", "*", "?", "?1", ":name", "@p", "$x", "NULL", "null", "TRUE", "rowid", "1e309",
    "0x10", "-1", "x'00'", "%s%s%s%n", "%08x.%08x", "$(touch /tmp/dvcsync-injected)",
    "`touch /tmp/dvcsync-injected`", "; touch /tmp/dvcsync-injected", "| cat", "&& true", "${HOME}",
    "\\", "\\\\", "\\u0027", "&#39;", "%27", "＇", "’ OR 1=1", "{{7*7}}", "<script>", "]]>", "<!--",
    "\u202e'--", "a\u0301'--", "\U0001f600'")
STRINGS = [o + s for o in OPENINGS for s in STATEMENTS] + list(SPECIAL)
# Free texts: what is said in them is nobody's business but the reader's.
FREE = ("TenTTHC", "TenLinhVuc", "SoBienNhan", "ChuHoSo", "SoGiayToChuHoSo", "Email", "SoDienThoai",
        "TrichYeuHoSo", "DonViXuLy", "GhiChu", "Fax", "TruongLa")
ARRIVES = ("ChuHoSo", "GhiChu")
CODED = ("MaHoSo", "MaTTHC", "MaLinhVuc", "KenhThucHien", "LoaiDoiTuong", "MaDoiTuong", "HinhThuc",
         "TrangThaiHoSo", "NoiNopHoSo", "NgayTiepNhan")
ACCOUNT = ("mot-cua", "mat-khau-mot-cua-thu-nghiem")


class Injection(WorldTest):
    def setUp(self):
        super().setUp()
        self.assertGreaterEqual(len(STRINGS), 200)
        self.assertEqual(len(set(STRINGS)), len(STRINGS))
        world = self.world
        self.poison_catalogue()
        world.start_portal(required_fields="none")
        world.start_province(4)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Product)
        server.daemon_threads = True
        server.json = b'{"status":"ok","data":[]}'
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.server, self.port = server, free_port()
        accounts = world.write_accounts(ACCOUNT)
        preset = world.dir / "product.preset"
        preset.write_text(PRESET)
        world.write_conf(catalog={}, dossiers={"from": "onestop", "also_from": ["json", "cua"]})
        world.settings |= {
            "source json": {"profile": "mapped", "url": f"http://127.0.0.1:{server.server_port}",
                            "allow_plaintext": True, "poll_every": "1h", "preset": preset},
            "source cua": {"profile": "gateway", "listen": f"127.0.0.1:{self.port}",
                           "accounts_file": accounts, "answer_timeout": "2s"}}
        world.save_conf()
        world.start()

    def poison_catalogue(self):
        """The portal's own names say such things too."""
        path = self.world.catalog_path
        rows = list(csv.reader(io.StringIO(path.read_text())))
        for n, row in enumerate(rows[1:]):
            row[1] = row[1][:20] + STRINGS[n * 5 % len(STRINGS)]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        path.write_text(text.getvalue())

    def schema(self):
        rows = self.world.sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
        version = self.world.sql("PRAGMA user_version")
        return hashlib.sha256(repr((rows, version)).encode()).hexdigest()

    def unhurt(self, before):
        world = self.world
        self.assertTrue(world.daemon.running(), world.log_tail())
        self.assertEqual(self.schema(), before)
        self.assertEqual(world.sql("PRAGMA integrity_check"), [("ok",)])
        self.assertEqual([str(p) for p in world.dir.parent.glob("dvcsync-injected*")], [])

    def push(self, rows):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = b"[" + b",".join(hostile.text(r) for r in rows) + b"]"
        connection.request("POST", "/test/api/SynsTTHCC/DongBoHoSoMC?isUpdating=False", body,
                           {"Authorization": "Bearer " + ACCOUNT[1]})
        text = connection.getresponse().read().decode()
        connection.close()
        return json.loads(text)

    def rows(self, first, strings):
        """A dossier for each string, which stands in all of its free texts."""
        return {f"H56.31.25-261118-{first + n:06d}": s for n, s in enumerate(strings)}

    def arrived(self, rows):
        """All are on the portal, word by word."""
        world = self.world

        def all_there():
            found = {}
            for line in world.ledger("dossier"):
                found.setdefault(line["code"], line["record"])
            return set(rows) <= set(found) and found
        found = world.wait(all_there, "the dossiers at the portal", DEADLINE_S * 2, 0.3)
        for code, text in rows.items():
            for field in ARRIVES:
                self.assertEqual(found[code].get(field), unicodedata.normalize("NFC", text), field)

    def test_texts_of_a_source_the_gateway_and_the_catalogue(self):
        world = self.world
        world.settle()
        before = self.schema()
        polled, pushed = self.rows(100000, STRINGS), self.rows(200000, STRINGS[::3])
        rows = [hostile.dossier(code, **{f: text for f in FREE}) for code, text in polled.items()]
        rows += [hostile.dossier(text) for text in STRINGS]  # ids: owed rows, kept by their id
        rows.append(rows[0] | {"' x": 1, **{s: s for s in STRINGS[:40]}})  # names of fields
        self.server.json = b'{"status":"ok","data":' + hostile.text(rows) + b"}"
        world.order("/v1/sources/json:poll")
        items = [hostile.dossier(code, **{f: text for f in FREE}) for code, text in pushed.items()]
        for at in range(0, len(items), 20):
            answer = self.push(items[at:at + 20])
            self.assertEqual(answer["error_code"], 0, answer)
        for n, text in enumerate(STRINGS):
            field = CODED[n % len(CODED)]
            self.push([hostile.dossier(f"H56.31.25-261118-{300000 + n}", **{field: text})])
        self.arrived(polled | pushed)
        self.unhurt(before)
        read = world.flow("catalog")["catalog_read"]
        world.order("/v1/flows/catalog:catalog")
        # Not until all is idle: rows with such ids stay owed.
        world.wait(lambda: world.flow("catalog")["catalog_read"] != read
                   and world.flow("catalog")["idle"], "the catalogue")
        self.unhurt(before)

    def test_questions_orders_reasons_and_arguments(self):
        world = self.world
        world.settle()
        before, items = self.schema(), world.sql("SELECT id, state, due_ms FROM item ORDER BY id")
        for text in STRINGS:
            quoted = urllib.parse.quote(text, safe="")
            for path in ("dossiers/" + quoted, "records/" + quoted, "endpoints/" + quoted,
                         *(f"queue?{key}={quoted}" for key in
                           ("code", "flow", "state", "hold", "after", "limit")),
                         "events?after=" + quoted):
                reply = world.get("/v1/" + path)
                self.assertTrue(reply.status in (400, 404) or '"items":[]' in reply.text or
                                path.endswith("after=-1"), (path, reply.status, reply.text[:200]))
            for path, order in (
                    ("queue:hold", {"state": "PENDING", "code": text, "reason": text}),
                    ("queue:drop", {"state": "PENDING", "flow": text, "reason": text}),
                    ("queue:drop", {"state": text, "reason": text}),
                    ("queue:drop", {"ids": [text], "reason": text}),
                    (f"records/{quoted}:drop", {"reason": text}), ("log-level", {"level": text}),
                    (f"sources/{quoted}:poll", {}), (f"flows/{quoted}:adopt", {}),
                    (f"endpoints/{quoted}:pause", {"reason": text})):
                reply = world.post("/v1/" + path, **order)
                self.assertTrue(reply.status in (400, 404) or reply.json().get("changed") == 0 or
                                "drop" in path and '"items":0' in reply.text or
                                reply.json().get("matched") == 0, (path, order, reply.text[:200]))
        self.assertEqual(world.sql("SELECT id, state, due_ms FROM item ORDER BY id"), items)
        self.unhurt(before)

        self.reasons_stand_in_the_audit_as_they_were_given(before)
        self.arguments_of_dvcsyncctl(before)

    def reasons_stand_in_the_audit_as_they_were_given(self, before):
        world = self.world
        for text in STRINGS[::7]:
            world.order("/v1/endpoints/portal:pause", reason=text)
            world.order("/v1/endpoints/portal:resume", reason=text)
        world.wait(lambda: {r for (r,) in world.sql("SELECT reason FROM audit")} >=
                   set(STRINGS[::7]), "the reasons in the audit")
        place = world.dir / "a'; DROP TABLE item;--.db"
        reply = ask(UnixConnection(world.dir / "control.sock", 60), "POST", "/v1/journal:backup",
                    json.dumps({"path": str(place)}))
        self.assertEqual(reply.status, 200, reply.text)
        with sqlite3.connect(f"file:{urllib.parse.quote(str(place))}?mode=ro", uri=True) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        self.unhurt(before)

    def arguments_of_dvcsyncctl(self, before):
        world = self.world
        items = world.sql("SELECT id, state FROM item ORDER BY id")
        for text in STRINGS[::16]:
            for arguments in (("queue", "--code=" + text), ("queue", "--flow=" + text),
                              ("why", "--", text), ("show", "--", text), ("poll", "--", text),
                              ("drop", "--state=PENDING", "--code=" + text, "--yes",
                               "--reason=" + text)):
                done = world.ctl(*arguments)
                self.assertNotIn("H56.", done.stdout, arguments)
                self.assertNotIn("syntax error", done.stderr)
                self.assertNotIn("no such column", done.stderr)
        self.assertEqual(world.sql("SELECT id, state FROM item ORDER BY id"), items)
        self.unhurt(before)


if __name__ == "__main__":
    unittest.main()
