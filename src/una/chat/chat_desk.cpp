#include "una/chat/chat_desk.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"

namespace una::chat {

Text prompt_text(const std::vector<Message>& turns, bool is_chat) {
  check_input(!turns.empty() && turns.back().role == "user", "a prompt must end with a turn of the user");
  Text text;
  text.is_chat = is_chat;
  if (is_chat) {
    text.messages = turns;
  } else {
    check_input(turns.size() == 1, "the model has no chat template: it answers one prompt at a time");
    text.plain = turns[0].content;
  }
  return text;
}

ChatDesk::ChatDesk(Options options, VoteFile& votes)
    : options_(std::move(options)), file_(votes), rng_(options_.seed, stream_id("chat")) {
  check(options_.models.size() == 1 || options_.models.size() == 2, "ChatDesk: one model or two");
}

// The id cannot be told from the order of exchanges, but is reproducible for a seed.
std::string ChatDesk::put(Kept kept) {
  const std::string id = hash_hex(cat(options_.seed, ' ', number_++, ' ', file_.path(), ' ', rng_.bits()));
  kept.exchange.id = id;
  kept_.emplace(id, std::move(kept));
  return id;
}

ChatDesk::Begun ChatDesk::begin(const std::vector<Message>& turns, const Json& sampling) {
  const std::lock_guard lock(mutex_);
  Kept kept{.exchange = {.prompt = prompt_text(turns, options_.is_chat), .sampling = sampling},
            .turns = turns};
  kept.order = {0};
  if (options_.models.size() == 2) {
    kept.order = rng_.below(2) == 0 ? std::vector<std::size_t>{0, 1} : std::vector<std::size_t>{1, 0};
  }
  std::vector<std::size_t> order = kept.order;
  return {put(std::move(kept)), std::move(order)};
}

void ChatDesk::answered(const std::string& id, std::vector<std::string> texts) {
  const std::lock_guard lock(mutex_);
  Kept& kept = kept_.at(id);
  check(texts.size() == kept.order.size(), "ChatDesk: an answer is missing");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Model& model = options_.models[kept.order[i]];
    kept.exchange.answers.push_back(
        {.text = std::move(texts[i]), .model = model.name, .weights = model.weights});
  }
  kept.complete = true;
}

std::optional<Exchange> ChatDesk::show_again(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(id);
  if (found == kept_.end() || !found->second.complete) { return std::nullopt; }
  Kept again = found->second;
  again.repeats = id;
  again.said.reset();
  std::reverse(again.order.begin(), again.order.end());
  std::reverse(again.exchange.answers.begin(), again.exchange.answers.end());
  return kept_.at(put(std::move(again))).exchange;
}

// Whether the person says of a repeated exchange what was said the first time.
void ChatDesk::compare(const Kept& again) {
  const auto first = kept_.find(again.repeats);
  if (first == kept_.end() || !first->second.said || !again.said) { return; }
  ++repeated_;
  agreed_ += *first->second.said == *again.said ? 1 : 0;
}

std::vector<std::string> ChatDesk::vote(const std::string& exchange, const Vote& vote) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(exchange);
  check_input(found != kept_.end(),
              "the exchange is not known here (the server was started again); ask once more");
  Kept& kept = found->second;
  check_input(kept.complete, "the answers are not complete yet");
  const bool is_new = file_.add(vote.id, rows_of(kept.exchange, vote, options_.source));
  if (is_new) {
    voted_[vote.id] = exchange;
    if (vote.kind == Vote::Kind::kBetter) { kept.said = kept.order[vote.answer] == 0 ? -1 : 1; }
    if (vote.kind == Vote::Kind::kTie || vote.kind == Vote::Kind::kBothBad) { kept.said = 0; }
    if (!kept.repeats.empty()) { compare(kept); }
  }
  std::vector<std::string> names;
  for (const Shown& shown : kept.exchange.answers) { names.push_back(shown.model); }
  return names;
}

bool ChatDesk::undo(const std::string& vote) {
  const std::lock_guard lock(mutex_);
  const auto found = voted_.find(vote);
  if (found != voted_.end()) {
    kept_.at(found->second).said.reset();
    voted_.erase(found);
  }
  return file_.undo(vote);
}

std::size_t ChatDesk::votes() const {
  const std::lock_guard lock(mutex_);
  return file_.votes();
}

std::string ChatDesk::agreement() const {
  const std::lock_guard lock(mutex_);
  return repeated_ == 0 ? "" : cat("self-agreement ", agreed_, " of ", repeated_);
}

std::optional<ChatDesk::Next> ChatDesk::next() {
  const std::lock_guard lock(mutex_);
  std::vector<const Kept*> seen;  // with a preference, not repeated yet
  for (const auto& [id, kept] : kept_) {
    const bool shown = std::any_of(kept_.begin(), kept_.end(),
                                   [&](const auto& other) { return other.second.repeats == id; });
    if (kept.said && kept.repeats.empty() && !shown) { seen.push_back(&kept); }
  }
  if (options_.models.size() == 2 && !seen.empty() && rng_.uniform() < options_.repeat) {
    const Kept& again = *seen[rng_.below(seen.size())];
    return Next{again.turns, again.exchange.id};
  }
  if (next_prompt_ >= options_.prompts.size()) { return std::nullopt; }
  return Next{options_.prompts[next_prompt_++]};
}

}  // namespace una::chat
