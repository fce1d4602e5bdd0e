#include "una/serve/engine_thread.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"

namespace una::serve {

// A job that the engine works on.
struct EngineThread::Live {
  std::shared_ptr<Job> job;
  std::vector<std::uint64_t> tickets = {};  // of the engine, one a choice
  std::vector<std::size_t> told = {};       // ids of each choice that the reply has
  std::vector<double> last = {};            // when each choice's newest token came; 0: none yet
  std::size_t left = 0;                     // choices that have not finished
};

struct EngineThread::Impl {
  explicit Impl(Parts the_parts)
      : parts(std::move(the_parts)), engine(*parts.model, parts.tokenizer, parts.options) {
    engine.on_start([this](std::uint64_t ticket) {
      parts.metrics->queued(monotonic_seconds() - live.at(choices.at(ticket).first).job->arrived);
    });
    engine.on_token([this](const generate::Output& so_far) { grew(so_far); });
    thread = std::thread([this] { loop(); });
  }

  void loop();
  bool take_inbox();
  void admit(const std::shared_ptr<Job>& job);
  void withdraw(net::Ticket ticket);
  void grew(const generate::Output& so_far);
  void timed(Live& live, std::size_t choice, std::size_t size);
  void finished(generate::Output output);
  void fail(net::Ticket ticket, int status, const std::string& reason);
  void fail_live(int status, const std::string& reason);
  void fail_overdue();
  void step();

  Parts parts;
  generate::Engine engine;  // the thread's alone
  std::map<net::Ticket, Live> live;
  std::map<std::uint64_t, std::pair<net::Ticket, std::size_t>> choices;  // by the engine's ticket
  double next_look = 0;                                                  // for overdue jobs

