"""Broken bodies for every route of una serve: request_bodies.py COUNT [--seed N]

Each body is a right one of its route with a few faults: values of other kinds, members that are missing, doubled or
unknown, numbers beyond any range, texts that are not UTF-8, nesting, bytes cut, flipped or added. Whatever comes, the
answer is below 500 and the server goes on. Ends with the statuses by route; exit code 1 where an answer was a 5xx, did not
come, or the server ended. UNA names the program, UNA_GOOD
(tests/bad_files/good) has its model and adapter.
"""
import argparse
import collections
import copy
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

CHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "a b"}]
RIGHT = {
    "/v1/completions": [
        {"model": "model", "prompt": "a b", "max_tokens": 1, "temperature": 0, "logprobs": 2, "echo": True, "n": 1, "stop": ["x"]},
        {"prompt": [1, 2, 3], "max_tokens": 1, "seed": 3, "top_p": 0.9, "top_k": 4, "presence_penalty": 0.5, "frequency_penalty": -0.5},
        {"prompt": ["a", "b"], "max_tokens": 0, "echo": True, "prompt_logprobs": 1, "stream": False, "min_p": 0.1},
        {"prompt": "a", "max_tokens": 1, "stream": True, "stream_options": {"include_usage": True}, "ignore_eos": True},
    ],
    "/v1/chat/completions": [
        {"messages": CHAT, "max_tokens": 1, "logprobs": True, "top_logprobs": 2, "user": "u"},
        {"messages": CHAT, "max_completion_tokens": 1, "stream": True, "chat_template_kwargs": {"a": 1}, "n": 2},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "max_tokens": 1,
         "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "tool_choice": "auto"},
    ],
    "/tokenize": [{"prompt": "a b", "add_special_tokens": True, "return_token_strs": True}, {"messages": CHAT, "add_generation_prompt": True}],
    "/detokenize": [{"tokens": [1, 2, 3]}],
    "/v1/score": [{"text_1": "a", "text_2": ["b", "c"]}, {"queries": "a", "documents": ["b"]}],
    "/v1/rerank": [{"query": "a", "documents": ["b", "c"], "top_n": 1}],
    "/classify": [{"input": ["a", "b"]}],
    "/pooling": [{"input": "a", "encoding_format": "float"}],
    "/get_reward": [{"query": ["a"], "prompts": ["a"], "labels": ["b"]}],
    "/v1/load_lora_adapter": [{"lora_name": "x", "lora_path": "adapter"}],
    "/v1/unload_lora_adapter": [{"lora_name": "x"}],
}
ODD = [None, True, False, 0, -1, 1, 2, 3.5, -0.0, 1e-320, 1e308, -1e308, 2**31, 2**53, 2**63, 2**64, -2**63, 10**40, "", " ", "a", "\u0000", "\ud83d\ude00",
       "\u202e", "%s%n", "../..", "x" * 3000, [], {}, [[]], [None], [""], ["a", 1], {"a": {"b": []}}, [1, -1, 10**9], [0.5], "NaN", "1", [[1], [2]]]
RAW = [b"NaN", b"Infinity", b"-", b"1e999", b"01", b"+1", b'"\xff\xfe"', b'"\\ud800"', b'"\\x"', b"'a'", b"tru", b"//", b"\x00", b"[" * 600 + b"]" * 600,
       b'{"a":' * 300 + b"1" + b"}" * 300, b"1" * 400, b'"' + b"\\u0000" * 50 + b'"']


def slots(value):
    """Every place in a body: (container, key)."""
    found, todo = [], [value]
    while todo:
        container = todo.pop()
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            found.append((container, key))
            if isinstance(container[key], (dict, list)):
                todo.append(container[key])
    return found


