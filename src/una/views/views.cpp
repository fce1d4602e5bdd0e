#include "una/views/views.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"

namespace una::views {
namespace {

constexpr const char* kTie = "equal scores";
constexpr const char* kStatedTie = "stated tie";
constexpr const char* kLonely = "only scored answer to its prompt";
constexpr const char* kMiddle = "between best and worst";
constexpr const char* kSmallMargin = "pairs under min_margin";

enum class View : std::uint8_t { kAuto, kPair, kBinary, kScore, kGroup, kThumbs };

View parse_view(const std::string& feedback) {
  const std::vector<std::string> names = {"auto", "pairwise", "binary", "score", "group", "thumbs"};
  const auto found = std::find(names.begin(), names.end(), feedback);
  if (found != names.end()) { return static_cast<View>(found - names.begin()); }
  const std::string nearest = nearest_name(feedback, names);
  throw InputError(cat("--feedback: \"", feedback,
                       "\" is none of auto, pairwise, binary, score, group, thumbs",
                       nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
}

// The score of an answer that is known to have one.
double score_of(const Response& response) {
  check(response.score.has_value(), "a scored answer without a score");
  return response.score.value_or(0);
}

// A copy of what all answers of a row share, with one answer of it.
Example with_answer(const Example& base, Unit unit, Response response) {
  Example out;
  out.where = base.where;
  out.unit = unit;
  out.prompt = base.prompt;
  out.tools = base.tools;
  out.template_kwargs = base.template_kwargs;
  out.weight = base.weight;
  out.group_id = base.group_id;
  out.source = base.source;
  out.ground_truth = base.ground_truth;
  out.responses.push_back(std::move(response));
  return out;
}

// Scored answers to one prompt, gathered over the whole file. `slot` is the place of its rows.
struct Bucket {
  std::int64_t slot = 0;
  std::vector<Example> answers;  // kScore, one response each
};

// Answers to a prompt (or group), by the hash of its key.
using AnswerCounts = std::unordered_map<std::uint64_t, std::int64_t>;

}  // namespace

class ViewMaker::Deriver {
 public:
  Deriver(const rows::DataOptions& options, const PairOptions& pairs, rows::ReadReport& report,
          rows::DropLog& drops)
      : view_(parse_view(options.feedback)),
        pairs_(pairs),
        threshold_(options.binary_threshold),
        report_(report),
        drops_(drops) {
    check_input(threshold_ == rows::DataOptions{}.binary_threshold || view_ == View::kBinary ||
                    view_ == View::kThumbs,
                "--binary_threshold is read with --feedback binary or thumbs, not with --feedback ",
                options.feedback);
  }

  void add(rows::ReadRow row) {
    Example& example = row.example;
    if (example.unit == Unit::kPair) {
      add_pair(row);
    } else if (example.unit == Unit::kBinary) {
      for (Response& response : example.responses) {
        add_thumb(with_answer(example, Unit::kBinary, std::move(response)));
      }
    } else if (example.unit == Unit::kScore) {
      add_score(std::move(example));
    } else if (example.unit == Unit::kGroup) {
      add_group(std::move(example));
    } else {
      put(std::move(example));
    }
  }

  bool gathers() const {
    return view_ == View::kPair || view_ == View::kBinary || view_ == View::kGroup || view_ == View::kThumbs;
  }
  void only_count() { counting_ = true; }
  AnswerCounts take_counts() { return std::exchange(expected_, {}); }
  void expect(AnswerCounts counts) { expected_ = std::move(counts); }

  std::vector<PlacedExample> take() { return std::exchange(ready_, {}); }

  std::vector<PlacedExample> finish() {
    std::vector<Bucket> rest;
    for (auto& [key, bucket] : buckets_) { rest.push_back(std::move(bucket)); }
    buckets_.clear();
    std::sort(rest.begin(), rest.end(), [](const Bucket& a, const Bucket& b) { return a.slot < b.slot; });
    for (Bucket& bucket : rest) { derive(bucket); }
    return take();
  }

 private:
  void put(Example example) { put(next_slot_++, std::move(example)); }

  void put(std::int64_t slot, Example example) {
    if (!counting_) { ready_.push_back({slot, std::move(example)}); }
  }

  // 0.3 - 0.2 is a margin of 0.1 to people.
  bool is_small(double margin) const {
    return pairs_.min_margin > 0 && margin < pairs_.min_margin * (1 - 1e-9);
  }

  static bool both_scored(const Example& pair) { return pair.responses[0].score && pair.responses[1].score; }

  void add_pair(rows::ReadRow& row) {
    Example& pair = row.example;
    if (row.tie) {
      ++report_.ties[kStatedTie];
    } else if (view_ == View::kBinary) {
      split_thumbs(std::move(pair));
    } else if (row.scored && (view_ == View::kScore || view_ == View::kGroup || view_ == View::kThumbs)) {
      split_scores(std::move(pair));
    } else {
      if (!pair.margin && both_scored(pair)) {
        pair.margin = score_of(pair.responses[0]) - score_of(pair.responses[1]);
      }
      if (pair.margin && is_small(*pair.margin)) {
        ++report_.unused[kSmallMargin];
      } else {
        put(std::move(pair));
      }
    }
  }

  // The pair's order decides; equal scores next to it make no thumbs.
  void split_thumbs(Example pair) {
    if (both_scored(pair) && score_of(pair.responses[0]) == score_of(pair.responses[1])) {
      ++report_.ties[kTie];
      return;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      pair.responses[i].label = i == 0;
      put(with_answer(pair, Unit::kBinary, std::move(pair.responses[i])));
    }
  }

  // Two pairs of one prompt may share an answer: its second copy is a duplicate.
  void split_scores(Example pair) {
    for (Response& response : pair.responses) {
      if (!response.score) {
        drops_.add(pair.where, rows::kScoreMissing);
        continue;
      }
      const std::string key =
          cat(rows::prompt_key(pair), '\0', rows::text_key(response.text), '\0', score_of(response));
      if (!seen_answers_.insert(hash_u64(key)).second) {
        drops_.add(pair.where, rows::kDuplicate);
      } else {
        add_score(with_answer(pair, Unit::kScore, std::move(response)));
      }
    }
  }

  // Under thumbs the labels of one prompt become a group, whose scores are 1 and 0.
  void add_thumb(Example example) {
    if (view_ != View::kThumbs) { return put(std::move(example)); }
    Response& response = example.responses[0];
    response.score = response.raw_score = response.label.value_or(false) ? 1 : 0;
    gather(std::move(example));
  }

  void add_score(Example example) {
    if (view_ == View::kThumbs) {
      Response& response = example.responses[0];
      response.label = score_of(response) > threshold_;
      example.unit = Unit::kBinary;
      add_thumb(std::move(example));
    } else if (view_ == View::kAuto || view_ == View::kScore) {
      put(std::move(example));
    } else {
      gather(std::move(example));
    }
  }

  void add_group(Example group) {
    if (view_ != View::kAuto) {
      for (Response& response : group.responses) {
        add_score(with_answer(group, Unit::kScore, std::move(response)));
      }
    } else if (group.responses.size() < 2) {
      ++report_.unused[kLonely];
    } else {
      put(std::move(group));
    }
  }

  void gather(Example answer) {
    const std::uint64_t key =
        hash_u64(answer.group_id.empty() ? "p" + rows::prompt_key(answer) : "g" + answer.group_id);
    if (counting_) {
      ++expected_[key];
      return;
    }
    const auto [found, is_new] = buckets_.try_emplace(key);
    if (is_new) { found->second.slot = next_slot_++; }
    found->second.answers.push_back(std::move(answer));
    const auto expected = expected_.find(key);
    if (expected == expected_.end() || --expected->second > 0) { return; }
    Bucket whole = std::move(found->second);
    buckets_.erase(found);
    expected_.erase(expected);
    derive(whole);
  }

  static void check_one_prompt(const std::vector<Example>& answers) {
    if (answers[0].group_id.empty()) {
      return;  // gathered by the prompt itself
    }
    const std::string key = rows::prompt_key(answers[0]);
    for (const Example& answer : answers) {
      check_input(rows::prompt_key(answer) == key, answer.where.text(), ": field \"group_id\" is \"",
                  answer.group_id, "\" as in ", answers[0].where.text(), ", but the prompts differ");
    }
  }

  void derive(Bucket& bucket) {
    std::vector<Example>& answers = bucket.answers;
    check_one_prompt(answers);
    if (answers.size() == 1 && view_ == View::kThumbs) {
      put(bucket.slot, std::move(answers[0]));
    } else if (answers.size() == 1 && view_ != View::kBinary) {
      ++report_.unused[kLonely];
    } else if (answers.size() == 1) {
      Response& only = answers[0].responses[0];
      only.label = score_of(only) > threshold_;
      answers[0].unit = Unit::kBinary;
      put(bucket.slot, std::move(answers[0]));
    } else if (view_ == View::kGroup || view_ == View::kThumbs) {
      put(bucket.slot, make_group(answers));
    } else if (view_ == View::kPair && pairs_.choice != PairChoice::kBestWorst) {
      many_pairs(bucket);
    } else {
      best_and_worst(bucket);
    }
  }

  static Example make_group(std::vector<Example>& answers) {
    Example group = std::move(answers[0]);
    group.unit = Unit::kGroup;
    for (std::size_t i = 1; i < answers.size(); ++i) {
      group.responses.push_back(std::move(answers[i].responses[0]));
    }
    return group;
  }

  // False: the two make no pair, counted.
  bool makes_pair(const Example& better, const Example& worse) {
    const Response& good = better.responses[0];
    const Response& bad = worse.responses[0];
    if (score_of(good) == score_of(bad)) {
      ++report_.ties[kTie];
    } else if (rows::text_key(good.text) == rows::text_key(bad.text)) {
      drops_.add(better.where, rows::kSameAnswers);
    } else if (view_ == View::kPair && is_small(score_of(good) - score_of(bad))) {
      ++report_.unused[kSmallMargin];
    } else {
      return true;
    }
    return false;
  }

  static Example make_pair(Example better, Response worse) {
    better.unit = Unit::kPair;
    better.margin = score_of(better.responses[0]) - score_of(worse);
    better.responses.push_back(std::move(worse));
    return better;
  }

  // Their answers are picked by score too, so they are not fair samples.
  void many_pairs(Bucket& bucket) {
    std::vector<Example>& answers = bucket.answers;
    std::stable_sort(answers.begin(), answers.end(), [](const Example& a, const Example& b) {
      return score_of(a.responses[0]) > score_of(b.responses[0]);
    });
    for (Example& answer : answers) {
      if (answers.size() > 2) { answer.responses[0].sampler = Sampler::kUnknown; }
    }
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const std::size_t end =
          pairs_.choice == PairChoice::kAll ? answers.size() : std::min(i + 2, answers.size());
      for (std::size_t j = i + 1; j < end; ++j) {
        if (makes_pair(answers[i], answers[j])) {
          put(bucket.slot, make_pair(answers[i], answers[j].responses[0]));
        }
      }
    }
  }

  void best_and_worst(Bucket& bucket) {
    std::vector<Example>& answers = bucket.answers;
    const auto lower = [](const Example& a, const Example& b) {
      return score_of(a.responses[0]) < score_of(b.responses[0]);
    };
    const auto best = std::max_element(answers.begin(), answers.end(), lower);  // the first of equal ones
    const auto worst = std::min_element(answers.begin(), answers.end(), lower);
    Response& good = best->responses[0];
    Response& bad = worst->responses[0];
    if (answers.size() > 2) { report_.unused[kMiddle] += std::ssize(answers) - 2; }
    // The best and the worst of more are not fair samples of the policy that wrote them.
    if (answers.size() > 2) { good.sampler = bad.sampler = Sampler::kUnknown; }
    if (!makes_pair(*best, *worst)) { return; }
    if (view_ == View::kPair) {
      put(bucket.slot, make_pair(std::move(*best), std::move(bad)));
    } else {
      good.label = true;
      bad.label = false;
      best->unit = worst->unit = Unit::kBinary;
      put(bucket.slot, std::move(*best));
      put(bucket.slot, std::move(*worst));
    }
  }

  View view_;
  PairOptions pairs_;
  double threshold_;
  rows::ReadReport& report_;
  rows::DropLog& drops_;
  bool counting_ = false;
  std::int64_t next_slot_ = 0;
  std::vector<PlacedExample> ready_;
  std::unordered_map<std::uint64_t, Bucket> buckets_;
  AnswerCounts expected_;  // that are still to come
  std::unordered_set<std::uint64_t> seen_answers_;
};

struct ViewMaker::Scratch {
  rows::ReadReport report;
  rows::DropLog drops;
};

ViewMaker::ViewMaker(const rows::DataOptions& options, rows::ReadReport& report, rows::DropLog& drops,
                     const PairOptions& pairs)
    : deriver_(std::make_unique<Deriver>(options, pairs, report, drops)),
      scratch_(std::make_unique<Scratch>()) {
  counter_ = std::make_unique<Deriver>(options, pairs, scratch_->report, scratch_->drops);
  counter_->only_count();
}

ViewMaker::~ViewMaker() = default;

bool ViewMaker::gathers() const { return deriver_->gathers(); }

void ViewMaker::count(std::vector<rows::ReadRow> rows) {
  for (rows::ReadRow& row : rows) { counter_->add(std::move(row)); }
}

void ViewMaker::add(rows::ReadRow row) {
  if (counter_ != nullptr) { deriver_->expect(counter_->take_counts()); }
  counter_.reset();
  deriver_->add(std::move(row));
}

std::vector<PlacedExample> ViewMaker::take() { return deriver_->take(); }
std::vector<PlacedExample> ViewMaker::finish() { return deriver_->finish(); }

std::vector<Example> derive_views(std::vector<rows::ReadRow> rows, const rows::DataOptions& options,
                                  rows::ReadReport& report, rows::DropLog& drops, const PairOptions& pairs) {
  ViewMaker maker(options, report, drops, pairs);
  for (rows::ReadRow& row : rows) { maker.add(std::move(row)); }
  std::vector<PlacedExample> placed = maker.finish();
  std::stable_sort(placed.begin(), placed.end(),
                   [](const PlacedExample& a, const PlacedExample& b) { return a.slot < b.slot; });
  std::vector<Example> examples;
  examples.reserve(placed.size());
  for (PlacedExample& one : placed) { examples.push_back(std::move(one.example)); }
  return examples;
}

}  // namespace una::views
