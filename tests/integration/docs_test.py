"""Every command line of README.md and docs/ runs, as it stands there, in a folder where its files exist. The tutorials are followed
by tutorials_test.py."""
import json
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import unittest

from support import TASK, UNA, fresh, read_rows, run_any, serving

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "tutorials")]
# What is added so that a command is over in seconds, by its first words; the first that fits counts.
QUICK = {
    "bench bandit": ["--steps", "2", "--seeds", "1", "--methods", "grpo"],  # it has no regret to reach
    "una_online": ["--max_steps", "1", "--max_completion_length", "12", "--num_generations", "2", "--per_device_train_batch_size", "4"],
    "rloo": ["--max_steps", "1", "--max_completion_length", "12", "--num_generations", "2", "--per_device_train_batch_size", "4"],
    "rounds": ["--max_completion_length", "12", "--max_steps", "1", "--logging_steps", "1"],
    "generate": ["--max_new_tokens", "8"],
    "eval --tasks rewardbench": ["--limit", "1"],
    "eval": ["--limit", "1", "--max_gen_toks", "4", "--max_length", "512", "--threads", "1"],
    "study": ["--arms", "dpo,una_shrunk", "--seeds", "1", "--sft_answers", "60", "--feedback_prompts", "24", "--held_out_prompts", "6",
              "--steps", "2", "--adapter_scales", "1", "--kl", "0.01"],
    "tune": ["--max_steps", "4", "--tune_rungs", "2", "--tune_factor", "2", "--max_length", "160", "--reference_cache_dir", "none"],
    "train": ["--max_steps", "1"], "una": ["--max_steps", "1"], "dpo": ["--max_steps", "1"],
}
SMALL = ["--threads", "1"]
ULTRAFEEDBACK = {"chosen": "Hello there.", "rejected": "No.", "score_chosen": 8.0, "score_rejected": 2.0}


def commands(page):
    """(line number, words) of each command in an indented block; a line with "..." or "|" is a form, no command."""
    found, pending, begin = [], "", 0
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        if not pending and not re.match(r"^    (\./dev una|una) ", line):
            continue
        begin = begin if pending else number
        pending += line.strip()
        if pending.endswith("\\"):
            pending = pending[:-1]
            continue
        text, pending = re.sub(r"^\./dev ", "", pending), ""
        if "..." not in text and "|" not in text and "IN" not in text.split():
            found.append((begin, shlex.split(text, comments=True)[1:]))
    return found


def run_server(words, folder):
    """Starts a command that serves until a signal comes, and ends it: (exit code, what it wrote)."""
    process = subprocess.Popen([UNA, *words, "--port", "0", "--threads", "1"], cwd=folder, stderr=subprocess.PIPE, text=True,
                               stdin=subprocess.DEVNULL)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "http://" in line:
            process.send_signal(signal.SIGTERM)
            break
    lines.append(process.communicate(timeout=120)[1])
    return process.returncode, "".join(lines)


def judge(number, _):
    return 200, json.dumps({"choices": [{"message": {"content": f"Score: {1 + number % 10}"}}], "usage": {}}), {}


