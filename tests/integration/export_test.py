"""`una export`: a GGUF file says what model, adapter and tokenizer say. Read back by a small parser of its own."""
import json
import shutil
import struct
import unittest

from support import TASK, fresh, read_tensors, run, train

NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
F32, F16, Q8_0, BF16 = 0, 1, 8, 30


class Gguf:
    """Metadata and tensors (name: (type, shape with rows first, list of numbers)) of a file."""

    def __init__(self, path):
        self.bytes, self.at, self.metadata, self.tensors = path.read_bytes(), 0, {}, {}
        assert self.bytes[:4] == b"GGUF"
        self.at = 4
        version, tensors, keys = self.number("I"), self.number("Q"), self.number("Q")
        assert version == 3
        for _ in range(keys):
            key = self.text()
            assert key not in self.metadata, key
            self.metadata[key] = self.value(self.number("I"))
        infos = [self.info() for _ in range(tensors)]
        start = -(-self.at // 32) * 32
        end = start
        for name, shape, kind, offset in infos:
            assert start + offset == end, f"{name} begins at {offset}"
            numbers, size = self.numbers(kind, shape, end)
            self.tensors[name] = (kind, shape, numbers)
            end += -(-size // 32) * 32
        assert end == len(self.bytes)

    def number(self, kind):
        value = struct.unpack_from("<" + kind, self.bytes, self.at)[0]
        self.at += struct.calcsize("<" + kind)
        return value

    def text(self):
        length = self.number("Q")
        self.at += length
        return self.bytes[self.at - length : self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind != 9:
            return self.number(NUMBERS[kind])
        kind, count = self.number("I"), self.number("Q")
        return [self.value(kind) for _ in range(count)]

    def info(self):
        name, dims = self.text(), self.number("I")
        shape = [self.number("Q") for _ in range(dims)][::-1]
        return name, shape, self.number("I"), self.number("Q")

    def numbers(self, kind, shape, at):
        count = 1
        for size in shape:
            count *= size
        if kind == Q8_0:
            out = []
            for block in range(count // 32):
                scale, *levels = struct.unpack_from("<e32b", self.bytes, at + 34 * block)
                out += [(scale, level) for level in levels]
            return out, count // 32 * 34
        if kind == BF16:
            halves = struct.unpack_from(f"<{count}H", self.bytes, at)
            return list(struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *(half << 16 for half in halves)))), 2 * count
        letter = {F32: "f", F16: "e"}[kind]
        return list(struct.unpack_from(f"<{count}{letter}", self.bytes, at)), struct.calcsize(letter) * count


def read_model(folder, file="model.safetensors"):
    """Name: (shape, numbers) of an fp32 safetensors file."""
    out = {}
    for name, (dtype, shape, data) in read_tensors(folder / file).items():
        assert dtype == "F32", (name, dtype)
        out[name] = (shape, list(struct.unpack(f"<{len(data) // 4}f", data)))
    return out


def export(name, *arguments, model=TASK / "start"):
    out = fresh(f"{name}.gguf")
    log = run("export", "--model", model, "--output_file", out, *arguments)[1]
    return Gguf(out), log


def merged(name, *arguments):
    out = fresh(f"{name}-merged")
    run("merge", "--model", TASK / "start", "--adapter", *arguments, "--out", out, "--dtype", "float32")
    return read_model(out)


def paired(rows, heads):
    """Rows of each head: i beside i + half."""
    size = len(rows) // heads
    return [rows[head * size + half * size // 2 + i] for head in range(heads) for i in range(size // 2) for half in (0, 1)]


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.adapter = fresh("export-adapter")
        train("dpo", TASK / "data/pair.jsonl", cls.adapter, "--max_steps", 2)
        cls.config = json.loads((TASK / "start/config.json").read_text())
        cls.merged = merged("export", cls.adapter)
        cls.plain, cls.log = export("export-f32", "--adapter", cls.adapter, "--dtype", "float32")

    def rows(self, name):
        shape, numbers = self.merged[name]
        return [numbers[i : i + shape[1]] for i in range(0, len(numbers), shape[1])]

    def check_tensor(self, name, wanted):
        """No assertEqual: the difference of two long lists takes minutes to print."""
        self.assertTrue(self.plain.tensors[name] == wanted, name)

    def test_tensors_are_the_merged_models(self):
        self.check_tensor("token_embd.weight", (F32, *self.merged["model.embed_tokens.weight"]))
        self.check_tensor("output_norm.weight", (F32, *self.merged["model.norm.weight"]))
        self.check_tensor("blk.1.ffn_down.weight", (F32, *self.merged["model.layers.1.mlp.down_proj.weight"]))
        for theirs, ours, heads in (("attn_q", "q_proj", self.config["num_attention_heads"]),
                                    ("attn_k", "k_proj", self.config["num_key_value_heads"])):
            ours = f"model.layers.0.self_attn.{ours}.weight"
            wanted = [x for row in paired(self.rows(ours), heads) for x in row]
            self.check_tensor(f"blk.0.{theirs}.weight", (F32, self.merged[ours][0], wanted))
        self.assertEqual(len(self.plain.tensors), len(self.merged))
        self.assertIn(f"{len(self.merged)} tensors; tokenizer: byte-level BPE, gpt-2", self.log)

    def test_small_types_are_near_and_norms_stay_whole(self):
        for dtype, kind, ulp in (("float16", F16, 2**-11), ("bfloat16", BF16, 2**-8)):
            file, _ = export(f"export-{dtype}", "--adapter", self.adapter, "--dtype", dtype)
            for name, (own, _, numbers) in self.plain.tensors.items():
                if len(file.tensors[name][1]) == 1:
                    self.check_tensor(name, file.tensors[name])
                else:
                    self.assertEqual(file.tensors[name][0], kind)
                    self.assertTrue(all(abs(a - b) <= abs(b) * ulp + 2**-25 for a, b in zip(file.tensors[name][2], numbers)), name)

    def test_q8_0_is_within_half_a_level(self):
        file, _ = export("export-q8", "--adapter", self.adapter, "--dtype", "q8_0")
        for name, (_, shape, numbers) in self.plain.tensors.items():
            kind = file.tensors[name][0]
            self.assertEqual(kind, F32 if len(shape) == 1 else F16 if shape[-1] % 32 else Q8_0, name)
            if kind == Q8_0:
                for (scale, level), number in zip(file.tensors[name][2], numbers):
                    self.assertLessEqual(abs(scale * level - number), scale * (0.5 + 127 * 2**-11), name)

    def test_the_head_says_what_config_and_tokenizer_say(self):
        said, config = self.plain.metadata, self.config
        for key, ours in (("block_count", "num_hidden_layers"), ("embedding_length", "hidden_size"),
                          ("feed_forward_length", "intermediate_size"), ("context_length", "max_position_embeddings"),
                          ("attention.head_count", "num_attention_heads"), ("attention.head_count_kv", "num_key_value_heads"),
                          ("vocab_size", "vocab_size")):
            self.assertEqual(said[f"llama.{key}"], config[ours], key)
        self.assertEqual((said["general.architecture"], said["general.name"]), ("llama", "start"))
        tokenizer = json.loads((TASK / "start/tokenizer.json").read_text())
        by_id = {i: token for token, i in tokenizer["model"]["vocab"].items()}
        by_id.update({token["id"]: token["content"] for token in tokenizer["added_tokens"]})
        tokens = said["tokenizer.ggml.tokens"]
        self.assertEqual(tokens, [by_id.get(i, f"[PAD{i}]") for i in range(config["vocab_size"])])
        self.assertEqual([i for i, kind in enumerate(said["tokenizer.ggml.token_type"]) if kind == 3],
                         sorted(token["id"] for token in tokenizer["added_tokens"]))
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
        self.assertEqual(said["tokenizer.ggml.merges"], merges)
        names = json.loads((TASK / "start/tokenizer_config.json").read_text())
        self.assertEqual(tokens[said["tokenizer.ggml.eos_token_id"]], names["eos_token"])

    def test_a_chat_template_comes_along(self):
        model = fresh("export-model")
        shutil.copytree(TASK / "start", model)
        (model / "chat_template.jinja").write_text("{{ messages[0].content }}")
        file, _ = export("export-template", model=model)
        self.assertEqual(file.metadata["tokenizer.chat_template"], "{{ messages[0].content }}")
        adapter = fresh("export-own-template")
        shutil.copytree(self.adapter, adapter)
        (adapter / "chat_template.jinja").write_text("{{ 'its own' }}")
        file, _ = export("export-own", "--adapter", adapter, model=model)
        self.assertEqual(file.metadata["tokenizer.chat_template"], "{{ 'its own' }}")

    def test_an_adapter_alone(self):
        file, log = export("export-lora", "--adapter", self.adapter, "--adapter_only", "true")
        said = file.metadata
        self.assertEqual((said["general.type"], said["adapter.type"], said["general.architecture"]), ("adapter", "lora", "llama"))
        config = json.loads((self.adapter / "adapter_config.json").read_text())
        self.assertEqual(said["adapter.lora.alpha"], config["lora_alpha"])
        ours = {name: (F32, *value) for name, value in read_model(self.adapter, "adapter_model.safetensors").items()}
        self.assertEqual(len(file.tensors), len(ours))
        prefix = "base_model.model.model.layers.0."
        self.assertTrue(file.tensors["blk.0.attn_q.weight.lora_a"] == ours[f"{prefix}self_attn.q_proj.lora_A.weight"])
        self.assertTrue(file.tensors["blk.0.attn_v.weight.lora_b"] == ours[f"{prefix}self_attn.v_proj.lora_B.weight"])
        kind, shape, numbers = ours[f"{prefix}self_attn.q_proj.lora_B.weight"]
        rows = [numbers[i : i + shape[1]] for i in range(0, len(numbers), shape[1])]
        wanted = [x for row in paired(rows, self.config["num_attention_heads"]) for x in row]
        self.assertTrue(file.tensors["blk.0.attn_q.weight.lora_b"] == (kind, shape, wanted))
        self.assertIn(f"{len(ours) // 2} adapted matrices (F32)", log)
        self.assertIn("--adapter", run("export", "--model", TASK / "start", "--out", fresh("none.gguf"), "--adapter_only", "true", code=2)[1])
        for changes, piece in (({"use_dora": True}, "DoRA"), ({"modules_to_save": ["lm_head"]}, "holds lm_head"),
                               ({"bias": "all"}, "hold no biases")):
            other, out = fresh("export-lora-other"), fresh("export-lora-other.gguf")
            shutil.copytree(self.adapter, other)
            (other / "adapter_config.json").write_text(json.dumps({**config, **changes}))
            error = run("export", "--model", TASK / "start", "--adapter", other, "--out", out, "--adapter_only", "true", code=2)[1]
            self.assertIn(piece, error)
            self.assertIn("export the merged model", error)
            self.assertFalse(out.exists())

    def test_one_sentence_when_it_cannot_be(self):
        out = fresh("export-there.gguf")
        run("export", "--model", TASK / "start", "--out", out)
        before = out.read_bytes()
        other = fresh("export-other")
        shutil.copytree(TASK / "start", other)
        (other / "config.json").write_text(json.dumps({**self.config, "hidden_act": "gelu"}))
        start = ("--model", TASK / "start")
        cases = [((*start,), "no output file"), ((*start, "--out", out), "is there already"), ((*start, "--out", out.parent), "is a folder"),
                 (("--model", other, "--out", out, "--overwrite"), "llama.cpp computes llama with silu, not with gelu"),
                 ((*start, "--out", out, "--overwrite", "--dtype", "q4_0"), "'q4_0' is unknown, choose auto, float32"),
                 ((*start, "--out", out.parent / "no/such.gguf"), "is not there; make it first"), (("--out", out, "--overwrite"), "no model"),
                 ((*start, "--out", out, "--outfile", "x"), "outfile")]
        for arguments, piece in cases:
            with self.subTest(piece=piece):
                error = run("export", *arguments, code=2)[1]
                self.assertIn(piece, error)
                self.assertNotIn("internal error", error)
        self.assertEqual(out.read_bytes(), before)
        run("export", "--model", TASK / "start", "--out", out, "--overwrite", "--dtype", "float32")


if __name__ == "__main__":
    unittest.main()
