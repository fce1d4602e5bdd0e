#include <algorithm>
#include <cstdio>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/recipe/commands.h"
#include "una/run/training_run.h"

namespace una::recipe {
namespace {

struct PreviewOptions {
  std::string model_name_or_path;
  std::int64_t rows = 3;
  bool ids = false;
  std::string color = "auto";
  data::DataOptions data;
  PreviewOptions() { data.allow_dropped = 1; }
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path,
      "the model folder whose tokenizer and template are used (alias --model)");
    v("rows", rows, "rows shown");
    v("ids", ids, "show token ids beside their texts");
    v("color", color, "auto | always | never");
    data.fields(v);
  }
};

// Makes control characters visible.
std::string visible(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += cat("\\x", static_cast<int>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

// Tokens whose log-prob counts are green (or in [brackets]), the others dim.
std::string coloured(const Sequence& sequence, const text::Tokenizer& tokenizer, bool color, bool ids) {
  std::string out, shown;
  std::vector<std::int32_t> so_far;
  bool counted = false;
  for (std::size_t i = 0; i < sequence.ids.size(); ++i) {
    const bool now = sequence.loss_mask[i] != 0;
    if (color && (i == 0 || now != counted)) { out += now ? "\033[0;32m" : "\033[0;2m"; }
    if (!color && now != counted) { out += now ? "[" : "]"; }
    counted = now;
    so_far.push_back(sequence.ids[i]);
    const std::string whole = tokenizer.decode(so_far, false);  // a token alone may lose its leading blank
    std::string text =
        visible(starts_with(whole, shown) ? whole.substr(shown.size()) : tokenizer.token_of(sequence.ids[i]));
    shown = whole;
    out += text;
    if (ids) { out += cat("<", sequence.ids[i], ">"); }
    if (color && i + 1 < sequence.ids.size()) { out += (i % 2 == 0) ? "\033[4m" : "\033[24m"; }
  }
  return out + (color ? "\033[0m" : counted ? "]" : "");
}

void print_row(const Row& row, const setup::TextSetup& text, bool color, bool ids) {
  std::printf("\n%s  %s, group %016llx%s\n", row.where.text().c_str(), unit_name(row.unit),
              static_cast<unsigned long long>(row.group_id),
              row.has_margin ? cat(", margin ", significant(row.margin, 4)).c_str() : "");
  for (std::size_t slot = 0; slot < row.sequences.size(); ++slot) {
    const Sequence& sequence = row.sequences[slot];
    const auto token = [&](std::int32_t id) {
      return cat(id, " '", visible(text.tokenizer->token_of(id)), "'");
    };
    std::printf("  answer %zu: %zu tokens, %lld count, target %s; first token %s, last token %s\n  %s\n",
                slot, sequence.ids.size(), static_cast<long long>(sequence.loss_tokens()),
                significant(sequence.target, 4).c_str(), token(sequence.ids.front()).c_str(),
                token(sequence.ids.back()).c_str(), coloured(sequence, *text.tokenizer, color, ids).c_str());
  }
}

// Bars of the tokens a sequence, in at most ten lines.
void print_lengths(const data::ReadReport& report) {
  constexpr std::int64_t kLines = 10, kColumns = 50;
  if (report.lengths.empty()) { return; }
  const std::int64_t width = report.lengths.rbegin()->first / kLines + 1;
  std::vector<std::int64_t> counts(kLines, 0);
  for (const auto& [length, count] : report.lengths) {
    counts[static_cast<std::size_t>(length / width)] += count;
  }
  const std::int64_t most = *std::max_element(counts.begin(), counts.end());
  while (counts.back() == 0) { counts.pop_back(); }
  std::printf("lengths\n");
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::int64_t first = static_cast<std::int64_t>(i) * width;
    const std::int64_t bar = (counts[i] * kColumns + most - 1) / most;
    std::printf("  %13s  %9s  %s\n", cat(first, " to ", first + width - 1).c_str(),
                thousands(counts[i]).c_str(), std::string(static_cast<std::size_t>(bar), '#').c_str());
  }
}

void print_text_setup(const PreviewOptions& options, const setup::TextSetup& text) {
  std::printf("tokenizer  %lld ids, BOS %s, EOS %d '%s'\n", static_cast<long long>(text.tokenizer->size()),
              text.tokenizer->adds_bos() ? "added" : "not added", text.eos_id,
              visible(text.tokenizer->token_of(text.eos_id)).c_str());
  const std::string& path = options.data.chat_template_path;
  if (!text.chat_template) {
    std::printf("template   none: chat rows need one\n");
    return;
  }
  const std::string source =
      path.empty() ? text::chat_template_source(options.model_name_or_path) : read_file(path);
  std::printf("template   %s characters%s; as it begins: %s\n", thousands(std::ssize(source)).c_str(),
              path.empty() ? "" : cat(" of ", path).c_str(), visible(source.substr(0, 100)).c_str());
}

}  // namespace

int run_preview(const std::vector<std::string>& arguments) {
  const std::vector<OptionHelp> known = describe_options(PreviewOptions{});
  if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    std::printf("%s",
                setup::help_text(
                    "usage: una preview --model DIR --data FILE\nshows what was understood and the first "
                    "rows; tokens that count for the loss are green (or in brackets)",
                    known)
                    .c_str());
    return 0;
  }
  const Settings settings = parse_flags(arguments, known, setup::option_aliases(), nullptr);
  check_known(settings, known, setup::foreign_names());
  PreviewOptions options;
  read_options(settings, options);
  check_input(!options.data.dataset_name.empty(), "no data: give a file of rows with --data");
  check_input(options.color == "auto" || options.color == "always" || options.color == "never",
              "color: choose auto, always or never");
  const ModelSpec spec = setup::read_folder_spec(options.model_name_or_path);
  const setup::TextSetup text = setup::load_text(options.model_name_or_path, options.data, spec);
  const std::vector<Unit> units = {Unit::kSft, Unit::kPair, Unit::kBinary, Unit::kScore, Unit::kGroup};
  const auto dataset = data::load_dataset(options.data, text.pipeline(), units, "");
  std::printf("%s\n", dataset->report().text(options.data.max_length).c_str());
  print_lengths(dataset->report());
  print_text_setup(options, text);
  const bool color = options.color == "always" || (options.color == "auto" && ::isatty(STDOUT_FILENO) == 1);
  for (std::int64_t i = 0; i < std::min(options.rows, dataset->size()); ++i) {
    print_row(dataset->row(i), text, color, options.ids);
  }
  return 0;
}

}  // namespace una::recipe
