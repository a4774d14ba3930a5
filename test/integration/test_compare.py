"""dvcsyncctl compare: what an old connector sent, captured on its way to the portal, beside what a
daemon that only observes would send. Twelve differences are planted: exactly these are found."""

import collections
import contextlib
import copy
import json
import shutil
import sqlite3
import unittest

from front import Front
from harness import WorldTest, free_port
from test_gateway import ACCOUNT, GatewayTest

DOSSIER, STEP = "DongBoHoSoMC", "CapNhatTienDoHoSoMC"
STRANGER = "H56.31.25-200101-9999"
CANARY = "0000000123"
PERSON = "Nguyễn Văn Kẻ-Lạ 000199000457"


class CompareWorld(WorldTest):
    def captured(self):
        """A world whose requests to the portal were seen by a front; settled and stopped."""
        world = self.world
        world.start_portal()
        self.front = Front(world.portal.port)
        self.addCleanup(self.front.close)
        world.start_province(20, days=6)
        world.write_conf(portal={"adapter_url": self.front.url() + "/forward"})
        world.start()
        world.settle()
        self.assert_delivered()
        self.live = [json.loads(r.body) for r in self.front.pushes()]
        return world

    def observing(self):
        """The same province, read by a new daemon that only observes."""
        world = self.world
        world.stop()
        shutil.rmtree(world.dir / "state")
        world.change_conf("flow dossiers", mode="observe")
        before = len(self.front.pushes())
        world.start()
        world.sweep()
        world.wait(lambda: world.sql("SELECT count(*) FROM source_row WHERE owed = 1") == [(0,)],
                   "all details")
        self.assertEqual(len(self.front.pushes()), before)
        return world

    def write(self, requests, extra=""):
        path = self.world.dir / "old.jsonl"
        for request in requests:
            request.pop("session", None)
        path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in requests) + extra)
        return path

    def compare(self, path, *arguments, code):
        done = self.world.ctl("compare", "--with", path, "--format", "json", "--limit", 100,
                              *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn(CANARY, done.stdout)
        report = json.loads(done.stdout)
        tables = {name: table["rows"] for name, table in report["tables"].items()}
        found = {(r["service"], r["field"], r["kind"], r["code"]) for r in tables["examples"]}
        found |= {(r["of"], r["what"], r["code"], r["at"], r["status"]) for r in tables["records"]}
        numbers = {(r["of"], r["what"]): r["n"] for r in tables["summary"]}
        return found, numbers, tables


class CompareTest(CompareWorld):
    def test_twelve_planted_differences_are_found_and_nothing_else(self):
        world = self.captured()
        world = self.observing()
        self.assertEqual({r["service"] for r in self.live}, {DOSSIER, STEP})
        last, steps = {}, collections.defaultdict(list)
        for request in self.live:
            for row in request["data"]:
                if request["service"] == DOSSIER:
                    last[row["MaHoSo"]] = row
                else:
                    steps[row["MaHoSo"]].append(row)
        found, numbers, tables = self.compare(self.write(self.live), code=0)
        self.assertEqual(found, set())
        self.assertEqual(numbers["dossier", "compared"], len(last))
        self.assertEqual(numbers["dossier", "equal"], len(last))
        self.assertEqual(numbers["step", "equal"], sum(map(len, steps.values())))
        row = next(r for r in tables["fields"] if r["field"] == "MaTTHC")
        self.assertEqual((row["agree"], row["filled"]), (len(last), len(last)))
        whole = [c for c in sorted(last) if last[c]["MaLinhVuc"] and last[c]["NgayTiepNhan"]
                 and last[c]["TaiLieuNop"] and steps[c]]
        codes = whole + [c for c in sorted(last) if c not in whole]
        self.assertGreaterEqual(len(whole), 10)
        planted = self.plant(codes, last, steps)
        self.assertEqual(len(planted), 12)
        self.harmless(codes[9], last)
        found, numbers, tables = self.compare(self.write(self.live), code=1)
        self.assertEqual(found, planted)
        self.assertEqual(numbers["dossier", "compared"], len(last) - 1)
        self.assertEqual(numbers["dossier", "only_old"], 1)
        shown = {r["field"]: (r["old"], r["here"]) for r in tables["examples"]}
        self.assertEqual(shown["MaLinhVuc"][0], "")
        self.assertEqual(shown["SoDienThoai"][0], f"({len(CANARY)} characters)")
        self.check_forms(len(last))

    def plant(self, codes, last, steps):
        """Changes what the old one sent; the rows as they are to be found."""
        found = set()
        changes = ((0, "TaiLieuNop.TenTepDinhKem", "differ"), (1, "TaiLieuNop", "differ"),
                   (2, "TenTTHC", "differ"), (3, "SoDienThoai", "differ"),
                   (4, "MaLinhVuc", "only_here"), (5, "TruongLa", "only_old"),
                   (6, "NgayTiepNhan", "differ"), (7, "DonViXuLy", "differ"))
        for number, field, kind in changes:
            code, row = codes[number], last[codes[number]]
            found.add((DOSSIER, field, kind, code))
            if field == "TaiLieuNop":
                more = copy.deepcopy(row["TaiLieuNop"][0])
                more["TepDinhKemId"] = "khac"
                row["TaiLieuNop"].append(more)
            elif field == "TaiLieuNop.TenTepDinhKem":
                row["TaiLieuNop"][0]["TenTepDinhKem"] = "khac.pdf"
            else:
                row[field] = {"SoDienThoai": CANARY, "NgayTiepNhan": "20200101000000",
                              "MaLinhVuc": ""}.get(field, "khác")
        gone = codes[8]
        for request in self.live:
            request["data"] = [r for r in request["data"] if r["MaHoSo"] != gone]
        found.add(("dossier", "only_here", gone, "", ""))
        self.live.append({"service": DOSSIER, "isUpdating": "False",
                          "data": [last[codes[9]] | {"MaHoSo": STRANGER}]})
        found.add(("dossier", "only_old", STRANGER, "", ""))
        with_steps = [c for c in codes[:8] if steps[c]]
        step = steps[with_steps[0]][0]
        for request in self.live:
            if request["service"] == STEP:
                request["data"] = [r for r in request["data"] if r is not step]
        found.add(("step", "only_here", with_steps[0], step["ThoiDiemXuLy"], step["TrangThai"]))
        step = steps[with_steps[1]][-1]
        step["NoiDungXuLy"] = "khác " + CANARY
        found.add((STEP, "NoiDungXuLy", "differ", with_steps[1]))
        return found

    def harmless(self, code, last):
        """What is no difference: a number for a text, an address's query, an empty field, an older
        request that was another one, other services, a session."""
        row = last[code]
        self.live.insert(0, {"service": DOSSIER, "isUpdating": "False",
                             "data": [row | {"TenTTHC": "cũ"}]})
        self.live.insert(0, {"service": "LayDanhSachTTHC", "session": "s"})
        row["TrangThaiHoSo"] = int(row["TrangThaiHoSo"])
        row["ThongTinKhac"] = None
        for file in row["TaiLieuNop"]:
            file["DuongDanTaiTepTin"] += "?t=1"

    def check_forms(self, dossiers):
        world, path = self.world, self.world.dir / "old.jsonl"
        for form in ("text", "csv", "html"):
            done = world.ctl("compare", "--with", path, "--format", form)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("TaiLieuNop.TenTepDinhKem", done.stdout)
            self.assertNotIn(CANARY, done.stdout)
        done = world.ctl("compare", "--with", path, "-o", world.dir / "compare.txt")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        # What did not change since a day is not missed.
        _, numbers, _ = self.compare(path, "--since", "2099-01-01", code=1)
        self.assertEqual((numbers["dossier", "only_here"], numbers["step", "compared"]), (0, 0))
        self.assertEqual(numbers["dossier", "compared"], dossiers - 1)
        for wrong, code in ((("--with", path, "--since", "x"), 64), ((), 64),
                            (("--with", path, "--limit", "0"), 64),
                            (("--with", world.dir / "nothing"), 3)):
            self.assertEqual(world.ctl("compare", *wrong).returncode, code, wrong)

    def test_a_person_in_a_field_of_another_kind_is_not_printed(self):
        world = self.captured()
        dossier = next(r for r in self.live if r["service"] == DOSSIER)["data"][0]
        step = next(r for r in self.live if r["service"] == STEP)["data"][0]
        fields = [f for f, value in dossier.items() if isinstance(value, str) and f != "MaHoSo"]
        self.live += [{"service": DOSSIER, "data": [dossier | dict.fromkeys(fields, PERSON)
                                                    | {PERSON: "1"}]},
                      {"service": DOSSIER, "data": [dossier | {"MaHoSo": PERSON}]},
                      {"service": STEP, "data": [step | {"ThoiDiemXuLy": PERSON}]},
                      {"service": STEP, "data": [step | {"TrangThai": PERSON}]}]
        path = self.write(self.live)
        for form in ("json", "text", "csv", "html"):
            done = world.ctl("compare", "--with", path, "--limit", 100, "--format", form)
            self.assertEqual(done.returncode, 1, done.stderr)
            for part in ("Kẻ-Lạ", PERSON.split()[-1]):
                self.assertNotIn(part, done.stdout + done.stderr, form)
        _, _, tables = self.compare(path, code=1)
        length = f"({len(PERSON)} characters)"
        records = {(r["of"], r["code"], r["at"], r["status"]) for r in tables["records"]}
        self.assertEqual(records, {("dossier", length, "", ""),
                                   ("step", step["MaHoSo"], length, step["TrangThai"]),
                                   ("step", step["MaHoSo"], step["ThoiDiemXuLy"], length)})
        shown = {r["field"]: r["old"] for r in tables["examples"]}
        self.assertEqual({shown[f] for f in ("MaTTHC", "TenTTHC", "TrangThaiHoSo")}, {length})
        self.assertEqual(shown[length], "(1 characters)")

    def test_what_cannot_be_judged_is_neither_agreed_nor_a_difference(self):
        world = self.captured()
        # What was delivered is compared too; the contents of old steps go, their times do not.
        path = self.write(self.live)
        _, numbers, _ = self.compare(path, code=0)
        steps = numbers["step", "compared"]
        world.stop()
        with contextlib.closing(sqlite3.connect(world.journal_path)) as db, db:
            db.execute("DELETE FROM body WHERE item IN (SELECT id FROM item WHERE kind = 2)")
        found, numbers, _ = self.compare(path, world.journal_path, code=3)
        self.assertEqual({row[:2] for row in found}, {("step", "not_comparable")})
        self.assertEqual(numbers["dossier", "equal"], numbers["dossier", "compared"])
        self.assertEqual((numbers["step", "compared"], numbers["step", "not_comparable"]),
                         (0, steps))
        with contextlib.closing(sqlite3.connect(world.journal_path)) as db, db:
            db.execute("DELETE FROM body")
        _, numbers, _ = self.compare(path, code=3)
        self.assertEqual(numbers["dossier", "compared"], 0)
        self.assertGreater(numbers["dossier", "not_comparable"], 0)

    def test_lines_that_are_no_requests_are_counted_and_not_agreed(self):
        world = self.captured()
        path = self.write(self.live, extra='{"service":"DongBoHoSoMC","data":{}}\nno JSON\n\n')
        done = world.ctl("compare", "--with", path, "--format", "json")
        self.assertEqual(done.returncode, 3)
        facts = json.loads(done.stdout)["facts"]
        self.assertEqual(int(facts["old_unreadable"]), 2)
        self.assertEqual(int(facts["first_unreadable"]), len(self.live) + 1)
        path.write_text("")
        found, numbers, _ = self.compare(path, "--since", "2099-01-01", code=3)
        self.assertEqual(found, set())
        self.assertEqual(numbers["dossier", "compared"], 0)

    def test_a_step_of_another_officer_is_another_step(self):
        self.captured()
        step = next(r for r in self.live if r["service"] == STEP)["data"][0]
        step["NguoiXuLy"] = CANARY
        found, _, tables = self.compare(self.write(self.live), code=1)
        key = (step["MaHoSo"], step["ThoiDiemXuLy"], step["TrangThai"])
        self.assertEqual(found, {("step", "only_old", *key), ("step", "only_here", *key)})
        self.assertEqual({r["why"] for r in tables["records"]}, {"another NguoiXuLy"})

    def test_a_dossier_that_would_be_held_here_says_why(self):
        world = self.captured()
        status = world.sql("SELECT json_extract(CAST(body AS TEXT), '$.status') FROM body "
                           "JOIN subject ON newest_item = item JOIN flow ON flow.id = flow "
                           "WHERE flow.name = 'dossiers' LIMIT 1")[0][0]
        path = world.dir / "maps" / "status.csv"
        rows = path.read_text().splitlines(keepends=True)
        path.write_text("".join(r for r in rows if r.split(",")[0] != status))
        world = self.observing()
        found, numbers, tables = self.compare(self.write(self.live), code=1)
        held = [r for r in tables["records"] if r["what"] == "held_here"]
        self.assertGreater(numbers["dossier", "held_here"], 0)
        self.assertEqual({r["why"] for r in held}, {"unmapped_status"})
        self.assertEqual({row[1] for row in found}, {"held_here"})

    def test_without_a_gateway_there_is_nothing_pushed_to_compare(self):
        world = self.captured()
        done = world.ctl("compare", "--with", "gateway")
        self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
        self.assertIn("no flow of dossiers", done.stderr)


class PushedTest(CompareWorld, GatewayTest):
    """The old connector is pointed at the gateway; the source is read by a flow of its own."""

    def pushing(self, mode):
        world = self.captured()
        world.stop()
        shutil.rmtree(world.dir / "state")
        self.port, self.session = free_port(), None
        world.change_conf("source cua", profile="gateway", listen=f"127.0.0.1:{self.port}",
                          accounts_file=world.write_accounts(ACCOUNT), answer_timeout="300ms")
        world.change_conf("flow pushed", kind="dossiers", to="portal", mode="live",
                          **{"from": "cua"})
        world.change_conf("flow dossiers", mode=mode)
        world.start()
        return world

    def push(self, requests):
        for request in requests:
            values = {k: v for k, v in request.items() if k in ("isUpdating", "data")}
            self.call(request["service"], **values)
        self.world.wait(self.world.idle, "what was pushed to be delivered")

    def dossiers(self):
        return {r["data"][0]["MaHoSo"]: r["data"][0] for r in self.live if r["service"] == DOSSIER}

    def test_what_was_pushed_at_a_gateway_is_compared_as_it_came(self):
        world = self.pushing("observe")
        world.sweep()
        last = self.dossiers()
        code, strange, blank = sorted(last)[:3]
        last[code]["TrichYeuHoSo"] = CANARY
        last[strange]["MaHoSo"] = STRANGER
        last[blank]["MaTTHC"] += " "  # the gateway takes the blank off: it does not go on
        last[blank]["ThongTinKhac"] = None
        self.live = [r for r in self.live if r["service"] == DOSSIER
                     or r["data"][0]["MaHoSo"] != strange]
        self.push(self.live)
        found, numbers, tables = self.compare("gateway", code=1)
        stays = set(self.dossiers()) - {STRANGER}
        planted = {(DOSSIER, "TrichYeuHoSo", "differ", code), (DOSSIER, "MaTTHC", "differ", blank),
                   ("dossier", "only_old", STRANGER, "", "")}
        if strange not in stays:
            planted.add(("dossier", "only_here", strange, "", ""))
        self.assertEqual(found, planted)
        self.assertEqual(numbers["dossier", "compared"], len(stays))
        self.assertGreater(numbers["step", "equal"], len(stays))
        self.assertEqual((numbers["dossier", "unproven"], numbers["step", "unproven"]), (0, 0))
        shown = {r["field"]: (r["old"], r["here"]) for r in tables["examples"]}
        self.assertEqual(shown["MaTTHC"], ("(changed by the gateway)", "(as it went on)"))
        self.assertEqual(shown["TrichYeuHoSo"][0], f"({len(CANARY)} characters)")
        self.check_traces()

    def check_traces(self):
        """The digests are no content: the same again is nothing new, and the portal sees none."""
        world = self.world
        items = world.sql("SELECT count(*) FROM item")
        self.push([r for r in self.live if r["service"] == STEP][:3])
        self.assertEqual(world.sql("SELECT count(*) FROM item"), items)
        self.assertEqual([r for r in self.front.pushes() if b"arrived" in r.body], [])

    def test_what_was_pushed_before_anybody_observed_proves_nothing(self):
        world = self.pushing("off")
        early = sorted(self.dossiers())[0]
        of = [r for r in self.live if r["data"][0]["MaHoSo"] == early]
        self.push(of)
        world.stop()
        world.change_conf("flow dossiers", mode="observe")
        world.start()
        world.sweep()
        self.session = None
        self.push([r for r in self.live if r not in of])
        found, numbers, _ = self.compare("gateway", code=3)
        self.assertEqual(found, set())
        self.assertEqual(numbers["dossier", "unproven"], 1)
        self.assertEqual(numbers["dossier", "equal"], len(self.dossiers()))


if __name__ == "__main__":
    unittest.main()
