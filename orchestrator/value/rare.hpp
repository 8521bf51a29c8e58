// A value that nearly always is as T{} has it, in the room of a pointer.
#pragma once

#include <memory>
#include <utility>

namespace lockstep {

/// Of each of a million executions that wait, what most of them never have.
template <class T>
class Rare {
 public:
  Rare() = default;
  Rare(const Rare& other) : value_(other.value_ == nullptr ? nullptr : std::make_unique<T>(*other.value_)) {}
  Rare(Rare&&) noexcept = default;
  Rare& operator=(Rare other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  Rare& operator=(T value) {
    value_ = value == kDefault ? nullptr : std::make_unique<T>(std::move(value));
    return *this;
  }
  ~Rare() = default;

  const T& operator*() const { return value_ == nullptr ? kDefault : *value_; }
  const T* operator->() const { return &**this; }
  /// To be changed.
  T& edit() {
    if (value_ == nullptr) {
      value_ = std::make_unique<T>();
    }
    return *value_;
  }
  void clear() { value_.reset(); }

 private:
  static inline const T kDefault{};
  std::unique_ptr<T> value_;  // null: kDefault
};

}  // namespace lockstep
