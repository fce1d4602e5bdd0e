"""Writes the Parquet files beside it (pyarrow): python make.py"""
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent


def chat(role, content):
    return [{"role": role, "content": content}]


# A column that one kind of row lacks is null in it, as in tables of mixed rows.
rows = [
    {"prompt": chat("user", "Hello"), "chosen": chat("assistant", "Hi, \u00fc \U0001f600"), "rejected": chat("assistant", "No")},
    {"messages": chat("user", "q") + chat("assistant", "a")},
    {"text": "a \"quoted\"\nline"},
]
turns = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
schema = pa.schema([*((name, turns) for name in ("prompt", "chosen", "rejected", "messages")), ("text", pa.string())])
columns = {name: [row.get(name) for row in rows] for name in schema.names}
table = pa.Table.from_arrays([pa.array(columns[name], type=schema.field(name).type) for name in schema.names], schema=schema)
for codec in ("snappy", "zstd", "gzip", "none"):
    pq.write_table(table, HERE / f"{codec}.parquet", compression=codec, store_schema=False)
many = pa.table({"prompt": [f"p{n}" for n in range(2500)], "completion": [f"a{n % 7}" for n in range(2500)],
                 "label": [n % 2 == 0 for n in range(2500)]})
pq.write_table(many, HERE / "many.parquet", compression="zstd", row_group_size=700, use_dictionary=True, store_schema=False)

# Texts that are not marked as such, and an image, which is not text.
turn = pa.struct([("role", pa.binary()), ("content", pa.binary())])
cells = {
    "messages": pa.array([[{"role": b"user", "content": "Hello ü".encode()}, {"role": b"assistant", "content": b"Hi"}], None],
                         pa.list_(turn)),
    "prompt": pa.array([None, b"p"], pa.large_binary()),
    "completion": pa.array([None, b"c"], pa.binary()),
    "image": pa.array([b"\x89PNG\xff", None], pa.binary()),
}
pq.write_table(pa.table(cells), HERE / "bytes.parquet", compression="none")
pq.write_table(pa.table({"prompt": ["p"], "completion": ["c"]}), HERE / "brotli.parquet", compression="brotli")
