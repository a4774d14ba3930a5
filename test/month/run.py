#!/usr/bin/env python3
"""make month: a large province's month, filled through the journal's own requests, and what report makes of it.

The figures are those that the filling program added up, those of the month that is imitated, and those that are
computed here from the journal's tables by SQL of this test's own. No number under 5 stands in a breakdown."""

import csv
import io
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
SHARE = int(os.environ.get("MONTH_SHARE", "1000"))  # thousandths of the whole month
STEPS = int(os.environ.get("MONTH_STEPS", "0"))
SECONDS = 20  # of this machine's time for one report; a few are usual
WHOLE = {"received": 160766, "online": 151542, "direct": 9224}
COMMUNE = {"received": 122831, "online": 114798, "direct": 8033}
MONTH_S = 1790787600  # 2026-10-01 in Vietnam
NOVEMBER_S = MONTH_S + 31 * 86400

CONF = """
state_dir = "{dir}"
portal {{
  adapter_url = "http://127.0.0.1:1/forward"
  agency_code = "H56"
  dstcode = "VN:GOV:000.00.00.G22:vpcpdvcqg"
  username = "demo"
  password_file = "{dir}/password"
  allow_plaintext = true
}}
source onestop {{
  profile = "opencps"
  url = "http://127.0.0.1:1/o/rest/v2"
  group_id = "20126"
  username = "demo"
  password_file = "{dir}/password"
  allow_plaintext = true
  file_url = "http://127.0.0.1:1/files/{{dossierId}}/{{referenceUid}}"
}}
flow dossiers {{
  from = "onestop"
  to = "portal"
}}
"""


def report(conf, journal, *options):
    begun = time.monotonic()
    done = subprocess.run([BUILD / "dvcsyncctl", "-f", conf, "report", "--month", "2026-10", *options, journal],
                          capture_output=True, check=True, timeout=300)
    assert done.stderr == b"", done.stderr
    took = time.monotonic() - begun
    assert took < SECONDS, f"report took {took:.1f} s"
    return done.stdout.decode(), took


def rows_of(document, table, key):
    return {row[key]: row for row in document["tables"][table]["rows"]}


def check_figures(document, expected):
    figures = rows_of(document, "figures", "figure")
    levels = rows_of(document, "levels", "code")
    for name, number in expected.items():
        shown = (levels["commune"]["received"] if name == "commune"
                 else levels["commune"][name.removeprefix("commune_")] if name.startswith("commune_")
                 else figures[name]["dossiers"])
        assert shown == number, f"{name}: report counts {shown}, {number} were made"
    for row in figures.values():
        if row["of"] is not None:
            assert row["of_dossiers"] == figures[row["of"]]["dossiers"]
            assert abs(row["percent"] - 100 * row["dossiers"] / max(row["of_dossiers"], 1)) <= 0.1, row
    notes = {note["term"] for note in document["tables"]["figures"]["notes"]}
    assert notes == set(figures) | {"percent"}, "a figure without its definition"
    if SHARE == 1000:
        assert {name: figures[name]["dossiers"] for name in WHOLE} == WHOLE
        assert {name: levels["commune"][name] for name in COMMUNE} == COMMUNE
        assert {name: levels["all"][name] for name in WHOLE} == WHOLE


# What a reader who knows SQL would count, by the raw code.
TRUTH = """SELECT f.procedure, count(*), sum(f.channel = 2), sum(f.channel <> 2),
  sum(e > 0), sum(e > 0 AND s.promised > 0 AND e <= s.promised), sum(e > 0 AND s.promised > 0 AND e > s.promised)
FROM (SELECT *, iif(finished, finished, refused) AS e FROM figure) f JOIN subject s ON s.id = f.subject
WHERE f.received >= ? AND f.received < ? GROUP BY 1"""
TOLD = ("received", "online", "direct", "settled", "on_time", "overdue")


