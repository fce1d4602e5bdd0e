"""Every method on every kind of feedback it takes, from files to files."""
import json
import math
import shutil
import unittest

from support import QUICK, TASK, fresh, read_rows, run, train


ROWS = 24


class Train(unittest.TestCase):
    def losses(self, out):
        return [row["loss"] for row in read_rows(out / "metrics.jsonl") if "loss" in row]

    def test_every_method_learns_and_writes_an_adapter(self):
        cases = [("una", "pair", []), ("una", "binary", ["--una_loss", "bce"]), ("una", "score", []),
                 ("una", "group", ["--una_f", "group", "--una_link", "identity"]), ("una", "mixed", ["--una_loss", "bce"]),
                 ("una", "score", ["--una_f", "running"]), ("dpo", "pair", []), ("kto", "binary", []), ("sft", "sft", []),
                 ("reward", "pair", [])]
        for method, feedback, more in cases:
            with self.subTest(method=method, feedback=feedback, more=more):
                out = fresh(f"train-{method}-{feedback}-{len(more)}")
                beta = ["--beta", "0.1"] if method not in ("sft", "reward") else []
                data = fresh("train-rows.jsonl")  # few enough for every step to see all of them: the loss falls without luck
                data.write_text("".join((TASK / "data" / f"{feedback}.jsonl").read_text().splitlines(True)[:ROWS]))
                train(method, data, out, "--max_steps", 6, *beta, "--per_device_train_batch_size", ROWS,
                      "--learning_rate", "5e-4", "--lr_scheduler_type", "constant", *more)
                losses = self.losses(out)
                self.assertEqual(len(losses), 6)
                self.assertTrue(all(math.isfinite(loss) for loss in losses))
                if method not in ("kto", "sft"):
                    self.assertLess(losses[-1], losses[0], losses)
                for name in ("adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "run.yaml",
                             "report.html", "summary.json", "data.json"):
                    self.assertTrue((out / name).is_file(), name)
                config = json.loads((out / "adapter_config.json").read_text())
                self.assertEqual(config["task_type"], "SEQ_CLS" if method == "reward" else "CAUSAL_LM")

    def test_loss_at_step_0_is_what_theory_says(self):
        for method, feedback, more, expected in [("dpo", "pair", [], math.log(2)), ("kto", "binary", [], 0.5),
                                                 ("una", "binary", ["--una_loss", "bce"], math.log(2)),
                                                 ("una", "pair", [], math.log(2))]:
            out = fresh("step0")
            train(method, TASK / "data" / f"{feedback}.jsonl", out, "--max_steps", 1, *more)
            self.assertAlmostEqual(self.losses(out)[0], expected, places=5)

    def test_run_yaml_is_valid_input_and_gives_the_same_adapter(self):
        out, again = fresh("yaml"), fresh("yaml-again")
        train("una", TASK / "data" / "score.jsonl", out, "--max_steps", 3)
        run("train", "--config", out / "run.yaml", "--out", again)
        self.assertEqual((out / "adapter_model.safetensors").read_bytes(), (again / "adapter_model.safetensors").read_bytes())

    def test_full_fine_tuning_with_a_frozen_reference(self):
        out = fresh("full")
        train("dpo", TASK / "data" / "pair.jsonl", out, "--max_steps", 3, "--use_peft", "false", "--learning_rate", "1e-4")
        self.assertTrue((out / "model.safetensors").is_file() and (out / "config.json").is_file())
        self.assertAlmostEqual(self.losses(out)[0], math.log(2), places=5)

    def test_auto_is_float32_where_the_cpu_has_no_products_of_bfloat16(self):
        model = fresh("bf16-model")
        shutil.copytree(TASK / "start", model)
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "torch_dtype": "bfloat16"}))
        for more, parts in [((), ("parameters, float32, ", "dtype      float32, as this CPU has no")),
                            (("--dtype", "bfloat16"), ("parameters, bfloat16, ", "dtype      bfloat16, though this CPU has no"))]:
            _, log = run("dpo", "--model", model, "--data", TASK / "data" / "pair.jsonl", "--out", fresh("bf16"), *QUICK,
                         "--max_steps", 1, *more, env={"UNA_CPU_ISA": "default"})
            for part in parts:
                self.assertIn(part, log)

    def test_an_adapter_to_start_from_becomes_the_reference(self):
        first, second = fresh("first"), fresh("second")
        train("dpo", TASK / "data" / "pair.jsonl", first, "--max_steps", 4)
        _, log = train("dpo", TASK / "data" / "pair.jsonl", second, "--max_steps", 2, "--adapter", first)
        self.assertIn("a frozen copy of the adapter", log)
        self.assertAlmostEqual(self.losses(second)[0], math.log(2), places=5)

    def test_evaluation_best_checkpoint_and_retention(self):
        out = fresh("eval")
        train("una", TASK / "data" / "score.jsonl", out, "--max_steps", 6, "--eval_fraction", "0.2", "--eval_steps", 2,
              "--save_steps", 1, "--save_total_limit", 2, "--load_best_model_at_end", "--metric_for_best_model", "loss")
        rows = read_rows(out / "metrics.jsonl")
        self.assertTrue(any("eval_loss" in row for row in rows))
        # what only the sums of a window give: a variance, a correlation
        for name in ("loss_variance", "una/score_corr"):
            self.assertTrue(any(name in row for row in rows), name)
            self.assertTrue(any("eval_" + name in row for row in rows), name)
        self.assertFalse(any(key.startswith(("_", "eval__")) for row in rows for key in row))
        kept = sorted(path.name for path in out.glob("checkpoint-*"))
        self.assertLessEqual(len(kept), 2)
        state = json.loads((sorted(out.glob("checkpoint-*"))[-1] / "trainer_state.json").read_text())
        self.assertIn("log_history", state)
        _, error = train("una", TASK / "data" / "score.jsonl", fresh("eval2"), "--max_steps", 2, "--eval_fraction", "0.2",
                         "--metric_for_best_model", "lozz", code=2)
        self.assertIn("is not a metric of any evaluation; there are loss", error)

    def test_batch_8_is_8_times_1_accumulated_and_checkpointing_changes_nothing(self):
        outs = []
        for name, more in [("b8", ["--per_device_train_batch_size", 8]),
                           ("b1", ["--per_device_train_batch_size", 1, "--gradient_accumulation_steps", 8,
                                   "--max_tokens_per_micro_batch", 1]),
                           ("gc", ["--per_device_train_batch_size", 8, "--gradient_checkpointing"])]:
            out = fresh(f"cut-{name}")
            train("kto", TASK / "data" / "binary.jsonl", out, "--max_steps", 3, *more)
            outs.append(self.losses(out))
        for other in outs[1:]:
            for a, b in zip(outs[0], other):
                self.assertAlmostEqual(a, b, places=5)


