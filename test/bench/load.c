/*
 * NAT-PMP load (RFC 6886): keeps a number of requests outstanding, matches each reply to its request, and prints what
 * happened as one JSON object.
 *
 *   load [-s server] [-b first host] [-n hosts] [-p udp|tcp] [-l lifetime] [-r repeat] [-t ms] [-d file] [-w] PHASE...
 *
 * A phase is OPERATION:FIRST:COUNT:OUTSTANDING. Request number i speaks for host `first + i mod hosts`, for its
 * internal port BASE + i, and suggests the same external port; so the internal port alone names the request.
 *   map     asks for the mappings FIRST .. FIRST+COUNT-1; asking again for what exists is a renewal
 *   delete  gives them back
 *   wait    asks for the external address every millisecond until there is one; reports when (CLOCK_MONOTONIC)
 * -r N repeats all phases N times; -d writes "host internal external" for each mapping held at the end; -w sleeps for
 * replies instead of spinning (spinning leaves out the wake-up of the load itself, and needs a processor of its own).
 *
 * All hosts speak through one socket: the namespace holds their whole prefix as local addresses, and IP_PKTINFO says
 * which of them sends and which of them was answered.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BASE = 10000, REQUESTS = 55536, BATCH = 64, TRIES = 3, PORT = 5351 };
enum state { IDLE, OUTSTANDING, DONE };

struct request {
  uint64_t sent;
  uint16_t external;
  uint8_t state, tries;
};

struct totals {
  uint64_t sent, resent, lost, strange, moved, refused[8], other;
};

static struct request requests[REQUESTS];
static uint32_t latencies[REQUESTS]; /* in units of 10 ns, in the order of the replies */

static int sock;
static uint32_t server = 0, first_host = 0, hosts = 1, lifetime = 3600;
static uint64_t timeout = 10000000000ull;
static uint8_t opcode = 1; /* 1 UDP, 2 TCP */
static bool sleeping = false;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *doing) {
  perror(doing);
  exit(1);
}

static uint32_t host_of(uint32_t i) { return first_host + i % hosts; }

/* ---- many datagrams by one system call ---- */

struct batch {
  struct mmsghdr head[BATCH];
  struct iovec part[BATCH];
  struct sockaddr_in peer[BATCH];
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
  } control[BATCH];
  uint8_t bytes[BATCH][64];
};

static struct batch out, in;

static void ready(struct batch *b, unsigned k, size_t length) {
  b->part[k] = (struct iovec){b->bytes[k], length};
  b->head[k].msg_hdr = (struct msghdr){.msg_name = &b->peer[k],
                                       .msg_namelen = sizeof b->peer[k],
                                       .msg_iov = &b->part[k],
                                       .msg_iovlen = 1,
                                       .msg_control = &b->control[k],
                                       .msg_controllen = sizeof b->control[k]};
}

static void put(unsigned k, uint32_t from, const void *bytes, size_t length) {
  memcpy(out.bytes[k], bytes, length);
  ready(&out, k, length);
  out.peer[k] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(server)};
  struct cmsghdr *c = CMSG_FIRSTHDR(&out.head[k].msg_hdr);
  c->cmsg_level = IPPROTO_IP;
  c->cmsg_type = IP_PKTINFO;
  c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
  struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(from)};
  memcpy(CMSG_DATA(c), &info, sizeof info);
}

static void flush(unsigned count) {
  unsigned done = 0;
  while (done < count) {
    int n = sendmmsg(sock, out.head + done, count - done, 0);
    if (n < 0 && errno != EINTR && errno != ENOBUFS && errno != ECONNREFUSED && errno != EAGAIN) die("sendmmsg");
    if (n > 0) done += (unsigned)n;
  }
}

/* Returns the number of datagrams, 0 when there are none yet. */
static unsigned collect(void) {
  for (unsigned k = 0; k < BATCH; k++) ready(&in, k, sizeof in.bytes[k]);
  int n = recvmmsg(sock, in.head, BATCH, sleeping ? MSG_WAITFORONE : MSG_DONTWAIT, NULL);
  if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED) die("recvmmsg");
  return n < 0 ? 0 : (unsigned)n;
}

static uint32_t answered_host(unsigned k) {
  struct msghdr *m = &in.head[k].msg_hdr;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
    if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO) continue;
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    return ntohl(info.ipi_addr.s_addr);
  }
  return 0;
}

static bool from_server(unsigned k) {
  return in.peer[k].sin_addr.s_addr == htonl(server) && in.peer[k].sin_port == htons(PORT);
}

