"""What was planted where, and whether exactly that was found.

A difference is (area, kind, key): the key is a code, or for a result that two dossiers have, both
codes. Sets are compared, not counts: a difference at a wrong place is one missed and one false.
"""

import collections
import json

PAIR = " + "

Judgement = collections.namedtuple("Judgement", "found missed false")


def pair(one, other):
    return PAIR.join(sorted((one, other)))


class Truth:
    def __init__(self):
        self.planted = {}  # (area, kind, key): whether it can be healed

    def plant(self, area, kind, key, heals):
        entry = (area, kind, key)
        if entry in self.planted:
            raise AssertionError(f"planted twice: {entry}")
        self.planted[entry] = heals

    def healable(self):
        return {entry for entry, heals in self.planted.items() if heals}

    def lasting(self):
        return {entry for entry, heals in self.planted.items() if not heals}

    def kinds(self):
        """(area, kind): how many."""
        return collections.Counter((area, kind) for area, kind, _ in self.planted)

    def keys(self, area, kind):
        return {key for a, k, key in self.planted if (a, k) == (area, kind)}

    def save(self, path):
        lines = [json.dumps({"area": a, "kind": k, "key": key, "heals": heals}) + "\n"
                 for (a, k, key), heals in sorted(self.planted.items())]
        path.write_text("".join(lines))

    def paired(self, entries):
        """Findings about both dossiers of a planted pair become one about the pair."""
        partner = {}
        for area, kind, key in self.planted:
            if PAIR in key:
                one, other = key.split(PAIR)
                partner[(area, kind, one)] = (area, kind, other)
                partner[(area, kind, other)] = (area, kind, one)
        out = set()
        for entry in entries:
            other = partner.get(entry)
            out.add((*entry[:2], pair(entry[2], other[2])) if other in entries else entry)
        return out

    def judge(self, entries):
        """Of a first run: everything must be found."""
        entries = self.paired(entries)
        planted = set(self.planted)
        return Judgement(entries & planted, planted - entries, entries - planted)

    def judge_healed(self, entries):
        """Of a second run: found is what can be healed and was, missed what can be healed and is
        still there; false is what is new, and what was for a person and is gone."""
        entries = self.paired(entries)
        healable, lasting = self.healable(), self.lasting()
        return Judgement(healable - entries, healable & entries,
                         (entries - healable) ^ lasting)
