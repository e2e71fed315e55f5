/* The sockets of the module `sys`: UDP, netlink, streams. Every descriptor is non-blocking and closed on exec. */
#include "sys.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OPEN_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

int sys_address(struct sockaddr_storage *out, socklen_t *length, const char *ip, int port, int scope) {
  memset(out, 0, sizeof *out);
  struct sockaddr_in *four = (struct sockaddr_in *)out;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
  if (port < 0 || port > 65535) return -EINVAL;
  if (inet_pton(AF_INET, ip, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)port);
    *length = sizeof *four;
    return 0;
  }
  if (inet_pton(AF_INET6, ip, &six->sin6_addr) != 1) return -EINVAL;
  six->sin6_family = AF_INET6;
  six->sin6_port = htons((uint16_t)port);
  if (IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) || IN6_IS_ADDR_MULTICAST(&six->sin6_addr))
    six->sin6_scope_id = (uint32_t)scope;
  *length = sizeof *six;
  return 0;
}

void sys_peer(uint8_t *out, const struct sockaddr_storage *from) {
  uint32_t words[4] = {0, 0, 0, 0};
  memset(out, 0, PEER_BYTES);
  if (from->ss_family == AF_INET) {
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    words[0] = 4;
    words[1] = ntohs(four->sin_port);
    memcpy(out + 16, &four->sin_addr, 4);
  } else if (from->ss_family == AF_INET6) {
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
    words[0] = 6;
    words[1] = ntohs(six->sin6_port);
    memcpy(out + 16, &six->sin6_addr, 16);
  }
  memcpy(out, words, sizeof words);
}

/* Closes after a failure and keeps its errno. */
static JSValue failed(JSContext *ctx, int fd) {
  int why = errno;
  if (fd >= 0) close(fd);
  errno = why;
  return sys_result(ctx, -1);
}

static int set_int(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value); }

static SYS_FUNCTION(interface_index) {
  char name[IFNAMSIZ];
  if (sys_text(ctx, argv[0], name, sizeof name)) return JS_EXCEPTION;
  unsigned index = if_nametoindex(name);
  return index ? JS_NewInt32(ctx, (int32_t)index) : sys_result(ctx, -1);
}

/* setOption(fd, level, name, value) */
static SYS_FUNCTION(set_option) {
  int fd, level, name, value;
  if (sys_int(ctx, argv[0], &fd) || sys_int(ctx, argv[1], &level) || sys_int(ctx, argv[2], &name) ||
      sys_int(ctx, argv[3], &value))
    return JS_EXCEPTION;
  return sys_result(ctx, set_int(fd, level, name, value));
}

#define BIND_TO(fd, device) setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1)

/* What leaves for a group is not looped back to this machine: nobody here asks for it. */
static int prepare_udp(int fd, int family, const char *device, int index, int ttl, int shared) {
  if (BIND_TO(fd, device) || (shared && set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1))) return -1;
  if (family == AF_INET) {
    struct ip_mreqn multicast = {.imr_ifindex = index};
    return set_int(fd, IPPROTO_IP, IP_PKTINFO, 1) || set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, ttl) ||
           set_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) || set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) ||
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &multicast, sizeof multicast);
  }
  return set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) || set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) ||
         set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ttl) || set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) ||
         set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
}

/* A socket that is bound to a group joins it on the interface. */
static int join(int fd, const struct sockaddr_storage *address, int index) {
  if (address->ss_family == AF_INET) {
    struct ip_mreqn group = {.imr_multiaddr = ((const struct sockaddr_in *)address)->sin_addr, .imr_ifindex = index};
    if (!IN_MULTICAST(ntohl(group.imr_multiaddr.s_addr))) return 0;
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
  }
  struct ipv6_mreq group = {.ipv6mr_multiaddr = ((const struct sockaddr_in6 *)address)->sin6_addr,
                            .ipv6mr_interface = (unsigned)index};
  if (!IN6_IS_ADDR_MULTICAST(&group.ipv6mr_multiaddr)) return 0;
  return setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group, sizeof group);
}

/* The filter sees the UDP header (8 bytes) first: only datagrams that begin with these two bytes pass. */
static int begin_with(int fd, int two) {
  if (two < 0) return 0;
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 8),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)two, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

