#include "una/data/tokenise.h"

#include <algorithm>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/data/fit.h"
#include "una/rows/schemas/schema.h"
#include "una/text/written.h"

namespace una::data::detail {
namespace {

constexpr std::size_t kChunk = 1024;  // examples whose texts are in memory at once

std::size_t bytes_of(const Text& text) {
  std::size_t bytes = text.plain.size();
  for (const Message& message : text.messages) { bytes += message.content.size(); }
  return bytes;
}

// Texts of more bytes count as more than max_length ids, and are not tokenised, which takes 150 bytes of memory per byte.
// The longest tokens of known vocabularies are runs of 128 letters. A tokenizer that drops long runs of white space
// could keep more in few ids, hence the floor.
std::size_t bytes_of_length(std::int64_t max_length) {
  constexpr double kFloor = 1 << 20, kLongestToken = 1024, kCeiling = 1e15;
  return static_cast<std::size_t>(
      std::clamp(kLongestToken * static_cast<double>(max_length), kFloor, kCeiling));
}

// What the answer is worth to an objective.
void set_target(const Example& example, std::size_t slot, double sft_target, Sequence& sequence) {
  const Response& response = example.responses[slot];
  switch (example.unit) {
    case Unit::kSft:
      sequence.target = sft_target;
      break;
    case Unit::kPair:
      sequence.target = slot == 0 ? 1 : 0;
      break;
    case Unit::kBinary:
      check(response.label.has_value(), "a binary row without a label");
      sequence.target = response.label.value_or(false) ? 1 : 0;
      break;
    case Unit::kScore:
    case Unit::kGroup:
      check(response.score.has_value(), "a score row without a score");
      sequence.target = response.score.value_or(0);
      break;
    case Unit::kPrompt:
      break;
  }
  sequence.raw_score = response.raw_score.value_or(sequence.target);
  sequence.sampler = response.sampler;
  sequence.ref_rewards = response.ref_rewards;
}

const char* problem_after_cut(const Row& row) {
  if (row.unit == Unit::kPrompt) { return ""; }
  for (const Sequence& sequence : row.sequences) {
    if (sequence.loss_tokens() == 0) { return rows::kNoResponseToken; }
  }
  const bool same = row.unit == Unit::kPair && row.sequences[0].ids == row.sequences[1].ids;
  return same ? rows::kSameAnswers : "";
}

class RowMaker {
 public:
  RowMaker(const rows::DataOptions& options, const text::Encoder& encoder, rows::ReadReport& report,
           rows::DropLog& drops)
      : options_(options),
        leading_token_(encoder.leading_token()),
        writes_(text::what_is_written(encoder.model())),
        report_(report),
        drops_(drops) {
    for (std::size_t i = 0; i < report.sources.size(); ++i) {
      sources_[report.sources[i]] = static_cast<std::int32_t>(i);
    }
  }

  // None: the row is left out. `encoded` lacks the answers that are overlong.
  std::optional<Row> make(const Example& example, text::Encoded encoded, const std::vector<bool>& overlong) {
    check_input(encoded.refusal.empty(), example.where.text(), ": ", encoded.refusal);
    std::vector<Piece> pieces;
    auto answer = encoded.answers.begin();
    for (const bool is_overlong : overlong) {
      if (is_overlong) {
        pieces.push_back({.overlong = true});
      } else {
        pieces.push_back({.ids = std::move(answer->ids), .prompt = answer->prompt});
        ++answer;
      }
    }
    const bool group = example.unit == Unit::kGroup;
    const FitResult fit = fit_row(pieces, options_, leading_token_, group);
    const char* drop = fit.drop;
    if (*drop != '\0') { refuse_if_error(example, pieces, drop); }
    if (*drop == '\0' && group && pieces.size() - fit.gone.size() < 2) { drop = rows::kTooLong; }
    Row row;
    if (*drop == '\0') {
      row = make_row(example, pieces, fit.gone);
      drop = problem_after_cut(row);
    }
    if (*drop != '\0') {
      drops_.add(example.where, drop);
      return std::nullopt;
    }
    for (std::size_t i = 0; i < fit.gone.size(); ++i) { drops_.add(example.where, rows::kTooLong); }
    row.source = source_number(example.source);
    report_.rows_truncated += fit.truncated ? 1 : 0;
    report_.boundary_repaired += encoded.repaired ? 1 : 0;
    count_left_out(example);
    return row;
  }

