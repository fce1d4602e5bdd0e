"""tests/bad_files: each file is refused with exit 2 and its sentence, within 60 s of processor time and 2 GB, and nothing is written.

    bad_files_test.py           compares with tests/bad_files/expected.txt
    bad_files_test.py --write   writes what the program says now into it, to be read by a person
"""
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

from commands import CommandServer

UNA = str(pathlib.Path(os.environ["UNA"]).resolve())
HERE = pathlib.Path(__file__).resolve().parent.parent / "bad_files"
EXPECTED = HERE / "expected.txt"
GROUPS = ["rows", "configs", "templates", "tokenizers", "safetensors", "adapters", "checkpoints"]
TARGETS = {"configs": "config.json", "templates": "chat_template.jinja", "tokenizers": "tokenizer.json",
           "safetensors": "model.safetensors", "adapters": "adapter_config.json"}
QUICK = ["--max_steps", "1", "--lora_r", "2", "--threads", "1", "--report_to", "none", "--reference_cache_dir", "none"]
SANITIZED = bool(os.environ.get("UNA_SANITIZE"))
LIMIT = 240  # seconds on a busy machine
CPU = 240 if SANITIZED else 60  # seconds of the processor
MEMORY = 1 << 20 if SANITIZED else 2048  # MB

HEAD = """\
# What una says about each file of this folder: its path, behind a bar the method where it is not the group's own,
# then the sentence. MODEL, ADAPTER, CHECKPOINT and OUT stand for folders of the test. README.md says how it is read.
"""


class Case:
    def __init__(self, name, method="", lines=()):
        self.name, self.method, self.lines = name, method, list(lines)

    @property
    def group(self):
        return self.name.split("/")[0]

    def text(self):
        head = f"{self.name} | {self.method}" if self.method else self.name
        return "\n".join([head, *("    " + line for line in self.lines)]) + "\n"


def read_expected():
    cases = []
    for line in EXPECTED.read_text(encoding="utf-8").split("\n") if EXPECTED.exists() else []:
        if line.startswith("    "):
            cases[-1].lines.append(line[4:])
        elif line and not line.startswith("#"):
            name, _, method = line.partition(" | ")
            cases.append(Case(name, method))
    return cases


def names_on_disk():
    return [f"{group}/{path.name}" for group in GROUPS for path in sorted((HERE / group).iterdir())]


def lay_over(good, case, target):
    """A copy of the folder `good` with the case's file in the place of its own, or the case's folder over it."""
    shutil.copytree(good, target)
    source = HERE / case.name
    if source.is_file():
        shutil.copyfile(source, target / TARGETS[case.group])
        return
    remove = source / "REMOVE"
    for name in remove.read_text().split() if remove.exists() else []:
        (target / name).unlink()
    for path in source.iterdir():
        if path.name != "REMOVE":
            shutil.copyfile(path, target / path.name)


def snapshot(folder):
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


def environment(temporary):
    # Under a sanitizer what cannot be had must come back as null, as from the C library, not end the program.
    return {**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive",
            "ASAN_OPTIONS": "allocator_may_return_null=1"}


def una(arguments, scratch):
    """Exit code (None: it had to be stopped) and stderr. Paths of the corpus are relative to its folder."""
    temporary = scratch / "tmp"
    temporary.mkdir(exist_ok=True)
    try:
        done = subprocess.run([UNA, *map(str, arguments)], cwd=HERE, env=environment(temporary),
                              timeout=LIMIT, capture_output=True)
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stderr.decode("utf-8", "backslashreplace")


class Server:
    """The same by tests/integration/command_server.cpp, one for each thread; all of its commands share one tmp."""

    def __init__(self):
        self.temporary = pathlib.Path(tempfile.mkdtemp(prefix="bad-files-")) / "tmp"
        self.commands = CommandServer(cwd=HERE, env=environment(self.temporary))

    def una(self, arguments, scratch):
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        code, _, error = self.commands.run(arguments, LIMIT)
        for path in self.temporary.iterdir():
            shutil.move(path, scratch / "tmp")
        if self.commands.peak_mb > MEMORY or self.commands.cpu_seconds > CPU:
            error += f"\nuna: it took {self.commands.peak_mb} MB and {self.commands.cpu_seconds} s\n"
        return None if code == -signal.SIGALRM else code, error.decode("utf-8", "backslashreplace")

    def close(self):
        self.commands.close()
        shutil.rmtree(self.temporary.parent)


def base_run(scratch):
    """A run folder with checkpoint-2, which the cases of checkpoints are laid over."""
    out = scratch / "run"
    code, error = una(["dpo", "--model", "good/model", "--data", "good/pairs.jsonl", "--out", out, *QUICK,
                       "--max_steps", "2", "--save_steps", "2"], scratch)
    assert code == 0, error
    return out


def resume_arguments(out):
    return ["dpo", "--model", "good/model", "--data", "good/pairs.jsonl", "--out", out, *QUICK, "--max_steps", "3",
            "--save_steps", "2", "--resume_from_checkpoint", out / "checkpoint-2"]


