#include "una/eval/log_ratio.h"

#include <cmath>

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/core/tiny_spec_testing.h"

namespace una::eval {
namespace {

PackedBatch two_answers() {
  PackedBatch batch;
  batch.sequences.resize(2);
  batch.sequences[0].logp_begin = 0;
  batch.sequences[0].logp_end = 1;
  batch.sequences[1].logp_begin = 1;
  batch.sequences[1].logp_end = 3;
  return batch;
}

TEST(LogRatio, SumsEachAnswersOwnTokens) {
  const at::Tensor policy = at::tensor(std::vector<double>{-1, -2, -3}, at::kDouble);
  const at::Tensor reference = at::tensor(std::vector<double>{-1.5, -2, -4}, at::kDouble);
  const std::vector<AnswerLogp> answers = answer_logps(policy, reference, two_answers());
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_DOUBLE_EQ(answers[0].ratio, 0.5);
  EXPECT_EQ(answers[0].tokens, 1);
  EXPECT_DOUBLE_EQ(answers[1].policy, -5);
  EXPECT_DOUBLE_EQ(answers[1].reference, -6);
  EXPECT_DOUBLE_EQ(answers[1].ratio, 1);
}

TEST(LogRatio, OneBadTokenSpoilsItsAnswerOnly) {
  const at::Tensor policy = at::tensor(std::vector<double>{-1, NAN, -3}, at::kDouble);
  const std::vector<AnswerLogp> answers = answer_logps(policy, policy, two_answers());
  EXPECT_DOUBLE_EQ(answers[0].ratio, 0);
  EXPECT_TRUE(std::isnan(answers[1].ratio));
}

TEST(LogRatio, AModelAgainstItselfIsZero) {
  const ModelSpec spec = tiny_spec();
  model::Model model(spec, 1, {}), other(spec, 2, {});
  Sequence sequence;
  sequence.ids = {1, 2, 3, 4};
  sequence.loss_mask = {0, 0, 1, 1};
  EXPECT_EQ(total_log_ratio({&model}, {&model}, {sequence, sequence}), 0);
  const double there = total_log_ratio({&model}, {&other}, {sequence});
  EXPECT_NE(there, 0);
  EXPECT_NEAR(total_log_ratio({&other}, {&model}, {sequence, sequence}), -2 * there, 1e-5);
}

}  // namespace
}  // namespace una::eval