/* udpOpen(ip, port, device, interface index, multicast hops, shared, first two bytes or -1) */
static SYS_FUNCTION(udp_open) {
  char ip[SYS_ADDRESS_TEXT], device[IFNAMSIZ];
  int port, index, ttl, shared, two;
  struct sockaddr_storage address;
  socklen_t length;
  if (sys_text(ctx, argv[0], ip, sizeof ip) || sys_int(ctx, argv[1], &port) ||
      sys_text(ctx, argv[2], device, sizeof device) || sys_int(ctx, argv[3], &index) || sys_int(ctx, argv[4], &ttl) ||
      sys_int(ctx, argv[5], &shared) || sys_int(ctx, argv[6], &two))
    return JS_EXCEPTION;
  if (sys_address(&address, &length, ip, port, index)) return JS_NewInt32(ctx, -EINVAL);
  int fd = socket(address.ss_family, SOCK_DGRAM | OPEN_FLAGS, 0);
  if (fd < 0 || prepare_udp(fd, address.ss_family, device, index, ttl, shared)) return failed(ctx, fd);
  if (begin_with(fd, two) || bind(fd, (struct sockaddr *)&address, length) || join(fd, &address, index))
    return failed(ctx, fd);
  return JS_NewInt32(ctx, fd);
}

/* The buffer of udpReceive: places one after the other, each PEER_BYTES (the third word is the length of the
   datagram) and then the datagram, cut at DATAGRAM_BYTES; nothing that Portico speaks is longer than 1100 bytes. */
#define DATAGRAM_BYTES 2048
#define PLACE_BYTES (PEER_BYTES + DATAGRAM_BYTES)
#define MOST_DATAGRAMS 16

/* Whether the datagram came in by the interface with this index. */
static int came_by(struct msghdr *message, int index) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      return info.ipi_ifindex == index;
    }
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      return (int)info.ipi6_ifindex == index;
    }
  }
  return 0;
}

/* udpReceive(fd, buffer, offset, length, interface index): the number of places filled. A datagram that did not come
   in by the interface has family 0. */
static SYS_FUNCTION(udp_receive) {
  int fd, index;
  Bytes into;
  if (sys_int(ctx, argv[0], &fd) || sys_bytes(ctx, argv + 1, &into) || sys_int(ctx, argv[4], &index))
    return JS_EXCEPTION;
  unsigned most = into.length / PLACE_BYTES < MOST_DATAGRAMS ? (unsigned)(into.length / PLACE_BYTES) : MOST_DATAGRAMS;
  struct mmsghdr messages[MOST_DATAGRAMS];
  struct iovec parts[MOST_DATAGRAMS];
  struct sockaddr_storage from[MOST_DATAGRAMS];
  char control[MOST_DATAGRAMS][CMSG_SPACE(sizeof(struct in6_pktinfo))];
  for (unsigned i = 0; i < most; i++) {
    parts[i] = (struct iovec){into.at + i * PLACE_BYTES + PEER_BYTES, DATAGRAM_BYTES};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i],
                                          .msg_iovlen = 1, .msg_control = control[i],
                                          .msg_controllen = sizeof control[i]};
  }
  int count = recvmmsg(fd, messages, most, MSG_DONTWAIT, NULL);
  if (count < 0) return sys_result(ctx, count);
  for (int i = 0; i < count; i++) {
    uint8_t *place = into.at + i * PLACE_BYTES;
    uint32_t length = messages[i].msg_len;
    if (!came_by(&messages[i].msg_hdr, index)) from[i].ss_family = AF_UNSPEC;
    sys_peer(place, &from[i]);
    memcpy(place + 8, &length, sizeof length);
  }
  return JS_NewInt32(ctx, count);
}

/* udpSend(fd, buffer, offset, length, ip, port, interface index): leaves from the address the socket is bound to. */
static SYS_FUNCTION(udp_send) {
  char ip[SYS_ADDRESS_TEXT];
  int fd, port, index;
  Bytes bytes;
  struct sockaddr_storage address;
  socklen_t length;
  if (sys_int(ctx, argv[0], &fd) || sys_bytes(ctx, argv + 1, &bytes) || sys_text(ctx, argv[4], ip, sizeof ip) ||
      sys_int(ctx, argv[5], &port) || sys_int(ctx, argv[6], &index))
    return JS_EXCEPTION;
  if (sys_address(&address, &length, ip, port, index)) return JS_NewInt32(ctx, -EINVAL);
  return sys_result(ctx, sendto(fd, bytes.at, bytes.length, MSG_DONTWAIT, (struct sockaddr *)&address, length));
}

