#include "integrations/sdk_metadata.hpp"

#include <gtest/gtest.h>

namespace lockstep::integrations {
namespace {

constexpr DispatchId kSdkRequest{work::ExecutionId{1}, work::StrandId{0}, 2, 3};

TEST(RequestId, IsAUuidOfItsDispatch) {
  const std::string id = request_id(kSdkRequest);
  EXPECT_EQ(id.size(), 36U);
  EXPECT_EQ(id[14], '4');
  DispatchId other = kSdkRequest;
  EXPECT_EQ(id, request_id(other));
  ++other.count;
  EXPECT_NE(id, request_id(other));
  other = {work::ExecutionId{2}, work::StrandId{0}, 1, 3};
  EXPECT_NE(id, request_id(other));
}

TEST(SdkMetadata, StandsInTheOpenObjectAsInAwsAnswers) {
  Builder out;
  out.begin_object();
  add_sdk_metadata(out, "application/x-amz-json-1.0", 164, "id");
  out.end_object();
  EXPECT_EQ(out.finish().to_text(),
            R"({"SdkHttpMetadata":{"AllHttpHeaders":{"connection":["keep-alive"],"Content-Length":["164"],)"
            R"("Content-Type":["application/x-amz-json-1.0"],"x-amzn-RequestId":["id"]},)"
            R"("HttpHeaders":{"connection":"keep-alive","Content-Length":"164",)"
            R"("Content-Type":"application/x-amz-json-1.0","x-amzn-RequestId":"id"},"HttpStatusCode":200},)"
            R"("SdkResponseMetadata":{"RequestId":"id"}})");
}

}  // namespace
}  // namespace lockstep::integrations
