#!/usr/bin/env python3
"""Applies each one-line fault of tests/mutations.txt, rebuilds one test program and asserts that the named test fails.

usage: tools/run_mutations.py BUILD_FOLDER [--only TEXT] [--sample N [--seed S]] [--check] [--list FILE] [--jobs N]

A line is "file | old text | new text | ctest name"; '#' begins a comment line. The old text must occur exactly once in
the file; --check verifies only this, for every line. The source is restored on every exit; after a hard kill the next
run restores it from BUILD_FOLDER/mutation. Works in place: run it in a tree that is not being built at the same time.
Exit code 0: every fault was caught; 1: one was not, or does not compile; 2: the list or the unchanged build is broken.
"""
import argparse
import atexit
import pathlib
import random
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
        quiet = QUIET if mutation.path.suffix in {".cpp", ".h"} else b""
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
PROGRAMS = {"ranks": ["una", "una_gang_probe"], "integration": ["una", "una_command_server"]}


def build(folder: pathlib.Path, room: str, jobs: int) -> subprocess.CompletedProcess:
    return subprocess.run(["cmake", "--build", str(folder), f"-j{jobs}", "--target", *PROGRAMS.get(room, [f"{room}_test"])],
                          capture_output=True, text=True)


def test_passes(folder: pathlib.Path, name: str) -> bool:
    done = subprocess.run(["ctest", "--test-dir", str(folder), "-R", f"^{name.replace('.', '[.]')}$", "--no-tests=error"],
                          capture_output=True, text=True)
    if "No tests were found" in done.stdout + done.stderr:
        fail(f"no test is called {name}")
    return done.returncode == 0


def check_clean(folder: pathlib.Path, mutations: list[Mutation], jobs: int) -> None:
    for room in sorted({m.room for m in mutations}):
        done = build(folder, room, jobs)
        if done.returncode != 0:
            fail(f"the unchanged tree does not build:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    for name in sorted({m.test for m in mutations}):
        if not test_passes(folder, name):
            fail(f"{name} fails on the unchanged tree")


def run(folder: pathlib.Path, mutations: list[Mutation], jobs: int) -> int:
    swap = Swap(folder / "mutation" / "original")
    check_clean(folder, mutations, jobs)
    survivors = 0
    for mutation in mutations:
        swap.apply(mutation)
        done = build(folder, mutation.room, jobs)
        built = done.returncode == 0
        caught = built and not test_passes(folder, mutation.test)
        swap.recover()
        survivors += 0 if caught else 1
        word = "caught  " if caught else "SURVIVED" if built else "NO BUILD"
        print(f"{word} {mutation.path.name}: {mutation.old}  ->  {mutation.new}  ({mutation.test})", flush=True)
        if not built:
            print(done.stdout[-2000:], flush=True)
    for room in sorted({m.room for m in mutations}):
        build(folder, room, jobs)
    print(f"{len(mutations) - survivors} of {len(mutations)} faults caught")
    return 1 if survivors else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build_folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="only lines whose file or test holds this text")
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
    mutations = [m for m in read_list(options.list) if options.only in str(m.path) + " " + m.test]
    if not mutations:
        fail("no line to run")
    if options.sample:
        drawn = random.Random(options.seed).sample(mutations, min(options.sample, len(mutations)))
        mutations = drawn
    mutations.sort(key=lambda m: (m.room, m.path, m.line))  # neighbours share what must be compiled again
    return run(options.build_folder, mutations, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
