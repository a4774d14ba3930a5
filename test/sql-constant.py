#!/usr/bin/env python3
"""No text of a statement is put together: every SQL text is constant, every value is bound.

For the C files named, or those of the tree. A PRAGMA takes no bound value: numbers may stand in it.
"""

import glob
import pathlib
import re
import sys

VERBS = "SELECT|INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|ATTACH|DETACH|VACUUM|PRAGMA|BEGIN"
WRITERS = re.compile(r"\b(?:v?s?n?printf|fprintf|buf_printf|buf_puts|buf_append|strcat|strcpy|"
                     r"strncat|asprintf)\s*\(([^;]*);")
STATEMENT = re.compile(rf'"((?:{VERBS}) [A-Za-z*"(])')
NUMBERS = re.compile(r'"PRAGMA [a-z_]+ = %(?:lld|llu|ld|lu|d|u)"')
# Its one value is written from a number two lines above.
KNOWN = '"PRAGMA cache_size = %s"'
RUNNERS = re.compile(r"\b(db_exec|sqlite3_exec|sqlite3_prepare(?:_v[23])?)\s*\(\s*[^,]+,\s*([^,)]+)")
# The wrappers themselves: what they are given is judged where they are called.
WRAPPERS = {"sqlite.c": {"const char *text", "text", "sql->text"}, "sqlite.h": {"const char *text"},
            "sqlite_open.c": {"set", "get", "schema", "set_version"}}


def faults(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)

    def at(match):
        return f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
    for call in WRITERS.finditer(text):
        if STATEMENT.search(call[1]) and not NUMBERS.search(call[1]) and KNOWN not in call[1]:
            yield f"{at(call)}: SQL is put together: {' '.join(call[0].split())[:90]}"
    for found in re.finditer(r"(?<!const )\bstruct sql \w+ *(?:\[[^]]*\])? *=", text):
        yield f"{at(found)}: a statement that is not constant"
    for call in RUNNERS.finditer(text):
        what = call[2].strip()
        name = re.escape(re.split(r"[\[.]", what)[0])
        constant = what.startswith('"') or re.search(
            rf"\bstatic const (?:char|struct \w+|struct (?:\w+ )?\{{[^}}]*\}}) {name}\[", text)
        if not constant and what not in WRAPPERS.get(pathlib.Path(path).name, ()):
            yield f"{at(call)}: the text of {call[1]} is not constant: {what}"


def main(paths):
    found = [f for p in paths for f in faults(p)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    TREE = [p for folder in ("lib/*", "daemon") for p in sorted(glob.glob(folder + "/*.[ch]"))]
    sys.exit(main(sys.argv[1:] or TREE))
