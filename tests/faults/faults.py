"""What happens when the disk fails, a run is killed, or two runs meet. Usage: faults.py KIND COUNT

KIND: io (one call of the system fails), kills (kill -9 at random instants), together (several runs on one folder, file or
cache), all. COUNT: how many tries of a kind, drawn with a fixed seed; 0: every one there is (kills, together: 100).
UNA, UNA_INTERPOSER, UNA_GOOD (tests/bad_files/good) and UNA_TEST_TMP come from the environment.
"""
import errno
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

UNA, INTERPOSER = os.environ["UNA"], os.environ["UNA_INTERPOSER"]
GOOD = pathlib.Path(os.environ["UNA_GOOD"]).resolve()
TMP = pathlib.Path(os.environ["UNA_TEST_TMP"]).resolve() / "faults"
MODEL = ["--model", str(GOOD / "model")]
ADAPTED = MODEL + ["--adapter", str(GOOD / "adapter")]
PAIRS = ["--data", str(GOOD / "pairs.jsonl")]
TRAIN = MODEL + PAIRS + ["--max_length", "64", "--lora_r", "2", "--threads", "1", "--per_device_train_batch_size", "1",
                         "--max_steps", "3", "--save_steps", "1", "--save_total_limit", "2", "--report_to", "none"]
ERRORS = {"open": errno.EACCES, "read": errno.EIO, "write": errno.ENOSPC, "short": 0, "fsync": errno.EIO,
          "close": errno.EDQUOT, "rename": errno.ENOSPC, "mkdir": errno.EACCES, "unlink": errno.EACCES}
OVERWRITE = ["--overwrite_output_dir", "true"]


def scenarios(root):
    """Name: (command, the same command after a failure, the results under `root`)."""
    out = str(root / "out")
    jsonl = out + ".jsonl"
    train = ["dpo", *TRAIN, "--out", out, "--reference_cache_dir", str(root / "refs"), "--dataset_cache_dir", str(root / "rows")]
    files = {
        "generate": ["generate", *MODEL, *PAIRS, "--max_new_tokens", "4", "--threads", "1", "--out", jsonl],
        "score": ["score", *ADAPTED, *PAIRS, "--beta", "0.1", "--threads", "1", "--out", jsonl],
        "label": ["label", *PAIRS, "--reward", "length:3", "--threads", "1", "--out", jsonl],
        "convert": ["convert", *PAIRS, "--to", "thumbs", "--out", jsonl],
    }
    merge = ["merge", *ADAPTED, "--out", out, "--max_shard_size", "4KB"]
    found = {name: (words, words + OVERWRITE, ["out.jsonl"]) for name, words in files.items()}
    found["merge"] = merge, merge + OVERWRITE, ["out"]
    found["train"] = train, train + OVERWRITE, ["out/adapter_model.safetensors", "out/adapter_config.json"]
    return found


def fresh(name):
    root = TMP / name
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    return root


def environment(root, **more):
    return {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "XDG_CACHE_HOME": str(root / "cache"),
            "TMPDIR": str(root), **more}


