"""una serve against `una bench generate` and against itself, on one machine and in one run:

  bench_serve.py --una PROGRAM --model DIR --pairs FILE [--new_tokens 128] [--rounds 2] [--streams 300]

1. Throughput: 16 streams, the prompts of `una bench generate` as ids, as many new tokens; legs in turn. Tokens a second of the
   whole, prefill included, on both sides.
2. Prefix cache: prompts of one task that share five solved examples, one new token each, with the cache and without it.
3. Many streams at once: when the first byte of each comes, and how long /health takes meanwhile.
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import threading
import time


class Served:
    def __init__(self, una, model, *arguments):
        self.process = subprocess.Popen([una, "serve", "--model", model, "--port", "0", *map(str, arguments)],
                                        stderr=subprocess.PIPE, text=True)
        self.port = None
        for line in self.process.stderr:
            found = re.match(r"serving +http://[^ ]*:(\d+)/v1", line)
            if found:
                self.port = int(found.group(1))
                break
        assert self.port, "una serve did not start"
        threading.Thread(target=lambda: list(self.process.stderr), daemon=True).start()

    def post(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def stream(self, body):
        """Seconds until the first byte of the body, and until the end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        begin = time.monotonic()
        connection.request("POST", "/v1/completions", json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read(1)
        first = time.monotonic() - begin
        answer.read()
        connection.close()
        return first, time.monotonic() - begin

    def health(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        begin = time.monotonic()
        connection.request("GET", "/health")
        connection.getresponse().read()
        connection.close()
        return time.monotonic() - begin

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process.stderr.close()


def prompts_of(server, path, count, most):
    """The prompts that una bench generate takes: the first ones of the file, cut to `most` tokens."""
    texts = [json.loads(line)["prompt"] for line in open(path, encoding="utf-8") if line.strip()][:count]
    return [server.post("/tokenize", {"prompt": text})["tokens"][:most] for text in texts]


def served_rate(args, threads):
    server = Served(args.una, args.model, "--dtype", args.dtype, "--threads", threads, "--max_num_seqs", 16)
    prompts = prompts_of(server, args.pairs, 16, 256)
    ask = lambda ids: server.stream({"prompt": ids, "max_tokens": args.new_tokens, "ignore_eos": True, "temperature": 1, "seed": 1})
    rates = []
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda ids: server.stream({"prompt": ids[:8], "max_tokens": 2}), prompts))  # warm
        begin = time.monotonic()
        list(pool.map(ask, prompts))
        rates.append(len(prompts) * args.new_tokens / (time.monotonic() - begin))
    server.stop()
    return rates[0]


def throughput(args):
    threads = len(os.sched_getaffinity(0))
    command = [args.una, "bench", "generate", "--model", args.model, "--pairs", args.pairs, "--batch", "16", "--threads", str(threads),
               "--new_tokens", str(args.new_tokens), "--dtype", args.dtype]
    alone, served = [], []
    for _ in range(args.rounds):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        alone.append(json.loads(done.stdout.strip().split("\n")[-1])["tokens_per_s"])
        served.append(served_rate(args, threads))
    a, b = statistics.median(alone), statistics.median(served)
    print(f"16 streams of {args.new_tokens} tokens: {b:.1f} tokens/s served, {a:.1f} by una bench generate: {b / a:.3f}", flush=True)


def prefix_cache(args):
    rates = {}
    shots = "\n\n".join(f"Question: how many apples are {n} and {n + 3} apples, and why is that so?\nAnswer: they are {2 * n + 3} "
                        f"apples, since {n} and {n + 3} added up are {2 * n + 3}." for n in range(5))
    prompts = [f"{shots}\n\nQuestion: how many pears are {n} and 7?\nAnswer:" for n in range(32)]
    for caching in ("true", "false"):
        server = Served(args.una, args.model, "--dtype", args.dtype, "--enable_prefix_caching", caching)
        server.post("/v1/completions", {"prompt": prompts[0], "max_tokens": 1})
        begin = time.monotonic()
        for prompt in prompts[1:]:
            server.post("/v1/completions", {"prompt": prompt, "max_tokens": 1})
        rates[caching] = (len(prompts) - 1) / (time.monotonic() - begin)
        server.stop()
    print(f"5-shot prompts one after the other: {rates['true']:.1f} a second with the prefix cache, {rates['false']:.1f} without it: "
          f"{rates['true'] / rates['false']:.2f} times", flush=True)


def many_streams(args):
    server = Served(args.una, args.model, "--dtype", args.dtype, "--max_num_seqs", args.streams)
    body = {"prompt": "Say", "max_tokens": 4, "ignore_eos": True}
    one = server.stream(body)[0]
    health, done = [], threading.Event()

    def watch():
        while not done.is_set():
            health.append(server.health())
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with concurrent.futures.ThreadPoolExecutor(args.streams) as pool:
            firsts = sorted(first for first, _ in pool.map(lambda _: server.stream(body), range(args.streams)))
    finally:
        done.set()
        watcher.join()
    server.stop()
    print(f"{args.streams} streams at once: first byte after {1000 * firsts[len(firsts) // 2]:.0f} ms (median), {1000 * firsts[-1]:.0f} ms "
          f"(last), {1000 * one:.0f} ms for one alone; /health {1000 * max(health):.0f} ms at most", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--una", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", required=True, help="JSONL whose rows have a prompt")
    parser.add_argument("--new_tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--dtype", default="bfloat16")
    args = parser.parse_args()
    throughput(args)
    prefix_cache(args)
    many_streams(args)


if __name__ == "__main__":
    main()
