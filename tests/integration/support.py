"""What the integration tests share: the program, a small task made by `una demo`, and ways to run commands."""
import contextlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import threading
import unittest

UNA = os.environ["UNA"]
TASK = pathlib.Path(os.environ["UNA_TASK"])  # made by make_task.py: init/, start/, data/*.jsonl
TMP = pathlib.Path(os.environ["UNA_TEST_TMP"])
QUICK = ["--max_length", "160", "--lora_r", "4", "--learning_rate", "1e-3", "--logging_steps", "1",
         "--reference_cache_dir", "none", "--threads", "1", "--report_to", "none"]


def run(*arguments, code=0, env=None):
    """Runs una; asserts the exit code; returns (stdout, stderr)."""
    done = subprocess.run([UNA, *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, **(env or {})}, timeout=300)
    assert done.returncode == code, f"exit {done.returncode}, wanted {code}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


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
