#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "una/core/example.h"
#include "una/core/sequence.h"
#include "una/text/chat_template.h"
#include "una/text/tokenizer.h"

namespace una::text {

// The text side of a model folder. Shared, so that copies of an Encoder stay valid wherever they move.
struct TextModel {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatTemplate> chat_template;  // null: none; chat turns are then an InputError
  std::shared_ptr<const ChatTemplate> tool_template;  // for conversations with tools; null: chat_template
  std::int32_t eos_id = -1;                 // ends an answer; -1: none (InputError where one is needed)
  std::vector<std::int32_t> other_end_ids;  // further ids that end a turn: no eos_id is added behind them
  std::int64_t embedding_rows = 0;          // ids from here on are an InputError; 0: not known
  std::string content_hash;  // of tokenizer and template files: part of a row cache's key; "": no cache
};

// How conversations are encoded, beyond what the model folder fixes.
struct EncoderOptions {
  bool strict_boundary = false;  // InputError where a prompt's ids are not a prefix of the whole's, not a cut
  std::string date;              // see RenderOptions
  bool end_chat_answers = true;  // false: no end token behind what the template renders (reward models)
};
bool is_strict_boundary(const std::string& name);  // "strict", "repair"; InputError for another name

// How a rendered conversation gets its BOS. Reward models differ here, following their authors' scripts.
enum class BosRule : std::uint8_t {
  kTemplate,  // only what the template writes (apply_chat_template, tokenize=True)
  kDouble,  // tokenised with special tokens, in addition to the template's BOS (the GRM model cards' script)
  kStrip,   // the template's BOS is removed from the text, the tokenizer adds its own (Skywork's script)
};
BosRule parse_bos_rule(
    const std::string& name);  // "template", "double", "strip"; InputError for another name

// A prompt, the answers to it, and what the template is given besides. Borrowed: what it refers to must
// outlive the call. If the prompt or an answer has chat turns, a plain prompt counts as a user turn and a
// plain answer as an assistant turn.
struct Conversation {
  const Text* prompt = nullptr;
  std::vector<const Text*> answers;
  std::string_view tools, template_kwargs;  // JSON texts or ""
};
Conversation conversation_of(const Example& example);
Conversation prompt_of(const Example& example);  // without its answers

// A prompt with one answer: ids[0, prompt) is the prompt.
struct EncodedAnswer {
  std::vector<std::int32_t> ids;
  std::size_t prompt = 0;
};
// With the loss mask: 1 behind the prompt, but never on the first token, which nothing predicts.
Sequence sequence_of(EncodedAnswer answer);

// A conversation as ids.
struct Encoded {
  std::vector<EncodedAnswer> answers;  // as many as the conversation's; without answers one, the prompt alone
  bool repaired = false;               // a boundary had to move
  std::string refusal;                 // encode_all: why there are no answers; "": there are
};

// How a conversation becomes token ids: the only place that knows BOS, EOS, the boundary between prompt and
// answer, the choice of the template and its date. Immutable, thread-safe, cheap to copy.
//
// Chat turns go through the template (tool_use for a conversation with tools, as in Hugging Face): the prompt with
// the generation prompt, prompt and answer as one conversation, each tokenised whole. The boundary is the end of
// the prompt's ids if they are a prefix of the whole's, else the first id that differs.
//
// Plain text: BOS if the tokenizer adds one, prompt and answer, EOS once. Prompt and answer are tokenised together,
// with the same boundary. Most byte-level tokenizers give the same ids for the two apart (changes_beginnings is
// false); then they are tokenised apart, which keeps a prompt's ids whole where the last word goes on in the answer,
// as when the answer is sampled. SentencePiece would put a second space in front of an answer by itself.
//
// Errors are InputErrors without file and line; the caller adds them.
class Encoder {
 public:
  Encoder() = default;  // without a tokenizer: only to be assigned to
  explicit Encoder(TextModel model, EncoderOptions options = {});

  // The prompt alone, ending in the template's generation prompt.
  std::vector<std::int32_t> prompt(const Conversation& conversation) const;
  Encoded encode(const Conversation& conversation) const;
  // Many at once, on all cores, equal texts tokenised once. Refusals are returned, not thrown.
  std::vector<Encoded> encode_all(const std::vector<Conversation>& conversations) const;
  // Prompt and answer as a reward model reads them: what the template renders without a generation prompt and
  // without an end token; plain text as encode() gives it.
  std::vector<std::int32_t> whole(const Text& prompt, const Text& answer, std::string_view tools,
                                  std::string_view template_kwargs, BosRule bos) const;

  // What the template writes between a user turn and an answer although the generation prompt lacks it: it is then
  // trained as part of the answer, and prompts for sampling end without it. "": nothing.
  std::string missing_generation_prompt() const;

  // The id that stays in front when a prompt is cut at its beginning; -1: none.
  std::int32_t leading_token() const;
  const Tokenizer& tokenizer() const { return *model_.tokenizer; }
  const TextModel& model() const { return model_; }
  const EncoderOptions& options() const { return options_; }

 private:
  struct Texts;
  class Batch;
  Texts prompt_text(const Conversation& conversation) const;
  Texts texts(const Conversation& conversation) const;
  Encoded encode(const Texts& texts) const;
  std::string render(const Conversation& conversation, const Text* answer, bool generation_prompt) const;
  Encoded finish(const Texts& texts, const Batch& batch) const;
  EncodedAnswer answer_of(const Texts& texts, const std::vector<std::int32_t>& prompt,
                          std::vector<std::int32_t> ids, bool& repaired) const;
  std::size_t boundary(const std::vector<std::int32_t>& prompt, const std::vector<std::int32_t>& whole,
                       bool& repaired) const;
  bool needs_eos(const Texts& texts, const EncodedAnswer& answer) const;
  void check_ids(const std::vector<std::int32_t>& ids) const;
  void add_bos(std::vector<std::int32_t>& ids) const;
  void add_eos(std::vector<std::int32_t>& ids) const;
  bool ends_turn(const EncodedAnswer& answer) const;

  TextModel model_;
  EncoderOptions options_;
  std::int32_t bos_ = -1;
};

}  // namespace una::text
