"""What AMX tiles are worth on this machine: ./dev amx --model DIR --pairs FILE [--out DIR]

On a CPU with AMX for bf16 it

    tests     runs the tests of kernels, model and generate on each path of instructions (UNA_CPU_ISA), widest first
    products  times the products of bench/kernels with tiles and without them, on the same tensors
    training  times `una bench train` with tiles, without and with again (without: ONEDNN_MAX_CPU_ISA keeps LibTorch off them too)
    decoding  times `una bench generate` for one prompt and for sixteen in the same way

and writes amx.json and amx.md to --out. Exit 2 where the CPU has no AMX, 1 where a test fails. Half an hour on two cores.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release" / "src" / "una"
PATHS = ["", "avx512_bf16", "avx512", "avx2", "default"]  # "": what the machine offers
WITHOUT = {"UNA_CPU_ISA": "avx512_bf16", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}
ROOMS = ["kernels", "model", "generate"]


def fail(text):
    sys.exit(f"amx: {text}")


def run(command, changes=None, cwd=None):
    env = {**os.environ, **(changes or {})}
    return subprocess.run([str(word) for word in command], env=env, cwd=cwd, capture_output=True, text=True)


def cpu():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    flags = set(re.search(r"^flags\s*:(.*)$", text, re.M).group(1).split())
    if "amx_bf16" not in flags:
        print("amx: this CPU has no AMX for bf16 (the flag amx_bf16 in /proc/cpuinfo)", file=sys.stderr)
        sys.exit(2)
    return {"model": re.search(r"^model name\s*:\s*(.*)$", text, re.M).group(1), "processors": os.cpu_count(),
            "flags": sorted(flag for flag in flags if flag.startswith(("amx", "avx512")))}


def test(room, path, scratch):
    """(passed, failed names, skipped) of a room's tests on one path."""
    changes = {"UNA_TEST_TMP": str(scratch), "OMP_NUM_THREADS": "2"}
    if path:
        changes["UNA_CPU_ISA"] = path
    done = run([BUILD / room / f"{room}_test"], changes)
    failed = sorted(set(re.findall(r"^\[  FAILED  \] (\S+?)(?:,| \()", done.stdout, re.M)))
    passed = re.search(r"^\[  PASSED  \] (\d+) test", done.stdout, re.M)
    skipped = re.search(r"^\[  SKIPPED \] (\d+) test", done.stdout, re.M)
    if done.returncode != 0 and not failed:
        failed = [f"ended with {done.returncode}"]
    return {"room": room, "path": path or "as it is", "passed": int(passed.group(1)) if passed else 0,
            "skipped": int(skipped.group(1)) if skipped else 0, "failed": failed}


def products(changes):
    done = run([BUILD / "kernels" / "una_bench_kernels", "--benchmark_filter=^(product/ours|linear|head_ours|forward/ours|decode_ours)",
                "--benchmark_format=json", "--benchmark_min_time=0.2"], changes)
    if done.returncode != 0:
        fail(f"una_bench_kernels ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return {each["name"]: each["real_time"] for each in json.loads(done.stdout)["benchmarks"]}


def bench(args, what, extra, changes):
    done = run([args.una, "bench", what, "--model", args.model, "--pairs", args.pairs, *extra], changes)
    if done.returncode != 0:
        fail(f"una bench {what} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def in_turn(args, what, extra, key):
    """The median of a figure with tiles and without, in legs with, without, with, ..."""
    legs = {"with": [], "without": []}
    for i in range(2 * args.rounds + 1):
        side = "without" if i % 2 else "with"
        legs[side].append(bench(args, what, extra, WITHOUT if side == "without" else {})[key])
        print(f"  {what} {' '.join(extra)} {side} tiles: {legs[side][-1]:.3f}", flush=True)
    return {side: statistics.median(values) for side, values in legs.items()}


def page(result):
    lines = [f"# AMX on {result['cpu']['model']}, {result['cpu']['processors']} processors", "",
             "| path | room | passed | skipped | failed |", "|---|---|---|---|---|"]
    lines += [f"| {each['path']} | {each['room']} | {each['passed']} | {each['skipped']} | {', '.join(each['failed']) or '0'} |"
              for each in result["tests"]]
    lines += ["", "| product | with tiles | without | ratio |", "|---|---|---|---|"]
    lines += [f"| {name} | {one['with']:.4g} | {one['without']:.4g} | {one['without'] / one['with']:.2f} |"
              for name, one in result["products"].items()]
    lines += ["", "| whole | with tiles | without | ratio |", "|---|---|---|---|"]
    for name, one in result["whole"].items():
        faster = one["without"] / one["with"] if "seconds" in name else one["with"] / one["without"]
        lines.append(f"| {name} | {one['with']:.4g} | {one['without']:.4g} | {faster:.2f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--una", default=BUILD / "cli" / "una")
    parser.add_argument("--model", required=True, help="a model folder in bf16")
    parser.add_argument("--pairs", required=True, help="JSONL of prompt, chosen, rejected")
    parser.add_argument("--out", default=ROOT / "build" / "amx", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--timed", default="12", help="pairs of a leg of training")
    parser.add_argument("--paths", nargs="*", default=PATHS, help="UNA_CPU_ISA of the tests; none: only times")
    args = parser.parse_args()
    result = {"cpu": cpu(), "version": run([args.una, "--version"]).stdout.strip()}
    args.out.mkdir(parents=True, exist_ok=True)
    print("tests", flush=True)
    result["tests"] = [test(room, path, args.out) for path in args.paths for room in ROOMS]
    print("products", flush=True)
    ours, theirs = products({}), products(WITHOUT)
    result["products"] = {name: {"with": ours[name], "without": theirs[name]} for name in ours if name in theirs}
    result["whole"] = {
        "training, seconds per pair": in_turn(args, "train", ["--timed", args.timed], "s_per_pair"),
        "decoding, tokens per second, 1 prompt": in_turn(args, "generate", ["--batch", "1"], "decode_tokens_per_s"),
        "decoding, tokens per second, 16 prompts": in_turn(args, "generate", ["--batch", "16"], "decode_tokens_per_s")}
    (args.out / "amx.json").write_text(json.dumps(result, indent=1) + "\n")
    (args.out / "amx.md").write_text(page(result))
    print(page(result) + f"{args.out / 'amx.md'}")
    sys.exit(1 if any(each["failed"] for each in result["tests"]) else 0)


if __name__ == "__main__":
    main()
