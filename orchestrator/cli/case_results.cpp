#include "cli/case_results.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "mpi_worker/printable.hpp"
#include "report/difference.hpp"
#include "report/format.hpp"
#include "value/utf8.hpp"

namespace lockstep::cli {

namespace {

constexpr std::size_t kMostText = 200;

std::string shown(const std::optional<std::string>& text) {
  return text ? fmt::format("'{}'", report::one_line(*text, kMostText)) : "none";
}

/// How it ended, on a line.
std::string ending(const engine::EndExecution& end) {
  std::string text(engine::to_string(end.status));
  for (const std::optional<std::string>* one : {&end.error, &end.cause}) {
    text += *one ? ": " + report::one_line(**one, kMostText) : "";
  }
  return text;
}

Mismatch output_mismatch(const Value& expected, const Value& actual) {
  const auto first = report::first_difference(expected.node(), actual.node());
  const auto part = [](const std::string& text) { return text.empty() ? "nothing" : text; };
  return {fmt::format("Output differs at {}: expected {}, was {}", first->path.empty() ? "/" : first->path,
                      part(first->expected), part(first->actual)),
          report::line_difference(report::json_lines(expected.node()), report::json_lines(actual.node()))};
}

Mismatch history_mismatch(const std::vector<std::string>& expected, const std::vector<std::string>& actual) {
  const auto [a, b] = std::mismatch(expected.begin(), expected.end(), actual.begin(), actual.end());
  return {fmt::format("History differs at event {}: expected {}, was {}", a - expected.begin() + 1,
                      a == expected.end() ? "no more" : report::one_line(*a, kMostText),
                      b == actual.end() ? "no more" : *b),
          report::line_difference(expected, actual)};
}

void member(std::string& line, std::string_view key, std::string_view text) {
  line += line.back() == '{' || line.back() == '[' ? "" : ",";
  append_json_string(line, key);
  line += ':';
  append_json_string(line, as_utf8(text));
}

void array(std::string& line, std::string_view key, const std::vector<std::string>& texts) {
  line += ',';
  append_json_string(line, key);
  line += ":[";
  for (const std::string& text : texts) {
    line += line.back() == '[' ? "" : ",";
    append_json_string(line, as_utf8(text));
  }
  line += ']';
}

/// For an attribute, or the text of an element.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : worker::printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::vector<Mismatch> judge(const integrations::Expectation& expect, const service::MockedEnd& end,
                            const std::vector<std::string>& history) {
  std::vector<Mismatch> found;
  if (end.broken) {
    return {{*end.broken, {}}};
  }
  const std::string_view status = engine::to_string(end.end.status);
  if (status != expect.status) {
    found.push_back({fmt::format("Status: expected {}, was {}", expect.status, ending(end.end)), {}});
  } else if (expect.output && *expect.output != end.end.output) {
    found.push_back(output_mismatch(*expect.output, end.end.output));
  }
  for (const auto& [name, expected, actual] :
       {std::tuple{"Error", &expect.error, &end.end.error}, std::tuple{"Cause", &expect.cause, &end.end.cause}}) {
    if (*expected && *expected != *actual && status == expect.status) {
      found.push_back({fmt::format("{}: expected {}, was {}", name, shown(*expected), shown(*actual)), {}});
    }
  }
  if (expect.history && *expect.history != history) {
    found.push_back(history_mismatch(*expect.history, history));
  }
  return found;
}

std::string text_of(const CaseResult& result) {
  std::string text = fmt::format("{}  {}  ({}, {} of virtual time)\n", result.passed() ? "PASS" : "FAIL",
                                 report::one_line(result.name, kMostText), report::counted(result.event_count, "event"),
                                 report::duration(result.virtual_us));
  for (const Mismatch& mismatch : result.mismatches) {
    text += fmt::format("      {}\n", mismatch.message);
    for (const std::string& line : mismatch.detail) {
      text += fmt::format("        {}\n", report::one_line(line, kMostText));
    }
  }
  return text;
}

std::string json_line(const CaseResult& result) {
  std::string line = "{";
  member(line, "machine", result.machine);
  member(line, "case", result.name);
  line += fmt::format(",\"passed\":{},\"events\":{},\"virtualSeconds\":{}.{:06}", result.passed(), result.event_count,
                      result.virtual_us / kMicrosPerSecond, result.virtual_us % kMicrosPerSecond);
  if (!result.end.broken) {
    const engine::EndExecution& end = result.end.end;
    member(line, "status", engine::to_string(end.status));
    if (end.status == engine::Status::succeeded) {
      line += ",\"output\":";
      append_json(line, end.output.node());
    }
    for (const auto& [key, text] : {std::pair{"error", &end.error}, std::pair{"cause", &end.cause}}) {
      if (*text) {
        member(line, key, **text);
      }
    }
  }
  line += ",\"mismatches\":[";
  for (const Mismatch& mismatch : result.mismatches) {
    line += line.back() == '[' ? "{" : ",{";
    member(line, "message", mismatch.message);
    array(line, "detail", mismatch.detail);
    line += '}';
  }
  line += ']';
  if (!result.events.empty()) {
    array(line, "history", result.history);
  }
  return line + "}";
}

std::string summary_of(const std::vector<CaseResult>& results) {
  const auto passed = std::count_if(results.begin(), results.end(), [](const CaseResult& one) { return one.passed(); });
  const auto failed = static_cast<std::ptrdiff_t>(results.size()) - passed;
  return fmt::format("{}: {} passed, {} failed", report::counted(results.size(), "case"), passed, failed);
}

std::string junit_of(const std::vector<CaseResult>& results) {
  double seconds = 0;
  std::size_t failed = 0;
  std::string cases;
  for (const CaseResult& result : results) {
    seconds += result.seconds;
    failed += result.passed() ? 0 : 1;
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.6f}\"", xml(result.machine),
                         xml(result.name), result.seconds);
    if (result.passed()) {
      cases += "/>\n";
      continue;
    }
    cases += fmt::format(">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                         xml(result.mismatches.front().message), xml(text_of(result)));
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" time=\"{:.6f}\">\n"
      "{}  </testsuite>\n</testsuites>\n",
      xml(results.empty() ? "" : results.front().machine), results.size(), failed, seconds, cases);
}

}  // namespace lockstep::cli
