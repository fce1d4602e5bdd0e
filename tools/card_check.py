"""Every figure and check that waits for an NVIDIA card, by one command on a bare machine with the Python torch wheel.

    card_check.py pack [--out dist/card]       where una is built: the program, the tests of devices and what they need, in una-card.tar.xz
    card_check.py run --bundle una-card.tar.xz [--out DIR] [--steps ...]     where the card is (Python with torch 2.11, safetensors,
                                               transformers and peft; no compiler, no network)

Steps of `run`, in this order; each adds to DIR/card.json and DIR/card.md, and may be run alone in a later call:

    facts     the card, its rate of products and of copies, una --version and una doctor
    tests     the tests of the project that compare a device with the CPU, on the card
    model     a model folder of the shape, its weights drawn on the card (kept in --work)
    train     una bench train in the cases of the bars, next to bench/peers/dpo_varlen.py; activation memory
    sft       una sft on rows of 4096 tokens
    decode    una bench generate, 256 answers at a time
    online    una rloo, two steps of 32 prompts with 4 answers: seconds by phase

--shape tiny --device cpu goes through all of it in minutes on a machine without a card; its figures mean nothing.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tarfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STEPS = ["facts", "tests", "model", "train", "sft", "decode", "online"]
TESTS = {"kernels": "Aten*:*Device*", "model": "*Device*", "train": "Device.*", "generate": "*Device*:*device*"}  # the archive stays small enough to carry
SHAPES = {
    "mistral-7b": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, vocab_size=32000),
    "tiny": dict(hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=600),
}
# name, unit, must, good, stretch: more is better but for memory
BARS = {
    "ultrafeedback_pairs_per_s": ("DPO, prompt 121, answers 288", "pairs/s", 16, 23, 27),
    "ultrafeedback_over_peer": ("the same, over the PyTorch loop", "x", 1.3, 1.6, 2),
    "prompt_heavy_over_peer": ("DPO, prompt 669, answers 106, over the PyTorch loop", "x", 1.8, 2.3, 2.6),
    "sft_tokens_per_s": ("SFT, 4096 tokens, LoRA r 16", "tokens/s", 12000, 15000, 18000),
    "activation_mb_per_token": ("activations, no recomputation", "MB a token", 6, 4.3, 2.9),
    "decode_tokens_per_s": ("decoding, 256 answers, context 512", "tokens/s", 6000, 12000, 18000),
}
LESS_IS_BETTER = {"activation_mb_per_token"}


def fail(text):
    print(f"card_check: {text}", file=sys.stderr)
    sys.exit(2)


# ---- pack

def needed_libraries(binaries):
    """Shared libraries of the distribution: not LibTorch's, which the wheel brings, nor libc's and the compiler's."""
    site, found = str(ROOT / ".deps" / "site"), set()
    usual = re.compile(r"/lib(c|m|dl|pthread|rt|util|resolv|gcc_s|stdc\+\+)\.so")
    for binary in binaries:
        for line in subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=True).stdout.splitlines():
            words = line.split()
            if len(words) > 2 and words[2].startswith("/") and not words[2].startswith(site) and not usual.search(words[2]):
                found.add(os.path.realpath(words[2]) if os.path.basename(os.path.realpath(words[2])) == words[0] else words[2])
    return sorted(found)


def pack(args):
    build = ROOT / "build" / "release" / "src" / "una"
    binaries = [build / "cli" / "una"] + [build / room / f"{room}_test" for room in TESTS]
    for binary in binaries:
        if not binary.exists():
            fail(f"{binary} is not built: ./dev card builds it")
    tree = args.out / "una-card"
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("bin", "lib", "peers"):
        (tree / folder).mkdir(parents=True)
    for binary in binaries:
        to = tree / "bin" / binary.name
        subprocess.run(["strip", "-o", str(to), str(binary)], check=True)
        subprocess.run(["patchelf", "--force-rpath", "--set-rpath", "$ORIGIN/../lib", str(to)], check=True)
    for library in needed_libraries(binaries):
        shutil.copy(library, tree / "lib")  # follows links: the name is the one that is asked for
    shutil.copytree(ROOT / "tests" / "data", tree / "data")
    for script in ("dpo_varlen.py", "rows.py"):
        shutil.copy(ROOT / "bench" / "peers" / script, tree / "peers")
    shutil.copy(__file__, tree)
    whole, part = args.out / "una-card.tar.xz", args.out / "una-card.part"
    subprocess.run(["tar", "-C", str(args.out), "--owner=0", "--group=0", "-I", "xz -6 -T0", "-cf", str(part), "una-card"], check=True)
    part.rename(whole)
    shutil.rmtree(tree)
    print(f"{whole}: {whole.stat().st_size / 2**20:.0f} MB")


