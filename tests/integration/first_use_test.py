"""What a person meets in the first hour: help, keys of other methods, folders, doctor, what score and preview print."""
import json
import os
import pathlib
import re
import subprocess
import unittest

from support import TASK, fresh, read_rows, run, run_any, train, write_rows

PAIRS = TASK / "data" / "pair.jsonl"


class Keys(unittest.TestCase):
    def test_help_has_what_the_method_reads(self):
        dpo = run("dpo", "-h")[0]
        self.assertIn("--loss_type", dpo)
        self.assertNotIn("--una_loss", dpo)
        self.assertNotIn("--num_generations", dpo)
        self.assertEqual(run("help", "dpo")[0], dpo)
        self.assertEqual(run("--help", "dpo")[0], dpo)
        self.assertIn("--una_loss", run("dpo", "--help", "all")[0])
        self.assertIn("--num_generations", run("rloo", "--help")[0])
        self.assertLessEqual(max(map(len, dpo.split("\n"))), 120)

    def test_keys_of_other_methods_are_refused(self):
        base = ["--model", TASK / "start", "--data", PAIRS, "--out", fresh("keys")]
        for method, key, value, others in [("una", "--loss_type", "ipo", "dpo"), ("dpo", "--una_loss", "bce", "una"),
                                           ("dpo", "--num_generations", "4", "rloo")]:
            error = run(method, *base, key, value, code=2)[1]
            self.assertIn(f"{key}: {method} does not read this key", error)
            self.assertIn(others, error)

    def test_unknown_keys_come_at_once_with_their_lines(self):
        config = fresh("unknown.yaml")
        config.write_text("method: dpo\nlearning_rte: 1\ntrust_remote_code: true\nmode: x\n")
        error = run("train", "--config", config, "--push-to-mars", code=2)[1]
        for piece in ("unknown.yaml:2: learning_rte (did you mean learning_rate?)", "unknown.yaml:4: mode", "--push-to-mars"):
            self.assertIn(piece, error)
        self.assertNotIn("trust_remote_code", error)

    def test_what_cannot_be_done_is_refused(self):
        for keys, words in [(["--report_to", "tensorbord"], "did you mean 'tensorboard'"), (["--report_to", "trackio"], "not offered"),
                            (["--load_best_model_at_end"], "--eval_fraction"), (["--eval_strategy", "steps"], "--eval_fraction"),
                            (["--eval_data", "nothing.jsonl"], "--eval_data: "), (["--bf16", "--dtype", "float32"], "contradict")]:
            self.assertIn(words, run("dpo", "--model", TASK / "start", "--data", PAIRS, "--out", fresh("first-use-refused"), "--max_length", 160,
                                     *keys, code=2)[1])

    def test_a_metric_that_no_evaluation_gives_is_refused_before_anything_is_read(self):
        words = ["--max_steps", 3, "--eval_fraction", "0.2", "--metric_for_best_model"]
        _, log = train("dpo", "nothing.jsonl", fresh("metric"), *words, "nonsense", code=2)
        self.assertIn("metric_for_best_model: 'nonsense' is not a metric of any evaluation; there are loss, ", log)
        known = set(re.search(r"there are (.*), una/", log)[1].split(", "))
        for method, data in (("dpo", PAIRS), ("una", TASK / "data" / "mixed.jsonl"), ("kto", TASK / "data" / "binary.jsonl"), ("reward", PAIRS)):
            out = fresh("metric")
            train(method, data, out, "--max_steps", 1, "--eval_fraction", "0.01", "--max_rows", 200)
            logged = {name[5:] for row in read_rows(out / "metrics.jsonl") for name in row if name.startswith("eval_")}
            self.assertIn("loss", logged)
            self.assertEqual({name for name in logged - known if not name.startswith(("una/", "loss/"))}, set(), method)
        # One that the run's own evaluation lacks is told by its first batch.
        _, log = train("dpo", PAIRS, fresh("metric"), *words, "win_rate", code=2)
        self.assertIn("'win_rate' is not among the metrics of the evaluation: eval_", log)
        self.assertNotIn("step 1/3", log)


