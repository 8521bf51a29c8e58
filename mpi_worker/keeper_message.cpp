#include "mpi_worker/keeper_message.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lockstep::worker {

int send_message(int socket, std::string_view head, std::string_view rest, const int* descriptors, std::size_t count,
                 bool waits) {
  std::array<iovec, 2> parts{iovec{const_cast<char*>(head.data()), head.size()},
                             iovec{const_cast<char*>(rest.data()), rest.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (count > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT));
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

void ReceivedDescriptors::close_all() {
  for (std::size_t i = 0; i < count; ++i) {
    close(numbers[i]);
  }
  count = 0;
}

ssize_t receive_message(int socket, void* head, std::size_t size, ReceivedDescriptors* descriptors,
                        std::span<char> rest) {
  std::array<iovec, 2> parts{iovec{head, size}, iovec{rest.data(), rest.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control;
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (descriptors != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  ssize_t received = 0;
  do {
    received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0 || descriptors == nullptr) {
    return received;
  }
  descriptors->truncated = (message.msg_flags & MSG_CTRUNC) != 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      descriptors->count = std::min((header->cmsg_len - CMSG_LEN(0)) / sizeof(int), kMostDescriptors);
      std::memcpy(descriptors->numbers.data(), CMSG_DATA(header), descriptors->count * sizeof(int));
    }
  }
  return received;
}

}  // namespace lockstep::worker
