#!/usr/bin/env python3
"""Applies each one-line fault of tests/mutations.txt, rebuilds one test program and asserts that the named test fails.

usage: tools/run_mutations.py BUILD_FOLDER [--only TEXT] [--resume] [--sample N [--seed S]] [--check] [--list FILE] [--jobs N]

A line is "file | old text | new text | ctest name"; '#' begins a comment line. The old text must occur exactly once in
the file; --check verifies only this, for every line. The source is restored on every exit; after a hard kill the next
run restores it from BUILD_FOLDER/mutation. Works in place: run it in a tree that is not being built at the same time.

The whole list takes hours. Each fault that is caught is recorded at once in BUILD_FOLDER/mutation/caught.txt, under a
hash of its line, the file it changes and the sources of its test; --resume leaves out the lines that are recorded, so a
list can be run over several sittings, each ended with Ctrl-C. A line is due again when its file or its test has changed.

Exit code 0: every fault was caught; 1: one was not, or does not compile; 2: the list or the unchanged build is broken,
or a test fails without a fault.
"""
import argparse
import atexit
import hashlib
import itertools
import pathlib
import random
import re
import signal
import subprocess
import sys
from typing import NamedTuple, NoReturn

ROOT = pathlib.Path(__file__).resolve().parent.parent


# A fault may leave a name unused, which is an error elsewhere.
QUIET = "".join(f'#pragma GCC diagnostic ignored "-W{name}"\n' for name in (
    "unused-variable", "unused-function", "unused-parameter", "unused-but-set-variable", "unused-but-set-parameter",
    "unused-const-variable", "type-limits")).encode()


class Mutation(NamedTuple):
    line: int
    path: pathlib.Path
    old: str
    new: str
    test: str

    @property
    def room(self) -> str:
        return self.test.split(".")[0]


class Swap:
    """One file changed for a while. `note` on disk survives a hard kill: the path, then the original bytes."""

    def __init__(self, note: pathlib.Path):
        self.note = note
        self.recover()
        atexit.register(self.recover)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(130))

    def apply(self, mutation: Mutation) -> None:
        original = mutation.path.read_bytes()
        self.note.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.note.with_suffix(".tmp")
        temporary.write_bytes(str(mutation.path.relative_to(ROOT)).encode() + b"\n" + original)
        temporary.replace(self.note)
        quiet = QUIET if mutation.path.suffix in {".cpp", ".h", ".inc"} else b""
        mutation.path.write_bytes(quiet + original.replace(mutation.old.encode(), mutation.new.encode()))

    def recover(self) -> None:
        if not self.note.exists():
            return
        name, _, original = self.note.read_bytes().partition(b"\n")
        (ROOT / name.decode()).write_bytes(original)  # a new time stamp, so that the next build sees it
        self.note.unlink()


def fail(message: str) -> NoReturn:
    print(f"run_mutations: {message}", file=sys.stderr)
    sys.exit(2)


def read_list(path: pathlib.Path) -> list[Mutation]:
    out = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(" | ")
        if len(parts) != 4:
            fail(f"{path.name}:{number}: four parts separated by ' | ' expected, found {len(parts)}")
        mutation = Mutation(number, ROOT / parts[0].strip(), parts[1].strip(), parts[2].strip(), parts[3].strip())
        if not mutation.path.is_file():
            fail(f"{path.name}:{number}: no file {parts[0].strip()}")
        found = mutation.path.read_text().count(mutation.old)
        if found != 1:
            fail(f"{path.name}:{number}: '{mutation.old}' occurs {found} times in {parts[0].strip()}, not once")
        out.append(mutation)
    return out


# What the tests of whole processes need; those of a room need its own test program.
PROGRAMS = {"ranks": ["una", "una_command_server", "una_gang_probe"], "integration": ["una", "una_command_server"]}


def build(folder: pathlib.Path, room: str, jobs: int) -> subprocess.CompletedProcess:
    return subprocess.run(["cmake", "--build", str(folder), f"-j{jobs}", "--target", *PROGRAMS.get(room, [f"{room}_test"])],
                          capture_output=True, text=True)


def test_passes(folder: pathlib.Path, name: str) -> bool:
    done = subprocess.run(["ctest", "--test-dir", str(folder), "-R", f"^{name.replace('.', '[.]')}$", "--no-tests=error"],
                          capture_output=True, text=True)
    if "No tests were found" in done.stdout + done.stderr:
        fail(f"no test is called {name}")
    return done.returncode == 0


# What a test is compiled from: its file, and the headers and sources of *_testing or testing that it includes.
def test_sources(name: str) -> list[pathlib.Path]:
    room, _, stem = name.partition(".")
    if room in PROGRAMS:
        folder = ROOT / "tests" / room
        helpers = [path for path in folder.glob("*.*") if path.suffix != ".txt" and not path.name.endswith("_test.py")]
        return sorted([*folder.glob(f"{stem}_test.py"), *helpers])
    found = sorted((ROOT / "src" / "una" / room).rglob(f"{stem}_test.cpp"))
    for path in list(found):
        for header in re.findall(r'#include "(una/[^"]*testing)[.]h"', path.read_text()):
            found += [each for each in (ROOT / "src" / f"{header}{end}" for end in (".h", ".cpp")) if each.is_file()]
    return found