# ---- what the steps share

class Check:
    """The bundle, where results go, and how its programs are started."""

    def __init__(self, args):
        self.args, self.device, self.shape = args, args.device, SHAPES[args.shape]
        args.out.mkdir(parents=True, exist_ok=True)
        args.work.mkdir(parents=True, exist_ok=True)
        self.file = args.out / "card.json"
        self.result = json.loads(self.file.read_text()) if self.file.exists() else {"figures": {}, "runs": []}
        self.tree = args.work / "una-card"
        if not self.tree.exists():
            if args.bundle is None:
                fail("--bundle una-card.tar.xz is needed (card_check.py pack makes it)")
            fresh = args.work / "unpacking"
            shutil.rmtree(fresh, ignore_errors=True)
            with tarfile.open(args.bundle) as archive:
                archive.extractall(fresh, filter="data")
            (fresh / "una-card").rename(self.tree)
        import torch
        self.torch = torch
        libraries = [str(self.tree / "lib"), str(pathlib.Path(torch.__file__).parent / "lib")]
        self.env = {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries), "UNA_FIXTURES": str(self.tree / "data"),
                    "UNA_TEST_TMP": str(args.work / "tmp"), "UNA_TEST_DEVICE": args.device}
        if args.device == "cpu":
            del self.env["UNA_TEST_DEVICE"]
        self.model = args.work / args.shape

    def start(self, name, command, limit=300):
        """Standard output; None where it failed, with its last words in the result."""
        begin = time.time()
        try:
            done = subprocess.run([str(word) for word in command], env=self.env, cwd=self.args.work, capture_output=True, text=True, timeout=limit)
            code, out, error = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            code, out, error = 124, "", f"stopped after {limit} s: {(late.stderr or b'')[-500:]}"
        seconds = time.time() - begin
        self.result["runs"].append({"name": name, "command": " ".join(str(word) for word in command).replace(str(self.args.work), "WORK"),
                                    "code": code, "seconds": round(seconds, 1), "last_words": error.strip()[-800:] if code else ""})
        print(f"  {name}: {'done' if code == 0 else f'ended with {code}'} in {seconds:.1f} s", flush=True)
        if code:
            print("    " + error.strip()[-400:].replace("\n", "\n    "), flush=True)
        self.save()
        return out if code == 0 else None

    def una(self, name, *arguments, limit=300):
        return self.start(name, [self.tree / "bin" / "una", *arguments], limit)

    def line(self, name, *arguments, limit=300):
        """The JSON line that a benchmark of una ends with; {} where it failed."""
        out = self.una(name, *arguments, limit=limit)
        return json.loads(out.strip().splitlines()[-1]) if out else {}

    def figure(self, name, value):
        if value:
            self.result["figures"][name] = value
            print(f"  {name} {value:.4g}", flush=True)
            self.save()

    def save(self):
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.result, indent=1))
        part.replace(self.file)
        (self.args.out / "card.md").write_text(page(self.result))


def best_of(times, work, sync):
    out = []
    for _ in range(times):
        sync()
        begin = time.time()
        work()
        sync()
        out.append(time.time() - begin)
    return min(out)


# ---- steps

