"""What the tests of this folder share: ranks started as processes, by the variables of any launcher."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import support  # noqa: E402
from support import TASK, TMP, UNA, fresh, run_any  # noqa: E402, F401

PROBE = os.environ["UNA_GANG_PROBE"]
LONG = bool(os.environ.get("UNA_RANKS_LONG"))
LIMIT = 240  # seconds a gang may take
LAUNCHERS = ("RANK", "WORLD_SIZE", "LOCAL_", "MASTER_", "SLURM_", "OMPI_", "PMI", "PET_", "SKYPILOT_", "TORCHELASTIC_", "UNA_RANKS_")

long = unittest.skipUnless(LONG, "a slow case: ./dev ranks runs it")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}


support.environment = clean_environment()


# The variables of rank `rank` of `size`, all on this machine.
def plain(rank, size, port):
    return {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}


def slurm(rank, size, port):
    return {"SLURM_JOB_ID": 7, "SLURM_STEP_ID": 0, "SLURM_PROCID": rank, "SLURM_NTASKS": size, "SLURM_STEP_NUM_TASKS": size,
            "SLURM_STEP_NUM_NODES": 1, "SLURM_STEP_NODELIST": "localhost", "SLURM_LOCALID": rank, "MASTER_PORT": port}


def open_mpi(rank, size, port):
    return {"OMPI_COMM_WORLD_RANK": rank, "OMPI_COMM_WORLD_SIZE": size, "OMPI_COMM_WORLD_LOCAL_RANK": rank,
            "OMPI_COMM_WORLD_LOCAL_SIZE": size, "MASTER_PORT": port}


def kubeflow(rank, size, port):
    """One rank a pod; the pods are this machine."""
    return {"PET_NNODES": size, "PET_NPROC_PER_NODE": 1, "PET_NODE_RANK": rank, "PET_MASTER_ADDR": "localhost",
            "PET_MASTER_PORT": port}


def skypilot(rank, size, port):
    return {"SKYPILOT_NODE_RANK": rank, "SKYPILOT_NUM_NODES": size, "SKYPILOT_NODE_IPS": "127.0.0.1\n" * size,
            "MASTER_PORT": port}


LAUNCHER_VARIABLES = {"RANK and WORLD_SIZE": plain, "Slurm": slurm, "Open MPI": open_mpi, "Kubeflow": kubeflow, "SkyPilot": skypilot}


class Ranks:
    """Ranks 0 to size - 1 of one command, each a process in a group of its own."""

    def __init__(self, size, words, variables=plain, folder=None, env=None):
        self.folder = pathlib.Path(folder or TMP / f"ranks-{os.getpid()}-{free_port()}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.begin, port, self.processes, self.ends = time.monotonic(), free_port(), [], [None] * size
        for rank in range(size):
            own = {name: str(value) for name, value in variables(rank, size, port).items()}
            with open(self.out(rank), "wb") as out, open(self.err(rank), "wb") as err:
                self.processes.append(subprocess.Popen([str(word) for word in words], env={**clean_environment(), **(env or {}), **own},
                                                       stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True))

    def out(self, rank):
        return self.folder / f"{rank}.out"

    def err(self, rank):
        return self.folder / f"{rank}.err"

    def text(self, rank):
        return self.out(rank).read_text(errors="replace") + self.err(rank).read_text(errors="replace")

    def wait_for(self, condition, limit=LIMIT):
        """Until condition() is true; fails when a rank ends before."""
        end = time.monotonic() + limit
        while not condition():
            dead = [rank for rank, process in enumerate(self.processes) if process.poll() is not None]
            if dead or time.monotonic() > end:
                raise AssertionError("the ranks did not get there:\n" + self.all_text())
            time.sleep(0.01)

    def wait_ready(self):
        self.wait_for(lambda: all(f"ready {rank}" in self.text(rank) for rank in range(len(self.processes))))

    def signal(self, rank, number):
        os.kill(self.processes[rank].pid, number)

    def wait(self, but=(), limit=LIMIT):
        """Exit codes of all ranks but those of `but`, and the seconds until the last of them had ended."""
        begin, end = time.monotonic(), time.monotonic() + limit
        waited = [rank for rank in range(len(self.processes)) if rank not in but]
        while any(self.processes[rank].poll() is None for rank in waited):
            if time.monotonic() > end:
                raise AssertionError(f"still running after {limit} s:\n" + self.all_text())
            time.sleep(0.01)
        return [self.processes[rank].returncode for rank in waited], time.monotonic() - begin

    def first_end(self, limit=LIMIT):
        """The rank whose process ended first."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            for rank, process in enumerate(self.processes):
                if process.poll() is not None:
                    return rank
            time.sleep(0.01)
        raise AssertionError("no rank ended:\n" + self.all_text())

    def all_text(self):
        return "".join(f"--- rank {rank}, exit {process.returncode}\n{self.text(rank)}" for rank, process in enumerate(self.processes))

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def torchrun():
    """The words that start torchrun of a Python with torch, or None."""
    python = os.environ.get("UNA_TORCH_PYTHON", sys.executable)
    found = subprocess.run([python, "-c", "import torch.distributed.run"], capture_output=True)
    return [python, "-m", "torch.distributed.run", "--no-python"] if found.returncode == 0 else None


main = unittest.main
