"""Every method and every command that reads rows, on chat rows: system turns, tools, tool calls, several turns."""
import json
import math
import shutil
import unittest

from online_support import reward_rows
from support import TASK, fresh, read_rows, run, write_rows

TEMPLATE = """{% if tools %}(tools){{ tools | tojson }}
{% endif %}{% for m in messages %}({{ m.role }}){{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}
{% endfor %}{% if add_generation_prompt %}(assistant){% endif %}"""
TOOLS = [{"type": "function", "function": {"name": "weather"}}]
CALL = [{"type": "function", "function": {"name": "weather", "arguments": {"at": "sea"}}}]
KEYS = ["--max_length", 240, "--lora_r", 2, "--learning_rate", "1e-3", "--logging_steps", 1, "--reference_cache_dir", "none",
        "--threads", 1, "--report_to", "none", "--per_device_train_batch_size", 2]
ONLINE = ["--num_generations", 2, "--max_completion_length", 12]


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


def prompts():
    """Eight prompts of four kinds: system turn, several turns, tools, a tool's answer."""
    for n in range(2):
        yield {"prompt": [turn("system", "Be brief."), turn("user", f"Count to {n}.")]}
        yield {"prompt": [turn("user", f"Hello {n}."), turn("assistant", "Hello."), turn("user", "And now?", name="Ann")]}
        yield {"prompt": [turn("system", "You may call."), turn("user", f"The weather in {n}?")], "tools": TOOLS}
        yield {"prompt": [turn("user", f"Is it dry in {n}?"), turn("assistant", "", tool_calls=CALL), turn("tool", "dry")],
               "tools": TOOLS}


def conversations():
    """The same as whole conversations that end with a turn of the user or of a tool."""
    for row in prompts():
        yield {"messages": row["prompt"], **{key: value for key, value in row.items() if key != "prompt"}}


def pairs():
    return [{**row, "chosen": [turn("assistant", "yes, it is")], "rejected": [turn("assistant", "no")]} for row in prompts()]


def answers(mark):
    """One answer a prompt, every other one a tool call, with `mark(n)` next to it."""
    for n, row in enumerate(prompts()):
        call = turn("assistant", "", tool_calls=CALL) if n % 2 else turn("assistant", f"yes, it is {n}")
        yield {**row, "completion": [call], **mark(n)}


