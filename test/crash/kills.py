"""kill -9 at uniformly random moments of a daemon's life, start-up included, while the portal loses
answers after the commit and the province goes on."""

import random
import signal
import time

from case import RETRY, Case, Failed

LONGEST_S = 0.8     # from a start to its kill
CHANGES_PER_S = 4
LAST_S = 180        # for all that was put off by the kills
# As in test/demo.sh FAULTS=hard.
KNOBS = {"drop_after_commit_percent": 5, "session_calls": 50, "lookup_fail_percent": 10,
         "duplicate_code": "mix", "burst_every": 400, "burst_calls": 8, "burst_status": 500,
         "retry_after_s": 1}


def life(kills, seed, binary="dvcsyncd"):
    """(kills made, lost, duplicated, order violations); the last word is the oracle's."""
    case = Case(binary=binary, rows=20)
    try:
        return live(case, kills, random.Random(seed), seed)
    finally:
        case.close()


def live(case, kills, chance, seed):
    world = case.world
    world.start_portal(seed=seed, **KNOBS)
    changes = 20 + int(kills * LONGEST_S * CHANGES_PER_S / 2)
    world.start_province(40 + kills // 4, seed=seed, changes=changes, rate=CHANGES_PER_S,
                         planted=1)
    world.write_conf(catalog={}, retry=RETRY, source={"poll_every": "300ms", "sweep_every": "2s",
                                                      "slow_sweep_every": "4s"})
    for kill in range(kills):
        world.portal.knob(burst_status=(429, 500)[kill % 2])
        case.begin()
        time.sleep(chance.uniform(0, LONGEST_S))
        if not world.daemon.running():
            raise Failed(f"the daemon ended with {world.daemon.popen.returncode} before kill "
                         f"{kill + 1}: {world.log_tail(4)}")
        world.daemon.stop(signal.SIGKILL)
        world.children.remove(world.daemon)
    case.patience_s = LAST_S
    case.begin()
    case.until(lambda: world.province.stats()["finished"], "the changes to be made")
    case.settle()
    case.stop()
    case.integrity()
    return kills, *case.verdict()
