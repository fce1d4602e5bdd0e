#include "una/data/tokenise.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/data/fit.h"
#include "una/rows/files/parallel_rows.h"
#include "una/rows/schemas/schema.h"

namespace una::data::detail {
namespace {

constexpr std::size_t kChunk = 1024;  // examples whose texts are in memory at once

// Texts to encode together, equal ones once. Ids are without special tokens.
class TextBatch {
 public:
  std::size_t add(std::string text) {
    const auto [found, is_new] = index_.try_emplace(std::move(text), texts_.size());
    if (is_new) { texts_.push_back(found->first); }
    return found->second;
  }
  void encode(const text::Tokenizer& tokenizer) { ids_ = tokenizer.encode_batch(texts_, false); }
  const std::vector<std::int32_t>& ids(std::size_t number) const { return ids_[number]; }

 private:
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<std::string> texts_;
  std::vector<std::vector<std::int32_t>> ids_;
};

// Numbers of texts of a batch. Plain rows: the answers alone; chat rows: prompt and answer rendered together.
struct Job {
  std::size_t prompt = 0;
  std::vector<std::size_t> answers;
};

Job queue(std::vector<std::string> texts, TextBatch& batch) {
  Job job{batch.add(std::move(texts.at(0))), {}};
  for (std::size_t i = 1; i < texts.size(); ++i) { job.answers.push_back(batch.add(std::move(texts[i]))); }
  return job;
}

std::string role_hint(const Example& example) { return example.responses.empty() ? "" : " and answer"; }

class Tokeniser {
 public:
  Tokeniser(const rows::DataOptions& options, const TextPipeline& pipeline)
      : options_(options), pipeline_(pipeline) {
    check(pipeline.tokenizer != nullptr, "TextPipeline without a tokenizer");
    // The token itself as encode() puts it: it may differ from tokenizer_config.json's bos_token.
    if (pipeline.tokenizer->adds_bos()) { bos_ = pipeline.tokenizer->encode("", true).at(0); }
  }

  // The token that stays in front when a prompt is cut; a template may write it where the tokenizer does not.
  std::int32_t leading_token() const { return bos_ >= 0 ? bos_ : pipeline_.tokenizer->bos_id().value_or(-1); }

  // What is to be encoded: the prompt, then each answer.
  std::vector<std::string> texts(const Example& example) const {
    const bool is_chat = example.prompt.is_chat;
    std::vector<std::string> out = {is_chat ? render(example, nullptr) : example.prompt.plain};
    for (const Response& response : example.responses) {
      out.push_back(is_chat ? render(example, &response) : response.text.plain);
    }
    return out;
  }

  std::vector<std::int32_t> prompt_ids(const Example& example, const Job& job, const TextBatch& batch) const {
    std::vector<std::int32_t> ids = batch.ids(job.prompt);
    if (!example.prompt.is_chat && bos_ >= 0 && (ids.empty() || ids[0] != bos_)) {
      ids.insert(ids.begin(), bos_);
    }
    return ids;
  }

  // Prompt and answers as ids, before any cut. `repaired` is set when a border had to move.
  std::vector<Piece> pieces(const Example& example, const Job& job, const TextBatch& batch,
                            bool& repaired) const {
    const std::vector<std::int32_t> prompt = prompt_ids(example, job, batch);
    std::vector<Piece> out;
    for (const std::size_t answer : job.answers) {
      const std::vector<std::int32_t>& ids = batch.ids(answer);
      out.push_back(example.prompt.is_chat ? chat_piece(example, prompt, ids, repaired)
                                           : plain_piece(example, prompt, ids));
    }
    if (job.answers.empty()) { out.push_back({prompt, prompt.size()}); }
    return out;
  }