class StandardInput(unittest.TestCase):
    def una(self, rows, *words):
        return subprocess.run([os.environ["UNA"], *map(str, words)], input=rows, capture_output=True, timeout=300, check=False)

    def test_it_is_read_as_a_file_of_its_kind(self):
        csv = b"prompt;completion;label\nname a colour;blue;true\nname another;red;false\n"
        for rows in (csv, b'{"prompt":"name a colour","completion":"blue","label":true}\n'
                          b'{"prompt":"name another","completion":"red","label":false}\n'):
            out = fresh("stdin.jsonl")
            done = self.una(rows, "convert", "--data", "-", "--to", "native", "--out", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([(row["prompt"], row["completion"], row["label"]) for row in read_rows(out)],
                             [("name a colour", "blue", True), ("name another", "red", False)])
            self.assertIn(b"2    as binary", self.una(rows, "preview", "--model", TASK / "start", "--data", "-").stdout)

    def test_a_run_wants_files(self):
        done = self.una(b"", "dpo", "--model", TASK / "start", "--data", "-", "--out", fresh("stdin-run"))
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"write standard input to a file first", done.stderr)


class Score(unittest.TestCase):
    def test_rows_can_be_copied_beside_what_was_found(self):
        rows = [{"id": n, "prompt": f"name colour {n}", "chosen": "blue", "rejected": "no", "note": {"of": [n]}} for n in range(3)]
        data, out = write_rows("copied.jsonl", rows), fresh("copied-out.jsonl")
        run("score", "--model", TASK / "start", "--beta", "0.1", "--data", data, "--out", out, "--copy_row", "--threads", 1)
        self.assertEqual([line["input"] for line in read_rows(out)], [row for row in rows for _ in range(2)])


class NamedTemplates(unittest.TestCase):
    def test_a_name_is_enough_and_the_run_keeps_its_text(self):
        chat = [{"prompt": [{"role": "user", "content": f"say {n}"}], "chosen": [{"role": "assistant", "content": "yes"}],
                 "rejected": [{"role": "assistant", "content": "no"}]} for n in range(4)]
        data, out, scored = write_rows("named.jsonl", chat), fresh("named"), [fresh("named-1.jsonl"), fresh("named-2.jsonl")]
        shown = run("preview", "--model", TASK / "start", "--data", data, "--chat_template_path", "chatml", "--color", "never")
        self.assertIn("<|im_start|>user\\nsay 0<|im_end|>\\n<|im_start|>assistant\\n[yes<|im_end|>", shown[0])
        self.assertIn("the tokenizer has no token <|im_start|>, <|im_end|>", shown[1])
        train("dpo", data, out, "--chat_template_path", "chatml", "--max_steps", 1)
        self.assertIn("<|im_start|>", (out / "chat_template.jinja").read_text())
        for path, more in zip(scored, ([], ["--chat_template_path", "chatml"])):
            run("score", "--model", TASK / "start", "--adapter", out, "--data", data, "--out", path, "--threads", 1, *more)
        self.assertEqual(*(path.read_text().replace(path.name, "") for path in scored))
        self.assertIn("una knows chatml, gemma, llama3 and qwen2.5",
                      run("preview", "--model", TASK / "start", "--data", data, "--chat_template_path", "chatlm", code=2)[1])


