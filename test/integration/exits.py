"""The exit codes that `dvcsyncctl --help` promises, verb by verb; a code that a verb does not name is a failure."""

import functools
import re
import subprocess

SAME_EVERYWHERE = {64, 69, 75, 77, 78}
VERB = re.compile(r"^  ([a-z-]+(?: [a-z]+(?![a-z|]))?)[^\n]*\n      [^\n]*\n      Exit: ([^\n]*)$", re.MULTILINE)


@functools.lru_cache
def promised(program):
    """{verb: its words about exit codes}"""
    help_text = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=30, check=True).stdout
    return dict(VERB.findall(help_text))


def check(program, arguments, code):
    """arguments: the words of a call, its verb anywhere among them."""
    words = [str(word) for word in arguments]
    named = promised(str(program))
    verb = next((pair for pair in map(" ".join, zip(words, words[1:])) if pair in named), None) or next(
        (word for word in words if word in named), None)
    if verb is None or code in SAME_EVERYWHERE or "--help" in words or "help" in words:
        return
    if str(code) not in re.findall(r"(?:^|, )(\d+) ", named[verb]):
        raise AssertionError(f"dvcsyncctl {' '.join(words)} ended with {code}, and its help says: Exit: {named[verb]}")