def broken(rng, right):
    body = copy.deepcopy(right)
    mark = None
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = slots(body)
        if not places:
            break
        container, key = rng.choice(places)
        what = rng.randrange(6)
        if what == 0 and isinstance(container, dict):
            del container[key]
        elif what == 1 and isinstance(container, dict):
            container[key + rng.choice(("x", "_", " ", "\u0000"))] = container.pop(key)
        elif what == 2 and isinstance(container, list):
            container.insert(key, copy.deepcopy(rng.choice(ODD)))
        elif what == 3:
            mark = f"@{rng.randrange(10**9)}@"
            container[key] = mark
        else:
            container[key] = copy.deepcopy(rng.choice(ODD))
    data = json.dumps(body, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if mark:
        data = data.replace(b'"' + mark.encode() + b'"', rng.choice(RAW))
    if rng.random() < 0.15:
        data = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data) + 1)
            change = rng.randrange(4)
            if change == 0:
                del data[at:at + rng.randrange(1, 30)]
            elif change == 1:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 6)))
            elif change == 2 and at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            else:
                data[at:at] = data[at:at + 20]
    return bytes(data)


class Connection:
    """HTTP/1.1 by hand: one request after the other, chunked answers too."""

    def __init__(self, port):
        self.port, self.file = port, None

    def post(self, path, body):
        if self.file is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            self.file = self.socket.makefile("rb")
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        status = int(self.file.readline().split()[1])
        length, chunked, close = 0, False, False
        while (line := self.file.readline().strip().lower()):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            chunked = chunked or line == b"transfer-encoding: chunked"
            close = close or line == b"connection: close"
        answer = self.chunks() if chunked else self.file.read(length)
        if close:
            self.close()
        return status, answer

    def chunks(self):
        parts = []
        while (size := int(self.file.readline().split(b";")[0], 16)):
            parts.append(self.file.read(size))
            self.file.readline()
        self.file.readline()
        return b"".join(parts)

    def close(self):
        self.socket.close()
        self.file = None


class Attack(threading.Thread):
    def __init__(self, port, count, seed):
        super().__init__()
        self.port, self.count, self.rng = port, count, random.Random(seed)
        self.statuses, self.trouble = collections.Counter(), []

    def run(self):
        connection = Connection(self.port)
        for _ in range(self.count):
            path = self.rng.choice(list(RIGHT))
            body = broken(self.rng, self.rng.choice(RIGHT[path]))
            try:
                status, answer = connection.post(path, body)
            except (OSError, ValueError, IndexError) as error:
                self.trouble.append((path, body, f"no answer: {error!r}"))
                connection = Connection(self.port)
            else:
                self.statuses[path, status] += 1
                if status >= 500:
                    self.trouble.append((path, body, f"{status}: {answer[:200]!r}"))
            if len(self.trouble) > 20:
                return


def start():
    una, good = os.environ["UNA"], os.environ["UNA_GOOD"]
    command = [una, "serve", "--model", f"{good}/model", "--adapter", f"{good}/adapter", "--adapter_root", good, "--port", "0", "--threads", "1",
               "--max_model_len", "64"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if (found := re.match(r"serving +http://[^ ]*:(\d+)/v1", line)):
            threading.Thread(target=lambda: collections.deque(process.stderr, maxlen=1), daemon=True).start()
            return process, int(found.group(1))
    sys.exit("una serve did not start")


def attack(args, process, port):
    """Exit code."""
    for path, bodies in RIGHT.items():
        for body in bodies:
            status, answer = Connection(port).post(path, json.dumps(body).encode())
            assert status == 200, (path, body, answer)
    begin, threads = time.monotonic(), 8
    attacks = [Attack(port, args.count // threads + (i < args.count % threads), f"{args.seed}/{i}") for i in range(threads)]
    for attack in attacks:
        attack.start()
    for attack in attacks:
        attack.join()
    statuses = sum((attack.statuses for attack in attacks), collections.Counter())
    trouble = [each for attack in attacks for each in attack.trouble]
    for path in RIGHT:
        print(f"{path:24}", " ".join(f"{status}: {n}" for (p, status), n in sorted(statuses.items()) if p == path))
    for path, body, what in trouble[:10]:
        print(f"FELL {path} {body[:400]!r}: {what}")
    alive = process.poll() is None and Connection(port).post("/tokenize", b'{"prompt":"a"}')[0] == 200
    print(f"{sum(statuses.values())} bodies, {len(trouble)} fell, {time.monotonic() - begin:.0f} s; the server {'goes on' if alive else 'ended'}")
    return 1 if trouble or not alive else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    process, port = start()
    try:
        sys.exit(attack(args, process, port))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


if __name__ == "__main__":
    main()
