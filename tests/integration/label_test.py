"""`una label`: answers get scores, thumbs or preferences from rules, servers and judges, and training reads them."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from support import TASK, UNA, Server, fresh, read_rows, run, serving, train, write_rows

KEY = "sk-not-for-logs"


def chat(content, finish="stop"):
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": finish}],
                            "usage": {"prompt_tokens": 100, "completion_tokens": 10}})


def asked(body):
    return body["messages"][-1]["content"]


def judge_file(name, server, **keys):
    path = fresh(f"{name}.yaml")
    keys = {"base_url": f"{server}/v1", "model": "judge", "api_key_env": "UNA_TEST_KEY", "cache_dir": str(fresh(f"{name}-cache")),
            "prompt_template": "[{prompt}] {answer}", **keys}
    path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items()))
    return path


def label(rows, name, reward, *more, code=0, key=KEY):
    """Returns (labelled rows, log)."""
    out = fresh(f"{name}.jsonl")
    for suffix in (".partial", ".left_out.jsonl"):
        fresh(f"{name}.jsonl{suffix}")
    data = write_rows(f"{name}-in.jsonl", rows)
    _, log = run("label", "--reward", *reward, "--data", data, "--out", out, "--threads", 1, *more, code=code,
                 env={"UNA_TEST_KEY": key} if key else None)
    return (read_rows(out) if out.exists() else None), log


ANSWERS = ["It is 12.", "\\boxed{12.0}", "It is 13.", "I do not know."]


class Rules(unittest.TestCase):
    def test_answers_are_compared_with_a_column_and_training_reads_the_result(self):
        rows = [{"prompt": f"{n} * 3?", "responses": [a.replace("12", str(3 * n)) for a in ANSWERS],
                 "answer": f"Let me see. #### {3 * n}"} for n in range(4, 40)]
        labelled, log = label(rows, "label-math", ["math"], "--ground_truth_column", "answer")
        self.assertEqual(len(labelled), 36)
        for row in labelled:
            self.assertEqual([r["score"] for r in row["responses"]], [1, 1, 0, 0])
            self.assertEqual(row["score_range"], [0, 1])
            self.assertIn("####", row["ground_truth"])
        self.assertRegex(log, r"144 labelled, 0 missing; mean 0\.5,")
        data, out = write_rows("label-math-again.jsonl", labelled), fresh("label-math-run")
        train("una", data, out, "--max_steps", 1)
        train("dpo", data, fresh("label-math-dpo"), "--feedback", "pairwise", "--max_steps", 1)

    def test_rows_keep_what_belongs_to_them(self):
        tools = [{"type": "function", "function": {"name": "f"}}]
        rows = [{"prompt": [{"role": "user", "content": "say json"}], "completion": [{"role": "assistant", "content": "{}"}],
                 "tools": tools, "group_id": "g", "weight": 0.5, "source": "s", "label": False},
                {"prompt": "p", "chosen": "one two", "rejected": "one"}]
        labelled, _ = label(rows, "label-keep", ["length:2"])
        self.assertEqual(labelled[0], {"prompt": rows[0]["prompt"], "tools": tools, "group_id": "g", "source": "s", "weight": 0.5,
                                       "completion": rows[0]["completion"], "score": -0.5, "score_range": [-1, 0]})
        self.assertEqual([r["score"] for r in labelled[1]["responses"]], [0, -0.5])
        self.assertEqual(labelled[1]["source"], "label-keep-in")

    def test_entries_of_dataset_info_are_read_as_training_reads_them(self):
        folder, out = fresh("label-info"), fresh("label-info.jsonl")
        folder.mkdir()
        (folder / "dataset_info.json").write_text(json.dumps({
            "sums": {"file_name": "sums.json", "columns": {"prompt": "ask", "response": "said"}},
            "talks": {"file_name": "talks.jsonl", "formatting": "sharegpt", "ranking": True,
                      "columns": {"messages": "talk", "chosen": "good", "rejected": "bad"}}}))
        (folder / "sums.json").write_text(json.dumps([{"ask": "1 + 1?", "said": "It is 2.", "right": 2},
                                                      {"ask": "1 + 2?", "said": "It is 4.", "right": 3}]))
        (folder / "talks.jsonl").write_text(json.dumps({
            "talk": [{"from": "human", "value": "2 + 2?"}], "good": {"from": "gpt", "value": "4"},
            "bad": {"from": "gpt", "value": "5"}, "right": 4}) + "\n")
        command = ["label", "--reward", "math", "--dataset_dir", folder, "--ground_truth_column", "right", "--out", out]
        run(*command, "--data", "sums,talks", "--threads", 1)
        sums, talks = read_rows(out)[:2], read_rows(out)[2]
        self.assertEqual([(row["prompt"], row["completion"], row["score"], row["source"]) for row in sums],
                         [("1 + 1?", "It is 2.", 1, "sums"), ("1 + 2?", "It is 4.", 0, "sums")])
        self.assertEqual(talks["prompt"], [{"role": "user", "content": "2 + 2?"}])
        self.assertEqual([(r["content"][0]["content"], r["score"]) for r in talks["responses"]], [("4", 1), ("5", 0)])
        train("una", write_rows("label-info-sums.jsonl", sums), fresh("label-info-run"), "--max_steps", 1)
        error = run(*command, "--overwrite_output_dir", "true", "--data", "sum", code=2)[1]
        self.assertIn('has no entry "sum"; did you mean "sums"?', error)

    def test_sums_commands_and_missing_scores(self):
        rows = [{"prompt": "p", "completion": f"answer {n}"} for n in range(10)]
        command = "command:while read -r row; do case $row in *3*) echo null;; *7*) echo 5;; *) echo 1;; esac; done"
        labelled, log = label(rows, "label-sum", [command, "regex:8"], "--reward_weights", "2", "0.5")
        self.assertEqual([r["score"] for r in labelled], [2, 2, 2, 2, 2, 2, 10, 2.5, 2])
        self.assertNotIn("score_range", labelled[0])
        self.assertIn("--score_range observed", log)
        left = read_rows(fresh("nothing").parent / "label-sum.jsonl.left_out.jsonl")
        self.assertEqual([(r["line"], r["response"]) for r in left], [(4, 0)])
        labelled, _ = label(rows, "label-sum", [command], "--score_range", "observed")
        self.assertEqual(labelled[0]["score_range"], [1, 5])
        self.assertIn("is outside 0..2", label(rows, "label-sum", [command], "--score_range", "0,2", code=2)[1])

    def test_a_constant_reward_is_no_signal(self):
        rows = [{"prompt": "p", "completion": f"answer {n}"} for n in range(3)]
        self.assertIn("no signal", label(rows, "label-constant", ["regex:answer"])[1])

    def test_a_reward_model_labels_too(self):
        model = fresh("label-rm")
        train("reward", TASK / "data" / "pair.jsonl", model, "--max_steps", 2)
        rows = read_rows(TASK / "data" / "pair.jsonl")[:5]
        labelled, log = label(rows, "label-model", [f"model:{model}"])
        self.assertEqual([len(row["responses"]) for row in labelled], [2] * 5)
        self.assertIn("reward model in", log)


    def test_the_implicit_reward_of_a_trained_policy(self):
        policy, rows = fresh("label-policy"), read_rows(TASK / "data" / "pair.jsonl")[:6]
        train("dpo", TASK / "data" / "pair.jsonl", policy, "--max_steps", 4, "--beta", "0.25")
        data, scored = write_rows("label-implicit-in.jsonl", rows), fresh("label-implicit-scored.jsonl")
        run("score", "--model", TASK / "start", "--adapter", policy, "--data", data, "--out", scored, "--threads", 1)
        wanted = read_rows(scored)
        for name in ("implicit", "implicit_mean"):
            labelled, log = label(rows, "label-implicit", [f"{name}:{policy}"])
            self.assertIn("beta 0.25", log)
            found = [r["score"] for row in labelled for r in row["responses"]]
            for value, row in zip(found, wanted, strict=True):
                self.assertAlmostEqual(value, row["reward"] / (row["tokens"] if name == "implicit_mean" else 1), places=5)
        self.assertIn("implicit:POLICY", label(rows, "label-implicit", ["implicit:"], code=2)[1])
        self.assertIn("name its reference", label(rows, "label-implicit", [f"implicit:{TASK / 'start'}"], code=2)[1])


class Judges(unittest.TestCase):
    rows = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(40)]

    def test_scores_survive_a_bad_server_and_are_asked_for_once(self):
        seen = {}

        def script(_, body):
            n = int(asked(body).split("answer ")[1].split()[0])
            seen[n] = seen.get(n, 0) + 1
            if n == 0 and seen[n] == 1:
                return 429, "slow down", {"Retry-After": "1"}
            if n == 1 and seen[n] == 1:
                return 500, "broken"
            if n == 2 and seen[n] == 1:
                return 200, '{"choices": [{"message": {"cont'  # half an answer
            if n == 3 and seen[n] == 1:
                return None
            return chat("hm" if n == 7 else f"Fine.\nScore: {n % 10 + 1}")

        with serving(script) as server:
            judge = judge_file("judge-scores", server.url, price_per_million_tokens=[1, 10], concurrency=8)
            labelled, log = label(self.rows, "label-judge", [f"judge:{judge}"])
            self.assertEqual(len(labelled), 39)
            self.assertEqual(labelled[0], {"prompt": "question 0", "source": "label-judge-in", "completion": "answer 0",
                                           "score": 1, "score_range": [1, 10]})
            self.assertIn("39 labelled, 1 missing", log)
            self.assertIn("label-judge-in.jsonl:8: the judge's reply cannot be read", log)
            self.assertRegex(log, r"40 questions, 0 answered by the cache, 46 requests \(6 of them again\), 4 replies unreadable")
            self.assertIn("4,200 tokens in, 420 out, $0.0084", log)
            self.assertTrue(all(r["headers"]["Authorization"] == f"Bearer {KEY}" for r in server.requests))
            self.assertEqual(server.requests[0]["path"], "/v1/chat/completions")
            before = len(server.requests)
            again, second_log = label(self.rows, "label-judge", [f"judge:{judge}"])
            self.assertEqual(again, labelled)
            self.assertEqual(len(server.requests) - before, 3, "only the unreadable one is asked again")
            self.assertIn("39 answered by the cache", second_log)
            kept = "".join(p.read_text() for p in fresh("nothing").parent.glob("judge-scores-cache/*"))
            self.assertEqual(kept.count("\n"), 39)
            self.assertNotIn(KEY, log + second_log + kept + json.dumps(labelled))
        train("una", write_rows("label-judge-train.jsonl", labelled), fresh("label-judge-run"), "--max_steps", 1)

    def test_thumbs_become_label_rows(self):
        with serving(lambda _, body: chat(f"Verdict: {'yes' if int(asked(body).split()[3]) % 2 else 'no'}")) as server:
            judge = judge_file("judge-thumbs", server.url, mode="thumbs")
            labelled, log = label(self.rows, "label-thumbs", [f"judge:{judge}"])
        self.assertEqual([row["label"] for row in labelled[:4]], [False, True, False, True])
        self.assertIn("20 up, 20 down", log)
        train("kto", write_rows("label-thumbs-train.jsonl", labelled), fresh("label-thumbs-run"), "--max_steps", 1)

    def test_pairs_need_agreement_in_both_orders(self):
        def script(_, body):
            prompt, a, b = re.match(r"(\w+)\d* A=(\w+) B=(\w+)", asked(body)).groups()
            if prompt.startswith("first"):
                return chat("Verdict: A")
            if prompt.startswith("tie"):
                return chat("Verdict: tie")
            if prompt.startswith("dead"):
                return chat("no comment")
            return chat(f"Verdict: {'A' if a > b else 'B'}")

        rows = [{"prompt": p, "responses": ["x", "y"]} for p in ("good1", "first", "tie", "dead", "good2")]
        rows += [{"prompt": "many", "responses": ["x", "z", "y"]}]
        with serving(script) as server:
            judge = judge_file("judge-pairs", server.url, mode="pairs", prompt_template="{prompt} A={answer_a} B={answer_b}\n",
                               parse_retries=0)
            labelled, log = label(rows, "label-pairs", [f"judge:{judge}"])
        self.assertEqual(labelled[0], {"prompt": "good1", "source": "label-pairs-in", "chosen": "y", "rejected": "x"})
        self.assertEqual([row["prompt"] for row in labelled], ["good1", "good2", "many"])
        self.assertEqual([r["score"] for r in labelled[2]["responses"]], [0, 1, 0.5])
        self.assertIn("first better 0, second better 2, ties 1, the two orders disagree 1, missing 1", log)
        left = read_rows(fresh("nothing").parent / "label-pairs.jsonl.left_out.jsonl")
        self.assertEqual([(r["line"], r["reason"][:27]) for r in left],
                         [(2, "the two orders disagree"), (3, "tie"), (4, "the judge's reply cannot be"), (4, "the judge's reply cannot be")])
        train("dpo", write_rows("label-pairs-train.jsonl", labelled[:2]), fresh("label-pairs-run"), "--max_steps", 1)

    def test_online_methods_take_a_judge(self):
        with serving(lambda number, _: chat(f"Score: {number % 10 + 1}")) as server:
            judge = judge_file("judge-online", server.url)
            out = fresh("label-online")
            _, log = run("rloo", "--model", TASK / "start", "--data", TASK / "data" / "pair.jsonl", "--out", out, "--max_length", 160,
                         "--max_completion_length", 12, "--num_generations", 2, "--per_device_train_batch_size", 2, "--max_steps", 1,
                         "--threads", 1, "--report_to", "none", "--reward", f"judge:{judge}", env={"UNA_TEST_KEY": KEY})
        self.assertIn("judge judge: 4 questions", log)
        self.assertNotIn(KEY, log + (out / "run.yaml").read_text())


class Servers(unittest.TestCase):
    def test_a_reward_server_scores_rows_in_batches(self):
        rows = [{"prompt": "p", "completion": f"answer {n}", "solution": f"s{n}"} for n in range(70)]

        def script(_, body):
            return 200, json.dumps({"scores": [None if row["ground_truth"] == "s5" else len(row["answer"]) / 10 for row in body["rows"]]})

        with serving(script) as server:
            labelled, log = label(rows, "label-http", [f"{server.url}/score"], "--ground_truth_column", "solution", key=None)
        self.assertEqual(len(labelled), 69)
        self.assertEqual(labelled[-1]["score"], 0.9)
        self.assertIn("reward server http://127.0.0.1", log)


class Resuming(unittest.TestCase):
    rows = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(96)]

    def stopped(self, name, how):
        """Labelling that was ended by the signal `how` after 64 answers: (exit code, log, command, server, its release)."""
        release, served = threading.Event(), []

        def script(_, body):
            if len(served) >= 64:
                release.wait(30)
            served.extend(body["rows"])
            return 200, json.dumps([len(row["answer"]) for row in body["rows"]])

        server = Server(script)
        self.addCleanup(server.close)
        self.addCleanup(release.set)
        out = fresh(f"{name}.jsonl")
        fresh(f"{name}.jsonl.partial")
        command = ["label", "--reward", f"{server.url}/s", "--data", str(write_rows(f"{name}-in.jsonl", self.rows)), "--out", str(out)]
        process = subprocess.Popen([UNA, *command], stderr=subprocess.PIPE, text=True, env=dict(os.environ))
        deadline = time.time() + 60
        while len(server.requests) < 3 and time.time() < deadline:  # the third one waits
            time.sleep(0.02)
        process.send_signal(how)
        _, log = process.communicate(timeout=30)
        return process.returncode, log, command, server, release

    def test_work_that_was_done_is_kept_through_a_kill(self):
        for how, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
            with self.subTest(how=how):
                returned, log, command, server, release = self.stopped("label-killed", how)
                self.assertEqual(returned, code, log)
                out = fresh("nothing").parent / "label-killed.jsonl"
                self.assertFalse(out.exists())
                self.assertTrue((out.parent / "label-killed.jsonl.partial").exists())
                release.set()
                before = len(server.requests)
                _, log = run(*command)
                self.assertIn("64 rows are done", log)
                self.assertEqual(sum(len(r["body"]["rows"]) for r in server.requests[before:]), 32)
                self.assertEqual([row["score"] for row in read_rows(out)], [len(row["completion"]) for row in self.rows])
                self.assertFalse((out.parent / "label-killed.jsonl.partial").exists())

    def test_unfinished_work_of_another_reward_is_not_touched(self):
        command = self.stopped("label-other", signal.SIGINT)[2]
        command[2] = "json"
        self.assertIn("unfinished work with another reward", run(*command, code=2)[1])


class BadInput(unittest.TestCase):
    rows = [{"prompt": "p", "completion": f"answer {n}"} for n in range(100)]

    def refused(self, reward, *more, rows=None, key=KEY):
        log = label(rows or self.rows, "label-bad", reward, *more, code=2, key=key)[1]
        self.assertEqual(len([line for line in log.splitlines() if line.startswith("una: ")]), 1, log)
        self.assertNotIn(KEY, log)
        return log

    def test_wrong_words_are_one_sentence(self):
        self.assertIn("unknown kind 'jugde'", self.refused(["jugde:x"]))
        self.assertIn("none.yaml", self.refused(["judge:none.yaml"]))
        self.assertIn("there is no folder 'none'", self.refused(["model:none"]))
        self.assertIn("no reward", run("label", "--data", "x", "--out", "y", code=2)[1])
        self.assertIn("the row has no answer to label", self.refused(["json"], rows=[{"prompt": "p"}]))
        self.assertIn("score_range needs", self.refused(["json"], "--score_range", "seen"))
        self.assertIn("reward_weights has 2", self.refused(["json"], "--reward_weights", "1", "2"))
        self.assertIn("exit code 3", self.refused(["command:exit 3"]))
        self.assertIn("gave 1 lines for 32 answers", self.refused(["command:echo 1"]))
        self.assertIn("none of the first 64 answers", self.refused(["command:sed s/.*/NaN/"]))
        self.assertIn("--ground_truth_column", self.refused(["math"]))

    def test_judges_that_are_not_there_or_not_ours(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        nobody = judge_file("judge-nobody", f"http://127.0.0.1:{port}", max_retries=1)
        log = self.refused([f"judge:{nobody}"])
        self.assertIn("connect", log)
        self.assertIn(f"http://127.0.0.1:{port}", log)
        self.assertFalse((fresh("nothing").parent / "label-bad.jsonl.partial").exists())
        self.assertIn("UNA_TEST_KEY (api_key_env) is not set", self.refused([f"judge:{nobody}"], key=None))
        with serving(lambda *_: (401, f"bad key {KEY}")) as server:
            judge = judge_file("judge-closed", server.url)
            self.assertIn("answered 401: bad key ***", self.refused([f"judge:{judge}"]))
        with serving(lambda *_: (400, "unknown parameter")) as server:
            judge = judge_file("judge-picky", server.url)
            self.assertIn("none of the first 64 answers got a label", self.refused([f"judge:{judge}"]))

    def test_a_finished_file_is_not_replaced_by_accident(self):
        label(self.rows, "label-there", ["length:3"])
        data, out = fresh("nothing").parent / "label-there-in.jsonl", fresh("nothing").parent / "label-there.jsonl"
        self.assertIn("is there already", run("label", "--reward", "json", "--data", data, "--out", out, code=2)[1])
        run("label", "--reward", "length:2", "--data", data, "--out", out, "--overwrite_output_dir")


if __name__ == "__main__":
    unittest.main()
