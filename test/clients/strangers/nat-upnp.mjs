// npm nat-upnp: `map PUBLIC PRIVATE tcp|udp SECONDS`, `unmap PUBLIC tcp|udp`, `list`, `ip`; prints one line of JSON.
import { promisify } from 'node:util'
import natUpnp from 'nat-upnp'

const [what, ...words] = process.argv.slice(2)
const client = natUpnp.createClient()
const call = (name, ...rest) => promisify(client[name].bind(client))(...rest)
const DO = {
  map: (pub, priv, protocol, ttl) => call('portMapping', { public: +pub, private: +priv, protocol, ttl: +ttl }),
  unmap: (pub, protocol) => call('portUnmapping', { public: +pub, protocol }),
  list: () => call('getMappings'),
  ip: () => call('externalIp'),
}
console.log(JSON.stringify((await DO[what](...words)) ?? null))
client.close()
process.exit(0)
