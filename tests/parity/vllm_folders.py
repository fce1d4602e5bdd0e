"""Folders that una writes, held against the rules of vLLM's loader (vllm_rules.py): merged models in one file and in shards,
trained whole, with value heads, reward models, una's own start model, and adapters of every kind. Then the same folders broken
by hand, once for each rule, which must notice."""
import json
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapter_kinds import KINDS
from vllm_rules import adapter_deltas, adapter_refusals, model_refusals

# name: family, are embedding and head one matrix
MODELS = {f"{family}{', tied' if tied else ''}": (family, tied) for family in ("llama", "mistral", "qwen2") for tied in (False, True)}
MORE_KINDS = {"plain": ("llama", {}, []), "rsLoRA": ("qwen2", {}, ["--use_rslora"])}
# Rules by which vLLM refuses an adapter; `una merge` is the way for these.
REFUSED = {"DoRA": {"kind", "names"}, "DoRA, rsLoRA, biases of adapted linears": {"kind", "names"}, "all biases": {"kind", "names"},
           "embedding, head and norms saved whole": {"kind", "names"}}
INDEX = "model.safetensors.index.json"


def change_json(name, change):
    def apply(folder):
        path = folder / name
        said = json.loads(path.read_text())
        change(said)
        path.write_text(json.dumps(said))
    return apply


def change_tensors(name, change):
    def apply(folder):
        tensors = load_file(folder / name)
        change(tensors)
        save_file({key: value.contiguous() for key, value in tensors.items()}, folder / name, metadata={"format": "pt"})
    return apply


def rename(tensors, old, new):
    tensors[new] = tensors.pop(old)


