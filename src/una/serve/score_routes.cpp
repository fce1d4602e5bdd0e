// POST /v1/score, /v1/rerank, /classify, /pooling and /get_reward: what an answer, or a whole text, is worth.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <exception>
#include <functional>
#include <utility>

#include "una/base/clock.h"
#include "una/base/format.h"
#include "una/openai/chat.h"
#include "una/reward/reward_model.h"
#include "una/serve/chat_prompt.h"
#include "una/serve/routes.h"

namespace una::serve {
namespace {

// A text to score: ids from `answer` on count in an implicit reward.
struct Scored {
  std::vector<std::int32_t> ids;
  std::size_t answer = 1;
};

// Makes the answer of the scores, in the order of the texts.
using Writer = std::function<Json(const std::vector<double>& scores)>;

// beta (log pi - log pi_ref) over the counted ids: two choices a text, the adapter's and the base's.
class ImplicitReply final : public Reply {
 public:
  ImplicitReply(Service& service, net::Ticket ticket, std::vector<Scored> texts, double beta, Writer writer)
      : service_(service),
        ticket_(ticket),
        texts_(std::move(texts)),
        beta_(beta),
        writer_(std::move(writer)),
        scores_(texts_.size(), 0),
        left_(2 * texts_.size()) {}
  void grew(std::size_t, const generate::Output&) override {}
  void finished(std::size_t choice, generate::Output output) override {
    const std::size_t text = choice / 2;
    double sum = 0;
    for (std::size_t i = texts_[text].answer; i < output.prompt_logps->size(); ++i) {
      sum += (*output.prompt_logps)[i].logp;
    }
    scores_[text] += choice % 2 == 0 ? beta_ * sum : -beta_ * sum;
    if (--left_ == 0) { service_.server->respond(ticket_, json_answer(writer_(scores_))); }
  }
  void failed(int status, const std::string& reason) override {
    service_.server->respond(ticket_, error_answer(status, reason));
  }

