#include "mpi_worker/protocol.hpp"
#include "value/test_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::worker {
namespace {

DispatchId id_of(std::uint32_t number) {
  return {work::ExecutionId{1}, work::StrandId{2}, number, 4};
}

Task whole_task() {
  Task task;
  task.id = id_of(3);
  task.job = work::JobId{4};
  task.input = json(R"({"x": 1.50})");
  task.timeout = std::chrono::seconds(60);
  task.execution_name = "night";
  task.state_name = "Measure \xC3\xA4";
  task.item_index = 12;
  task.attempt = 2;
  task.cut_off = true;
  task.spooled = false;
  task.task_token = "token";
  return task;
}

Outcome whole_outcome() {
  Outcome outcome;
  outcome.id = id_of(3);
  outcome.kind = OutcomeKind::failed;
  outcome.error = "E";
  outcome.cause = std::string("a\0b", 3);
  outcome.result = json("[1]");
  outcome.started = {5};
  outcome.ended = {7};
  outcome.usage = {12, 13, 9};
  outcome.begun = false;
  return outcome;
}

std::string tasks_message() {
  Batch batch(MessageType::tasks);
  batch.add(whole_task());
  batch.add(Task());
  return batch.take(77);
}

std::string outcomes_message() {
  Batch batch(MessageType::outcomes);
  batch.add(whole_outcome());
  return batch.take();
}

work::Job whole_job() {
  return {.resource = "job:a",
          .kind = work::JobKind::exec,
          .argv = {"a", "${b}"},
          .shell = true,
          .environment = {"A=${c}", "B="},
          .modules = {"gcc/12"},
          .container = work::Runtime::podman,
          .image = "i:1",
          .options = {"--cpus", "2"},
          .stdout_mode = work::StdoutMode::text,
          .cwd = work::WorkingDirectory::named,
          .directory = "/data/${d}",
          .interrupted = work::Interrupted::fail,
          .folder = "/jobs"};
}

RunSettings whole_settings() {
  RunSettings settings;
  settings.run_folder = "/scratch/run";
  settings.run_id = "r";
  settings.kill_after = std::chrono::milliseconds(7);
  settings.grace = std::chrono::milliseconds(8);
  settings.output_limit = 8;
  settings.epoch = 12;
  settings.spool = true;
  settings.sync = journal::Sync::none;
  return settings;
}

TEST(Protocol, TasksArriveAsTheyWere) {
  const auto message = decode_tasks(tasks_message());
  ASSERT_TRUE(message.has_value()) << message.error();
  EXPECT_EQ(message->settled, 77U);
  ASSERT_EQ(message->tasks.size(), 2U);
  const Task& task = message->tasks.front();
  const Task sent = whole_task();
  EXPECT_EQ(task.id, sent.id);
  EXPECT_EQ(task.job, sent.job);
  EXPECT_EQ(task.input.to_text(), R"({"x": 1.50})");
  EXPECT_EQ(task.timeout, sent.timeout);
  EXPECT_EQ(task.heartbeat, std::nullopt);
  EXPECT_EQ(task.execution_name, sent.execution_name);
  EXPECT_EQ(task.state_name, sent.state_name);
  EXPECT_EQ(task.item_index, sent.item_index);
  EXPECT_EQ(task.attempt, sent.attempt);
  EXPECT_EQ(task.task_token, sent.task_token);
  EXPECT_TRUE(task.cut_off);
  EXPECT_FALSE(task.spooled);
  EXPECT_TRUE(message->tasks.back().spooled);
}

TEST(Protocol, WhatIsSettledMayTravelAlone) {
  Batch batch(MessageType::tasks);
  const auto message = decode_tasks(batch.take(5));
  ASSERT_TRUE(message.has_value()) << message.error();
  EXPECT_EQ(message->settled, 5U);
  EXPECT_TRUE(message->tasks.empty());
  EXPECT_EQ(batch.count(), 0U);
}

TEST(Protocol, OutcomesArriveAsTheyWere) {
  const auto outcomes = decode_outcomes(outcomes_message());
  ASSERT_TRUE(outcomes.has_value()) << outcomes.error();
  const Outcome& outcome = outcomes->at(0);
  const Outcome sent = whole_outcome();
  EXPECT_EQ(outcome.id, sent.id);
  EXPECT_EQ(outcome.kind, sent.kind);
  EXPECT_EQ(outcome.error, sent.error);
  EXPECT_EQ(outcome.cause, sent.cause);
  EXPECT_EQ(outcome.result.to_text(), "[1]");
  EXPECT_EQ(outcome.started, sent.started);
  EXPECT_EQ(outcome.ended, sent.ended);
  EXPECT_EQ(outcome.usage, sent.usage);
  EXPECT_FALSE(outcome.begun);
}

TEST(Protocol, SettingsArriveAsTheyWere) {
  const auto settings = decode_setup(encode_setup(whole_settings()));
  ASSERT_TRUE(settings.has_value()) << settings.error();
  EXPECT_EQ(encode_setup(*settings), encode_setup(whole_settings()));
}

TEST(Protocol, AJobArrivesAsItWas) {
  const std::string message = encode_job(work::JobId{7}, whole_job());
  const auto read = decode_job(message);
  ASSERT_TRUE(read.has_value()) << read.error();
  EXPECT_EQ(read->id, work::JobId{7});
  EXPECT_EQ(encode_job(work::JobId{7}, read->job), message);
  EXPECT_EQ(read->job.argv[1], "${b}");
  EXPECT_TRUE(read->job.shell);
  EXPECT_THAT(read->job.environment, testing::ElementsAre("A=${c}", "B="));
  EXPECT_THAT(read->job.modules, testing::ElementsAre("gcc/12"));
  EXPECT_EQ(read->job.container, work::Runtime::podman);
  EXPECT_THAT(read->job.options, testing::ElementsAre("--cpus", "2"));
  EXPECT_EQ(read->job.directory, "/data/${d}");
  work::Job bad = whole_job();
  bad.argv.clear();
  EXPECT_EQ(decode_job(encode_job(work::JobId{7}, bad)).error(), "holds a job without a program");
}

TEST(Protocol, HelloAndCancelArriveAsTheyWere) {
  const auto hello = decode_hello(encode_hello({kProtocol, "n1", "p", 17, 18, 4}));
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->host, "n1");
  EXPECT_EQ(hello->started, 18U);
  EXPECT_EQ(hello->slots, 4U);
  EXPECT_FALSE(decode_hello(encode_hello({kProtocol, "n1", "p", 17, 18, 0})).has_value());
  const auto ids = decode_cancel(encode_cancel({id_of(3), id_of(5)}));
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(ids->at(1), id_of(5));
}

