"""Training on a base in 4 and 8 bits, and what follows it."""
import math
import unittest

from support import TASK, fresh, read_rows, run, train

DATA = TASK / "data" / "pair.jsonl"
NAME = "adapter_model.safetensors"


class Quantised(unittest.TestCase):
    def test_a_run_learns_says_its_reference_and_resumes_bit_for_bit(self):
        for key, kind in (("load_in_4bit", "nf4"), ("load_in_8bit", "int8")):
            with self.subTest(key=key):
                straight, stopped = fresh(f"quantised-{kind}"), fresh("quantised-stopped")
                more = [f"--{key}", "true", "--save_steps", "2"]
                _, log = train("dpo", DATA, straight, *more, "--max_steps", 4)
                self.assertIn(f"base       quantised to {kind}", log)
                self.assertIn(f"the base model quantised to {kind}, adapter off", log)
                losses = [row["loss"] for row in read_rows(straight / "metrics.jsonl") if "loss" in row]
                self.assertAlmostEqual(losses[0], math.log(2), places=5)  # the reference is the quantised base
                train("dpo", DATA, stopped, *more, "--max_steps", 4, "--stop_at_step", 2)
                run("train", "--config", stopped / "run.yaml", "--resume_from_checkpoint", "true")
                self.assertEqual((straight / NAME).read_bytes(), (stopped / NAME).read_bytes())

    def test_score_takes_the_same_keys_and_merge_names_its_base(self):
        out = fresh("quantised-score")
        train("dpo", DATA, out, "--load_in_4bit", "true", "--max_steps", 3)
        scores = {}
        for name, keys in (("4bit", ["--load_in_4bit", "true"]), ("whole", [])):
            path = fresh(f"quantised-scores-{name}.jsonl")
            run("score", "--model", TASK / "start", "--adapter", out, "--data", DATA, "--out", path, "--max_length", 160, *keys)
            scores[name] = [row["ref_logp"] for row in read_rows(path)]
        shares = [abs(a / b - 1) for a, b in zip(scores["4bit"], scores["whole"])]
        self.assertGreater(min(shares), 0, "another base")
        self.assertLess(sum(shares) / len(shares), .1, "and one near it")
        merged = fresh("quantised-merged")
        _, log = run("merge", "--model", TASK / "start", "--adapter", out, "--out", merged)
        self.assertIn("quantised", log)

    def test_what_quantised_weights_cannot_do_is_refused(self):
        out = fresh("quantised-refused")
        for words, part in ((["--load_in_4bit", "true", "--load_in_8bit", "true"], "choose one of them"),
                            (["--load_in_4bit", "true", "--use_peft", "false"], "quantised weights cannot train"),
                            (["--load_in_8bit", "true", "--save_merged", "true"], "merges it into the base as it is"),
                            (["--load_in_4bit", "true", "--bnb_4bit_quant_type", "fp4"], "choose nf4")):
            _, log = train("dpo", DATA, out, *words, "--max_steps", 1, code=2)
            self.assertIn(part, log)
            self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
