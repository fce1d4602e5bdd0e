"""una against Hugging Face's generate() on the same prompts, threads and machine, in turn: una, peer, una, peer, una.

Batch 16 and batch 1, 128 new tokens, then eight samples of one 512-token prompt (una alone, with its derived floor).
Prints each leg's JSON line and a summary. A leg is void (and run again, once) when the machine's own GEMM rate moved
by more than 10 % around it.
"""
import os
import statistics
import sys

from bench_train import common_parser, leg, model_folder


def main():
    parser = common_parser(__doc__)
    parser.add_argument("--new_tokens", type=int, default=128)
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
          f"{statistics.median(one['over_floor'] for one in shared):.2f} times the derived floor if reading and "
          f"multiplying overlap, {statistics.median(one['over_floor_not_overlapped'] for one in shared):.2f} if not")


if __name__ == "__main__":
    main()
