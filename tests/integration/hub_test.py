"""`--download true`: a model of the Hugging Face hub comes into its cache, whole, checked and in huggingface_hub's layout."""
import json
import os
import shutil
import threading
import unittest

from hub_server import COMMIT, HubServer
from support import TASK, fresh, run

WORDS = ("--prompt", "hello", "--temperature", 0, "--max_new_tokens", 4, "--dtype", "float32")
KEPT = ("config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json")


class Hub(unittest.TestCase):
    def setUp(self):
        folder, self.cache = fresh("hub-source"), fresh("hub-here")
        folder.mkdir()
        for name in KEPT:
            shutil.copy(TASK / "start" / name, folder / name)
        (folder / "pytorch_model.bin").write_bytes(b"pickled")
        (folder / "onnx").mkdir()
        (folder / "onnx/config.json").write_text("{}")
        self.hub, self.folder = HubServer(folder), folder
        self.addCleanup(self.hub.close)

    def generate(self, *more, code=0, model="org/tiny", env=None):
        environment = {"HF_HUB_CACHE": str(self.cache), "HF_ENDPOINT": self.hub.url, "HF_TOKEN": "", "HF_HUB_OFFLINE": "", **(env or {})}
        return run("generate", "--model", model, *WORDS, *more, env=environment, code=code)

    def snapshot(self):
        return self.cache / f"models--org--tiny/snapshots/{COMMIT}"

    def assert_whole(self):
        found = {path.relative_to(self.snapshot()).as_posix() for path in self.snapshot().rglob("*")}
        self.assertEqual(found, set(KEPT))
        for name in KEPT:
            path = self.snapshot() / name
            self.assertTrue(path.is_symlink())
            self.assertFalse(os.path.isabs(os.readlink(path)))
            self.assertEqual(path.read_bytes(), (self.folder / name).read_bytes())
        self.assertEqual((self.cache / "models--org--tiny/refs/main").read_text(), COMMIT)
        self.assertEqual([path.name for path in self.cache.rglob("*.incomplete")], [])

    def test_it_is_fetched_once_and_found_without_the_hub(self):
        self.assertIn("--download true fetches it", self.generate(code=2)[1])
        self.assertEqual(self.hub.asked, [])
        out, log = self.generate("--download", "true")
        self.assert_whole()
        self.assertEqual(out, run("generate", "--model", TASK / "start", *WORDS)[0])
        self.assertIn(f"org/tiny: revision {COMMIT}", log)
        asked = len(self.hub.asked)
        self.generate("--download")
        self.assertEqual([path for path, *_ in self.hub.asked[asked:]], ["/api/models/org/tiny/revision/main?blobs=true"])
        self.assertEqual(self.generate()[0], out)
        self.assertEqual(len(self.hub.asked), asked + 1)

    def test_a_broken_connection_is_taken_up_where_it_broke(self):
        self.hub.cut_after = 1000
        self.generate("--download", "true")
        self.assert_whole()
        ranges = [given for path, _, given in self.hub.asked if path.startswith("/cdn/")]
        self.assertEqual(ranges, [None, "bytes=1000-"])

    def test_a_server_without_ranges_is_read_from_the_beginning(self):
        self.hub.cut_after, self.hub.ranges = 1000, False
        self.generate("--download", "true")
        self.assert_whole()

    def test_bytes_of_an_earlier_attempt_are_used_and_checked(self):
        blobs = self.cache / "models--org--tiny/blobs"
        blobs.mkdir(parents=True)
        weights = self.folder / "model.safetensors"
        part = blobs / f"{self.hub.entry(weights)['lfs']['sha256']}.incomplete"
        part.write_bytes(b"x" * 500)  # not its beginning
        error = self.generate("--download", "true", code=2)[1]
        self.assertIn("model.safetensors arrived with the hash", error)
        self.assertFalse(part.exists())
        self.assertFalse(self.snapshot().exists(), "half a model would be found without the hub")
        part.write_bytes(weights.read_bytes()[:500])
        self.generate("--download", "true")
        self.assertIn("bytes=500-", [given for _, _, given in self.hub.asked])
        self.assert_whole()

    def test_a_small_file_is_checked_too(self):
        self.hub.wrong_hash = "tokenizer.json"
        self.assertIn("tokenizer.json arrived with the hash", self.generate("--download", "true", code=2)[1])
        self.assertFalse(self.snapshot().exists())

    def test_the_token_goes_to_the_hub_alone(self):
        self.hub.token = "hf_secret_of_the_test"
        error = self.generate("--download", "true", code=2)[1]
        self.assertIn("set HF_TOKEN", error)
        error = self.generate("--download", "true", code=2, env={"HF_TOKEN": "hf_another_token_here"})[1]
        self.assertIn("the token in HF_TOKEN may not read it", error)
        self.assertNotIn("hf_another", error)
        self.hub.asked.clear()
        log = self.generate("--download", "true", env={"HF_TOKEN": self.hub.token})[1]
        self.assert_whole()
        self.assertNotIn(self.hub.token, log)
        for path, key, _ in self.hub.asked:
            self.assertEqual(key, None if path.startswith("/cdn/") else f"Bearer {self.hub.token}", path)
        for path in self.cache.rglob("*"):
            self.assertTrue(path.is_dir() or self.hub.token.encode() not in path.read_bytes())

    def test_what_is_not_there_is_said(self):
        self.assertIn("the hub has no such model or revision", self.generate("--download", "true", model="org/other", code=2)[1])
        self.assertIn("no such model or revision", self.generate("--download", "true", model="org/tiny@v9", code=2)[1])
        self.assertIn("keep one of them", self.generate("--download", "true", code=2, env={"HF_HUB_OFFLINE": "1"})[1])
        self.assertFalse((self.cache / "models--org--other").exists())

    def test_the_cache_serves_where_nobody_answers(self):
        out = self.generate("--download", "true")[0]
        self.hub.close()
        again, log = self.generate("--download", "true")
        self.assertEqual(again, out)
        self.assertIn("the revision of the cache is used", log)

    def test_two_at_once_fetch_each_file_once(self):
        done = []
        threads = [threading.Thread(target=lambda: done.append(self.generate("--download", "true")[0])) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(done), 2)
        self.assert_whole()
        files = [path for path, *_ in self.hub.asked if "/resolve/" in path]
        self.assertEqual(len(files), len(set(files)), files)

    def test_a_run_may_name_its_model_and_keeps_the_folder(self):
        out = fresh("hub-run")
        run("dpo", "--model", "org/tiny@" + COMMIT, "--data", TASK / "data/pair.jsonl", "--out", out, "--max_steps", 1, "--download", "true",
            "--max_rows", 20, "--report_to", "none", env={"HF_HUB_CACHE": str(self.cache), "HF_ENDPOINT": self.hub.url, "HF_HUB_OFFLINE": ""})
        config = (out / "run.yaml").read_text()
        self.assertIn(str(self.snapshot()), config)
        self.assertNotIn("download", config)
        self.assertEqual(json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"], str(self.snapshot()))


if __name__ == "__main__":
    unittest.main()
