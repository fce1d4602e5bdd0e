#!/usr/bin/env python3
"""Makes tests/data/adapters: PEFT adapters of every kind that una reads, on the models of tests/data/models.

Needs torch, transformers, peft, safetensors (never needed to build or run una):
    python tests/parity/adapter_fixtures.py [output folder [models folder]]

<case>/adapter_config.json, adapter_model.safetensors   as PEFT writes them, nothing in them at its start value;
                                base_model_name_or_path is the model's name in tests/data/models. PEFT sorts the keys
                                of rank_pattern and alpha_pattern, whose order has a meaning: here they keep theirs
<case>/reference.safetensors    ids.<i> [n], logps.<i> [n-1] under the adapter, grad.<name in the file> of their sum
"""
import json
import pathlib
import shutil
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from model_fixtures import SPLIT, sequences, share, token_logps, write

# name: base, LoraConfig's arguments
CASES = {
    "dora": ("llama", dict(r=3, lora_alpha=6, use_dora=True, target_modules=SPLIT)),
    "dora_bias": ("qwen2", dict(r=2, lora_alpha=6, use_dora=True, use_rslora=True, bias="lora_only",
                                target_modules=["q_proj", "v_proj", "up_proj"])),
    "dora_fused": ("phi3", dict(r=2, lora_alpha=3, use_dora=True, target_modules=["qkv_proj", "gate_up_proj"])),
    "patterns": ("llama", dict(r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"],
                               rank_pattern={"v_proj": 1, "layers.1.self_attn.(q|v)_proj": 3, "down_proj": 2},
                               alpha_pattern={"self_attn.q_proj": 5, "1.self_attn.q_proj": 7})),
    "layers": ("mistral", dict(r=2, lora_alpha=4, layers_to_transform=[1], layers_pattern="layers",
                               target_modules=["k_proj", "o_proj", "model.layers.0.mlp.up_proj"])),
    "saved": ("llama", dict(r=2, lora_alpha=6, target_modules=["q_proj", "up_proj"],
                            modules_to_save=["embed_tokens", "lm_head", "norm"])),
    "saved_norms": ("gemma3", dict(r=2, lora_alpha=6, use_dora=True, target_modules=["q_proj"],
                                   modules_to_save=["q_norm", "post_feedforward_layernorm"])),
    "bias_all": ("qwen2", dict(r=2, lora_alpha=6, target_modules=["q_proj", "down_proj"], bias="all")),
    "experts": ("mixtral", dict(r=2, lora_alpha=6, target_modules=["q_proj"], rank_pattern={"experts.down_proj": 3},
                                target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"])),
    "experts_down": ("qwen3_moe", dict(r=2, lora_alpha=6, use_rslora=True, target_modules=[],
                                       target_parameters=["experts.down_proj"])),
    "bias_only": ("llama_bias", dict(r=2, lora_alpha=6, target_modules=["k_proj", "gate_proj"], bias="lora_only")),
    "by_head": ("gpt_neox", dict(r=3, lora_alpha=6, use_dora=True, target_modules=["query_key_value", "dense_4h_to_h"],
                                 modules_to_save=["embed_in", "lm_head"])),
    "experts_alternating": ("gpt_oss", dict(r=2, lora_alpha=6, target_modules=["q_proj", "o_proj"],
                                            rank_pattern={"experts.down_proj": 3},
                                            target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"])),
}


def base_model(models, name):
    return AutoModelForCausalLM.from_pretrained(models / name, dtype=torch.float32, attn_implementation="eager").eval()


def file_name(parameter):
    short = parameter.removeprefix("base_model.model.").replace("modules_to_save.default.", "").replace(".default", "")
    return short.removesuffix(".weight") if "lora_magnitude_vector" in short else short


def move(peft, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in peft.named_parameters():
            noise = 0.2 * torch.randn(parameter.shape, generator=generator)
            if parameter.requires_grad:
                lora = "lora_A" in name or "lora_B" in name
                parameter.copy_(noise if lora else parameter * (1 + noise) + 0.05 * noise)


def save(peft, folder, base, config):
    peft.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    file = folder / "adapter_config.json"
    text = json.loads(file.read_text()) | {"base_model_name_or_path": base}
    for key in ("rank_pattern", "alpha_pattern"):
        text[key] = config.get(key, {})
    file.write_text(json.dumps(text, indent=2) + "\n")


def make(folder, models, base, config, seed):
    shutil.rmtree(folder, ignore_errors=True)
    peft = get_peft_model(base_model(models, base), LoraConfig(task_type="CAUSAL_LM", **config)).eval()
    move(peft, seed)
    save(peft, folder, base, config)
    out, total = {}, 0
    for i, ids in enumerate(sequences(peft.config, seed + 1)):
        logps = token_logps(peft, ids)
        out[f"ids.{i}"], out[f"logps.{i}"] = ids, logps
        total = total + logps.sum()
    total.backward()
    out |= {f"grad.{file_name(name)}": p.grad for name, p in peft.named_parameters() if p.requires_grad}
    again = PeftModel.from_pretrained(base_model(models, base), folder).eval()
    for i, ids in enumerate(sequences(peft.config, seed + 1)):
        assert torch.equal(token_logps(again, ids), out[f"logps.{i}"]), f"{folder}: PEFT reads another adapter"
    write(folder, "reference.safetensors", out)


def main():
    torch.set_num_threads(1)
    data = pathlib.Path(__file__).parent.parent / "data"
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else data / "adapters"
    models = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else data / "models"
    for seed, (name, (base, config)) in enumerate(CASES.items()):
        make(root / name, models, base, config, 100 + seed)
    share(root)


if __name__ == "__main__":
    main()
