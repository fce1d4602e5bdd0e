"""Live: GGUF files of `una export`, read by llama.cpp (llama-cpp-python) and by the gguf package.

1. Tensors: every one as the gguf package makes it of the F32 file's, bit for bit (Q8_0, F16, BF16).
2. Logits and greedy tokens: 32 tokens from given ids by llama.cpp, beside transformers on the same (merged) weights.
   llama.cpp multiplies F16, BF16 and Q8_0 matrices with activations that it rounds to the same type first (F16: in some
   kernels only); the oracle rounds both. What is left is summation order, and for BF16 and Q8_0 an activation now and
   then that falls on the other side of a rounding and moves logits by hundredths (one case at least must have none, and
   agree as F32 does). A token may differ only where the oracle's two best logits lie within a gap: 1e-3, and as much as
   such a rounding may move them where there are any. Where all are the oracle's, `una generate` must give the same text
   (F32).
3. Tokens of texts: llama.cpp's tokenizer, as the file describes it, beside the tokenizers library.
4. Adapters alone: the exported base with the exported adapter, beside transformers on the merged weights.
"""
import json
import pathlib
import shutil

import numpy
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
import transformers
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast, Qwen2Config,
                          Qwen2ForCausalLM)

try:
    import gguf
    import llama_cpp
except ImportError:
    llama_cpp = None

NEW = 32
SHAPE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=512)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
YARN = {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 32}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}
llama = lambda v, **keys: LlamaForCausalLM(LlamaConfig(vocab_size=v, **{**SHAPE, **keys}))
qwen2 = lambda v, **keys: Qwen2ForCausalLM(Qwen2Config(vocab_size=v, **{**SHAPE, **keys}))
SLIDING, FULL = "sliding_attention", "full_attention"
PLAIN = {"rope_type": "default", "rope_theta": 10000.0}
LONG = {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 32, "partial_rotary_factor": 0.5,
        "short_factor": [1.0, 1.2, 1.4, 2.0], "long_factor": [1.0, 1.7, 3.0, 6.0]}


def other(name, **keys):
    """A model of transformers' class, with an adapter or not; keys over SHAPE."""
    model, config = getattr(transformers, f"{name}ForCausalLM"), getattr(transformers, keys.pop("config", f"{name}Config"))
    return lambda v: model(config(vocab_size=v, **{**SHAPE, "pad_token_id": 0, **keys}))


