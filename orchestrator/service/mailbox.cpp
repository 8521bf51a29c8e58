#include "service/mailbox.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "service/files.hpp"

namespace lockstep::service {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kRequest = ".request";
constexpr std::string_view kAnswer = ".answer";
/// Messages that one take() hands out, so that the loop stays lively.
constexpr std::size_t kMostAtOnce = 4096;
constexpr std::size_t kLargestMessage = std::size_t{300} << 20;
/// Answers that nobody fetched are removed after this long.
constexpr std::time_t kStaleSeconds = 3600;

constexpr std::pair<Message::Action, std::string_view> kActions[] = {
    {Message::Action::task_success, "send-task-success"},
    {Message::Action::task_failure, "send-task-failure"},
    {Message::Action::task_heartbeat, "send-task-heartbeat"},
    {Message::Action::stop, "stop"},
    {Message::Action::redrive, "redrive"}};

std::string folder_of(const std::string& run_folder) {
  return run_folder + "/mailbox";
}

/// Ascending in time, and never twice.
std::string make_id() {
  std::random_device random;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return fmt::format("{:012}{:09}-{}-{:08x}", now.tv_sec, now.tv_nsec, ::getpid(), random());
}

Result<void> make_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(ErrorKind::io, fmt::format("cannot make {}: {}", folder, std::strerror(errno)));
  }
  return {};
}

std::optional<std::string> text_of(const nlohmann::json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

/// The Input that a message asks for; an error's message is the answer.
Result<engine::InputBody> to_input(const std::string& id, const std::string& text, engine::ExecutionId execution) {
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  const auto refuse = [](std::string why) { return fail(ErrorKind::invalid, std::move(why)); };
  if (!document.is_object()) {
    return refuse("InvalidMessage: it is not a JSON object");
  }
  const std::string action = text_of(document, "action").value_or("");
  const auto* known =
      std::find_if(std::begin(kActions), std::end(kActions), [&](const auto& entry) { return entry.second == action; });
  if (known == std::end(kActions)) {
    return refuse(fmt::format("InvalidMessage: there is no action '{}'", action));
  }
  engine::AnswerTask answer;
  answer.request = id;
  answer.token = text_of(document, "token").value_or("");
  answer.error = text_of(document, "error");
  answer.cause = text_of(document, "cause");
  switch (known->first) {
    case Message::Action::stop:
      return engine::StopExecution{id, execution, answer.error, answer.cause};
    case Message::Action::redrive:
      return engine::RedriveExecution{id, execution};
    case Message::Action::task_success: {
      auto output = Value::from_text(text_of(document, "output").value_or(""));
      if (!output) {
        return refuse(fmt::format("InvalidOutput: {}", output.error().message));
      }
      answer.kind = engine::AnswerTask::Kind::success;
      answer.output = *std::move(output);
      break;
    }
    case Message::Action::task_failure:
      answer.kind = engine::AnswerTask::Kind::failure;
      break;
    case Message::Action::task_heartbeat:
      answer.kind = engine::AnswerTask::Kind::heartbeat;
      break;
  }
  return answer;
}

bool ends_with(std::string_view name, std::string_view suffix) {
  return name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix;
}

}  // namespace

