"""Writes a Hugging Face model folder with random weights, so that speed and parity need no download.

usage: make_model.py --shape smollm2-135m --tokenizer DATA/tokenizers/smollm2 --out DIR [--dtype bfloat16] [--seed 0]
"""
import argparse
import os
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

SHAPES = {
    "tiny-llama": (LlamaConfig, LlamaForCausalLM, dict(hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)),
    "smollm2-135m": (LlamaConfig, LlamaForCausalLM, dict(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, rope_theta=100000.0, tie_word_embeddings=True)),
    "smollm2-360m": (LlamaConfig, LlamaForCausalLM, dict(hidden_size=960, intermediate_size=2560, num_hidden_layers=32, num_attention_heads=15, num_key_value_heads=5, rope_theta=100000.0, tie_word_embeddings=True)),
    "qwen2.5-0.5b": (Qwen2Config, Qwen2ForCausalLM, dict(hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, rope_theta=1000000.0, tie_word_embeddings=True)),
    "mistral-7b": (MistralConfig, MistralForCausalLM, dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, rope_theta=1000000.0, sliding_window=None)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=sorted(SHAPES), required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vocab_size", type=int, default=0, help="at least the tokenizer's, for a shape whose own is larger")
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    config_class, model_class, shape = SHAPES[args.shape]
    vocab = max(len(tokenizer), tokenizer.vocab_size, args.vocab_size)
    eos = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else 0
    config = config_class(vocab_size=vocab, max_position_embeddings=8192, eos_token_id=eos, bos_token_id=tokenizer.bos_token_id, pad_token_id=eos, **shape)
    torch.manual_seed(args.seed)
    model = model_class(config).to(getattr(torch, args.dtype))
    os.makedirs(args.out, exist_ok=True)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(f"{args.out}: {sum(p.numel() for p in model.parameters()):,} parameters, vocabulary {vocab}")


if __name__ == "__main__":
    main()
