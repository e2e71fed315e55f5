/**
 * miniupnpd in the lab's router, in the daemon's place: `SERVER=miniupnpd` runs the client tests against it. What fails
 * there too is the client's or the test's doing.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import { askAddress } from './natpmp.ts'
import { type Background, until } from './process.ts'

/** Where OpenWrt's old package put its chains: inside fw4's table. */
const CHAINS = `table inet fw4 {
	chain upnp_forward { }
	chain upnp_prerouting { }
	chain upnp_postrouting { }
}
insert rule inet fw4 forward_wan jump upnp_forward
add rule inet fw4 dstnat jump upnp_prerouting
insert rule inet fw4 srcnat jump upnp_postrouting
`

const SETTINGS = `ext_ifname=wan0
listening_ip=br-lan
enable_natpmp=@NATPMP@
enable_upnp=@UPNP@
secure_mode=yes
system_uptime=yes
min_lifetime=1
max_lifetime=86400
uuid=00000000-0000-4000-8000-000000000001
upnp_table_name=fw4
upnp_nat_table_name=fw4
upnp_forward_chain=upnp_forward
upnp_nat_chain=upnp_prerouting
upnp_nat_postrouting_chain=upnp_postrouting
allow 1024-65535 192.168.88.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`

/** `more`: further lines of its configuration. */
export async function startMiniupnpd(
  lab: Lab,
  service: 'upnp' | 'nat-pmp' | 'both' = 'nat-pmp',
  more: readonly string[] = [],
): Promise<Background> {
  const settings = join(lab.directory, 'miniupnpd.conf')
  writeFileSync(
    settings,
    SETTINGS.replace('@UPNP@', yes(service !== 'nat-pmp')).replace('@NATPMP@', yes(service !== 'upnp')) +
      more.map(line => `${line}\n`).join(''),
  )
  await lab.router.must(['nft', '-f', '-'], { input: CHAINS })
  const pidFile = join(lab.directory, 'miniupnpd.pid')
  const server = lab.router.start(['miniupnpd', '-d', '-f', settings, '-P', pidFile])
  if (service !== 'nat-pmp') await server.waitFor(/HTTP listening on port/)
  if (service !== 'upnp')
    await until('miniupnpd answers', async () => ((await askAddress(lab.a)).result === 0 ? true : undefined))
  return server
}

const yes = (it: boolean) => (it ? 'yes' : 'no')
