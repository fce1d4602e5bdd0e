#include "una/text/encoder.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/parallel.h"

namespace una::text {
namespace {

std::vector<Message> turns_of(const Text& text, const char* role) {
  if (text.is_chat) { return text.messages; }
  return {{.role = role, .content = text.plain, .extra = ""}};
}

bool is_chat(const Conversation& conversation) {
  const auto has_turns = [](const Text* text) { return text->is_chat; };
  return conversation.prompt->is_chat ||
         std::any_of(conversation.answers.begin(), conversation.answers.end(), has_turns);
}

// The answer without a member of its turns; nullopt: none has it.
std::optional<Text> answer_without(const Text& answer, const char* name) {
  const auto names_it = [&](const Message& turn) { return turn.extra.find(name) != std::string::npos; };
  if (std::none_of(answer.messages.begin(), answer.messages.end(), names_it)) { return std::nullopt; }
  Text without = answer;
  bool found = false;
  for (Message& turn : without.messages) {
    if (!names_it(turn)) { continue; }
    Json extra = Json::parse(turn.extra);
    const auto member = extra.find(name);
    if (member == extra.end() || member->empty()) { continue; }
    extra.erase(member);
    turn.extra = extra.empty() ? "" : extra.dump();
    found = true;
  }
  return found ? std::optional(std::move(without)) : std::nullopt;
}

// InputError where a template does not write what the answer says, as one that knows other roles; the answer would be
// learnt as an end token alone. Templates may change a text, as those that take the thoughts out.
template <class Render>
void check_content(const Text& answer, const std::string& rendered, const Render& render) {
  const auto speaks = [](const Message& turn) {
    return turn.role == "assistant" && !trim(turn.content).empty();
  };
  const bool lacks = std::any_of(answer.messages.begin(), answer.messages.end(), [&](const Message& turn) {
    return speaks(turn) && rendered.find(trim(turn.content)) == std::string::npos;
  });
  if (!lacks) { return; }
  Text other = answer;
  for (Message& turn : other.messages) {
    if (speaks(turn)) { turn.content = "una-answer"; }
  }
  std::string otherwise;
  try {
    otherwise = render(other);
  } catch (const InputError&) { return; }
  check_input(otherwise != rendered,
              "the chat template leaves out the answer, a turn of the assistant; give a template that "
              "writes it with --chat_template_path");
}

// InputError where a template does not write the calls that the answer makes. `render`: an answer's conversation.
template <class Render>
void check_calls(const Text& answer, const std::string& rendered, const Render& render) {
  for (const char* name : {"tool_calls", "function_call"}) {
    const std::optional<Text> without = answer_without(answer, name);
    if (!without) { continue; }
    std::string bare;
    try {
      bare = render(*without);
    } catch (const InputError&) { continue; }  // a turn without its calls is refused: they do matter
    check_input(bare != rendered, "the chat template leaves out the answer's \"", name,
                "\", so the answer would be learnt without it; give a template that writes it with "
                "--chat_template_path");
  }
}

}  // namespace

// What is tokenised for one conversation. `joint`: each answer's text begins with the prompt.
struct Encoder::Texts {
  bool is_chat = false, joint = false;
  std::string prompt;
  std::vector<std::string> answers;
};

// Ids of many texts, equal ones tokenised once. No special tokens are added.
class Encoder::Batch {
 public:
  void add(const Texts& texts) {
    add(texts.prompt);
    for (const std::string& answer : texts.answers) { add(answer); }
  }
  void encode(const Tokenizer& tokenizer) { ids_ = tokenizer.encode_batch(texts_, false); }
  const std::vector<std::int32_t>& ids(const std::string& text) const { return ids_[index_.at(text)]; }

 private:
  void add(const std::string& text) {
    if (index_.try_emplace(text, texts_.size()).second) { texts_.push_back(text); }
  }

