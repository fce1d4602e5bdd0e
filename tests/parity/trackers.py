"""What a run leaves for trackers, read by the trackers: trackers.py --una PROGRAM. Needs mlflow-skinny, trackio, tbparse and
tensorboard in this Python. Every logged loss must come back, at its step, also after a resume."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

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
        for name, found in (("MLflow", in_mlflow(work / "run")), ("Trackio", in_trackio(work / "run", work / "trackio"))):
            equal = found.keys() == expected.keys() and all(abs(found[step] - expected[step]) < 1e-6 for step in expected)
            bad += not equal
            print(f"{name}: {len(found)} of {len(expected)} losses, {'equal' if equal else 'DIFFERENT: ' + str(found)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