def facts(check):
    torch, size = check.torch, 8192 if check.device != "cpu" else 512
    cuda = check.device != "cpu"
    if cuda and not torch.cuda.is_available():
        fail("this torch sees no card; --device cpu --shape tiny only goes through the steps")
    check.result["card"] = torch.cuda.get_device_name(0) if cuda else "none (CPU)"
    check.result["torch"] = torch.__version__
    sync = torch.cuda.synchronize if cuda else (lambda: None)
    a, b = (torch.randn(size, size, device=check.device, dtype=torch.bfloat16) for _ in range(2))
    a @ b
    check.figure("product_tflops", 2 * size**3 / best_of(10, lambda: a @ b, sync) / 1e12)
    source = torch.empty(size * size * 16, device=check.device, dtype=torch.bfloat16)
    to = torch.empty_like(source)
    check.figure("copy_tb_per_s", 2 * source.numel() * 2 / best_of(5, lambda: to.copy_(source), sync) / 1e12)
    check.result["version"] = (check.una("version", "--version") or "").strip()
    check.result["doctor"] = (check.una("doctor", "doctor") or "").strip()
    check.save()


def tests(check):
    check.result["tests"] = []
    for room, names in TESTS.items():
        out = subprocess.run([str(check.tree / "bin" / f"{room}_test"), f"--gtest_filter={names}"], env=check.env, cwd=check.args.work, capture_output=True, text=True, timeout=400)
        failed = sorted(set(re.findall(r"^\[  FAILED  \] (\S+?)(?:,| \()", out.stdout, re.M)))
        passed = re.search(r"^\[  PASSED  \] (\d+) test", out.stdout, re.M)
        if out.returncode and not failed:
            failed = [f"ended with {out.returncode}: {(out.stderr or out.stdout).strip()[-300:]}"]
        check.result["tests"].append({"room": room, "passed": int(passed.group(1)) if passed else 0, "failed": failed,
                                      "words": out.stdout[-3000:] if failed else ""})
        print(f"  {room}: {passed.group(1) if passed else 0} passed, {len(failed)} failed {' '.join(failed[:5])}", flush=True)
    check.save()


def write_tokenizer(folder, size):
    """One token a word, so that rows of exact lengths can be written: w0, w1, ..."""
    special = ["<unk>", "<s>", "</s>"]
    vocabulary = {name: number for number, name in enumerate(special + [f"w{i}" for i in range(size - len(special))])}
    added = [{"id": number, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for number, name in enumerate(special)]
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None, "decoder": None, "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": False}))


def model(check):
    from safetensors.torch import save_file
    torch, shape, folder = check.torch, check.shape, check.model
    if (folder / "config.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    hidden, inner, vocabulary = shape["hidden_size"], shape["intermediate_size"], shape["vocab_size"]
    kv = hidden // shape["num_attention_heads"] * shape["num_key_value_heads"]
    generator = torch.Generator(check.device).manual_seed(0)
    draw = lambda *size: (torch.randn(*size, device=check.device, generator=generator) * 0.02).to(torch.bfloat16).cpu()
    index, begin = {}, time.time()

    def save(name, tensors):
        save_file(tensors, folder / name, {"format": "pt"})
        index.update({key: name for key in tensors})

    save("model-outer.safetensors", {"model.embed_tokens.weight": draw(vocabulary, hidden), "lm_head.weight": draw(vocabulary, hidden), "model.norm.weight": torch.ones(hidden, dtype=torch.bfloat16)})
    for layer in range(shape["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        save(f"model-{layer}.safetensors", {
            **{prefix + f"self_attn.{name}_proj.weight": draw(rows, hidden) for name, rows in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden))},
            **{prefix + f"mlp.{name}_proj.weight": draw(inner, hidden) for name in ("gate", "up")}, prefix + "mlp.down_proj.weight": draw(hidden, inner),
            **{prefix + f"{name}_layernorm.weight": torch.ones(hidden, dtype=torch.bfloat16) for name in ("input", "post_attention")}})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    write_tokenizer(folder, vocabulary)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "max_position_embeddings": 8192, "rope_theta": 1000000.0, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "sliding_window": None, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16", "initializer_range": 0.02, **shape}))
    print(f"  {folder.name} drawn and written in {time.time() - begin:.1f} s", flush=True)


