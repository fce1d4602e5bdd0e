"""The Python door: the functions run the program, rows in memory serve as data, mistakes raise the program's sentence."""
import json
import os
import pathlib
import sys
import unittest

from support import TASK, UNA, fresh

os.environ["UNA_PROGRAM"] = str(UNA)
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python"))
import una  # noqa: E402


def pairs(count):
    with open(TASK / "data" / "pair.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for _, line in zip(range(count), file)]


class Python(unittest.TestCase):
    def train(self, name, **keys):
        arguments = {"model": TASK / "start", "data": pairs(16), "max_steps": 2, "per_device_train_batch_size": 8,
                     "learning_rate": 5e-4, "overwrite_output_dir": True, "lora_target_modules": ["q_proj", "v_proj"]}
        return una.train("dpo", out=fresh(name), **{**arguments, **keys})

    def test_rows_in_memory_train_as_the_file_does(self):
        run = self.train("python-rows")
        steps = [row for row in run.metrics if "loss" in row]
        self.assertEqual(len(steps), 2)
        self.assertTrue(run.report.is_file() and (run.adapter / "adapter_config.json").is_file())
        config = json.loads((run.adapter / "adapter_config.json").read_text())
        self.assertEqual(sorted(config["target_modules"]), ["q_proj", "v_proj"])
        self.assertIn("steps", " ".join(run.summary))
        again = self.train("python-file", data=f"{run.folder}.data.jsonl")
        self.assertEqual((run.adapter / "adapter_model.safetensors").read_bytes(),
                         (again.adapter / "adapter_model.safetensors").read_bytes())

    def test_score_returns_rows(self):
        run = self.train("python-score")
        rows = una.score(model=TASK / "start", adapter=run.adapter, data=pairs(4), out=fresh("python-scored") / "rows.jsonl",
                         max_length=160).read()
        self.assertEqual(len(rows), 8, "a row per answer")

    def test_a_mistake_raises_the_programs_sentence(self):
        with self.assertRaises(una.UnaError) as caught:
            self.train("python-mistake", learning_rat=1e-3)
        self.assertEqual(caught.exception.exit_code, 2)
        self.assertIn("learning_rat", str(caught.exception))
        self.assertIn("learning_rate", str(caught.exception))

    def test_data_frames_are_rows(self):
        try:
            import pandas
        except ImportError:
            self.skipTest("pandas is not installed")
        run = self.train("python-frame", data=pandas.DataFrame(pairs(16)))
        self.assertEqual(len([row for row in run.metrics if "loss" in row]), 2)

    def test_what_the_program_prints_comes_back(self):
        self.assertTrue(una.run("--version").startswith("una "))


if __name__ == "__main__":
    unittest.main()
