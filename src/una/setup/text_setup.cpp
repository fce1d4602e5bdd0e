#include "una/setup/text_setup.h"

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json.h"
#include "una/base/log.h"
#include "una/text/named_templates.h"

namespace una::setup {
namespace {

constexpr const char* kTextFiles[] = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                      "chat_template.jinja", "generation_config.json"};
// What una does not read, but other programs of such a folder may.
constexpr const char* kOthersTextFiles[] = {"tokenizer.model",
                                            "vocab.json",
                                            "merges.txt",
                                            "added_tokens.json",
                                            "preprocessor_config.json",
                                            "processor_config.json",
                                            "chat_template.json",
                                            "video_preprocessor_config.json"};

constexpr std::int64_t kAddedTokens = 256;  // more than tokenizers gain without resizing the embedding
constexpr const char* kToolTemplate = "additional_chat_templates/tool_use.jinja";

// The template may come from another folder than the tokenizer.
std::string hash_text_files(const std::string& folder, const std::string& template_folder) {
  Hasher hasher;
  const auto add = [&](const std::string& from, const char* name) {
    const std::string path = from + "/" + name;
    hasher.add(name).add(is_file(path) ? read_file(path) : "");
  };
  for (const char* name : kTextFiles) { add(folder, name); }
  for (const char* name : {"chat_template.json", "processor_config.json"}) {  // may hold the template
    if (is_file(cat(template_folder, "/", name))) { add(template_folder, name); }
  }
  if (is_file(template_folder + "/" + kToolTemplate)) { add(template_folder, kToolTemplate); }
  if (template_folder != folder) {
    for (const char* name : {"chat_template.jinja", "tokenizer_config.json"}) { add(template_folder, name); }
  }
  return hasher.hex();
}

std::shared_ptr<const text::ChatTemplate> find_template(const std::string& folder, const std::string& path,
                                                        const text::Tokenizer& tokenizer, bool with_tools,
                                                        const text::TemplateLimits& limits) {
  auto found = text::load_chat_template(folder, tokenizer.special_tokens_json(), path, with_tools, limits);
  return found ? std::make_shared<const text::ChatTemplate>(std::move(*found)) : nullptr;
}

// A template that the tokenizer was not made for still works, but its marks are spelt in pieces.
void warn_of_marks(const std::string& name, const text::Tokenizer& tokenizer) {
  std::vector<std::string> missing;
  for (const std::string& mark : text::marks_of_template(name)) {
    if (!tokenizer.id_of(mark)) { missing.push_back(mark); }
  }
  if (missing.empty()) { return; }
  log_warning(
      cat("the tokenizer has no token ", join(missing, ", "), ", so the template ", name,
          " is written in pieces of ordinary text; a template of the tokenizer's own family is shorter"));
}

}  // namespace

TextFolders text_folders(const std::string& model, const std::string& adapter) {
  TextFolders out{.tokenizer = model, .chat_template = model};
  if (adapter.empty()) { return out; }
  if (is_file(adapter + "/tokenizer.json")) { out.tokenizer = adapter; }
  if (!text::chat_template_source(adapter).empty()) { out.chat_template = adapter; }
  return out;
}

TextSetup load_text(const std::string& folder, const rows::DataOptions& options, const ModelSpec& spec) {
  return load_text(TextFolders{.tokenizer = folder, .chat_template = folder}, options, spec);
}

TextSetup load_text(const TextFolders& folders, const rows::DataOptions& options, const ModelSpec& spec) {
  const std::string& folder = folders.tokenizer;
  text::TextModel model;
  auto tokenizer = std::make_shared<const text::Tokenizer>(text::load_tokenizer(folder));
  const std::string& given = options.chat_template_path;
  const text::TemplateLimits limits{options.chat_template_max_mb, options.chat_template_max_seconds};
  model.chat_template = find_template(folders.chat_template, given, *tokenizer, false, limits);
  model.tool_template =
      given.empty() ? find_template(folders.chat_template, "", *tokenizer, true, limits) : nullptr;
  if (!is_file(given)) { warn_of_marks(given, *tokenizer); }
  model.eos_id = tokenizer->eos_id().value_or(spec.eos_ids.empty() ? -1 : spec.eos_ids.front());
  check_input(model.eos_id >= 0, folder,
              ": neither tokenizer_config.json (eos_token) nor config.json (eos_token_id) names an "
              "end-of-sequence token; add one, since answers must end in it");
  for (const std::int32_t id : spec.eos_ids) {
    if (id != model.eos_id) { model.other_end_ids.push_back(id); }
  }
  model.tokenizer = std::move(tokenizer);
  check_input(spec.vocab_size == 0 || model.tokenizer->size() <= spec.vocab_size + kAddedTokens, folder,
              ": the tokenizer has ", model.tokenizer->size(), " ids, but the model's embedding only ",
              spec.vocab_size, " rows; they do not belong together");
  check_input(spec.vocab_size == 0 || model.eos_id < spec.vocab_size, folder, ": the end-of-sequence id ",
              model.eos_id, " is beyond the model's embedding of ", spec.vocab_size, " rows");
  model.embedding_rows = spec.vocab_size;
  model.content_hash = hash_text_files(folder, folders.chat_template);
  return {folder,
          text::Encoder(std::move(model), {.strict_boundary = text::is_strict_boundary(options.boundary),
                                           .date = options.template_date}),
          read_text_files(folders, given)};
}

std::string generation_prompt_remark(const std::string& missing) {
  return cat("the chat template ignores add_generation_prompt: in chat rows ", Json(missing).dump(),
             " is trained as part of the answer, and prompts for sampling end without it; add {% if "
             "add_generation_prompt %} to the template, or give another with --chat_template_path");
}

TextFiles read_text_files(const TextFolders& folders, const std::string& chat_template_path) {
  TextFiles files;
  const auto add = [&](const std::string& from, const char* name) {
    const std::string path = from + "/" + name;
    if (is_file(path)) { files[name] = read_file(path); }
  };
  for (const char* name : kTextFiles) { add(folders.tokenizer, name); }
  for (const char* name : kOthersTextFiles) { add(folders.tokenizer, name); }
  std::string source;
  if (!chat_template_path.empty()) {
    source = text::given_template(chat_template_path);
  } else if (folders.chat_template != folders.tokenizer) {
    source = text::chat_template_source(folders.chat_template);
  }
  if (!source.empty()) { files["chat_template.jinja"] = source; }
  // As in training: the given template serves conversations with tools too.
  if (chat_template_path.empty()) { add(folders.chat_template, kToolTemplate); }
  return files;
}

void write_text_files(const TextFiles& files, const std::string& folder) {
  for (const auto& [name, bytes] : files) {
    const std::string path = folder + "/" + name;
    make_folder(std::filesystem::path(path).parent_path().string());
    write_file(path, bytes);
  }
}

}  // namespace una::setup
