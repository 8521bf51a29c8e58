// Tags of the two kinds of traffic, so that the thread of the one never takes a message of the other.
#pragma once

namespace lockstep::worker {

inline constexpr int kMessageTag = 1;
inline constexpr int kBeatTag = 2;

}  // namespace lockstep::worker
