"""How OpenMP's wait policy fares: ./dev bench company [--model DIR --pairs FILE] [--steps N] [--repeats N]

For each policy of UNA_WAIT_POLICY (libgomp's own, bounded spinning of several lengths, none) it times one training run

    alone       on a quiet machine (a policy may cost at most 2 % here)
    busy two    next to two busy processes of low priority (nice 19)
    two runs    two such runs at once (together at least 0.8 of the rate of one)

and, with libgomp's own policy and the default, what the program's start costs. The numbers are seconds of the training
loop, the best of the repeats where the machine is quiet, the median elsewhere. Without --model the model and rows of
the demo are made.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
POLICIES = ["auto", "libgomp", "bounded:1000", "bounded:5000", "bounded:20000", "passive"]


def environment(policy):
    env = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")}
    env["UNA_WAIT_POLICY"] = policy
    return env


def start(args, policy, out):
    command = [args.una, "dpo", "--model", args.model, "--data", args.pairs, "--out", out, "--max_steps", args.steps,
               "--per_device_train_batch_size", "4", "--lora_r", "8", "--report_to", "none", "--save_strategy", "no",
               "--reference_cache_dir", "none", "--self_check", "false", "--max_length", str(args.max_length)]
    return subprocess.Popen([str(word) for word in command], env=environment(policy), stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def finish(process, out):
    error = process.communicate()[1]
    if process.returncode != 0:
        sys.exit(f"bench company: una ended with {process.returncode}:\n{error}")
    return json.loads((pathlib.Path(out) / "summary.json").read_text())["seconds"]


def seconds(args, policy, scratch, runs=1):
    folders = [tempfile.mkdtemp(dir=scratch) + "/run" for _ in range(runs)]
    processes = [start(args, policy, folder) for folder in folders]
    return [finish(process, folder) for process, folder in zip(processes, folders)]


class Busy:
    """Two processes that compute without end at the lowest priority."""

    def __enter__(self):
        program = [sys.executable, "-c", "while True: pass"]
        self.processes = [subprocess.Popen(["nice", "-n", "19", *program]) for _ in range(2)]

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


def start_cost(args, policy):
    begin = time.monotonic()
    subprocess.run([args.una, "--help"], env=environment(policy), stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begin


def make_task(args, scratch):
    subprocess.run([sys.executable, ROOT / "tests" / "integration" / "make_task.py"], check=True,
                   env={**os.environ, "UNA": str(args.una), "UNA_TASK": str(scratch)})
    args.model, args.pairs, args.max_length = scratch / "start", scratch / "data" / "pair.jsonl", 160


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--una", default=ROOT / "build" / "release" / "src" / "una" / "cli" / "una")
    parser.add_argument("--model")
    parser.add_argument("--pairs")
    parser.add_argument("--max_length", type=int, default=512)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--policies", nargs="*", default=POLICIES)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if args.model is None:
            make_task(args, pathlib.Path(scratch) / "task")
        print(f"load at the start: {os.getloadavg()[0]:.2f} (must be near 0), {os.cpu_count()} processors")
        for policy in ("libgomp", "bounded"):
            cost = min(start_cost(args, policy) for _ in range(5))
            print(f"start, {policy}: {1000 * cost:.0f} ms")
        print(f"{'policy':15} {'alone':>8} {'busy two':>11} {'two runs':>9} {'rate of two':>12}")
        for policy in args.policies:
            alone = min(seconds(args, policy, scratch)[0] for _ in range(args.repeats))
            with Busy():
                busy = statistics.median(seconds(args, policy, scratch)[0] for _ in range(args.repeats))
            pair = statistics.median(max(seconds(args, policy, scratch, 2)) for _ in range(args.repeats))
            print(f"{policy:15} {alone:8.2f} {busy:11.2f} {pair:9.2f} {2 * alone / pair:12.2f}", flush=True)


if __name__ == "__main__":
    main()
