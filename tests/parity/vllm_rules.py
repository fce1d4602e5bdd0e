"""What the loader of vLLM 0.33 asks of a folder, in our own words; vLLM is not needed. At each rule stands the file and function
of vLLM that it was read from. A broken rule is a sentence that begins with the rule's name: `model_refusals`,
`adapter_refusals`. Some are stricter than vLLM: it drops a bias that its model lacks and leaves a linear that no file
holds as it was initialised, both without a word; here they count as broken. Families: those with a model of vLLM's own.
"""
import json
import pathlib
import re

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

# model_executor/models/registry.py. A classifier is its causal model with the head exchanged: registry.py
# _normalize_arch, adapters.py as_seq_cls_model.
# models/llama.py, mistral.py, qwen2.py, qwen3.py, gemma.py, gemma2.py, phi3.py: embedding_modules (interfaces.py SupportsLoRA:
# none), which an adapter may name beside linears.
EMBEDDINGS = {"Llama": ("embed_tokens", "lm_head"), "Mistral": (), "Qwen2": (), "Qwen3": ("embed_tokens", "lm_head"), "Gemma": (),
              "Gemma2": (), "Phi3": ("embed_tokens", "lm_head")}
ARCHITECTURES = {f"{family}For{head}": family for family in EMBEDDINGS for head in ("CausalLM", "SequenceClassification")}
SPLIT = {"self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"), "mlp": ("gate_proj", "up_proj", "down_proj")}
FUSED = {"self_attn": ("qkv_proj", "o_proj"), "mlp": ("gate_up_proj", "down_proj")}
NORMS = ("input_layernorm", "post_attention_layernorm")
MORE_NORMS = {"Gemma2": ("pre_feedforward_layernorm", "post_feedforward_layernorm")}
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # config/lora.py MaxLoRARanks: what --max-lora-rank may be
# lora/peft_helper.py _validate_features, validate_legal: what must be off.
REFUSED_KEYS = ("use_dora", "lora_bias", "alora_invocation_tokens", "layer_replication", "use_bdlora", "use_qalora")
PLAIN_STARTS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")  # peft_helper.py _init_is_supported


class Broken(Exception):
    """A rule without which the ones after it cannot be asked."""


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def read_config(folder):
    """transformers_utils/config.py get_config, HFConfigParser.parse: config.json by transformers' AutoConfig."""
    if not (folder / "config.json").is_file():
        raise Broken("config: config.json is missing")
    try:
        return AutoConfig.from_pretrained(folder)
    except (ValueError, OSError, KeyError) as error:
        raise Broken(f"config: transformers does not read config.json: {error}") from error


def family_of(config):
    name = (config.architectures or [""])[0]
    if name not in ARCHITECTURES:
        raise Broken(f"architecture: '{name}' is not in vLLM's registry (for these families)")
    return ARCHITECTURES[name]


def is_classifier(config):
    return config.architectures[0].endswith("ForSequenceClassification")


def architecture_refusals(config, family):
    """models/llama.py LlamaMLP, LlamaAttention; mistral.py MistralMLP; qwen2.py Qwen2MLP, Qwen2Attention, Qwen2Model; gemma.py
    _get_gemma_act_fn; gemma2.py Gemma2MLP."""
    gelu = {"Gemma": (None, "gelu_pytorch_tanh", "gelu"), "Gemma2": ("gelu_pytorch_tanh",)}.get(family)
    key, known = ("hidden_activation", gelu) if gelu else ("hidden_act", ("silu",))
    if getattr(config, key, None) not in known:
        yield f"architecture: {key} '{getattr(config, key, None)}', but only {known}"
    if config.num_attention_heads % config.num_key_value_heads:
        yield "architecture: the heads do not divide into the kv heads"
    mixed = len(set(getattr(config, "layer_types", None) or [])) > 1
    if family == "Qwen2" and mixed and config.max_window_layers != config.num_hidden_layers:
        yield "architecture: a Qwen2 model with a window in some layers only"
    # model_arch_config_convertor.py derive_max_model_len_and_key
    if not isinstance(config.max_position_embeddings, int) or config.max_position_embeddings < 1:
        yield "architecture: no max_position_embeddings, from which vLLM takes the longest sequence"


