"""Bad input: one clear sentence with the place, exit 2, nothing half-written."""
import json
import os
import shutil
import struct
import unittest

from support import QUICK, TASK, fresh, run, train, write_rows

GOOD = {"prompt": "inform(name='x')", "chosen": "a b", "rejected": "c d"}


class BadRows(unittest.TestCase):
    def refused(self, rows, method="una", *more):
        data = write_rows("bad.jsonl", rows)
        out = fresh("bad-out")
        error = train(method, data, out, *more, code=2)[1]
        self.assertFalse(out.exists(), "nothing may be written")
        last = error.strip().split("\n")[-1] if "una: " not in error else error[error.rindex("una: "):]
        self.assertNotIn("internal error", error)
        return last

    def test_rows(self):
        cases = [
            ([GOOD, '{"prompt": "x", \n'], ["bad.jsonl:2"]),
            ([GOOD, {"prompt": "x", "chosen": "y"}], ["bad.jsonl:2"]),
            ([{"prompt": "x", "completion": "y", "label": "true"}], ["bad.jsonl:1", "label"]),
            ([{"prompt": "x", "completion": "y", "label": 1}], ["bad.jsonl:1", "label"]),
            ([{"prompt": "x", "response": "y", "score": 7}], ["score", "range"]),
            ([{"prompt": "x", "completion": "y", "score": 11, "score_range": [1, 10]}], ["bad.jsonl:1", "11"]),
            ([{"prompt": 3, "chosen": "a", "rejected": "b"}], ["bad.jsonl:1", "prompt"]),
            ([{"foo": 1}], ["bad.jsonl:1"]),
            ([GOOD] + [{"prompt": f"p{i}", "chosen": "same", "rejected": "same"} for i in range(9)], ["allow_dropped"]),
            ([""], ["rows"]),
        ]
        for rows, pieces in cases:
            with self.subTest(rows=rows):
                error = self.refused(rows)
                for piece in pieces:
                    self.assertIn(piece, error)

    def test_wrong_kind_for_the_method(self):
        error = self.refused([{"prompt": "x", "completion": "y", "label": True}], "dpo")
        self.assertIn("bad.jsonl:1", error)

    def test_a_slice_that_is_no_slice(self):
        for key in ("--dataset_train_split", "--dataset_test_split"):
            self.assertIn("is not understood", self.refused([GOOD], "dpo", key, "train[90%:"))


class BadSettings(unittest.TestCase):
    def refused(self, *arguments):
        error = run(*arguments, code=2)[1]
        self.assertNotIn("internal error", error)
        self.assertEqual(len(error[error.rindex("una: "):].strip().split("\n")), 1, error)
        return error

    def test_flags(self):
        self.assertIn("learning_rate", self.refused("una", "--learning_rte", "1"))
        self.assertIn("max_length", self.refused("una", "--cutoff_len", "1"))
        self.assertIn("did you mean", self.refused("trian"))
        self.assertIn("number", self.refused("una", "--beta", "big"))
        self.assertIn("--out", self.refused("una", "--model", TASK / "start", "--data", TASK / "data" / "pair.jsonl"))
        self.assertIn("no such model folder", self.refused("una", "--model", "nowhere", "--data", "x", "--out", fresh("o")))
        self.assertIn("nothing.jsonl", self.refused("una", "--model", TASK / "start", "--data", "nothing.jsonl", "--out", fresh("o")))
        self.assertIn("cuda", self.refused("una", "--model", TASK / "start", "--data", TASK / "data" / "pair.jsonl", "--out",
                                           fresh("o"), "--device", "cuda"))
        self.assertIn("positions", self.refused("una", "--model", TASK / "start", "--data", TASK / "data" / "pair.jsonl",
                                                "--out", fresh("o"), "--max_length", "100000"))
        self.assertIn("bce", self.refused("una", "--model", TASK / "start", "--data", TASK / "data" / "score.jsonl", "--out",
                                          fresh("o"), "--una_link", "identity", "--una_loss", "bce", "--max_length", "160"))

    def test_output_folder(self):
        full = fresh("full-folder")
        full.mkdir()
        (full / "mine.txt").write_text("keep")
        base = ["una", "--model", TASK / "start", "--data", TASK / "data" / "pair.jsonl", "--max_length", "160"]
        self.assertIn("not empty", self.refused(*base, "--out", full))
        self.assertIn("not replaced", self.refused(*base, "--out", full, "--overwrite_output_dir"))
        self.assertEqual((full / "mine.txt").read_text(), "keep")
        self.assertIn("/proc/nowhere/x", self.refused(*base, "--out", "/proc/nowhere/x"))

    def test_diverging_run_names_its_rows_and_keeps_the_checkpoint(self):
        out = fresh("diverge")
        error = train("una", TASK / "data" / "pair.jsonl", out, "--learning_rate", "1e30", "--max_grad_norm", "0", "--max_steps",
                      "6", "--save_steps", "1", "--lr_scheduler_type", "constant", code=2)[1]
        self.assertIn("not finite", error)
        self.assertTrue(list(out.glob("bad_batch_*.jsonl")))


class BadModels(unittest.TestCase):
    def broken(self, change):
        folder = fresh("broken-model")
        shutil.copytree(TASK / "start", folder)
        change(folder)
        error = run("una", "--model", folder, "--data", TASK / "data" / "pair.jsonl", "--out", fresh("o"), *QUICK, code=2)[1]
        self.assertNotIn("internal error", error)
        return error[error.rindex("una: "):]

    def edit_config(self, **changes):
        def change(folder):
            config = json.loads((folder / "config.json").read_text())
            config.update(changes)
            (folder / "config.json").write_text(json.dumps(config))
        return change

    def test_models(self):
        def truncate(folder):
            path = folder / "model.safetensors"
            path.write_bytes(path.read_bytes()[:-100])

        def lie(folder):
            path = folder / "model.safetensors"
            data = path.read_bytes()
            path.write_bytes(struct.pack("<Q", 1 << 40) + data[8:])

        self.assertIn("model.safetensors", self.broken(truncate))
        self.assertIn("model.safetensors", self.broken(lie))
        self.assertIn("mamba", self.broken(self.edit_config(model_type="mamba", architectures=["MambaForCausalLM"])))
        self.assertIn("gate_proj", self.broken(self.edit_config(intermediate_size=100)))
        self.assertIn("layers.4", self.broken(self.edit_config(num_hidden_layers=5)))
        self.assertIn("tokenizer.json", self.broken(lambda folder: os.remove(folder / "tokenizer.json")))
        self.assertIn("safetensors", self.broken(lambda folder: os.remove(folder / "model.safetensors")))

        def no_eos(folder):
            (folder / "tokenizer_config.json").write_text("{}")
            self.edit_config(eos_token_id=None)(folder)
        self.assertIn("end-of-sequence", self.broken(no_eos))

    def test_a_template_that_refuses_a_system_role_names_the_row(self):
        folder = fresh("templated")
        shutil.copytree(TASK / "start", folder)
        (folder / "chat_template.jinja").write_text(
            "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
            "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}")
        row = {"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
               "chosen": [{"role": "assistant", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]}
        data = write_rows("chat.jsonl", [row])
        error = run("una", "--model", folder, "--data", data, "--out", fresh("o"), *QUICK, code=2)[1]
        self.assertIn("chat.jsonl:1", error)
        self.assertIn("System role not supported", error)


if __name__ == "__main__":
    unittest.main()
