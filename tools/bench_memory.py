"""./dev bench memory [--keep DIR] [--only TEXT]: what `una` says about the memory of a run against what it takes.

Thirty-two runs of four models with random weights (1 to 135 million parameters): methods, adapters and full fine-tuning, dtypes,
lengths, batches, checkpointing, online sampling, answers to held-out prompts. For each: planned_memory_mb and peak_memory_mb of its summary.json. The bar:
every estimate within 10 % of the peak. Exit code 1 where one is not.
"""
import argparse
import array
import json
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

BAR = 0.10
GOOD = pathlib.Path(__file__).resolve().parent.parent / "tests/bad_files/good/model"
# hidden, intermediate, layers, heads, key-value heads, vocabulary, dtype as stored
MODELS = {
    "tiny": (64, 172, 5, 8, 4, 512, "F32"),
    "small": (256, 688, 6, 8, 4, 32000, "F32"),
    "middle": (512, 1376, 8, 8, 8, 8000, "BF16"),
    "smollm": (576, 1536, 30, 9, 3, 49152, "BF16"),
}
LORA = ["--lora_r", "8"]
FULL = ["--use_peft", "false"]
ONLINE = ["--reward", "command:awk 'BEGIN{srand(1)}{print rand()}'", "--max_completion_length", "48", "--num_generations"]
HELD_OUT = ["--eval_generate_data", "PROMPTS", "--eval_reward", "length:30", "--eval_steps", "1", "--eval_max_completion_length"]
# model, method, data, words
RUNS = [
    ("tiny", "dpo", "pairs", [*LORA]),
    ("tiny", "una", "pairs", [*FULL]),
    ("tiny", "sft", "long", [*LORA, "--max_length", "1024"]),
    ("tiny", "kto", "thumbs", [*LORA, "--per_device_train_batch_size", "16"]),
    ("tiny", "reward", "pairs", [*LORA]),
    ("tiny", "rloo", "prompts", [*LORA, *ONLINE, "4"]),
    ("tiny", "dpo", "many", [*LORA]),
    ("small", "dpo", "pairs", [*LORA]),
    ("small", "dpo", "pairs", [*LORA, "--dtype", "bfloat16"]),
    ("small", "dpo", "pairs", [*LORA, "--per_device_train_batch_size", "32"]),
    ("small", "dpo", "pairs", [*LORA, "--use_dora", "true"]),
    ("small", "dpo", "pairs", [*FULL]),
    ("small", "sft", "long", [*FULL, "--max_length", "1024"]),
    ("small", "sft", "long", [*LORA, "--max_length", "1024", "--gradient_checkpointing", "true"]),
    ("small", "una", "scores", [*LORA, "--score_range", "1,5"]),
    ("small", "una", "thumbs", [*LORA, "--lora_r", "64"]),
    ("small", "kto", "thumbs", [*FULL]),
    ("small", "reward", "pairs", [*FULL]),
    ("small", "rloo", "prompts", [*LORA, *ONLINE, "4"]),
    ("small", "grpo", "prompts", [*LORA, *ONLINE, "8"]),
    ("small", "online_dpo", "prompts", [*LORA, *ONLINE, "2"]),
    ("small", "ppo", "prompts", [*LORA, *ONLINE, "1"]),
    ("small", "una_online", "prompts", [*FULL, *ONLINE, "4"]),
    ("middle", "dpo", "pairs", [*LORA]),
    ("middle", "dpo", "long_pairs", [*LORA, "--max_length", "1024", "--max_tokens_per_micro_batch", "2048"]),
    ("middle", "dpo", "long_pairs", [*LORA, "--max_length", "1024", "--gradient_checkpointing", "true"]),
    ("middle", "sft", "long", [*FULL, "--max_length", "512", "--dtype", "float32"]),
    ("middle", "reward", "long_pairs", [*LORA, "--max_length", "512"]),
    ("tiny", "dpo", "pairs", [*LORA, *HELD_OUT, "200"]),
    ("small", "una", "thumbs", [*LORA, *HELD_OUT, "100", "--eval_num_generations", "2"]),
    ("smollm", "dpo", "pairs", [*LORA, "--per_device_train_batch_size", "2"]),
    ("smollm", "una", "scores", [*LORA, "--score_range", "1,5", "--per_device_train_batch_size", "2", "--dtype", "float32"]),
]


