#include "una/chat/chat_terminal.h"

#include <algorithm>
#include <charconv>
#include <istream>
#include <utility>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"

namespace una::chat {
namespace {

constexpr const char* kTwoHelp =
    "1 or 2: that one is better (1+ to 1+++: by how much); 0: tie; x: both bad; e2 TEXT: answer 2 as it should have\n"
    "been; s: skip; u: undo the last vote; words behind # are a note";
constexpr const char* kOneHelp =
    "+ or -: good or bad; 1 to 10: a score; e TEXT: the answer as it should have been; s: skip; u: undo the last\n"
    "vote; words behind # are a note";

bool is_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

bool is_all(std::string_view text, char c) { return text.find_first_not_of(c) == std::string_view::npos; }

std::optional<Vote> preference(const std::string& word) {
  Vote vote;
  if (word == "0") { return vote; }
  vote.kind = Vote::Kind::kBothBad;
  if (word == "x") { return vote; }
  const std::string_view strength = std::string_view(word).substr(1);
  if ((word[0] != '1' && word[0] != '2') || strength.size() > 3 || !is_all(strength, '+')) {
    return std::nullopt;
  }
  vote.kind = Vote::Kind::kBetter;
  vote.answer = word[0] == '1' ? 0 : 1;
  if (!strength.empty()) { vote.strength = static_cast<double>(strength.size()); }
  return vote;
}

std::optional<Vote> grade(const std::string& word) {
  Vote vote{.kind = Vote::Kind::kThumb};
  vote.up = word == "+";
  if (word == "+" || word == "-") { return vote; }
  int score = 0;
  const char* end = word.data() + word.size();
  if (std::from_chars(word.data(), end, score).ptr != end || score < 1 || score > 10) { return std::nullopt; }
  vote.kind = Vote::Kind::kScore;
  vote.score = score;
  return vote;
}

// "e TEXT", "e2 TEXT".
std::optional<Vote> edit(const std::string& text, std::size_t answers) {
  const std::size_t space = text.find(' ');
  const std::string word = text.substr(0, space);
  if (space == std::string::npos || (word != "e" && word != "e1" && word != "e2")) { return std::nullopt; }
  if ((word == "e") != (answers == 1)) { return std::nullopt; }
  Vote vote{.kind = Vote::Kind::kEdit, .answer = word == "e2" ? 1U : 0U};
  vote.edited = text.substr(space + 1);
  return vote;
}

}  // namespace

VoteLine read_vote_line(const std::string& line, std::size_t answers) {
  std::string text(trim(line)), note;
  const std::size_t mark = text.find(" # ");
  if (mark != std::string::npos) {
    note = trim(text.substr(mark + 3));
    text = trim(text.substr(0, mark));
  }
  VoteLine out;
  if (text == "s") { out.act = VoteLine::Act::kSkip; }
  if (text == "u" || text == "/undo") { out.act = VoteLine::Act::kUndo; }
  if (text == "/quit") { out.act = VoteLine::Act::kQuit; }
  if (text == "?") { out.act = VoteLine::Act::kHelp; }
  if (out.act != VoteLine::Act::kUnknown || text.empty()) { return out; }
  out.vote = edit(text, answers);
  if (!out.vote) { out.vote = answers == 2 ? preference(text) : grade(text); }
  if (!out.vote) { return out; }
  out.vote->note = note;
  out.act = VoteLine::Act::kVote;
  return out;
}

std::optional<std::string> ChatTerminal::line(const char* sign) {
  if (parts_.is_person) { parts_.show(sign); }
  std::string text;
  if (parts_.stopped() || !std::getline(*parts_.in, text)) { return std::nullopt; }
  return text;
}

void ChatTerminal::run() {
  if (parts_.is_person) { help(); }
  while (exchange()) {}
  const std::string agreement = parts_.desk->agreement();
  if (!agreement.empty()) { say(agreement); }
}

void ChatTerminal::help() {
  say("/new begins another conversation, /undo takes the last vote back, /quit ends. After an answer:");
  say(parts_.desk->answers() == 2 ? kTwoHelp : kOneHelp);
}

void ChatTerminal::undo() {
  const bool undone = !last_vote_.empty() && parts_.desk->undo(std::exchange(last_vote_, ""));
  say(undone ? "taken back" : "there is nothing to take back");
}

bool ChatTerminal::obey(const std::string& word) {
  if (word == "/new") {
    turns_.clear();
  } else if (word == "/undo") {
    undo();
  } else if (word == "/help" || word == "?") {
    help();
  } else if (word.size() > 1 && word[0] == '/' && is_word(word.substr(1))) {
    say(cat("there is no ", word,
            ": /new, /undo, /help and /quit are there (to ask this, put a space before it)"));
  } else {
    return false;
  }
  return true;
}

bool ChatTerminal::exchange() {
  const std::optional<std::string> prompt = line("> ");
  if (!prompt || *prompt == "/quit") { return false; }
  if (!parts_.desk->is_chat()) { turns_.clear(); }
  if (trim(*prompt).empty() || obey(*prompt)) { return true; }
  turns_.push_back({"user", *prompt, ""});
  const ChatDesk::Begun begun = parts_.desk->begin(turns_, parts_.sampling);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < begun.order.size(); ++i) {
    if (begun.order.size() == 2) { parts_.show(cat("[", i + 1, "] ")); }
    std::optional<std::string> text = parts_.answer(begun.order[i], turns_);
    if (!text) { return give_up_answer(); }
    texts.push_back(std::move(*text));
  }
  parts_.desk->answered(begun.id, texts);
  return ask_vote(begun.id, texts);
}

bool ChatTerminal::give_up_answer() {
  turns_.pop_back();
  if (parts_.stopped()) { return false; }
  say("the answer was ended: nothing to vote on; /quit ends the conversation");
  return true;
}

bool ChatTerminal::ask_vote(const std::string& id, const std::vector<std::string>& texts) {
  const double shown = monotonic_seconds();
  while (true) {
    const std::optional<std::string> typed = line("vote> ");
    if (!typed) { return false; }
    VoteLine read = read_vote_line(*typed, texts.size());
    if (read.act == VoteLine::Act::kQuit) { return false; }
    if (read.act == VoteLine::Act::kSkip) {
      turns_.pop_back();
      return true;
    }
    if (read.act == VoteLine::Act::kUndo) {
      undo();
    } else if (read.act != VoteLine::Act::kVote) {
      say(texts.size() == 2 ? kTwoHelp : kOneHelp);
    } else {
      read.vote->id = hash_hex(cat(id, ' ', number_++));
      read.vote->seconds = monotonic_seconds() - shown;
      try {
        const std::vector<std::string> names = parts_.desk->vote(id, *read.vote);
        last_vote_ = read.vote->id;
        say(cat(names.size() == 2 ? cat("saved; 1 was ", names[0], ", 2 was ", names[1]) : "saved",
                parts_.is_person ? "; /undo takes it back" : ""));
        const bool edited = read.vote->kind == Vote::Kind::kEdit;
        turns_.push_back({"assistant", edited ? read.vote->edited : texts[read.vote->answer], ""});
        return true;
      } catch (const InputError& error) { say(error.what()); }
    }
  }
}

}  // namespace una::chat
