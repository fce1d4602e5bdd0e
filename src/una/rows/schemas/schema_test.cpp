#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/rows/rows_testing.h"
#include "una/rows/schemas/schema.h"

// Runs tests/rows/*.txt: rows of each shape and what is read from them, as text. tests/rows/README.md describes the
// files. UNA_WRITE_ROWS=1 writes what is read into them, to look at in the diff.
namespace una::rows {
namespace {

struct Case {
  std::string title, options, row, expected;
};

// "### title", lines of options that begin with "--", the row, "=>", what is expected.
std::vector<Case> read_cases(const std::string& text) {
  std::vector<Case> cases;
  bool answer = false;
  for (const std::string& line : split(text, '\n')) {
    if (starts_with(line, "### ")) {
      cases.push_back({line.substr(4), "", "", ""});
      answer = false;
    } else if (cases.empty()) {
      continue;  // what the file is about
    } else if (line == "=>") {
      answer = true;
    } else if (!answer && starts_with(line, "--")) {
      cases.back().options += line + "\n";
    } else {
      (answer ? cases.back().expected : cases.back().row) += line + "\n";
    }
  }
  for (Case& one : cases) { one.expected = cat(trim(one.expected), "\n"); }
  return cases;
}

RowOptions options_of(const Case& one) {
  RowOptions options;
  for (const std::string& line : split(trim(one.options), '\n')) {
    if (line == "--apply_chat_template") {
      options.apply_chat_template = true;
    } else if (line == "--prompts_only") {
      options.prompts_only = true;
    } else if (starts_with(line, "--label_values ")) {
      options.labels = words::LabelValues(split(line.substr(15), ','));
    } else {
      EXPECT_EQ(line, "") << one.title << ": an option that the runner does not know";
    }
  }
  return options;
}

std::string quoted(const std::string& text) { return Json(text).dump(); }

std::string text_lines(const Text& text) {
  if (!text.is_chat) { return cat(" ", quoted(text.plain), "\n"); }
  std::string out = "\n";
  for (const Message& turn : text.messages) {
    out += cat("  ", turn.role, ": ", quoted(turn.content), turn.extra.empty() ? "" : " " + turn.extra, "\n");
  }
  return out;
}

std::string mark_of(const ReadRow& row, const Response& response) {
  if (response.label) { return *response.label ? ", good" : ", bad"; }
  if (response.raw_score) { return cat(", score ", significant(*response.raw_score, 12)); }
  return row.scored ? ", score missing" : row.example.unit == Unit::kBinary ? ", label missing" : "";
}

std::string extras(const ReadRow& row) {
  const Example& example = row.example;
  std::string out;
  if (row.range) { out += cat("range ", row.range->lo, " to ", row.range->hi, "\n"); }
  if (example.margin) { out += cat("margin ", significant(*example.margin, 12), "\n"); }
  if (example.weight != 1) { out += cat("weight ", example.weight, "\n"); }
  if (!example.group_id.empty()) { out += cat("group ", example.group_id, "\n"); }
  if (!example.source.empty()) { out += cat("source ", example.source, "\n"); }
  if (!example.tools.empty()) { out += cat("tools ", example.tools, "\n"); }
  if (!example.template_kwargs.empty()) {
    out += cat("chat_template_kwargs ", example.template_kwargs, "\n");
  }
  if (row.turns_behind > 0) { out += cat("turns behind the answer: ", row.turns_behind, "\n"); }
  if (!row.missing.empty()) { out += cat("null as if missing: ", row.missing, "\n"); }
  if (!row.renamed.empty()) { out += cat("read as: ", join(row.renamed, ", "), "\n"); }
  if (!row.unread.empty()) { out += cat("not read: ", join(row.unread, ", "), "\n"); }
  return out;
}

std::string shown(const ReadRow& row) {
  const Example& example = row.example;
  std::string out = cat(row.unmarked ? "unmarked" : unit_name(example.unit), ", as ", row.shape, "\n");
  if (!row.drop.empty()) { out += cat("left out: ", row.drop, "\n"); }
  if (row.tie) { out += "tie\n"; }
  out += cat("prompt", text_lines(example.prompt));
  for (const Response& response : example.responses) {
    out += cat("answer", mark_of(row, response), text_lines(response.text));
  }
  return out + extras(row);
}

std::string outcome(const Case& one) {
  try {
    return shown(read_row(parse_json(one.row, "row"), Where{"rows.jsonl", 1}, options_of(one)));
  } catch (const InputError& error) { return cat("error: ", error.what(), "\n"); }
}

std::vector<std::string> files() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(UNA_ROW_SHAPES)) {
    if (entry.path().extension() == ".txt") { paths.push_back(entry.path().string()); }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void write_outcomes(const std::string& path, const std::string& text, const std::vector<Case>& cases) {
  std::string out = text.substr(0, text.find("### "));
  for (const Case& one : cases) {
    out += cat("### ", one.title, "\n", one.options, trim(one.row), "\n=>\n", outcome(one), "\n");
  }
  write_file(path, out.substr(0, out.size() - 1));
}

TEST(Schema, WhatIsReadIsWhatTheTextFilesSay) {
  std::size_t count = 0;
  for (const std::string& path : files()) {
    const std::string text = read_file(path);
    const std::vector<Case> cases = read_cases(text);
    EXPECT_FALSE(cases.empty()) << path;
    for (const Case& one : cases) { EXPECT_EQ(outcome(one), one.expected) << path << ": " << one.title; }
    count += cases.size();
    if (std::getenv("UNA_WRITE_ROWS") != nullptr) { write_outcomes(path, text, cases); }
  }
  EXPECT_GE(count, 60U);
}

// Each shape of the table has a case, so that a new one cannot go untested.
TEST(Schema, EveryShapeHasACase) {
  std::string all;
  for (const std::string& path : files()) { all += read_file(path); }
  for (const std::string& name : shape_names()) {
    EXPECT_NE(all.find(cat(", as ", name, "\n")), std::string::npos) << name << " has no case in tests/rows";
  }
}

}  // namespace
}  // namespace una::rows
