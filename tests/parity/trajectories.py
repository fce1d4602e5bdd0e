"""Twenty optimiser steps by TRL's own trainers, or by a short transcription of the UNA paper in PyTorch, to be compared
step by step with una's: loss, gradient norm before clipping, learning rate.

Both sides get the same folder, the same start adapter (whose frozen copy is the reference, in TRL as in una), the same
rows in the same order, fp32, no dropout, and equal keys: the flags of a case are the keyword arguments of TRL's config.
"""
import copy
import itertools
import json
import os
import pathlib
import tempfile

import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
import torch.nn.functional as F
from datasets import Dataset
from datasets.utils.logging import disable_progress_bar
from transformers.utils import logging as transformers_logging
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, get_scheduler
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, RewardConfig, RewardTrainer

disable_progress_bar()
transformers_logging.disable_progress_bar()
transformers_logging.set_verbosity_error()
warnings.filterwarnings("ignore", category=FutureWarning)
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Nothing at its default, so that a key that is read but not used shows.
OPTIMISER = {"learning_rate": 1e-2, "weight_decay": 0.02, "adam_beta1": 0.85, "adam_beta2": 0.97, "adam_epsilon": 1e-6,
             "max_grad_norm": 0.8, "max_steps": 20, "per_device_train_batch_size": 8}


def load(folder, reward=False):
    kind = AutoModelForSequenceClassification if reward else AutoModelForCausalLM
    extra = {"num_labels": 1} if reward else {}
    return kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", **extra)


def make_start_adapter(folder, out, reward=False, r=4, seed=5):
    """An adapter whose B is not zero, so that no gradient is; a reward model's holds its head."""
    torch.manual_seed(seed)
    config = LoraConfig(r=r, lora_alpha=2 * r, lora_dropout=0.0, target_modules=LINEARS,
                        task_type="SEQ_CLS" if reward else "CAUSAL_LM", modules_to_save=["score"] if reward else None)
    model = get_peft_model(load(folder, reward), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.02)
    model.save_pretrained(out)


def step_of(entry):
    return {key: entry[key] for key in ("loss", "grad_norm", "learning_rate", "kl") if key in entry}


class Handed:
    """Mixin: rows that hold token ids already go past the trainer's own tokenising."""

    def _prepare_dataset(self, dataset, *args, **kwargs):
        ids = {"prompt_ids", "completion_ids", "chosen_ids", "rejected_ids"} & set(dataset.column_names)
        return dataset if ids else super()._prepare_dataset(dataset, *args, **kwargs)


TRAINERS = {name: (type(f"Handed{trainer.__name__}", (Handed, trainer), {}), config)
            for name, (trainer, config) in {"dpo": (DPOTrainer, DPOConfig), "kto": (KTOTrainer, KTOConfig),
                                            "reward": (RewardTrainer, RewardConfig)}.items()}


def trl_run(method, folder, adapter, rows, tokenizer, options):
    """TRL's trainer over `rows` (texts, or ids). Returns its log and the rows as it tokenised them."""
    trainer_class, config_class = TRAINERS[method]
    options, tokenizer = dict(options), copy.deepcopy(tokenizer)
    # Without a token of its own for padding TRL pads with EOS, and transformers then pools the reward before the EOS.
    tokenizer.pad_token = tokenizer.bos_token
    if "warmup_ratio" in options:  # transformers 5: a warmup_steps below 1 is a share
        options["warmup_steps"] = options.pop("warmup_ratio")
    model = PeftModel.from_pretrained(load(folder, method == "reward"), adapter, is_trainable=True)
    with tempfile.TemporaryDirectory() as out:
        config = config_class(output_dir=out, logging_steps=1, report_to="none", save_strategy="no", use_cpu=True, bf16=False,
                              gradient_checkpointing=False, max_length=256, disable_tqdm=True, optim="adamw_torch",
                              train_sampling_strategy="sequential", disable_dropout=True, **options)
        trainer = trainer_class(model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
        # Its printing is not wanted; its log is.
        trainer.callback_handler.callbacks = [c for c in trainer.callback_handler.callbacks if "Print" not in type(c).__name__]
        trainer.train()
        log = [entry for entry in trainer.state.log_history if "loss" in entry]
        return [step_of(entry) for entry in log], list(trainer.train_dataset)


def clip(target):
    return min(max(target, 1e-3), 1 - 1e-3)


def una_loss(options, reward, target):
    """The paper's g(sigmoid(reward), t) for answers one by one, f = 0."""
    if options.get("una_loss", "mse") == "mse":
        return (torch.sigmoid(reward) - target).square().mean()
    return F.binary_cross_entropy_with_logits(reward, target)


def una_run(folder, adapter, rows, tokenizer, options):
    """The UNA paper's losses by transformers, PEFT and torch.optim: a padded batch a step, pairs as chosen, rejected.
    `rows`: {"prompt_ids", "answers": [ids, ...], "targets": [t, ...]}."""
    model = PeftModel.from_pretrained(load(folder), adapter, is_trainable=True)
    reference = PeftModel.from_pretrained(load(folder), adapter)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options["learning_rate"], weight_decay=options["weight_decay"],
                                  betas=(options["adam_beta1"], options["adam_beta2"]), eps=options["adam_epsilon"])
    steps, size = options["max_steps"], options["per_device_train_batch_size"]
    scheduler = get_scheduler(options["lr_scheduler_type"], optimizer, options["warmup_steps"], steps)
    pad = tokenizer.pad_token_id if tokenizer is not None and tokenizer.pad_token_id is not None else 0

    def logps(policy, batch):
        sequences = [(row["prompt_ids"], answer) for row in batch for answer in row["answers"]]
        width = max(len(p) + len(a) for p, a in sequences)
        ids = torch.full((len(sequences), width), pad)
        seen, counts = torch.zeros_like(ids), torch.zeros_like(ids)
        for i, (prompt, answer) in enumerate(sequences):
            length = len(prompt) + len(answer)
            ids[i, :length] = torch.tensor(prompt + answer)
            seen[i, :length] = 1
            counts[i, len(prompt) : length] = 1
        out = torch.log_softmax(policy(input_ids=ids, attention_mask=seen).logits[:, :-1], -1)
        return (out.gather(-1, ids[:, 1:, None])[..., 0] * counts[:, 1:]).sum(-1)

    log, source = [], itertools.cycle(rows)
    for _ in range(steps):
        batch = [next(source) for _ in range(size)]
        with torch.no_grad():
            ref = logps(reference, batch)
        reward = options["beta"] * (logps(model, batch) - ref)
        pairs = len(batch[0]["answers"]) == 2
        if pairs:  # the pairwise form is DPO's
            loss = -F.logsigmoid(reward[0::2] - reward[1::2]).mean()
        else:
            soft = options.get("una_loss") == "bce" and "score" in batch[0].get("kind", "")
            targets = [row["targets"][0] for row in batch]
            loss = una_loss(options, reward, torch.tensor([clip(t) if soft else t for t in targets]))
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, options["max_grad_norm"])
        log.append({"loss": loss.item(), "grad_norm": norm.item(), "learning_rate": scheduler.get_last_lr()[0]})
        optimizer.step()
        scheduler.step()
    return log


