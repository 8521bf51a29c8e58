// Writes down, in order, what a program and its children do to files, so that power_loss.py can rebuild what a power
// loss at any moment could have left of them. For LD_PRELOAD.
//
//   RECORD_DIR  the folder whose names are written down (absolute, no link in it)
//   RECORD_LOG  where to; outside that folder
//
// It can also break the disk under that folder, without a log:
//
//   BREAK_AT    the operation in the folder, counted from 1 over all threads, that fails
//   BREAK_WITH  5 (EIO): it alone; 28 (ENOSPC): it and all that need space after it
//   BREAK_TOLD  a file that is made when something has failed
//   BREAK_COUNT a file that is told in the end how many operations there were
//
// A record is one O_APPEND write: struct record, then a path, a second path (rename, link), then data. Data and syncs
// are written down by inode, of any file there is; the reader knows which inodes it cares for. Data is recorded when it
// has been written, a sync when it begins and when it has ended well: what stands before a sync's begin is durable at
// its end. Not seen: stdio, writable shared maps, io_uring, O_TMPFILE. The programs under test use none of them in a
// run folder.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum operation {
  OP_OPENED = 1,
  OP_CREATED,
  OP_WRITTEN,
  OP_RESIZED,
  OP_SYNC_BEGUN,
  OP_SYNC_ENDED,
  OP_RENAMED,
  OP_LINKED,
  OP_REMOVED,
  OP_FOLDER_MADE,
  OP_FOLDER_REMOVED,
  OP_FOLDER_SYNC_BEGUN,
  OP_FOLDER_SYNC_ENDED
};

struct record {
  uint32_t operation;
  uint32_t thread;
  uint64_t inode;
  uint64_t offset;  // of data; or the new size
  uint32_t path_length;
  uint32_t path2_length;
  uint64_t data_length;
};

static int log_fd = -1;
static char folder[PATH_MAX];
static size_t folder_length;
static long break_at;  // 0: never
static int break_with;
static atomic_long operations;

__attribute__((constructor)) static void begin(void) {
  const char *dir = getenv("RECORD_DIR"), *log = getenv("RECORD_LOG"), *at = getenv("BREAK_AT");
  if (dir == NULL || strlen(dir) >= sizeof folder) {
    return;
  }
  strcpy(folder, dir);
  folder_length = strlen(folder);
  if (at != NULL) {
    break_at = atol(at);
    break_with = atoi(getenv("BREAK_WITH"));
  }
  if (log == NULL) {
    return;
  }
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 800);  // out of the way of programs that count on low numbers
  syscall(SYS_close, fd);
}

static void put(enum operation operation, uint64_t inode, uint64_t offset, const char* path, const char* path2,
                const struct iovec* data, int pieces, size_t length) {
  if (log_fd < 0) {
    return;
  }
  const int kept = errno;
  struct iovec parts[64];
  struct record head = {operation, (uint32_t)syscall(SYS_gettid),     inode,
                        offset,    path ? (uint32_t)strlen(path) : 0, path2 ? (uint32_t)strlen(path2) : 0,
                        length};
  int count = 0;
  parts[count++] = (struct iovec){&head, sizeof head};
  parts[count++] = (struct iovec){(void*)path, head.path_length};
  parts[count++] = (struct iovec){(void*)path2, head.path2_length};
  for (int i = 0; i < pieces && length > 0 && count < 64; ++i) {
    const size_t part = data[i].iov_len < length ? data[i].iov_len : length;
    parts[count++] = (struct iovec){data[i].iov_base, part};
    length -= part;
  }
  const long want = (long)(sizeof head + head.path_length + head.path2_length + head.data_length);
  if (length > 0 || syscall(SYS_writev, log_fd, parts, count) != want) {
    static const char complaint[] = "file_recorder: the log is cut short\n";
    syscall(SYS_write, STDERR_FILENO, complaint, sizeof complaint - 1);
    abort();
  }
  errno = kept;
}

// The name of `path` within the folder; NULL: it lies elsewhere.
static const char* name_of(int at, const char* path, char* buffer) {
  if (log_fd < 0 && break_at == 0) {
    return NULL;
  }
  const int kept = errno;
  char start[PATH_MAX] = "";
  if (path[0] != '/') {
    char link[64] = "/proc/self/cwd";
    if (at != AT_FDCWD) {
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    }
    const ssize_t length = readlink(link, start, sizeof start - 2);
    start[length < 0 ? 0 : length] = 0;
    strcat(start, "/");
  }
  snprintf(buffer, 2 * PATH_MAX, "%s%s", start, path);
  errno = kept;
  size_t length = strlen(buffer);
  while (length > 1 && buffer[length - 1] == '/') {
    buffer[--length] = 0;
  }
  if (strncmp(buffer, folder, folder_length) != 0 || (buffer[folder_length] != '/' && buffer[folder_length] != 0)) {
    return NULL;
  }
  return buffer[folder_length] == 0 ? "." : buffer + folder_length + 1;
}

