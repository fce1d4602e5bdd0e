"""una rounds: sample, label, train, repeat; every file kept, kills survived."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

from support import QUICK, TASK, UNA, fresh, read_rows, run, write_rows


def prompts():
    rows = read_rows(TASK / "data" / "pair.jsonl")
    seen = list(dict.fromkeys(row["prompt"] for row in rows))
    return write_rows("rounds-prompts.jsonl", [{"prompt": prompt} for prompt in seen[:24]])


def command(method, out, *more):
    return ["rounds", "--method", method, "--model", TASK / "start", "--data", TMP_PROMPTS, "--reward", "length:4", "--out", out,
            *QUICK, "--num_generations", 4, "--max_completion_length", 24, "--per_device_train_batch_size", 8,
            "--num_train_epochs", 1, "--rounds", 2, *more]


TMP_PROMPTS = prompts()
ADAPTER = "adapter/adapter_model.safetensors"


class Rounds(unittest.TestCase):
    def test_every_method_keeps_every_file_and_raises_the_reward(self):
        for method, more in (("una", ["--beta", "0.02"]), ("dpo", ["--reference", "previous"]), ("kto", [])):
            with self.subTest(method=method):
                out = fresh(f"rounds-{method}")
                text = run(*command(method, out, "--num_train_epochs", 3, *more))[0]
                for number in (1, 2):
                    for name in ("samples.jsonl", "labelled.jsonl", ADAPTER, "train.yaml"):
                        self.assertTrue((out / f"round-{number}" / name).is_file(), name)
                self.assertTrue((out / "round-3" / "labelled.jsonl").is_file(), "the last policy is measured too")
                result = json.loads((out / "results.json").read_text())
                first, last = result["rounds"]
                self.assertEqual(first["reward_after"], last["reward_before"])
                self.assertGreater(last["reward_after"], first["reward_before"], text)
                self.assertGreater(last["kl"], 0)
                previous = method == "dpo"
                self.assertEqual([row["reference"] for row in result["rounds"]], ["start", "round-1" if previous else "start"])
                summary = json.loads((out / "round-2" / "adapter" / "summary.json").read_text())
                self.assertIn("frozen copy of the adapter" if previous else "the model in", summary["reference"]["description"])
                self.assertIn("reward before", text)
                run("report", out)
                html = (out / "report.html").read_text()
                self.assertIn('"round 2"', html)
                self.assertIn("reward_after", html)

    def test_a_reward_s_command_may_call_una_again(self):
        out = fresh("rounds-command")
        run(*command("una", out, "--rounds", 1, "--max_steps", 1, "--score_range", "0,1", "--reward",
                     f"command:{UNA} --version > /dev/null && sed 's/.*/0.5/'"))
        self.assertEqual(json.loads((out / "results.json").read_text())["rounds"][0]["reward_after"], 0.5)

    def test_prompts_may_be_an_entry_of_dataset_info(self):
        folder, out = fresh("rounds-info"), fresh("rounds-info-run")
        folder.mkdir()
        (folder / "dataset_info.json").write_text(json.dumps({"asks": {"file_name": str(TMP_PROMPTS), "columns": {"prompt": "prompt"}}}))
        run(*command("una", out, "--rounds", 1, "--max_steps", 1, "--dataset_dir", folder, "--data", "asks"))
        self.assertEqual(len(json.loads((out / "results.json").read_text())["rounds"]), 1)

    def stages(self, out):
        path = out / "rounds.json"
        return [one["stage"] for one in json.loads(path.read_text())["stages"]] if path.is_file() else []

    def killed(self, words, ready):
        """Starts una, kills it (and with it its child) at once when `ready()`."""
        process = subprocess.Popen([UNA, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=dict(os.environ))
        limit = time.monotonic() + 120
        while not ready():
            self.assertIsNone(process.poll(), "it ended before it could be killed")
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def running(self, out):
        """The processes that work on files of that folder."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{out}/round-".encode() in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    def test_kills_within_and_between_stages_change_nothing(self):
        more = ["--num_train_epochs", 2, "--save_steps", 1]
        straight, broken = fresh("rounds-straight"), fresh("rounds-broken")
        run(*command("dpo", straight, *more))
        words = command("dpo", broken, *more)
        self.killed(words, lambda: (broken / "rounds.yaml").is_file())  # in the first stage
        self.killed(words, lambda: "round-1/label" in self.stages(broken))
        self.killed(words, lambda: list(broken.glob("round-1/adapter/checkpoint-*")) != [])
        self.killed(words, lambda: (broken / "round-2" / "samples.jsonl").is_file())
        run(*words)
        self.assertEqual(self.stages(broken), self.stages(straight))
        for name in ("round-1/samples.jsonl", "round-2/labelled.jsonl", f"round-1/{ADAPTER}", f"round-2/{ADAPTER}",
                     "round-3/labelled.jsonl"):
            self.assertEqual((straight / name).read_bytes(), (broken / name).read_bytes(), name)

    def test_a_child_ends_with_the_program_that_started_it(self):
        out = fresh("rounds-orphan")
        self.killed(command("dpo", out, "--num_train_epochs", 5000, "--save_steps", 1),
                    lambda: list(out.glob("round-1/adapter/checkpoint-*")) != [])
        limit = time.monotonic() + 5
        while self.running(out) and time.monotonic() < limit:
            time.sleep(0.02)
        orphans = self.running(out)
        for orphan in orphans:
            os.kill(orphan, signal.SIGKILL)
        self.assertEqual(orphans, [], "it goes on training for nobody")

    def test_more_rounds_go_on_and_other_settings_do_not(self):
        out = fresh("rounds-more")
        run(*command("kto", out, "--rounds", 1))
        before = (out / "round-1" / ADAPTER).stat().st_mtime_ns
        run(*command("kto", out, "--rounds", 2))
        self.assertEqual((out / "round-1" / ADAPTER).stat().st_mtime_ns, before, "what is done stays")
        self.assertEqual(len(json.loads((out / "results.json").read_text())["rounds"]), 2)
        self.assertIn("learning_rate was", run(*command("kto", out, "--learning_rate", "1e-4"), code=2)[1])

    def test_a_start_adapter_and_whole_models_work(self):
        first, out = fresh("rounds-first"), fresh("rounds-adapter")
        run(*command("dpo", first, "--rounds", 1))
        run(*command("dpo", out, "--rounds", 1, "--adapter", first / "round-1" / "adapter"))
        self.assertTrue((out / "start" / "config.json").is_file())
        full = fresh("rounds-full")
        run(*command("dpo", full, "--use_peft", "false", "--learning_rate", "1e-4"))
        self.assertTrue((full / "round-2" / "adapter" / "model.safetensors").is_file())
        self.assertGreater(json.loads((full / "results.json").read_text())["rounds"][1]["kl"], 0)

    def test_bad_input_is_one_sentence(self):
        def refused(*more, method="dpo"):
            return run(*command(method, fresh("rounds-bad"), *more), code=2)[1]

        self.assertIn("method", refused(method="ppo"))
        self.assertIn("reference", refused("--reference", "last"))
        self.assertIn("num_generations must be at least 2", refused("--num_generations", 1))
        self.assertIn("rounds must be 1 or more", refused("--rounds", 0))
        self.assertIn("compare with --reference start|previous", refused("--ref_model", TASK / "start"))
        self.assertIn("goes on from where the rounds stopped", refused("--resume_from_checkpoint", "true"))
        self.assertIn("min_p is 2", refused("--min_p", "2"))
        self.assertIn("ended within 1 tokens", refused("--max_completion_length", 1))
        self.assertIn("labelling round 1 ended with exit code 2", refused("--reward", "command:exit 3"))
        occupied = fresh("rounds-occupied")
        occupied.mkdir()
        pathlib.Path(occupied / "mine.txt").write_text("x")
        self.assertIn("holds no rounds of una", run(*command("dpo", occupied), code=2)[1])


if __name__ == "__main__":
    unittest.main()