/* netlinkOpen(protocol) */
static SYS_FUNCTION(netlink_open) {
  int protocol;
  if (sys_int(ctx, argv[0], &protocol)) return JS_EXCEPTION;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  int fd = socket(AF_NETLINK, SOCK_RAW | OPEN_FLAGS, protocol);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address)) return failed(ctx, fd);
  return JS_NewInt32(ctx, fd);
}

static SYS_FUNCTION(netlink_port) {
  int fd;
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  struct sockaddr_nl address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length)) return sys_result(ctx, -1);
  return JS_NewInt64(ctx, address.nl_pid);
}

#define MOST_INSTRUCTIONS 64

/* netlinkFilter(fd, buffer, offset, length): a classic BPF program, as struct sock_filter. */
static SYS_FUNCTION(netlink_filter) {
  int fd;
  Bytes given;
  if (sys_int(ctx, argv[0], &fd) || sys_bytes(ctx, argv + 1, &given)) return JS_EXCEPTION;
  struct sock_filter program[MOST_INSTRUCTIONS];
  if (given.length > sizeof program || given.length % sizeof program[0]) return JS_NewInt32(ctx, -EINVAL);
  memcpy(program, given.at, given.length);
  struct sock_fprog filter = {.len = (unsigned short)(given.length / sizeof program[0]), .filter = program};
  return sys_result(ctx, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter));
}

/* Replies come in pieces of at most 32 KiB (netlink_dump in net/netlink/af_netlink.c); an error may echo its request.
   Here, and not in an ArrayBuffer: what is never written to takes no memory. */
static uint8_t netlink_room[128 << 10];

/* netlinkReceive(fd): one datagram of the kernel, as an ArrayBuffer; its length when there was no room for it. */
static SYS_FUNCTION(netlink_receive) {
  int fd;
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  for (;;) {
    struct sockaddr_nl from = {.nl_family = AF_NETLINK};
    socklen_t length = sizeof from;
    ssize_t size = recvfrom(fd, netlink_room, sizeof netlink_room, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from,
                            &length);
    if (size < 0) return sys_result(ctx, size);
    /* Another process that may write to our port id is not the kernel. */
    if (from.nl_pid != 0) continue;
    if ((size_t)size > sizeof netlink_room) return sys_result(ctx, size);
    return JS_NewArrayBufferCopy(ctx, netlink_room, (size_t)size);
  }
}

/* A path, or a name in the abstract space when it starts with NUL. Such a name is filled up with NUL: libuv does so
   (1.46, in Node 20), and a lock must hold between engines. */
static int unix_address(JSContext *ctx, JSValueConst value, struct sockaddr_un *out, socklen_t *length) {
  size_t size;
  const char *name = JS_ToCStringLen(ctx, &size, value);
  if (!name) return -1;
  memset(out, 0, sizeof *out);
  out->sun_family = AF_UNIX;
  int abstract = size > 0 && name[0] == 0;
  int fits = size > 0 && size < sizeof out->sun_path && (abstract || !memchr(name, 0, size));
  if (fits) memcpy(out->sun_path, name, size);
  *length = (socklen_t)(abstract ? sizeof *out : offsetof(struct sockaddr_un, sun_path) + size + 1);
  JS_FreeCString(ctx, name);
  if (!fits) JS_ThrowRangeError(ctx, "not a name for a socket");
  return fits ? 0 : -1;
}

/* Above what one host sends in a burst: a full queue costs everybody a second (the SYN is sent again). */
#define BACKLOG 512

/* Whether the path is a socket that nobody listens on any more. */
static int abandoned(const struct sockaddr_un *address, socklen_t length) {
  struct stat info;
  if (address->sun_path[0] == 0 || lstat(address->sun_path, &info) || !S_ISSOCK(info.st_mode)) return 0;
  int fd = socket(AF_UNIX, SOCK_STREAM | OPEN_FLAGS, 0);
  if (fd < 0) return 0;
  int refused = connect(fd, (const struct sockaddr *)address, length) && errno == ECONNREFUSED;
  close(fd);
  return refused;
}

