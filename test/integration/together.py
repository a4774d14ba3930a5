"""The main program of test files whose tests wait more than they work: several run at once.

Each test is a process of its own, with its own worlds. With arguments it is unittest.main(). The
last lines are unittest's, so that the run of all tests counts them.
"""

import os
import subprocess
import sys
import tempfile
import time
import unittest

from harness import die_with_parent

AT_ONCE = int(os.environ.get("TOGETHER", "4"))
LIMIT_S = int(os.environ.get("TOGETHER_LIMIT_S", "300"))


def names():
    """Class.test of the main module, in order."""
    found = []

    def walk(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                walk(test)
            else:
                found.append(test.id().removeprefix("__main__."))
    walk(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    return found


class Run:
    def __init__(self, name):
        self.name, self.begun = name, time.monotonic()
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen([sys.executable, sys.argv[0], name], stdout=self.output,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        preexec_fn=die_with_parent)

    def ended(self):
        if self.process.poll() is None and time.monotonic() - self.begun > LIMIT_S:
            self.process.kill()
            self.process.wait()
            self.output.write(f"\ndid not end within {LIMIT_S} s\n".encode())
        return self.process.poll() is not None

    def report(self):
        """True when it passed; the words of one that did not."""
        self.output.seek(0)
        text = self.output.read().decode(errors="replace")
        good = self.process.returncode == 0
        skipped = next((line for line in text.splitlines() if "skipped=" in line), "")
        took = time.monotonic() - self.begun
        print(f"{'ok  ' if good else 'FAIL'} {took:5.1f} s  {self.name} {skipped}", flush=True)
        if not good:
            print(text, flush=True)
        return good


def main():
    if len(sys.argv) > 1:
        unittest.main(module="__main__", verbosity=2)
    waiting, running, failed, begun = names(), [], 0, time.monotonic()
    total = len(waiting)
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                running.append(Run(waiting.pop(0)))
            for run in [r for r in running if r.ended()]:
                running.remove(run)
                failed += not run.report()
            time.sleep(0.02)
    finally:
        for run in running:
            run.process.kill()
    print(f"\nRan {total} tests in {time.monotonic() - begun:.3f}s\n")
    print(f"FAILED (failures={failed})" if failed else "OK")
    sys.exit(failed > 0 or total == 0)
