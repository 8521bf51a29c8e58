// Any bytes as an expression, over a small document, at both levels: no crash, no hang, no growth without bound.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "query/jsonata/program.hpp"

namespace {

using lockstep::Value;
using lockstep::jsonata::Level;
using lockstep::jsonata::Limits;
using lockstep::jsonata::Program;
using lockstep::jsonata::Request;

const Value& document() {
  static const Value kDocument = Value::from_checked_text(
      R"({"a":[{"b":1,"c":"x"},{"b":2,"c":"y"},{"b":[3,[4]]}],"s":"text é","n":null,"t":true,"o":{"p":{"q":0.5}}})");
  return kDocument;
}

void run(std::string_view text, Level level) {
  const auto program = Program::compile(text, level);
  if (!program) {
    return;
  }
  Request request;
  request.input = &document();
  std::uint64_t random = 1;
  request.random = [&random] { return random = random * 6364136223846793005U + 1442695040888963407U; };
  Limits limits = lockstep::jsonata::default_limits(level);
  limits.steps = 100'000;
  limits.memory = std::size_t{32} << 20;
  limits.value = std::size_t{4} << 20;
  (*program)->evaluate(request, limits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  run(text, Level::suite);
  run(text, Level::asl);
  return 0;
}
