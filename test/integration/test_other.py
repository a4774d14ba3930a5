"""The portal's other services as flows: ratings from a folder to the portal, questions from the portal into
a folder and answers back; nothing is lost and nothing has two effects, whatever the portal's answers and the
daemon's ends are."""

import json
import os
import random
import subprocess
import threading
import time
import unittest

from harness import BUILD, WorldTest, free_port, wait_until


class OtherTest(WorldTest):

    def setUp(self):
        super().setUp()
        self.truth = self.world.dir / "truth.jsonl"

    def run_other(self, flows, sources, portal_conf=None, **knobs):
        """Both ends and the daemon with these flows and sources (name: settings)."""
        w = self.world
        w.start_portal(**knobs)
        w.start_province(dossiers=0)
        w.write_conf(dossiers=False, portal=portal_conf)
        del w.settings["source onestop"]
        for name, settings in sources.items():
            w.settings["source " + name] = settings
        for name, settings in flows.items():
            w.settings["flow " + name] = settings
        w.save_conf()
        w.start()

    def spool(self, name):
        return {"profile": "spool", "dir": self.world.dir / name, "poll_every": "300ms"}

    def tell(self, what, folder, *arguments):
        wait_until(lambda: (self.world.dir / folder / "in").is_dir(), "the folders")
        done = subprocess.run(
            [BUILD / "dvcsync-sandbox", "tell", what, "--dir", self.world.dir / folder, "--truth",
             self.truth, "--catalog", self.world.catalog_path, *map(str, arguments)],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def judge(self, *arguments):
        """The oracle's exit status and its last line."""
        done = subprocess.run(
            [BUILD / "dvcsync-sandbox", "verify-other", "--ledger", self.world.ledger_path,
             "--truth", self.truth, "--journal", self.world.journal_path, *map(str, arguments)],
            capture_output=True, text=True, timeout=60)
        return done.returncode, (done.stdout or done.stderr).splitlines()[-1]

    def taken(self, folder):
        """All that was dropped has been taken over, and everything is delivered."""
        w = self.world
        w.wait(lambda: not os.listdir(w.dir / folder / "in"), "the files to be taken")
        w.wait(w.idle, "idle")


class RatingsTest(OtherTest):

    def run_ratings(self, portal_conf=None, **knobs):
        self.run_other({"ratings": {"from": "survey", "to": "portal"}},
                       {"survey": self.spool("survey")}, portal_conf, **knobs)

    def test_a_month_of_ratings_arrives_once_and_a_changed_one_replaces(self):
        self.run_ratings()
        self.tell("ratings", "survey", "--count", 30)
        self.taken("survey")
        self.assertEqual(self.judge(), (0, "other: rating 30/30 held 0 lost 0 duplicated 0"))
        self.tell("ratings", "survey", "--count", 30, "--csv")  # the same, told again
        self.taken("survey")
        self.assertEqual(len(self.world.ledger("rating")), 30)
        self.tell("ratings", "survey", "--count", 5, "--version", 2, "--csv")
        self.taken("survey")
        self.assertEqual(self.judge(), (0, "other: rating 30/30 held 0 lost 0 duplicated 0"))
        self.assertEqual(len(self.world.ledger("rating")), 35)

    def test_lost_answers_and_kills_lose_nothing_and_repeat_nothing_without_doubt(self):
        rng = random.Random(11)
        print("seed 11")
        self.run_ratings(drop_after_commit_percent=15, hang_percent=2, hang_ms=300,
                         fail_500_percent=5, html_reply_percent=3, lookup_fail_percent=100)
        for version in range(1, 5):
            self.tell("ratings", "survey", "--count", 60, "--version", version)
            for _ in range(3):
                wait_until(lambda n=len(self.world.ledger("rating")) + rng.randrange(1, 12):
                           len(self.world.ledger("rating")) >= n or self.world.idle(),
                           "some ratings at the portal")
                self.world.kill()
                self.world.start()
        self.world.portal.knob(drop_after_commit_percent=0, hang_percent=0, fail_500_percent=0,
                               html_reply_percent=0)
        self.taken("survey")
        self.assertEqual(self.judge(), (0, "other: rating 60/60 held 0 lost 0 duplicated 0"))
        # no look-up was made: the portal has none for them
        self.assertEqual(self.world.portal.stats()["calls"]["TraCuuHoSo"], 0)

    def test_what_the_portal_refuses_waits_for_a_person(self):
        self.run_ratings()
        self.tell("ratings", "survey", "--count", 3)
        self.taken("survey")
        code = self.world.ledger("rating")[0]["code"]
        self.world.portal.knob(refuse_code=code)
        self.tell("ratings", "survey", "--count", 3, "--version", 2)
        self.taken("survey")
        self.assertEqual(self.judge(), (0, "other: rating 2/3 held 1 lost 0 duplicated 0"))
        held = self.world.queue(state="held")
        self.assertEqual([(i["code"], i["hold"]) for i in held], [(code, "refused")])
        self.world.portal.knob(refuse_code="")
        self.world.order(f"/v1/records/{held[0]['id']}:release")
        self.world.wait(self.world.idle, "idle")
        self.assertEqual(self.judge(), (0, "other: rating 3/3 held 0 lost 0 duplicated 0"))

    def test_a_portal_that_calls_a_known_rating_a_duplicate_is_not_asked_for_ever(self):
        self.run_ratings(other_duplicates="on")
        self.tell("ratings", "survey", "--count", 4)
        self.taken("survey")
        self.tell("ratings", "survey", "--count", 4, "--version", 2)
        self.taken("survey")
        self.assertEqual({i["hold"] for i in self.world.queue(state="held")}, {"flipped"})
        self.assertEqual(self.judge(), (0, "other: rating 0/4 held 4 lost 0 duplicated 0"))

    def test_a_wrong_rating_is_held_and_a_wrong_file_goes_aside(self):
        self.run_ratings()
        folder = self.world.dir / "survey"
        wait_until((folder / "in").is_dir, "the folders")

        def drop(name, text):
            (folder / "in" / ("." + name)).write_text(text)
            (folder / "in" / ("." + name)).rename(folder / "in" / name)

        good = ('"NgayTongHop":"11-2025","Madonvi":"H56.01","TongSoNguoiDanhGia":"4",'
                '"PhanTramDanhGiaRatHaiLong":"%s","MaThuTuc":"%s"')
        drop("share.json", "{" + good % ("180%", "1.000005") + "}")
        drop("local.json", "{" + good % ("80%", "KS-1") + "}")
        drop("month.json", "{" + good.replace("11-2025", "13-2025") % ("80%", "1.000005") + "}")
        drop("key.csv", "NgayTongHop,MaThuTuc,Madonvi,SoGhe\n11-2025,1.000005,H56.01,3\n")
        self.taken("survey")
        self.assertEqual(sorted((i["code"], i["hold"]) for i in self.world.queue(state="held")),
                         [("rating:2025-11_1.000005_H56.01", "invalid"),
                          ("rating:2025-11_KS-1_H56.01", "unmapped_procedure")])
        reasons = {p.name: p.read_text() for p in (folder / "bad").glob("*.reason")}
        self.assertEqual(sorted(reasons), ["key.csv.reason", "month.json.reason"])
        self.assertIn("SoGhe: not known here", reasons["key.csv.reason"])
        self.assertIn("NgayTongHop: no month like 11-2025", reasons["month.json.reason"])
        self.assertEqual(self.world.ledger("rating"), [])

    def test_why_and_preview_show_a_rating(self):
        self.run_other({"ratings": {"from": "survey", "to": "portal", "mode": "observe"}},
                       {"survey": self.spool("survey")})
        self.tell("ratings", "survey", "--count", 1)
        w = self.world
        w.wait(lambda: w.queue(), "the rating in the journal")
        code = w.queue()[0]["code"]
        done = w.ctl("why", code)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(code, done.stdout)
        part = w.dir / "survey" / "in" / ".more"
        part.write_text(json.dumps([{"NgayTongHop": f"{m}-2025", "TongSoNguoiDanhGia": "4",
                                     "MaThuTuc": "1.000005", "Madonvi": "H56"}
                                    for m in (1, 2)]))
        part.rename(part.with_name("more.json"))
        done = w.ctl("source", "try", "survey")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("DongBoDanhGia", done.stdout)
        self.assertEqual(w.ledger("rating"), [])


class QuestionsTest(OtherTest):

    def run_questions(self, every="1s", **knobs):
        self.run_other({"questions": {"from": "portal", "to": "desk", "every": every},
                        "answers": {"kind": "questions", "from": "desk", "to": "portal"}},
                       {"desk": self.spool("desk")}, **knobs)
        self.truth.touch()

    def ask(self, count):
        self.world.portal.post("ask", count=count)

    def given(self):
        """The questions that stand in out/, by their number."""
        rows = {}
        for path in (self.world.dir / "desk" / "out").glob("question-*.json"):
            for row in json.loads(path.read_text()):
                rows[row["HOIDAPID"]] = row
        return rows

    def verdict(self):
        return self.judge("--out", self.world.dir / "desk" / "out")

    def settled(self, line):
        """Until all that was asked and told has arrived where it belongs."""
        last = [None]

        def agrees():
            last[0] = self.verdict()
            return last[0] == (0, line)

        try:
            self.world.wait(agrees, line, deadline_s=30, pause_s=0.1)
        except AssertionError as e:
            raise AssertionError(f"last {last[0]}: {e}") from None
        self.taken("desk")
        self.assertEqual(self.verdict(), (0, line))

    def test_questions_come_down_and_answers_go_up_once(self):
        self.run_questions()
        self.ask(20)  # two of them are nobody's business
        self.settled("other: asked 18/18 held 0 lost 0 duplicated 0")
        self.assertEqual(set(self.given()), {str(5001 + i) for i in range(20) if i % 10 != 9})
        self.tell("replies", "desk", "--count", 20, "--csv")
        self.tell("questions", "desk", "--count", 7)
        self.settled("other: reply 18/18 held 0 question 7/7 held 0 asked 18/18 held 0"
                     " lost 0 duplicated 0")
        self.assertEqual(len(self.world.ledger("reply")), 18)
        # what the province replied comes back with the question
        self.assertEqual(self.given()["5001"]["NOIDUNGTRALOI"], "Trả lời thử nghiệm số 0, bản 1")

    def test_public_questions_come_down_with_their_answers(self):
        self.run_questions()
        self.ask(3)
        self.world.portal.post("ask", count=20, public=True)  # two of them are nobody's business
        self.settled("other: asked 3/3 held 0 published 18/18 held 0 lost 0 duplicated 0")
        rows = {row["HOIDAPID"]: row for path in (self.world.dir / "desk" / "out").glob("public-*")
                for row in json.loads(path.read_text())}
        self.assertEqual(rows["8001"]["NOIDUNGTRALOI"],
                         "Trả lời cho câu hỏi 8001\n\nBổ sung cho câu hỏi 8001")
        self.assertEqual(rows["8002"]["NOIDUNGTRALOI"], "Trả lời cho câu hỏi 8002")
        self.assertEqual(rows["8003"]["NOIDUNGTRALOI"], "")  # none yet
        self.world.portal.post("ask", count=1, public=True)
        self.settled("other: asked 3/3 held 0 published 19/19 held 0 lost 0 duplicated 0")
        calls = self.world.portal.stats()["calls"]
        day = time.time() // 86400
        asked = calls["LayNoiDungTraLoiTheoCauHoi"]
        self.world.wait(lambda: self.world.portal.stats()["calls"]["LayDanhSachHoiDapBoCoQuan"] >
                        calls["LayDanhSachHoiDapBoCoQuan"] + 2, "more looks")
        again = self.world.portal.stats()["calls"]["LayNoiDungTraLoiTheoCauHoi"]
        # what is known is not asked for again before the next day
        self.assertTrue(again == asked or time.time() // 86400 != day, (again, asked))

    def test_an_operator_need_not_wait_for_the_next_look(self):
        self.run_questions(every="1h")
        self.world.wait(self.world.idle, "idle")
        self.ask(2)
        self.world.order("/v1/sources/portal.questions:poll")
        self.settled("other: asked 2/2 held 0 lost 0 duplicated 0")

    def test_faults_and_kills_lose_no_question_and_no_answer(self):
        rng = random.Random(12)
        print("seed 12")
        self.run_questions(drop_after_commit_percent=15, fail_500_percent=10,
                           truncate_reply_percent=5, html_reply_percent=3)
        for version in range(1, 4):
            self.ask(20)
            self.world.wait(lambda n=version * 9: len(self.given()) > n, "most of them")
            self.tell("replies", "desk", "--count", 10 * version, "--version", version)
            self.tell("questions", "desk", "--count", 10, "--version", version)
            for _ in range(2):
                wait_until(lambda n=len(self.world.ledger("reply")) + rng.randrange(1, 6):
                           len(self.world.ledger("reply")) >= n or self.world.idle(),
                           "some replies at the portal")
                self.world.kill()
                self.world.start()
        self.world.portal.knob(drop_after_commit_percent=0, fail_500_percent=0,
                               truncate_reply_percent=0, html_reply_percent=0)
        self.settled("other: reply 27/27 held 0 question 10/10 held 0 asked 54/54 held 0"
                     " lost 0 duplicated 0")

    def test_who_asked_is_found_and_erased_and_stands_in_no_log(self):
        self.run_questions()
        self.ask(3)
        self.settled("other: asked 3/3 held 0 lost 0 duplicated 0")
        w = self.world
        asker = self.given()["5001"]
        self.assertTrue(asker["HOVATEN"] and asker["SODIENTHOAI"])
        found = w.ctl("subject", "find", "--by", "name", input=asker["HOVATEN"] + "\n")
        self.assertIn("question:5001", found.stdout, found.stderr)
        self.assertIn(asker["SODIENTHOAI"].encode(), self.journal_bytes())
        erased = w.ctl("subject", "erase", "--by", "code", "--request", "1", "--yes",
                       input="question:5001\n")
        self.assertEqual(erased.returncode, 0, erased.stdout + erased.stderr)
        found = w.ctl("subject", "find", "--by", "name", input=asker["HOVATEN"] + "\n")
        self.assertNotIn("question:5001", found.stdout)
        w.stop()
        self.assertNotIn(asker["HOVATEN"].encode(), self.journal_bytes())
        self.assertNotIn(asker["HOVATEN"], w.log_path.read_text())

    def journal_bytes(self):
        return b"".join(p.read_bytes() for p in (self.world.dir / "state").glob("journal.db*"))

    def test_an_answer_that_names_nobody_or_no_day_is_held(self):
        self.run_questions()
        self.ask(2)
        self.settled("other: asked 2/2 held 0 lost 0 duplicated 0")
        answer = {"HOIDAPID": "5001", "MADONVI": "H56", "NOIDUNGTRALOI": "Nộp tờ khai",
                  "NGUOITRALOI": "", "NGAYTRALOI": "18/11/2025"}
        part = self.world.dir / "desk" / "in" / ".a"
        part.write_text(json.dumps([answer, {**answer, "HOIDAPID": "5002", "NGUOITRALOI": "Thử",
                                             "NGAYTRALOI": "20251118"}]))
        part.rename(part.with_name("a.json"))
        self.taken("desk")
        self.assertEqual([(i["code"], i["hold"]) for i in self.world.queue(state="held")],
                         [("reply:5001", "invalid"), ("reply:5002", "invalid")])
        self.assertEqual(self.world.ledger("reply"), [])


class OracleTest(OtherTest):
    """The oracle sees what it is there for."""

    def line(self, kind, code, text, **more):
        return json.dumps({"kind": kind, "code": code, "record": {"NOIDUNG": text}, **more}) + "\n"

    def verdict(self, truth, ledger, *arguments):
        self.truth.write_text("".join(truth))
        self.world.ledger_path.write_text("".join(ledger))
        done = subprocess.run(
            [BUILD / "dvcsync-sandbox", "verify-other", "--ledger", self.world.ledger_path,
             "--truth", self.truth, *arguments], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout.splitlines()[-1]

    def test_what_is_not_there_or_another_is_lost_and_repeats_are_duplicated(self):
        told = [self.line("question", f"question:{n}", f"bản {n}") for n in range(3)]
        stored = [self.line("question", f"question:{n}", f"bản {n}", effect=True)
                  for n in range(3)]
        good = "other: question 3/3 held 0 lost 0 duplicated 0"
        self.assertEqual(self.verdict(told, stored), (0, good))
        self.assertEqual(self.verdict(told, stored[1:]),
                         (1, "other: question 2/3 held 0 lost 1 duplicated 0"))
        other = self.line("question", "question:1", "khác", effect=True)
        self.assertEqual(self.verdict(told, stored + [other]),
                         (1, "other: question 2/3 held 0 lost 1 duplicated 0"))
        again = self.line("question", "question:1", "bản 1", effect=False)
        self.assertEqual(self.verdict(told, stored + [again]),
                         (1, "other: question 3/3 held 0 lost 0 duplicated 1"))
        self.assertEqual(self.verdict(told[1:], stored),
                         (1, "other: question 2/3 held 0 lost 1 duplicated 0"))

    def test_what_was_asked_or_paid_must_stand_in_a_file_once(self):
        out = self.world.dir / "out"
        out.mkdir()
        asked = json.dumps({"kind": "asked", "code": "asked:1", "record": {"HOIDAPID": "1"}}) + "\n"
        paid = json.dumps({"kind": "paid", "code": "paid:G", "record": {"MaGiaoDich": "G"}}) + "\n"
        self.assertEqual(self.verdict([], [asked, paid], "--out", out),
                         (1, "other: asked 0/1 held 0 paid 0/1 held 0 lost 2 duplicated 0"))
        (out / "question-a.json").write_text('[{"HOIDAPID":"1"}]')
        (out / "payment-a.json").write_text('[{"MaGiaoDich":"G"}]')
        self.assertEqual(self.verdict([], [asked, paid], "--out", out),
                         (0, "other: asked 1/1 held 0 paid 1/1 held 0 lost 0 duplicated 0"))
        (out / "payment-b.json").write_text('[{"MaGiaoDich":"G"}]')
        self.assertEqual(self.verdict([], [asked, paid], "--out", out),
                         (1, "other: asked 1/1 held 0 paid 1/1 held 0 lost 0 duplicated 1"))


FEE = {"TenPhiLePhi": "Lệ phí", "MaPhiLePhi": "LP0011", "HinhThucThu": "1", "Gia": "8000",
       "LoaiPhiLePhi": "2"}


class PaymentsTest(OtherTest):

    def run_payments(self, **source):
        w = self.world
        self.port = free_port()
        accounts = w.write_accounts(("congthanhtoan", "mat-khau-thanh-toan"))
        self.run_other(
            {"dossiers": {"from": "box", "to": "portal"},
             "payments": {"from": "paygate", "to": "till"}},
            {"box": self.spool("box"), "till": self.spool("till"),
             "paygate": {"profile": "payments", "listen": f"127.0.0.1:{self.port}",
                         "accounts_file": accounts, "payee_account": "1234567890",
                         "payee_bank": "VTB", "payee_name": "UBND xã thử", **source}})
        self.truth.touch()

    def dossier(self, n, fees=(FEE,), **fields):
        return {"MaHoSo": f"H56.31.25-251118-{n:04d}", "MaTTHC": "1.000005",
                "TenTTHC": "Thủ tục thử nghiệm", "ChuHoSo": "Nguyễn Thị Thử", "LoaiDoiTuong": "1",
                "SoGiayToChuHoSo": "000199000457", "NgayTiepNhan": "20251118093000",
                "NgayHenTra": "20301119093000", "TrangThaiHoSo": "6", "HinhThuc": "0",
                "DonViXuLy": "UBND xã thử", "NoiNopHoSo": "2", "DanhSachLePhi": list(fees),
                **fields}

    def drop(self, *dossiers):
        part = self.world.dir / "box" / "in" / ".d"
        wait_until(part.parent.is_dir, "the folders")
        part.write_text(json.dumps(dossiers))
        part.rename(part.with_name("d.json"))
        self.taken("box")

    def call(self, kind, codes, **order):
        """What the sandbox portal was answered, one a code."""
        return self.world.portal.post(
            "push", kind=kind, codes=codes, url=f"http://127.0.0.1:{self.port}",
            **{"user": "congthanhtoan", "password": "mat-khau-thanh-toan", **order})["answers"]

    def verdict(self):
        return self.judge("--out", self.world.dir / "till" / "out")

    def test_what_is_to_be_paid_is_what_the_source_told(self):
        self.run_payments()
        free = [{**FEE, "Gia": "0"}]
        self.drop(self.dossier(1), self.dossier(2, fees=free),
                  self.dossier(3, DuocThanhToanTrucTuyen="1"),
                  self.dossier(4, TrangThaiHoSo="10", NgayTra="20251119093000",
                               NgayKetThucXuLy="20251119093000"))
        codes = [f"H56.31.25-251118-{n:04d}" for n in range(1, 6)]
        answers = [a["reply"] for a in self.call("duty", codes)]
        self.assertEqual([a["error_code"] for a in answers], [1, 0, 0, 0, -1])
        duty = answers[0]["message"]
        self.assertEqual({k: duty[k] for k in (
            "MaDichVu", "MaTTHC", "MaHoSo", "TKThuHuong", "MaNHThuHuong", "TenTKThuHuong",
            "NgayQD", "HoTenNguoiNop", "DSKhoanNop")}, {
                "MaDichVu": "2", "MaTTHC": "1.000005", "MaHoSo": codes[0],
                "TKThuHuong": "1234567890", "MaNHThuHuong": "VTB", "TenTKThuHuong": "UBND xã thử",
                "NgayQD": "20251118", "HoTenNguoiNop": "Nguyễn Thị Thử",
                "DSKhoanNop": [{"NoiDung": "Lệ phí", "SoTien": "8000"}]})
        self.assertEqual(duty["PhiLePhi"], [{"LoaiPhiLePhi": "2", "MaPhiLePhi": "LP0011",
                                             "TenPhiLePhi": "Lệ phí", "SoTien": "8000"}])
        self.assertTrue(duty["MaTraCuuTT"].startswith(codes[0] + "20"))
        self.assertEqual([a["message"] for a in answers[1:]], [[]] * 4)
        self.assertEqual(self.call("duty", codes[:1], password="khác")[0]["status"], 401)

    def test_a_payment_is_taken_once_and_another_amount_is_refused(self):
        self.run_payments()
        codes = [f"H56.31.25-251118-{n:04d}" for n in range(1, 21)]
        for _ in range(3):
            answers = self.call("paid", codes)
            self.assertEqual({(a["status"], a["reply"]["MaLoi"]) for a in answers}, {(200, "00")})
        other = self.call("paid", codes[:2], amount="9000") + self.call("paid", codes[2:4],
                                                                        result="24")
        self.assertEqual({a["reply"]["MaLoi"] for a in other}, {"99"})
        self.assertIn("payment_conflict", self.world.log_path.read_text())
        self.world.wait(self.world.idle, "idle")
        self.assertEqual(self.verdict(), (0, "other: paid 20/20 held 0 lost 0 duplicated 0"))
        self.assertEqual(len(list((self.world.dir / "till" / "out").iterdir())), 20)
        bad = self.call("paid", codes[:1], transaction="2", amount="tám nghìn")
        self.assertEqual(bad[0]["reply"]["MaLoi"], "99")

    def test_a_failed_payment_may_succeed_later_under_its_number(self):
        self.run_payments()
        code = ["H56.31.25-251118-0001"]
        for result in ("24", "00", "00"):
            self.assertEqual(self.call("paid", code, result=result)[0]["reply"]["MaLoi"], "00")
            self.world.wait(self.world.idle, "idle")
        file, = (self.world.dir / "till" / "out").iterdir()
        self.assertEqual(json.loads(file.read_text())[0]["MaLoi"], "00")
        found = self.world.ctl("subject", "find", "--by", "code", input=code[0] + "\n").stdout
        self.assertIn("payment:", found)  # by its dossier
        self.assertIn(" by retention", found)
        self.assertNotIn("kept until", found)

    def duty(self, code):
        return self.call("duty", [code])[0]["reply"]

    def test_a_paid_dossier_has_nothing_to_pay_and_a_second_payment_is_told(self):
        self.run_payments()
        codes = [f"H56.31.25-251118-{n:04d}" for n in range(1, 3)]
        self.drop(*(self.dossier(n) for n in range(1, 3)))
        self.assertEqual(self.codes_told(codes[:1], result="24"), ["00"])
        self.assertEqual([self.duty(c)["error_code"] for c in codes], [1, 1])
        self.assertEqual(self.codes_told(codes[:1]), ["00"])  # a success after a failure
        self.assertEqual([self.duty(c)["error_code"] for c in codes], [0, 1])
        self.assertEqual(self.duty(codes[0])["message"], ["Hồ sơ đã được thanh toán"])
        self.assertEqual(self.codes_told(codes[:1]), ["00"])  # the same again
        self.assertNotIn("payment_twice", self.world.log_path.read_text())
        self.assertEqual(self.codes_told(codes[:1], transaction="2"), ["00"])
        self.assertIn("which was paid before", self.world.log_path.read_text())
        self.assertIn("flow dossiers", self.world.ctl("why", codes[0]).stdout)

    def forget_contents(self):
        """keep_payload is over for all that was delivered."""
        w = self.world
        w.wait(w.idle, "idle")
        self.assertEqual(w.stop(), 0)
        wait_until(lambda: w.sql("SELECT max(settled) FROM subject")[0][0] < time.time() - 2,
                   "everything to be settled for longer than keep_payload")
        w.change_conf("", keep_payload="1s")
        w.start()
        w.wait(lambda: w.sql("SELECT count(*) FROM body") == [(0,)], "the contents to go")

    def codes_told(self, codes, **order):
        return [a["reply"]["MaLoi"] for a in self.call("paid", codes, **order)]

    def test_a_payment_is_known_for_what_it_was_when_its_content_is_gone(self):
        self.run_payments()
        codes = [f"H56.31.25-251118-{n:04d}" for n in range(1, 6)]
        self.assertEqual(self.codes_told(codes[:4]), ["00"] * 4)
        self.assertEqual(self.codes_told(codes[4:], result="24"), ["00"])
        self.forget_contents()
        till = self.world.dir / "till" / "out"
        before = {p.name: p.read_text() for p in till.iterdir()}
        self.assertEqual(self.codes_told(codes[:4]), ["00"] * 4)  # the same again
        self.assertEqual(self.codes_told(codes[:1], amount="9999"), ["99"])
        self.assertEqual(self.codes_told(codes[1:2], result="01"), ["99"])  # it was paid
        self.assertIn("told before with another amount", self.world.log_path.read_text())
        erased = self.world.ctl("subject", "erase", "--by", "code", "--request", "1", "--yes",
                                input=self.world.sql(
                                    "SELECT code FROM subject WHERE code LIKE 'payment:%' "
                                    "ORDER BY id LIMIT 1 OFFSET 2")[0][0] + "\n")
        self.assertEqual(erased.returncode, 0, erased.stdout + erased.stderr)
        self.assertEqual(self.codes_told(codes[2:3]), ["99"])  # nothing is left to tell by
        self.assertEqual(self.world.endpoint("paygate")["notes"]["conflicts"], 3)
        self.assertEqual(before, {p.name: p.read_text() for p in till.iterdir()})
        self.assertEqual(self.verdict(), (0, "other: paid 5/5 held 0 lost 0 duplicated 0"))
        self.assertEqual(self.codes_told(codes[4:]), ["00"])  # a success after a failure
        self.world.wait(self.world.idle, "idle")
        changed = [p.read_text() for p in till.iterdir() if before[p.name] != p.read_text()]
        self.assertEqual([json.loads(text)[0]["MaLoi"] for text in changed], ["00"])

    def test_what_was_answered_for_is_never_lost_by_a_kill(self):
        rng = random.Random(13)
        print("seed 13")
        self.run_payments()
        codes = [f"H56.31.25-251118-{n:04d}" for n in range(1, 61)]
        answered = []
        for _ in range(8):
            killer = threading.Timer(rng.uniform(0.01, 0.25), self.world.kill)
            killer.start()
            answered.append(sum(a["status"] == 200 for a in self.call("paid", codes)))
            killer.join()
            self.world.start()
        self.assertLess(min(answered), 60)  # a kill did come between
        answers = self.call("paid", codes)
        self.assertEqual({a["reply"]["MaLoi"] for a in answers}, {"00"})
        self.world.wait(self.world.idle, "idle")
        self.assertEqual(self.verdict(), (0, "other: paid 60/60 held 0 lost 0 duplicated 0"))


if __name__ == "__main__":
    unittest.main()
