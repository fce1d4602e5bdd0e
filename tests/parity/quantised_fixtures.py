"""Records what bitsandbytes (its CPU build) makes of matrices that are drawn here, and transformers of MXFP4 codes.

    python tests/parity/quantised_fixtures.py tests/data/quantised [bitsandbytes] [mxfp4]

Needs torch, safetensors, and bitsandbytes or transformers for the parts that are named (none: both).
model/quantised_test.cpp and model/quantised_files_test.cpp compare codes, scales and values with the recorded ones bit for bit.
"""
import sys

import torch
from safetensors.torch import save_file

torch.set_num_threads(1)
F32, BF16 = torch.float32, torch.bfloat16
# "many" has more scales than one nested block.
MATRICES = {"whole": ((24, 64), F32), "odd": ((7, 33), F32), "zeros": ((4, 96), BF16), "many": ((150, 130), BF16)}


def draw(name, shape, dtype):
    generator = torch.Generator().manual_seed(len(name) + shape[0])
    weight = torch.randn(shape, generator=generator) * 0.05
    weight = weight * torch.rand((shape[0], 1), generator=generator).mul(4).exp()  # scales that differ
    if name == "zeros":
        weight[1:3] = 0
    return weight.to(dtype)


def values_of(codes, state, weight):
    """By bitsandbytes' plain implementation, which is what it does on every device but one: the vectorised CPU loop of
    0.50.2 takes a neighbour's scale where blocks cross rows (a row of 96 numbers)."""
    import bitsandbytes.functional as F
    from bitsandbytes.backends.default.ops import _dequantize_4bit_compute

    absmax = state.absmax
    if state.nested:
        absmax = F.dequantize_blockwise(state.absmax, state.state2) + state.offset
    values = _dequantize_4bit_compute(codes.reshape(-1), absmax, state.code, 64, weight.shape, weight.dtype)
    assert weight.shape[1] % 64 != 0 or values.equal(F.dequantize_4bit(codes, state))
    return values


def record_mxfp4(folder):
    """Every code, and scales from the smallest to the largest that leaves numbers finite in both dtypes."""
    from transformers import __version__
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    generator = torch.Generator().manual_seed(4)
    blocks = torch.randint(0, 256, (2, 6, 3, 16), dtype=torch.uint8, generator=generator)
    blocks[0, 0] = torch.arange(48, dtype=torch.uint8).reshape(3, 16) * 5
    scales = torch.randint(110, 140, (2, 6, 3), dtype=torch.uint8, generator=generator)
    scales[0, 0], scales[1, 5] = torch.tensor([0, 1, 127]), torch.tensor([2, 250, 252])
    values = {f"values.{name}": convert_moe_packed_tensors(blocks, scales, dtype=dtype)
              for name, dtype in (("float32", F32), ("bfloat16", BF16))}
    save_file({"blocks": blocks, "scales": scales} | {name: each.contiguous() for name, each in values.items()},
              f"{folder}/mxfp4.safetensors", metadata={"transformers": __version__})


def record(folder):
    import bitsandbytes
    import bitsandbytes.functional as F

    out = {}
    for name, (shape, dtype) in MATRICES.items():
        weight = draw(name, shape, dtype)
        out[f"{name}.weight"] = weight
        for kind, nested in (("nf4", True), ("single", False)):
            codes, state = F.quantize_4bit(weight, blocksize=64, compress_statistics=nested, quant_type="nf4")
            out[f"{name}.{kind}.codes"] = codes.reshape(-1)
            out[f"{name}.{kind}.absmax"] = state.absmax
            if nested or name != "many":
                out[f"{name}.{kind}.values"] = values_of(codes, state, weight)
            if nested:
                out[f"{name}.{kind}.nested_absmax"] = state.state2.absmax
                out[f"{name}.{kind}.offset"] = state.offset.reshape(1)
                out["nested_map"] = state.state2.code
            out["map"] = state.code
        rows, absmax, _ = F.int8_vectorwise_quant(weight)
        if name == "zeros":
            rows[1:3] = 0  # bitsandbytes converts NaN to an integer there
        out[f"{name}.int8.codes"] = rows
        out[f"{name}.int8.absmax"] = absmax
        if name != "many":
            out[f"{name}.int8.values"] = F.int8_vectorwise_dequant(rows, absmax).to(dtype)
    tensors = {name: tensor.contiguous().clone() for name, tensor in out.items()}
    save_file(tensors, f"{folder}/bitsandbytes.safetensors", metadata={"bitsandbytes": bitsandbytes.__version__})


if __name__ == "__main__":
    wanted = sys.argv[2:] or ["bitsandbytes", "mxfp4"]
    if "bitsandbytes" in wanted:
        record(sys.argv[1])
    if "mxfp4" in wanted:
        record_mxfp4(sys.argv[1])
