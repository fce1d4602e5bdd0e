#!/usr/bin/env python3
"""Makes tests/data/models: tiny random models with what transformers and PEFT compute from them.

Needs torch, transformers, peft, safetensors (never needed to build or run una):
    python tests/parity/model_fixtures.py [output folder [name...]]     names: only these models, the others stay

<name>/config.json, model.safetensors   the checkpoint (weights are exact in the stored dtype)
<name>/reference.safetensors            ids.<i> [n], logps.<i> [n-1] (log-prob of token t+1 given 0..t) and
                                        grad.<parameter> of the sum of all log-probs, in fp32, computed with
                                        fp32 weights; greedy [4 + 20]: generate() with its cache continues the first 4
                                        ids of ids.0; curve [10]: the loss (mean negative log-prob over all sequences)
                                        before each of 10 AdamW steps on every parameter (see CURVE).
                                        The reward model: score.<i> instead of logps, gradients of their sum.
<name>/adapter                          a PEFT adapter whose B is not zero; <name>/adapter.safetensors holds
                                        logps.<i> and grad.<A or B> under it
ropes/ropes.safetensors                 frequencies and attention factors of rope configs at several lengths, and
                                        ropes/<case>.json the config each belongs to
"""
import copy
import json
import pathlib
import shutil
import sys

import torch
import transformers as hf
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

LENGTHS = (14, 9, 5)
LONG = {"qwen3_5_text": (70, 9, 5)}  # a gated delta rule is computed in chunks of 64 tokens
PROMPT, NEW = 4, 20
CURVE = dict(lr=0.01, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.01)
STEPS = 10


def randomise(model, dtype, seed):
    """Weights that no symmetry hides: norms away from 1, biases away from 0, all exact in `dtype`."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            value = 1 + 0.3 * noise if "norm" in name else (0.2 if parameter.dim() == 1 else 0.15) * noise
            if parameter.dim() == 3 and name.endswith("conv.weight"):
                value = 0.6 * noise  # a short convolution of products of small numbers
            if name.endswith("conv1d.weight"):
                value = 0.6 * noise
            from_one = model.config.model_type in ("gemma", "gemma2", "gemma3_text") or "qwen3_5" in model.config.model_type
            if from_one and "norm" in name and not name.endswith("linear_attn.norm.weight"):
                value = 0.3 * noise  # counts from 1
            parameter.copy_(value.to(dtype).float())
        for name, buffer in model.named_buffers():
            if name.endswith("layer_scalar"):  # gemma4's, which are stored and do not train
                buffer.copy_((0.8 + 0.4 * torch.rand(buffer.shape, generator=generator)).to(dtype).float())


def stored(model, tensors):
    """Tensors under una's names: one matrix per expert. transformers keeps all experts of a layer in one parameter."""
    moe = model.config.model_type
    if moe == "gpt_oss":
        return gpt_oss_experts(tensors)
    module = "mlp" if moe in ("qwen3_moe", "olmoe") else "block_sparse_moe"
    gate, up, down = ("w1", "w3", "w2") if moe == "mixtral" else ("gate_proj", "up_proj", "down_proj")
    out = {}
    for name, tensor in tensors.items():
        head, found, part = name.replace(".block_sparse_moe.experts.", ".mlp.experts.").partition(".mlp.experts.")
        if not found:
            name = name.replace(".mlp.gate.weight", f".{module}.gate.weight")
            out[name.replace(".router.weight", ".router.layer.weight")] = tensor
            continue
        for e, each in enumerate(tensor):
            prefix = f"{head}.{module}.experts.{e}."
            if part == "down_proj":
                out[f"{prefix}{down}.weight"] = each
            else:
                out[f"{prefix}{gate}.weight"], out[f"{prefix}{up}.weight"] = each.chunk(2)
    return out


