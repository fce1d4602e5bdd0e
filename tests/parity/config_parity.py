#!/usr/bin/env python3
"""Checks that transformers takes the config.json that una writes for every family.

    python tests/parity/config_parity.py --dump build/release/tests/parity/una_config_dump

Needs torch and transformers (never needed to build or run una). For each model of tests/data/models: transformers
loads the weights once with the recorded config.json and once with the one una prints from it, and must compute the
same log-probs of ids.0, bit for bit. Prints a line a model; exits with 1 when one
differs.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

MODELS = pathlib.Path(__file__).resolve().parent.parent / "data" / "models"


def outputs(folder, ids):
    kind = AutoModelForSequenceClassification if folder.name == "reward" else AutoModelForCausalLM
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(input_ids=ids[None]).logits


def check(dump, folder):
    ids = load_file(folder / "reference.safetensors")["ids.0"]
    with tempfile.TemporaryDirectory() as root:
        written = pathlib.Path(root) / folder.name
        written.mkdir()
        shutil.copy(folder / "model.safetensors", written)
        text = subprocess.run([dump, folder], capture_output=True, text=True, check=True).stdout
        (written / "config.json").write_text(text)
        again = subprocess.run([dump, written], capture_output=True, text=True, check=True).stdout
        difference = (outputs(written, ids) - outputs(folder, ids)).abs().max().item()
        return difference, again == text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dump", required=True)
    dump = parser.parse_args().dump
    failed = 0
    for folder in sorted(MODELS.iterdir()):
        if not (folder / "model.safetensors").exists():
            continue
        difference, stable = check(dump, folder)
        good = difference == 0 and stable
        failed += not good
        print(f"{folder.name}: largest difference {difference:g}{'' if stable else ', printed text not stable'}"
              f"{'' if good else '  FAILED'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
