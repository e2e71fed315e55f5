/** Layer3Forwarding:1: which connection is the default one. Old Windows asks before anything else. */
import type { ServiceTable } from '../service.ts'

export const LAYER3 = {
  name: 'Layer3Forwarding',
  version: 1,
  id: 'urn:upnp-org:serviceId:L3Forwarding1',
  variables: { DefaultConnectionService: { type: 'string', evented: true } },
  actions: {
    SetDefaultConnectionService: { in: { NewDefaultConnectionService: 'DefaultConnectionService' }, out: {} },
    GetDefaultConnectionService: { in: {}, out: { NewDefaultConnectionService: 'DefaultConnectionService' } },
  },
} as const satisfies ServiceTable
