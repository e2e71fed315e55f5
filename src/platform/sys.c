/*
 * The native module `sys`: its arguments and results, events, time and signals. See sys.h for the rules that keep it
 * independent of the version of QuickJS. The other parts: sys-sockets.c, sys-files.c, sys-constants.c.
 */
#include "sys.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int sys_int(JSContext *ctx, JSValueConst value, int *out) {
  int32_t n;
  if (JS_ToInt32(ctx, &n, value)) return -1;
  *out = n;
  return 0;
}

int sys_bytes(JSContext *ctx, JSValueConst *argv, Bytes *out) {
  size_t size;
  int64_t offset, length;
  uint8_t *start = JS_GetArrayBuffer(ctx, &size, argv[0]);
  if (!start) return -1;
  if (JS_ToInt64(ctx, &offset, argv[1]) || JS_ToInt64(ctx, &length, argv[2])) return -1;
  if (offset < 0 || length < 0 || (uint64_t)offset > size || (uint64_t)length > size - (uint64_t)offset) {
    JS_ThrowRangeError(ctx, "%lld bytes at %lld of %zu", (long long)length, (long long)offset, size);
    return -1;
  }
  out->at = start + offset;
  out->length = (size_t)length;
  return 0;
}

int sys_text(JSContext *ctx, JSValueConst value, char *out, size_t size) {
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, value);
  if (!text) return -1;
  int fits = length < size && !memchr(text, 0, length);
  if (fits) memcpy(out, text, length + 1);
  JS_FreeCString(ctx, text);
  if (!fits) JS_ThrowRangeError(ctx, "text too long, or with NUL inside");
  return fits ? 0 : -1;
}

JSValue sys_result(JSContext *ctx, long result) {
  return JS_NewInt32(ctx, (int32_t)(result < 0 ? -errno : result));
}

/* Events: one epoll descriptor, level triggered. The kernel hands ready descriptors out in turn, so that a call with
   few places is fair to all; how much is read from one of them in a round is decided in TypeScript. */

static SYS_FUNCTION(epoll_open) { return sys_result(ctx, epoll_create1(EPOLL_CLOEXEC)); }

/* watch(epoll, operation, fd, events) */
static SYS_FUNCTION(watch) {
  int epoll, operation, fd, events;
  if (sys_int(ctx, argv[0], &epoll) || sys_int(ctx, argv[1], &operation) || sys_int(ctx, argv[2], &fd) ||
      sys_int(ctx, argv[3], &events))
    return JS_EXCEPTION;
  struct epoll_event event = {.events = (uint32_t)events, .data.fd = fd};
  return sys_result(ctx, epoll_ctl(epoll, operation, fd, &event));
}

#define MOST_EVENTS 64

/* wait(epoll, buffer, offset, length, timeout): fills pairs of words (descriptor, events) and returns their number. */
static SYS_FUNCTION(wait_events) {
  int epoll, timeout;
  Bytes into;
  struct epoll_event events[MOST_EVENTS];
  if (sys_int(ctx, argv[0], &epoll) || sys_bytes(ctx, argv + 1, &into) || sys_int(ctx, argv[4], &timeout))
    return JS_EXCEPTION;
  size_t most = into.length / 8 < MOST_EVENTS ? into.length / 8 : MOST_EVENTS;
  int count = epoll_wait(epoll, events, (int)most, timeout);
  if (count < 0) return errno == EINTR ? JS_NewInt32(ctx, 0) : sys_result(ctx, count);
  for (int i = 0; i < count; i++) {
    int32_t pair[2] = {events[i].data.fd, (int32_t)events[i].events};
    memcpy(into.at + 8 * i, pair, 8);
  }
  return JS_NewInt32(ctx, count);
}

