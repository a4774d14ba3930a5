"""The life of items under operators' hands, the road into a running province, and the catalogue."""

import datetime
import json
import unittest

from harness import WorldTest

MAP_HEAD = {"status": "status,substatus,name,national,valid_from,valid_until",
            "procedure": "local,national,valid_from,valid_until"}


class LifeTest(WorldTest):
    def change(self, changes=1):
        codes = self.world.province.post("step", changes=changes)["codes"]
        self.world.order("/v1/sources/onestop:poll", full=True)
        return codes

    def paused_with_waiting(self, changes=4):
        """The portal paused by a person, and that many dossiers, known to it, changed and waiting."""
        world = self.run_world(20, province={"days": 4})
        world.settle()
        world.order("/v1/endpoints/portal:pause", reason="maintenance")
        known = {i["code"] for i in world.queue(state="DONE")}

        def waiting():
            world.province.post("step", changes=2)
            world.sweep()
            codes = {i["code"] for i in world.queue(state="PENDING") if i["kind"] == "snapshot"}
            return len(codes & known) >= changes and codes & known
        codes = world.wait(waiting, "changes")
        return world, sorted(codes)[:changes]

    def snapshot(self, code, **filters):
        return [i for i in self.world.queue(code=code, **filters) if i["kind"] == "snapshot"][-1]


class Held(LifeTest):
    def add_to_map(self, name, row):
        path = self.world.dir / "maps" / f"{name}.csv"
        self.assertIn(MAP_HEAD[name], path.read_text())
        path.write_text(path.read_text() + row + "\n")
        self.world.order("/v1/reload", reason="the map is mended")

    def test_unmapped_status_and_procedure_are_listed_mended_and_sent(self):
        world = self.run_world(10, province={"planted": 2})
        world.settle()
        report = self.assert_delivered(planted_to_be_held=4)
        self.assertGreaterEqual(report["held"], 4)
        self.assertEqual(world.verify()["consistent_percent"], 100)
        for hold, file in (("unmapped_status", "status.csv"),
                           ("unmapped_procedure", "procedure.csv")):
            items = world.queue(state="HELD", hold=hold)
            self.assertEqual(len({i["code"] for i in items}), 2)
            for item in items:
                self.assertIn(file, item["reason"])
                self.assertEqual(world.portal.get("dossier?code=" + item["code"]).status, 404)
        held = len(world.queue(state="HELD"))
        self.assertEqual(world.flow()["held_items"], held)
        world.wait(lambda: sum(world.flow()["held"].values()) == held, "the summary of reasons")
        stopped = {i["code"] for i in world.queue(state="HELD")}
        behind = [i for i in world.queue() if i["code"] in stopped and i["state"] != "HELD"]
        self.assertGreater(len(behind), 0)
        self.assertEqual(world.flow()["behind_held"], len(behind))
        self.assertEqual(world.flow()["behind_held_oldest"], min(i["created"] for i in behind))
        self.assertIn(f"{len(behind)} waiting behind {held} held, the oldest ", world.ctl("status").stdout)
        self.assertIn(f'dvcsync_behind_held{{flow="dossiers"}} {len(behind)}\n', world.get("/metrics").text)
        # Consent alone does not help: the map is still missing.
        item = world.queue(state="HELD", hold="unmapped_status")[0]
        world.order(f"/v1/records/{item['id']}:release", reason="please")
        world.wait(world.idle, "idle")
        self.assertEqual(self.world.queue(code=item["code"], state="HELD")[0]["hold"],
                         "unmapped_status")
        codes = {i["code"] for i in world.queue(state="HELD")}
        self.add_to_map("status", "merging,,,4,,")
        local = {line["dossier"]["serviceCode"] for line in world.province.dump()
                 if line["code"] in codes} - {None}
        national = world.catalog_path.read_text().splitlines()[1].split(",")[0]
        known = {line.split(",")[0] for line in world.catalog_path.read_text().splitlines()}
        for code in sorted(local - known):
            self.add_to_map("procedure", f"{code},{national},,")
        world.order("/v1/queue:release", state="HELD", reason="the maps are mended")
        world.wait(lambda: world.idle() and not world.queue(state="HELD"), "everything sent")
        for code in codes:
            shown = world.portal.get("dossier?code=" + code)
            self.assertEqual(shown.status, 200, code)
            self.assertTrue(shown.json()["snapshot"])
            self.assertTrue(all(i["state"] in ("DONE", "SUPERSEDED")
                                for i in world.queue(code=code)))

    def test_what_is_not_public_is_neither_sent_nor_held(self):
        world = self.run_world(5, province={"planted": 3})
        world.settle()
        sent = {line["code"] for line in world.ledger()}
        planted = [line for line in world.province.dump() if line["expect"] not in ("portal",
                                                                                    "held")]
        self.assertGreater(len(planted), 6)
        journaled = {code for (code,) in world.sql("SELECT code FROM subject")}
        for line in planted:
            self.assertNotIn(line["code"], sent | journaled)


