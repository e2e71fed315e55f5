/** The router as most tests want it: the package installed and switched on by its owner. */
import type { Vm } from './vm.ts'

export const INSTALL = 'opkg install /share/portico.ipk'

/** What an owner does after installing. */
export const SWITCH_ON = `uci -q set portico.nat_pmp.enabled=1
uci -q set portico.upnp.enabled=1
uci commit portico
/etc/init.d/portico reload`

/** Until it answers on its own console: the program says `ready` when it serves. */
export const SERVES = `n=0
until portico /ip/nat-pmp/print >/dev/null 2>&1; do
  n=$((n + 1))
  [ $n -lt 300 ] || { echo "does not serve: $(portico /ip/nat-pmp/print 2>&1)"; logread | tail -n 20; exit 1; }
  usleep 200000 2>/dev/null || sleep 1
done`

export async function ready(vm: Vm): Promise<void> {
  if (vm.saved('ready')) {
    await vm.restore('ready')
    await vm.must(`date -s @${Math.floor(Date.now() / 1000)}`)
    await vm.must(SERVES, 60_000)
    return
  }
  await vm.boot(true)
  await vm.must(INSTALL, 60_000)
  await vm.must(SWITCH_ON, 60_000)
  await vm.must(SERVES, 60_000)
  await vm.save('ready')
}
