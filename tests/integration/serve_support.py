"""A running `una serve`, and small clients for it."""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading

from support import TASK, UNA

MODEL = TASK / "start"


class Served:
    """`una serve` on a free port; its log is in `lines`."""

    def __init__(self, *arguments, model=MODEL, env=None):
        self.process = subprocess.Popen([UNA, "serve", "--model", str(model), "--port", "0", "--threads", "1",
                                         *map(str, arguments)], stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})})
        self.lines, self.port, ready = [], None, threading.Event()

        def follow():
            for line in self.process.stderr:
                self.lines.append(line)
                found = re.match(r"serving +http://[^ ]*:(\d+)/v1", line)
                if found:
                    self.port = int(found.group(1))
                    ready.set()
            ready.set()

        self.reader = threading.Thread(target=follow, daemon=True)
        self.reader.start()
        ready.wait(120)
        assert self.port, "".join(self.lines)

    def call(self, method, path, body=None, headers=None):
        """Status, headers, body (JSON where it is JSON)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            data = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
            sent = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, data, {**sent, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            kind = answer.getheader("Content-Type") or ""
            return answer.status, dict(answer.getheaders()), json.loads(text) if "json" in kind else text.decode()
        finally:
            connection.close()

    def post(self, path, body, status=200, **headers):
        found, _, answer = self.call("POST", path, body, headers)
        assert found == status, (found, answer)
        return answer

    def get(self, path, status=200):
        found, _, answer = self.call("GET", path)
        assert found == status, (found, answer)
        return answer

    def events(self, path, body):
        """The data of a stream's events, the last of which is "[DONE]"."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("POST", path, json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        assert answer.getheader("Content-Type").startswith("text/event-stream")
        parts = answer.read().decode().split("\n\n")
        connection.close()
        assert parts[-1] == "" and all(part.startswith("data: ") for part in parts[:-1]), parts
        return [part[6:] if part == "data: [DONE]" else json.loads(part[6:]) for part in parts[:-1]]

    def raw(self, data, seconds=2.0):
        """What comes back of bytes until the server closes or `seconds` without a byte have passed; whether it closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            out = b""
            connection.settimeout(seconds)
            try:
                connection.sendall(data)
            except OSError:
                pass  # answered and closed before all was sent
            try:
                while part := connection.recv(65536):
                    out += part
                return out, True
            except TimeoutError:
                return out, False
            except OSError:
                return out, True

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.reader.join(10)
        self.process.stderr.close()
        return code


@contextlib.contextmanager
def served(*arguments, **more):
    server = Served(*arguments, **more)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            code = server.stop()
            assert code == 0, f"una serve ended with {code}:\n{''.join(server.lines)}"
