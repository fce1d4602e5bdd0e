"""What the tests of online methods share."""
from support import TASK, read_rows

DATA = TASK / "data" / "pair.jsonl"
ONLINE = ["--max_completion_length", "24", "--per_device_train_batch_size", "8", "--lr_scheduler_type", "constant"]


def reward_rows(out):
    """The log rows of rounds that sampled and scored."""
    return [row for row in read_rows(out / "metrics.jsonl") if "reward" in row]