  std::mutex mutex;  // of what follows
  std::condition_variable changed;
  std::vector<std::function<void()>> inbox;
  std::size_t jobs = 0;
  bool closed = false;
  std::thread thread;
};

namespace {

std::string reason_name(generate::Output::Finish finish) {
  return finish == generate::Output::Finish::kLength ? "length" : "stop";
}

}  // namespace

// Waits for work where the engine has none. False: closed.
bool EngineThread::Impl::take_inbox() {
  std::unique_lock lock(mutex);
  if (engine.done()) {
    changed.wait(lock, [this] { return closed || !inbox.empty(); });
  }
  if (closed) { return false; }
  const std::vector<std::function<void()>> batch = std::exchange(inbox, {});
  lock.unlock();
  for (const auto& each : batch) { each(); }
  return true;
}

void EngineThread::Impl::loop() {
  while (take_inbox()) {
    fail_overdue();
    if (!engine.done()) { step(); }
    parts.metrics->observe(engine.counts());
  }
  for (const auto& each : std::exchange(inbox, {})) { each(); }  // closed: the inbox is this thread's
  fail_live(503, "the server is shutting down");
}

// A fault in one step fails what ran in it; the server goes on with an empty engine.
void EngineThread::Impl::step() {
  try {
    for (generate::Output& output : engine.step()) { finished(std::move(output)); }
  } catch (const std::exception& error) {
    log_warning(cat("a step failed, and with it ", live.size(), " requests: ", error.what()));
    fail_live(500, cat("the model could not compute: ", error.what()));
  }
}

void EngineThread::Impl::admit(const std::shared_ptr<Job>& job) {
  Live& mine = live[job->ticket];
  mine.job = job;
  mine.told.assign(job->requests.size(), 0);
  mine.last.assign(job->requests.size(), 0);
  mine.left = job->requests.size();
  try {
    for (std::size_t i = 0; i < job->requests.size(); ++i) {
      mine.tickets.push_back(engine.add(job->requests[i]));
      choices[mine.tickets.back()] = {job->ticket, i};
    }
  } catch (const generate::Busy& error) {
    fail(job->ticket, 503, error.what());
  } catch (const InputError& error) { fail(job->ticket, 400, error.what()); }
}

// Takes a job out of the engine without telling anyone.
void EngineThread::Impl::withdraw(net::Ticket ticket) {
  const auto found = live.find(ticket);
  if (found == live.end()) { return; }
  for (const std::uint64_t each : found->second.tickets) {
    engine.cancel(each);
    choices.erase(each);
  }
  live.erase(found);
  const std::lock_guard lock(mutex);
  --jobs;
}

void EngineThread::Impl::fail(net::Ticket ticket, int status, const std::string& reason) {
  const auto found = live.find(ticket);
  if (found == live.end()) { return; }
  std::shared_ptr<Reply> reply = found->second.job->reply;
  const double seconds = monotonic_seconds() - found->second.job->arrived;
  for (std::size_t i = 0; i < found->second.left; ++i) { parts.metrics->finished("error", seconds); }
  parts.replies->post([reply = std::move(reply), status, reason] { reply->failed(status, reason); });
  withdraw(ticket);
}

void EngineThread::Impl::fail_live(int status, const std::string& reason) {
  while (!live.empty()) { fail(live.begin()->first, status, reason); }
}

void EngineThread::Impl::fail_overdue() {
  const double now = monotonic_seconds();
  if (now < next_look) { return; }
  next_look = now + 1;
  std::vector<net::Ticket> overdue;
  for (const auto& [ticket, mine] : live) {
    if (now - mine.job->arrived > parts.request_timeout) { overdue.push_back(ticket); }
  }
  for (const net::Ticket ticket : overdue) {
    fail(ticket, 504, cat("the answer took longer than request_timeout (", parts.request_timeout, " s)"));
  }
}

// A choice has `size` ids now.
void EngineThread::Impl::timed(Live& mine, std::size_t choice, std::size_t size) {
  const double now = monotonic_seconds();
  double& last = mine.last[choice];
  if (last == 0 && size > 0) {
    parts.metrics->first_token(now - mine.job->arrived);
  } else if (size > 0) {
    parts.metrics->between_tokens(now - last);
  }
  last = now;
}

void EngineThread::Impl::grew(const generate::Output& so_far) {
  const auto& [ticket, choice] = choices.at(so_far.ticket);
  Live& mine = live.at(ticket);
  timed(mine, choice, so_far.ids.size());
  if (!mine.job->streams) { return; }
  const auto from = static_cast<std::ptrdiff_t>(std::exchange(mine.told[choice], so_far.ids.size()));
  generate::Output fresh{.id = so_far.id, .sample = so_far.sample, .ticket = so_far.ticket};
  fresh.ids.assign(so_far.ids.begin() + from, so_far.ids.end());
  fresh.logps.assign(so_far.logps.begin() + from, so_far.logps.end());
  if (!so_far.top.empty()) { fresh.top.assign(so_far.top.begin() + from, so_far.top.end()); }
  fresh.prompt_logps = so_far.prompt_logps;
  parts.replies->post(
      [reply = mine.job->reply, choice = choice, fresh = std::move(fresh)] { reply->grew(choice, fresh); });
}

void EngineThread::Impl::finished(generate::Output output) {
  const auto [ticket, choice] = choices.at(output.ticket);
  Live& mine = live.at(ticket);
  timed(mine, choice, output.ids.size());
  parts.metrics->finished(reason_name(output.finish), monotonic_seconds() - mine.job->arrived);
  choices.erase(output.ticket);
  auto shared =
      std::make_shared<generate::Output>(std::move(output));  // std::function wants what can be copied
  parts.replies->post(
      [reply = mine.job->reply, choice = choice, shared] { reply->finished(choice, std::move(*shared)); });
  if (--mine.left == 0) { withdraw(ticket); }
}

EngineThread::EngineThread(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}

EngineThread::~EngineThread() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->closed = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
}

void EngineThread::run(std::function<void(generate::Engine&)> work) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->inbox.emplace_back([this, work = std::move(work)] { work(impl_->engine); });
  }
  impl_->changed.notify_all();
}

void EngineThread::submit(std::shared_ptr<Job> job) {
  {
    const std::lock_guard lock(impl_->mutex);
    ++impl_->jobs;
    impl_->inbox.emplace_back([this, job = std::move(job)] { impl_->admit(job); });
  }
  impl_->changed.notify_all();
}

void EngineThread::cancel(net::Ticket ticket) {
  run([this, ticket](generate::Engine&) {
    const auto found = impl_->live.find(ticket);
    if (found == impl_->live.end()) { return; }
    impl_->parts.metrics->aborted(found->second.left);
    impl_->withdraw(ticket);
  });
}

std::size_t EngineThread::jobs() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->jobs;
}

void EngineThread::fail_all(const std::string& reason) {
  run([this, reason](generate::Engine&) { impl_->fail_live(503, reason); });
}

}  // namespace una::serve