Q, HEAD = "model.layers.1.self_attn.q_proj", "lm_head.weight"
config = lambda change: change_json("config.json", change)
weights = lambda change: change_tensors("model.safetensors", change)
# what is done to a merged model (in one file, tied): the rule that must notice
BROKEN = {
    "no config.json": (lambda folder: (folder / "config.json").unlink(), "config"),
    "an unknown model_type": (config(lambda c: c.update(model_type="banana")), "config"),
    "an unknown architecture": (config(lambda c: c.update(architectures=["BananaForCausalLM"])), "architecture"),
    "no silu": (config(lambda c: c.update(hidden_act="gelu")), "architecture"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "files"),
    "a consolidated file beside": (lambda folder: shutil.copy(folder / "model.safetensors", folder / "consolidated.safetensors"), "files"),
    "the weights twice": (lambda folder: shutil.copy(folder / "model.safetensors", folder / "copy.safetensors"), "files"),
    "other tensors beside": (lambda folder: save_file({"value_head.bias": torch.zeros(1)}, folder / "value_head.safetensors"), "tensors"),
    "a tensor of another name": (weights(lambda t: rename(t, f"{Q}.weight", "model.layers.1.attention.wq.weight")), "tensors"),
    "a tensor less": (weights(lambda t: t.pop("model.norm.weight")), "tensors"),
    "a bias more": (weights(lambda t: t.update({f"{Q}.bias": torch.zeros(96)})), "tensors"),
    "a row less": (weights(lambda t: t.update({"model.embed_tokens.weight": t["model.embed_tokens.weight"][1:]})), "shapes"),
    "another head": (weights(lambda t: t.update({HEAD: t["model.embed_tokens.weight"] + 1})), "tied"),
    "another dtype in config.json": (config(lambda c: c.update(dtype="bfloat16")), "dtype"),
    "two dtypes": (weights(lambda t: t.update({"model.norm.weight": t["model.norm.weight"].bfloat16()})), "dtype"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer"),
    "another chat template": (lambda folder: (folder / "chat_template.jinja").write_text("{{ messages }}"), "tokenizer"),
    "no generation_config.json": (lambda folder: (folder / "generation_config.json").unlink(), "generation"),
    "another rope": (config(lambda c: c["rope_parameters"].update(factor=4.0)), "copied"),
}
BROKEN_SHARDS = {
    "a shard less": (lambda folder: next(folder.glob("model-00002-*")).unlink(), "files"),
    "an index that leaves a shard out": (change_json(INDEX, lambda i: i.update(weight_map={
        k: v for k, v in i["weight_map"].items() if "00002" not in v})), "tensors"),
    "an index that errs": (change_json(INDEX, lambda i: i["weight_map"].update({f"{Q}.weight": i["weight_map"]["model.norm.weight"],
                                                                              "ghost": i["weight_map"]["model.norm.weight"]})), "index"),
    "a wrong total_size": (change_json(INDEX, lambda i: i["metadata"].update(total_size=1)), "index"),
}
A, B = (f"base_model.model.{Q}.lora_{side}.weight" for side in "AB")
adapter = lambda change: change_json("adapter_config.json", change)
pairs = lambda change: change_tensors("adapter_model.safetensors", change)
BROKEN_ADAPTERS = {
    "no adapter_config.json": (lambda folder: (folder / "adapter_config.json").unlink(), "adapter files"),
    "no tensors": (lambda folder: (folder / "adapter_model.safetensors").unlink(), "adapter files"),
    "no r": (adapter(lambda c: c.pop("r")), "adapter config"),
    "rank 1024": (adapter(lambda c: c.update(rank_pattern={"v_proj": 1024})), "rank"),
    "DoRA said": (adapter(lambda c: c.update(use_dora=True)), "kind"),
    "PiSSA said": (adapter(lambda c: c.update(init_lora_weights="pissa")), "kind"),
    "a bias said": (adapter(lambda c: c.update(bias="lora_only")), "kind"),
    "a norm saved whole": (adapter(lambda c: c.update(modules_to_save=["norm"])), "kind"),
    "a tensor of another name": (pairs(lambda t: rename(t, A, A.replace("lora_A", "lora_C"))), "names"),
    "a module of another name": (pairs(lambda t: rename(t, A, A.replace("q_proj", "wq"))), "modules"),
    "a layer too many": (pairs(lambda t: rename(t, A, A.replace("layers.1", "layers.9"))), "modules"),
    "an A without B": (pairs(lambda t: t.pop(B)), "pairs"),
    "another rank": (adapter(lambda c: c.update(rank_pattern={"q_proj": 3})), "shapes"),
    "a head saved whole": (lambda folder: (adapter(lambda c: c.update(modules_to_save=["score"]))(folder),
                                           pairs(lambda t: t.update({"base_model.model.score.weight": torch.zeros(1, 64)}))(folder)), "head"),
}


def rules(sentences):
    return {sentence.split(":")[0] for sentence in sentences}


class VllmFolders:
    def __init__(self, parity, families, more):
        """`more`: families of which only a merged model and an adapter are looked at."""
        self.parity, self.families, self.more, self.tally = parity, families | more, more, parity.tally
        self.work = parity.work / "vllm"

    def base(self, name, family, tied=None, dtype=torch.float32):
        """A random model with end ids and sampling defaults of its own, saved by transformers."""
        folder = self.work / name.replace(", ", "-")
        torch.manual_seed(0)
        model = self.families[family](len(self.parity.tokenizer) + 5)
        if tied is not None and tied != model.config.tie_word_embeddings:
            model.config.tie_word_embeddings = tied
            model = type(model)(model.config)
        model.to(dtype).save_pretrained(folder)
        self.parity.tokenizer.save_pretrained(folder)
        (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}{% endfor %}")
        (folder / "generation_config.json").write_text(json.dumps(
            {"eos_token_id": [self.parity.tokenizer.eos_token_id, 7], "do_sample": True, "temperature": 0.6, "top_k": 20}))
        return folder

    def train(self, method, base, out, *more, rows=None):
        self.parity.una(method, "--model", base, "--data", rows or self.parity.rows, "--out", out, "--max_steps", 2, "--learning_rate",
                        "5e-3", "--lora_r", 4, "--max_length", 256, "--reference_cache_dir", "none", "--report_to", "none", *more)
        return out

    def merge(self, base, trained, out, *more):
        self.parity.una("merge", "--model", base, "--adapter", trained, "--out", out, *more)
        return out

    def accept(self, name, sentences):
        self.expect(name, sentences, set())

    def expect(self, name, sentences, wanted):
        found = rules(sentences)
        said = f"refused by the rules {', '.join(sorted(wanted))}" if wanted else "rules of vLLM's loader broken"
        self.tally.check(f"{name}: {said}", len(found ^ wanted) if wanted else len(sentences), 0)
        if found != wanted:
            print("      " + "\n      ".join(sentences or ["nothing noticed"]))

    def models(self):
        for name, (family, tied) in MODELS.items():
            base = self.base(name, family, tied)
            trained = self.train("dpo", base, self.work / f"{name}-adapter", "--save_merged", "true")
            self.accept(f"{name}: merged", model_refusals(trained / "merged", base))
            shards = self.merge(base, trained, self.work / f"{name}-shards", "--max_shard_size", "100KB")
            self.tally.check(f"{name}: shards, short of 3", max(0, 3 - len(list(shards.glob("model-*")))), 0)
            self.accept(f"{name}: merged in shards", model_refusals(shards, base))
            self.same(f"{name}: shards and one file in transformers", shards, trained / "merged")
            half = self.merge(base, trained, self.work / f"{name}-half", "--dtype", "bfloat16")
            self.accept(f"{name}: merged in bfloat16", model_refusals(half, base))
            whole = self.train("dpo", base, self.work / f"{name}-whole", "--use_peft", "false", "--save_strategy", "steps",
                               "--save_steps", 1)
            self.accept(f"{name}: trained whole", model_refusals(whole, base))
            self.accept(f"{name}: trained whole, a checkpoint", model_refusals(whole / "checkpoint-1", base))

    def same(self, name, ours, theirs):
        a, b = (AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (ours, theirs))
        self.tally.check(name, max((a[key] - b[key]).abs().max().item() for key in a) if a.keys() == b.keys() else float("inf"), 0)

    def more_families(self):
        for family in self.more:
            base = self.base(family, family)
            trained = self.train("dpo", base, self.work / f"{family}-adapter", "--save_merged", "true")
            self.accept(f"{family}: adapter", adapter_refusals(trained, base))
            self.accept(f"{family}: merged", model_refusals(trained / "merged", base))
            self.accept_merge(family, trained, base, trained / "merged")

    def other_models(self):
        base = self.base("half precision", "mistral", dtype=torch.float16)
        whole = self.train("dpo", base, self.work / "from-fp16", "--use_peft", "false")
        self.accept("mistral: trained whole from float16", model_refusals(whole, base))
        base = self.base("value head", "llama")
        whole = self.train("una", base, self.work / "with-value-head", "--use_peft", "false", "--una_f", "value_head",
                           rows=self.parity.work / "task/data/score.jsonl")
        if not (whole / "value_head.safetensors").is_file():
            self.tally.check("llama: a value head is written", 1, 0)
        self.accept("llama: trained whole, with a value head", model_refusals(whole, base))
        self.same("llama: the same in transformers, with and without the index", whole, self.without_index(whole))
        task = self.parity.work / "task"
        self.accept("una's own start model", model_refusals(task / "init", task / "init"))
        self.accept("una's own start model, trained whole", model_refusals(task / "start", task / "init"))

    def without_index(self, folder):
        copy = folder.with_name(folder.name + "-bare")
        copy.mkdir()
        for name in ("config.json", "model.safetensors"):
            shutil.copy(folder / name, copy)
        return copy

    def template(self):
        """vLLM's chat requests are rendered by the folder's template: it must be the one that the run rendered its rows by."""
        base, path = self.base("other template", "llama"), self.work / "trained.jinja"
        path.write_text("{% for m in messages %}[{{ m['content'] }}]{% endfor %}")
        trained = self.train("dpo", base, self.work / "template-adapter", "--chat_template_path", path)
        whole = self.train("dpo", base, self.work / "template-whole", "--chat_template_path", path, "--use_peft", "false")
        merged = self.merge(base, trained, self.work / "template-merged")
        others = [folder.name for folder in (trained, whole, merged)
                  if AutoTokenizer.from_pretrained(folder).chat_template != path.read_text()]
        self.tally.check("folders without the template of --chat_template_path", len(others), 0)

    def rewards(self):
        for family in ("llama", "mistral", "qwen2"):
            base = self.base(f"{family} of rewards", family)
            trained = self.train("reward", base, self.work / f"{family}-reward")
            self.expect(f"{family}: reward adapter of a causal model", adapter_refusals(trained, base), {"head"})
            merged = self.merge(base, trained, self.work / f"{family}-reward-merged")
            self.accept(f"{family}: reward model, merged", model_refusals(merged, base))
            whole = self.train("reward", base, self.work / f"{family}-reward-whole", "--use_peft", "false")
            self.accept(f"{family}: reward model, trained whole", model_refusals(whole, base))
            again = self.train("reward", merged, self.work / f"{family}-reward-again")
            self.accept(f"{family}: reward adapter of a reward model", adapter_refusals(again, merged))

    def adapters(self):
        for name, (family, _, options) in {**MORE_KINDS, **KINDS}.items():
            base = self.base(f"kind of {family}", family)
            trained = self.train("dpo", base, self.work / f"kind {name}", *options)
            refused = REFUSED.get(name, set())
            self.expect(f"adapter, {name}", adapter_refusals(trained, base), refused)
            merged = self.merge(base, trained, self.work / f"kind {name} merged")
            self.accept(f"adapter, {name}: merged", model_refusals(merged, base))
            if not refused:
                self.accept_merge(f"adapter, {name}", trained, base, merged)
            shutil.rmtree(base)

    def distance(self, trained, base, merged):
        before, after = (load_file(folder / "model.safetensors") for folder in (base, merged))
        deltas = adapter_deltas(trained, base)
        if min((delta.abs().max().item() for delta in deltas.values()), default=0) < 1e-4:
            return float("inf")  # nothing to compare
        for module, delta in deltas.items():
            before[f"{module}.weight"] += delta
        return max((before[name] - after[name]).abs().max().item() for name in after)

    def accept_merge(self, name, trained, base, merged):
        self.tally.check(f"{name}: base plus what vLLM adds, and una's merge", self.distance(trained, base, merged), 1e-6)

    def broken(self):
        base, trained = self.work / "llama-tied", self.work / "llama, tied-adapter"
        single, shards = trained / "merged", self.work / "llama, tied-shards"
        for kind, folder, cases, judge in (("merged models", single, BROKEN, model_refusals),
                                           ("shards", shards, BROKEN_SHARDS, model_refusals),
                                           ("adapters", trained, BROKEN_ADAPTERS, adapter_refusals)):
            unnoticed = []
            for what, (change, rule) in cases.items():
                copy = self.copy(folder)
                change(copy)
                found = rules(judge(copy, base))
                unnoticed += [] if rule in found else [f"{what}: {sorted(found)}, not {rule}"]
            self.tally.check(f"{kind} broken by hand in {len(cases)} ways: unnoticed by their rule", len(unnoticed), 0)
            print("".join(f"      {line}\n" for line in unnoticed), end="")
        copy = self.copy(trained)
        adapter(lambda c: c.update(lora_alpha=2 * c["lora_alpha"]))(copy)
        self.tally.check("an adapter with twice the alpha: its distance to una's merge, short of 1e-4",
                         max(0.0, 1e-4 - self.distance(copy, base, single)), 0)

    def copy(self, folder):
        copy = self.work / "broken"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy, ignore=lambda _, names: [n for n in names if n in ("merged", "runs") or n.startswith("checkpoint")])
        return copy

    def all(self):
        self.models()
        self.more_families()
        self.other_models()
        self.template()
        self.rewards()
        self.adapters()
        self.broken()
