#include "mpi_worker/protocol.hpp"

#include <cstring>
#include <type_traits>

#include "work/fields.hpp"

namespace lockstep::work {
template <>
inline constexpr journal::Sync kLast<journal::Sync> = journal::Sync::none;
}  // namespace lockstep::work

namespace lockstep::worker {
namespace {

template <work::Fielded<Hello> T>
auto fields(T& hello) {
  return tied<6>(hello);
}

template <work::Fielded<RunSettings> T>
auto fields(T& settings) {
  auto& [jobs, run_folder, run_id, kill_after, grace, output_limit, log_limit, epoch, spool, sync] = settings;
  static_cast<void>(jobs);  // they travel one by one
  return std::tie(run_folder, run_id, kill_after, grace, output_limit, log_limit, epoch, spool, sync);
}

template <work::Fielded<JobMessage> T>
auto fields(T& message) {
  auto& [id, job] = message;
  return std::tuple_cat(std::tie(id), work::fields(job));
}

template <work::Fielded<TasksMessage> T>
auto fields(T& message) {
  return tied<2>(message);
}

template <class T>
concept Struct = requires(T& value) {
  fields(value);
};

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void put(T value) {
    if constexpr (std::is_same_v<T, bool>) {
      put(static_cast<std::uint8_t>(value));
    } else {
      out_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
  }
  template <class Rep, class Period>
  void put(const std::chrono::duration<Rep, Period>& time) {
    put(std::int64_t{time.count()});
  }
  void put(Timestamp time) { put(time.us); }
  void put(std::string_view bytes) {
    put(static_cast<std::uint64_t>(bytes.size()));
    out_ += bytes;
  }
  void put(const std::string& text) { put(std::string_view(text)); }
  void put(const Value& value) {
    std::string scratch;
    put(value.text(scratch));
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) {
      put(*value);
    }
  }
  template <class T>
  void put(const std::vector<T>& values) {
    put(static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) {
      put(value);
    }
  }
  template <Struct T>
  void put(const T& value) {
    std::apply([this](const auto&... field) { (put(field), ...); }, fields(value));
  }

 private:
  std::string& out_;
};

/// Reads nothing more after the first thing that is wrong.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void get(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = flag();
    } else if constexpr (std::is_enum_v<T>) {
      using Number = std::underlying_type_t<T>;
      const auto read = number<Number>();
      if (read > static_cast<Number>(work::kLast<T>)) {
        fail("holds an unknown word");
      } else {
        value = static_cast<T>(read);
      }
    } else {
      value = number<T>();
    }
  }
  template <class Rep, class Period>
  void get(std::chrono::duration<Rep, Period>& time) {
    time = std::chrono::duration<Rep, Period>(number<std::int64_t>());
  }
  void get(Timestamp& time) { get(time.us); }
  void get(std::string& text) {
    const auto size = number<std::uint64_t>();
    if (size > bytes_.size()) {
      fail("is cut short");
      return;
    }
    text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
  }
  void get(Value& value) {
    std::string text;
    get(text);
    if (Result<Value> read = Value::from_text(std::move(text))) {
      value = std::move(*read);
    } else {
      fail("holds a payload that is not JSON");
    }
  }
  template <class T>
  void get(std::optional<T>& value) {
    if (flag()) {
      get(value.emplace());
    }
  }
  template <class T>
  void get(std::vector<T>& values) {
    const auto count = number<std::uint32_t>();
    for (std::uint32_t i = 0; i < count && !failed(); ++i) {  // what is read takes bytes: a count that lies ends soon
      get(values.emplace_back());
    }
  }
  template <Struct T>
  void get(T& value) {
    std::apply([this](auto&... field) { (get(field), ...); }, fields(value));
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
  bool flag() {
    const auto read = number<std::uint8_t>();
    if (read > 1) {
      fail("holds an unknown word");
    }
    return read == 1;
  }
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

  std::string_view bytes_;
  std::string wrong_;
};

template <class... T>
std::string encode(MessageType type, const T&... parts) {
  std::string message(1, static_cast<char>(type));
  Writer writer(message);
  (writer.put(parts), ...);
  return message;
}