def read_log(run_folder):
    rows = [json.loads(line) for line in (pathlib.Path(run_folder) / "metrics.jsonl").read_text().split("\n") if line]
    return [step_of(row) for row in rows if "loss" in row]


def differences(theirs, ours):
    """Largest difference of loss (absolute), gradient norm and learning rate (relative); how far the loss fell."""
    if len(theirs) != len(ours):
        return {"loss": float("inf"), "grad_norm": float("inf"), "learning_rate": float("inf"), "fall": 0.0}
    out = {"loss": max(abs(a["loss"] - b["loss"]) for a, b in zip(theirs, ours))}
    for key in ("grad_norm", "learning_rate"):
        out[key] = max(abs(a[key] - b[key]) / max(abs(a[key]), 1e-12) for a, b in zip(theirs, ours))
    if "kl" in theirs[0]:
        out["kl"] = max(abs(a["kl"] - b["kl"]) for a, b in zip(theirs, ours))
    out["fall"] = 1 - sum(a["loss"] for a in theirs[-3:]) / 3 / theirs[0]["loss"]
    return out


def flags(options):
    return [part for key, value in options.items() for part in (f"--{key}", str(value))]


# name -> (una's method, una's kind of rows, keys of both). Where a definition of TRL is known to be worse, the setting is
# one at which both coincide; docs/parity.md says which.
CASES = {
    "dpo": ("dpo", "pair", {"beta": 0.2, "lr_scheduler_type": "linear", "warmup_steps": 3}),
    "dpo, two accumulated": ("dpo", "pair", {"beta": 0.2, "lr_scheduler_type": "cosine", "warmup_ratio": 0.1,
                                             "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}),
    "dpo, ipo": ("dpo", "pair", {"beta": 0.5, "loss_type": "ipo", "lr_scheduler_type": "cosine", "warmup_steps": 2}),
    "kto": ("kto", "binary", {"beta": 0.4, "desirable_weight": 1.1, "undesirable_weight": 0.9, "lr_scheduler_type": "cosine",
                              "warmup_steps": 3}),
    # Mostly good answers: the policy moves up on mismatched ones too, so that z0 is above 0; the loss then falls slowly.
    "kto, z0 above 0": ("kto", "mostly good", {"beta": 0.4, "desirable_weight": 1.3, "undesirable_weight": 0.6,
                                               "lr_scheduler_type": "cosine", "warmup_steps": 3}),
    "reward": ("reward", "pair", {"center_rewards_coefficient": 0.01, "lr_scheduler_type": "linear", "warmup_steps": 3}),
    "una score, mse": ("una", "score", {"beta": 0.5, "una_loss": "mse", "lr_scheduler_type": "linear", "warmup_steps": 3}),
    "una score, soft bce": ("una", "score", {"beta": 0.3, "una_loss": "bce", "lr_scheduler_type": "cosine", "warmup_steps": 3}),
    "una binary, mse": ("una", "binary", {"beta": 0.3, "una_loss": "mse", "una_f": "zero", "lr_scheduler_type": "cosine",
                                          "warmup_steps": 0, "warmup_ratio": 0.0}),
    "una binary, bce": ("una", "binary", {"beta": 0.3, "una_loss": "bce", "una_f": "zero", "lr_scheduler_type": "linear",
                                          "warmup_steps": 3}),
    "una pairs": ("una", "pair", {"beta": 0.3, "lr_scheduler_type": "linear", "warmup_steps": 3}),
}


def case_options(name):
    return {**OPTIMISER, **CASES[name][2]}
