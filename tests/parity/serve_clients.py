#!/usr/bin/env python3
"""`una serve` under the programs that people point at it:

  serve_clients.py --una PROGRAM --tokenizers DIR [--data DIR] [--limit 3] [--max_gen_toks 16] [--parts harness,openai,curl,una]

harness  lm-evaluation-harness 0.4.13 with local-completions, num_concurrent 1 and 8, beside its own --model hf on random models
         of the kinds llama, qwen2 and gemma: accuracies equal, log-likelihoods within 1e-3, greedy answers equal but at ties.
openai   the `openai` package: completions, chat, streams, log-probs, errors, retries while the server is full.
curl     curl -N: events arrive one by one.
una      una's judge (`una label`) and una's sampler (`una rloo --sampling_endpoint` with an adapter reload each round) against
         una's server: the sampler's log-probs are the policy's within 1e-4.

A part whose package is not there is skipped and says so. Ends with the number of checks that passed and failed.
"""
import argparse
import concurrent.futures
import contextlib
import http.server
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
GAP = "sampling/sampling_logp_difference/"


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, more=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'}  {name}{': ' if more else ''}{more}", flush=True)


@contextlib.contextmanager
def served(una, model, *arguments, env=None):
    """The base URL of `una serve` on a free port."""
    command = [una, "serve", "--model", str(model), "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
    lines, ready, port = [], threading.Event(), []

    def follow():
        for line in process.stderr:
            lines.append(line)
            found = re.match(r"serving +http://[^ ]*:(\d+)/v1", line)
            if found:
                port.append(found.group(1))
                ready.set()
        ready.set()

    threading.Thread(target=follow, daemon=True).start()
    ready.wait(300)
    assert port, "".join(lines)
    try:
        yield f"http://127.0.0.1:{port[0]}/v1"
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        assert code == 0, f"una serve ended with {code}:\n{''.join(lines[-20:])}"


class Harness:
    """local-completions against the server, next to --model hf."""

    def __init__(self, args, tally, scratch):
        import lm_eval_parity as parity
        self.parity, self.args, self.tally, self.scratch = parity, args, tally, scratch
        self.data, self.folder = os.path.join(scratch, "data"), os.path.join(scratch, "tasks")
        if args.data:
            shutil.copytree(args.data, self.data, copy_function=shutil.copyfile)
        else:
            subprocess.run([args.una, "eval", "--make_sample", self.data], check=True, stderr=subprocess.DEVNULL)
        parity.complete(self.data)
        os.makedirs(self.folder)
        self.names = {task: found for task, found in parity.write_tasks(self.data, self.folder).items() if found}

    def run(self):
        for model in self.parity.make_models(self.args.tokenizers, self.scratch):
            theirs, _ = self.parity.run_harness(model, self.folder, self.names, self.args.limit, self.args.max_gen_toks, "float32")
            with served(self.args.una, model, "--dtype", "float32", "--served_model_name", "m") as url:
                for concurrent in (1, 8):
                    self.compare(model, theirs, self.through_server(model, url, concurrent), concurrent)

    def through_server(self, model, url, concurrent):
        """add_bos_token: what the tokenizer adds by itself, as --model hf does; without it the client sends no BOS."""
        import lm_eval
        from lm_eval.models.openai_completions import LocalCompletionsAPI
        from lm_eval.tasks import TaskManager
        lm = LocalCompletionsAPI(model="m", base_url=url + "/completions", tokenizer=self.parity.tokenizer_of(model),
                                 tokenizer_backend="huggingface",
                                 num_concurrent=concurrent, max_length=8192, batch_size=1, add_bos_token=True)
        manager, out = TaskManager(include_path=self.folder), {}
        for task, subtasks in self.names.items():
            written = task in ("ifeval", "math_hard")
            for name in subtasks:
                result = lm_eval.simple_evaluate(lm, tasks=[name], limit=self.args.limit, task_manager=manager, log_samples=True,
                                                 bootstrap_iters=0,
                                                 gen_kwargs=f"max_gen_toks={self.args.max_gen_toks}" if written else None)
                out[name] = result["samples"][name]
        return out

    def compare(self, model, theirs, ours, concurrent):
        worst, where, wrong, differ, choices, answers = 0.0, "", [], [], 0, 0
        for name, samples in theirs.items():
            by_doc = {sample["doc_id"]: sample for sample in ours[name]}
            for sample in samples:
                other = by_doc[sample["doc_id"]]
                if isinstance(sample["resps"][0][0], str):
                    answers += 1
                    # The harness decodes an answer by itself, where SentencePiece drops the space that stands before it.
                    if sample["resps"][0][0].lstrip(" ") != other["resps"][0][0].lstrip(" "):
                        prompt = sample["arguments"]["gen_args_0"]["arg_0"] if isinstance(sample["arguments"], dict) else sample["arguments"][0][0]
                        if not self.parity.is_tie(model, prompt, sample["resps"][0][0], other["resps"][0][0], "float32"):
                            differ.append(f"{name} row {sample['doc_id']}: {sample['resps'][0][0]!r} there, {other['resps'][0][0]!r} here")
                    continue
                for a, b in zip(sample["resps"], other["resps"]):
                    choices += 1
                    gap = abs(float(a[0][0]) - float(b[0][0]))
                    if gap > worst:
                        worst, where = gap, f"{name} row {sample['doc_id']}"
                wrong += [f"{name} row {sample['doc_id']}: {m}" for m in ("acc", "acc_norm") if sample.get(m) != other.get(m)]
        title = f"{os.path.basename(model)}, num_concurrent {concurrent}"
        self.tally.check(f"{title}: {choices} log-likelihoods within 1e-3", worst <= 1e-3, f"largest difference {worst:.1e} {where}")
        self.tally.check(f"{title}: accuracies equal", not wrong, "; ".join(wrong))
        self.tally.check(f"{title}: {answers} greedy answers equal but at ties", not differ, "; ".join(differ))


class OpenAi:
    """The `openai` package as its readers use it."""

    def __init__(self, args, tally, model, prompt, template):
        self.args, self.tally, self.model, self.prompt, self.template = args, tally, model, prompt, template

    def client(self, url, **more):
        import openai
        return openai.OpenAI(base_url=url, api_key=more.pop("api_key", "none"), timeout=120, **more)

    def run(self):
        with served(self.args.una, self.model, "--served_model_name", "base", "--chat_template_path", self.template) as url:
            client = self.client(url)
            self.models(client)
            self.completions(client)
            self.chat(client)
            self.errors(client)
        with served(self.args.una, self.model, "--api_key_env", "UNA_PARITY_KEY", env={"UNA_PARITY_KEY": "secret"}) as url:
            import openai
            self.refused("a wrong key", openai.AuthenticationError, lambda: self.client(url).models.list())
            self.tally.check("openai: the right key", bool(self.client(url, api_key="secret").models.list().data))
        with served(self.args.una, self.model, "--max_waiting", 2) as url:
            self.retries(url)

    def models(self, client):
        names = [model.id for model in client.models.list().data]
        self.tally.check("openai: models", names == ["base"] and client.models.retrieve("base").id == "base", str(names))

    def completions(self, client):
        ask = dict(model="base", prompt=self.prompt, temperature=0, max_tokens=24)
        whole = client.completions.create(**ask, logprobs=3)
        text, logprobs = whole.choices[0].text, whole.choices[0].logprobs
        parts = list(client.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
        streamed = "".join(part.choices[0].text for part in parts if part.choices)
        self.tally.check("openai: a stream is the whole answer", streamed == text, f"{streamed!r} {text!r}")
        self.tally.check("openai: the last chunk has the usage", parts[-1].usage == whole.usage, str(parts[-1].usage))
        good = all(abs(top[token] - value) < 1e-9 and max(top.values()) == top[token]
                   for token, value, top in zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs))
        self.tally.check("openai: greedy tokens are the likeliest ones", good and len(logprobs.tokens) == whole.usage.completion_tokens)
        echo = client.completions.create(model="base", prompt=ask["prompt"] + text, max_tokens=0, echo=True, logprobs=1)
        sampled = logprobs.token_logprobs
        count = len(echo.choices[0].logprobs.token_logprobs) - whole.usage.prompt_tokens
        again = echo.choices[0].logprobs.token_logprobs[-count:] if count else []
        gap = max((abs(a - b) for a, b in zip(again, sampled)), default=1)
        self.tally.check("openai: echo gives what was sampled the same log-probs", gap < 1e-4, f"{count} tokens, largest gap {gap:.1e}")

    def chat(self, client):
        ask = dict(model="base", messages=[{"role": "user", "content": "Name a colour"}], temperature=0, max_tokens=10)
        whole = client.chat.completions.create(**ask, logprobs=True, top_logprobs=2)
        parts = list(client.chat.completions.create(**ask, stream=True))
        streamed = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
        self.tally.check("openai: a chat's stream is its answer", streamed == whole.choices[0].message.content)
        reasons = [part.choices[0].finish_reason for part in parts if part.choices]
        self.tally.check("openai: finish_reason is null until the end", set(reasons[:-1]) == {None} and reasons[-1] is not None, str(reasons[-2:]))
        content = whole.choices[0].logprobs.content
        self.tally.check("openai: a chat's log-probs", all(entry.top_logprobs[0].logprob >= entry.logprob for entry in content))

    def errors(self, client):
        import openai
        self.refused("an unknown model", openai.NotFoundError, lambda: client.completions.create(model="no", prompt="a"))
        error = self.refused("a field that is not supported", openai.BadRequestError,
                             lambda: client.completions.create(model="base", prompt="a", suffix="b"))
        self.tally.check("openai: the error names the field", getattr(error, "param", None) == "suffix", str(error))
        self.refused("a temperature below 0", openai.BadRequestError,
                     lambda: client.completions.create(model="base", prompt="a", temperature=-1))

    def refused(self, name, kind, ask):
        try:
            ask()
        except kind as error:
            self.tally.check(f"openai: {name} is a {kind.__name__}", True)
            return error
        except Exception as error:  # noqa: BLE001
            self.tally.check(f"openai: {name} is a {kind.__name__}", False, repr(error))
            return error
        self.tally.check(f"openai: {name} is refused", False)
        return None

    def retries(self, url):
        client = self.client(url, max_retries=20)
        ask = lambda number: client.completions.create(model="", prompt=f"Say {number}", max_tokens=20, temperature=0).choices[0].text
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            texts = list(pool.map(ask, range(48)))
        self.tally.check("openai: 48 requests through a server with two places", len(texts) == 48)


def curl(args, tally, model, prompt):
    body = json.dumps({"prompt": prompt, "max_tokens": 200, "ignore_eos": True, "stream": True})
    with served(args.una, model, "--threads", 1) as url:
        process = subprocess.Popen(["curl", "-sN", url + "/completions", "-H", "Content-Type: application/json", "-d", body],
                                   stdout=subprocess.PIPE, text=True)
        times, lines = [], []
        for line in process.stdout:
            if line.startswith("data: "):
                times.append(time.time())
                lines.append(line.strip())
        process.wait()
    tally.check("curl -N: events arrive one by one", len(lines) > 20 and times[-1] - times[0] > 0.02 and lines[-1] == "data: [DONE]",
                f"{len(lines)} events in {times[-1] - times[0] if times else 0:.2f} s")


class Una:
    """una's own clients."""

    def __init__(self, args, tally, task, scratch, template):
        self.args, self.tally, self.template = args, tally, template
        self.task, self.scratch = pathlib.Path(task), pathlib.Path(scratch)

    def una(self, *words, code=0):
        done = subprocess.run([self.args.una, *map(str, words)], capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def rows(self, name, rows):
        path = self.scratch / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def asked(self, judge, data):
        """What una's judge asks about the rows, recorded by a server that answers "Score: 1"."""
        seen = []

        class Recorder(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"])
                data = json.dumps({"choices": [{"message": {"content": "Score: 1"}, "finish_reason": "stop"}]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.una("label", "--reward", f"judge:{judge(f'http://127.0.0.1:{server.server_port}/v1')}", "--data", data, "--out",
                 self.scratch / "recorded.jsonl")
        server.shutdown()
        return seen

    def judge(self):
        """A model that was taught to say "Score: 4" to these questions judges answers through the server."""
        def judge(url):
            path = self.scratch / "judge.yaml"
            path.write_text(f"base_url: {url}\nmodel: judge\nscale: [1, 10]\ncache_dir: none\napi_key_env: ''\nmax_tokens: 16\n"
                            "prompt_template: \"{prompt} {answer}\"\n")
            return path

        data = self.rows("judge-in.jsonl", [{"prompt": f"question {i}", "completion": f"answer {i}"} for i in range(8)])
        rows = [{"messages": [*messages, {"role": "assistant", "content": "Score: 4"}]} for messages in self.asked(judge, data)]
        model, out = self.scratch / "judge-model", self.scratch / "judged.jsonl"
        self.una("sft", "--model", self.task / "start", "--data", self.rows("judge-sft.jsonl", rows), "--out", model, "--max_steps", 160,
                 "--use_peft", "false", "--learning_rate", "2e-3", "--report_to", "none", "--reference_cache_dir", "none",
                 "--save_strategy", "no", "--dataset_cache_dir", "none", "--chat_template_path", self.template)
        with served(self.args.una, model, "--served_model_name", "judge", "--chat_template_path", self.template) as url:
            self.una("label", "--reward", f"judge:{judge(url)}", "--data", data, "--out", out)
        scores = [json.loads(line).get("score") for line in out.read_text().splitlines()]
        self.tally.check("una label: a judge that una serves", scores == [4] * 8, str(scores))

    def sampler(self):
        out, root = self.scratch / "rloo", self.scratch / "adapters"
        prompts = [{"prompt": json.loads(line)["prompt"], "completion": "a"}
                   for line in (self.task / "data" / "pair.jsonl").read_text().splitlines()[:8]]
        with served(self.args.una, self.task / "start", "--adapter_root", out, "--dtype", "float32") as url:
            port = re.search(r":(\d+)/", url).group(1)
            script = root.with_suffix(".sh")
            script.write_text("#!/bin/sh\nexec curl -sf -X POST http://127.0.0.1:%s/v1/load_lora_adapter -H 'Content-Type: application/json' "
                              "-d \"{\\\"lora_name\\\": \\\"policy\\\", \\\"lora_path\\\": \\\"$1\\\", \\\"load_inplace\\\": true}\"\n" % port)
            script.chmod(0o755)
            out.mkdir()
            log = self.una("rloo", "--model", self.task / "start", "--data", self.rows("prompts.jsonl", prompts), "--out", out / "run",
                           "--reward", "length:12", "--max_steps", 6, "--num_train_epochs", 100, "--per_device_train_batch_size", 4,
                           "--num_generations", 4, "--max_completion_length", 24, "--max_length", 160, "--learning_rate", "1e-3",
                           "--logging_steps", 1, "--report_to", "none", "--dtype", "float32", "--save_strategy", "no",
                           "--sampling_endpoint", url, "--sampling_model", "policy", "--sampling_sync_command", f"{script} {{adapter}}")
        rows = [json.loads(line) for line in (out / "run" / "metrics.jsonl").read_text().splitlines()]
        rows = [row for row in rows if GAP + "max" in row]
        gap = max((row[GAP + "max"] for row in rows), default=1)
        self.tally.check("una rloo: the server's log-probs are the policy's", len(rows) == 6 and gap < 1e-4, f"{len(rows)} rounds, largest gap {gap:.1e}")
        for key in ("failed", "retokenised", "mismatch"):
            worst = max((row[f"sampling/{key}_ratio"] for row in rows), default=1)
            self.tally.check(f"una rloo: {key}_ratio", worst == 0, str(worst) if worst == 0 else log[-800:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--una", required=True)
    parser.add_argument("--tokenizers")
    parser.add_argument("--data")
    parser.add_argument("--limit", type=int, default=3)
    parser.add_argument("--max_gen_toks", type=int, default=16)
    parser.add_argument("--parts", default="harness,openai,curl,una")
    args = parser.parse_args()
    tally, parts = Tally(), args.parts.split(",")
    with tempfile.TemporaryDirectory() as scratch:
        task = os.path.join(scratch, "task")
        if set(parts) & {"openai", "curl", "una"}:
            subprocess.run([args.una, "demo", "--out", task, "--seed", "7", "--sft_answers", "600", "--feedback_prompts", "60",
                            "--held_out_prompts", "8", "--stop_after", "feedback"], check=True, capture_output=True)
            template = pathlib.Path(scratch) / "template.jinja"
            template.write_text(TEMPLATE)
            prompt = json.loads((pathlib.Path(task) / "data" / "pair.jsonl").read_text().split("\n")[0])["prompt"]
        if "harness" in parts:
            if importlib.util.find_spec("lm_eval") and args.tokenizers:
                Harness(args, tally, scratch).run()
            else:
                print("lm-evaluation-harness: skipped without lm_eval and --tokenizers", file=sys.stderr)
        if "openai" in parts:
            if importlib.util.find_spec("openai"):
                OpenAi(args, tally, os.path.join(task, "start"), prompt, template).run()
            else:
                print("the openai package: skipped, it is not installed", file=sys.stderr)
        if "curl" in parts:
            curl(args, tally, os.path.join(task, "start"), prompt)
        if "una" in parts:
            own = Una(args, tally, task, scratch, template)
            own.judge()
            own.sampler()
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
