"""`dvcsyncctl report`: the month's figures of a world, against what the province itself holds."""

import csv
import json
import re
import sqlite3
import time
import unittest

from harness import AGENCIES, WorldTest


def month_of(date):
    """Of dd/MM/yyyy HH:mm:ss."""
    return f"{date[6:10]}-{date[3:5]}"


class Report(WorldTest):
    def report(self, month, *options, code=0):
        done = self.world.ctl("report", "--month", month, "--format", "json", *options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def counted(self, document, table, key):
        return {row[key]: row for row in document["tables"][table]["rows"]}

    def filled(self, dossiers=60):
        world = self.run_world(dossiers, conf={"catalog": {}})
        world.settle()
        self.held = [row["dossier"] for row in world.province.dump() if row["expect"] == "portal"]
        with open(AGENCIES, encoding="utf-8") as file:
            self.levels = {row["code"]: row["level"] for row in csv.DictReader(file)}
        return world

    def first_receipt(self):
        return min(d["receiveDate"][6:10] + "-" + d["receiveDate"][3:5] + "-" + d["receiveDate"][:2]
                   for d in self.held if d["receiveDate"])

    def in_part(self, month):
        """Exit code: 1 of the month of the first receipt, if it was over when the journal began."""
        return int(month == self.first_receipt()[:7] and month < time.strftime("%Y-%m"))

    def add_observer(self, more=""):
        path = self.world.dir / "dvcsyncd.conf"
        conf = path.read_text(encoding="utf-8")
        source = re.search(r"^source onestop (\{.*?^\})", conf, re.MULTILINE | re.DOTALL).group(1)
        path.write_text(f'{conf}\nsource other {source}\nflow beside {{\n  kind = "dossiers"\n  from = "other"\n'
                        f'  to = "portal"\n  mode = "observe"\n{more}}}\n', encoding="utf-8")

    def months(self):
        return sorted({month_of(d["receiveDate"]) for d in self.held if d["receiveDate"]})

    def check_month(self, month):
        held = [d for d in self.held if d["receiveDate"] and month_of(d["receiveDate"]) == month]
        document = self.report(month, code=self.in_part(month))
        shown = {name: row["dossiers"] for name, row in self.counted(document, "figures", "figure").items()}
        online = sum(d["online"] == "true" for d in held)
        self.assertEqual((shown["received"], shown["online"], shown["direct"]),
                         (len(held), online, len(held) - online))
        commune = sum(self.levels[d["govAgencyCode"]] == "commune" for d in held)
        levels = self.counted(document, "levels", "code")
        self.assertEqual(levels["commune"]["received"], commune)
        self.assertEqual(levels["province"]["received"], len(held) - commune)
        self.assertEqual(shown["settled"], shown["on_time"] + shown["overdue"] + shown["no_promise"])
        self.assertEqual(shown["waiting"], shown["waiting_in_time"] + shown["waiting_overdue"]
                         + shown["waiting_no_promise"])
        self.assertEqual(shown["received"], shown["within_day"] + shown["after_day"] + shown["not_there"]
                         + shown["there_before"])
        self.assertEqual((shown["not_there"], shown["no_end_date"]), (0, 0))
        finished = [d for d in self.held if d["releaseDate"] and month_of(d["releaseDate"]) == month
                    and d["dossierStatus"] in ("releasing", "posting", "done")]
        self.assertEqual(shown["settled"] - shown["stopped"] - shown["refused"] - shown["withdrawn"],
                         len(finished))
        return len(held)

    def test_counts_what_the_province_holds(self):
        self.filled()
        months = self.months()
        self.assertGreater(sum(self.check_month(month) for month in months), 40)

    def test_works_without_the_daemon_and_while_it_writes(self):
        world = self.filled(20)
        month = self.months()[-1]
        code = self.in_part(month)
        running = self.report(month, code=code)
        world.province.post("step", changes=5)
        self.report(month, code=code)
        self.assertEqual(world.stop(), 0)
        stopped = self.report(month, world.journal_path, code=code)
        self.assertEqual([row["code"] for row in running["tables"]["levels"]["rows"]],
                         [row["code"] for row in stopped["tables"]["levels"]["rows"]])

    def test_names_nobody(self):
        world = self.filled(20)
        people = {d["applicantName"] for d in self.held} | {d["contactTelNo"] for d in self.held}
        officers = {action["actionUser"] for row in world.province.dump() for action in row["actions"]}
        for by in ("agency", "procedure", "sector", "level"):
            for shape in ("text", "csv", "json", "html"):
                done = world.ctl("report", "--month", self.months()[-1], "--by", by, "--format", shape)
                self.assertEqual(done.returncode, 0, done.stderr)
                for name in filter(None, people | officers):
                    self.assertNotIn(name, done.stdout)

    def test_goes_into_a_file(self):
        world = self.filled(8)
        path = world.dir / "month.html"
        left_over = world.dir / "month.html.part"
        left_over.write_text("of another program\n", encoding="utf-8")
        for _ in range(2):  # an older one is replaced
            done = world.ctl("report", "--month", self.months()[-1], "--format", "html", "-o", path)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(path.read_text(encoding="utf-8").endswith("</body></html>\n"))
        self.assertEqual(left_over.read_text(encoding="utf-8"), "of another program\n")
        self.assertEqual({file.name for file in world.dir.glob("month.html*")}, {path.name, left_over.name})
        done = world.ctl("report", "--month", self.months()[-1], "-o", world.dir / "no" / "month.txt")
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"/no/month\.txt\.\d+\.part: No such file")

    def test_says_when_the_month_began_before_the_journal_knows_anything(self):
        world = self.filled(12)
        before = self.report("2019-03", code=1)
        self.assertTrue(any("BEGAN BEFORE" in note["text"] for note in before["notes"]))
        self.assertEqual(self.counted(before, "figures", "figure")["received"]["dossiers"], 0)
        self.assertEqual(before["facts"]["first_receipt"][:10], self.first_receipt())
        self.assertEqual(before["facts"]["journal_began"][:7], time.strftime("%Y-%m"))
        last = self.months()[-1]
        path = world.dir / "dvcsyncd.conf"
        conf = path.read_text(encoding="utf-8")
        self.add_observer(f'  start_from = "{last}-02"\n')  # what the live flow knows stays known
        self.report(last, code=self.in_part(last))
        path.write_text(conf.replace('to = "portal"', f'to = "portal"\n  start_from = "{last}-02"', 1), encoding="utf-8")
        self.report(last, code=1)

    def test_a_parallel_run_counts_each_dossier_once(self):
        world = self.filled(20)
        month = self.months()[-1]
        alone = self.report(month, code=self.in_part(month))
        self.assertEqual(world.stop(), 0)
        with sqlite3.connect(world.journal_path) as db:
            db.execute("INSERT INTO flow (name) VALUES ('beside')")
            db.execute("INSERT INTO subject (flow, code, status, at, promised) SELECT f.id, s.code, s.status, s.at, "
                       "s.promised FROM subject s, flow f WHERE f.name = 'beside' "
                       "AND s.id IN (SELECT subject FROM figure)")
            columns = ", ".join(row[1] for row in db.execute("PRAGMA table_info(figure)") if row[1] != "subject")
            db.execute(f"INSERT INTO figure (subject, {columns}) SELECT t.id, {columns} FROM figure JOIN subject s ON "
                       "s.id = figure.subject JOIN subject t ON t.code = s.code AND t.id <> s.id")
        self.add_observer()
        both = self.report(month, world.journal_path, code=self.in_part(month))
        self.assertEqual(both["tables"], alone["tables"])
        self.assertIn("beside", [note["text"] for note in both["notes"] if note["term"] == "flow"])

    def test_says_what_is_wrong_with_the_command(self):
        world = self.world
        world.start_portal()
        world.start_province(2)
        world.write_conf()
        later = time.strftime("%Y-%m", time.localtime(time.time() + 62 * 86400))
        for options, words in (([], "--month YYYY-MM is needed"),
                               (["--month", "2026-13"], "--month YYYY-MM is needed"),
                               (["--month", later], "has not begun"),
                               (["--month", "2026-10", "--by", "officer"], "--by officer"),
                               (["--month", "2026-10", "--format", "xml"], "--format xml"),
                               (["--month", "2026-10", "a", "b"], "usage")):
            done = world.ctl("report", *options)
            self.assertEqual(done.returncode, 64, options)
            self.assertIn(words, done.stderr)
        self.assertEqual(world.ctl("report", "--month", "2026-10").returncode, 3)  # there is no journal yet


if __name__ == "__main__":
    unittest.main()
