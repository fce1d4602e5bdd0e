"""What the integration tests share: the program, a small task made by `una demo`, and ways to run commands."""
import contextlib
import http.server
import json
import os
import pathlib
import shutil
import struct
import subprocess
import threading
import unittest

from commands import LIMIT, server_of_thread

UNA = os.environ["UNA"]
TASK = pathlib.Path(os.environ["UNA_TASK"])  # made by make_task.py: init/, start/, data/*.jsonl
TMP = pathlib.Path(os.environ["UNA_TEST_TMP"])
QUICK = ["--max_length", "160", "--lora_r", "4", "--learning_rate", "1e-3", "--logging_steps", "1",
         "--reference_cache_dir", "none", "--threads", "1", "--report_to", "none"]


READ_AT_START = ("LD_", "OMP_", "GOMP_", "MKL_", "MALLOC_", "UNA_WAIT_POLICY")  # variables that libraries read as they are loaded


def read_tensors(path):
    """Name: (dtype, shape, bytes) of a safetensors file."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], data[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]])
            for name, entry in header.items()}


environment = None  # of the commands; None: that of the tests


def run_any(arguments, env=None, cwd=None):
    """Exit code, stdout, stderr of una."""
    env = env or {}
    if any(name.startswith(READ_AT_START) for name in env) or any(set("\t\n") & set(word) for word in [*arguments, *env.values()]):
        done = subprocess.run([UNA, *arguments], capture_output=True, text=True, env={**(environment or os.environ), **env},
                              timeout=LIMIT, cwd=cwd, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr
    code, out, error = server_of_thread(environment).run(arguments, cwd=cwd or ".", env=env)
    return code, out.decode(), error.decode()


def run(*arguments, code=0, env=None):
    """Runs una; asserts the exit code; returns (stdout, stderr)."""
    returned, out, error = run_any([str(word) for word in arguments], env)
    assert returned == code, f"exit {returned}, wanted {code}\n{out}\n{error}"
    return out, error


def fresh(name):
    """A path in the tests' folder at which nothing stands."""
    path = TMP / name
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_rows(name, rows):
    path = fresh(name)
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n") if line]


def train(method, data, out, *more, code=0):
    return run(method, "--model", TASK / "start", "--data", data, "--out", out, *QUICK, *more, code=code)


class Server:
    """Answers each POST with what `script(number, request)` says: (status, body, headers), or None: it hangs up."""

    def __init__(self, script):
        self.requests, lock, outer = [], threading.Lock(), self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    number = len(outer.requests)
                    outer.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
                answer = script(number, body)
                if answer is None:
                    return
                status, text, headers = (*answer, {})[:3]
                data = text.encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def serving(script):
    server = Server(script)
    try:
        yield server
    finally:
        server.close()


main = unittest.main
