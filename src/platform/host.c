/*
 * porticod: QuickJS, the module `sys` and the bundle in one program.
 *
 *   porticod [--bundle FILE] WORDS...
 *
 * The bundle is part of the program, as bytecode (tools/quickjs/compile.c), or with BUNDLE_IS_SOURCE as it is, for
 * big-endian processors, on which bytecode made elsewhere fails; `--bundle FILE` runs another one from its source
 * instead (development, unit tests). No file beside the program is looked for. A script can import the module
 * `sys` and nothing else, and finds a global object `porticod`:
 *   arguments    the words
 *   engine       `QuickJS 2025-04-26`
 *   sys          the module: bytecode without names of files cannot import() it
 *   setDispatch  takes the function that waits for events and handles one round of them, or undefined
 * The program ends when there is neither a job nor a dispatch function, or by `sys.exit`; with status 1 when the
 * script does not load, its top level fails, or a promise fails before the platform is there to take note.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "quickjs.h"
#include "memory.h"

extern const uint8_t portico_bundle[], portico_bundle_end[]; /* bundle.S */
JSModuleDef *js_init_module_sys(JSContext *ctx, const char *name);

static JSValue dispatch;

/* Prints the exception that is pending, or the value given, with its stack. */
static void report(JSContext *ctx, JSValueConst error) {
  const char *text = JS_ToCString(ctx, error);
  fprintf(stderr, "%s\n", text ? text : "(an error that has no text)");
  JS_FreeCString(ctx, text);
  JSValue stack = JS_IsError(ctx, error) ? JS_GetPropertyStr(ctx, error, "stack") : JS_UNDEFINED;
  if (JS_IsString(stack)) {
    text = JS_ToCString(ctx, stack);
    if (text) fputs(text, stderr);
    JS_FreeCString(ctx, text);
  }
  JS_FreeValue(ctx, stack);
}

static void report_pending(JSContext *ctx) {
  JSValue error = JS_GetException(ctx);
  report(ctx, error);
  JS_FreeValue(ctx, error);
}

static JSValue set_dispatch(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  if (!JS_IsUndefined(argv[0]) && !JS_IsFunction(ctx, argv[0])) return JS_ThrowTypeError(ctx, "not a function");
  JS_FreeValue(ctx, dispatch);
  dispatch = JS_DupValue(ctx, argv[0]);
  return JS_UNDEFINED;
}

static JSModuleDef *refuse_module(JSContext *ctx, const char *name, void *unused) {
  (void)unused;
  JS_ThrowReferenceError(ctx, "there is no module '%s' in this program", name);
  return NULL;
}

static void add_globals(JSContext *ctx, int count, char **words) {
  JSValue global = JS_GetGlobalObject(ctx);
  JSValue host = JS_NewObject(ctx);
  JSValue arguments = JS_NewArray(ctx);
  for (int i = 0; i < count; i++) JS_SetPropertyUint32(ctx, arguments, (uint32_t)i, JS_NewString(ctx, words[i]));
  JS_SetPropertyStr(ctx, host, "arguments", arguments);
  JS_SetPropertyStr(ctx, host, "engine", JS_NewString(ctx, "QuickJS " QUICKJS_VERSION));
  JS_SetPropertyStr(ctx, host, "setDispatch", JS_NewCFunction(ctx, set_dispatch, "setDispatch", 1));
  JS_SetPropertyStr(ctx, global, "porticod", host);
  JS_FreeValue(ctx, global);
}

/* Whether it worked; otherwise an exception is pending. */
static int add_sys(JSContext *ctx) {
  static const char source[] = "import * as sys from 'sys'\nporticod.sys = sys\n";
  js_init_module_sys(ctx, "sys");
  JSValue done = JS_Eval(ctx, source, sizeof source - 1, "sys.mjs", JS_EVAL_TYPE_MODULE);
  int worked = !JS_IsException(done);
  JS_FreeValue(ctx, done);
  return worked;
}

static void run_jobs(JSRuntime *runtime) {
  JSContext *ctx;
  int result;
  while ((result = JS_ExecutePendingJob(runtime, &ctx)) != 0)
    if (result < 0) report_pending(ctx);
}

/* The last promise rejected without a handler. Only for a script that never got as far as sys.trackRejections: its
   failure must not pass in silence. */
static JSValue unhandled_promise, unhandled_reason;

static void note_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL handled, void *unused) {
  (void)unused;
  if (handled && JS_VALUE_GET_PTR(promise) != JS_VALUE_GET_PTR(unhandled_promise)) return;
  JS_FreeValue(ctx, unhandled_promise);
  JS_FreeValue(ctx, unhandled_reason);
  unhandled_promise = handled ? JS_UNDEFINED : JS_DupValue(ctx, promise);
  unhandled_reason = handled ? JS_UNDEFINED : JS_DupValue(ctx, reason);
}

