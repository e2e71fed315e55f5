/*
 * Adds copies of a chain's last rule of table `inet fw4`, byte for byte except for the port, which counts up:
 *
 *   copyrules CHAIN PORT COUNT      copies the rule for PORT to PORT+1 .. PORT+COUNT
 *
 * The port is replaced wherever its two bytes stand as a value (an immediate or a comparison) of an expression. Why
 * not by `nft`: it cannot read back the rules that miniupnpd writes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PER_BATCH = 250 };

static const char *chain;
static char received[1 << 16], rule[4096], batch[1 << 20];
static size_t rule_length = 0, batch_length = 0;
static uint32_t sequence = 1;

static void die(const char *doing, int error) {
  fprintf(stderr, "copyrules: %s: %s\n", doing, strerror(error));
  exit(1);
}

static struct nlmsghdr *begin(uint16_t type, uint16_t flags, uint8_t family, uint16_t resource) {
  struct nlmsghdr *h = (void *)(batch + batch_length);
  *h = (struct nlmsghdr){.nlmsg_len = NLMSG_SPACE(sizeof(struct nfgenmsg)), .nlmsg_type = type,
                         .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = sequence++};
  struct nfgenmsg *g = NLMSG_DATA(h);
  *g = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
  batch_length += h->nlmsg_len;
  return h;
}

static void attribute(struct nlmsghdr *h, uint16_t type, const void *bytes, size_t length) {
  struct nlattr *a = (void *)(batch + batch_length);
  *a = (struct nlattr){.nla_len = (uint16_t)(NLA_HDRLEN + length), .nla_type = type};
  memcpy((char *)a + NLA_HDRLEN, bytes, length);
  batch_length += NLA_ALIGN(a->nla_len);
  h->nlmsg_len = (uint32_t)(batch + batch_length - (char *)h);
}

static void name(struct nlmsghdr *h) {
  attribute(h, NFTA_RULE_TABLE, "fw4", sizeof "fw4");
  attribute(h, NFTA_RULE_CHAIN, chain, strlen(chain) + 1);
}

static void send_batch(int fd) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (sendto(fd, batch, batch_length, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) die("send", errno);
  batch_length = 0;
}

/* Keeps the expressions of the last rule of the dump. */
static void keep(const struct nlmsghdr *h) {
  const char *at = (const char *)NLMSG_DATA(h) + NLMSG_ALIGN(sizeof(struct nfgenmsg)), *end = (const char *)h + h->nlmsg_len;
  while (end - at >= (int)NLA_HDRLEN) {
    const struct nlattr *a = (const void *)at;
    if ((a->nla_type & NLA_TYPE_MASK) == NFTA_RULE_EXPRESSIONS) {
      rule_length = a->nla_len - NLA_HDRLEN;
      if (rule_length > sizeof rule) die("rule", EMSGSIZE);
      memcpy(rule, at + NLA_HDRLEN, rule_length);
    }
    at += NLA_ALIGN(a->nla_len);
  }
}

/* Reads replies until the dump's end or an acknowledgement. */
static void replies(int fd) {
  for (;;) {
    ssize_t n = recv(fd, received, sizeof received, 0);
    if (n < 0) die("receive", errno);
    int left = (int)n;
    for (struct nlmsghdr *h = (void *)received; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
      if (h->nlmsg_type == NLMSG_DONE) return;
      if (h->nlmsg_type == NLMSG_ERROR) {
        int error = ((struct nlmsgerr *)NLMSG_DATA(h))->error;
        if (error) die(chain, -error);
        return;
      }
      keep(h);
    }
  }
}

/* The value of an expression: NFTA_DATA_VALUE of two bytes, or of four with two that fill up. */
static unsigned replace(uint16_t from, uint16_t to) {
  unsigned replaced = 0;
  for (size_t k = 0; k + 6 <= rule_length; k += 4) {
    const struct nlattr *a = (const void *)(rule + k);
    if ((a->nla_type & NLA_TYPE_MASK) != NFTA_DATA_VALUE || a->nla_len < NLA_HDRLEN + 2 || a->nla_len > NLA_HDRLEN + 4) continue;
    uint16_t value;
    memcpy(&value, rule + k + NLA_HDRLEN, 2);
    if (value != htons(from)) continue;
    value = htons(to);
    memcpy(rule + k + NLA_HDRLEN, &value, 2);
    replaced++;
  }
  return replaced;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  chain = argv[1];
  unsigned port = (unsigned)atoi(argv[2]), count = (unsigned)atoi(argv[3]);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), size = 8 << 20;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size)) die("socket", errno);
  name(begin(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_INET, 0));
  send_batch(fd);
  replies(fd);
  for (unsigned done = 0; done < count;) {
    begin(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    for (unsigned k = 0; k < PER_BATCH && done < count; k++, done++) {
      if (!replace((uint16_t)(port + done), (uint16_t)(port + done + 1))) die("the rule does not name the port", EINVAL);
      /* One acknowledgement is enough: of the last rule. Errors come without being asked for. */
      uint16_t ack = k + 1 == PER_BATCH || done + 1 == count ? NLM_F_ACK : 0;
      struct nlmsghdr *h = begin(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | ack, NFPROTO_INET, 0);
      name(h);
      attribute(h, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, rule, rule_length);
    }
    begin(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    send_batch(fd);
    replies(fd);
  }
  return 0;
}
