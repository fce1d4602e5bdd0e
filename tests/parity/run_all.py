"""Every live comparison with the peers; ends with 'N passed, N failed'.

1. models: per-token log-probs of tiny random Llama, Mistral and Qwen2 models, bare and with a PEFT adapter, against
   transformers + PEFT in fp32 (1e-4).
2. adapter: one trained by una loads in PEFT and gives the same log-probs.
3. adapter_kinds: the same for DoRA, rank and alpha patterns, chosen layers, modules saved whole and biases, both ways.
4. reward: a reward model trained and merged by una loads in transformers and gives the same scores.
5. reward_models: folders of type XForSequenceClassification, conversations rendered by apply_chat_template.
6. steps: twenty steps of DPO, KTO and reward models beside TRL, of UNA beside the paper's equations.
7. vllm: every kind of folder that una writes, against the rules of vLLM's loader (vllm_rules.py).
8. server: online methods whose answers a running vLLM samples (with UNA_VLLM, a virtual environment that holds it).
9. gguf: files of `una export` in llama.cpp, where llama-cpp-python is installed.
10. text: tokenizers and chat templates against transformers (with --data).
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, LlamaConfig, LlamaForCausalLM, MistralConfig,
                          MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM)

import markdown
from adapter_kinds import AdapterKinds
from gguf_parity import GgufParity
from reward_models import RewardParity
from step_parity import StepParity
from vllm_folders import VllmFolders
from vllm_server import VllmServer

SHAPE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=512)
LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64}
FAMILIES = {
    "llama": lambda v: LlamaForCausalLM(LlamaConfig(vocab_size=v, **SHAPE, head_dim=24, rope_parameters=LLAMA3_ROPE)),
    "mistral": lambda v: MistralForCausalLM(MistralConfig(vocab_size=v, **SHAPE, sliding_window=11)),
    "qwen2": lambda v: Qwen2ForCausalLM(Qwen2Config(vocab_size=v, **SHAPE, tie_word_embeddings=True)),
}
CONFIGS = {"Gemma4": "Gemma4TextConfig", "Qwen3_5": "Qwen3_5TextConfig"}
# Their log-probs only; adapters and reward models are the same code for all.
MORE_FAMILIES = {
    name: lambda v, name=name: getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, CONFIGS.get(name, f"{name}Config"))(
        vocab_size=v, pad_token_id=0, **SHAPE | MORE_KEYS.get(name, {})))
    for name in ("Qwen3", "Gemma", "Gemma2", "Olmo2", "Phi3", "GPTNeoX", "Mixtral", "Qwen3Moe", "Olmoe", "GraniteMoe", "GptOss", "Lfm2",
                 "Ministral3", "Gemma4", "Qwen3_5")
}
MORE_KEYS = {"Gemma": {"head_dim": 16}, "Gemma2": {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 11},
             "Qwen3": {"head_dim": 16}, "Mixtral": {"sliding_window": 11},
             "Qwen3Moe": {"head_dim": 16, "num_experts": 6, "moe_intermediate_size": 48, "num_experts_per_tok": 2},
             "Olmoe": {"num_experts": 8, "num_experts_per_tok": 3, "eos_token_id": 2}, "GraniteMoe": {"num_local_experts": 4},
             "GptOss": {"num_local_experts": 6, "num_experts_per_tok": 2, "head_dim": 16, "sliding_window": 11, "eos_token_id": 2},
             "Ministral3": {"head_dim": 16, "eos_token_id": 2, "rope_parameters": {
                 "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 1.0,
                 "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.3}},
             "Gemma4": {"num_hidden_layers": 4, "head_dim": 16, "global_head_dim": 32, "sliding_window": 11, "num_kv_shared_layers": 2,
                        "use_double_wide_mlp": True, "hidden_size_per_layer_input": 16, "vocab_size_per_layer_input": 4096,
                        "layer_types": ["sliding_attention", "full_attention"] * 2},
             "Lfm2": {"layer_types": ["conv", "full_attention"], "block_multiple_of": 32},
             "Qwen3_5": {"layer_types": ["linear_attention", "full_attention"], "head_dim": 16, "linear_num_key_heads": 2,
                         "linear_num_value_heads": 4, "linear_key_head_dim": 16, "linear_value_head_dim": 24}}


class Tally:
    def __init__(self):
        self.passed = self.failed = 0
        self.section, self.lines = "", {}

    def check(self, name, difference, limit):
        good = difference <= limit
        self.passed += good
        self.failed += not good
        line = f"{'ok  ' if good else 'FAIL'}  {name}: largest difference {difference:.2e} (limit {limit:.0e})"
        self.lines.setdefault(self.section, []).append(f"| {name} | {difference:.1e} | {limit:.0e} | {'ok' if good else 'FAIL'} |")
        print(line, flush=True)


class Parity:
    def __init__(self, args):
        self.args, self.tally = args, Tally()
        self.text_line = "Tokenizers and chat templates: not compared in this run (no --data folder)."
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="una-parity-"))
        self.una("demo", "--out", self.work / "task", "--seed", 3, "--sft_answers", 400, "--feedback_prompts", 120,
                 "--held_out_prompts", 4, "--stop_after", "feedback")
        self.pairs = [json.loads(line) for line in (self.work / "task/data/pair.jsonl").read_text().split("\n") if line][:24]
        self.rows = self.work / "pairs.jsonl"
        self.rows.write_text("".join(json.dumps(row) + "\n" for row in self.pairs))
        self.tokenizer = AutoTokenizer.from_pretrained(self.work / "task/init")

    def una(self, *arguments):
        words = list(map(str, arguments))
        if "--out" in words:  # una replaces no file
            shutil.rmtree(words[words.index("--out") + 1], ignore_errors=True)
            pathlib.Path(words[words.index("--out") + 1]).unlink(missing_ok=True)
        done = subprocess.run([self.args.una, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"una {' '.join(map(str, arguments))} failed:\n{done.stderr}")
        return done.stdout

    def sequences(self):
        eos = self.tokenizer.eos_token_id
        for row in self.pairs:
            prompt = self.tokenizer(row["prompt"], add_special_tokens=False)["input_ids"]
            for key in ("chosen", "rejected"):
                yield prompt, self.tokenizer(row[key], add_special_tokens=False)["input_ids"] + [eos]

    @torch.no_grad()
    def hf_logps_padded(self, model, pad, size=6):
        """The same from batches padded on the right; `pad` may be any id, the end token's too."""
        out, sequences = [], list(self.sequences())
        for i in range(0, len(sequences), size):
            part = sequences[i : i + size]
            width = max(len(p) + len(c) for p, c in part)
            ids = torch.tensor([p + c + [pad] * (width - len(p) - len(c)) for p, c in part])
            mask = torch.tensor([[1] * (len(p) + len(c)) + [0] * (width - len(p) - len(c)) for p, c in part])
            logps = torch.log_softmax(model(ids, attention_mask=mask).logits.float(), -1)
            for row, (p, c) in enumerate(part):
                targets = torch.tensor(c)[:, None]
                out.append(logps[row, len(p) - 1 : len(p) + len(c) - 1].gather(-1, targets)[:, 0])
        return out

    @torch.no_grad()
    def hf_logps(self, model):
        out = []
        for prompt, completion in self.sequences():
            ids = torch.tensor([prompt + completion])
            logps = torch.log_softmax(model(ids).logits[0].float(), -1)
            out.append(logps[len(prompt) - 1 : -1].gather(-1, ids[0, len(prompt) :, None])[:, 0])
        return out

    def una_logps(self, *arguments):
        path = self.work / "scored.jsonl"
        self.una("score", *arguments, "--data", self.rows, "--out", path, "--dtype", "float32", "--token_logps", "--beta", 1)
        lines = [json.loads(line) for line in path.read_text().split("\n") if line]
        return ([torch.tensor(line["token_logps"]) for line in lines], [torch.tensor(line["ref_token_logps"]) for line in lines])

    def compare(self, name, theirs, ours):
        same = len(theirs) == len(ours) and all(len(a) == len(b) for a, b in zip(theirs, ours))
        self.tally.check(name, max((a - b).abs().max().item() for a, b in zip(theirs, ours)) if same else float("inf"), 1e-4)

    def models(self):
        for family, make in {**FAMILIES, **MORE_FAMILIES}.items():
            torch.manual_seed(0)
            folder, adapter = self.work / family, self.work / f"{family}-adapter"
            model = make(len(self.tokenizer) + 5).eval()
            model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
            ours = self.una_logps("--model", folder)[0]
            self.compare(f"{family}: token log-probs, bare model", self.hf_logps(model), ours)
            pads = (("the end token", self.tokenizer.eos_token_id), ("another id", 7))
            for name, pad in pads if family in FAMILIES else pads[:1]:
                self.compare(f"{family}: the same padded by transformers with {name}", self.hf_logps_padded(model, pad), ours)
            sparse = hasattr(model.config, "num_experts_per_tok")  # whose routers PEFT takes for linears
            targets = ["q_proj", "k_proj", "v_proj", "o_proj"] if sparse else "all-linear"
            peft = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM"))
            with torch.no_grad():
                for name, parameter in peft.named_parameters():
                    if "lora_B" in name:
                        parameter.normal_(std=0.05)
            peft.save_pretrained(adapter)
            with_adapter, without = self.una_logps("--model", folder, "--adapter", adapter)
            self.compare(f"{family}: PEFT adapter read by una", self.hf_logps(peft.eval()), with_adapter)
            with peft.disable_adapter():
                self.compare(f"{family}: reference alone", self.hf_logps(peft), without)

    def adapter(self):
        for family in FAMILIES:
            out = self.work / f"{family}-trained"
            self.una("dpo", "--model", self.work / family, "--data", self.rows, "--out", out, "--max_steps", 6, "--learning_rate",
                     "5e-3", "--lora_r", 4, "--dtype", "float32", "--max_length", 256, "--reference_cache_dir", "none",
                     "--report_to", "none")
            base = type(FAMILIES[family](8)).from_pretrained(self.work / family)
            peft = PeftModel.from_pretrained(base, out).eval()
            self.compare(f"{family}: adapter trained by una, in PEFT", self.hf_logps(peft),
                         self.una_logps("--model", self.work / family, "--adapter", out)[0])

    def adapter_kinds(self):
        AdapterKinds(self, FAMILIES).all()

    def reward(self):
        for family in FAMILIES:
            out, merged, scored = (self.work / f"{family}-{name}" for name in ("reward", "reward-merged", "reward.jsonl"))
            self.una("reward", "--model", self.work / family, "--data", self.rows, "--out", out, "--max_steps", 6,
                     "--learning_rate", "5e-3", "--lora_r", 4, "--dtype", "float32", "--max_length", 256, "--report_to", "none")
            self.una("merge", "--model", self.work / family, "--adapter", out, "--out", merged, "--dtype", "float32")
            self.una("score", "--model", merged, "--data", self.rows, "--out", scored, "--dtype", "float32")
            ours = [json.loads(line)["score"] for line in scored.read_text().split("\n") if line]
            with torch.no_grad():
                model = AutoModelForSequenceClassification.from_pretrained(merged, dtype=torch.float32).eval()
                theirs = [model(torch.tensor([p + c])).logits[0, 0].item() for p, c in self.sequences()]
                base = AutoModelForSequenceClassification.from_pretrained(self.work / family, num_labels=1, dtype=torch.float32)
                peft = PeftModel.from_pretrained(base, out).eval()
                adapted = [peft(torch.tensor([p + c])).logits[0, 0].item() for p, c in self.sequences()]
            self.tally.check(f"{family}: merged reward model in transformers", max(abs(a - b) for a, b in zip(ours, theirs)), 1e-4)
            self.tally.check(f"{family}: reward adapter in PEFT", max(abs(a - b) for a, b in zip(ours, adapted)), 1e-4)

    def reward_models(self):
        RewardParity(self).all()

    def steps(self):
        StepParity(self).all(self.args.case)

    def vllm(self):
        own = ("Qwen3", "Gemma", "Gemma2", "Phi3")  # vLLM runs the others' code of transformers
        VllmFolders(self, FAMILIES, {family: MORE_FAMILIES[family] for family in own}).all()

    def server(self):
        VllmServer(self).all()

    def gguf(self):
        GgufParity(self).all()

    def text(self):
        if self.args.data is None:
            print("skipped  tokenizers and chat templates: no --data folder")
            return
        script = pathlib.Path(__file__).with_name("text_parity.py")
        done = subprocess.run([sys.executable, script, "--dump", self.args.dump, "--data", self.args.data], capture_output=True, text=True)
        print("\n".join(done.stdout.strip().split("\n")[-12:]))
        words = done.stdout.strip().split("\n")[-1].replace(",", "").split()
        counts = {words[i + 1]: int(words[i]) for i in range(len(words) - 1) if words[i].isdigit()}
        self.text_line = "Tokenizers and chat templates (ids, bytes, masks): " + done.stdout.strip().split("\n")[-1] + "."
        self.tally.passed += counts.get("passed", 0)
        self.tally.failed += counts.get("failed", 1)


def main():
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--una", required=True)
    parser.add_argument("--dump")
    parser.add_argument("--data")
    parser.add_argument("--markdown", help="write the table here")
    parser.add_argument("--only", default="models,adapter,adapter_kinds,reward,reward_models,steps,vllm,server,gguf,text")
    parser.add_argument("--case", action="append", help="of the parts steps and gguf: only this case (repeatable)")
    args = parser.parse_args()
    parity = Parity(args)
    for part in args.only.split(","):
        parity.tally.section = part
        getattr(parity, part)()
        if args.markdown:  # after each part: a run that is stopped has shown what it did
            markdown.write(args.markdown, parity.tally, parity.text_line)
    shutil.rmtree(parity.work)
    print(f"{parity.tally.passed} passed, {parity.tally.failed} failed")
    sys.exit(parity.tally.failed > 0)


if __name__ == "__main__":
    main()
