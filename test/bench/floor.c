/*
 * A server that answers and does nothing else, to show what a request costs before any work is done: client, kernel and
 * wake-up. No port is opened, nothing is parsed beyond where a request ends and nothing is remembered.
 *
 *   floor LISTENING_ADDRESS
 *
 * NAT-PMP (RFC 6886) on port 5351: every mapping is granted as it was asked for. HTTP on port 5000: every POST is
 * answered with one and the same envelope, as long as that of GetSpecificPortMappingEntry; the connection is closed
 * where the request says so.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NAT_PMP = 5351, HTTP = 5000, CONNECTIONS = 1024, ROOM = 8192, AT_ONCE = 64 };

struct connection {
  size_t have;
  char text[ROOM];
};

static struct connection connections[CONNECTIONS];
static struct in_addr address;
static int poller;

static void die(const char *doing) {
  perror(doing);
  exit(1);
}

static int opened(int type, uint16_t port) {
  int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&at, sizeof at)) die("bind");
  if (type == SOCK_STREAM && listen(fd, 128)) die("listen");
  return fd;
}

static void hear(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
}

/* Replies: RFC 6886 §3.2 (external address), §3.3 (mapping). */
static void answer_datagram(int fd) {
  uint8_t request[64], reply[16] = {0};
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  ssize_t length = recvfrom(fd, request, sizeof request, 0, (struct sockaddr *)&from, &size);
  if (length < 2) return;
  reply[1] = (uint8_t)(128 + request[1]);
  if (length >= 12) {
    memcpy(reply + 8, request + 4, 4); /* internal port, and the external port that was suggested */
    memcpy(reply + 12, request + 8, 4); /* lifetime */
  } else memcpy(reply + 8, "\x0b\x16\x21\x2c", 4);
  sendto(fd, reply, length >= 12 ? 16 : 12, 0, (struct sockaddr *)&from, size);
}

static const char ENVELOPE[] =
    "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
    "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:GetSpecificPortMappingEntryResponse "
    "xmlns:u=\"urn:schemas-upnp-org:service:WANIPConnection:1\"><NewInternalPort>10000</NewInternalPort>"
    "<NewInternalClient>10.77.128.1</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>bench"
    "</NewPortMappingDescription><NewLeaseDuration>3600</NewLeaseDuration></u:GetSpecificPortMappingEntryResponse>"
    "</s:Body></s:Envelope>\r\n";

/* Whether the connection stays open. */
static bool answer_call(int fd, struct connection *c) {
  ssize_t n = recv(fd, c->text + c->have, ROOM - 1 - c->have, 0);
  if (n <= 0) return false;
  c->have += (size_t)n;
  c->text[c->have] = 0;
  char *body = strstr(c->text, "\r\n\r\n"), *length = strcasestr(c->text, "\r\ncontent-length:");
  size_t wanted = body ? (size_t)(body + 4 - c->text) + (length && length < body ? strtoul(length + 17, NULL, 10) : 0) : ROOM;
  if (c->have < wanted) return c->have < ROOM - 1;
  char *closing = strcasestr(c->text, "\r\nconnection: close"), text[sizeof ENVELOPE + 256];
  bool stays = !(closing && closing < body);
  int size = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nContent-Length: %zu\r\n%s\r\n%s",
                      sizeof ENVELOPE - 1, stays ? "" : "Connection: close\r\n", ENVELOPE);
  c->have = 0;
  return send(fd, text, (size_t)size, MSG_NOSIGNAL) == size && stays;
}

int main(int argc, char **argv) {
  if (argc != 2 || inet_pton(AF_INET, argv[1], &address) != 1) {
    fprintf(stderr, "usage: floor LISTENING_ADDRESS\n");
    return 2;
  }
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) die("epoll_create1");
  int datagrams = opened(SOCK_DGRAM, NAT_PMP), door = opened(SOCK_STREAM, HTTP);
  hear(datagrams);
  hear(door);
  for (;;) {
    struct epoll_event events[AT_ONCE];
    int count = epoll_wait(poller, events, AT_ONCE, -1);
    for (int k = 0; k < count; k++) {
      int fd = events[k].data.fd;
      if (fd == datagrams) answer_datagram(fd);
      else if (fd == door) {
        int visitor = accept4(door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (visitor >= CONNECTIONS) close(visitor);
        else if (visitor >= 0) connections[visitor].have = 0, hear(visitor);
      } else if (!answer_call(fd, &connections[fd])) close(fd);
    }
  }
}
