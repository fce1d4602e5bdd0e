"""una against Hugging Face's generate() on the same prompts, threads and machine, in turn: una, peer, una, peer, una.

Batch 16 and batch 1, 128 new tokens, then eight samples of one 512-token prompt (una alone, beside its derived floor).
Prints each leg's JSON line and a summary. A leg is void (and run again, once) when the machine's own GEMM rate moved
by more than 10 % around it.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

from bench_train import leg


def model_folder(args):
    if args.model is not None:
        return args.model
    if args.tokenizer is None:
        sys.exit("bench_generate: give --model DIR, or --tokenizer DIR for a model with random weights")
    model = os.path.join(tempfile.gettempdir(), f"una-bench-{args.shape}")
    if not os.path.exists(model):
        subprocess.run([sys.executable, f"{args.peers}/make_model.py", "--shape", args.shape, "--tokenizer", args.tokenizer,
                        "--out", model], check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--una", required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--model")
    parser.add_argument("--tokenizer")
    parser.add_argument("--shape", default="smollm2-135m")
    parser.add_argument("--pairs", required=True, help="JSONL of prompt, chosen, rejected (bench/peers/rows.py makes it)")
    parser.add_argument("--new_tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    model = model_folder(args)
    common = ["--model", model, "--pairs", args.pairs]
    una = [args.una, "bench", "generate", *common, "--threads", str(len(os.sched_getaffinity(0)))]
    peer = [sys.executable, f"{args.peers}/generate_hf.py", *common]
    for batch in (16, 1):
        size = ["--batch", str(batch), "--new_tokens", str(args.new_tokens)]
        ours, theirs = [leg(f"una, batch {batch}", una + size)], []
        for _ in range(args.rounds):
            theirs.append(leg(f"generate(), batch {batch}", peer + size))
            ours.append(leg(f"una, batch {batch}", una + size))
        mine, other = (statistics.median(one["decode_tokens_per_s"] for one in legs) for legs in (ours, theirs))
        limit = statistics.median(one["of_reading_limit"] for one in ours)
        print(f"batch {batch}: una {mine:.1f}, generate() {other:.1f} tokens/s when decoding: {mine / other:.2f} times; "
              f"{100 * limit:.0f} % of the steps that reading the weights once each allows")
    shared = [leg("una, 8 samples of one prompt", [*una, "--samples", "8", "--prompt_tokens", "512", "--new_tokens", "64"])
              for _ in range(args.rounds + 1)]
    print(f"8 samples of one prompt of {shared[0]['prompt_tokens']} tokens, 64 new tokens each: "
          f"{statistics.median(one['seconds'] for one in shared):.2f} s, "
          f"{statistics.median(one['over_floor'] for one in shared):.2f} times the derived floor")


if __name__ == "__main__":
    main()
