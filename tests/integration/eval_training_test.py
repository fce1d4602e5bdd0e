"""Evaluations while a run trains: answers to held-out prompts against step 0, tasks, early stopping, resuming."""
import json
import unittest

from support import TASK, fresh, read_rows, run, train, write_rows

PAIRS = TASK / "data" / "pair.jsonl"
STEPS = ["--max_steps", 30, "--per_device_train_batch_size", 4, "--learning_rate", "3e-3", "--save_steps", 15]


class EvalTraining(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rows = [json.loads(line) for line in PAIRS.read_text().splitlines()][-12:]
        cls.prompts = write_rows("held-out-prompts.jsonl", [{"prompt": row["prompt"]} for row in rows])
        cls.held_out = ["--eval_generate_data", cls.prompts, "--eval_reward", "length:12", "--eval_max_completion_length", 24,
                        "--eval_strategy", "steps", "--eval_steps", 10]

    def evaluations(self, out):
        return {row["step"]: row for row in read_rows(out / "metrics.jsonl") if "eval_win_rate" in row}

    def test_a_run_is_measured_against_its_own_start(self):
        out = fresh("eval-training")
        train("dpo", PAIRS, out, *STEPS, *self.held_out, "--load_best_model_at_end", "true")
        rows = self.evaluations(out)
        self.assertEqual(sorted(rows), [0, 10, 20, 30])
        self.assertEqual(rows[0]["eval_win_rate"], 0.5)
        self.assertEqual(rows[0]["eval_kl"], 0)
        self.assertGreater(rows[30]["eval_kl"], 0)
        for row in rows.values():
            self.assertLessEqual(row["eval_win_rate_low"], row["eval_win_rate"])
            self.assertLessEqual(row["eval_win_rate"], row["eval_win_rate_high"])
        samples = read_rows(out / "eval_samples.jsonl")
        self.assertEqual([s["step"] for s in samples], sorted([0, 10, 20, 30] * 12))
        self.check_means(rows, samples)
        best = json.loads((out / "summary.json").read_text())["best"]
        self.assertEqual(best["metric"], max(rows[step]["eval_win_rate"] for step in (10, 20, 30)))
        report = (out / "report.html").read_text()
        self.assertIn("Held-out answers at each evaluation", report)
        self.assertIn("<th>step 30</th>", report)

    def check_means(self, rows, samples):
        """The logged numbers, computed again from the answers."""
        by_step = {}
        for sample in samples:
            by_step.setdefault(sample["step"], []).append(sample)
        for step, row in rows.items():
            now, start = by_step[step], by_step[0]
            self.assertAlmostEqual(row["eval_reward"], sum(s["score"] for s in now) / 12)
            self.assertAlmostEqual(row["eval_length"], sum(s["tokens"] for s in now) / 12)
            wins = [1 if a["score"] > b["score"] else 0.5 if a["score"] == b["score"] else 0 for a, b in zip(now, start)]
            self.assertAlmostEqual(row["eval_win_rate"], sum(wins) / 12)

    def test_a_paused_run_goes_on_bit_for_bit(self):
        straight, parts = fresh("eval-straight"), fresh("eval-parts")
        keys = [*STEPS, *self.held_out, "--load_best_model_at_end", "true"]
        train("dpo", PAIRS, straight, *keys)
        train("dpo", PAIRS, parts, *keys, "--stop_at_step", 10)
        self.assertFalse((parts / "adapter_model.safetensors").exists(), "a paused run has no result yet")
        for stop in (["--stop_at_step", 17], []):
            run("train", "--config", parts / "run.yaml", "--resume_from_checkpoint", "true", *stop)
        for name in ("adapter_model.safetensors", "eval_samples.jsonl"):
            self.assertEqual((straight / name).read_bytes(), (parts / name).read_bytes(), name)
        quick = ("eval_runtime", "per_second", "throughput", "mfu", "elapsed", "remaining", "memory", "percentage")

        def values(out):
            return [{k: v for k, v in row.items() if not any(word in k for word in quick)} for row in read_rows(out / "metrics.jsonl")]

        self.assertEqual(values(straight), values(parts))

    def test_evaluations_that_do_not_improve_end_the_run(self):
        out = fresh("eval-early")
        _, log = train("dpo", PAIRS, out, *STEPS, *self.held_out, "--eval_steps", 1, "--learning_rate", 0,
                       "--early_stopping_patience", 2)
        self.assertIn("stopped early at step 3", log)
        self.assertEqual(sorted(self.evaluations(out)), [0, 1, 2, 3])
        self.assertTrue(json.loads((out / "summary.json").read_text())["stopped_early"])
        self.assertTrue((out / "adapter_model.safetensors").exists())

    def test_tasks_are_asked_while_it_trains(self):
        data, out = fresh("eval-training-tasks"), fresh("eval-by-tasks")
        run("eval", "--make_sample", data)
        train("sft", TASK / "data" / "sft.jsonl", out, *STEPS, "--max_steps", 2, "--eval_tasks", "musr", "--eval_tasks_dir", data,
              "--eval_limit", 2, "--eval_steps", 1)
        rows = [row for row in read_rows(out / "metrics.jsonl") if "eval_musr_acc_norm" in row]
        self.assertEqual([row["step"] for row in rows], [0, 1, 2])
        self.assertEqual(rows[0]["eval_musr_acc_norm_gain"], 0)
        self.assertTrue((out / "eval_tasks" / "step-2" / "musr.jsonl").is_file())

    def test_keys_that_do_not_go_together(self):
        def refused(method, *more):
            return train(method, PAIRS, fresh("eval-training-refused"), "--max_steps", 2, *more, code=2)[1]

        self.assertIn("needs a reward", refused("dpo", "--eval_generate_data", self.prompts))
        self.assertIn("--eval_generate_data FILE", refused("dpo", "--eval_reward", "length:4"))
        self.assertIn("eval_temperature 1", refused("dpo", *self.held_out, "--kl_budget", 1, "--eval_temperature", "0.5"))
        self.assertIn("early_stopping_patience needs", refused("dpo", "--early_stopping_patience", 2))
        self.assertIn("eval_tasks_dir", refused("dpo", "--eval_tasks", "bbh"))
        self.assertIn("reward does not read this key", refused("reward", *self.held_out))
        self.assertIn("not a metric of any evaluation", refused("dpo", *self.held_out, "--metric_for_best_model", "eval_nothing"))


if __name__ == "__main__":
    unittest.main()