def write_rows(check, name, prompt, answer, count):
    """Pairs of exact lengths, EOS counted: texts for una, ids for the PyTorch loop."""
    draw, vocabulary = random.Random(prompt * 1000 + answer), check.shape["vocab_size"]
    texts, ids = check.args.work / f"{name}.jsonl", check.args.work / f"{name}_ids.jsonl"
    with open(texts, "w") as text_file, open(ids, "w") as id_file:
        for _ in range(count):
            parts = [[draw.randrange(3, vocabulary) for _ in range(size)] for size in (prompt, answer - 1, answer - 1)]
            words = ["".join(f" w{number - 3}" for number in part) for part in parts]  # a space before each: parts join as they are
            text_file.write(json.dumps(dict(zip(("prompt", "chosen", "rejected"), words))) + "\n")
            id_file.write(json.dumps({"ids": [parts[0], parts[1] + [2], parts[2] + [2]]}) + "\n")
    return texts, ids


def train(check):
    check.result["train"] = {}
    for name, prompt, answer, batch in (("ultrafeedback", 121, 288, 16), ("prompt_heavy", 669, 106, 16)):
        texts, ids = write_rows(check, name, prompt, answer, 5 * batch)
        common = ["--device", check.device, "--batch", batch, "--timed", 4 * batch, "--warmup", batch]
        own = check.line(f"una, {name}", "bench", "train", "--model", check.model, "--pairs", texts, "--max_tokens_per_micro_batch", 16384, *common)
        out = check.start(f"PyTorch, {name}", [sys.executable, check.tree / "peers" / "dpo_varlen.py", "--model", check.model, "--pairs", ids, *common])
        peer = json.loads(out.strip().splitlines()[-1]) if out else {}
        check.result["train"][name] = {"una": own, "peer": peer}
        if own:
            check.figure(f"{name}_pairs_per_s", 1 / own["s_per_pair"])
        if own and peer:
            check.figure(f"{name}_over_peer", peer["s_per_pair"] / own["s_per_pair"])
            check.figure(f"{name}_first_loss_difference", abs(own["losses"][0] - peer["losses"][0]) or 1e-12)
    activation_memory(check)


def activation_memory(check):
    """What the peak grows by per token of the largest micro-batch, of two runs that differ in nothing else."""
    texts, _ = write_rows(check, "memory", 121, 288, 40)
    small, large = (check.line(f"una, memory of {tokens} tokens", "bench", "train", "--model", check.model, "--pairs", texts, "--device", check.device,
                               "--max_tokens_per_micro_batch", tokens, "--batch", 16, "--timed", 16, "--warmup", 16) for tokens in (4096, 8192))
    if small and large:
        tokens = large["largest_micro_batch"] - small["largest_micro_batch"]
        check.figure("activation_mb_per_token", (large["peak_device_mb"] - small["peak_device_mb"]) / max(1, tokens))


def last_row(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines() if '"tokens_per_second"' in line]
    return rows[-1]


def sft(check):
    length, rows = (4096, check.args.work / "long.jsonl") if check.args.shape != "tiny" else (256, check.args.work / "long.jsonl")
    draw = random.Random(1)
    with open(rows, "w") as file:
        for _ in range(32):
            words = [f"w{draw.randrange(check.shape['vocab_size'] - 3)}" for _ in range(length - 1)]
            file.write(json.dumps({"prompt": " ".join(words[:8]), "completion": " " + " ".join(words[8:])}) + "\n")
    out = check.args.work / "sft"
    if check.una("una sft", "sft", "--model", check.model, "--data", rows, "--device", check.device, "--out", out, "--overwrite_output_dir", "true", "--max_length", length, "--lora_r", 16,
                 "--per_device_train_batch_size", 4, "--max_steps", 6, "--logging_steps", 2, "--max_tokens_per_micro_batch", 4 * length, "--save_strategy", "no", limit=400) is not None:
        row = last_row(out)
        check.figure("sft_tokens_per_s", row["tokens_per_second"])
        check.figure("sft_mfu", row.get("mfu"))


