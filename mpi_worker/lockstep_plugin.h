/* The interface of a Lockstep plugin: a shared library whose function is called for each task of a job.
 *
 *     {"resource": "job:norm", "plugin": "libnorm.so"}          in jobs.json; the path is from that file's folder
 *     cc -shared -fPIC -I mpi_worker -o libnorm.so norm.c       needs nothing but this header
 *
 * A plugin exports two functions: lockstep_plugin_call(), and lockstep_plugin_version(), which the macro
 * LOCKSTEP_PLUGIN writes.
 *
 * Where it runs. Under mpirun (and --ranks) it is called in the rank itself, on a thread of its own for each slot:
 * calls are made at the same time on different threads, and a crash ends the rank, which costs the tasks in flight
 * there. Without mpirun it is called in a helper process, one for each slot, one call at a time: a crash fails its task
 * only, and the helper is started again. Write it so that both hold.
 *
 * What it must not do: end the process, change its signal handling, working directory or environment, write to file
 * descriptors 0, 1 and 2 (use log()), call MPI, or keep `call` or anything that it points to after it has returned.
 *
 * When its time is over, is_cancelled() says so; the call then has five seconds to return. A helper process that has
 * not returned by then is killed. A thread of a rank cannot be killed: its task is over all the same (timed out, or
 * cancelled), its slot is given to the next task, and the call goes on uselessly until it returns or the run ends.
 */
#ifndef LOCKSTEP_PLUGIN_H
#define LOCKSTEP_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header. A later version only adds fields at the end of the struct: Lockstep takes every plugin whose version
 * is not above its own, so a plugin finds all fields that it was built with. */
#define LOCKSTEP_PLUGIN_VERSION 1

/* One call. All texts are UTF-8, end with a NUL and are valid until the call returns; none is a null pointer. The
 * functions take the call itself as their first argument and may be called from any thread until it returns. */
struct lockstep_call {
  uint32_t version; /* of Lockstep's own header */
  uint32_t attempt; /* retries before this one */

  const char *input; /* the task's input: JSON */
  size_t input_size; /* in bytes, without the NUL */

  const char *resource;   /* as jobs.json has it: one library may serve several */
  const char *run_id;
  const char *run_dir;    /* the run folder */
  const char *execution;  /* its name */
  const char *state;      /* its name */
  const char *task_dir;   /* a folder of the task's own, as LOCKSTEP_TASK_DIR; "": none */
  const char *task_token; /* "": none */
  const char *host;
  int64_t item_index;     /* in a Map; -1: in none */
  int64_t deadline;       /* when the task times out: microseconds since 1970 UTC; 0: never */
  int64_t heartbeat;      /* the longest time without beat() or log(): microseconds; 0: any */
  uint32_t rank;
  uint32_t reserved;

  void *lockstep; /* Lockstep's own */

  /* Not 0: the task has timed out, or nobody wants its result any more. Return soon. Cheap. */
  int (*is_cancelled)(const struct lockstep_call *call);
  /* The task is alive: its heartbeat's time begins anew. Cheap. */
  void (*beat)(const struct lockstep_call *call);
  /* Adds text to the task's log, as stderr of a program would be. */
  void (*log)(const struct lockstep_call *call, const char *text, size_t size);

  /* The result: JSON, which is copied. What is not JSON fails the task as Lockstep.BadOutput. */
  void (*succeed)(const struct lockstep_call *call, const char *json, size_t size);
  /* The task fails with this error, for Retry and Catch to name, and cause; both are copied. */
  void (*fail)(const struct lockstep_call *call, const char *error, const char *cause);
};

/* Works on one task, and says what came of it by succeed() or fail(); of several the last counts, and without any the
 * result is null. */
void lockstep_plugin_call(const struct lockstep_call *call);

/* The header's version that the plugin was built with. */
uint32_t lockstep_plugin_version(void);

/* Once in each plugin. */
#define LOCKSTEP_PLUGIN \
  uint32_t lockstep_plugin_version(void) { return LOCKSTEP_PLUGIN_VERSION; }

#ifdef __cplusplus
}
#endif

#endif
