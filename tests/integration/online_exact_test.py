"""exact_sampling: the log-prob of a sampled token is the trainer's, bit for bit, in whole runs."""
import unittest

from online_support import DATA, ONLINE, reward_rows
from support import TASK, fresh, read_rows, run, train

GAP = "sampling/sampling_logp_difference/"
EXACT = [*ONLINE, "--exact_sampling", "true", "--reward", "length:4", "--num_generations", 3]


class ExactSampling(unittest.TestCase):
    def assert_exact(self, out):
        rows = reward_rows(out)
        self.assertGreater(len(rows), 1)
        for row in rows:
            self.assertEqual((row[GAP + "mean"], row[GAP + "max"]), (0, 0))
            self.assertEqual((row["val/ratio"], row["policy/approxkl_avg"]), (1, 0), "the first step of a round")

    def test_sampler_and_trainer_agree_in_every_round(self):
        for dtype in ("float32", "bfloat16"):
            for method in ("ppo", "grpo"):
                with self.subTest(dtype=dtype, method=method):
                    out = fresh(f"exact-{method}-{dtype}")
                    train(method, DATA, out, *EXACT, "--dtype", dtype, "--num_iterations", 2, "--max_steps", 6)
                    self.assert_exact(out)

    def test_the_policy_is_its_cached_reference_at_the_start(self):
        cache = fresh("exact-cache")
        for again in (False, True):
            out = fresh("exact-reference")
            train("rloo", DATA, out, *EXACT, "--beta", 0.1, "--max_steps", 2, "--reference_cache_dir", cache, "--seed", 5)
            first = next(row for row in read_rows(out / "metrics.jsonl") if "kl" in row)
            self.assertEqual(first["kl"], 0, "from the cache" if again else "computed")

    def test_a_resumed_run_is_as_exact(self):
        more = [*EXACT, "--num_iterations", 2, "--save_steps", 1]
        straight, resumed = fresh("exact-straight"), fresh("exact-resumed")
        train("ppo", DATA, straight, *more, "--max_steps", 8)
        train("ppo", DATA, resumed, *more, "--max_steps", 4)
        run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", resumed / "checkpoint-4", "--max_steps", 8)
        name = "adapter_model.safetensors"
        self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes())
        self.assert_exact(resumed)

    def test_answers_are_the_same_at_any_number_at_once(self):
        texts = []
        for most in (1, 16):
            out = fresh(f"exact-samples-{most}.jsonl")
            run("generate", "--model", TASK / "start", "--data", DATA, "--out", out, "--exact_sampling", "true", "--seed", 3,
                "--num_samples", 2, "--max_new_tokens", 12, "--batch_size", most)
            texts.append(out.read_bytes())
        self.assertEqual(texts[0], texts[1])


if __name__ == "__main__":
    unittest.main()
