"""Chat rows with system turns, tools and several turns: each command must do with them exactly what it does with the text that
the template makes of them."""
import json
import shutil
import unittest

from support import QUICK, TASK, fresh, read_rows, run, write_rows

TURNS = ("{%- for m in messages -%}[{{ m.role }}]{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% else %}"
         "{{ '\\n' }}{% endif %}{% endfor -%}")
ASK = "{%- if add_generation_prompt -%}[assistant]{%- endif -%}"
PLAIN = TURNS + ASK
TOOLS = "{%- if tools -%}[tools]{{ tools | tojson }}\n{% endif -%}" + TURNS + ASK
LAMP = [{"type": "function", "function": {"name": "lamp", "parameters": {"type": "object", "properties": {}}}}]
SHOWN = "[tools]" + json.dumps(LAMP) + "\n"


def turn(role, content):
    return {"role": role, "content": content}


# prompt's turns, tools, the prompt as text
PROMPTS = [
    ([turn("user", "name a colour")], None, "[user]name a colour\n[assistant]"),
    ([turn("system", "be brief"), turn("user", "name a colour")], None, "[system]be brief\n[user]name a colour\n[assistant]"),
    ([turn("system", "be brief"), turn("user", "light on")], LAMP, SHOWN + "[system]be brief\n[user]light on\n[assistant]"),
    ([turn("user", "hi"), turn("assistant", "hello"), turn("user", "light on")], LAMP,
     SHOWN + "[user]hi\n[assistant]hello</s>[user]light on\n[assistant]"),
]


def answer_of(row):
    """The text of a generated row: chats get an assistant turn."""
    return row["completion"] if isinstance(row["completion"], str) else row["completion"][0]["content"]


