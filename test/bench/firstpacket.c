/*
 * First-packet latency: how long the first packet of a new flow takes from a socket in the world's namespace, through
 * the router, to a socket in the LAN's namespace.
 *
 *   firstpacket -w WORLD_NETNS -l LAN_NETNS -e EXTERNAL_ADDRESS [-b first source] [-n samples] NAME=EXTERNAL:INTERNAL...
 *
 * One process holds both sockets, so one clock measures both ends, nobody has to be woken, and the packet's whole way
 * through the three stacks runs in the sender's own system call or right behind it. Each sample comes from a source
 * address that was never used before (the world's namespace holds the whole prefix as local addresses): a new flow for
 * conntrack and for the nat chains. A second packet of the same flow follows, which conntrack knows: the path without
 * the search for a mapping. The targets take turns, so that what disturbs the machine disturbs all of them alike.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TARGETS = 16, WARM_UP = 100 };

struct target {
  char name[32];
  uint16_t external;
  int receiver;
  uint32_t *first, *second; /* nanoseconds */
  uint32_t samples, lost;
};

static struct target targets[TARGETS];
static unsigned count = 0;
static uint32_t sequence = 0;

static void die(const char *doing) {
  perror(doing);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void enter(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET)) die(path);
  close(fd);
}

static int udp(uint16_t port) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any)) die("bind");
  return fd;
}

static void post(int fd, uint32_t source, const struct sockaddr_in *to, uint32_t number) {
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
  } control;
  memset(&control, 0, sizeof control);
  struct iovec part = {&number, sizeof number};
  struct msghdr m = {.msg_name = (void *)to, .msg_namelen = sizeof *to, .msg_iov = &part, .msg_iovlen = 1,
                     .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = IPPROTO_IP;
  c->cmsg_type = IP_PKTINFO;
  c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
  struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(source)};
  memcpy(CMSG_DATA(c), &info, sizeof info);
  if (sendmsg(fd, &m, 0) < 0) die("sendmsg");
}

/* Nanoseconds from before the sending to after the receiving; 0 when nothing came within 50 ms. */
static uint32_t travel(int sender, uint32_t source, const struct sockaddr_in *to, int receiver) {
  uint32_t number = ++sequence, got = 0;
  uint64_t start = now(), at = start;
  post(sender, source, to, number);
  while (at - start < 50000000) {
    ssize_t n = recv(receiver, &got, sizeof got, MSG_DONTWAIT);
    at = now();
    if (n == sizeof got && got == number) return (uint32_t)(at - start);
  }
  return 0;
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static double at(const uint32_t *sorted, uint32_t n, double quantile) {
  return n ? sorted[(uint32_t)(quantile * (n - 1) + 0.5)] / 1000.0 : 0;
}

static void print(void) {
  printf("{\"targets\":{");
  for (unsigned k = 0; k < count; k++) {
    struct target *t = &targets[k];
    qsort(t->first, t->samples, sizeof *t->first, by_size);
    qsort(t->second, t->samples, sizeof *t->second, by_size);
    printf("%s\"%s\":{\"samples\":%u,\"lost\":%u,", k ? "," : "", t->name, t->samples, t->lost);
    printf("\"first\":{\"p10\":%.2f,\"p50\":%.2f,\"p99\":%.2f},", at(t->first, t->samples, 0.1),
           at(t->first, t->samples, 0.5), at(t->first, t->samples, 0.99));
    printf("\"second\":{\"p10\":%.2f,\"p50\":%.2f,\"p99\":%.2f}}", at(t->second, t->samples, 0.1),
           at(t->second, t->samples, 0.5), at(t->second, t->samples, 0.99));
  }
  printf("}}\n");
}

static void add_target(const char *text, uint32_t samples) {
  struct target *t = &targets[count];
  unsigned external, internal;
  if (count == TARGETS || sscanf(text, "%31[^=]=%u:%u", t->name, &external, &internal) != 3) {
    fprintf(stderr, "firstpacket: '%s': expected NAME=EXTERNAL:INTERNAL, at most %d\n", text, TARGETS);
    exit(2);
  }
  t->external = (uint16_t)external;
  t->first = calloc(samples, sizeof *t->first);
  t->second = calloc(samples, sizeof *t->second);
  if (!t->first || !t->second) die("calloc");
  /* Several targets may lead to one internal port. */
  for (unsigned k = 0; k < count; k++) {
    struct sockaddr_in a;
    socklen_t length = sizeof a;
    if (getsockname(targets[k].receiver, (struct sockaddr *)&a, &length)) die("getsockname");
    if (ntohs(a.sin_port) == internal) t->receiver = targets[k].receiver;
  }
  if (t->receiver == 0) t->receiver = udp((uint16_t)internal);
  count++;
}

int main(int argc, char **argv) {
  const char *world = NULL, *lan = NULL;
  struct sockaddr_in to = {.sin_family = AF_INET};
  struct in_addr source;
  uint32_t samples = 2000;
  inet_pton(AF_INET, "198.18.0.0", &source);
  for (int c; (c = getopt(argc, argv, "w:l:e:b:n:")) != -1;) switch (c) {
      case 'w': world = optarg; break;
      case 'l': lan = optarg; break;
      case 'e': inet_pton(AF_INET, optarg, &to.sin_addr); break;
      case 'b': inet_pton(AF_INET, optarg, &source); break;
      case 'n': samples = (uint32_t)atoi(optarg); break;
      default: return 2;
    }
  if (!world || !lan || !to.sin_addr.s_addr || optind == argc) {
    fprintf(stderr, "firstpacket: -w, -l, -e and a target are needed\n");
    return 2;
  }
  enter(lan);
  for (int k = optind; k < argc; k++) add_target(argv[k], samples);
  enter(world);
  int sender = udp(0);
  uint32_t from = ntohl(source.s_addr);
  for (uint32_t n = 0; n < samples + WARM_UP; n++)
    for (unsigned k = 0; k < count; k++, from++) {
      struct target *t = &targets[k];
      to.sin_port = htons(t->external);
      uint32_t first = travel(sender, from, &to, t->receiver);
      uint32_t second = first ? travel(sender, from, &to, t->receiver) : 0;
      if (n < WARM_UP) continue;
      if (!first || !second) {
        t->lost++;
        if (t->lost > 20) samples = n; /* nothing passes: say so soon */
        continue;
      }
      t->first[t->samples] = first;
      t->second[t->samples++] = second;
    }
  print();
  return 0;
}
