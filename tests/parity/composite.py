"""Live: text decoders of composite models (next to a vision tower), trained by una, compared with transformers and PEFT.

    python tests/parity/composite.py --una build/release/src/una/cli/una [KIND ...]

For each kind a random model of transformers' class: log-probs, an adapter of una in PEFT and one of PEFT in una, the merged
model, a fully trained one, greedy tokens; and that no other tensor has changed.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers as hf
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file

LIMIT = 1e-4
VISION = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14)
TEXT = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
            max_position_embeddings=160, initializer_range=.3, bos_token_id=1, eos_token_id=0, pad_token_id=0)
YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 32.0,
        "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1}
PAIRS = [{"prompt": "inform(name='Blue Spice', area='riverside', food='Italian')", "chosen": " Blue Spice serves Italian food.",
          "rejected": " It is a pub in the centre."},
         {"prompt": "ask(area)", "chosen": " Which part of town?", "rejected": " Blue Spice, by the river."}]


def gemma3(size):
    text = hf.Gemma3TextConfig(**TEXT, vocab_size=size, sliding_window=6, query_pre_attn_scalar=8,
                               layer_types=["sliding_attention", "full_attention", "sliding_attention"])
    return hf.Gemma3ForConditionalGeneration(hf.Gemma3Config(
        text_config=text, vision_config=hf.SiglipVisionConfig(**VISION), mm_tokens_per_image=4, image_token_index=size - 1))


def gemma4(size):
    vision = hf.Gemma4VisionConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                                   num_key_value_heads=2, head_dim=8, patch_size=14)
    text = hf.Gemma4TextConfig(**TEXT, vocab_size=size, sliding_window=6, hidden_size_per_layer_input=4,
                               vocab_size_per_layer_input=size,
                               layer_types=["sliding_attention", "sliding_attention", "full_attention"])
    return hf.Gemma4ForConditionalGeneration(hf.Gemma4Config(
        text_config=text, vision_config=vision, audio_config=None, image_token_id=size - 1))


def mistral3(size, text=None):
    text = text or hf.MistralConfig(**TEXT, vocab_size=size, sliding_window=None, tie_word_embeddings=False)
    return hf.Mistral3ForConditionalGeneration(hf.Mistral3Config(
        text_config=text, vision_config=hf.PixtralVisionConfig(**VISION, head_dim=8), image_token_index=size - 1,
        tie_word_embeddings=False))


def ministral3(size):
    return mistral3(size, hf.Ministral3Config(**TEXT, vocab_size=size, tie_word_embeddings=False, rope_parameters=YARN))


def llava(size):
    return hf.LlavaForConditionalGeneration(hf.LlavaConfig(
        text_config=hf.LlamaConfig(**TEXT, vocab_size=size, tie_word_embeddings=False),
        vision_config=hf.CLIPVisionConfig(**VISION, projection_dim=16), image_token_index=size - 1, tie_word_embeddings=False))


def qwen3_5(size):
    text = {**TEXT, "num_hidden_layers": 4, "rms_norm_eps": 1e-6}
    config = hf.Qwen3_5Config(
        text_config=dict(text, vocab_size=size, linear_key_head_dim=8, linear_value_head_dim=8, linear_num_key_heads=2,
                         linear_num_value_heads=4, tie_word_embeddings=False,
                         layer_types=["linear_attention"] * 3 + ["full_attention"],
                         rope_parameters={"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5,
                                          "mrope_section": [1, 1, 0], "mrope_interleaved": True}),
        vision_config=dict(depth=2, hidden_size=16, intermediate_size=24, num_heads=2, patch_size=4, out_hidden_size=32),
        image_token_id=size - 1, tie_word_embeddings=False)
    return hf.Qwen3_5ForConditionalGeneration(config)


KINDS = {"gemma3": gemma3, "gemma4": gemma4, "qwen3_5": qwen3_5, "mistral3": mistral3, "ministral3": ministral3, "llava": llava}


class Composite:
    def __init__(self, una, kind, work, task):
        self.una, self.kind, self.work, self.failed = una, kind, work / kind, 0
        self.base = self.work / "base"
        self.tokenizer = hf.AutoTokenizer.from_pretrained(task)
        torch.manual_seed(1)
        self.model = KINDS[kind](len(self.tokenizer)).float().eval()
        for name, values in self.model.named_parameters():
            if "norm" in name:
                values.data.add_(torch.randn_like(values) * .1)
        self.model.save_pretrained(self.base)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (self.base / name).write_bytes((task / name).read_bytes())
        self.data = self.work / "pairs.jsonl"
        self.data.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))

    def run(self, *words):
        done = subprocess.run([self.una, *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, f"una {words[0]}: {done.stderr[-500:]}"

    def load(self, folder):
        return hf.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()

    def theirs(self, model):
        out = []
        for pair in PAIRS:
            for key in ("chosen", "rejected"):
                prompt = self.tokenizer(pair["prompt"], add_special_tokens=False).input_ids
                answer = self.tokenizer(pair[key], add_special_tokens=False).input_ids + [0]
                with torch.no_grad():
                    logps = model(input_ids=torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
                out.append(sum(logps[len(prompt) - 1 + i, token].item() for i, token in enumerate(answer)) / len(answer))
        return out

    def ours(self, folder, adapter=None):
        out = self.work / "scores.jsonl"
        out.unlink(missing_ok=True)
        self.run("score", "--model", folder, "--data", self.data, "--out", out, "--dtype", "float32", "--beta", 1,
                 *(["--adapter", adapter] if adapter else []))
        return [row["logp"] / row["tokens"] for row in map(json.loads, out.read_text().splitlines())]

    def compare(self, what, ours, theirs):
        difference = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        self.verdict(f"{what}: {difference:.1e}", difference < LIMIT)

    def verdict(self, what, right):
        self.failed += not right
        print(f"{'ok  ' if right else 'FAIL'} {self.kind:<11} {what}")

    def train(self, method, out, *more):
        self.run(method, "--model", self.base, "--data", self.data, "--out", self.work / out, "--dtype", "float32", "--max_length", 160,
                 "--report_to", "none", "--max_steps", 3, "--learning_rate", "1e-2", *more)
        return self.work / out

    def check_adapters(self):
        adapter = self.train("dpo", "adapter", "--lora_target_modules", "all-linear", "--lora_r", 4)
        theirs = PeftModel.from_pretrained(self.load(self.base), adapter).eval()
        self.compare("una's adapter in PEFT", self.ours(self.base, adapter), self.theirs(theirs))
        held = {name.replace(".default.", ".") for name in theirs.state_dict() if "lora_" in name}
        self.verdict("it adapts the decoder alone", held == set(load_file(adapter / "adapter_model.safetensors")))
        merged = self.work / "merged"
        self.run("merge", "--model", self.base, "--adapter", adapter, "--out", merged, "--dtype", "float32")
        self.compare("merged", self.ours(self.base, adapter), self.theirs(self.load(merged)))
        self.check_others("merged", merged)
        torch.manual_seed(3)
        lora = LoraConfig(r=3, lora_alpha=7, target_modules=r".*language_model\..*\.(q_proj|v_proj|down_proj)",
                          init_lora_weights=False, task_type="CAUSAL_LM")
        theirs = get_peft_model(self.load(self.base), lora).eval()
        theirs.save_pretrained(self.work / "peft")
        self.compare("PEFT's adapter here", self.ours(self.base, self.work / "peft"), self.theirs(theirs))

    def check_others(self, what, folder):
        before, after = (load_file(path / "model.safetensors") for path in (self.base, folder))
        others = [name for name in before if "language_model" not in name and name != "lm_head.weight"]
        same = before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in others)
        self.verdict(f"{what}: {len(others)} other tensors are as before", same and others)

    def check_greedy(self):
        prompt, out = PAIRS[0]["prompt"], self.work / "greedy.jsonl"
        self.run("generate", "--model", self.base, "--prompt", prompt, "--temperature", 0, "--max_new_tokens", 24,
                 "--min_new_tokens", 24, "--dtype", "float32", "--out", out)
        ids = self.tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
        wanted = self.model.generate(input_ids=ids, max_new_tokens=24, min_new_tokens=24, do_sample=False)[0, ids.shape[1]:]
        got = json.loads(out.read_text().splitlines()[0])["completion"]
        self.verdict("24 greedy tokens", self.tokenizer.decode(wanted, skip_special_tokens=True) == got)

    def check(self):
        self.compare("log-probs a token", self.ours(self.base), self.theirs(self.model))
        self.check_adapters()
        full = self.train("dpo", "full", "--use_peft", "false")
        self.compare("fully trained", self.ours(full), self.theirs(self.load(full)))
        self.check_others("fully trained", full)
        self.check_greedy()
        return self.failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--una", required=True)
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    arguments = parser.parse_args()
    hf.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory(prefix="una-composite-") as work:
        work, una = pathlib.Path(work), str(pathlib.Path(arguments.una).resolve())
        subprocess.run([una, "demo", "--out", work / "task", "--seed", "3", "--sft_answers", "400", "--feedback_prompts", "40",
                        "--stop_after", "init"], check=True, capture_output=True)
        failed = sum(Composite(una, kind, work, work / "task/init").check() for kind in arguments.kinds)
    print(f"{failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