def picked_files(folder):
    """model_loader/default_loader.py _prepare_weights, weight_utils.py filter_duplicate_safetensors_files: every .safetensors
    file of the folder itself, only those of the index where there is one. A .bin or .pt file would be read in their
    absence; una writes none."""
    if any(folder.glob("consolidated*.safetensors")):
        raise Broken("files: consolidated*.safetensors makes vLLM read the folder as Mistral's own format")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise Broken("files: no .safetensors file")
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return files
    listed = set(read_json(index)["weight_map"].values())
    missing = sorted(listed - {file.name for file in files})
    if missing:
        raise Broken(f"files: the index names {missing}, which are not there")
    return [file for file in files if file.name in listed]


def read_headers(files):
    """weight_utils.py safetensors_weights_iterator: {tensor: (file, shape, dtype)}; a name twice would be loaded twice."""
    tensors = {}
    for file in files:
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():
                if name in tensors:
                    raise Broken(f"files: {name} is in {tensors[name][0].name} and in {file.name}")
                part = opened.get_slice(name)
                tensors[name] = (file, tuple(part.get_shape()), part.get_dtype())
    return tensors


def index_refusals(folder, tensors):
    """Not read by vLLM, but by transformers and the Hub: the index says where each tensor is, and total_size."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    said = read_json(index)
    if said["weight_map"] != {name: file.name for name, (file, _, _) in tensors.items()}:
        yield "index: weight_map is not what the files hold"
    sizes = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}
    total = sum(sizes[dtype] * torch.Size(shape).numel() for _, shape, dtype in tensors.values())
    if said.get("metadata", {}).get("total_size") != total:
        yield f"index: total_size is not {total}"


def head_size(config, family):
    """models/qwen2.py Qwen2Attention knows no head_dim."""
    own = None if family == "Qwen2" else getattr(config, "head_dim", None)
    return own or config.hidden_size // config.num_attention_heads


def biases(config, family):
    """Of queries, keys and values; of o_proj; of the MLP: LlamaDecoderLayer, Qwen2Attention, Qwen3Attention, GemmaAttention,
    Gemma2Attention."""
    attention = bool(getattr(config, "attention_bias", False) or getattr(config, "bias", False))
    own = {"Qwen2": (True, False, False), "Qwen3": (attention, False, False), "Gemma": (False, False, False)}
    return own.get(family, (attention, attention, getattr(config, "mlp_bias", False)))


def linear_shapes(config, family):
    """{last name: (rows, columns, has bias)}: LlamaAttention and its likes; Phi-3's file has the names of vLLM's own linears."""
    hidden, inner = config.hidden_size, config.intermediate_size
    queries, keys = (heads * head_size(config, family) for heads in (config.num_attention_heads, config.num_key_value_heads))
    inputs, output, mlp = biases(config, family)
    return {"q_proj": (queries, hidden, inputs), "k_proj": (keys, hidden, inputs), "v_proj": (keys, hidden, inputs),
            "qkv_proj": (queries + 2 * keys, hidden, inputs), "o_proj": (hidden, queries, output), "gate_proj": (inner, hidden, mlp),
            "up_proj": (inner, hidden, mlp), "gate_up_proj": (2 * inner, hidden, mlp), "down_proj": (hidden, inner, mlp)}


def linears(family):
    return FUSED if family == "Phi3" else SPLIT


def module_shapes(config, family):
    """{full module: (rows, columns, has bias)} of the linears. vLLM's own are qkv_proj and gate_up_proj; WeightsMapper
    (models/utils.py) puts these into them by their names."""
    shapes = linear_shapes(config, family)
    return {f"model.layers.{layer}.{part}.{name}": shapes[name]
            for layer in range(config.num_hidden_layers) for part, names in linears(family).items() for name in names}


def parameters(config, family, has_head):
    """{tensor: shape} that the model takes."""
    hidden, out = config.hidden_size, {}
    for module, (rows, columns, bias) in module_shapes(config, family).items():
        out[f"{module}.weight"] = (rows, columns)
        if bias:
            out[f"{module}.bias"] = (rows,)
    for layer in range(config.num_hidden_layers):
        for norm in (*NORMS, *MORE_NORMS.get(family, ())):
            out[f"model.layers.{layer}.{norm}.weight"] = (hidden,)
        for norm in ("q_norm", "k_norm") if family == "Qwen3" else ():
            out[f"model.layers.{layer}.self_attn.{norm}.weight"] = (head_size(config, family),)
    out |= {"model.norm.weight": (hidden,), "model.embed_tokens.weight": (config.vocab_size, hidden)}
    if is_classifier(config):  # adapters.py as_seq_cls_model: score in the place of the head
        out["score.weight"] = (config.num_labels, hidden)
    elif has_head or not config.tie_word_embeddings:
        out["lm_head.weight"] = (config.vocab_size, hidden)
    return out


def tensor_refusals(config, family, tensors):
    """models/utils.py AutoWeightsLoader (names), layers/linear.py and vocab_parallel_embedding.py weight_loader (shapes),
    default_loader.py track_weights_loading (missing)."""
    wanted = parameters(config, family, "lm_head.weight" in tensors)
    for name, (_, shape, _) in tensors.items():
        if name in wanted and wanted[name] != shape:
            yield f"shapes: {name} is {shape}, vLLM's is {wanted[name]}"
        if name not in wanted and name.endswith(".bias"):
            yield f"tensors: {name} is dropped without a word"
        elif name not in wanted and "rotary_emb." not in name:
            yield f"tensors: vLLM's model has no {name}"
    for name in wanted.keys() - tensors.keys():
        yield f"tensors: {name} is not initialised from the folder"


def tied_refusals(config, tensors):
    """config/model.py maybe_untie_word_embeddings, model_loader/weight_tying.py maybe_retie_word_embeddings: with a head in the
    files the tie is not believed."""
    if not config.tie_word_embeddings or "lm_head.weight" not in tensors:
        return
    head, embedding = (read_tensor(tensors[name][0], name) for name in ("lm_head.weight", "model.embed_tokens.weight"))
    if not torch.equal(head, embedding):
        yield "tied: tie_word_embeddings, but lm_head.weight is another matrix"


def read_tensor(file, name):
    with safe_open(file, framework="pt") as opened:
        return opened.get_tensor(name)


def dtype_refusals(config, tensors):
    """config/model.py _get_and_verify_dtype, model_arch_config_convertor.py get_torch_dtype: the model computes in what
    config.json says, whatever the files hold; transformers 5 does the same."""
    names = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.float64: "F64"}
    stored = {dtype for _, _, dtype in tensors.values()}
    if len(stored) > 1:
        yield f"dtype: the files mix {sorted(stored)}"
    elif config.dtype is not None and stored != {names[config.dtype]}:
        yield f"dtype: config.json says {config.dtype}, the files hold {stored.pop()}"


def generation_defaults(folder):
    """transformers_utils/config.py try_get_generation_config, config/model.py get_diff_sampling_param; the end ids too, which
    vLLM stops at."""
    try:
        return GenerationConfig.from_pretrained(folder).to_diff_dict()
    except OSError:
        return GenerationConfig.from_model_config(AutoConfig.from_pretrained(folder)).to_diff_dict()


def text_refusals(folder, base, config):
    """tokenizers/registry.py get_tokenizer, hf.py CachedHfTokenizer: transformers' AutoTokenizer with its chat template."""
    if not (folder / "tokenizer.json").is_file():
        yield "tokenizer: tokenizer.json is missing"
        return
    tokenizer, theirs = (AutoTokenizer.from_pretrained(place) for place in (folder, base))
    if not tokenizer.is_fast:
        yield "tokenizer: only a slow one"
    if tokenizer.get_vocab() != theirs.get_vocab() or tokenizer.chat_template != theirs.chat_template:
        yield "tokenizer: tokens or chat template are not the base model's"
    if max(tokenizer.get_vocab().values()) >= config.vocab_size:
        yield "tokenizer: it has more ids than the embedding has rows"
    ours, base_defaults = generation_defaults(folder), generation_defaults(base)
    drop = {"transformers_version", "_from_model_config"}
    if {k: v for k, v in ours.items() if k not in drop} != {k: v for k, v in base_defaults.items() if k not in drop}:
        yield f"generation: {ours} in the place of {base_defaults}"


