/*
 * What the parts of the native module `sys` share. The module gives QuickJS raw system calls and nothing else: every
 * decision is made in TypeScript. It is linked into our host program and built as sys.so for the stock `qjs`.
 *
 * One sys.so must work on every QuickJS a router may hold, so this code depends on no layout that changes between
 * versions: the reference count moved in 2026, and the helpers that touch it are inline in quickjs.h. They are
 * poisoned below. So a function takes numbers, strings and (ArrayBuffer, offset, length), never takes a property out
 * of an object, keeps no value, and returns a number, a string, undefined or a fresh ArrayBuffer.
 *
 * A failed call returns the negative errno; an exception means that the caller passed something impossible.
 */
#ifndef PORTICO_SYS_H
#define PORTICO_SYS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "quickjs.h"

#pragma GCC poison JS_FreeValue JS_FreeValueRT JS_DupValue JS_DupValueRT JSRefCountHeader

#define SYS_FUNCTION(name) JSValue name(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
#define SYS_COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A part of an ArrayBuffer. */
typedef struct {
  uint8_t *at;
  size_t length;
} Bytes;

/* These return 0, or -1 with an exception pending. `sys_bytes` reads three arguments. */
int sys_int(JSContext *ctx, JSValueConst value, int *out);
int sys_bytes(JSContext *ctx, JSValueConst *argv, Bytes *out);
/* A string without NUL inside, of at most `size - 1` bytes. */
int sys_text(JSContext *ctx, JSValueConst value, char *out, size_t size);

/* The number a system call returned, or the negative errno. */
JSValue sys_result(JSContext *ctx, long result);

/*
 * The address of a peer as TypeScript reads it: four words in this machine's byte order (family 4 or 6, port, two
 * unused), then the address, 4 or 16 bytes in network order.
 */
#define PEER_BYTES 32
void sys_peer(uint8_t *out, const struct sockaddr_storage *from);
/* Fills in an address; -EINVAL when the text is none. `scope` is the interface of a link-local IPv6 address. */
int sys_address(struct sockaddr_storage *out, socklen_t *length, const char *ip, int port, int scope);

#define SYS_ADDRESS_TEXT 64

extern const JSCFunctionListEntry sys_event_functions[], sys_socket_functions[], sys_file_functions[],
    sys_constant_functions[];
extern const int sys_event_count, sys_socket_count, sys_file_count, sys_constant_count;

#endif
