// A simulated disk as one process sees it: gone with it, and it may break for it alone. For tests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "journal/simulated_disk.hpp"

namespace lockstep::service {

/// One thread. Must outlive the files that it has opened.
class ProcessFiles final : public journal::ForwardingFiles {
 public:
  explicit ProcessFiles(journal::SimulatedDisk& disk) : ForwardingFiles(disk), disk_(disk) {}

  void die() { dead_ = true; }
  /// Calls `happen` before the operation after so many more that change something.
  void before(std::uint64_t operations, std::function<void()> happen) {
    left_ = operations;
    happen_ = std::move(happen);
  }
  void break_next(journal::SimulatedDisk::Fault fault) { disk_.fail_at(disk_.operations(), fault); }

  Result<std::unique_ptr<journal::File>> create(const std::string& path) override {
    return alive(path, true).and_then([&] { return wrapped(ForwardingFiles::create(path)); });
  }
  Result<std::unique_ptr<journal::File>> open_to_write(const std::string& path) override {
    return alive(path, false).and_then([&] { return wrapped(ForwardingFiles::open_to_write(path)); });
  }
  Result<std::unique_ptr<journal::File>> open_to_read(const std::string& path) const override {
    return alive(path).and_then([&] { return ForwardingFiles::open_to_read(path); });
  }
  Result<journal::Standing> look(const std::string& path) const override {
    return alive(path).and_then([&] { return ForwardingFiles::look(path); });
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return alive(to, true).and_then([&] { return ForwardingFiles::rename(from, to); });
  }
  Result<void> rename_new(const std::string& from, const std::string& to) override {
    return alive(to, true).and_then([&] { return ForwardingFiles::rename_new(from, to); });
  }
  Result<void> remove(const std::string& path) override {
    return alive(path, true).and_then([&] { return ForwardingFiles::remove(path); });
  }
  Result<void> make_folder(const std::string& path) override {
    return alive(path, true).and_then([&] { return ForwardingFiles::make_folder(path); });
  }
  Result<void> remove_folder(const std::string& path) override {
    return alive(path, true).and_then([&] { return ForwardingFiles::remove_folder(path); });
  }
  Result<void> sync_folder(const std::string& path) override {
    return alive(path, true).and_then([&] { return ForwardingFiles::sync_folder(path); });
  }
  Result<std::vector<std::string>> list(const std::string& path) const override {
    return alive(path).and_then([&] { return ForwardingFiles::list(path); });
  }
  Result<std::vector<std::string>> list_folders(const std::string& path) const override {
    return alive(path).and_then([&] { return ForwardingFiles::list_folders(path); });
  }

 private:
  class OpenFile final : public journal::File {
   public:
    OpenFile(ProcessFiles& files, std::unique_ptr<journal::File> inner) : files_(files), inner_(std::move(inner)) {}
    Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) override {
      return files_.alive("a file", true).and_then([&] { return inner_->write(bytes, offset); });
    }
    Result<std::size_t> read(std::span<std::byte> bytes, std::uint64_t offset) const override {
      return inner_->read(bytes, offset);
    }
    Result<std::uint64_t> size() const override { return inner_->size(); }
    Result<void> sync() override {
      return files_.alive("a file", true).and_then([&] { return inner_->sync(); });
    }

   private:
    ProcessFiles& files_;
    std::unique_ptr<journal::File> inner_;
  };

  Result<std::unique_ptr<journal::File>> wrapped(Result<std::unique_ptr<journal::File>> file) {
    if (!file) {
      return file;
    }
    return std::make_unique<OpenFile>(*this, *std::move(file));
  }
  Result<void> alive(const std::string& path) const {
    return dead_ ? fail(ErrorKind::io, path + ": its process is dead") : Result<void>();
  }
  Result<void> alive(const std::string& path, bool changes) {
    if (changes && happen_ && left_-- == 0) {
      std::exchange(happen_, nullptr)();
    }
    return alive(path);
  }

  journal::SimulatedDisk& disk_;
  bool dead_ = false;
  std::uint64_t left_ = 0;
  std::function<void()> happen_;
};

}  // namespace lockstep::service