  std::unordered_map<std::string, std::size_t> index_;
  std::vector<std::string> texts_;
  std::vector<std::vector<std::int32_t>> ids_;
};

bool is_strict_boundary(const std::string& name) {
  check_input(name == "strict" || name == "repair", "--boundary: \"", name,
              "\" is neither strict nor repair");
  return name == "strict";
}

BosRule parse_bos_rule(const std::string& name) {
  if (name == "template") { return BosRule::kTemplate; }
  if (name == "double") { return BosRule::kDouble; }
  if (name == "strip") { return BosRule::kStrip; }
  throw InputError(cat("rm_bos: '", name, "' is unknown, choose one of template, double, strip"));
}

Conversation prompt_of(const Example& example) {
  return {.prompt = &example.prompt,
          .answers = {},
          .tools = example.tools,
          .template_kwargs = example.template_kwargs};
}

Conversation conversation_of(const Example& example) {
  Conversation conversation = prompt_of(example);
  for (const Response& response : example.responses) { conversation.answers.push_back(&response.text); }
  return conversation;
}

Sequence sequence_of(EncodedAnswer answer) {
  Sequence sequence;
  sequence.ids = std::move(answer.ids);
  sequence.loss_mask.assign(sequence.ids.size(), 0);
  for (std::size_t i = std::max<std::size_t>(answer.prompt, 1); i < sequence.ids.size(); ++i) {
    sequence.loss_mask[i] = 1;
  }
  return sequence;
}

Encoder::Encoder(TextModel model, EncoderOptions options)
    : model_(std::move(model)), options_(std::move(options)) {
  check(model_.tokenizer != nullptr, "Encoder without a tokenizer");
  // The id as encode() puts it: it may differ from tokenizer_config.json's bos_token.
  if (model_.tokenizer->adds_bos()) { bos_ = model_.tokenizer->encode("", true).at(0); }
}

std::int32_t Encoder::leading_token() const {
  return bos_ >= 0 ? bos_ : model_.tokenizer->bos_id().value_or(-1);
}

void Encoder::add_bos(std::vector<std::int32_t>& ids) const {
  if (bos_ >= 0 && (ids.empty() || ids[0] != bos_)) { ids.insert(ids.begin(), bos_); }
}

void Encoder::add_eos(std::vector<std::int32_t>& ids) const {
  check_input(model_.eos_id >= 0,
              "the answer needs an end token, but the model folder names none; add eos_token to "
              "tokenizer_config.json");
  ids.push_back(model_.eos_id);
}

std::string Encoder::render(const Conversation& conversation, const Text* answer,
                            bool generation_prompt) const {
  const bool with_tools = !conversation.tools.empty() && model_.tool_template != nullptr;
  const ChatTemplate* chat_template = with_tools ? model_.tool_template.get() : model_.chat_template.get();
  check_input(chat_template != nullptr,
              "the row has chat turns, but the model has no chat template; give --chat_template_path FILE");
  const RenderOptions options{.add_generation_prompt = generation_prompt,
                              .tools = std::string(conversation.tools),
                              .documents = "",
                              .template_kwargs = std::string(conversation.template_kwargs),
                              .date = options_.date};
  std::vector<Message> messages = turns_of(*conversation.prompt, "user");
  if (answer != nullptr) {
    for (Message& message : turns_of(*answer, "assistant")) { messages.push_back(std::move(message)); }
  }
  try {
    return chat_template->render(messages, options).text;
  } catch (const InputError& error) {
    throw InputError(cat("the chat template refuses the row's prompt",
                         conversation.answers.empty() ? "" : " and answer", ": ", error.what()));
  }
}

Encoder::Texts Encoder::prompt_text(const Conversation& conversation) const {
  Texts out;
  out.is_chat = is_chat(conversation);
  out.joint = out.is_chat || model_.tokenizer->changes_beginnings();
  out.prompt = out.is_chat ? render(conversation, nullptr, true) : conversation.prompt->plain;
  return out;
}

Encoder::Texts Encoder::texts(const Conversation& conversation) const {
  Texts out = prompt_text(conversation);
  for (const Text* answer : conversation.answers) {
    if (out.is_chat) {
      out.answers.push_back(render(conversation, answer, false));
      const auto with = [&](const Text& other) { return render(conversation, &other, false); };
      check_content(*answer, out.answers.back(), with);
      check_calls(*answer, out.answers.back(), with);
    } else {
      out.answers.push_back(out.joint ? out.prompt + answer->plain : answer->plain);
    }
  }
  return out;
}

// Where the answer begins in `whole`.
std::size_t Encoder::boundary(const std::vector<std::int32_t>& prompt, const std::vector<std::int32_t>& whole,
                              bool& repaired) const {
  const auto end = std::mismatch(prompt.begin(), prompt.end(), whole.begin(), whole.end()).first;
  const auto same = static_cast<std::size_t>(end - prompt.begin());
  if (end == prompt.end()) { return same; }
  check_input(!options_.strict_boundary,
              "the prompt's tokens are not a prefix of the whole conversation's (they differ from token ",
              same, " of ", prompt.size(), " on); --boundary repair cuts there");
  repaired = true;
  return same;
}

bool Encoder::needs_eos(const Texts& texts, const EncodedAnswer& answer) const {
  if (texts.is_chat) { return options_.end_chat_answers && !ends_turn(answer); }
  return answer.ids.size() == answer.prompt || answer.ids.back() != model_.eos_id;
}

// `ids` are those of the answer's text.
EncodedAnswer Encoder::answer_of(const Texts& texts, const std::vector<std::int32_t>& prompt,
                                 std::vector<std::int32_t> ids, bool& repaired) const {
  EncodedAnswer out;
  if (texts.joint) {
    if (!texts.is_chat) { add_bos(ids); }
    out.prompt = boundary(prompt, ids, repaired);
    out.ids = std::move(ids);
  } else {
    out = {prompt, prompt.size()};
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
  }
  if (needs_eos(texts, out)) { add_eos(out.ids); }
  check_ids(out.ids);
  return out;
}

// A tokenizer may name tokens that were added without resizing the embedding.
void Encoder::check_ids(const std::vector<std::int32_t>& ids) const {
  if (model_.embedding_rows == 0) { return; }
  const auto found =
      std::find_if(ids.begin(), ids.end(), [&](std::int32_t id) { return id >= model_.embedding_rows; });
  if (found == ids.end()) { return; }
  throw InputError(cat("the text has the token '", model_.tokenizer->token_of(*found), "' with id ", *found,
                       ", but the model's embedding has only ", model_.embedding_rows,
                       " rows; take it out of the text, or resize the model's embedding"));
}

// True if an end token is last, or is followed only by white space that the template writes after it.
bool Encoder::ends_turn(const EncodedAnswer& answer) const {
  for (std::size_t i = answer.ids.size(); i > answer.prompt; --i) {
    const std::int32_t id = answer.ids[i - 1];
    const std::vector<std::int32_t>& others = model_.other_end_ids;
    if (id == model_.eos_id || std::find(others.begin(), others.end(), id) != others.end()) { return true; }
    if (!trim(model_.tokenizer->decode({id}, false)).empty()) { return false; }
  }
  return false;
}

Encoded Encoder::finish(const Texts& texts, const Batch& batch) const {
  std::vector<std::int32_t> prompt = batch.ids(texts.prompt);
  if (!texts.is_chat) { add_bos(prompt); }
  Encoded out;
  for (const std::string& answer : texts.answers) {
    out.answers.push_back(answer_of(texts, prompt, batch.ids(answer), out.repaired));
  }
  if (texts.answers.empty()) {
    check_ids(prompt);
    out.answers.push_back({prompt, prompt.size()});
  }
  return out;
}

Encoded Encoder::encode(const Texts& texts) const {
  Batch batch;
  batch.add(texts);
  batch.encode(*model_.tokenizer);
  return finish(texts, batch);
}

Encoded Encoder::encode(const Conversation& conversation) const { return encode(texts(conversation)); }

std::vector<Encoded> Encoder::encode_all(const std::vector<Conversation>& conversations) const {
  std::vector<Encoded> out(conversations.size());
  std::vector<Texts> all(conversations.size());
  for_each_index(conversations.size(), [&](std::size_t i) {
    try {
      all[i] = texts(conversations[i]);
    } catch (const InputError& error) { out[i].refusal = error.what(); }
  });
  Batch batch;
  for (const Texts& texts : all) { batch.add(texts); }
  batch.encode(*model_.tokenizer);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!out[i].refusal.empty()) { continue; }
    try {
      out[i] = finish(all[i], batch);
    } catch (const InputError& error) { out[i].refusal = error.what(); }
  }
  return out;
}