class Record:
    """The faults that were caught. A line of the file: a hash, then the fault for a reader. Only ever appended to."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.hashes = {line.split(" ", 1)[0] for line in path.read_text().splitlines()} if path.exists() else set()

    @staticmethod
    def hash_of(mutation: Mutation) -> str:
        hash = hashlib.sha256()
        for text in (str(mutation.path.relative_to(ROOT)), mutation.old, mutation.new, mutation.test):
            hash.update(text.encode() + b"\0")
        for path in (mutation.path, *test_sources(mutation.test)):
            hash.update(hashlib.sha256(path.read_bytes()).digest())
        return hash.hexdigest()[:32]

    def has(self, mutation: Mutation) -> bool:
        return self.hash_of(mutation) in self.hashes

    def add(self, mutation: Mutation) -> None:
        if self.has(mutation):
            return
        self.hashes.add(self.hash_of(mutation))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(f"{self.hash_of(mutation)} {mutation.path.name}: {mutation.old} -> {mutation.new}\n")


def check_clean(folder: pathlib.Path, mutations: list[Mutation], jobs: int, passes: dict[str, bool]) -> None:
    """Fills in which tests of these faults pass without one. Done before a file is changed: it need not compile for this."""
    for room in sorted({m.room for m in mutations if m.test not in passes}):
        done = build(folder, room, jobs)
        if done.returncode != 0:
            fail(f"the unchanged tree does not build:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    for test in sorted({m.test for m in mutations} - passes.keys()):
        passes[test] = test_passes(folder, test)


def try_fault(folder: pathlib.Path, swap: Swap, mutation: Mutation, jobs: int) -> str:
    swap.apply(mutation)
    done = build(folder, mutation.room, jobs)
    built = done.returncode == 0
    caught = built and not test_passes(folder, mutation.test)
    swap.recover()
    if not built:
        print(done.stdout[-2000:], flush=True)
    return "caught" if caught else "SURVIVED" if built else "NO BUILD"


def run(folder: pathlib.Path, mutations: list[Mutation], record: Record, jobs: int) -> int:
    swap = Swap(folder / "mutation" / "original")
    passes: dict[str, bool] = {}
    words = []
    for _, same_file in itertools.groupby(mutations, lambda m: m.path):
        same_file = list(same_file)
        check_clean(folder, same_file, jobs, passes)
        for mutation in same_file:
            word = try_fault(folder, swap, mutation, jobs) if passes[mutation.test] else "BROKEN"
            if word == "caught":
                record.add(mutation)
            words.append(word)
            why = " fails without the fault" if word == "BROKEN" else ""
            print(f"{word:8} {mutation.path.name}: {mutation.old}  ->  {mutation.new}  ({mutation.test}{why})", flush=True)
    for room in sorted({m.room for m in mutations}):
        build(folder, room, jobs)
    print(f"{words.count('caught')} of {len(mutations)} faults caught")
    return 2 if "BROKEN" in words else 1 if words.count("caught") < len(words) else 0


def draw(mutations: list[Mutation], count: int, seed: str) -> list[Mutation]:
    drawn = random.Random(seed).sample(mutations, min(count, len(mutations))) if count else mutations
    return sorted(drawn, key=lambda m: (m.path, m.room, m.line))  # a file's faults follow each other: it compiles once more in all


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build_folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="only lines whose file or test holds this text")
    parser.add_argument("--resume", action="store_true", help="without the lines that are recorded as caught")
    parser.add_argument("--sample", type=int, default=0, help="this many lines, drawn at random")
    parser.add_argument("--seed", default="", help="of the sample; the same seed draws the same lines")
    parser.add_argument("--check", action="store_true", help="only check that every line applies")
    parser.add_argument("--list", type=pathlib.Path, default=ROOT / "tests" / "mutations.txt")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.check:
        print(f"{len(read_list(options.list))} faults apply")
        return 0
    if not (options.build_folder / "CMakeCache.txt").is_file():
        fail(f"{options.build_folder} is not a configured build folder: run cmake --preset release first")
    Swap(options.build_folder / "mutation" / "original")  # before the list is checked against the files
    every = read_list(options.list)
    mutations = [m for m in every if options.only in str(m.path) + " " + m.test]
    if not mutations:
        fail("no line to run")
    record = Record(options.build_folder / "mutation" / "caught.txt")
    if options.resume:
        mutations = [m for m in mutations if not record.has(m)]
    status = run(options.build_folder, draw(mutations, options.sample, options.seed), record, options.jobs)
    print(f"{sum(record.has(m) for m in every)} of {len(every)} lines are recorded as caught in {record.path}")
    return status


if __name__ == "__main__":
    sys.exit(main())
