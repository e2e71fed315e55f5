/*
 * flood ADDRESS PORT RATE SECONDS: NAT-PMP mapping requests at a steady rate, from one socket, each for another
 * internal port. Prints how many it sent and how many answers came back.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BURST = 64, REQUEST = 12 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static unsigned long drain(int s) {
  static char bin[256];
  unsigned long n = 0;
  while (recv(s, bin, sizeof bin, MSG_DONTWAIT) > 0) n++;
  return n;
}

int main(int argc, char **argv) {
  if (argc != 5) return fprintf(stderr, "usage: flood ADDRESS PORT RATE SECONDS\n"), 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])), .sin_addr.s_addr = inet_addr(argv[1])};
  double rate = atof(argv[3]), seconds = atof(argv[4]);
  int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof to) < 0) return perror("flood"), 1;

  static unsigned char packets[BURST][REQUEST];
  struct iovec parts[BURST];
  struct mmsghdr messages[BURST];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BURST; i++) {
    packets[i][1] = 1 + i % 2; /* UDP and TCP in turn */
    packets[i][10] = 14;       /* 3600 s: 0x0e10 */
    packets[i][11] = 16;
    parts[i] = (struct iovec){packets[i], REQUEST};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }

  unsigned long sent = 0, answers = 0;
  unsigned port = 1024;
  double start = now();
  for (double t; (t = now() - start) < seconds;) {
    answers += drain(s);
    if (sent >= t * rate) {
      nanosleep(&(struct timespec){0, 100000}, NULL);
      continue;
    }
    for (int i = 0; i < BURST; i++) {
      port = port == 65535 ? 1024 : port + 1;
      packets[i][4] = packets[i][6] = port >> 8;
      packets[i][5] = packets[i][7] = port & 255;
    }
    int n = sendmmsg(s, messages, BURST, 0);
    if (n > 0) sent += n;
  }
  double took = now() - start;
  nanosleep(&(struct timespec){0, 200000000}, NULL);
  answers += drain(s);
  printf("{\"sent\": %lu, \"seconds\": %.3f, \"answers\": %lu}\n", sent, took, answers);
  return 0;
}
