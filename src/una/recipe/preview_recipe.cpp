#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/recipe/token_view.h"
#include "una/run/training_run.h"
#include "una/setup/standard_input.h"
#include "una/text/named_templates.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage =
    "usage: una preview --model DIR --data FILE\n"
    "shows how rows are understood, and the first of them; tokens that count for the loss are green (or in brackets)";

constexpr std::size_t kShownTokens = 200;  // of a sequence, without --full

// The keys of `una preview`.
struct PreviewOptions {
  std::string model_name_or_path;
  std::int64_t rows = 3;
  bool ids = false, full = false;
  std::string color = "auto";
  rows::DataOptions data;
  PreviewOptions() { data.allow_dropped = 1; }
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path,
      "the model folder whose tokenizer and template are used (alias --model)");
    v("rows", rows, "rows shown");
    v("ids", ids, "show token ids behind their texts");
    v("full", full, "show long answers whole instead of cutting their middle");
    v("color", color, "auto (a terminal, and no NO_COLOR in the environment) | always | never");
    data.fields(v);
  }
};

void print_row(const Row& row, const setup::TextSetup& text, const TokenView& view) {
  std::printf("\n%s  %s, group %016llx%s\n", row.where.text().c_str(), unit_name(row.unit),
              static_cast<unsigned long long>(row.group_id),
              row.has_margin ? cat(", margin ", significant(row.margin, 4)).c_str() : "");
  for (std::size_t slot = 0; slot < row.sequences.size(); ++slot) {
    const Sequence& sequence = row.sequences[slot];
    const std::string what =
        row.unit == Unit::kPrompt
            ? cat("prompt: ", sequence.ids.size(), " tokens, no answer to train on")
            : cat("answer ", slot, ": ", sequence.ids.size(), " tokens, ", sequence.loss_tokens(),
                  " trained on, target ", significant(sequence.target, 4));
    std::printf("  %s; first token %s, last token %s\n  %s\n", what.c_str(),
                shown_token(sequence.ids.front(), text.tokenizer()).c_str(),
                shown_token(sequence.ids.back(), text.tokenizer()).c_str(),
                shown_tokens(sequence, text.tokenizer(), view).c_str());
  }
}

// Bars of the tokens per sequence, in at most ten lines from the shortest to the longest.
void print_lengths(const rows::ReadReport& report) {
  constexpr std::int64_t kLines = 10, kColumns = 50;
  if (report.lengths.empty()) { return; }
  const std::int64_t shortest = report.lengths.begin()->first;
  const std::int64_t width = (report.lengths.rbegin()->first - shortest) / kLines + 1;
  std::vector<std::int64_t> counts(kLines, 0);
  for (const auto& [length, count] : report.lengths) {
    counts[static_cast<std::size_t>((length - shortest) / width)] += count;
  }
  const std::int64_t most = *std::max_element(counts.begin(), counts.end());
  while (counts.back() == 0) { counts.pop_back(); }
  std::printf("lengths\n");
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::int64_t first = shortest + static_cast<std::int64_t>(i) * width;
    const std::int64_t bar = (counts[i] * kColumns + most - 1) / most;
    std::printf("  %13s  %9s  %s\n", cat(first, " to ", first + width - 1).c_str(),
                thousands(counts[i]).c_str(), std::string(static_cast<std::size_t>(bar), '#').c_str());
  }
}

bool wants_color(const PreviewOptions& options) {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org: any value but the empty one
  const char* terminal = std::getenv("TERM");
  const bool allowed = (no_color == nullptr || *no_color == '\0') &&
                       (terminal == nullptr || std::string_view(terminal) != "dumb");
  return options.color == "always" || (options.color == "auto" && allowed && ::isatty(STDOUT_FILENO) == 1);
}

void print_text_setup(const PreviewOptions& options, const setup::TextSetup& text) {
  std::printf("tokenizer  %lld ids, BOS %s, EOS %d '%s'\n", static_cast<long long>(text.tokenizer().size()),
              text.tokenizer().adds_bos() ? "added" : "not added", text.eos_id(),
              visible(text.tokenizer().token_of(text.eos_id())).c_str());
  const std::string& path = options.data.chat_template_path;
  if (text.chat_template() == nullptr) {
    std::printf("template   none: chat rows need one\n");
    return;
  }
  const std::string source =
      path.empty() ? text::chat_template_source(options.model_name_or_path) : text::given_template(path);
  std::printf("template   %s characters%s; as it begins: %s\n", thousands(std::ssize(source)).c_str(),
              path.empty() ? "" : cat(" of ", path).c_str(), visible(source.substr(0, 100)).c_str());
  if (const std::string missing = text.encoder.missing_generation_prompt(); !missing.empty()) {
    std::printf("warning    %s\n", setup::generation_prompt_remark(missing).c_str());
  }
}

}  // namespace

HelpPage preview_help(const Arguments&) { return options_page<PreviewOptions>(kUsage); }

int run_preview(const Arguments& arguments) {
  auto options = read_command<PreviewOptions>(arguments);
  const setup::StandardInput input(options.data.dataset_name);
  check_input(!options.data.dataset_name.empty(), "no data: give a file of rows with --data");
  check_input(options.color == "auto" || options.color == "always" || options.color == "never",
              "color: choose auto, always or never");
  const ModelSpec spec = setup::read_folder_spec(options.model_name_or_path);
  options.data.max_length = run::fitted_max_length(options.data.max_length, spec);
  const setup::TextSetup text = setup::load_text(options.model_name_or_path, options.data, spec);
  const auto dataset = data::load_dataset(options.data, text.encoder, data::kEveryUnit, "");
  std::printf("%s\n", dataset->report().text(options.data.max_length).c_str());
  print_lengths(dataset->report());
  print_text_setup(options, text);
  const TokenView view{
      .color = wants_color(options), .ids = options.ids, .limit = options.full ? 0 : kShownTokens};
  for (std::int64_t i = 0; i < std::min(options.rows, dataset->size()); ++i) {
    print_row(dataset->row(i), text, view);
  }
  return 0;
}

}  // namespace una::recipe
