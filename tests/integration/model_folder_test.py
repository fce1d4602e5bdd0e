"""Whole models that una writes, as loaders read them: what config.json says of the dtype, which files are the model's."""
import json
import shutil
import unittest

from support import TASK, fresh, read_rows, run, train, write_rows

INDEX = "model.safetensors.index.json"
WHOLE = ["--use_peft", "false", "--learning_rate", "1e-4", "--max_steps", 2]
CHATML = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"


def tensors(path):
    """{name: (dtype, shape)} of a safetensors file."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()}


class ModelFolder(unittest.TestCase):
    def dtypes(self, folder):
        config = json.loads((folder / "config.json").read_text())
        return config["torch_dtype"], {dtype for dtype, _ in tensors(folder / "model.safetensors").values()}

    def listed(self, folder):
        """The tensors that the index of a model in one file lists, checked against that file."""
        index = json.loads((folder / INDEX).read_text())
        self.assertEqual(set(index["weight_map"].values()), {"model.safetensors"})
        self.assertEqual(index["weight_map"].keys(), tensors(folder / "model.safetensors").keys())
        size = (folder / "model.safetensors").stat().st_size
        header = int.from_bytes((folder / "model.safetensors").read_bytes()[:8], "little")
        self.assertEqual(index["metadata"]["total_size"], size - 8 - header)
        return index["weight_map"].keys()

    def test_a_model_and_an_adapter_are_found_by_name_in_the_cache(self):
        cache, adapter = fresh("hub-cache"), fresh("hub-adapter")
        train("dpo", TASK / "data/pair.jsonl", adapter, "--max_steps", 1)
        for name, folder, commit in (("start", TASK / "start", "a" * 40), ("change", adapter, "b" * 40)):
            shutil.copytree(folder, cache / f"models--org--{name}/snapshots/{commit}")
            (cache / f"models--org--{name}/refs").mkdir()
            (cache / f"models--org--{name}/refs/main").write_text(commit)
        config = cache / f"models--org--change/snapshots/{'b' * 40}/adapter_config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "org/start"}))
        env = {"HF_HUB_CACHE": str(cache)}
        out, by_name = fresh("hub-out.jsonl"), fresh("hub-named.jsonl")
        words = ("--prompt", "hello", "--temperature", 0, "--max_new_tokens", 4, "--dtype", "float32")
        run("generate", "--model", TASK / "start", "--adapter", adapter, *words, "--out", out)
        log = run("generate", "--adapter", "org/change@main", *words, "--out", by_name, env=env)[1]
        completion = lambda path: read_rows(path)[0]["completion"]
        self.assertEqual(completion(by_name), completion(out))
        self.assertIn(f"org/change@main: revision {'b' * 40}", log)
        self.assertIn(f"org/start: revision {'a' * 40}", log)
        self.assertRegex(log, "models--org--start/snapshots/a+: content hash [0-9a-f]{32}")
        self.assertIn("--download true fetches it", run("generate", "--model", "org/other", *words, env=env, code=2)[1])

    def test_config_json_says_the_dtype_that_the_files_have(self):
        self.assertEqual(self.dtypes(TASK / "start"), ("float32", {"F32"}))
        adapter, merged, whole = fresh("dtype-adapter"), fresh("dtype-merged"), fresh("dtype-whole")
        train("dpo", TASK / "data/pair.jsonl", adapter, "--max_steps", 1, "--save_merged", "true")
        text = (TASK / "start/config.json").read_text()
        self.assertEqual((adapter / "merged/config.json").read_text(), text)
        run("merge", "--model", TASK / "start", "--adapter", adapter, "--out", merged, "--dtype", "bfloat16")
        self.assertEqual(self.dtypes(merged), ("bfloat16", {"BF16"}))
        self.assertEqual((merged / "config.json").read_text().replace("bfloat16", "float32"), text)
        train("dpo", TASK / "data/pair.jsonl", whole, *WHOLE, "--dtype", "bfloat16")
        self.assertEqual(self.dtypes(whole), ("bfloat16", {"BF16"}))

    def test_other_tensors_beside_a_model_are_not_in_its_index(self):
        out = fresh("beside")
        train("una", TASK / "data/score.jsonl", out, *WHOLE, "--una_f", "value_head", "--save_strategy", "steps", "--save_steps", 1)
        for folder, others in [(out, {"value_head"}), (out / "checkpoint-1", {"value_head", "optimizer"})]:
            beside = {path.stem for path in folder.glob("*.safetensors")} - {"model"}
            self.assertEqual(beside, others)
            self.assertEqual(self.listed(folder), tensors(TASK / "start/model.safetensors").keys())

    def test_the_template_of_the_training_lies_beside_the_result(self):
        def turn(role, text):
            return [{"role": role, "content": text}]

        rows = write_rows("template.jsonl", [{"prompt": turn("user", f"inform({n})"), "chosen": turn("assistant", "well said"),
                                              "rejected": turn("assistant", "no")} for n in range(8)])
        path = fresh("trained.jinja")
        path.write_text(CHATML)
        adapter, merged, whole = fresh("template-adapter"), fresh("template-merged"), fresh("template-whole")
        train("dpo", rows, adapter, "--max_steps", 1, "--save_merged", "true", "--chat_template_path", path)
        run("merge", "--model", TASK / "start", "--adapter", adapter, "--out", merged)
        train("dpo", rows, whole, *WHOLE, "--chat_template_path", path)
        for folder in (adapter, adapter / "merged", merged, whole):
            self.assertEqual((folder / "chat_template.jinja").read_text(), CHATML, folder)
            self.assertEqual((folder / "tokenizer.json").read_bytes(), (TASK / "start/tokenizer.json").read_bytes())

    def test_tokenizer_files_that_una_does_not_read_are_copied(self):
        model, out = fresh("tokenizer-files"), fresh("tokenizer-files-trained")
        shutil.copytree(TASK / "start", model)
        (model / "additional_chat_templates").mkdir()
        names = ("tokenizer.model", "vocab.json", "merges.txt", "added_tokens.json", "generation_config.json", "special_tokens_map.json",
                 "additional_chat_templates/tool_use.jinja")
        for name in names:
            (model / name).write_text("{}")
        run("dpo", "--model", model, "--data", TASK / "data/pair.jsonl", "--out", out, "--max_steps", 1, "--max_length", 160,
            "--reference_cache_dir", "none", "--report_to", "none", "--save_merged", "true")
        for folder in (out, out / "merged"):
            for name in names:
                self.assertEqual((folder / name).read_text(), "{}", name)

    def test_max_shard_size_cuts_a_merged_model(self):
        adapter, single, shards = fresh("shards-adapter"), fresh("shards-single"), fresh("shards")
        train("dpo", TASK / "data/pair.jsonl", adapter, "--max_steps", 1)
        command = ["merge", "--model", TASK / "start", "--adapter", adapter, "--out"]
        run(*command, single)
        run(*command, shards, "--max_shard_size", "1MiB")
        files = sorted(shards.glob("*.safetensors"))
        self.assertEqual([path.name for path in files], [f"model-{i + 1:05}-of-{len(files):05}.safetensors" for i in range(len(files))])
        self.assertGreater(len(files), 2)
        self.assertLess(max(path.stat().st_size for path in files), 2**20 + 10_000)
        self.assertFalse((single / INDEX).exists())
        scores = []
        for folder in (single, shards):
            path = fresh("shards.jsonl")
            run("score", "--model", folder, "--data", TASK / "data/pair.jsonl", "--out", path, "--max_length", 160, "--beta", 1)
            scores.append([row["logp"] for row in read_rows(path)])
        self.assertEqual(*scores)
        for size in ("", "0", "-1", "5gb", "1.5GB", "10000000000GB"):
            _, error = run(*command, fresh("shards-bad"), "--max_shard_size", size, code=2)
            self.assertIn(f"max_shard_size: '{size}' is not a size such as 5GB", error)


if __name__ == "__main__":
    unittest.main()