/* ---- phases ---- */

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

/* RFC 6886 §3.3: version, opcode, reserved, internal port, suggested external port, lifetime */
static void put_request(unsigned k, uint32_t i, uint32_t seconds) {
  uint16_t port = (uint16_t)(BASE + i);
  uint8_t b[12] = {0, opcode, 0, 0, (uint8_t)(port >> 8), (uint8_t)port, (uint8_t)(port >> 8), (uint8_t)port,
                   (uint8_t)(seconds >> 24), (uint8_t)(seconds >> 16), (uint8_t)(seconds >> 8), (uint8_t)seconds};
  put(k, host_of(i), b, sizeof b);
}

/* The request that datagram k answers, or NULL: not a mapping reply, or not one that is awaited. */
static struct request *match(unsigned k, uint32_t first, uint32_t count) {
  const uint8_t *b = in.bytes[k];
  if (!from_server(k) || in.head[k].msg_len != 16 || b[0] != 0 || b[1] != 128 + opcode) return NULL;
  uint32_t i = (uint32_t)get16(b + 8) - BASE;
  if (i < first || i - first >= count || answered_host(k) != host_of(i)) return NULL;
  return requests[i].state == OUTSTANDING ? &requests[i] : NULL;
}

static void account(struct request *r, const uint8_t *b, bool map, struct totals *t) {
  uint16_t result = get16(b + 2);
  if (result >= 8) t->other++;
  else if (result) t->refused[result]++;
  if (result) return;
  r->external = map ? get16(b + 10) : 0;
  if (map && r->external != get16(b + 8)) t->moved++;
}

