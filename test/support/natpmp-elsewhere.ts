/** Checks of the NAT-PMP fact sheet that need a kernel or a network, by number, and the file that shows each. */
export const ELSEWHERE: Readonly<Record<number, { readonly what: string; readonly where: string }>> = {
  1: {
    what: 'an address request gets 12 bytes from the address that was asked',
    where: 'test/clients/network.test.ts',
  },
  44: { what: 'a request from the WAN gets no reply and makes no state', where: 'test/clients/network.test.ts' },
  45: { what: 'a request to the WAN address gets no reply and makes no state', where: 'test/clients/network.test.ts' },
  46: { what: 'a request to a broadcast or multicast address gets no reply', where: 'test/clients/network.test.ts' },
  53: { what: 'a service that is off leaves its port closed', where: 'test/clients/announcements.test.ts' },
  55: { what: 'outbound datagrams carry the mapped external port', where: 'test/clients/network.test.ts' },
  56: { what: 'a neighbour reaches the mapping by the external address', where: 'test/clients/network.test.ts' },
  59: { what: 'a flow that runs through a mapping ends with it', where: 'test/clients/network.test.ts' },
}