/* Exit status of the script. `top` is the promise of its top level. */
static int run(JSRuntime *runtime, JSContext *ctx, JSValueConst top) {
  for (;;) {
    run_jobs(runtime);
    if (JS_PromiseState(ctx, top) == JS_PROMISE_REJECTED) {
      JSValue error = JS_PromiseResult(ctx, top);
      report(ctx, error);
      JS_FreeValue(ctx, error);
      return 1;
    }
    if (JS_IsUndefined(dispatch)) {
      if (JS_IsUndefined(unhandled_promise)) return 0;
      report(ctx, unhandled_reason);
      return 1;
    }
    /* The function may replace itself while it runs. */
    JSValue current = JS_DupValue(ctx, dispatch);
    JSValue result = JS_Call(ctx, current, JS_UNDEFINED, 0, NULL);
    if (JS_IsException(result)) report_pending(ctx);
    JS_FreeValue(ctx, result);
    JS_FreeValue(ctx, current);
  }
}

/* A whole file with NUL behind it; NULL with errno. */
static char *load(const char *path, size_t *length) {
  FILE *file = fopen(path, "rbe");
  if (!file) return NULL;
  char *text = NULL;
  long size = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
  if (size >= 0 && !fseek(file, 0, SEEK_SET) && (text = malloc((size_t)size + 1))) {
    *length = fread(text, 1, (size_t)size, file);
    text[*length] = 0;
  }
  fclose(file);
  return text;
}

/* Descriptors 0 to 2 must be taken, or a socket would get the number that log lines are written to. */
static void hold_standard_streams(void) {
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= 2);
  if (fd > 2) close(fd);
}

/* The promise of the embedded module's top level. */
static JSValue evaluate_bundle(JSContext *ctx) {
  size_t length = (size_t)(portico_bundle_end - portico_bundle);
#ifdef BUNDLE_IS_SOURCE
  return JS_Eval(ctx, (const char *)portico_bundle, length, "portico.mjs", JS_EVAL_TYPE_MODULE);
#else
  JSValue module = JS_ReadObject(ctx, portico_bundle, length, JS_READ_OBJ_BYTECODE);
  if (JS_IsException(module)) return module;
  if (JS_ResolveModule(ctx, module)) {
    JS_FreeValue(ctx, module);
    return JS_EXCEPTION;
  }
  /* All of it is on the heap now; its pages in the program file need not stay in memory. */
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t first = ((uintptr_t)portico_bundle + page - 1) & -page, end = (uintptr_t)portico_bundle_end & -page;
  if (first < end) madvise((void *)first, end - first, MADV_DONTNEED);
  return JS_EvalFunction(ctx, module);
#endif
}

int main(int argc, char **argv) {
  hold_standard_streams();
  char *loaded = NULL;
  size_t length = 0;
  int words = 1;
  if (argc > 1 && strcmp(argv[1], "--bundle") == 0) {
    if (argc < 3 || !(loaded = load(argv[2], &length))) {
      fprintf(stderr, "porticod: --bundle %s: %s\n", argc < 3 ? "" : argv[2], argc < 3 ? "FILE missing" : strerror(errno));
      return 1;
    }
    words = 3;
  }
  /* A reload that arrives before the script listens must not end the daemon; it reads its files afterwards anyway. */
  if (argc > words && strcmp(argv[words], "daemon") == 0) signal(SIGHUP, SIG_IGN);
  JSRuntime *runtime = JS_NewRuntime2(engine_memory(), NULL);
  JSContext *ctx = runtime ? JS_NewContext(runtime) : NULL;
  if (!ctx) return fputs("porticod: no memory\n", stderr), 1;
  JS_SetStripInfo(runtime, JS_STRIP_SOURCE); /* functions need no source text: it would stay in memory */
  JS_SetModuleLoaderFunc(runtime, NULL, refuse_module, NULL);
  JS_SetHostPromiseRejectionTracker(runtime, note_rejection, NULL);
  dispatch = unhandled_promise = unhandled_reason = JS_UNDEFINED;
  add_globals(ctx, argc - words, argv + words);
  if (!add_sys(ctx)) return report_pending(ctx), 1;

  JSValue top = loaded ? JS_Eval(ctx, loaded, length, argv[2], JS_EVAL_TYPE_MODULE) : evaluate_bundle(ctx);
  free(loaded);
  if (JS_IsException(top)) return report_pending(ctx), 1;
  return run(runtime, ctx, top);
}
