#include "una/weights/stored_form.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "una/weights/config_testing.h"
#include "una/weights/family.h"

namespace una::weights {
namespace {

TEST(StoredForm, TheHeadOfGptNeoxHasAnotherNameInFiles) {
  const ModelSpec spec = parse("gpt_neox");
  const PartNames& names = find_family(spec).names;
  StateDict file;
  file.add("embed_out.weight", at::ones({2}));
  file.add("gpt_neox.embed_in.weight", at::ones({3}));
  const StateDict ours = as_parameters(spec, names, file, "FOLDER");
  EXPECT_EQ(ours.names(), (std::vector<std::string>{"gpt_neox.embed_in.weight", "lm_head.weight"}));
  EXPECT_TRUE(ours.at("lm_head.weight").is_same(file.at("embed_out.weight")));
  const StateDict again = as_parameters(spec, names, ours, "FOLDER");
  EXPECT_EQ(again.names(), ours.names()) << "transformers' own name is read too";
  NamedTensors tensors(ours.all().begin(), ours.all().end());
  tensors = as_stored(spec, names, tensors);
  EXPECT_EQ(tensors[0].first, "gpt_neox.embed_in.weight");
  EXPECT_EQ(tensors[1].first, "embed_out.weight");
}

TEST(StoredForm, OtherFamiliesKeepTheirNames) {
  const ModelSpec spec = parse("llama");
  StateDict file;
  file.add("embed_out.weight", at::ones({2}));
  file.add("lm_head.weight", at::ones({2}));
  const PartNames& names = find_family(spec).names;
  EXPECT_EQ(as_parameters(spec, names, file, "FOLDER").names(), file.names());
  EXPECT_EQ(as_stored(spec, names, {{"lm_head.weight", at::ones({2})}})[0].first, "lm_head.weight");
}

}  // namespace
}  // namespace una::weights
