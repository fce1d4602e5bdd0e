"""Writes the files of this folder that no editor can: the good model's weights, broken safetensors and archives.

    python3 tests/bad_files/make_binary.py

Each is small and comes from the lines below alone; the texts beside them are written by hand.
"""
import gzip
import json
import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY, HIDDEN, INNER, HEAD = 260, 8, 12, 4
PAIR = {"prompt": "ask", "chosen": "yes", "rejected": "no"}


def values(count, salt):
    """Small numbers that look random and never change."""
    return [((i * 7919 + salt * 104729) % 1009 / 1009 - 0.5) * 0.2 for i in range(count)]


def tensor(shape, salt, ones=False):
    count = 1
    for dim in shape:
        count *= dim
    numbers = [1.0] * count if ones else values(count, salt)
    return shape, struct.pack(f"<{count}f", *numbers)


def safetensors(tensors):
    """The bytes of a file and its header, as a dict that a case may break."""
    header, data = {}, b""
    for name, (shape, raw) in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    return header, data


def packed(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write(name, content):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


class Compact:
    """Thrift's compact encoding of one struct, field by field; what a Parquet footer and page headers are."""

    def __init__(self):
        self.out, self.last = b"", 0

    @staticmethod
    def varint(number):
        out = b""
        while number > 127:
            out, number = out + bytes([number & 127 | 128]), number >> 7
        return out + bytes([number])

    def field(self, number, kind, content):
        self.out += bytes([(number - self.last) << 4 | kind]) + content
        self.last = number
        return self

    def integer(self, number, value, kind=5):  # 5: i32, 6: i64
        return self.field(number, kind, self.varint(value << 1))

    def text(self, number, value):
        return self.field(number, 8, self.varint(len(value)) + value)

    def struct(self, number, value):
        return self.field(number, 12, value.bytes())

    def list(self, number, kind, items):
        return self.field(number, 9, bytes([len(items) << 4 | kind]) + b"".join(items))

    def bytes(self):
        return self.out + b"\0"


def parquet_of(columns, rows, codec=2):
    """A Parquet file whose every row has the same long values: once in a dictionary, packed by gzip; `codec` is what it claims."""
    out, chunks = b"PAR1", []
    for name, value in columns.items():
        start = len(out)
        dictionary = struct.pack("<I", len(value)) + value
        indices = b"\1" + Compact.varint(rows << 1) + b"\0"  # one run of the index 0
        offsets, unpacked = [], 0
        for kind, page, header in [(2, dictionary, (7, Compact().integer(1, 1).integer(2, 0))),
                                   (0, indices, (5, Compact().integer(1, rows).integer(2, 8).integer(3, 3).integer(4, 3)))]:
            offsets.append(len(out))
            squeezed = gzip.compress(page, mtime=0)
            head = Compact().integer(1, kind).integer(2, len(page)).integer(3, len(squeezed)).struct(*header).bytes()
            out, unpacked = out + head + squeezed, unpacked + len(head) + len(page)
        meta = Compact().integer(1, 6).list(2, 5, [Compact.varint(0), Compact.varint(16)])
        meta.list(3, 8, [Compact.varint(len(name)) + name.encode()]).integer(4, codec).integer(5, rows, 6)
        meta.integer(6, unpacked, 6).integer(7, len(out) - start, 6).integer(9, offsets[1], 6).integer(11, offsets[0], 6)
        chunks.append(Compact().integer(2, start, 6).struct(3, meta).bytes())
    leaf = [Compact().integer(1, 6).integer(3, 0).text(4, name.encode()).integer(6, 0).bytes() for name in columns]
    root = Compact().text(4, b"schema").integer(5, len(columns)).bytes()
    group = Compact().list(1, 12, chunks).integer(2, len(out), 6).integer(3, rows, 6).bytes()
    footer = Compact().integer(1, 1).list(2, 12, [root, *leaf]).integer(3, rows, 6).list(4, 12, [group]).bytes()
    return out + footer + struct.pack("<I", len(footer)) + b"PAR1"


def zstd_of_runs(*runs):
    """A zstd frame of texts and of (letter, megabytes): 32 bytes for each megabyte."""
    def block(kind, size, content):
        return struct.pack("<I", size << 3 | kind << 1)[:3] + content

    out = b"\x28\xB5\x2F\xFD" + b"\0" + b"\x38"  # no checksum, no size; a window of 128 kB
    for run in runs:
        if isinstance(run, bytes):
            out += block(0, len(run), run)
        else:
            out += block(1, 1 << 17, run[0]) * (8 * run[1])
    return out + struct.pack("<I", 1)[:3]  # an empty last block


def write_bombs():
    pair, prompt = json.dumps(PAIR).encode(), b'{"prompt": "'
    write("rows/line_too_long.jsonl.zst", zstd_of_runs(pair + b"\n" + prompt, (b"a", 300)))
    write("rows/line_of_blanks.jsonl.zst", zstd_of_runs(pair + b"\n", (b" ", 300)))
    write("rows/lines_without_a_row.jsonl.zst", zstd_of_runs(pair + b"\n", (b"\n", 300)))
    write("rows/element_too_long.json.zst", zstd_of_runs(b"[" + pair + b"," + prompt, (b"a", 300)))
    write("rows/array_of_blanks.json.zst", zstd_of_runs(b"[" + pair + b",", (b" ", 300)))
    write("rows/cell_too_long.csv.zst", zstd_of_runs(b'prompt,chosen,rejected\nask,yes,no\n"', (b"a", 300)))
    write("rows/text_too_long.jsonl.zst", zstd_of_runs(pair + b"\n" + prompt, (b"a", 200), b'", "chosen": "y", "rejected": "n"}\n'))
    write("rows/array_of_empty_lists.json.gz", gzip.compress(b"[" + b"[]," * 6_000_000 + b"[]]", mtime=0))
    write("rows/values_too_many.jsonl.gz", gzip.compress(b'{"prompt": [' + b"[]," * 11_000_000 + b"[]]}\n", mtime=0))


def model_tensors():
    layer = "model.layers.0."
    shapes = {
        "model.embed_tokens.weight": (VOCABULARY, HIDDEN),
        "model.norm.weight": (HIDDEN,),
        layer + "input_layernorm.weight": (HIDDEN,),
        layer + "post_attention_layernorm.weight": (HIDDEN,),
        layer + "self_attn.q_proj.weight": (2 * HEAD, HIDDEN),
        layer + "self_attn.k_proj.weight": (HEAD, HIDDEN),
        layer + "self_attn.v_proj.weight": (HEAD, HIDDEN),
        layer + "self_attn.o_proj.weight": (HIDDEN, 2 * HEAD),
        layer + "mlp.gate_proj.weight": (INNER, HIDDEN),
        layer + "mlp.up_proj.weight": (INNER, HIDDEN),
        layer + "mlp.down_proj.weight": (HIDDEN, INNER),
    }
    return {name: tensor(shape, salt, "norm" in name) for salt, (name, shape) in enumerate(shapes.items())}


def adapter_tensors(rank=2, out=2 * HEAD, module="model.layers.0.self_attn.q_proj"):
    name = f"base_model.model.{module}."
    return {name + "lora_A.weight": tensor((rank, HIDDEN), 1), name + "lora_B.weight": tensor((out, rank), 2)}


def write_good():
    letters = [*range(33, 127), *range(161, 173), *range(174, 256)]  # GPT-2's letters for bytes
    spare = iter(range(256, 512))
    alphabet = [chr(b if b in letters else next(spare)) for b in range(256)]
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    added = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i, token in enumerate(special)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(special + alphabet)}, "merges": []}}
    write("good/model/tokenizer.json", json.dumps(tokenizer, ensure_ascii=False).encode())
    write("good/model/model.safetensors", packed(*safetensors(model_tensors())))
    write("good/adapter/adapter_model.safetensors", packed(*safetensors(adapter_tensors())))


