"""Live: twenty steps of every case of trajectories.py by una's commands beside TRL's trainers or the paper's equations.

Rows are texts; each side tokenises them itself and the ids must be equal. KTO: TRL pairs each prompt with the answer of
the row before it in the device batch, una with that of the next prompt by token ids. Both coincide where the rows of a
batch have distinct prompts in descending order, which is how they are laid out here.
"""
import json
import re
import shutil

from trajectories import CASES, case_options, differences, flags, make_start_adapter, read_log, trl_run, una_run

ROWS = 40  # five steps of eight: the twenty steps see each row four times


class StepParity:
    def __init__(self, parity):
        self.parity, self.work, self.tokenizer = parity, parity.work, parity.tokenizer
        self.base = self.work / "task/start"
        self.adapters = {reward: self.work / f"start-adapter-{reward}" for reward in (False, True)}
        for reward, path in self.adapters.items():
            make_start_adapter(self.base, path, reward)

    def parts(self, prompt, answer):
        ids = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        return ids, self.tokenizer(answer, add_special_tokens=False)["input_ids"] + [self.tokenizer.eos_token_id]

    def whole_is_parts(self, prompt, answer):
        """TRL tokenises prompt and answer together, una apart: only rows on which both agree tell anything about training."""
        ids, answer_ids = self.parts(prompt, answer)
        return self.tokenizer(prompt + answer + self.tokenizer.eos_token)["input_ids"] == ids + answer_ids

    def rows(self, kind):
        read = lambda name: [json.loads(line) for line in (self.work / f"task/data/{name}.jsonl").read_text().split("\n") if line]
        if kind == "score":
            rows = [row for row in read("score") if self.whole_is_parts(row["prompt"], row["completion"])]
            return rows[1 : 2 * ROWS : 2]  # one answer to each prompt
        pairs = [row for row in read("pair") if all(self.whole_is_parts(row["prompt"], row[k]) for k in ("chosen", "rejected"))]
        if kind == "pair":
            return pairs[:ROWS]
        good = [i % (5 if kind == "mostly good" else 3) != 0 for i in range(ROWS)]
        rows = [{"prompt": row["prompt"], "completion": row["chosen" if g else "rejected"], "label": g}
                for row, g in zip(pairs, good)]
        size = case_options("kto")["per_device_train_batch_size"]
        batches = [rows[i : i + size] for i in range(0, ROWS, size)]
        assert all(len({row["prompt"] for row in batch}) == size for batch in batches)
        key = lambda row: self.parts(row["prompt"], "")[0]
        return [row for batch in batches for row in sorted(batch, key=key, reverse=True)]

    def handed_over(self, rows):
        out = []
        for row in rows:
            answers = [row[k] for k in ("chosen", "rejected", "completion") if k in row]
            out.append({"prompt_ids": self.parts(row["prompt"], "")[0], "answers": [self.parts("", a)[1] for a in answers],
                        "targets": [row["score"] if "score" in row else float(row.get("label", True))],
                        "kind": "score" if "score" in row else ""})
        return out

    def ids_of_una(self, path, count):
        """What una makes of the rows: ids of prompt and answer together, from `una preview --ids`."""
        shown = self.parity.una("preview", "--model", self.base, "--data", path, "--rows", count, "--ids", "--color", "never",
                                "--max_length", 256)
        lines = shown.split("\n")
        return [[int(i) for i in re.findall(r"<(\d+)>", lines[n + 1])] for n, line in enumerate(lines)
                if re.match(r"  answer \d+: ", line)]

    def ids_of_trl(self, rows):
        out = []
        for row in rows:
            if "prompt_ids" in row:
                out += [row["prompt_ids"] + row[k] for k in ("chosen_ids", "rejected_ids", "completion_ids") if k in row]
            else:
                out += [row["chosen_ids"], row["rejected_ids"]]
        return out

    def run(self, name):
        method, kind, _ = CASES[name]
        options, rows = case_options(name), self.rows(kind)
        assert len(rows) == ROWS, f"{name}: the demo gave {len(rows)} usable rows"
        path, out = self.work / "step-rows.jsonl", self.work / "step-run"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        shutil.rmtree(out, ignore_errors=True)
        adapter = self.adapters[method == "reward"]
        ours_ids = self.ids_of_una(path, ROWS)
        if method == "una":
            handed = self.handed_over(rows)
            theirs, ids = una_run(self.base, adapter, handed, self.tokenizer, options), [
                row["prompt_ids"] + answer for row in handed for answer in row["answers"]]
        else:
            theirs, tokenised = trl_run(method, self.base, adapter, rows, self.tokenizer, options)
            ids = self.ids_of_trl(tokenised)
        self.parity.una(method, "--model", self.base, "--adapter", adapter, "--data", path, "--out", out, "--shuffle", "false",
                        "--dtype", "float32", "--max_length", 256, "--logging_steps", 1, "--save_strategy", "no",
                        "--reference_cache_dir", "none", "--report_to", "none", *flags(options))
        found = differences(theirs, read_log(out))
        tally, who = self.parity.tally, "the paper's equations" if method == "una" else "TRL"
        same = sum(a == b for a, b in zip(ours_ids, ids)) if len(ours_ids) == len(ids) else 0
        tally.check(f"{name}: token ids that differ ({same} of {len(ids)} sequences equal)", len(ids) - same, 0)
        tally.check(f"{name}: loss of 20 steps, {who} (it falls by {100 * found['fall']:.0f} %)", found["loss"], 1e-4)
        tally.check(f"{name}: gradient norm of 20 steps, relative", found["grad_norm"], 1e-2)
        tally.check(f"{name}: learning rate of 20 steps, relative", found["learning_rate"], 1e-9)
        if "kl" in found:
            above = sum(step["kl"] > 0 for step in theirs)
            tally.check(f"{name}: z0 of 20 steps (above 0 in {above})", found["kl"], 1e-3)
            if kind == "mostly good":
                return tally.check(f"{name}: steps with z0 above 0, short of 10", max(0, 10 - above), 0)
        tally.check(f"{name}: fall of the loss, short of 30 %", max(0.0, 0.3 - found["fall"]), 0)

    def all(self, names):
        for name in names or CASES:
            self.run(name)
