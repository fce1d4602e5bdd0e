#!/usr/bin/env python3
"""Compares the room `text` with transformers, byte for byte and id for id.

    python tests/parity/text_parity.py --dump build/release/tests/parity/una_text_dump --data ../shared/data

Needs transformers (never needed to build or run una). The data folder holds chat_templates/*.jinja,
chat_templates/tokenizer_configs/*.json and tokenizers/<name>/; without --data only the snippets run. Prints
every difference and "N passed, N failed, N skipped"; exits with 1 when something failed. Cases that both sides
refuse count as passed; a refusal by raise_exception must carry the same words.
"""
import argparse
import datetime
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_OFFLINE"] = "1"

import jinja2
import tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

import text_cases

DATE = datetime.datetime(2024, 7, 26)


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return DATE


chat_template_utils.datetime = FixedClock


class Dump:
    """The program under test."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the program under test died on {json.dumps(request)[:500]}")
        return json.loads(line)


class Score:
    def __init__(self, verbose):
        self.passed = self.failed = self.skipped = 0
        self.verbose = verbose
        self.by_name = {}

    def add(self, name, same, ours=None, theirs=None):
        reason = text_cases.known_reason(name.partition(": ")[2]) if name.startswith("snippet") else None
        if reason and same:
            print(f"no longer different, take it off the list: {name}")
        elif reason:
            self.skipped += 1
            return
        good, bad = self.by_name.get(name.split(":")[0], (0, 0))
        self.by_name[name.split(":")[0]] = (good + same, bad + (not same))
        if same:
            self.passed += 1
            return
        self.failed += 1
        print(f"DIFFERS {name}\n{difference(ours, theirs) if self.verbose else ''}")


def difference(ours, theirs):
    ours, theirs = (x if isinstance(x, str) else json.dumps(x, ensure_ascii=False) for x in (ours, theirs))
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    return f"  at {at}\n  ours   ...{ours[max(0, at - 60):at + 100]!r}\n  theirs ...{theirs[max(0, at - 60):at + 100]!r}"


def empty_tokenizer(special):
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    return PreTrainedTokenizerFast(tokenizer_object=model, **special)


def byte_spans(text, spans):
    return [[len(text[:b].encode()), len(text[:e].encode())] for b, e in spans]


def oracle(source, special, case):
    """(text, spans or None), or a refusal."""
    tokenizer = empty_tokenizer(special)
    options = dict(tools=case.get("tools"), documents=case.get("documents"), chat_template=source,
                   add_generation_prompt=case.get("add_generation_prompt", False), **case.get("kwargs", {}))
    going_on = case.get("continue_final_message", False)
    messages = json.loads(json.dumps(case["messages"]))
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, continue_final_message=going_on, **options)
        if going_on:
            return text, None
        kept = [{k: v for k, v in m.items() if v is not None} for m in messages]
        _, spans = chat_template_utils.render_jinja_template(
            [kept], return_assistant_tokens_mask=True, **{**tokenizer.special_tokens_map, **options})
        return text, byte_spans(text, spans[0])
    except jinja2.exceptions.TemplateError as error:
        plain = type(error) is jinja2.exceptions.TemplateError
        return {"refused": str(error) if plain else None}
    except Exception as error:
        return {"refused": None, "why": repr(error)}


def compare_render(dump, score, name, source, special, case):
    theirs = oracle(source, special, case)
    request = {"op": "render", "template": source, "special": special, "date": "26 Jul 2024", **case}
    ours = dump.ask(request)
    if isinstance(theirs, dict):
        words = theirs["refused"]
        same = "error" in ours and (words is None or words in ours["error"])
        score.add(name, same, ours.get("error", ours.get("text")), "REFUSED " + str(words or theirs.get("why")))
    elif "error" in ours:
        score.add(name, False, ours["error"], theirs[0])
    elif ours["text"] != theirs[0]:
        score.add(name, False, ours["text"], theirs[0])
    else:
        score.add(name, theirs[1] is None or ours["spans"] == theirs[1], ours["spans"], theirs[1])


def special_of_config(config):
    special = {}
    for key in PreTrainedTokenizerFast.SPECIAL_TOKENS_ATTRIBUTES:
        value = config.get(key)
        if isinstance(value, dict):
            value = value.get("content")
        if value is not None:
            special[key] = value
    return special


CONFIG_OF = {"llama3": "llama-3", "llama3_1": "llama-3.2", "llama3_2": "llama-3.2", "qwen": "Qwen2.5",
             "gemma": "gemma-2", "phi": "phi-3.5-mini"}
ANY_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def templates(data):
    """(name, source, special tokens) of every template of the data folder."""
    configs = {p.stem: json.loads(p.read_text()) for p in sorted(data.glob("chat_templates/tokenizer_configs/*.json"))}
    for path in sorted(data.glob("chat_templates/*.jinja")):
        fitting = [c for prefix, c in CONFIG_OF.items() if path.stem.startswith(prefix) and c in configs]
        special = special_of_config(configs[fitting[-1]]) if fitting else ANY_SPECIAL
        yield path.stem, path.read_text(), special
    folders = [(f"tokenizers/{p.parent.name}", json.loads(p.read_text()))
               for p in sorted(data.glob("tokenizers/*/tokenizer_config.json"))]
    for name, config in [(f"tokenizer_configs/{k}", v) for k, v in configs.items()] + folders:
        source = config.get("chat_template")
        for entry in source if isinstance(source, list) else [{"name": "", "template": source}]:
            if entry["template"]:
                yield name + entry["name"], entry["template"], special_of_config(config)


def compare_tokenizer(dump, score, folder, name, texts):
    theirs = PreTrainedTokenizerFast.from_pretrained(folder)
    ours = dump.ask({"op": "tokenizer", "folder": str(folder)})
    described = {"size": max(len(theirs), max(theirs.get_vocab().values()) + 1), "bos_id": theirs.bos_token_id,
                 "eos_id": theirs.eos_token_id, "pad_id": theirs.pad_token_id,
                 "special_tokens": theirs.special_tokens_map,
                 "adds_bos": theirs.bos_token_id is not None and theirs("a")["input_ids"][0] == theirs.bos_token_id,
                 "adds_eos": theirs.eos_token_id is not None and theirs("a")["input_ids"][-1] == theirs.eos_token_id}
    score.add(f"{name}: description", {k: ours.get(k) for k in described} == described, ours, described)
    for special in (False, True):
        ours = dump.ask({"op": "encode", "folder": str(folder), "texts": texts, "special": special})
        if "error" in ours:
            score.add(f"{name}: encode", False, ours["error"], "")
            continue
        score.add(f"{name}: batch", ours["batch_agrees"])
        for i, text in enumerate(texts):
            compare_text(score, f"{name}: {'with' if special else 'without'} special tokens {text[:40]!r}", theirs,
                         text, special, {k: v[i] for k, v in ours.items() if isinstance(v, list)})


def compare_text(score, name, theirs, text, special, ours):
    out = theirs(text, add_special_tokens=special, return_offsets_mapping=True)
    offsets = byte_spans(text, out["offset_mapping"])
    decoded = theirs.decode(out["input_ids"])
    skipped = theirs.decode(out["input_ids"], skip_special_tokens=True)
    score.add(name + " ids", ours["ids"] == out["input_ids"], ours["ids"], out["input_ids"])
    # One character in several tokens: Python names the whole character for each, bytes name the parts.
    widened = [[len(text.encode()[:b].decode(errors="ignore").encode()),
                len(text.encode()) - len(text.encode()[e:].lstrip(bytes(range(0x80, 0xc0))))]
               for b, e in ours["offsets"]]
    score.add(name + " offsets", widened == offsets, widened, offsets)
    score.add(name + " decode", ours["decoded"] == decoded, ours["decoded"], decoded)
    score.add(name + " decode, skipping", ours["skipped"] == skipped, ours["skipped"], skipped)


def sample_texts(data, count):
    """Texts of the preference files, every string of the first rows."""
    texts = []

    def collect(value):
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, (list, dict)):
            for item in value.values() if isinstance(value, dict) else value:
                collect(item)

    for path in sorted(data.glob("preference/*.json*")):
        whole = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in whole.split("\n")[:count] if line.strip()]
        else:
            rows = json.loads(whole)[:count]
        collect(rows)
    return sorted(set(texts))


def sample_conversations(data, count):
    """Chat rows of the preference files."""
    path = data / "preference" / "ultrafeedback_train.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:count]] if path.exists() else []
    for i, row in enumerate(rows):
        chosen = row["chosen"]
        if isinstance(chosen, str):
            chosen = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": chosen}]
        yield f"ultrafeedback row {i}", {"messages": chosen}


def compare_made_folders(dump, score, data):
    """Variations of a real folder's config: added tokens, objects, special_tokens_map, post-processor flags."""
    source = data / "tokenizers" / "smollm2" / "tokenizer.json"
    if not source.exists():
        score.skipped += len(text_cases.CONFIGS)
        return
    for name, (config, special_map) in text_cases.CONFIGS.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "tokenizer.json").write_text(source.read_text())
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
            if special_map is not None:
                (folder / "special_tokens_map.json").write_text(json.dumps(special_map))
            compare_tokenizer(dump, score, folder, f"config {name}", text_cases.TEXTS[:12] + text_cases.CONFIG_TEXTS)


