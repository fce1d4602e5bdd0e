#include "una/eval/held_out.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/core/tiny_spec_testing.h"

namespace una::eval {
namespace {

Sampled sampled_of(std::vector<std::vector<std::int32_t>> answers) {
  Sampled out;
  for (auto& answer : answers) {
    out.prompt_ids.push_back({1, 2});
    out.answer_ids.push_back(std::move(answer));
  }
  return out;
}

TEST(HeldOut, TheKlOfTheBaseToItselfIsZero) {
  model::Model model(tiny_spec(), 1, {});
  EXPECT_EQ(sampled_kl({&model}, sampled_of({{3, 4}, {}})), 0);
}

TEST(HeldOut, AnAdapterMovesTheKl) {
  model::Model model(tiny_spec(), 1, {});
  LoraSpec lora;
  lora.r = 2;
  lora.target_modules = {"all-linear"};
  const model::AdapterId adapter = model.add_adapter(lora, 3, false);
  for (const auto& [name, tensor] : model.adapter_tensors(adapter)) { at::Tensor(tensor).fill_(0.3); }
  model.refresh();
  const double one = sampled_kl({&model, adapter}, sampled_of({{3, 4}}));
  EXPECT_NE(one, 0);
  EXPECT_NEAR(sampled_kl({&model, adapter}, sampled_of({{3, 4}, {3, 4}, {}})), one, 1e-5)
      << "empty answers are left out";
}

TEST(HeldOut, NothingButEmptyAnswersIsAnErrorOfOurs) {
  model::Model model(tiny_spec(), 1, {});
  EXPECT_THROW(sampled_kl({&model}, sampled_of({{}})), InternalError);
}

}  // namespace
}  // namespace una::eval
