"""A run that is killed at any moment goes on from its last checkpoint, bit for bit."""
import os
import signal
import subprocess
import time
import unittest

from support import QUICK, TASK, UNA, fresh, read_rows, run, train

DATA = TASK / "data" / "mixed.jsonl"
MORE = ["--una_loss", "bce", "--una_f", "running", "--save_steps", "5", "--per_device_train_batch_size", "8", "--max_steps", "20"]


class Resume(unittest.TestCase):
    def start(self, out):
        return subprocess.Popen([UNA, "una", "--model", TASK / "start", "--data", DATA, "--out", out, *QUICK, *MORE],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def wait_for(self, process, path):
        for _ in range(3000):
            if path.exists() or process.poll() is not None:
                return
            time.sleep(0.005)

    def test_20_steps_are_10_plus_kill_plus_the_rest(self):
        straight, killed = fresh("straight"), fresh("killed")
        train("una", DATA, straight, *MORE)
        process = self.start(killed)
        self.wait_for(process, killed / "checkpoint-10")
        process.kill()
        process.communicate()
        self.assertFalse((killed / "adapter_model.safetensors").exists(), "killed too late to tell anything")
        run("train", "--config", killed / "run.yaml", "--resume_from_checkpoint", "true")
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            self.assertEqual((straight / name).read_bytes(), (killed / name).read_bytes(), name)
        steps = [row["step"] for row in read_rows(killed / "metrics.jsonl")]
        self.assertEqual(steps, sorted(set(steps)), "rows of before the kill and after the resume must not overlap")

    def test_ctrl_c_saves_and_says_how_to_go_on(self):
        out = fresh("ctrl-c")
        process = self.start(out)
        self.wait_for(process, out / "checkpoint-5")
        process.send_signal(signal.SIGINT)
        _, log = process.communicate()
        self.assertEqual(process.returncode, 130, log)
        self.assertIn("--resume_from_checkpoint", log)
        run("train", "--config", out / "run.yaml", "--resume_from_checkpoint", "true")
        self.assertTrue((out / "adapter_model.safetensors").exists())

    def test_another_model_data_or_setting_is_refused_by_name(self):
        out = fresh("refused")
        train("una", DATA, out, *MORE[:-1], "6")
        base = ["train", "--config", out / "run.yaml", "--resume_from_checkpoint", "true"]
        self.assertIn("beta", run(*base, "--beta", "0.5", code=2)[1])
        self.assertIn("dataset_name", run(*base, "--data", TASK / "data" / "score.jsonl", code=2)[1])
        state = next(out.glob("checkpoint-5")) / "una_state.json"
        self.assertTrue(state.is_file())
        self.assertIn("was changed", self.tampered(out, state))

    def tampered(self, out, state):
        state.write_text(state.read_text().replace('"step": 5', '"step": 4'))
        return run("train", "--config", out / "run.yaml", "--resume_from_checkpoint", out / "checkpoint-5", code=2)[1]


if __name__ == "__main__":
    unittest.main()