def gpt_oss_experts(tensors):
    """The same for experts that are transposed, with rows of gate and up that alternate, and biases."""
    out = {}
    for name, tensor in tensors.items():
        head, found, part = name.partition(".mlp.experts.")
        if not found:
            out[name] = tensor
            continue
        ending = "bias" if part.endswith("_bias") else "weight"
        for e, each in enumerate(tensor):
            rows = each if ending == "bias" else each.T
            prefix = f"{head}.mlp.experts.{e}."
            if part.startswith("down_proj"):
                out[f"{prefix}down_proj.{ending}"] = rows
            else:
                out[f"{prefix}gate_proj.{ending}"], out[f"{prefix}up_proj.{ending}"] = rows[::2], rows[1::2]
    return out


def sequences(config, seed):
    generator = torch.Generator().manual_seed(seed)
    lengths = LONG.get(config.model_type, LENGTHS)
    return [torch.randint(1, config.vocab_size, (n,), generator=generator) for n in lengths]


def uses_dynamic_rope(model):
    return (model.config.rope_parameters or {}).get("rope_type") == "dynamic"


def reset_rope(model):
    """Dynamic rope keeps the frequencies of the longest sequence so far: begin each sequence as a new model does."""
    if not uses_dynamic_rope(model):
        return
    for module in model.modules():
        if hasattr(module, "original_inv_freq"):
            module.inv_freq = module.original_inv_freq.clone()
            module.max_seq_len_cached = module.original_max_seq_len


def token_logps(model, ids):
    reset_rope(model)
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


def greedy(model, prompt):
    reset_rope(model)
    model.generation_config.eos_token_id = None
    with torch.no_grad():
        return model.generate(prompt[None], attention_mask=torch.ones_like(prompt[None]), do_sample=False,
                              max_new_tokens=NEW, min_new_tokens=NEW)[0]


def curve(model, rows):
    model = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), **CURVE)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = -torch.cat([token_logps(model, ids) for ids in rows]).mean()
        losses.append(loss.detach())
        loss.backward()
        optimizer.step()
    return torch.stack(losses)


def causal(folder, model, dtype, seed):
    model.eval()
    randomise(model, dtype, seed)
    save_model(model, folder, dtype)
    out = {}
    total = 0
    rows = sequences(model.config, seed + 1)
    for i, ids in enumerate(rows):
        logps = token_logps(model, ids)
        out[f"ids.{i}"], out[f"logps.{i}"] = ids, logps
        total = total + logps.sum()
    total.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    out |= {f"grad.{name}": grad for name, grad in stored(model, gradients).items()}
    model.zero_grad()
    if hasattr(model.config, "router_aux_loss_coef"):
        out |= balancing(model, rows[0])
    out["greedy"] = greedy(model, rows[0][:PROMPT])
    out["curve"] = curve(model, rows)
    write(folder, "reference.safetensors", out)


def balancing(model, ids):
    """The load-balancing loss of a sequence, and some gradients of the sum of its log-probs plus twice that loss."""
    result = model(input_ids=ids[None], output_router_logits=True)
    logps = torch.log_softmax(result.logits[0].float()[:-1], -1).gather(1, ids[1:, None])[:, 0]
    (logps.sum() + 2 * result.aux_loss).backward()
    gradients = stored(model, {name: p.grad for name, p in model.named_parameters()})
    model.zero_grad()
    wanted = ("gate.weight", "router.layer.weight", "mlp.router.weight", "0.self_attn.q_proj.weight", "embed_tokens.weight")
    return {"aux_loss": result.aux_loss[None]} | {
        f"aux_grad.{name}": grad for name, grad in gradients.items() if name.endswith(wanted)}


def reward(folder, model, dtype, seed):
    model.eval()
    randomise(model, dtype, seed)
    save_model(model, folder, dtype)
    out = {}
    total = 0
    for i, ids in enumerate(sequences(model.config, seed + 1)):
        score = model(input_ids=ids[None]).logits[0, 0]
        out[f"ids.{i}"], out[f"score.{i}"] = ids, score[None]
        total = total + score
    total.backward()
    out |= {f"grad.{name}": p.grad for name, p in model.named_parameters()}
    write(folder, "reference.safetensors", out)


