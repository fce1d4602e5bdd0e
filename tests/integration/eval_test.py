"""`una eval`: tasks from local files, resumed, with an adapter; preferences by rewards."""
import json
import unittest

from support import TASK, fresh, read_rows, run, train

CHOICES = ["bbh", "gpqa", "musr", "mmlu_pro"]


class Eval(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data, cls.adapter = fresh("eval-data"), fresh("eval-adapter")
        run("eval", "--make_sample", cls.data)
        train("dpo", TASK / "data" / "pair.jsonl", cls.adapter, "--max_steps", 2)

    def eval(self, out, *more, code=0):
        return run("eval", "--data", self.data, "--model", TASK / "start", "--out", out, "--limit", 3, "--max_gen_toks", 8,
                   "--threads", 1, *more, code=code)

    def test_an_adapter_is_compared_with_the_model_on_the_same_rows(self):
        out = fresh("eval-adapters")
        table, _ = self.eval(out, "--tasks", ",".join(CHOICES), "--adapter", self.adapter)
        results = json.loads((out / "results.json").read_text())
        self.assertEqual(sorted(results), sorted(CHOICES))
        for task in CHOICES:
            model, adapter = results[task]["models"]
            self.assertEqual((model["name"], adapter["name"]), ("model", "eval-adapter"))
            self.assertIn(adapter["change"]["acc"]["verdict"], ("better", "worse", "no difference shown"))
            rows = [row for row in read_rows(out / "model" / f"{task}.jsonl") if "task" in row]
            right = sum(row["metrics"]["acc"] for row in rows) / len(rows)
            self.assertAlmostEqual(model["metrics"]["acc"]["value"], right)
            self.assertTrue(all(max(row["loglikelihoods"]) < 0 for row in rows))
        self.assertIn("no difference shown", table)

    def test_a_stopped_evaluation_goes_on_with_what_is_done(self):
        whole, part = fresh("eval-whole"), fresh("eval-part")
        tasks = ["--tasks", "bbh,ifeval,math_hard"]
        self.eval(whole, *tasks)
        self.eval(part, *tasks, "--limit", 1)
        path = part / "model" / "ifeval.jsonl"
        path.write_text(path.read_text()[:-20])  # a kill within the last line
        _, log = self.eval(part, *tasks)
        self.assertIn("rows are done", log)
        for task in ("bbh", "ifeval", "math_hard"):
            a, b = ([row for row in read_rows_with_torn_lines(folder / "model" / f"{task}.jsonl")] for folder in (whole, part))
            key = lambda row: (row["task"], row["row"])
            self.assertEqual([(key(r), r["metrics"]) for r in sorted(a, key=key)], [(key(r), r["metrics"]) for r in sorted(b, key=key)])

    def test_what_does_not_fit_is_refused(self):
        out = fresh("eval-refused")
        self.eval(out, "--tasks", "bbh")
        _, log = run("eval", "--data", self.data, "--model", TASK / "init", "--out", out, "--limit", 3, "--tasks", "bbh", code=2)
        self.assertIn("another model", log)
        _, log = self.eval(out, "--tasks", "bhb", code=2)
        self.assertIn("did you mean bbh?", log)
        _, log = self.eval(fresh("eval-none"), "--tasks", "rewardbench", code=2)
        self.assertIn("no reward", log)

    def test_rewards_are_compared_on_the_same_pairs(self):
        out = fresh("eval-rewards")
        table, _ = run("eval", "--data", self.data, "--out", out, "--tasks", "rewardbench,rewardbench2,pairs", "--threads", 1,
                       "--reward", f"implicit:{self.adapter}", f"implicit_mean:{self.adapter}", f"logp_mean:{TASK / 'start'}", "length:12")
        numbers = json.loads((out / "preferences.json").read_text())
        rewards = numbers["rewardbench"]
        self.assertEqual(len(rewards), 4)
        for row in read_rows(out / "rewardbench.jsonl"):
            self.assertEqual(sorted(len(scores) for scores in row["scores"].values()), [2, 2, 2, 2])
        right = [row["scores"]["length:12"][0] > row["scores"]["length:12"][1] for row in read_rows(out / "rewardbench.jsonl")]
        self.assertAlmostEqual(rewards["length:12"]["accuracy"]["value"], sum(right) / len(right))
        self.assertEqual(sorted(rewards["length:12"]["sections"]), ["Chat", "Chat Hard"])
        self.assertEqual(sorted(numbers["rewardbench2"]["length:12"]["subsets"]), ["Factuality", "Focus", "Ties"])
        self.assertIn("where the shorter one is better", table)
        logp = [s for row in read_rows(out / "rewardbench.jsonl") for s in row["scores"][f"logp_mean:{TASK / 'start'}"]]
        self.assertTrue(all(value < 0 for value in logp))


def read_rows_with_torn_lines(path):
    rows = []
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if "task" in row:
            rows.append(row)
    return rows


if __name__ == "__main__":
    unittest.main()