/* Sends anew, or gives up, what has waited too long. Returns how many were given up. */
static uint32_t overdue(uint32_t first, uint32_t end, uint32_t seconds, uint64_t at, struct totals *t) {
  uint32_t lost = 0;
  for (uint32_t i = first; i < end; i++) {
    struct request *r = &requests[i];
    if (r->state != OUTSTANDING || at - r->sent < timeout * r->tries) continue;
    if (r->tries == TRIES) {
      r->state = DONE;
      lost++;
      continue;
    }
    r->tries++;
    t->resent++;
    put_request(0, i, seconds);
    flush(1);
  }
  t->lost += lost;
  return lost;
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static double microseconds(uint32_t n, double quantile) {
  if (n == 0) return 0;
  uint32_t at = (uint32_t)(quantile * (n - 1) + 0.5);
  return latencies[at] / 100.0;
}

static void report(const char *op, uint32_t first, uint32_t count, uint32_t window, uint64_t took, uint32_t n,
                   const struct totals *t) {
  uint64_t refused = t->other;
  for (unsigned k = 1; k < 8; k++) refused += t->refused[k];
  qsort(latencies, n, sizeof latencies[0], by_size);
  printf("{\"op\":\"%s\",\"first\":%u,\"count\":%u,\"outstanding\":%u,\"seconds\":%.6f,\"rate\":%.1f,", op, first, count,
         window, took / 1e9, n / (took / 1e9));
  printf("\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f,", microseconds(n, 0.5), microseconds(n, 0.9),
         microseconds(n, 0.99), microseconds(n, 1));
  printf("\"answered\":%u,\"resent\":%lu,\"lost\":%lu,\"strange\":%lu,\"moved\":%lu,\"refused\":%lu,\"results\":{", n,
         t->resent, t->lost, t->strange, t->moved, refused);
  const char *comma = "";
  for (unsigned k = 1; k < 8; k++) {
    if (t->refused[k] == 0) continue;
    printf("%s\"%u\":%lu", comma, k, t->refused[k]);
    comma = ",";
  }
  printf("}}");
}

static void exchange(const char *op, uint32_t first, uint32_t count, uint32_t window) {
  bool map = op[0] == 'm';
  uint32_t seconds = map ? lifetime : 0, next = first, end = first + count, done = 0, outstanding = 0, answers = 0;
  struct totals t = {0};
  uint64_t start = now(), checked = start, at = start;
  while (done < count) {
    unsigned k = 0;
    for (; outstanding < window && next < end && k < BATCH; next++, outstanding++, k++) {
      put_request(k, next, seconds);
      requests[next] = (struct request){.sent = now(), .external = requests[next].external, .state = OUTSTANDING, .tries = 1};
    }
    flush(k);
    unsigned n = collect();
    at = now();
    for (k = 0; k < n; k++) {
      struct request *r = match(k, first, count);
      if (!r) {
        t.strange++;
        continue;
      }
      uint64_t took = (at - r->sent) / 10;
      latencies[answers++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
      account(r, in.bytes[k], map, &t);
      r->state = DONE;
      outstanding--;
      done++;
    }
    if (at - checked < timeout / 20) continue;
    checked = at;
    uint32_t lost = overdue(first, next, seconds, at, &t);
    outstanding -= lost;
    done += lost;
  }
  report(op, first, count, window, at - start, answers, &t);
}

/* Any answer shows that somebody listens; result 0 that there is an external address to map on. */
static void await_service(void) {
  static const uint8_t ask[2] = {0, 0}; /* RFC 6886 §3.2 */
  uint64_t start = now(), listening = 0;
  while (now() - start < 60000000000ull) {
    put(0, host_of(0), ask, sizeof ask);
    flush(1);
    for (uint64_t sent = now(); now() - sent < 1000000;) {
      unsigned n = collect();
      for (unsigned k = 0; k < n; k++) {
        if (!from_server(k) || in.head[k].msg_len != 12 || in.bytes[k][1] != 128) continue;
        if (!listening) listening = now();
        if (get16(in.bytes[k] + 2)) continue;
        printf("{\"op\":\"wait\",\"listening\":%lu,\"serving\":%lu}", listening, now());
        return;
      }
    }
  }
  fprintf(stderr, "load: no answer within 60 s\n");
  exit(1);
}

static void run_phase(const char *text) {
  char op[16];
  uint32_t first = 0, count = 0, window = 1;
  if (!strcmp(text, "wait")) return await_service();
  if (sscanf(text, "%15[a-z]:%u:%u:%u", op, &first, &count, &window) != 4 || (strcmp(op, "map") && strcmp(op, "delete")) ||
      window < 1 || first > REQUESTS || count > REQUESTS - first) {
    fprintf(stderr, "load: phase '%s': expected map|delete:FIRST:COUNT:OUTSTANDING or wait\n", text);
    exit(2);
  }
  exchange(op, first, count, window);
}

static void dump(const char *path) {
  FILE *f = fopen(path, "w");
  if (!f) die(path);
  for (uint32_t i = 0; i < REQUESTS; i++) {
    if (!requests[i].external) continue;
    struct in_addr host = {htonl(host_of(i))};
    fprintf(f, "%s %u %u\n", inet_ntoa(host), BASE + i, requests[i].external);
  }
  if (fclose(f)) die(path);
}

static uint32_t address(const char *text) {
  struct in_addr a;
  if (inet_pton(AF_INET, text, &a) != 1) {
    fprintf(stderr, "load: '%s' is no IPv4 address\n", text);
    exit(2);
  }
  return ntohl(a.s_addr);
}

static void open_socket(void) {
  sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sock < 0) die("socket");
  int on = 1, size = 8 << 20;
  struct timeval patience = {.tv_usec = 1000};
  struct sockaddr_in any = {.sin_family = AF_INET};
  if (setsockopt(sock, IPPROTO_IP, IP_PKTINFO, &on, sizeof on)) die("IP_PKTINFO");
  setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (bind(sock, (struct sockaddr *)&any, sizeof any)) die("bind");
}

int main(int argc, char **argv) {
  uint32_t repeat = 1;
  const char *path = NULL;
  server = address("10.77.0.1");
  first_host = address("10.77.128.0");
  sleeping = sysconf(_SC_NPROCESSORS_ONLN) < 2;
  for (int c; (c = getopt(argc, argv, "s:b:n:p:l:r:t:d:w")) != -1;) switch (c) {
      case 's': server = address(optarg); break;
      case 'b': first_host = address(optarg); break;
      case 'n': hosts = (uint32_t)atoi(optarg); break;
      case 'p': opcode = strcmp(optarg, "tcp") ? 1 : 2; break;
      case 'l': lifetime = (uint32_t)strtoul(optarg, NULL, 10); break;
      case 'r': repeat = (uint32_t)atoi(optarg); break;
      case 't': timeout = strtoul(optarg, NULL, 10) * 1000000ull; break;
      case 'd': path = optarg; break;
      case 'w': sleeping = true; break;
      default: return 2;
    }
  if (hosts < 1) hosts = 1;
  open_socket();
  printf("{\"phases\":[");
  for (uint32_t round = 0; round < repeat; round++)
    for (int k = optind; k < argc; k++) {
      if (round || k > optind) printf(",\n");
      run_phase(argv[k]);
    }
  printf("]}\n");
  if (path) dump(path);
  return 0;
}