class Operators(LifeTest):
    def test_why_tells_the_life_in_order(self):
        world, codes = self.paused_with_waiting(1)
        item = self.snapshot(codes[0], state="PENDING")
        world.order(f"/v1/records/{item['id']}:hold", reason="the citizen called")
        world.order(f"/v1/records/{item['id']}:release", reason="it was a mistake")
        world.order("/v1/endpoints/portal:resume", reason="done")
        world.settle()
        life = world.life(codes[0])
        self.assertTrue(life["present"])
        self.assertFalse(life["doubt"])
        self.assertEqual(life["status"], life["acked_status"])
        ids = [i["id"] for i in life["items"]]
        self.assertEqual(ids, sorted(ids))
        times = [a["begun"] for a in life["attempts"]]
        self.assertEqual(times, sorted(times))
        self.assertTrue(all(a["outcome"] == "done" and a["words"] is not None
                            for a in life["attempts"]))
        self.assertTrue(all(len(a["request"]) == 64 and len(a["response"]) == 64
                            for a in life["attempts"]))
        audits = [(a["verb"], a["reason"]) for a in life["audits"]]
        self.assertEqual([reason for _, reason in audits],
                         ["the citizen called", "it was a mistake"])
        self.assertTrue(all(a["who"].startswith("uid ") for a in life["audits"]))
        self.assertEqual(world.get("/v1/dossiers/H56.00-000000-0000").status, 404)
        record = world.get(f"/v1/records/{item['id']}").json()
        self.assertEqual(record["code"], codes[0])

    def test_hold_release_drop_and_resolve(self):
        world, codes = self.paused_with_waiting(4)
        held, dropped, resolved, free = codes
        for code, reason in ((held, "ask first"), (dropped, "a mistake"), (resolved, "by hand")):
            item = self.snapshot(code, state="PENDING")
            answer = world.order(f"/v1/records/{item['id']}:hold", reason=reason)
            self.assertEqual((answer["matched"], answer["moved"]), (1, 1))
            self.assertEqual(self.snapshot(code, state="HELD")["hold"], "person")
        item = self.snapshot(resolved, state="HELD")
        world.order(f"/v1/records/{item['id']}:resolve-delivered", reason="seen on the portal")
        item = self.snapshot(dropped, state="HELD")
        self.assertEqual(world.post(f"/v1/records/{item['id']}:drop").status, 400,
                         "a drop needs a reason")
        world.order(f"/v1/records/{item['id']}:drop", reason="entered twice")
        world.order("/v1/endpoints/portal:resume")
        world.wait(lambda: self.snapshot(free)["state"] == "DONE", "the free one")
        world.wait(world.idle, "idle")
        self.assertEqual(self.snapshot(held)["state"], "HELD")
        self.assertEqual(self.snapshot(resolved)["state"], "ADOPTED")
        self.assertEqual(self.snapshot(dropped)["state"], "DROPPED")
        dry = world.order("/v1/queue:release", state="HELD", hold="person", dry_run=True)
        self.assertTrue(dry["dry_run"])
        self.assertEqual(dry["matched"], len(world.queue(state="HELD", hold="person")))
        self.assertEqual(self.snapshot(held)["state"], "HELD")
        world.order("/v1/queue:release", state="HELD", hold="person", reason="asked")
        item = self.snapshot(resolved)
        world.order(f"/v1/records/{item['id']}:resolve-resend", reason="it was another one")
        world.wait(lambda: self.snapshot(held)["state"] == "DONE"
                   and self.snapshot(resolved)["state"] == "DONE", "the released ones")
        self.assertEqual(world.post(f"/v1/records/{item['id']}:hold").status, 409)
        self.assertEqual(world.post("/v1/records/999999:retry").status, 404)

    def test_retry_does_not_wait_for_its_time(self):
        """A long back-off, ended by a person."""
        world = self.run_world(6, conf={"retry": {"first": "1h", "cap": "2h"}},
                               required_fields="g2")
        world.wait(lambda: len(world.attempts()) >= 6, "a first refusal of each")
        world.portal.knob(required_fields="basic")
        self.assertEqual(world.ledger("dossier"), [])
        world.order("/v1/queue:retry", state="PENDING", reason="the portal asks for less now")
        world.wait(lambda: len(world.ledger("dossier")) == 6, "everything sent")
        world.settle()
        self.assert_delivered(repeats=0)

    def test_newer_snapshot_takes_the_place_of_a_held_one(self):
        world, codes = self.paused_with_waiting(6)
        final = ("done", "cancelled", "denied", "unresolved")
        codes = [line["code"] for line in world.province.dump() if line["code"] in codes
                 and line["dossier"]["dossierStatus"] not in final]
        item = self.snapshot(codes[0], state="PENDING")
        world.order(f"/v1/records/{item['id']}:hold", reason="wait")
        world.order("/v1/endpoints/portal:resume")

        def newer():
            self.change(3)
            world.sweep()
            return self.snapshot(codes[0])["id"] != item["id"]
        world.wait(newer, "another snapshot of it")
        self.assertEqual(self.snapshot(codes[0])["state"], "HELD")
        self.assertEqual(self.snapshot(codes[0])["hold"], "person")
        old = next(i for i in world.queue(code=codes[0]) if i["id"] == item["id"])
        self.assertEqual(old["state"], "SUPERSEDED")
        world.order("/v1/queue:release", state="HELD", reason="go")
        world.settle()
        self.assert_delivered()

    def test_pause_survives_a_restart(self):
        world, codes = self.paused_with_waiting(3)
        before = len(world.ledger())
        self.assertEqual(world.stop(), 0)
        world.start()
        world.sweep()
        paused = world.endpoint()
        self.assertTrue(paused["paused"])
        self.assertIn("maintenance", paused["pause_reason"])
        self.assertNotEqual(world.status()["verdict"], "ok")
        world.kill()
        world.start()
        world.sweep()
        self.assertTrue(world.endpoint()["paused"])
        self.assertEqual(len(world.ledger()), before)
        world.order("/v1/endpoints/portal:resume", reason="over")
        world.settle()
        self.assert_delivered(repeats=0)
        self.assertEqual(world.status()["verdict"], "ok")
        self.assertEqual(world.post("/v1/endpoints/nowhere:pause").status, 404)

    def test_refused_reload_keeps_the_old_configuration(self):
        world = self.run_world(6)
        world.settle()
        world.change_conf("portal", max_in_flight=100000, nonsense="x")
        world.change_conf("retry", cap="1s")
        reply = world.post("/v1/reload")
        self.assertEqual(reply.status, 422)
        errors = " ".join(reply.json()["errors"])
        self.assertIn("max_in_flight", errors)
        self.assertIn("nonsense", errors)
        status = world.status()
        self.assertIn("nonsense", status["configuration"]["reload_error"]
                      + errors)
        self.assertNotEqual(status["configuration"]["reload_error"], "")
        self.assertEqual(world.endpoint()["max_in_flight"], 8)
        self.change(3)
        world.settle()
        self.assert_delivered(repeats=0)
        world.change_conf("portal", max_in_flight=3, nonsense=None)
        world.order("/v1/reload")
        self.assertEqual(world.endpoint()["max_in_flight"], 3)
        self.assertEqual(world.status()["configuration"]["reload_error"], "")

    def test_missing_map_file_is_a_refused_reload(self):
        world = self.run_world(4)
        world.settle()
        path = world.dir / "maps" / "status.csv"
        text = path.read_text()
        path.write_text(text + "merging,,,99,,\n")
        reply = world.post("/v1/reload")
        self.assertEqual(reply.status, 422, reply.text)
        self.assertIn("status.csv", reply.text)
        path.write_text(text)
        world.order("/v1/reload")


