"""Online runs that were stopped, early or by a signal, and go on as if they had not been."""
import json
import math
import signal
import subprocess
import threading
import unittest

from online_support import DATA, ONLINE, reward_rows
from support import QUICK, TASK, UNA, fresh, read_rows, run, serving, train


class Resume(unittest.TestCase):
    def test_a_run_resumes_between_rounds_bit_for_bit(self):
        more = ["--reward", "length:4", "--num_generations", 2, "--num_iterations", 2, "--save_steps", 1]
        straight, resumed = fresh("online-straight"), fresh("online-resumed")
        train("ppo", DATA, straight, *ONLINE, *more, "--max_steps", 8)
        train("ppo", DATA, resumed, *ONLINE, *more, "--max_steps", 5)
        steps = sorted(path.name for path in resumed.glob("checkpoint-*"))
        self.assertEqual(steps, ["checkpoint-2", "checkpoint-4"], "a half used round must not be saved")
        run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", resumed / "checkpoint-4", "--max_steps", 8)
        name = "adapter_model.safetensors"
        self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes())

    def test_ctrl_c_while_a_reward_server_is_waited_for_saves_the_rounds_before(self):
        more = [*ONLINE, "--num_generations", "2", "--max_steps", "4", "--save_steps", "100"]
        straight, stopped, scored = fresh("online-judged"), fresh("online-waits"), []
        release, waited_for = threading.Event(), threading.Event()

        def script(_, body):
            if len(scored) >= 16 and not release.is_set():  # those of the second round
                waited_for.set()
                release.wait(60)
            scored.extend(body["rows"])
            return 200, json.dumps([len(row["answer"]) % 7 for row in body["rows"]])

        with serving(script) as server:
            release.set()
            train("rloo", DATA, straight, *more, "--reward", f"{server.url}/s")
            release.clear()
            scored.clear()
            command = [UNA, "rloo", "--model", TASK / "start", "--data", DATA, "--out", stopped, *QUICK, *more,
                       "--reward", f"{server.url}/s"]
            process = subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True)
            waited_for.wait(60)
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 130, log)
            self.assertIn("stopped at step 1; checkpoint saved", log)
            release.set()
            run("train", "--config", stopped / "run.yaml", "--resume_from_checkpoint", "true")
        name = "adapter_model.safetensors"
        self.assertEqual((straight / name).read_bytes(), (stopped / name).read_bytes())

    def test_later_passes_stop_early_and_a_stopped_run_resumes_bit_for_bit(self):
        more = ["--reward", "length:4", "--num_generations", 2, "--num_iterations", 4, "--save_steps", 1, "--kl_control",
                "adaptive", "--kl_horizon", 100, "--value_warmup_steps", 1, "--critic_learning_rate", "2e-3",
                "--kl_early_stop", "1e-4", "--importance_sampling_correction", "true", "--soft_overlong_cache", 8]
        straight, resumed = fresh("online-stop-straight"), fresh("online-stop-resumed")
        train("ppo", DATA, straight, *ONLINE, *more, "--max_steps", 14)
        lasts = [row["steps_a_round"] for row in read_rows(straight / "metrics.jsonl") if "steps_a_round" in row]
        self.assertLess(min(lasts), 4, "the limit ends rounds early")
        rows = reward_rows(straight)
        self.assertGreater(len({row["objective/kl_coef"] for row in rows}), 1)
        for row in rows:
            for name in ("objective/kl", "objective/entropy", "sampling/sampling_logp_difference/mean", "time/train"):
                self.assertTrue(math.isfinite(row[name]), name)
        train("ppo", DATA, resumed, *ONLINE, *more, "--max_steps", 10)
        newest = max((int(path.name.split("-")[1]) for path in resumed.glob("checkpoint-*")))
        run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", resumed / f"checkpoint-{newest}",
            "--max_steps", 14)
        name = "adapter_model.safetensors"
        self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes())

    def test_rows_of_a_file_train_beside_the_samples_and_resume_bit_for_bit(self):
        more = ["--reward", "length:4", "--num_generations", 2, "--save_steps", 1, "--learning_rate", "2e-3", "--offline_coef", 8,
                "--offline_batch_size", 16]
        for method, loss, data, own in (("ppo", "sft", "sft", []), ("rloo", "dpo", "pair", []),
                                        ("una_online", "una", "score", ["--importance_sampling_correction", "true"])):
            with self.subTest(method=method, loss=loss):
                straight, resumed = fresh(f"online-mixed-{method}"), fresh("online-mixed-resumed")
                mix = ["--offline_data", TASK / "data" / f"{data}.jsonl", "--offline_method", loss, *own]
                log = train(method, DATA, straight, *ONLINE, *more, *mix, "--max_steps", 10)[1]
                self.assertNotIn("has no effect", log)
                losses = [row["offline/loss"] for row in read_rows(straight / "metrics.jsonl") if "offline/loss" in row]
                self.assertLess(sum(losses[-3:]), sum(losses[:3]), losses)
                train(method, DATA, resumed, *ONLINE, *more, *mix, "--max_steps", 5)
                newest = max(int(path.name.split("-")[1]) for path in resumed.glob("checkpoint-*"))
                run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", resumed / f"checkpoint-{newest}",
                    "--max_steps", 10)
                name = "adapter_model.safetensors"
                self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes())


if __name__ == "__main__":
    unittest.main()