 private:
  std::string render(const Example& example, const Response* response) const {
    if (pipeline_.chat_template == nullptr) {
      throw InputError(cat(example.where.text(),
                           ": the row has chat turns, but the model has no chat template; give "
                           "--chat_template_path FILE"));
    }
    text::RenderOptions options;
    options.tools = example.tools;
    options.template_kwargs = example.template_kwargs;
    options.date = options_.template_date;
    options.add_generation_prompt = response == nullptr;
    std::vector<Message> messages = example.prompt.messages;
    if (response != nullptr) {
      const std::vector<Message>& answer = response->text.messages;
      messages.insert(messages.end(), answer.begin(), answer.end());
    }
    try {
      return pipeline_.chat_template->render(messages, options).text;
    } catch (const InputError& error) {
      throw InputError(cat(example.where.text(), ": the chat template refuses the row's prompt",
                           role_hint(example), ": ", error.what()));
    }
  }

  std::int32_t eos(const Example& example) const {
    if (pipeline_.eos_id >= 0) { return pipeline_.eos_id; }
    throw InputError(cat(example.where.text(),
                         ": the answer needs an end token, but the model folder names none; "
                         "add eos_token to tokenizer_config.json"));
  }

  Piece plain_piece(const Example& example, const std::vector<std::int32_t>& prompt,
                    const std::vector<std::int32_t>& answer) const {
    Piece piece{prompt, prompt.size()};
    piece.ids.insert(piece.ids.end(), answer.begin(), answer.end());
    const std::int32_t end = eos(example);
    if (answer.empty() || answer.back() != end) { piece.ids.push_back(end); }
    return piece;
  }

  Piece chat_piece(const Example& example, const std::vector<std::int32_t>& prompt,
                   const std::vector<std::int32_t>& full, bool& repaired) const {
    Piece piece{full, prompt.size()};
    const auto end = std::mismatch(prompt.begin(), prompt.end(), full.begin(), full.end()).first;
    if (end != prompt.end()) {
      piece.prompt = static_cast<std::size_t>(end - prompt.begin());
      if (options_.boundary == "strict") {
        throw InputError(cat(example.where.text(),
                             ": the prompt's tokens are no prefix of the whole conversation's "
                             "(they part at token ",
                             piece.prompt, " of ", prompt.size(), "); --boundary repair cuts there"));
      }
      repaired = true;
    }
    if (pipeline_.end_chat_answers && !ends_turn(piece)) { piece.ids.push_back(eos(example)); }
    return piece;
  }

  // An end token stands last, or before white space that the template writes after it.
  bool ends_turn(const Piece& piece) const {
    for (std::size_t i = piece.ids.size(); i > piece.prompt; --i) {
      const std::int32_t id = piece.ids[i - 1];
      const std::vector<std::int32_t>& others = pipeline_.other_end_ids;
      if (id == pipeline_.eos_id || std::find(others.begin(), others.end(), id) != others.end()) {
        return true;
      }
      if (!trim(pipeline_.tokenizer->decode({id}, false)).empty()) { return false; }
    }
    return false;
  }

