#include "una/chat/vote_rows.h"

#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/core/text_json.h"

namespace una::chat {
namespace {

// An answer as the row's prompt wants it: a string behind a string, a turn behind turns.
Json answer_json(const Exchange& exchange, const std::string& text) {
  if (!exchange.prompt.is_chat) { return text; }
  return Json::array({{{"role", "assistant"}, {"content", text}}});
}

const char* kind_name(Vote::Kind kind) {
  switch (kind) {
    case Vote::Kind::kBetter:
      return "better";
    case Vote::Kind::kTie:
      return "tie";
    case Vote::Kind::kBothBad:
      return "both bad";
    case Vote::Kind::kThumb:
      return "thumb";
    case Vote::Kind::kScore:
      return "score";
    case Vote::Kind::kEdit:
      break;
  }
  return "edit";
}

Json meta_json(const Exchange& exchange, const Vote& vote) {
  Json answers = Json::array();
  for (const Shown& shown : exchange.answers) {
    answers.push_back({{"model", shown.model}, {"weights", shown.weights}});
  }
  Json meta{{"vote", vote.id},
            {"kind", kind_name(vote.kind)},
            {"exchange", exchange.id},
            {"answers", answers},
            {"answer", vote.answer},
            {"seconds", vote.seconds},
            {"sampling", exchange.sampling},
            {"una", UNA_VERSION}};
  if (!vote.note.empty()) { meta["note"] = vote.note; }
  return meta;
}

void check_vote(const Exchange& exchange, const Vote& vote) {
  check_input(!vote.id.empty(), "a vote needs an id");
  const bool needs_two =
      vote.kind == Vote::Kind::kBetter || vote.kind == Vote::Kind::kTie || vote.kind == Vote::Kind::kBothBad;
  check_input(!needs_two || exchange.answers.size() == 2, "a preference needs two answers");
  check_input(vote.answer < exchange.answers.size(), "the vote is about answer ", vote.answer,
              ", but there are ", exchange.answers.size());
  check_input(!vote.strength || (std::isfinite(*vote.strength) && *vote.strength > 0 && *vote.strength <= 10),
              "the strength of a preference must be above 0 and at most 10");
  check_input(vote.kind != Vote::Kind::kScore || (vote.score >= 1 && vote.score <= 10),
              "a score must be between 1 and 10");
  const bool edits = vote.kind == Vote::Kind::kEdit;
  check_input(!edits || !trim(vote.edited).empty(), "the edited answer is empty");
  check_input(!edits || vote.edited != exchange.answers[vote.answer].text, "the edited answer is unchanged");
}

}  // namespace

std::vector<Json> rows_of(const Exchange& exchange, const Vote& vote, const std::string& name) {
  check_vote(exchange, vote);
  std::vector<Json> rows;
  const auto add = [&](const Json& feedback) {
    Json row{{"prompt", text_json(exchange.prompt)}};
    row.update(feedback);
    row["source"] = "chat:" + name;
    row["meta"] = meta_json(exchange, vote);
    rows.push_back(std::move(row));
  };
  const auto text = [&](std::size_t i) { return answer_json(exchange, exchange.answers[i].text); };
  const auto pair = [&](const Json& chosen, const Json& rejected) {
    Json feedback{{"chosen", chosen}, {"rejected", rejected}};
    if (vote.strength) { feedback["margin"] = *vote.strength; }
    add(feedback);
  };
  switch (vote.kind) {
    case Vote::Kind::kBetter:
      pair(text(vote.answer), text(1 - vote.answer));
      break;
    case Vote::Kind::kTie:
      for (std::size_t i = 0; i < 2; ++i) {
        add({{"completion", text(i)}, {"score", 0.5}, {"score_range", Json::array({0, 1})}});
      }
      break;
    case Vote::Kind::kBothBad:
      for (std::size_t i = 0; i < 2; ++i) { add({{"completion", text(i)}, {"label", false}}); }
      break;
    case Vote::Kind::kThumb:
      add({{"completion", text(vote.answer)}, {"label", vote.up}});
      break;
    case Vote::Kind::kScore:
      add({{"completion", text(vote.answer)}, {"score", vote.score}, {"score_range", Json::array({1, 10})}});
      break;
    case Vote::Kind::kEdit:
      pair(answer_json(exchange, vote.edited), text(vote.answer));
      break;
  }
  return rows;
}

}  // namespace una::chat
