#include "una/base/options.h"

#include <gtest/gtest.h>

namespace una {
namespace {

struct Toy {
  double learning_rate = 1e-6;
  std::int64_t steps = 10;
  bool fast = false;
  std::string name = "a b";
  std::vector<std::string> targets = {"q", "v"};
  std::optional<double> clip;
  template <class V>
  void fields(V&& v) {
    v("learning_rate", learning_rate, "peak learning rate");
    v("steps", steps, "optimizer steps");
    v("fast", fast, "be fast");
    v("name", name, "its name");
    v("targets", targets, "modules");
    v("clip", clip, "clip");
  }
};

std::string refusal(const std::string& yaml) {
  try {
    const Settings settings = parse_yaml_settings(yaml, "run.yaml");
    check_known(settings, describe_options(Toy{}), {{"lr", "learning_rate"}, {"stepz", "size (of a step)"}});
    Toy toy;
    read_options(settings, toy);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Options, ReadsValuesAndKeepsDefaults) {
  Toy toy;
  read_options(parse_yaml_settings("learning-rate: 0.5\ntargets: [k, o]\nclip: 1.5\n", "x"), toy);
  EXPECT_EQ(toy.learning_rate, 0.5);
  EXPECT_EQ(toy.steps, 10);
  EXPECT_EQ(toy.targets, (std::vector<std::string>{"k", "o"}));
  EXPECT_EQ(toy.clip, 1.5);
}

TEST(Options, PrintedOptionsAreValidInputAgain) {
  Toy toy;
  toy.name = "with \"quotes\": and\nlines";
  toy.learning_rate = 0.1 + 0.2;
  toy.targets = {"NULL", "tab\there", "\x01\x7F", "true", "Größe"};
  Toy again;
  read_options(parse_yaml_settings(print_options(toy), "x"), again);
  EXPECT_EQ(print_options(toy), print_options(again));
  EXPECT_EQ(again.name, toy.name);
  EXPECT_EQ(again.learning_rate, toy.learning_rate);
  EXPECT_EQ(again.targets, toy.targets);
}

TEST(Options, RefusalsNameThePlaceAndTheNearestKey) {
  EXPECT_EQ(refusal("steps: ten"), "run.yaml:1: steps: a whole number is needed, found 'ten'");
  EXPECT_EQ(refusal("\nsteps: 1.5"), "run.yaml:2: steps: a whole number is needed, found '1.5'");
  EXPECT_EQ(refusal("learning_rte: 1"),
            "run.yaml:1: learning_rte: unknown option; did you mean learning_rate?");
  EXPECT_EQ(refusal("lr: 1"), "run.yaml:1: lr: unknown option; here it is called learning_rate");
  EXPECT_EQ(refusal("steps: 1\nsteps: 2"), "run.yaml:2: steps: duplicate key");
  const std::string large(std::size_t{1} << 20U, 'x');  // parsed, a hundred times as much would take minutes
  EXPECT_NE(refusal("name: " + large).find("bytes are too many for a file of keys"), std::string::npos);
  EXPECT_EQ(refusal("steps:\n  a: 2"),
            "run.yaml:1: steps: nested values are not understood; give one value, or a list of plain values");
  EXPECT_EQ(
      refusal("targets: [q, [v]]"),
      "run.yaml:1: targets: nested values are not understood; give one value, or a list of plain values");
  EXPECT_EQ(refusal("zzz: {a: 1, b: 2}"),
            "run.yaml:1: zzz: nested values are not understood; give one value, or a list of plain values");
  EXPECT_EQ(refusal("lr: {a: 1, b: 2}"), "run.yaml:1: lr: unknown option; here it is called learning_rate");
  EXPECT_EQ(refusal("fast: maybe"), "run.yaml:1: fast: true or false is needed, found 'maybe'");
}

TEST(Options, AllUnknownKeysComeAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(refusal("zzz: 1\nsteps: 2\nlearning_rte: 1\nlr: 2\n"),
            "3 unknown options: run.yaml:1: zzz, run.yaml:3: learning_rte (did you mean learning_rate?), "
            "run.yaml:4: lr (here it is called learning_rate)");
}

TEST(Options, NoGuessWhereTheFirstLettersDiffer) {
  EXPECT_EQ(refusal("xearning_rate: 1"), "run.yaml:1: xearning_rate: unknown option");
}

TEST(Options, ATranslationThatTheCommandLacksIsNotSuggested) {
  EXPECT_EQ(refusal("stepz: 1"),
            "run.yaml:1: stepz: unknown option; did you mean steps?");  // {"stepz", "size"}
}

TEST(Options, BytesThatYamlDoesNotAllowAreRefusedAtTheirLine) {
  EXPECT_EQ(refusal("name: a\nname: caf\xE9"), "run.yaml:2: not valid UTF-8; save the file in UTF-8");
  EXPECT_EQ(refusal(std::string("steps: 1\nname: a\0N", 17)),
            "run.yaml:2: a control character, which YAML does not allow; take it out");
  EXPECT_EQ(refusal("name: \"a\\Nb\""),
            "run.yaml:1: name: an escape in the text is not understood; write the character itself");
}

TEST(Options, OneFileIsOneMap) {
  EXPECT_EQ(refusal("# nothing\n"), "");
  EXPECT_EQ(refusal("---\nsteps: 1\n...\n"), "");
  const std::string more =
      ": the map of keys ends above (a second document, or a stray sign); give one map of 'key: value' lines";
  EXPECT_EQ(refusal("steps: 1\n---\nname: x\n"), "run.yaml:2" + more);
  EXPECT_EQ(refusal(",,steps: 1"), "run.yaml:1" + more);  // yaml-cpp takes the comma for an empty document
  EXPECT_EQ(refusal("- steps: 1"), "run.yaml: 'key: value' lines are needed");
  EXPECT_EQ(refusal("? [steps]\n: 1"), "run.yaml:1: a key must be a word, as in 'beta: 0.1'");
}

}  // namespace
}  // namespace una
