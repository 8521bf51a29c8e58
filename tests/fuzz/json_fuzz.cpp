// JSON text: what the check accepts must parse, write and come back equal, with the length that was foretold.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "value/value.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  lockstep::JsonProblem problem;
  if (!lockstep::check_json(text, problem)) {
    return problem.message.empty() || problem.offset > size ? (std::abort(), 0) : 0;
  }
  const lockstep::Value value = lockstep::Value::from_checked_text(text);
  std::string written;
  lockstep::append_json(written, value.node());
  if (written.size() != value.node().text_size() || !lockstep::check_json(written, problem)) {
    std::abort();
  }
  const lockstep::Value again = lockstep::Value::from_checked_text(written);
  std::string twice;
  lockstep::append_json(twice, again.node());
  if (twice != written) {
    std::abort();
  }
  return 0;
}
