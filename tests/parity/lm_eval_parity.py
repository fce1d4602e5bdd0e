#!/usr/bin/env python3
"""`una eval` beside lm-evaluation-harness 0.4.13 with `--model hf`, on the same local files:

  lm_eval_parity.py --una PROGRAM [--model DIR ...] [--tokenizers DIR] [--data DIR] [--limit 8] [--max_gen_toks 48]

--tokenizers: a folder with the tokenizers llama2, smollm2 and mistral-7b-v0.2: random models of the kinds llama, qwen2 and
gemma are made on them. --data: a folder of the tasks' files; without it una writes its own sample. Every prompt, every log-likelihood (to 1e-3), every
greedy answer and every accuracy must agree. Answers may part at a tie: where they differ, the two first differing tokens must
have log-probs within 1e-4 of each other, or the script fails. Needs lm_eval[ifeval,math]==0.4.13, torch, transformers and
NLTK_DATA with punkt_tab. With `--speed`, also the rows per second of bbh on both sides.
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

import langdetect  # noqa: E402
import lm_eval  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

TASKS = ["ifeval", "bbh", "math_hard", "gpqa", "musr", "mmlu_pro"]


def stems(data, prefix):
    return sorted(os.path.basename(p)[:-6] for p in glob.glob(os.path.join(data, prefix + "*.jsonl")))


def write_tasks(data, folder):
    """The harness's own task files with local rows. Returns {task of una: [names]}; a name is a subtask of una."""
    package = os.path.join(os.path.dirname(lm_eval.__file__), "tasks", "leaderboard")
    names = {task: [] for task in TASKS}

    def task(of, name, include, more="", **splits):
        files = "".join(f"    {k}: {os.path.join(data, v)}.jsonl\n" for k, v in splits.items())
        with open(os.path.join(folder, name + ".yaml"), "w") as out:
            out.write(f"include: {include}\ntask: {name}\ndataset_path: json\ndataset_name: null\ndataset_kwargs:\n  data_files:\n{files}{more}")
        names[of].append(name)

    for stem in stems(data, "bbh_"):
        own = os.path.join(data, stem + ".yaml")
        theirs = os.path.join(package, "bbh_mc", stem[4:] + ".yaml")
        if os.path.exists(own) and not os.path.exists(theirs):  # a task of ours: the harness's template under it
            theirs = os.path.join(folder, "base_" + stem + ".yaml")
            text = open(os.path.join(package, "bbh_mc", "_fewshot_template_yaml")).read().replace("fewshot_config:\n  sampler: first_n\n", "")
            open(theirs, "w").write(text + open(own).read() + "task: base_" + stem + "\n")
        task("bbh", stem, theirs, test=stem)
    for stem in stems(data, "gpqa"):
        more = "process_docs: null\n" if "choice1" in open(os.path.join(data, stem + ".jsonl")).readline() else ""
        task("gpqa", stem, os.path.join(package, "gpqa", "gpqa_diamond_zeroshot.yaml"), more, train=stem)
    for stem in stems(data, "musr_"):
        task("musr", stem, os.path.join(package, "musr", "_template_yaml"), f"test_split: {stem[5:]}\n", **{stem[5:]: stem})
    if stems(data, "mmlu_pro_test"):
        task("mmlu_pro", "mmlu_pro", os.path.join(package, "mmlu_pro", "mmlu_pro.yaml"), test="mmlu_pro_test", validation="mmlu_pro_validation")
    if stems(data, "ifeval"):
        task("ifeval", "ifeval", os.path.join(package, "ifeval", "ifeval.yaml"), train="ifeval")
    if stems(data, "math_test"):
        for kind in sorted({json.loads(line)["type"] for line in open(os.path.join(data, "math_test.jsonl"))}):
            name = "math_" + "_".join("".join(c for c in w.lower() if c.isalnum()) for w in kind.split() if w.isalnum())
            rows = [line for line in open(os.path.join(data, "math_test.jsonl")) if json.loads(line)["type"] == kind and json.loads(line)["level"] == "Level 5"]
            if not rows:
                continue
            open(os.path.join(folder, name + ".jsonl"), "w").write("".join(rows))
            with open(os.path.join(folder, name + ".yaml"), "w") as out:
                path = os.path.join(folder, name + ".jsonl")
                out.write(f"include: {package}/math/math_algebra.yaml\ntask: {name}\ndataset_path: json\ndataset_name: null\n"
                          f"dataset_kwargs:\n  data_files:\n    train: {path}\n    test: {path}\n")
            names["math_hard"].append(name)
    return names


