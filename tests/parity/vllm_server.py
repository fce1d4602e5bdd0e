"""A running vLLM samples for `una rloo`, `una_online` and `ppo`, its adapter renewed by the script that docs/online.md shows.

Of $UNA_VLLM, a virtual environment that holds vLLM (a CPU build will do); skipped without it. The gap of a sampled token's
log-prob between vLLM and una is looked at in every round: it stays rounding only if the server's weights follow the policy,
through prompts that come again and share a beginning longer than a block of vLLM's prefix cache too. Then what must stop or
warn: no sync command, an adapter of too large a rank, a name that is not served, prompts that are too long, a dead server.
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.request

CONTEXT, BLOCK, RANK = 256, 128, 16  # tokens; tokens of a block of the prefix cache (vLLM's own choice on the CPU); --max-lora-rank
GAPS = {"float32": (1e-4, 1e-4), "bfloat16": (2e-2, 3e-1)}  # limits of the mean and of the largest
DOCUMENT = pathlib.Path(__file__).parents[2] / "docs/online.md"
# One thread each, idle ones asleep: the server may share a small machine.
QUIET = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_CPU_KVCACHE_SPACE": "1",
         "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
GAP = "sampling/sampling_logp_difference/"


class Server:
    def __init__(self, python, model, log, *more):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", model, "--served-model-name", "base", "--host",
                   "127.0.0.1", "--port", self.port, "--max-num-seqs", 32, *more]
        self.log = log
        with open(log, "w") as file:
            self.process = subprocess.Popen([str(word) for word in command], stdout=file, stderr=file, start_new_session=True,
                                            env={**QUIET, **os.environ})

    def __enter__(self):
        for _ in range(600):
            try:
                self.get("/health")
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(1)
        self.kill()
        raise RuntimeError(f"vLLM did not start:\n{self.log.read_text()[-3000:]}")

    def __exit__(self, *_):
        self.kill()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as reply:
            return reply.read().decode()

    def kill(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            time.sleep(3)
        self.process.wait()


class VllmServer:
    def __init__(self, parity):
        self.parity, self.tally = parity, parity.tally
        self.python = pathlib.Path(os.environ.get("UNA_VLLM", "nowhere")) / "bin/python"
        self.work, self.model = parity.work / "server", parity.work / "task/start"

    def version(self):
        ask = "import vllm; print(vllm.__version__)"
        try:
            done = subprocess.run([self.python, "-c", ask], capture_output=True, text=True, env={**QUIET, **os.environ})
        except OSError:
            return ""
        return done.stdout.split()[-1] if done.returncode == 0 else ""

    def rows(self):
        """Eight prompts with one beginning of more than a block, and what a context of CONTEXT leaves for answers."""
        rows = [json.loads(line) for line in (self.parity.work / "task/data/sft.jsonl").read_text().split("\n") if line]
        count = lambda text: len(self.parity.tokenizer(text)["input_ids"])
        shared = ""
        for row in rows:
            if count(shared) > BLOCK:
                break
            shared += row["prompt"] + " "
        path = self.work / "rows.jsonl"
        prompts = [shared + row["prompt"] for row in rows[-8:]]
        path.write_text("".join(json.dumps({"prompt": prompt, "completion": "a"}) + "\n" for prompt in prompts))
        self.lengths = sorted(map(count, prompts))
        assert self.lengths[-1] + 32 <= CONTEXT, self.lengths
        return path

    def script(self, server):
        """The adapter script of the documentation, word for word but for the port."""
        block = re.search(r"`load_adapter\.sh` may be:\n\n((?:    .*\n)+)", DOCUMENT.read_text()).group(1)
        path = self.work / "load_adapter.sh"
        path.write_text("#!/bin/sh\n" + re.sub("^    ", "", block, flags=re.M).replace(":8000", f":{server.port}"))
        path.chmod(0o755)
        return f"{path} {{adapter}}"

    def train(self, method, name, server, *more, sync=True):
        """Two rounds are an epoch: eight rounds see every prompt four times."""
        out = self.work / name
        command = [self.parity.args.una, method, "--model", self.model, "--data", self.data, "--out", out, "--reward", "length:12",
                   "--max_steps", 32 if method == "ppo" else 8, "--num_train_epochs", 100, "--per_device_train_batch_size", 4,
                   "--num_generations", 4, "--max_completion_length", 32, "--max_length", CONTEXT, "--learning_rate", "1e-3",
                   "--logging_steps", 1, "--report_to", "none", "--reference_cache_dir", "none", "--dtype", "float32",
                   "--save_strategy", "no", "--sampling_endpoint", f"http://127.0.0.1:{server.port}/v1"]
        command += ["--sampling_sync_command", self.script(server)] if sync else []
        command += more if "--sampling_model" in more else ["--sampling_model", "policy" if sync else "base", *more]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=900,
                              env={**QUIET, **os.environ})
        metrics = out / "metrics.jsonl"
        rows = [json.loads(line) for line in metrics.read_text().split("\n") if line] if metrics.exists() else []
        return done.returncode, [row for row in rows if "sampling/failed_ratio" in row], done.stdout + done.stderr

    def follows(self, dtype, method, server):
        code, rows, text = self.train(method, f"{method}-{dtype}", server)
        name = f"{method}, vLLM in {dtype}"
        self.tally.check(f"{name}: rounds, short of 8", 8 - len(rows) if code == 0 else 8, 0)
        if not rows:
            return print(text[-2000:])
        for key in ("failed", "retokenised", "mismatch"):
            self.tally.check(f"{name}: {key}_ratio of the worst round", max(row[f"sampling/{key}_ratio"] for row in rows), 0)
        for key, limit in zip(("mean", "max"), GAPS[dtype]):
            self.tally.check(f"{name}: gap of a sampled token, {key}, worst round", max(row[GAP + key] for row in rows), limit)
        moved = max(abs(row["kl"]) for row in rows)
        self.tally.check(f"{name}: the policy moves (a round's KL), short of 0.02", max(0, 0.02 - moved), 0)

    def stale(self, server):
        code, rows, text = self.train("rloo", "stale", server, sync=False)
        self.tally.check("rloo, no sync command: gap at the end, mean, short of 5e-3", max(0, 5e-3 - rows[-1][GAP + "mean"]), 0)
        self.said("rloo, no sync command", code, text, 0, "other weights than the policy's")

    def said(self, name, code, text, wanted, words):
        good = code == wanted and words in text
        self.tally.check(f"{name}: exit {wanted}, '{words}'", 0 if good else 1, 0)
        if not good:
            print(f"      exit {code}\n" + text[-2000:])

    def refusals(self, server):
        for name, words, more, sync in (
                ("an adapter of too large a rank", f"greater than max_lora_rank {RANK}", ["--lora_r", 2 * RANK], True),
                ("DoRA", "does not yet support DoRA", ["--use_dora", "true"], True),
                ("a name that is not served", "answered 404", ["--sampling_model", "nobody"], True)):
            code, _, text = self.train("rloo", "refused", server, "--overwrite_output_dir", "true", *more, sync=sync)
            self.said(name, code, text, 2, words)

    def killed(self, server):
        server.kill()
        code, _, text = self.train("rloo", "dead", server)
        self.said("a dead server", code, text, 2, "sampling_sync_command ended with exit code 7")

    def narrow(self):
        """A context that one prompt or two do not fit, and the others' answers not whole."""
        context = self.lengths[-2]
        with Server(self.python, self.model, self.work / "narrow.log", "--dtype", "float32", "--max-model-len", context) as server:
            code, rows, text = self.train("rloo", "narrow", server, sync=False)
        self.said("prompts longer than the server's context", code, text, 0, "/completions answered 400")
        self.said("answers longer than the server's context", code, text, 0, "the sampling endpoint cut an answer after")
        self.tally.check("prompts longer than the server's context: a round's failed_ratio, short of 0.25",
                         max(0, 0.25 - max((row["sampling/failed_ratio"] for row in rows), default=0)), 0)

    def all(self):
        version = self.version()
        if not version:
            print("skipped  a running vLLM: set UNA_VLLM to a virtual environment that holds vLLM")
            return
        print(f"vLLM {version}")
        self.work.mkdir()
        self.data = self.rows()
        lora = ["--enable-lora", "--max-lora-rank", RANK, "--max-model-len", CONTEXT]
        with Server(self.python, self.model, self.work / "float32.log", "--dtype", "float32", *lora) as server:
            for method in ("rloo", "una_online", "ppo"):
                self.follows("float32", method, server)
            hits = re.search(r"^vllm:prefix_cache_hits_total\{.*\} (\S+)", server.get("/metrics"), re.M)
            self.tally.check("tokens from the prefix cache, short of 1", max(0, 1 - float(hits.group(1))), 0)
            self.stale(server)
            self.refusals(server)
            self.killed(server)
        with Server(self.python, self.model, self.work / "bfloat16.log", "--dtype", "bfloat16", *lora) as server:
            self.follows("bfloat16", "rloo", server)
        self.narrow()
