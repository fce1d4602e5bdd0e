"""Pairs for the speed comparison: plain text, prompt + completion + EOS, no template, rows over the length limit left out.

usage: rows.py --data DATA/preference/ultrafeedback_train.jsonl --tokenizer DIR --max_length 1024 --count 48 --out pairs.jsonl
       rows.py --lengths 640,100 --tokenizer DIR --count 16 --out pairs.jsonl    # prompt and answer of exactly so many tokens
       rows.py --lengths 640,100 --answers 4 ...                                 # rows of four scored answers to a prompt
Each line: {"prompt", "chosen", "rejected", "score_chosen", "score_rejected"}; every reader must find the same token ids.
"""
import argparse
import json
import random


def text(value) -> str:
    return value if isinstance(value, str) else value[-1]["content"]


def encode(tokenizer, row) -> tuple[list[int], list[int], list[int]]:
    """Token ids of prompt, chosen, rejected; completions end in EOS; the three parts are tokenised apart."""
    ids = [tokenizer(row[key], add_special_tokens=False)["input_ids"] for key in ("prompt", "chosen", "rejected")]
    return ids[0], ids[1] + [tokenizer.eos_token_id], ids[2] + [tokenizer.eos_token_id]


def made_rows(tokenizer, prompt: int, answer: int, answers: int, count: int) -> list[dict]:
    """Words that are one token each and stay so beside each other; EOS is one of an answer's tokens."""
    words = sorted(text for text in tokenizer.get_vocab() if text[:1] == "Ġ" and text[1:].isascii() and text[1:].isalpha() and text[1:].islower())
    draw = random.Random(0)

    def words_of(number):
        return "".join(" " + word[1:] for word in draw.choices(words, k=number))

    rows = []
    for _ in range(count):
        row = {"prompt": words_of(prompt), "chosen": words_of(answer - 1), "rejected": words_of(answer - 1)}
        lengths = [len(ids) for ids in encode(tokenizer, row)]
        assert lengths == [prompt, answer, answer], lengths
        if answers > 2:
            texts = [row.pop("chosen"), row.pop("rejected")] + [words_of(answer - 1) for _ in range(answers - 2)]
            row["responses"] = [{"content": text, "score": k} for k, text in enumerate(texts)]
        rows.append(row)
    return rows


def read_rows(tokenizer, path: str, max_length: int, count: int) -> tuple[list[dict], int]:
    """The first rows of a file that are not too long, and how many were."""
    kept, dropped = [], 0
    with open(path, encoding="utf-8") as lines:
        for line in lines.read().split("\n"):
            if not line.strip() or len(kept) == count:
                continue
            raw = json.loads(line)
            row = {key: text(raw[key]) for key in ("prompt", "chosen", "rejected")}
            scores = {**raw.get("metadata", {}), **raw}
            for key in ("score_chosen", "score_rejected"):
                if key in scores:
                    row[key] = scores[key]
            prompt, chosen, rejected = encode(tokenizer, row)
            if len(prompt) + max(len(chosen), len(rejected)) > max_length:
                dropped += 1
                continue
            kept.append(row)
    return kept, dropped


def main() -> None:
    from transformers import AutoTokenizer
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--lengths", help="PROMPT,ANSWER tokens of made rows, in the place of --data")
    parser.add_argument("--answers", type=int, default=2)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--max_length", type=int, default=1024)
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    if bool(args.data) == bool(args.lengths):
        parser.error("give --data, or --lengths for made rows")
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    if args.lengths:
        kept, dropped = made_rows(tokenizer, *map(int, args.lengths.split(",")), args.answers, args.count), 0
    else:
        kept, dropped = read_rows(tokenizer, args.data, args.max_length, args.count)
    with open(args.out, "w", encoding="utf-8") as out:
        for row in kept:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{args.out}: {len(kept)} pairs, {dropped} left out as too long")


if __name__ == "__main__":
    main()
