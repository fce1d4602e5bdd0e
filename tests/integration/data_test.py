"""Where rows come from and what their scores become: mixtures, fitted scales, LLaMA-Factory's dataset_info.json."""
import json
import pathlib
import re
import unittest

from support import TASK, fresh, read_rows, run, train, write_rows


def pairs(name, count):
    return write_rows(f"{name}.jsonl", [{"prompt": f"{name} {n}", "chosen": "a b", "rejected": "c d"} for n in range(count)])


def scores(name, values):
    return write_rows(f"{name}.jsonl", [{"prompt": f"p{n}", "response": "a b", "score": value} for n, value in enumerate(values)])


def report(out):
    return json.loads((out / "data.json").read_text())


class Mixtures(unittest.TestCase):
    def test_weights_in_yaml_and_by_flag_give_the_same_rows(self):
        a, b = pairs("mixture-a", 6), pairs("mixture-b", 40)
        config = fresh("mixture.yaml")
        config.write_text(f"dataset_name:\n  - {a}:0.6\n  - {b}:0.4\n")
        train("dpo", f"{a}:0.6,{b}:0.4", fresh("mixture-flag"), "--max_steps", 1)
        once = report(fresh("nothing").parent / "mixture-flag")
        self.assertEqual([(part["rows"], part["of"]) for part in once["mixture"]], [(6, 6), (4, 40)])
        self.assertEqual(once["sources"], ["mixture-a", "mixture-b"])
        out = fresh("mixture-yaml")
        run("dpo", "--config", config, "--model", TASK / "start", "--out", out, "--max_length", "160", "--lora_r", "4",
            "--learning_rate", "1e-3", "--logging_steps", "1", "--reference_cache_dir", "none", "--threads", "1",
            "--report_to", "none", "--max_steps", 1)
        self.assertEqual(report(out), once)
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        same = [json.loads(line) for line in (out.parent / "mixture-flag" / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([row.get("loss") for row in rows], [row.get("loss") for row in same])

    def test_data_seed_draws_other_rows(self):
        a, b = pairs("mixture-a", 4), pairs("mixture-b", 400)
        drawn = []
        for seed in (1, 1, 2):
            out = fresh("mixture-seed")
            train("dpo", f"{a}:1,{b}:1", out, "--max_steps", 1, "--data_seed", seed)
            lines = (out / "metrics.jsonl").read_text().splitlines()
            drawn.append([json.loads(line).get("grad_norm") for line in lines])
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])

    def test_a_missing_weight_is_one_sentence(self):
        a, b = pairs("mixture-a", 4), pairs("mixture-b", 4)
        self.assertIn("has no weight", train("dpo", f"{a}:1,{b}", fresh("mixture-bad"), code=2)[1])


class ScoreMappings(unittest.TestCase):
    def test_the_fit_is_stored_and_serves_the_evaluation_rows(self):
        rows, held = scores("mapping-train", [-4, -2, 0, 2, 4, 8]), scores("mapping-held", [2, 100])
        out = fresh("mapping-run")
        log = "".join(train("una", rows, out, "--score_mapping", "min_max", "--eval_data", held, "--max_steps", 1))
        self.assertEqual(report(out)["score_fits"], {"mapping-train": {"lowest": -4, "highest": 8}})
        self.assertIn("lowest -4 -> 0, highest 8 -> 1", log)
        self.assertIn("as fitted to the training rows", log)
        self.assertIn("score_mapping: min_max", (out / "run.yaml").read_text())

    def test_other_files_are_mapped_as_the_run_mapped_its_rows(self):
        rows, out = scores("fit-train", [-4, -2, 0, 2, 4, 8]), fresh("fit-run")
        train("una", rows, out, "--score_mapping", "quantile", "--max_steps", 2, "--save_steps", 1)
        fit = json.loads((out / "score_fit.json").read_text())
        self.assertEqual(fit, {"mapping": "quantile", "by_source": {"fit-train": {"values": [-4, -2, 0, 2, 4, 8], "counts": [1] * 6}}})
        self.assertEqual(json.loads((out / "checkpoint-2" / "score_fit.json").read_text()), fit)
        other, scored = scores("fit-other", [0, 3, 900]), fresh("fit-scored.jsonl")
        score = ["score", "--model", TASK / "start", "--adapter", out, "--data", other, "--out", scored, "--threads", 1]
        self.assertIn("give --score_range", run(*score, code=2)[1])
        run(*score, "--score_fit", out)
        wanted = [5 / 12, 8 / 12, 1]
        for row, target in zip(read_rows(scored), wanted, strict=True):
            self.assertAlmostEqual(row["target"], target, places=6)
        converted = fresh("fit-converted.jsonl")
        run("convert", "--data", other, "--to", "scores", "--score_fit", out, "--out", converted)
        for row, target in zip(read_rows(converted), wanted, strict=True):
            self.assertAlmostEqual(row["score"], target, places=12)
        shown = run("preview", "--model", TASK / "start", "--data", other, "--score_fit", out / "checkpoint-2")[0]
        self.assertIn(f"as stored in {out}/checkpoint-2/score_fit.json; fit-train: quartiles", shown)
        again = fresh("fit-again")
        train("una", other, again, "--score_fit", out / "score_fit.json", "--max_steps", 1)
        self.assertEqual(json.loads((again / "score_fit.json").read_text()), fit)
        (again / "score_fit.json").write_text("[]")
        bad = fresh("fit-bad")
        self.assertIn("not the score mapping of a run", train("una", other, bad, "--score_fit", again, code=2)[1])
        self.assertFalse(bad.exists())

    def test_a_constant_source_is_refused(self):
        error = train("una", scores("mapping-flat", [3, 3, 3]), fresh("mapping-bad"), "--score_mapping", "quantile", code=2)[1]
        self.assertIn('all 3 scores of source "mapping-flat" are 3', error)

    def test_convert_writes_fitted_scores(self):
        out = fresh("mapping-converted.jsonl")
        run("convert", "--data", scores("mapping-raw", [-4, 4]), "--to", "scores", "--score_mapping", "min_max", "--out", out)
        self.assertEqual([(row["score"], row["score_range"]) for row in read_rows(out)], [(0, [0, 1]), (1, [0, 1])])


