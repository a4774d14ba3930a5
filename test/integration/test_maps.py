"""`dvcsyncctl map check`: local codes without a mapping, divided units, what other maps would change."""

import json
import unittest

from harness import WorldTest


class MapCheck(WorldTest):
    def check(self, *options, code=0):
        done = self.world.ctl("map", "check", *options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def codes(self, *options, code=0):
        answer = json.loads(self.check("--json", *options, code=code))
        return {(c["kind"], c["code"]): c for c in answer["codes"]}

    def observe(self, agency_rows=""):
        world = self.world
        with open(world.dir / "maps" / "agency.csv", "a", encoding="utf-8") as file:
            file.write(agency_rows)
        self.run_world(30, conf={"dossiers": {"mode": "observe"}})
        world.sweep()
        world.stop()

    def agencies(self, **options):
        return sorted(code for kind, code in self.codes(**options) if kind == "agencies")

    def write_map(self, name, text):
        path = self.world.dir / name
        path.write_text(text, encoding="utf-8")
        return path

    def test_a_mapped_journal_has_nothing_to_tell(self):
        self.observe()
        text = self.check()
        self.assertRegex(text, r"statuses: \d+ in the journal, 0 without a mapping\n")
        self.assertRegex(text, r"procedure codes: \d+ in the journal, 0 without a mapping\n")
        # no catalogue was read and no agency mapped: then nothing is said against an agency
        self.assertNotIn("no row", text)

    def test_codes_without_a_row_are_listed_with_their_weight(self):
        self.observe()
        rows = [line for line in (self.world.dir / "maps" / "status.csv").read_text().splitlines()
                if not line.startswith("processing")]
        (self.world.dir / "maps" / "status.csv").write_text("\n".join(rows) + "\n")
        text = self.check(code=1)
        self.assertRegex(text, r"  processing.*  no row  \d+ records, \d+ open, 0 held\n")

    def test_a_divided_unit_waits_for_a_person_and_a_row_decides(self):
        self.observe()
        unit = sorted(code for kind, code in self.codes() if kind == "agencies")[0]
        divided = ("local,national,valid_from,valid_until,divided\n"
                   f"{unit},H56.801,2020-01-01,,yes\n{unit},H56.802,2020-01-01,,yes\n")
        (self.world.dir / "maps" / "agency.csv").write_text(divided)
        text = self.check(code=1)
        self.assertIn(f"  {unit}  divided into H56.801, H56.802: a person decides  ", text)
        decided = self.write_map("decided.csv", divided + f"{unit},H56.802,2020-01-01,,\n")
        text = self.check("--agency", decided, code=1)
        self.assertRegex(text, rf"with the maps that were named:\n  {unit}  divided -> H56\.802  \d+ rec")

    def test_another_map_is_judged_before_it_is_loaded(self):
        self.observe()
        status = (self.world.dir / "maps" / "status.csv").read_text()
        other = self.write_map("other.csv", status.replace("\nprocessing,,,4,", "\nprocessing,,,2,"))
        codes = self.codes("--status", other)
        changed = {code: (c["national"], c["then"]) for (kind, code), c in codes.items()
                   if kind == "statuses" and c["national"] != c["then"]}
        self.assertTrue(changed)
        for code, (now, then) in changed.items():
            self.assertTrue(code.startswith("processing"), code)
            self.assertEqual((now, then), ("4", "2"))
        self.assertIn("nothing changes", self.check("--procedure",
                                                    self.world.dir / "maps" / "procedure.csv"))

    def test_a_faulty_map_is_refused_with_file_and_line(self):
        self.observe()
        bad = self.write_map("bad.csv", "local,national\nH56.1,nothing\n")
        done = self.world.ctl("map", "check", "--agency", bad)
        self.assertEqual(done.returncode, 78)
        self.assertIn(f'{bad}:2: national "nothing" is not valid', done.stderr)


if __name__ == "__main__":
    unittest.main()