def prepare(case, scratch, run):
    """The command of a case, and the names of folders in its sentence."""
    out, group = scratch / "out", case.group
    given = ["--data", "good/pairs.jsonl", "--out", out, *QUICK]
    if group == "rows":
        return [case.method or "una", "--model", "good/model", *given, "--data", case.name], {out: "OUT"}
    if case.name.endswith(".yaml"):  # no further flags: they would win over the file
        return ["train", "--config", case.name, "--model", "good/model", *given[:4]], {out: "OUT"}
    if group == "checkpoints":
        shutil.copytree(run, out, ignore=shutil.ignore_patterns("checkpoint-*"))
        lay_over(run / "checkpoint-2", case, out / "checkpoint-2")
        return resume_arguments(out), {out / "checkpoint-2": "CHECKPOINT", out: "OUT"}
    if group == "adapters":
        adapter = scratch / "adapter"
        lay_over(HERE / "good/adapter", case, adapter)
        return ["dpo", "--model", "good/model", "--adapter", adapter, *given], {adapter: "ADAPTER", out: "OUT"}
    model = scratch / "model"
    lay_over(HERE / "good/model", case, model)
    chat = ["--data", "good/chat.jsonl"] if group == "templates" else []
    return [case.method or "dpo", "--model", model, *given, *chat], {model: "MODEL", out: "OUT"}


def run_case(case, run, una=una):
    """The lines that the program says, and what is wrong with how it ended ("" for nothing)."""
    with tempfile.TemporaryDirectory(prefix="bad-files-") as folder:
        scratch = pathlib.Path(folder)
        out = scratch / "out"
        arguments, names = prepare(case, scratch, run)
        before = snapshot(out) if out.exists() else None
        (scratch / "tmp").mkdir()
        code, error = una(arguments, scratch)
        at = ("\n" + error).rfind("\nuna: ")
        said = error[at + len("una: "):].strip("\n") if at >= 0 else ""
        for path, name in names.items():
            said = said.replace(str(path), name)
        said = said.replace(f"{HERE}/", "")
        trouble = []
        if code != 2:
            trouble.append("did not end in time" if code is None else f"exit code {code}: {error[-400:]}")
        if not said:
            trouble.append("no sentence")
        if before != (snapshot(out) if out.exists() else None):
            trouble.append("something was written")
        if list((scratch / "tmp").iterdir()):
            trouble.append("a temporary file was left behind")
        return said.split("\n"), "; ".join(trouble)


def run_all(cases):
    with tempfile.TemporaryDirectory(prefix="bad-files-") as folder:
        run = base_run(pathlib.Path(folder))
        if "UNA_COMMAND_SERVER" not in os.environ:
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                return list(pool.map(lambda case: run_case(case, run), cases))
        servers, own = [], threading.local()

        def start():
            own.server = Server()
            servers.append(own.server)

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count(), initializer=start) as pool:
            results = list(pool.map(lambda case: run_case(case, run, own.server.una), cases))
        for server in servers:
            server.close()
        return results


class BadFiles(unittest.TestCase):
    maxDiff = None

    def test_every_file_is_in_the_index_and_the_other_way_round(self):
        self.assertEqual(sorted(case.name for case in read_expected()), sorted(names_on_disk()))

    def test_every_file_is_refused_with_its_sentence(self):
        cases = read_expected()
        self.assertGreaterEqual(len(cases), 60)
        for case, (lines, trouble) in zip(cases, run_all(cases)):
            with self.subTest(case=case.name):
                self.assertEqual(trouble, "")
                self.assertEqual("\n".join(lines), "\n".join(case.lines))

    def test_the_program_itself_says_the_same(self):
        cases = {case.group: case for case in read_expected()}
        with tempfile.TemporaryDirectory(prefix="bad-files-") as folder:
            run = base_run(pathlib.Path(folder))
            for case in cases.values():
                with self.subTest(case=case.name):
                    self.assertEqual(run_case(case, run), (case.lines, ""))

    def test_the_good_files_pass(self):
        with tempfile.TemporaryDirectory(prefix="bad-files-") as folder:
            scratch = pathlib.Path(folder)
            out = base_run(scratch)
            more = ["--out", scratch / "other", "--overwrite_output_dir", *QUICK]
            for arguments in (
                    ["dpo", "--model", "good/model", "--data", "good/chat.jsonl", *more],
                    ["dpo", "--model", "good/model", "--data", "good/pairs.jsonl", "--adapter", "good/adapter", *more],
                    resume_arguments(out)):
                code, error = una(arguments, scratch)
                self.assertEqual(code, 0, error)


def write_expected():
    known = {case.name: case for case in read_expected()}
    cases = [known.get(name, Case(name)) for name in names_on_disk()]
    for case, (lines, trouble) in zip(cases, run_all(cases)):
        case.lines = lines
        if trouble:
            print(f"{case.name}: {trouble}")
    EXPECTED.write_text(HEAD + "".join("\n" + case.text() for case in cases), encoding="utf-8")


if __name__ == "__main__":
    write_expected() if "--write" in sys.argv else unittest.main()
