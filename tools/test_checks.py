#!/usr/bin/env python3
"""The checks must be able to fail: each is run on a small tree with one fault and without it."""
import contextlib
import io
import pathlib
import subprocess
import tempfile
import unittest
import unittest.mock

import check_budgets
import check_dead_files
import check_english
import check_headers
import check_rooms
import check_test_names
import check_tidy
import cpp_text
import run_mutations
import unity_units


def run(check, files, *more):
    """(exit status, output) of a check on a tree of these files; TMP in an argument is the tree's root."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = check.main(f"{folder}/src", *[part.replace("TMP", folder) for part in more])
        return status, output.getvalue()


def run_tracked(check, files, *more):
    """The same for a check that looks at the files that git tracks below its root."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for command in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", "-C", folder, *command], check=True, capture_output=True)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = check.main(folder, *more)
        return status, output.getvalue()


def function(name, lines):
    return f"int {name}(int a) {{\n" + "  ++a;\n" * (lines - 3) + "  return a;\n}\n"


class UnityUnits(unittest.TestCase):
    def units(self, size=8, **sources):
        """The units of these sources, each a list of names."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in sources.items():
                pathlib.Path(folder, f"{name}.cpp").write_text(text)
            read = [unity_units.Source(pathlib.Path(folder, f"{name}.cpp")) for name in sorted(sources)]
            return [[source.path.stem for source in unit] for unit in unity_units.units_of(read, size)]

    def together(self, one, other):
        return len(self.units(a=one, b=other)) == 1

    def test_a_name_that_is_private_to_one_source_keeps_its_users_out_of_its_unit(self):
        use = "int f() { return count(1) + kMost + Kind::kOne; }\n"
        for private in ("int count(int a) { return a; }", "constexpr int kMost = 1, kLeast = 0;", "enum class Kind { kOne };",
                        "template <class T>\nT count(T a) {\n  if (a) { return a; }\n  return {};\n}", "enum { kOne, kTwo };",
                        "int kLeast = 0, kMost = 1;", "struct Kind {\n  int a = 0;\n};"):
            self.assertFalse(self.together(f"namespace {{\n{private}\n}}  // namespace\n", use), private)
            self.assertFalse(self.together(use, f"namespace {{\n{private}\n}}  // namespace\n"), private)
        self.assertFalse(self.together("static int count(int a) { return a; }\n", use))
        self.assertFalse(self.together("#define kMost 1\n", use))
        self.assertTrue(self.together("namespace {\nint others(int a) { int kMost = a; return kMost; }\n}\n", use))

    def test_words_in_comments_and_texts_are_not_uses(self):
        private = "namespace {\nint count = 0;\n}\n"
        self.assertTrue(self.together(private, '// count\nint f(const char* a = "count");\n'))

    def test_equal_aliases_may_be_repeated_and_others_not(self):
        alias = "namespace {\nusing Ids = std::vector<int>;\n}\n"
        self.assertTrue(self.together(alias, alias))
        self.assertFalse(self.together(alias, alias.replace("int", "long")))
        self.assertFalse(self.together(alias, "Ids ids();\n"))

    def test_tests_share_units_up_to_their_size(self):
        test = "namespace {\nTEST(Suite, Name) { EXPECT_TRUE(true); }\n}\n"
        self.assertEqual(self.units(size=2, a=test, b=test, c=test), [["a", "b"], ["c"]])

    def test_a_source_that_prepares_its_headers_stays_alone(self):
        self.assertFalse(self.together("#define USE_X\n#include <x.h>\n", "int f();\n"))

    def test_headers_come_before_all_sources(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("a", "b"):
                pathlib.Path(folder, f"{name}.cpp").write_text(f'#include "una/{name}.h"\n#include <vector>\nint {name}();\n')
            sources = [unity_units.Source(pathlib.Path(folder, f"{name}.cpp")) for name in ("a", "b")]
            lines = unity_units.unit_text(sources).splitlines()
            self.assertEqual(lines[1:4], ['#include "una/a.h"', '#include "una/b.h"', "#include <vector>"])
            self.assertEqual([line.split("/")[-1] for line in lines[4:]], ['a.cpp"', 'b.cpp"'])


class Budgets(unittest.TestCase):
    def test_a_function_may_have_sixty_lines_and_no_more(self):
        self.assertEqual(run(check_budgets, {"src/data/a.cpp": function("f", 60)})[0], 0)
        status, output = run(check_budgets, {"src/data/a.cpp": function("f", 61)})
        self.assertEqual(status, 1)
        self.assertIn("a.cpp:1: f() has 61 lines", output)

    def test_kernels_and_option_tables_are_exempt(self):
        files = {"src/kernels/a.cpp": function("f", 90), "src/data/b.h": function("fields", 90)}
        self.assertEqual(run(check_budgets, files)[0], 0)

    def test_headers_and_sources_have_their_own_limits(self):
        for name, lines, status in [("a.h", 200, 0), ("a.h", 201, 1), ("a.cpp", 600, 0), ("a.cpp", 601, 1)]:
            self.assertEqual(run(check_budgets, {f"src/data/{name}": "int a;\n" * lines})[0], status, (name, lines))

    def test_a_folder_has_twenty_sources_and_tests_do_not_count(self):
        files = {f"src/data/a{i}.cpp": "int a;\n" for i in range(20)} | {"src/data/a_test.cpp": "int a;\n"}
        self.assertEqual(run(check_budgets, files)[0], 0)
        status, output = run(check_budgets, files | {"src/data/b.cpp": "int b;\n"})
        self.assertEqual(status, 1)
        self.assertIn("data: 21 sources, at most 20", output)
        files["src/data/more/b.cpp"] = "int b;\n"
        self.assertEqual(run(check_budgets, files)[0], 0)

    def test_a_room_has_4500_lines_of_code_and_comments_do_not_count(self):
        def room(name, lines):
            return {f"src/{name}/a{i}.cpp": "int a;  // why\n// what\n\n" * 150 for i in range(lines // 150)}
        self.assertEqual(run(check_budgets, {**room("data/x", 2250), **room("data/y", 2250)})[0], 0)
        files = {**room("data/x", 2250), **room("data/y", 2250), "src/data/b.h": "int b;\n"}
        status, output = run(check_budgets, files)
        self.assertEqual(status, 1)
        self.assertIn("data: 4501 lines of code, at most 4500", output)

    def test_many_parameters_are_mentioned_only(self):
        code = "int f(int a, std::map<int, int> b, int c, int d, int e, int g, int h) { return a; }\n"
        status, output = run(check_budgets, {"src/data/a.cpp": code})
        self.assertEqual(status, 0)
        self.assertIn("f() has 7 parameters", output)

    def test_functions_are_found_wherever_they_stand(self):
        code = """