class RunningProvince(LifeTest):
    """Observe, adopt, live."""

    def test_observe_makes_no_writing_call(self):
        world = self.run_world(20, province={"planted": 1, "changes": 20, "rate": 20},
                               conf={"dossiers": {"mode": "observe"},
                                     "catalog": {"mode": "observe"}})
        world.wait(lambda: world.province.stats()["finished"], "changes")
        world.settle()
        stats = world.portal.stats()
        self.assertEqual((stats["writing_calls"], stats["accepted"]), (0, 0))
        self.assertEqual(world.ledger(), [])
        self.assertEqual(stats["calls"]["TraCuuHoSo"], 0)
        counts = world.flow()["counts"]
        self.assertGreaterEqual(counts["snapshots"]["PENDING"], 20)
        self.assertEqual(counts["snapshots"]["DONE"] + counts["steps"]["DONE"], 0)
        requests = world.province.stats()["requests"]
        self.assertEqual(sum(n for name, n in requests.items() if "write" in name.lower()
                             or "post" in name.lower() or "put" in name.lower()), 0, requests)

    def load(self, lines):
        """As the old connector left them: each in the state that the journal has of it."""
        states = {i["code"]: i["status"] for i in self.world.queue() if i["kind"] == "snapshot"}
        lines = [{"state": states[line["code"]], **line} for line in lines]
        text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
        reply = self.world.portal.http("POST", "/_sandbox/load", text.encode()).json()
        self.assertGreater(reply["loaded"], 0)

    def test_adopt_sends_nothing_old_and_everything_new(self):
        world = self.run_world(60, province={"days": 8},
                               conf={"dossiers": {"mode": "observe"},
                                     "portal": {"seen_rate": 1200}})
        world.settle()
        loaded = world.province.dump()
        missing = loaded[7]["code"]  # the old connector never sent this one
        self.load([line for line in loaded if line["code"] != missing])
        old = {(line["code"], key) for line in loaded if line["code"] != missing
               for key in self.step_keys(line["code"])}
        self.assertEqual(world.post("/v1/flows/catalog:adopt").status, 404)
        world.order("/v1/flows/dossiers:adopt", reason="the old connector is stopped")
        changed = set()
        world.wait(lambda: world.flow()["adopting"] or world.flow()["adopt_done"] > 0, "adopting")

        def adopted():
            changed.update(world.province.post("step", changes=1)["codes"])
            return not world.flow()["adopting"]
        world.wait(adopted, "the end of adopting", pause_s=0.1)
        self.assertEqual(world.flow()["adopt_done"], world.flow()["adopt_total"])
        self.assertEqual(world.ledger("dossier") + world.ledger("step"), [])
        world.change_conf("flow dossiers", mode="live")
        world.order("/v1/reload", reason="live")
        self.assertEqual(world.post("/v1/flows/dossiers:adopt").status, 409)
        changed |= set(world.province.post("step", changes=10)["codes"])
        world.settle()
        sent = {(line["code"], line["key"]) for line in world.ledger("step")}
        self.assertEqual(sent & old, set())
        self.assertTrue(changed <= {line["code"] for line in world.ledger("step")}
                        | {line["code"] for line in world.ledger("dossier")})
        self.assertIn(missing, {line["code"] for line in world.ledger("dossier")})
        self.assert_delivered()
        untouched = {line["code"] for line in loaded} - changed - {missing}
        self.assertTrue(untouched)
        self.assertEqual({line["code"] for line in world.ledger("dossier")} & untouched, set())
        self.assertEqual(world.portal.stats()["refused"]["duplicate"], 0)

    def step_keys(self, code):
        """time|status|actor of every step that the journal holds of a dossier."""
        at = [i["at"] for i in self.world.queue(code=code) if i["kind"] == "step"]
        states = [i["status"] for i in self.world.queue(code=code) if i["kind"] == "step"]
        users = [a["actionUser"] for line in self.world.province.dump() if line["code"] == code
                 for a in line["actions"]]
        stamp = [t[:19].replace("-", "").replace("T", "").replace(":", "") for t in at]
        return {f"{t}|{s}|{u}" for t, s in zip(stamp, states) for u in users}

    def test_adopt_sends_the_newest_snapshot_where_the_portal_shows_another_state(self):
        world = self.run_world(10, conf={"dossiers": {"mode": "observe"}})
        world.settle()
        self.load([{"code": line["code"], "state": 1} for line in world.province.dump()])
        world.order("/v1/flows/dossiers:adopt", reason="go")
        world.wait(lambda: not world.flow()["adopting"] and world.flow()["adopt_done"] == 10,
                   "adopted")
        world.change_conf("flow dossiers", mode="live")
        world.order("/v1/reload")
        world.settle()
        self.assertEqual(world.ledger("step"), [])
        differ = {i["code"] for i in world.queue() if i["kind"] == "snapshot" and i["status"] != 1}
        self.assertEqual({line["code"] for line in world.ledger("dossier")}, differ)
        self.assertTrue(all(line["updating"] for line in world.ledger("dossier")))
        self.assertEqual(world.portal.stats()["refused"]["duplicate"], 0)

    def test_start_from_bounds_the_first_reading(self):
        day = datetime.date.today() - datetime.timedelta(days=6)
        world = self.run_world(150, province={"days": 40},
                               conf={"dossiers": {"start_from": day.isoformat()}})
        world.settle()
        journaled = {code for (code,) in world.sql("SELECT code FROM subject")}
        stamp = day.strftime("%y%m%d")
        for line in world.province.dump():
            if line["code"].split("-")[1] > stamp:
                self.assertIn(line["code"], journaled)
        self.assertLess(len(journaled), 150)
        report = world.verify()
        self.assertEqual(report["duplicated"], 0)
        self.assertEqual(report["snapshots"], len(journaled))

    def test_seen_keeps_what_the_portal_shows(self):
        world = self.run_world(20, province={"days": 3}, conf={"seen": {"every": "1s"}})
        world.settle()
        self.assertEqual(world.stop(), 0)
        world.start()  # a round begins at the start, the next a minute later
        codes = [line["code"] for line in world.province.dump()
                 if line["dossier"]["dossierStatus"] not in ("done", "cancelled", "denied",
                                                             "unresolved")]
        self.assertTrue(codes)
        world.wait(lambda: all(world.life(c)["seen"] for c in codes), "answers")
        for code in codes:
            seen = world.life(code)["seen"]
            self.assertTrue(seen["there"])
            shown = world.portal.get("dossier?code=" + code).json()["state"]
            self.assertEqual(seen["status"], shown)
        self.assert_delivered(repeats=0)


