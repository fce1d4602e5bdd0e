"""`una score` with reward models: what it writes, what it refuses."""
import json
import shutil
import unittest

from support import TASK, fresh, read_rows, run, train, write_rows

TEMPLATE = ("{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
            "{% if dated %}{{ strftime_now('%d %b %Y') }}{% endif %}"
            "{% for m in messages %}{{ m.role }}:{{ m.content }}{{ eos_token }}{% endfor %}")


def reward_model(name="score-rm"):
    """A reward model folder with a chat template."""
    adapter, merged = fresh(f"{name}-adapter"), fresh(name)
    train("reward", TASK / "data" / "pair.jsonl", adapter, "--max_steps", 3, "--learning_rate", "5e-3")
    run("merge", "--model", TASK / "start", "--adapter", adapter, "--out", merged, "--dtype", "float32")
    (merged / "chat_template.jinja").write_text(TEMPLATE)
    return merged


def turn(role, content):
    return {"role": role, "content": content}


class ScoreWithRewardModels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = reward_model()

    def score(self, rows, *more, code=0, model=None):
        path = fresh("score-out.jsonl")
        fresh("score-out.jsonl.partial")
        _, log = run("score", "--model", model or self.model, "--data", write_rows("score-rows.jsonl", rows), "--out", path,
                     "--dtype", "float32", *more, code=code)
        return (read_rows(path) if code == 0 else None), log

    def test_every_answer_gets_its_line_in_order(self):
        rows = [{"prompt": [turn("user", "name the place")], "chosen": [turn("assistant", "the golden garden")],
                 "rejected": [turn("assistant", "no")]},
                {"prompt": "plain text", "completion": " yes", "label": True},
                {"messages": [turn("user", "hello"), turn("assistant", "hello")]}]
        scored, log = self.score(rows)
        self.assertEqual([(row["row"], row["response"], row["line"]) for row in scored], [(0, 0, 1), (0, 1, 1), (1, 0, 2), (2, 0, 3)])
        self.assertTrue(all(isinstance(row["score"], float) and row["tokens"] > 1 for row in scored))
        self.assertIn("reward model in", log)
        alone, _ = self.score(rows, "--max_tokens_per_micro_batch", 1)
        for a, b in zip(scored, alone):
            self.assertAlmostEqual(a["score"], b["score"], places=5)

    def test_an_answer_that_cannot_be_scored_is_null_with_its_reason(self):
        rows = [{"prompt": [turn("system", "x"), turn("user", "y")], "completion": [turn("assistant", "z")], "label": True},
                {"prompt": [turn("user", "y")], "completion": [turn("assistant", "word " * 400)], "label": True},
                {"prompt": [turn("user", "y")], "completion": [turn("assistant", "z")], "label": True}]
        scored, log = self.score(rows)
        self.assertEqual([row["score"] is None for row in scored], [True, True, False])
        self.assertIn("no system turn", scored[0]["error"])
        self.assertIn("tokens", scored[1]["error"])
        self.assertIn("2 of 3 answers have no score", log)
        self.assertIn("score-rows.jsonl:1", self.score(rows, "--allow_dropped", "0.1", code=2)[1])
        self.assertIn("no score", self.score(rows[:1], code=2)[1])

    def test_bos_and_date_are_switches(self):
        row = {"prompt": [turn("user", "a")], "completion": [turn("assistant", "b")], "label": True,
               "chat_template_kwargs": {"dated": True}}
        values = {name: self.score([row], *more)[0][0] for name, more in
                  {"plain": [], "pinned": ["--template_date", "26 Jul 2024"], "later": ["--template_date", "01 Feb 2025"],
                   "strip": ["--rm_bos", "strip"]}.items()}
        self.assertEqual(values["plain"]["score"], values["pinned"]["score"])
        self.assertNotEqual(values["plain"]["score"], values["later"]["score"])
        # This tokenizer adds no BOS of its own.
        self.assertEqual(values["strip"]["tokens"], values["plain"]["tokens"] - 1)
        self.assertIn("rm_bos", self.score([row], "--rm_bos", "twice", code=2)[1])

    def test_keys_of_the_other_kind_are_refused(self):
        rows = [{"prompt": "a", "completion": " b", "label": True}]
        self.assertIn("reward model", self.score(rows, "--beta", "0.1", code=2)[1])
        self.assertIn("language model", self.score(rows, "--rm_bos", "double", "--beta", "1", code=2, model=TASK / "start")[1])

    def test_more_than_one_label_and_pickled_weights_are_refused(self):
        rows = [{"prompt": "a", "completion": " b", "label": True}]
        folder = fresh("score-labels")
        shutil.copytree(self.model, folder)
        config = json.loads((folder / "config.json").read_text())
        config.update(num_labels=2, id2label={"0": "bad", "1": "good"}, label2id={"bad": 0, "good": 1})
        (folder / "config.json").write_text(json.dumps(config))
        self.assertIn("one label", self.score(rows, code=2, model=folder)[1])
        shutil.copy(self.model / "config.json", folder / "config.json")
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        error = self.score(rows, code=2, model=folder)[1]
        self.assertIn("pytorch_model.bin", error)
        self.assertIn("save_pretrained", error)
        adapter = fresh("score-pickled-adapter")
        adapter.mkdir()
        (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}))
        (adapter / "adapter_model.bin").write_bytes(b"x")
        error = self.score(rows, "--adapter", adapter, "--beta", "1", code=2, model=TASK / "start")[1]
        self.assertIn("adapter_model.bin", error)
        self.assertIn("safetensors", error)


