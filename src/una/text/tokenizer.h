#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace una::text {

// Ids of a text and the bytes that each comes from.
struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> offsets;  // bytes [begin, end) of the text
};

// A Hugging Face tokenizer (tokenizer.json through the `tokenizers` crate) with the special tokens that
// tokenizer_config.json names; fidelity rules: docs of the bridge. Immutable and thread-safe after
// construction.
class Tokenizer {
 public:
  // Texts of tokenizer.json, and of tokenizer_config.json and special_tokens_map.json ("" when absent).
  // `what` names the folder in errors. Stored truncation and padding are ignored, as Hugging Face does.
  Tokenizer(std::string_view tokenizer_json, std::string_view config_json, std::string_view special_map_json,
            const std::string& what);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  std::vector<std::int32_t> encode(std::string_view text, bool add_special_tokens) const;
  Encoding encode_with_offsets(std::string_view text, bool add_special_tokens) const;
  std::vector<std::vector<std::int32_t>> encode_batch(const std::vector<std::string>& texts,
                                                      bool add_special_tokens) const;  // on all cores
  std::string decode(const std::vector<std::int32_t>& ids, bool skip_special_tokens) const;

  std::int64_t size() const;  // ids including added tokens: 0 .. size()-1
  std::int64_t longest_token()
      const;  // bytes in the vocabulary: at least as many as of the text that it stands for
  std::optional<std::int32_t> id_of(std::string_view token) const;
  std::string token_of(std::int32_t id) const;  // "" when unknown
  std::optional<std::int32_t> bos_id() const;   // of tokenizer_config.json (or special_tokens_map.json)
  std::optional<std::int32_t> eos_id() const;
  std::optional<std::int32_t> pad_id() const;
  bool adds_bos() const;  // encode(.., true) puts it first
  bool adds_eos() const;
  // True if a text by itself is tokenised differently than behind another one, as SentencePiece models that put
  // a space in front do. Then the ids of two texts joined are not the ids of the first and those of the second.
  bool changes_beginnings() const;
  // The ids at the end of `prompt` that an answer's ids must be decoded with, and its text encoded with. Empty:
  // the answer needs none, because the tokenizer does not change beginnings, or does so behind this prompt
  // too (an empty prompt; a special token before which SentencePiece splits the text).
  std::vector<std::int32_t> left_context(std::span<const std::int32_t> prompt) const;
  // The text that `ids` add behind `left` (of left_context), special tokens skipped, so that prompt and text
  // tokenised together give the prompt's ids and `ids` again.
  std::string decode_after(const std::vector<std::int32_t>& left, std::span<const std::int32_t> ids) const;
  // The ids that a text adds behind `left`; those of the text alone if its beginning merges with `left`.
  std::vector<std::int32_t> encode_after(const std::vector<std::int32_t>& left,
                                         const std::string& text) const;
  std::string special_tokens_json() const;  // {"bos_token": "<s>", ...}: variables of chat templates

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// tokenizer.json, tokenizer_config.json, special_tokens_map.json of a model folder. InputError with advice
// when tokenizer.json is absent.
Tokenizer load_tokenizer(const std::string& folder);

// Trains a byte-level BPE (GPT-2 style pre-tokeniser) and returns the text of its tokenizer.json. Special
// tokens get the first ids, in order. Deterministic.
std::string train_bpe(const std::vector<std::string>& texts, std::int64_t vocab_size,
                      const std::vector<std::string>& special_tokens);

}  // namespace una::text
