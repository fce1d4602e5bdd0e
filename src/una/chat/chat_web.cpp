#include "una/chat/chat_web.h"

#include <algorithm>
#include <utility>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/chat/embedded.h"
#include "una/openai/chat.h"
#include "una/serve/chat_prompt.h"
#include "una/serve/sampled_reply.h"

namespace una::chat {
namespace {

net::Response page_part(const char* type, std::string_view text) {
  return {
      .content_type = type,
      .body = std::string(text),
      .headers = {
          {"content-security-policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
           "form-action 'none'; frame-ancestors 'none'"},
          {"x-content-type-options", "nosniff"},
          {"referrer-policy", "no-referrer"},
          {"cache-control", "no-store"}}};
}

// Events of the page: {"answer": 0, "text": "...", "end": "stop"}; the first one names the exchange.
class PairReply final : public serve::SampledReply {
 public:
  PairReply(serve::Service& service, net::Ticket ticket, ChatDesk& desk, std::string exchange,
            std::vector<Choice> choices)
      : SampledReply(service, ticket, true, std::move(choices)),
        desk_(desk),
        exchange_(std::move(exchange)) {}

 protected:
  Json whole() override { return nullptr; }  // it always streams
  bool wants_logps() const override { return false; }
  std::vector<Json> events(const Part& part) override {
    Json event{{"answer", part.choice}, {"text", part.text}};
    if (part.last) { event["end"] = choices()[part.choice].finish_reason; }
    if (std::exchange(named_, true)) { return {event}; }
    return {{{"exchange", exchange_}}, event};
  }
  // All answers are complete: the person may vote as soon as the stream ends.
  std::optional<Json> usage_part() override {
    std::vector<std::string> texts;
    for (const Choice& choice : choices()) { texts.push_back(choice.output->text); }
    desk_.answered(exchange_, std::move(texts));
    return std::nullopt;
  }

 private:
  ChatDesk& desk_;
  std::string exchange_;
  bool named_ = false;
};

Vote vote_of(const openai::detail::Fields& fields) {
  Vote vote;
  vote.id = fields.text("vote").value_or("");
  const std::string kind = fields.text("kind").value_or("");
  const std::vector<std::pair<const char*, Vote::Kind>> kinds = {
      {"better", Vote::Kind::kBetter}, {"tie", Vote::Kind::kTie},     {"bad", Vote::Kind::kBothBad},
      {"thumb", Vote::Kind::kThumb},   {"score", Vote::Kind::kScore}, {"edit", Vote::Kind::kEdit}};
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const auto& each) { return kind == each.first; });
  if (found == kinds.end()) {
    throw openai::BadRequest("kind", "'kind' must be better, tie, bad, thumb, score or edit");
  }
  vote.kind = found->second;
  vote.answer = static_cast<std::size_t>(fields.count("answer", 0, 1).value_or(0));
  vote.strength = fields.number("strength");
  vote.up = fields.flag("up").value_or(false);
  vote.score = fields.number("score").value_or(0);
  vote.edited = fields.text("edited").value_or("");
  vote.note = fields.text("note").value_or("");
  vote.seconds = fields.number("seconds").value_or(0);
  return vote;
}

Json sampling_json(const SamplingParams& params) {
  return {{"temperature", params.temperature},
          {"top_p", params.top_p},
          {"max_new_tokens", params.max_new_tokens},
          {"seed", params.seed}};
}

}  // namespace

ChatWeb::ChatWeb(ChatDesk& desk, std::vector<serve::Named> models, SamplingParams sampling, std::string token)
    : desk_(desk), models_(std::move(models)), sampling_(std::move(sampling)), token_(std::move(token)) {}

std::optional<serve::Routed> ChatWeb::route(serve::Service& service, const net::Arrived& request) {
  const std::string path = serve::target_of(request.target).path;
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (reads && path == "/") { return page_part("text/html; charset=utf-8", kChatHtml); }
  if (reads && path == "/chat.js") { return page_part("text/javascript; charset=utf-8", kChatJs); }
  if (reads && path == "/chat.css") { return page_part("text/css; charset=utf-8", kChatCss); }
  if (!starts_with(path, "/chat/") || path == "/chat/completions" || request.method != "POST") {
    return std::nullopt;
  }
  if (request.header("x-una-token") != token_) {
    throw serve::HttpError(401, "the page's token is missing or old: open the address that una chat printed");
  }
  if (path == "/chat/setup") { return setup(); }
  if (path == "/chat/ask") { return ask(service, request); }
  if (path == "/chat/vote") { return vote(request); }
  if (path == "/chat/undo") { return undo(request); }
  if (path == "/chat/next") { return next(); }
  return std::nullopt;
}

