"""Several ranks that sample by servers: each asks its own."""
import json
import random
import unittest

from ranks_support import fresh, main
from support import serving
from train_test import NEAR, distance, run, words

ROUNDS, PROMPTS, ANSWERS = 3, 8, 4


def script(_, body):
    """An answer that follows from the request's seed alone."""
    draw = random.Random(body["seed"])
    ids = [draw.randrange(5, 200) for _ in range(draw.randrange(1, body["max_tokens"]))] + [body["stop_token_ids"][-1]]
    return 200, json.dumps({"choices": [{"index": 0, "text": "", "token_ids": ids, "finish_reason": "stop", "prompt_token_ids": body["prompt"],
                                         "logprobs": {"token_logprobs": [-5.0] * len(ids), "tokens": ["?"] * len(ids)}}]})


def asks(out, servers, log, *more):
    return words("rloo", out, "--sampling_endpoint", ",".join(server.url + "/v1" for server in servers), "--sampling_model", "policy",
                 "--sampling_sync_command", f"echo {{endpoint}} $(sha256sum < {{adapter}}/adapter_model.safetensors) >> {log}", *more, steps=ROUNDS)


class Endpoints(unittest.TestCase):
    def test_each_rank_asks_its_own_server_and_learns_what_one_rank_learns(self):
        one, two, three = fresh("endpoint-1"), fresh("endpoint-2"), fresh("endpoint-3")
        log_of = {out: fresh(f"{out.name}.log") for out in (one, two, three)}
        with serving(script) as first, serving(script) as second:
            run(asks(one, [first], log_of[one]))
            alone = len(first.requests)
            self.assertEqual(alone, ROUNDS * PROMPTS * ANSWERS)
            del first.requests[:]
            run(asks(two, [first, second], log_of[two], "--nproc", "2"), env={"UNA_CHECK_CALLS": "1"})
            asked = [len(server.requests) for server in (first, second)]
            self.assertEqual(asked, [alone // 2, alone // 2])
            salts = [{one["body"]["cache_salt"] for one in server.requests} for server in (first, second)]
            self.assertEqual(salts[0], salts[1], "both have the weights of each round")
            self.assertEqual(len(salts[0]), ROUNDS)
            synced = sorted(log_of[two].read_text().split("\n")[:-1])
            self.assertEqual(len(set(synced)), 2 * ROUNDS, synced)
            self.assertEqual(len({line.split()[0] for line in synced}), 2, "each server by its address")
            del first.requests[:], second.requests[:]
            run(asks(three, [first, second], log_of[three], "--nproc", "3"))
            shares = [len(server.requests) for server in (first, second)]
            self.assertEqual(shares, [alone * 5 // 8, alone * 3 // 8], "ranks 0 and 2 have prompts 0, 2, 3, 5, 6")
            text = run(asks(fresh("endpoint-more"), [first, second], log_of[one]), code=2)
            self.assertIn("sampling_endpoint names 2 servers for 1 rank", text)
        for out in (two, three):
            far, size = distance(one, out)
            self.assertGreater(size, 0)
            self.assertLessEqual(far, NEAR)

    def test_a_server_that_is_not_there_ends_all_ranks_with_one_sentence(self):
        out = fresh("endpoint-gone")
        with serving(script) as server:
            text = run(words("rloo", out, "--sampling_endpoint", f"{server.url}/v1,http://127.0.0.1:1/v1", "--sampling_model", "m",
                             "--nproc", "2", steps=ROUNDS), code=2)
        self.assertEqual(text.count("una: "), 1, text)
        self.assertIn("127.0.0.1:1", text)


if __name__ == "__main__":
    main()
