/*
 * The addon `portico.node`: what neither Node nor its packages can set on a netlink socket, and nothing else. It opens,
 * reads and closes no socket; every decision is made in TypeScript (node-addon.ts).
 *
 * Node-API alone, which stays the same from one version of Node to the next: no header of V8 or libuv, so one file
 * serves every Node from 20 on, and the C compiler makes it. The functions take numbers and a Uint8Array and keep
 * nothing.
 *
 * As in sys.c, a failed call returns the negative errno; an exception means that the caller passed something impossible.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <node_api.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define ADDON_FUNCTION(name) napi_value name(napi_env env, napi_callback_info info)

/* These return 0, or -1 with an exception pending. */

static int arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *out) {
  size_t given = wanted;
  if (napi_get_cb_info(env, info, &given, out, NULL, NULL) == napi_ok && given == wanted) return 0;
  napi_throw_type_error(env, NULL, "another number of arguments is expected");
  return -1;
}

static int whole(napi_env env, napi_value value, int least, int *out) {
  double n;
  if (napi_get_value_double(env, value, &n) == napi_ok && n >= least && n <= INT_MAX && n == (double)(int)n) {
    *out = (int)n;
    return 0;
  }
  napi_throw_range_error(env, NULL, "a whole number is expected, none below what has a meaning");
  return -1;
}

static int bytes(napi_env env, napi_value value, void **at, size_t *length) {
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, length, at, NULL, NULL) == napi_ok && type == napi_uint8_array)
    return 0;
  napi_throw_type_error(env, NULL, "a Uint8Array is expected");
  return -1;
}

/* 0, or the negative errno. */
static napi_value result(napi_env env, int has_failed) {
  napi_value value = NULL;
  napi_create_int32(env, has_failed ? -errno : 0, &value);
  return value;
}

/* The descriptor is somebody else's: 0 when it is a netlink socket, else -1 with errno. */
static int check_netlink(int fd) {
  int domain;
  socklen_t length = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length)) return -1;
  if (domain == AF_NETLINK) return 0;
  errno = EAFNOSUPPORT;
  return -1;
}

static int set_int(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value); }

/* extendedAck(fd): errors come with the kernel's own words. */
static ADDON_FUNCTION(extended_ack) {
  napi_value argv[1];
  int fd;
  if (arguments(env, info, 1, argv) || whole(env, argv[0], 0, &fd)) return NULL;
  return result(env, check_netlink(fd) || set_int(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1));
}

/* forceBuffers(fd, receive, send): bytes, beyond net.core.rmem_max and wmem_max; the kernel doubles them. */
static ADDON_FUNCTION(force_buffers) {
  napi_value argv[3];
  int fd, receive, send;
  if (arguments(env, info, 3, argv) || whole(env, argv[0], 0, &fd) || whole(env, argv[1], 1, &receive) ||
      whole(env, argv[2], 1, &send))
    return NULL;
  return result(env, check_netlink(fd) || set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive) ||
                             set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, send));
}

#define MOST_INSTRUCTIONS 64

/* filter(fd, program): a classic BPF program, as struct sock_filter; the kernel checks it. */
static ADDON_FUNCTION(filter) {
  napi_value argv[2];
  int fd;
  void *given;
  size_t length;
  struct sock_filter program[MOST_INSTRUCTIONS];
  if (arguments(env, info, 2, argv) || whole(env, argv[0], 0, &fd) || bytes(env, argv[1], &given, &length)) return NULL;
  if (length == 0 || length > sizeof program || length % sizeof program[0]) {
    errno = EINVAL;
    return result(env, 1);
  }
  memcpy(program, given, length);
  struct sock_fprog filter = {.len = (unsigned short)(length / sizeof program[0]), .filter = program};
  return result(env, check_netlink(fd) || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter));
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {.utf8name = "extendedAck", .method = extended_ack, .attributes = napi_enumerable},
      {.utf8name = "forceBuffers", .method = force_buffers, .attributes = napi_enumerable},
      {.utf8name = "filter", .method = filter, .attributes = napi_enumerable},
  };
  if (napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions) != napi_ok) return NULL;
  return exports;
}
