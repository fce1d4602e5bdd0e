#include "una/setup/text_setup.h"

#include <optional>
#include <utility>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"

namespace una::setup {
namespace {

constexpr const char* kTextFiles[] = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                      "chat_template.jinja", "generation_config.json"};
// What una does not read, but other programs of such a folder may.
constexpr const char* kOthersTextFiles[] = {"tokenizer.model", "vocab.json", "merges.txt",
                                            "added_tokens.json", "additional_chat_templates/tool_use.jinja"};

std::string hash_text_files(const std::string& folder) {
  Hasher hasher;
  for (const char* name : kTextFiles) {
    const std::string path = folder + "/" + name;
    hasher.add(name).add(is_file(path) ? read_file(path) : "");
  }
  return hasher.hex();
}

}  // namespace

TextSetup load_text(const std::string& folder, const rows::DataOptions& options, const ModelSpec& spec) {
  TextSetup setup;
  setup.folder = folder;
  setup.tokenizer = std::make_unique<text::Tokenizer>(text::load_tokenizer(folder));
  auto found =
      text::load_chat_template(folder, setup.tokenizer->special_tokens_json(), options.chat_template_path,
                               false, {options.chat_template_max_mb, options.chat_template_max_seconds});
  if (found) { setup.chat_template = std::make_unique<text::ChatTemplate>(std::move(*found)); }
  if (const auto eos = setup.tokenizer->eos_id()) {
    setup.eos_id = *eos;
  } else if (!spec.eos_ids.empty()) {
    setup.eos_id = spec.eos_ids.front();
  }
  check_input(setup.eos_id >= 0, folder,
              ": neither tokenizer_config.json (eos_token) nor config.json "
              "(eos_token_id) names an end-of-sequence token; add one, since answers "
              "must end in it");
  for (const std::int32_t id : spec.eos_ids) {
    if (id != setup.eos_id) { setup.other_end_ids.push_back(id); }
  }
  setup.content_hash = hash_text_files(folder);
  return setup;
}

void copy_text_files(const std::string& from, const std::string& to) {
  const auto copy = [&](const char* name) {
    const std::string path = from + "/" + name;
    if (is_file(path)) { write_file(to + "/" + name, read_file(path)); }
  };
  for (const char* name : kTextFiles) { copy(name); }
  if (is_folder(from + "/additional_chat_templates")) { make_folder(to + "/additional_chat_templates"); }
  for (const char* name : kOthersTextFiles) { copy(name); }
}

}  // namespace una::setup
