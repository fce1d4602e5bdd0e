#!/usr/bin/env python3
"""Fail when a file or function outgrows its budget: check_budgets.py SRC

A function stops at 60 lines (25 is the aim), a header at 200, a source at 600 (400 is the aim). More than six
parameters are only mentioned. Exempt by name: the rooms and functions below.
"""
import pathlib
import re
import sys

from cpp_text import read, source_files, without_noise

FUNCTION_LINES, HEADER_LINES, SOURCE_LINES, PARAMETERS = 60, 200, 600, 6
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


def main(source):
    root, errors, notes = pathlib.Path(source), [], []
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
