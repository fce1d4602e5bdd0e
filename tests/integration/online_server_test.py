"""Samples from an OpenAI-compatible server."""
import json
import random
import unittest

from online_support import DATA, ONLINE, reward_rows
from support import fresh, serving, train


class SamplingServer(unittest.TestCase):
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
        rows = reward_rows(out)
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
            self.assertIn("sampling_endpoint: 'ftp://x' is not an address", remote("rloo", "ftp://x", code=2))
            self.assertIn("UNA_NO_SUCH_KEY (sampling_api_key_env) is not set",
                          remote("rloo", server.url, "--sampling_api_key_env", "UNA_NO_SUCH_KEY", code=2))


if __name__ == "__main__":
    unittest.main()
