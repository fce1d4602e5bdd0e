#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "una/base/options.h"

namespace una::rows {

struct ScoreFits;  // score_fit.h

// How rows are read, understood and cut. Key names are Hugging Face's and TRL's where they exist.
struct DataOptions {
  std::vector<std::string> dataset_name;  // files, patterns or folders
  std::string dataset_dir;  // LLaMA-Factory's: dataset_name are entries of its dataset_info.json
  std::string dataset_train_split = "train";
  std::string feedback = "auto";         // auto | pairwise | binary | score | group | thumbs
  std::vector<std::string> score_range;  // {lo, hi}; empty: from the row or the known data set
  std::string score_mapping = "range";   // range | min_max | quantile | z_score
  std::string score_fit;                 // a score_fit.json, or the folder with it: the mapping of that run
  double binary_threshold = 0.5;  // --feedback binary from scores of single answers: label = t > threshold
  bool apply_chat_template = false;
  std::string chat_template_path;
  std::string template_date;
  std::int64_t chat_template_max_mb = 512;  // see text::TemplateLimits
  double chat_template_max_seconds = 10;
  std::int64_t max_length = 1024;
  std::int64_t max_prompt_length = 0;     // 0: none
  std::string overlong = "drop";          // drop | truncate_prompt_left | truncate_completion | error
  std::string boundary = "repair";        // strict | repair
  double allow_dropped = 0.05;            // share of rows that may be left out or over-long
  std::int64_t max_rows = 0;              // 0: all
  double sft_target = 1;                  // una: target of SFT rows
  std::vector<std::string> columns;       // "ours=theirs": columns to rename before the shape is sought
  std::vector<std::string> label_values;  // "good=up|1", "bad=down|0": words and numbers that are thumbs
  std::int64_t max_row_mb = 256;          // of a row in its file, unpacked
  std::string csv_delimiter = "auto";     // auto | , | ; | tab | bar
  std::string ground_truth_column = "ground_truth";
  std::string dataset_cache_dir = "auto";
  double dataset_cache_gb = 64;
  // No key of its own: draws the rows of a weighted mixture. Training sets it to its data_seed.
  std::uint64_t mixture_seed = 42;
  // Nor this one: the fits of the training rows, for rows that are read to evaluate; they come before
  // score_fit. Without either they are fitted.
  std::shared_ptr<const ScoreFits> score_fits;
  // Nor this one: the rows are prompts, answers are not wanted. A conversation that ends with a turn of the user or of
  // a tool is then a prompt as a whole, not the answered question before it.
  bool prompts_only = false;
  // Nor this one: told which share of the files (0..1) is tokenised.
  std::function<void(double done)> progress;
  template <class V>
  void fields(V&& v) {
    v("dataset_name", dataset_name,
      "files, patterns or folders of rows: .jsonl, .json, .csv, .tsv (also .gz or .zst) or .parquet; a "
      "mixture by weights: a.jsonl:0.7,b.jsonl:0.3 (alias --data)");
    v("dataset_dir", dataset_dir,
      "a folder with LLaMA-Factory's dataset_info.json; dataset_name are then names of its entries");
    v("dataset_train_split", dataset_train_split, "the part of the rows to use, as train[:90%]");
    v("feedback", feedback, "use scored rows as: auto | pairwise | binary | score | group | thumbs");
    v("score_range", score_range, "lo,hi of the scores, when neither row nor data set says it");
    v("score_mapping", score_mapping,
      "scores to 0..1: range (declared), or fitted to each source: min_max | quantile | z_score");
    v("score_fit", score_fit,
      "map scores as an earlier run did instead of fitting: its folder, or its score_fit.json");
    v("binary_threshold", binary_threshold, "feedback binary, single scored answers: good above this (0..1)");
    v("apply_chat_template", apply_chat_template, "wrap string prompts as one user turn");
    v("chat_template_path", chat_template_path,
      "instead of the model folder's template: a Jinja file, or chatml | gemma | llama3 | qwen2.5");
    v("template_date", template_date,
      "the day that templates with strftime_now write, as 26 Jul 2024 (the default), so that prompts do not "
      "drift");
    v("chat_template_max_mb", chat_template_max_mb,
      "memory that rendering one conversation may take; a sixteenth of it for any one text");
    v("chat_template_max_seconds", chat_template_max_seconds,
      "processor time that rendering one conversation may take");
    v("max_length", max_length, "tokens of prompt and answer together");
    v("max_prompt_length", max_prompt_length, "tokens of the prompt; 0: no limit of its own");
    v("overlong", overlong, "rows over the limit: drop | truncate_prompt_left | truncate_completion | error");
    v("boundary", boundary, "prompt ids that do not begin the whole: strict (error) | repair (cut, counted)");
    v("allow_dropped", allow_dropped, "share of rows that may be left out before the run is refused");
    v("max_rows", max_rows, "use only the first rows; 0: all");
    v("max_row_mb", max_row_mb, "MB of one row in its file; some rows of Parquet may take twice the memory");
    v("columns", columns,
      "rename columns, ours=theirs: prompt=question,chosen=good; theirs may be a path: label=data.rating");
    v("label_values", label_values,
      "words and numbers that are thumbs: good=up|1|yes,bad=down|0|no (none=...: answers left out)");
    v("csv_delimiter", csv_delimiter,
      "the character between cells: auto (by the header, or Excel's line sep=) | ',' | ';' | tab | '|'");
    v("ground_truth_column", ground_truth_column,
      "the field with the right answer, handed to rewards that compare (exact_match, math, command, ...)");
    v("dataset_cache_dir", dataset_cache_dir,
      "tokenised rows on disk, for this run and later ones: auto ($XDG_CACHE_HOME/una/rows for files over 64 "
      "MB) | none (all rows in memory) | a folder");
    v("dataset_cache_gb", dataset_cache_gb, "size cap of that folder");
    v("sft_target", sft_target, "una: target of rows without feedback");
  }
};

// What becomes of a row that is too long: the values of --overlong.
enum class Overlong : std::uint8_t { kDrop, kTruncatePromptLeft, kTruncateCompletion, kError };
Overlong parse_overlong(const std::string& name);

void check_options(const DataOptions& options);  // InputError names the key

}  // namespace una::rows
