"""Training by several ranks: the same weights as one rank, and what a lost rank costs."""
import json
import pathlib
import shutil
import signal
import struct
import subprocess
import time
import unittest

from ranks_support import (LIMIT, TASK, UNA, Ranks, clean_environment, fresh, kubeflow, long, main, open_mpi, plain, run_any,
                           slurm, torchrun)

DATA = TASK / "data"
QUICK = ["--model", TASK / "start", "--max_length", "160", "--lora_r", "4", "--learning_rate", "2e-4", "--logging_steps", "1",
         "--reference_cache_dir", "none", "--threads", "1", "--report_to", "none", "--dtype", "float32",
         "--per_device_train_batch_size", "8", "--max_tokens_per_micro_batch", "96", "--save_steps", "5"]
# Each method with its data and keys.
METHODS = {
    "dpo": ("pair", []),
    "kto": ("binary", []),
    "una": ("mixed", ["--una_loss", "bce", "--una_f", "running"]),
    "una group": ("group", ["--feedback", "group", "--una_f", "group"]),
    "una z0": ("binary", ["--una_f", "kto_z0"]),
    "sft": ("sft", []),
    "reward": ("pair", []),
    **{method: ("pair", ["--reward", "length:4", "--num_generations", "4", "--max_completion_length", "16", "--beta", "0.02", *more])
       for method, more in (("rloo", []), ("una_online", []), ("online_dpo", []), ("ppo", ["--num_iterations", "2"]))},
}
NEAR = 1e-6  # fp32: sums of the same numbers in another order


def words(name, out, *more, steps=20):
    kind, keys = METHODS[name]
    return [UNA, name.split()[0], *QUICK, "--data", DATA / f"{kind}.jsonl", "--out", out, "--max_steps", steps, *keys, *more]


def run(arguments, code=0, env=None):
    returned, out, error = run_any([str(word) for word in arguments[1:]], env) if arguments[0] == UNA else started(arguments)
    assert returned == code, f"exit {returned}, wanted {code}\n{out}\n{error}"
    return error


def started(arguments):
    done = subprocess.run([str(word) for word in arguments], env=clean_environment(), capture_output=True, text=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def tensors(path):
    raw = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    out = {}
    for name, entry in json.loads(raw[8:8 + size]).items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32", entry
            begin, end = entry["data_offsets"]
            out[name] = struct.unpack(f"<{(end - begin) // 4}f", raw[8 + size + begin:8 + size + end])
    return out


def distance(one, other):
    """The largest difference of two adapters' numbers, and the largest number."""
    a, b = (tensors(folder / "adapter_model.safetensors") for folder in (one, other))
    assert a.keys() == b.keys()
    return (max(abs(x - y) for name in a for x, y in zip(a[name], b[name])), max(abs(x) for name in a for x in a[name]))


def metrics(folder):
    timed = ("seconds", "per_second", "runtime", "memory", "time", "elapsed", "throughput", "mfu")
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "eps" and not any(word in key for word in timed)} for row in rows]


