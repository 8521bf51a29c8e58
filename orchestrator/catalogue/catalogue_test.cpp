#include "catalogue/catalogue.hpp"

#include <gtest/gtest.h>

#include "catalogue/names.hpp"
#include "catalogue/test_house.hpp"

namespace lockstep::catalogue {
namespace {

class House : public testing::Test, public TestHouse {
 protected:
  static CreateMachine machine(const std::string& definition = "{}") {
    CreateMachine wanted;
    wanted.name = "m";
    wanted.role_arn = "role";
    wanted.definition = definition;
    return wanted;
  }
  static Value json(std::string text) { return Value::from_text(std::move(text)).value(); }
  static std::string error_of(const Decision<Change>& decision) {
    return decision ? "" : decision.error().error + ": " + decision.error().message;
  }

  const std::string arn_ = machine_arn("m");
};

TEST_F(House, AMachineIsCreatedOnce) {
  CreateMachine wanted = machine();
  wanted.type = asl::ExecutionType::express;
  wanted.jobs = "{\"jobs\":[]}";
  wanted.jobs_folder = "/here";
  wanted.settings = json(R"({"tracingConfiguration":{"enabled":true},"tags":[1]})");
  const Change created = take(catalogue.create(wanted));
  EXPECT_EQ(created.arn, "arn:aws:states:us-east-1:123456789012:stateMachine:m");
  EXPECT_EQ(created.revision, 1U);
  const Machine& made = *catalogue.machine(arn_);
  EXPECT_EQ(made.type, asl::ExecutionType::express);
  EXPECT_EQ(made.created, now);
  EXPECT_EQ(*made.current().definition, "{}");
  EXPECT_EQ(*made.current().jobs, "{\"jobs\":[]}");
  EXPECT_EQ(made.current().jobs_folder, "/here");
  EXPECT_EQ(made.current().role_arn, "role");

  wanted.role_arn = "another role";
  wanted.settings = json(R"({"tags":[2],"tracingConfiguration":{"enabled":true}})");
  const auto again = catalogue.create(wanted);
  ASSERT_TRUE(again) << "role and tags of a repeated request are ignored";
  EXPECT_FALSE(again->event);
  EXPECT_EQ(again->revision, 1U);

  const std::string refusal =
      "StateMachineAlreadyExists: State Machine Already Exists: "
      "'arn:aws:states:us-east-1:123456789012:stateMachine:m'";
  const auto other = [&](auto change) {
    CreateMachine differing = wanted;
    change(differing);
    return error_of(catalogue.create(differing));
  };
  EXPECT_EQ(other([](CreateMachine& it) { it.definition = "{ }"; }), refusal) << "compared as text";
  EXPECT_EQ(other([](CreateMachine& it) { it.type = asl::ExecutionType::standard; }), refusal);
  EXPECT_EQ(other([](CreateMachine& it) { it.settings = json("{}"); }), refusal);
  EXPECT_EQ(other([](CreateMachine& it) { it.jobs = ""; }), refusal);
  EXPECT_EQ(other([](CreateMachine& it) { it.name = "a b"; }), "InvalidName: Invalid Name: 'a b'");
}

TEST_F(House, ARevisionSaysAllThatItsMachineIs) {
  CreateMachine wanted = machine();
  wanted.settings = json(R"({"tracingConfiguration":{"enabled":true},"tags":[1]})");
  take(catalogue.create(wanted));
  ReviseMachine revision{arn_};
  revision.definition = "{\"new\":1}";
  EXPECT_EQ(take(catalogue.revise(revision)).revision, 2U);
  revision = {arn_};
  revision.settings = json(R"({"tracingConfiguration":{"enabled":false}})");
  EXPECT_EQ(take(catalogue.revise(revision)).revision, 3U);
  const Machine& made = *catalogue.machine(arn_);
  EXPECT_EQ(*made.revision(1)->definition, "{}");
  EXPECT_EQ(*made.revision(2)->definition, "{\"new\":1}");
  EXPECT_EQ(made.revision(2)->settings, wanted.settings);
  EXPECT_EQ(made.revision(3)->definition, made.revision(2)->definition) << "one text for both";
  EXPECT_EQ(made.revision(3)->settings, json(R"({"tracingConfiguration":{"enabled":false},"tags":[1]})"));
  EXPECT_EQ(made.revision(0)->number, 3U);
  EXPECT_EQ(made.revision(4), nullptr);

  const auto same = catalogue.revise(revision);
  ASSERT_TRUE(same);
  EXPECT_FALSE(same->event) << "nothing is other than it was";
  EXPECT_EQ(same->revision, 3U);
  EXPECT_EQ(error_of(catalogue.revise({arn_})),
            "MissingRequiredParameter: Either the definition, the role ARN, the LoggingConfiguration, or the "
            "TracingConfiguration must be specified");
  EXPECT_EQ(error_of(catalogue.revise({"arn:x"})), "StateMachineDoesNotExist: State Machine Does Not Exist: 'arn:x'");
}

TEST_F(House, PuttingAMachineCreatesOrRevisesIt) {
  EXPECT_EQ(take(catalogue.put(machine())).revision, 1U);
  EXPECT_FALSE(catalogue.put(machine())->event) << "same text, same machine";
  EXPECT_EQ(take(catalogue.put(machine("{ }"))).revision, 2U);
  CreateMachine with_jobs = machine("{ }");
  with_jobs.jobs = "{}";
  EXPECT_EQ(take(catalogue.put(with_jobs)).revision, 3U);
  CreateMachine express = machine("{ }");
  express.type = asl::ExecutionType::express;
  EXPECT_EQ(error_of(catalogue.put(express)),
            "StateMachineTypeNotSupported: state machine 'm' is STANDARD, and its type cannot be changed");
}

TEST_F(House, AMachineIsGoneWhenTheLastOfItsExecutionsIsOver) {
  take(catalogue.put(machine()));
  start(1, "a", arn_);
  start(2, "b", arn_);
  take(catalogue.remove_machine(arn_));
  EXPECT_FALSE(catalogue.remove_machine(arn_)->event);
  EXPECT_EQ(error_of(catalogue.create(machine())),
            "StateMachineDeleting: State Machine is being deleted: '" + arn_ + "'");
  EXPECT_EQ(catalogue.may_start(arn_, "c").error().error, "StateMachineDeleting");
  end(2, engine::ExecutionSucceeded{});
  EXPECT_TRUE(catalogue.machine(arn_)->deleting);
  end(1, engine::ExecutionAborted{});
  EXPECT_EQ(catalogue.machine(arn_), nullptr);
  EXPECT_TRUE(catalogue.create(machine())->event);

  EXPECT_FALSE(catalogue.remove_machine("arn:x")->event) << "nobody knows it: it is as good as gone";
}

TEST_F(House, ARequestThatWasDealtWithIsAnsweredTheSameAgain) {
  CreateMachine wanted = machine();
  wanted.request = "r1";
  take(catalogue.put(wanted));
  take(catalogue.put(machine("{ }")));
  const auto again = catalogue.put(wanted);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->event) << "it would go back to the first text";
  EXPECT_EQ(again->revision, 1U);
  catalogue.forget_request("r1");
  EXPECT_EQ(catalogue.put(wanted)->revision, 3U) << "another request of the same name";
}

TEST_F(House, ActivitiesAreCreatedOnce) {
  const auto wanted = [](std::string settings) { return CreateActivity{"a", json(std::move(settings)), ""}; };
  const std::string arn = take(catalogue.create_activity(wanted(R"({"tags":[1]})"))).arn;
  EXPECT_EQ(arn, "arn:aws:states:us-east-1:123456789012:activity:a");
  EXPECT_EQ(catalogue.activity(arn)->created, now);
  EXPECT_FALSE(catalogue.create_activity(wanted(R"({"tags":[2]})"))->event);
  EXPECT_EQ(error_of(catalogue.create_activity(wanted(R"({"encryptionConfiguration":{}})"))),
            "ActivityAlreadyExists: Activity Already Exists: '" + arn + "'");
  EXPECT_EQ(error_of(catalogue.create_activity({"a/b"})), "InvalidName: Invalid Name: 'a/b'");
  take(catalogue.remove_activity(arn));
  EXPECT_EQ(catalogue.activity(arn), nullptr);
  EXPECT_FALSE(catalogue.remove_activity(arn)->event);
}

TEST_F(House, ANameIsTakenByAStandardExecutionUntilItIsSaidToBeFree) {
  take(catalogue.put(machine()));
  EXPECT_FALSE(catalogue.may_start(arn_, "a").value());
  EXPECT_EQ(catalogue.may_start("arn:x", "a").error().message, "State Machine Does Not Exist: 'arn:x'");
  EXPECT_EQ(catalogue.may_start(arn_, "").error().message, "Invalid Name: ''");
  start(1, "a", arn_);
  EXPECT_EQ(catalogue.may_start(arn_, "a").value()->status, engine::Status::running);
  end(1, engine::ExecutionFailed{});
  const auto taken = catalogue.may_start(arn_, "a").value();
  EXPECT_EQ(taken->status, engine::Status::failed);
  EXPECT_EQ(Catalogue::already_exists(*taken).message,
            "Execution Already Exists: 'arn:aws:states:us-east-1:123456789012:execution:m:a'");
  EXPECT_TRUE(catalogue.may_start(arn_, "a", Timestamp{now.us - 1}).value());
  EXPECT_FALSE(catalogue.may_start(arn_, "a", now).value());
  start(2, "a", arn_);
  EXPECT_EQ(catalogue.may_start(arn_, "a", now).value()->id, engine::ExecutionId{2}) << "one that runs has it";
  end(2, engine::ExecutionSucceeded{});
  EXPECT_EQ(catalogue.find_execution(engine::execution_arn(arn_, "a"))->id, engine::ExecutionId{2}) << "the newest";
}

TEST_F(House, AnExecutionIsFoundByItsArn) {
  start(7, "a", arn_);
  EXPECT_EQ(catalogue.find_execution(engine::execution_arn(arn_, "a"))->id, engine::ExecutionId{7});
  const std::string unknown = engine::execution_arn(arn_, "b");
  EXPECT_EQ(catalogue.find_execution(unknown).error().message, "Execution Does Not Exist: '" + unknown + "'");
  EXPECT_EQ(catalogue.find_execution("a").error().message, "Invalid Arn: 'Invalid ARN prefix: a'");
  EXPECT_EQ(catalogue.find_execution("arn:aws:states:us-east-1:123456789012:express:m:a:b").error().message,
            "Invalid Arn: 'Resource type not valid in this context: express'");
  EXPECT_EQ(catalogue.find_execution("arn:aws").error().message,
            "Invalid Arn: 'Resource type not valid in this context: '");
}

TEST(Names, AreAsAwsTakesThem) {
  EXPECT_TRUE(is_valid_name("Größe-1_(x)!.+@='"));
  EXPECT_TRUE(is_valid_name(std::string(80, 'x')));
  std::string umlauts;
  for (int i = 0; i < 80; ++i) {
    umlauts += "ü";
  }
  EXPECT_TRUE(is_valid_name(umlauts)) << "characters are counted, not bytes";
  EXPECT_FALSE(is_valid_name(umlauts + "x"));
  EXPECT_FALSE(is_valid_name(""));
  for (const char* bad :
       {"a b", "a\tb", "<",  "a?", "a*", "a\"", "#",     "%",       "a\\",     "a^",          "a|",    "a~",   "a`",
        "a$",  "a&",   "a,", "a;", "a:", "a/",  "a\x7F", "a\u0085", "a\uFFFE", "a\U0010FFFF", "a\xFF", "a\xC2"}) {
    EXPECT_FALSE(is_valid_name(bad)) << bad;
  }
}

TEST(Names, AnActivityIsMeantByItsNameAndByAnyArnOfIt) {
  EXPECT_EQ(activity_arn_of("paint"), "arn:aws:states:us-east-1:123456789012:activity:paint");
  EXPECT_EQ(activity_arn_of(activity_arn("paint")), activity_arn("paint"));
  EXPECT_EQ(activity_arn_of("arn:aws:states:eu-west-1:999999999999:activity:paint"), activity_arn("paint"));
}

}  // namespace
}  // namespace lockstep::catalogue
