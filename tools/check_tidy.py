#!/usr/bin/env python3
"""clang-tidy 19 over the sources: check_tidy.py --build DIR [--changed-only] [--jobs N] [FILE...]

Needs DIR/compile_commands.json. What passed is remembered in .cache/tidy by a hash of the file, of all our headers that
it includes, of .clang-tidy and of the flags, so a second run looks at changed files only. --changed-only limits the
run to files that differ from the commit before HEAD (a changed header counts as its source, a changed .inc
for every source that includes it).
"""
import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

from cpp_text import includes, read

TOOL = "clang-tidy-19"
ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "tidy"


def flags_of(entry):
    """What clang needs of a g++ command: macros, include folders, the language. Warnings are clang-tidy's own; a
    precompiled header (-include) is g++'s, and without it a missing #include is seen."""
    words = entry.get("arguments") or shlex.split(entry["command"])
    kept, take_next = [], False
    for word in words:
        if take_next or re.match(r"-(D|I|std=|m)", word):
            kept.append(word)
            take_next = word in {"-isystem", "-I", "-D"}
        elif word == "-isystem":
            kept.append(word)
            take_next = True
    return kept


def our_headers(path, known):
    """All headers of src/una that the file includes, directly or not; `known` is filled on the way."""
    if path not in known:
        known[path] = set()
        for _, _, include in includes(read(path)):
            header = ROOT / "src" / include
            if include.startswith("una/") and header.is_file():
                known[path] |= {header} | our_headers(header, known)
    return known[path]


def key_of(path, flags, known, salt):
    digest = hashlib.sha256(salt)
    digest.update("\0".join(flags).encode())
    for part in [path, *sorted(our_headers(path, known))]:
        digest.update(part.read_bytes())
    return digest.hexdigest()


def git(*arguments):
    out = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)
    return out.stdout.split("\n") if out.returncode == 0 else []


def changed_files():
    names = git("diff", "--name-only", "HEAD~1") or git("diff", "--name-only", "HEAD")
    names += git("ls-files", "--others", "--exclude-standard", "src")
    paths = {ROOT / name for name in names if name}
    return paths | {path.with_suffix(".cpp") for path in paths if path.suffix == ".h"}


def sources_of(path):
    """The sources that a file compiles: those of its unit (tools/unity_units.py), or itself."""
    if not re.fullmatch(r"unit_\d+\.cpp", path.name) or not path.is_file():
        return [path]
    return [pathlib.Path(name).resolve() for name in re.findall(r'#include "(/[^"]+\.cpp)"', path.read_text())]


def wanted_entries(options, known):
    database = pathlib.Path(options.build) / "compile_commands.json"
    if not database.is_file():
        sys.exit(f"{database} does not exist: cmake --preset release makes it")
    entries = {}
    for entry in json.loads(database.read_text()):
        for path in sources_of(pathlib.Path(entry["directory"], entry["file"]).resolve()):
            if (ROOT / "src") in path.parents and path.suffix == ".cpp" and path.is_file():
                entries[path] = flags_of(entry)
    if options.changed_only:
        changed = changed_files()
        parts = {path for path in changed if path.suffix == ".inc"}
        entries = {path: flags for path, flags in entries.items()
                   if path in changed or (parts and parts & our_headers(path, known))}
    if options.files:
        named = {pathlib.Path(name).resolve() for name in options.files}
        entries = {path: flags for path, flags in entries.items() if path in named}
    return entries


def tidy(path, flags):
    command = [TOOL, "--quiet", f"--config-file={ROOT / '.clang-tidy'}"]
    if path.name.endswith("_test.cpp"):
        # it does not know that ASSERT_TRUE(x.has_value()) checks; an empty one fails the test anyway
        command.append("--checks=-bugprone-unchecked-optional-access")
    command += [str(path), "--", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode == 0, done.stdout + ("" if done.stdout.strip() else done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--changed-only", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    if shutil.which(TOOL) is None:
        sys.exit(f"{TOOL} is not installed: apt-get install {TOOL} (./dev lint does it)")
    version = subprocess.run([TOOL, "--version"], capture_output=True).stdout
    salt, known = version + (ROOT / ".clang-tidy").read_bytes(), {}
    CACHE.mkdir(parents=True, exist_ok=True)
    todo = {}
    entries = wanted_entries(options, known)
    for path, flags in sorted(entries.items()):
        key = key_of(path, flags, known, salt)
        if not (CACHE / key).exists():
            todo[path] = (flags, key)
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = {pool.submit(tidy, path, flags): (path, key) for path, (flags, key) in todo.items()}
        for run in concurrent.futures.as_completed(runs):
            path, key = runs[run]
            passed, output = run.result()
            if passed:
                (CACHE / key).touch()
            else:
                bad += 1
                print(f"{path.relative_to(ROOT)}:\n{output.rstrip()}\n", flush=True)
    print(f"clang-tidy: {len(entries)} files, {len(entries) - len(todo)} known to pass, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