class ChatRows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = fresh("chat-model")
        shutil.copytree(TASK / "start", cls.model)
        (cls.model / "chat_template.jinja").write_text(TEMPLATE)
        cls.pairs = write_rows("chat-pairs.jsonl", pairs())
        cls.prompts = write_rows("chat-prompts.jsonl", prompts())
        cls.reward = fresh("chat-rm")
        run("reward", "--model", cls.model, "--data", cls.pairs, "--out", cls.reward, *KEYS, "--max_steps", 3)

    def label(self, rows, reward, name):
        out = fresh(f"{name}.jsonl")
        _, log = run("label", "--reward", reward, "--data", rows, "--out", out, "--threads", 1)
        return read_rows(out), log

    def test_a_reward_model_labels_chats_with_the_numbers_of_score(self):
        labelled, _ = self.label(self.pairs, f"model:{self.reward}", "chat-labelled")
        scored = fresh("chat-scored.jsonl")
        run("score", "--model", self.model, "--adapter", self.reward, "--data", self.pairs, "--out", scored, "--threads", 1)
        numbers = [response["score"] for row in labelled for response in row["responses"]]
        self.assertEqual(len(numbers), 16)
        for ours, theirs in zip(numbers, (row["score"] for row in read_rows(scored))):
            self.assertAlmostEqual(ours, theirs, places=5)
        self.assertGreater(len(set(numbers)), 8)
        for row, given in zip(labelled, pairs()):
            self.assertEqual((row["prompt"], row.get("tools")), (given["prompt"], given.get("tools")))

    def test_every_offline_method_learns_from_chats(self):
        kinds = {"pairs": pairs(), "thumbs": answers(lambda n: {"label": n % 3 != 0}),
                 "scores": answers(lambda n: {"score": n, "score_range": [0, 8]}), "answers": answers(lambda n: {})}
        data = {name: write_rows(f"chat-{name}.jsonl", rows) for name, rows in kinds.items()}
        mixed = f"{data['pairs']},{data['thumbs']},{data['scores']}"
        for method, rows in (("una", data["pairs"]), ("una", data["thumbs"]), ("una", data["scores"]), ("una", mixed),
                             ("dpo", data["pairs"]), ("kto", data["thumbs"]), ("sft", data["answers"]), ("reward", data["pairs"])):
            with self.subTest(method=method, rows=rows):
                out = fresh("chat-offline")
                log = run(method, "--model", self.model, "--data", rows, "--out", out, *KEYS, "--max_steps", 2)[1]
                self.assertNotIn("columns not read", log)
                steps = [row for row in read_rows(out / "metrics.jsonl") if "grad_norm" in row]
                self.assertEqual(len(steps), 2)
                self.assertTrue(all(math.isfinite(row["loss"]) and row["grad_norm"] > 0 for row in steps), steps)

    def test_commands_that_read_rows_show_and_keep_the_chats(self):
        shown = run("preview", "--model", self.model, "--data", self.pairs, "--color", "never", "--max_length", 240)[0]
        self.assertRegex(shown, r"\(tools\).*weather")
        self.assertIn("(system)Be brief.", shown)
        self.assertRegex(run("doctor", "--model", self.model, "--data", self.pairs, "--max_length", 240)[0], r"(?m)^ok    data ")
        self.assertRegex("".join(run("plan", "--method", "dpo", "--model", self.model, "--data", self.pairs, "--max_length", 240,
                                     "--lora_r", 2)), "tokens")
        out = fresh("chat-converted.jsonl")
        run("convert", "--data", self.pairs, "--to", "pairs", "--out", out)
        self.assertEqual([(row["prompt"], row.get("tools"), row["chosen"]) for row in read_rows(out)],
                         [(row["prompt"], row.get("tools"), row["chosen"]) for row in pairs()])
        folder = fresh("chat-preferences")
        folder.mkdir()
        shutil.copy(self.pairs, folder / "pairs.jsonl")
        run("eval", "--tasks", "pairs", "--reward", f"model:{self.reward}", "--data", folder, "--out", fresh("chat-eval"),
            "--threads", 1)

    def test_every_online_method_learns_from_a_reward_model_on_chats(self):
        for method, more in (("una_online", []), ("rloo", []), ("grpo", []), ("online_dpo", []),
                             ("ppo", ["--critic", "model", "--critic_from", self.reward])):
            with self.subTest(method=method):
                out = fresh(f"chat-{method}")
                run(method, "--model", self.model, "--data", self.prompts, "--reward", f"model:{self.reward}", "--out", out,
                    *KEYS, *ONLINE, "--max_steps", 2, *more)
                rows = reward_rows(out)
                self.assertEqual({row["reward/failed_ratio"] for row in rows}, {0})  # ppo: two steps of one round
                self.assertTrue(all(math.isfinite(row["reward"]) and math.isfinite(row["loss"]) for row in rows))
                self.assertTrue((out / "adapter_model.safetensors").is_file())

    def test_rounds_keep_the_chats(self):
        out = fresh("chat-rounds")
        data = write_rows("chat-conversations.jsonl", conversations())
        run("rounds", "--method", "una", "--model", self.model, "--data", data, "--reward", f"model:{self.reward}",
            "--out", out, *KEYS, "--num_generations", 2, "--max_completion_length", 40, "--rounds", 1, "--max_steps", 1,
            "--score_range", "observed")
        known = {json.dumps(row["prompt"]): row.get("tools") for row in prompts()}
        rows = read_rows(out / "round-1" / "labelled.jsonl")
        self.assertTrue(rows)
        for row in rows:
            self.assertEqual(row.get("tools"), known[json.dumps(row["prompt"])])

    def test_a_conversation_that_ends_with_the_user_is_answered_there(self):
        """And not at the answered question before it, which is what training takes."""
        answers = []
        for rows in (prompts(), conversations()):
            out = fresh("chat-continued.jsonl")
            run("generate", "--model", self.model, "--data", write_rows("chat-ends.jsonl", rows), "--out", out, "--temperature", 0,
                "--max_new_tokens", 8, "--threads", 1)
            answers.append([(row["prompt"], row.get("tools"), row["completion"], row["logp"]) for row in read_rows(out)])
        self.assertEqual(answers[0], answers[1])
        self.assertEqual([row[0] for row in answers[1]], [row["prompt"] for row in prompts()])

    def test_a_prompt_that_leaves_no_room_is_named_by_its_row(self):
        rows = [*prompts(), {"prompt": [turn("user", "again " * 400)]}]
        error = run("generate", "--model", self.model, "--data", write_rows("chat-long.jsonl", rows), "--out",
                    fresh("chat-long-answers.jsonl"), "--threads", 1, code=2)[1]
        self.assertRegex(error, r"chat-long\.jsonl:9: the prompt has \d+ tokens, which leaves no room")

    def test_an_implicit_reward_scores_chats(self):
        policy = fresh("chat-dpo")
        run("dpo", "--model", self.model, "--data", self.pairs, "--out", policy, *KEYS, "--max_steps", 2)
        labelled, _ = self.label(self.pairs, f"implicit:{policy}", "chat-implicit")
        self.assertEqual(sum(len(row["responses"]) for row in labelled), 16)

    def test_a_command_sees_tools_names_and_tool_calls(self):
        seen = fresh("chat-seen.jsonl")
        rows = [{**row, "completion": [turn("assistant", "", tool_calls=CALL)]} for row in prompts()]
        data = write_rows("chat-calls.jsonl", rows)
        self.label(data, f"command:tee {seen} | while read -r row; do echo 1; done", "chat-command")
        given = read_rows(seen)
        self.assertEqual([row["prompt"] for row in given], [row["prompt"] for row in rows])
        self.assertEqual([row.get("tools") for row in given], [row.get("tools") for row in rows])
        self.assertEqual([row["completion"] for row in given], [row["completion"] for row in rows])

    def test_rows_that_differ_in_a_tool_call_alone_do_not_share_a_journal(self):
        def data(place):
            call = [{"type": "function", "function": {"name": "weather", "arguments": {"at": place}}}]
            return write_rows("chat-journal-in.jsonl", [{"prompt": [turn("user", "?")], "completion": [
                turn("assistant", "", tool_calls=call)]}])

        out, partial = fresh("chat-journal.jsonl"), fresh("chat-journal.jsonl.partial")
        words = ["label", "--reward", "length:2", "--out", out, "--threads", 1]
        # The journal of one data set, as a killed process leaves it.
        run(*words, "--data", data("sea"), "--reward", "command:kill -9 $PPID", code=-9)
        self.assertTrue(partial.is_file())
        self.assertIn("unfinished work with another reward or other data",
                      run(*words, "--data", data("hill"), "--reward", "command:kill -9 $PPID", code=2)[1])

    def test_generated_rows_keep_the_chat_and_label_and_training_leave_cut_answers_out(self):
        rows = [{**row, "ground_truth": "42", "group_id": f"g{n}", "source": "web"} for n, row in enumerate(prompts())]
        data, out = write_rows("chat-ask.jsonl", rows), fresh("chat-answers.jsonl")
        run("generate", "--model", self.model, "--data", data, "--out", out, "--num_samples", 4, "--max_new_tokens", 12,
            "--threads", 1)
        answers = read_rows(out)
        self.assertEqual(len(answers), 32)
        for answer in answers:
            for key, value in rows[answer["row"]].items():
                self.assertEqual(answer[key], value)
            self.assertEqual(answer["completion"][0]["role"], "assistant")
            self.assertEqual(answer["sampled_from"], "policy")
        cut = sum(answer["finish"] == "length" for answer in answers)
        self.assertTrue(0 < cut < 32, cut)
        labelled, log = self.label(out, "exact_match", "chat-answers-labelled")
        whole = [a for a in answers if a["finish"] != "length" and a["completion"][0]["content"].strip()]
        self.assertEqual(len(labelled), len(whole))  # an empty answer has nothing to judge
        self.assertIn(f"left out {cut}: unfinished answer", log)
        self.assertEqual(labelled[0]["ground_truth"], "42")
        log = run("sft", "--model", self.model, "--data", out, "--out", fresh("chat-sft"), *KEYS, "--max_steps", 1,
                  "--allow_dropped", 1)[1]
        self.assertRegex(log, rf"{cut} *unfinished answer|unfinished answer[^\n]*{cut}")


if __name__ == "__main__":
    unittest.main()
