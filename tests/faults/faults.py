"""What happens when the disk fails, a run is killed, or several runs meet. Usage: faults.py KIND COUNT

KIND: io (one call of the system fails), kills (SIGKILL at a call or at a random instant), together (several runs on one
folder, file or cache), all. COUNT: how many tries of a kind, drawn with a fixed seed; 0: every call there is (kills: 1000,
together: 100). Ends with counts; exit code 1 where something fell.

UNA, UNA_COMMAND_SERVER, UNA_INTERPOSER, UNA_GOOD (tests/bad_files/good) and UNA_TEST_TMP come from the environment,
UNA_FAULT_JOBS (tries at one time; 1) and UNA_FAULT_ONLY (names of commands, with commas) may.
"""
import concurrent.futures
import errno
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from commands import server_of_thread  # noqa: E402

UNA, INTERPOSER = os.environ["UNA"], os.environ["UNA_INTERPOSER"]
JOBS = int(os.environ.get("UNA_FAULT_JOBS", "1"))
ONLY = [name for name in os.environ.get("UNA_FAULT_ONLY", "").split(",") if name]
TMP = pathlib.Path(os.environ["UNA_TEST_TMP"]).resolve() / "faults"
IN = TMP / "in"  # copies of the inputs, so that reading them counts
MODEL = ["--model", str(IN / "model")]
ADAPTED = MODEL + ["--adapter", str(IN / "adapter")]
PAIRS = ["--data", str(IN / "pairs.jsonl")]
SMALL = ["--max_length", "64", "--lora_r", "2", "--threads", "1", "--per_device_train_batch_size", "1", "--report_to", "none"]
STEPS = ["--max_steps", "3", "--save_steps", "1", "--save_total_limit", "2", "--logging_steps", "1"]
ERRORS = {"open": errno.EACCES, "read": errno.EIO, "write": errno.ENOSPC, "short": 0, "fsync": errno.EIO,
          "close": errno.EDQUOT, "rename": errno.ENOSPC, "mkdir": errno.EACCES, "unlink": errno.EACCES}
KILL = -1
OVERWRITE = ["--overwrite_output_dir", "true"]


class Command(NamedTuple):
    words: list
    results: list  # patterns of the files that must have the same bytes in the end


def commands(root):
    out, jsonl = ["--out", str(root / "out")], ["--out", str(root / "out.jsonl")]
    caches = ["--reference_cache_dir", str(root / "refs"), "--dataset_cache_dir", str(root / "rows")]
    adapter = ["out/adapter_model.safetensors", "out/adapter_config.json", "out/tokenizer.json", "out/chat_template.jinja"]
    online = ["--reward", "length:3", "--max_completion_length", "4", "--num_generations", "2", "--max_steps", "2",
              "--save_steps", "1", "--logging_steps", "1"]
    whole = ["--columns", "completion=chosen", "--use_peft", "false", "--max_steps", "1", "--save_strategy", "no"]
    lines = ["out.jsonl", "out.jsonl.left_out.jsonl"]
    made = {
        "dpo": Command(["dpo", *MODEL, *PAIRS, *SMALL, *STEPS, *out, *caches, "--eval_fraction", "0.3", "--eval_steps", "1"],
                       adapter),
        "sft": Command(["sft", *MODEL, *PAIRS, *SMALL, *whole, *out], ["out/*.safetensors", "out/*config.json"]),
        "rloo": Command(["rloo", *MODEL, *PAIRS, *SMALL, *online, *out], adapter),
        "rounds": Command(["rounds", "--method", "una", *MODEL, *PAIRS, *SMALL, *out, "--reward", "length:3", "--score_range",
                           "observed", "--max_completion_length", "48", "--num_generations", "4", "--rounds", "1",
                           "--max_steps", "1"], ["out/round-*/*.jsonl", "out/round-*/adapter/adapter_model.safetensors"]),
        "merge": Command(["merge", *ADAPTED, *out, "--max_shard_size", "4KB"], ["out/*"]),
        "export": Command(["export", *ADAPTED, "--output_file", str(root / "out.gguf")], ["out.gguf"]),
        "label": Command(["label", *PAIRS, "--reward", "length:3", "--threads", "1", *jsonl], lines),
        "convert": Command(["convert", *PAIRS, "--to", "binary", *jsonl], lines),
        "score": Command(["score", *ADAPTED, *PAIRS, "--beta", "0.1", "--threads", "1", *jsonl], lines),
        "generate": Command(["generate", *MODEL, *PAIRS, "--max_new_tokens", "4", "--threads", "1", *jsonl], lines),
        "report": Command(["report", str(root / "run")], ["run/report.html"]),
    }
    return {name: command for name, command in made.items() if not ONLY or name in ONLY}


