"""Every row of the reply table and every knob of the sandbox portal, through real wires.

A test settles a small world, lets the portal misbehave, makes changes in the province, looks at what
the daemon made of the replies, lets the portal behave again, and asks the oracle.
"""

import json
import time
import unittest

from harness import RepliesTest


class Success(RepliesTest):
    """error_code 0 in all its forms is done, at the price of no call more than needed."""

    def delivered_at_no_extra_cost(self, **knobs):
        world = self.run_world(12, **knobs)
        world.settle()
        self.assertEqual({o for _, o, _, _ in world.attempts()}, {"done"})
        steps = {}
        for item in world.queue(state="DONE"):
            steps.setdefault(item["code"], 0)
            steps[item["code"]] += item["kind"] == "step"
        expected = sum(1 + -(-n // 10) for n in steps.values())
        self.assertEqual(len(world.attempts()), expected)
        report = self.assert_delivered(repeats=0, calls=expected)
        self.assertEqual(report["dossiers"], 12)
        self.assertEqual(world.portal.stats()["max_concurrent_per_dossier"], 1)
        return world

    def test_code_as_number(self):
        self.delivered_at_no_extra_cost(error_code_type="int")

    def test_code_as_text(self):
        self.delivered_at_no_extra_cost(error_code_type="string")

    def test_code_as_two_zeros(self):
        self.delivered_at_no_extra_cost(error_code_type="00")

    def test_reply_inside_a_reply(self):
        self.delivered_at_no_extra_cost(double_encode=1)

    def test_reply_with_line_breaks(self):
        self.delivered_at_no_extra_cost(pretty_print=1)

    def test_all_forms_at_once(self):
        self.delivered_at_no_extra_cost(double_encode=1, pretty_print=1, error_code_type="00")

    def test_slow_portal(self):
        self.delivered_at_no_extra_cost(latency_ms=60, latency_jitter_ms=80)

    def test_strict_portal(self):
        """The routing header, dates and values as the portal wants them."""
        self.delivered_at_no_extra_cost(require_dstcode=1, strict_values=1,
                                        require_received_date=1, required_fields="basic")

    def test_one_session_for_all_calls(self):
        world = self.delivered_at_no_extra_cost(single_session=1)
        self.assertEqual(world.portal.stats()["logins"], 1)


class NothingHappened(RepliesTest):
    """Transient: the same again, no doubt, no look-up, no attempt charged to the item."""

    def test_429(self):
        self.settled().portal.knob(fail_429_percent=100)
        self.change()
        self.wait_outcome("transient", 3)
        self.assertEqual({(o, h) for _, o, h, _ in self.new_attempts()}, {("transient", 429)})
        self.calm(fail_429_percent=0)
        self.assertEqual(self.world.flow()["lookups"], 0)
        self.assert_delivered(repeats=0)

    def test_429_with_retry_after_holds_the_endpoint(self):
        world = self.settled()
        world.portal.knob(fail_429_percent=100, retry_after_s=3)
        self.change()
        self.wait_outcome("transient")
        world.wait(lambda: world.endpoint()["in_flight"] == 0, "calls to end")
        calls = world.portal.stats()["requests"]
        time.sleep(1)  # well inside the three seconds: nothing may leave
        self.assertEqual(world.portal.stats()["requests"], calls)
        self.assertFalse(world.flow()["idle"])
        self.calm(fail_429_percent=0, retry_after_s=0)
        self.assert_delivered(repeats=0)

    def test_portal_that_is_down(self):
        world = self.settled()
        self.assertEqual(world.portal.stop(), 0)
        self.change()
        world.wait(lambda: world.endpoint()["breaker"] != "closed", "the breaker to open")
        self.assertEqual({(o, h) for _, o, h, _ in self.new_attempts()}, {("transient", 0)})
        self.assertTrue(all(i["attempts"] == 0 for i in world.queue(state="PENDING")))
        world.start_portal()
        world.settle()
        self.assertEqual(world.endpoint()["breaker"], "closed")
        self.assert_delivered(repeats=0)

    def test_bursts_of_429(self):
        self.run_world(30, burst_every=8, burst_calls=5, burst_status="429")
        self.world.settle()
        self.assertIn(("send", "transient", 429, ""), self.world.attempts())
        self.assert_delivered(repeats=0)


class Doubt(RepliesTest):
    """The portal may have it: UNSURE, a look-up, then the same again; nothing twice."""

    def doubt(self, http=0, **knobs):
        world = self.settled()
        world.portal.knob(**knobs)
        self.change()
        self.wait_outcome("unsure", 3)
        seen = self.new_attempts()
        self.assertTrue({h for _, o, h, _ in seen if o == "unsure"} <= {0, http}, seen)
        # Snapshots in doubt are looked up before they go again; every doubt is repeated or resolved.
        self.calm(**{k: 0 for k in knobs})
        return self.new_attempts()

    def assert_resolved(self, attempts):
        self.assertTrue(any(v == "lookup" for v, _, _, _ in attempts), "no look-up was made")
        self.assertEqual(self.world.queue(state="UNSURE"), [])

    def test_connection_closed_after_the_commit(self):
        self.assert_resolved(self.doubt(drop_after_commit_percent=100))
        self.assertGreater(self.world.verify()["repeats"], 0)

    def test_connection_closed_before_the_commit(self):
        self.assert_resolved(self.doubt(drop_before_percent=100))
        self.assert_delivered(repeats=0)

    def test_500(self):
        self.assert_resolved(self.doubt(fail_500_percent=100, http=500))
        self.assert_delivered(repeats=0)

    def test_500_after_the_commit(self):
        self.assert_resolved(self.doubt(fail_500_after_commit_percent=100, http=500))

    def test_reply_cut_in_its_json(self):
        self.assert_resolved(self.doubt(truncate_reply_percent=100, http=200))

    def test_reply_cut_on_the_wire(self):
        self.settled().portal.knob(truncate_style="wire")
        self.world.portal.knob(truncate_reply_percent=100)
        self.change()
        self.wait_outcome("unsure", 3)
        self.calm(truncate_reply_percent=0)
        self.assert_resolved(self.new_attempts())

    def test_html_page(self):
        self.assert_resolved(self.doubt(html_reply_percent=100, http=200))

    def test_empty_reply(self):
        self.assert_resolved(self.doubt(empty_reply_percent=100, http=200))

    def test_call_that_hangs(self):
        self.run_world(10, province={"days": 6}, conf={"portal": {"request_timeout": "1s",
                                                               "connect_timeout": "1s"}})
        self.world.settle()
        self.world.portal.knob(hang_percent=100)
        self.change(3)
        self.wait_outcome("unsure", 2)
        self.calm(hang_percent=0)
        self.assert_resolved(self.new_attempts())

    def test_bursts_of_500(self):
        self.run_world(30, burst_every=10, burst_calls=6, burst_status="500")
        self.world.settle()
        self.assert_delivered(repeats=0)
        self.assertIn("unsure", {o for _, o, _, _ in self.world.attempts()})

    def test_a_first_snapshot_in_doubt_is_looked_up_and_updated(self):
        """It was never acknowledged: only the look-up can tell whether isUpdating is True."""
        world = self.world
        world.start_portal(drop_after_commit_percent=100)
        world.start_province(5)
        world.write_conf()
        world.start()
        world.wait(lambda: len([i for i in world.queue(state="UNSURE") if i["kind"] == "snapshot"])
                   + len([a for a in world.attempts() if a[0] == "lookup"]) >= 5, "doubt")
        world.portal.knob(drop_after_commit_percent=0)
        world.settle()
        self.assert_delivered()
        kinds = [line["updating"] for line in world.ledger("dossier") if not line["effect"]]
        self.assertEqual(set(kinds), {True})
        self.assertEqual(world.portal.stats()["refused"]["duplicate"], 0)

    def test_lookup_that_fails_leaves_the_snapshot_in_doubt(self):
        world = self.settled()
        world.portal.knob(drop_after_commit_percent=100, lookup_fail_percent=100)
        self.change()
        world.wait(lambda: sum(v == "lookup" for v, _, _, _ in self.new_attempts()) >= 2,
                   "look-ups")
        world.portal.knob(drop_after_commit_percent=0)
        doubtful = {i["code"] for i in world.queue(state="UNSURE") if i["kind"] == "snapshot"}
        self.assertTrue(doubtful)

        def lookups():
            return sum(v == "lookup" for v, _, _, _ in self.new_attempts())

        def sent():
            return [line for line in world.ledger("dossier") if line["code"] in doubtful]
        before, seen = sent(), lookups()
        world.wait(lambda: lookups() > seen + 3, "more look-ups")
        self.assertEqual(sent(), before)
        self.assertTrue(doubtful <= {i["code"] for i in world.queue(state="UNSURE")})
        self.calm(lookup_fail_percent=0)

    def test_a_portal_that_upserts_needs_no_lookup(self):
        self.run_world(10, province={"days": 6}, conf={"portal": {"upserts": True}}, upsert=1)
        self.world.settle()
        self.world.portal.knob(drop_after_commit_percent=100)
        self.change()
        self.wait_outcome("unsure", 3)
        self.calm(drop_after_commit_percent=0)
        self.assertEqual(self.world.portal.stats()["calls"]["TraCuuHoSo"], 0)


class Refused(RepliesTest):
    """Permanent: HELD at the first answer. Unexplained: HELD after five equal ones."""

    def test_unknown_procedure_is_held(self):
        """The portal knows fewer procedures than the province."""
        world = self.world
        world.start_province(30)
        rows = world.catalog_path.read_text().splitlines(keepends=True)
        world.catalog_path.write_text("".join(rows[:1] + rows[1::2]))
        world.start_portal(reject_unmapped=1)
        world.write_conf()
        world.start()
        world.settle()
        held = world.queue(state="HELD", hold="refused")
        self.assertTrue(held)
        for item in held:
            self.assertEqual(item["kind"], "snapshot")
            self.assertIn("Mã TTHC không hợp lệ", item["reason"])
            self.assertEqual(item["attempts"], 1)
        # Steps of a dossier that the portal refused wait; nothing is lost, the rest is there.
        report = world.verify()
        self.assertEqual((report["lost"], report["duplicated"]), (0, 0))
        self.assertEqual(report["dossiers_agreed"], report["dossiers"] - len(held))

    def test_unknown_procedure_is_taken_by_a_tolerant_portal(self):
        world = self.world
        world.start_province(20)
        rows = world.catalog_path.read_text().splitlines(keepends=True)
        world.catalog_path.write_text("".join(rows[:1] + rows[1::2]))
        world.start_portal(reject_unmapped=0)
        world.write_conf()
        world.start()
        world.settle()
        self.assert_delivered()

    def test_field_too_long_is_held(self):
        world = self.settled()
        world.portal.knob(max_trichyeu=3)
        codes = self.change(4)
        self.wait_outcome("permanent")
        world.wait(world.idle, "idle")
        held = world.queue(state="HELD", hold="refused")
        self.assertTrue({i["code"] for i in held} <= set(codes))
        self.assertIn("vượt quá", held[0]["reason"])
        # A person releases them when the portal takes them.
        world.portal.knob(max_trichyeu=1000)
        world.order("/v1/queue:release", state="HELD", hold="refused", reason="the limit is mended")
        world.settle()
        self.assert_delivered()

    def test_long_results_names_and_notes_are_held_too(self):
        world = self.run_world(30, max_ghichu=1, max_tentepdinhkem=1, max_tengiayto=1)
        world.settle()
        reasons = {i["reason"] for i in world.queue(state="HELD", hold="refused")}
        self.assertTrue(any("TenTepDinhKem vượt quá 1 ký tự" in r for r in reasons), reasons)
        world.portal.knob(max_ghichu=2000, max_tentepdinhkem=4000, max_tengiayto=2000)
        world.order("/v1/queue:release", state="HELD", reason="the limits are mended")
        world.settle()
        self.assert_delivered(repeats=0)

    def test_refused_steps_of_one_call_are_split_and_the_bad_ones_held(self):
        self.run_world(6, max_nguoixuly=1)
        world = self.world
        world.settle()
        held = world.queue(state="HELD", hold="refused")
        self.assertEqual({i["kind"] for i in held}, {"step"})
        # One a dossier: it stops the later ones.
        self.assertEqual(len(held), len({i["code"] for i in held}))
        self.assertEqual(world.verify()["steps_accepted"], 0)
        world.portal.knob(max_nguoixuly=50)
        world.order("/v1/queue:release", state="HELD", reason="the limit is mended")
        world.settle()
        self.assert_delivered()

    def test_too_many_steps_in_a_call_go_one_by_one(self):
        self.run_world(6, max_steps_per_call=2)
        self.world.settle()
        self.assert_delivered(repeats=0)

    def test_atomic_batches(self):
        self.run_world(6, conf={"portal": {"atomic_steps": True}}, atomic_batch=1,
                       max_steps_per_call=3)
        self.world.settle()
        self.assert_delivered(repeats=0)
        self.assertNotIn("unsure", {o for _, o, _, _ in self.world.attempts()})
        self.assertEqual(self.world.verify()["steps_in_doubt"], 0)

    def test_unexplained_refusals_are_held_after_five_equal_answers(self):
        self.run_world(5, required_fields="g2")
        world = self.world
        world.wait(lambda: len(world.queue(state="HELD", hold="repeated")) == 5, "HELD")
        for item in world.queue(state="HELD"):
            self.assertEqual(item["attempts"], 5)
            self.assertIn("không được để trống", item["reason"])
        self.assertEqual({o for _, o, _, _ in world.attempts()}, {"backoff"})
        world.portal.knob(required_fields="basic")
        world.order("/v1/queue:release", state="HELD", reason="the portal asks for less")
        world.settle()
        self.assert_delivered()

    def test_forbidden_transition_is_held(self):
        self.run_world(25, strict_transitions=1)
        world = self.world
        world.settle()
        for item in world.queue(state="HELD"):
            self.assertIn("Chuyển trạng thái", item["reason"])
        report = world.verify()
        self.assertEqual((report["lost"], report["duplicated"]), (0, 0))

    def test_missing_routing_header_is_a_refused_login(self):
        self.run_world(4, conf={"portal": {"dstcode": ""}}, require_dstcode=1)
        world = self.world
        world.wait(lambda: world.endpoint()["last_failure_text"], "an answer")
        self.assertEqual(world.queue(state="HELD"), [])
        world.change_conf("portal", dstcode="VN:GOV:000.00.00.G22:vpcpdvcqg")
        world.order("/v1/reload")
        world.settle()
        self.assert_delivered(repeats=0)

    def test_http_400_is_held_at_once(self):
        self.run_world(10, province={"days": 6}, conf={"portal": {"dstcode": ""}})
        world = self.world
        world.settle()
        world.portal.knob(require_dstcode=1)
        self.change(3)
        self.wait_outcome("permanent")
        world.wait(world.idle, "idle")
        held = world.queue(state="HELD", hold="refused")
        self.assertEqual({i["attempts"] for i in held}, {1})
        self.assertIn(("send", "permanent", 400, ""), self.new_attempts())
        world.portal.knob(require_dstcode=0)
        world.order("/v1/queue:release", state="HELD", reason="the header is not needed")
        world.settle()
        self.assert_delivered(repeats=0)


class Exists(RepliesTest):
    """"Đã tồn tại" and "không tồn tại" under any code turn isUpdating round once."""

    def there_before(self, code):
        """The portal holds every dossier already; nobody told the daemon."""
        world = self.world
        world.start_portal(duplicate_code=code)
        world.start_province(8)
        for line in world.province.dump():
            world.portal.http("POST", "/_sandbox/load", json.dumps(line, ensure_ascii=False)
                              .encode())
        world.write_conf()
        world.start()
        world.settle()
        self.assert_delivered()
        snapshots = [a for a in world.attempts() if a[1] == "exists"]
        self.assertEqual(len(snapshots), 8)
        self.assertTrue(all(line["updating"] for line in world.ledger("dossier")))
        return {c for _, _, _, c in snapshots}

    def test_code_3(self):
        self.assertEqual(self.there_before("3"), {"3"})

    def test_code_minus_3(self):
        self.assertEqual(self.there_before("-3"), {"-3"})

    def test_code_0(self):
        self.assertEqual(self.there_before("0"), {"0"})

    def test_mixed_codes(self):
        self.assertTrue(self.there_before("mix") <= {"0", "3", "-3", "-1"})

    def forget(self, **knobs):
        """A portal that lost everything: another one on the same port."""
        world = self.world
        world.portal.stop()
        world.ledger_path = world.dir / "ledger-2.jsonl"
        world.start_portal(**knobs)

    def load(self, codes):
        for code in codes:
            self.world.portal.post("load", code=code, state=4)

    def test_a_dossier_that_the_portal_lost_is_made_anew(self):
        world = self.settled()
        self.forget()
        self.change()
        world.settle()
        self.assertIn("missing", self.outcomes())
        self.assertEqual(world.queue(state="HELD"), [])
        made = world.ledger("dossier")
        self.assertTrue(made)
        self.assertFalse(any(line["updating"] for line in made))

    def test_upsert_makes_it_without_a_refusal(self):
        world = self.settled(upsert=1)
        self.forget(upsert=1)
        codes = self.change()
        world.settle()
        # A change that adds a step alone is refused: only a snapshot makes what is not there.
        lives = [world.life(code) for code in codes]
        snapshots = {i["id"] for life in lives for i in life["items"] if i["kind"] == "snapshot"}
        outcomes = {a["outcome"] for life in lives for a in life["attempts"]
                    if a["first_item"] in snapshots}
        self.assertEqual(outcomes - {"transient"}, {"done"})
        self.assertTrue(any(line["updating"] for line in world.ledger("dossier")))

    def test_contradiction_is_held(self):
        """Not there, then there: a person must look."""
        world = self.settled()
        self.forget(latency_ms=1500)
        codes = set(self.change(3)) & {line["code"] for line in world.queue(state="DONE")}
        self.assertTrue(codes)
        world.wait(lambda: world.portal.stats()["refused"]["unknown_dossier"] > 0, "a refusal")
        self.load(codes)
        world.portal.knob(latency_ms=0)
        world.wait(lambda: world.queue(state="HELD", hold="flipped"), "HELD")
        held = world.queue(state="HELD", hold="flipped")[0]
        outcomes = [a["outcome"] for a in world.life(held["code"])["attempts"]
                    if a["first_item"] == held["id"]]
        self.assertEqual([o for o in outcomes if o != "transient"][-2:], ["missing", "exists"])
        world.order(f"/v1/records/{held['id']}:release", reason="it is there")
        world.wait(lambda: world.queue(code=held["code"], state="HELD") == [], "release")

    def test_a_step_of_an_unknown_dossier_puts_a_snapshot_before_itself(self):
        """Snapshots were taken, steps held; then the portal forgets and the steps are released."""
        world = self.run_world(5, max_nguoixuly=1)
        world.settle()
        self.assertTrue(world.queue(state="HELD"))
        self.forget()
        world.order("/v1/queue:release", state="HELD", reason="try again")
        world.wait(world.idle, "idle")
        self.assertIn("missing", {o for _, o, _, _ in world.attempts()})
        self.assertEqual(world.queue(state="HELD"), [])
        self.assert_delivered(repeats=0)
        self.assertFalse(any(line["updating"] for line in world.ledger("dossier")))


class Mixed(RepliesTest):
    def test_a_hard_day(self):
        """Every fault at once, changes all the while."""
        world = self.world
        world.start_portal(drop_after_commit_percent=5, drop_before_percent=2, fail_500_percent=2,
                           fail_500_after_commit_percent=2, fail_429_percent=2,
                           truncate_reply_percent=2, html_reply_percent=1, empty_reply_percent=1,
                           lookup_fail_percent=10, duplicate_code="mix", session_calls=50,
                           burst_every=150, burst_calls=8, latency_ms=2, latency_jitter_ms=6)
        world.start_province(120, changes=60, rate=30, planted=2, fail_500_percent=2,
                             drop_percent=2, cut_percent=1, detail_fail_percent=3,
                             xml_broken_percent=1, shifting_total_percent=2)
        world.write_conf()
        world.start()
        world.wait(lambda: world.province.stats()["finished"], "the changes to be made")
        world.settle(90)
        report = self.assert_delivered()
        self.assertEqual(report["consistent_percent"], 100)
        self.assertEqual(world.portal.stats()["max_concurrent_per_dossier"], 1)


if __name__ == "__main__":
    unittest.main()
