// A catalogue and what happens in its house, for tests.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catalogue/catalogue.hpp"
#include "catalogue/names.hpp"

namespace lockstep::catalogue {

/// What a catalogue holds, and all pages of `lists`.
inline std::string describe(const Catalogue& catalogue, std::vector<PageRequest> lists) {
  const ExecutionIndex& index = catalogue.executions();
  std::string text = fmt::format("next {}\n", static_cast<std::uint64_t>(index.next()));
  for (const auto& [arn, machine] : catalogue.machines()) {
    text += fmt::format("machine {} {} deleting {} running {}\n", arn, machine.created.us, machine.deleting,
                        index.running(arn));
    for (const Revision& revision : machine.revisions) {
      text += fmt::format("  {} {} {} {} {} {} {}\n", revision.number, *revision.definition, *revision.jobs,
                          revision.jobs_folder, revision.role_arn, revision.settings.to_text(), revision.created.us);
    }
  }
  for (const auto& [arn, activity] : catalogue.activities()) {
    text += fmt::format("activity {} {} {} {}\n", arn, activity.name, activity.settings.to_text(), activity.created.us);
  }
  for (PageRequest& request : lists) {
    text += fmt::format("{} {}:\n", request.machine_arn, request.status ? static_cast<int>(*request.status) : -1);
    do {
      const auto page = index.page(request);
      EXPECT_TRUE(page) << page.error().message;
      for (const ExecutionEntry& entry : page->entries) {
        text +=
            fmt::format("{} {} {} {} {} {} {}-{} {} {}\n", static_cast<std::uint64_t>(entry.id), entry.machine_arn,
                        entry.name, entry.started.us, entry.stopped.value_or(Timestamp{-1}).us,
                        static_cast<int>(entry.status), entry.first, entry.last, entry.revision, entry.redrive_count);
        const auto by_name = index.find(entry.machine_arn, entry.name);
        EXPECT_TRUE(by_name && *by_name && (*by_name)->id == entry.id && (*by_name)->last == entry.last) << entry.name;
        const auto by_id = index.find(entry.id);
        EXPECT_TRUE(by_id && *by_id && (*by_id)->name == entry.name && (*by_id)->last == entry.last) << entry.name;
      }
      request.token = page->token;
    } while (!request.token.empty());
  }
  return text;
}

struct TestHouse {
  Catalogue catalogue;
  Timestamp now{1'700'000'000'000'000};
  SequenceNumber seq = 0;

  void happen(engine::Event event) {
    event.time = now;
    catalogue.apply(event, ++seq);
  }
  /// Applies what was decided.
  Change take(const Decision<Change>& decision) {
    EXPECT_TRUE(decision) << decision.error().message;
    EXPECT_TRUE(decision->event) << "nothing changes";
    Change change = *decision;
    happen(Change(change).at(now));
    return change;
  }
  void start(std::uint64_t id, const std::string& name, const std::string& machine,
             engine::ExecutionType type = engine::ExecutionType::standard) {
    auto identity = std::make_shared<engine::Identity>(
        name, std::make_shared<engine::MachineIdentity>(engine::MachineIdentity{"", machine, ""}));
    engine::ExecutionStarted body;
    body.identity = std::move(identity);
    body.origin.type = type;
    body.origin.revision = 3;
    happen_to(id, std::move(body));
  }
  void end(std::uint64_t id, engine::EventBody body) { happen_to(id, std::move(body)); }
  void redrive(std::uint64_t id, std::uint32_t count) { happen_to(id, engine::ExecutionRedriven{count, ""}); }
  void happen_to(std::uint64_t id, engine::EventBody body) {
    engine::Event event;
    event.execution = engine::ExecutionId{id};
    event.body = std::move(body);
    happen(std::move(event));
  }
};

}  // namespace lockstep::catalogue