def adapter(folder, model, seed, config, name):
    peft = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter_name, parameter in peft.named_parameters():
            if "lora_" in parameter_name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    peft.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    file = folder / "adapter" / "adapter_config.json"
    text = json.loads(file.read_text())
    text["base_model_name_or_path"] = f"tiny-{name}"
    file.write_text(json.dumps(text, indent=2, sort_keys=True))
    out = {}
    total = 0
    for i, ids in enumerate(sequences(model.config, seed + 1)):
        logps = token_logps(peft, ids)
        out[f"ids.{i}"], out[f"logps.{i}"] = ids, logps
        total = total + logps.sum()
    total.backward()
    for parameter_name, parameter in peft.named_parameters():
        if "lora_" in parameter_name:
            short = parameter_name.replace("base_model.model.", "").replace(".default", "")
            out[f"grad.{short}"] = parameter.grad
    write(folder, "adapter.safetensors", out)


SMALL = dict(hidden_size=32, num_hidden_layers=2, attn_implementation="eager", pad_token_id=0,
             max_position_embeddings=128)
TINY = dict(vocab_size=40, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, attn_implementation="eager", pad_token_id=0, max_position_embeddings=128)
NEOX = {key: value for key, value in TINY.items() if key != "num_key_value_heads"} | dict(hidden_size=32)
RANKS = dict(r=2, lora_alpha=6, lora_dropout=0.0, task_type="CAUSAL_LM")
SPLIT = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
PER_LAYER = ["per_layer_input_gate", "per_layer_projection", "per_layer_model_projection"]
QWEN3_5 = SPLIT + ["in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"]
LFM2 = ["q_proj", "k_proj", "v_proj", "in_proj", "out_proj", "w1", "w2", "w3"]
FUSED = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
LLAMA3 = dict(rope_type="llama3", rope_theta=1000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)


def llama():
    return hf.LlamaForCausalLM(hf.LlamaConfig(
        vocab_size=80, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, head_dim=12,
        rope_parameters=LLAMA3, tie_word_embeddings=False, **SMALL))


def llama_bias():
    rope = dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=32)
    return hf.LlamaForCausalLM(hf.LlamaConfig(
        attention_bias=True, mlp_bias=True, tie_word_embeddings=True, rope_parameters=rope, **TINY))


def llama_dynamic():
    rope = dict(rope_type="dynamic", rope_theta=100.0, factor=4.0)
    return hf.LlamaForCausalLM(hf.LlamaConfig(rope_parameters=rope, **TINY | {"max_position_embeddings": 8}))


def mistral():
    return hf.MistralForCausalLM(hf.MistralConfig(
        vocab_size=64, intermediate_size=32, num_attention_heads=2, num_key_value_heads=1, sliding_window=5,
        tie_word_embeddings=False, **SMALL))


def qwen2():
    return hf.Qwen2ForCausalLM(hf.Qwen2Config(
        vocab_size=64, intermediate_size=32, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
        **SMALL))


def qwen3():
    return hf.Qwen3ForCausalLM(hf.Qwen3Config(
        head_dim=6, attention_bias=True, tie_word_embeddings=True, use_sliding_window=True, sliding_window=5,
        max_window_layers=1, **TINY))


def gemma():
    return hf.GemmaForCausalLM(hf.GemmaConfig(head_dim=6, rope_parameters=dict(rope_type="default", rope_theta=100.0),
                                              **TINY))


def gemma2():
    # Small caps: the scores and logits of a tiny model must reach them.
    return hf.Gemma2ForCausalLM(hf.Gemma2Config(
        head_dim=6, query_pre_attn_scalar=9, sliding_window=5, attn_logit_softcapping=1.5,
        final_logit_softcapping=2.5, **TINY))


def gemma3():
    rope = dict(full_attention=dict(rope_type="linear", factor=2.0, rope_theta=1000.0),
                sliding_attention=dict(rope_type="default", rope_theta=10.0))
    return hf.Gemma3ForCausalLM(hf.Gemma3TextConfig(
        head_dim=6, query_pre_attn_scalar=9, sliding_window=5, sliding_window_pattern=2, rope_parameters=rope,
        final_logit_softcapping=4.0, **TINY))


def olmo2():
    return hf.Olmo2ForCausalLM(hf.Olmo2Config(attention_bias=True, **TINY))


