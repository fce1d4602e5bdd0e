"""PPO's critic: its layouts, where it starts from, presets, resuming."""
import math
import unittest

from online_support import DATA, ONLINE, reward_rows
from support import TMP, fresh, read_rows, run, train


class Critic(unittest.TestCase):
    def test_ppo_presets_are_defaults_under_the_user_s_own_settings(self):
        def settings(*more):
            text = train("ppo", DATA, fresh("online-preset"), "--reward", "json", "--dry_run", "true", *more)[0]
            return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(" "))

        mine = settings("--ppo_preset", "openrlhf", "--lam", "0.9")
        wanted = {"beta": 0.01, "cliprange_value": 0.5, "num_iterations": 1, "num_mini_batches": 8, "reward_clip": 10,
                  "critic_learning_rate": 9e-6, "adam_beta2": 0.95, "warmup_ratio": 0.03, "lam": 0.9}
        self.assertEqual({key: float(mine[key]) for key in wanted}, wanted)
        self.assertEqual(mine["lr_scheduler_type"], "cosine_with_min_lr")
        # --dry_run prints the keys that differ from the defaults, which are TRL's (setup/ppo_preset_test has the numbers).
        trl, plain = settings("--ppo_preset", "trl"), settings()
        self.assertEqual(wanted.keys() & (trl.keys() | plain.keys()), set())

    def test_a_critic_with_its_own_model_learns_what_an_adapter_on_the_shared_one_learns(self):
        more = ["--reward", "length:4", "--num_generations", 2, "--num_iterations", 2, "--learning_rate", "2e-3", "--max_steps", 4]
        runs = {}
        for layout in ("adapter", "model"):
            train("ppo", DATA, fresh("online-critic"), *ONLINE, *more, "--critic", layout)
            runs[layout] = read_rows(TMP / "online-critic" / "metrics.jsonl")
        for shared, own in zip(runs["adapter"], runs["model"], strict=True):
            for name in ("loss/value_avg", "loss/policy_avg", "grad_norm"):
                if name in shared:
                    self.assertAlmostEqual(shared[name], own[name], delta=1e-3 * (1 + abs(shared[name])), msg=name)

    def test_the_critic_starts_from_a_reward_model_and_a_run_with_it_resumes_bit_for_bit(self):
        model = fresh("online-critic-rm")
        train("reward", DATA, model, "--max_steps", 5)
        more = ["--reward", "length:4", "--num_generations", 2, "--num_iterations", 2, "--save_steps", 1, "--critic_from", model]
        losses = set()
        for layout in (["--critic", "adapter"], ["--critic", "model"]):
            straight, resumed = fresh("online-critic-straight"), fresh("online-critic-resumed")
            train("ppo", DATA, straight, *ONLINE, *more, *layout, "--max_steps", 6)
            train("ppo", DATA, resumed, *ONLINE, *more, *layout, "--max_steps", 4)
            run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", "true", "--max_steps", 6)
            name = "adapter_model.safetensors"
            self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes(), layout)
            losses.add(round(read_rows(straight / "metrics.jsonl")[0]["loss/value_avg"], 3))
        self.assertEqual(len(losses), 1, "both layouts begin with the reward model's own values")
        plain = fresh("online-critic-plain")
        train("ppo", DATA, plain, *ONLINE, *more[:-2], "--max_steps", 1)
        self.assertNotIn(round(read_rows(plain / "metrics.jsonl")[0]["loss/value_avg"], 3), losses)

    def test_policy_and_critic_train_whole(self):
        out = fresh("online-critic-full")
        train("ppo", DATA, out, *ONLINE, "--reward", "length:4", "--num_generations", 4, "--use_peft", "false", "--critic", "model",
              "--learning_rate", "3e-4", "--beta", "0.02", "--max_steps", 8)
        rows = reward_rows(out)
        self.assertTrue(all(math.isfinite(row["loss"]) for row in rows))
        self.assertGreater(rows[-1]["reward"], rows[0]["reward"])
        for phase in ("generate", "reward", "annotate", "train"):
            self.assertGreater(max(row.get(f"memory/{phase}_mb", 0) for row in read_rows(out / "metrics.jsonl")), 10)
        self.assertTrue((out / "model.safetensors").is_file())


if __name__ == "__main__":
    unittest.main()