 private:
  void refuse_if_error(const Example& example, const std::vector<Piece>& pieces, const char* reason) const {
    if (rows::parse_overlong(options_.overlong) != rows::Overlong::kError) { return; }
    std::size_t longest = 0, prompt = 0;
    for (const Piece& piece : pieces) {
      check_input(!piece.overlong, example.where.text(), ": ", reason, " by far; choose another --overlong");
      longest = std::max(longest, piece.ids.size());
      prompt = std::max(prompt, piece.prompt);
    }
    throw InputError(cat(example.where.text(), ": ", reason, " (", longest, " tokens, the prompt ", prompt,
                         "); raise the limit, or choose another --overlong"));
  }

  Row make_row(const Example& example, std::vector<Piece>& pieces,
               const std::vector<std::size_t>& gone) const {
    Row row;
    row.where = example.where;
    row.unit = example.unit;
    row.group_id =
        hash_u64(example.group_id.empty() ? "p" + rows::prompt_key(example) : "g" + example.group_id);
    row.weight = example.weight;
    row.has_margin = example.unit == Unit::kPair && example.margin.has_value();
    row.margin = row.has_margin ? example.margin.value_or(0) : 0;
    const bool has_answer = !example.responses.empty();
    for (std::size_t slot = 0; slot < pieces.size(); ++slot) {
      if (std::find(gone.begin(), gone.end(), slot) != gone.end()) { continue; }
      Piece& piece = pieces[slot];
      Sequence sequence = text::sequence_of({.ids = std::move(piece.ids), .prompt = piece.prompt});
      if (has_answer) { set_target(example, slot, options_.sft_target, sequence); }
      row.sequences.push_back(std::move(sequence));
    }
    return row;
  }

  // What the row has and its text lacks.
  void count_left_out(const Example& example) {
    const Text& prompt = example.prompt;
    if (!example.tools.empty() && !(prompt.is_chat && writes_.tools)) {
      ++report_.unused["tools that the text of prompts leaves out"];
    }
    const bool has_system = !prompt.messages.empty() && prompt.messages[0].role == "system";
    if (has_system && !writes_.system) {
      ++report_.unused["system turns that the text of prompts leaves out"];
    }
  }

  std::int32_t source_number(const std::string& name) {
    const auto [found, is_new] =
        sources_.try_emplace(name, static_cast<std::int32_t>(report_.sources.size()));
    if (is_new) { report_.sources.push_back(name); }
    return found->second;
  }

  const rows::DataOptions& options_;
  std::int32_t leading_token_;
  text::Written writes_;
  rows::ReadReport& report_;
  rows::DropLog& drops_;
  std::unordered_map<std::string, std::int32_t> sources_;
};

}  // namespace

class RowTokeniser::Impl {
 public:
  Impl(const rows::DataOptions& options, const text::Encoder& encoder, rows::ReadReport& report,
       rows::DropLog& drops)
      : encoder_(encoder),
        maker_(options, encoder, report, drops),
        most_bytes_(bytes_of_length(options.max_length)) {}

  std::vector<std::optional<Row>> rows(const std::vector<const Example*>& examples) {
    std::vector<std::optional<Row>> rows;
    rows.reserve(examples.size());
    for (std::size_t begin = 0; begin < examples.size(); begin += kChunk) {
      add_chunk(std::span(examples).subspan(begin, std::min(kChunk, examples.size() - begin)), rows);
    }
    return rows;
  }

