"""`dvcsyncctl catalog report`, `history` and `heal`: every kind of difference planted at known places is
found exactly, what can be healed is healed by the ordinary way, and a second run finds nothing left."""

import csv
import io
import unittest

from catalog_plant import HEALED, KINDS, Plants
from harness import World, WorldTest

EACH = 3


class CatalogReport(WorldTest):
    def setUp(self):
        self.world = World(catalog_rows=90)
        self.addCleanup(self.world.close)
        self.plants = Plants(self.world)

    def begin(self, portal=None, source=None):
        world = self.world
        world.start_portal()
        world.start_province(4)
        world.write_conf(dossiers=False, catalog={"refresh": "1s"}, source=source,
                         portal={"decisions": True, **(portal or {})})
        world.change_conf("maps", catalog=self.plants.facts_path)
        self.plants.settle(world.start)
        self.plants.know_facts()

    def choose(self):
        """EACH codes for every kind, none of them twice."""
        codes = sorted(self.plants.procedures())
        online = [code for code in codes if self.plants.online(code)]
        chosen = {"eform": online[:EACH], "local_only": [f"1.99000{i}" for i in range(EACH)]}
        rest = [code for code in codes if code not in chosen["eform"]]
        for kind in KINDS:
            if kind not in chosen:
                chosen[kind], rest = rest[:EACH], rest[EACH:]
        self.assertTrue(all(len(codes) == EACH for codes in chosen.values()))
        return chosen

    def plant_all(self):
        world, plants, chosen = self.world, self.plants, self.choose()
        for code in chosen["withdrawn_open"]:
            plants.prepare("withdrawn_open", code)
        plants.read()
        for kind, codes in chosen.items():
            for code in codes:
                plants.plant(kind, code)
        world.stop()
        plants.age()
        world.start()
        plants.read()

    def heal(self, *options, code=1):
        done = self.world.ctl("catalog", "heal", "--format", "csv", *options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        rows = {"sent": set(), "on_their_way": set(), "for_a_person": set()}
        for line in csv.reader(io.StringIO(done.stdout.lstrip("\ufeff"))):
            if line and line[0] in rows and line[1] != "code":
                rows[line[0]].add((line[2], line[1]))
        return rows

    def test_a_province_that_agrees_has_no_difference(self):
        self.begin()
        report = self.plants.report()
        self.assertEqual(report["tables"]["differences"]["rows"], [])
        self.assertEqual(report["exit"], 0)
        n = len(self.plants.procedures())
        self.assertEqual(report["facts"]["agreement"], f"{n} of {n} procedures agree (100.00 %)")
        kinds = {row["kind"]: row for row in report["tables"]["kinds"]["rows"]}
        self.assertEqual(set(kinds), set(KINDS))
        for kind in ("decision", "decentralised", "independent", "process", "level"):
            self.assertEqual(kinds[kind]["judged"], n, kind)

    def test_what_is_planted_is_found_exactly_healed_and_then_gone(self):
        self.begin()
        n = len(self.plants.procedures())
        self.plant_all()
        planted = self.plants.planted
        self.assertEqual(len(planted), EACH * len(KINDS))
        self.assertEqual(self.plants.found(), planted)
        report = self.plants.report()
        counts = {row["kind"]: row["differences"] for row in report["tables"]["kinds"]["rows"]}
        self.assertEqual(counts, {kind: EACH for kind in KINDS})
        # 3 of them are withdrawn; of the others all but 9 kinds of both sides and 2 of missing agree
        published, equal = n - EACH, n - EACH - EACH * 10
        share = report["tables"]["agreement"]["rows"][0]
        self.assertEqual((share["numerator"], share["denominator"]), (equal, published))
        self.assertIn(f"{equal} of {published} procedures agree (", report["facts"]["agreement"])

        healable = {(kind, code) for kind, code in planted if kind in HEALED}
        items = self.world.sql("SELECT count(*) FROM item")
        dry = self.heal("--dry-run")
        self.assertEqual(dry["sent"], healable)
        self.assertEqual(dry["for_a_person"], planted - healable)
        self.assertEqual(self.world.sql("SELECT count(*) FROM item"), items)
        self.assertEqual(self.heal("--dry-run", "--kind", "renamed")["sent"],
                         {p for p in planted if p[0] == "renamed"})

        self.plants.settle(lambda: self.assertEqual(self.heal("--reason", "ordered")["sent"],
                                                    healable))
        self.assertEqual(self.plants.found(), planted - healable)
        second = self.heal()
        self.assertEqual(second["sent"], set())
        self.assertEqual(second["for_a_person"], planted - healable)
        audit = self.world.sql("SELECT verb, object, reason FROM audit WHERE verb = 'catalog-heal'")
        self.assertEqual(len(audit), 1)
        self.assertEqual(audit[0][2], "ordered")
        self.assertIn(f"{len(healable)} procedures", audit[0][1])

    def test_a_fields_name_stands_beside_a_difference_of_content(self):
        self.begin()
        codes = sorted(self.plants.procedures())
        for code, field in zip(codes, ("feeText", "processText", "regularText")):
            self.plants.plant("content", code, field=field)
        self.plants.plant("renamed", codes[0])
        self.plants.read()
        rows = self.plants.report()["tables"]["differences"]["rows"]
        fields = {(row["kind"], row["code"]): row["fields"] for row in rows}
        self.assertEqual(fields, {("content", codes[0]): "fee_text",
                                  ("content", codes[1]): "steps_text",
                                  ("content", codes[2]): "legal_text",
                                  ("renamed", codes[0]): "name"})
        name = next(row for row in rows if row["kind"] == "renamed")
        self.assertEqual(name["local"], name["portal"] + " (tên khác)")

    def test_a_product_that_speaks_xml_is_compared_alike(self):
        self.begin(source={"format": "xml"})
        online = [code for code in sorted(self.plants.procedures()) if self.plants.online(code)]
        for kind, code in zip(("content", "process", "eform", "sector", "level"), online):
            self.plants.plant(kind, code)
        self.plants.read()
        self.assertEqual(self.plants.found(), self.plants.planted)

    def test_decisions_come_through_a_bridge_each_once(self):
        self.begin(portal={"transport": "bridge", "batch": 50})
        decisions = {p["decision_id"] for p in self.plants.procedures().values()}
        asked = self.world.portal.stats()["calls"]["LayQDCB"]
        self.assertEqual(asked, len(decisions))
        self.plants.plant("decision", sorted(self.plants.procedures())[5])
        self.plants.read()
        self.assertEqual(self.world.portal.stats()["calls"]["LayQDCB"], asked)
        self.assertEqual(self.plants.found(), self.plants.planted)

    def test_what_would_overwrite_a_persons_matter_is_not_sent(self):
        self.begin()
        code = sorted(self.plants.procedures())[0]
        self.plants.plant("level", code)
        self.plants.plant("renamed", code)
        self.plants.read()
        rows = self.heal()
        self.assertEqual(rows["sent"], set())
        self.assertEqual(rows["for_a_person"], {("level", code), ("renamed", code)})

    def test_an_observing_flow_heals_nothing(self):
        self.begin()
        code = sorted(self.plants.procedures())[0]
        self.plants.plant("renamed", code)
        self.plants.read()
        self.world.change_conf("flow catalog", mode="observe")
        self.assertEqual(self.world.ctl("reload").returncode, 0)
        done = self.world.ctl("catalog", "heal")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not live", done.stderr)

    def test_history_tells_day_side_and_fields(self):
        self.begin()
        codes = sorted(self.plants.procedures())
        self.plants.at_portal("content", codes[0])
        self.plants.at_portal("renamed", codes[1])
        self.plants.at_portal("withdrawn_open", codes[2])
        self.plants.plant("local_only", "1.990001")
        self.plants.read()
        done = self.world.ctl("catalog", "history", "--format", "csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line for line in csv.reader(io.StringIO(done.stdout)) if line[:1] == ["changes"]]
        rows = {(line[5], line[3], line[6]): line[7] for line in lines}
        self.assertEqual(rows[codes[0], "portal", "changed"], "condition_text")
        self.assertEqual(rows[codes[1], "portal", "changed"], "name")
        self.assertIn((codes[2], "portal", "withdrawn"), rows)
        self.assertIn((codes[2], "local", "closed"), rows)  # the flow told the province
        self.assertIn(("1.990001", "local", "first seen"), rows)
        self.assertEqual(rows[codes[0], "local", "changed"], "condition_text")
        one = self.world.ctl("catalog", "history", "--code", codes[1], "--format", "csv").stdout
        self.assertIn("first seen", one)
        self.assertNotIn(codes[0], one)

    def test_the_report_needs_no_daemon_and_writes_a_page(self):
        self.begin()
        self.world.stop()
        page = self.world.dir / "report.html"
        done = self.world.ctl("catalog", "report", "--format", "html", "-o", page)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertIn("procedures agree", page.read_text())

    def test_a_faulty_file_of_facts_is_refused_with_its_lines(self):
        self.begin()
        self.plants.facts_path.write_text("code,side,own\n1.1,portal,\nx,nowhere,\n1.000001,local,maybe\n")
        done = self.world.ctl("catalog", "report")
        self.assertEqual(done.returncode, 78)
        for line in (2, 3, 4):
            self.assertIn(f"catalog.csv:{line}: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
