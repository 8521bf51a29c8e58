#include "journal/event_codec.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "asl/parser.hpp"
#include "journal/crc32c.hpp"
#include "journal/execution_codec.hpp"
#include "journal/test_events.hpp"

namespace lockstep::journal {
namespace {

using engine::Event;

/// Writes Events into one buffer and reads them back from it.
class Bodies : public testing::Test {
 protected:
  Bodies() : buffer_(4U << 20) {
    sink_.reset(buffer_, 0, 7);
    context_.text = [this](const TextPlace& place, std::uint64_t length) -> Result<std::string> {
      for (const LongText& one : sink_.texts()) {
        std::string scratch;
        const std::string text(one.view(scratch));
        if (place.file == 7 && one.offset == place.offset && text.size() == length &&
            crc32c(std::as_bytes(std::span(text))) == place.crc) {
          return text;
        }
      }
      return fail(ErrorKind::io, "no such text");
    };
    context_.blob = [](const Digest&, std::uint64_t) -> Result<std::string> {
      return fail(ErrorKind::io, "no such blob");
    };
  }

  Row write(const Event& event) {
    Row row;
    encode_event(event, row, sink_);
    return row;
  }
  Result<Event> read(const Row& row) { return decode_event(row, {buffer_.data(), sink_.size()}, context_, values_); }
  Event entered(const Value& input) {
    Event event;
    event.body = engine::StateEntered{asl::StateId{0}, input};
    return event;
  }

