"""Makes the small task that the other integration tests use (a ctest fixture)."""
import os
import pathlib
import shutil
import subprocess

task = pathlib.Path(os.environ["UNA_TASK"])
shutil.rmtree(task, ignore_errors=True)
subprocess.run([os.environ["UNA"], "demo", "--out", str(task), "--seed", "7", "--sft_answers", "600",
                "--feedback_prompts", "60", "--held_out_prompts", "8", "--stop_after", "feedback", "--threads", "2"],
               check=True)
for name in ("sft", "pair", "binary", "score", "group", "mixed"):
    assert (task / "data" / f"{name}.jsonl").stat().st_size > 0, name
