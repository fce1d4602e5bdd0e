#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "una/chat/chat_desk.h"

namespace una::chat {

// What a line of the terminal means where a vote is expected.
struct VoteLine {
  std::optional<Vote> vote = {};
  enum class Act { kVote, kSkip, kUndo, kQuit, kHelp, kUnknown } act = Act::kUnknown;
};
// Two answers: "1", "2", with "+" to "+++" behind for the strength, "0" tie, "x" both bad. One answer: "+", "-", or
// "1" to "10". Both: "e TEXT" or "e1 TEXT", "e2 TEXT" (the answer as it should have been), "s" skip, "u" or "/undo",
// "/quit", "?".
// " # words" behind is a note.
VoteLine read_vote_line(const std::string& line, std::size_t answers);

// The conversation in a terminal. Lines are prompts; "/new" begins another conversation, "/undo" takes the last vote
// back, "/quit" ends, "/help" or "?" says so. Another word behind a slash is not sent to the models: it is a slip.
class ChatTerminal {
 public:
  // What the terminal works with; everything must outlive it.
  struct Parts {
    ChatDesk* desk = nullptr;
    std::istream* in = nullptr;
    std::function<void(const std::string&)> show = {};  // prints, at once
    // Samples the answer of a model to turns, showing it while it grows; nullopt: it was ended, and with it the
    // conversation where stopped() says so.
    std::function<std::optional<std::string>(std::size_t model, const std::vector<Message>& turns)> answer =
        {};
    std::function<bool()> stopped = {};
    Json sampling = Json::object();
    bool is_person = false;  // prompts signs and hints are shown
  };
  explicit ChatTerminal(Parts parts) : parts_(std::move(parts)) {}
  void run();

 private:
  bool exchange();        // false: the end
  bool give_up_answer();  // the same
  void help();
  bool obey(const std::string& word);  // true: the line was a command (not /quit), or should have been one
  bool ask_vote(const std::string& id, const std::vector<std::string>& texts);
  void undo();
  std::optional<std::string> line(const char* sign);
  void say(const std::string& text) { parts_.show(text + "\n"); }

  Parts parts_;
  std::vector<Message> turns_;
  std::string last_vote_;
  std::uint64_t number_ = 0;
};

}  // namespace una::chat