def copied_refusals(config, base):
    """The rest of config.json is the base model's; labels and pad id belong to a classifier's head."""
    own = {"dtype", "torch_dtype", "architectures", "transformers_version", "_name_or_path", "name_or_path"}
    if is_classifier(config):
        own |= {"id2label", "label2id", "num_labels", "pad_token_id", "problem_type"}
    ours, theirs = config.to_dict(), read_config(base).to_dict()
    for key in sorted((ours.keys() | theirs.keys()) - own):
        if ours.get(key) != theirs.get(key):
            yield f"copied: {key} is {ours.get(key)}, the base model's {theirs.get(key)}"


def model_refusals(folder, base):
    """The sentences of all rules that a model folder, made from `base`, breaks."""
    folder, base = pathlib.Path(folder), pathlib.Path(base)
    try:
        config = read_config(folder)
        family = family_of(config)
        tensors = read_headers(picked_files(folder))
    except Broken as error:
        return [str(error)]
    out = [*architecture_refusals(config, family), *index_refusals(folder, tensors), *tensor_refusals(config, family, tensors)]
    out += tied_refusals(config, tensors) if not out else ()
    return [*out, *dtype_refusals(config, tensors), *text_refusals(folder, base, config), *copied_refusals(config, base)]


# Adapters.


