"""The optimiser's moments split over the ranks (--zero_stage 1): the weights, files and checkpoints of whole ones."""
import shutil
import unittest

from ranks_support import fresh, long, main
from train_test import NEAR, run, tensors, words

FULL = ["--use_peft", "false", "--save_total_limit", "0"]


class Zero(unittest.TestCase):
    def equal(self, one, other, *files):
        for name in files:
            self.assertEqual((one / name).read_bytes(), (other / name).read_bytes(), name)

    def near(self, one, other):
        a, b = (tensors(folder / "model.safetensors") for folder in (one, other))
        far = max(abs(x - y) for name in a for x, y in zip(a[name], b[name]))
        print(f"{other.name}: weights differ by {far:.1e} at most", flush=True)
        self.assertLessEqual(far, NEAR)

    def test_all_weights_train_as_with_whole_moments(self):
        whole, split = fresh("zero-0"), fresh("zero-1")
        log = run(words("dpo", whole, *FULL, "--zero_stage", "0", "--nproc", "2"))
        self.assertIn("moments whole on each rank", log)
        log = run(words("dpo", split, *FULL, "--nproc", "2"), env={"UNA_CHECK_CALLS": "1"})
        self.assertIn("moments split over 2 ranks", log)
        self.equal(whole, split, "model.safetensors", "checkpoint-5/optimizer.safetensors", "checkpoint-20/optimizer.safetensors")

    def test_a_checkpoint_is_for_any_number_of_ranks(self):
        straight, two, one = fresh("zero-straight"), fresh("zero-two"), fresh("zero-one")
        run(words("dpo", straight, *FULL))
        schedule = ["--lr_scheduler_type", "linear", "--stop_at_step", "10"]
        run(words("dpo", two, *FULL, *schedule, "--nproc", "2"))
        shutil.copytree(two, one, dirs_exist_ok=True)
        run(words("dpo", one, *FULL, "--resume_from_checkpoint", "true"))  # saved by two, goes on with one
        self.near(straight, one)
        back = fresh("zero-back")
        run(words("dpo", back, *FULL, *schedule))
        run(words("dpo", back, *FULL, "--resume_from_checkpoint", "true", "--nproc", "2"))  # and the other way
        self.near(straight, back)

    def test_an_adapter_splits_them_on_request(self):
        whole, split = fresh("zero-lora-0"), fresh("zero-lora-1")
        log = run(words("una", whole, "--nproc", "2"))
        self.assertIn("moments whole on each rank", log)
        run(words("una", split, "--nproc", "2", "--zero_stage", "1"))
        self.equal(whole, split, "adapter_model.safetensors", "checkpoint-20/optimizer.safetensors")

    @long
    def test_four_ranks_and_a_critic(self):
        whole, split = fresh("zero-ppo-0"), fresh("zero-ppo-1")
        run(words("ppo", whole, "--nproc", "4", "--value_warmup_steps", "3"))
        run(words("ppo", split, "--nproc", "4", "--value_warmup_steps", "3", "--zero_stage", "1"))
        self.equal(whole, split, "adapter_model.safetensors", "checkpoint-20/optimizer.safetensors")

    def test_other_stages_are_refused(self):
        out = fresh("zero-3")
        self.assertIn("zero_stage 3 is not offered", run(words("dpo", out, "--nproc", "2", "--zero_stage", "3"), code=2))
        self.assertFalse(out.exists())


if __name__ == "__main__":
    main()
