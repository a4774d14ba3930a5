"""Every shipped preset end to end at a small size: test/presets.sh with the sandbox playing the product."""

import os
import re
import subprocess
import tempfile
import unittest

from harness import BUILD, ROOT

DOSSIERS = "150"
LINE = re.compile(r"preset (\S+): dossiers (\d+)/(\d+) steps (\d+)/(\d+) lost (\d+) duplicated (\d+)"
                  r" held (\d+) seconds \d+$")


class PresetsTest(unittest.TestCase):
    def run_preset(self, name, least_held=1):
        with tempfile.TemporaryDirectory(prefix="dvcsync-preset-") as folder:
            done = subprocess.run(
                ["bash", ROOT / "test" / "presets.sh", name, DOSSIERS], capture_output=True,
                text=True, timeout=120,
                env={**os.environ, "BUILD": str(BUILD), "PRESET_DIR": os.path.join(folder, "run")})
        lines = done.stdout.splitlines()
        found = LINE.match(lines[-1]) if lines else None
        self.assertIsNotNone(found, done.stdout[-2000:] + done.stderr[-4000:])
        numbers = [int(n) for n in found.groups()[1:]]
        dossiers, of_dossiers, steps, of_steps, lost, duplicated, held = numbers
        self.assertEqual((done.returncode, found[1], lost, duplicated, dossiers, steps),
                         (0, name, 0, 0, of_dossiers, of_steps), done.stderr[-4000:])
        self.assertGreater(of_dossiers, 50)
        self.assertGreaterEqual(held, least_held)

    def test_igate_connector(self):
        self.run_preset("igate-connector")

    def test_igate_search(self):
        self.run_preset("igate-search")

    def test_vpcp_shape(self):
        self.run_preset("vpcp-shape")

    def test_lgsp_hcm(self):
        self.run_preset("lgsp-hcm")

    def test_ngsp_justice(self):
        self.run_preset("ngsp-justice")

    def test_oep_soap(self):
        self.run_preset("oep-soap")

    def test_bridge_array(self):
        self.run_preset("bridge-array")


if __name__ == "__main__":
    unittest.main()