def two_tensors():
    """Enough for a break that shows before any tensor is missed."""
    return {"model.embed_tokens.weight": tensor((4, HIDDEN), 1), "model.norm.weight": tensor((HIDDEN,), 2)}


def broken(name, change, tail=b""):
    """safetensors/NAME: a good header after `change`."""
    header, data = safetensors(two_tensors())
    changed = change(header)
    write(f"safetensors/{name}", packed(header if changed is None else changed, data + tail))


def entry_change(name, **members):
    def change(header):
        header[name].update(members)
    return change


def write_headers():
    good, data = safetensors(two_tensors())
    text = json.dumps(good).encode()
    whole = packed(good, data)
    norm, embed = "model.norm.weight", "model.embed_tokens.weight"
    write("safetensors/empty.safetensors", b"")
    write("safetensors/seven_bytes.safetensors", whole[:7])
    write("safetensors/header_over_the_limit.safetensors", struct.pack("<Q", 1 << 40) + whole[8:])
    write("safetensors/header_longer_than_the_file.safetensors", struct.pack("<Q", len(whole)) + whole[8:])
    write("safetensors/header_cut_short.safetensors", struct.pack("<Q", len(text) - 40) + whole[8:])
    write("safetensors/cut_short.safetensors", whole[:-10])
    write("safetensors/header_is_a_list.safetensors", packed(b"[1, 2, 3]", data))
    write("safetensors/header_is_not_json.safetensors", packed(b"{'a': 1}", data))
    write("safetensors/header_is_not_utf8.safetensors", packed(b'{"\xff": {}}', data))
    write("safetensors/header_is_deep.safetensors", packed(b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", b""))
    write("safetensors/web_page.safetensors", b"<!DOCTYPE html><html><body>Sign in to see this file</body></html>\n")
    write("safetensors/git_lfs_pointer.safetensors",
          b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 11000\n")
    broken("byte_left_over.safetensors", lambda header: None, b"\0")
    broken("duplicate_tensor.safetensors", lambda header: text[:-1] + b', "model.norm.weight": ' +
           json.dumps(good[norm]).encode() + b"}")
    broken("duplicate_member.safetensors", lambda header: text.replace(b'{"dtype": "F32"', b'{"dtype": "F32", "dtype": "F32"', 1))
    broken("offset_negative.safetensors", entry_change(embed, data_offsets=[-8, 120]))
    broken("offset_a_text.safetensors", entry_change(embed, data_offsets=["0", "128"]))
    broken("offset_of_one_number.safetensors", entry_change(embed, data_offsets=[0]))
    broken("offsets_backwards.safetensors", entry_change(norm, data_offsets=[160, 128]))
    broken("offsets_overlap.safetensors", entry_change(norm, data_offsets=[124, 156]))
    broken("offsets_leave_a_hole.safetensors", entry_change(norm, data_offsets=[132, 164]))
    broken("offset_beyond_64_bits.safetensors", entry_change(norm, data_offsets=[128, 1 << 70]))
    broken("dtype_unknown.safetensors", entry_change(norm, dtype="F8_E5M2"))
    broken("dtype_a_number.safetensors", entry_change(norm, dtype=32))
    broken("dtype_missing.safetensors", lambda header: header[norm].pop("dtype") and None)
    broken("shape_does_not_fit.safetensors", entry_change(norm, shape=[9]))
    broken("shape_overflows.safetensors", entry_change(norm, shape=[1 << 40, 1 << 40]))
    broken("shape_negative.safetensors", entry_change(norm, shape=[-8]))
    broken("metadata_a_number.safetensors", lambda header: header.update({"__metadata__": {"format": 1}}))
    strange = model_tensors()
    strange["transformer.ln_f.weight"] = strange.pop(norm)
    write("safetensors/tensor_of_another_model.safetensors", packed(*safetensors(strange)))
    transposed = model_tensors()
    transposed["model.layers.0.mlp.down_proj.weight"] = tensor((INNER, HIDDEN), 10)
    write("safetensors/tensor_transposed.safetensors", packed(*safetensors(transposed)))
    numbers = model_tensors()
    numbers["model.norm.weight"] = ((HIDDEN,), struct.pack("<8q", *range(8)))
    header, raw = safetensors(numbers)
    header["model.norm.weight"]["dtype"] = "I64"
    write("safetensors/tensor_of_integers.safetensors", packed(header, raw))
    untied = model_tensors()
    untied["lm_head.weight"] = tensor((VOCABULARY, HIDDEN), 11)
    write("safetensors/head_unlike_the_tied_embedding.safetensors", packed(*safetensors(untied)))


def write_shards():
    tensors = model_tensors()
    names = list(tensors)
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    halves = {first: names[:6], second: names[6:]}
    where = {name: file for file, half in halves.items() for name in half}

    def folder(case, weight_map, files, index=None):
        for file, half in files.items():
            write(f"safetensors/{case}/{file}", packed(*safetensors({name: tensors[name] for name in half})))
        text = json.dumps({"metadata": {}, "weight_map": weight_map}, indent=1) if index is None else index
        write(f"safetensors/{case}/model.safetensors.index.json", text.encode() + b"\n")
        write(f"safetensors/{case}/REMOVE", b"model.safetensors\n")

    folder("shard_missing", where, {first: names[:6]})
    folder("shard_without_its_tensor", where, {first: names[:6], second: names[7:]})
    folder("tensor_in_another_shard", where, {first: names[:5], second: names[5:]})
    folder("tensor_in_two_shards", {n: f for n, f in where.items() if n != names[0]}, {first: names[:6], second: [names[0], *names[6:]]})
    folder("shard_outside_the_folder", {name: "../../model.safetensors" for name in names}, {})
    folder("index_without_a_map", {}, {}, '{"metadata": {"total_size": 10864}}')
    folder("index_cut_short", {}, {}, '{"metadata": {}, "weight_map": {"model.norm.wei')


def write_archives():
    lines = "".join(json.dumps(PAIR) + "\n" for _ in range(40)).encode()
    zipped = gzip.compress(lines, mtime=0)
    write("rows/archive_cut_short.jsonl.gz", zipped[:-12])
    write("rows/archive_damaged.jsonl.gz", zipped[:-8] + b"\0\0\0\0" + zipped[-4:])
    frame = subprocess.run(["zstd", "-q", "-c"], input=lines, stdout=subprocess.PIPE, check=True).stdout
    write("rows/archive_cut_short.jsonl.zst", frame[:-6])
    write("rows/archive_damaged.jsonl.zst", frame[:20] + bytes(255 - b for b in frame[20:30]) + frame[30:])
    write("rows/archive_of_nothing.jsonl.gz", gzip.compress(b"", mtime=0))
    pair = json.dumps(PAIR).encode()
    write("rows/utf16.jsonl", json.dumps(PAIR).encode("utf-16") + b"\n")
    write("rows/latin1.jsonl", pair + b"\n" + '{"prompt": "ask", "chosen": "café", "rejected": "no"}\n'.encode("latin-1"))
    write("rows/latin1.csv", "prompt,chosen,rejected\nask,café,no\n".encode("latin-1"))
    write("rows/nul_bytes.jsonl", pair + b"\n" + b"\0" * 40 + b"\n")
    write("rows/nul_behind_a_row.jsonl", pair + b"\0" * 8 + pair + b"\n")
    write("rows/nul_in_a_text.jsonl", pair.replace(b"yes", b"y\0s") + b"\n")
    deep = b"[" * 200000 + b"]" * 200000
    write("rows/deep_row.jsonl.gz", gzip.compress(b'{"prompt": ' + deep + b', "chosen": "a", "rejected": "b"}\n', mtime=0))
    write("rows/deep_array.json.gz", gzip.compress(deep, mtime=0))
    write("rows/deep_cell.csv.gz", gzip.compress(b"prompt,chosen,rejected\n" + deep + b",a,b\n", mtime=0))
    deep = deep[170000:-170000]  # no archive here: 60 kB
    write("rows/parquet.parquet", b"PAR1" + bytes(24) + b"PAR1")
    texts = {"prompt": b"a" * (1 << 22), "chosen": b"yes", "rejected": b"no"}
    write("rows/parquet_bomb.parquet", parquet_of(texts, 5000))
    write("rows/parquet_of_brotli.parquet", parquet_of({name: text.encode() for name, text in PAIR.items()}, 2, codec=4))
    write("configs/deep.json", b'{"rope_scaling": ' + deep + b"}\n")
    write("configs/deep.yaml", b"beta: " + deep + b"\n")
    write("configs/binary.yaml", bytes(range(256)))
    write("templates/deep.jinja", b"{{ " + deep.replace(b"[", b"(").replace(b"]", b")") + b" }}\n")
    write("templates/latin1.jinja", "{# café #}{{ messages[0].content }}\n".encode("latin-1"))
    write("tokenizers/deep.json", b'{"model": ' + deep + b"}\n")


def write_adapters():
    def folder(case, tensors):
        write(f"adapters/{case}/adapter_model.safetensors", packed(*safetensors(tensors)))

    good = adapter_tensors()
    name_a, name_b = good
    folder("matrix_missing", {name_a: good[name_a]})
    folder("matrix_of_another_rank", adapter_tensors(rank=3))
    folder("matrix_of_another_base", adapter_tensors(out=16))
    folder("matrix_of_a_layer_too_many", {**good, **adapter_tensors(module="model.layers.1.self_attn.q_proj")})
    folder("matrix_of_a_module_not_named", {**good, **adapter_tensors(module="model.layers.0.self_attn.o_proj")})
    folder("name_without_prefix", {name[len("base_model.model."):]: value for name, value in good.items()})
    folder("no_tensors", {})
    nan = {name: (shape, b"\0\0\xc0\x7f" + raw[4:]) for name, (shape, raw) in good.items()}
    write("adapters/not_a_number/adapter_model.safetensors", packed(*safetensors(nan)))
    write("adapters/cut_short/adapter_model.safetensors", packed(*safetensors(good))[:-4])


def write_checkpoints():
    none = b'{"format_version": 1, "step": 2, "world_size": 1, "files": {}}\n'

    def folder(case, content, manifest=True):
        write(f"checkpoints/{case}/optimizer.safetensors", content)
        if manifest:
            write(f"checkpoints/{case}/manifest.json", none)

    parts = {name: tensor((10,), salt) for salt, name in enumerate(["values", "exp_avg", "exp_avg_sq"])}
    folder("optimizer_cut_short", packed(*safetensors(parts))[:-8], manifest=False)
    folder("optimizer_cut_short_in_the_manifest", packed(*safetensors(parts))[:-8])
    folder("optimizer_of_another_size", packed(*safetensors(parts)))
    folder("optimizer_without_a_part", packed(*safetensors({"values": parts["values"]})))


if __name__ == "__main__":
    write_good()
    write_headers()
    write_shards()
    write_archives()
    write_bombs()
    write_adapters()
    write_checkpoints()
