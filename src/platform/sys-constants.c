/*
 * Numbers that differ between processors, by the names of the C headers: on MIPS SOL_SOCKET is 65535, SOCK_STREAM 2,
 * EADDRINUSE 125, SIGCHLD 18. TypeScript never writes such a number down.
 */
#include "sys.h"

#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270 /* linux/socket.h */
#endif

#define NAME_OF(name) {name, #name}
static const struct {
  int number;
  const char *name;
} errors[] = {
    NAME_OF(EPERM),        NAME_OF(ENOENT),          NAME_OF(ESRCH),        NAME_OF(EINTR),        NAME_OF(EIO),
    NAME_OF(ENXIO),        NAME_OF(E2BIG),           NAME_OF(ENOEXEC),      NAME_OF(EBADF),        NAME_OF(ECHILD),
    NAME_OF(EAGAIN),       NAME_OF(ENOMEM),          NAME_OF(EACCES),       NAME_OF(EFAULT),       NAME_OF(EBUSY),
    NAME_OF(EEXIST),       NAME_OF(EXDEV),           NAME_OF(ENODEV),       NAME_OF(ENOTDIR),      NAME_OF(EISDIR),
    NAME_OF(EINVAL),       NAME_OF(ENFILE),          NAME_OF(EMFILE),       NAME_OF(ENOTTY),       NAME_OF(ETXTBSY),
    NAME_OF(EFBIG),        NAME_OF(ENOSPC),          NAME_OF(ESPIPE),       NAME_OF(EROFS),        NAME_OF(EMLINK),
    NAME_OF(EPIPE),        NAME_OF(EDOM),            NAME_OF(ERANGE),       NAME_OF(EDEADLK),      NAME_OF(ENAMETOOLONG),
    NAME_OF(ENOSYS),       NAME_OF(ENOTEMPTY),       NAME_OF(ELOOP),        NAME_OF(ENOMSG),       NAME_OF(ENODATA),
    NAME_OF(ETIME),        NAME_OF(EPROTO),          NAME_OF(EBADMSG),      NAME_OF(EOVERFLOW),    NAME_OF(EILSEQ),
    NAME_OF(ENOTSOCK),     NAME_OF(EDESTADDRREQ),    NAME_OF(EMSGSIZE),     NAME_OF(EPROTOTYPE),   NAME_OF(ENOPROTOOPT),
    NAME_OF(EPROTONOSUPPORT), NAME_OF(EOPNOTSUPP),   NAME_OF(EAFNOSUPPORT), NAME_OF(EADDRINUSE),   NAME_OF(EADDRNOTAVAIL),
    NAME_OF(ENETDOWN),     NAME_OF(ENETUNREACH),     NAME_OF(ENETRESET),    NAME_OF(ECONNABORTED), NAME_OF(ECONNRESET),
    NAME_OF(ENOBUFS),      NAME_OF(EISCONN),         NAME_OF(ENOTCONN),     NAME_OF(ETIMEDOUT),    NAME_OF(ECONNREFUSED),
    NAME_OF(EHOSTDOWN),    NAME_OF(EHOSTUNREACH),    NAME_OF(EALREADY),     NAME_OF(EINPROGRESS),  NAME_OF(ESTALE),
    NAME_OF(EDQUOT),       NAME_OF(ECANCELED),       NAME_OF(ERESTART),     NAME_OF(ESHUTDOWN),    NAME_OF(ESOCKTNOSUPPORT),
};

/* errnoName(number): `E1234` for one without a name here. */
static SYS_FUNCTION(errno_name) {
  int number;
  char text[16];
  if (sys_int(ctx, argv[0], &number)) return JS_EXCEPTION;
  for (size_t i = 0; i < SYS_COUNT(errors); i++)
    if (errors[i].number == number) return JS_NewString(ctx, errors[i].name);
  snprintf(text, sizeof text, "E%d", number);
  return JS_NewString(ctx, text);
}

#define NUMBER(name) JS_PROP_INT32_DEF(#name, name, 0)
const JSCFunctionListEntry sys_constant_functions[] = {
    JS_CFUNC_DEF("errnoName", 1, errno_name),
    NUMBER(EAGAIN), NUMBER(EINTR), NUMBER(ENOENT), NUMBER(ENOTDIR), NUMBER(EPERM), NUMBER(EMFILE), NUMBER(ENFILE),
    NUMBER(ENOBUFS), NUMBER(EINPROGRESS), NUMBER(ECONNREFUSED), NUMBER(EADDRINUSE), NUMBER(EPIPE),
    NUMBER(SIGTERM), NUMBER(SIGINT), NUMBER(SIGHUP), NUMBER(SIGCHLD),
    NUMBER(EPOLLIN), NUMBER(EPOLLOUT), NUMBER(EPOLLERR), NUMBER(EPOLLHUP),
    NUMBER(EPOLL_CTL_ADD), NUMBER(EPOLL_CTL_MOD), NUMBER(EPOLL_CTL_DEL),
    NUMBER(SOL_SOCKET), NUMBER(SO_RCVBUF), NUMBER(SO_RCVBUFFORCE), NUMBER(SO_SNDBUF), NUMBER(SO_SNDBUFFORCE),
    NUMBER(SOL_NETLINK), NUMBER(NETLINK_ROUTE), NUMBER(NETLINK_NETFILTER), NUMBER(NETLINK_ADD_MEMBERSHIP),
    NUMBER(NETLINK_DROP_MEMBERSHIP), NUMBER(NETLINK_EXT_ACK),
};
const int sys_constant_count = SYS_COUNT(sys_constant_functions);