serve::Routed ChatWeb::setup() {
  return serve::json_answer({{"answers", desk_.answers()},
                             {"chat", desk_.is_chat()},
                             {"prompts", desk_.prompts()},
                             {"votes", desk_.votes()}});
}

serve::Routed ChatWeb::next() {
  const std::optional<ChatDesk::Next> next = desk_.next();
  if (!next) { return serve::json_answer({{"done", true}, {"agreement", desk_.agreement()}}); }
  Json turns = Json::array();
  for (const Message& turn : next->turns) {
    turns.push_back({{"role", turn.role}, {"content", turn.content}});
  }
  Json out{{"done", false}, {"messages", turns}};
  if (!next->exchange.empty()) { out["exchange"] = next->exchange; }
  return serve::json_answer(out);
}

// An earlier exchange, its sides swapped, as if it were sampled now.
void ChatWeb::stream_again(serve::Service& service, net::Ticket ticket, const std::string& exchange) {
  const std::optional<Exchange> shown = desk_.show_again(exchange);
  if (!shown) { throw serve::HttpError(404, "the exchange is not known here"); }
  std::string bytes = openai::event({{"exchange", shown->id}});
  for (std::size_t i = 0; i < shown->answers.size(); ++i) {
    bytes += openai::event({{"answer", i}, {"text", shown->answers[i].text}, {"end", "stop"}});
  }
  service.server->stream_begin(ticket, "text/event-stream; charset=utf-8");
  service.server->stream_push(ticket, bytes + openai::kDoneEvent);
  service.server->stream_end(ticket);
}

serve::Routed ChatWeb::ask(serve::Service& service, const net::Arrived& request) {
  const openai::detail::Fields fields(request.body);
  if (const auto again = fields.text("exchange")) {
    stream_again(service, request.ticket, *again);
    return std::nullopt;
  }
  const std::vector<Message> turns = openai::read_chat_request(request.body).messages;
  SamplingParams params = sampling_;
  params.seed = serve::fresh_seed() >> 11;  // JSON keeps 53 bits
  const Text prompt = prompt_text(turns, desk_.is_chat());
  std::vector<std::int32_t> ids = prompt.is_chat
                                      ? serve::chat_prompt(service, {.messages = turns})
                                      : service.served.encoder->prompt({.prompt = &prompt, .answers = {}});
  service.check_ids(ids, "messages", false);
  params.stop_ids = service.end_ids;
  params.max_new_tokens = std::min(params.max_new_tokens, service.max_model_len - std::ssize(ids));
  const ChatDesk::Begun begun = desk_.begin(turns, sampling_json(params));
  auto job = std::make_shared<serve::Job>(serve::Job{.ticket = request.ticket, .streams = true});
  job->arrived = monotonic_seconds();
  std::vector<serve::SampledReply::Choice> choices;
  for (const std::size_t model : begun.order) {
    job->requests.push_back(
        {.prompt = ids, .params = params, .sample = model, .adapter = models_[model].adapter});
    choices.push_back({.prompt = ids});
  }
  job->reply = std::make_shared<PairReply>(service, request.ticket, desk_, begun.id, std::move(choices));
  service.engine->submit(std::move(job));
  return std::nullopt;
}

serve::Routed ChatWeb::vote(const net::Arrived& request) {
  const openai::detail::Fields fields(request.body);
  const std::vector<std::string> models = desk_.vote(fields.text("exchange").value_or(""), vote_of(fields));
  return serve::json_answer({{"models", models}, {"votes", desk_.votes()}, {"agreement", desk_.agreement()}});
}

serve::Routed ChatWeb::undo(const net::Arrived& request) {
  const openai::detail::Fields fields(request.body);
  const bool undone = desk_.undo(fields.text("vote").value_or(""));
  return serve::json_answer({{"undone", undone}, {"votes", desk_.votes()}});
}

}  // namespace una::chat
