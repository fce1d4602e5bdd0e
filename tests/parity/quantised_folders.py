"""Live: folders that are quantised already, read by `una score`, beside transformers on the values that they stand for.

    python tests/parity/quantised_folders.py --una build/release/src/una/cli/una

FP8 in blocks and MXFP4 are written here; NF4, FP4 and int8 by transformers and bitsandbytes, skipped where that is not installed. bitsandbytes'
own products on a CPU round more than the weights, so the oracle is transformers on its dequantised weights.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GptOssConfig, GptOssForCausalLM, LlamaConfig,
                          LlamaForCausalLM)
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

try:
    import bitsandbytes
    from bitsandbytes import functional
except ImportError:
    bitsandbytes = None

LIMIT = 1e-4
PROMPT, ANSWER = "inform(name='Blue Spice')", " is a pub in the centre"
KINDS = {"nf4": dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True),
         "nf4, single": dict(load_in_4bit=True, bnb_4bit_quant_type="nf4"), "fp4": dict(load_in_4bit=True, bnb_4bit_quant_type="fp4"),
         "int8": dict(load_in_8bit=True)}


class Folders:
    def __init__(self, una):
        self.una, self.work = una, pathlib.Path(tempfile.mkdtemp(prefix="una-quantised-"))
        subprocess.run([una, "demo", "--out", self.work / "task", "--seed", "3", "--sft_answers", "400", "--feedback_prompts", "40",
                        "--stop_after", "init"], check=True, capture_output=True)
        self.tokenizer = AutoTokenizer.from_pretrained(self.work / "task" / "init")
        torch.manual_seed(0)
        end = self.tokenizer.eos_token_id
        config = LlamaConfig(vocab_size=len(self.tokenizer), hidden_size=256, intermediate_size=320, num_hidden_layers=2,
                             num_attention_heads=4, num_key_value_heads=2, bos_token_id=end, eos_token_id=end, initializer_range=0.1)
        self.plain = self.folder("plain")
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(self.plain)
        self.rows = self.work / "row.jsonl"
        self.rows.write_text(json.dumps({"prompt": PROMPT, "completion": ANSWER}))

    def folder(self, name):
        path = self.work / name
        self.tokenizer.save_pretrained(path)
        return path

    def by_una(self, folder):
        out = self.work / "scored.jsonl"
        out.unlink(missing_ok=True)
        subprocess.run([self.una, "score", "--model", folder, "--ref_model", self.plain, "--data", self.rows, "--out", out, "--dtype",
                        "float32", "--token_logps", "--beta", "1"], check=True, capture_output=True)
        return torch.tensor(json.loads(out.read_text().splitlines()[0])["token_logps"])

    @torch.no_grad()
    def by_transformers(self, weights, model=None):
        if model is None:
            model = LlamaForCausalLM.from_pretrained(self.plain, dtype=torch.float32)
            model.load_state_dict({**model.state_dict(), **weights})
        prompt = self.tokenizer(PROMPT)["input_ids"]
        answer = self.tokenizer(ANSWER, add_special_tokens=False)["input_ids"] + [self.tokenizer.eos_token_id]
        logps = model(torch.tensor([prompt + answer])).logits.log_softmax(-1)[0]
        return torch.stack([logps[len(prompt) - 1 + i, token] for i, token in enumerate(answer)])

    def fp8(self):
        folder, tensors, values = self.folder("fp8"), {}, {}
        for name, tensor in load_file(self.plain / "model.safetensors").items():
            tensors[name] = tensor
            if tensor.dim() == 2 and ".layers." in name:
                rows, columns = tensor.shape
                grid = [-(-size // 128) for size in (rows, columns)]
                padded = torch.zeros(grid[0] * 128, grid[1] * 128)
                padded[:rows, :columns] = tensor.float()
                scales = padded.view(grid[0], 128, grid[1], 128).abs().amax((1, 3)) / 448
                spread = scales.repeat_interleave(128, 0)[:rows].repeat_interleave(128, 1)[:, :columns]
                tensors[name] = (tensor.float() / spread).to(torch.float8_e4m3fn)
                tensors[name + "_scale_inv"], values[name] = scales, tensors[name].float() * spread
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        config = json.loads((self.plain / "config.json").read_text())
        config["quantization_config"] = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
        (folder / "config.json").write_text(json.dumps(config))
        return folder, values

    def mxfp4(self):
        """A gpt-oss of its own: codes and scales are drawn, and transformers expands them."""
        torch.manual_seed(1)
        end = self.tokenizer.eos_token_id
        config = GptOssConfig(vocab_size=len(self.tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                              num_attention_heads=4, num_key_value_heads=2, head_dim=32, num_local_experts=4, num_experts_per_tok=2,
                              sliding_window=8, max_position_embeddings=4096, eos_token_id=end, initializer_range=0.1)
        model, folder = GptOssForCausalLM(config), self.folder("mxfp4")
        model.save_pretrained(folder)
        tensors, values = load_file(folder / "model.safetensors"), {}
        for name in [name for name in tensors if name.endswith(("experts.gate_up_proj", "experts.down_proj"))]:
            experts, inputs, outputs = tensors.pop(name).shape
            blocks = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8)
            scales = torch.randint(120, 125, (experts, outputs, inputs // 32), dtype=torch.uint8)
            tensors[name + "_blocks"], tensors[name + "_scales"] = blocks, scales
            values[name] = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        text = json.loads((folder / "config.json").read_text()) | {"quantization_config": {"quant_method": "mxfp4"}}
        (folder / "config.json").write_text(json.dumps(text))
        model.load_state_dict({**model.state_dict(), **values})
        return folder, values, model.float().eval()

    def bitsandbytes(self, kind):
        folder, values = self.folder(kind.replace(", ", "-")), {}
        model = AutoModelForCausalLM.from_pretrained(self.plain, quantization_config=BitsAndBytesConfig(**KINDS[kind]),
                                                     dtype=torch.float32, device_map="cpu")
        model.save_pretrained(folder)
        for name, module in model.named_modules():
            if isinstance(module, bitsandbytes.nn.Linear4bit):
                values[name + ".weight"] = functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
            elif isinstance(module, bitsandbytes.nn.Linear8bitLt):
                scale = module.weight.SCB if module.weight.SCB is not None else module.state.SCB
                values[name + ".weight"] = functional.int8_vectorwise_dequant(module.weight.data, scale)
        return folder, values

    def check(self, name, folder, values, model=None):
        difference = (self.by_una(folder) - self.by_transformers(values, model)).abs().max().item()
        print(f"{'ok   ' if difference <= LIMIT else 'WRONG'} {name}: log-probs differ by {difference:.1e} at most ({len(values)} matrices)")
        return difference <= LIMIT


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--una", required=True)
    folders = Folders(parser.parse_args().una)
    good = folders.check("fp8 in blocks", *folders.fp8())
    good &= folders.check("mxfp4", *folders.mxfp4())
    for kind in KINDS if bitsandbytes else ():
        good &= folders.check(kind, *folders.bitsandbytes(kind))
    if not bitsandbytes:
        print("bitsandbytes is not installed: its folders are skipped")
    shutil.rmtree(folders.work)
    sys.exit(not good)


if __name__ == "__main__":
    main()
