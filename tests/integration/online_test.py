"""Methods that learn from their own samples, from prompts to an adapter."""
import math
import unittest

from support import TASK, fresh, read_rows, run, train

DATA = TASK / "data" / "pair.jsonl"
ONLINE = ["--max_completion_length", "24", "--per_device_train_batch_size", "8", "--lr_scheduler_type", "constant"]


class Online(unittest.TestCase):
    def rows(self, out):
        return [row for row in read_rows(out / "metrics.jsonl") if "reward" in row]

    def test_every_method_raises_the_reward_it_is_given(self):
        cases = [("una_online", ["--num_generations", 4]), ("una_online", ["--num_generations", 4, "--anchor", "rollout"]),
                 ("rloo", ["--num_generations", 4]), ("grpo", ["--num_generations", 4, "--loss_type", "grpo"]),
                 ("online_dpo", ["--num_generations", 4, "--beta", "0.5"]),
                 ("ppo", ["--num_generations", 4, "--num_iterations", 2, "--max_steps", 24])]
        for method, more in cases:
            with self.subTest(method=method, more=more):
                out = fresh(f"online-{method}-{len(more)}")
                train(method, DATA, out, *ONLINE, "--reward", "length:4", "--beta", "0.02", "--learning_rate", "2e-3",
                      "--max_steps", 12, *more)
                rows = self.rows(out)
                self.assertTrue(all(math.isfinite(row["loss"]) for row in rows))
                last = sum(row["reward"] for row in rows[-3:]) / 3
                self.assertGreater(last, rows[0]["reward"] + 0.1, [round(row["reward"], 3) for row in rows])
                for name in ("adapter_model.safetensors", "adapter_config.json", "samples.jsonl", "report.html"):
                    self.assertTrue((out / name).is_file(), name)

    def test_a_run_resumes_between_rounds_bit_for_bit(self):
        more = ["--reward", "length:4", "--num_generations", 2, "--num_iterations", 2, "--save_steps", 1]
        straight, resumed = fresh("online-straight"), fresh("online-resumed")
        train("ppo", DATA, straight, *ONLINE, *more, "--max_steps", 8)
        train("ppo", DATA, resumed, *ONLINE, *more, "--max_steps", 5)
        steps = sorted(path.name for path in resumed.glob("checkpoint-*"))
        self.assertEqual(steps, ["checkpoint-2", "checkpoint-4"], "a half used round must not be saved")
        run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", resumed / "checkpoint-4", "--max_steps", 8)
        name = "adapter_model.safetensors"
        self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes())

    def test_a_reward_model_trained_here_scores_the_samples(self):
        model, out = fresh("online-rm"), fresh("online-by-rm")
        train("reward", DATA, model, "--max_steps", 5)
        train("rloo", DATA, out, *ONLINE, "--reward", f"model:{model}", "--max_steps", 2, "--eval_fraction", "0.1",
              "--eval_steps", 2)
        rows = read_rows(out / "metrics.jsonl")
        self.assertTrue(any("eval_reward" in row for row in rows))
        self.assertEqual([row["reward/failed_ratio"] for row in self.rows(out)], [0, 0])

    def test_bad_input_is_one_sentence(self):
        def refused(method, *more):
            return train(method, DATA, fresh("online-bad"), *ONLINE, "--max_steps", 2, *more, code=2)[1]

        self.assertIn("needs a reward", refused("rloo"))
        self.assertIn("unknown kind 'lenght'", refused("rloo", "--reward", "lenght:3"))
        self.assertIn("temperature must be 1", refused("rloo", "--reward", "length:4", "--temperature", "0.7"))
        self.assertIn("num_generations must be at least 2", refused("grpo", "--reward", "json", "--num_generations", "1"))
        self.assertIn("exit code 3", refused("rloo", "--reward", "command:exit 3"))
        self.assertIn("scored none", refused("rloo", "--reward", "command:sed 's/.*/null/'"))
        self.assertIn("equal rewards", train("rloo", DATA, fresh("online-flat"), *ONLINE, "--max_steps", 1, "--reward",
                                             "command:sed 's/.*/1/'")[1])


if __name__ == "__main__":
    unittest.main()