def check_breakdown(document, table, db):
    truth = {code: numbers for code, *numbers in db.execute(TRUTH, (MONTH_S, NOVEMBER_S))}
    rows = rows_of(document, table, "code")
    whole = rows.pop("all")
    hidden = 0
    assert set(rows) == set(truth)
    for code, row in rows.items():
        for name, shown in row.items():
            assert not isinstance(shown, int) or shown == 0 or shown >= 5, (code, name, shown)
        for name, number in zip(TOLD, truth[code]):
            shown = row[name]
            assert shown in (number, "hidden") or (shown == "<5" and number < 5), (code, name, shown, number)
            hidden += shown != number
        for total, *parts in (("received", "online", "direct"),
                              ("settled", "on_time", "overdue", "no_promise")):
            cells = [row[name] for name in (total, *parts)]
            assert sum(not isinstance(cell, int) for cell in cells) != 1, f"{code}: {total} tells what is hidden"
    for name in TOLD:
        unshown = [row for row in rows.values() if not isinstance(row[name], int)]
        assert len(unshown) != 1, f"the sum of {name} tells what is hidden"
        assert sum(row[name] for row in rows.values() if isinstance(row[name], int)) <= whole[name]
    assert hidden > 0, "nothing was small: this test tests nothing"
    return hidden


def check_small(document, table, names):
    """No number under 5 in a row, the last one apart, which is the whole province."""
    for row in document["tables"][table]["rows"][:-1]:
        shown = [row[name] for name in names if isinstance(row[name], int)]
        assert all(n == 0 or n >= 5 for n in shown), (table, row)


def check_formats(conf, journal, document):
    text, _ = report(conf, journal)
    for row in document["tables"]["figures"]["rows"]:
        line = next(line for line in text.splitlines() if line.startswith(row["figure"] + " "))
        assert f" {row['dossiers']} " in line, line
    table, _ = report(conf, journal, "--format", "csv")
    lines = [row for row in csv.reader(io.StringIO(table.removeprefix("\ufeff"))) if row[:1] == ["figures"]]
    assert [(row[1], int(row[3])) for row in lines] == [
        (row["figure"], row["dossiers"]) for row in document["tables"]["figures"]["rows"]]
    page, _ = report(conf, journal, "--format", "html")
    assert page.startswith("<!DOCTYPE html>") and "<script" not in page and "http://" not in page
    for row in document["tables"]["figures"]["rows"]:
        assert f"<td>{row['figure']}</td>" in page
    for shown in (text, table, page):
        assert "Nguyễn Văn Thử" not in shown and "000099000123" not in shown and "Trần Thị Thử" not in shown


def main():
    with tempfile.TemporaryDirectory(prefix="dvcsync-month-") as name:
        folder = pathlib.Path(name)
        journal, conf = folder / "journal.db", folder / "dvcsyncd.conf"
        conf.write_text(CONF.format(dir=folder))
        begun = time.monotonic()
        filled = subprocess.run([BUILD / "month-fill", journal, str(SHARE), str(STEPS)], capture_output=True,
                                check=False, timeout=1800)
        if filled.returncode != 0:
            sys.exit(f"the journal was not filled:\n{filled.stdout.decode()}{filled.stderr.decode()}")
        expected = json.loads(next(line for line in filled.stdout.decode().splitlines() if line.startswith("{")))
        print(f"{expected['received']} dossiers in {time.monotonic() - begun:.0f} s")
        text, took = report(conf, journal, "--by", "procedure", "--format", "json")
        document = json.loads(text)
        check_figures(json.loads(report(conf, journal, "--json")[0]), expected)
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
            hidden = check_breakdown(document, "procedures", db)
        check_formats(conf, journal, document)
        for by in ("agency", "sector", "level"):
            other = json.loads(report(conf, journal, "--by", by, "--json")[0])
            assert other["tables"]["figures"] == document["tables"]["figures"], by
            if by != "sector":
                check_small(other, "services", TOLD[:3])
            if by != "level":
                check_small(other, "levels", TOLD)
                check_small(other, {"agency": "agencies", "sector": "sectors"}[by], TOLD)
        print(f"report of {expected['received']} dossiers in {took:.1f} s; {hidden} numbers by procedure hidden")
        figures = rows_of(document, "figures", "figure")
        level = rows_of(other, "levels", "code")["commune"]
        print(f"month: received {figures['received']['dossiers']} online {figures['online']['dossiers']} "
              f"direct {figures['direct']['dossiers']} commune {level['received']} "
              f"online {level['online']} direct {level['direct']}")


main()
