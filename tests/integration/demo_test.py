"""The demo in small, from the suite's start model (make_task.py): every method of its table trains, is evaluated and has its
row."""
import json
import unittest

from support import TASK, fresh, run


class Demo(unittest.TestCase):
    def test_every_method_has_its_row(self):
        out = fresh("demo")
        shown = run("demo", "--start_from", TASK, "--seed", "7", "--out", out, "--steps", "1", "--feedback_prompts", "24", "--held_out_prompts", "6",
                    "--threads", "1")[0]
        names = ("UNA-pairwise (= DPO)", "UNA-binary (MSE)", "UNA-binary (BCE)", "UNA-score (MSE)", "UNA-score (BCE)", "UNA-C (group)",
                 "UNA mixed", "KTO")
        for name in names:
            self.assertIn(f"\n{name} ", shown)
        self.assertTrue((out / "report.html").is_file())
        self.assertTrue(json.loads((out / "results.json").read_text()))


if __name__ == "__main__":
    unittest.main()