def kind_refusals(config):
    """lora/peft_helper.py from_dict, __post_init__, _validate_features, validate_legal."""
    missing = [key for key in ("r", "lora_alpha", "target_modules") if key not in config]
    if missing:
        raise Broken(f"adapter config: {missing} missing")
    ranks = [config["r"], *(config.get("rank_pattern") or {}).values()]
    if min(ranks) < 1 or max(ranks) > LORA_RANKS[-1]:
        raise Broken(f"rank: {ranks}, but --max-lora-rank goes from {LORA_RANKS[0]} to {LORA_RANKS[-1]}")
    yield from (f"kind: {key}" for key in REFUSED_KEYS if config.get(key))
    others = [name for name in config.get("modules_to_save") or [] if name not in ("score", "classifier")]
    if others:
        yield f"kind: modules_to_save {others}"
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in PLAIN_STARTS:
        yield f"kind: init_lora_weights {start}"
    if config.get("bias", "none") != "none":
        yield f"kind: bias {config['bias']}"


def scale_of(config, module):
    """lora/peft_helper.py get_rank_and_scaling, _match_pattern; vLLM below 0.32 knows no patterns and takes alpha / r throughout."""
    def first(patterns, fallback):
        return next((value for key, value in (patterns or {}).items() if re.match(rf"(.*\.)?({key})$", module)), fallback)

    rank = first(config.get("rank_pattern"), config["r"])
    alpha = first(config.get("alpha_pattern"), config["lora_alpha"])
    return rank, alpha / (rank**0.5 if config.get("use_rslora") else rank)


