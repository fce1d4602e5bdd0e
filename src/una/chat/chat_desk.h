#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "una/base/rng.h"
#include "una/chat/vote_file.h"
#include "una/chat/vote_rows.h"

namespace una::chat {

// A conversation's turns, or one plain prompt, as an exchange begins.
Text prompt_text(const std::vector<Message>& turns, bool is_chat);

// What was shown and what was said of it: exchanges by id, sides drawn at random, prompts of a file, repeated
// exchanges and how often the person then says the same. Thread-safe.
class ChatDesk {
 public:
  // A model that answers.
  struct Model {
    std::string name, weights;
  };
  // What is asked, and of which models.
  struct Options {
    std::vector<Model> models;                       // one, or two to compare
    std::vector<std::vector<Message>> prompts = {};  // asked in order
    std::string source;                              // rows' source: "chat:" and this
    double repeat = 0.05;                            // share of exchanges that are shown again, sides swapped
    std::uint64_t seed = 42;
    bool is_chat = false;
  };
  ChatDesk(Options options, VoteFile& votes);

  // A new exchange. `order`: which model answers as A, as B.
  struct Begun {
    std::string id;
    std::vector<std::size_t> order;
  };
  Begun begin(const std::vector<Message>& turns, const Json& sampling);
  void answered(const std::string& id, std::vector<std::string> texts);  // all answers are complete
  // The same answers once more with their sides swapped, under a new id. nullopt: unknown or unanswered.
  std::optional<Exchange> show_again(const std::string& id);

  // Writes the rows of a vote; the same vote twice is written once. InputError for an unknown or unanswered exchange
  // and as rows_of(). Returns the models' names, A first.
  std::vector<std::string> vote(const std::string& exchange, const Vote& vote);
  bool undo(const std::string& vote);
  std::size_t votes() const;
  std::string agreement() const;  // "self-agreement 3 of 4", "" without repeats

  // What comes next of the prompts: turns, and the exchange to show again where it is a repeat. nullopt: all were asked.
  struct Next {
    std::vector<Message> turns;
    std::string exchange = {};
  };
  std::optional<Next> next();
  std::size_t prompts() const { return options_.prompts.size(); }
  std::size_t answers() const { return options_.models.size(); }
  bool is_chat() const { return options_.is_chat; }

 private:
  // An exchange that this process has shown.
  struct Kept {
    Exchange exchange;
    std::vector<std::size_t> order;
    std::vector<Message> turns;
    bool complete = false;
    std::string repeats = {};      // the exchange that this one shows again
    std::optional<int> said = {};  // -1: model 0 is better, 1: model 1, 0: neither
  };
  std::string put(Kept kept);
  void compare(const Kept& again);

  Options options_;
  VoteFile& file_;
  mutable std::mutex mutex_;  // of what follows and of the file
  Rng rng_;
  std::map<std::string, Kept> kept_;
  std::map<std::string, std::string> voted_;  // vote -> exchange, of this process
  std::size_t next_prompt_ = 0, number_ = 0;
  std::int64_t repeated_ = 0, agreed_ = 0;
};

}  // namespace una::chat
