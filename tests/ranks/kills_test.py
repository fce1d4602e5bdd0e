"""Ranks that are killed or stopped at random instants: nobody hangs, nothing is half written, and the run goes on from its
checkpoint to the same bits. UNA_RANKS_KILLS (40) and UNA_RANKS_SEED choose how many and which."""
import json
import os
import pathlib
import random
import shutil
import signal
import time
import unittest

from ranks_support import LONG, Ranks, fresh, main
from train_test import run, words

KILLS = int(os.environ.get("UNA_RANKS_KILLS", "40" if LONG else "3"))
SEED = int(os.environ.get("UNA_RANKS_SEED", "1"))
DEADLINE = 10  # seconds until the last survivor is gone
# What the ranks do most of the time: steps and saving, evaluation, the reference cache, sampling.
WORK = {
    "training": ("dpo", ["--save_steps", "1"]),
    "evaluation": ("dpo", ["--eval_fraction", "0.3", "--eval_steps", "1"]),
    "caching": ("dpo", ["--precompute_ref_log_probs", "true"]),
    "sampling": ("rloo", ["--save_steps", "1"]),
}
STEPS = 12


def command(work, out, *more):
    name, keys = WORK[work]
    keys = keys + (["--reference_cache_dir", out.parent / f"{out.name}-cache"] if work == "caching" else [])
    return words(name, out, *keys, "--resume_from_checkpoint", "auto", *more, steps=STEPS)


class Kills(unittest.TestCase):
    def whole(self, out):
        """Every checkpoint has its manifest and the files in it, every JSON file can be read."""
        for folder in out.glob("checkpoint-*"):
            if folder.name.endswith(".tmp"):
                continue
            manifest = json.loads((folder / "manifest.json").read_text())
            for name, entry in manifest["files"].items():
                self.assertEqual((folder / name).stat().st_size, entry["size"], folder / name)
        for path in out.glob("*.json"):
            json.loads(path.read_text())

    def test_kills_at_random_instants(self):
        chance, straight, worst = random.Random(SEED), {}, 0.0
        for number in range(KILLS):
            work = list(WORK)[number % len(WORK)]
            if work not in straight:
                begin = time.monotonic()
                out = fresh(f"kills-straight-{work}")
                run(command(work, out, "--nproc", "2"))
                straight[work] = (out, time.monotonic() - begin)
            reference, length = straight[work]
            out = fresh(f"kills-{work}")
            shutil.rmtree(out.parent / f"{out.name}-cache", ignore_errors=True)
            victim, how = chance.randrange(2), chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP])
            instant = chance.uniform(0, length)
            with self.subTest(number=number, work=work, victim=victim, how=how.name, instant=round(instant, 2)):
                with Ranks(2, command(work, out)) as ranks:
                    # Before they have met, a rank waits minutes for one that does not come: its launcher ends it.
                    ranks.wait_for(lambda: "2 ranks, by" in ranks.text(0))
                    time.sleep(instant)
                    ended = ranks.processes[victim].poll() is not None
                    if not ended:
                        ranks.signal(victim, how)
                    codes, seconds = ranks.wait(but=(victim,))
                    self.assertIn(codes, ([0], [75]), ranks.all_text())
                    if codes == [75]:
                        self.assertLess(seconds, DEADLINE, ranks.all_text())
                        worst = max(worst, seconds)
                print(f"{number}: {work}, rank {victim} {how.name} after {instant:.2f} s: {codes}, {seconds:.1f} s", flush=True)
                self.whole(out)
                run(command(work, out, "--nproc", "2"))
                self.assertEqual((reference / "adapter_model.safetensors").read_bytes(), (out / "adapter_model.safetensors").read_bytes())
        print(f"{KILLS} kills, the slowest end after {worst:.1f} s", flush=True)


if __name__ == "__main__":
    main()
