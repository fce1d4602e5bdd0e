"""A hub on this machine, for tests: huggingface.co's list of files and its redirects, from one folder.

It writes down what it was asked (`asked`: path, Authorization, Range) and may cut answers, lie about hashes, or want a token.
"""
import hashlib
import http.server
import json
import threading

COMMIT = "c0ffee" + "0" * 34


class HubServer:
    def __init__(self, folder, name="org/tiny"):
        self.folder, self.name = folder, name
        self.asked, self.cut_after, self.token, self.wrong_hash, self.ranges = [], None, "", "", True
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                hub.answer(self)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def entry(self, path):
        data = path.read_bytes()
        found = {"rfilename": path.relative_to(self.folder).as_posix(), "size": len(data),
                 "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
        if path.suffix == ".safetensors":
            found["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        if found["rfilename"] == self.wrong_hash:
            found.get("lfs", found)["sha256" if "lfs" in found else "blobId"] = "0" * 40
        return found

    def answer(self, request):
        self.asked.append((request.path, request.headers.get("Authorization"), request.headers.get("Range")))
        path = request.path.split("?")[0]
        if path.startswith("/cdn/"):
            return self.send_file(request, self.folder / path.removeprefix("/cdn/"))
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return self.send(request, 401, b'{"error": "Invalid username or password."}')
        if path in (f"/api/models/{self.name}/revision/main", f"/api/models/{self.name}/revision/{COMMIT}"):
            files = [self.entry(file) for file in sorted(self.folder.rglob("*")) if file.is_file()]
            return self.send(request, 200, json.dumps({"sha": COMMIT, "siblings": files}).encode())
        start = f"/{self.name}/resolve/{COMMIT}/"
        if path.startswith(start):  # large files come from another host
            name = path.removeprefix(start)
            if name.endswith(".safetensors"):
                request.send_response(302)
                request.send_header("Location", f"http://localhost:{self.http.server_port}/cdn/{name}")
                request.send_header("Content-Length", "0")
                return request.end_headers()
            return self.send_file(request, self.folder / name)
        return self.send(request, 404, b'{"error": "Repository not found"}')

    def send_file(self, request, path):
        data, begin = path.read_bytes(), 0
        given = request.headers.get("Range")
        if given and self.ranges:
            begin = int(given.removeprefix("bytes=").split("-")[0])
        body = data[begin:]
        request.send_response(206 if begin else 200)
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.cut_after is not None and path.suffix == ".safetensors":
            body, self.cut_after = body[:self.cut_after], None
            request.close_connection = True
        request.wfile.write(body)

    @staticmethod
    def send(request, status, body):
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
