#include "una/train/answer_kernel.h"

#include <cmath>

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "una/data/pack.h"
#include "una/train/tiny_run_testing.h"

namespace una::train {
namespace {

using testing::tiny_sequence;
using testing::TinyRun;

double logp_of(TinyRun& run, const Sequence& sequence) {
  Row row;
  row.sequences.push_back(sequence);
  const PackedBatch batch = data::pack_rows({row}, {}).front();
  const c10::AutoGradMode no_grad(false);
  return run.model.forward(batch, {}, {.adapter = run.policy}).logp.to(at::kDouble).sum().item<double>();
}

// To first order, a step along one answer's gradient moves another's log-prob by the kernel's entry.
TEST(AnswerKernel, TellsHowFarLearningOneAnswerMovesAnother) {
  TinyRun run("una", {}, {.dtype = at::kFloat});
  const std::vector<Sequence> answers = {tiny_sequence(1, 4, 3, 1), tiny_sequence(2, 4, 5, 1),
                                         tiny_sequence(3, 4, 4, 1)};
  const at::Tensor kernel = answer_kernel(*run.runner, answers, 1);
  ASSERT_EQ(kernel.sizes(), (std::vector<std::int64_t>{3, 3}));
  EXPECT_LE(run.runner->buffer().size(), kSketch) << "small enough to be exact";
  EXPECT_EQ(run.runner->buffer().grads().abs().max().item<double>(), 0);
  // The gradient of the first answer, by the trainer's own buffer.
  Row row;
  row.sequences.push_back(answers[0]);
  const PackedBatch batch = data::pack_rows({row}, {}).front();
  const at::Tensor logp = run.model.forward(batch, {}, {.adapter = run.policy}).logp;
  logp.sum().backward();
  const at::Tensor gradient = run.runner->buffer().grads().clone();
  run.runner->buffer().zero_grads();
  std::vector<double> before;
  for (const Sequence& answer : answers) { before.push_back(logp_of(run, answer)); }
  const double step = .002 / std::sqrt(kernel[0][0].item<double>());
  {
    const c10::AutoGradMode no_grad(false);
    run.runner->buffer().values().add_(gradient, step);
  }
  run.runner->set().refresh();
  for (std::int64_t i = 0; i < 3; ++i) {
    const double moved =
        logp_of(run, answers[static_cast<std::size_t>(i)]) - before[static_cast<std::size_t>(i)];
    EXPECT_NEAR(moved, step * kernel[0][i].item<double>(),
                2e-2 * std::abs(step * kernel[0][0].item<double>()))
        << i;
  }
}

TEST(AnswerKernel, IsSymmetricAndRepeatable) {
  TinyRun run("una", {}, {.dtype = at::kFloat});
  const std::vector<Sequence> answers = {tiny_sequence(1, 4, 3, 1), tiny_sequence(2, 4, 5, 1)};
  const at::Tensor a = answer_kernel(*run.runner, answers, 1), b = answer_kernel(*run.runner, answers, 1);
  EXPECT_TRUE(a.equal(b));
  EXPECT_TRUE(a.equal(a.t()));
}

}  // namespace
}  // namespace una::train