// Whether an operation on `path` is the one that fails; `needs_space`: whether a full disk refuses it.
static int breaks(int at, const char* path, int needs_space) {
  char buffer[2 * PATH_MAX];
  if (break_at == 0 || name_of(at, path, buffer) == NULL) {
    return 0;
  }
  const long number = atomic_fetch_add(&operations, 1) + 1;
  const int broken = break_with == ENOSPC ? number >= break_at && needs_space : number == break_at;
  if (broken) {
    const char* told = getenv("BREAK_TOLD");
    if (told != NULL) {
      syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, told, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    errno = break_with;
  }
  return broken;
}
static int breaks_fd(int fd, int needs_space) {
  char link[64], path[PATH_MAX];
  if (break_at == 0) {
    return 0;
  }
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || path[0] != '/') {
    return 0;
  }
  path[length] = 0;
  return breaks(AT_FDCWD, path, needs_space);
}

__attribute__((destructor)) static void end(void) {
  const char* path = atomic_load(&operations) > 0 ? getenv("BREAK_COUNT") : NULL;  // its jobs have none
  if (path == NULL) {
    return;
  }
  char text[32];
  const int length = snprintf(text, sizeof text, "%ld\n", atomic_load(&operations));
  const long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  syscall(SYS_write, fd, text, length);
  syscall(SYS_close, fd);
}

static int opened(int at, const char* path, int flags, mode_t mode) {
  struct stat status;
  char buffer[2 * PATH_MAX];
  const int writes = (flags & O_ACCMODE) != O_RDONLY && (flags & O_TMPFILE) != O_TMPFILE;
  if (writes && (flags & O_CREAT) && breaks(at, path, 1)) {
    return -1;
  }
  const int is_new = writes && log_fd >= 0 && (flags & O_CREAT) && fstatat(at, path, &status, 0) != 0;
  const int fd = (int)syscall(SYS_openat, at, path, flags, mode);
  if (fd >= 0 && writes && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    const char* name = name_of(at, path, buffer);
    if (name != NULL) {
      put(is_new ? OP_CREATED : OP_OPENED, status.st_ino, 0, name, NULL, NULL, 0, 0);
      if (!is_new && (flags & O_TRUNC)) {
        put(OP_RESIZED, status.st_ino, 0, NULL, NULL, NULL, 0, 0);
      }
    }
  }
  return fd;
}

#define OPEN(NAME, PARAMETERS, AT)        \
  int NAME PARAMETERS {                   \
    mode_t mode = 0;                      \
    if (flags & (O_CREAT | O_TMPFILE)) {  \
      va_list rest;                       \
      va_start(rest, flags);              \
      mode = va_arg(rest, mode_t);        \
      va_end(rest);                       \
    }                                     \
    return opened(AT, path, flags, mode); \
  }
OPEN(open, (const char* path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char* path, int flags, ...), AT_FDCWD)
OPEN(openat, (int at, const char* path, int flags, ...), at)
OPEN(openat64, (int at, const char* path, int flags, ...), at)

// `offset` < 0: where the file stands now, behind what was written.
static void written(int fd, int64_t offset, const struct iovec* data, int pieces, ssize_t length) {
  struct stat status;
  const int kept = errno;
  if (length > 0 && log_fd >= 0 && fd != log_fd && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    if (offset < 0) {
      offset = lseek(fd, 0, SEEK_CUR) - length;
    }
    put(OP_WRITTEN, status.st_ino, (uint64_t)offset, NULL, NULL, data, pieces, (size_t)length);
  }
  errno = kept;
}

ssize_t write(int fd, const void* bytes, size_t length) {
  if (breaks_fd(fd, 1)) {
    return -1;
  }
  const ssize_t done = syscall(SYS_write, fd, bytes, length);
  written(fd, -1, &(struct iovec){(void*)bytes, length}, 1, done);
  return done;
}
ssize_t writev(int fd, const struct iovec* data, int pieces) {
  if (breaks_fd(fd, 1)) {
    return -1;
  }
  const ssize_t done = syscall(SYS_writev, fd, data, pieces);
  written(fd, -1, data, pieces, done);
  return done;
}
ssize_t pwrite(int fd, const void* bytes, size_t length, off_t offset) {
  if (breaks_fd(fd, 1)) {
    return -1;
  }
  const ssize_t done = syscall(SYS_pwrite64, fd, bytes, length, offset);
  written(fd, offset, &(struct iovec){(void*)bytes, length}, 1, done);
  return done;
}
ssize_t pwrite64(int fd, const void* bytes, size_t length, off64_t offset) {
  return pwrite(fd, bytes, length, offset);
}

