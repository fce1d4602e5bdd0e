"""Pairs for the speed comparison: plain text, prompt + completion + EOS, no template, rows over the length limit left out.

usage: rows.py --data DATA/preference/ultrafeedback_train.jsonl --tokenizer DIR --max_length 1024 --count 48 --out pairs.jsonl
Each line: {"prompt", "chosen", "rejected", "score_chosen", "score_rejected"}; every reader must find the same token ids.
"""
import argparse
import json


def text(value) -> str:
    return value if isinstance(value, str) else value[-1]["content"]


def encode(tokenizer, row) -> tuple[list[int], list[int], list[int]]:
    """Token ids of prompt, chosen, rejected; completions end in EOS; the three parts are tokenised apart."""
    ids = [tokenizer(row[key], add_special_tokens=False)["input_ids"] for key in ("prompt", "chosen", "rejected")]
    return ids[0], ids[1] + [tokenizer.eos_token_id], ids[2] + [tokenizer.eos_token_id]


def main() -> None:
    from transformers import AutoTokenizer
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--max_length", type=int, default=1024)
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    kept, dropped = [], 0
    with open(args.data, encoding="utf-8") as lines:
        for line in lines.read().split("\n"):
            if not line.strip() or len(kept) == args.count:
                continue
            raw = json.loads(line)
            row = {key: text(raw[key]) for key in ("prompt", "chosen", "rejected")}
            scores = {**raw.get("metadata", {}), **raw}
            for key in ("score_chosen", "score_rejected"):
                if key in scores:
                    row[key] = scores[key]
            prompt, chosen, rejected = encode(tokenizer, row)
            if len(prompt) + max(len(chosen), len(rejected)) > args.max_length:
                dropped += 1
                continue
            kept.append(row)
    with open(args.out, "w", encoding="utf-8") as out:
        for row in kept:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{args.out}: {len(kept)} pairs, {dropped} left out as too long")


if __name__ == "__main__":
    main()
