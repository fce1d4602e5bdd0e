#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/data/pack.h"

namespace una::data {
namespace {

using Ids = std::vector<std::int32_t>;

// One answer of the step with its prompt; both are parts of a row's sequence.
struct Answer {
  const Row* row = nullptr;
  Ids prompt, answer;
};

std::vector<Answer> answers_of(const std::vector<Row>& rows) {
  std::vector<Answer> out;
  for (const Row& row : rows) {
    for (const Sequence& sequence : row.sequences) {
      const auto border = static_cast<std::ptrdiff_t>(sequence.prompt_tokens());
      if (border == std::ssize(sequence.ids)) {
        continue;  // no answer
      }
      const auto middle = sequence.ids.begin() + border;
      out.push_back({&row, {sequence.ids.begin(), middle}, {middle, sequence.ids.end()}});
    }
  }
  // By ids alone, so that the pairing does not depend on the order in which the rows came.
  std::stable_sort(out.begin(), out.end(), [](const Answer& a, const Answer& b) {
    return a.prompt != b.prompt ? a.prompt < b.prompt : a.answer < b.answer;
  });
  return out;
}

std::size_t largest_group(const std::vector<Answer>& sorted) {
  std::size_t largest = 0, size = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    size = i > 0 && sorted[i].prompt == sorted[i - 1].prompt ? size + 1 : 1;
    largest = std::max(largest, size);
  }
  return largest;
}

// `answer` behind the prompt of another; no sequences when the limit leaves no room for it.
Row mismatched(const Answer& prompt, const Answer& answer, std::int64_t max_length) {
  Row row;
  row.where = answer.row->where;
  row.unit = answer.row->unit;
  row.index = answer.row->index;
  row.source = answer.row->source;
  row.group_id = prompt.row->group_id;
  Sequence sequence;
  sequence.ids = prompt.prompt;
  sequence.ids.insert(sequence.ids.end(), answer.answer.begin(), answer.answer.end());
  const std::size_t border = prompt.prompt.size();
  if (max_length > 0 && std::ssize(sequence.ids) > max_length) {
    if (std::ssize(prompt.prompt) >= max_length) { return row; }
    sequence.ids.resize(static_cast<std::size_t>(max_length));
  }
  sequence.loss_mask.assign(sequence.ids.size(), 1);
  std::fill_n(sequence.loss_mask.begin(), border, std::uint8_t{0});
  row.sequences.push_back(std::move(sequence));
  return row;
}

}  // namespace

std::vector<PackedBatch> pack_kl_rows(const std::vector<Row>& rows, const PackOptions& options) {
  const std::vector<Answer> answers = answers_of(rows);
  const std::size_t n = answers.size();
  const std::size_t shift = largest_group(answers);
  std::vector<Row> mixed;
  for (std::size_t i = 0; i < n; ++i) {
    const Answer& prompt = answers[i];
    const Answer& answer = answers[(i + shift) % n];
    if (prompt.prompt == answer.prompt) {
      continue;  // only when one prompt holds more than half of the answers
    }
    Row row = mismatched(prompt, answer, options.kl_max_length);
    if (!row.sequences.empty()) { mixed.push_back(std::move(row)); }
  }
  return pack_rows(mixed, options);
}

}  // namespace una::data