def phi3():
    # 14 and 9 tokens are long, 5 are short; 3 of 4 dimensions of a head of 8 turn.
    rope = dict(rope_type="longrope", rope_theta=100.0, partial_rotary_factor=0.75, short_factor=[1.0, 1.1, 1.3],
                long_factor=[1.5, 2.0, 4.0])
    return hf.Phi3ForCausalLM(hf.Phi3Config(
        rope_parameters=rope, original_max_position_embeddings=8, sliding_window=11,
        **TINY | {"hidden_size": 32, "num_hidden_layers": 2}))


def smollm3():
    # No attention_bias: without positions a key bias moves all scores alike, so its gradient is rounding alone.
    return hf.SmolLM3ForCausalLM(hf.SmolLM3Config(
        mlp_bias=True, no_rope_layer_interval=2, use_sliding_window=True, sliding_window=5, **TINY))


def olmo3():
    rope = dict(full_attention=dict(rope_type="linear", factor=2.0, rope_theta=1000.0),
                sliding_attention=dict(rope_type="default", rope_theta=10.0))
    return hf.Olmo3ForCausalLM(hf.Olmo3Config(
        attention_bias=True, sliding_window=5, layer_types=["sliding_attention", "full_attention"],
        rope_parameters=rope, **TINY))


def granite():
    return hf.GraniteForCausalLM(hf.GraniteConfig(
        embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.6, logits_scaling=2.5,
        attention_bias=True, mlp_bias=True, **TINY))


def ministral():
    return hf.MinistralForCausalLM(hf.MinistralConfig(
        head_dim=6, sliding_window=5, layer_types=["sliding_attention", "full_attention"], **TINY))


def ministral3():
    # Queries grow from the sixth token on.
    rope = dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=5, mscale=1.0,
                mscale_all_dim=1.0, beta_fast=4.0, beta_slow=1.0, llama_4_scaling_beta=0.4)
    return hf.Ministral3ForCausalLM(hf.Ministral3Config(head_dim=6, rope_parameters=rope, **TINY))


def ministral3_window():
    rope = dict(rope_type="default", rope_theta=100.0, original_max_position_embeddings=3, llama_4_scaling_beta=0.7)
    return hf.Ministral3ForCausalLM(hf.Ministral3Config(
        head_dim=6, rope_parameters=rope, sliding_window=5, tie_word_embeddings=True, **TINY))


GEMMA4 = dict(head_dim=6, global_head_dim=8, sliding_window=5, final_logit_softcapping=4.0, vocab_size_per_layer_input=40)
GEMMA4_ROPE = dict(full_attention=dict(rope_type="proportional", partial_rotary_factor=0.5, rope_theta=1000.0),
                   sliding_attention=dict(rope_type="default", rope_theta=10.0))


def gemma4():
    return hf.Gemma4ForCausalLM(hf.Gemma4TextConfig(
        attention_k_eq_v=True, num_global_key_value_heads=1, hidden_size_per_layer_input=0, rope_parameters=GEMMA4_ROPE,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"], **GEMMA4,
        **TINY | {"num_hidden_layers": 3}))


def gemma4_shared():
    # The last two layers read the keys and values of the second and the third.
    return hf.Gemma4ForCausalLM(hf.Gemma4TextConfig(
        num_kv_shared_layers=2, use_double_wide_mlp=True, hidden_size_per_layer_input=8, rope_parameters=GEMMA4_ROPE,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"] + ["sliding_attention", "full_attention"],
        **GEMMA4, **TINY | {"num_hidden_layers": 5}))


def seed_oss():
    return hf.SeedOssForCausalLM(hf.SeedOssConfig(
        head_dim=6, attention_bias=True, attention_out_bias=False, attention_dropout=0.0, residual_dropout=0.0, **TINY))


def exaone4():
    return hf.Exaone4ForCausalLM(hf.Exaone4Config(
        head_dim=6, sliding_window=5, layer_types=["sliding_attention", "full_attention"], **TINY))


def ernie4_5():
    return hf.Ernie4_5ForCausalLM(hf.Ernie4_5Config(head_dim=6, use_bias=True, **TINY))


def glm4():
    return hf.Glm4ForCausalLM(hf.Glm4Config(
        head_dim=8, attention_bias=True, rope_parameters=dict(rope_type="default", rope_theta=100.0,
                                                              partial_rotary_factor=0.5), **TINY))