 private:
  Service& service_;
  net::Ticket ticket_;
  std::vector<Scored> texts_;
  double beta_;
  Writer writer_;
  std::vector<double> scores_;
  std::size_t left_;
};

void score_by_policy(Service& service, net::Ticket ticket, const Named& named, std::vector<Scored> texts,
                     Writer writer) {
  if (!named.adapter) {
    throw HttpError(400, cat("'", named.name,
                             "' is the base model, whose implicit reward is 0 for every answer; name an "
                             "adapter, or serve a reward model"));
  }
  auto job =
      std::make_shared<Job>(Job{.ticket = ticket, .model = named.name, .arrived = monotonic_seconds()});
  const auto base = std::make_shared<const generate::LoadedAdapter>();  // kNoAdapter: the base itself
  for (const Scored& text : texts) {
    generate::Request request{.prompt = text.ids, .params = {.max_new_tokens = 0}, .prompt_logps = 0};
    for (const generate::AdapterHandle& weights : {named.adapter, generate::AdapterHandle(base)}) {
      request.adapter = weights;
      job->requests.push_back(request);
    }
  }
  job->reply =
      std::make_shared<ImplicitReply>(service, ticket, std::move(texts), named.beta, std::move(writer));
  service.engine->submit(std::move(job));
}

void score_by_head(Service& service, net::Ticket ticket, const std::vector<Scored>& texts,
                   const Writer& writer) {
  std::vector<std::vector<std::int32_t>> sequences;
  for (const Scored& text : texts) { sequences.push_back(text.ids); }
  service.engine->run([&service, ticket, sequences, writer](generate::Engine&) {
    try {
      reward::RewardModel head(*service.served.model, model::kNoAdapter,
                               reward::RewardText({}, text::BosRule::kTemplate), {});
      service.server->respond(ticket, json_answer(writer(head.score_ids(sequences))));
    } catch (const InputError& error) {
      service.server->respond(ticket, error_answer(400, error.what()));
    } catch (const std::exception& error) {
      service.server->respond(ticket, error_answer(500, error.what()));
    }
  });
}

Routed score_texts(Service& service, net::Ticket ticket, const Named& named, std::vector<Scored> texts,
                   Writer writer) {
  if (texts.empty()) { throw HttpError(400, "there is nothing to score"); }
  for (const Scored& text : texts) { service.check_ids(text.ids, "input", true); }
  if (service.spec.is_reward_model()) {
    score_by_head(service, ticket, texts, writer);
  } else {
    score_by_policy(service, ticket, named, std::move(texts), std::move(writer));
  }
  return std::nullopt;
}

// What the numbers are.
Json account(const Service& service, const Named& named) {
  if (service.spec.is_reward_model()) { return {{"kind", "reward_model"}}; }
  return {{"kind", "implicit"}, {"beta", named.beta}, {"reference", service.served.reference}};
}

Json list_head(const char* prefix, const Service& service, const Named& named) {
  return {{"id", new_id(prefix)},
          {"object", "list"},
          {"created", std::time(nullptr)},
          {"model", named.name},
          {"una", account(service, named)}};
}

std::int64_t tokens_of(const std::vector<Scored>& texts) {
  std::int64_t total = 0;
  for (const Scored& text : texts) { total += std::ssize(text.ids); }
  return total;
}

// A prompt and an answer as training reads them: turns where the model has a template.
Scored answered(const Service& service, const std::string& prompt, const std::string& answer) {
  const text::Encoder& encoder = *service.served.encoder;
  const bool is_chat = encoder.model().chat_template != nullptr;
  Text question, reply;
  question.is_chat = reply.is_chat = is_chat;
  question.plain = prompt;
  reply.plain = answer;
  if (is_chat) {
    question.messages = {{"user", prompt, ""}};
    reply.messages = {{"assistant", answer, ""}};
  }
  if (service.spec.is_reward_model()) {
    return {.ids = encoder.whole(question, reply, "", "", text::BosRule::kTemplate)};
  }
  text::Encoded encoded = encoder.encode({.prompt = &question, .answers = {&reply}});
  return {.ids = std::move(encoded.answers.at(0).ids),
          .answer = std::max<std::size_t>(1, encoded.answers.at(0).prompt)};
}

// The first of the fields that is there, a string or a list of strings.
std::vector<std::string> texts_of(const openai::detail::Fields& fields,
                                  std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (fields.any(name) != nullptr) { return fields.texts(name); }
  }
  throw openai::BadRequest(*names.begin(), cat("'", *names.begin(), "' is missing"));
}

// Documents to rank: strings, or objects with a "text" as clients of Cohere and Jina send them.
std::vector<std::string> documents_of(const openai::detail::Fields& fields) {
  const Json* documents = fields.any("documents");
  if (documents == nullptr || !documents->is_array() || documents->empty() ||
      !documents->front().is_object()) {
    return texts_of(fields, {"documents"});
  }
  std::vector<std::string> out;
  for (const Json& document : *documents) {
    if (!document.is_object() || !document.contains("text") || !document["text"].is_string()) {
      throw openai::BadRequest("documents", "'documents' must be strings, or objects that have a 'text'");
    }
    out.push_back(document["text"].get<std::string>());
  }
  return out;
}

// "input" (strings, or one list of ids) or "messages", whole.
std::vector<Scored> inputs_of(const Service& service, const net::Arrived& arrived) {
  const openai::detail::Fields fields(arrived.body);
  std::vector<Scored> out;
  if (fields.any("messages") != nullptr) {
    const openai::ChatRequest chat = openai::read_chat_request(arrived.body);
    out.push_back({.ids = chat_prompt(service, {.messages = chat.messages, .add_generation_prompt = false})});
    return out;
  }
  const Json* input = fields.any("input");
  if (input != nullptr && input->is_array() && !input->empty() && input->front().is_number()) {
    return {{.ids = fields.ids("input")}};
  }
  const bool special = fields.flag("add_special_tokens").value_or(true);
  for (const std::string& text : texts_of(fields, {"input"})) {
    out.push_back({.ids = service.tokenizer().encode(text, special)});
  }
  return out;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// A score for each input, through a sigmoid with "use_activation" (`activated` where the request does not say), and
// what `entry` makes of it.
template <class Entry>
Routed activated_scores(Service& service, const net::Arrived& arrived, const char* prefix, bool activated,
                        Entry entry) {
  const openai::detail::Fields fields(arrived.body);
  const Named named = service.named(fields.text("model").value_or(""));
  activated = fields.flag("use_activation").value_or(activated);
  std::vector<Scored> texts = inputs_of(service, arrived);
  const std::int64_t tokens = tokens_of(texts);
  const auto write = [&service, named, tokens, activated, prefix, entry](const std::vector<double>& scores) {
    Json out = list_head(prefix, service, named);
    out["data"] = Json::array();
    for (std::size_t i = 0; i < scores.size(); ++i) {
      out["data"].push_back(entry(i, activated ? sigmoid(scores[i]) : scores[i]));
    }
    out["usage"] = openai::usage_json({tokens, 0});
    return out;
  };
  return score_texts(service, arrived.ticket, named, std::move(texts), write);
}

}  // namespace

Routed score(Service& service, const net::Arrived& arrived) {
  const openai::detail::Fields fields(arrived.body);
  const Named named = service.named(fields.text("model").value_or(""));
  std::vector<std::string> prompts = texts_of(fields, {"text_1", "queries", "data_1"});
  const std::vector<std::string> answers = texts_of(fields, {"text_2", "documents", "data_2"});
  if (prompts.size() == 1) { prompts.resize(answers.size(), prompts[0]); }
  if (prompts.size() != answers.size()) {
    throw openai::BadRequest("text_1", "'text_1' must be one text, or as many as 'text_2'");
  }
  std::vector<Scored> texts;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    texts.push_back(answered(service, prompts[i], answers[i]));
  }
  const std::int64_t tokens = tokens_of(texts);
  return score_texts(service, arrived.ticket, named, std::move(texts),
                     [&service, named, tokens](const auto& scores) {
                       Json out = list_head("score-", service, named);
                       out["data"] = Json::array();
                       for (std::size_t i = 0; i < scores.size(); ++i) {
                         out["data"].push_back({{"index", i}, {"object", "score"}, {"score", scores[i]}});
                       }
                       out["usage"] = openai::usage_json({tokens, 0});
                       return out;
                     });
}

