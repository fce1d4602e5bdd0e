"""`una eval`: tasks from local files, resumed, with an adapter; preferences by rewards; win rates."""
import json
import re
import unittest

from support import TASK, fresh, read_rows, run, serving, train, write_rows

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
        long = fresh("eval-long")
        _, log = run("eval", "--data", self.data, "--model", TASK / "start", "--out", long, "--tasks", "bbh,ifeval", code=2)
        self.assertIn("ifeval: answers of 1280 tokens leave no room for a prompt", log)
        self.assertEqual(list(long.rglob("*.jsonl")), [], "found before the first row of any task")
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


    def wins(self, out, tasks, *more, code=0):
        return self.eval(out, "--tasks", tasks, "--adapter", self.adapter, *more, code=code)

    def test_answers_of_an_adapter_against_the_models_own(self):
        out = fresh("eval-wins")
        table, _ = self.wins(out, "win_rate", "--reward", "length:12", "--limit", 6, "--num_samples", 2)
        contest = json.loads((out / "wins.json").read_text())["win_rate"]["contests"][0]
        answers = {name: {(row["row"], row["sample"]): row["turns"][0] for row in read_rows(out / name / "win_rate.answers.jsonl")
                          if "row" in row} for name in ("model", "eval-adapter")}
        self.assertEqual(len(answers["model"]), 12)
        score = lambda text: -abs(len(text.split()) - 12)
        shares = [self.share(score(answers["eval-adapter"][key]), score(text)) for key, text in sorted(answers["model"].items())]
        self.assertEqual(contest["won"] + contest["tied"] + contest["lost"], 12)
        self.assertEqual(contest["candidate"], "eval-adapter")
        self.assertLessEqual(contest["win_rate"]["low"], contest["win_rate"]["value"])
        self.assertEqual(len(read_rows(out / "win_rate.wins.jsonl")), 6)
        self.assertIn("LC*", table)
        report = (out / "report.html").read_text()
        self.assertIn("the worst answers of eval-adapter", report)
        self.assertEqual(len(shares), 12)
        path = out / "eval-adapter" / "win_rate.answers.jsonl"
        before = path.read_bytes()
        path.write_bytes(before[:-30])  # a kill within the last line
        again, _ = self.wins(out, "win_rate", "--reward", "length:12", "--limit", 6, "--num_samples", 2)
        self.assertEqual(again, table)
        self.assertEqual(sorted(path.read_bytes().splitlines()), sorted(before.splitlines()))

    def share(self, a, b):
        return 1 if a > b else 0.5 if a == b else 0

    def test_files_of_answers_and_their_layouts(self):
        out = fresh("eval-layouts")
        table, _ = self.wins(out, "alpaca_eval", "--reward", "length:12")
        self.assertIn("against a plain writer", table)
        contests = json.loads((out / "wins.json").read_text())["alpaca_eval"]["contests"]
        self.assertEqual([contest["candidate"] for contest in contests], ["model", "eval-adapter"])
        self.assertEqual(sorted(contests[0]["categories"]), ["helpful_base", "oasst"])
        rows = read_rows(self.data / "prompts.jsonl")
        other = write_rows("eval-other.jsonl", [{"prompt": row["prompt"], "answer": "?"} for row in rows])
        table, _ = self.wins(out, "win_rate", "--reward", "length:1", "--against", other)
        self.assertIn("eval-other.jsonl", table)
        short = write_rows("eval-short.jsonl", [{"prompt": "another", "answer": "?"}])
        self.assertIn("there is no answer to the prompt", self.wins(fresh("eval-short"), "win_rate", "--reward", "length:1",
                                                                    "--against", short, code=2)[1])

    def test_a_judge_compares_in_both_orders_and_is_asked_again(self):
        def script(number, body):
            text = body["messages"][-1]["content"]
            first, second = re.search(r"A=(.*)B=(.*)END", text, re.S).groups()
            word = "A" if len(first) > len(second) else "B" if len(second) > len(first) else "tie"
            return 200, json.dumps({"choices": [{"message": {"content": f"Verdict: {word}"}, "finish_reason": "stop"}]})

        with serving(script) as server:
            judge = fresh("eval-judge.yaml")
            judge.write_text(f"base_url: {server.url}/v1\nmodel: judge\nmode: pairs\ncache_dir: none\napi_key_env: ''\n"
                             "prompt_template: '{prompt} A={answer_a}B={answer_b}END'\n")
            out = fresh("eval-judged")
            table, _ = self.wins(out, "win_rate", "--reward", f"judge:{judge}", "--limit", 6, "--judge_repeats", 3)
        contest = json.loads((out / "wins.json").read_text())["win_rate"]["contests"][0]
        texts = {name: [row["turns"][0] for row in sorted((r for r in read_rows(out / name / "win_rate.answers.jsonl") if "row" in r),
                                                          key=lambda row: row["row"])] for name in ("model", "eval-adapter")}
        shares = [self.share(len(a.strip()), len(b.strip())) for a, b in zip(texts["eval-adapter"], texts["model"])]
        self.assertAlmostEqual(contest["win_rate"]["value"], sum(shares) / 6, delta=0.2)
        self.assertEqual(contest["judge_agreement"]["share"], 1)
        self.assertIn("the same verdict in", table)

    def test_scores_of_pairs_are_taken_up_again(self):
        out = fresh("eval-scores")
        command = ["eval", "--data", self.data, "--out", out, "--tasks", "pairs", "--threads", 1, "--reward", "length:12"]
        table, _ = run(*command)
        path = next((out / "scores").glob("pairs-*.jsonl"))
        whole = path.read_text().splitlines()
        self.assertEqual(len(whole), 13)
        path.write_text("\n".join(whole[:5]) + "\n" + whole[5][:20])
        self.assertEqual(run(*command)[0], table)
        self.assertIn("pairs: which answer is better", (out / "report.html").read_text())


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
