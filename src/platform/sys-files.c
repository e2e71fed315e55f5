/* Descriptors, files and child processes of the module `sys`. */
#include "sys.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* read(fd, buffer, offset, length) */
static SYS_FUNCTION(read_some) {
  int fd;
  Bytes into;
  if (sys_int(ctx, argv[0], &fd) || sys_bytes(ctx, argv + 1, &into)) return JS_EXCEPTION;
  return sys_result(ctx, read(fd, into.at, into.length));
}

/* Printable ASCII, tabs and line ends. */
static int is_plain(const uint8_t *bytes, size_t length) {
  int others = 0;
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = bytes[i];
    others |= (byte < ' ' && byte != '\t' && byte != '\r' && byte != '\n') | (byte > '~');
  }
  return !others;
}

/* readText(fd, buffer, offset, length): as text if it is plain, otherwise the number of bytes, which the buffer has. */
static SYS_FUNCTION(read_text) {
  int fd;
  Bytes into;
  if (sys_int(ctx, argv[0], &fd) || sys_bytes(ctx, argv + 1, &into)) return JS_EXCEPTION;
  ssize_t size = read(fd, into.at, into.length);
  if (size <= 0 || !is_plain(into.at, (size_t)size)) return sys_result(ctx, size);
  return JS_NewStringLen(ctx, (const char *)into.at, (size_t)size);
}

/* write(fd, buffer, offset, length) */
static SYS_FUNCTION(write_some) {
  int fd;
  Bytes bytes;
  if (sys_int(ctx, argv[0], &fd) || sys_bytes(ctx, argv + 1, &bytes)) return JS_EXCEPTION;
  return sys_result(ctx, write(fd, bytes.at, bytes.length));
}

/* writeText(fd, text): one write of its UTF-8. */
static SYS_FUNCTION(write_text) {
  int fd;
  size_t length;
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
  if (!text) return JS_EXCEPTION;
  ssize_t size = write(fd, text, length);
  int why = errno;
  JS_FreeCString(ctx, text);
  errno = why;
  return sys_result(ctx, size);
}

static SYS_FUNCTION(close_one) {
  int fd;
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  return sys_result(ctx, close(fd));
}

/*
 * hangUp(fd): closes a stream to which all has been written. Input that nobody read would turn the close into a reset,
 * and the peer could lose the end of our answer: so it is read, as far as it has come and is not endless.
 */
static SYS_FUNCTION(hang_up) {
  int fd;
  char room[16384];
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  for (int i = 0; i < 16 && read(fd, room, sizeof room) > 0; i++);
  return sys_result(ctx, close(fd));
}

/* Writes all, or gives up: another process may have made this terminal or pipe non-blocking and stopped reading. */
static int write_all(int fd, const char *text, size_t length) {
  while (length > 0) {
    ssize_t size = write(fd, text, length);
    if (size >= 0) {
      text += size;
      length -= (size_t)size;
    } else if (errno == EAGAIN) {
      struct pollfd ready = {.fd = fd, .events = POLLOUT};
      if (poll(&ready, 1, 1000) == 0) return -1;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return 0;
}

/* print(fd, text): the whole text, for standard output and standard error. */
static SYS_FUNCTION(print) {
  int fd;
  size_t length;
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
  if (!text) return JS_EXCEPTION;
  int result = write_all(fd, text, length);
  int why = errno;
  JS_FreeCString(ctx, text);
  errno = why;
  return sys_result(ctx, result);
}

#define LARGEST_FILE (16 << 20)

static int read_all(int fd, char **out, size_t *length) {
  size_t space = 4096, used = 0;
  char *content = malloc(space);
  while (content) {
    ssize_t size = read(fd, content + used, space - used);
    if (size == 0) {
      *out = content;
      *length = used;
      return 0;
    }
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    used += (size_t)size;
    if (used < space) continue;
    if (space >= LARGEST_FILE) {
      errno = EFBIG;
      break;
    }
    char *larger = realloc(content, space * 2);
    if (!larger) break;
    content = larger;
    space *= 2;
  }
  int why = content ? errno : ENOMEM;
  free(content);
  errno = why;
  return -1;
}

/* readFile(path): an ArrayBuffer, or a negative errno. Files of /proc have no size, so it is read to its end. */
static SYS_FUNCTION(read_file) {
  char path[PATH_MAX], *content;
  size_t length;
  if (sys_text(ctx, argv[0], path, sizeof path)) return JS_EXCEPTION;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return sys_result(ctx, -1);
  int result = read_all(fd, &content, &length);
  int why = errno;
  close(fd);
  errno = why;
  if (result) return sys_result(ctx, -1);
  JSValue value = JS_NewArrayBufferCopy(ctx, (const uint8_t *)content, length);
  free(content);
  return value;
}

/* The content on disk under a name beside, then renamed: a reader sees the old file or the new one, and after a loss
   of power the name leads to one of the two. */
static int replace_file(const char *path, const Bytes *bytes) {
  char beside[PATH_MAX + 8];
  snprintf(beside, sizeof beside, "%s.XXXXXX", path);
  int fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
  if (fd < 0) return -1;
  int result = write_all(fd, (const char *)bytes->at, bytes->length) || fsync(fd);
  int why = errno;
  if (close(fd) && !result) result = -1, why = errno;
  if (!result && rename(beside, path)) result = -1, why = errno;
  if (result) unlink(beside);
  errno = why;
  return result ? -1 : 0;
}

/* writeFile(path, buffer, offset, length) */
static SYS_FUNCTION(write_file) {
  char path[PATH_MAX];
  Bytes bytes;
  if (sys_text(ctx, argv[0], path, sizeof path) || sys_bytes(ctx, argv + 1, &bytes)) return JS_EXCEPTION;
  return sys_result(ctx, replace_file(path, &bytes));
}

static SYS_FUNCTION(remove_file) {
  char path[PATH_MAX];
  if (sys_text(ctx, argv[0], path, sizeof path)) return JS_EXCEPTION;
  return sys_result(ctx, unlink(path));
}

static SYS_FUNCTION(make_directory) {
  char path[PATH_MAX];
  if (sys_text(ctx, argv[0], path, sizeof path)) return JS_EXCEPTION;
  for (char *slash = path + 1; path[0] && *slash; slash++) {
    if (*slash != '/') continue;
    *slash = 0;
    if (mkdir(path, 0755) && errno != EEXIST) return sys_result(ctx, -1);
    *slash = '/';
  }
  return sys_result(ctx, mkdir(path, 0755) && errno != EEXIST ? -1 : 0);
}

#define MOST_ARGUMENTS 256

/* Starts a program with empty input, its output on two pipes, no signal blocked or ignored, in a group of its own. */
static int start(pid_t *child, char **arguments, const int out[2], const int err[2]) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out[1], 1);
  posix_spawn_file_actions_adddup2(&files, err[1], 2);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  int why = posix_spawnp(child, arguments[0], &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return why;
}

static int piped(pid_t *child, char **arguments, int *out_end, int *err_end) {
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC)) return errno;
  if (pipe2(err, O_CLOEXEC)) {
    int why = errno;
    close(out[0]), close(out[1]);
    return why;
  }
  int why = start(child, arguments, out, err);
  close(out[1]), close(err[1]);
  if (why) {
    close(out[0]), close(err[0]);
    return why;
  }
  fcntl(out[0], F_SETFL, O_NONBLOCK), fcntl(err[0], F_SETFL, O_NONBLOCK);
  *out_end = out[0];
  *err_end = err[0];
  return 0;
}

