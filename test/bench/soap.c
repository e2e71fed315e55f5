/*
 * UPnP clients of a router: SOAP calls one after the other, SSDP searches, subscriptions. Prints one line of JSON.
 *
 *   soap [-s SERVER] [-P HTTP_PORT] [-b FIRST_HOST] [-n HOSTS] [-k] WHAT:FIRST:COUNT...
 *
 * WHAT is add, delete, get (GetSpecificPortMappingEntry), search or subscribe. Call number i speaks for host i % HOSTS
 * and port 10000 + i. Every call has a connection of its own, as upnpc makes it; with -k a host keeps one open.
 * A subscriber's callback is port 2000 + i of its host, where this program listens and says 200 to the first event.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BASE = 10000, CALLS = 55536, CALLBACK = 2000, SSDP = 1900, ROOM = 65536 };

static uint32_t server, first_host, hosts = 1;
static uint16_t http_port = 5000;
static bool keep = false;
static uint32_t times[CALLS]; /* us */
static char answer[ROOM];
static int kept[CALLS];

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *doing) {
  perror(doing);
  exit(1);
}

static struct sockaddr_in at(uint32_t ip, uint16_t port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip), .sin_port = htons(port)};
}

static int dial(uint32_t host) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in from = at(host, 0), to = at(server, http_port);
  struct timeval patience = {.tv_sec = 10};
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (bind(fd, (struct sockaddr *)&from, sizeof from)) die("bind");
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
  return fd;
}

/* Reads one answer whole: its head, and as much as Content-Length says. The status, or 0 when there was none. */
static int receive_answer(int fd, bool *open) {
  size_t have = 0, wanted = 0;
  int status = 0;
  *open = false;
  while (have < ROOM - 1) {
    ssize_t n = recv(fd, answer + have, ROOM - 1 - have, 0);
    if (n <= 0) break;
    have += (size_t)n;
    answer[have] = 0;
    char *body = wanted ? NULL : strstr(answer, "\r\n\r\n");
    if (body) {
      char *length = strcasestr(answer, "\r\ncontent-length:"), *closing = strcasestr(answer, "\r\nconnection: close");
      wanted = (size_t)(body + 4 - answer) + (length && length < body ? strtoul(length + 17, NULL, 10) : 0);
      *open = !(closing && closing < body);
    }
    if (wanted && have >= wanted) break;
  }
  if (sscanf(answer, "HTTP/1.%*d %d", &status) != 1 || !wanted || have < wanted) return 0;
  return status;
}

static const char *SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1";

static int body_of(const char *what, uint32_t i, char *to, size_t room, const char **action) {
  struct in_addr host = {htonl(first_host + i % hosts)};
  uint32_t port = BASE + i;
  char arguments[1024];
  if (!strcmp(what, "add")) {
    *action = "AddPortMapping";
    snprintf(arguments, sizeof arguments,
             "<NewRemoteHost></NewRemoteHost><NewExternalPort>%u</NewExternalPort><NewProtocol>UDP</NewProtocol>"
             "<NewInternalPort>%u</NewInternalPort><NewInternalClient>%s</NewInternalClient><NewEnabled>1</NewEnabled>"
             "<NewPortMappingDescription>bench</NewPortMappingDescription><NewLeaseDuration>3600</NewLeaseDuration>",
             port, port, inet_ntoa(host));
  } else {
    *action = !strcmp(what, "get") ? "GetSpecificPortMappingEntry" : "DeletePortMapping";
    snprintf(arguments, sizeof arguments,
             "<NewRemoteHost></NewRemoteHost><NewExternalPort>%u</NewExternalPort><NewProtocol>UDP</NewProtocol>", port);
  }
  return snprintf(to, room,
                  "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
                  "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:%s xmlns:u=\"%s\">%s</u:%s>"
                  "</s:Body></s:Envelope>\r\n",
                  *action, SERVICE, arguments, *action);
}

