"""docs/tour.md names files and functions that exist: each stop's function occurs in its file."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STOP = re.compile(r"^\| (\d+)\. [^|]*\| (src/\S+) \| `(\w+)` \|", re.M)


class Tour(unittest.TestCase):
    def test_every_stop_names_a_file_and_a_function_that_exist(self):
        stops = STOP.findall((ROOT / "docs/tour.md").read_text(encoding="utf-8"))
        self.assertGreaterEqual(len(stops), 15)
        self.assertEqual([int(number) for number, _, _ in stops], list(range(1, len(stops) + 1)))
        for number, path, function in stops:
            with self.subTest(stop=number):
                self.assertTrue((ROOT / path).is_file(), f"{path} does not exist")
                text = (ROOT / path).read_text(encoding="utf-8")
                self.assertRegex(text, rf"\b{function}\(", f"{path} does not define {function}")


if __name__ == "__main__":
    unittest.main()
