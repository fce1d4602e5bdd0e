"""What must not change a run's result. The list of all invariances: docs/parity.md."""
import json
import shutil
import unittest

from support import TASK, fresh, read_rows, run, train

KEYS = ["--max_steps", "6", "--per_device_train_batch_size", "8", "--beta", "0.3", "--dtype", "float32"]


def keys(method):
    """KEYS without beta for a reward model, which has none."""
    return KEYS if method != "reward" else [*KEYS[:4], *KEYS[6:]]


def adapter(folder):
    return (folder / "adapter_model.safetensors").read_bytes()


class Invariances(unittest.TestCase):
    def test_resuming_at_any_step_equals_the_straight_run(self):
        data = TASK / "data" / "mixed.jsonl"
        straight = fresh("any-straight")
        # 5 steps an epoch, so that the resumed positions cross an epoch's end.
        more = [*KEYS, "--max_rows", "40", "--max_steps", "7", "--save_steps", "1", "--save_total_limit", "0", "--una_loss", "bce",
                "--una_f", "running", "--lora_dropout", "0.1", "--disable_dropout", "false"]
        train("una", data, straight, *more)
        for step in range(1, 7):
            with self.subTest(step=step):
                again = fresh("any-resumed")
                shutil.copytree(straight, again)
                (again / "adapter_model.safetensors").unlink()
                run("train", "--config", straight / "run.yaml", "--out", again, "--resume_from_checkpoint", again / f"checkpoint-{step}")
                self.assertEqual(adapter(straight), adapter(again))
                values = [[{k: row.get(k) for k in ("step", "loss", "grad_norm")} for row in read_rows(out / "metrics.jsonl")]
                          for out in (straight, again)]
                self.assertEqual(*values)

    def test_the_pad_id_changes_nothing(self):
        for method, feedback in [("dpo", "pair"), ("kto", "binary"), ("reward", "pair")]:
            outs = []
            for pad in (None, 0, 7):  # none, the end token, another
                folder, out = fresh(f"pad-{pad}"), fresh(f"pad-{pad}-{method}")
                shutil.copytree(TASK / "start", folder)
                config = json.loads((folder / "config.json").read_text())
                config["pad_token_id"] = pad
                (folder / "config.json").write_text(json.dumps(config))
                run(method, "--model", folder, "--data", TASK / "data" / f"{feedback}.jsonl", "--out", out, "--max_length", "160",
                    "--lora_r", "4", "--learning_rate", "1e-3", "--reference_cache_dir", "none", "--threads", "1", "--report_to",
                    "none", *keys(method)[:-2], "--max_steps", "3")
                outs.append(adapter(out))
            with self.subTest(method=method):
                self.assertTrue(outs[0] == outs[1] == outs[2])

    def test_a_cached_reference_gives_the_run_of_a_live_one(self):
        cache, outs = fresh("ref-cache"), []
        for name, folder in [("live", "none"), ("writes", cache), ("reads", cache)]:
            out = fresh(f"cached-{name}")
            train("dpo", TASK / "data" / "pair.jsonl", out, *KEYS, "--reference_cache_dir", folder)
            outs.append(adapter(out))
        self.assertTrue(list(cache.glob("*.refs")))
        self.assertGreater(json.loads((out / "summary.json").read_text())["reference"]["sequences_from_cache"], 0)
        self.assertTrue(outs[0] == outs[1] == outs[2])

    def test_adapters_and_reward_heads_survive_a_round_trip_bit_for_bit(self):
        for method in ("dpo", "reward"):
            with self.subTest(method=method):
                first, again = fresh(f"trip-{method}"), fresh(f"trip-{method}-again")
                train(method, TASK / "data" / "pair.jsonl", first, *keys(method))
                train(method, TASK / "data" / "pair.jsonl", again, *keys(method), "--max_steps", "1", "--learning_rate", "0", "--adapter",
                      first)
                self.assertEqual(adapter(first), adapter(again))

    def test_merged_is_base_plus_adapter(self):
        data = TASK / "data" / "pair.jsonl"
        for method, key, more in [("dpo", "logp", ["--beta", "1"]), ("reward", "score", [])]:
            with self.subTest(method=method):
                out, merged, scores = fresh(f"merge-{method}"), fresh(f"merge-{method}-model"), []
                train(method, data, out, *keys(method), "--learning_rate", "5e-3")
                run("merge", "--model", TASK / "start", "--adapter", out, "--out", merged, "--dtype", "float32")
                for name, where in [("a", ["--model", TASK / "start", "--adapter", out]), ("b", ["--model", merged])]:
                    path = fresh(f"merge-{method}-{name}.jsonl")
                    run("score", *where, "--data", data, "--out", path, "--max_length", 160, "--dtype", "float32", *more)
                    scores.append([row[key] for row in read_rows(path)])
                self.assertGreater(len(scores[0]), 20)
                self.assertLess(max(abs(a - b) for a, b in zip(*scores)), 1e-3)


if __name__ == "__main__":
    unittest.main()
