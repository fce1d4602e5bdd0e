"""Methods that learn from their own samples, from prompts to an adapter."""
import json
import math
import random
import signal
import subprocess
import threading
import unittest

from support import QUICK, TASK, TMP, UNA, fresh, read_rows, run, serving, train

DATA = TASK / "data" / "pair.jsonl"
ONLINE = ["--max_completion_length", "24", "--per_device_train_batch_size", "8", "--lr_scheduler_type", "constant"]


class Online(unittest.TestCase):
    def rows(self, out):
        return [row for row in read_rows(out / "metrics.jsonl") if "reward" in row]

    def test_every_method_raises_the_reward_it_is_given(self):
        cases = [("una_online", ["--num_generations", 4]), ("una_online", ["--num_generations", 4, "--anchor", "rollout"]),
                 ("rloo", ["--num_generations", 4]), ("grpo", ["--num_generations", 4, "--loss_type", "grpo"]),
                 ("online_dpo", ["--num_generations", 4, "--beta", "0.5"]),
                 ("ppo", ["--num_generations", 4, "--num_iterations", 2, "--max_steps", 24])]
        for method, more in cases:
            with self.subTest(method=method, more=more):
                out = fresh(f"online-{method}-{len(more)}")
                train(method, DATA, out, *ONLINE, "--reward", "length:4", "--beta", "0.02", "--learning_rate", "2e-3",
                      "--max_steps", 12, *more)
                rows = self.rows(out)
                self.assertTrue(all(math.isfinite(row["loss"]) for row in rows))
                last = sum(row["reward"] for row in rows[-3:]) / 3
                self.assertGreater(last, rows[0]["reward"] + 0.1, [round(row["reward"], 3) for row in rows])
                for name in ("adapter_model.safetensors", "adapter_config.json", "samples.jsonl", "report.html"):
                    self.assertTrue((out / name).is_file(), name)

    def test_a_run_resumes_between_rounds_bit_for_bit(self):
        more = ["--reward", "length:4", "--num_generations", 2, "--num_iterations", 2, "--save_steps", 1]
        straight, resumed = fresh("online-straight"), fresh("online-resumed")
        train("ppo", DATA, straight, *ONLINE, *more, "--max_steps", 8)
        train("ppo", DATA, resumed, *ONLINE, *more, "--max_steps", 5)
        steps = sorted(path.name for path in resumed.glob("checkpoint-*"))
        self.assertEqual(steps, ["checkpoint-2", "checkpoint-4"], "a half used round must not be saved")
        run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", resumed / "checkpoint-4", "--max_steps", 8)
        name = "adapter_model.safetensors"
        self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes())

    def test_ctrl_c_while_a_reward_server_is_waited_for_saves_the_rounds_before(self):
        more = [*ONLINE, "--num_generations", "2", "--max_steps", "4", "--save_steps", "100"]
        straight, stopped, scored = fresh("online-judged"), fresh("online-waits"), []
        release, waited_for = threading.Event(), threading.Event()

        def script(_, body):
            if len(scored) >= 16 and not release.is_set():  # those of the second round
                waited_for.set()
                release.wait(60)
            scored.extend(body["rows"])
            return 200, json.dumps([len(row["answer"]) % 7 for row in body["rows"]])

        with serving(script) as server:
            release.set()
            train("rloo", DATA, straight, *more, "--reward", f"{server.url}/s")
            release.clear()
            scored.clear()
            command = [UNA, "rloo", "--model", TASK / "start", "--data", DATA, "--out", stopped, *QUICK, *more,
                       "--reward", f"{server.url}/s"]
            process = subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True)
            waited_for.wait(60)
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 130, log)
            self.assertIn("stopped at step 1; checkpoint saved", log)
            release.set()
            run("train", "--config", stopped / "run.yaml", "--resume_from_checkpoint", "true")
        name = "adapter_model.safetensors"
        self.assertEqual((straight / name).read_bytes(), (stopped / name).read_bytes())

    def test_later_passes_stop_early_and_a_stopped_run_resumes_bit_for_bit(self):
        more = ["--reward", "length:4", "--num_generations", 2, "--num_iterations", 4, "--save_steps", 1, "--kl_control",
                "adaptive", "--kl_horizon", 100, "--value_warmup_steps", 1, "--critic_learning_rate", "2e-3",
                "--kl_early_stop", "1e-4", "--importance_sampling_correction", "true", "--soft_overlong_cache", 8]
        straight, resumed = fresh("online-stop-straight"), fresh("online-stop-resumed")
        train("ppo", DATA, straight, *ONLINE, *more, "--max_steps", 14)
        lasts = [row["steps_a_round"] for row in read_rows(straight / "metrics.jsonl") if "steps_a_round" in row]
        self.assertLess(min(lasts), 4, "the limit ends rounds early")
        rows = self.rows(straight)
        self.assertGreater(len({row["objective/kl_coef"] for row in rows}), 1)
        for row in rows:
            for name in ("objective/kl", "objective/entropy", "sampling/sampling_logp_difference/mean", "time/train"):
                self.assertTrue(math.isfinite(row[name]), name)
        train("ppo", DATA, resumed, *ONLINE, *more, "--max_steps", 10)
        newest = max((int(path.name.split("-")[1]) for path in resumed.glob("checkpoint-*")))
        run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", resumed / f"checkpoint-{newest}",
            "--max_steps", 14)
        name = "adapter_model.safetensors"
        self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes())

    def test_online_una_fits_ranks_and_clips_later_passes(self):
        for more in (["--una_f", "quantile"], ["--una_f", "value_head"], ["--una_clip", "token", "--zero_variance", "resample"]):
            with self.subTest(more=more):
                out = fresh("online-una-forms")
                train("una_online", DATA, out, *ONLINE, "--reward", "length:4", "--num_generations", 4, "--num_iterations", 2,
                      "--beta", "0.02", "--learning_rate", "2e-3", "--max_steps", 8, *more)
                rows = read_rows(out / "metrics.jsonl")
                self.assertTrue(all(math.isfinite(row["loss"]) for row in rows))
                self.assertTrue(any("clip_ratio" in row for row in rows))

    def test_ppo_presets_are_defaults_under_the_user_s_own_settings(self):
        def settings(*more):
            text = train("ppo", DATA, fresh("online-preset"), "--reward", "json", "--dry_run", "true", *more)[0]
            return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(" "))

        mine = settings("--ppo_preset", "openrlhf", "--lam", "0.9")
        wanted = {"beta": 0.01, "cliprange_value": 0.5, "num_iterations": 1, "num_mini_batches": 8, "reward_clip": 10,
                  "critic_learning_rate": 9e-6, "adam_beta2": 0.95, "warmup_ratio": 0.03, "lam": 0.9}
        self.assertEqual({key: float(mine[key]) for key in wanted}, wanted)
        self.assertEqual(mine["lr_scheduler_type"], "cosine_with_min_lr")
        trl = settings("--ppo_preset", "trl")
        wanted = {"beta": 0.05, "cliprange_value": 0.2, "vf_coef": 0.1, "num_iterations": 4, "num_mini_batches": 1,
                  "gamma": 1, "lam": 0.95, "max_completion_length": 53, "critic_learning_rate": 0}
        self.assertEqual({key: float(trl[key]) for key in wanted}, wanted)
        plain = settings()
        self.assertEqual({key: plain[key] for key in wanted}, {key: trl[key] for key in wanted})

    def test_a_reward_model_trained_here_scores_the_samples(self):
        model, out = fresh("online-rm"), fresh("online-by-rm")
        train("reward", DATA, model, "--max_steps", 5)
        train("rloo", DATA, out, *ONLINE, "--reward", f"model:{model}", "--max_steps", 2, "--eval_fraction", "0.1",
              "--eval_steps", 2)
        rows = read_rows(out / "metrics.jsonl")
        self.assertTrue(any("eval_reward" in row for row in rows))
        self.assertEqual([row["reward/failed_ratio"] for row in self.rows(out)], [0, 0])

    def test_a_critic_with_its_own_model_learns_what_an_adapter_on_the_shared_one_learns(self):
        more = ["--reward", "length:4", "--num_generations", 2, "--num_iterations", 2, "--learning_rate", "2e-3", "--max_steps", 4]
        runs = {}
        for layout in ("adapter", "model"):
            train("ppo", DATA, fresh("online-critic"), *ONLINE, *more, "--critic", layout)
            runs[layout] = read_rows(TMP / "online-critic" / "metrics.jsonl")
        for shared, own in zip(runs["adapter"], runs["model"], strict=True):
            for name in ("loss/value_avg", "loss/policy_avg", "grad_norm"):
                if name in shared:
                    self.assertAlmostEqual(shared[name], own[name], delta=1e-3 * (1 + abs(shared[name])), msg=name)

    def test_the_critic_starts_from_a_reward_model_and_a_run_with_it_resumes_bit_for_bit(self):
        model = fresh("online-critic-rm")
        train("reward", DATA, model, "--max_steps", 5)
        more = ["--reward", "length:4", "--num_generations", 2, "--num_iterations", 2, "--save_steps", 1, "--critic_from", model]
        losses = set()
        for layout in (["--critic", "adapter"], ["--critic", "model"]):
            straight, resumed = fresh("online-critic-straight"), fresh("online-critic-resumed")
            train("ppo", DATA, straight, *ONLINE, *more, *layout, "--max_steps", 6)
            train("ppo", DATA, resumed, *ONLINE, *more, *layout, "--max_steps", 4)
            run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", "true", "--max_steps", 6)
            name = "adapter_model.safetensors"
            self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes(), layout)
            losses.add(round(read_rows(straight / "metrics.jsonl")[0]["loss/value_avg"], 3))
        self.assertEqual(len(losses), 1, "both layouts begin with the reward model's own values")
        plain = fresh("online-critic-plain")
        train("ppo", DATA, plain, *ONLINE, *more[:-2], "--max_steps", 1)
        self.assertNotIn(round(read_rows(plain / "metrics.jsonl")[0]["loss/value_avg"], 3), losses)

    def test_policy_and_critic_train_whole(self):
        out = fresh("online-critic-full")
        train("ppo", DATA, out, *ONLINE, "--reward", "length:4", "--num_generations", 4, "--use_peft", "false", "--critic", "model",
              "--learning_rate", "3e-4", "--beta", "0.02", "--max_steps", 8)
        rows = self.rows(out)
        self.assertTrue(all(math.isfinite(row["loss"]) for row in rows))
        self.assertGreater(rows[-1]["reward"], rows[0]["reward"])
        for phase in ("generate", "reward", "annotate", "train"):
            self.assertGreater(max(row.get(f"memory/{phase}_mb", 0) for row in read_rows(out / "metrics.jsonl")), 10)
        self.assertTrue((out / "model.safetensors").is_file())

    def test_the_best_checkpoint_stays_within_a_kl_budget(self):
        def best(budget, *more, code=0):
            out = fresh("online-budget")
            text = train("rloo", DATA, out, *ONLINE, "--reward", "length:4", "--num_generations", 4, "--beta", "0.001",
                         "--learning_rate", "3e-3", "--max_steps", 10, "--eval_fraction", "0.1", "--eval_steps", 1,
                         "--load_best_model_at_end", "true", "--kl_budget", budget, *more, code=code)[1]
            if code:
                return text
            evaluations = {row["step"]: row for row in read_rows(out / "metrics.jsonl") if "eval_kl" in row}
            return text, json.loads((out / "summary.json").read_text()).get("best"), evaluations

        rows = best(0)[2]
        drift = sorted(row["eval_kl"] for row in rows.values())
        budget = (drift[len(drift) // 2] + drift[len(drift) // 2 - 1]) / 2
        _, kept, rows = best(budget)
        allowed = {step: row["eval_reward"] for step, row in rows.items() if row["eval_kl"] <= budget}
        self.assertLess(len(allowed), len(rows))
        self.assertEqual(kept["metric"], max(allowed.values()))
        self.assertIn(kept["step"], allowed)
        text, none, _ = best("1e-12", "--eval_steps", 10)  # at first the estimate may lie below 0
        self.assertIsNone(none)
        self.assertIn("no evaluation was within kl_budget", text)
        self.assertIn("held-out prompts", best(1, "--eval_fraction", 0, code=2))

    def test_a_server_samples_and_gets_the_weights_before_every_round(self):
        def script(number, body):
            if number % 7 == 3:
                return 200, "half a rep"  # this answer is missing
            draw = random.Random(body["seed"])
            ids = [draw.randrange(5, 200) for _ in range(draw.randrange(1, body["max_tokens"]))] + [body["stop_token_ids"][-1]]
            choice = {"index": 0, "text": "", "token_ids": ids, "finish_reason": "stop", "prompt_token_ids": body["prompt"],
                      "logprobs": {"token_logprobs": [-5.0] * len(ids), "tokens": ["?"] * len(ids)}}
            return 200, json.dumps({"choices": [choice]})

        out, log = fresh("online-endpoint"), fresh("online-endpoint-log")
        with serving(script) as server:
            text = train("rloo", DATA, out, *ONLINE, "--reward", "length:4", "--num_generations", 4, "--max_steps", 3,
                         "--sampling_endpoint", server.url + "/v1", "--sampling_model", "policy", "--sampling_sync_command",
                         f"sha256sum {{adapter}}/adapter_model.safetensors >> {log}")[1]
            asked = server.requests
        self.assertEqual(len(asked), 3 * 8 * 4)
        self.assertTrue(all(one["path"] == "/v1/completions" and one["body"]["temperature"] == 1 for one in asked))
        sent = [line.split()[0] for line in log.read_text().splitlines()]
        self.assertEqual((len(sent), len(set(sent))), (3, 3), "each round's weights, once")
        self.assertEqual(len({one["body"]["cache_salt"] for one in asked}), 3, "no round goes on from another's keys and values")
        rows = self.rows(out)
        self.assertTrue(all(0 < row["sampling/failed_ratio"] < 0.3 for row in rows), rows)
        self.assertTrue(all(row["sampling/mismatch_ratio"] == 0 for row in rows))
        self.assertTrue(all(row["sampling/sampling_logp_difference/mean"] > 0.1 for row in rows), "a server that is not the policy")
        self.assertIn("sampling endpoint policy at", text)

    def test_a_server_that_gives_text_or_is_not_there(self):
        def script(_, body):
            return 200, json.dumps({"choices": [{"text": " a b c" * random.Random(body["seed"]).randrange(1, 4),
                                                 "finish_reason": "stop"}]})

        def remote(method, url, *more, code=0):
            return train(method, DATA, fresh("online-text"), *ONLINE, "--reward", "length:4", "--max_steps", 2,
                         "--sampling_endpoint", url, "--sampling_model", "m", *more, code=code)[1]

        with serving(script) as server:
            text = remote("una_online", server.url + "/v1")
            self.assertIn("the server does not follow the policy", text)
            self.assertIn("tokenised again from text", text)
            self.assertIn("needs the sampler's log-probs",
                          remote("rloo", server.url + "/v1", "--importance_sampling_correction", "true", code=2))
            self.assertIn("exit code 7", remote("rloo", server.url, "--sampling_sync_command", "true {adapter}; exit 7", code=2))
            self.assertIn("by {adapter}", remote("rloo", server.url, "--sampling_sync_command", "true", code=2))
            self.assertIn("sampling_endpoint: 'ftp://x' is no address", remote("rloo", "ftp://x", code=2))
            self.assertIn("UNA_NO_SUCH_KEY (sampling_api_key_env) is not set",
                          remote("rloo", server.url, "--sampling_api_key_env", "UNA_NO_SUCH_KEY", code=2))

    def test_rows_of_a_file_train_beside_the_samples_and_resume_bit_for_bit(self):
        more = ["--reward", "length:4", "--num_generations", 2, "--save_steps", 1, "--learning_rate", "2e-3", "--offline_coef", 8,
                "--offline_batch_size", 16]
        for method, loss, data, own in (("ppo", "sft", "sft", []), ("rloo", "dpo", "pair", []),
                                        ("una_online", "una", "score", ["--importance_sampling_correction", "true"])):
            with self.subTest(method=method, loss=loss):
                straight, resumed = fresh(f"online-mixed-{method}"), fresh("online-mixed-resumed")
                mix = ["--offline_data", TASK / "data" / f"{data}.jsonl", "--offline_method", loss, *own]
                log = train(method, DATA, straight, *ONLINE, *more, *mix, "--max_steps", 10)[1]
                self.assertNotIn("has no effect", log)
                losses = [row["offline/loss"] for row in read_rows(straight / "metrics.jsonl") if "offline/loss" in row]
                self.assertLess(sum(losses[-3:]), sum(losses[:3]), losses)
                train(method, DATA, resumed, *ONLINE, *more, *mix, "--max_steps", 5)
                newest = max(int(path.name.split("-")[1]) for path in resumed.glob("checkpoint-*"))
                run("train", "--config", resumed / "run.yaml", "--resume_from_checkpoint", resumed / f"checkpoint-{newest}",
                    "--max_steps", 10)
                name = "adapter_model.safetensors"
                self.assertEqual((straight / name).read_bytes(), (resumed / name).read_bytes())

    def test_bad_input_is_one_sentence(self):
        def refused(method, *more):
            return train(method, DATA, fresh("online-bad"), *ONLINE, "--max_steps", 2, *more, code=2)[1]

        self.assertIn("needs a reward", refused("rloo"))
        self.assertIn("unknown kind 'lenght'", refused("rloo", "--reward", "lenght:3"))
        self.assertIn("temperature must be 1", refused("rloo", "--reward", "length:4", "--temperature", "0.7"))
        self.assertIn("needs sampling_model", refused("rloo", "--reward", "json", "--sampling_endpoint", "http://127.0.0.1:9/v1"))
        self.assertIn("goes with sampling_endpoint", refused("rloo", "--reward", "json", "--sampling_model", "m"))
        self.assertIn("min_p must be 0", refused("rloo", "--reward", "length:4", "--min_p", "0.1"))
        self.assertIn("repetition_penalty must be 1", refused("grpo", "--reward", "json", "--repetition_penalty", "1.1"))
        self.assertIn("num_generations must be at least 2", refused("grpo", "--reward", "json", "--num_generations", "1"))
        self.assertIn("kl_control adaptive is a key of ppo", refused("rloo", "--reward", "json", "--kl_control", "adaptive"))
        self.assertIn("ppo_preset is a key of ppo", refused("rloo", "--reward", "json", "--ppo_preset", "trl"))
        self.assertIn("critic is a key of ppo", refused("rloo", "--reward", "json", "--critic", "model"))
        self.assertIn("no folder", refused("ppo", "--reward", "json", "--critic_from", "nowhere"))
        self.assertIn("neither a reward model nor", refused("ppo", "--reward", "json", "--critic_from", TASK / "start"))
        self.assertIn("give --critic model", refused("ppo", "--reward", "json", "--use_peft", "false"))
        self.assertIn("mismatched rows", refused("una_online", "--reward", "json", "--una_f", "kto_z0"))
        self.assertIn("online_dpo has no ratio", refused("online_dpo", "--reward", "json", "--kl_early_stop", "0.1"))
        self.assertIn("beta must be a positive number", refused("grpo", "--reward", "json", "--beta", "0", "--offline_data", DATA,
                                                                "--offline_method", "dpo"))
        self.assertIn("of kind pairwise, but the method takes sft", refused("rloo", "--reward", "json", "--offline_data", DATA))
        self.assertIn("zero, constant or group, not running", refused("una_online", "--reward", "json", "--una_f", "running",
                                                                      "--offline_data", DATA, "--offline_method", "una"))
        self.assertIn("offline_coef must be positive", refused("rloo", "--reward", "json", "--offline_coef", "0"))
        self.assertIn("offline_data goes with an online method", refused("dpo", "--offline_data", DATA))
        self.assertIn("own samples", refused("una", "--importance_sampling_correction", "true"))
        self.assertIn("exit code 3", refused("rloo", "--reward", "command:exit 3"))
        self.assertIn("scored none", refused("rloo", "--reward", "command:sed 's/.*/null/'"))
        self.assertIn("no signal: the reward (", train("rloo", DATA, fresh("online-flat"), *ONLINE, "--max_steps", 1, "--reward",
                                             "command:sed 's/.*/1/'")[1])


if __name__ == "__main__":
    unittest.main()
