"""Dossiers that begin at the portal: fetched or pushed, handed to the province, acknowledged after."""

import unittest

import harness


class IntakeTest(harness.WorldTest):
    def run_intake(self, dossiers=4, push=False, province=None, portal=None, **knobs):
        """The flow of dossiers runs beside: what the province does goes up again."""
        self.world.start_portal(**knobs)
        self.world.start_province(dossiers, days=6, **(province or {}))
        self.push_url = f"http://127.0.0.1:{harness.free_port()}"
        extra = harness.conf_section("flow intake", {
            "from": "portal", "to": "onestop", "mode": "live",
            **({"also_from": ["portal-push"]} if push else {})})
        if push:
            extra += harness.conf_section("source portal-push", {
                "profile": "intake", "listen": self.push_url[7:], "answer_timeout": "10s"})
        self.world.write_conf(portal={"intake_every": "200ms", **(portal or {})}, extra=extra)
        self.world.start()
        return self.world

    def born(self, count, **order):
        return self.world.portal.post("intake", count=count, **order)["codes"]

    def births(self):
        return {b["code"]: b for b in self.world.portal.get("intake").json()}

    def acknowledged(self):
        return {code for code, b in self.births().items() if b["acks"] > 0 and not b["waits"]}

    def held_by_province(self):
        """Dossiers from the portal, by the portal's code."""
        return {d["code"]: d for d in self.world.province.dump() if d["code"].startswith("G22.99-")}

    def intake_stats(self):
        return self.world.province.stats()["intake"]

    def wait_acknowledged(self, codes):
        self.world.wait(lambda: set(codes) <= self.acknowledged(), f"{len(codes)} acknowledgements")

    def shown(self, code):
        return self.world.portal.get("dossier?code=" + code).json()["state"]

    def move(self, code, status):
        """The province goes on with a dossier; its poll is asked for at once."""
        self.world.province.post("intake", code=code, status=status)
        self.world.order("/v1/sources/onestop:poll", full=True)

    # ---- fetched ----

    def test_what_was_born_reaches_the_province_and_is_acknowledged(self):
        self.run_intake()
        codes = self.born(40)
        self.wait_acknowledged(codes)
        self.assertEqual(set(self.held_by_province()), set(codes))
        stats = self.intake_stats()
        self.assertEqual((stats["created"], stats["updated"]), (40, 0))
        self.assertEqual([b["acks"] for b in self.births().values()], [1] * 40)

    def test_nothing_is_acknowledged_before_the_province_has_it(self):
        self.run_intake()
        self.world.province.stop()
        codes = self.born(10)
        self.world.wait(lambda: len(self.world.queue(flow="intake")) >= 10, "ten items that wait")
        self.assertEqual(self.acknowledged(), set())
        self.world.start_province(4, days=6)
        self.wait_acknowledged(codes)
        self.assertEqual(set(self.held_by_province()), set(codes))
        self.assertEqual(self.intake_stats()["created"], 10)

    def test_what_the_province_does_with_it_goes_up_as_an_update(self):
        self.run_intake()
        code = self.born(1)[0]
        self.wait_acknowledged([code])
        self.move(code, "receiving")
        self.world.wait(lambda: self.shown(code) == 2, "the portal to show it as received")
        lines = [line for line in self.world.ledger("dossier") if line["code"] == code]
        self.assertEqual({line["updating"] for line in lines}, {True})
        self.world.settle()
        held = [i for i in self.world.queue() if i["state"] == "HELD"]
        self.assertEqual(held, [])

    def test_one_sent_back_is_taken_again_and_only_then(self):
        self.run_intake()
        waiting, other = self.born(2)
        self.wait_acknowledged([waiting, other])
        self.move(waiting, "receiving")
        self.world.wait(lambda: self.shown(waiting) == 2, "received")
        self.move(waiting, "waiting")
        self.world.wait(lambda: self.shown(waiting) == 5, "sent back")
        resubmitted = self.world.portal.post("resubmit", code=waiting)["codes"]
        self.assertEqual(resubmitted, [waiting])
        self.world.wait(lambda: self.intake_stats()["updated"] == 1, "the amended dossier")
        self.wait_acknowledged([waiting])
        self.world.portal.post("resubmit", code=other, force=True)
        self.wait_acknowledged([other])  # there: nothing changes, the portal is told
        stats = self.intake_stats()
        self.assertEqual((stats["created"], stats["updated"]), (2, 1))

    def test_a_crash_makes_nothing_twice(self):
        self.run_intake(province={"latency_ms": 30}, latency_ms=10)
        codes = self.born(60)
        for taken in (5, 20, 40):
            self.world.wait(lambda: self.intake_stats()["created"] >= taken, f"{taken} dossiers")
            self.world.kill()
            self.world.start()
        self.wait_acknowledged(codes)
        self.assertEqual(self.intake_stats()["created"], 60)
        self.assertEqual(set(self.held_by_province()), set(codes))

    def test_acknowledgements_that_get_lost_are_made_again(self):
        self.run_intake(drop_after_commit_percent=40, intake_plain_ack="on")
        codes = self.born(20)
        self.wait_acknowledged(codes)
        self.world.wait(self.world.idle, "idle")
        self.assertEqual(self.intake_stats()["created"], 20)

    def test_a_long_list_is_read_in_pages(self):
        self.run_intake(dossiers=1)
        codes = self.born(1200)
        self.wait_acknowledged(codes)
        self.assertEqual(self.intake_stats()["created"], 1200)

    # ---- pushed ----

    def push(self, kind, **order):
        return self.world.portal.post("push", url=self.push_url, kind=kind, **order)["answers"]

    def test_a_pushed_dossier_is_answered_when_the_province_has_it(self):
        self.run_intake(push=True)
        answers = self.push("receive", count=5)
        self.assertEqual([a["reply"].get("error_code") for a in answers], [0] * 5, answers)
        codes = [a["code"] for a in answers]
        self.assertEqual(set(self.held_by_province()), set(codes))
        again = self.push("receive", codes=codes)
        self.assertEqual([a["reply"]["error_code"] for a in again], [1] * 5)
        self.assertEqual(self.intake_stats()["created"], 5)

    def test_pushed_and_fetched_are_one_dossier(self):
        self.run_intake(push=True)
        code = self.born(1)[0]
        answer = self.push("receive", codes=[code])[0]
        self.assertIn(answer["reply"]["error_code"], (0, 1))
        self.wait_acknowledged([code])
        self.assertEqual(self.intake_stats()["created"], 1)

    def test_notices_and_look_ups(self):
        self.run_intake(push=True)
        notice = self.push("notice")[0]
        self.assertEqual(notice["reply"].get("error_code"), 0, notice)
        found = self.push("search", codes=[notice["code"]])[0]
        self.assertEqual(found["reply"].get("MaHoSo"), notice["code"], found)
        unknown = self.push("search", codes=["G22.99-251118-999999"])[0]
        self.assertEqual(str(unknown["reply"].get("error_code")), "-1", unknown)

    def test_a_province_that_is_away_is_never_called_done(self):
        self.run_intake(push=True)
        self.world.province.stop()
        answers = self.push("receive", count=1)
        self.assertNotEqual(answers[0]["reply"].get("error_code"), 0, answers)
        code = answers[0]["code"]
        self.world.start_province(4, days=6)
        self.world.wait(lambda: code in self.held_by_province(), "the dossier that was not lost")
        again = self.push("receive", codes=[code])[0]
        self.assertIn(again["reply"]["error_code"], (0, 1))
        self.assertEqual(self.intake_stats()["created"], 1)


if __name__ == "__main__":
    unittest.main()