def cohere2():
    return hf.Cohere2ForCausalLM(hf.Cohere2Config(
        logit_scale=0.8, sliding_window=5, layer_types=["sliding_attention", "full_attention"],
        rope_parameters=dict(rope_type="default", rope_theta=100.0), **TINY))


def hunyuan_v1_dense():
    return hf.HunYuanDenseV1ForCausalLM(hf.HunYuanDenseV1Config(
        head_dim=6, attention_bias=True, rope_parameters=dict(rope_type="default", rope_theta=100.0), **TINY))


def starcoder2():
    return hf.Starcoder2ForCausalLM(hf.Starcoder2Config(
        sliding_window=5, residual_dropout=0.0, embedding_dropout=0.0, **TINY))


def stablelm():
    rope = dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.5)
    return hf.StableLmForCausalLM(hf.StableLmConfig(use_qkv_bias=True, rope_parameters=rope, **TINY))


def stablelm_parallel():
    rope = dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.5)
    return hf.StableLmForCausalLM(hf.StableLmConfig(use_parallel_residual=True, rope_parameters=rope, **TINY))


def gpt_neox():
    # 4 of 8 dimensions of a head turn; yarn is read with a part of the head too.
    rope = dict(rope_type="yarn", rope_theta=100.0, partial_rotary_factor=0.5, factor=4.0, original_max_position_embeddings=8)
    return hf.GPTNeoXForCausalLM(hf.GPTNeoXConfig(rope_parameters=rope, **NEOX))


def gpt_neox_serial():
    rope = dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.5)
    return hf.GPTNeoXForCausalLM(hf.GPTNeoXConfig(
        use_parallel_residual=False, attention_bias=False, hidden_act="gelu_fast", rope_parameters=rope,
        tie_word_embeddings=True, **NEOX))


def mixtral():
    return hf.MixtralForCausalLM(hf.MixtralConfig(
        num_local_experts=4, num_experts_per_tok=2, sliding_window=5, head_dim=6, **TINY))


def qwen3_moe():
    return hf.Qwen3MoeForCausalLM(hf.Qwen3MoeConfig(
        num_experts=5, num_experts_per_tok=2, moe_intermediate_size=12, norm_topk_prob=True, mlp_only_layers=[1],
        head_dim=6, attention_bias=True, **TINY | {"num_hidden_layers": 3}))


def olmoe():
    return hf.OlmoeForCausalLM(hf.OlmoeConfig(num_experts=6, num_experts_per_tok=3, eos_token_id=2, **TINY))


def granitemoe():
    return hf.GraniteMoeForCausalLM(hf.GraniteMoeConfig(
        num_local_experts=4, num_experts_per_tok=2, embedding_multiplier=3.0, attention_multiplier=0.3,
        residual_multiplier=0.6, logits_scaling=2.5, attention_bias=True, **TINY))


def gpt_oss():
    # A small limit: gates and ups of a tiny model must reach it.
    rope = dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=32, truncate=False)
    return hf.GptOssForCausalLM(hf.GptOssConfig(
        num_local_experts=4, num_experts_per_tok=2, head_dim=8, sliding_window=5, swiglu_limit=0.5, swiglu_alpha=1.4,
        rope_parameters=rope, eos_token_id=2, **TINY))


def lfm2():
    return hf.Lfm2ForCausalLM(hf.Lfm2Config(
        layer_types=["conv", "full_attention", "conv"], block_multiple_of=8, eos_token_id=2,
        **TINY | {"num_hidden_layers": 3}))


def lfm2_bias():
    return hf.Lfm2ForCausalLM(hf.Lfm2Config(
        layer_types=["full_attention", "conv"], conv_L_cache=4, conv_bias=True, block_auto_adjust_ff_dim=False,
        tie_word_embeddings=False, eos_token_id=2, **TINY))


# A rule's result is near zero where a query meets no key yet, and a norm with a small eps makes rounding large there: with 1e-6
# transformers' own loss curve moves by 4e-3 where weights change by 1e-7.
DELTA = dict(rms_norm_eps=0.05, head_dim=8, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=6,
             linear_value_head_dim=5)


