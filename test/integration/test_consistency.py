"""What `make consistency` rests on: that its judge sees every mistake, and that the province shows
what is planted in it."""

import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "consistency"))

from harness import WorldTest  # noqa: E402
from truth import Judgement, Truth, pair  # noqa: E402

LOST = ("reconcile", "lost", "H56.1")
NEWER = ("reconcile", "portal_newer", "H56.2")
SHARED = ("integrity", "shared_result", pair("H56.4", "H56.3"))
ONE, OTHER = ("integrity", "shared_result", "H56.3"), ("integrity", "shared_result", "H56.4")


class Judge(unittest.TestCase):
    def setUp(self):
        self.truth = Truth()
        for entry, heals in ((LOST, True), (NEWER, False), (SHARED, False)):
            self.truth.plant(*entry, heals)

    def test_a_perfect_run_has_nothing_missed_and_nothing_false(self):
        self.assertEqual(self.truth.judge({LOST, NEWER, ONE, OTHER}),
                         Judgement({LOST, NEWER, SHARED}, set(), set()))
        self.assertEqual(self.truth.judge_healed({NEWER, ONE, OTHER}),
                         Judgement({LOST}, set(), set()))

    def test_a_right_number_at_a_wrong_place_is_one_missed_and_one_false(self):
        wrong = ("reconcile", "lost", "H56.9")
        self.assertEqual(self.truth.judge({wrong, NEWER, ONE, OTHER}),
                         Judgement({NEWER, SHARED}, {LOST}, {wrong}))

    def test_the_right_place_under_another_kind_is_one_missed_and_one_false(self):
        wrong = ("reconcile", "portal_older", "H56.1")
        self.assertEqual(self.truth.judge({wrong, NEWER, ONE, OTHER})[1:], ({LOST}, {wrong}))

    def test_half_a_pair_is_missed_and_false(self):
        self.assertEqual(self.truth.judge({LOST, NEWER, ONE})[1:], ({SHARED}, {ONE}))

    def test_what_is_left_of_the_healable_is_missed(self):
        self.assertEqual(self.truth.judge_healed({LOST, NEWER, ONE, OTHER}),
                         Judgement(set(), {LOST}, set()))

    def test_what_a_person_must_decide_may_not_go_by_itself(self):
        self.assertEqual(self.truth.judge_healed({ONE, OTHER}), Judgement({LOST}, set(), {NEWER}))

    def test_nothing_is_planted_twice(self):
        with self.assertRaises(AssertionError):
            self.truth.plant(*LOST, True)


class Flaws(WorldTest):
    """Of the province's side."""

    def setUp(self):
        super().setUp()
        self.world.start_portal()
        self.world.start_province(300)
        self.rows = self.world.province.dump()

    def flaw(self, flaw, *rows, count=1):
        """Plants it; the dump's lines of those it fitted."""
        ids = self.world.province.post("flaw", flaw=flaw, count=count, dossiers=[
            [d["dossier"]["dossierId"] for d in row] for row in rows])["planted"]
        return [d for d in self.world.province.dump() if d["dossier"]["dossierId"] in ids]

    def ended(self):
        return [(d,) for d in self.rows if d["dossier"]["dossierStatus"] == "done"]

    def open(self, d):
        result = next(f for f in d["files"] if f["dossierPartType"] == 2)
        return self.world.province.http("GET", "/files/" + result["referenceUid"])

    def test_only_so_many_are_planted_and_only_where_they_fit(self):
        self.assertEqual(len(self.flaw("no_result", *[(d,) for d in self.rows], count=3)), 3)
        fresh = [(d,) for d in self.rows if d["dossier"]["dossierStatus"] == "new"]
        self.assertEqual(self.flaw("no_result", *fresh, count=3), [])

    def test_a_returned_dossier_without_a_result(self):
        d, = self.flaw("no_result", *self.ended())
        self.assertEqual([f for f in d["files"] if f["dossierPartType"] == 2], [])
        self.assertEqual(d["dossier"]["dossierStatus"], "done")

    def test_two_dossiers_with_one_result(self):
        (one,), (other,) = self.ended()[:2]
        d, = self.flaw("shared_result", (one, other))
        self.assertEqual(self.open(d).text, self.open(other).text)
        self.assertNotEqual(self.open(other).text, self.open(one).text)

    def test_signatures_and_dead_links(self):
        ended = self.ended()
        text = self.open(ended[0][0]).text
        numbers = re.search(r"/ByteRange \[0 (\d+) (\d+) (\d+)\] /Contents ", text)
        before, after, rest = map(int, numbers.groups())
        self.assertEqual((text[before], text[after - 1], after + rest), ("<", ">", len(text)))
        bare, = self.flaw("unsigned", ended[1])
        self.assertNotIn("/Sig", self.open(bare).text)
        self.assertTrue(self.open(bare).text.startswith("%PDF-"))
        dead, = self.flaw("dead_link", ended[2])
        self.assertEqual(self.open(dead).status, 404)

    def test_a_paper_is_one_of_the_procedure_until_it_is_made_strange(self):
        named = {r["MATTHC"]: {paper["MAGIAYTO"] for case in r["THANHPHANHOSO"]
                               for paper in case["GIAYTO"]}
                 for r in map(json.loads, self.world.portal.get("catalog").text.splitlines())}

        def strange(d):
            code = ".".join(d["dossier"]["serviceCode"].split(".")[:2])
            return [f for f in d["files"] if f["dossierPartType"] == 1
                    and f["dossierPartNo"] not in named[code]]
        self.assertEqual([d["code"] for d in self.rows if strange(d)], [])
        d, = self.flaw("strange_paper", (self.rows[0],))
        self.assertEqual(len(strange(d)), 1)

    def test_a_second_round_of_supplement_comes_before_what_came_next(self):
        d, = self.flaw("supplements", *[(d,) for d in self.rows])
        times = [a["createDate"] for a in d["actions"]]
        self.assertEqual([a["actionCode"] for a in d["actions"]].count("2000"), 2)
        self.assertEqual(times, sorted(times))

    def test_what_is_gone_comes_back_as_it_was(self):
        open_ones = [(d,) for d in self.rows if d["dossier"]["dossierStatus"] == "processing"
                     and d["dossier"]["systemId"] == 0]
        d, = self.flaw("gone", *open_ones)
        path = f"/files/{d['files'][0]['referenceUid']}"
        self.assertEqual(self.world.province.http("GET", path).status, 404)
        self.flaw("back", (d,))
        self.assertEqual(self.world.province.http("GET", path).status, 200)

    def test_nonsense_is_refused(self):
        for body in ({"flaw": "none", "dossiers": [[self.rows[0]["dossier"]["dossierId"]]]},
                     {"flaw": "gone", "dossiers": [[1]]}, {"dossiers": []}):
            with self.assertRaises(AssertionError):
                self.world.province.post("flaw", **body)


if __name__ == "__main__":
    unittest.main()