class World:
    """A folder in which the pages' names are files: models are the task's start model with room for long rows."""

    def __init__(self, name, url, start=None):
        self.folder = fresh(name)
        self.url = url
        if start:
            shutil.copytree(start.folder, self.folder, symlinks=True)
        else:
            self.folder.mkdir(parents=True)
        self.fill()

    def model(self, name, reward=False):
        path = self.folder / "path/to" / name
        if path.exists():
            return
        shutil.copytree(TASK / "start", path)
        config = json.loads((path / "config.json").read_text())
        config["max_position_embeddings"] = 4096
        (path / "config.json").write_text(json.dumps(config))

    def rows(self, name, rows):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.stat().st_size == 0:  # empty: a page opened for votes, and closed
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def fill(self):
        for name in ("model", "stories260K-hf", "SmolLM2-135M", "Mistral-7B-v0.1"):
            self.model(name)
        data = TASK / "data"
        scored = read_rows(data / "score.jsonl")[:24]
        self.rows("feedback.jsonl", read_rows(data / "pair.jsonl")[:12] + scored[:12])
        self.rows("pairs.jsonl", read_rows(data / "pair.jsonl")[:12])
        self.rows("prompts.jsonl", [{"prompt": row["prompt"]} for row in scored])
        self.rows("answers.jsonl", [{"prompt": row["prompt"], "responses": [row["completion"]]} for row in scored])
        self.rows("rows.jsonl", [{"prompt": row["prompt"], "responses": [row["completion"]]} for row in scored])
        self.rows("gsm8k.jsonl", [{"question": f"{n} apples and {n}?", "answer": f"#### {2 * n}"} for n in range(8)])
        self.rows("path/to/ratings_1to6.jsonl", [
            {"prompt": row["prompt"], "completion": row["completion"], "score": 1 + n % 6} for n, row in enumerate(scored)])
        self.rows("path/to/ultrafeedback.jsonl", [ULTRAFEEDBACK | {"prompt": f"Say {n}."} for n in range(12)])
        self.rows("path/to/helpsteer2/train.jsonl", [
            {"prompt": f"p{n}", "response": f"an answer {n}", "helpfulness": n % 5, "correctness": 3, "coherence": 4,
             "complexity": 1, "verbosity": 1} for n in range(24)])
        for name in ("tasks", "DIR"):  # rows of the leaderboard's tasks
            if not (self.folder / name).exists():
                run_any(["eval", "--make_sample", name], cwd=self.folder)
        if not (self.folder / "FOLDER").exists() and (self.folder / "path/to/reward-model").exists():
            (self.folder / "FOLDER").symlink_to("path/to/reward-model")
        (self.folder / "judge.yaml").write_text(f"base_url: {self.url}\nmodel: m\nmode: score\nscale: [1, 10]\napi_key_env: \"\"\n")
        configs = self.folder / "configs"
        if not configs.exists():
            configs.symlink_to(ROOT / "configs")

    def make_runs(self, case):
        """What pages take for granted: an adapter `my-run`, and a reward model."""
        for words in (["train", "--method", "una", "--model", "path/to/model", "--data", "feedback.jsonl", "--out", "my-run", "--max_steps", "1"],
                      ["reward", "--model", "path/to/model", "--data", TASK / "data/pair.jsonl", "--out", "reward", "--max_steps", "1"],
                      ["merge", "--model", "path/to/model", "--adapter", "reward", "--out", "path/to/reward-model"]):
            code, _, error = run_any([str(word) for word in words], cwd=self.folder)
            case.assertEqual(code, 0, error)

    def run(self, words):
        for flag in ("--out", "--output_dir"):
            if flag in words:
                out = self.folder / words[words.index(flag) + 1]
                if out.is_dir():
                    shutil.rmtree(out)
                elif out.exists():
                    out.unlink()
        if words[0] == "serve" or "--web" in words:
            return run_server(words, self.folder)
        text = " ".join(words)
        extra = next((more for start, more in QUICK.items() if text == start or text.startswith(start + " ")), [])
        if words[0] in ("train", "una", "dpo", "rloo", "una_online", "rounds", "score", "generate", "tune"):
            extra = extra + SMALL
        code, _, error = run_any([*words, *extra], cwd=self.folder)
        return code, error


class Pages(unittest.TestCase):
    def test_every_command_runs(self):
        total = 0
        with serving(judge) as server:
            start = World("docs/start", server.url)
            start.make_runs(self)
            for page in PAGES:
                found = commands(page)
                if not found:
                    continue
                world = World(f"docs/pages/{page.stem}", server.url, start)
                for line, words in found:
                    world.fill()
                    code, error = world.run(words)
                    total += 1
                    with self.subTest(page=page.name, line=line):
                        self.assertEqual(code, 0, f"una {' '.join(words)}\n{error[-1500:]}")
        self.assertGreaterEqual(total, 20, "the pages' commands are no longer found")


if __name__ == "__main__":
    unittest.main()
