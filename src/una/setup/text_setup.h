#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/core/model_spec.h"
#include "una/data/dataset.h"
#include "una/text/chat_template.h"
#include "una/text/tokenizer.h"

namespace una::setup {

// Tokenizer and template of a model folder, and the end-of-sequence id that ends answers. Both live on the heap:
// pipelines and reward models keep pointers to them, which stay valid when this struct is moved.
struct TextSetup {
  std::string folder;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::unique_ptr<text::ChatTemplate> chat_template;  // nullptr: the folder has none
  std::int32_t eos_id = -1;
  std::vector<std::int32_t> other_end_ids;  // further end-of-sequence ids of config.json

  data::TextPipeline pipeline() const {
    return {.tokenizer = tokenizer.get(),
            .chat_template = chat_template.get(),
            .eos_id = eos_id,
            .other_end_ids = other_end_ids,
            .content_hash = content_hash};
  }
  std::string content_hash;  // of tokenizer and template files, when the folder was read
};

// `spec` gives the fallback end-of-sequence id where the tokenizer names none. InputError when neither does.
TextSetup load_text(const std::string& folder, const rows::DataOptions& options, const ModelSpec& spec);

// Copies tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja,
// generation_config.json where they exist, and what other programs read of a tokenizer: tokenizer.model,
// vocab.json, merges.txt, added_tokens.json, additional_chat_templates/tool_use.jinja.
void copy_text_files(const std::string& from, const std::string& to);

}  // namespace una::setup