/* unixListen(name): a path is made with mode 0600 from the first moment, and taken over when nobody listens there. */
static SYS_FUNCTION(unix_listen) {
  struct sockaddr_un address;
  socklen_t length;
  if (unix_address(ctx, argv[0], &address, &length)) return JS_EXCEPTION;
  int fd = socket(AF_UNIX, SOCK_STREAM | OPEN_FLAGS, 0);
  if (fd < 0) return failed(ctx, fd);
  mode_t before = umask(0177);
  int bound = bind(fd, (struct sockaddr *)&address, length);
  if (bound && errno == EADDRINUSE) {
    if (abandoned(&address, length)) {
      unlink(address.sun_path);
      bound = bind(fd, (struct sockaddr *)&address, length);
    } else {
      errno = EADDRINUSE;
    }
  }
  umask(before);
  if (bound || listen(fd, BACKLOG)) return failed(ctx, fd);
  return JS_NewInt32(ctx, fd);
}

static JSValue connected(JSContext *ctx, int fd, const void *address, socklen_t length) {
  if (fd < 0) return failed(ctx, fd);
  if (connect(fd, address, length) && errno != EINPROGRESS) return failed(ctx, fd);
  return JS_NewInt32(ctx, fd);
}

/* The connection may still be under way: it is done when the descriptor is writable (see socketError). */
static SYS_FUNCTION(unix_connect) {
  struct sockaddr_un address;
  socklen_t length;
  if (unix_address(ctx, argv[0], &address, &length)) return JS_EXCEPTION;
  return connected(ctx, socket(AF_UNIX, SOCK_STREAM | OPEN_FLAGS, 0), &address, length);
}

static int internet(JSContext *ctx, JSValueConst *argv, int scope, struct sockaddr_storage *address,
                    socklen_t *length) {
  char ip[SYS_ADDRESS_TEXT];
  int port;
  if (sys_text(ctx, argv[0], ip, sizeof ip) || sys_int(ctx, argv[1], &port)) return -1;
  if (!sys_address(address, length, ip, port, scope)) return 0;
  JS_ThrowRangeError(ctx, "not an address and port");
  return -1;
}

/* A device (an empty text: none) and its index. */
static int device_of(JSContext *ctx, JSValueConst *argv, char *device, int *index) {
  return sys_text(ctx, argv[0], device, IFNAMSIZ) || sys_int(ctx, argv[1], index);
}

/* Seconds: a connection is shown to us when the other side has said something, or so long after it was made. */
#define DEFER 1

/* tcpListen(ip, port, device, interface index): with a device, only what comes in by it is accepted. */
static SYS_FUNCTION(tcp_listen) {
  char device[IFNAMSIZ];
  int index;
  struct sockaddr_storage address;
  socklen_t length;
  if (device_of(ctx, argv + 2, device, &index) || internet(ctx, argv, index, &address, &length)) return JS_EXCEPTION;
  int fd = socket(address.ss_family, SOCK_STREAM | OPEN_FLAGS, 0);
  if (fd < 0 || set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return failed(ctx, fd);
  set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* accepted connections inherit it */
  set_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER);
  if (device[0] && BIND_TO(fd, device)) return failed(ctx, fd);
  if (address.ss_family == AF_INET6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) return failed(ctx, fd);
  if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, BACKLOG)) return failed(ctx, fd);
  return JS_NewInt32(ctx, fd);
}

/* tcpConnect(ip, port, device, interface index, own address or an empty text): by the device, from the address. */
static SYS_FUNCTION(tcp_connect) {
  char device[IFNAMSIZ], own[SYS_ADDRESS_TEXT];
  int index;
  struct sockaddr_storage address, from;
  socklen_t length, from_length;
  if (device_of(ctx, argv + 2, device, &index) || sys_text(ctx, argv[4], own, sizeof own) ||
      internet(ctx, argv, index, &address, &length))
    return JS_EXCEPTION;
  if (own[0] && sys_address(&from, &from_length, own, 0, index)) return JS_NewInt32(ctx, -EINVAL);
  int fd = socket(address.ss_family, SOCK_STREAM | OPEN_FLAGS, 0);
  if (fd < 0) return failed(ctx, fd);
  set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (device[0] && BIND_TO(fd, device)) return failed(ctx, fd);
  if (own[0] && bind(fd, (struct sockaddr *)&from, from_length)) return failed(ctx, fd);
  return connected(ctx, fd, &address, length);
}

