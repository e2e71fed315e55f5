/*
 * What the kernel announces in this network namespace: one JSON line per IPv4 address that comes or goes, and one per
 * nf_tables transaction with the number of elements it added to and removed from the set that is named, and the number
 * of other messages. Times are CLOCK_MONOTONIC, nanoseconds. Ends when its standard input does.
 *
 *   watch SET
 *
 * A transaction's messages end with NFT_MSG_NEWGEN, which carries the process that committed it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 20];
static const char *watched;
static uint64_t added = 0, removed = 0, others = 0, overruns = 0;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int open_group(int family, unsigned group) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family), size = 256 << 20;
  struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) ||
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) ||
      setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group)) {
    perror("netlink");
    exit(1);
  }
  return fd;
}

/* Each element of a NEWSETELEM or DELSETELEM message is one nested attribute of NFTA_SET_ELEM_LIST_ELEMENTS. */
static uint64_t elements(const struct nlmsghdr *h) {
  uint64_t n = 0;
  const char *set = "";
  int left = (int)h->nlmsg_len - (int)NLMSG_SPACE(sizeof(struct nfgenmsg));
  const struct nlattr *a = (const void *)((const char *)NLMSG_DATA(h) + NLMSG_ALIGN(sizeof(struct nfgenmsg)));
  while (left >= (int)NLA_HDRLEN && a->nla_len >= NLA_HDRLEN && a->nla_len <= left) {
    if ((a->nla_type & NLA_TYPE_MASK) == NFTA_SET_ELEM_LIST_SET) set = (const char *)a + NLA_HDRLEN;
    if ((a->nla_type & NLA_TYPE_MASK) == NFTA_SET_ELEM_LIST_ELEMENTS) {
      const char *at = (const char *)a + NLA_HDRLEN, *end = (const char *)a + a->nla_len;
      while (end - at >= (int)NLA_HDRLEN && ((const struct nlattr *)at)->nla_len >= NLA_HDRLEN) {
        at += NLA_ALIGN(((const struct nlattr *)at)->nla_len);
        n++;
      }
    }
    left -= (int)NLA_ALIGN(a->nla_len);
    a = (const void *)((const char *)a + NLA_ALIGN(a->nla_len));
  }
  if (strcmp(set, watched) == 0) return n;
  others++;
  return 0;
}

static void on_table(const struct nlmsghdr *h) {
  switch (h->nlmsg_type & 0xff) {
    case NFT_MSG_NEWSETELEM: added += elements(h); return;
    case NFT_MSG_DELSETELEM: removed += elements(h); return;
    case NFT_MSG_NEWGEN: break;
    default: others++; return;
  }
  printf("{\"at\":%lu,\"event\":\"transaction\",\"added\":%lu,\"removed\":%lu,\"others\":%lu,\"overruns\":%lu}\n", now(),
         added, removed, others, overruns);
  added = removed = others = 0;
}

static void on_address(const struct nlmsghdr *h) {
  if (h->nlmsg_type != RTM_NEWADDR && h->nlmsg_type != RTM_DELADDR) return;
  char text[INET_ADDRSTRLEN] = "";
  int left = (int)IFA_PAYLOAD(h);
  for (struct rtattr *a = IFA_RTA(NLMSG_DATA(h)); RTA_OK(a, left); a = RTA_NEXT(a, left))
    if (a->rta_type == IFA_LOCAL) inet_ntop(AF_INET, RTA_DATA(a), text, sizeof text);
  printf("{\"at\":%lu,\"event\":\"%s\",\"address\":\"%s\"}\n", now(),
         h->nlmsg_type == RTM_NEWADDR ? "address" : "address gone", text);
}

static void drain(int fd, void (*each)(const struct nlmsghdr *)) {
  for (;;) {
    ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == ENOBUFS) {
      overruns++;
      continue;
    }
    if (n < 0) return;
    int left = (int)n;
    for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) each(h);
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  watched = argv[1];
  struct pollfd fds[3] = {{0, POLLIN, 0},
                          {open_group(NETLINK_NETFILTER, NFNLGRP_NFTABLES), POLLIN, 0},
                          {open_group(NETLINK_ROUTE, RTNLGRP_IPV4_IFADDR), POLLIN, 0}};
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("{\"at\":%lu,\"event\":\"watching\"}\n", now());
  for (;;) {
    if (poll(fds, 3, -1) < 0 && errno != EINTR) return 1;
    drain(fds[2].fd, on_address);
    drain(fds[1].fd, on_table);
    if (fds[0].revents && read(0, buffer, sizeof buffer) <= 0) return 0;
  }
}
