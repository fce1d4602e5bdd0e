"""What the integration tests share: the program, a small task made by `una demo`, and ways to run commands."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

UNA = os.environ["UNA"]
TASK = pathlib.Path(os.environ["UNA_TASK"])  # made by make_task.py: init/, start/, data/*.jsonl
TMP = pathlib.Path(os.environ["UNA_TEST_TMP"])
QUICK = ["--max_length", "160", "--lora_r", "4", "--learning_rate", "1e-3", "--logging_steps", "1",
         "--reference_cache_dir", "none", "--threads", "1", "--report_to", "none"]


def run(*arguments, code=0, env=None):
    """Runs una; asserts the exit code; returns (stdout, stderr)."""
    done = subprocess.run([UNA, *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, **(env or {})}, timeout=300)
    assert done.returncode == code, f"exit {done.returncode}, wanted {code}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def fresh(name):
    """A path in the tests' folder at which nothing stands."""
    path = TMP / name
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_rows(name, rows):
    path = fresh(name)
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n") if line]


def train(method, data, out, *more, code=0):
    return run(method, "--model", TASK / "start", "--data", data, "--out", out, *QUICK, *more, code=code)


main = unittest.main
