"""Offsets that need more than labels: reference rewards in the rows, a value head that trains, stops and goes on."""
import shutil
import unittest

from support import TASK, fresh, read_rows, run, train, write_rows

IDENTITY = ["--una_link", "identity", "--per_device_train_batch_size", "8", "--max_length", "160"]


def sampled_rows():
    """Every answer with the rewards of all answers to its prompt, as samples of the start model."""
    rows = []
    for group in read_rows(TASK / "data" / "group.jsonl"):
        rewards = [answer["score"] for answer in group["responses"]]
        for answer in group["responses"]:
            rows.append({"prompt": group["prompt"], "completion": answer["content"], "score": answer["score"],
                         "score_range": [0, 1], "sampled_from": "ref", "ref_rewards": [*rewards, 0.25, 0.5, 0.75],
                         "in_ref_rewards": True})
    return rows


class Objectives(unittest.TestCase):
    def test_offsets_from_reference_rewards_train_and_their_monitors_are_logged(self):
        data = write_rows("sampled.jsonl", sampled_rows())
        for f in ("log_partition", "quantile"):
            with self.subTest(f=f):
                out = fresh(f"offset-{f}")
                train("una", data, out, "--una_f", f, "--max_steps", "4", *IDENTITY)
                first = read_rows(out / "metrics.jsonl")[0]
                for name in ("una/offset", "una/explained_variance", "log_ratio/ref", "log_mean_exp_ratio/ref"):
                    self.assertIn(name, first)
                self.assertAlmostEqual(first["log_mean_exp_ratio/ref"], 0, places=3)

    def test_a_row_without_reference_rewards_is_named(self):
        rows = sampled_rows()
        del rows[2]["ref_rewards"], rows[2]["in_ref_rewards"]
        data = write_rows("lacking.jsonl", rows)
        out = fresh("lacking")
        error = train("una", data, out, "--una_f", "log_partition", *IDENTITY, code=2)[1]
        self.assertIn("lacking.jsonl:3: field \"ref_rewards\" is missing", error)
        self.assertFalse(out.exists())

    def test_a_value_head_resumes_bit_for_bit(self):
        data = write_rows("valued.jsonl", sampled_rows())
        options = [*IDENTITY, "--una_f", "value_head", "--value_learning_rate", "1e-2", "--lr_scheduler_type", "constant",
                   "--save_steps", "3"]
        straight, halted = fresh("value-straight"), fresh("value-halted")
        train("una", data, straight, *options, "--max_steps", "6")
        train("una", data, halted, *options, "--max_steps", "3")
        run("train", "--config", halted / "run.yaml", "--resume_from_checkpoint", "true", "--max_steps", "6")
        for name in ("adapter_model.safetensors", "value_head.safetensors"):
            self.assertEqual((straight / name).read_bytes(), (halted / name).read_bytes(), name)
        saved = straight / "checkpoint-3"
        self.assertTrue((saved / "value_head.safetensors").is_file())
        self.assertNotEqual((saved / "value_head.safetensors").read_bytes(), (straight / "value_head.safetensors").read_bytes())
        # A new run from this adapter takes its head along.
        out = fresh("value-onward")
        log = train("una", data, out, *options, "--adapter", straight, "--max_steps", "1")[1]
        self.assertIn("value head starts from", log)
        shutil.rmtree(straight)


if __name__ == "__main__":
    unittest.main()
