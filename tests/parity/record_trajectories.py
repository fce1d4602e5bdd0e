"""Records twenty optimiser steps of TRL's trainers (and of the paper's equations) on a two-layer model that fits in a few
kilobytes: tests/data/trajectories, which the suite's train.trajectory repeats without any peer.

    python tests/parity/record_trajectories.py [folder]

Token ids are handed over. The model's values are exact in bfloat16, as which they are stored; all arithmetic is fp32.
"""
import json
import pathlib
import random
import shutil
import sys

import peft
import torch
import transformers
import trl
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from trajectories import CASES, case_options, make_start_adapter, trl_run, una_run

VOCABULARY, BATCH, ROWS = 48, 4, 20


def make_model(folder):
    torch.manual_seed(11)
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, head_dim=4, max_position_embeddings=64, initializer_range=0.3, bos_token_id=0,
                         eos_token_id=1, pad_token_id=None)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def make_rows():
    """Pairs of ids, twenty rows with prompts of their own. Within a batch prompts descend, so that TRL's mismatched pairs for
    KTO (the answer of the row before, in the device batch) are una's."""
    draw = random.Random(12)
    some = lambda low, high: [draw.randrange(2, VOCABULARY) for _ in range(draw.randint(low, high))]
    rows = [{"prompt": some(3, 6), "chosen": some(2, 7) + [1], "rejected": some(2, 7) + [1], "label": i % 3 != 0,
             "score": round(draw.random(), 3)} for i in range(ROWS)]
    rows[3]["score"], rows[7]["score"] = 0.0, 1.0  # a soft target at the border is clipped
    return [row for i in range(0, ROWS, BATCH) for row in sorted(rows[i : i + BATCH], key=lambda row: row["prompt"], reverse=True)]


def answer_of(row):
    return row["chosen"] if row["label"] else row["rejected"]


def rows_for_trl(method, rows):
    if method == "dpo":
        return [{"prompt_ids": row["prompt"], "chosen_ids": row["chosen"], "rejected_ids": row["rejected"]} for row in rows]
    if method == "reward":
        return [{f"{key}_ids": row["prompt"] + row[key] for key in ("chosen", "rejected")} for row in rows]
    out = [{"prompt_ids": row["prompt"], "completion_ids": answer_of(row), "label": row["label"]} for row in rows]
    for i, row in enumerate(out):  # as KTOTrainer lays them out
        row["KL_completion_ids"] = out[i - 1 if i % BATCH else i + BATCH - 1]["completion_ids"]
    return out


def rows_for_una(kind, rows):
    if kind == "pair":
        return [{"prompt_ids": row["prompt"], "answers": [row["chosen"], row["rejected"]], "targets": [1, 0]} for row in rows]
    return [{"prompt_ids": row["prompt"], "answers": [answer_of(row)], "kind": kind,
             "targets": [row["score"] if kind == "score" else float(row["label"])]} for row in rows]


def word_tokenizer():
    words = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, **{f"w{i}": i for i in range(2, VOCABULARY)}}, unk_token="w2"))
    return PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>")


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1] / "data/trajectories")
    shutil.rmtree(folder, ignore_errors=True)
    model, tokenizer, rows = folder / "model", word_tokenizer(), make_rows()
    make_model(model)
    for reward in (False, True):
        adapter = folder / ("reward-adapter" if reward else "adapter")
        make_start_adapter(model, adapter, reward, r=2)
        (adapter / "README.md").unlink(missing_ok=True)
        config = json.loads((adapter / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = "model"  # not where it lay on this machine
        (adapter / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    cases = []
    for name, (method, kind, _) in CASES.items():
        if kind == "mostly good":
            continue
        options = case_options(name)
        options["per_device_train_batch_size"] = BATCH // options.get("gradient_accumulation_steps", 1)
        if method == "una":
            log = una_run(model, folder / "adapter", rows_for_una(kind, rows), None, options)
        else:
            adapter = folder / ("reward-adapter" if method == "reward" else "adapter")
            log = trl_run(method, model, adapter, rows_for_trl(method, rows), tokenizer, options)[0]
        cases.append({"name": name, "method": method, "rows": kind, "options": options,
                      "steps": [[float(f"{value:.8g}") for value in step.values()] for step in log]})
        above = f", z0 above 0 in {sum(step['kl'] > 0 for step in log)}" if "kl" in log[0] else ""
        print(f"{name}: loss {log[0]['loss']:.4f} to {log[-1]['loss']:.4f}{above}", flush=True)
    made_by = f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}, trl {trl.__version__}"
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    lines = lambda values: "[\n" + ",\n".join(json.dumps(value, separators=(",", ":")) for value in values) + "\n]"
    (folder / "trajectories.json").write_text(
        f'{{"made_by": {json.dumps(made_by)},\n"rows": {lines(rows)},\n"cases": {lines(cases)}\n}}\n')
    print(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()), "bytes in", folder)


if __name__ == "__main__":
    main()
