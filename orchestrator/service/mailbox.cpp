#include "service/mailbox.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <span>
#include <thread>

#include "journal/files.hpp"
#include "journal/format.hpp"
#include "service/files.hpp"

namespace lockstep::service {

namespace {

constexpr std::string_view kRequest = ".request";
constexpr std::string_view kAnswer = ".answer";
/// Messages that one take() hands out, so that the loop stays lively.
constexpr std::size_t kMostAtOnce = 4096;
constexpr std::size_t kLargestMessage = std::size_t{300} << 20;
/// Answers that nobody fetched are removed after this long.
constexpr std::chrono::hours kStale{1};

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

bool ends_with(std::string_view name, std::string_view suffix) {
  return name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix;
}

}  // namespace

Result<std::string> post(const std::string& run_folder, const Request& request, journal::FileLayer& files) {
  if (const auto stands = files.exists(run_folder + "/run.json"); !stands || !*stands) {
    return stands ? fail(ErrorKind::occupied, fmt::format("{} holds no run", run_folder))
                  : tl::unexpected<Error>(stands.error());
  }
  const std::string folder = folder_of(run_folder);
  TRY(files.make_folder(folder));
  const std::string id = make_id();
  const auto written = write_file(fmt::format("{}/{}{}", folder, id, kRequest), to_text(request), files);
  return written ? Result<std::string>(id) : tl::unexpected<Error>(written.error());
}

Result<std::optional<std::string>> await_answer(const std::string& run_folder, const std::string& id,
                                                std::chrono::milliseconds limit) {
  const std::string path = fmt::format("{}/{}{}", folder_of(run_folder), id, kAnswer);
  const auto end = std::chrono::steady_clock::now() + limit;
  std::chrono::milliseconds pause{1};
  while (true) {
    const auto stands = TRY(journal::posix_files().exists(path));
    if (stands) {
      auto text = read_run_file(path);
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

Result<bool> is_waiting(const std::string& run_folder, const std::string& id) {
  return journal::posix_files().exists(fmt::format("{}/{}{}", folder_of(run_folder), id, kRequest));
}

bool withdraw(const std::string& run_folder, const std::string& id) {
  return ::unlink(fmt::format("{}/{}{}", folder_of(run_folder), id, kRequest).c_str()) == 0;
}

Result<Mailbox> Mailbox::open(const std::string& run_folder, worker::Machine& machine) {
  Mailbox mailbox(folder_of(run_folder), machine);
  TRY(mailbox.files_->make_folder(mailbox.folder_));
  return mailbox;
}

void Mailbox::announce_to(const fleet::Waker& waker) {
  if (watch_ == nullptr && machine_->has_threads()) {
    watch_ = FolderWatch::start(folder_, std::string(kRequest), waker);
  }
}

std::chrono::milliseconds Mailbox::longest_rest() const {
  return watch_ != nullptr && watch_->is_alive() ? std::chrono::milliseconds(1'000) : std::chrono::milliseconds(250);
}

std::string Mailbox::path(const std::string& id, std::string_view suffix) const {
  return fmt::format("{}/{}{}", folder_, id, suffix);
}

void Mailbox::remove_stale(const std::vector<std::string>& names) {
  const auto now = machine_->now();
  decltype(standing_) still;
  for (const std::string& name : names) {
    const auto known = standing_.find(name);
    const auto since = known == standing_.end() ? now : known->second;
    if (now - since > kStale) {
      static_cast<void>(files_->remove(fmt::format("{}/{}", folder_, name)));
    } else {
      still.emplace(name, since);
    }
  }
  standing_ = std::move(still);
}

/// A message's text; nothing where it was withdrawn. An error of kind invalid: it is none, and never will be; its
/// message is the answer.
Result<std::optional<std::string>> Mailbox::read(const std::string& file) const {
  const auto standing = TRY(files_->look(file));
  if (standing == journal::Standing::nothing) {
    return std::optional<std::string>();
  }
  if (standing != journal::Standing::file) {
    return fail(ErrorKind::invalid, "InvalidMessage: it is no regular file");
  }
  const auto ours = files_->is_ours(file);
  if (ours && !*ours) {
    return fail(ErrorKind::invalid, "InvalidMessage: it is another user's");
  }
  const auto open = files_->open_to_read(file);
  const auto size = open ? (*open)->size() : tl::unexpected<Error>(open.error());
  if (!ours || !size) {
    return tl::unexpected<Error>(ours ? size.error() : ours.error());
  }
  if (*size > kLargestMessage) {
    return fail(ErrorKind::invalid, "InvalidMessage: it is too long");
  }
  return TRY(read_run_file(file, kLargestMessage, *files_));
}

std::vector<Incoming> Mailbox::take() {
  has_more_ = false;
  failed_ = false;
  if (watch_ != nullptr) {
    watch_->forget();
  }
  const auto names = files_->list(folder_);
  // One that has vanished is not one that is empty.
  const bool stands = names && (!names->empty() || files_->look(folder_) == journal::Standing::folder);
  if (!stands) {
    failed_ = true;
    return {};  // it will be there again, or the run ends by what ails the folder
  }
  std::vector<std::string> ids;
  std::vector<std::string> others;
  for (const std::string& name : *names) {
    if (ends_with(name, kRequest)) {
      std::string id = name.substr(0, name.size() - kRequest.size());
      if (!taken_.contains(id)) {
        ids.push_back(std::move(id));
      }
    } else if (ends_with(name, kAnswer) || name.ends_with(journal::kTemporary)) {
      others.push_back(name);
    }
  }
  remove_stale(others);
  std::vector<Incoming> requests;
  for (const std::string& id : ids) {
    if (requests.size() == kMostAtOnce) {
      has_more_ = true;
      break;
    }
    const auto text = read(path(id, kRequest));
    if (text && !*text) {
      continue;
    }
    auto request = text ? request_of(**text) : tl::unexpected<Error>(text.error());
    if (!request && request.error().kind == ErrorKind::io) {
      failed_ = true;
      continue;
    }
    taken_.insert(id);
    requests.push_back({id, std::move(request)});
  }
  return requests;
}

Result<void> Mailbox::take_back(const std::string& id) {
  if (!taken_.contains(id)) {
    return {};
  }
  const auto removed = files_->remove(path(id, kRequest));
  return removed ? files_->sync_folder(folder_) : removed;
}

bool Mailbox::is_awaited(const std::string& id) {
  if (!taken_.contains(id)) {
    return false;
  }
  const auto stands = files_->exists(path(id, kRequest));
  if (stands && !*stands) {
    taken_.erase(id);
    return false;
  }
  return true;
}

void Mailbox::reply(const std::string& id, const Reply& reply) {
  if (taken_.contains(id)) {
    answer(id, to_text(reply));
  }
}

void Mailbox::answer(const std::string& id, const std::string& text) {
  // Nothing rests on the answer after a crash, so it is not synced: the message is answered again then.
  const std::string temporary = journal::temporary_for(path(id, kAnswer));
  if (auto file = files_->create(temporary); file && (*file)->write(std::as_bytes(std::span(text)), 0)) {
    static_cast<void>(files_->rename(temporary, path(id, kAnswer)));
  }
  unlinked_.push_back(id);
}

std::vector<std::string> Mailbox::settle() {
  // A message that cannot be deleted stays taken: it must not be taken in a second time.
  std::erase_if(unlinked_, [this](const std::string& id) {
    if (!files_->remove(path(id, kRequest))) {
      return false;
    }
    taken_.erase(id);
    answered_.push_back(id);
    return true;
  });
  if (answered_.empty()) {
    return {};
  }
  return files_->sync_folder(folder_) ? std::exchange(answered_, {}) : std::vector<std::string>();
}

bool Mailbox::may_come_again(const std::string& id) {
  if (!is_clear_) {
    is_clear_ = files_->sync_folder(folder_).has_value();
  }
  return !*is_clear_ || taken_.contains(id) || std::find(answered_.begin(), answered_.end(), id) != answered_.end();
}

}  // namespace lockstep::service
