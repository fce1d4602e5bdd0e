"""una generate: sampling keys, streaming, what is typed."""
import os
import subprocess
import unittest

from support import TASK, UNA, fresh, read_rows, run

MODEL = ["--model", TASK / "start", "--max_new_tokens", 24, "--threads", 1]
PROMPT = "Name three different colours"


def typed(lines, *more):
    done = subprocess.run([UNA, "generate", *map(str, MODEL), "--stream", *more], input=lines, capture_output=True, text=True,
                          env=dict(os.environ), timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Generate(unittest.TestCase):
    def test_a_stream_shows_the_answer_that_is_otherwise_printed_at_its_end(self):
        for more in ([], ["--temperature", "0"], ["--stop", "e", "--seed", "3"]):
            with self.subTest(more=more):
                whole = run("generate", *MODEL, "--prompt", PROMPT, *more)[0]
                self.assertEqual(run("generate", *MODEL, "--prompt", PROMPT, "--stream", *more)[0], whole)

    def test_a_stream_without_a_prompt_answers_each_line_typed(self):
        greedy = ["--temperature", "0"]
        out = typed(f"{PROMPT}\n\nSay something else\n", *greedy)
        answers = [run("generate", *MODEL, "--prompt", prompt, *greedy)[0] for prompt in (PROMPT, "Say something else")]
        self.assertEqual(out, "".join(answers))

    def test_sampling_keys_change_the_draws_and_the_processed_log_prob(self):
        data = TASK / "data" / "pair.jsonl"

        def rows(*more):
            out = fresh("generated.jsonl")
            run("generate", *MODEL, "--data", data, "--max_rows", 6, "--out", out, *more)
            return read_rows(out)

        plain = rows()
        for row in plain:
            self.assertEqual(row["logp"], row["processed_logp"])
        for row in rows("--min_p", "0.3"):
            self.assertGreater(row["processed_logp"], row["logp"], "what is left shares the probability")
        for row in rows("--min_p", "1"):
            self.assertEqual(row["processed_logp"], 0)
        penalised = rows("--repetition_penalty", "1.8", "--temperature", "0")
        self.assertNotEqual([row["completion"] for row in penalised],
                            [row["completion"] for row in rows("--temperature", "0")])

    def test_bad_input_is_one_sentence(self):
        def refused(*more):
            return run("generate", *MODEL, *more, code=2)[1]

        self.assertIn("min_p is 1.5", refused("--prompt", PROMPT, "--min_p", "1.5"))
        self.assertIn("repetition_penalty is 0", refused("--prompt", PROMPT, "--repetition_penalty", "0"))
        self.assertIn("--stream prints the answer", refused("--prompt", PROMPT, "--stream", "--out", fresh("never.jsonl")))
        self.assertIn("num_samples must be 1", refused("--prompt", PROMPT, "--stream", "--num_samples", "2"))
        self.assertIn("leave it out to answer a file", refused("--stream", "--data", TASK / "data" / "pair.jsonl"))


if __name__ == "__main__":
    unittest.main()
