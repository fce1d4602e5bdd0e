#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/testing.h"
#include "una/containers/containers_testing.h"
#include "una/rows/schemas/schema.h"
#include "una/text/encoder.h"

// Help for this room's tests only.
namespace una::rows {

using containers::contains;
using containers::input_error;
using containers::write_rows;

// A row of a file "rows.jsonl", line 7.
inline ReadRow read_text(const std::string& json, bool apply_chat_template = false) {
  return read_row(parse_json(json, "test"), Where{"rows.jsonl", 7},
                  {.apply_chat_template = apply_chat_template});
}

// A tokenizer of a few words, no template; <pad> 0, <s> 1, </s> 2, which ends answers.
inline text::Encoder make_encoder(const std::string& content_hash = "") {
  const std::vector<std::string> corpus(20, "the cat sat on the mat and the dog sat on the cat");
  const std::string file = text::train_bpe(corpus, 300, {"<pad>", "<s>", "</s>"});
  return text::Encoder(
      {.tokenizer = std::make_shared<text::Tokenizer>(file, R"({"eos_token": "</s>"})", "", "test"),
       .eos_id = 2,
       .content_hash = content_hash});
}

// "user:Hi|assistant:Yes" for chats, the text itself otherwise.
inline std::string shown(const Text& text) {
  if (!text.is_chat) { return text.plain; }
  std::string out;
  for (const Message& message : text.messages) {
    out += (out.empty() ? "" : "|") + message.role + ":" + message.content;
  }
  return out;
}

inline std::string prompt_of(const ReadRow& row) { return shown(row.example.prompt); }
inline std::string answer_of(const ReadRow& row, std::size_t slot) {
  return shown(row.example.responses.at(slot).text);
}

}  // namespace una::rows
