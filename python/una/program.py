"""Finding and running the program."""
from __future__ import annotations

import collections
import os
import pathlib
import shutil
import subprocess
import sys
import threading


class UnaError(RuntimeError):
    """The program's sentence. `exit_code` 2: something in the call or in the files; 1: a fault of una; 128 and more: a signal."""

    def __init__(self, sentence: str, exit_code: int):
        super().__init__(sentence)
        self.exit_code = exit_code


def program() -> str:
    """The program that is run: $UNA_PROGRAM, the one in this package, or the first `una` in $PATH."""
    inside = pathlib.Path(__file__).resolve().parent / "bin" / "una"
    for candidate in (os.environ.get("UNA_PROGRAM"), str(inside) if inside.is_file() else None, shutil.which("una")):
        if candidate:
            return candidate
    raise UnaError("the program is not in this package and not in PATH; name it in UNA_PROGRAM", 2)


def version() -> str:
    """The version of the installed package; "" when it is used from a source tree."""
    import importlib.metadata
    try:
        return importlib.metadata.version("una-align")
    except importlib.metadata.PackageNotFoundError:
        return ""


def run(*words: str, verbose: bool = False) -> str:
    """Runs `una WORDS` and returns its standard output. With `verbose` its log also appears on sys.stderr as it comes.
    Raises UnaError. An interrupt reaches the program, which saves a checkpoint; then KeyboardInterrupt goes on."""
    with subprocess.Popen([program(), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace") as process:
        assert process.stdout is not None and process.stderr is not None
        output: list[str] = []  # read at the same time as the log: a full pipe would stop the program
        reader = threading.Thread(target=lambda: output.append(process.stdout.read()), daemon=True)
        reader.start()
        last: collections.deque[str] = collections.deque(maxlen=20)
        try:
            for line in process.stderr:
                last.append(line.rstrip("\n"))
                if verbose:
                    sys.stderr.write(line)
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            reader.join()
    if code != 0:
        sentences = [line.removeprefix("una: ") for line in last if line.startswith("una: ")]
        raise UnaError(sentences[-1] if sentences else "\n".join(last), code if code > 0 else 128 - code)
    return "".join(output)


def main() -> None:
    """The console script: this process becomes the program."""
    try:
        path = program()
    except UnaError as error:
        print(f"una: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    os.execv(path, ["una", *sys.argv[1:]])
