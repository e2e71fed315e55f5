/**
 * The npm package nat-pmp as a program: `node nat-pmp-client.mjs GATEWAY map|unmap tcp|udp PRIVATE PUBLIC TTL`.
 * Prints the answers as JSON lines.
 */
import natPmp from 'nat-pmp'

const [gateway, action, type, internal, external, ttl] = process.argv.slice(2)
const client = natPmp.connect(gateway)
const end = error => {
  console.log(JSON.stringify({ error: error.message, code: error.code }))
  process.exit(1)
}

client.externalIp((error, info) => {
  if (error) return end(error)
  console.log(JSON.stringify({ ip: info.ip.join('.') }))
  const wish = { type, private: Number(internal), public: Number(external), ttl: Number(ttl) }
  const done = (problem, answer) => {
    if (problem) return end(problem)
    console.log(JSON.stringify({ private: answer.private, public: answer.public, ttl: answer.ttl, type: answer.type }))
    client.close()
  }
  if (action === 'map') client.portMapping(wish, done)
  else client.portUnmapping(wish, done)
})