def write_model(folder, shape):
    hidden, wide, layers, heads, kv_heads, vocabulary, dtype = shape
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(GOOD / name, folder / name)
    config = json.loads((GOOD / "config.json").read_text())
    config.update(hidden_size=hidden, intermediate_size=wide, num_hidden_layers=layers, num_attention_heads=heads,
                  num_key_value_heads=kv_heads, vocab_size=vocabulary, max_position_embeddings=2048, tie_word_embeddings=True,
                  torch_dtype="bfloat16" if dtype == "BF16" else "float32", head_dim=hidden // heads)
    (folder / "config.json").write_text(json.dumps(config))
    kv = hidden // heads * kv_heads
    tensors = {"model.embed_tokens.weight": (vocabulary, hidden), "model.norm.weight": (hidden,)}
    for i in range(layers):
        at = f"model.layers.{i}."
        tensors |= {at + "input_layernorm.weight": (hidden,), at + "post_attention_layernorm.weight": (hidden,),
                    at + "self_attn.q_proj.weight": (hidden, hidden), at + "self_attn.k_proj.weight": (kv, hidden),
                    at + "self_attn.v_proj.weight": (kv, hidden), at + "self_attn.o_proj.weight": (hidden, hidden),
                    at + "mlp.gate_proj.weight": (wide, hidden), at + "mlp.up_proj.weight": (wide, hidden),
                    at + "mlp.down_proj.weight": (hidden, wide)}
    draw, size = random.Random(7), 4 if dtype == "F32" else 2
    block = array.array("f", (draw.gauss(0, 0.02) for _ in range(65536))).tobytes()
    if dtype == "BF16":
        block = b"".join(block[i + 2:i + 4] for i in range(0, len(block), 4))
    header, at = {}, 0
    for name, shape in tensors.items():
        end = at + size * (shape[0] * (shape[1] if len(shape) > 1 else 1))
        header[name], at = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}, end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # as Hugging Face's writer: tensors at their alignment
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for left in range(at, 0, -len(block)):
            file.write(block[:left])


def write_rows(folder):
    draw = random.Random(3)

    def words(low, high):
        return " ".join("".join(draw.choices("abcdefgh", k=draw.randint(2, 7))) for _ in range(draw.randint(low, high)))

    def pair(low, high):
        return {"prompt": words(5, 20), "chosen": words(low, high), "rejected": words(low, high)}

    kinds = {
        "pairs": [pair(5, 25) for _ in range(96)],
        "long_pairs": [pair(60, 90) for _ in range(48)],
        "long": [{"prompt": words(5, 20), "completion": words(60, 150)} for _ in range(96)],
        "many": [pair(5, 25) for _ in range(20000)],
        "thumbs": [{"prompt": words(5, 20), "completion": words(5, 25), "label": i % 2 == 0} for i in range(96)],
        "scores": [{"prompt": words(5, 20), "completion": words(5, 25), "score": i % 5 + 1} for i in range(96)],
        "prompts": [{"prompt": words(5, 20)} for _ in range(96)],
    }
    for name, rows in kinds.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--una", required=True)
    parser.add_argument("--keep", help="a folder for models and runs, which stay")
    parser.add_argument("--only", default="", help="runs whose line has this text")
    options = parser.parse_args()
    place = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="bench-memory-")).resolve()
    place.mkdir(parents=True, exist_ok=True)
    write_rows(place)
    errors = []
    print(f"{'model':8}{'method':12}{'rows':12}{'planned':>9}{'peak':>9}{'error':>8}  words")
    for number, (model, method, data, words) in enumerate(RUNS):
        line = f"{model:8}{method:12}{data:12}"
        if options.only not in line + " ".join(words):
            continue
        if not (place / model).is_dir():
            write_model(place / model, MODELS[model])
        out = place / f"run-{number}"
        command = [options.una, method, "--model", place / model, "--data", place / f"{data}.jsonl", "--out", out, "--max_steps",
                   "3", "--save_strategy", "no", "--report_to", "none", "--reference_cache_dir", "none", "--overwrite_output_dir",
                   "true", "--dataset_cache_dir", "none", "--allow_dropped", "1",
                   *[place / "prompts.jsonl" if word == "PROMPTS" else word for word in words]]
        if "--max_length" not in words:
            command += ["--max_length", "512"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{line}: {done.stderr[-500:]}")
        summary = json.loads((out / "summary.json").read_text())
        planned, peak = summary["planned_memory_mb"], summary["peak_memory_mb"]
        errors.append(planned / peak - 1)
        print(f"{line}{planned:9.0f}{peak:9.0f}{100 * errors[-1]:+7.1f}%  {' '.join(words)}", flush=True)
    within = sum(abs(error) <= BAR for error in errors)
    print(f"\n{within} of {len(errors)} estimates within {100 * BAR:.0f} %; from {100 * min(errors):+.1f} to {100 * max(errors):+.1f} %")
    if not options.keep:
        shutil.rmtree(place)
    sys.exit(0 if within == len(errors) else 1)


if __name__ == "__main__":
    main()