/* One call; 0 if it went well, the UPnP error, or -1 when there was no answer. */
static int call(const char *what, uint32_t i) {
  char body[2048], text[4096];
  const char *action;
  struct in_addr to = {htonl(server)};
  int length = body_of(what, i, body, sizeof body, &action);
  int size = snprintf(text, sizeof text,
                      "POST /ctl/IPConn HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: bench\r\nContent-Length: %d\r\n"
                      "Content-Type: text/xml\r\nSOAPAction: \"%s#%s\"\r\n%s\r\n%s",
                      inet_ntoa(to), http_port, length, SERVICE, action, keep ? "" : "Connection: Close\r\n", body);
  uint32_t host = i % hosts;
  int fd = keep && kept[host] > 0 ? kept[host] : dial(first_host + host);
  bool open;
  if (send(fd, text, (size_t)size, MSG_NOSIGNAL) != size) die("send");
  int status = receive_answer(fd, &open);
  kept[host] = keep && open ? fd : 0;
  if (!kept[host]) close(fd);
  if (status == 200) return 0;
  char *code = strstr(answer, "<errorCode>");
  return code ? atoi(code + 11) : -1;
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void report(const char *what, uint32_t count, uint64_t took, uint32_t failed, int last) {
  qsort(times, count, sizeof *times, by_size);
  printf("{\"op\":\"%s\",\"count\":%u,\"seconds\":%.6f,\"rate\":%.1f,\"p50\":%u,\"p99\":%u,\"failed\":%u,\"last\":%d}",
         what, count, (double)took / 1e9, count / ((double)took / 1e9), times[count / 2], times[count * 99 / 100], failed, last);
}

static void calls(const char *what, uint32_t first, uint32_t count) {
  uint32_t failed = 0;
  int last = 0;
  uint64_t begun = now();
  for (uint32_t i = 0; i < count; i++) {
    uint64_t sent = now();
    int error = call(what, first + i);
    times[i] = (uint32_t)((now() - sent) / 1000);
    if (error) failed++, last = error;
  }
  report(what, count, now() - begun, failed, last);
}

/* Unicast searches for one thing, MX of none: the next goes out when the answer has come. */
static void searches(uint32_t first, uint32_t count) {
  uint32_t failed = 0;
  struct in_addr to = {htonl(server)};
  char text[512], heard[2048];
  int size = snprintf(text, sizeof text,
                      "M-SEARCH * HTTP/1.1\r\nHOST: %s:1900\r\nMAN: \"ssdp:discover\"\r\n"
                      "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n",
                      inet_ntoa(to));
  uint64_t begun = now();
  for (uint32_t i = 0; i < count; i++) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = at(first_host + (first + i) % hosts, 0), router = at(server, SSDP);
    struct timeval patience = {.tv_sec = 2};
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from)) die("bind");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    uint64_t sent = now();
    sendto(fd, text, (size_t)size, 0, (struct sockaddr *)&router, sizeof router);
    if (recv(fd, heard, sizeof heard, 0) <= 0) failed++;
    times[i] = (uint32_t)((now() - sent) / 1000);
    close(fd);
  }
  report("search", count, now() - begun, failed, 0);
}

static void subscribe(uint32_t first, uint32_t count) {
  uint32_t failed = 0;
  struct in_addr to = {htonl(server)};
  uint64_t begun = now();
  for (uint32_t i = 0; i < count; i++) {
    uint32_t host = first_host + (first + i) % hosts;
    int ear = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in here = at(host, (uint16_t)(CALLBACK + first + i));
    struct in_addr mine = {htonl(host)};
    char callback[64], text[512], event[8192];
    setsockopt(ear, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(ear, (struct sockaddr *)&here, sizeof here) || listen(ear, 4)) die("listen");
    snprintf(callback, sizeof callback, "http://%s:%u/", inet_ntoa(mine), CALLBACK + first + i);
    int size = snprintf(text, sizeof text,
                        "SUBSCRIBE /evt/IPConn HTTP/1.1\r\nHost: %s:%u\r\nCallback: <%s>\r\nNT: upnp:event\r\n"
                        "Timeout: Second-1800\r\nConnection: Close\r\n\r\n",
                        inet_ntoa(to), http_port, callback);
    uint64_t sent = now();
    int fd = dial(host);
    bool open;
    if (send(fd, text, (size_t)size, MSG_NOSIGNAL) != size) die("send");
    if (receive_answer(fd, &open) != 200) failed++;
    close(fd);
    struct pollfd knock = {.fd = ear, .events = POLLIN};
    if (poll(&knock, 1, 5000) == 1) {
      int visitor = accept(ear, NULL, NULL);
      if (recv(visitor, event, sizeof event, 0) > 0) {
        static const char OK[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        send(visitor, OK, sizeof OK - 1, MSG_NOSIGNAL);
      }
      shutdown(visitor, SHUT_WR);
      close(visitor);
    } else failed++;
    times[i] = (uint32_t)((now() - sent) / 1000);
    close(ear);
  }
  report("subscribe", count, now() - begun, failed, 0);
}

static void run_phase(const char *text) {
  char what[16];
  uint32_t first, count;
  if (sscanf(text, "%15[a-z]:%u:%u", what, &first, &count) != 3 || count < 1 || first > CALLS || count > CALLS - first) {
    fprintf(stderr, "soap: phase '%s': expected add|get|delete|search|subscribe:FIRST:COUNT\n", text);
    exit(2);
  }
  if (!strcmp(what, "search")) searches(first, count);
  else if (!strcmp(what, "subscribe")) subscribe(first, count);
  else if (!strcmp(what, "add") || !strcmp(what, "get") || !strcmp(what, "delete")) calls(what, first, count);
  else exit(2);
}

static uint32_t address(const char *text) {
  struct in_addr a;
  if (inet_pton(AF_INET, text, &a) != 1) exit(2);
  return ntohl(a.s_addr);
}

int main(int argc, char **argv) {
  server = address("10.77.0.1");
  first_host = address("10.77.128.0");
  for (int c; (c = getopt(argc, argv, "s:P:b:n:k")) != -1;) switch (c) {
      case 's': server = address(optarg); break;
      case 'P': http_port = (uint16_t)atoi(optarg); break;
      case 'b': first_host = address(optarg); break;
      case 'n': hosts = (uint32_t)atoi(optarg); break;
      case 'k': keep = true; break;
      default: return 2;
    }
  if (hosts < 1 || hosts > CALLS) hosts = 1;
  printf("{\"phases\":[");
  for (int i = optind; i < argc; i++) {
    if (i > optind) printf(",");
    run_phase(argv[i]);
  }
  printf("]}\n");
  return 0;
}
