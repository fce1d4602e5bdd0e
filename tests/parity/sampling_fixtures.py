#!/usr/bin/env python3
"""Makes tests/data/sampling.json: what transformers' logits processors make of logits, and what generate() says.

Needs torch and transformers (never needed to build or run una):
    python tests/parity/sampling_fixtures.py

"cases": logits [V], the ids so far (prompt + answer), sampling parameters, and the log-probs of the distribution that
generate() would draw from; null: cannot be drawn. "greedy": ids that generate() adds to a prompt, for a model of
tests/data/models, with a repetition penalty and end ids that may not come before min_new_tokens.
"""
import json
import pathlib
import warnings

import torch
import transformers as hf

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
VOCABULARY = 12
CASES = [dict(min_p=0.2), dict(min_p=0.05, temperature=0.6), dict(top_p=0.8), dict(top_k=4), dict(repetition_penalty=1.3),
         dict(repetition_penalty=0.7, temperature=1.4), dict(repetition_penalty=1.5, top_k=6, top_p=0.9, min_p=0.15),
         dict(temperature=0.8, top_p=0.95, min_p=0.3), dict(temperature=2.0, top_k=5, min_p=0.4), dict(min_p=1.0),
         dict(repetition_penalty=1.2, min_new_tokens=5, temperature=0.9, top_k=8, top_p=0.85, min_p=0.1)]
STOPS = [2, 7]


def processed(logits, prompt, answer, options):
    """The list that generate() builds for these options, applied."""
    model = hf.AutoModelForCausalLM.from_config(hf.LlamaConfig(vocab_size=VOCABULARY, hidden_size=8, intermediate_size=8,
                                                              num_hidden_layers=1, num_attention_heads=1))
    config = hf.GenerationConfig(do_sample=True, eos_token_id=STOPS, pad_token_id=0, **{"top_k": 0, **options})
    model._prepare_special_tokens(config, device="cpu")
    processors = model._get_logits_processor(generation_config=config, input_ids_seq_length=len(prompt), device="cpu",
                                             model_kwargs={})
    scores = processors(torch.tensor([prompt + answer]), logits[None].clone())
    return torch.log_softmax(scores.double(), -1)[0]


def cases():
    generator = torch.Generator().manual_seed(7)
    out = []
    for options in CASES:
        logits = 2 * torch.randn(VOCABULARY, generator=generator)
        ids = torch.randint(0, VOCABULARY, (7,), generator=generator).tolist()
        logps = processed(logits, ids[:4], ids[4:], options)
        out.append({"params": options, "logits": logits.tolist(), "prompt": ids[:4], "answer": ids[4:],
                    "logps": [None if x == float("-inf") else x for x in logps.tolist()]})
    return out


def greedy():
    out = []
    for name, penalty in (("llama", 1.3), ("qwen2", 1.1), ("gemma2", 0.8)):
        model = hf.AutoModelForCausalLM.from_pretrained(DATA / "models" / name, dtype=torch.float32)
        prompt = torch.tensor([[5, 9, 3, 9]])
        free = model.generate(prompt, do_sample=False, max_new_tokens=16, eos_token_id=[], pad_token_id=0,
                              repetition_penalty=penalty)[0, 4:].tolist()
        # The third free token ends answers, but not before the eighth.
        ids = model.generate(prompt, do_sample=False, max_new_tokens=16, min_new_tokens=8, eos_token_id=[free[2]],
                             pad_token_id=0, repetition_penalty=penalty)[0, 4:].tolist()
        out.append({"model": name, "prompt": prompt[0].tolist(), "repetition_penalty": penalty, "min_new_tokens": 8,
                    "stop_ids": [free[2]], "ids": ids})
    return out


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    content = {"stop_ids": STOPS, "cases": cases(), "greedy": greedy()}
    lines = [f"{json.dumps(key)}: " + (json.dumps(value) if key == "stop_ids" else
                                       "[\n" + ",\n".join(map(json.dumps, value)) + "]") for key, value in content.items()]
    (DATA / "sampling.json").write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
