#include "una/gguf/gguf_tokenizer.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/gguf/gguf_tokenizer_json.h"

// The output equals convert_hf_to_gguf.py's for the same folder, except for scores: the script gives every
// token the same one, which loses the order of merges.
namespace una::gguf {
namespace {

using detail::TokenizerJson;

// llama_token_type.
enum TokenType : std::int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

constexpr std::string_view kSpaceMark = "\u2581";  // SentencePiece's space

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

bool has_part(const std::vector<TokenizerJson>& parts, const char* type) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const TokenizerJson& part) { return detail::type_of(part) == type; });
}

// "<0x0A>"
bool is_byte_token(const std::string& text) {
  constexpr std::size_t kLength = 6;
  if (text.size() != kLength || !starts_with(text, "<0x") || text.back() != '>') { return false; }
  return text.find_first_not_of("0123456789ABCDEFabcdef", 3) == kLength - 1;
}

// Tokens that are special although their files do not mark them so.
bool looks_special(const std::string& text) {
  return text == "<pad>" || text == "<mask>" || (starts_with(text, "<|") && ends_with(text, "|>")) ||
         (starts_with(text, "<\uFF5C") && ends_with(text, "\uFF5C>")) ||
         (starts_with(text, "<unused") && ends_with(text, ">"));
}

// Whether each added token is special, by its text. Tokens in no list were named by tokenizer_config.json
// (bos_token, ...), which makes them special.
std::unordered_map<std::string, bool> added_tokens(const GgufTokenizerSource& source,
                                                   const TokenizerJson& json) {
  std::unordered_map<std::string, bool> out;
  const auto add = [&](const TokenizerJson& token) {
    const TokenizerJson& content = detail::member(token, "content");
    const TokenizerJson& special = detail::member(token, "special");
    if (content.is_string()) {
      out[content.get<std::string>()] = special.is_boolean() && special.get<bool>();
    }
  };
  const TokenizerJson& vocabulary = detail::member(detail::member(json, "model"), "vocab");
  for (const std::string& token : source.tokens) {
    if (!vocabulary.contains(token)) { out[token] = true; }
  }
  const TokenizerJson config = TokenizerJson::parse(source.config_json, nullptr, false);
  for (const TokenizerJson& token : detail::member(config, "added_tokens_decoder")) { add(token); }
  for (const TokenizerJson& token : detail::member(json, "added_tokens")) { add(token); }
  return out;
}

// Pairs as "a b", the form that llama.cpp reads. A space within a part is encoded as in byte-level BPE.
std::vector<std::string> merges_of(const TokenizerJson& model) {
  std::vector<std::string> out;
  for (const TokenizerJson& merge : detail::member(model, "merges")) {
    if (merge.is_string()) {
      out.push_back(merge.get<std::string>());
      continue;
    }
    out.push_back(cat(replaced(merge.at(0).get<std::string>(), " ", "\u0120"), " ",
                      replaced(merge.at(1).get<std::string>(), " ", "\u0120")));
  }
  return out;
}

// The rank of the first merge that produces each token.
std::unordered_map<std::string, std::size_t> ranks_of(const std::vector<std::string>& merges) {
  std::unordered_map<std::string, std::size_t> out;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    out.emplace(replaced(merges[rank], " ", ""), rank);
  }
  return out;
}

// The parallel lists of a tokenizer's metadata.
struct TokenLists {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::vector<float> scores;
};

// `unknown` is the unknown token's text; `byte_tokens`: whether byte tokens exist.
TokenLists list_tokens(const GgufTokenizerSource& source, const TokenizerJson& json,
                       const std::string& unknown, bool byte_tokens) {
  const std::unordered_map<std::string, bool> added = added_tokens(source, json);
  TokenLists out;
  for (std::int64_t id = 0; id < source.rows; ++id) {
    const auto at = static_cast<std::size_t>(id);
    std::string token = at < source.tokens.size() ? source.tokens[at] : "";
    const auto found = added.find(token);
    std::int32_t type = kNormal;
    if (token.empty()) {
      token = cat("[PAD", id, "]");
      type = kUnused;
    } else if (byte_tokens && token == unknown) {
      type = kUnknown;
    } else if (found != added.end()) {
      type = found->second || looks_special(token) ? kControl : kUserDefined;
      if (type == kUserDefined) { token = replaced(token, kSpaceMark, " "); }
    } else if (byte_tokens && is_byte_token(token)) {
      type = kByte;
    }
    out.tokens.push_back(std::move(token));
    out.types.push_back(type);
  }
  return out;
}

void check_distinct(const TokenLists& lists, const std::string& what) {
  std::unordered_set<std::string_view> seen;
  for (const std::string& token : lists.tokens) {
    check_input(seen.insert(token).second, what, ": two tokens have the text \"", token,
                "\", which llama.cpp does not take");
  }
}

void add_id(GgufMetadata& out, const char* key, std::int32_t id) {
  if (id >= 0) { out.emplace_back(key, static_cast<std::uint32_t>(id)); }
}

void add_rest(const GgufTokenizerSource& source, GgufMetadata& out) {
  add_id(out, "tokenizer.ggml.bos_token_id", source.bos_id);
  add_id(out, "tokenizer.ggml.eos_token_id", source.eos_id);
  add_id(out, "tokenizer.ggml.eot_token_id", source.other_end_id);
  add_id(out, "tokenizer.ggml.padding_token_id", source.pad_id);
  out.emplace_back("tokenizer.ggml.add_bos_token", source.adds_bos);
  out.emplace_back("tokenizer.ggml.add_eos_token", source.adds_eos);
  if (!source.chat_template.empty()) { out.emplace_back("tokenizer.chat_template", source.chat_template); }
}

