"""One rule for what every command writes: replaced on request only, never an input, one process at a time, checked before
any work, and an old run stays until there is something to replace it with."""
import os
import shutil
import signal
import subprocess
import time
import unittest

from support import QUICK, TASK, UNA, fresh, read_rows, run, train, write_rows

MODEL = ["--model", TASK / "start"]
PAIRS = TASK / "data" / "pair.jsonl"
OVERWRITE = ["--overwrite_output_dir", "true"]


def tree(folder):
    """Bytes of every file by name, but for those that a command touches when it only looks."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Files(unittest.TestCase):
    """Commands that write one file: (words before --data, more words)."""
    COMMANDS = {
        "generate": (["generate", *MODEL, "--max_rows", "2", "--max_new_tokens", "2"], "--overwrite_output_dir"),
        "score": (["score", *MODEL, "--beta", "0.1", "--max_rows", "2"], "--overwrite_output_dir"),
        "label": (["label", "--reward", "length:3", "--max_rows", "2"], "--overwrite_output_dir"),
        "convert": (["convert", "--to", "binary", "--max_rows", "2"], "--overwrite_output_dir"),
        "export": (["export", *MODEL], "--overwrite"),
    }

    def words(self, name, data, out):
        words, flag = self.COMMANDS[name]
        return [*words, *([] if name == "export" else ["--data", data]), "--out", out], flag

    def setUp(self):
        self.folder = fresh("outputs")
        self.folder.mkdir()
        self.data = self.folder / "rows.jsonl"
        self.data.write_text("\n".join(PAIRS.read_text().splitlines()[:2]) + "\n")

    def test_a_file_that_is_there_is_replaced_on_request_only(self):
        for name in self.COMMANDS:
            with self.subTest(name):
                out = self.folder / f"{name}.jsonl"
                out.write_text("mine")
                words, flag = self.words(name, self.data, out)
                self.assertIn(f"is there already; give another --out, or {flag}", run(*words, code=2)[1])
                self.assertEqual(out.read_text(errors="replace"), "mine")
                run(*words, flag, "true")
                self.assertNotEqual(out.read_bytes(), b"mine")
                self.assertEqual([path.name for path in self.folder.glob(".*")], [], "a lock stayed")

    def test_an_input_is_refused_however_it_is_named(self):
        before = self.data.read_bytes()
        link, hard = self.folder / "link.jsonl", self.folder / "hard.jsonl"
        link.symlink_to("rows.jsonl")
        os.link(self.data, hard)
        for name in set(self.COMMANDS) - {"export"}:
            for out in (self.data, link, hard, self.folder / "." / ".." / "outputs" / "rows.jsonl"):
                with self.subTest(f"{name} {out.name}"):
                    words, flag = self.words(name, self.data, out)
                    self.assertIn("one of the files to read", run(*words, flag, "true", code=2)[1])
        self.assertEqual(self.data.read_bytes(), before)

    def test_the_model_and_the_adapter_are_inputs(self):
        model = fresh("outputs-model")
        shutil.copytree(TASK / "start", model)
        before = tree(model)
        for words in (["score", "--model", model, "--beta", "0.1", "--data", self.data, *OVERWRITE],
                      ["generate", "--model", model, "--data", self.data, *OVERWRITE],
                      ["export", "--model", model, "--overwrite"],
                      ["score", *MODEL, "--ref_model", model, "--beta", "0.1", "--data", self.data, *OVERWRITE],
                      ["label", "--reward", f"model:{model}", "--data", self.data, *OVERWRITE]):
            with self.subTest(str(words)):
                self.assertIn("one of the files to read", run(*words, "--out", model / "config.json", code=2)[1])
        self.assertEqual(tree(model), before)

    def test_a_place_that_cannot_be_written_is_found_before_the_model_is_read(self):
        for name in self.COMMANDS:
            words, _ = self.words(name, self.data, "/proc/nowhere/x.jsonl")
            words = ["nowhere" if word == TASK / "start" else word for word in words]
            with self.subTest(name):
                self.assertIn("/proc/nowhere", run(*words, code=2)[1])

    def test_generate_keeps_finished_answers_on_ctrl_c(self):
        prompts = write_rows("outputs/prompts.jsonl", [{"prompt": f"say {i}"} for i in range(3000)])
        out = self.folder / "answers.jsonl"
        process = subprocess.Popen([UNA, "generate", *MODEL, "--data", prompts, "--out", out, "--batch_size", "8", "--threads", "1",
                                    "--max_new_tokens", "40"], stderr=subprocess.PIPE, text=True)
        lock = self.folder / ".answers.jsonl.una-lock"
        for _ in range(2000):
            if lock.exists() or process.poll() is not None:
                break
            time.sleep(0.005)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        log = process.communicate()[1]
        self.assertEqual(process.returncode, 130, log)
        if "before the first answer" in log:
            self.assertFalse(out.exists())
            return
        rows = read_rows(out)
        self.assertIn(f"stopped; {len(rows):,} of 3,000 answers were finished and are kept".replace(",", ""),
                      log.replace(",", ""))
        self.assertTrue(0 < len(rows) < 3000)
        self.assertEqual(len((self.folder / "answers.jsonl.partial").read_text().splitlines()), 1 + len(rows))
        (self.folder / "answers.jsonl.partial").unlink()


class UnfinishedWork(unittest.TestCase):
    """What a killed command has done is in OUT.partial, and the same command goes on from there."""
    pairs = [{"prompt": f"say {i} ", "chosen": "yes " * 40, "rejected": "no " * 40} for i in range(120)]

    def killed(self, words, out, lines):
        """Kills the command when its partial file has this many lines."""
        partial = out.with_name(out.name + ".partial")
        process = subprocess.Popen([UNA, *map(str, words)], stderr=subprocess.PIPE, text=True)
        deadline = time.time() + 60
        while time.time() < deadline and process.poll() is None:
            if partial.exists() and partial.read_bytes().count(b"\n") >= lines:
                break
            time.sleep(0.002)
        process.kill()
        log = process.communicate()[1]
        self.assertEqual(process.returncode, -signal.SIGKILL, log)
        self.assertFalse(out.exists())
        return partial

    def check(self, words, name, where):
        """Compares the file of an undisturbed run with that of one that was killed; returns both."""
        whole, out = fresh(f"unfinished/{name}-whole.jsonl"), fresh(f"unfinished/{name}.jsonl")
        fresh(f"unfinished/{name}.jsonl.partial")
        run(*words, "--out", whole)
        partial = self.killed([*words, "--out", out], out, 4)
        log = run(*words, "--out", out)[1]
        self.assertRegex(log, rf"resuming +\d+ {where}")
        self.assertFalse(partial.exists())
        return read_rows(whole), read_rows(out)

    def test_generate(self):
        prompts = write_rows("unfinished/prompts.jsonl", [{"prompt": f"say {i}"} for i in range(40)])
        words = ["generate", *MODEL, "--data", prompts, "--batch_size", "2", "--num_samples", "2", "--threads", "1", "--max_new_tokens",
                 "32", "--min_new_tokens", "32"]
        whole, out = self.check(words, "generate", "answers are in")
        self.assertEqual(len(whole), 80)
        for a, b in zip(whole, out, strict=True):
            self.assertAlmostEqual(a.pop("logp"), b.pop("logp"), places=3)  # products of other batches
            self.assertAlmostEqual(a.pop("processed_logp"), b.pop("processed_logp"), places=3)
            self.assertEqual(a, b)

    def test_score(self):
        rows = write_rows("unfinished/pairs.jsonl", self.pairs)
        words = ["score", *MODEL, "--data", rows, "--beta", "0.1", "--threads", "1"]
        whole, out = self.check(words, "score", "rows are done in")
        self.assertEqual(len(whole), 240)
        self.assertEqual(whole, out)

    def test_other_work_is_not_touched(self):
        rows = write_rows("unfinished/pairs.jsonl", self.pairs)
        out = fresh("unfinished/other.jsonl")
        fresh("unfinished/other.jsonl.partial")
        words = ["score", *MODEL, "--data", rows, "--threads", "1", "--out", out, "--beta"]
        partial = self.killed([*words, "0.1"], out, 4)
        before = partial.read_bytes()
        self.assertIn("unfinished work with another model, other rows or other settings", run(*words, "0.2", code=2)[1])
        self.assertEqual(partial.read_bytes(), before)


class Folders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.old = fresh("outputs-old")
        train("dpo", PAIRS, cls.old, "--max_steps", "2", "--save_steps", "1")

    def copy_of_old(self):
        out = fresh("outputs-run")
        shutil.copytree(self.old, out)
        return out, tree(out)

    def test_an_old_run_is_refused_without_the_flag_and_stays_when_the_new_one_fails(self):
        out, before = self.copy_of_old()
        self.assertIn("--overwrite_output_dir to replace what is in it, or --resume_from_checkpoint true",
                      train("dpo", PAIRS, out, code=2)[1])
        diverging = ["--learning_rate", "1e30", "--max_grad_norm", "0", "--lr_scheduler_type", "constant", "--save_steps", "100"]
        for more in (["--data", "nowhere.jsonl"], ["--model", "nowhere"], diverging):
            error = train("dpo", PAIRS, out, *OVERWRITE, *more, code=2)[1]
            after = {name: data for name, data in tree(out).items() if not name.startswith("bad_batch")}
            self.assertEqual(after, before, f"{more}: {error}")
        self.assertIn("before is there again", error)
        train("dpo", PAIRS, out, *OVERWRITE, "--max_steps", "1")
        self.assertFalse((out / "checkpoint-1").exists(), "of the old run")
        self.assertEqual([path.name for path in out.glob(".*")], [])

    def test_a_stop_before_the_first_step_leaves_the_old_run(self):
        out, before = self.copy_of_old()
        process = subprocess.Popen([UNA, "dpo", *MODEL, "--data", PAIRS, "--out", out, *QUICK, *OVERWRITE],
                                   stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not (out / ".una-lock").exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        log = process.communicate()[1]
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, log)
        self.assertIn("stopped", log)
        self.assertNotIn("nothing to report", log)
        self.assertEqual(tree(out), before, log)

    def test_what_a_run_reads_is_never_replaced(self):
        out, before = self.copy_of_old()
        rows = out / "rows.jsonl"
        shutil.copy(PAIRS, rows)
        template = out / "mine.jinja"
        template.write_text("{% for turn in messages %}{{ turn.content }}{% endfor %}")
        links = fresh("outputs-links")
        links.mkdir()
        link, adapter = links / "rows.jsonl", links / "adapter"
        link.symlink_to(rows)
        adapter.symlink_to(out)
        for more in (["--data", rows], ["--data", link], ["--eval_data", rows], ["--adapter", adapter], ["--adapter", out],
                     ["--chat_template_path", template]):
            with self.subTest(str(more)):
                self.assertIn("is read from", train("dpo", PAIRS, out, *OVERWRITE, *more, code=2)[1])
        rows.unlink()
        template.unlink()
        self.assertEqual(tree(out), before)

    def test_merge_never_replaces_what_it_reads(self):
        model = fresh("outputs-base")
        shutil.copytree(TASK / "start", model)
        before = tree(model)
        for out in (model, self.old):
            error = run("merge", "--model", model, "--adapter", self.old, "--out", out, *OVERWRITE, code=2)[1]
            self.assertIn("is read from", error)
        self.assertEqual(tree(model), before)
        merged = fresh("outputs-merged")
        words = ["merge", *MODEL, "--adapter", self.old, "--out", merged]
        run(*words)
        self.assertIn("--overwrite_output_dir", run(*words, code=2)[1])
        run(*words, *OVERWRITE)

    def test_two_resumes_of_one_run_are_one_run_and_one_sentence(self):
        out, _ = self.copy_of_old()
        for name in ("adapter_model.safetensors", "checkpoint-2"):
            path = out / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        words = [UNA, "train", "--config", out / "run.yaml", "--resume_from_checkpoint", "true", "--max_steps", "2"]
        (out / "run.yaml").write_text((out / "run.yaml").read_text().replace(str(self.old), str(out)))
        for state in out.glob("checkpoint-*"):
            shutil.rmtree(state) if not (state / "manifest.json").exists() else None
        processes = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        logs = [process.communicate()[1] for process in processes]
        codes = sorted(process.returncode for process in processes)
        self.assertIn(codes, ([0, 2], [0, 0]), logs)  # [0, 0]: one after the other
        if codes == [0, 2]:
            refused = next(log for process, log in zip(processes, logs) if process.returncode == 2)
            self.assertRegex(refused, rf"una: {out} is in use by process \d+ on \S+ since \S+; wait until that has ended")
        self.assertTrue((out / "adapter_model.safetensors").exists())

    def test_rounds_keep_the_rounds_before(self):
        out = fresh("outputs-rounds")
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        words = ["rounds", "--method", "dpo", *MODEL, "--data", PAIRS, "--reward", "length:3", "--out", out, "--max_length", "160",
                 "--max_completion_length", "8"]
        self.assertIn("holds no rounds of una", run(*words, *OVERWRITE, code=2)[1])
        self.assertEqual((out / "mine.txt").read_text(), "mine")


if __name__ == "__main__":
    unittest.main()
