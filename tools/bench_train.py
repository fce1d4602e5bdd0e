"""una against the careful PyTorch loop on the same pairs, threads and machine, interleaved: una, peer, una, peer, una.

Prints each leg's JSON line and a summary; --json appends the summary to a file for tools/plot_bench.py. A leg is void (and
run again, once) when the machine's own GEMM rate moved by more than 10 % around it.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def gemm_rate():
    """Best of five 2048-cube bf16 products, TFLOP/s: how fast the machine is right now."""
    import torch
    a, b = torch.randn(2048, 2048).bfloat16(), torch.randn(2048, 2048).bfloat16()
    best = 0.0
    for _ in range(5):
        begin = time.time()
        a @ b
        best = max(best, 2 * 2048**3 / (time.time() - begin) / 1e12)
    return best


def leg(name, command):
    for attempt in range(2):
        before = gemm_rate()
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{name} failed:\n{done.stderr}")
        result = json.loads(done.stdout.strip().split("\n")[-1])
        after = gemm_rate()
        result.update(leg=name, gemm_tflops=[round(before, 3), round(after, 3)], void=abs(after / before - 1) > 0.10)
        losses = result.pop("losses", [])
        result["first_loss"] = losses[0] if losses else None
        print(json.dumps(result), flush=True)
        if not result["void"]:
            break
    return result


def common_parser(description):
    """What every comparison with a peer is told; `model_folder` makes the model of it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--una", required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--model")
    parser.add_argument("--tokenizer")
    parser.add_argument("--shape", default="smollm2-135m")
    parser.add_argument("--pairs", required=True, help="JSONL of prompt, chosen, rejected (bench/peers/rows.py makes it)")
    parser.add_argument("--rounds", type=int, default=2)
    return parser


def model_folder(args):
    if args.model is not None:
        return args.model
    if args.tokenizer is None:
        sys.exit("bench: give --model DIR, or --tokenizer DIR for a model with random weights")
    model = os.path.join(tempfile.gettempdir(), f"una-bench-{args.shape}")
    if not os.path.exists(model):
        subprocess.run([sys.executable, f"{args.peers}/make_model.py", "--shape", args.shape, "--tokenizer", args.tokenizer,
                        "--out", model], check=True)
    return model


def summary_of(results):
    """Medians over the rounds of one leg."""
    out = {key: statistics.median(result[key] for result in results if key in result)
           for key in ("s_per_pair", "tokens_per_s", "peak_mb")}
    out["reference_s_per_pair"] = statistics.median(result.get("reference_s_per_pair", 0) for result in results)
    out["s_per_pair_range"] = [pick(result["s_per_pair"] for result in results) for pick in (min, max)]
    out["gemm_tflops"] = statistics.median(rate for result in results for rate in result["gemm_tflops"])
    return out


def main():
    parser = common_parser(__doc__)
    parser.add_argument("--timed", type=int, default=40)
    parser.add_argument("--compile", action="store_true", help="also the compiled loop")
    parser.add_argument("--trl", action="store_true", help="also TRL, 1 and 4 pairs a step, the reference live and precomputed")
    parser.add_argument("--trl_timed", type=int, default=12, help="pairs of TRL's legs and of una's legs between them")
    parser.add_argument("--case", default="", help="what the summary in --json is called")
    parser.add_argument("--json", help="JSONL to which the summary is appended")
    args = parser.parse_args()
    threads = str(len(os.sched_getaffinity(0)))
    model = model_folder(args)
    una = [args.una, "bench", "train", "--model", model, "--pairs", args.pairs, "--timed", str(args.timed), "--threads", threads]
    peer = [sys.executable, f"{args.peers}/dpo_pytorch.py", "--model", model, "--pairs", args.pairs, "--timed",
            str(args.timed), "--threads", threads]
    legs = {"una": [], "pytorch": []}
    legs["una"].append(leg("una", una))
    for _ in range(args.rounds):
        legs["pytorch"].append(leg("pytorch", peer))
        legs["una"].append(leg("una", una))
    if args.compile:
        legs["pytorch-compile"] = [leg("pytorch-compile", peer + ["--compile"])]
    for batch in ("1", "4") if args.trl else ():
        same = ["--batch", batch, "--timed", str(args.trl_timed)]
        trl = [sys.executable, f"{args.peers}/dpo_trl.py", *peer[2:], *same]
        legs[f"una live b{batch}"] = [leg(f"una live b{batch}", una + same + ["--live_reference", "true"])]
        legs[f"trl live b{batch}"] = [leg(f"trl live b{batch}", trl)]
        legs[f"una b{batch}"] = [leg(f"una b{batch}", una + same)]
        legs[f"trl precomputed b{batch}"] = [leg(f"trl precomputed b{batch}", trl + ["--precompute"])]
    summary = {name: summary_of(results) for name, results in legs.items()}
    base = summary["una"]
    for name, values in summary.items():
        print(f"{name:16s} {values['s_per_pair']:.3f} s/pair  {values['tokens_per_s']:.0f} tokens/s  {values['peak_mb']:.0f} MB  "
              f"reference {values['reference_s_per_pair']:.3f} s/pair   una is {values['s_per_pair'] / base['s_per_pair']:.2f}x "
              f"as fast, at {base['peak_mb'] / values['peak_mb']:.2f} of its memory")
    if args.json:
        with open(args.json, "a", encoding="utf-8") as out:
            print(json.dumps({"case": args.case or args.shape, "threads": int(threads), "legs": summary}), file=out)


if __name__ == "__main__":
    main()
