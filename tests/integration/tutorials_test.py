"""Every tutorial is followed from its first line to its last: its ```sh blocks run in one shell, in an empty folder, and each
line that the page shows as output (```text) is in what the block wrote, in order, numbers aside.

`una demo` hands over the suite's task instead of making a larger one, and long runs get the flags of QUICK.
`python3 tutorials_test.py --show PAGE FOLDER` runs a page at its full length and prints what each block wrote."""
import os
import pathlib
import re
import socket
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs/tutorials").glob("*.md"))
LIMIT = 240  # seconds that a page may take
PORTS = ("8123", "8124")  # of the pages' servers; the suite takes free ones
# What is added so that a command is over in a second or two, by its first word; the last of equal flags counts. A judge must at
# least learn how a verdict is written.
SHORT = ["--max_steps", "3", "--logging_steps", "1"]
QUICK = {name: SHORT for name in ("una", "dpo", "train", "reward")} | {
    "sft": ["--max_steps", "60", "--per_device_train_batch_size", "8", "--learning_rate", "3e-3", "--warmup_ratio", "0"],
    "ppo": ["--max_steps", "2", "--logging_steps", "1", "--per_device_train_batch_size", "4"],
    "rloo": ["--max_steps", "2", "--per_device_train_batch_size", "4"],
    "generate": [], "score": [], "serve": [], "eval": ["--limit", "8"],
}
SHIM = f"""#!{sys.executable}
import os, shutil, sys
words, quick = sys.argv[1:], {QUICK!r}
if words[0] == "demo":
    shutil.copytree(os.environ["UNA_TASK"], words[words.index("--out") + 1])
    sys.exit()
if words[0] in quick:
    words += [*quick[words[0]], "--threads", "1"]
os.execv(os.environ["UNA"], ["una", *words])
"""
MARK = "== block "


def blocks(page):
    """(line, commands, shown output or "") of each ```sh block; the ```text block that follows is what it writes."""
    found = []
    for block in re.finditer(r"^```(sh|text)\n(.*?)^```$", page, re.M | re.S):
        line = page.count("\n", 0, block.start()) + 1
        if block[1] == "sh":
            found.append([line, block[2], ""])
        else:
            found[-1][2] += block[2]
    return found


def follow(found, folder, environment):
    """Runs the blocks in one shell; what each of them wrote. A command that fails ends the page."""
    script = 'set -eo pipefail\ntrap \'kill $(jobs -p) 2>/dev/null || true\' EXIT\n'
    for number, (_, commands, _) in enumerate(found):
        script += f"echo '{MARK}{number}'\n{commands}\n"
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=LIMIT if "UNA_TASK" in environment else None)
    written = re.split(rf"^{MARK}\d+\n", done.stdout, flags=re.M)[1:]
    return done.returncode, written


def shape(line):
    """A line without its numbers, hashes and verdicts: machines, settings and lengths of runs differ in them."""
    line = re.sub(r"\b[0-9a-f]{32}\b|[-+]?\d[\d.,:e+-]*", "0", line)
    return " ".join(re.sub(r"(better|worse|no difference shown)$", "a verdict", line).split())


def missing(shown, written):
    """The first shown line that is not there, after the one before it; a line `...` stands for any number of lines, and one that
    ends in ` ...` for any ending."""
    lines = iter([shape(line) for line in written.split("\n")])
    for line in shown.split("\n"):
        wanted = shape(line)
        if wanted in ("", "..."):
            continue
        start = wanted[:-4] if wanted.endswith(" ...") else None
        if not any(found == wanted if start is None else found.startswith(start) for found in lines):
            return line
    return None


def quick_environment(folder):
    tools = folder / "bin"
    tools.mkdir(parents=True)
    (tools / "una").write_text(SHIM)
    (tools / "una").chmod(0o755)
    return {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(folder / "cache")}


def with_free_ports(text):
    with socket.socket() as one, socket.socket() as two:
        for port, taken in zip(PORTS, (one, two)):
            taken.bind(("127.0.0.1", 0))
            text = text.replace(port, str(taken.getsockname()[1]))
    return text


class Tutorials(unittest.TestCase):
    def test_there_are_pages_and_each_shows_output(self):
        self.assertGreaterEqual(len(PAGES), 7)
        for page in PAGES:
            self.assertTrue(any(shown for _, _, shown in blocks(page.read_text(encoding="utf-8"))), page.name)

    def test_a_line_that_is_not_written_is_found(self):
        self.assertEqual(missing("rows read 12\n...\nan answer\n", "rows read 7\nx\nno answer\n"), "an answer")
        self.assertIsNone(missing("rows read 12\n...\nan answer ...\n", "rows read 7\nx\nan answer of 5\n"))


def page_test(page):
    def test(self):
        from support import fresh
        folder = fresh(f"tutorials/{page.stem}")
        found = blocks(with_free_ports(page.read_text(encoding="utf-8")))
        code, written = follow(found, folder / "work", quick_environment(folder))
        last = f"{page.name}:{found[len(written) - 1][0]}"
        self.assertEqual(code, 0, f"{last}: exit {code}\n{written[-1][-3000:] if written else ''}")
        for (line, _, shown), text in zip(found, written):
            lost = missing(shown, text)
            self.assertIsNone(lost, f"{page.name}:{line}: not written: {lost}\nbut:\n{text[-3000:]}")
    return test


for _page in PAGES:
    setattr(Tutorials, f"test_{_page.stem.replace('-', '_')}", page_test(_page))

if __name__ == "__main__":
    if sys.argv[1:2] == ["--show"]:
        pieces = blocks(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
        result, texts = follow(pieces, pathlib.Path(sys.argv[3]), {**os.environ})
        for piece, output in zip(pieces, texts):
            print(f"---- line {piece[0]}; not found: {missing(piece[2], output)!r}\n{output}")
        sys.exit(result)
    unittest.main()
