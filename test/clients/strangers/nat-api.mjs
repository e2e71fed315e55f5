// @silentbot1/nat-api, UPnP only: maps PUBLIC to PRIVATE, waits for a line, unmaps.
import NatAPI from '@silentbot1/nat-api'

const [publicPort, privatePort, protocol] = process.argv.slice(2)
const client = new NatAPI({ enablePMP: false, enableUPNP: true, autoUpdate: false, ttl: 1200 })
const ip = await client.externalIp()
const options = { publicPort: +publicPort, privatePort: +privatePort, protocol, ttl: 1200, description: 'nat-api' }
const mapped = await client.map(options)
console.log(JSON.stringify({ ip, mapped }))
await new Promise(resolve => process.stdin.once('data', resolve))
console.log(JSON.stringify({ unmapped: await client.unmap(options) }))
process.exit(0)
