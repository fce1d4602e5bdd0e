"""Commands other than training by several ranks: the same files as by one."""
import json
import signal
import unittest

from ranks_support import TASK, UNA, Ranks, fresh, long, main, run_any

DATA = TASK / "data"


def una(*arguments, ranks=1, code=0):
    words = [*arguments, "--threads", "1"] + (["--nproc", ranks] if ranks > 1 else [])
    returned, out, error = run_any([str(word) for word in words])
    assert returned == code, f"exit {returned}, wanted {code}\n{out}\n{error}"
    return out, error


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.adapter, cls.reward_model = fresh("commands-adapter"), fresh("commands-reward")
        common = ["--model", TASK / "start", "--data", DATA / "pair.jsonl", "--max_length", "160", "--lora_r", "4",
                  "--learning_rate", "1e-3", "--max_steps", "3", "--report_to", "none", "--reference_cache_dir", "none"]
        una("dpo", *common, "--out", cls.adapter)
        una("reward", *common, "--out", cls.reward_model)

    def near(self, one, other):
        """The same JSON, numbers to the last bits: batches of another size round otherwise."""
        self.assertEqual(type(one), type(other))
        if isinstance(one, dict):
            self.assertEqual(one.keys(), other.keys())
            one, other = list(one.values()), list(other.values())
        if isinstance(one, list):
            self.assertEqual(len(one), len(other))
            for a, b in zip(one, other):
                self.near(a, b)
        elif isinstance(one, float):
            self.assertAlmostEqual(one, other, delta=1e-6 * max(1, abs(one)))
        else:
            self.assertEqual(one, other)

    def same_file(self, *arguments, exact=True):
        """The command's file by one rank and by three, byte for byte or nearly, and what it says by three."""
        one, three = fresh(f"{arguments[0]}-1.jsonl"), fresh(f"{arguments[0]}-3.jsonl")
        una(*arguments, "--out", one)
        _, log = una(*arguments, "--out", three, ranks=3)
        self.assertGreater(len(one.read_bytes()), 1000)
        if exact:
            self.assertEqual(one.read_bytes(), three.read_bytes())
        else:
            self.near(*([json.loads(line) for line in path.read_text().splitlines()] for path in (one, three)))
        return log

    def test_score_by_a_policy(self):
        log = self.same_file("score", "--model", TASK / "start", "--adapter", self.adapter, "--data", DATA / "pair.jsonl", "--token_logps")
        self.assertIn("3 ranks, by --nproc", log)

    def test_score_by_a_reward_model(self):
        self.same_file("score", "--model", TASK / "start", "--adapter", self.reward_model, "--data", DATA / "pair.jsonl", exact=False)

    def test_label(self):
        self.same_file("label", "--reward", f"model:{self.reward_model}", "length:4", "--data", DATA / "pair.jsonl", "--score_range", "observed",
                       exact=False)
        self.same_file("label", "--reward", "length:4", "--data", DATA / "sft.jsonl", "--score_range", "observed")

    def test_a_bad_row_ends_all_with_one_sentence_and_no_file(self):
        rows, out = fresh("label-bad.jsonl"), fresh("label-bad-out.jsonl")
        rows.write_text((DATA / "pair.jsonl").read_text() + '{"prompt": "no answer"}\n')
        _, log = una("label", "--reward", "length:4", "--data", rows, "--out", out, ranks=2, code=2)
        self.assertEqual(log.count("una: "), 1, log)
        self.assertFalse(out.exists())

    def test_a_stopped_label_goes_on_on_another_number_of_ranks(self):
        one, out = fresh("label-stop-1.jsonl"), fresh("label-stop.jsonl")
        reward = ["--reward", "command:sleep 0.3; sed s/.*/1/", "--data", DATA / "sft.jsonl"]
        words = [UNA, "label", *reward, "--out", out, "--threads", "1", "--score_range", "0,2"]
        partial = fresh(out.name + ".partial")
        with Ranks(2, words) as ranks:
            ranks.wait_for(lambda: partial.is_file() and partial.read_text().count("\n") > 1)
            ranks.signal(1, signal.SIGTERM)
            codes, seconds = ranks.wait()
            self.assertEqual(codes, [143, 143], ranks.all_text())
            self.assertLess(seconds, 10)
        _, log = una(*words[1:5], *words[5:-4], "--score_range", "0,2", ranks=3)
        self.assertIn("rows are done", log)
        una("label", *reward, "--out", one, "--score_range", "0,2")
        self.assertEqual(one.read_bytes(), out.read_bytes())

    def evaluate(self, out, data, *more, ranks=1):
        una("eval", "--data", data, "--model", TASK / "start", "--adapter", self.adapter, "--out", out, "--limit", "5", "--max_gen_toks", "8",
            "--tasks", "bbh,musr,ifeval,pairs", "--reward", f"implicit:{self.adapter}", *more, ranks=ranks)

    def test_eval(self):
        data, one, two = fresh("eval-data"), fresh("eval-1"), fresh("eval-2")
        una("eval", "--make_sample", data)
        self.evaluate(one, data)
        self.evaluate(two, data, ranks=2)
        self.assertEqual(json.loads((one / "results.json").read_text()), json.loads((two / "results.json").read_text()))
        self.assertEqual((one / "preferences.json").read_text(), (two / "preferences.json").read_text())
        for path in sorted((one / "model").iterdir()):
            rows, others = (sorted(folder.joinpath("model", path.name).read_text().splitlines()) for folder in (one, two))
            self.assertEqual(rows, others)

    @long
    def test_a_killed_eval_goes_on(self):
        data, one, out = fresh("eval-kill-data"), fresh("eval-kill-1"), fresh("eval-kill")
        una("eval", "--make_sample", data)
        self.evaluate(one, data)
        words = [UNA, "eval", "--data", data, "--model", TASK / "start", "--adapter", self.adapter, "--out", out, "--limit", "5",
                 "--max_gen_toks", "8", "--tasks", "bbh,musr,ifeval,pairs", "--reward", f"implicit:{self.adapter}", "--threads", "1"]
        with Ranks(2, words) as ranks:
            ranks.wait_for(lambda: (out / "model" / "musr.jsonl").is_file() and (out / "model" / "musr.jsonl").read_text().count("\n") > 1)
            ranks.signal(1, signal.SIGKILL)
            codes, seconds = ranks.wait(but=(1,))
            self.assertEqual(codes, [75], ranks.all_text())
            self.assertLess(seconds, 10)
        self.evaluate(out, data, ranks=3)
        self.assertEqual(json.loads((one / "results.json").read_text()), json.loads((out / "results.json").read_text()))


if __name__ == "__main__":
    main()