static SYS_FUNCTION(event_open) { return sys_result(ctx, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

static SYS_FUNCTION(event_post) {
  int fd;
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  return sys_result(ctx, eventfd_write(fd, 1));
}

/* Takes the count out of an eventfd or a timerfd, so that it is no longer ready. */
static SYS_FUNCTION(event_take) {
  int fd;
  uint64_t count;
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  return sys_result(ctx, read(fd, &count, sizeof count));
}

/* Time: CLOCK_BOOTTIME in whole milliseconds, for reading as for the alarm. */

static SYS_FUNCTION(now) {
  struct timespec t;
  clock_gettime(CLOCK_BOOTTIME, &t);
  return JS_NewInt64(ctx, (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static SYS_FUNCTION(timer_open) {
  return sys_result(ctx, timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
}

/* timerSet(fd, at): ready from that instant on; 0 disarms. */
static SYS_FUNCTION(timer_set) {
  int fd;
  int64_t at;
  if (sys_int(ctx, argv[0], &fd) || JS_ToInt64(ctx, &at, argv[1])) return JS_EXCEPTION;
  struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000}};
  return sys_result(ctx, timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL));
}

/* Signals are read from a descriptor like everything else; children get them unblocked again (sys-files.c). */

static sigset_t taken;

/* signalTake(fd or -1, signal): from now on this signal comes by the descriptor, which is returned. */
static SYS_FUNCTION(signal_open) {
  int fd, signal;
  if (sys_int(ctx, argv[0], &fd) || sys_int(ctx, argv[1], &signal)) return JS_EXCEPTION;
  if (fd < 0) sigemptyset(&taken);
  sigaddset(&taken, signal);
  if (sigprocmask(SIG_BLOCK, &taken, NULL)) return sys_result(ctx, -1);
  return sys_result(ctx, signalfd(fd, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
}

static SYS_FUNCTION(signal_take) {
  int fd;
  struct signalfd_siginfo info;
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  ssize_t size = read(fd, &info, sizeof info);
  return sys_result(ctx, size < 0 ? -1 : (long)info.ssi_signo);
}

/*
 * Promises rejected without a handler. The stock qjs would end the process, in 2025-04-26 even when a handler is
 * attached a moment later. Here the engine only reports: (promise, reason, false) when one is rejected unhandled,
 * (promise, reason, true) when a handler came after all. The value is borrowed, since keeping it would need the
 * reference count: the caller keeps the function alive as long as the process runs, and it returns nothing.
 */
static JSValue rejection_listener;

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL handled, void *unused) {
  (void)unused;
  JSValueConst arguments[3] = {promise, reason, handled ? JS_TRUE : JS_FALSE};
  JS_Call(ctx, rejection_listener, JS_UNDEFINED, 3, arguments);
}

static SYS_FUNCTION(track_rejections) {
  if (!JS_IsFunction(ctx, argv[0])) return JS_ThrowTypeError(ctx, "not a function");
  rejection_listener = argv[0];
  JS_SetHostPromiseRejectionTracker(JS_GetRuntime(ctx), on_rejection, NULL);
  return JS_UNDEFINED;
}

/* random(buffer, offset, length) */
static SYS_FUNCTION(random_bytes) {
  Bytes into;
  if (sys_bytes(ctx, argv, &into)) return JS_EXCEPTION;
  size_t done = 0;
  while (done < into.length) {
    ssize_t size = getrandom(into.at + done, into.length - done, 0);
    if (size < 0 && errno != EINTR) return sys_result(ctx, -1);
    if (size > 0) done += (size_t)size;
  }
  return JS_NewInt32(ctx, 0);
}

static SYS_FUNCTION(environment) {
  char name[256];
  if (sys_text(ctx, argv[0], name, sizeof name)) return JS_EXCEPTION;
  const char *value = getenv(name);
  return value ? JS_NewString(ctx, value) : JS_UNDEFINED;
}

static SYS_FUNCTION(exit_now) {
  int status;
  if (sys_int(ctx, argv[0], &status)) return JS_EXCEPTION;
  exit(status);
}

const JSCFunctionListEntry sys_event_functions[] = {
    JS_CFUNC_DEF("epollOpen", 0, epoll_open),   JS_CFUNC_DEF("watch", 4, watch),
    JS_CFUNC_DEF("wait", 5, wait_events),       JS_CFUNC_DEF("eventOpen", 0, event_open),
    JS_CFUNC_DEF("eventPost", 1, event_post),   JS_CFUNC_DEF("eventTake", 1, event_take),
    JS_CFUNC_DEF("now", 0, now),                JS_CFUNC_DEF("timerOpen", 0, timer_open),
    JS_CFUNC_DEF("timerSet", 2, timer_set),     JS_CFUNC_DEF("signalOpen", 2, signal_open),
    JS_CFUNC_DEF("signalTake", 1, signal_take), JS_CFUNC_DEF("trackRejections", 1, track_rejections),
    JS_CFUNC_DEF("random", 3, random_bytes),    JS_CFUNC_DEF("environment", 1, environment),
    JS_CFUNC_DEF("exit", 1, exit_now),
};
const int sys_event_count = SYS_COUNT(sys_event_functions);

static int define(JSContext *ctx, JSModuleDef *module) {
  return JS_SetModuleExportList(ctx, module, sys_event_functions, sys_event_count) ||
                 JS_SetModuleExportList(ctx, module, sys_socket_functions, sys_socket_count) ||
                 JS_SetModuleExportList(ctx, module, sys_file_functions, sys_file_count) ||
                 JS_SetModuleExportList(ctx, module, sys_constant_functions, sys_constant_count)
             ? -1
             : 0;
}

__attribute__((visibility("default"))) JSModuleDef *js_init_module_sys(JSContext *ctx, const char *name) {
  signal(SIGPIPE, SIG_IGN); /* a reader that went away is the result EPIPE, not the end of the process */
  setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 0); /* a jail passes none on, and musl's own has no /usr/sbin for nft */
  JSModuleDef *module = JS_NewCModule(ctx, name, define);
  if (!module) return NULL;
  JS_AddModuleExportList(ctx, module, sys_event_functions, sys_event_count);
  JS_AddModuleExportList(ctx, module, sys_socket_functions, sys_socket_count);
  JS_AddModuleExportList(ctx, module, sys_file_functions, sys_file_count);
  JS_AddModuleExportList(ctx, module, sys_constant_functions, sys_constant_count);
  return module;
}

/* The name that qjs looks for in a shared library. */
__attribute__((visibility("default"))) JSModuleDef *js_init_module(JSContext *ctx, const char *name) {
  return js_init_module_sys(ctx, name);
}
