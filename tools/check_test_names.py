#!/usr/bin/env python3
"""Fail when a suite of x_y_test.cpp is not called XY: check_test_names.py SRC

The ctest entry of a file runs the suites of that name; another suite of the file would run with the whole room only.
"""
import pathlib
import re
import sys

from cpp_text import read

SUITE = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P|_SUITE)?\(\s*(\w+)", re.M)


def suite_of(path):
    """XY of x_y_test.cpp."""
    return "".join(word[:1].upper() + word[1:] for word in path.stem.removesuffix("_test").split("_"))


def main(root):
    found = 0
    for path in sorted(pathlib.Path(root).rglob("*_test.cpp")):
        for suite in sorted(set(SUITE.findall(read(path))) - {suite_of(path)}):
            print(f"{path.relative_to(root)}: the suite {suite} must be called {suite_of(path)}, as the file")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
