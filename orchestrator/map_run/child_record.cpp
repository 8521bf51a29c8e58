#include "map_run/child_record.hpp"

#include <utility>

namespace lockstep::map_run {

namespace {

/// Writes members in the order of the calls, as text: most records are written to a file and never looked into.
class RecordWriter {
 public:
  RecordWriter() { out_.reserve(kUsualBytes); }
  void text(std::string_view key, std::string_view value) {
    begin(key);
    append_json_string(out_, value);
  }
  void text_unless_empty(std::string_view key, std::string_view value) {
    if (!value.empty()) {
      text(key, value);
    }
  }
  void text_if_any(std::string_view key, const std::optional<std::string>& value) {
    if (value) {
      text(key, *value);
    }
  }
  void json(std::string_view key, const Value& value) {
    std::string scratch;
    text(key, value.text(scratch));
  }
  void number(std::string_view key, std::uint64_t value) {
    begin(key);
    out_ += std::to_string(value);
  }
  /// AWS says so of a failed child's output, too.
  void included(std::string_view key) {
    begin(key);
    out_ += R"({"Included":true})";
  }
  Value finish() {
    out_ += '}';
    return Value::from_checked_text(std::move(out_));
  }

 private:
  /// `key` needs no escapes.
  void begin(std::string_view key) {
    out_ += out_.empty() ? "{\"" : ",\"";
    out_ += key;
    out_ += "\":";
  }

  static constexpr std::size_t kUsualBytes = 1000;

  std::string out_;
};

Value pending_record(const ChildRecord& child) {
  RecordWriter record;
  record.text_unless_empty("ExecutionArn", child.execution_arn);
  record.json("Input", child.input);
  record.included("InputDetails");
  record.text_unless_empty("Name", child.name);
  record.text_unless_empty("StateMachineArn", child.machine_arn);
  record.text("Status", to_string(child.status));
  return record.finish();
}

}  // namespace

std::string_view to_string(ChildStatus status) {
  switch (status) {
    case ChildStatus::pending:
      return "PENDING";
    case ChildStatus::succeeded:
      return "SUCCEEDED";
    case ChildStatus::failed:
      return "FAILED";
    case ChildStatus::timed_out:
      return "TIMED_OUT";
    case ChildStatus::aborted:
      return "ABORTED";
  }
  return "";
}

Value record_of(const ChildRecord& child) {
  if (child.status == ChildStatus::pending) {
    return pending_record(child);
  }
  const bool succeeded = child.status == ChildStatus::succeeded;
  RecordWriter record;
  if (!succeeded) {
    record.text_if_any("Cause", child.cause);
    record.text_if_any("Error", child.error);
  }
  record.text("ExecutionArn", child.execution_arn);
  record.json("Input", child.input);
  record.included("InputDetails");
  record.text("Name", child.name);
  if (succeeded) {
    record.json("Output", child.output);
  }
  record.included("OutputDetails");
  record.number("RedriveCount", child.redrives);
  if (succeeded) {
    record.text("RedriveStatus", "NOT_REDRIVABLE");
    record.text("RedriveStatusReason", "Execution is SUCCEEDED and cannot be redriven");
  } else {
    record.text("RedriveStatus", child.express ? "REDRIVABLE_BY_MAP_RUN" : "REDRIVABLE");
  }
  record.text("StartDate", format_timestamp(child.started));
  record.text("StateMachineArn", child.machine_arn);
  record.text("Status", to_string(child.status));
  record.text("StopDate", format_timestamp(child.stopped));
  return record.finish();
}

Value element_of(const ChildRecord& child, Transformation transformation) {
  return child.status == ChildStatus::succeeded && transformation != Transformation::none ? child.output
                                                                                          : record_of(child);
}

std::string_view one_line(const Value& value, std::string& scratch) {
  if (value.has_text()) {
    const std::string_view text = value.text(scratch);
    if (text.find('\n') == std::string_view::npos && text.find('\r') == std::string_view::npos) {
      return text;
    }
  }
  scratch.clear();
  append_json(scratch, value.node());
  return scratch;
}

ResultComposer::ResultComposer(Transformation transformation, bool lines)
    : transformation_(transformation), lines_(lines) {
  if (!lines_) {
    array_.begin_array();
  }
}

void ResultComposer::add(const Value& element) {
  elements_of(element, transformation_, [this](const Value& value) {
    const std::uint64_t separator = any_ ? 1 : 0;
    any_ = true;
    if (!lines_) {
      bytes_ += separator + value.node().text_size();
      array_.value(value);
      return;
    }
    if (separator != 0) {
      text_ += '\n';
    }
    std::string line;
    append_json(line, value.node());
    text_ += line;
    std::string quoted;
    append_json_string(quoted, line);
    bytes_ += 2 * separator + quoted.size() - 2;  // a newline is \n in the string
  });
}

Value ResultComposer::finish() {
  if (lines_) {
    return Value::string(text_);
  }
  array_.end_array();
  return array_.finish();
}

}  // namespace lockstep::map_run
