/**
 * The native module `sys` (sys.c and its parts) as TypeScript sees it. A function that returns a number returns a
 * negative errno when the system call failed; the constants have this machine's values.
 */
export interface Sys {
  epollOpen(): number
  watch(epoll: number, operation: number, fd: number, events: number): number
  /** Waits `timeout` ms (-1: for ever) and fills pairs of words: descriptor, events. Returns the number of pairs. */
  wait(epoll: number, into: ArrayBuffer, offset: number, length: number, timeout: number): number
  eventOpen(): number
  eventPost(fd: number): number
  /** Makes an eventfd or a timerfd not ready again. */
  eventTake(fd: number): number
  /** CLOCK_BOOTTIME, whole milliseconds. */
  now(): number
  timerOpen(): number
  /** Ready from this instant on; 0 disarms. */
  timerSet(fd: number, at: number): number
  /** Adds a signal to the descriptor (-1: a new one), which is returned. */
  signalOpen(fd: number, signal: number): number
  signalTake(fd: number): number
  /** The function must stay reachable for ever, and must neither throw nor return anything. */
  trackRejections(listener: (promise: object, reason: unknown, handled: boolean) => void): void
  random(into: ArrayBuffer, offset: number, length: number): number
  environment(name: string): string | undefined
  exit(status: number): never
  errnoName(errno: number): string

  interfaceIndex(device: string): number
  setOption(fd: number, level: number, name: number, value: number): number
  /** `shared`: 1 lets others bind the port too; `begins`: two bytes that every datagram must begin with, or -1. */
  udpOpen(
    ip: string,
    port: number,
    device: string,
    index: number,
    multicastTtl: number,
    shared: number,
    begins: number,
  ): number
  /**
   * Fills places of `PLACE_BYTES`: family (0: did not come by the interface), port, length as words, the address at
   * byte 16, the datagram (cut at `DATAGRAM_BYTES`) at byte 32. Returns the number of places filled.
   */
  udpReceive(fd: number, into: ArrayBuffer, offset: number, length: number, index: number): number
  udpSend(
    fd: number,
    bytes: ArrayBufferLike,
    offset: number,
    length: number,
    ip: string,
    port: number,
    index: number,
  ): number
  netlinkOpen(protocol: number): number
  netlinkPort(fd: number): number
  /** A classic BPF program, `struct sock_filter` after `struct sock_filter`; takes the place of one before. */
  netlinkFilter(fd: number, program: ArrayBufferLike, offset: number, length: number): number
  /** A datagram, or its length when it is longer than there is room for (128 KiB), or a negative errno. */
  netlinkReceive(fd: number): ArrayBuffer | number
  unixListen(name: string): number
  unixConnect(name: string): number
  /** Without a device: an empty text and 0. */
  tcpListen(ip: string, port: number, device: string, index: number): number
  /** `own`: an empty text leaves the choice of the source to the kernel. */
  tcpConnect(ip: string, port: number, device: string, index: number, own: string): number
  /** Writes the other side as `udpReceive` does: family (0 for unix), port, address at byte 16. */
  accept(fd: number, peer: ArrayBuffer, offset: number, length: number): number
  socketError(fd: number): number
  portInUse(tcp: number, ip: string, port: number): number

  read(fd: number, into: ArrayBuffer, offset: number, length: number): number
  /** As `read`; but what came is returned as text when all of it is printable ASCII, tabs and line ends. */
  readText(fd: number, into: ArrayBuffer, offset: number, length: number): string | number
  write(fd: number, bytes: ArrayBufferLike, offset: number, length: number): number
  /** Bytes of UTF-8 that were written. */
  writeText(fd: number, text: string): number
  close(fd: number): number
  /** Closes a stream after its last byte, so that nothing of it is lost. */
  hangUp(fd: number): number
  print(fd: number, text: string): number
  readFile(path: string): ArrayBuffer | number
  writeFile(path: string, bytes: ArrayBufferLike, offset: number, length: number): number
  removeFile(path: string): number
  makeDirectory(path: string): number
  /** Words joined by NUL; the two words become the ends to read stdout and stderr from. Returns the process id. */
  spawn(words: string, ends: ArrayBuffer, offset: number, length: number): number
  /** Exit status, 128 + n for signal n, -EAGAIN while it runs. */
  waitChild(pid: number): number
  killChild(pid: number): number
  spare(): number

  readonly PEER_BYTES: number
  readonly PLACE_BYTES: number
  readonly DATAGRAM_BYTES: number
  readonly MOST_DATAGRAMS: number
  readonly EAGAIN: number
  readonly EINTR: number
  readonly ENOENT: number
  readonly ENOTDIR: number
  readonly EPERM: number
  readonly EMFILE: number
  readonly ENFILE: number
  readonly ENOBUFS: number
  readonly EINPROGRESS: number
  readonly ECONNREFUSED: number
  readonly EADDRINUSE: number
  readonly EPIPE: number
  readonly SIGTERM: number
  readonly SIGINT: number
  readonly SIGHUP: number
  readonly SIGCHLD: number
  readonly EPOLLIN: number
  readonly EPOLLOUT: number
  readonly EPOLLERR: number
  readonly EPOLLHUP: number
  readonly EPOLL_CTL_ADD: number
  readonly EPOLL_CTL_MOD: number
  readonly EPOLL_CTL_DEL: number
  readonly SOL_SOCKET: number
  readonly SO_RCVBUF: number
  readonly SO_RCVBUFFORCE: number
  readonly SO_SNDBUF: number
  readonly SO_SNDBUFFORCE: number
  readonly SOL_NETLINK: number
  readonly NETLINK_ROUTE: number
  readonly NETLINK_NETFILTER: number
  readonly NETLINK_ADD_MEMBERSHIP: number
  readonly NETLINK_DROP_MEMBERSHIP: number
  readonly NETLINK_EXT_ACK: number
}
