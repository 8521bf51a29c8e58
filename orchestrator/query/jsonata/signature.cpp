#include "query/jsonata/signature.hpp"

#include <algorithm>

#include "query/jsonata/problem.hpp"

namespace lockstep::jsonata {

namespace {

std::uint16_t bits(std::string_view symbols) {
  std::uint16_t mask = 0;
  for (const char c : symbols) {
    mask = static_cast<std::uint16_t>(mask | Signature::bit(c));
  }
  return mask;
}

// Where the bracket that opens at `start` closes; the end of the text where it does not.
std::size_t closing(std::string_view text, std::size_t start, char open, char close) {
  int depth = 1;
  std::size_t at = start;
  while (at < text.size()) {
    ++at;
    const char c = at < text.size() ? text[at] : '\0';
    if (c == close && --depth == 0) {
      break;
    }
    depth += c == open ? 1 : 0;
  }
  return at;
}

}  // namespace

std::unique_ptr<Signature> Signature::parse(std::string_view text) {
  auto signature = std::make_unique<Signature>();
  auto& parameters = signature->parameters_;
  for (std::size_t at = 1; at < text.size() && text[at] != ':'; ++at) {
    const char c = text[at];
    Parameter parameter;
    parameter.type = c;
    switch (c) {
      case 's':
      case 'n':
      case 'b':
      case 'l':
      case 'o':
        parameter.mask = static_cast<std::uint16_t>(bit(c) | bit('m'));
        parameters.push_back(parameter);
        break;
      case 'a':
      case 'x':
        parameter.mask = bits("asnblfom");
        parameters.push_back(parameter);
        break;
      case 'f':
        parameter.mask = bit('f');
        parameters.push_back(parameter);
        break;
      case 'j':
        parameter.mask = bits("asnblom");
        parameters.push_back(parameter);
        break;
      case '-':
        if (!parameters.empty()) {
          parameters.back().context = true;
          parameters.back().optional = true;
        }
        break;
      case '?':
        if (!parameters.empty()) {
          parameters.back().optional = true;
        }
        break;
      case '+':
        if (!parameters.empty()) {
          parameters.back().repeats = true;
        }
        break;
      case '(': {
        const std::size_t end = closing(text, at, '(', ')');
        const std::string_view choice = text.substr(at + 1, end - at - 1);
        if (choice.find('<') != std::string_view::npos) {
          Problem p = problem("S0402", static_cast<std::int32_t>(at));
          p.value_json = "\"" + std::string(choice) + "\"";
          throw p;
        }
        parameter.mask = static_cast<std::uint16_t>(bits(choice) | bit('m'));
        parameters.push_back(parameter);
        at = end;
        break;
      }
      case '<': {
        const char type = parameters.empty() ? '\0' : parameters.back().type;
        if (type != 'a' && type != 'f') {
          Problem p = problem("S0401", static_cast<std::int32_t>(at));
          if (type != '\0') {
            p.value_json = "\"" + std::string(1, type) + "\"";
          }
          throw p;
        }
        const std::size_t end = closing(text, at, '<', '>');
        parameters.back().has_subtype = true;
        parameters.back().subtype = text.substr(at + 1, end - at - 1);
        at = end;
        break;
      }
      default:
        break;
    }
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    signature->simple_ = signature->simple_ && !parameters[i].repeats;
    if (!parameters[i].optional || parameters[i].context) {
      signature->least_ = i + 1;
    }
  }
  return signature;
}

bool Signature::fit(const char* symbols, std::size_t size, std::size_t count, bool whole,
                    std::vector<std::uint32_t>& taken) const {
  taken.assign(count, 0);
  // Depth first, greedy, with every dead end noted: quadratic at worst.
  std::vector<std::vector<bool>> dead(count + 1, std::vector<bool>(size + 1, false));
  const auto most = [&](std::size_t i, std::size_t from) {
    const Parameter& p = parameters_[i];
    std::size_t n = 0;
    const std::size_t limit = p.repeats ? size - from : std::min<std::size_t>(1, size - from);
    while (n < limit && (p.mask & bit(symbols[from + n])) != 0) {
      ++n;
    }
    return n;
  };
  std::vector<std::size_t> starts(count + 1, 0);
  std::size_t i = 0;
  bool entering = true;
  for (;;) {
    if (i == count) {
      if (!whole || starts[i] == size) {
        return true;
      }
      dead[i][starts[i]] = true;
    } else if (entering && !dead[i][starts[i]]) {
      const std::size_t n = most(i, starts[i]);
      if (n > 0 || parameters_[i].optional) {
        taken[i] = static_cast<std::uint32_t>(n);
        starts[i + 1] = starts[i] + n;
        ++i;
        continue;
      }
      dead[i][starts[i]] = true;
    }
    // Back to the last parameter that can take one less.
    bool moved = false;
    while (i > 0) {
      --i;
      const std::uint32_t least = parameters_[i].optional ? 0 : 1;
      if (taken[i] > least) {
        --taken[i];
        starts[i + 1] = starts[i] + taken[i];
        if (dead[i + 1][starts[i + 1]]) {
          ++i;  // known: take one less again
          continue;
        }
        ++i;
        moved = true;
        break;
      }
      dead[i][starts[i]] = true;
    }
    if (!moved) {
      return false;
    }
    entering = true;
  }
}

}  // namespace lockstep::jsonata
