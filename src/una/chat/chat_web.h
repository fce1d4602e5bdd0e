#pragma once

#include <string>
#include <vector>

#include "una/chat/chat_desk.h"
#include "una/core/sampling.h"
#include "una/serve/routes.h"

namespace una::chat {

// The page of `una chat --web` and the requests that it sends. Everything but the page itself needs the token, which
// only who started the program knows: no page of another site can ask or vote.
class ChatWeb {
 public:
  // `models`: as the desk's, in its order.
  ChatWeb(ChatDesk& desk, std::vector<serve::Named> models, SamplingParams sampling, std::string token);
  // nullopt: the path is not of the page. Thread-safe.
  std::optional<serve::Routed> route(serve::Service& service, const net::Arrived& request);

 private:
  serve::Routed ask(serve::Service& service, const net::Arrived& request);
  serve::Routed vote(const net::Arrived& request);
  serve::Routed undo(const net::Arrived& request);
  serve::Routed next();
  serve::Routed setup();
  void stream_again(serve::Service& service, net::Ticket ticket, const std::string& exchange);

  ChatDesk& desk_;
  std::vector<serve::Named> models_;
  SamplingParams sampling_;
  std::string token_;
};

}  // namespace una::chat
