"""`una plan`: what a run would need, held against what it takes."""
import json
import os
import unittest

from support import QUICK, TASK, fresh, run, train

PAIRS = TASK / "data" / "pair.jsonl"


def plan(method, *more, code=0):
    return run("plan", "--method", method, "--model", TASK / "start", "--data", PAIRS, *QUICK, *more, code=code)


class Plan(unittest.TestCase):
    def test_a_run_takes_the_steps_and_the_memory_that_were_planned(self):
        more = ["--max_steps", 4, "--per_device_train_batch_size", 8]
        said = json.loads(plan("dpo", "--json", "true", *more)[0])
        out = fresh("plan-run")
        log = "".join(train("dpo", PAIRS, out, *more))
        took = json.loads((out / "summary.json").read_text())
        self.assertEqual(said["steps"], took["steps"])
        self.assertIn("(planned ", log)
        self.assertAlmostEqual(took["planned_memory_mb"] / said["planned_memory_mb"], 1, delta=0.05)
        if not os.environ.get("UNA_SANITIZE"):  # sanitizers take memory of their own
            self.assertAlmostEqual(said["planned_memory_mb"] / took["peak_memory_mb"], 1, delta=0.15)
        self.assertAlmostEqual(sum(part["mb"] for part in said["memory"]), said["planned_memory_mb"], places=3)
        self.assertLess(0, said["seconds_least"])
        self.assertLess(said["seconds_least"], said["seconds_most"])

    def test_it_is_told_in_words(self):
        text = plan("kto", "--num_train_epochs", 2)[0]
        for piece in ("steps", "computed", "activations", "AdamW", "peak", "per checkpoint", "TFLOP"):
            self.assertIn(piece, text)

    def test_more_memory_for_more(self):
        def peak(*more):
            return json.loads(plan("una", "--json", "true", *more)[0])["planned_memory_mb"]
        small, large = ["--per_device_train_batch_size", 4], ["--per_device_train_batch_size", 64]
        room = ["--max_tokens_per_micro_batch", 16384]
        self.assertLess(peak(*small, *room), peak(*large, *room) - 5)
        self.assertLess(peak(*large, *room, "--gradient_checkpointing", "true"), peak(*large, *room) - 5)

    def test_online_methods_are_planned_for_long_answers(self):
        said = plan("rloo", "--reward", "length:5", "--num_generations", 4, "--max_completion_length", 32)[0]
        self.assertIn("if every sample is as long as it may be", said)
        self.assertIn("key-value cache", said)

    def test_bad_settings_are_refused_as_in_the_run(self):
        self.assertIn("learning_rate", plan("dpo", "--learning_rte", "1", code=2)[1])
        self.assertIn("no_such", plan("dpo", "--lora_target_modules", "no_such", code=2)[1])


if __name__ == "__main__":
    unittest.main()