def again(name, root):
    """What a person does after a failure: goes on where there is a checkpoint, else starts anew."""
    words = commands(root)[name].words
    if name in ("rounds", "report"):
        return words
    if name == "export":
        return words + ["--overwrite", "true"]
    if any((folder / "manifest.json").is_file() for folder in (root / "out").glob("checkpoint-*")):
        return ["train", "--config", str(root / "out/run.yaml"), "--resume_from_checkpoint", "true"]
    return words + OVERWRITE


def fresh(name, command):
    root = TMP / name
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    if command == "report":
        shutil.copytree(IN / "run", root / "run")
    return root


def make_inputs():
    good = pathlib.Path(os.environ["UNA_GOOD"]).resolve()
    shutil.rmtree(TMP, ignore_errors=True)
    shutil.copytree(good, IN)
    words = ["sft", *MODEL, *PAIRS, "--columns", "completion=chosen", *SMALL, "--max_steps", "1", "--out", str(IN / "run")]
    code, said = run(words, IN)
    assert code == 0, said
    (IN / "run/report.html").unlink()


QUIET = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


def places(root):
    return {"XDG_CACHE_HOME": str(root / "cache"), "TMPDIR": str(root)}


def start(words, root):
    return subprocess.Popen([UNA, *words], env={**QUIET, **places(root)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)


def finish(process):
    out, error = process.communicate(timeout=300)
    return process.returncode, error or out


def run(words, root, **faults):
    """Exit code (the negative signal that ended it) and what was said."""
    server = server_of_thread({**QUIET, "LD_PRELOAD": INTERPOSER})
    code, out, error = server.run(words, env={**places(root), **faults})
    return code, (error or out).decode(errors="replace")


def run_with_fault(words, root, kind, number, error):
    counter = root.with_suffix(".counter")
    counter.write_bytes(bytes(8))
    return run(words, root, UNA_FAULT_ROOTS=f"{root}/:{IN}/", UNA_FAULT=f"{kind} {number} {error}",
               UNA_FAULT_COUNTER=str(counter))


def digest(root, patterns):
    """Hashes of the results by name; a lock or a probe that could not be removed is not a result."""
    files = sorted(path for pattern in patterns for path in root.glob(pattern)
                   if path.is_file() and not path.name.startswith(".una-"))
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def left_behind(root):
    """What no command should leave: temporary files, locks, old runs that were moved aside."""
    return [str(path.relative_to(root)) for path in root.rglob("*")
            if re.search(r"\.tmp\w{6}$", path.name) or path.name.startswith(("una-tmp-", ".una-")) or "una-lock" in path.name]


def half_files(root):
    """Files under final names that a reader would take, and that are not whole."""
    for path in root.rglob("*"):
        if not path.is_file() or re.search(r"\.tmp(\w{6})?(/|$)", str(path.relative_to(root))):
            continue
        data = path.read_bytes()
        try:
            if path.suffix == ".json":
                json.loads(data)
            elif path.suffix == ".jsonl" and path.name != "metrics.jsonl":
                assert not data or data.endswith(b"\n")
                [json.loads(line) for line in data.splitlines()]
            elif path.suffix == ".safetensors":
                size = struct.unpack("<Q", data[:8])[0]
                ends = [entry["data_offsets"][1] for name, entry in json.loads(data[8:8 + size]).items() if name != "__metadata__"]
                assert len(data) == 8 + size + max(ends, default=0)
            elif path.suffix == ".gguf":
                assert data.startswith(b"GGUF")
        except (ValueError, AssertionError, struct.error):
            yield str(path.relative_to(root))


# Calls whose failure costs nothing that anybody asked for, so that a command may pass over it without a word.
HARMLESS = [
    ("", r"/(refs|rows|cache)/"),  # a cache: the run goes on without, or makes it again
    ("unlink", r""),  # what is no longer needed stays, and the next command removes it
    ("short", r""),  # the rest is written by the next call
    ("close", r"una-lock( \(deleted\))?$|/una-tmp-|una-write-test|\.jsonl\.partial$"),  # nothing is kept in it
    ("fsync", r"/(out|run|round-\d+|adapter)?$"),  # of a folder
    ("open", r"/(out|in|run|round-\d+|adapter)?$"),  # of a folder, to fsync it
    ("open", r"/una-tmp-\w{6}$"),  # of a temporary folder, as above
]


def is_harmless(kind, path):
    return any(kind.startswith(k) and re.search(pattern, path) for k, pattern in HARMLESS)


def is_named(path, sentence):
    """The file's own name, or its folder's: a sentence may name the whole that it belongs to."""
    name = re.sub(r"\.tmp\w{6}$", "", pathlib.Path(path).name)
    return name in sentence or str(pathlib.Path(path).parent) in sentence


def trouble_after(name, root, want):
    """The next command's: it must come to the result of a run that nothing disturbed."""
    code, said = run(again(name, root), root)
    if code != 0:
        return [f"the next command: exit {code}: {said[-300:]}"]
    got = digest(root, commands(root)[name].results)
    if got != want:
        return ["the next command has another result: " + ", ".join(sorted(
            key for key in {*got, *want} if got.get(key) != want.get(key)))]
    return [f"left {left_behind(root)}"] if left_behind(root) else []


class Call(NamedTuple):
    command: str
    kind: str
    number: int
    path: str


def calls_of(name, words, root):
    """Runs a command that nothing disturbs: the calls that it makes."""
    log = TMP / "calls"
    log.unlink(missing_ok=True)
    code, said = run(words, root, UNA_FAULT_ROOTS=f"{root}/:{IN}/", UNA_FAULT_LOG=str(log))
    assert code == 0, f"{name}: exit {code}: {said}"
    assert not left_behind(root), f"{name} left {left_behind(root)}"
    calls, counts, seen = [], {}, {}
    for line in log.read_text().splitlines():
        kind, path = line.split(" ", 1)
        counts[kind] = counts.get(kind, 0) + 1
        place = kind, re.sub(r"\.tmp\w{6}|una-tmp-\w{6}", "", path)
        seen[place] = seen.get(place, 0) + 1
        if seen[place] <= 4:  # of one path at most four places
            calls.append(Call(name, kind, counts[kind], path))
    assert counts.get("write") and counts.get("fsync") and counts.get("rename") and counts.get("read"), counts
    return calls


def clean_run(name):
    """The results of a run that nothing disturbs, and the calls that it makes."""
    root = fresh("clean", name)
    command = commands(root)[name]
    calls = calls_of(name, command.words, root)
    return digest(root, command.results), calls


def seconds_of(name):
    """How long a process of its own takes."""
    root, begin = fresh("timed", name), time.monotonic()
    code, said = finish(start(commands(root)[name].words, root))
    assert code == 0, said
    return time.monotonic() - begin


def fail_once(call, want):
    root = fresh(f"io-{call.command}-{call.kind}-{call.number}", call.command)
    command = commands(root)[call.command]
    code, said = run_with_fault(command.words, root, call.kind, call.number, ERRORS[call.kind])
    trouble, path = [], call.path.replace(str(TMP / "clean"), str(root))
    if code == 0 and digest(root, command.results) != want:
        trouble.append("exit 0 with another result")
    elif code == 0 and not is_harmless(call.kind, path) and not is_named(path, said):
        trouble.append("not remarked")
    elif code not in (0, 2):
        trouble.append(f"exit {code}: {said[-300:]}")
    elif code == 2 and not is_named(path, said):
        trouble.append(f"not named: {said[-300:]}")
    trouble += [f"half a file: {name}" for name in half_files(root)]
    if code != 0:
        trouble += trouble_after(call.command, root, want)
    elif call.kind != "unlink" and left_behind(root):
        trouble.append(f"left {left_behind(root)}")
    shutil.rmtree(root)
    return f"{call.command}, {call.kind} {call.number} of {path}", trouble


def io(count, draw):
    for name in commands(TMP):
        want, calls = clean_run(name)
        share = len(calls) if not count else max(1, count // len(commands(TMP)))
        for call in draw.sample(calls, min(share, len(calls))):
            yield fail_once, call, want


def kill_once(number, name, want, calls, seconds, seed):
    """Up to four kills in one run's life, each at a drawn call or instant; then it is driven to its end."""
    draw, trouble, said = random.Random(seed), [], []
    root = fresh(f"kill-{number}", name)
    words = commands(root)[name].words
    for _ in range(draw.randint(1, 4)):
        if draw.random() < 0.5:
            call = draw.choice(calls)
            said.append(f"{call.kind} {call.number}")
            run_with_fault(words, root, call.kind, call.number, KILL)
        else:
            moment = draw.uniform(0.1, 1) * seconds
            said.append(f"{moment:.2f} s")
            process = start(words, root)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        trouble += [f"half a file: {half}" for half in half_files(root)]
        words = again(name, root)
    trouble += trouble_after(name, root, want)
    shutil.rmtree(root)
    return f"{name}, killed at {', '.join(said)}", trouble


class Replacement(NamedTuple):
    old: str  # hash of the old run's adapter
    calls: list
    between: list  # those from the naming of the new run's first checkpoint until the old run is removed


def replacement():
    """A run that replaces an old one, undisturbed."""
    old, root = make_old_run(), fresh("replacement", "dpo")
    shutil.copytree(IN / "old", root / "out")
    calls = calls_of("dpo", commands(root)["dpo"].words + OVERWRITE, root)
    paths = [call.path.removeprefix(f"{root}/") for call in calls]
    first = next(i for i, call in enumerate(calls) if call.kind == "rename" and paths[i] == "out/checkpoint-1")
    last = max(i for i, path in enumerate(paths) if path.startswith("out/.una-old"))
    assert first < last, paths
    return Replacement(old, calls, calls[first:last + 1])


def kill_replacement(number, replaced, want, call):
    """Killed while it replaces an old run: the old one or the new one is there, never neither, and the new one from its
    first checkpoint on."""
    old, root = replaced.old, fresh(f"kill-{number}", "dpo")
    shutil.copytree(IN / "old", root / "out")
    run_with_fault(commands(root)["dpo"].words + OVERWRITE, root, call.kind, call.number, KILL)
    whole = [path for path in root.glob("out/**/adapter_model.safetensors") if digest(root, [str(path.relative_to(root))])]
    has_old = any(old == hashlib.sha256(path.read_bytes()).hexdigest() for path in whole)
    has_new = any(root.glob("out/checkpoint-*/manifest.json")) and not any(root.glob("out/.una-old/checkpoint-*"))
    trouble = [] if has_old or has_new else ["the old run is gone and the new one has no checkpoint"]
    if call in replaced.between:
        trouble += trouble_after("dpo", root, want)
    else:
        code, said = run(again("dpo", root), root)
        if code != 0:
            trouble.append(f"the next command: exit {code}: {said[-300:]}")
    shutil.rmtree(root)
    return f"dpo over an old run, killed at {call.kind} {call.number}", trouble


def make_old_run():
    shutil.rmtree(IN / "old", ignore_errors=True)
    code, said = run(["dpo", *MODEL, *PAIRS, *SMALL, *STEPS, "--seed", "1", "--reference_cache_dir", "none", "--out",
                      str(IN / "old")], IN)
    assert code == 0, said
    return hashlib.sha256((IN / "old/adapter_model.safetensors").read_bytes()).hexdigest()


def kills(count, draw):
    known, names = {}, list(commands(TMP))
    if "dpo" in names:
        known["dpo"], replaced = (*clean_run("dpo"), seconds_of("dpo")), replacement()
        between = replaced.between[:2] if count else replaced.between
        for i, call in enumerate(between):
            yield kill_replacement, f"between-{i}", replaced, known["dpo"][0], call
    for number in range(count or 1000):
        name = draw.choice(names)
        known[name] = known.get(name) or (*clean_run(name), seconds_of(name))
        if name == "dpo" and draw.random() < 0.5:
            yield kill_replacement, number, replaced, known[name][0], draw.choice(replaced.calls)
        else:
            yield kill_once, number, name, *known[name], draw.random()


def meet(number, name, seed):
    draw = random.Random(seed)
    root = fresh(f"together-{number}", name)
    if name == "caches":  # runs on other rows share caches that are too small for one of them
        words = [["dpo", *MODEL, *PAIRS, *SMALL, *STEPS, "--out", str(root / f"out{n}"), "--max_rows", str(n + 3),
                  "--dataset_cache_dir", str(root / "rows"), "--dataset_cache_gb", "0.000001", "--reference_cache_dir",
                  str(root / "refs")] for n in range(3)]
    elif name == "resume":  # of one run that was stopped after its first step
        code, said = run(commands(root)["dpo"].words[:-4] + ["--max_steps", "1"], root)
        assert code == 0, said
        words = [["train", "--config", str(root / "out/run.yaml"), "--max_steps", "3", "--resume_from_checkpoint", "true"]] * 2
    else:
        words = [commands(root)[name].words + (["--overwrite", "true"] if name == "export" else OVERWRITE)] * draw.choice([2, 3])
    processes = []
    for each in words:
        processes.append(start(each, root))
        time.sleep(draw.choice([0, draw.uniform(0, 0.3)]))
    done = [finish(process) for process in processes]
    trouble = [f"exit {code}: {said[-300:]}" for code, said in done
               if code != 0 and not (name != "caches" and code == 2 and re.search("in use by (another )?process", said))]
    if all(code != 0 for code, _ in done):
        trouble.append("nobody came through")
    trouble += [f"half a file: {half}" for half in half_files(root)]
    if left_behind(root):
        trouble.append(f"left {left_behind(root)}")
    shutil.rmtree(root)
    return f"{name}, {len(words)} at once", trouble


def together(count, draw):
    names = [name for name in ("caches", "resume", "dpo", "score", "merge", "label", "convert", "generate", "export", "rloo")
             if not ONLY or name in ONLY]
    for number in range(count or 100):
        yield meet, number, names[number % len(names)] if count else draw.choice(names), draw.random()


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("io", "kills", "together", "all"):
        sys.exit(__doc__)
    kinds = {"io": io, "kills": kills, "together": together}
    make_inputs()
    fell = 0
    for kind in kinds if sys.argv[1] == "all" else [sys.argv[1]]:
        tried, begin = {}, time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            tries = [pool.submit(*each) for each in kinds[kind](int(sys.argv[2]), random.Random(7))]
            for done, each in enumerate(concurrent.futures.as_completed(tries), 1):
                what, trouble = each.result()
                name = what.split(",")[0]
                tried[name] = [n + 1 if i == 0 or trouble else n for i, n in enumerate(tried.get(name, [0, 0]))]
                if trouble:
                    print(f"FELL {what}: {'; '.join(trouble)}", flush=True)
                if done % 100 == 0:
                    left = (time.monotonic() - begin) / done * (len(tries) - done)
                    print(f"{kind:8} {done} of {len(tries)}, about {left / 60:.0f} min left", flush=True)
        for name, (count, bad) in sorted(tried.items()):
            print(f"{kind:8} {name:22} {count:5} tried, {bad} fell")
        total, bad = sum(n for n, _ in tried.values()), sum(n for _, n in tried.values())
        print(f"{kind:8} {'in all':22} {total:5} tried, {bad} fell, {time.monotonic() - begin:.0f} s", flush=True)
        fell += bad
    shutil.rmtree(TMP, ignore_errors=True)
    sys.exit(1 if fell else 0)


if __name__ == "__main__":
    main()