Routed rerank(Service& service, const net::Arrived& arrived) {
  const openai::detail::Fields fields(arrived.body);
  const Named named = service.named(fields.text("model").value_or(""));
  const std::optional<std::string> query = fields.text("query");
  if (!query) { throw openai::BadRequest("query", "'query' is missing"); }
  const std::vector<std::string> documents = documents_of(fields);
  const auto top = static_cast<std::size_t>(fields.count("top_n", 0, 1'000'000).value_or(0));
  std::vector<Scored> texts;
  for (const std::string& document : documents) { texts.push_back(answered(service, *query, document)); }
  const std::int64_t tokens = tokens_of(texts);
  const auto write = [&service, named, tokens, documents, top](const std::vector<double>& scores) {
    std::vector<std::size_t> order(scores.size());
    for (std::size_t i = 0; i < order.size(); ++i) { order[i] = i; }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    if (top > 0) { order.resize(std::min(top, order.size())); }
    Json out = list_head("rerank-", service, named);
    out["results"] = Json::array();
    for (const std::size_t i : order) {
      out["results"].push_back(
          {{"index", i}, {"document", {{"text", documents[i]}}}, {"relevance_score", scores[i]}});
    }
    out["usage"] = openai::usage_json({tokens, 0});
    return out;
  };
  return score_texts(service, arrived.ticket, named, std::move(texts), write);
}

Routed classify(Service& service, const net::Arrived& arrived) {
  return activated_scores(service, arrived, "classify-", true, [](std::size_t i, double value) {
    return Json{{"index", i}, {"label", "LABEL_0"}, {"probs", Json::array({value})}, {"num_classes", 1}};
  });
}

Routed pooling(Service& service, const net::Arrived& arrived) {
  return activated_scores(service, arrived, "pool-", false, [](std::size_t i, double value) {
    return Json{{"index", i}, {"object", "pooling"}, {"data", Json::array({value})}};
  });
}

// OpenRLHF's remote reward: `query` holds prompt and answer with their special tokens as text.
Routed get_reward(Service& service, const net::Arrived& arrived) {
  const openai::detail::Fields fields(arrived.body);
  const Named named = service.named(fields.text("model").value_or(""));
  const std::vector<std::string> queries = texts_of(fields, {"query"});
  const std::vector<std::string> prompts = fields.texts("prompts");
  std::vector<Scored> texts;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    Scored text{.ids = service.tokenizer().encode(queries[i], false)};
    if (i < prompts.size() && starts_with(queries[i], prompts[i])) {
      text.answer = std::max<std::size_t>(1, service.tokenizer().encode(prompts[i], false).size());
    }
    texts.push_back(std::move(text));
  }
  return score_texts(service, arrived.ticket, named, std::move(texts), [&service, named](const auto& scores) {
    return Json{{"rewards", scores},
                {"scores", scores},
                {"extra_logs", Json::object()},
                {"una", account(service, named)}};
  });
}

}  // namespace una::serve
