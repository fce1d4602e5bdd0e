#include "una/train/rank_share.h"

#include <cmath>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "una/data/pack.h"
#include "una/dist/thread_gang_testing.h"
#include "una/train/tiny_testing.h"

namespace una::train {
namespace {

using dist::testing::ThreadGang;

TEST(RankShare, EveryMicroBatchHasOneRankAndTheTokensAreEven) {
  const auto batches = data::pack_rows(testing::tiny_rows(30), {.token_budget = 1});
  ThreadGang threads(4);
  std::multiset<std::size_t> seen;
  std::vector<std::int64_t> tokens;
  for (int rank = 0; rank < threads.size(); ++rank) {
    const auto own = rank_share(batches, threads.rank(rank));
    EXPECT_TRUE(std::is_sorted(own.begin(), own.end()));
    seen.insert(own.begin(), own.end());
    tokens.push_back(0);
    for (const std::size_t number : own) { tokens.back() += batches[number].num_tokens(); }
  }
  EXPECT_EQ(seen.size(), batches.size());
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), batches.size());
  const auto [least, most] = std::minmax_element(tokens.begin(), tokens.end());
  EXPECT_LT(static_cast<double>(*most - *least), 0.1 * static_cast<double>(*most));
}

TEST(RankShare, OneRankHasAllInOrderAndAFewMicroBatchesLeaveRanksWithoutOne) {
  const auto batches = data::pack_rows(testing::tiny_rows(3), {.token_budget = 1});
  EXPECT_EQ(rank_share(batches, dist::SoloGang()), (std::vector<std::size_t>{0, 1, 2}));
  ThreadGang threads(4);
  EXPECT_TRUE(rank_share(batches, threads.rank(3)).empty());
}

TEST(RankShare, FindingsAreAddedByNameAndEveryRankHasTheSame) {
  ThreadGang threads(2);
  threads.run([](dist::Gang& gang) {
    ShareFindings own;
    own.loss = gang.leads() ? 0.1 : 0.2;
    own.metrics.add("mean", gang.leads() ? 6 : 1, gang.leads() ? 3 : 4);
    own.metrics.add_max("largest", gang.rank());
    own.metrics.add_min("smallest", gang.rank());
    if (!gang.leads()) {
      own.bad_rows = {"{\"line\":7}"};
      own.metrics.add("only there", std::numeric_limits<double>::infinity());
    }
    const ShareFindings all = merge_findings(own, gang);
    EXPECT_EQ(all.loss, 0.1 + 0.2);
    EXPECT_EQ(all.bad_rows, std::vector<std::string>{"{\"line\":7}"});
    EXPECT_EQ(all.metrics.means().at("mean"), 1);
    EXPECT_EQ(all.metrics.means().at("largest"), 1);
    EXPECT_EQ(all.metrics.means().at("smallest"), 0);
    EXPECT_TRUE(std::isinf(all.metrics.means().at("only there")));
  });
}

}  // namespace
}  // namespace una::train