 private:
  void add_chunk(std::span<const Example* const> examples, std::vector<std::optional<Row>>& rows) {
    std::vector<text::Conversation> conversations;
    conversations.reserve(examples.size());
    std::vector<std::vector<bool>> overlong(examples.size());
    for (std::size_t i = 0; i < examples.size(); ++i) {
      text::Conversation conversation = text::conversation_of(*examples[i]);
      overlong[i] = take_overlong(conversation);
      if (is_left(overlong[i])) { conversations.push_back(std::move(conversation)); }
    }
    std::vector<text::Encoded> encoded = encoder_.encode_all(conversations);
    auto next = encoded.begin();
    for (std::size_t i = 0; i < examples.size(); ++i) {
      text::Encoded none;
      rows.push_back(
          maker_.make(*examples[i], std::move(is_left(overlong[i]) ? *next++ : none), overlong[i]));
    }
  }

  static bool is_left(const std::vector<bool>& overlong) {
    return std::find(overlong.begin(), overlong.end(), false) != overlong.end();
  }

  // One entry an answer (one for a prompt alone); those that are overlong leave the conversation.
  std::vector<bool> take_overlong(text::Conversation& conversation) const {
    const std::size_t prompt = bytes_of(*conversation.prompt);
    if (conversation.answers.empty()) { return {prompt > most_bytes_}; }
    std::vector<bool> overlong;
    std::vector<const Text*> kept;
    for (const Text* answer : conversation.answers) {
      overlong.push_back(prompt + bytes_of(*answer) > most_bytes_);
      if (!overlong.back()) { kept.push_back(answer); }
    }
    conversation.answers = std::move(kept);
    return overlong;
  }

  const text::Encoder& encoder_;
  RowMaker maker_;
  std::size_t most_bytes_;
};

RowTokeniser::RowTokeniser(const rows::DataOptions& options, const text::Encoder& encoder,
                           rows::ReadReport& report, rows::DropLog& drops) {
  rows::check_options(options);
  impl_ = std::make_unique<Impl>(options, encoder, report, drops);
}
RowTokeniser::~RowTokeniser() = default;

std::vector<std::optional<Row>> RowTokeniser::rows(const std::vector<const Example*>& examples) {
  return impl_->rows(examples);
}

std::vector<Row> tokenise(const std::vector<Example>& examples, const rows::DataOptions& options,
                          const text::Encoder& encoder, rows::ReadReport& report, rows::DropLog& drops) {
  RowTokeniser tokeniser(options, encoder, report, drops);
  std::vector<const Example*> all;
  all.reserve(examples.size());
  for (const Example& example : examples) { all.push_back(&example); }
  std::vector<Row> rows;
  rows.reserve(examples.size());
  for (std::optional<Row>& row : tokeniser.rows(all)) {
    if (!row) { continue; }
    row->index = std::ssize(rows);
    rows.push_back(*std::move(row));
  }
  return rows;
}

}  // namespace una::data::detail

namespace una::data {

Sequence tokenise_prompt(const Example& example, const rows::DataOptions& options,
                         const text::Encoder& encoder) {
  detail::Piece piece;
  try {
    piece.ids = encoder.prompt(text::prompt_of(example));
  } catch (const InputError& error) { throw InputError(cat(example.where.text(), ": ", error.what())); }
  check_input(!piece.ids.empty(), example.where.text(), ": the prompt is empty");
  piece.prompt = piece.ids.size();
  const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(options.max_prompt_length, 0));
  const bool cuts = rows::parse_overlong(options.overlong) == rows::Overlong::kTruncatePromptLeft;
  if (cuts && limit > 0 && piece.prompt > limit) {
    detail::cut_prompt_left(piece, piece.prompt - limit, encoder.leading_token());
  }
  return text::sequence_of({.ids = std::move(piece.ids), .prompt = piece.prompt});
}

}  // namespace una::data