int ftruncate(int fd, off_t length) {
  struct stat status;
  if (breaks_fd(fd, 1)) {
    return -1;
  }
  const int done = (int)syscall(SYS_ftruncate, fd, length);
  if (done == 0 && log_fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    put(OP_RESIZED, status.st_ino, (uint64_t)length, NULL, NULL, NULL, 0, 0);
  }
  return done;
}
int ftruncate64(int fd, off64_t length) {
  return ftruncate(fd, length);
}

static int synced(int fd, long call) {
  struct stat status;
  char link[64], path[PATH_MAX], buffer[2 * PATH_MAX];
  const char* name = NULL;
  enum operation begun = OP_SYNC_BEGUN, ended = OP_SYNC_ENDED;
  if (breaks_fd(fd, 0)) {
    return -1;
  }
  const int known = log_fd >= 0 && fstat(fd, &status) == 0;
  if (known && S_ISDIR(status.st_mode)) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    name = name_of(AT_FDCWD, path, buffer);
    begun = OP_FOLDER_SYNC_BEGUN;
    ended = OP_FOLDER_SYNC_ENDED;
  }
  const int matters = known && (S_ISREG(status.st_mode) || name != NULL);
  if (matters) {
    put(begun, status.st_ino, 0, name, NULL, NULL, 0, 0);
  }
  const int done = (int)syscall(call, fd);
  if (matters && done == 0) {
    put(ended, status.st_ino, 0, name, NULL, NULL, 0, 0);
  }
  return done;
}
int fsync(int fd) {
  return synced(fd, SYS_fsync);
}
int fdatasync(int fd) {
  return synced(fd, SYS_fdatasync);
}

static int moved(enum operation operation, int at, const char* from, int at2, const char* to, int done) {
  char buffer[2 * PATH_MAX], buffer2[2 * PATH_MAX];
  if (done == 0) {
    const char *name = name_of(at, from, buffer), *name2 = name_of(at2, to, buffer2);
    if (name != NULL && name2 != NULL) {
      put(operation, 0, 0, name, name2, NULL, 0, 0);
    }
  }
  return done;
}
int renameat2(int at, const char* from, int at2, const char* to, unsigned flags) {
  if (breaks(at2, to, 0)) {
    return -1;
  }
  return moved(OP_RENAMED, at, from, at2, to, (int)syscall(SYS_renameat2, at, from, at2, to, flags));
}
int renameat(int at, const char* from, int at2, const char* to) {
  return renameat2(at, from, at2, to, 0);
}
int rename(const char* from, const char* to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int linkat(int at, const char* from, int at2, const char* to, int flags) {
  return moved(OP_LINKED, at, from, at2, to, (int)syscall(SYS_linkat, at, from, at2, to, flags));
}
int link(const char* from, const char* to) {
  return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int named(enum operation operation, int at, const char* path, int done) {
  char buffer[2 * PATH_MAX];
  const char* name = done == 0 ? name_of(at, path, buffer) : NULL;
  if (name != NULL) {
    put(operation, 0, 0, name, NULL, NULL, 0, 0);
  }
  return done;
}
int unlinkat(int at, const char* path, int flags) {
  if (breaks(at, path, 0)) {
    return -1;
  }
  return named(flags & AT_REMOVEDIR ? OP_FOLDER_REMOVED : OP_REMOVED, at, path,
               (int)syscall(SYS_unlinkat, at, path, flags));
}
int unlink(const char* path) {
  return unlinkat(AT_FDCWD, path, 0);
}
int rmdir(const char* path) {
  return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
int remove(const char* path) {
  struct stat status;
  if (lstat(path, &status) != 0) {
    return -1;
  }
  return S_ISDIR(status.st_mode) ? rmdir(path) : unlink(path);
}
int mkdirat(int at, const char* path, mode_t mode) {
  if (breaks(at, path, 1)) {
    return -1;
  }
  return named(OP_FOLDER_MADE, at, path, (int)syscall(SYS_mkdirat, at, path, mode));
}
int mkdir(const char* path, mode_t mode) {
  return mkdirat(AT_FDCWD, path, mode);
}
