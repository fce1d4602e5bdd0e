#include "forked_children.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// Three processes take part. The command is the parent-to-be; its template was forked from it before it began, and waits
// at a socket. For each child the template forks a process that forks the child and ends: then the child belongs to the
// nearest subreaper among its ancestors, which is the command.
namespace {

using Main = int (*)(int, char**);

int to_template = -1;  // of the command: its end of the socket
std::mutex one_request;

bool send_all(int socket, const void* bytes, std::size_t size) {
  return ::send(socket, bytes, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

bool receive_all(int socket, void* bytes, std::size_t size) {
  return ::recv(socket, bytes, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

// Sizes are sent before texts; a list is its texts, each ended by a NUL.
struct Request {
  std::int32_t own_group = 0;
  std::uint32_t arguments = 0, size = 0;  // arguments are the first of the texts, then comes the environment
};

void append(std::string& texts, char* const* list) {
  for (; *list != nullptr; ++list) { texts.append(*list, std::strlen(*list) + 1); }
}

std::vector<char*> pointers(char* begin, const char* end) {
  std::vector<char*> out;
  for (char* text = begin; text < end; text += std::strlen(text) + 1) { out.push_back(text); }
  return out;
}

[[noreturn]] void run_child(const Request& request, std::string texts, pid_t command, Main main) {
  while (::getppid() != command) {  // until the process between them has ended
    if (::kill(command, 0) != 0) { std::_Exit(1); }
    ::usleep(100);
  }
  std::vector<char*> words = pointers(texts.data(), texts.data() + texts.size());
  ::clearenv();
  for (std::size_t i = words.size(); i-- > request.arguments;) {
    ::putenv(words[i]);
  }  // the first of a name wins
  words.resize(request.arguments);
  words.push_back(nullptr);
  start_template(main);
  const int code = main(static_cast<int>(request.arguments), words.data());
  std::fflush(nullptr);
  std::_Exit(code);
}

// The child's id, once it belongs to the command; negative where no process could be had.
std::int32_t fork_child(const Request& request, std::string texts, int socket, pid_t command, Main main) {
  int ids[2];
  if (::pipe2(ids, O_CLOEXEC) != 0) { return -errno; }
  const pid_t between = ::fork();
  if (between == 0) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (const int file : {socket, ids[0], ids[1]}) { ::close(file); }
      if (request.own_group != 0) { ::setpgid(0, 0); }
      run_child(request, std::move(texts), command, main);
    }
    if (child > 0 && request.own_group != 0) { ::setpgid(child, child); }
    const std::int32_t id = child > 0 ? child : -errno;
    std::_Exit(::write(ids[1], &id, sizeof(id)) == sizeof(id) ? 0 : 1);
  }
  std::int32_t id = -EAGAIN;
  ::close(ids[1]);
  if (between > 0) { ::waitpid(between, nullptr, 0); }
  if (::read(ids[0], &id, sizeof(id)) != sizeof(id)) { id = -EAGAIN; }
  ::close(ids[0]);
  return id;
}

[[noreturn]] void serve(int socket, pid_t command, Main main) {
  for (Request request; receive_all(socket, &request, sizeof(request));) {
    std::string texts(request.size, '\0');
    if (!receive_all(socket, texts.data(), texts.size())) { break; }
    const std::int32_t id = fork_child(request, std::move(texts), socket, command, main);
    if (!send_all(socket, &id, sizeof(id))) { break; }
  }
  std::_Exit(0);  // the command has ended
}

bool is_this_program(const char* path) {
  char own[4096] = {};
  const ssize_t length = ::readlink("/proc/self/exe", own, sizeof(own) - 1);
  return length > 0 && std::strcmp(path, own) == 0;
}

}  // namespace

void start_template(Main main) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) { return; }
  const pid_t command = ::getpid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(sockets[0]);
    serve(sockets[1], command, main);
  }
  ::close(sockets[1]);
  to_template = sockets[0];
}

extern "C" int posix_spawn(pid_t* child, const char* path, const posix_spawn_file_actions_t* actions,
                           const posix_spawnattr_t* attributes, char* const* arguments,
                           char* const* environment) {
  if (to_template < 0 || !is_this_program(path)) {
    static const auto real = reinterpret_cast<decltype(&posix_spawn)>(::dlsym(RTLD_NEXT, "posix_spawn"));
    return real(child, path, actions, attributes, arguments, environment);
  }
  short flags = 0;
  if (attributes != nullptr) { ::posix_spawnattr_getflags(attributes, &flags); }
  std::string texts;
  Request request{.own_group = (flags & POSIX_SPAWN_SETPGROUP) != 0};
  for (char* const* word = arguments; *word != nullptr; ++word) { ++request.arguments; }
  append(texts, arguments);
  append(texts, environment);
  request.size = static_cast<std::uint32_t>(texts.size());
  const std::scoped_lock lock(one_request);
  std::int32_t id = -EIO;
  const bool answered = send_all(to_template, &request, sizeof(request)) &&
                        send_all(to_template, texts.data(), texts.size()) &&
                        receive_all(to_template, &id, sizeof(id));
  if (!answered || id < 0) { return answered ? -id : EIO; }
  *child = id;
  return 0;
}
