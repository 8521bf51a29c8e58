#include "mpi_worker/protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::worker {
namespace {

Value json(std::string_view text) {
  return Value::from_text(std::string(text)).value();
}

Task whole_task() {
  Task task;
  task.id = {1, 2, 3};
  task.job = integrations::JobId{4};
  task.input = json(R"({"x": 1.50})");
  task.timeout = std::chrono::seconds(60);
  task.execution_name = "night";
  task.state_name = "Measure \xC3\xA4";
  task.item_index = 12;
  task.attempt = 2;
  task.task_token = "token";
  return task;
}

Outcome whole_outcome() {
  Outcome outcome;
  outcome.id = {1, 2, 3};
  outcome.kind = OutcomeKind::failed;
  outcome.error = "E";
  outcome.cause = std::string("a\0b", 3);
  outcome.result = json("[1]");
  outcome.started = {5};
  outcome.ended = {7};
  outcome.rank = 9;
  outcome.cpu = std::chrono::microseconds(12);
  outcome.max_rss_kib = 13;
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

RunSettings whole_settings() {
  RunSettings settings;
  settings.run_folder = "/scratch/run";
  settings.run_id = "r";
  settings.kill_after = std::chrono::milliseconds(7);
  settings.grace = std::chrono::milliseconds(8);
  settings.output_limit = 8;
  settings.epoch = 12;
  settings.spool = SpoolUse::results;
  settings.sync = journal::Sync::none;
  settings.jobs = {{.resource = "job:a",
                    .kind = integrations::JobKind::exec,
                    .argv = {"a", "${b}"},
                    .stdout_mode = integrations::StdoutMode::text,
                    .cwd = integrations::WorkingDirectory::task_folder,
                    .interrupted = integrations::Interrupted::fail,
                    .folder = "/jobs"},
                   {.resource = "job:s", .builtin = integrations::Builtin::sleep}};
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
  EXPECT_EQ(outcome.rank, sent.rank);
  EXPECT_EQ(outcome.cpu, sent.cpu);
  EXPECT_EQ(outcome.max_rss_kib, sent.max_rss_kib);
  EXPECT_FALSE(outcome.begun);
}

TEST(Protocol, SettingsArriveAsTheyWere) {
  const auto settings = decode_setup(encode_setup(whole_settings()));
  ASSERT_TRUE(settings.has_value()) << settings.error();
  EXPECT_EQ(encode_setup(*settings), encode_setup(whole_settings()));
  EXPECT_EQ(settings->jobs[0].argv[1], "${b}");
  EXPECT_EQ(settings->jobs[1].builtin, integrations::Builtin::sleep);
}

TEST(Protocol, HelloAndCancelArriveAsTheyWere) {
  const auto hello = decode_hello(encode_hello({kProtocol, "n1", "p", 17, 18, 4}));
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->host, "n1");
  EXPECT_EQ(hello->started, 18U);
  EXPECT_EQ(hello->slots, 4U);
  EXPECT_FALSE(decode_hello(encode_hello({kProtocol, "n1", "p", 17, 18, 0})).has_value());
  const auto ids = decode_cancel(encode_cancel({{1, 2, 3}, {4, 5, 6}}));
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(ids->at(1), (DispatchId{4, 5, 6}));
}

TEST(Protocol, RecallAndItsAnswerArriveAsTheyWere) {
  EXPECT_EQ(decode_recall(encode_recall(7)), 7U);
  const auto ids = decode_returned(encode_returned({{1, 2, 3}}));
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(ids->at(0), (DispatchId{1, 2, 3}));
  EXPECT_TRUE(decode_returned(encode_returned({}))->empty());
  EXPECT_FALSE(decode_cancel(encode_returned({})).has_value()) << "they are told apart";
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
  (void)decode_cancel(bytes);
  (void)decode_recall(bytes);
  (void)decode_returned(bytes);
  (void)decode_outcomes(bytes);
}

TEST(Protocol, MessagesThatAreCutShortOrTooLongAreRefused) {
  for (const std::string& message : {tasks_message(), outcomes_message(), encode_setup(whole_settings()),
                                     encode_hello({}), encode_cancel({{1, 2, 3}}), encode_recall(1)}) {
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
  for (std::string message : {tasks_message(), outcomes_message(), encode_setup(whole_settings()), encode_hello({})}) {
    for (char& byte : message) {
      for (const char wrong : {'\0', '\1', '\x7f', '\xff'}) {
        const char right = std::exchange(byte, wrong);
        decode_anything(message);
        byte = right;
      }
    }
  }
}

TEST(Protocol, APayloadThatIsNotJsonIsRefused) {
  std::string message = outcomes_message();
  message.back() = '}';
  EXPECT_EQ(decode_outcomes(message).error(), "holds a payload that is not JSON");
}

TEST(Protocol, UnknownTypesAreSeen) {
  EXPECT_EQ(type_of(""), std::nullopt);
  EXPECT_EQ(type_of(std::string_view("\0", 1)), std::nullopt);
  EXPECT_EQ(type_of("\x0a"), std::nullopt);
  EXPECT_EQ(type_of(encode_bare(MessageType::stop)), MessageType::stop);
}

}  // namespace
}  // namespace lockstep::worker
