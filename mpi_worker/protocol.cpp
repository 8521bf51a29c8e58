#include "mpi_worker/protocol.hpp"

#include <cstring>
#include <type_traits>

namespace lockstep::worker {
namespace {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  template <class T>
  void number(T value) {
    static_assert(std::is_integral_v<T> || std::is_enum_v<T>);
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view bytes) {
    number(static_cast<std::uint64_t>(bytes.size()));
    out_ += bytes;
  }
  void value(const Value& value) {
    std::string scratch;
    text(value.text(scratch));
  }
  void id(const DispatchId& id) {
    number(id.execution);
    number(id.visit);
    number(id.count);
  }

 private:
  std::string& out_;
};

/// Reads nothing more after the first thing that is wrong.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  T number() {
    T value{};
    if (bytes_.size() < sizeof value) {
      fail("is cut short");
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  /// An enumerator up to `last`.
  template <class T>
  T one_of(T last) {
    const auto value = number<std::underlying_type_t<T>>();
    if (value > static_cast<std::underlying_type_t<T>>(last)) {
      fail("holds an unknown word");
      return T{};
    }
    return static_cast<T>(value);
  }
  std::string text() {
    const auto size = number<std::uint64_t>();
    if (size > bytes_.size()) {
      fail("is cut short");
      return {};
    }
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  Value value() {
    Result<Value> value = Value::from_text(text());
    if (!value) {
      fail("holds a payload that is not JSON");
      return {};
    }
    return std::move(*value);
  }
  DispatchId id() {
    DispatchId id;
    id.execution = number<std::uint64_t>();
    id.visit = number<std::uint64_t>();
    id.count = number<std::uint32_t>();
    return id;
  }
  /// How many things of at least `least` bytes follow.
  std::size_t count(std::size_t least) {
    const auto count = number<std::uint32_t>();
    expect(count, least);
    return failed() ? 0 : count;
  }
  /// `count` things of at least `least` bytes must follow.
  void expect(std::size_t count, std::size_t least) {
    if (count > bytes_.size() / least) {
      fail("is cut short");
    }
  }
  void fail(std::string_view what) {
    if (wrong_.empty()) {
      wrong_ = what;
    }
    bytes_ = {};
  }
  bool failed() const { return !wrong_.empty(); }
  /// What is wrong after all was read; empty: nothing.
  std::string end() const { return !wrong_.empty() ? wrong_ : bytes_.empty() ? "" : "is too long"; }

 private:
  std::string_view bytes_;
  std::string wrong_;
};

template <class T>
Decoded<T> ended(const Reader& reader, T value) {
  std::string wrong = reader.end();
  if (!wrong.empty()) {
    return tl::unexpected(std::move(wrong));
  }
  return value;
}

/// A Reader behind the type.
Reader open(std::string_view message, MessageType type) {
  Reader reader(message.empty() ? message : message.substr(1));
  if (message.empty() || static_cast<std::uint8_t>(message.front()) != static_cast<std::uint8_t>(type)) {
    reader.fail("is of another type");
  }
  return reader;
}

std::string start(MessageType type) {
  return std::string(1, static_cast<char>(type));
}

void write_duration(Writer& writer, const std::optional<std::chrono::microseconds>& duration) {
  writer.number(duration ? static_cast<std::int64_t>(duration->count()) : std::int64_t{-1});
}

std::optional<std::chrono::microseconds> read_duration(Reader& reader) {
  const auto us = reader.number<std::int64_t>();
  return us < 0 ? std::nullopt : std::optional(std::chrono::microseconds(us));
}

void write_job(Writer& writer, const integrations::Job& job) {
  writer.text(job.resource);
  writer.number(job.kind);
  writer.number(static_cast<std::uint32_t>(job.argv.size()));
  for (const std::string& argument : job.argv) {
    writer.text(argument);
  }
  writer.number(job.builtin);
  writer.number(job.stdout_mode);
  writer.number(job.cwd);
  writer.number(job.interrupted);
  writer.text(job.folder);
}

integrations::Job read_job(Reader& reader) {
  integrations::Job job;
  job.resource = reader.text();
  job.kind = reader.one_of(integrations::JobKind::plugin);
  const std::size_t arguments = reader.count(sizeof(std::uint64_t));
  for (std::size_t i = 0; i < arguments && !reader.failed(); ++i) {
    job.argv.push_back(reader.text());
  }
  job.builtin = reader.one_of(integrations::Builtin::fail);
  job.stdout_mode = reader.one_of(integrations::StdoutMode::log);
  job.cwd = reader.one_of(integrations::WorkingDirectory::task_folder);
  job.interrupted = reader.one_of(integrations::Interrupted::fail);
  job.folder = reader.text();
  if (job.kind != integrations::JobKind::builtin && job.argv.empty()) {
    reader.fail("holds a job without a program");
  }
  return job;
}

Task read_task(Reader& reader) {
  Task task;
  task.id = reader.id();
  task.job = reader.number<integrations::JobId>();
  task.timeout = read_duration(reader);
  task.heartbeat = read_duration(reader);
  task.item_index = reader.number<std::int64_t>();
  task.attempt = reader.number<std::uint32_t>();
  task.execution_name = reader.text();
  task.state_name = reader.text();
  task.task_token = reader.text();
  task.input = reader.value();
  return task;
}

Outcome read_outcome(Reader& reader) {
  Outcome outcome;
  outcome.id = reader.id();
  outcome.kind = reader.one_of(OutcomeKind::cancelled);
  outcome.started.us = reader.number<std::int64_t>();
  outcome.ended.us = reader.number<std::int64_t>();
  outcome.rank = reader.number<std::uint32_t>();
  outcome.cpu = std::chrono::microseconds(reader.number<std::int64_t>());
  outcome.max_rss_kib = reader.number<std::int64_t>();
  outcome.begun = reader.number<std::uint8_t>() != 0;
  outcome.error = reader.text();
  outcome.cause = reader.text();
  outcome.result = reader.value();
  return outcome;
}

/// Bytes of a task, an outcome and a job whose texts are all empty; a bound for counts.
constexpr std::size_t kLeastTask = 60;
constexpr std::size_t kLeastOutcome = 60;
constexpr std::size_t kLeastJob = 20;
constexpr std::size_t kIdBytes = 20;

std::string encode_ids(MessageType type, const std::vector<DispatchId>& ids) {
  std::string message = start(type);
  Writer writer(message);
  writer.number(static_cast<std::uint32_t>(ids.size()));
  for (const DispatchId& id : ids) {
    writer.id(id);
  }
  return message;
}

Decoded<std::vector<DispatchId>> decode_ids(MessageType type, std::string_view message) {
  Reader reader = open(message, type);
  std::vector<DispatchId> ids;
  const std::size_t count = reader.count(kIdBytes);
  for (std::size_t i = 0; i < count; ++i) {
    ids.push_back(reader.id());
  }
  return ended(reader, std::move(ids));
}

}  // namespace

std::string encode_hello(const Hello& hello) {
  std::string message = start(MessageType::hello);
  Writer writer(message);
  writer.number(hello.protocol);
  writer.text(hello.host);
  writer.text(hello.place);
  writer.number(hello.pid);
  writer.number(hello.started);
  writer.number(hello.slots);
  return message;
}

Decoded<Hello> decode_hello(std::string_view message) {
  Reader reader = open(message, MessageType::hello);
  Hello hello;
  hello.protocol = reader.number<std::uint32_t>();
  hello.host = reader.text();
  hello.place = reader.text();
  hello.pid = reader.number<std::uint32_t>();
  hello.started = reader.number<std::uint64_t>();
  hello.slots = reader.number<std::uint32_t>();
  if (hello.slots == 0 || hello.slots > kMaxSlots) {
    reader.fail("has an impossible number of slots");
  }
  return ended(reader, std::move(hello));
}

std::string encode_setup(const RunSettings& settings) {
  std::string message = start(MessageType::setup);
  Writer writer(message);
  writer.text(settings.run_folder);
  writer.text(settings.run_id);
  writer.number(static_cast<std::int64_t>(settings.kill_after.count()));
  writer.number(static_cast<std::int64_t>(settings.grace.count()));
  writer.number(static_cast<std::uint64_t>(settings.output_limit));
  writer.number(settings.epoch);
  writer.number(settings.spool);
  writer.number(settings.sync);
  writer.number(static_cast<std::uint32_t>(settings.jobs.size()));
  for (const integrations::Job& job : settings.jobs) {
    write_job(writer, job);
  }
  return message;
}

Decoded<RunSettings> decode_setup(std::string_view message) {
  Reader reader = open(message, MessageType::setup);
  RunSettings settings;
  settings.run_folder = reader.text();
  settings.run_id = reader.text();
  settings.kill_after = std::chrono::milliseconds(reader.number<std::int64_t>());
  settings.grace = std::chrono::milliseconds(reader.number<std::int64_t>());
  settings.output_limit = reader.number<std::uint64_t>();
  settings.epoch = reader.number<journal::Epoch>();
  settings.spool = reader.one_of(SpoolUse::results);
  settings.sync = reader.one_of(journal::Sync::none);
  const std::size_t jobs = reader.count(kLeastJob);
  for (std::size_t i = 0; i < jobs && !reader.failed(); ++i) {
    settings.jobs.push_back(read_job(reader));
  }
  return ended(reader, std::move(settings));
}

std::string encode_cancel(const std::vector<DispatchId>& ids) {
  return encode_ids(MessageType::cancel, ids);
}

Decoded<std::vector<DispatchId>> decode_cancel(std::string_view message) {
  return decode_ids(MessageType::cancel, message);
}

std::string encode_recall(std::uint32_t count) {
  std::string message = start(MessageType::recall);
  Writer(message).number(count);
  return message;
}

Decoded<std::uint32_t> decode_recall(std::string_view message) {
  Reader reader = open(message, MessageType::recall);
  const auto count = reader.number<std::uint32_t>();
  return ended(reader, count);
}

std::string encode_returned(const std::vector<DispatchId>& ids) {
  return encode_ids(MessageType::returned, ids);
}

Decoded<std::vector<DispatchId>> decode_returned(std::string_view message) {
  return decode_ids(MessageType::returned, message);
}

std::string encode_bare(MessageType type) {
  return start(type);
}

void Batch::begin() {
  if (bytes_.empty()) {
    bytes_ = start(type_);
    bytes_.append(sizeof count_ + (type_ == MessageType::tasks ? sizeof(std::uint64_t) : 0), '\0');
  }
  ++count_;
}

void Batch::add(const Task& task) {
  begin();
  Writer writer(bytes_);
  writer.id(task.id);
  writer.number(task.job);
  write_duration(writer, task.timeout);
  write_duration(writer, task.heartbeat);
  writer.number(task.item_index);
  writer.number(task.attempt);
  writer.text(task.execution_name);
  writer.text(task.state_name);
  writer.text(task.task_token);
  writer.value(task.input);
}

void Batch::add(const Outcome& outcome) {
  begin();
  Writer writer(bytes_);
  writer.id(outcome.id);
  writer.number(outcome.kind);
  writer.number(outcome.started.us);
  writer.number(outcome.ended.us);
  writer.number(outcome.rank);
  writer.number(static_cast<std::int64_t>(outcome.cpu.count()));
  writer.number(outcome.max_rss_kib);
  writer.number(static_cast<std::uint8_t>(outcome.begun));
  writer.text(outcome.error);
  writer.text(outcome.cause);
  writer.value(outcome.result);
}

std::string Batch::take() {
  if (!bytes_.empty()) {
    std::memcpy(bytes_.data() + 1, &count_, sizeof count_);
  }
  count_ = 0;
  return std::exchange(bytes_, {});
}

std::string Batch::take(std::uint64_t settled) {
  if (bytes_.empty()) {
    begin();
    count_ = 0;
  }
  std::memcpy(bytes_.data() + 1 + sizeof count_, &settled, sizeof settled);
  return take();
}

std::optional<MessageType> type_of(std::string_view message) {
  const auto byte = message.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(message.front());
  if (byte < static_cast<std::uint8_t>(MessageType::hello) || byte > static_cast<std::uint8_t>(MessageType::goodbye)) {
    return std::nullopt;
  }
  return static_cast<MessageType>(byte);
}

Decoded<TasksMessage> decode_tasks(std::string_view message) {
  Reader reader = open(message, MessageType::tasks);
  TasksMessage decoded;
  const auto count = reader.number<std::uint32_t>();
  decoded.settled = reader.number<std::uint64_t>();
  reader.expect(count, kLeastTask);
  for (std::size_t i = 0; i < count && !reader.failed(); ++i) {
    decoded.tasks.push_back(read_task(reader));
  }
  return ended(reader, std::move(decoded));
}

Decoded<std::vector<Outcome>> decode_outcomes(std::string_view message) {
  Reader reader = open(message, MessageType::outcomes);
  std::vector<Outcome> outcomes;
  const std::size_t count = reader.count(kLeastOutcome);
  for (std::size_t i = 0; i < count && !reader.failed(); ++i) {
    outcomes.push_back(read_outcome(reader));
  }
  return ended(reader, std::move(outcomes));
}

}  // namespace lockstep::worker
