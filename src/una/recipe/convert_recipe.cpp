#include <algorithm>
#include <cstdio>

#include "una/base/error.h"
#include "una/base/files/output_rule.h"
#include "una/base/format.h"
#include "una/base/os/stop_point.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/rows/files/input_files.h"
#include "una/setup/run_config.h"
#include "una/setup/standard_input.h"
#include "una/views/convert.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage =
    "usage: una convert --data FILE... --to FORM --out FILE.jsonl\n"
    "writes rows of any shape as our own rows, in one form; docs/data.md";

// The keys of `una convert`.
struct Options {
  std::string output_dir;
  bool overwrite_output_dir = false;
  views::ConvertOptions convert;
  rows::DataOptions data;
  template <class V>
  void fields(V&& v) {
    v("dataset_name", data.dataset_name,
      "files, patterns or folders of rows: .jsonl, .json, .csv, .tsv (also .gz or .zst) or .parquet (alias "
      "--data)");
    v("dataset_dir", data.dataset_dir,
      "a folder with LLaMA-Factory's dataset_info.json; dataset_name are then names of its entries");
    convert.fields(v);
    v("output_dir", output_dir, "the JSONL file to write (alias --out)");
    v("overwrite_output_dir", overwrite_output_dir, "replace the output file");
    v("dataset_train_split", data.dataset_train_split, "the part of the rows to use, as train[:90%]");
    v("score_range", data.score_range, "lo,hi of the scores, when neither row nor data set says it");
    v("score_mapping", data.score_mapping,
      "scores to 0..1: range (declared), or fitted to each source and written so: min_max | quantile | "
      "z_score");
    v("score_fit", data.score_fit,
      "map scores as a run did instead of fitting: its folder, or its score_fit.json");
    v("binary_threshold", data.binary_threshold,
      "to binary: a prompt's only scored answer is good above this (0..1)");
    v("apply_chat_template", data.apply_chat_template, "write string prompts as one user turn");
    v("columns", data.columns,
      "rename columns, ours=theirs: prompt=question,completion=reply; theirs may be a path: label=data.rating");
    v("label_values", data.label_values,
      "words and numbers that are thumbs: good=up|1|yes,bad=down|0|no (none=...: answers left out)");
    v("csv_delimiter", data.csv_delimiter,
      "the character between cells of CSV files: auto | ',' | ';' | tab | '|'");
    v("ground_truth_column", data.ground_truth_column, "the field with the right answer");
    v("max_row_mb", data.max_row_mb, "MB that one row may have in its file");
    v("max_rows", data.max_rows, "use only the first rows; 0: all");
  }
};

void check_convert_options(const Options& options) {
  check_input(!options.data.dataset_name.empty(), "no data: give a file of rows with --data");
  check_input(!options.output_dir.empty(), "no output: name the JSONL file with --out");
}

}  // namespace

HelpPage convert_help(const Arguments&) { return options_page<Options>(kUsage); }

int run_convert(const Arguments& arguments) {
  auto options = read_command<Options>(arguments);
  const setup::StandardInput input(options.data.dataset_name);
  check_convert_options(options);
  const std::string left_out = options.output_dir + ".left_out.jsonl";
  const OutputFile output(
      options.output_dir,
      {.overwrite = options.overwrite_output_dir, .inputs = rows::input_files(options.data)}, {left_out});
  check_input(ends_with(options.output_dir, ".jsonl"), "--out: \"", options.output_dir,
              "\" must end in .jsonl, since JSON lines are written");
  const StopScope stop;
  const views::ConvertReport report = views::convert_rows(options.data, options.convert, options.output_dir);
  std::printf("%s\n", report.read.text(options.data.max_length).c_str());
  std::printf("written    %s rows in %s\n", thousands(report.read.rows_kept).c_str(),
              options.output_dir.c_str());
  if (report.lost_reference > 0) {
    std::printf(
        "           %s of them without ref_rewards or sampled_from, which answers of one row do not "
        "share, or which are in another unit than thumbs\n",
        thousands(report.lost_reference).c_str());
  }
  if (!report.read.dropped.empty()) {
    std::printf("left out   listed in %s.left_out.jsonl\n", options.output_dir.c_str());
  }
  return 0;
}

}  // namespace una::recipe
