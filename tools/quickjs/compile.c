/*
 * compile IN OUT [bare]: a bundle as QuickJS bytecode, for embedding in porticod. Loading it takes a fraction of the time and
 * memory of parsing. Bytecode fits exactly the version of QuickJS that wrote it, and little-endian machines when it was
 * written on one; porticod is linked with the same version. Source text is left out; names and lines stay, but
 * for `bare`, which is a third smaller: what goes wrong there is told without a place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quickjs.h"

static char *load(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  if (size >= 0 && (text = malloc((size_t)size + 1))) {
    *length = fread(text, 1, (size_t)size, file);
    text[*length] = 0;
  }
  fclose(file);
  return text;
}

static int report(JSContext *ctx) {
  const char *text = JS_ToCString(ctx, JS_GetException(ctx));
  fprintf(stderr, "compile: %s\n", text ? text : "an error without a text");
  return 1;
}

int main(int argc, char **argv) {
  size_t length, size;
  int bare = argc == 4 && strcmp(argv[3], "bare") == 0;
  if (argc != 3 && !bare) return fputs("usage: compile IN OUT [bare]\n", stderr), 2;
  char *text = load(argv[1], &length);
  if (!text) return perror(argv[1]), 1;
  JSRuntime *runtime = JS_NewRuntime();
  JSContext *ctx = JS_NewContext(runtime);
  JS_SetStripInfo(runtime, bare ? JS_STRIP_DEBUG : JS_STRIP_SOURCE);
  JSValue module = JS_Eval(ctx, text, length, "portico.mjs", JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(module)) return report(ctx);
  uint8_t *code = JS_WriteObject(ctx, &size, module, JS_WRITE_OBJ_BYTECODE);
  if (!code) return report(ctx);
  FILE *out = fopen(argv[2], "wb");
  if (!out || fwrite(code, 1, size, out) != size || fclose(out)) return perror(argv[2]), 1;
  return 0;
}