class Train(unittest.TestCase):
    def same(self, one, other, near=NEAR):
        far, size = distance(one, other)
        self.assertGreater(size, 0)
        print(f"{other.name}: weights differ by {far:.1e} at most, of {size:.2g}", flush=True)
        self.assertLessEqual(far, near)
        left, right = metrics(one), metrics(other)
        self.assertEqual([row["step"] for row in left], [row["step"] for row in right])
        for a, b in zip(left, right):
            self.assertEqual(a.keys(), b.keys())
            for key, value in a.items():
                if isinstance(value, float):
                    self.assertAlmostEqual(value, b[key], delta=2e-5 * max(1, abs(value)), msg=f"{key} at step {a['step']}")
        return far

    def one_and_two(self, name, *more):
        one, two = fresh(f"{name}-1".replace(" ", "-")), fresh(f"{name}-2".replace(" ", "-"))
        run(words(name, one, *more))
        log = run(words(name, two, *more, "--nproc", "2"), env={"UNA_CHECK_CALLS": "1"})
        self.assertIn("2 ranks", log)
        self.same(one, two)
        self.assertTrue((two / "rank-1.log").is_file(), list(two.iterdir()))
        return one, two, log

    def test_dpo_by_two_ranks_is_dpo_by_one(self):
        self.one_and_two("dpo", "--eval_fraction", "0.1", "--eval_steps", "4")

    def test_una_with_its_running_offset(self):
        self.one_and_two("una")

    @long
    def test_the_other_methods(self):
        for name in METHODS:
            with self.subTest(method=name):
                one, _, _ = self.one_and_two(name)
                four = fresh(f"{name}-4".replace(" ", "-"))
                run(words(name, four, "--nproc", "4"))
                self.same(one, four)

    @long
    def test_four_ranks_dropout_and_skipped_rows(self):
        one, four = fresh("dropout-1"), fresh("dropout-4")
        more = ["--disable_dropout", "false", "--lora_dropout", "0.1", "--gradient_accumulation_steps", "2"]
        run(words("dpo", one, *more))
        run(words("dpo", four, *more, "--nproc", "4"))
        self.same(one, four)

    def test_kill_and_resume_equals_the_straight_run(self):
        straight, killed = fresh("straight"), fresh("killed")
        run(words("dpo", straight, "--nproc", "2", steps=40))
        with Ranks(2, words("dpo", killed, steps=40)) as ranks:
            ranks.wait_for(lambda: (killed / "checkpoint-10").is_dir())
            ranks.signal(1, signal.SIGKILL)
            codes, seconds = ranks.wait(but=(1,))
            self.assertEqual(codes, [75], ranks.all_text())
            self.assertLess(seconds, 10, ranks.all_text())
            self.assertIn("una: rank 1 on host ", ranks.all_text())
        self.assertFalse((killed / "adapter_model.safetensors").exists(), "killed too late to tell anything")
        alone = fresh("killed-alone")
        shutil.copytree(killed, alone)
        resume = ["--resume_from_checkpoint", "true"]
        run(words("dpo", killed, *resume, "--nproc", "2", steps=40))
        self.assertEqual((straight / "adapter_model.safetensors").read_bytes(), (killed / "adapter_model.safetensors").read_bytes())
        run(words("dpo", alone, *resume, steps=40))  # on another number of ranks
        self.same(straight, alone)

    @long
    def test_a_stopped_rank_ends_the_run(self):
        out = fresh("stopped")
        with Ranks(2, words("dpo", out, steps=400)) as ranks:
            ranks.wait_for(lambda: (out / "checkpoint-5").is_dir())
            ranks.signal(1, signal.SIGSTOP)
            codes, seconds = ranks.wait(but=(1,))
            self.assertEqual(codes, [75], ranks.all_text())
            self.assertLess(seconds, 10, ranks.all_text())

    def test_a_signal_to_one_rank_saves_and_ends_all(self):
        out = fresh("signal")
        with Ranks(2, words("dpo", out, steps=400)) as ranks:
            ranks.wait_for(lambda: (out / "checkpoint-5").is_dir())
            ranks.signal(1, signal.SIGTERM)
            codes, _ = ranks.wait()
            self.assertEqual(codes, [143, 143], ranks.all_text())
            self.assertIn("--resume_from_checkpoint", ranks.text(0))

    @long
    def test_a_signal_to_what_started_the_ranks(self):
        out = fresh("signal-parent")
        process = subprocess.Popen([str(word) for word in words("dpo", out, "--nproc", "2", steps=400)],
                                   env=clean_environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while not (out / "checkpoint-5").is_dir() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 130, log)

    def test_auto_starts_afresh_or_goes_on_and_save_before_stops_in_time(self):
        out, straight = fresh("auto"), fresh("auto-straight")
        auto = ["--resume_from_checkpoint", "auto", "--nproc", "2", "--lr_scheduler_type", "constant"]
        log = run(words("dpo", out, *auto, "--save_before", "00:00:03", steps=4000), code=75)
        self.assertIn("by save_before; checkpoint saved", log)
        done = max(int(folder.name.split("-")[1]) for folder in out.glob("checkpoint-*"))
        log = run(words("dpo", out, *auto, steps=done + 10))
        self.assertIn(f"at step {done}", log)
        run(words("dpo", straight, *auto, steps=done + 10))
        self.assertEqual((straight / "adapter_model.safetensors").read_bytes(), (out / "adapter_model.safetensors").read_bytes())
        lost = fresh("auto-lost")
        with Ranks(2, words("dpo", lost, "--save_steps", "1000", *auto[:2], steps=4000)) as ranks:
            ranks.wait_for(lambda: (lost / "metrics.jsonl").is_file())
            ranks.signal(0, signal.SIGKILL)
            ranks.wait(but=(0,))
        run(words("dpo", lost, *auto, steps=20))  # killed before its first checkpoint: from the start
        for checkpoint in lost.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)
        log = run(words("dpo", lost, *auto, steps=20), code=2)  # a result without checkpoints is not replaced
        self.assertIn("is not empty", log)

    def test_a_restarted_job_goes_on_by_itself(self):
        out = fresh("restarted")
        run(words("dpo", out, "--nproc", "2", steps=10))
        log = run(words("dpo", out, "--nproc", "2", steps=15), env={"SLURM_RESTART_COUNT": "1"})
        self.assertIn("at step 10", log)

    def test_bad_input_is_one_sentence_from_all_ranks(self):
        out = fresh("bad-input")
        rows = fresh("bad-rows.jsonl")
        rows.write_text('{"prompt": "a", "chosen": "b"}\n')
        log = run([UNA, "dpo", *QUICK, "--data", rows, "--out", out, "--nproc", "2"], code=2)
        self.assertEqual(log.count("una: "), 1, log)
        self.assertFalse(out.exists())

    @long
    def test_ranks_that_were_started_with_other_settings(self):
        out = fresh("other-settings")

        def env(rank, size, port):
            return {**plain(rank, size, port), "RATE": "2e-4" if rank == 0 else "1e-4"}
        command = " ".join(f"'{word}'" for word in words("dpo", out)).replace("'2e-4'", '"$RATE"')
        with Ranks(2, ["sh", "-c", command], env) as ranks:
            codes, _ = ranks.wait()
            self.assertEqual(codes, [2, 2], ranks.all_text())
            self.assertIn("learning_rate", ranks.all_text())

    @long
    def test_every_launcher_trains(self):
        one = fresh("by-one")
        run(words("dpo", one))
        for variables in (slurm, open_mpi, kubeflow):
            with self.subTest(launcher=variables.__name__):
                out = fresh(f"by-{variables.__name__}")
                with Ranks(2, words("dpo", out), variables) as ranks:
                    codes, _ = ranks.wait()
                    self.assertEqual(codes, [0, 0], ranks.all_text())
                self.same(one, out)

    @long
    def test_torchrun_trains(self):
        launcher = torchrun()
        if launcher is None:
            self.skipTest("there is no Python with torch here (UNA_TORCH_PYTHON names one)")
        one, out = fresh("torchrun-1"), fresh("torchrun-2")
        run(words("dpo", one))
        log = run([*launcher, "--standalone", "--nproc-per-node", "2", *words("dpo", out)])
        self.assertIn("by torchrun", log)
        self.same(one, out)

    def test_what_is_not_offered_on_several_ranks_is_refused(self):
        out = fresh("refused")
        log = run([UNA, "merge", "--model", TASK / "start", "--out", out], code=2,
                  env={name: str(value) for name, value in plain(0, 2, 1).items()})
        self.assertIn("una merge runs in one process", log)


if __name__ == "__main__":
    main()