def decode(check):
    texts, _ = write_rows(check, "prompts", 256, 8, 256)
    line = check.line("una, decoding", "bench", "generate", "--model", check.model, "--pairs", texts, "--device", check.device, "--batch", 256, "--prompt_tokens", 256, "--new_tokens", 256, limit=500)
    check.figure("decode_tokens_per_s", line.get("decode_tokens_per_s"))


def online(check):
    texts, _ = write_rows(check, "online", 121, 8, 128)
    out = check.args.work / "online"
    if check.una("una rloo", "rloo", "--model", check.model, "--data", texts, "--device", check.device, "--out", out, "--overwrite_output_dir", "true", "--reward", "length:64", "--num_generations", 4,
                 "--per_device_train_batch_size", 32, "--max_completion_length", 128, "--max_steps", 2, "--logging_steps", 1, "--save_strategy", "no", limit=500) is not None:
        check.result["online"] = last_row(out)
        check.save()


# ---- the page

def verdict(name, value):
    _, _, must, good, stretch = BARS[name]
    reached = (lambda bar: value <= bar) if name in LESS_IS_BETTER else (lambda bar: value >= bar)
    return next((word for word, bar in (("stretch", stretch), ("good", good), ("must", must)) if reached(bar)), "missed")


def page(result):
    lines = [f"# una on {result.get('card', 'an unknown card')}", "", *([result["note"], ""] if "note" in result else []), "| bar | must | good | stretch | here | |", "|---|---|---|---|---|---|"]
    for name, (what, unit, must, good, stretch) in BARS.items():
        value = result["figures"].get(name)
        here, word = ("-", "not measured") if value is None else (f"{value:.4g}", verdict(name, value))
        lines.append(f"| {what}, {unit} | {must} | {good} | {stretch} | {here} | {word} |")
    lines += ["", "| other figure | |", "|---|---|"] + [f"| {name} | {value:.5g} |" for name, value in result["figures"].items() if name not in BARS]
    lines += ["", "| tests | passed | failed |", "|---|---|---|"]
    lines += [f"| {each['room']} | {each['passed']} | {', '.join(each['failed']) or '0'} |" for each in result.get("tests", [])]
    broken = [each for each in result["runs"] if each["code"]]
    lines += ["", "Runs that failed:" if broken else "No run failed."] + [f"- {each['name']} ({each['code']}): {each['last_words'][-300:]}" for each in broken]
    return "\n".join(lines) + "\n"


def run(args):
    check = Check(args)
    if args.shape == "tiny":
        check.result["note"] = "This shape is a toy: its figures mean nothing."
    begin = time.time()
    for step in args.steps:
        if time.time() - begin > args.minutes * 60:
            print(f"card_check: {args.minutes} minutes are over; left: {' '.join(args.steps[args.steps.index(step):])}", flush=True)
            break
        print(step, flush=True)
        globals()[step](check)
    print(page(check.result))
    failed = any(each["code"] for each in check.result["runs"]) or any(each["failed"] for each in check.result.get("tests", []))
    sys.exit(1 if failed else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("pack")
    one.add_argument("--out", type=pathlib.Path, default=ROOT / "dist" / "card")
    two = commands.add_parser("run")
    two.add_argument("--bundle", type=pathlib.Path, help="una-card.tar.xz; not needed where --work has it unpacked")
    two.add_argument("--out", type=lambda text: pathlib.Path(text).resolve(), default=pathlib.Path("card").resolve())
    two.add_argument("--work", type=lambda text: pathlib.Path(text).resolve(), default=pathlib.Path("/tmp/una-card-work"), help="the bundle, models and runs; 20 GB for the 7B shape")
    two.add_argument("--device", default="cuda")
    two.add_argument("--shape", choices=SHAPES, default="mistral-7b")
    two.add_argument("--steps", nargs="*", choices=STEPS, default=STEPS)
    two.add_argument("--minutes", type=float, default=25, help="no step begins later")
    args = parser.parse_args()
    pack(args) if args.command == "pack" else run(args)


if __name__ == "__main__":
    main()
