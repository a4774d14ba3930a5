"""A folder of files as a source: what is dropped is delivered once, what is not a whole plain file is
not, and a crash at any place makes neither a loss nor a second effect."""

import csv
import json
import os
import random
import time
import unittest
import zipfile

from harness import WorldTest, wait_until

TODAY = time.strftime("%Y%m%d", time.localtime())


class SpoolTest(WorldTest):

    def setUp(self):
        super().setUp()
        w = self.world
        self.spool = w.dir / "spool"
        with open(w.catalog_path, encoding="utf-8") as file:
            self.procedures = [row["code"] for row in csv.DictReader(file)]

    def run_spool(self, source=None, **portal):
        w = self.world
        w.start_portal(**portal)
        w.start_province(dossiers=0)
        settings = {"profile": "spool", "dir": self.spool, "poll_every": "500ms",
                    **(source or {})}
        w.write_conf(dossiers={"from": "folder"})
        w.settings["source folder"] = settings
        del w.settings["source onestop"]
        w.save_conf()
        w.start()
        wait_until(lambda: (self.spool / "in").is_dir(), "the folders")

    # ---- what is dropped ----

    def dossier(self, n, steps=2, status="4"):
        code = f"H56.31.25-{TODAY[2:]}-{n:04d}"
        at = [f"{TODAY}00{10 + k:02d}00" for k in range(steps)]
        return {
            "MaHoSo": code, "MaTTHC": self.procedures[n % len(self.procedures)],
            "TenTTHC": "Thủ tục thử nghiệm", "KenhThucHien": "2", "ChuHoSo": "Nguyễn Thị Thử",
            "LoaiDoiTuong": "1", "SoGiayToChuHoSo": "000199000457",
            "TrichYeuHoSo": "Hồ sơ thử nghiệm", "NgayNopHoSo": f"{TODAY}000500",
            "NgayTiepNhan": f"{TODAY}001000", "NgayHenTra": "20301119093000",
            "TrangThaiHoSo": status, "HinhThuc": "0", "DonViXuLy": "UBND xã thử", "NoiNopHoSo": "2",
            "TienDo": [{"NguoiXuLy": "Cán bộ thử", "ThoiDiemXuLy": at[k],
                        "PhongBanXuLy": "Một cửa", "NoiDungXuLy": f"Bước {k + 1}",
                        "TrangThai": "2" if k == 0 else status} for k in range(steps)]}

    def drop(self, name, value):
        """As a well-behaved writer does: beside it, then renamed."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        part = self.spool / "in" / f".{name}"
        part.write_text(text, encoding="utf-8")
        part.rename(self.spool / "in" / name)

    def waiting(self):
        return sorted(os.listdir(self.spool / "in"))

    def done(self):
        return sorted(name for _, _, names in os.walk(self.spool / "done") for name in names)

    # ---- what arrived ----

    def effects(self):
        """Of each dossier: how often a snapshot had an effect, and each step."""
        snapshots, steps = {}, {}
        for line in self.world.ledger():
            if line["kind"] == "dossier":
                snapshots.setdefault(line["code"], []).append(line["effect"])
            elif line["kind"] == "step":
                steps.setdefault((line["code"], line["key"]), []).append(line["effect"])
        return snapshots, steps

    def assert_once(self, dossiers, repeats=False):
        snapshots, steps = self.effects()
        self.assertEqual(set(snapshots), {d["MaHoSo"] for d in dossiers})
        self.assertEqual(len(steps), sum(len(d["TienDo"]) for d in dossiers))
        for what, found in (*snapshots.items(), *steps.items()):
            self.assertEqual(found.count(True), 1, what)
            if not repeats:
                self.assertEqual(len(found), 1, what)

    def all_there(self, dossiers):
        snapshots, steps = self.effects()
        return (len(snapshots) == len(dossiers) and
                len(steps) == sum(len(d["TienDo"]) for d in dossiers))

    # ---- tests ----

    def test_dropped_files_are_delivered_and_moved(self):
        self.run_spool()
        dossiers = [self.dossier(n) for n in range(1, 41)]
        for k in range(0, 40, 8):
            self.drop(f"part{k}.json", dossiers[k:k + 8])
        self.world.wait(lambda: self.all_there(dossiers), "all of them on the portal")
        self.world.wait(lambda: len(self.done()) == 5 and not self.waiting(), "the files in done/")
        self.assert_once(dossiers)
        self.drop("again.json", dossiers[:8])  # the same content once more has no effect
        self.world.wait(lambda: len(self.done()) == 6, "it in done/")
        self.world.wait(self.world.idle, "idle")
        self.assert_once(dossiers)

    def test_a_drop_is_read_long_before_the_next_poll(self):
        self.run_spool(source={"poll_every": "1h"})
        self.world.wait(self.world.idle, "idle")
        begun = time.monotonic()
        dossiers = [self.dossier(1)]
        self.drop("one.json", dossiers)
        self.world.wait(lambda: self.all_there(dossiers), "it on the portal")
        self.assertLess(time.monotonic() - begun, 20)
        self.world.wait(lambda: self.done() == ["one.json"], "it in done/")

    def test_half_written_files_wait(self):
        self.run_spool()
        dossiers = [self.dossier(n) for n in range(1, 4)]
        text = json.dumps(dossiers)
        with open(self.spool / "in" / "slow.json", "w", encoding="utf-8") as file:
            for k in range(0, len(text), len(text) // 12 + 1):
                file.write(text[k:k + len(text) // 12 + 1])
                file.flush()
                time.sleep(0.15)
        (self.spool / "in" / "never.json.part").write_text(text[:100])
        (self.spool / "in" / "never.tmp").write_text(text[:100])
        self.world.wait(lambda: self.all_there(dossiers), "all of them on the portal")
        self.world.wait(lambda: self.done() == ["slow.json"], "it in done/")
        self.assert_once(dossiers)
        self.assertEqual(self.waiting(), ["never.json.part", "never.tmp"])
        self.assertEqual(os.listdir(self.spool / "bad"), [])

    def test_what_cannot_be_read_goes_aside_with_its_reason(self):
        self.run_spool()
        dossiers = [self.dossier(n) for n in range(1, 4)]
        secret = self.world.dir / "secret.json"
        secret.write_text(json.dumps([self.dossier(99)]))
        os.symlink(secret, self.spool / "in" / "link.json")
        os.mkfifo(self.spool / "in" / "pipe.json")
        self.drop("broken.json", json.dumps(dossiers)[:-20])
        self.drop("entity.xml", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
                                '<HoSo><MaHoSo>&x;</MaHoSo></HoSo>')
        with zipfile.ZipFile(self.spool / "in" / ".z", "w") as z:
            z.writestr("../../outside/services/x.txt", "x")
        (self.spool / "in" / ".z").rename(self.spool / "in" / "walk.zip")
        self.drop("good.json", dossiers)
        self.world.wait(lambda: self.all_there(dossiers), "the good ones on the portal")
        bad = self.spool / "bad"
        names = ["broken.json", "entity.xml", "link.json", "pipe.json", "walk.zip"]
        self.world.wait(lambda: sorted(n for n in os.listdir(bad) if not n.endswith(".reason")) ==
                        names and not self.waiting(), "the bad ones aside")
        for name in names:
            wait_until((bad / f"{name}.reason").exists, f"the reason of {name}")
            text = (bad / f"{name}.reason").read_text()
            self.assertIn(f"file: {name}", text)
            self.assertIn("remedy: ", text)
        self.assertIn("byte", (bad / "broken.json.reason").read_text())
        self.assert_once(dossiers)
        self.assertTrue(secret.exists())
        self.assertFalse((self.world.dir / "outside").exists())

    def test_a_catalogue_finds_its_folder(self):
        self.run_spool()
        with zipfile.ZipFile(self.spool / "in" / ".z", "w", zipfile.ZIP_DEFLATED) as z:
            for code in self.procedures[:3]:
                z.writestr(f"services/{code}.xml",
                           f"<ServiceInfo><serviceCode>{code}</serviceCode>"
                           "<serviceName>Thủ tục</serviceName></ServiceInfo>")
        (self.spool / "in" / ".z").rename(self.spool / "in" / "catalogue.zip")
        self.world.wait((self.spool / "catalog" / "catalogue.zip").exists, "it in catalog/")
        self.assertEqual(os.listdir(self.spool / "bad"), [])

    # ---- the catalogue of a product that has no interface ----

    SERVICE = ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ServiceInfo><serviceCode>%s</serviceCode>"
               "<serviceName>%s</serviceName><administrationCode>G15</administrationCode>"
               "<domainCode>G15-TP01</domainCode><maxLevel>4</maxLevel><public_>true</public_>"
               "</ServiceInfo>")

    def differences(self, which):
        answer = self.world.get("/v1/catalog?limit=500").json()
        return [row["code"] for row in answer["differences"][which]["procedures"]]

    def test_procedures_become_files_and_a_zip_of_the_product_is_compared(self):
        w = self.world
        w.start_portal()
        w.start_province(dossiers=0)
        w.write_conf(dossiers=False, catalog={"to": "folder"})
        w.settings["source folder"] = {"profile": "spool", "dir": self.spool, "format": "xml",
                                       "poll_every": "500ms"}
        w.settings["flow dossiers"] = {"from": "folder", "to": "portal"}
        del w.settings["source onestop"]
        w.save_conf()
        w.start()
        out = self.spool / "out"
        w.wait(lambda: out.is_dir() and len(os.listdir(out)) == len(self.procedures),
               "a file a procedure")
        texts = [(out / name).read_text(encoding="utf-8") for name in os.listdir(out)]
        self.assertTrue(all("<ServiceInfo>" in text for text in texts))
        for code in self.procedures:
            self.assertEqual(sum(f"<serviceCode>{code}" in text for text in texts), 1, code)
        w.wait(w.idle, "idle")
        w.wait(lambda: len(self.differences("portal_only")) == len(self.procedures), "agreement")
        with zipfile.ZipFile(self.spool / "in" / ".x", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("services/known.xml", self.SERVICE % (self.procedures[0], "Tên khác"))
            archive.writestr("services/own.xml", self.SERVICE % ("9.999999", "Thủ tục riêng"))
        (self.spool / "in" / ".x").rename(self.spool / "in" / "export.zip")
        w.wait(lambda: self.waiting() == [], "the zip to be taken")
        w.order("/v1/flows/catalog:catalog")
        w.wait(lambda: len(self.differences("portal_only")) == len(self.procedures) - 1,
               "the zip to be compared")
        self.assertEqual(self.differences("local_only"), ["9.999999"])

    def test_a_kill_between_commit_and_move_makes_no_second_effect(self):
        self.run_spool()
        # A file in the place of today's folder: the move after the commit can't succeed.
        block = self.spool / "done" / time.strftime("%Y-%m-%d", time.gmtime(time.time() + 25200))
        block.write_text("")
        dossiers = [self.dossier(n) for n in range(1, 6)]
        self.drop("stays.json", dossiers)
        self.world.wait(lambda: self.all_there(dossiers), "all of them on the portal")
        self.world.wait(lambda: {i["state"] for i in self.world.queue()} == {"DONE"}, "answers")
        self.assertEqual(self.waiting(), ["stays.json"])
        self.world.kill()
        block.unlink()
        self.world.start()
        self.world.wait(lambda: self.done() == ["stays.json"], "it in done/")
        self.world.wait(self.world.idle, "idle")
        self.assert_once(dossiers)

    def test_kills_at_any_time_lose_nothing(self):
        chance = random.Random(7)
        self.run_spool(source={"poll_every": "100ms"})
        dossiers = [self.dossier(n) for n in range(1, 61)]
        for k in range(0, 60, 6):
            self.drop(f"part{k}.json", dossiers[k:k + 6])
            time.sleep(0.2 + chance.random() * 0.9)
            self.world.kill()
            self.world.start()
        self.world.wait(lambda: self.all_there(dossiers), "all of them on the portal")
        self.world.wait(lambda: len(self.done()) == 10 and not self.waiting(), "the files in done/")
        self.world.wait(self.world.idle, "idle")
        self.assert_once(dossiers, repeats=True)  # a call in flight at a kill is made again
        self.assertEqual(os.listdir(self.spool / "bad"), [])
        self.assertEqual(os.listdir(self.spool / "tmp"), [])


if __name__ == "__main__":
    unittest.main()