std::vector<std::int32_t> Encoder::prompt(const Conversation& conversation) const {
  return encode(prompt_text(conversation)).answers.at(0).ids;
}

std::vector<std::int32_t> Encoder::whole(const Text& prompt, const Text& answer, std::string_view tools,
                                         std::string_view template_kwargs, BosRule bos) const {
  const Conversation conversation{
      .prompt = &prompt, .answers = {&answer}, .tools = tools, .template_kwargs = template_kwargs};
  if (!is_chat(conversation)) { return encode(conversation).answers.at(0).ids; }
  std::string text = render(conversation, &answer, false);
  if (bos == BosRule::kStrip) {
    const std::optional<std::int32_t> id = model_.tokenizer->bos_id();
    const std::string token = id ? model_.tokenizer->token_of(*id) : "";
    if (!token.empty() && starts_with(text, token)) { text.erase(0, token.size()); }
  }
  std::vector<std::int32_t> ids = model_.tokenizer->encode(text, bos != BosRule::kTemplate);
  check_ids(ids);
  return ids;
}

std::string Encoder::missing_generation_prompt() const {
  constexpr const char* kAnswer = "una-answer";
  const std::vector<Message> question{{.role = "user", .content = "Hello", .extra = ""}};
  std::vector<Message> both = question;
  both.push_back({.role = "assistant", .content = kAnswer, .extra = ""});
  if (model_.chat_template == nullptr) { return ""; }
  try {
    const std::string prompt =
        model_.chat_template->render(question, {.add_generation_prompt = true, .date = options_.date}).text;
    const std::string bare = model_.chat_template->render(question, {.date = options_.date}).text;
    const std::string whole = model_.chat_template->render(both, {.date = options_.date}).text;
    const std::size_t answer = whole.find(kAnswer);
    if (prompt != bare || !starts_with(whole, prompt) || answer == std::string::npos) { return ""; }
    const std::string between = whole.substr(prompt.size(), answer - prompt.size());
    return trim(between).empty() ? "" : between;
  } catch (const InputError&) { return ""; }  // a template that refuses such turns
}

}  // namespace una::text