class DatasetInfo(unittest.TestCase):
    def test_an_entry_trains(self):
        folder = fresh("dataset-info")
        folder.mkdir()
        (folder / "dataset_info.json").write_text(json.dumps({"mine": {
            "file_name": "mine.json", "ranking": True, "columns": {"prompt": "ask", "chosen": "good", "rejected": "bad"}}}))
        (folder / "mine.json").write_text(json.dumps([{"ask": f"q{n}", "good": "a b", "bad": "c d"} for n in range(4)]))
        out = fresh("dataset-info-run")
        train("dpo", "mine", out, "--dataset_dir", folder, "--max_steps", 1)
        self.assertEqual(report(out)["by_shape"], {"Alpaca pair": 4})
        error = train("dpo", "mein", fresh("dataset-info-bad"), "--dataset_dir", folder, code=2)[1]
        self.assertIn('has no entry "mein"', error)
        self.assertIn("here it is called dataset_name", run("dpo", "--dataset", "mine", code=2)[1])


DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "data.md"
# Of each example of the document, in order, under its heading: how it is read.
SHAPES = {
    "Pairs": ["TRL pair (strings)", "TRL pair (conversational)", "TRL pair (implicit prompt)", "HH transcript pair",
              "UltraFeedback binarized", "HelpSteer2 preference"],
    "Thumbs": ["binary", "binary", "Alpaca"],
    "Scores": ["score", "HelpSteer2", "native (responses)", "score"],
    "Exports of other programs": ["OpenAI preference", "arena battle"],
    "Without feedback": ["messages", "prompt and completion", "text", "Alpaca", "question and answer", "prompt only"],
}


class MessyFeedback(unittest.TestCase):
    """What spreadsheets and rating tools write, from file to rows."""

    def read(self, name, text, *more, code=0):
        data = fresh(name)
        data.write_bytes(text if isinstance(text, bytes) else text.encode())
        out = fresh("messy-out.jsonl")
        log = run("convert", "--data", data, "--out", out, *more, code=code)[code != 0]
        return read_rows(out) if code == 0 else log

    def test_a_sheet_of_thumbs(self):
        text = b"\xef\xbb\xbfsep=;\r\nPrompt;Completion;Thumbs Up;Note\r\na;b, c;up;x\r\n;;;\r\nd;;down;\r\ne;f;n/a;\r\ng;h;Down;\r\n"
        rows = self.read("messy.csv", text, "--label_values", "good=up,bad=down")
        self.assertEqual([(row["prompt"], row["completion"], row["label"]) for row in rows], [("a", "b, c", True), ("g", "h", False)])
        self.assertIn("--label_values good=", self.read("messy.csv", text, code=2))

    def test_decimal_commas(self):
        rows = self.read("commas.csv", "prompt;response;score;score_range\na;b;2,5;[0, 5]\n")
        self.assertEqual((rows[0]["score"], rows[0]["score_range"]), (2.5, [0, 5]))

    def test_marks_inside_objects(self):
        row = json.dumps({"question": "q", "answer": "a", "data": {"rating": -1}}) + "\n"
        self.assertIn("--columns label=data.rating", self.read("nested.jsonl", row, code=2))
        words = ["--columns", "label=data.rating", "--label_values", "good=1,bad=-1"]
        self.assertIs(self.read("nested.jsonl", row, *words)[0]["label"], False)
        plain = '{"prompt": "p", "completion": "a"}\n'
        self.assertIn("fits no row", self.read("plain.jsonl", plain, "--columns", "label=data.rating", code=2))

    def test_columns_that_nothing_reads_are_listed(self):
        data = write_rows("unread.jsonl", [{"prompt": f"p{n}", "chosen": "a b", "rejected": "c", "prompt_id": n} for n in range(9)])
        for words in (["preview", "--model", TASK / "start"], ["doctor"]):
            self.assertIn("columns not read: prompt_id\n", run(*words, "--data", data)[0])
        self.assertIn("columns not read: prompt_id\n", train("dpo", data, fresh("unread"), "--max_steps", 1)[1])


class Document(unittest.TestCase):
    def test_every_example_of_the_document_is_read_as_it_says(self):
        found, heading, inside = {}, "", False
        for line in DOCUMENT.read_text(encoding="utf-8").split("\n"):
            heading = line[3:] if line.startswith("## ") else heading
            if line.startswith("```"):
                inside = line == "```json"
            elif inside:
                found.setdefault(heading, []).append(line)
        self.assertEqual({name: len(lines) for name, lines in found.items()}, {name: len(shapes) for name, shapes in SHAPES.items()})
        for name, lines in found.items():
            for line, shape in zip(lines, SHAPES[name]):
                with self.subTest(line=line):
                    out = fresh("document-out.jsonl")
                    log = run("convert", "--data", write_rows("document.jsonl", [line + "\n"]), "--out", out)[0]
                    self.assertEqual(re.findall(r"1    as (.*)", log), [shape])
                    self.assertEqual(len(read_rows(out)), 1)


if __name__ == "__main__":
    unittest.main()
