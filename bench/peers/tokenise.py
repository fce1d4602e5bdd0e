"""Tokenises a JSONL file as the `tokenizers` package does it: every text of every row, in batches, on all cores.

    tokenise.py --tokenizer DIR --data FILE [--batch 1000]

Prints one JSON line: texts, tokens, seconds (reading and parsing the file included), tokens_per_s.
"""
import argparse
import json
import time

from tokenizers import Tokenizer

TEXTS = ("prompt", "completion", "chosen", "rejected", "response")


def texts_of(row):
    for key in TEXTS:
        value = row.get(key)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (turn["content"] for turn in value)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--batch", type=int, default=1000)
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(options.tokenizer + "/tokenizer.json")
    begin = time.monotonic()
    texts, tokens, batch = 0, 0, []

    def flush():
        nonlocal tokens, texts
        tokens += sum(len(e.ids) for e in tokenizer.encode_batch(batch, add_special_tokens=False))
        texts += len(batch)
        batch.clear()

    with open(options.data, encoding="utf-8") as file:
        for line in file:
            batch.extend(texts_of(json.loads(line)))
            if len(batch) >= options.batch:
                flush()
    flush()
    seconds = time.monotonic() - begin
    print(json.dumps({"texts": texts, "tokens": tokens, "seconds": round(seconds, 3), "tokens_per_s": round(tokens / seconds)}))


main()
