"""The online demo and its benchmark, small: same files, same keys, and what must hold whatever is learnt."""
import json
import unittest

from support import TASK, fresh, read_rows, run

SMALL = ["--feedback_prompts", 24, "--held_out_prompts", 6, "--threads", 1]


class OnlineDemo(unittest.TestCase):
    def test_the_demo_compares_methods_and_the_benchmark_reads_it(self):
        out = fresh("online-bench")
        demo = out / "seed-7"
        printed = run("demo", "--online", "true", "--start_from", TASK, "--out", demo, "--seed", 7, "--steps", 2, "--curve_points", 2,
                      "--methods", "una_online_group,rloo,ppo_model", *SMALL)[0]
        self.assertIn("reward model:", printed)
        methods = json.loads((demo / "results.json").read_text())["methods"]
        self.assertEqual([method["folder"] for method in methods], ["una_online_group", "rloo", "ppo_model"])
        for method in methods:
            for key in ("gold_before", "gold_after", "gain_ci95", "win_rate", "kl", "seconds", "peak_mb", "reward_before", "reward_after",
                        "generate_seconds", "train_peak_mb"):
                self.assertIn(key, method)
            points = [point["step"] for point in method["curve"]]
            self.assertEqual(points, [2, 4] if method["folder"] == "ppo_model" else [1, 2])
            last = method["curve"][-1]
            self.assertEqual((last["gold"], last["kl"]), (method["gold_after"], method["kl"]), "the last checkpoint is the result")
        self.assertEqual(len(read_rows(demo / "data" / "prompts.jsonl")), 24)

        printed = run("bench", "online", "--out", out, "--seeds", 7, "--draws", 3, "--threads", 1)[0]
        noise = {entry["method"]: entry for entry in json.loads((out / "online.json").read_text())["noise"]}
        self.assertAlmostEqual(noise["RLOO"]["cosine"], 1, places=4, msg="UNA-C's gradient is a multiple of RLOO's, draw by draw")
        if noise["RLOO"]["relative"] is not None:
            self.assertAlmostEqual(noise["RLOO"]["relative"] / noise["online UNA-C"]["relative"], 1, places=2)
        self.assertLess(abs(noise["PPO, critic model"]["cosine"]), 0.999)
        self.assertIn("at equal KL", printed)

    def test_bad_input_is_one_sentence(self):
        self.assertIn("holds no init folder", run("demo", "--online", "true", "--start_from", fresh("nowhere"), "--out", fresh("online-x"),
                                                  *SMALL, code=2)[1])
        self.assertIn("draws must not be negative", run("bench", "online", "--draws", "-1", code=2)[1])


if __name__ == "__main__":
    unittest.main()