/* accept(fd, buffer, offset, length): writes the address of the other side (PEER_BYTES). */
static SYS_FUNCTION(accept_one) {
  int fd;
  Bytes into;
  if (sys_int(ctx, argv[0], &fd) || sys_bytes(ctx, argv + 1, &into)) return JS_EXCEPTION;
  if (into.length < PEER_BYTES) return JS_NewInt32(ctx, -EINVAL);
  struct sockaddr_storage from;
  socklen_t length = sizeof from;
  memset(&from, 0, sizeof from);
  int accepted = accept4(fd, (struct sockaddr *)&from, &length, OPEN_FLAGS);
  if (accepted < 0) return sys_result(ctx, -1);
  sys_peer(into.at, &from);
  return JS_NewInt32(ctx, accepted);
}

/* The pending error of a socket as a negative errno, 0 when there is none. */
static SYS_FUNCTION(socket_error) {
  int fd, error = 0;
  socklen_t length = sizeof error;
  if (sys_int(ctx, argv[0], &fd)) return JS_EXCEPTION;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length)) return sys_result(ctx, -1);
  return JS_NewInt32(ctx, -error);
}

/*
 * portInUse(tcp, ip, port): 1, 0 or a negative errno. The kernel decides, by a bind that is undone at once. UDP without
 * SO_REUSEADDR; TCP with it, so that a connection in TIME_WAIT does not count. IP_FREEBIND: the address need not be
 * ours at this moment.
 */
static SYS_FUNCTION(port_in_use) {
  int tcp;
  struct sockaddr_storage address;
  socklen_t length;
  if (sys_int(ctx, argv[0], &tcp) || internet(ctx, argv + 1, 0, &address, &length)) return JS_EXCEPTION;
  int fd = socket(address.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | OPEN_FLAGS, 0);
  if (fd < 0) return sys_result(ctx, -1);
  if (tcp) set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  int failed = bind(fd, (struct sockaddr *)&address, length);
  /* The address may be on its way: then the port is asked for all the same. */
  if (failed && errno == EADDRNOTAVAIL && !set_int(fd, IPPROTO_IP, IP_FREEBIND, 1))
    failed = bind(fd, (struct sockaddr *)&address, length);
  int used = failed ? (errno == EADDRINUSE ? 1 : -errno) : 0;
  close(fd);
  return JS_NewInt32(ctx, used);
}

const JSCFunctionListEntry sys_socket_functions[] = {
    JS_CFUNC_DEF("interfaceIndex", 1, interface_index), JS_CFUNC_DEF("setOption", 4, set_option),
    JS_CFUNC_DEF("udpOpen", 7, udp_open),               JS_CFUNC_DEF("udpReceive", 5, udp_receive),
    JS_CFUNC_DEF("udpSend", 7, udp_send),               JS_CFUNC_DEF("netlinkOpen", 1, netlink_open),
    JS_CFUNC_DEF("netlinkPort", 1, netlink_port),       JS_CFUNC_DEF("netlinkFilter", 4, netlink_filter),
    JS_CFUNC_DEF("netlinkReceive", 1, netlink_receive), JS_CFUNC_DEF("unixListen", 1, unix_listen),
    JS_CFUNC_DEF("unixConnect", 1, unix_connect),       JS_CFUNC_DEF("tcpListen", 4, tcp_listen),
    JS_CFUNC_DEF("tcpConnect", 5, tcp_connect),         JS_CFUNC_DEF("accept", 4, accept_one),
    JS_CFUNC_DEF("socketError", 1, socket_error),       JS_CFUNC_DEF("portInUse", 3, port_in_use),
    JS_PROP_INT32_DEF("PEER_BYTES", PEER_BYTES, 0),     JS_PROP_INT32_DEF("PLACE_BYTES", PLACE_BYTES, 0),
    JS_PROP_INT32_DEF("DATAGRAM_BYTES", DATAGRAM_BYTES, 0),
    JS_PROP_INT32_DEF("MOST_DATAGRAMS", MOST_DATAGRAMS, 0),
};
const int sys_socket_count = SYS_COUNT(sys_socket_functions);