// Every converter silently drops NFC, because texts are nearly always in that form.
std::vector<std::string> normalizer_warnings(const GgufTokenizerSource& source, const TokenizerJson& json) {
  std::vector<std::string> out;
  for (const TokenizerJson& part : detail::parts_of(detail::member(json, "normalizer"), "normalizers")) {
    const std::string type = detail::type_of(part);
    if (type != "NFC") {
      out.push_back(cat(source.what, ": llama.cpp has no ", type,
                        " normalizer for byte-level BPE: it may split some texts into other tokens"));
    }
  }
  return out;
}

GgufTokenizer byte_level(const GgufTokenizerSource& source, const TokenizerJson& json) {
  GgufTokenizer out;
  out.warnings = normalizer_warnings(source, json);
  out.pre = gguf_pre_tokenizer(source.tokenizer_json, source.what);
  if (out.pre.empty()) {
    out.pre = "default";
    out.warnings.push_back(
        cat(source.what,
            ": its pre-tokenizer is none of those whose name in llama.cpp is known here; "
            "\"default\" is written, and llama.cpp may split some texts into other tokens "
            "(token ids are not affected; llama.cpp takes the right name with --override-kv "
            "tokenizer.ggml.pre=str:NAME)"));
  }
  TokenLists lists = list_tokens(source, json, "", false);
  check_distinct(lists, source.what);
  out.metadata = {{"tokenizer.ggml.model", std::string("gpt2")},
                  {"tokenizer.ggml.pre", out.pre},
                  {"tokenizer.ggml.tokens", std::move(lists.tokens)},
                  {"tokenizer.ggml.token_type", std::move(lists.types)},
                  {"tokenizer.ggml.merges", merges_of(detail::member(json, "model"))}};
  return out;
}

// Whether a space mark is prepended to every text.
bool adds_space(const TokenizerJson& json) {
  if (has_part(detail::parts_of(detail::member(json, "normalizer"), "normalizers"), "Prepend")) {
    return true;
  }
  for (const TokenizerJson& part : detail::parts_of(detail::member(json, "pre_tokenizer"), "pretokenizers")) {
    if (detail::type_of(part) != "Metaspace") { continue; }
    const TokenizerJson& scheme = detail::member(part, "prepend_scheme");
    return !scheme.is_string() || scheme.get<std::string>() != "never";
  }
  return false;
}

GgufTokenizer sentence_piece(const GgufTokenizerSource& source, const TokenizerJson& json) {
  const TokenizerJson& model = detail::member(json, "model");
  const TokenizerJson& unknown = detail::member(model, "unk_token");
  const std::string unknown_text = unknown.is_string() ? unknown.get<std::string>() : "";
  TokenLists lists = list_tokens(source, json, unknown_text, true);
  check_distinct(lists, source.what);
  const std::vector<std::string> merges = merges_of(model);
  const std::unordered_map<std::string, std::size_t> ranks = ranks_of(merges);
  for (const std::string& token : lists.tokens) {
    const auto found = ranks.find(token);
    lists.scores.push_back(-static_cast<float>(found == ranks.end() ? merges.size() : found->second));
  }
  const auto unknown_at = std::find(lists.types.begin(), lists.types.end(), kUnknown);
  const auto unknown_id = unknown_at == lists.types.end() ? -1 : unknown_at - lists.types.begin();
  GgufTokenizer out;
  out.metadata = {{"tokenizer.ggml.model", std::string("llama")},
                  {"tokenizer.ggml.pre", std::string("default")},
                  {"tokenizer.ggml.tokens", std::move(lists.tokens)},
                  {"tokenizer.ggml.scores", std::move(lists.scores)},
                  {"tokenizer.ggml.token_type", std::move(lists.types)},
                  {"tokenizer.ggml.add_space_prefix", adds_space(json)}};
  add_id(out.metadata, "tokenizer.ggml.unknown_token_id", static_cast<std::int32_t>(unknown_id));
  return out;
}

}  // namespace

GgufTokenizer gguf_tokenizer(const GgufTokenizerSource& source) {
  check_input(static_cast<std::int64_t>(source.tokens.size()) <= source.rows, source.what,
              ": the tokenizer has ", source.tokens.size(), " tokens, but the model only ", source.rows,
              " rows in its embedding; it belongs to another model");
  const TokenizerJson json = detail::parse_tokenizer_json(source.tokenizer_json, source.what);
  const TokenizerJson& model = detail::member(json, "model");
  const TokenizerJson& fallback = detail::member(model, "byte_fallback");
  const std::string type = detail::type_of(model);  // the library's first versions did not write it
  const bool bpe = type == "BPE" || (type.empty() && detail::member(model, "merges").is_array());
  const bool bytes =
      has_part(detail::parts_of(detail::member(json, "pre_tokenizer"), "pretokenizers"), "ByteLevel");
  const bool pieces = fallback.is_boolean() && fallback.get<bool>();
  check_input(bpe && (bytes || pieces), source.what,
              ": GGUF export knows byte-level BPE tokenizers and BPE with byte fallback, not ",
              bpe ? "other BPE" : type);
  GgufTokenizer out = bytes ? byte_level(source, json) : sentence_piece(source, json);
  add_rest(source, out.metadata);
  return out;
}

}  // namespace una::gguf
