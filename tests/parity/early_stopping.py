"""Records where transformers' EarlyStoppingCallback stops and what Trainer then calls the best metric.

    python tests/parity/early_stopping.py tests/data/train/early_stopping.json

Each case is a list of metrics, one an evaluation; the callback and Trainer's own rule for the best metric run on it in
the order in which Trainer calls them (on_evaluate, then _determine_best_metric)."""
import json
import random
import sys
import types

from transformers import EarlyStoppingCallback, Trainer, TrainerControl, TrainerState


def run(case):
    callback = EarlyStoppingCallback(case["patience"], case["threshold"])
    args = types.SimpleNamespace(greater_is_better=case["greater"], metric_for_best_model="win_rate", save_strategy="no")
    state, control = TrainerState(), TrainerControl()
    trainer = types.SimpleNamespace(args=args, state=state)
    stopped, best_at = None, None
    for number, value in enumerate(case["metrics"]):
        metrics = {"eval_win_rate": float(value)}
        callback.on_evaluate(args, state, control, metrics)
        if Trainer._determine_best_metric(trainer, metrics, None):
            best_at = number
        if control.should_training_stop:
            stopped = number
            break
    return {"stops_at": stopped, "best_at": best_at, "counter": callback.early_stopping_patience_counter}


def cases():
    draw = random.Random(7)
    for number in range(400):
        length = draw.randint(1, 12)
        step = draw.choice([0.01, 0.1, 1])
        metrics = [round(draw.gauss(0, 3)) * step for _ in range(length)]
        if number % 10 == 0:
            metrics[draw.randrange(length)] = "nan"
        yield {"patience": draw.randint(1, 4), "threshold": draw.choice([0, 0, 0.01, 0.1, 0.5]),
               "greater": draw.random() < 0.5, "metrics": metrics}


def main():
    rows = [{**case, **run(case)} for case in cases()]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print(len(rows), "cases,", sum(row["stops_at"] is not None for row in rows), "stop early")


if __name__ == "__main__":
    main()