# name: (model, adapter). Rows of 80 are no whole Q8_0 blocks: that matrix falls back to F16.
CASES = {
    "llama": (lambda v: llama(v, head_dim=24, rope_parameters=LLAMA3), True),
    "mistral": (lambda v: MistralForCausalLM(MistralConfig(vocab_size=v, **SHAPE, sliding_window=None)), False),
    "qwen2": (lambda v: qwen2(v, tie_word_embeddings=True), True),
    "llama with biases": (lambda v: llama(v, attention_bias=True, mlp_bias=True, intermediate_size=80), False),
    "llama, linear rope": (lambda v: llama(v, rope_parameters=LINEAR), False),
    "llama, yarn": (lambda v: llama(v, rope_parameters={**YARN, "attention_factor": 1.3}), False),
    "qwen2, yarn": (lambda v: qwen2(v, rope_parameters=YARN), False),
}
# The same for the other families, in two of the types. Windows of 16 are shorter than the sequences.
MORE = {
    "qwen3": (other("Qwen3", head_dim=24), True),
    "gemma": (other("Gemma", head_dim=24), True),
    "gemma2": (other("Gemma2", head_dim=24, query_pre_attn_scalar=24, sliding_window=16, attn_logit_softcapping=8.0,
                     final_logit_softcapping=6.0), True),
    "gemma3": (other("Gemma3", config="Gemma3TextConfig", head_dim=24, query_pre_attn_scalar=24, sliding_window=16,
                     layer_types=[SLIDING, FULL], rope_parameters={SLIDING: PLAIN, FULL: {**LINEAR, "rope_theta": 50000.0}}), True),
    "olmo2": (other("Olmo2"), True),
    "olmo2, tied": (other("Olmo2", tie_word_embeddings=True), False),
    "olmo3": (other("Olmo3", sliding_window=16, layer_types=[SLIDING, FULL],
                    rope_parameters={SLIDING: PLAIN, FULL: {**YARN, "rope_theta": 10000.0}}), False),
    "phi3": (other("Phi3", rope_parameters={**PLAIN, "partial_rotary_factor": 0.5}), True),
    "phi3, long rope": (other("Phi3", rope_parameters=LONG, original_max_position_embeddings=32), False),
    "smollm3": (other("SmolLM3", num_hidden_layers=4), True),
    "granite": (other("Granite", embedding_multiplier=3.0, residual_multiplier=0.6, attention_multiplier=0.2, logits_scaling=2.0,
                      rope_parameters=LLAMA3), True),
    "ministral": (other("Ministral", head_dim=16, sliding_window=512, layer_types=[FULL, FULL]), False),
    "seed_oss": (other("SeedOss", head_dim=24, attention_bias=True, attention_out_bias=False), False),
    "exaone4": (other("Exaone4", sliding_window=None, layer_types=[FULL, FULL]), False),
    "exaone4, 64 layers": (other("Exaone4", num_hidden_layers=64, sliding_window=16, sliding_window_pattern=4,
                                 layer_types=[SLIDING, SLIDING, SLIDING, FULL] * 16), False),
    "ernie4_5": (other("Ernie4_5", head_dim=24), True),
    "glm4": (other("Glm4", head_dim=24, attention_bias=True, rope_parameters={**PLAIN, "partial_rotary_factor": 0.5}), True),
    "cohere2": (other("Cohere2", num_hidden_layers=4, sliding_window=16, logit_scale=0.25), True),
    "hunyuan": (other("HunYuanDenseV1", head_dim=24), False),
    "starcoder2": (other("Starcoder2", use_bias=True), True),
    "stablelm": (other("StableLm", use_qkv_bias=True), True),
    "stablelm, parallel": (other("StableLm", use_parallel_residual=True), False),
    "gpt_neox": (other("GPTNeoX"), True),
    "gpt_neox, serial": (other("GPTNeoX", use_parallel_residual=False, rotary_pct=0.5, hidden_act="gelu_fast"), False),
}
DELTA = dict(linear_key_head_dim=32, linear_value_head_dim=32, rope_parameters={**PLAIN, "partial_rotary_factor": 0.25})
HYBRID = {
    "lfm2": (other("Lfm2", layer_types=["conv", FULL, "conv"], num_hidden_layers=3, block_multiple_of=32), True),
    "lfm2, a longer convolution": (other("Lfm2", layer_types=[FULL, "conv"], conv_L_cache=5, block_multiple_of=32,
                                         tie_word_embeddings=False), False),
    "qwen3_5": (other("Qwen3_5", config="Qwen3_5TextConfig", num_hidden_layers=4, head_dim=32, full_attention_interval=4,
                      linear_num_key_heads=2, linear_num_value_heads=4, **DELTA), True),
    "qwen3_5, a head for each head": (other("Qwen3_5", config="Qwen3_5TextConfig", head_dim=32, full_attention_interval=2,
                                            linear_num_key_heads=2, linear_num_value_heads=2, tie_word_embeddings=True, **DELTA), False),
}
MORE |= HYBRID
EXPERTS = dict(num_experts_per_tok=2)
# The oracle rounds activations before linears only, and transformers' experts are none: their logits are compared in F32 alone.
SPARSE = {
    "mixtral": (other("Mixtral", num_local_experts=6, **EXPERTS), False),
    "qwen3_moe": (other("Qwen3Moe", head_dim=24, num_experts=12, moe_intermediate_size=32, norm_topk_prob=True, **EXPERTS), False),
    "olmoe": (other("Olmoe", num_experts=8, num_key_value_heads=4, **EXPERTS), False),
    "granitemoe": (other("GraniteMoe", num_local_experts=6, embedding_multiplier=3.0, residual_multiplier=0.6,
                         attention_multiplier=0.2, logits_scaling=2.0, **EXPERTS), False),
}
# Rounded as llama.cpp rounds it. A window of 16 is shorter than the sequences.
SPARSE["gpt_oss"] = (other("GptOss", head_dim=32, sliding_window=16, num_local_experts=6, eos_token_id=2,
                           rope_parameters=YARN | {"truncate": True}, **EXPERTS), False)
