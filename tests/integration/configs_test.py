"""Every shipped config parses, and every key resolves under --dry_run on a HelpSteer2-shaped file of our own."""
import pathlib
import re
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


def defaults(method):
    """What --help all gives as the default of each key."""
    words = " ".join(run(method, "--help", "all")[0].split())
    return {key: fallback for key, fallback in re.findall(r"--(\w+) (?:(?! --\w).)*?\[([^\]]*)\](?= --|$| [a-z ]+ --)", words)}


class Configs(unittest.TestCase):
    def test_the_default_length_bends_to_the_model_s_positions_and_a_wish_does_not(self):
        data = TASK / "data" / "pair.jsonl"
        shown, log = run("una", "--model", TASK / "start", "--data", data, "--out", fresh("dry"), "--dry_run")
        self.assertIn("max_length: 256\n", shown)
        self.assertNotIn("lora_dropout", shown, "keys with their defaults are left out")
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
                                 "--max_length", 160, "--max_prompt_length", 100, "--dry_run", "--reference_cache_dir", "none",
                                 "--chat_template_path", CONFIGS / "templates" / "mistral_inst.jinja")
                self.assertFalse(out.exists())
                given = dict(line.split(": ", 1) for line in path.read_text().split("\n") if re.match(r"\w+: ", line))
                printed = dict(line.split(": ", 1) for line in shown.strip().split("\n"))
                fallbacks = defaults(given["method"])
                for key, value in given.items():  # what is not printed is as by default
                    if key not in ("model_name_or_path", "dataset_name", "output_dir", "max_length", "max_prompt_length", "chat_template_path"):
                        resolved = printed.get(key, fallbacks.get(key, ""))
                        self.assertIn(resolved, (value, "[" + value + "]", str(float(value)) if value[0].isdigit() else value,
                                                 value.replace("0.00003", "3e-05"), value.replace("e-6", "e-06")), key)
                kind = {"pairwise": "pairwise", "binary": "binary", "score": "score"}
                wanted = next(kind[k] for k in kind if f"feedback: {k}" in path.read_text())
                self.assertIn(wanted, log)
                self.assertTrue((CONFIGS.parent / given["chat_template_path"]).is_file())


if __name__ == "__main__":
    unittest.main()