  const rows::DataOptions& options_;
  const TextPipeline& pipeline_;
  std::int32_t bos_ = -1;
};

// The first token of all cannot be predicted, so it never counts.
Sequence make_sequence(Piece piece, bool has_answer) {
  Sequence sequence;
  sequence.ids = std::move(piece.ids);
  sequence.loss_mask.assign(sequence.ids.size(), 0);
  if (has_answer) {
    const auto begin = static_cast<std::ptrdiff_t>(std::max<std::size_t>(piece.prompt, 1));
    if (begin < std::ssize(sequence.loss_mask)) {
      std::fill(sequence.loss_mask.begin() + begin, sequence.loss_mask.end(), std::uint8_t{1});
    }
  }
  return sequence;
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
  RowMaker(const rows::DataOptions& options, const Tokeniser& tokeniser, rows::ReadReport& report,
           rows::DropLog& drops)
      : options_(options), tokeniser_(tokeniser), report_(report), drops_(drops) {
    for (std::size_t i = 0; i < report.sources.size(); ++i) {
      sources_[report.sources[i]] = static_cast<std::int32_t>(i);
    }
  }

  // None: the row is left out.
  std::optional<Row> make(const Example& example, const Job& job, const TextBatch& batch) {
    bool repaired = false;
    std::vector<Piece> pieces = tokeniser_.pieces(example, job, batch, repaired);
    const bool group = example.unit == Unit::kGroup;
    const FitResult fit = fit_row(pieces, options_, tokeniser_.leading_token(), group);
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
    report_.boundary_repaired += repaired ? 1 : 0;
    return row;
  }

 private:
  void refuse_if_error(const Example& example, const std::vector<Piece>& pieces, const char* reason) const {
    if (rows::parse_overlong(options_.overlong) != rows::Overlong::kError) { return; }
    std::size_t longest = 0, prompt = 0;
    for (const Piece& piece : pieces) {
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
      Sequence sequence = make_sequence(std::move(pieces[slot]), has_answer);
      if (has_answer) { set_target(example, slot, options_.sft_target, sequence); }
      row.sequences.push_back(std::move(sequence));
    }
    return row;
  }

  std::int32_t source_number(const std::string& name) {
    const auto [found, is_new] =
        sources_.try_emplace(name, static_cast<std::int32_t>(report_.sources.size()));
    if (is_new) { report_.sources.push_back(name); }
    return found->second;
  }

  const rows::DataOptions& options_;
  const Tokeniser& tokeniser_;
  rows::ReadReport& report_;
  rows::DropLog& drops_;
  std::unordered_map<std::string, std::int32_t> sources_;
};

}  // namespace

class RowTokeniser::Impl {
 public:
  Impl(const rows::DataOptions& options, const TextPipeline& pipeline, rows::ReadReport& report,
       rows::DropLog& drops)
      : tokeniser_(options, pipeline),
        tokenizer_(*pipeline.tokenizer),
        maker_(options, tokeniser_, report, drops) {}

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
    std::vector<std::vector<std::string>> texts(examples.size());
    rows::for_rows(examples.size(), [&](std::size_t i) { texts[i] = tokeniser_.texts(*examples[i]); });
    TextBatch batch;
    std::vector<Job> jobs;
    for (std::vector<std::string>& own : texts) { jobs.push_back(queue(std::move(own), batch)); }
    batch.encode(tokenizer_);
    for (std::size_t i = 0; i < examples.size(); ++i) {
      rows.push_back(maker_.make(*examples[i], jobs[i], batch));
    }
  }

  Tokeniser tokeniser_;
  const text::Tokenizer& tokenizer_;
  RowMaker maker_;
};

RowTokeniser::RowTokeniser(const rows::DataOptions& options, const TextPipeline& pipeline,
                           rows::ReadReport& report, rows::DropLog& drops) {
  rows::check_options(options);
  impl_ = std::make_unique<Impl>(options, pipeline, report, drops);
}
RowTokeniser::~RowTokeniser() = default;

std::vector<std::optional<Row>> RowTokeniser::rows(const std::vector<const Example*>& examples) {
  return impl_->rows(examples);
}

std::vector<Row> tokenise(const std::vector<Example>& examples, const rows::DataOptions& options,
                          const TextPipeline& pipeline, rows::ReadReport& report, rows::DropLog& drops) {
  RowTokeniser tokeniser(options, pipeline, report, drops);
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
                         const TextPipeline& pipeline) {
  const detail::Tokeniser tokeniser(options, pipeline);
  Example prompt_only;
  prompt_only.where = example.where;
  prompt_only.prompt = example.prompt;
  prompt_only.tools = example.tools;
  prompt_only.template_kwargs = example.template_kwargs;
  detail::TextBatch batch;
  const detail::Job job = detail::queue(tokeniser.texts(prompt_only), batch);
  batch.encode(*pipeline.tokenizer);
  const std::vector<std::int32_t> ids = tokeniser.prompt_ids(prompt_only, job, batch);
  check_input(!ids.empty(), example.where.text(), ": the prompt is empty");
  detail::Piece piece{ids, ids.size()};
  const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(options.max_prompt_length, 0));
  const bool cuts = rows::parse_overlong(options.overlong) == rows::Overlong::kTruncatePromptLeft;
  if (cuts && limit > 0 && ids.size() > limit) {
    detail::cut_prompt_left(piece, ids.size() - limit, tokeniser.leading_token());
  }
  return detail::make_sequence(std::move(piece), false);
}

}  // namespace una::data