class Catalog(LifeTest):
    def read(self):
        """One whole reading, delivered and compared."""
        world = self.world
        lists = world.portal.stats()["calls"]["LayDanhSachTTHC"]
        world.order("/v1/flows/catalog:catalog")
        world.wait(lambda: world.portal.stats()["calls"]["LayDanhSachTTHC"] > lists, "the list")
        world.wait(world.idle, "idle")

    def filled(self, **catalog):
        world = self.run_world(5, conf={"catalog": catalog})
        world.settle()
        world.wait(lambda: self.agreement()["equal"] == 40, "agreement")
        return world

    def agreement(self):
        return self.world.get("/v1/catalog?limit=500").json()

    def assert_agrees(self):
        report = self.world.verify()
        self.assertEqual((report["procedures_agreed"], report["exit"]),
                         (report["procedures"], 0), report["first_mismatches"])
        return report

    def test_agreement_is_counted_both_ways(self):
        world = self.filled()
        report = self.assert_agrees()
        agreement = self.agreement()
        self.assertEqual(agreement["portal"], 40)
        self.assertEqual(report["procedures"], 40)
        self.assertEqual(agreement["differences"]["local_only"]["count"],
                         report["procedures_local_only"])
        for nothing in ("portal_only", "differs", "withdrawn_open", "overdue"):
            self.assertEqual(agreement["differences"][nothing]["count"], 0, nothing)
        self.assertEqual(agreement["local"] - report["procedures_local_only"], agreement["equal"])
        self.assertEqual(world.queue(flow="catalog", state="HELD"), [])

    def test_unchanged_reading_costs_lists_only(self):
        world = self.filled()
        calls = world.portal.stats()["calls"]
        province = world.province.stats()["requests"]
        self.read()
        after = world.portal.stats()["calls"]
        self.assertEqual(after["LayThuTuc"], calls["LayThuTuc"])
        for service in ("LayDanhSachTTHC", "LayDVC", "LayDanhMucCoQuan", "LayDanhMucLinhVuc"):
            self.assertEqual(after[service], calls[service] + 1, service)
        changed = {name for name, n in world.province.stats()["requests"].items()
                   if n != province[name]}
        self.assertFalse(any("write" in n or "put" in n.lower() or "post" in n.lower()
                             for n in changed), changed)
        self.assert_agrees()

    def test_second_version_reaches_the_province(self):
        world = self.filled(refresh="1s")
        before = {json.loads(line)["serviceCode"] for line in
                  world.province.get("catalog").text.splitlines()}
        world.portal.knob(catalog_version=2)
        for _ in range(3):  # withdrawn only after two complete lists without it
            self.read()
        self.assert_agrees()
        shown = [json.loads(line) for line in world.province.get("catalog").text.splitlines()]
        self.assertTrue(before <= {row["serviceCode"] for row in shown}, "never deleted")
        self.assertFalse(any("delete" in name.lower() for name, n in
                             world.province.stats()["requests"].items() if n > 0))

    def test_faults_on_both_sides_delay_and_lose_nothing(self):
        world = self.world
        world.start_portal(fail_500_percent=25, session_calls=20, truncate_reply_percent=10)
        world.start_province(3, write_fail_percent=30, fail_503_percent=5, drop_percent=5)
        world.write_conf(catalog={})
        world.start()

        def agrees():
            return world.idle() and world.verify()["exit"] == 0
        world.wait(lambda: world.portal.stats()["calls"]["LayThuTuc"] > 30, "details")
        world.portal.knob(fail_500_percent=0, truncate_reply_percent=0)
        world.province.knob(write_fail_percent=0, fail_503_percent=0, drop_percent=0)
        world.wait(agrees, "agreement", pause_s=0.2)

    def test_a_list_that_shrinks_changes_nothing_and_raises_an_alert(self):
        world = self.filled()
        world.portal.knob(catalog_shrink=20)
        lists = world.portal.stats()["calls"]["LayDanhSachTTHC"]
        world.order("/v1/flows/catalog:catalog")
        world.wait(lambda: world.portal.stats()["calls"]["LayDanhSachTTHC"] > lists, "the list")
        world.wait(lambda: world.flow("catalog")["trouble"], "trouble")
        self.assertEqual(self.agreement()["portal"], 40)
        self.assertNotEqual(world.status()["verdict"], "ok")
        self.assertTrue(any("catalog" in e["kind"] for e in world.get("/v1/events").json()["events"]
                            if e["level"] in ("warn", "error", "warning")))
        world.portal.knob(catalog_shrink=100)
        self.read()
        world.wait(lambda: not world.flow("catalog")["trouble"], "no trouble")
        self.assert_agrees()


if __name__ == "__main__":
    unittest.main()
