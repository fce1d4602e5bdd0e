"""Aligns language models from pairwise, binary and score feedback: a typed door to the una program.

Every function runs the program and returns what it wrote. Keys are those of the command line (`una dpo --help`), in TRL's
spelling, and a mistake raises the program's own sentence.

    import una
    run = una.train("dpo", model="path/to/model", data="feedback.jsonl", out="my-run", beta=0.1, max_steps=100)
    print(run.summary["steps"], run.metrics[-1]["loss"], run.adapter)
"""
from una.commands import Rows, Run, generate, label, merge, score, train
from una.program import UnaError, program, run, version

__all__ = ["Rows", "Run", "UnaError", "generate", "label", "merge", "program", "run", "score", "train", "version"]
__version__ = version()
