#!/usr/bin/env python3
"""Writes the sources of a target into few larger ones ("unity build") and prints the paths of what it wrote.

usage: unity_units.py FOLDER SIZE SOURCE...

Most of compiling a source of this project is the same for each: headers, and the templates of ATen and nlohmann/json that
they make. A unit compiles up to SIZE sources for little more than the price of one. It includes the headers of all its
sources first and then the sources, so that nothing in a header can mean something else because of a source before it.
Two sources share a unit only where no name that is private to one (in an anonymous namespace, static, a macro) appears
in the other at all: sharing a unit then changes the meaning of neither. A unit is written only where its text changes.
"""
import pathlib
import re
import sys

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "src"
COMMENTS_AND_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)
INCLUDE = re.compile(r"^#include\s+[<\"][^>\"]+[>\"]", re.M)
TYPE = re.compile(r"\b(?:struct|class|enum(?:\s+class)?|union|concept)\s+(\w+)")
BRACES = re.compile(r"[{}]")
MACRO_CALL = re.compile(r"\s*[A-Z][A-Z_]*\(")  # TEST(Suite, Name)
FURTHER = re.compile(r",\s*(\w+)\s*(?=[=,{]|$)")  # const double kA = 1, kB = 2
LAST_WORD = re.compile(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$")


def private_blocks(code):
    """The texts between the braces of the anonymous namespaces."""
    for start in re.finditer(r"\bnamespace\s*\{", code):
        depth = 1
        for brace in BRACES.finditer(code, start.end()):
            depth += 1 if brace.group() == "{" else -1
            if depth == 0:
                yield code[start.end():brace.start()]
                break


def statements(block):
    """What is written at the outermost level of a block, cut at each ; and at the end of each pair of braces."""
    depth, start = 0, 0
    for brace in BRACES.finditer(block):
        if depth == 0 and brace.group() == "{":
            yield from block[start:brace.end()].split(";")
        depth += 1 if brace.group() == "{" else -1
        start = brace.end()
    yield from block[start:].split(";")


def declared(statement):
    """The names that a statement at namespace level declares: of a type, an alias, a function or a variable."""
    statement = re.sub(r"^\s*#.*$", " ", statement, flags=re.M)
    names = {match.group(1) for match in TYPE.finditer(statement)} | set(FURTHER.findall(statement))
    head = re.split(r"[({=;]", re.sub(r"\boperator\s*\S+?\s*\(", "(", statement), maxsplit=1)[0]
    word = LAST_WORD.search(head.strip())
    return names | ({word.group(1)} if word and not MACRO_CALL.match(statement) else set())


def enumerators(block):
    for body in re.findall(r"\benum\s+\w*\s*(?::\s*\w+\s*)?\{([^}]*)\}", block):
        yield from re.findall(r"(\w+)\s*(?:=[^,]*)?(?:,|$)", body)


def macro_words(includes):
    """The words in the macros of our own headers: a source that uses such a macro uses them too."""
    words = set()
    for line in includes:
        header = SOURCES / re.search(r'[<"]([^>"]+)', line).group(1)
        if "una/" in line and header.is_file():
            for macro in re.findall(r"^#define(?:.*\\\n)*.*", header.read_text(encoding="utf-8"), re.M):
                words |= set(re.findall(r"\w+", macro))
    return words


class Source:
    """One source: its private names, its aliases and all of its words."""

    def __init__(self, path):
        self.path, text = path, path.read_text(encoding="utf-8")
        self.includes = INCLUDE.findall(text)
        self.prepares = bool(re.search(r"^#define\b.*^#include\b", text, re.M | re.S))  # its headers for itself
        code = COMMENTS_AND_TEXT.sub(" ", text)
        self.words = set(re.findall(r"\w+", INCLUDE.sub(" ", code))) | macro_words(self.includes)
        self.private, self.aliases = set(re.findall(r"^#define\s+(\w+)", code, re.M)), {}
        self.private |= {match for head in re.findall(r"^static\b([^;{=]*)", code, re.M) for match in declared(head)}
        for block in private_blocks(code):
            self.private |= set(enumerators(block))
            for statement in statements(block):
                self.private |= declared(statement)
        for line in re.findall(r"^using\s[^;]*;", code, re.M):
            name = re.search(r"(\w+)\s*(?:=|;)", line).group(1)
            self.aliases[name] = " ".join(line.split())
        self.private -= self.aliases.keys()

    def allows(self, other):
        """Whether nothing in this source changes the meaning of `other` in the same unit."""
        return not self.prepares and not self.private & other.words and all(
            name not in other.words or other.aliases.get(name) == line for name, line in self.aliases.items())


def units_of(sources, size):
    """The sources in units, each source in the first unit that has room and no conflict."""
    units = []
    for source in sources:
        fits = (unit for unit in units
                if len(unit) < size and all(source.allows(other) and other.allows(source) for other in unit))
        unit = next(fits, None)
        if unit is None:
            units.append([source])
        else:
            unit.append(source)
    return units


def unit_text(unit):
    headers = sorted({line for source in unit for line in source.includes}, key=lambda line: ("<" in line, line))
    # The compiler takes what a unit includes for headers; an anonymous namespace in a header is what this warning is about.
    lines = ['#pragma GCC diagnostic ignored "-Wsubobject-linkage"', *headers]
    return "\n".join(lines + [f'#include "{source.path}"' for source in unit]) + "\n"


def write_unit(unit, path):
    """The path of what compiles the unit: a unit of one source is that source."""
    if len(unit) == 1:
        return unit[0].path
    text = unit_text(unit)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


def main():
    folder, size = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    units = units_of([Source(pathlib.Path(path)) for path in sorted(sys.argv[3:])], size)
    paths = [write_unit(unit, folder / f"unit_{number}.cpp") for number, unit in enumerate(units)]
    print(";".join(str(path) for path in paths), end="")


if __name__ == "__main__":
    main()
