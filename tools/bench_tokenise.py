#!/usr/bin/env python3
"""una and the `tokenizers` package over the same JSONL file, in turn: bench_tokenise.py --una BIN --peers DIR --model DIR --data FILE.

una reads, understands and tokenises the rows into a row cache on disk (una preview, its start included); the package only parses
the lines and encodes their texts. Prints one JSON line a leg and the ratio of the medians.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


def una_seconds(options):
    with tempfile.TemporaryDirectory() as cache:
        begin = time.monotonic()
        subprocess.run([options.una, "preview", "--model", options.model, "--data", options.data, "--max_length", "1000000",
                        "--dataset_cache_dir", cache], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - begin


def peer_seconds(options):
    script = pathlib.Path(options.peers) / "tokenise.py"
    done = subprocess.run([sys.executable, script, "--tokenizer", options.model, "--data", options.data], check=True,
                          capture_output=True, text=True)
    print(done.stdout.strip())
    return json.loads(done.stdout)["seconds"]


def main():
    parser = argparse.ArgumentParser()
    for name in ("una", "peers", "model", "data"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(una_seconds(options))
        print(json.dumps({"una_seconds": round(ours[-1], 3)}))
        theirs.append(peer_seconds(options))
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(json.dumps({"una": round(statistics.median(ours), 3), "tokenizers": round(statistics.median(theirs), 3),
                      "times_as_fast": round(ratio, 2)}))


main()
