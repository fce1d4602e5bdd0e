#!/usr/bin/env python3
"""Makes tests/data/models: tiny random models with what transformers and PEFT compute from them.

Needs torch, transformers, peft, safetensors (never needed to build or run una):
    python tests/parity/model_fixtures.py [output folder]

<name>/config.json, model.safetensors   the checkpoint (weights are exact in the stored dtype)
<name>/reference.safetensors            ids.<i> [n], logps.<i> [n-1] (log-prob of token t+1 given 0..t) and
                                        grad.<parameter> of the sum of all log-probs, in fp32, computed with
                                        fp32 weights; greedy [prompt + 4] continues the first 4 ids of ids.0.
                                        The reward model: score.<i> instead of logps, gradients of their sum.
llama/adapter                           a PEFT adapter whose B is not zero; adapter.safetensors holds
                                        logps.<i> and grad.<A or B> under it
"""
import copy
import json
import pathlib
import shutil
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, MistralConfig,
                          MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM)

LENGTHS = (14, 9, 5)


def randomise(model, dtype, seed):
    """Weights that no symmetry hides: norms away from 1, biases away from 0, all exact in `dtype`."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            value = 1 + 0.3 * noise if "norm" in name else (0.2 if parameter.dim() == 1 else 0.15) * noise
            parameter.copy_(value.to(dtype).float())


def sequences(vocab, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, vocab, (n,), generator=generator) for n in LENGTHS]


def token_logps(model, ids):
    logits = model(input_ids=ids[None]).logits[0].float()
    return torch.log_softmax(logits[:-1], -1).gather(1, ids[1:, None])[:, 0]


def save_model(model, folder, dtype):
    # A copy: .to(bf16) would round the rotary buffers of the model that computes the reference.
    copy.deepcopy(model).to(dtype).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def write(folder, name, tensors):
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, folder / name)


def share(root):
    """The safetensors library writes files that only their owner may read."""
    for file in root.rglob("*.safetensors"):
        file.chmod(0o644)


def causal(folder, model, dtype, seed):
    model.eval()
    randomise(model, dtype, seed)
    save_model(model, folder, dtype)
    out = {}
    total = 0
    for i, ids in enumerate(sequences(model.config.vocab_size, seed + 1)):
        logps = token_logps(model, ids)
        out[f"ids.{i}"], out[f"logps.{i}"] = ids, logps
        total = total + logps.sum()
    total.backward()
    out |= {f"grad.{name}": p.grad for name, p in model.named_parameters()}
    greedy = out["ids.0"][:4]
    with torch.no_grad():
        for _ in range(4):
            greedy = torch.cat([greedy, model(input_ids=greedy[None]).logits[0, -1].argmax()[None]])
    out["greedy"] = greedy
    write(folder, "reference.safetensors", out)


def reward(folder, model, dtype, seed):
    model.eval()
    randomise(model, dtype, seed)
    save_model(model, folder, dtype)
    out = {}
    total = 0
    for i, ids in enumerate(sequences(model.config.vocab_size, seed + 1)):
        score = model(input_ids=ids[None]).logits[0, 0]
        out[f"ids.{i}"], out[f"score.{i}"] = ids, score[None]
        total = total + score
    total.backward()
    out |= {f"grad.{name}": p.grad for name, p in model.named_parameters()}
    write(folder, "reference.safetensors", out)


def adapter(folder, model, seed):
    config = LoraConfig(r=4, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj", "o_proj"],
                        rank_pattern={"down_proj": 3}, alpha_pattern={"1.self_attn.o_proj": 11}, lora_dropout=0.0,
                        task_type="CAUSAL_LM")
    peft = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in peft.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    peft.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    file = folder / "adapter" / "adapter_config.json"
    text = json.loads(file.read_text())
    text["base_model_name_or_path"] = "tiny-llama"
    file.write_text(json.dumps(text, indent=2, sort_keys=True))
    out = {}
    total = 0
    for i, ids in enumerate(sequences(model.config.vocab_size, seed + 1)):
        logps = token_logps(peft, ids)
        out[f"ids.{i}"], out[f"logps.{i}"] = ids, logps
        total = total + logps.sum()
    total.backward()
    for name, parameter in peft.named_parameters():
        if "lora_" in name:
            short = name.replace("base_model.model.", "").replace(".default", "")
            out[f"grad.{short}"] = parameter.grad
    write(folder, "adapter.safetensors", out)


def main(root):
    shutil.rmtree(root, ignore_errors=True)
    small = dict(hidden_size=32, num_hidden_layers=2, attn_implementation="eager", pad_token_id=0,
                 max_position_embeddings=128)
    for name in ("llama", "mistral", "qwen2", "reward"):
        (root / name).mkdir(parents=True)
    llama3 = dict(rope_type="llama3", rope_theta=1000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
                  original_max_position_embeddings=32)
    llama = LlamaForCausalLM(LlamaConfig(
        vocab_size=80, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, head_dim=12,
        rope_parameters=llama3, tie_word_embeddings=False, **small))
    causal(root / "llama", llama, torch.float32, 1)
    llama.zero_grad()
    adapter(root / "llama", llama, 11)
    causal(root / "mistral", MistralForCausalLM(MistralConfig(
        vocab_size=64, intermediate_size=32, num_attention_heads=2, num_key_value_heads=1, sliding_window=5,
        tie_word_embeddings=False, **small)), torch.bfloat16, 2)
    causal(root / "qwen2", Qwen2ForCausalLM(Qwen2Config(
        vocab_size=64, intermediate_size=32, num_attention_heads=4, num_key_value_heads=2,
        tie_word_embeddings=True, **small)), torch.float16, 3)
    reward(root / "reward", LlamaForSequenceClassification(LlamaConfig(
        vocab_size=64, intermediate_size=32, num_attention_heads=2, num_key_value_heads=1, num_labels=1,
        **small)), torch.bfloat16, 4)
    share(root)


if __name__ == "__main__":
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "models"
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default)