#define MACRO(x) { x }
namespace a::b {
struct S {
  int x{1};
  S() : x{2}, y_(3) {
    if (x) { x = 4; }
  }
  bool operator==(const S&) const = default;
  void method() const override { call("}", '{'); /* } */ }
  int y_ = 0;
};
const std::vector<int> kTable = {1, 2};
int defaults(Options options = {}, int n = int{3}) {
  for (int i = 0; i < n; ++i) { }
  return 1;
}
template <class T>
  requires(sizeof(T) > 1)
auto free_one(std::function<int(int)> f) -> int {
  return [&] { return 1'000'000; }();
}
TEST(Suite, Name) {
  std::string s = R"(}}})";
}
}  // namespace a::b
"""
        found = [(name, last - first + 1) for name, first, last, _ in check_budgets.functions(code)]
        self.assertEqual([name for name, _ in found], ["S", "method", "defaults", "free_one", "TEST"])
        self.assertEqual([lines for _, lines in found], [3, 1, 4, 5, 3])


class Headers(unittest.TestCase):
    def check(self, name, line, status):
        text = ("#pragma once\n" if name.endswith(".h") else "") + line + "\n"
        self.assertEqual(run(check_headers, {f"src/{name}": text})[0], status, (name, line))

    def test_outside_parts_stay_in_the_sources_of_their_rooms(self):
        self.check("base/a.cpp", "#include <yaml-cpp/yaml.h>", 0)
        self.check("base/a.h", "#include <yaml-cpp/yaml.h>", 1)
        self.check("data/a.cpp", "#include <yaml-cpp/yaml.h>", 1)
        self.check("dist/a.cpp", "#include <mpi.h>", 0)
        self.check("train/a.cpp", "#include <mpi.h>", 1)
        self.check("text/a.cpp", '#include "una_bridge.h"', 0)
        self.check("model/a.cpp", '#include "una_bridge.h"', 1)
        self.check("base/json.h", "#include <nlohmann/json.hpp>", 0)
        self.check("data/a.cpp", "#include <nlohmann/json.hpp>", 1)
        self.check("data/a.cpp", "#include <fmt/core.h>", 1)
        self.check("data/a.cpp", "#include <unheard/of.h>", 1)
        self.check("data/a_test.cpp", "#include <gtest/gtest.h>", 0)
        self.check("data/a.cpp", "#include <gtest/gtest.h>", 1)

    def test_libtorch_comes_in_small_headers_and_not_everywhere(self):
        self.check("model/a.cpp", "#include <ATen/ops/mm.h>", 0)
        self.check("model/a.h", "#include <ATen/core/Tensor.h>", 0)
        self.check("model/a.cpp", "#include <ATen/ATen.h>", 1)
        self.check("model/a.cpp", "#include <torch/torch.h>", 1)
        self.check("report/a.cpp", "#include <ATen/core/Tensor.h>", 1)

    def test_ours_are_quoted_and_begin_with_a_guard(self):
        self.check("data/a.cpp", '#include "una/base/error.h"', 0)
        self.check("data/a.cpp", "#include <una/base/error.h>", 1)
        self.check("data/a.cpp", '#include "error.h"', 1)
        self.assertEqual(run(check_headers, {"src/data/a.h": "int a;\n"})[0], 1)


class TestNames(unittest.TestCase):
    def test_a_suite_has_the_name_of_its_file(self):
        good = "TEST(TwoWords, A) {\n}\nTEST_P(TwoWords, B) {\n}\n"
        self.assertEqual(run(check_test_names, {"src/data/two_words_test.cpp": good})[0], 0)
        for line in ("TEST(Two, A) {", "TEST_F(TwoWordsMore, A) {", "TEST_P(TwoWordsMore,\n       A) {"):
            status, output = run(check_test_names, {"src/data/two_words_test.cpp": good + line + "\n}\n"})
            self.assertEqual(status, 1, line)
            self.assertIn("must be called TwoWords", output)


class Rooms(unittest.TestCase):
    def test_a_room_sees_only_the_rooms_that_it_was_granted(self):
        rooms = "base:\nnet: base\ncore: base\n"
        for include, status in [("una/base/a.h", 0), ("una/net/a.h", 1)]:
            files = {"rooms.txt": rooms, "src/core/a.h": f'#include "{include}"\n'}
            files["src/net/a.cpp"] = '#include "una/base/a.h"\n'
            files["src/core/b.cpp"] = '#include "una/base/a.h"\n'
            self.assertEqual(run(check_rooms, files, "TMP/rooms.txt", "una/")[0], status)

    def test_a_grant_that_is_not_used_is_taken_back(self):
        files = {"rooms.txt": "base:\ncore: base\n", "src/core/a.cpp": "int a;\n"}
        status, output = run(check_rooms, files, "TMP/rooms.txt", "una/")
        self.assertEqual(status, 1)
        self.assertIn("rooms.txt:2: core never includes base", output)


class English(unittest.TestCase):
    phrases = {"tools/banned_phrases.txt": "# list\n\\bis no\\b | \"is not a\"\n"}

    def check(self, text, exemptions):
        return run_tracked(check_english, self.phrases | {
            "src/a.cpp": text, "tools/english_exemptions.txt": exemptions})

    def test_a_banned_phrase_is_found_with_its_line_and_what_to_write(self):
        self.assertEqual(self.check("// It is not a key.\n", "")[0], 0)
        status, output = self.check("int a;\n// It is no key.\n", "")
        self.assertEqual(status, 1)
        self.assertIn('src/a.cpp:2: "is no": write "is not a"', output)

    def test_the_exemptions_may_only_shrink(self):
        self.assertEqual(self.check("// It is no key.\n", "1 src/a.cpp\n")[0], 0)
        self.assertEqual(self.check("// It is no key. It is no use.\n", "1 src/a.cpp\n")[0], 1)
        status, output = self.check("// It is a key.\n", "1 src/a.cpp\n")
        self.assertEqual(status, 1)
        self.assertIn("has 0 left, not 1", output)


class DeadFiles(unittest.TestCase):
    used = {
        "CMakeLists.txt": "", "src/una/x/CMakeLists.txt": "", "src/una/x/main.cpp": '#include "una/x/a.h"\nint main() { a(); }\n',
        "src/una/x/a.h": "void a();\nvoid b();\n", "src/una/x/a.cpp": '#include "una/x/a.h"\nvoid a() {\n  b();\n}\n',
        "src/una/x/b.cpp": "void b() {\n}\n", "tools/t.py": "", "dev": "tools/t.py"}

    def test_what_is_used_passes(self):
        self.assertEqual(run_tracked(check_dead_files, self.used), (0, ""))

    def test_what_nothing_uses_is_named(self):
        for name, text, words in [("src/una/x/c.h", "", "no source but its own includes it"),
                                  ("src/una/x/c.cpp", "void c() {\n}\n", "nothing it defines is named"),
                                  ("tools/u.py", "", "no other file names it")]:
            status, output = run_tracked(check_dead_files, self.used | {name: text})
            self.assertEqual(status, 1, name)
            self.assertIn(f"{name}: {words}", output)


class Mutations(unittest.TestCase):
    """The list is run on a small tree whose "build" does nothing and whose test looks for the fault in the source."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("build/CMakeCache.txt", "")
        self.write("src/una/data/a.cpp", "int a = 1;\nint b = 2;\n")
        self.write("src/una/data/sub/a_test.cpp", '#include "una/data/a_testing.h"\n')
        self.write("src/una/data/a_testing.h", "// help\n")
        self.tried = []
        self.blind_to, self.broken = "b = 3", set()
        done = subprocess.CompletedProcess([], 0, "", "")
        for name, stand_in in [("ROOT", self.root), ("build", lambda *_: done), ("test_passes", self.passes),
                               ("atexit", unittest.mock.Mock()), ("signal", unittest.mock.Mock())]:
            patch = unittest.mock.patch.object(run_mutations, name, stand_in)
            patch.start()
            self.addCleanup(patch.stop)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def passes(self, _, test):
        text = (self.root / "src/una/data/a.cpp").read_text()
        if "#pragma" not in text:  # no fault is applied
            return test not in self.broken
        self.tried.append(test)
        return self.blind_to in text

    def run_list(self, *options):
        """(exit status, tests whose faults were tried, last line written)"""
        lines = [("a = 1", "a = 3", "data.a"), ("b = 2", "b = 3", "data.b")]
        self.write("list.txt", "".join(f"src/una/data/a.cpp | {old} | {new} | {test}\n" for old, new, test in lines))
        arguments = ["run_mutations", f"{self.root}/build", "--list", f"{self.root}/list.txt", *options]
        self.tried, output = [], io.StringIO()
        with unittest.mock.patch("sys.argv", arguments), contextlib.redirect_stdout(output):
            status = run_mutations.main()
        self.assertEqual((self.root / "src/una/data/a.cpp").read_text().count("#pragma"), 0)
        return status, self.tried, output.getvalue().splitlines()[-1].split(" are recorded")[0]

    def test_what_was_caught_is_left_out_when_the_list_is_resumed(self):
        self.assertEqual(self.run_list("--resume"), (1, ["data.a", "data.b"], "1 of 2 lines"))
        self.assertEqual(self.run_list("--resume"), (1, ["data.b"], "1 of 2 lines"))
        self.blind_to = "nothing"
        self.assertEqual(self.run_list("--resume"), (0, ["data.b"], "2 of 2 lines"))
        self.assertEqual(self.run_list("--resume"), (0, [], "2 of 2 lines"))
        self.assertEqual(self.run_list(), (0, ["data.a", "data.b"], "2 of 2 lines"))

    def test_a_line_is_due_again_when_its_file_or_its_test_changes(self):
        self.blind_to = "nothing"
        self.run_list()
        self.write("src/una/data/a_testing.h", "// more help\n")
        self.assertEqual(self.run_list("--resume"), (0, ["data.a"], "2 of 2 lines"))
        self.write("src/una/data/sub/a_test.cpp", "// no test\n")
        self.assertEqual(self.run_list("--resume"), (0, ["data.a"], "2 of 2 lines"))
        self.write("src/una/data/a.cpp", "int a = 1;\nint b = 2;\n// more\n")
        self.assertEqual(self.run_list("--resume"), (0, ["data.a", "data.b"], "2 of 2 lines"))

    def test_a_test_that_fails_without_a_fault_catches_nothing(self):
        self.blind_to, self.broken = "nothing", {"data.a"}
        self.assertEqual(self.run_list("--resume"), (2, ["data.b"], "1 of 2 lines"))

    def test_a_sample_is_drawn_from_what_is_left(self):
        self.blind_to = "nothing"
        first = self.run_list("--resume", "--sample", "1", "--seed", "x")
        second = self.run_list("--resume", "--sample", "1", "--seed", "x")
        self.assertEqual(sorted(first[1] + second[1]), ["data.a", "data.b"])
        self.assertEqual(second[2], "2 of 2 lines")


class Text(unittest.TestCase):
    def test_noise_goes_and_lines_stay(self):
        text = 'a /* {\n{ */ "}" R"x(\n})x" \'{\' 1\'000 // }\nb'
        clean = cpp_text.without_noise(text)
        self.assertNotIn("{", clean)
        self.assertNotIn("}", clean)
        self.assertIn("1'000", clean)
        self.assertEqual(clean.count("\n"), text.count("\n"))


class Tidy(unittest.TestCase):
    def test_only_what_clang_understands_is_kept_of_a_command(self):
        entry = {"command": "ccache g++ -DX=\\\"1\\\" -I/a -isystem /b -O3 -Wno-restrict -fopenmp -std=gnu++20 "
                            "-march=native -o x.o -c x.cpp"}
        self.assertEqual(check_tidy.flags_of(entry),
                         ["-DX=\"1\"", "-I/a", "-isystem", "/b", "-std=gnu++20", "-march=native"])


if __name__ == "__main__":
    unittest.main()
