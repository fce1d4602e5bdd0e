#include <memory>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/run/online_setup.h"

namespace una::run {
namespace {

// The source of answers that the keys give; nothing is asked of the server.
std::unique_ptr<rollout::AnswerSource> source_of(void (*change)(online::OnlineOptions&)) {
  setup::RunConfig config = setup::default_config("rloo");
  config.online.sampling_endpoint = "http://127.0.0.1:9/v1";
  config.online.sampling_model = "policy";
  change(config.online);
  const setup::TextSetup text{
      .folder = "test",
      .encoder = text::Encoder({.tokenizer = std::make_shared<text::Tokenizer>(
                                    text::train_bpe({""}, 257, {"</s>"}), "", "", "test"),
                                .eos_id = 0})};
  setup::ModelSetup model;
  model.folder.spec.vocab_size = 257;
  OnlineSetup setup;
  dist::SoloGang gang;
  connect_endpoint(config, text, model, gang, setup);
  return std::move(setup.answers);
}

TEST(SamplingEndpoint, WithoutAnAddressTheModelHereAnswers) {
  EXPECT_EQ(source_of([](online::OnlineOptions& o) { o.sampling_endpoint.clear(); }), nullptr);
  EXPECT_NE(source_of([](online::OnlineOptions&) {}), nullptr);
}

TEST(SamplingEndpoint, AKeyThatIsNamedMustBeThere) {
  try {
    source_of([](online::OnlineOptions& o) { o.sampling_api_key_env = "UNA_NO_SUCH_VARIABLE"; });
    FAIL();
  } catch (const InputError& error) {
    const std::string sentence = error.what();
    EXPECT_NE(sentence.find("sampling_api_key_env"), std::string::npos) << sentence;
    EXPECT_NE(sentence.find("UNA_NO_SUCH_VARIABLE"), std::string::npos) << sentence;
  }
}

}  // namespace
}  // namespace una::run
