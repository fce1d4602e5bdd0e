#pragma once

#include <map>
#include <string>

#include "una/core/model_spec.h"
#include "una/rows/data_options.h"
#include "una/text/encoder.h"

namespace una::setup {

// The tokenizer and template files that go with a trained model, by their names in its folder: their bytes as they were
// read for training, since a run of days may outlive the files.
using TextFiles = std::map<std::string, std::string>;

// How texts are encoded for the model of a folder.
struct TextSetup {
  std::string folder;
  text::Encoder encoder;
  TextFiles files;

  const text::Tokenizer& tokenizer() const { return encoder.tokenizer(); }
  const text::ChatTemplate* chat_template() const { return encoder.model().chat_template.get(); }
  std::int32_t eos_id() const { return encoder.model().eos_id; }
  const std::string& content_hash() const { return encoder.model().content_hash; }
};

// Which folders the tokenizer and the chat template of a model come from.
struct TextFolders {
  std::string tokenizer, chat_template;
};
// An adapter's own files go before the model's: it was trained with them. `adapter` "": none.
TextFolders text_folders(const std::string& model, const std::string& adapter);

// `options` gives chat_template_path (which goes before every folder's template), template_date and boundary; `spec`
// the fallback end-of-sequence id if the tokenizer names none. InputError if neither does.
TextSetup load_text(const TextFolders& folders, const rows::DataOptions& options, const ModelSpec& spec);
TextSetup load_text(const std::string& folder, const rows::DataOptions& options, const ModelSpec& spec);

// What to tell users of a template that ignores add_generation_prompt; `missing` is what it leaves out.
std::string generation_prompt_remark(const std::string& missing);

// Reads tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja,
// generation_config.json where they exist, and what other programs read of a tokenizer: tokenizer.model,
// vocab.json, merges.txt, added_tokens.json, additional_chat_templates/tool_use.jinja, and of a processor of images:
// preprocessor_config.json, processor_config.json, video_preprocessor_config.json, chat_template.json. The template is the
// one at `chat_template_path` (a file or a name) if it is given, else that of `folders`.
TextFiles read_text_files(const TextFolders& folders, const std::string& chat_template_path);

void write_text_files(const TextFiles& files, const std::string& folder);

}  // namespace una::setup
