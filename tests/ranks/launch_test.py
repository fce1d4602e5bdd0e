"""`una launch`: the Slurm script trains with a stand-in of srun, and a restarted job goes on; the manifest is YAML."""
import json
import os
import subprocess
import unittest

from ranks_support import TASK, UNA, clean_environment, fresh, main
from train_test import QUICK, metrics

# Starts SLURM_NTASKS tasks with the variables of a job step and ends with the highest exit code, as srun does.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
for ((i = 0; i < SLURM_NTASKS; ++i)); do
  SLURM_STEP_ID=0 SLURM_PROCID=$i SLURM_LOCALID=$i SLURM_STEP_NUM_TASKS=$SLURM_NTASKS SLURM_STEP_NUM_NODES=1 \\
    SLURM_STEP_NODELIST=localhost "$@" & pids+=($!)
done
code=0
for pid in "${pids[@]}"; do wait "$pid"; c=$?; ((c > code)) && code=$c; done
exit $code
"""
SCONTROL = """#!/bin/bash
echo "$@" >> "$(dirname "$0")/requeued"
"""


def launch(*arguments, code=0):
    done = subprocess.run([str(word) for word in (UNA, "launch", *arguments)], env=clean_environment(), capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == code, f"exit {done.returncode}, wanted {code}\n{done.stdout}\n{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def read_yaml(text):
    """Scalars, maps and lists as una writes them: enough to see that the manifest is what was meant."""
    lines = [line for line in text.splitlines() if line.strip()]

    def value(word):
        return json.loads(word) if word[:1] in '"0123456789' else word

    def block(at, depth):
        out = None
        while at < len(lines):
            line = lines[at]
            indent = len(line) - len(line.lstrip())
            if indent < depth:
                break
            assert indent == depth, line
            word = line.strip()
            if word.startswith("- "):
                out = [] if out is None else out
                if ": " in word or word.endswith(":"):
                    lines[at] = " " * (indent + 2) + word[2:]
                    item, at = block(at, indent + 2)
                    out.append(item)
                else:
                    out.append(value(word[2:]))
                    at += 1
                continue
            out = {} if out is None else out
            key, _, rest = word.partition(":")
            if rest.strip():
                out[key], at = value(rest.strip()), at + 1
            else:
                inner = len(lines[at + 1]) - len(lines[at + 1].lstrip())
                out[key], at = block(at + 1, inner)
        return out, at

    return block(0, 0)[0]


class Launch(unittest.TestCase):
    def setUp(self):
        self.bin = fresh(f"launch-bin-{self.id().rsplit('.', 1)[1]}")
        self.bin.mkdir(parents=True)
        for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

    def job(self, script, restarts=0):
        variables = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "2", "SLURM_RESTART_COUNT": str(restarts), "MASTER_PORT": str(29000 + os.getpid() % 900)}
        return subprocess.run(["bash", script], env={**clean_environment(), **variables, "PATH": f"{self.bin}:{os.environ['PATH']}"},
                              capture_output=True, text=True, timeout=240)

    def test_the_slurm_script_trains_and_goes_on_after_a_stop(self):
        out, script = fresh("launch-run"), self.bin / "job.sbatch"
        keys = [*QUICK, "--data", TASK / "data" / "pair.jsonl", "--out", out, "--max_steps", "4000", "--save_before", "3"]
        script.write_text(launch("slurm", "dpo", *keys, "--nnodes", "1", "--nproc", "2", "--time", "00:10:00", "--program", UNA, "--dry_run"))
        self.assertIn("#SBATCH --ntasks-per-node=2\n", script.read_text())
        done = self.job(script)
        self.assertEqual(done.returncode, 75, done.stdout + done.stderr)
        self.assertEqual((self.bin / "requeued").read_text(), "requeue 7\n")
        first = metrics(out)[-1]["step"]
        done = self.job(script, restarts=1)
        self.assertEqual(done.returncode, 75, done.stdout + done.stderr)
        self.assertIn(f"at step {first}", done.stderr)
        self.assertGreater(metrics(out)[-1]["step"], first)
        done = self.job(script, restarts=20)
        self.assertEqual(done.returncode, 75)
        self.assertEqual((self.bin / "requeued").read_text().count("requeue"), 2, "a job must not come back for ever")

    def test_the_manifest(self):
        job = read_yaml(launch("k8s", "dpo", "--model", "/workspace/model", "--data", "/workspace/my rows.jsonl", "--out", "/workspace/run",
                               "--nnodes", "2", "--nproc", "4", "--image", "registry/una:1", "--volume_claim", "shared", "--mem", "64Gi",
                               "--cpus_per_task", "8", "--dry_run"))
        self.assertEqual((job["apiVersion"], job["kind"]), ("trainer.kubeflow.org/v1alpha1", "TrainJob"))
        trainer = job["spec"]["trainer"]
        self.assertEqual((trainer["numNodes"], trainer["numProcPerNode"]), (2, 4))
        command = trainer["command"]
        self.assertEqual(command[:2], ["una", "dpo"])
        self.assertEqual(command[command.index("--dataset_name") + 1], "/workspace/my rows.jsonl")
        self.assertEqual(command[command.index("--resume_from_checkpoint") + 1], "auto")
        self.assertNotIn("--nproc", command)
        self.assertEqual(trainer["resourcesPerNode"]["requests"], {"cpu": "32", "memory": "64Gi"})
        override = job["spec"]["podTemplateOverrides"][0]
        self.assertEqual(override["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "shared")

    def test_what_is_wrong_is_said_before_anything_is_submitted(self):
        self.assertIn("did you mean learning_rate", launch("slurm", "dpo", "--learning_rat", "1", "--dry_run", code=2))
        self.assertIn("add --dry_run", launch("slurm", "dpo", "--model", "m", code=2))
        self.assertIn("no image", launch("k8s", "dpo", "--model", "m", "--dry_run", code=2))
        self.assertIn("give slurm or k8s", launch("pbs", "dpo", "--dry_run", code=2))


if __name__ == "__main__":
    main()
