"""OpenCPS's publish queue: what is pushed is delivered at once, and polling beside it makes no second
effect of anything."""

import base64
import contextlib
import http.client
import unittest

from harness import WorldTest, free_port, wait_until

ACCOUNT = ("opencps", "mat-khau-day-thu-nghiem")
SLOW = {"poll_every": "1h", "sweep_every": "1h", "slow_sweep_every": "1h", "full_sweep_at": ""}


class PublishTest(WorldTest):

    def run_publish(self, dossiers=8, source=None, province=None):
        w = self.world
        self.port = free_port()
        accounts = w.write_accounts(ACCOUNT)
        w.start_portal()
        w.start_province(dossiers=dossiers, publish_every_ms=50, publish_user=ACCOUNT[0],
                         publish_password=ACCOUNT[1], **(province or {}))
        w.write_conf(source={"listen": f"127.0.0.1:{self.port}", "accounts_file": accounts,
                             **(source or {})})
        w.start()

    def publish_to(self, path="/o/rest/v2"):
        self.world.province.knob(publish_url=f"http://127.0.0.1:{self.port}{path}")

    def queue_empty(self):
        return self.world.province.stats()["publish"]["waiting"] == 0

    def post(self, form, user=ACCOUNT):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        token = base64.b64encode(":".join(user).encode()).decode()
        with contextlib.closing(connection):
            connection.request("POST", "/dossiers/publish", form,
                               {"Content-Type": "application/x-www-form-urlencoded",
                                "Authorization": "Basic " + token, "groupId": "20126"})
            reply = connection.getresponse()
            return reply.status, reply.read().decode()

    def test_changes_are_delivered_while_no_poll_is_due(self):
        self.run_publish(source=SLOW)
        w = self.world
        w.settle()  # the first reading
        self.publish_to()
        made = w.province.post("step", changes=30)["made"]
        self.assertEqual(made, 30)
        w.wait(self.queue_empty, "the queue to be taken")
        stats = w.province.stats()["publish"]
        self.assertEqual(stats["failed"], 0)
        self.assertGreater(stats["acked"], 0)
        self.delivered()

    def test_polling_and_publishing_make_one_effect_each(self):
        self.run_publish(dossiers=20)
        w = self.world
        self.publish_to()
        for _ in range(6):
            w.province.post("step", changes=15)
        w.wait(self.queue_empty, "the queue to be taken")
        self.delivered()

    def test_the_queue_waits_while_the_daemon_is_away(self):
        self.run_publish(source=SLOW)
        w = self.world
        w.settle()
        w.kill()
        self.publish_to()
        w.province.post("step", changes=12)
        wait_until(lambda: w.province.stats()["publish"]["dead"] > 0, "rows to die")
        w.start()
        w.province.post("republish")
        w.wait(self.queue_empty, "the queue to be taken")
        self.delivered()

    def test_a_notice_survives_a_kill_right_after_its_answer(self):
        self.run_publish(source=SLOW)
        w = self.world
        w.settle()
        w.province.knob(latency_ms=400)  # the detail is not read before the kill
        w.province.post("step", changes=5)
        dossiers = {line["dossier"]["dossierNo"]: line["dossier"] for line in w.province.dump()}
        for dossier in dossiers.values():
            status, text = self.post(f"dossierId={dossier['dossierId']}&referenceUid="
                                     f"{dossier['referenceUid']}")
            self.assertEqual(status, 200, text)
            self.assertIn(f'"dossierId":{dossier["dossierId"]}', text)
        w.kill()
        w.province.knob(latency_ms=0)
        w.start()
        self.delivered()

    def test_nothing_is_acknowledged_to_strangers(self):
        self.run_publish(source=SLOW)
        status, text = self.post("dossierId=100001", user=("opencps", "sai"))
        self.assertEqual(status, 401)
        self.assertNotIn("dossierId", text)
        status, _ = self.post("dossierId=../1")
        self.assertEqual(status, 400)

    def delivered(self):
        """Waits until all the province knows is on the portal; lost 0, duplicated 0."""
        w = self.world

        def agrees():
            report = w.verify()
            return (report["dossiers_agreed"] == report["dossiers"] and
                    report["steps_agreed"] == report["steps"] and report["lost"] == 0)

        w.wait(agrees, "everything on the portal", pause_s=0.3)
        self.assert_delivered()


if __name__ == "__main__":
    unittest.main()
