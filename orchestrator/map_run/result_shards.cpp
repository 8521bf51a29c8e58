#include "map_run/result_shards.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "map_run/result_table.hpp"
#include "value/number.hpp"

namespace lockstep::map_run {

namespace {

constexpr std::string_view kPart = ".part";
constexpr std::string_view kTemporary = ".tmp";
constexpr std::size_t kPendingBytes = std::size_t{1} << 20;

/// A file that belongs to a shard.
struct Name {
  std::uint32_t number = 0;
  std::string_view ending;  ///< kPart, kTemporary, or empty: the shard itself
};

std::optional<Name> parse_name(std::string_view text, std::string_view kind, std::string_view suffix) {
  Name name;
  if (!text.starts_with(kind) || !text.substr(kind.size()).starts_with('_')) {
    return std::nullopt;
  }
  text.remove_prefix(kind.size() + 1);
  for (const std::string_view ending : {kPart, kTemporary}) {
    if (text.ends_with(ending)) {
      name.ending = ending;
      text.remove_suffix(ending.size());
      break;
    }
  }
  if (!text.ends_with(suffix)) {
    return std::nullopt;
  }
  text.remove_suffix(suffix.size());
  return parse_whole(text, name.number) ? std::optional(name) : std::nullopt;
}

}  // namespace

Result<void> ResultFolder::sync() {
  if (std::exchange(changed, false)) {
    return sync_folder(path);
  }
  return {};
}

ResultShards::ResultShards(ResultFolder& folder, std::string_view kind, OutputType output, std::uint64_t largest_file)
    : folder_(folder),
      kind_(kind),
      table_(output == OutputType::hdf5),
      form_(form_of(output)),
      largest_file_(largest_file) {}

ResultShards::Form ResultShards::form_of(OutputType output) {
  switch (output) {
    case OutputType::json:
      break;
    case OutputType::lines:
      return {".json", "", "\n", "\n"};  // AWS names them so
    case OutputType::hdf5:
      return {".h5", "", "\n", "\n"};
  }
  return {".json", "[", ",\n", "]"};
}

std::string ResultShards::name(std::uint32_t number) const {
  return fmt::format("{}_{}{}", kind_, number, form_.suffix);
}

std::string ResultShards::part() const {
  return fmt::format("{}{}", path(at_.number), kPart);
}

Result<void> ResultShards::open(const ResultFiles::Position::Shard& position) {
  at_ = position;
  TRY(remove_others());
  return at_.bytes > 0 ? find() : Result<void>();
}

Result<void> ResultShards::remove_others() {
  const std::vector<std::string> names = TRY(names_in(folder_.path));
  for (const std::string& stands : names) {
    const auto name = parse_name(stands, kind_, form_.suffix);
    if (!name) {
      continue;
    }
    const bool later = name->number > at_.number || (name->number == at_.number && at_.bytes == 0);
    if (later || name->ending == kTemporary || (name->ending == kPart && name->number < at_.number)) {
      TRY(remove_file(folder_.path + "/" + stands));
      folder_.changed = true;
    }
  }
  return {};
}

Result<void> ResultShards::find() {
  auto bytes = TRY(size_of(part()));
  if (!bytes) {
    if (const auto shard = TRY(size_of(path(at_.number)))) {
      bytes = TRY(closed_bytes(*shard));
      closed_ = *bytes == at_.bytes;
      if (closed_) {
        return {};
      }
      if (*bytes > at_.bytes) {
        TRY(take_back());
      }
    }
  }
  if (!bytes || *bytes < at_.bytes) {
    return fail(
        ErrorKind::io,
        fmt::format("cannot go on with the results in {}: {}, but {} bytes were written before: bring the file "
                    "back, or run the Map anew",
                    path(at_.number), bytes ? fmt::format("it has only {}", *bytes) : "it is not there", at_.bytes));
  }
  return open_part();
}

/// How many bytes its part had.
Result<std::uint64_t> ResultShards::closed_bytes(std::uint64_t size) const {
  if (table_) {
    return part_bytes_of(path(at_.number));
  }
  return size > form_.closing.size() ? size - form_.closing.size() : 0;
}

/// Makes the shard a part again. That is durable before anything is written to it: no crash gives its bytes the shard's
/// name.
Result<void> ResultShards::take_back() {
  if (!table_) {
    TRY(rename_file(path(at_.number), part()));
    return sync_folder(folder_.path);
  }
  TRY(part_of_table(path(at_.number), part()));
  TRY(sync_folder(folder_.path));
  folder_.changed = true;
  return remove_file(path(at_.number));
}

Result<void> ResultShards::open_part() {
  if (std::exchange(closed_, false)) {
    TRY(take_back());
  }
  file_ = TRY(OutputFile::open(part()));
  TRY(file_.cut(at_.bytes));
  folder_.changed = dirty_ = true;
  return {};
}

Result<void> ResultShards::add(const ChildRecord& child, std::string_view element) {
  const std::string row = table_ ? row_of(child) : std::string();
  const std::uint64_t bytes = row.size() + element.size();
  if (at_.bytes > 0 && at_.bytes + form_.between.size() + bytes + form_.closing.size() > largest_file_) {
    TRY(next());
  }
  if (!file_) {
    TRY(open_part());
  }
  const std::string_view before = at_.bytes == 0 ? form_.opening : form_.between;
  pending_ += before;
  pending_ += row;
  pending_ += element;
  at_.bytes += before.size() + bytes;
  return pending_.size() < kPendingBytes ? Result<void>() : flush();
}

Result<void> ResultShards::flush() {
  if (!pending_.empty()) {
    dirty_ = true;
    TRY(file_.write(pending_, at_.bytes - pending_.size()));
    pending_.clear();
  }
  return {};
}

Result<void> ResultShards::sync() {
  TRY(flush());
  if (std::exchange(dirty_, false)) {
    TRY(file_.sync());
  }
  return {};
}

Result<void> ResultShards::close() {
  if (!file_) {
    return {};
  }
  TRY(flush());
  TRY(file_.write(form_.closing, at_.bytes));
  if (table_) {
    const std::string temporary = path(at_.number) + std::string(kTemporary);
    TRY(table_of_part(part(), at_.bytes, temporary));
    TRY(rename_file(temporary, path(at_.number)));
    TRY(sync_folder(folder_.path));
    TRY(remove_file(part()));
  } else {
    TRY(file_.sync());
    TRY(rename_file(part(), path(at_.number)));
  }
  dirty_ = false;
  file_ = OutputFile();
  folder_.changed = closed_ = true;
  return {};
}

Result<void> ResultShards::next() {
  TRY(close());
  if (at_.bytes > 0) {
    ++at_.number;
    at_.bytes = 0;
    closed_ = false;
  }
  return {};
}

Result<void> ResultShards::begin_again() {
  TRY(next());
  at_.first = at_.number;
  return {};
}

Result<std::vector<ResultShards::File>> ResultShards::files() const {
  std::vector<File> files;
  for (std::uint32_t number = at_.first; number < at_.number + (at_.bytes > 0 ? 1 : 0); ++number) {
    const auto bytes = TRY(size_of(path(number)));
    if (!bytes) {
      return fail(ErrorKind::io,
                  fmt::format("cannot list the results: {} was written, but is not there any more: bring "
                              "the file back, or run the Map anew",
                              path(number)));
    }
    files.push_back({name(number), *bytes});
  }
  return files;
}

}  // namespace lockstep::map_run
