"""A small study: what was done is not done again, and a study that goes on ends with the same bytes."""
import json
import unittest

from support import fresh, run

KEYS = ["--seeds", "1,2", "--sft_answers", "60", "--feedback_prompts", "24", "--held_out_prompts", "6", "--steps", "4",
        "--adapter_scales", "1", "--processes", "2", "--kl", "0.01"]


def without_clock(path):
    cell = json.loads(path.read_text())
    return {key: value for key, value in cell.items() if key not in ("seconds", "peak_mb")}


class Study(unittest.TestCase):
    def test_a_study_goes_on_and_its_cells_are_the_same_again(self):
        out = fresh("study")
        shown = run("study", "--out", out, "--arms", "dpo,una_shrunk", *KEYS)[0]
        self.assertIn("2 start models to do", shown)
        self.assertIn("4 cells to do", shown)
        self.assertIn("4/4", shown)
        self.assertIn("| DPO |", shown)
        cells = sorted((out / "cells").glob("*.json"))
        self.assertEqual(len(cells), 4)
        self.assertEqual(sorted(p.name for p in (out / "cells").iterdir()), [p.name for p in cells], "work is tidied up")
        first, report = without_clock(cells[0]), (out / "report.html").read_bytes()
        self.assertTrue(-1 <= first["rho"] <= 1)
        self.assertEqual(len(first["frontier"][0]["gains"]), 6)
        # All there: only the report is written, from the files alone.
        (out / "report.html").unlink()
        self.assertNotIn("to do", run("study", "--config", out / "study.yaml")[0])
        self.assertEqual((out / "report.html").read_bytes(), report)
        # One lost: it alone is made again. Another arm is added to what is there.
        cells[0].unlink()
        shown = run("study", "--out", out, "--arms", "dpo,una_shrunk,una_score_mse", *KEYS)[0]
        self.assertNotIn("start models", shown)
        self.assertIn("3 cells to do", shown)
        self.assertEqual(without_clock(cells[0]), first)
        keys = (out / "study.yaml").read_bytes()
        error = run("study", "--out", out, "--arms", "dpo", *KEYS, "--held_out_prompts", "7", code=2)[1]
        self.assertIn("seed.json was made with", error)
        self.assertEqual((out / "study.yaml").read_bytes(), keys)

    def test_tasks_have_start_models_and_cells_of_their_own(self):
        out, keys = fresh("study-tasks"), [*KEYS[2:], "--seeds", "1", "--arms", "dpo,una_score_mse"]
        shown = run("study", "--out", out, "--task", "arithmetic", *keys)[0]
        self.assertIn("1 start models to do", shown)
        self.assertIn("### arithmetic, gaussian, 1 seeds", shown)
        cells = sorted((out / "cells").glob("*.json"))
        self.assertEqual([p.name.rsplit("-", 1)[0] for p in cells], ["arithmetic-dpo", "arithmetic-una_score_mse"])
        first = without_clock(cells[0])
        self.assertEqual(first["settings"]["task"], "arithmetic")
        prompts = (out / "arithmetic-seed-1/data/sft.jsonl").read_text()
        self.assertRegex(prompts, r'"prompt":"[0-9]+ [+-] [0-9]+.* ="')
        # Stopped: one cell is lost. Another task is added to what is there.
        cells[0].unlink()
        shown = run("study", "--out", out, "--tasks", "arithmetic,style", *keys)[0]
        self.assertIn("1 start models to do", shown)
        self.assertIn("3 cells to do", shown)
        self.assertIn("### style, gaussian, 1 seeds", shown)
        self.assertEqual(without_clock(cells[0]), first)
        self.assertTrue((out / "style-seed-1/start").is_dir())
        self.assertIn("<h2>style, gaussian</h2>", (out / "report.html").read_text())

    def test_unknown_arms_are_refused_before_anything_is_written(self):
        out = fresh("no-study")
        self.assertIn("did you mean", run("study", "--out", out, "--arms", "dpo,una_gruop", code=2)[1])
        self.assertIn("did you mean \"style\"", run("study", "--out", out, "--task", "stile", code=2)[1])
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
