// A function's signature, such as <s-nn?:s>: which arguments it takes and how they are made to fit.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "query/jsonata/item.hpp"

namespace lockstep::jsonata {

/// Immutable once parsed.
class Signature {
 public:
  struct Parameter {
    char type = 'x';         ///< '(' for a choice
    std::uint16_t mask = 0;  ///< bits of the symbols that fit
    bool optional = false;
    bool repeats = false;
    bool context = false;  ///< taken from the context where it is not given
    bool has_subtype = false;
    std::string subtype;  ///< what an array holds
  };

  /// `text` begins with <. Throws Problem with the offset in it as position.
  static std::unique_ptr<Signature> parse(std::string_view text);

  /// How many of `symbols` each of the first `count` parameters takes, the greedy way; false where they do not fit.
  /// `whole`: all symbols must be taken.
  bool fit(const char* symbols, std::size_t size, std::size_t count, bool whole,
           std::vector<std::uint32_t>& taken) const;

  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Whether arguments that fit one by one, at least `least()` of them, are what the function gets: none repeats.
  bool is_simple() const { return simple_; }
  std::size_t least() const { return least_; }
  /// The bit of the symbol `c`.
  static constexpr std::uint16_t bit(char c) {
    constexpr std::string_view kSymbols = "snblaofm";
    const std::size_t place = kSymbols.find(c);
    return place == std::string_view::npos ? std::uint16_t{0} : static_cast<std::uint16_t>(1U << place);
  }

 private:
  std::vector<Parameter> parameters_;
  bool simple_ = true;
  std::size_t least_ = 0;
};

/// The bit of symbol_of().
inline std::uint16_t symbol_bit(const Item& item) {
  static constexpr auto kBits = [] {
    std::array<std::uint16_t, 16> bits{};
    for (std::size_t i = 0; i < bits.size(); ++i) {
      bits[i] = Signature::bit("mlbnnsaosaaofmmm"[i]);
    }
    return bits;
  }();
  return kBits[static_cast<std::size_t>(item.tag())];
}

inline std::uint16_t symbol_bit(Kind kind) {
  static constexpr std::array<std::uint16_t, 6> kBits = {Signature::bit('l'), Signature::bit('b'), Signature::bit('n'),
                                                         Signature::bit('s'), Signature::bit('a'), Signature::bit('o')};
  return kBits[static_cast<std::size_t>(kind)];
}

/// s, n, b, l (null), a, o, f or m (missing).
inline char symbol_of(const Item& item) {
  constexpr std::string_view kByTag = "mlbnnsaosaaofmmm";  // in the order of Tag
  return kByTag[static_cast<std::size_t>(item.tag())];
}

}  // namespace lockstep::jsonata