class Use(unittest.TestCase):
    def test_score_merge_generate_and_preview_fit_together(self):
        out = fresh("use")
        data = TASK / "data" / "pair.jsonl"
        train("dpo", data, out, "--max_steps", 5, "--learning_rate", "5e-3")
        scored = fresh("scored.jsonl")
        run("score", "--model", TASK / "start", "--adapter", out, "--data", data, "--out", scored, "--max_length", 160)
        rows = read_rows(scored)
        beta = 0.1
        self.assertEqual({row["response"] for row in rows}, {0, 1})
        for row in rows[:20]:
            self.assertAlmostEqual(row["reward"], beta * (row["logp"] - row["ref_logp"]), places=6)
            self.assertAlmostEqual(row["score"], 1 / (1 + math.exp(-row["reward"])), places=6)
        self.assertTrue(any(abs(row["reward"]) > 1e-3 for row in rows))
        merged, merged_scores = fresh("merged"), fresh("merged.jsonl")
        run("merge", "--model", TASK / "start", "--adapter", out, "--out", merged)
        run("score", "--model", merged, "--ref_model", TASK / "start", "--beta", "0.1", "--data", data, "--out",
            merged_scores, "--max_length", 160)
        for a, b in zip(rows, read_rows(merged_scores)):
            self.assertAlmostEqual(a["logp"], b["logp"], places=2)
        answers = fresh("answers.jsonl")
        run("generate", "--model", TASK / "start", "--adapter", out, "--data", TASK / "data" / "held_out.jsonl", "--out",
            answers, "--max_new_tokens", 12, "--num_samples", 2)
        self.assertEqual(len(read_rows(answers)), 16)
        again = fresh("answers2.jsonl")
        run("generate", "--model", TASK / "start", "--adapter", out, "--data", TASK / "data" / "held_out.jsonl", "--out",
            again, "--max_new_tokens", 12, "--num_samples", 2, "--batch_size", 3)
        same = sum(a["completion"] == b["completion"] for a, b in zip(read_rows(answers), read_rows(again)))
        self.assertGreaterEqual(same, 15)
        shown, _ = run("preview", "--model", TASK / "start", "--data", data, "--color", "never")
        self.assertIn("[", shown)
        healthy, _ = run("doctor", "--model", TASK / "start", "--data", data, "--adapter", out)
        self.assertRegex(healthy, r"(?m)^ok    device +cpu")
        self.assertNotIn("FAIL", healthy)

    def test_a_reward_model_gives_the_same_scores_merged(self):
        out, merged = fresh("rm"), fresh("rm-merged")
        data = TASK / "data" / "pair.jsonl"
        train("reward", data, out, "--max_steps", 5, "--learning_rate", "3e-3")
        scores = []
        run("merge", "--model", TASK / "start", "--adapter", out, "--out", merged)
        for name, arguments in [("a", ["--model", TASK / "start", "--adapter", out]), ("b", ["--model", merged])]:
            path = fresh(f"rm-{name}.jsonl")
            run("score", *arguments, "--data", data, "--out", path, "--max_length", 160)
            scores.append([row["score"] for row in read_rows(path)])
        for a, b in zip(*scores):
            self.assertAlmostEqual(a, b, places=3)


if __name__ == "__main__":
    unittest.main()
