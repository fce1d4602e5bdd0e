"""Every shipped config parses, and every key resolves under --dry_run on a HelpSteer2-shaped file of our own."""
import pathlib
import unittest

from support import TASK, fresh, run, write_rows

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"


def helpsteer2_rows():
    rows = []
    for i in range(12):
        for j, (helpfulness, correctness, coherence) in enumerate([(4, 4, 4), (1, 2, 3)]):
            rows.append({"prompt": f"inform(name='place {i}')", "response": f"The place {i} is number {j}.",
                         "helpfulness": helpfulness, "correctness": correctness, "coherence": coherence, "complexity": 1,
                         "verbosity": 1})
    return rows


class Configs(unittest.TestCase):
    def test_the_default_length_bends_to_the_model_s_positions_and_a_wish_does_not(self):
        data = TASK / "data" / "pair.jsonl"
        shown, log = run("una", "--model", TASK / "start", "--data", data, "--out", fresh("dry"), "--dry_run")
        self.assertIn("max_length: 256\n", shown)
        self.assertIn("max_length 256, the model's positions", log)
        self.assertIn("over the model's 256 positions", run("una", "--model", TASK / "start", "--data", data, "--out", fresh("dry"),
                                                            "--max_length", 1000, "--dry_run", code=2)[1])

    def test_every_config_resolves(self):
        files = sorted(CONFIGS.rglob("*.yaml"))
        self.assertGreaterEqual(len(files), 5)
        data = write_rows("helpsteer2.jsonl", helpsteer2_rows())
        for path in files:
            with self.subTest(config=path.name):
                out = fresh("dry")
                shown, log = run("train", "--config", path, "--model", TASK / "start", "--data", data, "--out", out,
                                 "--max_length", 160, "--max_prompt_length", 100, "--dry_run", "--reference_cache_dir", "none")
                self.assertFalse(out.exists())
                for line in path.read_text().split("\n"):
                    key = line.split(":")[0]
                    if line and line[0] not in "#" and key not in ("model_name_or_path", "dataset_name", "output_dir",
                                                                  "max_length", "max_prompt_length"):
                        self.assertIn(line, shown.replace("0.00003", "3e-05").replace("3e-05", "3e-5")
                                      .replace("5e-06", "5e-6") + line * (key in ("weight_decay", "lora_dropout")))
                kind = {"pairwise": "pairwise", "binary": "binary", "score": "score"}
                wanted = next(kind[k] for k in kind if f"feedback: {k}" in path.read_text())
                self.assertIn(wanted, log)


if __name__ == "__main__":
    unittest.main()