/* spawn(words joined by NUL, buffer, offset, length): the process id; two words become the ends to read stdout and
   stderr from. */
static SYS_FUNCTION(spawn) {
  Bytes ends;
  size_t length;
  char *arguments[MOST_ARGUMENTS + 1];
  int count = 0, why = E2BIG, out = -1, err = -1;
  pid_t child = 0;
  if (sys_bytes(ctx, argv + 1, &ends)) return JS_EXCEPTION;
  const char *words = JS_ToCStringLen(ctx, &length, argv[0]);
  if (!words) return JS_EXCEPTION;
  for (const char *word = words; count < MOST_ARGUMENTS && word <= words + length; word += strlen(word) + 1)
    arguments[count++] = (char *)word;
  arguments[count] = NULL;
  if (ends.length >= 8 && count < MOST_ARGUMENTS) why = piped(&child, arguments, &out, &err);
  JS_FreeCString(ctx, words);
  if (why) return JS_NewInt32(ctx, -why);
  int32_t pair[2] = {out, err};
  memcpy(ends.at, pair, sizeof pair);
  return JS_NewInt32(ctx, child);
}

/* waitChild(pid): its exit status, 128 + n when signal n ended it, -EAGAIN while it runs. */
static SYS_FUNCTION(wait_child) {
  int pid, status;
  if (sys_int(ctx, argv[0], &pid)) return JS_EXCEPTION;
  pid_t ended = waitpid(pid, &status, WNOHANG);
  if (ended < 0) return sys_result(ctx, -1);
  if (ended == 0) return JS_NewInt32(ctx, -EAGAIN);
  return JS_NewInt32(ctx, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* killChild(pid): with everything it started. */
static SYS_FUNCTION(kill_child) {
  int pid;
  if (sys_int(ctx, argv[0], &pid)) return JS_EXCEPTION;
  if (pid <= 1) return JS_NewInt32(ctx, -EINVAL);
  return sys_result(ctx, kill(-pid, SIGKILL));
}

/* Descriptor that is only held, so that one is left to refuse a connection with when there are no more. */
static SYS_FUNCTION(spare) { return sys_result(ctx, open("/dev/null", O_RDONLY | O_CLOEXEC)); }

const JSCFunctionListEntry sys_file_functions[] = {
    JS_CFUNC_DEF("read", 4, read_some),           JS_CFUNC_DEF("write", 4, write_some),
    JS_CFUNC_DEF("readText", 4, read_text),       JS_CFUNC_DEF("writeText", 2, write_text),
    JS_CFUNC_DEF("hangUp", 1, hang_up),
    JS_CFUNC_DEF("close", 1, close_one),          JS_CFUNC_DEF("print", 2, print),
    JS_CFUNC_DEF("readFile", 1, read_file),       JS_CFUNC_DEF("writeFile", 4, write_file),
    JS_CFUNC_DEF("removeFile", 1, remove_file),   JS_CFUNC_DEF("makeDirectory", 1, make_directory),
    JS_CFUNC_DEF("spawn", 4, spawn),              JS_CFUNC_DEF("waitChild", 1, wait_child),
    JS_CFUNC_DEF("killChild", 1, kill_child),     JS_CFUNC_DEF("spare", 0, spare),
};
const int sys_file_count = SYS_COUNT(sys_file_functions);
