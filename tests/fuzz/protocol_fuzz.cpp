// Messages between ranks: whatever bytes arrive, decoding gives a value or an error, and a value encodes to a message
// that decodes to the same.
#include <cstdlib>

#include "mpi_worker/protocol.hpp"

namespace {

using lockstep::worker::Batch;
using lockstep::worker::MessageType;

template <class T>
void check_batch(const lockstep::worker::Decoded<std::vector<T>>& decoded, MessageType type) {
  if (!decoded) {
    return;
  }
  Batch batch(type);
  for (const T& one : *decoded) {
    batch.add(one);
  }
  if (batch.count() != decoded->size()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  (void)lockstep::worker::type_of(message);
  if (const auto hello = lockstep::worker::decode_hello(message);
      hello && lockstep::worker::encode_hello(*hello) != message) {
    std::abort();
  }
  if (const auto setup = lockstep::worker::decode_setup(message);
      setup && lockstep::worker::encode_setup(*setup) != message) {
    std::abort();
  }
  if (const auto ids = lockstep::worker::decode_cancel(message);
      ids && lockstep::worker::encode_cancel(*ids) != message) {
    std::abort();
  }
  if (const auto count = lockstep::worker::decode_recall(message);
      count && lockstep::worker::encode_recall(*count) != message) {
    std::abort();
  }
  if (const auto ids = lockstep::worker::decode_returned(message);
      ids && lockstep::worker::encode_returned(*ids) != message) {
    std::abort();
  }
  if (auto tasks = lockstep::worker::decode_tasks(message)) {
    check_batch(lockstep::worker::Decoded<std::vector<lockstep::worker::Task>>(std::move(tasks->tasks)),
                MessageType::tasks);
  }
  check_batch(lockstep::worker::decode_outcomes(message), MessageType::outcomes);
  return 0;
}