Result<std::string> post(const std::string& run_folder, const Message& message) {
  std::error_code error;
  if (!fs::exists(run_folder + "/run.json", error)) {
    return fail(ErrorKind::occupied, fmt::format("{} holds no run", run_folder));
  }
  const std::string folder = folder_of(run_folder);
  if (const auto made = make_folder(folder); !made) {
    return tl::unexpected<Error>(made.error());
  }
  nlohmann::ordered_json document;
  for (const auto& [action, name] : kActions) {
    if (action == message.action) {
      document["action"] = name;
    }
  }
  if (!message.token.empty()) {
    document["token"] = message.token;
  }
  if (message.action == Message::Action::task_success) {
    document["output"] = message.output;
  }
  for (const auto& [key, text] : {std::pair{"error", &message.error}, {"cause", &message.cause}}) {
    if (*text) {
      document[key] = **text;
    }
  }
  const std::string id = make_id();
  const auto written = write_file(fmt::format("{}/{}{}", folder, id, kRequest),
                                  document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return written ? Result<std::string>(id) : tl::unexpected<Error>(written.error());
}

Result<std::optional<std::string>> await_answer(const std::string& run_folder, const std::string& id,
                                                std::chrono::milliseconds limit) {
  const std::string path = fmt::format("{}/{}{}", folder_of(run_folder), id, kAnswer);
  const auto end = std::chrono::steady_clock::now() + limit;
  std::chrono::milliseconds pause{5};
  while (true) {
    if (::access(path.c_str(), F_OK) == 0) {
      auto text = read_file(path);
      if (!text) {
        return tl::unexpected<Error>(text.error());
      }
      ::unlink(path.c_str());
      return std::optional(*std::move(text));
    }
    if (std::chrono::steady_clock::now() >= end) {
      return std::optional<std::string>();
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
}

bool withdraw(const std::string& run_folder, const std::string& id) {
  return ::unlink(fmt::format("{}/{}{}", folder_of(run_folder), id, kRequest).c_str()) == 0;
}

std::string describe(engine::Verdict verdict) {
  switch (verdict) {
    case engine::Verdict::accepted:
      return std::string(kAccepted);
    case engine::Verdict::invalid_token:
      return "InvalidToken: Invalid Token: it is no task token of this run";
    case engine::Verdict::task_timed_out:
      return "TaskTimedOut: Task Timed Out: the task that the token belongs to is over";
    case engine::Verdict::execution_does_not_exist:
      return "ExecutionDoesNotExist: Execution Does Not Exist: it is over";
    case engine::Verdict::execution_not_redrivable:
      return "ExecutionNotRedrivable: only an execution that failed, timed out or was aborted can be redriven";
  }
  return "";
}

Result<Mailbox> Mailbox::open(const std::string& run_folder) {
  Mailbox mailbox(folder_of(run_folder));
  if (const auto made = make_folder(mailbox.folder_); !made) {
    return tl::unexpected<Error>(made.error());
  }
  return mailbox;
}

std::string Mailbox::path(const std::string& id, std::string_view suffix) const {
  return fmt::format("{}/{}{}", folder_, id, suffix);
}

std::vector<engine::InputBody> Mailbox::take(engine::ExecutionId execution) {
  has_more_ = false;
  std::vector<std::string> ids;
  DIR* listing = ::opendir(folder_.c_str());
  if (listing == nullptr) {
    return {};  // it will be there again, or the run ends by what ails the folder
  }
  while (const dirent* entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (ends_with(name, kRequest)) {
      std::string id(name.substr(0, name.size() - kRequest.size()));
      if (!taken_.contains(id)) {
        ids.push_back(std::move(id));
      }
    } else if (ends_with(name, kAnswer)) {
      struct stat status {};
      const std::string stale = fmt::format("{}/{}", folder_, name);
      if (::stat(stale.c_str(), &status) == 0 && std::time(nullptr) - status.st_mtime > kStaleSeconds) {
        ::unlink(stale.c_str());
      }
    }
  }
  ::closedir(listing);
  std::sort(ids.begin(), ids.end());
  std::vector<engine::InputBody> inputs;
  for (const std::string& id : ids) {
    if (inputs.size() == kMostAtOnce) {
      has_more_ = true;
      break;
    }
    const auto text = read_file(path(id, kRequest), kLargestMessage);
    if (!text && text.error().kind == ErrorKind::io) {
      continue;  // withdrawn meanwhile, or not to be read now
    }
    auto input = text ? to_input(id, *text, execution)
                      : Result<engine::InputBody>(fail(ErrorKind::invalid, "InvalidMessage: it is too long"));
    if (!input) {
      answer(id, input.error().message);
      continue;
    }
    taken_.insert(id);
    inputs.push_back(*std::move(input));
  }
  return inputs;
}

void Mailbox::answer(const std::string& id, const std::string& text) {
  // Nothing rests on the answer after a crash, so it is not synced: the message is answered again then.
  const std::string temporary = path(id, ".tmp");
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd >= 0) {
    const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    if (whole) {
      ::rename(temporary.c_str(), path(id, kAnswer).c_str());
    }
  }
  ::unlink(path(id, kRequest).c_str());
  taken_.erase(id);
  answered_.push_back(id);
}

std::vector<std::string> Mailbox::settle() {
  if (answered_.empty()) {
    return {};
  }
  const int fd = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) {
    ::close(fd);
  }
  return synced ? std::exchange(answered_, {}) : std::vector<std::string>();
}

}  // namespace lockstep::service