def model(name, templates):
    """The task's model with chat templates; `templates` writes them."""
    folder = fresh(name)
    shutil.copytree(TASK / "start", folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    templates(folder, config)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def as_list(folder, config):
    config["chat_template"] = [{"name": "default", "template": PLAIN}, {"name": "tool_use", "template": TOOLS}]


def as_files(folder, config):
    (folder / "chat_template.jinja").write_text(PLAIN)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text(TOOLS)


def rows(kind, chat, eos):
    """The same feedback as chats or as texts."""
    out = []
    for turns, tools, text in PROMPTS:
        row = {"tools": tools} if chat and tools else {}
        row["prompt"] = turns if chat else text.replace("</s>", eos)

        def answer(content):
            return [turn("assistant", content)] if chat else content

        if kind == "pair":
            out.append({**row, "chosen": answer("yes"), "rejected": answer("no")})
        elif kind == "binary":
            out += [{**row, "completion": answer("yes"), "label": True}, {**row, "completion": answer("no"), "label": False}]
        elif kind == "score":
            out += [{**row, "completion": answer(word), "score": score, "score_range": [1, 5]} for word, score in
                    (("yes", 4), ("no", 1))]
        elif kind == "sft":
            out.append({**row, "completion": answer("yes")})
        else:
            out.append(row)
    return write_rows(f"chat-{kind}-{chat}.jsonl", out)


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.list, cls.files = model("chat-list", as_list), model("chat-files", as_files)
        config = json.loads((TASK / "start" / "tokenizer_config.json").read_text())
        eos = config["eos_token"]
        cls.eos = eos if isinstance(eos, str) else eos["content"]

    def test_preview_shows_the_template_of_each_row(self):
        for folder in (self.list, self.files):
            with self.subTest(folder=folder.name):
                text = run("preview", "--model", folder, "--data", rows("pair", True, self.eos), "--color", "never", "--rows", 4,
                           "--max_length", 256)[0]
                for _, _, prompt in PROMPTS:
                    self.assertIn(prompt.replace("</s>", self.eos).replace("\n", "\\n") + "[yes" + self.eos + "]", text)

    def test_generate_answers_the_rendered_prompt(self):
        answers = []
        for chat, folder in ((True, self.list), (True, self.files), (False, self.list)):
            out = fresh("chat-generated.jsonl")
            run("generate", "--model", folder, "--data", rows("prompt", chat, self.eos), "--out", out, "--temperature", 0,
                "--max_new_tokens", 8, "--threads", 1)
            answers.append([(answer_of(row), row["logp"]) for row in read_rows(out)])
        self.assertEqual(len(answers[0]), len(PROMPTS))
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0], answers[2])
        typed = run("generate", "--model", self.list, "--prompt", "name a colour", "--system", "be brief", "--apply_chat_template",
                    "--temperature", 0, "--max_new_tokens", 8, "--threads", 1)[0]
        self.assertEqual(typed, answers[0][1][0] + "\n")
        self.assertIn("--apply_chat_template too", run("generate", "--model", self.list, "--prompt", "a", "--system", "b", code=2)[1])

    def test_a_template_given_by_hand_serves_rows_with_tools_too(self):
        path = fresh("by-hand.jinja")
        path.write_text(PLAIN)
        text = run("preview", "--model", self.list, "--data", rows("pair", True, self.eos), "--chat_template_path", path,
                   "--color", "never", "--rows", 4)[0]
        self.assertNotIn("[tools]", text)

    def test_training_and_scoring_take_chats_as_their_texts(self):
        for method, kind in [("sft", "sft"), ("dpo", "pair"), ("kto", "binary"), ("una", "pair"), ("una", "binary"),
                             ("una", "score"), ("una", "group")]:
            with self.subTest(method=method, kind=kind):
                adapters, scores = [], []
                for chat in (True, False):
                    out, scored = fresh(f"chat-{method}-{chat}"), fresh("votes-scored.jsonl")
                    data = rows("score" if kind == "group" else kind, chat, self.eos)
                    run(method, "--model", self.list, "--data", data, "--out", out, *QUICK[2:], "--max_length", 256,
                        "--max_steps", 2, "--per_device_train_batch_size", 2, "--dtype", "float32",
                        *(["--feedback", "group"] if kind == "group" else []))
                    adapters.append((out / "adapter_model.safetensors").read_bytes())
                    run("score", "--model", self.list, "--adapter", out, "--data", data, "--out", scored, "--beta", 0.1,
                        "--max_length", 256, "--dtype", "float32", "--threads", 1)
                    scores.append([(row["tokens"], row["logp"], row["ref_logp"]) for row in read_rows(scored)])
                self.assertEqual(*scores)
                self.assertTrue(adapters[0] == adapters[1], "another adapter than from the texts")

    def test_online_methods_sample_for_chats_what_they_sample_for_their_texts(self):
        for method in ("una_online", "rloo", "grpo", "online_dpo", "ppo"):
            with self.subTest(method=method):
                adapters, metrics = [], []
                for chat in (True, False):
                    out = fresh(f"chat-{method}-{chat}")
                    run(method, "--model", self.list, "--data", rows("prompt", chat, self.eos), "--out", out, *QUICK[2:],
                        "--reward", "length:3", "--num_generations", 2, "--max_completion_length", 6, "--max_length", 256,
                        "--max_steps", 2, "--per_device_train_batch_size", 2, "--dtype", "float32")
                    adapters.append((out / "adapter_model.safetensors").read_bytes())
                    metrics.append([row.get("reward") for row in read_rows(out / "metrics.jsonl")])
                self.assertEqual(*metrics)
                self.assertTrue(adapters[0] == adapters[1], "another adapter than from the texts")

    def test_label_and_convert_say_of_chats_what_they_say_of_their_texts(self):
        for kind in ("pair", "binary", "score"):
            said = []
            for chat in (True, False):
                labelled, native = fresh("votes-labelled.jsonl"), fresh("chat-native.jsonl")
                data = rows(kind, chat, self.eos)
                run("label", "--data", data, "--reward", f"logp:{self.list}", "--out", labelled, "--threads", 1)
                run("convert", "--data", data, "--to", "native", "--out", native)
                scores = [answer["score"] for row in read_rows(labelled) for answer in row.get("responses", [row])]
                marks = [(row.get("label"), row.get("score"), len(row.get("responses", []))) for row in read_rows(native)]
                said.append((scores, marks))
                if chat:
                    back = [row["prompt"] for row in read_rows(native)]
                    self.assertEqual(sorted({json.dumps(p) for p in back}), sorted(json.dumps(p) for p, _, _ in PROMPTS))
                    tools = {json.dumps(row["prompt"]): row.get("tools") for row in read_rows(native)}
                    self.assertEqual(tools, {json.dumps(p): t for p, t, _ in PROMPTS})
            self.assertEqual(*said)

    def test_reward_models_and_eval_read_chats_with_tools(self):
        rewards, accuracies = [], []
        for folder in (self.list, self.files):
            reward = fresh(f"chat-reward-{folder.name}")
            run("reward", "--model", folder, "--data", rows("pair", True, self.eos), "--out", reward, *QUICK[2:], "--max_length",
                256, "--max_steps", 2, "--dtype", "float32")
            rewards.append((reward / "adapter_model.safetensors").read_bytes())
            tasks, out = fresh("chat-tasks"), fresh("votes-eval")
            tasks.mkdir()
            shutil.copyfile(rows("pair", True, self.eos), tasks / "pairs.jsonl")
            run("eval", "--tasks", "pairs", "--data", tasks, "--reward", f"model:{reward}", f"logp:{folder}", "--out", out,
                "--threads", 1)
            accuracies.append((out / "preferences.json").read_text().replace(str(folder), "").replace(str(reward), ""))
            self.assertEqual(len({row["row"] if "row" in row else i for i, row in enumerate(read_rows(out / "pairs.jsonl"))}),
                             len(PROMPTS))
        self.assertEqual(*accuracies)
        self.assertTrue(rewards[0] == rewards[1], "the tools' template as a file or in the list")


