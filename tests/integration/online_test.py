"""Methods that learn from their own samples, from prompts to an adapter."""
import json
import math
import unittest

from online_support import DATA, ONLINE, reward_rows
from support import TASK, fresh, read_rows, train


class Online(unittest.TestCase):
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
                rows = reward_rows(out)
                self.assertTrue(all(math.isfinite(row["loss"]) for row in rows))
                last = sum(row["reward"] for row in rows[-3:]) / 3
                self.assertGreater(last, rows[0]["reward"] + 0.1, [round(row["reward"], 3) for row in rows])
                for name in ("adapter_model.safetensors", "adapter_config.json", "samples.jsonl", "report.html"):
                    self.assertTrue((out / name).is_file(), name)

    def test_online_una_fits_ranks_and_clips_later_passes(self):
        for more in (["--una_f", "quantile"], ["--una_f", "value_head"], ["--una_clip", "token", "--zero_variance", "resample"]):
            with self.subTest(more=more):
                out = fresh("online-una-forms")
                train("una_online", DATA, out, *ONLINE, "--reward", "length:4", "--num_generations", 4, "--num_iterations", 2,
                      "--beta", "0.02", "--learning_rate", "2e-3", "--max_steps", 8, *more)
                rows = read_rows(out / "metrics.jsonl")
                self.assertTrue(all(math.isfinite(row["loss"]) for row in rows))
                self.assertTrue(any("clip_ratio" in row for row in rows))

    def test_a_reward_model_trained_here_scores_the_samples(self):
        model, out = fresh("online-rm"), fresh("online-by-rm")
        train("reward", DATA, model, "--max_steps", 5)
        train("rloo", DATA, out, *ONLINE, "--reward", f"model:{model}", "--max_steps", 2, "--eval_fraction", "0.1",
              "--eval_steps", 2)
        rows = read_rows(out / "metrics.jsonl")
        self.assertTrue(any("eval_reward" in row for row in rows))
        self.assertEqual([row["reward/failed_ratio"] for row in reward_rows(out)], [0, 0])

    def test_the_best_checkpoint_stays_within_a_kl_budget(self):
        def best(budget, *more, code=0):
            out = fresh("online-budget")
            text = train("rloo", DATA, out, *ONLINE, "--reward", "length:4", "--num_generations", 4, "--beta", "0.001",
                         "--learning_rate", "3e-3", "--max_steps", 10, "--eval_fraction", "0.1", "--eval_steps", 1,
                         "--load_best_model_at_end", "true", "--kl_budget", budget, *more, code=code)[1]
            if code:
                return text
            evaluations = {row["step"]: row for row in read_rows(out / "metrics.jsonl") if "eval_kl" in row and row["step"] > 0}
            return text, json.loads((out / "summary.json").read_text()).get("best"), evaluations

        rows = best(0)[2]
        drift = sorted(row["eval_kl"] for row in rows.values())
        budget = (drift[len(drift) // 2] + drift[len(drift) // 2 - 1]) / 2
        _, kept, rows = best(budget)
        allowed = {step: row["eval_reward"] for step, row in rows.items() if row["eval_kl"] <= budget}
        self.assertLess(len(allowed), len(rows))
        self.assertEqual(kept["metric"], max(allowed.values()))
        self.assertIn(kept["step"], allowed)
        text, none, _ = best("1e-12", "--eval_steps", 10)  # at first the estimate may lie below 0
        self.assertIsNone(none)
        self.assertIn("no evaluation was within kl_budget", text)
        self.assertIn("needs evaluation rows", best(1, "--eval_fraction", 0, code=2))

    def test_bad_input_is_one_sentence(self):
        def refused(method, *more):
            return train(method, DATA, fresh("online-bad"), *ONLINE, "--max_steps", 2, *more, code=2)[1]

        self.assertIn("needs a reward", refused("rloo"))
        self.assertIn("unknown kind 'lenght'", refused("rloo", "--reward", "lenght:3"))
        self.assertIn("temperature must be 1", refused("rloo", "--reward", "length:4", "--temperature", "0.7"))
        self.assertIn("needs sampling_model", refused("rloo", "--reward", "json", "--sampling_endpoint", "http://127.0.0.1:9/v1"))
        self.assertIn("goes with sampling_endpoint", refused("rloo", "--reward", "json", "--sampling_model", "m"))
        self.assertIn("min_p must be 0", refused("rloo", "--reward", "length:4", "--min_p", "0.1"))
        self.assertIn("repetition_penalty must be 1", refused("grpo", "--reward", "json", "--repetition_penalty", "1.1"))
        self.assertIn("num_generations must be at least 2", refused("grpo", "--reward", "json", "--num_generations", "1"))
        self.assertIn("--kl_control: rloo does not read this key; ppo does", refused("rloo", "--reward", "json", "--kl_control", "adaptive"))
        self.assertIn("ppo_preset is a key of ppo", refused("rloo", "--reward", "json", "--ppo_preset", "trl"))
        self.assertIn("--critic: rloo does not read this key; ppo does", refused("rloo", "--reward", "json", "--critic", "model"))
        self.assertIn("no folder", refused("ppo", "--reward", "json", "--critic_from", "nowhere"))
        self.assertIn("neither a reward model nor", refused("ppo", "--reward", "json", "--critic_from", TASK / "start"))
        self.assertIn("give --critic model", refused("ppo", "--reward", "json", "--use_peft", "false"))
        self.assertIn("mismatched rows", refused("una_online", "--reward", "json", "--una_f", "kto_z0"))
        self.assertIn("--kl_early_stop: online_dpo does not read this key", refused("online_dpo", "--reward", "json", "--kl_early_stop", "0.1"))
        self.assertIn("beta must be a positive number", refused("grpo", "--reward", "json", "--beta", "0", "--offline_data", DATA,
                                                                "--offline_method", "dpo"))
        self.assertIn("of kind pairwise, but the method takes sft", refused("rloo", "--reward", "json", "--offline_data", DATA))
        self.assertIn("zero, constant or group, not running", refused("una_online", "--reward", "json", "--una_f", "running",
                                                                      "--offline_data", DATA, "--offline_method", "una"))
        self.assertIn("offline_coef must be positive", refused("rloo", "--reward", "json", "--offline_coef", "0"))
        self.assertIn("--offline_data: dpo does not read this key; una_online", refused("dpo", "--offline_data", DATA))
        self.assertIn("--importance_sampling_correction: una does not read", refused("una", "--importance_sampling_correction", "true"))
        self.assertIn("exit code 3", refused("rloo", "--reward", "command:exit 3"))
        self.assertIn("scored none", refused("rloo", "--reward", "command:sed 's/.*/null/'"))
        self.assertIn("no signal: the reward (", train("rloo", DATA, fresh("online-flat"), *ONLINE, "--max_steps", 1, "--reward",
                                             "command:sed 's/.*/1/'")[1])


if __name__ == "__main__":
    unittest.main()
