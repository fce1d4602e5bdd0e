"""DPO over packed sequences by PyTorch's flash attention for variable lengths: the loop to beat on a card.

Several pairs are one sequence without padding (cu_seqlens), at most --tokens of them a forward; cached reference, head on completion
rows only, PEFT LoRA in bf16, fused AdamW; --compile adds torch.compile. On a CPU attention goes segment by segment, for checks.
The first --timed pairs are timed, in file order, --batch a step; warm-up uses the pairs after them. Prints one JSON line.
usage: dpo_varlen.py --model DIR --pairs pairs.jsonl [--device cuda] [--batch 16] [--tokens 16384] [--timed 64] [--compile]
"""
import argparse
import json
import resource
import time

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AutoModelForCausalLM

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Packing:
    """Where the segments of the batch under way begin and end: what attention needs beyond q, k and v."""

    starts: list[int] = []
    bounds: torch.Tensor
    longest = 0

    @classmethod
    def use(cls, lengths, device):
        cls.starts = [0]
        for length in lengths:
            cls.starts.append(cls.starts[-1] + length)
        cls.bounds = torch.tensor(cls.starts, dtype=torch.int32, device=device)
        cls.longest = max(lengths)


def packed_attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **kwargs):
    """q [1, heads, T, size], k and v with fewer heads; each segment sees itself, causally."""
    q, k, v = (each[0].transpose(0, 1) for each in (query, key, value))
    groups = q.shape[1] // k.shape[1]
    if q.is_cuda:
        k, v = (each.repeat_interleave(groups, 1) if groups > 1 else each for each in (k, v))
        out = varlen_attn(q.contiguous(), k.contiguous(), v.contiguous(), Packing.bounds, Packing.bounds, Packing.longest, Packing.longest, scale=scaling, window_size=(-1, 0))
        return out[None], None
    parts = []
    for begin, end in zip(Packing.starts, Packing.starts[1:]):
        part = [each[begin:end].transpose(0, 1)[None] for each in (q, k, v)]
        parts.append(F.scaled_dot_product_attention(*part, is_causal=True, scale=scaling, enable_gqa=groups > 1)[0].transpose(0, 1))
    return torch.cat(parts)[None], None


def read_pairs(args):
    """(prompt, chosen, rejected) as ids: rows of ids as card_check.py writes them, or of texts."""
    with open(args.pairs, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines.read().split("\n") if line.strip()]
    if "ids" in rows[0]:
        return [tuple(row["ids"]) for row in rows]
    from rows import encode
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    return [encode(tokenizer, row) for row in rows]


def micro_batches(pairs, most):
    """Pairs (with their references) in order, as many as fit into `most` tokens, at least one."""
    out, tokens = [], most + 1
    for item in pairs:
        prompt, chosen, rejected = item[0]
        size = 2 * len(prompt) + len(chosen) + len(rejected)
        if tokens + size > most:
            out.append([])
            tokens = 0
        out[-1].append(item)
        tokens += size
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--timed", type=int, default=64)
    parser.add_argument("--warmup", type=int, default=16)
    parser.add_argument("--batch", type=int, default=16, help="pairs a step")
    parser.add_argument("--tokens", type=int, default=16384, help="of a forward at most")
    parser.add_argument("--beta", type=float, default=0.01)
    parser.add_argument("--lr", type=float, default=5e-6)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(0)
    AttentionInterface.register("packed", packed_attention)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=getattr(torch, args.dtype), attn_implementation="packed", device_map=args.device)
    model = get_peft_model(model, LoraConfig(r=32, lora_alpha=16, lora_dropout=0.0, target_modules=LINEARS, task_type="CAUSAL_LM"), autocast_adapter_dtype=False)
    base = model.get_base_model()
    body = torch.compile(base.model, dynamic=True) if args.compile else base.model
    pairs = read_pairs(args)
    timed, warm = pairs[: args.timed], pairs[args.timed : args.timed + args.warmup]
    assert len(timed) == args.timed and warm, f"{len(pairs)} pairs are fewer than --timed and --warmup"
    cuda = args.device.startswith("cuda")
    sync = torch.cuda.synchronize if cuda else (lambda: None)

    def margins(chosen_and_rejected):
        """log pi(chosen) - log pi(rejected) of each pair, in one forward."""
        ids, positions, rows, targets, lengths, sizes = [], [], [], [], [], []
        for prompt, chosen, rejected in chosen_and_rejected:
            for answer in (chosen, rejected):
                rows += range(len(ids) + len(prompt) - 1, len(ids) + len(prompt) + len(answer) - 1)
                ids += prompt + answer
                positions += range(len(prompt) + len(answer))
                targets += answer
                lengths.append(len(prompt) + len(answer))
                sizes.append(len(answer))
        Packing.use(lengths, args.device)
        to = lambda values: torch.tensor(values, device=args.device)
        hidden = body(input_ids=to([ids]), position_ids=to([positions]), use_cache=False).last_hidden_state[0]
        logps = -F.cross_entropy(base.lm_head(hidden[to(rows)]).float(), to(targets), reduction="none")
        sums = torch.stack([part.sum() for part in logps.split(sizes)])
        return sums[0::2] - sums[1::2]

    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=args.lr, fused=True, weight_decay=0.0)

    def references(some):
        with torch.no_grad():
            out = []
            for micro in micro_batches([(pair,) for pair in some], args.tokens):
                out += margins([item[0] for item in micro]).tolist()
            return out

    def step(some, refs) -> float:
        total = 0.0
        for micro in micro_batches(list(zip(some, refs)), args.tokens):
            ref = torch.tensor([item[1] for item in micro], device=args.device)
            loss = -F.logsigmoid(args.beta * (margins([item[0] for item in micro]) - ref)).sum() / len(some)
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return total

    begin = time.time()
    refs = references(timed)
    sync()
    reference_seconds = time.time() - begin
    saved = [p.detach().clone() for p in parameters]
    for first in range(0, len(warm), args.batch):
        some = warm[first : first + args.batch]
        step(some, references(some))
    with torch.no_grad():
        for parameter, value in zip(parameters, saved):
            parameter.copy_(value)
    optimizer.state.clear()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    losses, tokens = [], sum(2 * len(p) + len(c) + len(r) for p, c, r in timed)
    sync()
    begin = time.time()
    for first in range(0, len(timed), args.batch):
        losses.append(step(timed[first : first + args.batch], refs[first : first + args.batch]))
    sync()
    seconds = time.time() - begin
    peak = torch.cuda.max_memory_allocated() / 2**20 if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peer": "pytorch-varlen" + ("-compile" if args.compile else ""), "pairs": len(timed), "batch": args.batch, "s_per_pair": seconds / len(timed), "tokens_per_s": tokens / seconds,
                      "tokens_per_pair": tokens / len(timed), "reference_s_per_pair": reference_seconds / len(timed), "peak_mb": round(peak), "losses": losses}))


if __name__ == "__main__":
    main()
