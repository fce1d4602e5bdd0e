"""The commands as functions."""
from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from typing import Any, Iterable, Mapping, Union

from una.program import run

Path = Union[str, os.PathLike]
# Files of rows in any shape that una reads; or the rows themselves: dicts, a pandas.DataFrame, a datasets.Dataset.
Data = Union[Path, Iterable[Path], Iterable[Mapping[str, Any]], Any]


@dataclasses.dataclass(frozen=True)
class Rows:
    """A file of rows that the program wrote."""

    path: pathlib.Path

    def read(self) -> list[dict[str, Any]]:
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]


@dataclasses.dataclass(frozen=True)
class Run:
    """The folder of a training run: an adapter that loads anywhere, the log, the report."""

    folder: pathlib.Path

    @property
    def adapter(self) -> pathlib.Path:
        return self.folder

    @property
    def report(self) -> pathlib.Path:
        return self.folder / "report.html"

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One dict per line of metrics.jsonl: training steps, evaluations."""
        return Rows(self.folder / "metrics.jsonl").read()

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))


def train(method: str = "una", *, model: Path, data: Data, out: Path, verbose: bool = False, **keys: Any) -> Run:
    """`una METHOD`: aligns or fine-tunes. Rows that are not in a file are written to OUT.data.jsonl, which a resumed run reads."""
    run(method, *_flags({"model": model, "data": _files(data, out), "out": out, **keys}), verbose=verbose)
    return Run(pathlib.Path(out))


def score(*, data: Data, out: Path, model: Path | None = None, adapter: Path | None = None, verbose: bool = False,
          **keys: Any) -> Rows:
    """`una score`: implicit rewards and log-probs of the answers."""
    return _rows("score", out, verbose, {"model": model, "adapter": adapter, "data": _files(data, out), **keys})


def label(*, data: Data, out: Path, reward: str, verbose: bool = False, **keys: Any) -> Rows:
    """`una label`: scores, thumbs or preferences by any reward."""
    return _rows("label", out, verbose, {"data": _files(data, out), "reward": reward, **keys})


def generate(*, data: Data, out: Path, model: Path | None = None, adapter: Path | None = None, verbose: bool = False,
             **keys: Any) -> Rows:
    """`una generate`: sampled answers to the prompts."""
    return _rows("generate", out, verbose, {"model": model, "adapter": adapter, "data": _files(data, out), **keys})


def merge(*, adapter: Path, out: Path, model: Path | None = None, verbose: bool = False, **keys: Any) -> pathlib.Path:
    """`una merge`: base and adapter as one model folder."""
    run("merge", *_flags({"model": model, "adapter": adapter, "out": out, **keys}), verbose=verbose)
    return pathlib.Path(out)


def _rows(command: str, out: Path, verbose: bool, keys: Mapping[str, Any]) -> Rows:
    run(command, *_flags({**keys, "out": out}), verbose=verbose)
    return Rows(pathlib.Path(out))


def _flags(keys: Mapping[str, Any]) -> list[str]:
    """None means: not given. Lists as the command line takes them; a dict as JSON."""
    out: list[str] = []
    for key, value in keys.items():
        if value is not None:
            out += [f"--{key}", _text(value)]
    return out


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return ",".join(_text(item) for item in value)
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _files(data: Data, out: Path) -> str:
    """Names of files for --data; rows in memory are written next to the output first."""
    if isinstance(data, (str, os.PathLike)):
        return os.fspath(data)
    path = f"{os.fspath(out)}.data.jsonl"
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if hasattr(data, "to_json"):  # pandas.DataFrame, datasets.Dataset
        arguments = {} if hasattr(data, "features") else {"orient": "records", "lines": True, "force_ascii": False}
        data.to_json(path, **arguments)
        return path
    rows = list(data)
    if all(isinstance(row, (str, os.PathLike)) for row in rows):
        return ",".join(os.fspath(row) for row in rows)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return path