class AdaptersTemplate(unittest.TestCase):
    """An adapter trained with its own template is used with it."""

    @classmethod
    def setUpClass(cls):
        cls.base = model("chat-base", as_list)
        cls.own = fresh("own.jinja")
        cls.own.write_text("{% for m in messages %}## {{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}"
                           "{% if add_generation_prompt %}## assistant: {% endif %}")
        pairs = [{"prompt": [turn("user", f"say {word}")], "chosen": [turn("assistant", "yes")],
                  "rejected": [turn("assistant", "no")], "tools": LAMP} for word in ("one", "two", "three", "four")]
        cls.data = write_rows("chat-own.jsonl", pairs)
        cls.trained = fresh("chat-own")
        run("dpo", "--model", cls.base, "--data", cls.data, "--out", cls.trained, "--chat_template_path", cls.own, *QUICK,
            "--max_steps", 2, "--save_merged", "true", "--dtype", "float32")

    def files(self, *more):
        scored, answers = fresh("own-scored.jsonl"), fresh("own-answers.jsonl")
        run("score", *more, "--data", self.data, "--out", scored, "--threads", 1, "--dtype", "float32", "--beta", 1,
            *([] if "--adapter" in more else ["--ref_model", self.base]))
        run("generate", *more, "--data", self.data, "--out", answers, "--temperature", 0, "--max_new_tokens", 6, "--threads", 1,
            "--dtype", "float32")
        return ([round(row["logp"], 3) for row in read_rows(scored)], [answer_of(row) for row in read_rows(answers)])

    def test_score_and_generate_render_as_in_training(self):
        policy = ["--model", self.base, "--adapter", self.trained]
        self.assertEqual(self.files(*policy), self.files(*policy, "--chat_template_path", self.own))
        self.assertNotEqual(self.files(*policy), self.files(*policy, "--chat_template_path", self.list_template()))
        self.assertEqual(self.files(*policy), self.files("--model", self.trained / "merged"))

    def list_template(self):
        path = fresh("list.jinja")
        path.write_text(PLAIN)
        return path

    def test_merge_and_implicit_rewards_take_it_too(self):
        merged = fresh("own-merged")
        run("merge", "--model", self.base, "--adapter", self.trained, "--out", merged)
        self.assertEqual((merged / "chat_template.jinja").read_text(), self.own.read_text())
        self.assertFalse((merged / "additional_chat_templates" / "tool_use.jinja").exists())
        labelled = fresh("own-labelled.jsonl")
        run("label", "--reward", f"implicit:{self.trained}", "--data", self.data, "--out", labelled)
        scored = fresh("own-implicit.jsonl")
        run("score", "--model", self.base, "--adapter", self.trained, "--data", self.data, "--out", scored)
        found = [answer["score"] for row in read_rows(labelled) for answer in row["responses"]]
        self.assertEqual([round(value, 4) for value in found], [round(row["reward"], 4) for row in read_rows(scored)])

    def test_training_on_from_the_adapter_keeps_it(self):
        again = fresh("chat-own-again")
        run("dpo", "--model", self.base, "--adapter", self.trained, "--data", self.data, "--out", again, *QUICK, "--max_steps", 1)
        self.assertEqual((again / "chat_template.jinja").read_text(), self.own.read_text())


class Warnings(unittest.TestCase):
    def test_a_template_without_a_generation_prompt_is_reported(self):
        folder = model("chat-headless", lambda _, config: config.update(chat_template=TURNS))
        data = rows("pair", True, "</s>")
        shown = run("preview", "--model", folder, "--data", data, "--max_length", 256)[0]
        checked = run("doctor", "--model", folder, "--data", data, "--max_length", 256)[0]
        trained = run("dpo", "--model", folder, "--data", data, "--out", fresh("headless"), *QUICK[2:], "--max_length", 256,
                      "--max_steps", 1)[1]
        for text in (shown, checked, trained):
            self.assertEqual(text.count("ignores add_generation_prompt"), 1, text)
            self.assertIn('"[assistant]" is trained as part of the answer', text)

    def test_a_pad_token_beyond_the_embedding_is_an_error_of_the_rows_that_have_it(self):
        folder = model("chat-pad", lambda _, config: config.update(pad_token="[PAD]"))
        plain = [{"prompt": f"ask {i}", "chosen": "yes", "rejected": "no"} for i in range(4)]
        _, log = run("dpo", "--model", folder, "--data", write_rows("pad.jsonl", plain), "--out", fresh("pad-run"), *QUICK,
                     "--max_steps", 1)
        self.assertIn("a row with one of the others is refused", log)
        plain[2]["chosen"] = "yes [PAD]"
        data = write_rows("pad-literal.jsonl", plain)
        for command in (["dpo", "--out", fresh("pad-run2"), *QUICK], ["preview"], ["generate", "--out", fresh("pad.out")]):
            if command[0] == "generate":
                data = write_rows("pad-prompt.jsonl", [*plain[:2], {"prompt": "[PAD]"}])
            _, error = run(*command, "--model", folder, "--data", data, code=2)
            self.assertRegex(error, r"jsonl:3: the text has the token '\[PAD\]' with id \d+, but the model's embedding has only")


if __name__ == "__main__":
    unittest.main()
