"""`una tune`: successive halving whose survivors are the runs that `una train` would have made."""
import json
import signal
import subprocess
import time
import unittest

from support import QUICK, TASK, UNA, fresh, read_rows, run

PAIRS = TASK / "data" / "pair.jsonl"
KEYS = ["--method", "dpo", "--model", TASK / "start", "--data", PAIRS, *QUICK, "--max_steps", 9, "--per_device_train_batch_size", 4,
        "--eval_fraction", "0.2"]
TUNE = ["--tune", "learning_rate=1e-6,3e-3,1e-3", "beta=0.1,0.5", "--tune_rungs", 2, "--tune_factor", 3]


class Tune(unittest.TestCase):
    def test_survivors_are_the_runs_that_train_makes(self):
        out, alone = fresh("tune"), fresh("tune-alone")
        table, log = run("tune", *KEYS, *TUNE, "--out", out, "--tune_processes", 2)
        results = json.loads((out / "results.json").read_text())
        self.assertEqual(results["metric"], "eval_loss")
        self.assertEqual([c["steps"] for c in results["candidates"]], [9, 9, 3, 3, 3, 3])
        loss = {}
        for name in out.glob("run-*/metrics.jsonl"):
            loss[name.parent.name] = {row["step"]: row["eval_loss"] for row in read_rows(name) if "eval_loss" in row}
        short = sorted(loss, key=lambda run: loss[run][3])
        self.assertEqual(sorted(name for name in loss if 9 in loss[name]), sorted(short[:2]), "the best two of six go on")
        best = results["candidates"][0]
        self.assertEqual(best["values"], [loss[best["run"] + "-seed-42"][9]])
        settings = best["settings"]
        run("train", *KEYS, "--out", alone, "--learning_rate", settings["learning_rate"], "--beta", settings["beta"], "--eval_steps", 3,
            "--save_strategy", "no")
        self.assertEqual((alone / "adapter_model.safetensors").read_bytes(),
                         (out / (best["run"] + "-seed-42") / "adapter_model.safetensors").read_bytes())
        self.assertIn("learning_rate", table)
        self.assertIn("<svg", (out / "report.html").read_text())
        before = (out / "results.json").read_bytes()
        again = run("tune", *KEYS, *TUNE, "--out", out)[1]
        self.assertIn("0 runs to do", again)
        self.assertEqual((out / "results.json").read_bytes(), before)
        self.assertIn("beta", run("tune", *KEYS, *TUNE[:2], "beta=0.1", *TUNE[4:], "--out", out, code=2)[1])

    def test_a_signal_to_the_parent_alone_stops_its_runs(self):
        out = fresh("tune-stopped")
        keys = [str(word) for word in KEYS]
        keys[keys.index("--max_steps") + 1] = "100000"  # hours
        process = subprocess.Popen([UNA, "tune", *keys, "--tune", "beta=0.1,0.5", "--tune_rungs", "2", "--out", out],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        deadline = time.time() + 60
        while time.time() < deadline and process.poll() is None:
            if any(path.read_bytes().count(b"\n") for path in out.glob("run-*/metrics.jsonl")):
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, log)
        self.assertIn("holds the runs so far", log)
        self.assertTrue(list(out.glob("run-*/checkpoint-*/manifest.json")), "what was trained is saved")

    def test_bad_input_is_one_sentence(self):
        def refused(*more):
            return run("tune", *KEYS, "--out", fresh("tune-refused"), *more, code=2)[1]

        self.assertIn("nothing to tune", refused())
        self.assertIn("did you mean", refused("--tune", "learning_rat=1,2"))
        self.assertIn("does not read", refused("--tune", "num_generations=2,4"))
        self.assertIn("too short", refused("--tune", "beta=0.1,0.2", "--tune_rungs", 5))
        self.assertIn("held-out rows", refused("--tune", "beta=0.1,0.2", "--eval_fraction", 0))


if __name__ == "__main__":
    unittest.main()
