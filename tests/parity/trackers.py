"""What a run leaves for trackers, read by the trackers: trackers.py --una PROGRAM. Needs mlflow-skinny, trackio, tbparse,
tensorboard and wandb in this Python. Every logged loss must come back, at its step, also after a resume. W&B's own `wandb sync` reads
its folder and sends it to a server on this machine, which answers as far as that takes."""
import argparse
import contextlib
import gzip
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # MLflow 3.14 and later ask for it


def logged(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


def in_mlflow(run):
    from mlflow.tracking import MlflowClient
    client = MlflowClient(f"file://{run}/mlruns")
    found = client.search_runs(["0"])
    assert len(found) == 1 and found[0].info.status == "FINISHED" and found[0].data.params["beta"] == "0.1", found
    return {point.step: point.value for point in client.get_metric_history(found[0].info.run_id, "train/loss")}


def in_trackio(run, home):
    os.environ["TRACKIO_DIR"] = str(home)
    import trackio
    from trackio.sqlite_storage import SQLiteStorage
    trackio.import_tf_events(str(run / "runs"), project="parity", name="run")
    logs = SQLiteStorage.get_logs("parity", SQLiteStorage.get_runs("parity")[0])
    return {row["step"]: row["train/loss"] for row in logs if row.get("train/loss") is not None}


class WandbServer(http.server.BaseHTTPRequestHandler):
    """Takes what `wandb sync` sends of one run: its settings, and the lines of its files by their offsets."""
    protocol_version = "HTTP/1.1"
    run, lines, end = {}, {}, None

    def do_GET(self):
        self.reply({})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        request = json.loads(body) if body.startswith(b"{") else {}
        if self.path.endswith("/file_stream"):
            for name, part in request.get("files", {}).items():
                lines = WandbServer.lines.setdefault(name, {})
                lines.update({part["offset"] + i: json.loads(line) for i, line in enumerate(part["content"])})
            WandbServer.end = request.get("exitcode", WandbServer.end)
            self.reply({})
        elif "upsertBucket" in request.get("query", ""):
            WandbServer.run.update({k: v for k, v in request["variables"].items() if v is not None})
            project = {"id": "p", "name": "parity", "entity": {"id": "e", "name": "parity"}}
            bucket = {"id": "r", "name": request["variables"].get("name"), "displayName": "run", "description": "", "config": "{}",
                      "sweepName": None, "historyLineCount": 0, "project": project}
            self.reply({"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}})
        else:
            viewer = {"id": "v", "entity": "parity", "username": "parity", "flags": "{}", "teams": {"edges": []}}
            server = {"cliVersionInfo": {"max_cli_version": "0.99.0"}, "latestLocalVersionInfo": None, "features": []}
            files = {"runID": "r", "uploadHeaders": [], "files": []}
            self.reply({"data": {"viewer": viewer, "serverInfo": server, "createRunFiles": files, "model": {"bucket": None}}})

    def reply(self, value):
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def wandb_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), WandbServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def in_wandb(run, home):
    folders = list((run / "wandb").glob("offline-run-*"))
    assert len(folders) == 1, f"a resumed run goes on in its folder: {folders}"
    with wandb_server() as address:
        environment = {**os.environ, "WANDB_BASE_URL": address, "WANDB_API_KEY": "0" * 40, "HOME": str(home)}
        command = pathlib.Path(sys.executable).parent / "wandb"
        subprocess.run([command, "sync", folders[0]], check=True, capture_output=True, env=environment, timeout=300)
    assert WandbServer.end == 0 and json.loads(WandbServer.run["config"])["beta"]["value"] == 0.1, WandbServer.run
    history = [row for _, row in sorted(WandbServer.lines["wandb-history.jsonl"].items())]
    assert [row["_step"] for row in history] == list(range(len(history))), "W&B's own step counts the rows"
    return {row["train/global_step"]: row["train/loss"] for row in history if "train/loss" in row}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--una", required=True)
    una, bad = parser.parse_args().una, 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        subprocess.run([una, "demo", "--stop_after", "feedback", "--out", work / "task", "--feedback_prompts", "60", "--sft_answers", "200",
                        "--threads", "1"], check=True, capture_output=True)
        keys = ["--data", work / "task/data/pair.jsonl", "--out", work / "run", "--max_length", "160", "--beta", "0.1", "--logging_steps", "1",
                "--save_strategy", "steps", "--save_steps", "2", "--report_to", "all", "--threads", "1", "--model", work / "task/start"]
        subprocess.run([una, "dpo", *keys, "--max_steps", "4"], check=True, capture_output=True)
        subprocess.run([una, "dpo", *keys, "--max_steps", "6", "--resume_from_checkpoint", "true"], check=True, capture_output=True)
        expected = logged(work / "run")
        for name, found in (("MLflow", in_mlflow(work / "run")), ("Trackio", in_trackio(work / "run", work / "trackio")),
                            ("W&B", in_wandb(work / "run", work / "home"))):
            equal = found.keys() == expected.keys() and all(abs(found[step] - expected[step]) < 1e-6 for step in expected)
            bad += not equal
            print(f"{name}: {len(found)} of {len(expected)} losses, {'equal' if equal else 'DIFFERENT: ' + str(found)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
