"""Helpers of the checks: which files are ours, C++ text without comments and literals, includes."""
import pathlib
import re

SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
# Comments, raw strings, strings, characters ('1'000' digit separators do not open a character).
NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z_])\'(?:\\.|[^\'\\\n])+\'', re.S)


def source_files(root):
    root = pathlib.Path(root)
    return sorted(f for f in root.rglob("*") if f.suffix in SUFFIXES and f.is_file())


def read(path):
    return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")


def without_noise(text):
    """Comments become blanks, literals become ""; every line keeps its number."""
    def blank(match):
        lines = "\n" * match.group(0).count("\n")
        return lines if match.group(0).startswith("/") else '""' + lines
    return NOISE.sub(blank, text)


def includes(text):
    """(line, quote character, path) of each include."""
    return [(text.count("\n", 0, m.start(2)) + 1, m.group(1), m.group(2)) for m in INCLUDE.finditer(text)]