def complete(data):
    """What the harness keeps in its package and una reads from the data folder: bbh's files and the examples of math."""
    package = os.path.join(os.path.dirname(lm_eval.__file__), "tasks", "leaderboard")
    for stem in stems(data, "bbh_"):
        theirs = os.path.join(package, "bbh_mc", stem[4:] + ".yaml")
        if os.path.exists(theirs):
            shutil.copy(theirs, os.path.join(data, stem + ".yaml"))
    for stem in stems(data, "gpqa"):
        order_choices(os.path.join(data, stem + ".jsonl"))
    from lm_eval.tasks.leaderboard.math import utils
    with open(os.path.join(data, "math_fewshot.jsonl"), "w") as out:
        out.writelines(json.dumps(row) + "\n" for row in utils.list_fewshot_samples())


def order_choices(path):
    """Rows as published get an order of their four choices: both sides would draw one, from generators of their own."""
    from lm_eval.tasks.leaderboard.gpqa.utils import preprocess
    rows = [json.loads(line) for line in open(path)]
    for number, row in enumerate(rows):
        if "choice1" in row:
            continue
        choices = [preprocess(row[name]) for name in ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")]
        right = number % 4
        choices[0], choices[right] = choices[right], choices[0]
        row.update({f"choice{i + 1}": choice for i, choice in enumerate(choices)}, answer=f"({'ABCD'[right]})")
    open(path, "w").writelines(json.dumps(row) + "\n" for row in rows)


def tokenizer_of(model):
    """A folder with the tokenizer alone: next to a config.json of Qwen2, transformers puts that family's own pre-tokenizer in the
    place of the one in tokenizer.json, which una reads as it is."""
    alone = model.rstrip("/") + "-tokenizer"
    return alone if os.path.isdir(alone) else model


def make_models(tokenizers, folder):
    """Random models, 64 wide, of three kinds on three tokenizers; sharp enough that greedy answers rarely tie."""
    import torch
    import transformers
    shape = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                 max_position_embeddings=8192, initializer_range=0.2)
    made = []
    for kind, name, extra in (("Llama", "llama2", {}), ("Qwen2", "smollm2", {}), ("Gemma", "mistral-7b-v0.2", {"head_dim": 16})):
        source, out = os.path.join(tokenizers, name), os.path.join(folder, kind.lower())
        if not os.path.isdir(source):
            continue
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
        torch.manual_seed(7)
        config = getattr(transformers, kind + "Config")(vocab_size=len(tokenizer), bos_token_id=tokenizer.bos_token_id,
                                                        eos_token_id=tokenizer.eos_token_id, pad_token_id=0, **shape, **extra)
        getattr(transformers, kind + "ForCausalLM")(config).save_pretrained(out)
        os.makedirs(out + "-tokenizer")
        for file in os.listdir(source):
            if file.startswith(("tokenizer", "special_tokens", "vocab", "merges")):
                for place in (out, tokenizer_of(out)):
                    shutil.copyfile(os.path.join(source, file), os.path.join(place, file))
        made.append(out)
    return made


def run_harness(model, folder, names, limit, max_gen_toks, dtype):
    langdetect.DetectorFactory.seed = 0
    lm = HFLM(pretrained=model, tokenizer=tokenizer_of(model), dtype=dtype, batch_size=1, device="cpu")
    manager = TaskManager(include_path=folder)
    out, seconds = {}, {}
    for task, subtasks in names.items():
        for name in subtasks:
            begin = time.time()
            result = lm_eval.simple_evaluate(lm, tasks=[name], limit=limit, task_manager=manager, log_samples=True, bootstrap_iters=0,
                                             gen_kwargs=f"max_gen_toks={max_gen_toks}" if task in ("ifeval", "math_hard") else None)
            seconds[name] = time.time() - begin
            out[name] = result["samples"][name]
    return out, seconds


