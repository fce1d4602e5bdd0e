"""una serve: requests as clients send them, and what they read of the answers."""
import json
import math
import signal
import socket
import threading
import time
import unittest

from serve_support import MODEL, served
from support import TASK, fresh, run, train

PROMPT = "Name three different colours"
GREEDY = {"temperature": 0, "max_tokens": 12}


class Serve(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.adapters = fresh("serve-adapters")
        cls.adapters.mkdir()
        cls.adapter = cls.adapters / "mine"
        train("dpo", TASK / "data" / "pair.jsonl", cls.adapter, "--max_steps", 3, "--learning_rate", "3e-2")
        (cls.adapters / "out").symlink_to(MODEL)
        cls.context = served("--adapter_root", cls.adapters, "--adapter", f"mine={cls.adapter}", "--served_model_name", "base")
        cls.server = cls.context.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def complete(self, **body):
        return self.server.post("/v1/completions", {"model": "base", "prompt": PROMPT, **GREEDY, **body})

    def generated(self, *more):
        return run("generate", "--model", MODEL, "--threads", 1, "--prompt", PROMPT, "--temperature", 0, "--max_new_tokens", 12,
                   *more)[0].removesuffix("\n")

    def test_the_answer_is_that_of_una_generate(self):
        self.assertEqual(self.complete()["choices"][0]["text"], self.generated())
        of_adapter = self.generated("--adapter", self.adapter)
        self.assertNotEqual(of_adapter, self.generated(), "the adapter changes the answer")
        self.assertEqual(self.complete(model="mine")["choices"][0]["text"], of_adapter)
        self.assertEqual(self.complete(model="")["choices"][0]["text"], of_adapter, "the adapter is the default")

    def test_prompts_may_be_texts_ids_and_lists_of_them(self):
        ids = self.server.post("/tokenize", {"prompt": PROMPT})["tokens"]
        one = self.complete()["choices"][0]["text"]
        for prompt in (ids, [ids], [PROMPT], [PROMPT, ids]):
            choices = self.complete(prompt=prompt)["choices"]
            self.assertEqual([choice["text"] for choice in choices], [one] * (2 if len(prompt) == 2 else 1))
        answer = self.complete(prompt=[PROMPT, "Say"], n=2, temperature=1.0, seed=3)
        self.assertEqual([choice["index"] for choice in answer["choices"]], [0, 1, 2, 3])
        self.assertEqual(answer, {**self.complete(prompt=[PROMPT, "Say"], n=2, temperature=1.0, seed=3),
                                  "id": answer["id"], "created": answer["created"]}, "a seed repeats an answer")
        short = self.server.post("/tokenize", {"prompt": "Say"})["count"]
        self.assertEqual(answer["usage"]["prompt_tokens"], len(ids) + short)

    def test_echo_gives_the_log_probs_of_the_prompt(self):
        ids = self.server.post("/tokenize", {"prompt": PROMPT})["tokens"]
        for prompt in (PROMPT, ids):
            answer = self.complete(prompt=prompt, echo=True, logprobs=1, max_tokens=1)["choices"][0]
            self.assertTrue(answer["text"].startswith(PROMPT))
            logprobs = answer["logprobs"]
            self.assertEqual({len(logprobs[key]) for key in ("tokens", "token_logprobs", "top_logprobs", "text_offset")}, {len(ids) + 1})
            self.assertIsNone(logprobs["token_logprobs"][0])
            self.assertIsNone(logprobs["top_logprobs"][0])
            for value, top in list(zip(logprobs["token_logprobs"], logprobs["top_logprobs"]))[1:]:
                self.assertLessEqual(value, max(top.values()))
            self.assertEqual(logprobs["token_logprobs"][-1], max(logprobs["top_logprobs"][-1].values()), "greedy, bit by bit")
            self.assertEqual("".join(logprobs["tokens"]), answer["text"])
        whole = self.complete(echo=True, logprobs=5, max_tokens=0)["choices"][0]
        self.assertEqual(whole["text"], PROMPT)
        self.assertEqual(len(whole["logprobs"]["tokens"]), len(ids))
        # As una score computes it: the log-prob of the text behind its first token.
        values = [value for value in whole["logprobs"]["token_logprobs"] if value is not None]
        again = self.complete(prompt_logprobs=2, max_tokens=0)["choices"][0]["prompt_logprobs"]
        for value, entry, token in zip(values, again[1:], ids[1:]):
            self.assertEqual(entry[str(token)]["logprob"], value)
            self.assertEqual(entry[str(token)]["rank"] == 1, value == max(e["logprob"] for e in entry.values()))

    def test_a_stream_is_the_whole_answer_in_parts(self):
        body = {"logprobs": 2, "return_token_ids": True, "ignore_eos": True, "temperature": 1, "seed": 5, "max_tokens": 30}
        whole = self.complete(**body)
        events = self.server.events("/v1/completions", {"model": "base", "prompt": PROMPT, **body,
                                                        "stream_options": {"include_usage": True}})
        self.assertEqual(events.pop(), "[DONE]")
        last = events.pop()
        self.assertEqual((last["choices"], last["usage"]), ([], whole["usage"]))
        parts = [event["choices"][0] for event in events]
        self.assertEqual("".join(part["text"] for part in parts), whole["choices"][0]["text"])
        self.assertEqual([part["finish_reason"] for part in parts[:-1]], [None] * (len(parts) - 1))
        self.assertEqual(parts[-1]["finish_reason"], whole["choices"][0]["finish_reason"])
        self.assertEqual(sum((part["token_ids"] for part in parts), []), whole["choices"][0]["token_ids"])
        for key in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
            self.assertEqual(sum((part["logprobs"][key] for part in parts), []), whole["choices"][0]["logprobs"][key], key)

    def test_stops(self):
        text = self.complete()["choices"][0]["text"]
        stop = text[len(text) // 2]
        choice = self.complete(stop=stop)["choices"][0]
        self.assertEqual((choice["text"], choice["finish_reason"], choice["stop_reason"]), (text.split(stop)[0], "stop", stop))
        streamed = self.server.events("/v1/completions", {"model": "base", "prompt": PROMPT, **GREEDY, "stop": [stop, "\0never"]})
        self.assertEqual("".join(event["choices"][0]["text"] for event in streamed[:-1]), text.split(stop)[0])
        self.assertEqual(self.complete(max_tokens=2, ignore_eos=True)["choices"][0]["finish_reason"], "length")
        ids = self.complete(return_token_ids=True)["choices"][0]["token_ids"]
        choice = self.complete(stop_token_ids=[ids[0]], return_token_ids=True)["choices"][0]
        self.assertEqual((choice["token_ids"], choice["stop_reason"]), ([ids[0]], ids[0]))

    def test_known_fields_that_are_not_supported_are_refused_by_name(self):
        for field, value in (("suffix", "x"), ("best_of", 3), ("logit_bias", {"5": 1}), ("response_format", {"type": "json_object"}),
                             ("temperature", "hot"), ("top_p", 0), ("n", 0), ("logprobs", 21), ("max_tokens", -1), ("stop", [1]),
                             ("prompt", []), ("prompt", [[1, 99999999]]), ("prompt", [[-1]]), ("presence_penalty", 3)):
            with self.subTest(field=field):
                body = {"model": "base", "prompt": PROMPT, field: value}
                self.assertEqual(self.server.post("/v1/completions", body, 400)["error"]["param"], field)
        self.complete(user="me", suffix="", best_of=1, logit_bias={}, presence_penalty=0, frequency_penalty=0.0, some_new_field=[1])
        self.complete(some_new_field=1)
        told = [line for line in self.server.lines if "some_new_field" in line]
        self.assertEqual(len(told), 1, "logged once")

    def test_errors_have_the_form_that_clients_read(self):
        server = self.server
        for status, (method, path, body, headers) in (
                (404, ("POST", "/v1/completions", {"model": "nope", "prompt": "x"}, {})),
                (404, ("GET", "/v1/nothing", None, {})), (404, ("GET", "/v1/models/nope", None, {})),
                (405, ("GET", "/v1/completions", None, {})), (400, ("POST", "/v1/completions", "{", {})),
                (400, ("POST", "/v1/completions", '{"prompt": "a", "prompt": "b"}', {})),
                (415, ("POST", "/v1/completions", "{}", {"Content-Type": "text/plain"})),
                (403, ("POST", "/v1/completions", "{}", {"Origin": "https://evil.example"})),
                (421, ("GET", "/v1/models", None, {"Host": "evil.example"}))):
            with self.subTest(path=path, status=status):
                found, answer_headers, answer = server.call(method, path, body, headers)
                self.assertEqual(found, status, answer)
                self.assertEqual(set(answer["error"]), {"message", "type", "param", "code"})
                self.assertEqual(answer["error"]["code"], status)

    def test_paths_with_and_without_the_version_and_a_last_slash(self):
        for path in ("/v1/models", "/models", "/v1/models/", "/models/"):
            cards = self.server.get(path)["data"]
            self.assertEqual([card["id"] for card in cards], ["base", "mine"])
        self.assertEqual(cards[1]["parent"], "base")
        self.assertGreater(cards[0]["max_model_len"], 0)
        self.assertEqual(self.server.get("/v1/models/mine"), cards[1])
        for path in ("/health", "/health/", "/ping", "/v1/health"):
            self.assertEqual(self.server.get(path), "")
        self.assertIn("version", self.server.get("/version"))
        self.server.get("/v1/tokenizer_info", 404)  # lm-eval would add a BOS to every prompt
        self.assertEqual(self.server.post("/completions/", {"prompt": PROMPT, **GREEDY, "model": "base"})["choices"][0]["text"],
                         self.complete()["choices"][0]["text"])

    def test_tokens_there_and_back(self):
        answer = self.server.post("/tokenize", {"prompt": "Grüße, 世界 👋", "return_token_strs": True})
        self.assertEqual(answer["count"], len(answer["tokens"]))
        self.assertEqual(len(answer["token_strs"]), answer["count"])
        self.assertIn("Grüße, 世界 👋", self.server.post("/detokenize", {"tokens": answer["tokens"]})["prompt"])
        self.server.post("/detokenize", {"tokens": "x"}, 400)

    def test_adapters_come_and_go_while_they_are_used(self):
        body = {"model": "new", "prompt": PROMPT, "temperature": 0, "max_tokens": 60, "ignore_eos": True, "logprobs": 1}
        load = {"lora_name": "new", "lora_path": str(self.adapter)}
        self.assertTrue(self.server.post("/v1/load_lora_adapter", load).startswith("Success"))
        self.server.post("/v1/load_lora_adapter", load, 400)
        alone = self.server.post("/v1/completions", body)["choices"][0]
        results, failures = [], []

        def ask():
            try:
                results.append(self.server.post("/v1/completions", body)["choices"][0])
            except AssertionError as error:
                failures.append(error.args[0][0])  # the name was gone when it came

        threads = [threading.Thread(target=ask) for _ in range(24)]
        for number, thread in enumerate(threads):
            thread.start()
            if number % 6 == 2:
                self.server.post("/v1/unload_lora_adapter", {"lora_name": "new"})
            if number % 6 == 4:
                self.server.post("/v1/load_lora_adapter", {"lora_name": "new", "lora_path": "mine"})
        for thread in threads:
            thread.join()
        self.assertTrue(set(failures) <= {404}, failures)
        self.assertGreaterEqual(len(results), 1)  # those that came after the last load; on a busy machine others may be late
        for choice in results:
            self.assertEqual(choice["text"], alone["text"])
            for a, b in zip(choice["logprobs"]["token_logprobs"], alone["logprobs"]["token_logprobs"]):
                self.assertLess(abs(a - b), 1e-4)
        self.server.post("/v1/load_lora_adapter", {**load, "load_inplace": True})
        self.server.post("/v1/unload_lora_adapter", {"lora_name": "new"})
        self.server.post("/v1/unload_lora_adapter", {"lora_name": "new"}, 404)
        self.server.post("/v1/completions", body, 404)
        for path in (MODEL, "../start", "/etc", "nothing", "out", "..", "."):
            self.server.post("/v1/load_lora_adapter", {"lora_name": "x", "lora_path": str(path)}, 404)

    def test_metrics_count(self):
        self.complete()
        text = self.server.get("/metrics")
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        self.assertGreater(float(values['una:generation_tokens_total{model_name="base"}']), 0)
        self.assertIn('una:request_success_total{model_name="base",finished_reason="abort"}', values)
        for name in ("time_to_first_token_seconds", "inter_token_latency_seconds", "e2e_request_latency_seconds", "request_queue_time_seconds"):
            count = float(values[f'una:{name}_count{{model_name="base"}}'])
            self.assertEqual(float(values[f'una:{name}_bucket{{model_name="base",le="+Inf"}}']), count)
            self.assertGreater(count, 0)

    def test_a_client_that_goes_frees_its_place(self):
        def aborted():
            found = [line for line in self.server.get("/metrics").splitlines() if 'finished_reason="abort"' in line]
            return float(found[0].rsplit(" ", 1)[1])

        before = aborted()
        body = json.dumps({"model": "base", "prompt": PROMPT, "max_tokens": 100000, "ignore_eos": True, "stream": True, "n": 4})
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
                connection.sendall(f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                   f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
                connection.recv(100)
        end = time.monotonic() + 20
        running = None
        while time.monotonic() < end and (running != 0 or aborted() == before):  # 0 also before the first was taken up
            time.sleep(0.05)
            running = [float(line.rsplit(" ", 1)[1]) for line in self.server.get("/metrics").splitlines()
                       if line.startswith("una:num_requests_running")][0]
        self.assertEqual(running, 0)
        self.assertGreaterEqual(aborted(), before + 1)

    def test_what_an_answer_is_worth(self):
        rows = [json.loads(line) for line in (TASK / "data" / "pair.jsonl").read_text().splitlines()[:4]]
        scored = fresh("serve-scored.jsonl")
        run("score", "--model", MODEL, "--adapter", self.adapter, "--data", TASK / "data" / "pair.jsonl", "--max_rows", 4, "--out", scored)
        rewards = [json.loads(line)["reward"] for line in scored.read_text().splitlines()]
        for row, want in zip(rows, zip(rewards[::2], rewards[1::2])):
            answer = self.server.post("/v1/score", {"model": "mine", "text_1": row["prompt"], "text_2": [row["chosen"], row["rejected"]]})
            self.assertEqual(answer["una"]["kind"], "implicit")
            found = [entry["score"] for entry in answer["data"]]
            self.assertLess(abs(found[0] - want[0]) + abs(found[1] - want[1]), 1e-4, (found, want))
            ranked = self.server.post("/v2/rerank", {"model": "mine", "query": row["prompt"], "documents": [row["rejected"], row["chosen"]]})
            order = [entry["index"] for entry in ranked["results"]]
            self.assertEqual(order, [1, 0] if found[0] > found[1] else [0, 1])
        query, prompt = rows[0]["prompt"] + rows[0]["chosen"], rows[0]["prompt"]
        reward = self.server.post("/get_reward", {"query": [query], "prompts": [prompt], "labels": [""]})  # OpenRLHF
        self.assertEqual(reward["rewards"], reward["scores"])
        raw = self.server.post("/classify", {"model": "mine", "input": query, "use_activation": False})["data"][-1]["probs"][-1]  # verl
        squashed = self.server.post("/classify", {"model": "mine", "input": query})["data"][-1]["probs"][-1]
        self.assertAlmostEqual(squashed, 1 / (1 + math.exp(-raw)), 9)
        self.assertEqual(self.server.post("/pooling", {"model": "mine", "input": query})["data"][0]["data"], [raw])
        self.server.post("/v1/score", {"model": "base", "text_1": "a", "text_2": "b"}, 400)


class Lifecycle(unittest.TestCase):
    def test_a_signal_lets_running_answers_finish(self):
        with served("--shutdown_timeout", "60") as server:
            got = {}
            body = {"prompt": PROMPT, "max_tokens": 200, "ignore_eos": True}
            thread = threading.Thread(target=lambda: got.update(server.post("/v1/completions", body)))
            thread.start()
            while server.get("/metrics").count('num_requests_running{model_name="start"} 1') == 0:
                time.sleep(0.01)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            if thread.is_alive():
                try:
                    status, headers, _ = server.call("POST", "/v1/completions", body)
                    self.assertEqual((status, headers["retry-after"]), (503, "1"))
                    self.assertEqual(server.call("GET", "/health")[0], 503)
                except ConnectionError:  # the answer, and with it the server, came to its end just now
                    thread.join(1)
                    self.assertFalse(thread.is_alive())
            thread.join(60)
            self.assertGreater(got["usage"]["completion_tokens"], 50)
            self.assertEqual(server.process.wait(60), 0)

    def test_streams_end_with_an_error_event_where_time_is_up(self):
        with served("--shutdown_timeout", "0") as server:
            events = []
            body = {"prompt": PROMPT, "max_tokens": 100000, "ignore_eos": True, "n": 8}
            thread = threading.Thread(target=lambda: events.extend(server.events("/v1/completions", body)))
            thread.start()
            while server.get("/metrics").count('num_requests_running{model_name="start"} 8') == 0:
                time.sleep(0.01)
            server.process.send_signal(signal.SIGTERM)
            thread.join(60)
            self.assertEqual(server.process.wait(60), 0)
            self.assertEqual(events[-1], "[DONE]")
            self.assertEqual(events[-2]["error"]["code"], 503)

    def test_a_key_is_needed_where_one_is_set(self):
        with served("--api_key_env", "UNA_TEST_KEY", env={"UNA_TEST_KEY": "sesame-street"}) as server:
            self.assertEqual(server.call("GET", "/v1/models")[0], 401)
            for wrong in ("Bearer sesame", "Bearer ", "Bearer sesame-street-2", "sesame-street", "Basic x"):
                self.assertEqual(server.call("GET", "/v1/models", None, {"Authorization": wrong})[0], 401)
            right = {"Authorization": "Bearer sesame-street", "Host": "any.name"}
            self.assertEqual(server.call("GET", "/v1/models", None, right)[0], 200)
            self.assertEqual(server.call("GET", "/health")[0], 200)
            self.assertNotIn("sesame", "".join(server.lines))
        with served() as server:  # clients without a key send an empty one
            self.assertEqual(server.call("GET", "/v1/models", None, {"Authorization": "Bearer "})[0], 200)

    def test_bad_keys_of_the_command(self):
        for words, part in ((["--host", "0.0.0.0"], "api_key_env"), (["--max_num_seqs", "0"], "max_num_seqs"),
                            (["--adapter", "a=/nowhere/b"], "/nowhere/b"), (["--api_key_env", "UNA_NO_SUCH_KEY"], "UNA_NO_SUCH_KEY"),
                            (["--host", "no.such.host.invalid", "--api_key_env", "HOME"], "no.such.host.invalid")):
            with self.subTest(words=words):
                self.assertIn(part, run("serve", "--model", MODEL, "--port", 0, *words, code=2)[1])

    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.assertIn("cannot listen", run("serve", "--model", MODEL, "--port", taken.getsockname()[1], code=2)[1])


if __name__ == "__main__":
    unittest.main()
