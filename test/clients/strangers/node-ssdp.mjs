// npm node-ssdp: searches for TARGET for as long as its MX of three seconds allows and prints what answers, one line of JSON each.
import ssdp from 'node-ssdp'

const client = new ssdp.Client()
client.on('response', (headers, status, from) => {
  console.log(
    JSON.stringify({ status, st: headers.ST, usn: headers.USN, location: headers.LOCATION, from: from.address }),
  )
})
await client.search(process.argv[2])
setTimeout(() => process.exit(0), 3500)
