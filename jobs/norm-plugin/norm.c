/* The Euclidean norm of an array of numbers: a complete plugin. Its input is JSON text, its result is JSON text. */
#include <lockstep_plugin.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOCKSTEP_PLUGIN

void lockstep_plugin_call(const struct lockstep_call *call) {
  const char *at = call->input + strspn(call->input, " \t\r\n");
  double sum = 0;
  size_t count = 0;
  if (*at != '[') {
    call->fail(call, "Norm.NotAVector", "the input is not an array of numbers");
    return;
  }
  at += 1 + strspn(at + 1, " \t\r\n");
  while (*at != ']') {
    char *end;
    const double value = strtod(at, &end);
    if (end == at) {
      call->fail(call, "Norm.NotAVector", "the input is not an array of numbers");
      return;
    }
    sum += value * value;
    at = end + strspn(end, " \t\r\n,");
    /* A long call looks from time to time whether its result is still wanted, and says that it is alive. */
    if (++count % 100000 == 0) {
      if (call->is_cancelled(call)) {
        return;
      }
      call->beat(call);
    }
  }
  char result[32];
  const int size = snprintf(result, sizeof result, "%.17g", sqrt(sum));
  call->succeed(call, result, (size_t)size);
}