def compare_training(dump, score):
    special = ["<pad>", "<s>", "</s>"]
    texts = text_cases.TEXTS * 3
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = tokenizers.decoders.ByteLevel(add_prefix_space=False)
    theirs.train_from_iterator(texts, trainer)
    ours = json.loads(dump.ask({"op": "train", "texts": texts, "vocab_size": 400, "special": special})["json"])
    theirs = json.loads(theirs.to_str())
    score.add("training: vocabulary", ours["model"]["vocab"] == theirs["model"]["vocab"])
    score.add("training: merges", ours["model"]["merges"] == theirs["model"]["merges"])
    score.add("training: added tokens", ours["added_tokens"] == theirs["added_tokens"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dump", required=True, help="the program una_text_dump of the build folder")
    parser.add_argument("--data", type=pathlib.Path, help="folder with chat_templates/ and tokenizers/")
    parser.add_argument("--rows", type=int, default=20, help="rows of each data file to take as texts")
    parser.add_argument("--only", default="", help="only templates and tokenizers whose name holds this")
    parser.add_argument("--quiet", action="store_true", help="name differences without showing them")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    dump, score = Dump(args.dump), Score(not args.quiet)
    for i, (snippet, variables) in enumerate(text_cases.snippets()):
        if args.only in f"snippet {i}":
            case = {"messages": [{"role": "user", "content": "hi"}], "kwargs": variables}
            compare_render(dump, score, f"snippet {i}: {snippet}", snippet, ANY_SPECIAL, case)
    if args.data is None:
        score.skipped += 1
        print("no --data: real templates and tokenizers are left out")
    else:
        rows = list(sample_conversations(args.data, args.rows))
        texts = text_cases.TEXTS + sample_texts(args.data, args.rows)
        for name, source, special in templates(args.data):
            for title, case in [*text_cases.CONVERSATIONS.items(), *rows] if args.only in name else ():
                compare_render(dump, score, f"{name}: {title}", source, special, case)
        for path in sorted(args.data.glob("tokenizers/*/tokenizer.json")):
            if args.only in path.parent.name:
                compare_tokenizer(dump, score, path.parent, path.parent.name, texts)
        if not args.only:
            compare_made_folders(dump, score, args.data)
    if not args.only:
        compare_training(dump, score)
    bad = {name: counts for name, counts in score.by_name.items() if counts[1]}
    for name, (good, wrong) in bad.items():
        print(f"{name}: {wrong} of {good + wrong} differ")
    print(f"{score.passed} passed, {score.failed} failed, {score.skipped} skipped")
    return 1 if score.failed else 0


if __name__ == "__main__":
    sys.exit(main())
