"""The gang without training: every launcher, every way to end."""
import re
import signal
import subprocess
import time
import unittest

from ranks_support import LAUNCHER_VARIABLES, PROBE, Ranks, clean_environment, long, main, open_mpi, plain, slurm, torchrun

DEADLINE = 10  # seconds until the last survivor is gone


class Launchers(unittest.TestCase):
    def check(self, size, variables):
        with Ranks(size, [PROBE, "check"], variables) as ranks:
            codes, _ = ranks.wait()
            self.assertEqual(codes, [0] * size, ranks.all_text())
            for rank in range(size):
                self.assertIn(f"rank {rank} of {size}: ok", ranks.text(rank))
                self.assertIn(f"rank {rank} of {size} on host ", ranks.text(rank))

    def test_two_ranks_by_the_variables_of_every_launcher(self):
        for name, variables in LAUNCHER_VARIABLES.items():
            with self.subTest(launcher=name):
                self.check(2, variables)

    def test_four_ranks(self):
        self.check(4, plain)

    @long
    def test_sixteen_ranks(self):
        self.check(16, slurm)

    @long
    def test_torchrun_and_its_restart(self):
        words = torchrun()
        if words is None:
            self.skipTest("there is no Python with torch here (UNA_TORCH_PYTHON names one)")
        for size in ("2", "4"):
            done = subprocess.run([*words, "--standalone", "--nproc-per-node", size, PROBE, "check"], env=clean_environment(),
                                  capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(re.findall("rank . of . on host .*, by torchrun", done.stderr)), int(size), done.stderr)
        # The agent's store outlives the first attempt, in which rank 1 is killed.
        script = 'if [ "$TORCHELASTIC_RESTART_COUNT" = 0 ] && [ "$RANK" = 1 ]; then sleep 1; kill -9 $$; fi; exec "$0" check'
        done = subprocess.run([*words, "--standalone", "--nproc-per-node", "2", "--max-restarts", "1", "sh", "-c", script, PROBE],
                              env=clean_environment(), capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count(": ok"), 2, done.stdout + done.stderr)


class Ends(unittest.TestCase):
    """A rank that goes in any way ends all within ten seconds, with a sentence and the right code."""

    def lose(self, size, mode, victim, number):
        with Ranks(size, [PROBE, mode]) as ranks:
            ranks.wait_ready()
            ranks.signal(victim, number)
            codes, seconds = ranks.wait(but=(victim,), limit=60)
            self.assertEqual(codes, [75] * (size - 1), ranks.all_text())
            self.assertLess(seconds, DEADLINE, ranks.all_text())
            told = "".join(ranks.text(rank) for rank in range(size) if rank != victim)
            self.assertRegex(told, f"una: rank {victim} on host ")
            self.assertIn("start again from the newest checkpoint", told)
            self.assertNotIn("terminate called", told)
            self.assertNotIn("frame #", told)

    def test_a_killed_rank_while_the_others_are_in_a_collective(self):
        self.lose(2, "call", 1, signal.SIGKILL)

    def test_rank_0_killed_while_the_others_compute(self):
        self.lose(2, "compute", 0, signal.SIGKILL)

    def test_a_stopped_rank(self):
        self.lose(2, "call", 1, signal.SIGSTOP)

    @long
    def test_every_other_way(self):
        for mode in ("call", "compute"):
            for number in (signal.SIGKILL, signal.SIGSTOP):
                for victim in (0, 2):
                    with self.subTest(mode=mode, signal=number.name, victim=victim):
                        self.lose(4, mode, victim, number)

    def test_an_exception_ends_all_with_its_code_and_one_sentence(self):
        with Ranks(3, [PROBE, "throw", "1"]) as ranks:
            codes, seconds = ranks.wait(limit=60)
            self.assertEqual(codes, [2, 2, 2], ranks.all_text())
            self.assertLess(seconds, DEADLINE)
            self.assertEqual(ranks.all_text().count("rows.jsonl:3: no prompt"), 1, ranks.all_text())

    def test_a_rank_that_is_slow_to_hear_ends_with_the_same_code(self):
        """As on a busy machine: rank 2 gets no processor while rank 1 throws and for three seconds more."""
        with Ranks(3, [PROBE, "throw-late", "1"]) as ranks:
            ranks.wait_ready()
            ranks.signal(2, signal.SIGSTOP)
            while ranks.processes[1].poll() is None:
                time.sleep(0.01)
            time.sleep(3)
            ranks.signal(2, signal.SIGCONT)
            codes, seconds = ranks.wait(limit=60)
            self.assertEqual(codes, [2, 2, 2], ranks.all_text())
            self.assertLess(seconds, DEADLINE)

    def test_what_all_ranks_find_wrong_is_said_once(self):
        with Ranks(3, [PROBE, "throw-all"]) as ranks:
            codes, _ = ranks.wait(limit=60)
            self.assertEqual(codes, [2, 2, 2], ranks.all_text())
            self.assertEqual(ranks.all_text().count("rows.jsonl:3: no prompt"), 1, ranks.all_text())

    def test_two_processes_that_take_the_same_rank(self):
        """Rank 1 comes twice: two runs that meet at one port."""
        with Ranks(3, [PROBE, "check"], lambda rank, size, port: plain(min(rank, 1), size, port)) as ranks:
            second = ranks.first_end(limit=60)
            self.assertEqual(ranks.processes[second].returncode, 2, ranks.all_text())
            self.assertIn("two processes are rank 1", ranks.text(second))

    def test_launchers_that_disagree(self):
        def both(rank, size, port):
            return {**slurm(rank, size, port), **open_mpi(0, size + 1, port)}
        with Ranks(2, [PROBE, "check"], both) as ranks:
            codes, _ = ranks.wait(limit=60)
            self.assertEqual(codes, [2, 2], ranks.all_text())
            self.assertIn("two launchers disagree", ranks.text(0))


if __name__ == "__main__":
    main()
