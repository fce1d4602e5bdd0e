#!/usr/bin/env python3
"""Fail when a function, file, folder or room outgrows its budget: check_budgets.py SRC

A function has at most 60 lines (the aim is 25), a header 200, a source 600 (the aim is 400). A folder has at most 20
sources (*.cpp without tests), a room 4,500 lines of code (without tests, comments and blank lines). More than six
parameters are only mentioned. Exempt by name: the rooms and functions below.
"""
import collections
import pathlib
import re
import sys

from cpp_text import read, source_files, without_noise

FUNCTION_LINES, HEADER_LINES, SOURCE_LINES, PARAMETERS = 60, 200, 600, 6
FOLDER_SOURCES, ROOM_LINES = 20, 4500
LARGE_ROOMS = {"kernels"}  # one op is several sources: reference, ATen, and loops per instruction set
# Folders and rooms that are still too large, with the size they may have. Lower a number when one shrinks.
CROWDED_ROOMS = {}
LONG_FUNCTION_ROOMS = {"kernels"}  # arithmetic reads better in one piece
LONG_FUNCTIONS = {"fields", "chart_specs", "faults"}  # tables: one line an entry

SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
NAME = re.compile(r"([~\w]+(?:\s*(?:[-+*/%^&|~!=<>]+|\(\)|\[\]))?)\s*$")


def opening_parenthesis(head):
    """Index of the '(' that opens the first parenthesis group outside template brackets, or -1."""
    depth = 0
    for i, char in enumerate(head):
        if char == "<":
            depth += 1
        elif char == ">" and depth:
            depth -= 1
        elif char == "(" and not depth:
            return i
    return -1


def parameters(head, start):
    depth, commas, empty = 0, 0, True
    for char in head[start:]:
        if char in "(<[{":
            depth += 1
        elif char in ")>]}":
            depth -= 1
            if not depth:
                return 0 if empty else commas + 1
        elif char == "," and depth == 1:
            commas += 1
        if depth and char not in "( \n\t":
            empty = False
    return commas + 1


def head_kind(head):
    """What the text before a '{' at namespace or class scope opens: "scope", "block" (an initialiser) or "function"."""
    # clang-format puts a space before every body: member_{1} and std::vector<int>{2} are initialisers, as are values
    # and default arguments.
    if re.search(r"[\w>]$|=\s*$", head) or head.count("(") > head.count(")"):
        return "block"
    if opening_parenthesis(head) >= 0 and not re.match(r"\s*extern\b", head):
        return "function"
    return "scope" if SCOPE.search(head) else "block"


def functions(text):
    """(name, first line, last line, parameters) of every function body at namespace or class scope."""
    text = re.sub(r"^[ \t]*#.*(?:\\\n.*)*$", lambda m: "\n" * m.group(0).count("\n"), without_noise(text), flags=re.M)
    text = re.sub(r"\brequires\s*\((?:[^()]|\([^()]*\))*\)", "", text)
    found, stack, head_start = [], [], 0  # the stack holds "scope", "block" or a function's (name, line, parameters)
    for i, char in enumerate(text):
        at_scope = not stack or stack[-1] == "scope"
        if char == ";" and at_scope:
            head_start = i + 1
        elif char == "{":
            head = text[head_start:i]
            kind = head_kind(head) if at_scope else "block"
            if kind == "function":
                at = opening_parenthesis(head)
                name = NAME.search(head[:at])
                line = text.count("\n", 0, head_start + len(head) - len(head.lstrip())) + 1
                stack.append((name.group(1) if name else "?", line, parameters(head, at)))
            else:
                stack.append(kind)
            if kind == "scope":
                head_start = i + 1
        elif char == "}" and stack:
            entry = stack.pop()
            if isinstance(entry, tuple):
                name, line, count = entry
                found.append((name, line, text.count("\n", 0, i) + 1, count))
            if entry != "block":
                head_start = i + 1
    return found


def check_file(path, room):
    errors, notes = [], []
    text = read(path)
    lines = text.count("\n") + (not text.endswith("\n"))
    limit = HEADER_LINES if path.suffix in {".h", ".cuh"} else SOURCE_LINES
    if lines > limit:
        errors.append(f"{path}: {lines} lines, at most {limit}: split it")
    for name, first, last, count in functions(text):
        long = last - first + 1 > FUNCTION_LINES
        if long and room not in LONG_FUNCTION_ROOMS and name not in LONG_FUNCTIONS:
            errors.append(f"{path}:{first}: {name}() has {last - first + 1} lines, at most {FUNCTION_LINES}: split it")
        if count > PARAMETERS and room not in LONG_FUNCTION_ROOMS:
            notes.append(f"{path}:{first}: note: {name}() has {count} parameters: an options struct reads better")
    return errors, notes


def code_lines(text):
    return sum(1 for line in without_noise(text).splitlines() if line.strip())


def check_folders(root):
    """The sources of each folder and the lines of code of each room."""
    sources, lines = collections.Counter(), collections.Counter()
    for path in source_files(root):
        if "_test." not in path.name:
            sources[path.parent] += path.suffix == ".cpp"
            lines[path.relative_to(root).parts[0]] += code_lines(read(path))
    for folder, count in sorted(sources.items()):
        if count > FOLDER_SOURCES:
            yield f"{folder}: {count} sources, at most {FOLDER_SOURCES}: divide it into folders"
    for room, count in sorted(lines.items()):
        most = CROWDED_ROOMS.get(room, ROOM_LINES)
        if count > most and room not in LARGE_ROOMS:
            yield f"{root / room}: {count} lines of code, at most {most}: split the room"


def main(source):
    root, errors, notes = pathlib.Path(source), [], []
    errors += check_folders(root)
    for path in source_files(root):
        found = check_file(path, path.relative_to(root).parts[0])
        errors += found[0]
        notes += found[1]
    print("\n".join(errors + notes), end="\n" if errors or notes else "")
    return 1 if errors else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