def start(words, root, **more):
    return subprocess.Popen([UNA, *words], env=environment(root, **more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)


def finish(process):
    out, error = process.communicate(timeout=300)
    return process.returncode, error or out


def run(words, root, **more):
    return finish(start(words, root, **more))


def digest(root, results):
    """Hashes of the results by name."""
    found = {}
    for name in results:
        place = root / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.name != "report.html":
                found[str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def left_behind(root):
    """What no command should leave: temporary files, locks, old runs that were moved aside."""
    return [str(path.relative_to(root)) for path in root.rglob("*")
            if re.search(r"\.tmp\w{6}$", path.name) or path.name.startswith(("una-tmp-", ".una-old")) or "una-lock" in path.name]


# An error here costs nothing that anybody asked for: caches, the removal of what is no longer needed, locks.
HARMLESS = [("", r"/(refs|rows|cache)/"), ("unlink", r""), ("close", r"una-lock$"), ("short", r""),
            ("close", r"/una-tmp-"), ("close", r"\.jsonl\.partial$"), ("close", r"/metrics\.jsonl$")]


def is_harmless(kind, path):
    return any(kind.startswith(k) and re.search(pattern, path) for k, pattern in HARMLESS)


def is_named(path, sentence):
    """The file's own name, or its folder's: a sentence may name the whole that it belongs to."""
    name = re.sub(r"\.tmp\w{6}$", "", pathlib.Path(path).name)
    return name in sentence or str(pathlib.Path(path).parent) in sentence


class Report:
    def __init__(self):
        self.tried, self.fallen = 0, []

    def check(self, what, trouble):
        self.tried += 1
        if trouble:
            self.fallen.append(what)
            print(f"FELL {what}: {'; '.join(trouble)}", flush=True)


def fail_once(name, kind, number, path, want, report):
    root = fresh("io")
    words, again, results = scenarios(root)[name]
    code, said = run(words, root, LD_PRELOAD=INTERPOSER, UNA_FAULT_ROOT=str(root), UNA_FAULT=f"{kind} {number} {ERRORS[kind]}")
    trouble, got = [], digest(root, results)
    if code == 0 and got != want:
        trouble.append("exit 0 with another result")
    elif code == 0 and not is_harmless(kind, path):
        trouble.append("swallowed")
    elif code not in (0, 2):
        trouble.append(f"exit {code}: {said[-300:]}")
    elif code == 2 and not is_named(path, said):
        trouble.append(f"unnamed: {said[-300:]}")
    if code != 0:
        again_code, again_said = run(again, root)
        if again_code != 0:
            trouble.append(f"the next run: exit {again_code}: {again_said[-300:]}")
        elif digest(root, results) != want:
            trouble.append("the next run has another result")
    if kind != "unlink" and left_behind(root):
        trouble.append(f"left {left_behind(root)}")
    report.check(f"{name}, {kind} {number} of {path}", trouble)


def clean_run(name):
    """The results of a run that nothing disturbs, and the calls that it makes: (kind, number, path)."""
    root = fresh("io")
    words, _, results = scenarios(root)[name]
    log = TMP / "calls"
    log.unlink(missing_ok=True)
    code, said = run(words, root, LD_PRELOAD=INTERPOSER, UNA_FAULT_ROOT=str(root), UNA_FAULT_LOG=str(log))
    assert code == 0, f"{name}: exit {code}: {said}"
    assert not left_behind(root), f"{name} left {left_behind(root)}"
    calls, counts = [], {}
    for line in log.read_text().splitlines():
        kind, path = line.split(" ", 1)
        counts[kind] = counts.get(kind, 0) + 1
        calls.append((kind, counts[kind], path))
    assert counts.get("write") and counts.get("fsync") and counts.get("rename"), f"{name}: the interposer sees nothing: {counts}"
    return digest(root, results), calls


def io(count, draw, report):
    cases = []
    for name in scenarios(TMP):
        want, calls = clean_run(name)
        seen = {}
        for kind, number, path in calls:
            place = kind, re.sub(r"\.tmp\w{6}|una-tmp-\w{6}", "", path)
            seen[place] = seen.get(place, 0) + 1
            if seen[place] <= 4:  # of one path at most four places
                cases.append((name, kind, number, path, want))
    for case in draw.sample(cases, min(count, len(cases))) if count else cases:
        fail_once(*case, report)


def kills(count, draw, report):
    names = [name for name in scenarios(TMP)]
    known = {}
    for _ in range(count or 100):
        name = draw.choice(names)
        if name not in known:
            begin = time.monotonic()
            root = fresh("kills")
            words, _, results = scenarios(root)[name]
            code, said = run(words, root)
            assert code == 0, said
            known[name] = digest(root, results), time.monotonic() - begin
        want, seconds = known[name]
        root = fresh("kills")
        words, again, results = scenarios(root)[name]
        process = start(words, root)
        moment = draw.uniform(0.2, 1) * seconds
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        trouble = []
        for path in root.rglob("*.json"):
            try:
                json.loads(path.read_text())
            except ValueError:
                trouble.append(f"half a file: {path.relative_to(root)}")
        code, said = run(again, root)
        if code != 0:
            trouble.append(f"the next run: exit {code}: {said[-300:]}")
        elif digest(root, results) != want:
            trouble.append("the next run has another result")
        elif left_behind(root):
            trouble.append(f"left {left_behind(root)}")
        report.check(f"{name}, killed after {moment:.2f} s", trouble)


def together(count, draw, report):
    for _ in range(count or 100):
        root = fresh("together")
        name = draw.choice(["train", "score", "merge", "label", "rows"])
        if name == "rows":  # three runs share a cache that is too small for one of them
            words = [["dpo", *TRAIN, "--out", str(root / f"out{n}"), "--dataset_cache_dir", str(root / "rows"), "--max_rows",
                      str(n + 1), "--dataset_cache_gb", "0.000001", "--reference_cache_dir", str(root / "refs")] for n in range(3)]
        else:
            words = [scenarios(root)[name][1]] * 2
        processes = []
        for each in words:
            processes.append(start(each, root))
            time.sleep(draw.uniform(0, 0.3))
        done = [finish(process) for process in processes]
        trouble = [f"exit {code}: {said[-300:]}" for code, said in done
                   if code != 0 and not (name != "rows" and code == 2 and "in use by process" in said)]
        if all(code != 0 for code, _ in done):
            trouble.append("nobody came through")
        if left_behind(root):
            trouble.append(f"left {left_behind(root)}")
        report.check(f"{name}, {len(words)} at once", trouble)


def main():
    kind, count = (sys.argv + ["all", "0"])[1:3] if len(sys.argv) < 3 else sys.argv[1:3]
    parts = {"io": io, "kills": kills, "together": together}
    assert kind in (*parts, "all"), __doc__
    report = Report()
    for name in parts if kind == "all" else [kind]:
        parts[name](int(count), random.Random(7), report)
    print(f"{report.tried} tried, {len(report.fallen)} fell")
    sys.exit(1 if report.fallen else 0)


if __name__ == "__main__":
    main()
