#!/usr/bin/env python3
"""Text files as a C++ source: embed.py OUT.cpp NAMESPACE name=file... (each a std::string_view 'name')."""
import pathlib
import sys

CHUNK = 8192  # characters per literal; compilers need not take longer ones
DELIMITER = "una~text"


def literal(text):
    if f"){DELIMITER}\"" in text:
        sys.exit("embed.py: a file holds the raw-string delimiter")
    chunks = [text[i:i + CHUNK] for i in range(0, len(text), CHUNK)] or [""]
    return "\n".join(f'R"{DELIMITER}({chunk}){DELIMITER}"' for chunk in chunks)


def main(out, namespace, *pairs):
    lines = ["// Made by tools/embed.py.", "#include <string_view>", "", f"namespace {namespace} {{"]
    for pair in pairs:
        name, _, path = pair.partition("=")
        text = pathlib.Path(path).read_text(encoding="utf-8")
        lines.append(f"extern const std::string_view {name};")
        lines.append(f"const std::string_view {name} =\n{literal(text)};")
    lines.append(f"}}  // namespace {namespace}\n")
    pathlib.Path(out).write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