def qwen3_5():
    rope = dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.5)
    return hf.Qwen3_5ForCausalLM(hf.Qwen3_5TextConfig(
        layer_types=["linear_attention", "full_attention", "linear_attention"], rope_parameters=rope, eos_token_id=2,
        **DELTA, **TINY | {"num_hidden_layers": 3}))


def qwen3_5_tied():
    # Layer 2 of 2 has attention.
    return hf.Qwen3_5ForCausalLM(hf.Qwen3_5TextConfig(
        full_attention_interval=2, linear_conv_kernel_dim=2, attention_bias=True, tie_word_embeddings=True, eos_token_id=2,
        **DELTA | {"linear_num_value_heads": 2}, **TINY))


def classifier():
    return hf.LlamaForSequenceClassification(hf.LlamaConfig(
        vocab_size=64, intermediate_size=32, num_attention_heads=2, num_key_value_heads=1, num_labels=1, **SMALL))


# name: model, stored dtype, seed, targets of its adapter
MODELS = {
    "llama": (llama, torch.float32, 1, None),  # an adapter of its own, below
    "mistral": (mistral, torch.bfloat16, 2, SPLIT),
    "qwen2": (qwen2, torch.float16, 3, SPLIT),
    "qwen3": (qwen3, torch.float32, 5, SPLIT),
    "gemma": (gemma, torch.float32, 6, SPLIT),
    "gemma2": (gemma2, torch.float32, 7, SPLIT),
    "gemma3": (gemma3, torch.float32, 8, SPLIT),
    "olmo2": (olmo2, torch.float32, 9, SPLIT),
    "phi3": (phi3, torch.float32, 10, FUSED),
    "smollm3": (smollm3, torch.float32, 14, SPLIT),
    "olmo3": (olmo3, torch.float32, 15, SPLIT),
    "granite": (granite, torch.float32, 16, SPLIT),
    "ministral": (ministral, torch.float32, 17, SPLIT),
    "seed_oss": (seed_oss, torch.float32, 18, SPLIT),
    "exaone4": (exaone4, torch.float32, 19, SPLIT),
    "ernie4_5": (ernie4_5, torch.float32, 20, SPLIT),
    "glm4": (glm4, torch.float32, 21, ["q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj"]),
    "cohere2": (cohere2, torch.float32, 22, SPLIT),
    "hunyuan_v1_dense": (hunyuan_v1_dense, torch.float32, 23, SPLIT),
    "starcoder2": (starcoder2, torch.float32, 24, ["q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"]),
    "stablelm": (stablelm, torch.float32, 25, SPLIT),
    "stablelm_parallel": (stablelm_parallel, torch.float32, 26, SPLIT),
    "gpt_neox": (gpt_neox, torch.float32, 31, ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]),
    "gpt_neox_serial": (gpt_neox_serial, torch.float16, 32, ["query_key_value"]),
    "mixtral": (mixtral, torch.float32, 27, ATTENTION),
    "qwen3_moe": (qwen3_moe, torch.float32, 28, ATTENTION),
    "olmoe": (olmoe, torch.bfloat16, 29, ATTENTION),
    "granitemoe": (granitemoe, torch.float32, 30, ATTENTION),
    "gpt_oss": (gpt_oss, torch.float32, 33, ATTENTION),
    "lfm2": (lfm2, torch.float32, 32, LFM2),
    "lfm2_bias": (lfm2_bias, torch.bfloat16, 32, LFM2),
    "ministral3": (ministral3, torch.float32, 36, SPLIT),
    "ministral3_window": (ministral3_window, torch.bfloat16, 37, SPLIT),
    "gemma4": (gemma4, torch.float32, 38, SPLIT),
    "gemma4_shared": (gemma4_shared, torch.bfloat16, 39, SPLIT + PER_LAYER),
    "qwen3_5": (qwen3_5, torch.float32, 34, QWEN3_5),
    "qwen3_5_tied": (qwen3_5_tied, torch.bfloat16, 35, QWEN3_5),
    "llama_bias": (llama_bias, torch.float32, 12, SPLIT),
    "llama_dynamic": (llama_dynamic, torch.float32, 13, SPLIT),
}
# Every kind of rope, as config.json says it; a llama of head size 16 or a phi3.
ROPES = {
    "default": dict(rope_theta=500.0),
    "linear": dict(rope_theta=500.0, rope_scaling=dict(rope_type="linear", factor=2.5)),
    "dynamic": dict(rope_theta=500.0, rope_scaling=dict(type="dynamic", factor=4.0)),
    "llama3": dict(rope_scaling=LLAMA3),
    "yarn": dict(rope_theta=500.0, rope_scaling=dict(rope_type="yarn", factor=4.0,
                                                     original_max_position_embeddings=32)),
    "yarn_all": dict(rope_scaling=dict(rope_type="yarn", rope_theta=500.0, factor=4.0, beta_fast=20.0, beta_slow=2.0,
                                       mscale=0.8, mscale_all_dim=1.4, truncate=False,
                                       original_max_position_embeddings=32)),
    "yarn_factor": dict(rope_scaling=dict(rope_type="yarn", factor=8.0, attention_factor=1.25,
                                          original_max_position_embeddings=16)),
    "longrope": dict(original_max_position_embeddings=32,
                     rope_scaling=dict(rope_type="longrope", short_factor=[1 + 0.1 * i for i in range(8)],
                                       long_factor=[1 + 0.7 * i for i in range(8)])),
    "longrope_factor": dict(rope_scaling=dict(rope_type="longrope", factor=6.0, original_max_position_embeddings=32,
                                              short_factor=[1.0] * 8, long_factor=[2.0] * 8)),
    "phi3": dict(original_max_position_embeddings=32, partial_rotary_factor=0.5,
                 rope_scaling=dict(type="longrope", short_factor=[1.0, 1.5, 2.0, 3.0], long_factor=[4.0, 5.0, 6.0, 9.0])),
}
ROPE_LENGTHS = (7, 32, 33, 128, 129, 300)


