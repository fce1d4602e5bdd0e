#!/usr/bin/env python3
"""Fail when a file of the project is used by nothing: check_dead_files.py ROOT

A header must be included by a source other than its own; a source without a header of its own must define something that
another file names; every other file (scripts, documents, configurations) must be named by some file, or be in a folder
that is read as a whole (FOLDERS). Only files that git tracks are looked at.
"""
import pathlib
import re
import subprocess
import sys

from check_budgets import functions
from cpp_text import includes, read

CODE = {".cpp", ".h", ".inc"}
# Read as a whole by a test, a tool or a person; the name of a file in it appears nowhere.
FOLDERS = ("tests/", "third_party/", "configs/", "docs/decisions/", "bench/data/", "bench/kernels/", "bench/peers/", "bridge/", ".ci/")
ALONE = {"README.md", "LICENSE", ".gitignore", ".clang-format", ".clang-tidy", "CMakeLists.txt", "CMakePresets.json",
         "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "dev", "__init__.py", "pyproject.toml", "setup.py", "py.typed"}
# Written ahead of their first user; take the line out with the first include.
AHEAD = {"src/una/serve/serve.cpp", "src/una/cli/wait_policy.h"}  # runs before main
WORD = re.compile(r"\w+")


def tracked(root):
    out = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return [name for name in out.split("\0") if name and (root / name).is_file()]


def own_names(name):
    """The sources that belong to a header: its .cpp and its test."""
    stem = name.removesuffix(".h")
    return {name, f"{stem}.cpp", f"{stem}_test.cpp"}


def dead_code(texts, build):
    """`build`: the text of all CMakeLists.txt, which may name a source that only sets a macro and includes an .inc."""
    included, words = {}, {}
    for name, text in texts.items():
        for _, _, path in includes(text):
            included.setdefault(f"src/{path}", set()).add(name)
            included.setdefault(str(pathlib.PurePosixPath(name).parent / path), set()).add(name)
        words[name] = set(WORD.findall(text))
    for name in texts.keys() - AHEAD:
        if name.endswith((".h", ".inc")):
            if not included.get(name, set()) - own_names(name):
                yield f"{name}: no source but its own includes it"
        elif not name.endswith(("_test.cpp", "main.cpp")) and name.replace(".cpp", ".h") not in texts:
            defined = {f[0] for f in functions(texts[name])} | set(re.findall(r"^\w.* (\w+)\s*[={]", texts[name], re.M))
            stem = pathlib.PurePosixPath(name).name
            if stem not in build and not any(defined & words[other] for other in texts if other != name):
                yield f"{name}: nothing it defines is named anywhere else"


def dead_files(names, everything):
    for name in names:
        base = pathlib.PurePosixPath(name).name
        if name.startswith(("src/", *FOLDERS)) or base in ALONE:
            continue
        stem = base.removesuffix(".py")  # import x
        if not any(base in text or (base != stem and re.search(rf"\bimport {stem}\b|from (\w+\.)*{stem} import", text))
                   for other, text in everything.items() if other != name):
            yield f"{name}: no other file names it"


def main(root):
    root = pathlib.Path(root)
    names = tracked(root)
    texts = {name: read(root / name) for name in names if name.startswith("src/") and pathlib.Path(name).suffix in CODE}
    everything = {name: read(root / name) for name in names if not name.startswith(("third_party/", "tests/data/"))}
    build = "".join(text for name, text in everything.items() if name.endswith("CMakeLists.txt"))
    errors = [*dead_code(texts, build), *dead_files(names, everything)]
    print("\n".join(errors), end="\n" if errors else "")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
