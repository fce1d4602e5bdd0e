#include "una/serve/sampled_reply.h"

#include <algorithm>
#include <utility>

namespace una::serve {
namespace {

constexpr const char* kEventStream = "text/event-stream; charset=utf-8";

// Which stop string ended a text that was cut before it.
Json stop_that_ended(const Service& service, const SampledReply::Choice& choice,
                     const generate::Output& output) {
  const text::Tokenizer& tokenizer = service.tokenizer();
  const std::string whole = tokenizer.decode_after(tokenizer.left_context(choice.prompt), output.ids);
  for (const std::string& stop : choice.stops) {
    if (whole.compare(std::min(output.text.size(), whole.size()), stop.size(), stop) == 0) { return stop; }
  }
  return nullptr;
}

// The end of a list behind its first `told` elements.
template <class T>
std::vector<T> behind(const std::vector<T>& list, std::size_t told) {
  return {list.begin() + static_cast<std::ptrdiff_t>(std::min(told, list.size())), list.end()};
}

}  // namespace

SampledReply::SampledReply(Service& service, net::Ticket ticket, bool streams, std::vector<Choice> choices)
    : service_(service),
      ticket_(ticket),
      streams_(streams),
      choices_(std::move(choices)),
      left_(choices_.size()) {
  for (Choice& choice : choices_) {
    if (streams) { choice.stream.emplace(&service.tokenizer(), choice.stops, choice.prompt); }
  }
}

void SampledReply::begin() {
  if (!std::exchange(begun_, true)) { service_.server->stream_begin(ticket_, kEventStream); }
}

void SampledReply::send(const Part& part) {
  begin();
  std::string bytes;
  for (const Json& each : events(part)) { bytes += openai::event(each); }
  service_.server->stream_push(ticket_, bytes);
}

void SampledReply::grew(std::size_t index, const generate::Output& fresh) {
  Choice& choice = choices_[index];
  const bool first = choice.ids.empty();
  choice.ids.insert(choice.ids.end(), fresh.ids.begin(), fresh.ids.end());
  Part part{.choice = index, .text = choice.stream->push(choice.ids), .fresh = fresh, .first = first};
  choice.told = choice.ids.size();
  if (first || wants_logps() || !part.text.empty()) { send(part); }
}

void SampledReply::end(Choice& choice, generate::Output output) {
  using Finish = generate::Output::Finish;
  choice.finish_reason = output.finish == Finish::kLength ? "length" : "stop";
  if (output.finish == Finish::kStop) { choice.stop_reason = stop_that_ended(service_, choice, output); }
  const auto& ends = service_.end_ids;
  const bool named =
      output.finish == Finish::kEos && std::find(ends.begin(), ends.end(), output.ids.back()) == ends.end();
  if (named) { choice.stop_reason = output.ids.back(); }  // one of the request's own stop ids
  choice.output = std::move(output);
}

void SampledReply::finished(std::size_t index, generate::Output output) {
  Choice& choice = choices_[index];
  end(choice, std::move(output));
  const generate::Output& whole_output = *choice.output;
  if (streams_) {
    Part part{.choice = index, .first = choice.told == 0, .last = true};
    part.text = choice.stream->finish(whole_output.text);
    part.fresh.ids = behind(whole_output.ids, choice.told);
    part.fresh.logps = behind(whole_output.logps, choice.told);
    part.fresh.top = behind(whole_output.top, choice.told);
    part.fresh.prompt_logps = whole_output.prompt_logps;
    send(part);
  }
  if (--left_ > 0) { return; }
  over_ = true;
  if (!streams_) {
    service_.server->respond(ticket_, json_answer(whole()));
    return;
  }
  std::string rest = openai::kDoneEvent;
  if (const std::optional<Json> last = usage_part()) { rest = openai::event(*last) + rest; }
  service_.server->stream_push(ticket_, rest);
  service_.server->stream_end(ticket_);
}

void SampledReply::failed(int status, const std::string& reason) {
  if (std::exchange(over_, true)) { return; }
  if (!begun_) {
    service_.server->respond(ticket_, error_answer(status, reason));
    return;
  }
  service_.server->stream_push(ticket_,
                               openai::event(openai::error_json(status, reason)) + openai::kDoneEvent);
  service_.server->stream_end(ticket_);
}

openai::Usage SampledReply::usage() const {
  openai::Usage usage;
  const Choice* before = nullptr;  // the choices of one prompt are neighbours
  for (const Choice& choice : choices_) {
    const bool again = before != nullptr && choice.output && choice.output->sample > 0;
    if (!again) { usage.prompt_tokens += std::ssize(choice.prompt); }
    if (choice.output) { usage.completion_tokens += std::ssize(choice.output->ids); }
    before = &choice;
  }
  return usage;
}

}  // namespace una::serve
