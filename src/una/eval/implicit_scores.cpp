#include "una/eval/implicit_scores.h"

#include <cmath>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "una/base/error.h"
#include "una/data/pack.h"
#include "una/dist/together.h"

namespace una::eval {
namespace {

// One scored response as a JSON line.
Json score_line(const SequenceMeta& meta, const PackedBatch& batch, std::int64_t row) {
  const Where& where = batch.rows[static_cast<std::size_t>(meta.row)];
  Json line{{"row", row},
            {"response", meta.slot},
            {"file", where.file},
            {"line", where.line},
            {"tokens", meta.loss_tokens()}};
  if (meta.unit == Unit::kScore || meta.unit == Unit::kGroup) { line["target"] = meta.target; }
  return line;
}

std::vector<double> values_of(const at::Tensor& logps, const SequenceMeta& meta) {
  const at::Tensor own = logps.narrow(0, meta.logp_begin, meta.loss_tokens()).contiguous();
  const auto* values = own.const_data_ptr<double>();
  return {values, values + own.numel()};
}

void check_finite(const AnswerLogp& answer, const Where& where) {
  const bool by_policy = !std::isfinite(answer.policy);
  check_input(!by_policy && std::isfinite(answer.reference), where.text(),
              ": the answer's log-prob under the ", by_policy ? "policy" : "reference", " is ",
              by_policy ? answer.policy : answer.reference,
              ": NaN or infinity in the weights of the model or the adapter; they are damaged");
}

// The lines of one row's batch.
std::vector<Json> lines_of(const ImplicitScorer& scorer, const PackedBatch& batch, std::int64_t row) {
  const at::Tensor policy = token_logps(scorer.policy, batch), reference = token_logps(scorer.base, batch);
  const std::vector<AnswerLogp> answers = answer_logps(policy, reference, batch);
  std::vector<Json> out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const SequenceMeta& meta = batch.sequences[i];
    check_finite(answers[i], batch.rows[static_cast<std::size_t>(meta.row)]);
    const double reward = scorer.beta * (answers[i].policy - answers[i].reference);
    Json line = score_line(meta, batch, row);
    line["logp"] = answers[i].policy;
    line["ref_logp"] = answers[i].reference;
    line["reward"] = reward;
    line["score"] = 1 / (1 + std::exp(-reward));
    if (scorer.token_logps) {
      line["token_logps"] = values_of(policy, meta);
      line["ref_token_logps"] = values_of(reference, meta);
    }
    out.push_back(std::move(line));
  }
  return out;
}

// CBOR keeps the numbers bit for bit.
std::string packed(const Json& value) {
  const std::vector<std::uint8_t> bytes = Json::to_cbor(value);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::vector<Json> score_rows(const ImplicitScorer& scorer, const data::Dataset& dataset, std::int64_t begin,
                             std::int64_t end, dist::Gang& gang) {
  Json own = Json::array();
  dist::together(gang, [&] {
    for (std::int64_t i = begin + gang.rank(); i < end; i += gang.size()) {
      const Row row = dataset.row(i);
      Json lines = Json::array();
      for (const PackedBatch& batch : data::pack_rows({row}, {})) {
        for (Json& line : lines_of(scorer, batch, row.index)) { lines.push_back(std::move(line)); }
      }
      own.push_back(std::move(lines));
    }
  });
  std::vector<Json> shares, rows;
  for (const std::string& bytes : gang.gather_all(packed(own))) { shares.push_back(Json::from_cbor(bytes)); }
  for (std::int64_t i = begin; i < end; ++i) {
    const auto rank = static_cast<std::size_t>((i - begin) % gang.size());
    rows.push_back(shares[rank].at(static_cast<std::size_t>((i - begin) / gang.size())));
  }
  return rows;
}

void compare_scores(const Row& row, const Json& lines, Agreement& agreement) {
  const auto reward = [&](std::size_t i) { return lines[i].at("reward").get<double>(); };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (row.unit == Unit::kPair && i == 0 && lines.size() > 1) {
      agreement.add_pair(reward(0), reward(1));
    } else if (row.unit == Unit::kScore || row.unit == Unit::kGroup) {
      agreement.add_target(reward(i), lines[i].at("target").get<double>());
    } else if (row.unit == Unit::kBinary) {
      agreement.add_label(reward(i), row.sequences[i].target > 0.5);
    }
  }
}

}  // namespace una::eval
