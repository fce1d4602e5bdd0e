"""Live: adapters beyond plain LoRA. Each kind is made by PEFT and read by `una score`, and trained by `una dpo` and read by
PEFT; the trained one also merged by `una merge` and read by transformers (token log-probs, fp32, 1e-4)."""
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

# name: model, what PEFT is asked for, what una is asked for
KINDS = {
    "DoRA": ("llama", dict(use_dora=True, target_modules="all-linear"), ["--use_dora"]),
    "DoRA, rsLoRA, biases of adapted linears": (
        "qwen2", dict(use_dora=True, use_rslora=True, bias="lora_only", target_modules=["q_proj", "down_proj"]),
        ["--use_dora", "--use_rslora", "--bias", "lora_only", "--lora_target_modules", "q_proj", "down_proj"]),
    "all biases": ("qwen2", dict(bias="all", target_modules=["q_proj"]), ["--bias", "all", "--lora_target_modules", "q_proj"]),
    "rank and alpha patterns": (
        "mistral", dict(rank_pattern={"v_proj": 2, "layers.1.mlp.(gate|up)_proj": 3}, alpha_pattern={"0.self_attn.q_proj": 3},
                        target_modules=["q_proj", "v_proj", "gate_proj"]),
        ["--rank_pattern", "v_proj=2", "layers.1.mlp.(gate|up)_proj=3", "--alpha_pattern", "0.self_attn.q_proj=3",
         "--lora_target_modules", "q_proj", "v_proj", "gate_proj"]),
    "one layer": ("llama", dict(layers_to_transform=[1], target_modules=["q_proj", "up_proj"]),
                  ["--layers_to_transform", "1", "--lora_target_modules", "q_proj", "up_proj"]),
    "embedding, head and norms saved whole": (
        "llama", dict(modules_to_save=["embed_tokens", "lm_head", "norm"], target_modules=["q_proj"]),
        ["--lora_modules_to_save", "embed_tokens", "lm_head", "norm", "--lora_target_modules", "q_proj"]),
}


class AdapterKinds:
    def __init__(self, parity, families):
        self.parity, self.families = parity, families

    def base(self, folder):
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def made_by_peft(self, name, folder, options):
        model = get_peft_model(self.base(folder), LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **options)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.05 * torch.randn(parameter.shape))
        model.save_pretrained(folder / "of-peft")
        ours, _ = self.parity.una_logps("--model", folder, "--adapter", folder / "of-peft")
        self.parity.compare(f"{name}: made by PEFT, read by una", self.parity.hf_logps(model), ours)

    def trained_by_una(self, name, folder, options):
        out, merged = folder / "of-una", folder / "merged"
        self.parity.una("dpo", "--model", folder, "--data", self.parity.rows, "--out", out, "--max_steps", 6, "--learning_rate", "5e-3",
                        "--lora_r", 4, "--dtype", "float32", "--max_length", 256, "--reference_cache_dir", "none", "--report_to", "none",
                        *options)
        ours, base = self.parity.una_logps("--model", folder, "--adapter", out)
        moved = max((a - b).abs().max().item() for a, b in zip(ours, base))
        self.parity.tally.check(f"{name}: training moves a token's log-prob, short of 0.01", max(0.0, 0.01 - moved), 0)
        self.parity.compare(f"{name}: trained by una, in PEFT",
                            self.parity.hf_logps(PeftModel.from_pretrained(self.base(folder), out).eval()), ours)
        self.parity.una("merge", "--model", folder, "--adapter", out, "--out", merged, "--dtype", "float32")
        self.parity.compare(f"{name}: merged by una, in transformers", self.parity.hf_logps(self.base(merged)), ours)

    def all(self):
        for number, (name, (family, peft_options, una_options)) in enumerate(KINDS.items()):
            torch.manual_seed(number)
            folder = self.parity.work / f"kind-{number}"
            model = self.families[family](len(self.parity.tokenizer) + 5)
            with torch.no_grad():
                for parameter_name, parameter in model.named_parameters():
                    if parameter_name.endswith("bias"):
                        parameter.normal_(std=0.1)
            model.save_pretrained(folder)
            self.parity.tokenizer.save_pretrained(folder)
            self.made_by_peft(name, folder, peft_options)
            self.trained_by_una(name, folder, una_options)
