"""una serve against callers that break the protocol, go slowly, or never read."""
import json
import os
import pathlib
import re
import resource
import select
import socket
import time
import unittest

from serve_support import served

SECOND = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
BODY = b'{"prompt":"a"}'

# What is sent, and the statuses of all answers; "x": the connection ends with them. Behind most is a second request
# that must not be answered where the first one's end is in doubt.
RAW = {
    "CL + TE": (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND, "400 x"),
    "TE + CL": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 44\r\n\r\n0\r\n\r\n" + SECOND, "400 x"),
    "two CL that differ": (POST + b"Content-Length: 4\r\nContent-Length: 0\r\n\r\nabcd" + SECOND, "400 x"),
    "CL list": (POST + b"Content-Length: 4, 4\r\n\r\nabcd" + SECOND, "400 x"),
    "CL +4": (POST + b"Content-Length: +4\r\n\r\nabcd" + SECOND, "400 x"),
    "CL -1": (POST + b"Content-Length: -1\r\n\r\n" + SECOND, "400 x"),
    "CL 0x4": (POST + b"Content-Length: 0x4\r\n\r\nabcd" + SECOND, "400 x"),
    "CL 4abc": (POST + b"Content-Length: 4abc\r\n\r\nabcd" + SECOND, "400 x"),
    "CL overflow": (POST + b"Content-Length: 18446744073709551617\r\n\r\na" + SECOND, "400 x"),
    "TE xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SECOND, "400 x"),
    "TE gzip, chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SECOND, "400 x"),
    "TE chunked, identity": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SECOND, "400 x"),
    "TE twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND, "400 x"),
    "TE space colon": (POST + b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\nabcd" + SECOND, "400 x"),
    "TE folded": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SECOND, "400 x"),
    "TE vertical tab": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SECOND, "400 x"),
    "TE on HTTP/1.0": (b"POST /tokenize HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND, "400 x"),
    "chunk size 0x1": (CHUNKED + b"0x1\r\na\r\n0\r\n\r\n" + SECOND, "400 x"),
    "chunk size overflow": (CHUNKED + b"10000000000000001\r\na\r\n0\r\n\r\n" + SECOND, "400 x"),
    "chunk LF only": (CHUNKED + b"1\na\n0\n\n" + SECOND, "400 x"),
    "chunk without CRLF": (CHUNKED + b"1\r\naXX0\r\n\r\n" + SECOND, "400 x"),
    "chunk extension 100 KB": (CHUNKED + b"1;" + b"a" * 100000 + b"\r\na\r\n0\r\n\r\n" + SECOND, "400 x"),
    "trailer 100 KB": (CHUNKED + b"0\r\na: " + b"b" * 100000 + b"\r\n\r\n" + SECOND, "400 x"),
    "bare LF head": (b"GET /health HTTP/1.1\nHost: localhost\n\n", "200"),
    "bare CR in a value": (GET + b"A: b\rc\r\n\r\n", "400 x"),
    "NUL in a value": (GET + b"A: b\0c\r\n\r\n", "400 x"),
    "no Host": (b"GET /health HTTP/1.1\r\n\r\n", "400 x"),
    "two Hosts": (GET + b"Host: localhost\r\n\r\n", "400 x"),
    "foreign Host": (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421 x"),
    "foreign Origin": (GET + b"Origin: https://evil.example\r\n\r\n", "403 x"),
    "HTTP/9.9": (b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", "400 x"),
    "noise": (bytes(range(128, 256)) * 3, "400 x"),
    "TLS hello": (bytes.fromhex("16030100a5010000a1") + b"\0" * 200, "400 x"),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " x"),
    "escaped line break": (GET + b"A: b%0d%0aInjected: 1\r\n\r\n", "200"),
    "URI of 1 MB": (b"GET /" + b"a" * 1000000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", "431 x|414 x"),
    "header of 1 MB": (GET + b"A: " + b"a" * 1000000 + b"\r\n\r\n", "431 x"),
    "20,000 headers": (GET + b"".join(b"A%d: b\r\n" % i for i in range(20000)) + b"\r\n", "431 x"),
    "body over the limit": (POST + b"Content-Length: 2097152\r\n\r\n" + b"a" * 2097152, "413 x"),
    "chunks over the limit": (CHUNKED + (b"10000\r\n" + b"a" * 65536 + b"\r\n") * 32 + b"0\r\n\r\n", "413 x"),
    "length of 10^15, no body": (POST + b"Content-Length: 1000000000000000\r\n\r\n", "413 x"),
    "Expect": (POST + b"Expect: 100-continue\r\nContent-Length: 14\r\n\r\n" + BODY, "100 200"),
    "three at once": (SECOND * 3, "200 200 200"),
    "a body in single bytes": (CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n" + SECOND, "200 200"),
}
LIMITS = ["--max_body_bytes", 1 << 20, "--max_connections", 3000, "--max_connections_per_peer", 3000, "--head_timeout", 2,
          "--body_timeout", 2, "--write_timeout", 2, "--idle_timeout", 6]


def verdict(answer, closed):
    return " ".join(status.decode() for status in re.findall(rb"HTTP/1\.[01] (\d+)", answer)) + (" x" if closed else "")


def facts(pid):
    """Resident megabytes and open descriptors of a process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024, len(os.listdir(f"/proc/{pid}/fd"))


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
        cls.context = served(*LIMITS)
        cls.server = cls.context.__enter__()
        cls.pid = cls.server.process.pid

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def health(self):
        """Milliseconds to an answer of /health."""
        begin = time.monotonic()
        self.server.get("/health")
        return 1000 * (time.monotonic() - begin)

    def connect(self, count, first=b""):
        out = []
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
            connection.sendall(first)
            connection.setblocking(False)
            out.append(connection)
        return out

    def ended(self, connections, drip, seconds):
        """Sends `drip` each second until all have been closed by the server. Returns the worst health and the seconds."""
        begin, worst, poll = time.monotonic(), 0, select.poll()
        names = {connection.fileno(): connection for connection in connections}
        for number in names:
            poll.register(number, select.POLLIN)
        while names and time.monotonic() - begin < seconds:
            worst = max(worst, self.health())
            for number, _ in poll.poll(500):
                try:
                    while names[number].recv(65536):
                        pass
                except BlockingIOError:
                    continue  # an answer; the end is to come
                except OSError:
                    pass
                poll.unregister(number)
                names.pop(number).close()
            for connection in list(names.values()):
                try:
                    connection.send(drip)
                except OSError:
                    pass
        self.assertEqual(len(names), 0, f"still open after {seconds} s")
        return worst, time.monotonic() - begin

    def test_every_raw_request_has_its_verdict(self):
        for name, (data, wanted) in RAW.items():
            with self.subTest(name=name):
                closes = all(one.endswith("x") for one in wanted.split("|"))
                answer, closed = self.server.raw(data, 5 if closes else 0.7)
                self.assertIn(verdict(answer, closed), wanted.split("|"), answer[:300])
                self.assertNotIn(b"Injected", answer)
                self.health()

    def test_slow_and_silent_callers_are_cut_and_others_served(self):
        before_mb, before_files = facts(self.pid)
        worst, seconds = self.ended(self.connect(200, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: "), b"x", 10)
        self.assertGreater(seconds, 1.9)
        slow, _ = self.ended(self.connect(200, POST + b"Content-Length: 1000\r\n\r\n"), b"a", 10)
        idle, seconds = self.ended(self.connect(1000), b"", 12)
        self.assertGreater(seconds, 5.5, "idle connections are kept")
        self.assertLess(max(worst, slow, idle), 250, "milliseconds of /health")
        time.sleep(0.7)
        after_mb, after_files = facts(self.pid)
        self.assertLessEqual(after_files, before_files + 2)
        self.assertLess(after_mb, before_mb + 64)

    def test_readers_that_never_read_are_cut(self):
        (before_mb, before_files), before_ended = facts(self.pid), self.choices_ended()
        body = json.dumps({"prompt": "a", "max_tokens": 100000, "ignore_eos": True, "stream": True, "logprobs": 20, "n": 2}).encode()
        request = (b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                   % len(body)) + body
        connections = []
        for _ in range(60):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect(("127.0.0.1", self.server.port))
            connection.sendall(request)
            connections.append(connection)
        end = time.monotonic() + 120
        while time.monotonic() < end and facts(self.pid)[1] < before_files + 60 and self.choices_ended() == before_ended:
            time.sleep(0.01)  # the server takes them
        while time.monotonic() < end and facts(self.pid)[1] > before_files + 2:
            self.assertLess(self.health(), 1000)
            time.sleep(0.25)
        after_mb, after_files = facts(self.pid)
        for connection in connections:
            connection.close()
        self.assertLessEqual(after_files, before_files + 2, "connections are closed")
        self.assertLess(after_mb, before_mb + 128)
        while time.monotonic() < end and self.choices_ended() < before_ended + 2 * 60:
            time.sleep(0.25)  # the last step of a request whose reader was just cut
        self.assertEqual(self.choices_ended(), before_ended + 2 * 60)
        self.assertIn('num_requests_running{model_name="start"} 0', self.server.get("/metrics"))

    def choices_ended(self):
        """Choices that ended in any way."""
        return sum(int(line.split()[-1]) for line in self.server.get("/metrics").splitlines()
                   if line.startswith("una:request_success_total"))

    def test_a_caller_that_hangs_up_at_once(self):
        for _ in range(300):
            connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # RST
            connection.sendall(POST + b"Content-Length: 14\r\n\r\n" + BODY)
            connection.close()
        self.assertLess(self.health(), 1000)

    def test_connections_beyond_the_limit_are_told_so(self):
        with served("--max_connections_per_peer", 4) as server:
            held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
            time.sleep(0.1)
            answer, closed = server.raw(b"", 2)
            self.assertTrue(closed)
            self.assertIn(b" 503 ", answer)
            for connection in held:
                connection.close()
            time.sleep(0.2)
            server.get("/health")

    def test_descriptors_that_run_out(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            context = served()
            server = context.__enter__()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with context_of(context):
            held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
            time.sleep(1)
            before = cpu_seconds(server.process.pid)  # it must not spin while it cannot accept
            time.sleep(1)
            self.assertLess(cpu_seconds(server.process.pid) - before, 0.3)
            for connection in held:
                connection.close()
            time.sleep(0.5)
            server.get("/health")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class context_of:
    """Leaves a context that was entered by hand."""

    def __init__(self, context):
        self.context = context

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self.context.__exit__(*error)


if __name__ == "__main__":
    unittest.main()
