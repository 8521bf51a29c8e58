// Files of mocks: whatever the text is, it gives test cases or problems that say what is wrong and where.
#include <cstdlib>
#include <string>

#include "integrations/mocks.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const auto machine = lockstep::asl::parse_definition(
                                  R"({"StartAt":"A","States":{"A":{"Type":"Task","Resource":"job:a","Next":"B"},
                                      "B":{"Type":"Pass","End":true}}})")
                                  .machine;
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto parsed = lockstep::integrations::parse_mocks(text);
  for (const auto& mocked : parsed.file.machines) {
    const auto problems = lockstep::integrations::check_mocks(parsed.file, mocked, *machine);
    parsed.problems.insert(parsed.problems.end(), problems.begin(), problems.end());
  }
  lockstep::asl::find_positions(text, parsed.problems);
  for (const auto& problem : parsed.problems) {
    if (problem.message.empty() || problem.severity != lockstep::asl::Severity::error) {
      std::abort();
    }
  }
  return 0;
}