TEST(Protocol, RecallAndItsAnswerArriveAsTheyWere) {
  EXPECT_EQ(decode_recall(encode_recall(7)), 7U);
  const auto ids = decode_returned(encode_returned({id_of(3)}));
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(ids->at(0), id_of(3));
  EXPECT_TRUE(decode_returned(encode_returned({}))->empty());
  EXPECT_FALSE(decode_cancel(encode_returned({})).has_value()) << "they are told apart";
}

TEST(Protocol, WhatHasBegunArrivesAsItWas) {
  const auto tasks = decode_begun(encode_begun({{id_of(3), {1'000}}, {id_of(5), {2'000}}}));
  ASSERT_TRUE(tasks.has_value());
  ASSERT_EQ(tasks->size(), 2U);
  EXPECT_EQ(tasks->at(1).id, id_of(5));
  EXPECT_EQ(tasks->at(1).started.us, 2'000);
}

TEST(Protocol, ABatchIsEmptyAfterItWasTaken) {
  Batch batch(MessageType::tasks);
  batch.add(whole_task());
  EXPECT_EQ(batch.count(), 1U);
  const std::string first = batch.take();
  EXPECT_EQ(batch.count(), 0U);
  batch.add(whole_task());
  EXPECT_EQ(batch.take(), first);
}

/// Whatever arrives: an error or a value, never more.
void decode_anything(std::string_view bytes) {
  (void)type_of(bytes);
  (void)decode_hello(bytes);
  (void)decode_setup(bytes);
  (void)decode_tasks(bytes);
  (void)decode_job(bytes);
  (void)decode_cancel(bytes);
  (void)decode_recall(bytes);
  (void)decode_returned(bytes);
  (void)decode_begun(bytes);
  (void)decode_outcomes(bytes);
}

TEST(Protocol, MessagesThatAreCutShortOrTooLongAreRefused) {
  for (const std::string& message : {tasks_message(), outcomes_message(), encode_setup(whole_settings()),
                                     encode_hello({}), encode_job(work::JobId{1}, whole_job()),
                                     encode_cancel({id_of(3)}), encode_recall(1), encode_begun({{id_of(3), {4}}})}) {
    for (std::size_t size = 0; size < message.size(); ++size) {
      decode_anything(std::string_view(message).substr(0, size));
      EXPECT_FALSE(decode_tasks(std::string_view(message).substr(0, size)).has_value());
      EXPECT_FALSE(decode_outcomes(std::string_view(message).substr(0, size)).has_value());
      EXPECT_FALSE(decode_setup(std::string_view(message).substr(0, size)).has_value());
    }
    decode_anything(message + "x");
  }
  EXPECT_EQ(decode_tasks(tasks_message() + "x").error(), "is too long");
  EXPECT_EQ(decode_tasks(outcomes_message()).error(), "is of another type");
}

TEST(Protocol, AnyByteMayBeWrong) {
  for (std::string message : {tasks_message(), outcomes_message(), encode_setup(whole_settings()), encode_hello({}),
                              encode_job(work::JobId{1}, whole_job())}) {
    for (char& byte : message) {
      for (const char wrong : {'\0', '\1', '\x7f', '\xff'}) {
        const char right = std::exchange(byte, wrong);
        decode_anything(message);
        byte = right;
      }
    }
  }
}

TEST(Protocol, OnlyYesAndNoAreAnswers) {
  RunSettings settings = whole_settings();
  settings.spool = true;
  std::string message = encode_setup(settings);
  message[message.size() - 1 - sizeof(settings.sync)] = 2;  // where `spool` is
  EXPECT_FALSE(decode_setup(message));
}

TEST(Protocol, APayloadThatIsNotJsonIsRefused) {
  std::string message = outcomes_message();
  message.back() = '}';
  EXPECT_EQ(decode_outcomes(message).error(), "holds a payload that is not JSON");
}

TEST(Protocol, UnknownTypesAreSeen) {
  EXPECT_EQ(type_of(""), std::nullopt);
  EXPECT_EQ(type_of(std::string_view("\0", 1)), std::nullopt);
  EXPECT_EQ(type_of("\x0e"), std::nullopt);
  EXPECT_EQ(type_of(encode_bare(MessageType::stop)), MessageType::stop);
}

}  // namespace
}  // namespace lockstep::worker