  std::vector<std::byte> buffer_;
  Sink sink_;
  SourceContext context_;
  ValueCache values_;
};

TEST_F(Bodies, EveryKindOfEventComesBackAsItWas) {
  const std::vector<Event> events = one_of_each();
  ASSERT_EQ(events.size(), std::variant_size_v<engine::EventBody>);
  std::vector<Row> rows;
  for (const Event& event : events) {
    rows.push_back(write(event));
  }
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto event = read(rows[i]);
    ASSERT_TRUE(event) << event.error().message;
    EXPECT_EQ(event->body.index(), events[i].body.index());
    EXPECT_EQ(fingerprint(*event), fingerprint(events[i])) << kind_name(rows[i].kind);
  }
}

TEST_F(Bodies, FieldsComeBackAsTheyWere) {
  const auto started = std::get<engine::ExecutionStarted>(read(write(one_of_each()[0])).value().body);
  EXPECT_EQ(started.origin.type, engine::ExecutionType::express);
  EXPECT_EQ(started.origin.revision, 4U);
  const engine::ChildOrigin& child = *started.origin.child;
  EXPECT_EQ(child.parent, (engine::DispatchId{engine::ExecutionId{7}, engine::StrandId{2}, 3, 1}));
  EXPECT_EQ(child.item->value.to_text(), "[4]");
  EXPECT_EQ(child.item->source, "STATE_DATA");
  EXPECT_EQ(child.variables.at(0).value.to_text(), "1e400");
  EXPECT_EQ(started.request, "from node 7");
  const auto scheduled = std::get<engine::TaskScheduled>(read(write(one_of_each()[8])).value().body);
  EXPECT_EQ(scheduled.count, 3U);
  EXPECT_EQ(scheduled.parameters.to_text(), R"({"deep":[[["x"]]]})");
  EXPECT_EQ(scheduled.timeout_seconds, 3600);
  EXPECT_EQ(scheduled.heartbeat_seconds, -1);
  EXPECT_EQ(scheduled.token, "token");
  ASSERT_TRUE(scheduled.credentials);
  const auto exited = std::get<engine::StateExited>(read(write(one_of_each()[6])).value().body);
  EXPECT_EQ(exited.next, asl::StateId::none);
  ASSERT_EQ(exited.assigned.size(), 2U);
  EXPECT_EQ(exited.assigned[0].value.to_text(), "1e400") << "numbers keep their spelling";
  const auto waiting = std::get<engine::WaitStarted>(read(write(one_of_each()[14])).value().body);
  EXPECT_EQ(waiting.deadline.us, -5'000'000);
}

TEST_F(Bodies, APayloadIsStoredOnce) {
  const Value value = Value::from_text('"' + std::string(10'000, 'x') + '"').value();
  const Row first = write(entered(value));
  const Row same = write(entered(value));
  const Row equal = write(entered(Value::from_text(value.to_text()).value()));
  EXPECT_GT(first.length, 10'000U);
  EXPECT_LT(same.length, 10U);
  EXPECT_LT(equal.length, 10U) << "another Value with the same text";
  const auto a = std::get<engine::StateEntered>(read(first).value().body).input;
  const auto b = std::get<engine::StateEntered>(read(same).value().body).input;
  EXPECT_EQ(b.to_text(), value.to_text());
  EXPECT_TRUE(a.same(b)) << "and read into memory once";
}

TEST_F(Bodies, TextsThatLookAlikeAreKeptApart) {
  std::vector<Row> rows;
  std::vector<std::string> texts;
  for (int i = 0; i < 40'000; ++i) {  // more than are remembered
    texts.push_back("\"text number " + std::to_string(i % 20'000) + "\"");
    rows.push_back(write(entered(Value::from_checked_text(texts.back()))));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(std::get<engine::StateEntered>(read(rows[i]).value().body).input.to_text(), texts[i]);
  }
}

TEST_F(Bodies, ADefinitionIsStoredOnceAndCompiledOnce) {
  Event event = one_of_each()[0];
  write(event);
  const Row second = write(event);
  const auto a = std::get<engine::ExecutionStarted>(read(second).value().body).machine;
  const auto b = std::get<engine::ExecutionStarted>(read(second).value().body).machine;
  EXPECT_EQ(a->text, test_definition());
  EXPECT_EQ(a, b);
}

TEST_F(Bodies, LongTextsStandBeside) {
  const Value longest = Value::from_text('"' + std::string(kLongestInlineText - 2, 'x') + '"').value();
  EXPECT_GT(write(entered(longest)).length, kLongestInlineText);
  EXPECT_TRUE(sink_.texts().empty());
  const Value longer = Value::from_text('"' + std::string(kLongestInlineText - 1, 'x') + '"').value();
  const Row row = write(entered(longer));
  EXPECT_LT(row.length, 50U);
  ASSERT_EQ(sink_.texts().size(), 1U);
  const Row again = write(entered(longer));
  EXPECT_EQ(sink_.texts().size(), 1U);
  EXPECT_EQ(std::get<engine::StateEntered>(read(row).value().body).input.to_text(), longer.to_text());
  EXPECT_EQ(std::get<engine::StateEntered>(read(again).value().body).input.to_text(), longer.to_text());
}

TEST_F(Bodies, AnEventOfManyTextsIsBounded) {
  engine::StateExited exited;
  for (int i = 0; i < 100; ++i) {
    exited.assigned.push_back(
        {"v" + std::to_string(i), Value::from_checked_text('"' + std::to_string(i) + std::string(100'000, 'x') + '"')});
  }
  Event event;
  event.body = exited;
  const Row row = write(event);
  EXPECT_LT(row.length, kLongestInlineEvent + 2 * 100'000);
  EXPECT_EQ(fingerprint(read(row).value()), fingerprint(event));
}

TEST_F(Bodies, WhatDoesNotFitSaysSo) {
  std::vector<std::byte> small(100);
  sink_.reset(small, 0);
  write(entered(Value::from_checked_text("\"short\"")));
  EXPECT_FALSE(sink_.overflowed());
  write(entered(Value::from_checked_text('"' + std::string(200, 'x') + '"')));
  EXPECT_TRUE(sink_.overflowed());
}

TEST_F(Bodies, ABodyOfAnOlderVersionLacksTheLastFields) {
  Row row = write(one_of_each()[12]);  // TaskFailed: error, cause
  row.length = 1 + 4;                  // the error only
  const auto failed = std::get<engine::TaskFailed>(read(row).value().body);
  EXPECT_EQ(failed.error, "Oops");
  EXPECT_EQ(failed.cause, std::nullopt);
}

TEST_F(Bodies, AnExecutionOfAnOlderVersionIsStandardAndOfNoOther) {
  Event event = one_of_each()[0];
  auto& body = std::get<engine::ExecutionStarted>(event.body);
  body = {body.identity, body.machine, body.input};
  Row row = write(event);
  row.length -= 4;  // type, revision, child, request
  const auto started = std::get<engine::ExecutionStarted>(read(row).value().body);
  EXPECT_EQ(started.input.to_text(), R"({"n": 1})");
  EXPECT_EQ(started.origin.type, engine::ExecutionType::standard);
  EXPECT_EQ(started.origin.child, nullptr);
}

TEST_F(Bodies, AKindFromTheFutureIsRefused) {
  Row row = write(one_of_each()[0]);
  row.kind = 999;
  const auto event = read(row);
  ASSERT_FALSE(event);
  EXPECT_NE(event.error().message.find("newer version"), std::string::npos);
}

TEST_F(Bodies, NoBytesMakeTheReaderCrash) {
  std::mt19937_64 random(1);
  std::vector<Row> rows;
  for (const Event& event : one_of_each()) {
    rows.push_back(write(event));
  }
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Row& row = rows[random() % rows.size()];
    if (row.length == 0) {
      continue;
    }
    const std::size_t at = row.offset + random() % row.length;
    const std::byte before = buffer_[at];
    buffer_[at] = static_cast<std::byte>(random());
    values_.clear();
    refused += read(row) ? 0 : 1;
    buffer_[at] = before;
  }
  EXPECT_GT(refused, 100U);
}

TEST(RowCrc, BindsEveryByteOfRowAndBodyAndTheSegment) {
  Row row{1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 11, 12};
  std::vector<std::byte> body(9, std::byte{5});
  row.crc = row_crc(row, body, 77);
  EXPECT_NE(row_crc(row, body, 78), row.crc);
  for (std::size_t i = 0; i < sizeof row; ++i) {
    if (i >= offsetof(Row, crc) && i < offsetof(Row, crc) + 4) {
      continue;
    }
    Row changed = row;
    reinterpret_cast<unsigned char*>(&changed)[i] ^= 1;
    EXPECT_NE(row_crc(changed, body, 77), row.crc) << "byte " << i;
  }
  body[8] ^= std::byte{1};
  EXPECT_NE(row_crc(row, body, 77), row.crc);
}

TEST(Crc32c, IsCastagnolis) {
  const std::string digits = "123456789";
  const auto bytes = std::as_bytes(std::span(digits));
  EXPECT_EQ(crc32c(bytes), 0xe3069283U);
  EXPECT_EQ(crc32c_portable(bytes), 0xe3069283U);
  const std::vector<std::byte> zeros(32);
  EXPECT_EQ(crc32c(zeros), 0x8a9136aaU);  // RFC 3720 B.4
  std::mt19937_64 random(3);
  std::vector<std::byte> long_one(1'000);
  for (std::byte& b : long_one) {
    b = static_cast<std::byte>(random());
  }
  for (std::size_t cut : {0, 1, 7, 8, 9, 500, 999}) {
    const auto all = std::span<const std::byte>(long_one);
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c_portable(all));
  }
}

TEST(ExecutionCodec, RefusesAStrandThatIsItsOwnAncestor) {
  for (const std::uint32_t parent : {0U, 1U, 2U}) {
    engine::Execution execution;
    execution.machine = asl::parse_definition(R"({"StartAt":"A","States":{"A":{"Type":"Succeed"}}})").machine;
    execution.strands.add({});
    engine::Strand child;
    child.id = engine::StrandId{1};
    child.parent = engine::StrandId{parent};
    execution.strands.add(std::move(child));
    GrowingSink sink;
    encode_execution(execution, sink);
    SourceContext context;
    ValueCache values;
    Source source(sink.bytes(), 0, sink.size(), context, values);
    EXPECT_EQ(decode_execution(source) != nullptr, parent == 0) << source.problem();
  }
}

TEST(GrowingSink, WritesEachTextOnceHoweverFarApart) {
  constexpr int kTexts = 50'000;
  constexpr std::size_t kLength = 600;
  GrowingSink sink;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kTexts; ++i) {
      sink.put(fmt::format("{:0600}", i));
    }
  }
  EXPECT_LT(sink.size(), kTexts * kLength * 3 / 2) << "the table remembers few of the first round";
  SourceContext context;
  ValueCache values;
  Source source(sink.bytes(), 0, sink.size(), context, values);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kTexts; ++i) {
      std::string text;
      source.get(text);
      ASSERT_EQ(text, fmt::format("{:0600}", i)) << source.problem();
    }
  }
}

}  // namespace
}  // namespace lockstep::journal
