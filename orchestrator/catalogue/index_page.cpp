// Pages of the index: the newest first of all that is in memory and in files.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "catalogue/execution_index.hpp"

namespace lockstep::catalogue {

namespace {

/// Says, too, for which request it is, so that it goes with no other.
std::string token_after(engine::ExecutionId id, const PageRequest& request) {
  const std::uint64_t check =
      name_hash(request.machine_arn, request.status ? std::to_string(static_cast<int>(*request.status)) : "");
  return fmt::format("{:x}-{:08x}", static_cast<std::uint64_t>(id), check & UINT32_MAX);
}

/// The id that the page before ended with; the greatest for the first page. Nothing: it is no token of this request's.
std::optional<engine::ExecutionId> last_seen(const PageRequest& request) {
  if (request.token.empty()) {
    return engine::ExecutionId{UINT64_MAX};
  }
  std::uint64_t number = 0;
  const std::string& token = request.token;
  std::from_chars(token.data(), token.data() + token.size(), number, 16);
  const engine::ExecutionId id{number};
  return token == token_after(id, request) ? std::optional(id) : std::nullopt;
}

}  // namespace

/// Goes through executions of one machine, the newest first.
class ExecutionIndex::Cursor {
 public:
  explicit Cursor(const ExecutionIndex& index) : index_(index) {}
  virtual ~Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  /// The present one; nothing at the end, and before the first next().
  const std::optional<engine::ExecutionId>& id() const { return id_; }
  virtual Result<void> next() = 0;
  virtual Result<ExecutionEntry> entry() const = 0;

 protected:
  const ExecutionIndex& index_;
  std::optional<engine::ExecutionId> id_;
};

class ExecutionIndex::TableCursor final : public Cursor {
 public:
  TableCursor(const ExecutionIndex& index, const ExecutionTable& table, MachineNumber machine,
              engine::ExecutionId before, std::optional<engine::Status> status)
      : Cursor(index),
        next_(table.rows().upper_bound({machine, before})),
        end_(table.rows().upper_bound({machine, engine::ExecutionId{0}})),
        status_(status) {}

  Result<void> next() override {
    id_.reset();
    for (; next_ != end_ && !id_; ++next_) {
      const auto& [place, held] = *next_;
      const bool is_over = held.status != engine::Status::running;
      if ((!status_ || held.status == *status_) && !(is_over && index_.is_stale(place.id, held.last))) {
        id_ = place.id;
        held_ = &held;
      }
    }
    return {};
  }
  Result<ExecutionEntry> entry() const override { return to_entry(*id_, *held_); }

 private:
  ExecutionTable::Rows::const_iterator next_;
  ExecutionTable::Rows::const_iterator end_;
  std::optional<engine::Status> status_;
  const Held* held_ = nullptr;
};

class ExecutionIndex::FileCursor final : public Cursor {
 public:
  /// `left`: how many of the group are yet to come.
  FileCursor(const ExecutionIndex& index, const IndexFile& file, const IndexFile::Group& group, std::uint32_t left)
      : Cursor(index), file_(file), group_(group), left_(left) {}

  Result<void> next() override {
    id_.reset();
    while (left_ != 0 && !id_) {
      const auto row = TRY(file_.row(group_, --left_));
      const engine::ExecutionId id{row.execution};
      if (!index_.is_stale(id, row.last)) {
        id_ = id;
        row_ = row;
      }
    }
    return {};
  }
  Result<ExecutionEntry> entry() const override { return file_.entry(row_); }

 private:
  const IndexFile& file_;
  const IndexFile::Group group_;
  std::uint32_t left_;
  IndexRow row_{};
};

/// Of all that may hold what was asked for, what is newer in front; each stands before its first.
Result<std::vector<std::unique_ptr<ExecutionIndex::Cursor>>> ExecutionIndex::cursors(const PageRequest& request,
                                                                                     engine::ExecutionId before) const {
  std::vector<std::unique_ptr<Cursor>> made;
  const auto is_asked = [&](const std::string& arn) {
    return request.machine_arn.empty() || arn == request.machine_arn;
  };
  const auto may_hold = [&](const ExecutionTable* table) {
    return table != nullptr &&
           (!request.status || (*request.status == engine::Status::running) == (table == &running_));
  };
  for (const ExecutionTable* table : {&running_, &ended_, flushing_.get()}) {
    for (MachineNumber machine = 0; machine < machines_.size() && may_hold(table); ++machine) {
      if (is_asked(machines_[machine].arn)) {
        made.push_back(std::make_unique<TableCursor>(*this, *table, machine, before, request.status));
      }
    }
  }
  for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
    std::optional<std::uint32_t> rows;
    for (const IndexFile::Group& group : (*file)->groups()) {
      if (!is_asked((*file)->machine(group)) ||
          (request.status && group.status != static_cast<std::uint16_t>(*request.status))) {
        continue;
      }
      if (!rows) {
        rows = TRY(request.token.empty() ? (*file)->size() : (*file)->rows_before(before));
      }
      const auto left = TRY(*rows == (*file)->size() ? group.count : (*file)->count_before(group, *rows));
      made.push_back(std::make_unique<FileCursor>(*this, **file, group, left));
    }
  }
  return made;
}

Decision<ExecutionPage> ExecutionIndex::page(const PageRequest& request) const {
  const auto before = last_seen(request);
  if (!before) {
    return refuse("InvalidToken", "Invalid Token: 'Invalid token'");
  }
  auto made = cursors(request, *before);
  if (!made) {
    return refuse(made.error());
  }
  for (const auto& cursor : *made) {
    if (const auto done = cursor->next(); !done) {
      return refuse(done.error());
    }
  }
  ExecutionPage page;
  while (true) {
    const Cursor* newest = nullptr;
    for (const auto& cursor : *made) {
      if (cursor->id() && (newest == nullptr || *cursor->id() > *newest->id())) {
        newest = cursor.get();
      }
    }
    if (newest == nullptr) {
      return page;
    }
    if (page.entries.size() >= std::max<std::size_t>(request.most, 1)) {
      page.token = token_after(page.entries.back().id, request);
      return page;
    }
    auto entry = newest->entry();
    if (!entry) {
      return refuse(entry.error());
    }
    page.entries.push_back(std::move(*entry));
    for (const auto& cursor : *made) {
      if (cursor->id() == page.entries.back().id) {
        if (const auto done = cursor->next(); !done) {
          return refuse(done.error());
        }
      }
    }
  }
}

}  // namespace lockstep::catalogue
