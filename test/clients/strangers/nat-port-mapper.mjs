// @achingbrain/nat-port-mapper (libp2p): maps INTERNAL_PORT of HOST by EXTERNAL_PORT, waits for a line, unmaps.
import { upnpNat } from '@achingbrain/nat-port-mapper'

const [host, internal, external, protocol] = process.argv.slice(2)
const client = upnpNat({ autoRefresh: false })
for await (const gateway of client.findGateways({ signal: AbortSignal.timeout(20_000) })) {
  if (gateway.family !== undefined && gateway.family !== 'IPv4') continue
  const ip = await gateway.externalIp()
  const mapping = await gateway.map(+internal, host, { externalPort: +external, protocol })
  console.log(JSON.stringify({ ip, external: mapping.externalPort, internal: mapping.internalPort }))
  await new Promise(resolve => process.stdin.once('data', resolve))
  await gateway.unmap(+internal)
  console.log('unmapped')
  process.exit(0)
}