def run_una(una, model, data, folder, limit, max_gen_toks, tasks, dtype):
    begin = time.time()
    subprocess.run([una, "eval", "--model", model, "--data", data, "--out", folder, "--tasks", ",".join(tasks), "--limit", str(limit),
                    "--max_gen_toks", str(max_gen_toks), "--dtype", dtype], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    rows = {}
    for task in tasks:
        for line in open(os.path.join(folder, "model", task + ".jsonl")):
            row = json.loads(line)
            if "task" in row:
                rows.setdefault(row["task"], {})[row["row"]] = row
    return rows, time.time() - begin


def compare_choices(name, samples, rows, report):
    for sample in samples:
        row = rows[sample["doc_id"]]
        theirs = [float(r[0][0]) for r in sample["resps"]]
        report["choices"] += len(theirs)
        difference = max(abs(a - b) for a, b in zip(theirs, row["loglikelihoods"]))
        report["largest"] = max(report["largest"], difference)
        if difference > 1e-3:
            report["bad"].append(f"{name} row {sample['doc_id']}: log-likelihoods {theirs} there, {row['loglikelihoods']} here")
        for metric in ("acc", "acc_norm"):
            if metric in sample and float(sample[metric]) != float(row["metrics"][metric]):
                report["bad"].append(f"{name} row {sample['doc_id']}: {metric} {sample[metric]} there, {row['metrics'][metric]} here")


def compare_texts(name, samples, rows, report):
    for sample in samples:
        row = rows[sample["doc_id"]]
        theirs = sample["resps"][0][0]
        report["answers"] += 1
        if theirs != row["answer"]:
            report["differ"].append((name, sample["doc_id"], theirs, row["answer"]))
            continue
        for metric, value in row["metrics"].items():
            if metric not in sample:
                continue
            there = sample[metric]
            there = [sum(there), len(there)] if isinstance(there, list) else there
            here = value if isinstance(value, list) else [value, len(sample[metric])] if isinstance(sample[metric], list) else value
            if there != here and float(sum(there) if isinstance(there, list) else there) != float(here[0] if isinstance(here, list) else here):
                report["bad"].append(f"{name} row {sample['doc_id']}: {metric} {there} there, {here} here")


def is_tie(lm_dir, prompt, theirs, ours, dtype):
    """Whether the first token in which the two answers differ was a tie."""
    import torch
    import transformers
    tokenizer = transformers.AutoTokenizer.from_pretrained(tokenizer_of(lm_dir))
    model = transformers.AutoModelForCausalLM.from_pretrained(lm_dir, dtype=getattr(torch, dtype))
    start = tokenizer(prompt, return_tensors="pt").input_ids[0].tolist()
    a, b = tokenizer(prompt + theirs).input_ids, tokenizer(prompt + ours).input_ids
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    if at < len(start) or at >= min(len(a), len(b)):
        return False
    logps = torch.log_softmax(model(torch.tensor([a[:at]])).logits[0, -1].float(), -1)
    return abs(float(logps[a[at]] - logps[b[at]])) < 1e-4


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--una", required=True)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--tokenizers")
    parser.add_argument("--data")
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--max_gen_toks", type=int, default=48)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        data = os.path.join(scratch, "data")
        if args.data:
            shutil.copytree(args.data, data, copy_function=shutil.copyfile)
        else:
            subprocess.run([args.una, "eval", "--make_sample", data], check=True, stderr=subprocess.DEVNULL)
        complete(data)
        folder = os.path.join(scratch, "tasks")
        os.makedirs(folder)
        wanted = args.tasks.split(",")
        names = {task: found for task, found in write_tasks(data, folder).items() if task in wanted and found}
        models = args.model + (make_models(args.tokenizers, scratch) if args.tokenizers else [])
        for model in models:
            rows, ours = run_una(args.una, model, data, os.path.join(scratch, "out_" + os.path.basename(model.rstrip("/"))), args.limit,
                                 args.max_gen_toks, list(names), args.dtype)
            samples, theirs = run_harness(model, folder, names, args.limit, args.max_gen_toks, args.dtype)
            report = {"choices": 0, "largest": 0.0, "answers": 0, "differ": [], "bad": []}
            for task, subtasks in names.items():
                for name in subtasks:
                    compare = compare_texts if task in ("ifeval", "math_hard") else compare_choices
                    compare(name, samples[name], rows[name], report)
            prompts = {(n, s["doc_id"]): s["arguments"][0][0] if isinstance(s["arguments"], (list, tuple)) else s["arguments"]["gen_args_0"]["arg_0"]
                       for n in samples for s in samples[n]}
            for name, doc, there, here in report["differ"]:
                if not is_tie(model, prompts[name, doc], there, here, args.dtype):
                    report["bad"].append(f"{name} row {doc}: answers differ without a tie: {there!r} there, {here!r} here")
            failed = failed or bool(report["bad"]) or report["largest"] > 1e-3
            print(f"{os.path.basename(model.rstrip('/'))}: {report['choices']} log-likelihoods, largest difference {report['largest']:.2e}; "
                  f"{report['answers']} answers, {len(report['differ'])} differ at ties; {len(report['bad'])} disagreements")
            print("".join(f"  {line}\n" for line in report["bad"]), end="")
            if args.speed:
                count = sum(len(samples[n]) for n in samples)
                print(f"  rows a second, all of it: una {count / ours:.2f}, the harness {count / sum(theirs.values()):.2f}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