class ScoreAgainstGold(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.adapter = fresh("gold-adapter")
        train("una", TASK / "data" / "group.jsonl", cls.adapter, "--max_steps", 4, "--una_link", "identity", "--una_f", "group")
        cls.rows = []
        for group in read_rows(TASK / "data" / "group.jsonl")[:12]:
            for answer in group["responses"]:
                cls.rows.append({"prompt": group["prompt"], "completion": answer["content"], "score": answer["score"],
                                 "score_range": [0, 1]})

    def score(self, *more, code=0):
        out = fresh("gold.jsonl")
        log = run("score", "--model", TASK / "start", "--adapter", self.adapter, "--data", write_rows("gold-rows.jsonl", self.rows),
                  "--out", out, "--dtype", "float32", *more, code=code)[1]
        return (read_rows(out) if code == 0 else None), log

    @staticmethod
    def rho(log):
        return float(log.split("rho ")[1].split("[")[0])

    def test_rho_is_the_correlation_inside_prompts(self):
        lines, log = self.score("--gold", "score")
        groups = {}
        for line, row in zip(lines, self.rows):
            self.assertEqual(line["gold"], row["score"])
            groups.setdefault(row["prompt"], []).append((line["logp"] - line["ref_logp"], row["score"]))
        xy = xx = yy = 0
        for answers in groups.values():
            n = len(answers)
            x, y = (sum(a[i] for a in answers) / n for i in (0, 1))
            xy += sum((a - x) * (b - y) for a, b in answers) / (n - 1)
            xx += sum((a - x) ** 2 for a, _ in answers) / (n - 1)
            yy += sum((b - y) ** 2 for _, b in answers) / (n - 1)
        self.assertAlmostEqual(self.rho(log), xy / (xx * yy) ** 0.5, places=2)
        self.assertIn("sqrt(2 KL)", log)

    def test_another_field_or_a_reward_may_be_gold(self):
        rho = self.rho(self.score("--gold", "score")[1])
        for row in self.rows:
            row["true_score"] = 1 - row.pop("score")
        mirrored = self.rho(self.score("--gold", "true_score")[1])
        for row in self.rows:
            row["score"] = 1 - row.pop("true_score")
        self.assertAlmostEqual(mirrored, -rho, places=2)
        lines, _ = self.score("--gold", "length:20")
        self.assertTrue(all("gold" in line for line in lines))

    def test_a_scaled_adapter_moves_that_much_further(self):
        plain, double, none = (self.score("--adapter_scale", scale)[0] for scale in ("1", "2", "0"))
        for a, b, c in zip(plain, double, none):
            self.assertAlmostEqual(c["logp"], c["ref_logp"], places=3)
        moved = [sum(abs(line["logp"] - line["ref_logp"]) for line in lines) for lines in (plain, double)]
        self.assertGreater(moved[1], 1.5 * moved[0])
        self.assertIn("adapter_scale", self.score("--adapter_scale", "-1", code=2)[1])
        merged = fresh("scaled-merged")
        run("merge", "--model", TASK / "start", "--adapter", self.adapter, "--adapter_scale", "2", "--out", merged, "--dtype", "float32")
        out = fresh("score-merged.jsonl")
        run("score", "--model", merged, "--ref_model", TASK / "start", "--beta", "1", "--data", write_rows("gold-rows.jsonl", self.rows),
            "--out", out, "--dtype", "float32")
        for a, b in zip(double, read_rows(out)):
            self.assertAlmostEqual(a["logp"], b["logp"], places=3)


if __name__ == "__main__":
    unittest.main()
