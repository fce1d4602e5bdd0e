"""`una preview`: what was understood, lengths, the template, and rows with the tokens that count."""
import json
import re
import shutil
import unittest

from support import TASK, fresh, run, write_rows

ROWS = [{"prompt": f"inform(name='{n}')", "chosen": "well said " * (1 + n), "rejected": "no"} for n in range(6)]
CHATML = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"


def preview(rows, *more, model=TASK / "start"):
    return run("preview", "--model", model, "--data", write_rows("preview.jsonl", rows), *more)[0]


class Preview(unittest.TestCase):
    def test_the_histogram_counts_every_sequence(self):
        text = preview(ROWS)
        bars = re.findall(r"^ +(\d+) to (\d+) +(\d+)  (#*)$", text, re.MULTILINE)
        self.assertEqual(sum(int(count) for _, _, count, _ in bars), 2 * len(ROWS))
        self.assertLessEqual(len(bars), 10)
        self.assertEqual(max(len(bar) for *_, bar in bars), 50)
        longest = int(re.search(r"max (\d+);", text).group(1))
        self.assertLessEqual(int(bars[-1][0]), longest)
        self.assertLessEqual(longest, int(bars[-1][1]))
        for _, _, count, bar in bars:
            self.assertEqual(bar == "", count == "0")

    def test_rows_longer_than_the_models_positions_are_no_surprise_in_training(self):
        text = preview(ROWS + [{"prompt": "p", "chosen": "well said " * 400, "rejected": "no"}], "--allow_dropped", "0.5")
        self.assertRegex(text, r"1 +over max_length")
        self.assertIn("max_length 256", text)  # the model's positions

    def test_brackets_or_colour_mark_the_answer(self):
        plain = preview(ROWS, "--color", "never", "--rows", 1)
        self.assertRegex(plain, r"inform\(name='0'\)\[.*well said")
        self.assertNotIn("\x1b", plain)
        coloured = preview(ROWS, "--color", "always", "--rows", 1)
        self.assertRegex(coloured, "\x1b\\[0;2m[^\x1b]")
        self.assertIn("\x1b[0;32m", coloured)
        without = re.sub("\x1b\\[[0-9;]*m", "", coloured)
        self.assertEqual(without, plain.replace("[", "").replace("]", ""))

    def test_ids_stand_beside_their_texts(self):
        self.assertRegex(preview(ROWS, "--ids", "true", "--rows", 1), r"<\d+>")

    def test_a_prompt_without_an_answer_is_shown_as_one(self):
        rows = [{"prompt": "ask a", "completion": "yes a", "label": None}, {"prompt": "ask b", "completion": None, "score": None}]
        text = preview(rows, "--color", "never")
        self.assertRegex(text, r"1 +prompt\b")
        self.assertRegex(text, r"(?s)preview.jsonl:1  sft.*answer 0: \d+ tokens, \d+ trained on")
        self.assertRegex(text, r"preview.jsonl:2  prompt, .*\n  prompt: \d+ tokens, no answer to train on; .*\n  ask b\n")
        data = write_rows("preview.jsonl", rows)
        for more in ([], ["--model", TASK / "start"]):
            self.assertIn("1 of the rows are prompts without an answer", run("doctor", "--data", data, *more)[0])
        said = run("sft", "--model", TASK / "start", "--data", data, "--out", fresh("prompts"), code=2)[1]
        self.assertIn("preview.jsonl:2: the row is of kind prompt, but the method takes sft; a prompt without an answer", said)

    def test_the_template_is_shown_as_it_begins(self):
        self.assertIn("template   none", preview(ROWS))
        model = fresh("preview-model")
        shutil.copytree(TASK / "start", model)
        (model / "chat_template.jinja").write_text(CHATML)
        chat = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}]
        text = preview(chat, model=model)
        self.assertIn(f"template   {len(CHATML)} characters; as it begins: {{% for m in messages %}}", text)
        self.assertIn("<user>Hi<assistant>[Hello", text)
        path = fresh("other.jinja")
        path.write_text(CHATML)
        self.assertIn(str(path), preview(chat, "--chat_template_path", path))


if __name__ == "__main__":
    unittest.main()