class Folders(unittest.TestCase):
    def test_a_run_holds_absolute_paths_and_goes_on_from_elsewhere(self):
        home = fresh("home")
        home.mkdir()
        (home / "model").symlink_to(TASK / "start")
        words = ["--max_length", "160", "--lora_r", "4", "--threads", "1", "--report_to", "none", "--reference_cache_dir", "none"]
        code, _, error = run_any(["dpo", "--model", "model", "--data", str(PAIRS), "--out", "out", "--max_steps", "1", "--save_steps", "1", *words], cwd=home)
        self.assertEqual(code, 0, error)
        self.assertIn(f"model_name_or_path: {home}/model\n", (home / "out/run.yaml").read_text())
        self.assertEqual(json.loads((home / "out/adapter_config.json").read_text())["base_model_name_or_path"], f"{home}/model")
        run("train", "--config", home / "out/run.yaml", "--resume_from_checkpoint", "true", "--max_steps", 2)
        with_adapter = ["--adapter", home / "out", "--threads", 1, "--out", fresh("of_the_run.jsonl")]
        for words in (["preview"], ["doctor"], ["plan"], ["score", *with_adapter],
                      ["generate", *with_adapter, "--max_new_tokens", 2, "--overwrite_output_dir", "true"]):
            run(*words, "--config", home / "out/run.yaml")
        scored = fresh("first-use-scored.jsonl")
        log = run("score", "--adapter", home / "out", "--data", PAIRS, "--out", scored, "--max_length", 160)[1]
        self.assertRegex(log, r"pairs +the chosen answer scores higher in \d")
        pairs = {}
        for row in read_rows(scored):
            pairs.setdefault(row["row"], []).append(row["reward"])
        right = sum(1 if a > b else 0.5 if a == b else 0 for a, b in pairs.values())
        self.assertIn(f"in {100 * right / len(pairs):.1f} % of {len(pairs)}", log)

    def test_dev_keeps_the_callers_folder(self):
        dev = pathlib.Path(__file__).resolve().parents[2] / "dev"
        program = dev.parent / "build/release/src/una/cli/una"
        if not program.exists() or not os.path.samefile(program, os.environ["UNA"]):
            self.skipTest("./dev una runs build/release")
        home = fresh("caller")
        home.mkdir()
        (home / "rows.jsonl").write_text(json.dumps({"prompt": "a", "completion": "b"}) + "\n")
        done = subprocess.run([dev, "una", "doctor", "--data", "rows.jsonl"], cwd=home, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Doctor(unittest.TestCase):
    def test_is_as_strict_as_training(self):
        rows = [{"prompt": f"p{n}", "chosen": "same", "rejected": "same"} for n in range(9)] + read_rows(PAIRS)[:3]
        data = write_rows("ties.jsonl", rows)
        code, shown, _ = run_any([str(word) for word in ["doctor", "--model", TASK / "start", "--data", data, "--max_length", 160]])
        self.assertEqual(code, 2)
        self.assertRegex(shown, r"(?m)^FAIL  data .*allow_dropped")
        train("dpo", data, fresh("ties"), code=2)

    def test_makes_nothing_and_checks_rows_without_a_model(self):
        out = fresh("doctor-out")
        shown = run("doctor", "--data", PAIRS, "--out", out)[0]
        self.assertFalse(out.exists())
        self.assertRegex(shown, r"(?m)^ok    data ")
        self.assertIn("can be made", shown)


class Preview(unittest.TestCase):
    def test_characters_of_several_tokens_are_whole_and_long_answers_cut(self):
        data = write_rows("emoji.jsonl", [{"prompt": "smile", "completion": "\U0001f600\n" + "word " * 40}])
        words = ["preview", "--model", TASK / "start", "--data", data, "--color", "never"]
        shown = run(*words)[0]
        self.assertIn("[\U0001f600\\n", shown)
        self.assertNotIn("\ufffd", shown)
        self.assertIn("trained on", shown)
        long = write_rows("long.jsonl", [{"prompt": "p", "completion": "word " * 70}])
        words[4] = long
        self.assertRegex(run(*words)[0], r" \.\.\. [\d,]+ tokens \.\.\. ")
        self.assertNotIn(" ... ", run(*words, "--full")[0])


if __name__ == "__main__":
    unittest.main()