def ropes(folder):
    out = {}
    for name, changes in ROPES.items():
        family = "phi3" if name.startswith("phi3") else "llama"
        text = dict(model_type=family, hidden_size=64, intermediate_size=32, num_hidden_layers=1,
                    num_attention_heads=4, num_key_value_heads=4, vocab_size=40, max_position_embeddings=128,
                    pad_token_id=0) | changes
        (folder / f"{name}.json").write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")
        config = hf.AutoConfig.for_model(**copy.deepcopy(text))
        module = {"llama": hf.models.llama.modeling_llama.LlamaRotaryEmbedding,
                  "phi3": hf.models.phi3.modeling_phi3.Phi3RotaryEmbedding}[family]
        for length in ROPE_LENGTHS:
            rope = module(config)
            cos, sin = rope(torch.zeros(1), torch.arange(length)[None])
            half = cos.shape[-1] // 2
            out[f"{name}.{length}.frequencies"] = rope.inv_freq
            out[f"{name}.{length}.attention_factor"] = torch.tensor([float(rope.attention_scaling)])
            out[f"{name}.{length}.cos"] = cos[0, -1, :half]
            out[f"{name}.{length}.sin"] = sin[0, -1, :half]
    write(folder, "ropes.safetensors", out)


def make(root, name):
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if name == "ropes":
        ropes(folder)
        return
    if name == "reward":
        reward(folder, classifier(), torch.bfloat16, 4)
        return
    build, dtype, seed, targets = MODELS[name]
    model = build()
    causal(folder, model, dtype, seed)
    if targets is None:
        config = LoraConfig(r=4, lora_alpha=6, use_rslora=True,
                            target_modules=["q_proj", "v_proj", "down_proj", "o_proj"],
                            rank_pattern={"down_proj": 3}, alpha_pattern={"1.self_attn.o_proj": 11}, lora_dropout=0.0,
                            task_type="CAUSAL_LM")
    else:
        config = LoraConfig(target_modules=targets, **RANKS)
    adapter(folder, model, seed + 10, config, name)


def main(root, names):
    for name in names or [*MODELS, "reward", "ropes"]:
        make(root, name)
    share(root)


if __name__ == "__main__":
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "models"
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default, sys.argv[2:])
