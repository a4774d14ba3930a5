"""A province that reaches the portal through its bridge: bare arrays, many dossiers in a call."""

import unittest

import harness


def bridge(**keys):
    return {"transport": "bridge", "batch": 50, "max_in_flight": 4, **keys}


class BridgeTest(harness.WorldTest):
    def run_bridge(self, dossiers, knobs=None, province=None, **keys):
        self.run_world(dossiers, province={"days": 6, **(province or {})},
                       conf={"portal": bridge(**keys)}, **(knobs or {}))
        return self.world

    def snapshot_calls(self):
        return self.world.portal.stats()["calls"]["DongBoHoSoMC"]

    def first_calls(self):
        """Dossiers in each accepted call of snapshots."""
        sizes = {}
        for line in self.world.ledger("dossier"):
            sizes[line["call"]] = sizes.get(line["call"], 0) + 1
        return sizes.values()

    def test_dossiers_go_together(self):
        self.run_bridge(200)
        self.world.settle()
        self.assert_delivered()
        stats = self.world.portal.stats()
        self.assertEqual(stats["logins"], 0)
        self.assertGreater(max(self.first_calls()), 10)
        self.assertLessEqual(max(self.first_calls()), 50)
        self.assertLess(self.snapshot_calls(), 100)

    def poison(self, atomic):
        """One dossier that the bridge refuses must not keep the others back."""
        self.world.start_portal(atomic_batch=atomic)
        self.world.start_province(120, days=6)
        code = sorted(d["code"] for d in self.world.province.dump() if d["code"])[60]
        self.world.portal.knob(refuse_code=code)
        self.world.write_conf(portal=bridge())
        self.world.start()
        self.world.sweep()
        self.world.wait(lambda: any(i["state"] == "HELD" for i in self.world.queue()) and
                        self.world.idle(), "the poison to be held and the others delivered")
        report = self.world.verify()
        self.assertEqual((report["lost"], report["duplicated"], report["order_violations"]),
                         (0, 0, 0), report["first_mismatches"][:5])
        held = {i["code"] for i in self.world.queue() if i["state"] == "HELD"}
        self.assertEqual(held, {code})
        self.world.portal.knob(refuse_code="")
        for item in self.world.queue():
            if item["state"] == "HELD":
                self.world.order(f"/v1/records/{item['id']}:release")
        self.world.settle()
        self.assert_delivered()

    def test_one_poisoned_record_in_a_batch(self):
        self.poison("off")

    def test_one_poisoned_record_where_a_refused_call_stores_nothing(self):
        self.poison("on")

    def test_replies_that_never_come(self):
        self.run_bridge(150, knobs={"drop_after_commit_percent": 30, "fail_500_percent": 10,
                                    "bridge_lookup": "on"}, bridge_lookup=True)
        self.world.wait(lambda: self.world.portal.stats()["accepted"] > 20, "some calls")
        self.world.portal.knob(drop_after_commit_percent=0, fail_500_percent=0)
        self.world.settle()
        self.assert_delivered()

    def test_replies_that_never_come_and_nobody_to_ask(self):
        self.run_bridge(150, knobs={"drop_after_commit_percent": 30})
        self.world.wait(lambda: self.world.portal.stats()["accepted"] > 20, "some calls")
        self.world.portal.knob(drop_after_commit_percent=0)
        self.world.settle()
        self.assert_delivered()
        self.assertEqual(self.world.portal.stats()["calls"]["TraCuuHoSo"], 0)

    def test_a_token_and_wrapped_replies(self):
        token = self.world.dir / "bridge.token"
        token.write_text("chia-khoa\n")
        token.chmod(0o400)
        self.run_bridge(40, knobs={"bridge_token": "chia-khoa", "bridge_double_encode": "on"},
                        bridge_token_file=token)
        self.world.settle()
        self.assert_delivered()
        self.assertNotIn("chia-khoa", self.world.log_path.read_text())

    def test_replies_without_a_code(self):
        self.run_bridge(40, knobs={"bridge_error_code": "off"})
        self.world.settle()
        self.assert_delivered()

    def test_a_reload_changes_the_way(self):
        self.run_world(40, province={"days": 6})
        self.world.settle()
        self.assertEqual(self.world.portal.stats()["logins"], 1)
        self.world.change_conf("portal", **bridge())
        self.world.order("/v1/reload")
        before = self.snapshot_calls()
        self.world.province.post("step", changes=40)
        self.world.settle()
        self.assert_delivered()
        self.assertGreater(self.snapshot_calls(), before)
        self.assertEqual(self.world.portal.stats()["logins"], 1)


if __name__ == "__main__":
    unittest.main()