/// `check` may refuse what was read.
template <class T, class Check>
Decoded<T> decode(std::string_view message, MessageType type, const Check& check) {
  Reader reader(message.empty() ? message : message.substr(1));
  if (message.empty() || static_cast<std::uint8_t>(message.front()) != static_cast<std::uint8_t>(type)) {
    reader.fail("is of another type");
  }
  T value{};
  reader.get(value);
  if (!reader.failed()) {
    check(value, reader);
  }
  if (std::string wrong = reader.end(); !wrong.empty()) {
    return tl::unexpected(std::move(wrong));
  }
  return value;
}

template <class T>
Decoded<T> decode(std::string_view message, MessageType type) {
  return decode<T>(message, type, [](const T& /*value*/, Reader& /*reader*/) {});
}

}  // namespace

std::string encode_hello(const Hello& hello) {
  return encode(MessageType::hello, hello);
}

Decoded<Hello> decode_hello(std::string_view message) {
  return decode<Hello>(message, MessageType::hello, [](const Hello& hello, Reader& reader) {
    if (hello.slots == 0 || hello.slots > kMaxSlots) {
      reader.fail("has an impossible number of slots");
    }
  });
}

std::string encode_setup(const RunSettings& settings) {
  return encode(MessageType::setup, settings);
}

Decoded<RunSettings> decode_setup(std::string_view message) {
  return decode<RunSettings>(message, MessageType::setup);
}

std::string encode_job(work::JobId id, const work::Job& job) {
  return encode(MessageType::job, id, job);
}

Decoded<JobMessage> decode_job(std::string_view message) {
  return decode<JobMessage>(message, MessageType::job, [](const JobMessage& read, Reader& reader) {
    if (read.job.kind != work::JobKind::builtin && read.job.argv.empty()) {
      reader.fail("holds a job without a program");
    }
  });
}

std::string encode_cancel(const std::vector<DispatchId>& ids) {
  return encode(MessageType::cancel, ids);
}

Decoded<std::vector<DispatchId>> decode_cancel(std::string_view message) {
  return decode<std::vector<DispatchId>>(message, MessageType::cancel);
}

std::string encode_recall(std::uint32_t count) {
  return encode(MessageType::recall, count);
}

Decoded<std::uint32_t> decode_recall(std::string_view message) {
  return decode<std::uint32_t>(message, MessageType::recall);
}

std::string encode_returned(const std::vector<DispatchId>& ids) {
  return encode(MessageType::returned, ids);
}

Decoded<std::vector<DispatchId>> decode_returned(std::string_view message) {
  return decode<std::vector<DispatchId>>(message, MessageType::returned);
}

std::string encode_begun(const std::vector<BegunTask>& tasks) {
  return encode(MessageType::begun, tasks);
}

Decoded<std::vector<BegunTask>> decode_begun(std::string_view message) {
  return decode<std::vector<BegunTask>>(message, MessageType::begun);
}

std::string encode_bare(MessageType type) {
  return encode(type);
}

/// Where it stands: behind the type, and in a TasksMessage behind `settled`.
std::size_t Batch::count_at() const {
  return 1 + (type_ == MessageType::tasks ? sizeof(std::uint64_t) : 0);
}

void Batch::begin() {
  if (bytes_.empty()) {
    bytes_ = encode(type_);
    bytes_.append(count_at() - 1 + sizeof count_, '\0');
  }
  ++count_;
}

void Batch::add(const Task& task) {
  begin();
  Writer(bytes_).put(task);
}

void Batch::add(const Outcome& outcome) {
  begin();
  Writer(bytes_).put(outcome);
}

std::string Batch::take() {
  if (!bytes_.empty()) {
    std::memcpy(bytes_.data() + count_at(), &count_, sizeof count_);
  }
  count_ = 0;
  return std::exchange(bytes_, {});
}

std::string Batch::take(std::uint64_t settled) {
  if (bytes_.empty()) {
    begin();
    count_ = 0;
  }
  std::memcpy(bytes_.data() + 1, &settled, sizeof settled);
  return take();
}

std::optional<MessageType> type_of(std::string_view message) {
  const auto byte = message.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(message.front());
  if (byte < static_cast<std::uint8_t>(MessageType::hello) || byte > static_cast<std::uint8_t>(MessageType::job)) {
    return std::nullopt;
  }
  return static_cast<MessageType>(byte);
}

Decoded<TasksMessage> decode_tasks(std::string_view message) {
  return decode<TasksMessage>(message, MessageType::tasks);
}

Decoded<std::vector<Outcome>> decode_outcomes(std::string_view message) {
  return decode<std::vector<Outcome>>(message, MessageType::outcomes);
}

}  // namespace lockstep::worker
