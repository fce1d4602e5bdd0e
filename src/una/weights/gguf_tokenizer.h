#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/weights/gguf_writer.h"

namespace una::weights {

// A tokenizer as its owner sees it, beside the texts of its files.
struct GgufTokenizerSource {
  std::string what;                                    // the folder, for messages
  std::string tokenizer_json;                          // text
  std::string config_json;                             // text of tokenizer_config.json, "" when absent
  std::vector<std::string> tokens;                     // of every id, added ones too; "" where an id has none
  std::int64_t rows = 0;                               // of the embedding, at least as many as tokens
  std::int32_t bos_id = -1, eos_id = -1, pad_id = -1;  // -1: none
  std::int32_t other_end_id = -1;                      // a second one that ends answers
  bool adds_bos = false, adds_eos = false;
  std::string chat_template;  // "" for none
};

struct GgufTokenizer {
  GgufMetadata metadata;  // tokenizer.*
  std::string pre;        // the name in llama.cpp of a byte-level BPE's pre-tokenizer, "" for the other kind
  std::vector<std::string> warnings;
};

// A byte-level BPE becomes llama.cpp's "gpt2" with merges; one of whole characters with byte fallback (as
// SentencePiece's) becomes "llama" with scores, which are minus the rank of a token's first merge. Rows
// beyond the tokens are filled with unused ones called [PAD123]. InputError for another kind of tokenizer,
// more tokens than rows, or two tokens with one text (llama.cpp aborts on those).
GgufTokenizer gguf_tokenizer(const GgufTokenizerSource& source);

// llama.cpp's name of a byte-level BPE's pre-tokenizer, told by the structure of tokenizer.json; "" when it
// is none of those that are known.
std::string gguf_pre_tokenizer(const std::string& tokenizer_json, const std::string& what);

}  // namespace una::weights
