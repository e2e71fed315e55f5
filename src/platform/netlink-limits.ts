/** How much a netlink socket takes in at a time and holds, the same on both engines. */

/** Datagrams that a socket may deliver in one turn of the event loop: each may hold a hundred entries of a dump. */
export const BURST = 4
/** Datagrams one `drain` may deliver; notices that never end must not hold the process. */
export const DRAIN = 4096
/** More than the receive buffer holds: the kernel charges at least 512 bytes for each. */
export const MOST_WAITING = 32_768

/** Bytes of SO_RCVBUF: the notices of a large change. */
export const RECEIVE_BUFFER = 4 << 20
/** Bytes of SO_SNDBUF: one batch with all elements of a large table. */
export const SEND_BUFFER = 32 << 20
