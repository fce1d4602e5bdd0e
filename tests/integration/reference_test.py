"""The reference is the policy as it was at step 0, for every way to start: told by content hash, and by the first loss."""
import json
import math
import shutil
import unittest

from support import TASK, fresh, read_rows, run, train

DATA = TASK / "data" / "pair.jsonl"
KEYS = ["--per_device_train_batch_size", "8", "--beta", "0.3", "--dtype", "float32", "--max_steps", "4"]
DORA = ["--use_dora", "--lora_modules_to_save", "norm", "--rank_pattern", "q_proj=2"]


class Reference(unittest.TestCase):
    def start(self, name, *more, loss=math.log(2)):
        """Runs DPO; returns its folder and what it was compared with: (description, content hash)."""
        out = fresh(name)
        train("dpo", DATA, out, *KEYS, *more)
        if loss is not None:
            self.assertAlmostEqual([row["loss"] for row in read_rows(out / "metrics.jsonl") if "loss" in row][0], loss, places=5)
        return out, self.reference(out)

    def reference(self, out):
        reference = json.loads((out / "summary.json").read_text())["reference"]
        return reference["description"], reference["content_hash"]

    def test_every_start_is_compared_with_itself(self):
        first, (words, base) = self.start("ref-fresh")
        self.assertEqual(words, "the base model, adapter off")
        self.assertEqual(self.start("ref-other", "--seed", "5", *DORA)[1], (words, base), "whatever is fresh begins as the base")

        dora = self.start("ref-dora", *DORA)[0]
        loaded = {}
        for name, adapter in [("first", first), ("dora", dora), ("first again", first)]:
            words, loaded[name] = self.start("ref-loaded", "--adapter", adapter)[1]
            self.assertEqual(words, f"a frozen copy of the adapter in {adapter}")
        self.assertEqual(loaded["first"], loaded["first again"])
        self.assertEqual(len({base, loaded["first"], loaded["dora"]}), 3)

        words, full = self.start("ref-full", "--use_peft", "false", "--learning_rate", "1e-4")[1]
        self.assertEqual(words, "a frozen copy of the model as it was at the start")
        self.assertEqual(full, base, "the same log-probs by other words")

        merged = fresh("ref-merged")
        run("merge", "--model", TASK / "start", "--adapter", first, "--out", merged, "--dtype", "float32")
        words, other = self.start("ref-model", "--ref_model", merged, loss=None)[1]
        self.assertEqual(words, f"the model in {merged}")
        self.assertNotIn(other, {base, *loaded.values()})

    def test_what_a_configuration_makes_of_equal_tensors_counts(self):
        first, _ = self.start("ref-scale")
        hashes = set()
        for alpha in (32, 16):
            adapter = fresh("ref-scaled")
            shutil.copytree(first, adapter)
            config = json.loads((adapter / "adapter_config.json").read_text())
            (adapter / "adapter_config.json").write_text(json.dumps({**config, "lora_alpha": alpha}))
            hashes.add(self.start("ref-from-scaled", "--adapter", adapter)[1][1])
        self.assertEqual(len(hashes), 2)

    def test_a_resumed_run_keeps_the_reference_of_its_start(self):
        first, _ = self.start("ref-start", *DORA)
        for name, more in [("fresh", DORA), ("loaded", ["--adapter", first]),
                           ("full", ["--use_peft", "false", "--learning_rate", "1e-4"])]:
            with self.subTest(start=name):
                straight, reference = self.start(f"ref-straight-{name}", "--save_steps", "2", *more)
                file = "model.safetensors" if name == "full" else "adapter_model.safetensors"
                again = fresh(f"ref-resumed-{name}")
                shutil.copytree(straight, again)
                (again / file).unlink()
                run("train", "--config", straight / "run.yaml", "--out", again, "--resume_from_checkpoint", again / "checkpoint-2")
                self.assertEqual(self.reference(again), reference)
                self.assertEqual((straight / file).read_bytes(), (again / file).read_bytes())
                state = json.loads((again / "checkpoint-4" / "una_state.json").read_text())
                self.assertEqual(state["identity"]["reference"], reference[1])


class Adapters(unittest.TestCase):
    def test_every_kind_trains_scores_merges_and_generates(self):
        for name, more in [("dora", [*DORA, "--lora_dropout", "0.1", "--disable_dropout", "false"]),
                           ("layers", ["--layers_to_transform", "0", "--alpha_pattern", "q_proj=8", "v_proj=4"])]:
            with self.subTest(kind=name):
                out, merged, scores = fresh(f"kind-{name}"), fresh(f"kind-{name}-model"), []
                train("dpo", DATA, out, *KEYS, "--learning_rate", "5e-3", *more)
                run("merge", "--model", TASK / "start", "--adapter", out, "--out", merged, "--dtype", "float32")
                for where in (["--model", TASK / "start", "--adapter", out], ["--model", merged]):
                    path = fresh("kind.jsonl")
                    run("score", *where, "--data", DATA, "--out", path, "--max_length", 160, "--dtype", "float32", "--beta", "1")
                    scores.append([row["logp"] for row in read_rows(path)])
                self.assertLess(max(abs(a - b) for a, b in zip(*scores)), 1e-3)
                answers = []
                for where in (["--model", TASK / "start", "--adapter", out], ["--model", merged]):
                    path = fresh("kind-answers.jsonl")
                    run("generate", *where, "--data", TASK / "data" / "held_out.jsonl", "--out", path, "--max_new_tokens", 8,
                        "--temperature", "0", "--dtype", "float32")
                    answers.append([row["completion"] for row in read_rows(path)])
                self.assertEqual(*answers)

    def test_a_setting_that_says_nothing_sensible_is_one_sentence(self):
        for keys, words in [(["--rank_pattern", "q_proj"], "rank_pattern: 'q_proj' is not a pattern=number"),
                            (["--rank_pattern", "q_proj=2.5"], "must have a whole number"),
                            (["--layers_to_transform", "one"], "layers_to_transform: 'one'"),
                            (["--layers_pattern", "layers"], "layers_pattern needs layers_to_transform"),
                            (["--lora_modules_to_save", "mlp"], "\"mlp\" is not a module that can be saved whole"),
                            (["--lora_modules_to_save", "score"], "score is a reward model's head"),
                            (["--lora_modules_to_save", "embed_tokens"], "tie_word_embeddings"),
                            (["--bias", "some"], "choose none, lora_only or all")]:
            with self.subTest(keys=keys):
                self.assertIn(words, train("dpo", DATA, fresh("bad-kind"), *keys, code=2)[1])
        _, error = train("reward", DATA, fresh("bad-kind"), "--lora_modules_to_save", "lm_head", code=2)
        self.assertIn("leave lm_head out", error)


if __name__ == "__main__":
    unittest.main()
