#include "una/text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "una/base/bridge_call.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"

namespace una::text {
namespace {

std::vector<una_str> borrow_all(const std::vector<std::string>& texts) {
  std::vector<una_str> borrowed;
  borrowed.reserve(texts.size());
  for (const std::string& text : texts) { borrowed.push_back(bridge::borrow(text)); }
  return borrowed;
}

std::optional<std::int32_t> id_member(const Json& info, const char* key) {
  const Json& value = info.at(key);
  if (value.is_null()) { return std::nullopt; }
  return value.get<std::int32_t>();
}

// Texts at whose border no tokenizer merges anything by itself: what differs comes from the beginning.
constexpr std::pair<const char*, const char*> kBorders[] = {
    {"a", " b"}, {"a\n", "b"}, {"a", "\nb"}, {"a", "."}};

bool finds_changed_beginnings(const Tokenizer& tokenizer) {
  try {
    for (const auto& [first, second] : kBorders) {
      std::vector<std::int32_t> apart = tokenizer.encode(first, false);
      for (const std::int32_t id : tokenizer.encode(second, false)) { apart.push_back(id); }
      if (apart != tokenizer.encode(std::string(first) + second, false)) { return true; }
    }
  } catch (const InputError&) {}  // a vocabulary without these letters: nothing is known of it
  return false;
}

std::string read_if_there(const std::string& path) { return is_file(path) ? read_file(path) : ""; }

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(std::string name) : what(std::move(name)) {}
  ~Impl() { una_tokenizer_free(handle); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Encoding encode(std::string_view text, bool add_special_tokens, bool with_offsets) const {
    una_encoding out{};
    una_text error{};
    bridge::check_status(
        una_encode(handle, bridge::borrow(text), add_special_tokens, with_offsets, &out, &error), error,
        what);
    Encoding encoding;
    encoding.ids.assign(out.ids, out.ids + out.size);
    if (out.offsets != nullptr) {
      encoding.offsets.reserve(out.size);
      for (std::size_t i = 0; i < out.size; ++i) {
        encoding.offsets.emplace_back(out.offsets[2 * i], out.offsets[2 * i + 1]);
      }
    }
    una_encoding_free(out);
    return encoding;
  }

  std::string what;  // the folder, for messages
  una_tokenizer* handle = nullptr;
  std::int64_t size = 0, longest_token = 0;
  std::optional<std::int32_t> bos, eos, pad;
  bool adds_bos = false;
  bool adds_eos = false;
  bool changes_beginnings = false;
  std::string special_tokens;
};

Tokenizer::Tokenizer(std::string_view tokenizer_json, std::string_view config_json,
                     std::string_view special_map_json, const std::string& what)
    : impl_(std::make_unique<Impl>(what)) {
  una_text error{};
  bridge::check_status(una_tokenizer_new(bridge::borrow(tokenizer_json), bridge::borrow(config_json),
                                         bridge::borrow(special_map_json), &impl_->handle, &error),
                       error, what);
  una_text out{};
  bridge::check_status(una_tokenizer_info(impl_->handle, &out, &error), error, what);
  const Json info = parse_json(bridge::take(out), what);
  impl_->size = info.at("size").get<std::int64_t>();
  impl_->longest_token = info.at("longest_token").get<std::int64_t>();
  impl_->bos = id_member(info, "bos_id");
  impl_->eos = id_member(info, "eos_id");
  impl_->pad = id_member(info, "pad_id");
  impl_->adds_bos = info.at("adds_bos").get<bool>();
  impl_->adds_eos = info.at("adds_eos").get<bool>();
  impl_->special_tokens = info.at("special_tokens").dump();
  impl_->changes_beginnings = finds_changed_beginnings(*this);
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  return impl_->encode(text, add_special_tokens, false).ids;
}

Encoding Tokenizer::encode_with_offsets(std::string_view text, bool add_special_tokens) const {
  return impl_->encode(text, add_special_tokens, true);
}

std::vector<std::vector<std::int32_t>> Tokenizer::encode_batch(const std::vector<std::string>& texts,
                                                               bool add_special_tokens) const {
  const std::vector<una_str> borrowed = borrow_all(texts);
  una_batch out{};
  una_text error{};
  bridge::check_status(
      una_encode_batch(impl_->handle, borrowed.data(), borrowed.size(), add_special_tokens, &out, &error),
      error, impl_->what);
  std::vector<std::vector<std::int32_t>> ids;
  ids.reserve(out.ends_size);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < out.ends_size; ++i) {
    ids.emplace_back(out.ids + begin, out.ids + out.ends[i]);
    begin = out.ends[i];
  }
  una_batch_free(out);
  return ids;
}

std::string Tokenizer::decode(const std::vector<std::int32_t>& ids, bool skip_special_tokens) const {
  una_text out{};
  una_text error{};
  bridge::check_status(una_decode(impl_->handle, ids.data(), ids.size(), skip_special_tokens, &out, &error),
                       error, impl_->what);
  return bridge::take(out);
}

std::int64_t Tokenizer::size() const { return impl_->size; }
std::int64_t Tokenizer::longest_token() const { return impl_->longest_token; }

std::optional<std::int32_t> Tokenizer::id_of(std::string_view token) const {
  std::int32_t id = -1;
  una_text error{};
  bridge::check_status(una_token_to_id(impl_->handle, bridge::borrow(token), &id, &error), error,
                       impl_->what);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::string Tokenizer::token_of(std::int32_t id) const {
  una_text out{};
  una_text error{};
  bridge::check_status(una_id_to_token(impl_->handle, id, &out, &error), error, impl_->what);
  return bridge::take(out);
}

std::optional<std::int32_t> Tokenizer::bos_id() const { return impl_->bos; }
std::optional<std::int32_t> Tokenizer::eos_id() const { return impl_->eos; }
std::optional<std::int32_t> Tokenizer::pad_id() const { return impl_->pad; }
bool Tokenizer::adds_bos() const { return impl_->adds_bos; }
bool Tokenizer::adds_eos() const { return impl_->adds_eos; }
bool Tokenizer::changes_beginnings() const { return impl_->changes_beginnings; }

std::vector<std::int32_t> Tokenizer::left_context(std::span<const std::int32_t> prompt) const {
  constexpr std::size_t kEnough = 16;  // ids; more than any token reaches back
  if (!impl_->changes_beginnings) { return {}; }
  if (adds_bos() && !prompt.empty() && prompt[0] == encode("", true).at(0)) { prompt = prompt.subspan(1); }
  if (prompt.size() > kEnough) { prompt = prompt.last(kEnough); }
  if (prompt.empty()) { return {}; }
  std::vector<std::int32_t> left(prompt.begin(), prompt.end());
  const std::string text = decode(left, false);
  std::vector<std::int32_t> apart = encode(text, false);
  for (const std::int32_t id : encode("a", false)) { apart.push_back(id); }
  if (apart == encode(text + "a", false)) { return {}; }
  return left;
}

std::string Tokenizer::decode_after(const std::vector<std::int32_t>& left,
                                    std::span<const std::int32_t> ids) const {
  std::vector<std::int32_t> all = left;
  all.insert(all.end(), ids.begin(), ids.end());
  const std::string whole = decode(all, true);
  if (left.empty()) { return whole; }
  const std::string before = decode(left, true);
  return starts_with(whole, before) ? whole.substr(before.size()) : decode({ids.begin(), ids.end()}, true);
}

std::vector<std::int32_t> Tokenizer::encode_after(const std::vector<std::int32_t>& left,
                                                  const std::string& text) const {
  if (left.empty()) { return encode(text, false); }
  const std::string before = decode(left, false);
  const std::vector<std::int32_t> start = encode(before, false), whole = encode(before + text, false);
  const auto end = std::mismatch(start.begin(), start.end(), whole.begin(), whole.end());
  return end.first == start.end() ? std::vector<std::int32_t>(end.second, whole.end()) : encode(text, false);
}
std::string Tokenizer::special_tokens_json() const { return impl_->special_tokens; }

Tokenizer load_tokenizer(const std::string& folder) {
  check_input(is_folder(folder), folder, ": there is no such folder to load a tokenizer from");
  const std::string path = folder + "/tokenizer.json";
  if (!is_file(path)) {
    throw InputError(cat(folder, ": no tokenizer.json there; save one with transformers: ",
                         "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"));
  }
  return {read_file(path), read_if_there(folder + "/tokenizer_config.json"),
          read_if_there(folder + "/special_tokens_map.json"), folder};
}

std::string train_bpe(const std::vector<std::string>& texts, std::int64_t vocab_size,
                      const std::vector<std::string>& special_tokens) {
  const std::vector<una_str> borrowed = borrow_all(texts);
  const std::vector<una_str> special = borrow_all(special_tokens);
  una_text out{};
  una_text error{};
  bridge::check_status(una_bpe_train(borrowed.data(), borrowed.size(), vocab_size, special.data(),
                                     special.size(), &out, &error),
                       error, "training a tokenizer");
  return bridge::take(out);
}

}  // namespace una::text
