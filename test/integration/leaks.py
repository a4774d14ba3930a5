"""Looks for secrets and people in what the daemon shows: its log, its answers, events, reasons.

The people of the sandbox can't be real, so their shapes are enough to know them: identity numbers
begin with 000, telephone numbers with 0000, e-mail addresses end in .invalid, and names are put
together from the lists in test/sandbox/people.c. Secrets are told by who made them (add). A text is
looked at plainly and as it reads when its JSON and log escapes, URL escapes, Base64, hexadecimal or
UTF-16 are undone. A finding names the kind, the place and the form, never the value.

    leaks.py FILE...    scans files of a run; exit 1 with the findings
"""

import base64
import binascii
import pathlib
import re
import sys
import unicodedata
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEOPLE = ROOT / "test" / "sandbox" / "people.c"
ADDRESS = "Thôn Không Có Thật"
RUN = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){8,}")
JSON_ESCAPE = re.compile(rb"((?:\\u[0-9A-Fa-f]{4})+)")
FRACTION = re.compile(rb"(?<=\d)\.\d+")
# Twelve hexadecimal digits, of which some are digits alone by chance.
DIGEST = re.compile(r'"digest":\s*"[0-9a-f]{12}"')
LOG_ESCAPE = re.compile(rb"\\x([0-9A-Fa-f]{2})")


def words(table):
    """The pairs of a table in people.c, as one list of words in both cases."""
    text = PEOPLE.read_text(encoding="utf-8")
    body = re.search(rf"struct word {table}\[\] = {{(.*?)\n}};", text, re.S)[1]
    found = re.findall(r'\{"((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\}', body)
    if not found:
        raise AssertionError(f"{PEOPLE}: no words in {table}")
    return found


def either(list_of_words):
    return "(?:" + "|".join(re.escape(w) for w in list_of_words) + ")"


def shapes():
    """Kind and pattern of everything personal. Digits stand alone: digests hold digits too."""
    def three(case):
        return " ".join(either(pair[case] for pair in words(t)) for t in
                        ("FAMILY", "MIDDLE", "GIVEN"))
    # A name with quotation marks is escaped where it is shown: its longest part will do.
    firms = [re.split(r'\\"', w)[-1 if "\\" not in w else 1] for t in ("BUSINESS", "ORGANIZATION")
             for pair in words(t) for w in pair]
    alone = r"(?<![0-9A-Za-z.]){}(?![0-9A-Za-z])"
    return [(kind, re.compile(pattern.encode())) for kind, pattern in (
        ("identity number of 12 digits", alone.format(r"000\d{9}")),
        ("identity number of 9 digits", alone.format(r"000[1-9]\d{5}")),
        ("passport number", alone.format(r"000P\d{5}")),
        ("telephone number", alone.format(r"0000\d{6}")),
        ("e-mail address", r"nguoi\d+@example\.invalid"),
        ("name", three(0)),
        ("name in capitals", three(1)),
        ("name of an organization", either(firms)),
        ("address", either([ADDRESS, ADDRESS.upper()])))]


SHAPES = shapes()


def characters(match):
    units = [int(u, 16) for u in re.findall(rb"\\u(....)", match[1])]
    text = b"".join(u.to_bytes(2, "big") for u in units).decode("utf-16-be", "replace")
    return text.encode()


def from_base64(data):
    """Every run of its characters, read from each of the four places where a group may begin."""
    for run in {m.translate(bytes.maketrans(b"-_", b"+/")) for m in RUN.findall(data)}:
        for at in range(4):
            part = run[at:]
            part = part[:len(part) - (len(part) % 4 == 1)]
            try:
                yield base64.b64decode(part + b"=" * (-len(part) % 4))
            except binascii.Error:
                continue


def views(data):
    """The data in the forms in which it can be read."""
    yield "plain", data
    if b"\\" in data:
        plain = JSON_ESCAPE.sub(characters, data)
        yield "escaped", LOG_ESCAPE.sub(lambda m: bytes([int(m[1], 16)]), plain).replace(b"\\", b"")
    if b"%" in data:
        yield "URL", urllib.parse.unquote_to_bytes(data)
    yield "Base64", b"\n".join(from_base64(data))
    runs = set(HEX.findall(data))
    yield "hexadecimal", b"\n".join(bytes.fromhex(r.decode()) for r in runs)
    if b"\0" in data:
        for code in ("utf-16-le", "utf-16-be"):
            for at in range(2):
                yield "UTF-16", data[at:].decode(code, "replace").encode()
    if b"\xcc" in data or b"\xcd" in data:
        yield "decomposed", unicodedata.normalize("NFC", data.decode("utf-8", "replace")).encode()


class Leaks:
    def __init__(self):
        self.secrets = {}  # value: kind
        self.numbers = {}  # what a person has, as the sandbox made it: digits anywhere
        self.pieces = set()

    def add(self, kind, value):
        """A value that must be shown nowhere. Short ones would be found by chance."""
        if len(value) >= 8:
            self.secrets[value.encode()] = kind

    def add_people(self, dump):
        """The persons of the province: lines of its dump."""
        kinds = {"applicantIdNo": "identity number", "contactTelNo": "telephone number"}
        for line in dump:
            for key, kind in kinds.items():
                value = str((line.get("dossier") or {}).get(key) or "")
                if len(value) >= 9:
                    self.numbers[value.encode()] = kind

    def hear(self, text):
        """An answer. Kept as the pieces between quotation marks: what repeats costs nothing."""
        self.pieces.update(DIGEST.sub("", text).split('"'))

    def heard(self):
        return "\n".join(self.pieces).encode("utf-8", "surrogateescape")

    def find(self, where, data, people=True):
        """Findings as texts; without people only secrets (a journal holds people)."""
        found = set()
        for form, view in views(data):
            found.update((kind, form) for value, kind in self.secrets.items() if value in view)
            if not people:
                continue
            found.update((kind, form) for kind, pattern in SHAPES if pattern.search(view))
            whole = FRACTION.sub(b"", view)  # 0.70600000000000041 is nobody's number
            for digits in re.findall(rb"(?=(000[0-9P]\d{5,8}))", whole) if self.numbers else ():
                found.update((self.numbers[digits[:n]], form) for n in (9, 10, 12)
                             if digits[:n] in self.numbers)
        return [f"{kind} in {where} ({form})" for kind, form in sorted(found)]


def main(paths):
    leaks = Leaks()
    found = [f for p in paths for f in leaks.find(p, pathlib.Path(p).read_bytes())]
    print("\n".join(found) or f"leaks: none in {len(paths)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
