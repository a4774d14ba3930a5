"""One dossier known to several sources: by poll, by publish and through the gateway.

What must hold: one effect at the portal for each content, and what only one source carries stays.
"""

import http.client
import json
import unittest

from harness import WorldTest, free_port

GATE_USER, GATE_PASSWORD = "mot-cua", "mat-khau-mot-cua-thu-nghiem"


class Client:
    """Just enough of a client of the portal's protocol."""

    def __init__(self, port):
        self.port = port
        self.session = self.post({"username": GATE_USER, "password": GATE_PASSWORD})["session"]

    def post(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", "/forward/mapi/g", json.dumps(body),
                           {"Content-Type": "application/json"})
        reply = json.loads(connection.getresponse().read())
        connection.close()
        return reply

    def call(self, service, **values):
        return self.post({"session": self.session, "madonvi": "H56", "service": service, **values})


class Sources(WorldTest):
    def run_three(self, dossiers=6, **province):
        world = self.world
        self.gate, self.publish = free_port(), free_port()
        accounts = world.write_accounts((GATE_USER, GATE_PASSWORD))
        world.start_portal()
        world.start_province(dossiers, **province)
        world.write_conf(
            source={"listen": f"127.0.0.1:{self.publish}", "accounts_file": accounts},
            dossiers={"also_from": ["onegate"]})
        world.settings["source onegate"] = {
            "profile": "gateway", "listen": f"127.0.0.1:{self.gate}", "accounts_file": accounts,
            "national_status": True}
        world.save_conf()
        world.start()
        world.settle()
        self.assert_delivered()
        return world

    def record(self, code):
        """The last snapshot that the portal took."""
        return [x for x in self.world.ledger("dossier") if x["code"] == code][-1]["record"]

    def effects(self, code):
        return sum(x["effect"] for x in self.world.ledger("dossier") if x["code"] == code)

    def names(self, code):
        return [f["TenTepDinhKem"] for f in self.record(code)["TaiLieuNop"]]

    def test_the_gateway_adds_an_attachment_and_the_poll_does_not_take_it_away(self):
        world = self.run_three()
        client = Client(self.gate)
        code = world.ledger("dossier")[-1]["code"]
        dossier = dict(self.record(code))
        dossier["TaiLieuNop"] = [{
            "TepDinhKemId": "gate-1", "TenTepDinhKem": "giay_uy_quyen.pdf", "IsDeleted": "False",
            "MaThanhPhanHoSo": "000.00.00.G15-KQ0001",
            "DuongDanTaiTepTin": "https://mot-cua.example.vn/tep/gate-1"}]
        reply = client.call("DongBoHoSoMC", isUpdating="False", data=[dossier])
        self.assertEqual(reply["error_code"], 0, reply)
        names = self.names(code)
        self.assertIn("giay_uy_quyen.pdf", names)
        effects = self.effects(code)
        # the same again, and every other way the same content could come: no further effect
        self.assertEqual(client.call("DongBoHoSoMC", isUpdating="True", data=[dossier])["error_code"], 0)
        world.settle()
        self.assertEqual(self.effects(code), effects)
        # a change in the province: the poll's files are its own, the gateway's stay
        world.province.post("step", changes=12)
        world.settle()
        self.assertIn("giay_uy_quyen.pdf", self.names(code))
        self.assertEqual(set(names) - set(self.names(code)), set())

    def test_a_step_that_comes_two_ways_is_one_step(self):
        world = self.run_three()
        client = Client(self.gate)
        step = next(x for x in world.ledger("step"))
        before = len(world.ledger("step"))
        wire = dict(step["record"])
        reply = client.call("CapNhatTienDoHoSoMC", data=[wire])
        self.assertEqual(reply["error_code"], 0, reply)
        world.wait(world.idle, "idle")
        self.assertEqual(len(world.ledger("step")), before)
        wire["NguoiXuLy"] = "Người khác"
        self.assertEqual(client.call("CapNhatTienDoHoSoMC", data=[wire])["error_code"], 0)
        self.assertEqual(len(world.ledger("step")), before + 1)

    def switch_publish_on(self):
        self.world.province.knob(publish_url=f"http://127.0.0.1:{self.publish}/o/rest/v2",
                                 publish_user=GATE_USER, publish_password=GATE_PASSWORD)

    def test_three_ways_at_once_make_one_effect_and_an_old_word_moves_nothing_back(self):
        world = self.run_three(dossiers=30, days=6)
        client = Client(self.gate)
        old = {}
        for line in world.ledger("dossier"):
            old[line["code"]] = dict(line["record"])
        self.switch_publish_on()
        world.province.post("step", changes=40)
        world.wait(lambda: world.province.stats()["publish"]["waiting"] == 0, "all published")
        world.settle()
        moved = [c for c, record in old.items()
                 if self.record(c)["TrangThaiHoSo"] != record["TrangThaiHoSo"]]
        self.assertTrue(moved)
        before = {c: (self.effects(c), self.record(c)) for c in old}
        for code, record in old.items():  # what the gateway's software still believes
            reply = client.call("DongBoHoSoMC", isUpdating="True", data=[record])
            self.assertEqual(reply["error_code"], 0)
            # it is not told that the portal took what the portal never saw
            self.assertEqual("thành công" in reply["message"].lower(), code not in moved, reply)
        for code in old:  # and what it learns later
            self.assertEqual(client.call("DongBoHoSoMC", isUpdating="True",
                                         data=[before[code][1]])["error_code"], 0)
        world.settle()
        for code in moved:
            self.assertEqual(self.record(code)["TrangThaiHoSo"],
                             before[code][1]["TrangThaiHoSo"], code)
        self.assertEqual({c: self.effects(c) for c in old}, {c: n for c, (n, _) in before.items()})
        self.assert_delivered()

    def test_publish_and_poll_deliver_each_change_once(self):
        world = self.run_three()
        self.switch_publish_on()
        world.province.post("step", changes=20)
        world.wait(lambda: world.province.stats()["publish"]["waiting"] == 0, "all published")
        world.settle()
        self.assert_delivered()


if __name__ == "__main__":
    unittest.main()
