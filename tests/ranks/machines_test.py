"""Two machines, as network namespaces with a cable between them: the ranks meet over it, and a cut cable ends both sides."""
import os
import subprocess
import unittest

from ranks_support import LONG, PROBE, Ranks, main

NAMES = [f"una-{os.getpid()}-{side}" for side in "ab"]
ADDRESSES = ["10.77.31.1", "10.77.31.2"]
DEADLINE = 10


def ip(*words, check=True):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=check)


def may_make_namespaces():
    try:
        made = ip("netns", "add", NAMES[0], check=False)
    except OSError:  # there is no ip
        return False
    if made.returncode == 0:
        ip("netns", "del", NAMES[0])
    return made.returncode == 0


def variables(rank, size, port):
    return {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": ADDRESSES[0], "MASTER_PORT": port}


@unittest.skipUnless(LONG and may_make_namespaces(), "a slow case (./dev ranks), or network namespaces cannot be made here (root and ip are needed)")
class Machines(unittest.TestCase):
    def setUp(self):
        ends = [f"u{os.getpid() % 100000}{side}" for side in "ab"]
        for name in NAMES:
            ip("netns", "add", name)
            self.addCleanup(ip, "netns", "del", name, check=False)
        ip("link", "add", ends[0], "netns", NAMES[0], "type", "veth", "peer", "name", ends[1], "netns", NAMES[1])
        for name, end, address in zip(NAMES, ends, ADDRESSES):
            ip("-n", name, "addr", "add", address + "/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
            ip("-n", name, "link", "set", "lo", "up")
        self.cut = lambda: ip("-n", NAMES[1], "link", "set", ends[1], "down")

    def ranks(self, mode):
        """Rank 0 on one machine, rank 1 on the other: the rank's own variable chooses."""
        command = f'if [ "$RANK" = 0 ]; then name={NAMES[0]}; else name={NAMES[1]}; fi; exec ip netns exec "$name" "{PROBE}" {mode}'
        return Ranks(2, ["sh", "-c", command], variables)

    def test_ranks_meet_over_the_cable(self):
        with self.ranks("check") as ranks:
            codes, _ = ranks.wait(limit=60)
            self.assertEqual(codes, [0, 0], ranks.all_text())

    def test_a_cut_cable_ends_both_sides(self):
        for mode in ("call", "compute"):
            with self.subTest(mode=mode), self.ranks(mode) as ranks:
                ranks.wait_ready()
                self.cut()
                codes, seconds = ranks.wait(limit=60)
                self.assertEqual(codes, [75, 75], ranks.all_text())
                self.assertLess(seconds, DEADLINE, ranks.all_text())
                print(f"{mode}: both ended after {seconds:.1f} s", flush=True)
            self.doCleanups()
            self.setUp()


if __name__ == "__main__":
    main()
