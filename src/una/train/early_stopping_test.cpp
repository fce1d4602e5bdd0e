#include "una/train/early_stopping.h"

#include <limits>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/json.h"
#include "una/base/test_data.h"

namespace una::train {
namespace {

// tests/parity/early_stopping.py recorded where transformers' callback stops and which evaluation is the best.
TEST(EarlyStopping, StopsWhereTransformersStops) {
  const Json cases = Json::parse(read_file((test_data() / "train" / "early_stopping.json").string()));
  ASSERT_GE(cases.size(), 400U);
  for (const Json& one : cases) {
    EarlyStopping rule(one["patience"].get<std::int64_t>(), one["threshold"].get<double>());
    MetricSeen seen{.greater_is_better = one["greater"].get<bool>()};
    Json stops_at, best_at;
    for (std::size_t i = 0; i < one["metrics"].size() && stops_at.is_null(); ++i) {
      const Json& metric = one["metrics"][i];
      seen.value = metric.is_string() ? std::numeric_limits<double>::quiet_NaN() : metric.get<double>();
      rule.see(seen);
      const bool better = seen.has_best
                              ? (seen.greater_is_better ? seen.value > seen.best : seen.value < seen.best)
                              : !metric.is_string();
      if (better) {
        seen.has_best = true;
        seen.best = seen.value;
        best_at = i;
      }
      if (rule.due()) { stops_at = i; }
    }
    EXPECT_EQ(stops_at, one["stops_at"]) << one;
    EXPECT_EQ(best_at, one["best_at"]) << one;
    EXPECT_EQ(rule.count(), one["counter"].get<std::int64_t>()) << one;
  }
}

TEST(EarlyStopping, AnEvaluationBeyondTheBudgetIsNoImprovement) {
  EarlyStopping rule(2, 0);
  rule.see({.value = 1, .greater_is_better = true});
  rule.see({.value = 2, .greater_is_better = true, .counts = false, .has_best = true, .best = 1});
  EXPECT_FALSE(rule.due());
  rule.see({.value = 3, .greater_is_better = true, .counts = false, .has_best = true, .best = 1});
  EXPECT_TRUE(rule.due());
}

TEST(EarlyStopping, TheCountGoesOnWhereACheckpointHasIt) {
  EarlyStopping first(2, 0), second(2, 0);
  first.see({.value = 1});
  first.see({.value = 1, .has_best = true, .best = 1});
  second.restore(first.count());
  second.see({.value = 1, .has_best = true, .best = 1});
  EXPECT_TRUE(second.due());
  EarlyStopping fresh(1, 0);
  fresh.restore(EarlyStopping(1, 0).count());
  fresh.see({.value = 5});
  EXPECT_FALSE(fresh.due()) << "the first evaluation never counts";
}

TEST(EarlyStopping, NoPatienceNeverStops) {
  EarlyStopping rule(0, 0);
  for (int i = 0; i < 5; ++i) { rule.see({.value = 1, .has_best = i > 0, .best = 1}); }
  EXPECT_FALSE(rule.due());
}

}  // namespace
}  // namespace una::train
