"""una chat: votes typed in the terminal and sent by the page become rows that training reads."""
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import unittest

from support import TASK, UNA, fresh, read_rows, run, train

MODEL = TASK / "start"


class Page:
    """`una chat --web`, and what its page sends."""

    def __init__(self, out, *more):
        self.process = subprocess.Popen([UNA, "chat", "--model", str(MODEL), "--threads", "1", "--web", "--out", str(out),
                                         "--max_new_tokens", "8", *map(str, more)], stderr=subprocess.PIPE, text=True)
        self.lines, found = [], None
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.match(r"open +http://127\.0\.0\.1:(\d+)/#t=(\w+)", line)
            if found:
                break
        assert found, "".join(self.lines)
        self.port, self.token = int(found.group(1)), found.group(2)
        threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True).start()

    def call(self, method, path, body=None, token=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json", "X-Una-Token": self.token if token is None else token, **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def post(self, path, body, status=200):
        found, _, text = self.call("POST", path, body)
        assert found == status, (found, text)
        return json.loads(text)

    def ask(self, body):
        """The exchange's id and its answers, from the stream of events."""
        status, headers, text = self.call("POST", "/chat/ask", body)
        assert status == 200 and headers["Content-Type"].startswith("text/event-stream"), text
        parts = [part[6:] for part in text.split("\n\n")[:-1]]
        assert parts.pop() == "[DONE]"
        events = [json.loads(part) for part in parts]
        answers = {}
        for event in events:
            if "answer" in event:
                answers[event["answer"]] = answers.get(event["answer"], "") + event["text"]
        return next(event["exchange"] for event in events if "exchange" in event), [answers[i] for i in sorted(answers)]

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(60)
        self.process.stderr.close()


def say(text):
    return {"messages": [{"role": "user", "content": text}]}


class Votes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.adapter = fresh("votes-adapter")
        train("dpo", TASK / "data" / "pair.jsonl", cls.adapter, "--max_steps", 2, "--learning_rate", "3e-2")

    def test_a_page_votes_and_training_reads_the_rows(self):
        out = fresh("votes.jsonl")
        page = Page(out, "--adapter", f"mine={self.adapter}", "--against_base", "--name", "ann")
        self.assertEqual(page.post("/chat/setup", {}), {"answers": 2, "chat": False, "prompts": 0, "votes": 0})
        sides = set()
        for number in range(10):
            exchange, answers = page.ask(say(f"Name colour {number}"))
            self.assertEqual(len(answers), 2)
            vote = {"vote": f"v{number}", "exchange": exchange, "kind": "better", "answer": number % 2}
            if number % 2:
                vote["strength"] = 2
            told = page.post("/chat/vote", vote)
            self.assertEqual(sorted(told["models"]), ["base", "mine"])
            self.assertEqual(page.post("/chat/vote", vote)["votes"], number + 1, "a retry writes once")
            sides.add(told["models"][0])
            row = read_rows(out)[-1]
            self.assertEqual((row["chosen"], row["rejected"]), (answers[number % 2], answers[1 - number % 2]))
            self.assertEqual((row["prompt"], row["source"]), (f"Name colour {number}", "chat:ann"))
        self.assertEqual(sides, {"base", "mine"}, "sides are drawn")
        page.kill()  # -9: what was answered is there
        self.assertEqual(len(read_rows(out)), 10)
        run("preview", "--model", MODEL, "--data", out)
        train("una", out, fresh("votes-run"), "--max_steps", 1, "--allow_dropped", 0.5)  # an answer may be empty

        again = Page(out, "--adapter", f"mine={self.adapter}", "--against_base")
        self.assertEqual(again.post("/chat/setup", {})["votes"], 10)
        self.assertEqual(again.post("/chat/undo", {"vote": "v3"}), {"undone": True, "votes": 9})
        exchange, answers = again.ask(say("Say something"))
        for body in ({"kind": "nothing"}, {"kind": "better", "answer": 2}, {"kind": "edit", "answer": 0, "edited": " "},
                     {"kind": "score", "score": 11}, {"kind": "better", "exchange": "unknown"}):
            again.post("/chat/vote", {"vote": "w", "exchange": exchange, **body}, 400)
        again.post("/chat/vote", {"vote": "w1", "exchange": exchange, "kind": "bad"})
        again.post("/chat/vote", {"vote": "w2", "exchange": exchange, "kind": "tie"})
        again.post("/chat/vote", {"vote": "w3", "exchange": exchange, "kind": "edit", "answer": 1, "edited": "Better <b>words</b>."})
        self.assertEqual(len(read_rows(out)), 9 + 2 + 2 + 1)
        run("preview", "--model", MODEL, "--data", out)
        again.kill(signal.SIGTERM)
        self.assertEqual(again.process.returncode, 0)

    def test_only_the_page_may_ask_and_vote(self):
        page = Page(fresh("votes-closed.jsonl"))
        for token in ("", "wrong"):
            self.assertEqual(page.call("POST", "/chat/vote", {}, token=token)[0], 401)
        self.assertEqual(page.call("POST", "/chat/setup", {}, Origin="https://evil.example")[0], 403)
        status, headers, text = page.call("GET", "/", token="")
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual((headers["X-Content-Type-Options"], headers["Referrer-Policy"]), ("nosniff", "no-referrer"))
        self.assertNotIn("<script>", text)
        self.assertNotIn("style=", text)
        for path, kind in (("/chat.js", "text/javascript"), ("/chat.css", "text/css")):
            self.assertTrue(page.call("GET", path)[1]["Content-Type"].startswith(kind))
        script = page.call("GET", "/chat.js")[2]
        self.assertNotIn("innerHTML", script, "text of a model is only ever text")
        exchange, answers = page.ask(say("Say something"))
        self.assertEqual(len(answers), 1)
        self.assertEqual(page.post("/chat/vote", {"vote": "a", "exchange": exchange, "kind": "thumb", "up": True})["models"], ["base"])
        page.kill(signal.SIGTERM)

    def test_prompts_of_a_file_are_asked_and_some_are_repeated(self):
        out = fresh("votes-file.jsonl")
        page = Page(out, "--adapter", self.adapter, "--against_base", "--data", TASK / "data" / "pair.jsonl", "--repeat", "0.5")
        repeats = 0
        for number in range(12):
            told = page.post("/chat/next", {})
            exchange, answers = page.ask({"exchange": told["exchange"]} if "exchange" in told else {"messages": told["messages"]})
            repeats += "exchange" in told
            better = 0 if answers[0] > answers[1] else 1  # a person who always says the same
            agreement = page.post("/chat/vote", {"vote": str(number), "exchange": exchange, "kind": "better", "answer": better})["agreement"]
        self.assertGreater(repeats, 0)
        self.assertEqual(agreement, f"self-agreement {repeats} of {repeats}")
        page.kill(signal.SIGTERM)

    def test_votes_are_typed_in_the_terminal(self):
        out = fresh("votes-typed.jsonl")
        typed = "Name a colour\n1++ # nicer\nSay something\n0\nOne more\nx\nAnd one\ns\nThe last\n2\n/undo\nOnce more\n?\ne1 Like this.\n/quit\n"
        done = subprocess.run([UNA, "chat", "--model", str(MODEL), "--adapter", str(self.adapter), "--against_base", "--threads", "1",
                               "--max_new_tokens", "8", "--out", str(out)], input=typed, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = read_rows(out)
        self.assertEqual([sorted(set(row) & {"chosen", "label", "score", "margin"}) for row in rows],
                         [["chosen", "margin"], ["score"], ["score"], ["label"], ["label"], ["chosen"]])
        self.assertEqual(rows[0]["meta"]["note"], "nicer")
        self.assertIn("taken back", done.stdout)
        one = fresh("votes-one.jsonl")
        done = subprocess.run([UNA, "chat", "--model", str(MODEL), "--threads", "1", "--max_new_tokens", "8", "--out", str(one)],
                              input="Hello\n7\nAgain\n-\n", capture_output=True, text=True, timeout=120, env=dict(os.environ))
        self.assertEqual([(row.get("score"), row.get("label")) for row in read_rows(one)], [(7, None), (None, False)])

    def test_bad_keys(self):
        for words, part in ((["--model", MODEL], "--out"), (["--model", MODEL, "--out", fresh("v.jsonl"), "--against_base"], "against_base"),
                            (["--model", MODEL, "--out", fresh("v.jsonl"), "--data", TASK / "data" / "pair.jsonl"], "--web")):
            self.assertIn(part, run("chat", *words, code=2)[1])


if __name__ == "__main__":
    unittest.main()
