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

    def resumes(self, name, data, *options):
        """Straight and halted runs agree to the byte; the halted run's log."""
        straight, halted = fresh(f"{name}-straight"), fresh(f"{name}-halted")
        options = [*options, "--lr_scheduler_type", "constant", "--save_steps", "3"]
        train("una", data, straight, *options, "--max_steps", "6")
        log = train("una", data, halted, *options, "--max_steps", "3")[1]
        run("train", "--config", halted / "run.yaml", "--resume_from_checkpoint", "true", "--max_steps", "6")
        name = "adapter_model.safetensors"
        self.assertEqual((straight / name).read_bytes(), (halted / name).read_bytes())
        return log, read_rows(straight / "metrics.jsonl")

    def test_a_shrunk_offset_chooses_lambda_before_the_first_step_and_resumes_bit_for_bit(self):
        log, rows = self.resumes("shrunk", TASK / "data" / "group.jsonl", *IDENTITY, "--una_f", "shrunk")
        self.assertRegex(log, r"pilot .*lambda [0-9.]+.* answers to \d+ prompts")
        self.assertIn("una/lambda", rows[0])
        self.assertIn("una/prompt_share", rows[0])

    def test_thumbs_of_a_prompt_are_conditioned_on_or_integrated(self):
        for how in ("conditional", "integrated"):
            with self.subTest(how=how):
                log, rows = self.resumes(f"thumbs-{how}", TASK / "data" / "group.jsonl", "--per_device_train_batch_size", "8",
                                         "--max_length", "160", "--feedback", "thumbs", "--una_binary", how)
                self.assertIn("group", log)
                self.assertIn("loss/group", rows[0])

    def test_one_likelihood_of_all_kinds_resumes_bit_for_bit(self):
        _, rows = self.resumes("likelihood", TASK / "data" / "mixed.jsonl", *IDENTITY, "--una_mix", "likelihood")
        self.assertTrue({"una/noise_scores", "una/noise_pairs", "una/noise_thumbs"} <= {key for row in rows for key in row})
        error = train("una", TASK / "data" / "pair.jsonl", fresh("unitless"), *IDENTITY, "--una_mix", "likelihood", code=2)[1]
        self.assertIn("--label_noise", error)

    def test_beta_follows_from_a_target_and_is_told_in_the_run(self):
        out = fresh("target-kl")
        log = train("una", TASK / "data" / "score.jsonl", out, "--target_kl", "0.5", "--max_steps", "1", "--max_length", "160")[1]
        beta = float(next(line.split(": ")[1] for line in (out / "run.yaml").read_text().split("\n") if line.startswith("beta: ")))
        self.assertGreater(beta, 0.3)
        self.assertIn("from target_kl 0.5", log)
        self.assertIn("at a KL of about 0.5 nats", log)
        error = train("dpo", TASK / "data" / "pair.jsonl", fresh("no-unit"), "--target_kl", "0.5", code=2)[1]
        self.assertIn("--label_noise", error)

    def test_unbalanced_thumbs_are_warned_of_only_where_nothing_fits_their_share(self):
        rows = read_rows(TASK / "data" / "binary.jsonl")
        rows = [row for row in rows if row["label"]][:2] + [row for row in rows if not row["label"]][:8]
        data = write_rows("unbalanced.jsonl", rows)
        common = ["--max_steps", "1", "--max_length", "160"]
        self.assertIn("20 % of the labels are up", train("una", data, fresh("unbalanced"), "--una_f", "zero", *common)[1])
        self.assertNotIn("of the labels are up", train("una", data, fresh("balanced"), *common)[1])


if __name__ == "__main__":
    unittest.main()
