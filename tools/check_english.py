#!/usr/bin/env python3
"""Fail when a banned phrase enters the project: check_english.py ROOT

tools/banned_phrases.txt has the phrases with what to write instead. tools/english_exemptions.txt has, per file, how many are
still there; it may only shrink, so a count that is too high fails as well. `--exemptions` prints that list as it is now.
"""
import pathlib
import re
import subprocess
import sys

from cpp_text import read

SUFFIXES = {".h", ".cpp", ".inc", ".rs", ".md", ".sh", ".py"}
LISTS = {"tools/banned_phrases.txt", "tools/english_exemptions.txt", "tools/check_english.py", "tools/test_checks.py"}
# Words of others: quoted model cards, prompts and rows that tests read.
FOREIGN = ("third_party/", "tests/", "bench/")


def load_phrases(path):
    lines = [line for line in read(path).splitlines() if line and not line.startswith("#")]
    return [(re.compile(pattern), advice) for pattern, _, advice in (line.rpartition(" | ") for line in lines)]


def load_exemptions(path):
    if not path.is_file():
        return {}
    lines = [line.split() for line in read(path).splitlines() if line and not line.startswith("#")]
    return {name: int(count) for count, name in lines}


def checked_files(root):
    out = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    for name in out.split("\0"):
        if name and name not in LISTS and not name.startswith(FOREIGN):
            if pathlib.Path(name).suffix in SUFFIXES or name == "dev":
                yield name


def findings(text, phrases):
    """(line, phrase found, advice), in the order of the lines."""
    out = [(text.count("\n", 0, m.start()) + 1, m.group(0), advice)
           for pattern, advice in phrases for m in pattern.finditer(text)]
    return sorted(out)


def main(root, *options):
    root = pathlib.Path(root)
    phrases = load_phrases(root / "tools/banned_phrases.txt")
    exempt = load_exemptions(root / "tools/english_exemptions.txt")
    found = {name: hits for name in checked_files(root)
             if (root / name).is_file() and (hits := findings(read(root / name), phrases))}
    if options:
        print("\n".join(f"{len(hits)} {name}" for name, hits in sorted(found.items())))
        return 0
    errors = []
    for name in sorted(found.keys() | exempt.keys()):
        hits, allowed = found.get(name, []), exempt.get(name, 0)
        if len(hits) > allowed:
            errors += [f"{name}:{line}: \"{phrase}\": write {advice}" for line, phrase, advice in hits]
        elif len(hits) < allowed:
            errors.append(f"tools/english_exemptions.txt: {name} has {len(hits)} left, not {allowed}: lower the number")
    print("\n".join(errors), end="\n" if errors else "")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) in (2, 3) else __doc__)
