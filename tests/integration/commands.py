"""Many commands of una in one process after the other, for tests."""
import atexit
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

LIMIT = 300  # seconds a command may take


class CommandServer:
    """Runs commands in children of one process (command_server.cpp), which loads LibTorch once: half of a short run."""

    def __init__(self, cwd=None, env=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="una-commands-"))
        self.process = subprocess.Popen([os.environ["UNA_COMMAND_SERVER"]], cwd=cwd, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, arguments, limit=LIMIT, cwd=".", env=()):
        """Exit code (the negative signal that ended it) and what it wrote, as bytes; `limit` in seconds, `env` is added to the
        server's own. peak_mb is then its peak of resident memory, cpu_seconds its processor time."""
        variables = [f"{name}={value}" for name, value in dict(env).items()]
        print(*[limit, self.folder, cwd, len(variables), *variables, *arguments], sep="\t", file=self.process.stdin, flush=True)
        code, peak, self.cpu_seconds = map(int, self.process.stdout.readline().split())
        self.peak_mb = peak // 1024
        return code, *((self.folder / name).read_bytes() for name in ("stdout", "stderr"))

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder)


_of_thread = threading.local()


def server_of_thread(env=None):
    """This thread's server, which its first call starts in the environment `env` (None: ours)."""
    if not hasattr(_of_thread, "server"):
        _of_thread.server = CommandServer(env=env)
        atexit.register(_of_thread.server.close)
    return _of_thread.server
