#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/gguf/gguf_writer.h"

namespace una::gguf {

// A tokenizer to convert: the texts of its files, and the facts that its owner knows.
struct GgufTokenizerSource {
  std::string what;                 // the folder, for messages
  std::string tokenizer_json;       // text
  std::string config_json;          // text of tokenizer_config.json, "" when absent
  std::vector<std::string> tokens;  // of every id, added ones too; "" for an id without a token
  std::int64_t rows = 0;            // of the embedding, at least the number of tokens
  std::int32_t bos_id = -1, eos_id = -1, pad_id = -1;  // -1: none
  std::int32_t other_end_id = -1;                      // a second token that ends answers
  bool adds_bos = false, adds_eos = false;
  std::string chat_template;  // "" for none
};

// The converted tokenizer.
struct GgufTokenizer {
  GgufMetadata metadata;  // tokenizer.*
  std::string pre;        // llama.cpp's name of a byte-level BPE's pre-tokenizer, "" for the other kind
  std::vector<std::string> warnings;
};

// A byte-level BPE becomes llama.cpp's "gpt2" with merges; a character BPE with byte fallback
// (SentencePiece's) becomes "llama" with scores, which are minus the rank of a token's first merge. Rows
// beyond the tokens get unused tokens named [PAD123]. InputError for another kind of tokenizer, for more
// tokens than rows, and for two tokens with one text (on which llama.cpp aborts).
GgufTokenizer gguf_tokenizer(const GgufTokenizerSource& source);

// llama.cpp's name of a byte-level BPE's pre-tokenizer, recognised by the structure of tokenizer.json; ""
// when it is unknown.
std::string gguf_pre_tokenizer(const std::string& tokenizer_json, const std::string& what);

}  // namespace una::gguf
