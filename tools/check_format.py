#!/usr/bin/env python3
"""Fail when a file is not as clang-format 19 writes it: check_format.py SRC CACHE_FOLDER

Files whose content passed before are not looked at again.
"""
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

from cpp_text import source_files

TOOL = "clang-format-19"


def main(source, cache_folder):
    if shutil.which(TOOL) is None:
        print(f"{TOOL} is not installed: apt-get install {TOOL} (./dev test does it)")
        return 1
    root = pathlib.Path(source)
    style = next((f for p in [root, *root.resolve().parents] if (f := p / ".clang-format").is_file()), None)
    salt = style.read_bytes() if style else b""
    cache = pathlib.Path(cache_folder) / "format-passed.txt"
    passed = set(cache.read_text().split()) if cache.is_file() else set()
    keys = {f: hashlib.sha256(salt + f.read_bytes()).hexdigest() for f in source_files(root)}
    todo = [f for f in keys if keys[f] not in passed]
    bad = set()
    for begin in range(0, len(todo), 100):
        done = subprocess.run([TOOL, "--dry-run", "-Werror", *todo[begin:begin + 100]], capture_output=True, text=True)
        named = {pathlib.Path(m.group(1)) for m in re.finditer(r"^(.+?):\d+:\d+: error:", done.stderr, re.M)}
        if done.returncode and not named:  # it did not come so far as to name a file
            print(done.stderr)
            return 1
        bad |= named
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text("\n".join(sorted(keys[f] for f in keys if f not in bad)))
    for path in sorted(bad):
        print(f"{path}: not formatted: ./dev format")
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