def parse_name(name):
    """lora/utils.py parse_fine_tuned_lora_name: (module, "A" or "B", or "" for a head saved whole)."""
    short = name.removeprefix("base_model.model.")
    match = re.fullmatch(r"(.+)\.lora_([AB])\.weight", short) or re.fullmatch(r"(.+)\.lora_embedding_([AB])", short)
    if match:
        return match.group(1), match.group(2)
    match = re.fullmatch(r"(?:.+\.)?(score|classifier)\.(?:weight|bias)", short)
    return (match.group(1), "") if match else None


def read_adapter(folder):
    """lora/lora_model.py from_local_checkpoint."""
    file = folder / "adapter_model.safetensors"
    if not file.is_file():
        raise Broken("adapter files: adapter_model.safetensors is missing")
    with safe_open(file, framework="pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}


def split_adapter(tensors, config, base, family):
    """({module: {"A": .., "B": ..}}, heads saved whole, refusals): lora_model.py check_unexpected_modules, from_lora_tensors."""
    pairs, heads, out = {}, {}, []
    known = {name for names in linears(family).values() for name in names} | set(EMBEDDINGS[family])
    modules = module_shapes(base, family)
    for name, tensor in tensors.items():
        parsed = parse_name(name)
        if parsed is None:
            out.append(f"names: {name} is no LoRA weight to vLLM")
            continue
        module, side = parsed
        if not side and module in (config.get("modules_to_save") or []):
            heads[module] = tensor
        elif module.rsplit(".", 1)[-1] not in known:
            out.append(f"modules: vLLM expects no {module}")
        elif module not in modules:
            out.append(f"modules: {module} is not in the model, vLLM leaves it out without a word")
        else:
            pairs.setdefault(module, {})[side] = tensor
    return pairs, heads, out


def pair_refusals(pairs, config, base, family):
    """lora/layers/base_linear.py set_lora: A [rank, in], B [out, rank]."""
    for module, pair in pairs.items():
        rows, columns, _ = module_shapes(base, family)[module]
        rank = scale_of(config, module)[0]
        if pair.keys() != {"A", "B"}:
            yield f"pairs: {module} has {sorted(pair)} only"
        elif pair["A"].shape != (rank, columns) or pair["B"].shape != (rows, rank):
            yield f"shapes: {module} has A {tuple(pair['A'].shape)} and B {tuple(pair['B'].shape)} for rank {rank}"


def head_refusals(heads, base):
    """lora/model_manager.py _validate_classification_head_lora: a head saved whole needs a base with one."""
    for module, tensor in heads.items():
        if not is_classifier(base):
            yield f"head: {module} is saved whole, but the base model is no classifier"
        elif tuple(tensor.shape) != (base.num_labels, base.hidden_size):
            yield f"head: {module} is {tuple(tensor.shape)}"


def adapter_refusals(folder, base):
    """The sentences of all rules that an adapter of the model folder `base` breaks."""
    folder = pathlib.Path(folder)
    try:
        if not (folder / "adapter_config.json").is_file():
            raise Broken("adapter files: adapter_config.json is missing")
        config, model = read_json(folder / "adapter_config.json"), read_config(pathlib.Path(base))
        family = family_of(model)
        out = list(kind_refusals(config))
        pairs, heads, more = split_adapter(read_adapter(folder), config, model, family)
        return [*out, *more, *pair_refusals(pairs, config, model, family), *head_refusals(heads, model)]
    except Broken as error:
        return [str(error)]


def adapter_deltas(folder, base):
    """{module: what vLLM adds to its weight}: lora_weights.py from_config, optimize (B times the scale)."""
    folder = pathlib.Path(folder)
    config, model = read_json(folder / "adapter_config.json"), read_config(pathlib.Path(base))
    pairs, _, _ = split_adapter(read_adapter(folder), config, model, family_of(model))
    return {module: (pair["B"].float() * scale_of(config, module)[1]) @ pair["A"].float() for module, pair in pairs.items()}
