#include "una/model/adapter_origin.h"

#include <gtest/gtest.h>

#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

// The tensors of a fresh adapter for a model of `size`, as its file names them.
weights::StateDict adapter_for(const TinySize& size, LoraSpec spec = {}) {
  Model model(tiny_spec(size), 5, {});
  const std::string prefix = "base_model.model.";
  weights::StateDict out;
  for (const auto& [name, tensor] : model.adapter_tensors(model.add_adapter(spec, 1, false))) {
    out.add(name.substr(prefix.size()), tensor);
  }
  return out;
}

std::string refusal(const TinySize& size, const LoraSpec& spec = {.base_model_name_or_path = "/x/base"}) {
  const Model maker(tiny_spec(), 5, {});
  weights::StateDict weights;
  for (const auto& [name, tensor] : maker.named_tensors()) { weights.add(name, tensor); }
  Model model(tiny_spec(), weights, {}, "m/chat");
  return error_of([&] { model.load_adapter(spec, adapter_for(size, spec), false, "demo-run/una_group"); });
}

TEST(AdapterOrigin, AnAdapterOfAnotherModelIsRefusedByDepthAndWidthInOneShortSentence) {
  const std::string message = refusal({.hidden = 32, .layers = 40});
  EXPECT_EQ(
      message.find("demo-run/una_group: the adapter was made for /x/base (40 layers, 32 wide); m/chat has "
                   "2 layers, 16 wide; "),
      0U)
      << message;
  EXPECT_NE(message.find(" and 149 more"), std::string::npos) << message;
  EXPECT_LT(message.size(), 900U);
}

TEST(AdapterOrigin, FewerLayersAreNamedUnlessTheAdapterChoseItsLayers) {
  EXPECT_NE(refusal({.layers = 1}, {}).find("made for another model (1 layer, 16 wide); "),
            std::string::npos);
  EXPECT_EQ(refusal({}, {.layers_to_transform = {0}}), "no error");
  EXPECT_EQ(refusal({}), "no error");
}

TEST(AdapterOrigin, SizesThatTheTensorsDoNotShowAreNotGuessed) {
  const LoraSpec down{.target_modules = {"down_proj"}};
  const std::string message = refusal({.hidden = 32}, down);
  EXPECT_EQ(message.find("made for"), std::string::npos) << message;
  EXPECT_NE(message.find("down_proj.lora_B.weight is [32, 16]"), std::string::npos) << message;
}

}  // namespace
}  // namespace una::model
