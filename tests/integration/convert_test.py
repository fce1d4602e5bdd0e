"""`una convert`: rows of any shape become our own rows in one form, and training reads them."""
import unittest

from support import TASK, fresh, read_rows, run, train, write_rows

SCORED = [{"prompt": f"inform(n={n})", "response": text, "score": score, "score_range": [1, 5]}
          for n in range(6) for text, score in (("good it is", 5), ("fair it is", 3), ("bad it is", 1))]


def convert(rows, name, *arguments, code=0):
    out = fresh(f"{name}.jsonl")
    data = write_rows(f"{name}-in.jsonl", rows) if isinstance(rows, list) else rows
    log = run("convert", "--data", data, "--out", out, *arguments, code=code)
    return out, log[0] if code == 0 else log[1]


class Convert(unittest.TestCase):
    def test_scores_become_pairs_that_dpo_trains_on(self):
        out, log = convert(SCORED, "convert-pairs", "--to", "pairs", "--pairs", "all", "--min_margin", "0.6")
        rows = read_rows(out)
        self.assertEqual(rows[0], {"prompt": "inform(n=0)", "chosen": "good it is", "rejected": "bad it is", "score_chosen": 5,
                                   "score_rejected": 1, "score_range": [1, 5], "margin": 1, "source": "convert-pairs-in"})
        self.assertEqual(len(rows), 6)
        for piece in ("18  rows read", "6  rows kept", "12    pairs under min_margin", "written    6 rows"):
            self.assertIn(piece, log)
        train("dpo", out, fresh("convert-run"), "--max_steps", 1)

    def test_the_tasks_rows_come_back_the_same(self):
        for kind, to in (("pair", "pairs"), ("score", "scores")):
            data = TASK / "data" / f"{kind}.jsonl"
            once, _ = convert(data, f"convert-{kind}", "--to", to)
            again, _ = convert(once, f"convert-{kind}-again", "--to", "native")
            self.assertEqual(once.read_text(), again.read_text())
            self.assertEqual(len(read_rows(once)), len(read_rows(data)))

    def test_what_is_left_out_is_counted_and_listed(self):
        rows = [{"prompt": "p", "chosen": "a", "rejected": "b"}, {"prompt": "p", "completion": "c"}, {"prompt": "p", "chosen": "a", "rejected": "a"}]
        out, log = convert(rows, "convert-left", "--to", "binary")
        self.assertEqual([row["label"] for row in read_rows(out)], [True, False])
        self.assertIn("2  left out", log)
        listed = read_rows(f"{out}.left_out.jsonl")
        self.assertEqual([(row["line"], row["reason"]) for row in listed],
                         [(2, "of kind sft, has nothing to make binary of"), (3, "chosen equals rejected")])

    def test_one_sentence_when_it_cannot_be(self):
        out, _ = convert(SCORED, "convert-there")
        data = write_rows("convert-other.jsonl", SCORED)
        cases = [((), "no output"), (("--out", out), "is there already"), (("--out", "x.csv"), "must end in .jsonl"),
                 (("--out", out.parent), "is a folder"), (("--out", out, "--overwrite_output_dir", "--to", "triples"), "none of pairs"),
                 (("--out", data, "--overwrite_output_dir"), "one of the files to read"),
                 (("--out", out, "--to_form", "pairs"), "to_form")]
        for arguments, piece in cases:
            with self.subTest(piece=piece):
                error = run("convert", "--data", data, *arguments, code=2)[1]
                self.assertIn(piece, error)
                self.assertNotIn("internal error", error)
        self.assertIn("no data", run("convert", "--out", "x.jsonl", code=2)[1])
        run("convert", "--data", data, "--out", out, "--overwrite_output_dir")


if __name__ == "__main__":
    unittest.main()