CASES.update(MORE | SPARSE)
LATEST = {
    "ministral3": (other("Ministral3", head_dim=16, rope_parameters={
        **YARN, "original_max_position_embeddings": 16, "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.3}), True),
    "gemma4": (other("Gemma4", config="Gemma4TextConfig", num_hidden_layers=3, head_dim=24, global_head_dim=32,
                     num_global_key_value_heads=1, attention_k_eq_v=True, hidden_size_per_layer_input=0, sliding_window=16,
                     final_logit_softcapping=6.0, layer_types=[SLIDING, SLIDING, FULL]), True),
    "gemma4, shared keys": (lambda v: other("Gemma4", config="Gemma4TextConfig", num_hidden_layers=5, head_dim=24,
                            global_head_dim=32, hidden_size_per_layer_input=32, vocab_size_per_layer_input=v,
                            num_kv_shared_layers=2, use_double_wide_mlp=True, sliding_window=16,
                            layer_types=[FULL, SLIDING, FULL, SLIDING, FULL])(v), True),
}
MORE |= LATEST
CASES.update(LATEST)
MERGED_ONLY = {"gemma4, shared keys"}  # llama.cpp adds no adapter to per_layer_model_projection
# dtype: type in the file, limit of the logits' largest difference, gap
DTYPES = {"float32": ("F32", 1e-4, 1e-3), "float16": ("F16", 1e-2, 1e-3), "bfloat16": ("BF16", 1e-1, 1e-1),
          "q8_0": ("Q8_0", 2e-1, 2e-1)}
GELU_BOUNDS = 5e-3, 5e-3  # F32: an activation may fall on the other side of a rounding in ggml's table of gelu
LLAMA3_REGEX = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN_REGEX = LLAMA3_REGEX.replace("{1,3}", "")
SEED_REGEX = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+")
WORD, ENDING = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT4O_REGEX = (WORD + r"*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + ENDING + "|" + WORD + r"+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + ENDING +
               r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEXTS = ["The cat sat on the mat.", "  two  spaces\tand a tab\n\n\nlines", "numbers 1 12 123 1234 12345", "it's we'LL they've DON'T",
         "Größe, naïve café, Привет мир, 日本語 ☃", "x=3*(y+2); // code {[]}", " leading", "trailing ", "a\r\nb", "ALLCAPS CamelCase"]


def randomise(model, seed):
    """Weights that spread the logits and that no symmetry hides: norms away from 1, biases away from 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.2 * noise if parameter.dim() == 1 and parameter.mean() == 1 else 0.15 * noise)
        for name, buffer in model.named_buffers():
            if name.endswith("layer_scalar"):  # gemma4's
                buffer.copy_(0.8 + 0.4 * torch.rand(buffer.shape, generator=generator))
    return model.eval()


def round_row(values, kind):
    """What ggml makes of an activation before it multiplies it with a matrix of this type (x86)."""
    if kind == "F16":
        return values.half().float()
    if kind == "BF16":
        return values.bfloat16().float()
    if kind != "Q8_0":
        return values
    blocks = values.reshape(-1, 32)
    largest = blocks.abs().amax(-1, keepdim=True)
    levels = torch.where(largest > 0, blocks * (127 / largest), 0).round()
    return (levels * (largest / 127).half().float()).reshape(values.shape)


def stored(matrix, kind):
    if kind == "Q8_0":
        numbers = gguf.quants.quantize(matrix.numpy(), gguf.GGMLQuantizationType.Q8_0)
        return torch.from_numpy(gguf.quants.dequantize(numbers, gguf.GGMLQuantizationType.Q8_0))
    return round_row(matrix, kind)


class HalfGelu(torch.nn.Module):
    """ggml's gelu: the tanh form, from a table of half-precision numbers."""

    def forward(self, x):
        return torch.where(x.abs() < 10, torch.nn.functional.gelu(x.half().float(), approximate="tanh").half().float(), x.relu())


def oracle(model, kind):
    """The model with matrices as stored and activations rounded before each of them."""
    with torch.no_grad():
        for module in list(model.modules()):
            for name in ("act_fn", "act"):
                if "gelu" in type(getattr(module, name, None)).__name__.lower():  # llama.cpp has the one
                    setattr(module, name, HalfGelu())
            if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
                own = kind if kind != "Q8_0" or module.weight.shape[1] % 32 == 0 else "F16"
                tied = module is model.get_output_embeddings() and model.config.tie_word_embeddings
                if not tied:
                    module.weight.copy_(stored(module.weight, own))
                if isinstance(module, torch.nn.Linear):
                    module.register_forward_pre_hook(lambda _, inputs, own=own: (round_row(inputs[0], own),))
    return model


class GgufParity:
    def __init__(self, parity):
        self.parity, self.tally = parity, parity.tally
        self.work = parity.work / "gguf"
        self.work.mkdir()
        self.least = {}  # kind: the smallest of its cases' differences of logits

    def llama_cpp(self, path, **keys):
        return llama_cpp.Llama(str(path), n_ctx=256, n_batch=256, logits_all=True, n_threads=1, n_threads_batch=1, verbose=False,
                               type_k=0, type_v=0, **keys)  # keys and values in F32

    def prompt(self):
        return self.parity.pairs[0]["prompt"]

    def case(self, name, index):
        """The model's folder, its adapter's or None, and what transformers says are the merged weights."""
        make, with_adapter = CASES[name]
        folder, adapter = self.work / "model", self.work / "adapter"
        torch.manual_seed(index)
        model = randomise(make(len(self.parity.tokenizer) + 5), index)
        model.save_pretrained(folder)
        self.parity.tokenizer.save_pretrained(folder)
        if not with_adapter:
            return folder, None, model
        peft = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, use_rslora=index % 2 == 1, rank_pattern={"o_proj": 2},
                                                alpha_pattern={"o_proj": 5}, target_modules="all-linear", task_type="CAUSAL_LM"))
        with torch.no_grad():
            for key, parameter in peft.named_parameters():
                if "lora_B" in key:
                    parameter.normal_(std=0.05)
        peft.save_pretrained(adapter)
        return folder, adapter, peft.merge_and_unload().eval()

    def export(self, folder, adapter, dtype, *extra):
        path = self.work / f"{dtype}{'-lora' if extra else ''}.gguf"
        extra = ["--adapter", adapter, *extra] if adapter else []
        self.parity.una("export", "--model", folder, *extra, "--output_file", path, "--dtype", dtype, "--overwrite")
        return path

    def tensors(self, name, path, base, kind):
        ours = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
        wrong = len(set(base) ^ set(ours))
        for key in base.keys() & ours.keys():
            wanted = base[key].data
            if ours[key].tensor_type.name != "F32":
                wanted = gguf.quants.quantize(wanted, ours[key].tensor_type)
            wrong += not numpy.array_equal(ours[key].data.view(numpy.uint8), wanted.view(numpy.uint8))
        small = sum(tensor.tensor_type.name == kind for tensor in ours.values())
        self.tally.check(f"{name}, {kind}: tensors that differ from the gguf package's ({small} of {len(ours)} in {kind})",
                         wrong + (small == 0), 0)

    @torch.no_grad()
    def greedy(self, name, path, model, kind, limit, gap, **keys):
        """llama.cpp's 32 tokens; the oracle is asked at each of them. `keys`: llama.cpp's, such as lora_path."""
        prompt = self.parity.tokenizer(self.prompt(), add_special_tokens=False)["input_ids"]
        prompt = prompt * (1 + 40 // len(prompt))  # past yarn's original length
        never = self.parity.tokenizer.eos_token_id
        reader, ids, theirs = self.llama_cpp(path, **keys), list(prompt), []
        reader.eval(prompt)
        for _ in range(NEW):
            logits = torch.from_numpy(reader.scores[reader.n_tokens - 1].copy())
            theirs.append(logits)
            logits = logits.clone()
            logits[never] = -torch.inf
            ids.append(int(logits.argmax()))
            reader.eval(ids[-1:])
        ours = model(torch.tensor([ids])).logits[0, len(prompt) - 1 : -1].float()
        spread = ours.std().item()
        difference = max((a - b).abs().max().item() for a, b in zip(theirs, ours))
        self.tally.check(f"{name}, {kind}: logits (they spread by {spread:.1f})", difference, limit)
        self.least[kind] = min(difference, self.least.get(kind, difference))
        ours[:, never] = -torch.inf
        best = ours.topk(2, -1)
        same = [int(best.indices[i, 0]) == ids[len(prompt) + i] for i in range(NEW)]
        wrong = sum(not same[i] and (best.values[i, 0] - best.values[i, 1]).item() >= gap for i in range(NEW))
        self.tally.check(f"{name}, {kind}: greedy tokens that differ beyond a gap of {gap} ({sum(same)} of {NEW} equal)", wrong, 0)
        return prompt, ids[len(prompt) :] if all(same) else None

    def generated(self, name, folder, adapter, prompt, answer):
        """`una generate` itself says the same text."""
        out = self.work / "generated.jsonl"
        out.unlink(missing_ok=True)
        text = self.parity.tokenizer.decode(prompt)
        extra = ["--adapter", adapter] if adapter else []
        self.parity.una("generate", "--model", folder, *extra, "--prompt", text, "--temperature", 0, "--max_new_tokens", NEW,
                        "--min_new_tokens", NEW, "--dtype", "float32", "--out", out)
        ours = json.loads(out.read_text().split("\n")[0])["completion"]
        theirs = self.parity.tokenizer.decode(answer, skip_special_tokens=True)
        self.tally.check(f"{name}, F32: texts of una generate and llama.cpp that differ", int(ours != theirs), 0)

    def model(self, name, index):
        folder, adapter, merged = self.case(name, index)
        weights = {key: value.clone() for key, value in merged.state_dict().items()}
        base = None
        for dtype, (kind, *bounds) in DTYPES.items():
            if name in MORE | SPARSE and kind not in ("F32", "Q8_0"):
                continue
            path = self.export(folder, adapter, dtype)
            base = base or {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
            if kind != "F32":
                self.tensors(name, path, base, kind)
            if kind != "F32" and name in SPARSE:
                continue
            fresh = CASES[name][0](len(self.parity.tokenizer) + 5).eval()
            fresh.load_state_dict(weights)
            fresh = oracle(fresh, kind)
            if kind == "F32" and any(isinstance(module, HalfGelu) for module in fresh.modules()):
                bounds = GELU_BOUNDS
            prompt, answer = self.greedy(name, path, fresh, kind, *bounds)
            if kind == "F32" and answer is not None:
                self.generated(name, folder, adapter, prompt, answer)
            if kind == "F32" and adapter is not None and name not in MERGED_ONLY:
                lora = self.export(folder, adapter, dtype, "--adapter_only", "true")
                self.greedy(f"{name}, the adapter alone", self.export(folder, None, dtype), fresh, kind, *bounds, lora_path=str(lora))
        shutil.rmtree(folder)

    def tokens(self, name, tokenizer):
        """Ids of texts by llama.cpp, from a file whose model is next to nothing."""
        folder = self.work / "tokenizer"
        tokenizer.save_pretrained(folder)
        llama(len(tokenizer), hidden_size=32, intermediate_size=32, num_attention_heads=1, num_key_value_heads=1,
              num_hidden_layers=1, tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id).save_pretrained(folder)
        reader = self.llama_cpp(self.export(folder, None, "float16"))
        texts = TEXTS + [row[key] for row in self.parity.pairs for key in ("prompt", "chosen")]
        differ = [text for text in texts
                  if reader.tokenize(text.encode(), add_bos=False) != tokenizer(text, add_special_tokens=False)["input_ids"]]
        for text in differ[:3]:
            print(f"      {text!r}: llama.cpp {reader.tokenize(text.encode(), add_bos=False)}, "
                  f"tokenizers {tokenizer(text, add_special_tokens=False)['input_ids']}")
        self.tally.check(f"{name}: texts whose tokens differ (of {len(texts)})", len(differ), 0)
        with_bos = reader.tokenize(b"cat", add_bos=True)[0] == tokenizer.bos_token_id and tokenizer.bos_token_id is not None
        adds = tokenizer("cat")["input_ids"][0] == tokenizer.bos_token_id and tokenizer.bos_token_id is not None
        self.tally.check(f"{name}: a begin-of-text token where the other puts none", int(with_bos != adds), 0)
        shutil.rmtree(folder)

    def trained(self, pre_tokenizer, ignore_merges=False):
        """A byte-level BPE with the pre-tokenizer of a known model."""
        tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
        trainer = trainers.BpeTrainer(vocab_size=600, show_progress=False, special_tokens=["<|end|>"],
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
        tokenizer.train_from_iterator([row["chosen"] for row in self.parity.pairs] + TEXTS * 3, trainer)
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")

    def pieces(self):
        """A BPE of characters with byte fallback and every split of a token a merge, as converters make of SentencePiece."""
        spaced = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
        learner.normalizer = spaced
        names = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
        texts = [row["chosen"] for row in self.parity.pairs] + TEXTS[:4]
        learner.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=700, show_progress=False, special_tokens=names,
                                                               max_token_length=12))
        vocabulary = learner.get_vocab()
        merges = [(vocabulary[token], token[:i], token[i:]) for token in vocabulary for i in range(1, len(token))
                  if token not in names and token[:i] in vocabulary and token[i:] in vocabulary]
        merges.sort(key=lambda merge: (merge[0], vocabulary[merge[1]], vocabulary[merge[2]]))
        tokenizer = Tokenizer(models.BPE(vocabulary, [merge[1:] for merge in merges], unk_token="<unk>", fuse_unk=True,
                                         byte_fallback=True))
        tokenizer.normalizer = spaced
        tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                               decoders.Strip(" ", 1, 0)])
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")

    def tokenizers(self):
        split = lambda regex: pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), "isolated"),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self.tokens("the demo's tokenizer", self.parity.tokenizer)
        self.tokens("pre-tokenizer smollm", self.trained(pre_tokenizers.Sequence([pre_tokenizers.Digits(True), plain])))
        self.tokens("pre-tokenizer qwen2", self.trained(split(QWEN_REGEX)))
        self.tokens("pre-tokenizer llama-bpe", self.trained(split(LLAMA3_REGEX), ignore_merges=True))
        self.tokens("pre-tokenizer smaug-bpe", self.trained(split(LLAMA3_REGEX)))
        self.tokens("pre-tokenizer seed-coder", self.trained(split(SEED_REGEX)))
        self.tokens("pre-tokenizer gpt-4o", self.trained(split(GPT4O_REGEX)))
        inverted = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3_REGEX), "removed", invert=True),
                                            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        self.tokens("pre-tokenizer smaug-bpe, inverted", self.trained(inverted))
        self.tokens("pieces with byte fallback", self.pieces())
        for folder in sorted(pathlib.Path(self.parity.args.data or "none", "tokenizers").glob("*")):
            tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
            config = json.loads((folder / "tokenizer_config.json").read_text())
            text = lambda value: value["content"] if isinstance(value, dict) else value
            known = {key: text(config[key]) for key in ("bos_token", "eos_token") if config.get(key)}
            if all(token in tokenizer.get_vocab() for token in known.values()) and "eos_token" in known:
                tokenizer.add_special_tokens(known)
                self.tokens(f"the tokenizer {folder.name}", tokenizer)

    def all(self):
        if llama_cpp is None:
            print("skipped  GGUF: llama-cpp-python and gguf are not installed")
            return
        wanted = self.parity.args.case
        for index, name in enumerate(CASES):
            if not wanted or name in wanted:
                self.model(name, index)
        if not wanted:
            for kind in ("BF16", "Q8_0"):
                self.tally.check(f"{kind}: logits of the nearest case", self.least[kind], 1e-4)
        if not wanted or "tokenizers" in wanted:
            self.tokenizers()
