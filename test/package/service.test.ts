/**
 * The installed package in a small OpenWrt: busybox, our doubles of procd and fw4 (procd itself does not run here), and
 * the daemon of the package on the real kernel.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
// @ts-expect-error: a tool without types
import { porticoPackage } from '../../tools/ipk/contents.mjs'
// @ts-expect-error: a tool without types
import { writeIpk } from '../../tools/ipk/ipk.mjs'
import { run } from '../support/process.ts'
import { root } from '../support/root.ts'
import { SmallOpenWrt } from './small-openwrt.ts'

const program = readFileSync(join(root, 'build/package/x86_64/porticod'))
const ipk: Buffer = writeIpk(porticoPackage({ arch: 'x86_64', program, mtime: 1_795_000_000 }))

const ON = "config portico 'nat_pmp'\n\toption enabled '1'\n"
const INIT = '/etc/init.d/portico'
const START = `${INIT} start; soon ready`

let router: SmallOpenWrt

beforeEach(() => {
  router = new SmallOpenWrt()
  router.unpack(ipk)
  router.write('etc/config/portico', ON)
})

afterEach(() => router.remove())

/** Lines that Portico or procd logged. */
const lines = (output: string): readonly string[] => output.split('\n').filter(line => /\b(portico|procd)\b/.test(line))

describe('start', () => {
  test('runs the daemon, which logs under its name and puts its table into the kernel', async () => {
    const output = await router.run(`${START}; told; nft list tables; ${INIT} status; portico status`)
    expect(output).toMatch(/portico\[\d+\]: system,info ready: NAT-PMP on 192\.168\.1\.1 \(lan0\)/)
    expect(output).toContain('table inet portico')
    expect(output).toMatch(/^running$/m)
    expect(output).toContain('11.22.33.44')
  })

  test('as shipped, starts nothing and says nothing', async () => {
    router.write('etc/config/portico', router.read('etc/config/portico').replace("'1'", "'0'"))
    const output = await router.run(
      `${INIT} start; usleep 300000; told; nft list tables | grep portico; ${INIT} status`,
    )
    expect(output).toBe('active with no instances\n')
  })

  test('without an uplink it runs, and serves when the uplink comes', async () => {
    const output = await router.run(`
      ip link set wan0 down; ip addr flush dev wan0
      ${START}; ip link set wan0 up; ip addr add 11.22.33.55/24 dev wan0
      soon grep -q 11.22.33.55 /tmp/log/messages; told`)
    expect(output).toMatch(/ready: NAT-PMP on 192\.168\.1\.1 \(lan0\);.* external address none/)
    expect(output).toContain('external interface wan0 has 11.22.33.55')
  })

  test('twice is once', async () => {
    const output = await router.run(`
      ${START}; first=$(instance); ${INIT} start; usleep 500000; echo "same: $([ "$first" = "$(instance)" ] && echo yes)"
      told | grep -c ready:`)
    expect(output).toBe('same: yes\n1\n')
  })
})

describe('what the firewall is told', () => {
  const DATA = 'cat /tmp/procd/portico/instance-instance1/data'

  test('one rule that accepts what carries our mark', async () => {
    expect(await router.run(`${START}; ${DATA}`)).toBe(
      [
        'firewall.0.type\trule',
        'firewall.0.name\tPortico: traffic of its mappings',
        'firewall.0.src\t*',
        'firewall.0.dest\t*',
        'firewall.0.proto\tall',
        'firewall.0.mark\t0x40000000/0x40000000',
        'firewall.0.target\tACCEPT\n',
      ].join('\n'),
    )
  })

  test('the mark that the owner chose', async () => {
    router.write('etc/config/portico', `${ON}config portico 'system'\n\toption mark '0x20000000'\n`)
    expect(await router.run(`${START}; ${DATA}`)).toContain('firewall.0.mark\t0x20000000/0x20000000')
  })

  test('a way in from a zone that lets nothing in, and from no other', async () => {
    const roles = ['lan', 'guest'].map(
      name => `config interface\n\toption interface '${name}'\n\toption type 'internal'\n`,
    )
    router.write('etc/config/portico', ON + roles.join(''))
    const output = await router.run(`${START}; ${DATA}`)
    expect(output).toContain(
      'firewall.1.name\tPortico: requests from guests\nfirewall.1.src\tguests\nfirewall.1.proto\tudp\nfirewall.1.dest_port\t5351\nfirewall.1.target\tACCEPT\n',
    )
    expect(output).not.toContain('firewall.2.')
  })

  test('a way in by its device, where no zone of the firewall has it', async () => {
    router.write('etc/config/portico', `${ON}config interface\n\toption interface 'guest'\n\toption type 'internal'\n`)
    router.write('etc/config/firewall', router.read('etc/config/firewall').replace("\tlist network 'guest'\n", ''))
    const output = await router.run(`
      mkdir -p /usr/sbin; ln -s /bin/nft /usr/sbin/nft; ${START}; ${DATA}
      /etc/init.d/firewall start; nft list chain inet fw4 input`)
    expect(output).toContain(
      'firewall.1.name\tPortico: requests from guest0\nfirewall.1.src\t*\nfirewall.1.device\tguest0\nfirewall.1.proto\tudp\nfirewall.1.dest_port\t5351\nfirewall.1.target\tACCEPT\n',
    )
    expect(output).toMatch(/Handle flows"\n\s*iifname "guest0" [^\n]*5351[^\n]*accept[^\n]*\n\s*iifname "lan0" jump/)
  })

  test('a zone of IPv6: firewall4 takes IPv4 for that of no zone, so it comes in by the device', async () => {
    router.write('etc/config/portico', `${ON}config portico 'upnp'\n\toption enabled '1'\n`)
    const lan = "\toption name 'lan'\n"
    const firewall = router.read('etc/config/firewall')
    router.write('etc/config/firewall', firewall.replace(lan, `${lan}\toption family 'ipv6'\n`))
    const output = await router.run(`
      mkdir -p /usr/sbin; ln -s /bin/nft /usr/sbin/nft; ${START}; ${DATA}
      /etc/init.d/firewall start; nft list chain inet fw4 input`)
    expect(output).toContain(
      'firewall.3.name\tPortico: requests from lan0\nfirewall.3.src\t*\nfirewall.3.device\tlan0\nfirewall.3.family\tipv4\nfirewall.3.proto\tudp\nfirewall.3.dest_port\t5351\n',
    )
    const [before = '', after = ''] = output
      .slice(output.indexOf('Handle flows'))
      .split('meta nfproto ipv6 iifname "lan0" jump')
    for (const port of ['1900', '5000', '5351']) {
      expect(before).toMatch(new RegExp(`meta nfproto ipv4 iifname "lan0" [^\\n]*${port}[^\\n]*accept`))
    }
    expect(after).not.toContain('lan0')
  })

  test('firewall4 accepts the mark before any zone decides, and the requests within their zone', async () => {
    const roles = ['lan', 'guest'].map(
      name => `config interface\n\toption interface '${name}'\n\toption type 'internal'\n`,
    )
    router.write('etc/config/portico', ON + roles.join(''))
    const output = await router.run(`
      mkdir -p /usr/sbin; ln -s /bin/nft /usr/sbin/nft; ${START}; /etc/init.d/firewall start
      for chain in forward forward_wan input_guests; do nft list chain inet fw4 $chain; done`)
    // As the rules of firewall4 itself stand: `src '*'` is in the base chain, `src 'guests'` in the zone's.
    const rule = 'ubus:portico\\[instance1\\] rule'
    expect(output).toMatch(
      new RegExp(
        `chain forward \\{\\n[^\\n]*\\n[^\\n]*Handle flows"\\n[^\\n]*mark[^\\n]*accept comment "!fw4: ${rule} 0"\\n[^\\n]*jump`,
      ),
    )
    expect(output).toMatch(new RegExp(`chain input_guests \\{\\n[^\\n]*5351[^\\n]*accept comment "!fw4: ${rule} 1"`))
    expect(output.match(/rule 0/g)).toHaveLength(1)
  })

  /** firewall4's init script, which writes down what it is told, and what the rules are then. */
  const hears = () => {
    router.write('etc/procd-tells-nobody', '')
    router.write(
      'etc/init.d/firewall',
      '#!/bin/sh\nubus call service get_data >/tmp/seen; echo "$1" >>/tmp/told\n',
      0o755,
    )
  }
  const told = (times: number) => `soon sh -c '[ "$(grep -c reload /tmp/told)" = ${times} ]'`

  test('up to 23.05 it has to be told, and is told only when the rules are others', async () => {
    hears()
    const remark = `printf "config portico 'system'\\n\\toption mark '0x20000000'\\n" >>/etc/config/portico`
    const output = await router.run(`
      ${START}; ${INIT} reload; ${told(1)} && echo start; ${remark}; ${INIT} reload; ${told(2)} && echo reload
      ${INIT} stop; ${told(3)} && echo stop; usleep 500000; cat /tmp/told`)
    expect(output).toBe('start\nreload\nstop\nreload\nreload\nreload\n')
  })

  test('told of a stop, it finds the rules gone: procd shows them until the program has ended', async () => {
    hears()
    const output = await router.run(`
      ${START}; ${told(1)}; grep -c mark /tmp/seen; ${INIT} stop; ${told(2)}; grep -c mark /tmp/seen`)
    expect(output).toBe('1\n0\n')
  })

  test('it is told by its own script: procd may drop what it hears of a script that it is running', async () => {
    router.write('etc/procd-tells-nobody', '')
    router.write(
      'lib/functions/procd.sh',
      `${router.read('lib/functions/procd.sh')}\nprocd_set_config_changed() { :; }\n`,
    )
    const accepts = "nft list table inet fw4 | grep 'mark.*accept'"
    const output = await router.run(`mkdir -p /usr/sbin; ln -s /bin/nft /usr/sbin/nft; /etc/init.d/firewall start
      ${START}; soon sh -c "${accepts}" && echo accepts; pidof portico | wc -w`)
    expect(output).toBe('accepts\n1\n')
  })

  test('its rules are no change of configuration: it is not reloaded for them itself', async () => {
    hears()
    const output = await router.run(`
      : >/tmp/changed; ${START}; ${told(1)} && echo told; cat /tmp/changed
      usleep 2000000; told | grep -c 'reading the configuration again'`)
    expect(output).toBe('told\n0\n')
  })

  test('as shipped it is told nothing, not even at every boot', async () => {
    hears()
    router.write('etc/config/portico', router.read('etc/config/portico').replace("'1'", "'0'"))
    expect(await router.run(`${INIT} boot; usleep 500000; ls /tmp/told 2>/dev/null`)).toBe('')
  })

  test('nothing once the service has stopped', async () => {
    expect(await router.run(`${START}; ${INIT} stop; soon over; ls /tmp/procd`)).toBe('')
  })
})

describe('reload', () => {
  const REMARK = `printf "config portico 'system'\\n\\toption mark '0x20000000'\\n" >>/etc/config/portico`

  test('hands the new configuration to the running daemon', async () => {
    const output = await router.run(`
      ${START}; first=$(instance); ${REMARK}; ${INIT} reload
      soon grep -q 'reading the configuration again' /tmp/log/messages
      soon sh -c 'nft list table inet portico | grep -q 0x20000000'
      echo "same: $([ "$first" = "$(instance)" ] && echo yes)"
      nft list table inet portico | grep -c 0x20000000; grep mark /tmp/procd/portico/instance-instance1/data`)
    expect(output).toMatch(/^same: yes\n[1-9][0-9]*\nfirewall\.0\.mark\t0x20000000/)
  })

  test('restart: procd still runs the daemon of before when it is told to start, and runs it again', async () => {
    const output = await router.run(`
      ${START}; first=$(instance); ${INIT} restart; soon sh -c '[ "$(grep -c ready: /tmp/log/messages)" = 2 ]'
      echo "same: $([ "$first" = "$(instance)" ] && echo yes)"; ${INIT} status; told | grep -c 'not started'`)
    expect(output).toBe('same: \nrunning\n0\n')
  })

  test('a daemon that is slow to end is waited for', async () => {
    const output = await router.run(`
      ${START}; kill -STOP $(pidof portico); ( sleep 2; kill -CONT $(pidof portico) ) &
      ${INIT} restart; soon sh -c '[ "$(grep -c ready: /tmp/log/messages)" = 2 ]'; ${INIT} status; told | grep -c 'not started'`)
    expect(output).toBe('running\n0\n')
  })

  test('a broken file: the daemon goes on with the last good one, and says once what is wrong', async () => {
    const output = await router.run(`
      ${START}; first=$(instance); echo "config portico 'nat_pmp" >/etc/config/portico; ${INIT} reload
      soon grep -q 'last good' /tmp/log/messages
      echo "same: $([ "$first" = "$(instance)" ] && echo yes)"; ${INIT} status; grep -c mark /tmp/procd/portico/instance-instance1/data; told`)
    expect(output).toMatch(/^same: yes\nrunning\n1\n/)
    expect(output).toMatch(/config,error \/etc\/config\/portico:1:/)
    expect(output).not.toContain('not started')
  })

  test('a signal that comes before the daemon listens does not end it', async () => {
    const output = await router.run(`
      portico daemon >/tmp/out 2>&1 & pid=$!; n=0
      until [ "$(cat /proc/$pid/comm)" = portico ]; do :; done; usleep 500
      while [ $n -lt 60 ]; do kill -HUP $pid 2>/dev/null; n=$((n + 1)); usleep 1000; done
      soon grep -q ready: /tmp/out && kill -0 $pid && echo alive`)
    expect(output).toBe('alive\n')
  })

  test('switched off: the daemon ends, and nothing of it is left in the kernel', async () => {
    const output = await router.run(`
      ${START}; echo "config portico 'nat_pmp'" >/etc/config/portico; ${INIT} reload
      nft list tables | grep portico; soon over; soon gone; ${INIT} status; pidof portico`)
    expect(output).toBe('active with no instances\n')
  })

  test('procd runs the reload of a changed file without standard input, output and errors: it works as by hand', async () => {
    const trigger = (word: string) => `( exec <&- >&- 2>&-; exec ${INIT} ${word} )`
    const output = await router.run(`
      ${trigger('start')}; soon ready; ${REMARK}; ${trigger('reload')}; soon sh -c 'nft list table inet portico | grep -q 0x20000000' && echo reloaded
      echo "config portico 'nat_pmp" >/etc/config/portico; ${trigger('reload')}; ${INIT} status
      ${trigger('stop')}; soon over; ${trigger('reload')}; told | grep 'not started'; ${INIT} status`)
    expect(output).toMatch(
      /^reloaded\nrunning\ndaemon\.err portico: not started: \/etc\/config\/portico:1:.*\nactive with no instances\n$/,
    )
  })

  /** procd is told, as by reload_config. */
  const CHANGED = `ubus call service event '{"type":"config.change","data":{"package":"portico"}}'`

  test('procd reloads it when it hears that its file has changed', async () => {
    const output = await router.run(`
      ${START}; ${REMARK}; ${CHANGED}; soon sh -c 'nft list table inet portico | grep -q 0x20000000' && echo reloaded`)
    expect(output).toBe('reloaded\n')
  })

  describe('a change while the script has read the file and procd has not been given the service yet', () => {
    /** The program's answer to the script is held back while there is a file /tmp/hold. */
    const HELD = `mv /usr/bin/portico /usr/bin/real; cat >/usr/bin/portico <<'END'
#!/bin/sh
[ "$1" = service ] || exec /usr/bin/real "$@"
/usr/bin/real "$@"; status=$?
while [ -e /tmp/hold ]; do : >/tmp/asked; usleep 20000; done
exit $status
END
      chmod 755 /usr/bin/portico`
    const ASKED = 'soon ls /tmp/asked'
    const data = (mark: string) => `soon grep -q ${mark} /tmp/procd/portico/instance-instance1/data && echo ${mark}`

    test('by an event that procd drops: it is read all the same', async () => {
      const output = await router.run(`
        ${HELD}; ${START}; : >/tmp/hold; ${REMARK}; ${CHANGED}; ${ASKED}
        sed -i s/0x20000000/0x10000000/ /etc/config/portico; ${CHANGED}; ls /tmp/procd/portico/triggers/portico | cut -d- -f1
        rm /tmp/hold; ${data('0x10000000')}; soon sh -c 'nft list table inet portico | grep -q 0x10000000' && echo kernel`)
      expect(output).toBe('pending\n0x10000000\nkernel\n')
    })

    test('switched on while it is being switched off: it runs', async () => {
      const output = await router.run(`
        ${HELD}; ${START}; : >/tmp/hold; sed -i s/'1'/'0'/ /etc/config/portico; ${CHANGED}; ${ASKED}
        sed -i s/'0'/'1'/ /etc/config/portico; ${CHANGED}; rm /tmp/hold
        soon sh -c '[ ! -e /tmp/procd/portico/triggers/portico/pending-* ]'; usleep 1500000; ${INIT} status`)
      expect(output).toBe('running\n')
    })

    test('of another file, by an event that waits when a reload by hand makes the triggers anew', async () => {
      const other = CHANGED.replace('"package":"portico"', '"package":"firewall"')
      router.write(
        'etc/config/portico',
        `${ON}config interface\n\toption interface 'guest'\n\toption type 'internal'\n`,
      )
      const output = await router.run(`
        ${HELD}; ${START}; : >/tmp/hold; rm -f /tmp/asked; ( ${INIT} reload & ); ${ASKED}
        sed -i "/'guests'/,/input/s/'REJECT'/'ACCEPT'/" /etc/config/firewall; ${other}; rm /tmp/hold
        soon sh -c '! grep -q guests /tmp/procd/portico/instance-instance1/data' && echo open`)
      expect(output).toBe('open\n')
    })
  })

  test('an interface that came or went reloads a running service and starts no other', async () => {
    const hotplug = '( ACTION=ifup INTERFACE=wan DEVICE=wan0; . /etc/hotplug.d/iface/95-portico )'
    const output = await router.run(`
      ${hotplug}; ${INIT} status; ${START}; ${hotplug}
      soon grep -q 'reading the configuration again' /tmp/log/messages && echo reloaded`)
    expect(output).toBe('inactive\nreloaded\n')
  })
})

describe('what keeps it from starting is one line, and nothing is tried again', () => {
  const WAIT = `${INIT} start; usleep 1500000; told; ${INIT} status; pidof portico`

  const refusal = async (script: string, wanted: RegExp) => {
    const output = await router.run(`${script}; echo STATUS; portico status 2>&1`)
    const [before = '', status = ''] = output.split('STATUS\n')
    const told = lines(before).filter(line => !line.startsWith('portico: '))
    expect(told).toEqual([expect.stringMatching(wanted)])
    expect(told[0]).toContain('daemon.err')
    expect(before).toMatch(/^active with no instances$/m)
    // Where the program runs at all, its console says the same.
    const line = /not started: (.*)$/.exec(told[0] ?? '')?.[1] ?? ''
    if (!line.includes('for this processor')) expect(status).toContain(`it did not start:   ${line}`)
    return output
  }

  test('a broken configuration', async () => {
    router.write('etc/config/portico', "config portico 'nat_pmp'\n\toption enabled 'perhaps'\n")
    await refusal(WAIT, /portico: not started: \/etc\/config\/portico:2: option enabled 'perhaps': expected yes or no/)
  })

  test('miniupnpd is running', async () => {
    router.write('usr/sbin/miniupnpd', '#!/bin/sh\nsleep 20\n', 0o755)
    await refusal(
      `miniupnpd & usleep 100000; ${WAIT}; kill $!`,
      /portico: not started: miniupnpd is running and holds Portico's ports: stop it with/,
    )
  })

  test('another instance', async () => {
    await refusal(
      `portico daemon --run /tmp/other >/tmp/other.log 2>&1 & soon grep -q ready: /tmp/other.log; ${INIT} start; told; ${INIT} status`,
      /portico: not started: another portico daemon serves this network namespace already; stop it first/,
    )
  })

  test('no rights in the kernel', async () => {
    router.write(
      'usr/bin/weak',
      '#!/bin/sh\nexec setpriv --bounding-set -net_admin --inh-caps -net_admin /usr/bin/strong "$@"\n',
      0o755,
    )
    const output = await refusal(
      `mv /usr/bin/portico /usr/bin/strong; mv /usr/bin/weak /usr/bin/portico; ${WAIT}`,
      /portico: not started: cannot start: not permitted .*CAP_NET_ADMIN/,
    )
    expect(output).not.toContain('crash loop')
  })

  test('a program for another processor', async () => {
    await refusal(
      `printf '\\177ELF\\002\\002\\001' >/usr/bin/portico; ${WAIT}`,
      /portico: not started: \/usr\/bin\/portico does not run \(status [0-9]+\): is this the package for this processor\?$/,
    )
  })
})

describe('with ujail', () => {
  const INSTANCE = '/tmp/procd/portico/instance-instance1'
  /** The jailed daemon, seen from outside. */
  const JAILED = 'pid=$(pidof portico)'

  test('the daemon gets three capabilities, and sees what it needs', async () => {
    router.addUjail()
    router.write('etc/config/portico', `${ON}config portico 'system'\n\toption lease_file '/etc/portico/leases'\n`)
    const said =
      await router.run(`mkdir -p /var/run/ubus; ${START}; cd ${INSTANCE}; cat jail jail-mount capabilities; ls no_new_privs
      ${JAILED}; echo; grep CapEff /proc/$pid/status; grep NoNewPrivs /proc/$pid/status; ls /proc/$pid/root /proc/$pid/root/etc`)
    expect(said).toMatch(
      /^-n portico -p -s -r \/usr\/bin\/portico -r \/bin\/ubus -r \/var\/run\/ubus -w \/var\/run\/portico -w \/etc\/config -w \/etc\/portico '\/etc\/capabilities\/portico.json' no_new_privs$/m,
    )
    expect(said).toMatch(/CapEff:\t0000000000003400\nNoNewPrivs:\t1/)
    expect(said.split('\n').slice(-15).join(' ')).toContain('config portico')
    expect(said).not.toContain('passwd')
  })

  test('it serves, its console reaches it, and its check can ask nft', async () => {
    router.addUjail()
    const output = await router.run(`
      mkdir -p /usr/sbin; ln -s /bin/nft /usr/sbin/nft; ${INIT} start; soon ready; /etc/init.d/firewall start; told; nft list tables; portico status; portico check; ${INIT} status`)
    expect(output).toMatch(/ready: NAT-PMP on 192\.168\.1\.1 \(lan0\)/)
    expect(output).toContain('table inet portico')
    expect(output).toContain('11.22.33.44')
    expect(output).toMatch(/green firewall +firewall4 accepts what carries our mark/)
    expect(output).toMatch(/rival +not looked for from here/)
    expect(output).toMatch(/^running$/m)
  })

  test('what is amiss is filed apart though the jail of before 24.10 passes no environment on', async () => {
    router.addUjail()
    const output = await router.run(`sed -i 's/^    e)$/    e) continue/' /sbin/ujail
      ip link set wan0 down; ${START}; soon grep -q 'daemon.err' /tmp/log/messages; told`)
    expect(output).toMatch(/daemon\.err portico\[\d+\]: uplink,warning /)
    expect(output).toMatch(/daemon\.info portico\[\d+\]: system,info ready/)
  })

  test('reload, stop and restart reach it; the files that it reads are the router’s, replaced or not', async () => {
    router.addUjail()
    const output = await router.run(`
      mkdir -p /var/run/ubus; : >/var/run/ubus/ubus.sock
      ${START}; first=$(pidof portico); printf "config portico 'system'\\n\\toption mark '0x20000000'\\n" >>/etc/config/portico
      cp /etc/config/portico /tmp/new; mv /tmp/new /etc/config/portico; ${INIT} reload
      soon sh -c 'nft list table inet portico | grep -q 0x20000000' && echo reloaded
      rm /var/run/ubus/ubus.sock; echo new >/var/run/ubus/ubus.sock; cat /proc/$first/root/var/run/ubus/ubus.sock
      echo "same: $([ "$first" = "$(pidof portico)" ] && echo yes)"
      ${INIT} restart; soon sh -c '[ "$(grep -c ready: /tmp/log/messages)" = 2 ]'; ${INIT} status
      ${INIT} stop; soon over && soon gone && echo gone; told | grep -c 'not started'`)
    expect(output).toBe('reloaded\nnew\nsame: yes\nrunning\ngone\n0\n')
  })

  test('what dnsmasq makes later does not restart a running daemon', async () => {
    router.addUjail()
    const output = await router.run(`
      ${START}; first=$(instance); : >/tmp/dhcp.leases; ${INIT} reload; usleep 500000
      echo "same: $([ "$first" = "$(instance)" ] && echo yes)"`)
    expect(output).toBe('same: yes\n')
  })

  test('the ujail of 22.03, which takes no static program: it runs without a jail, and the log says so once', async () => {
    router.addUjail(true)
    const output = await router.run(`
      ${START}; ${INIT} reload; grep CapEff /proc/$(pidof portico)/status; told | grep -v ready:`)
    expect(output).not.toMatch(/CapEff:\t0000000000003400/)
    expect(lines(output).filter(line => line.includes('jail'))).toEqual([
      expect.stringMatching(/daemon\.notice portico: runs without a jail: ujail does not take \/usr\/bin\/portico$/),
    ])
  })

  test('without ujail, or without the file of capabilities, it runs as it is', async () => {
    expect(await router.run(`${START}; ls ${INSTANCE}`)).not.toContain('jail')
    router.addUjail()
    const output = await router.run(`rm /etc/capabilities/portico.json; ${START}; ls ${INSTANCE}`)
    expect(output).not.toContain('jail')
  })

  /** What procd is told. */
  const RECORD = 'procd_set_param() { echo "procd_set_param $*" >>/tmp/recorded; }'
  const recorded = async (prepare: string) => {
    router.write('lib/functions/procd.sh', `${router.read('lib/functions/procd.sh')}\n${RECORD}\n`)
    return router.run(`${prepare}; ${INIT} start; cat /tmp/recorded`)
  }

  test('respawns five times and gives up', async () => {
    const said = await recorded(':')
    expect(said).toContain('procd_set_param command /usr/bin/portico daemon\n')
    expect(said).toContain('procd_set_param respawn 3600 5 5\n')
    expect(said).toContain(
      'procd_set_param env PORTICO_LOG=split\nprocd_set_param stdout 1\nprocd_set_param stderr 1\n',
    )
  })

  test('what is amiss goes to standard error, the rest to standard output: procd files them apart', async () => {
    const output = await router.run(`
      ip link set wan0 down; PORTICO_LOG=split portico daemon >/tmp/out 2>/tmp/err & soon grep -q ready: /tmp/out
      soon grep -q wan0 /tmp/err; grep -c '[a-z],info ' /tmp/out; grep -c info /tmp/err; cut -d' ' -f1 /tmp/err`)
    expect(output).toMatch(/^[1-9]\n0\nuplink,warning\n/)
  })

  test('three capabilities are enough for the daemon', async () => {
    const only = '-all,+net_admin,+net_raw,+net_bind_service'
    const output = await router.run(`
      setpriv --bounding-set ${only} --inh-caps ${only} --no-new-privs portico daemon >/tmp/out 2>&1 &
      soon grep -q ready: /tmp/out; cat /tmp/out; grep CapEff /proc/$(pidof portico)/status; nft list tables`)
    expect(output).toContain('ready: NAT-PMP on 192.168.1.1 (lan0)')
    expect(output).toMatch(/CapEff:\t0000000000003400/)
    expect(output).toContain('table inet portico')
  })
})

describe('leases of miniupnpd', () => {
  test('come over into the kernel, as far as the rules allow', async () => {
    router.write('etc/config/portico', `${ON}config portico 'upnp'\n\toption enabled '1'\n`)
    const output = await router.run(`
      ${START}
      printf 'TCP:4000:192.168.1.7:4001:0:Game\\nUDP:22:192.168.1.7:22:0:x\\nTCP:4002:10.9.9.9:4002:0:far\\n' >/tmp/run/miniupnpd.leases
      portico import-leases; echo "exit $?"; nft list table inet portico | grep -c Game`)
    expect(output).toMatch(/1 mappings came over, 2 did not\nexit 1\n[1-9]/)
    expect(output).toMatch(/udp 22 of 192\.168\.1\.7 does not come over: /)
    expect(output).toContain('tcp 4002 of 10.9.9.9 does not come over: 10.9.9.9 is on no internal network')
  })
})

describe('a kernel that lacks something', () => {
  const uci = mkdtempSync(join(tmpdir(), 'portico-uci-'))
  writeFileSync(join(uci, 'portico'), ON)
  const binary = join(root, 'build/package/x86_64/porticod')

  /** The question of the init script, with a system call that fails as it does without the module. */
  const asked = async (fault: string) => {
    const traced = [
      'strace',
      '-f',
      '-o',
      '/dev/null',
      '-e',
      `inject=${fault}`,
      binary,
      'service',
      'start',
      '--uci',
      uci,
    ]
    const { status, stderr, stdout } = await run(['unshare', '--net', ...traced])
    expect(stdout).toBe('')
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    return { status, stderr }
  }

  test('no netfilter netlink', async () => {
    const { status, stderr } = await asked('socket:error=EPROTONOSUPPORT:when=2+')
    expect(status).toBe(71)
    expect(stderr).toMatch(/cannot start: .*EPROTONOSUPPORT; are kmod-nft-core, kmod-nft-nat and .* installed\?/)
  })

  test.each([
    ['nf_tables', 1],
    ['timeouts', 2],
    ['conntrack', 6],
  ])('no %s: what is written to netlink is refused', async (_, place) => {
    const { status, stderr } = await asked(`write:error=EOPNOTSUPP:when=${place}`)
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/^cannot start: .*EOPNOTSUPP/)
  })
})

describe('what is not there, or full, while it runs', () => {
  test('no nft: it serves, its check says what it could not look at, and its table goes with the package', async () => {
    const output = await router.run(`
      mkdir /tmp/hidden; mv "$(command -v nft)" /tmp/hidden/nft
      ${START}; told | grep -c ready:; told | grep -E 'warn|err'; portico check | grep -A1 firewall
      ${INIT} stop; ${INIT} purge; /tmp/hidden/nft list tables`)
    expect(output).toMatch(/^1\n *(amber|green) firewall +(firewall4 cannot be looked at|there is no firewall4)/)
    expect(output).not.toContain('table inet portico')
  })

  test('no netifd: roles come from the files, and the status says so', async () => {
    const output = await router.run(`${START}; told | grep -E 'warn|err'; portico status`)
    expect(output).not.toMatch(/daemon\.(warn|err)/)
    expect(output).toMatch(/lan0/)
    expect(output).toMatch(/ubus: not connected/)
  })

  test('a full overlay: the lease file is missing once in the log and in the status, and all else goes on', async () => {
    router.write('etc/config/portico', `${ON}config portico 'system'\n\toption lease_file '/etc/portico/leases'\n`)
    const output = await router.run(`
      mkdir -p /etc/portico; mount -t tmpfs -o size=4k tmpfs /etc/portico; yes >/etc/portico/rest 2>/dev/null
      ${START}; printf 'TCP:4000:192.168.1.7:4001:0:NAT-PMP Game\\n' >/tmp/leases; portico import-leases /tmp/leases
      kill -TERM $(pidof portico); soon grep -q 'cannot be written' /tmp/log/messages; told | grep -c 'cannot be written'
      told | grep ENOSPC; ls /etc/portico; nft list table inet portico | grep -c Game`)
    expect(output).toMatch(/1 mappings came over/)
    expect(output).toMatch(/\n1\n.*\/etc\/portico\/leases cannot be written: .*ENOSPC.*\nrest\n[1-9]/)
  })
})

describe('install, upgrade, remove', () => {
  const INFO = '/usr/lib/opkg/info/portico'
  const INSTALL = `${INFO}.postinst configure`

  test('installing enables the service and starts nothing', async () => {
    router.write('etc/config/portico', readFileSync(join(root, 'openwrt/portico/files/portico.config'), 'utf8'))
    const output = await router.run(`${INSTALL}; ls /etc/rc.d /etc/uci-defaults; ${INIT} status; told`)
    expect(output).toBe('/etc/rc.d:\nK15portico\nS94portico\n\n/etc/uci-defaults:\nactive with no instances\n')
  })

  test('first installation beside miniupnpd: its rules become ours, switched off, its file untouched', async () => {
    router.write('etc/config/portico', readFileSync(join(root, 'openwrt/portico/files/portico.config'), 'utf8'))
    const old =
      "config upnpd 'config'\n\toption enabled '1'\n\toption uuid 'abc'\n\tlist internal_iface 'lan'\n\nconfig perm_rule\n\toption action 'deny'\n\toption comment 'all'\n"
    router.write('etc/config/upnpd', old)
    await router.run(INSTALL)
    expect(router.read('etc/config/upnpd')).toBe(old)
    const made = router.read('etc/config/portico')
    expect(made).toContain("config portico 'nat_pmp'\n\toption enabled '0'")
    expect(made).toContain("config permission\n\toption action 'deny'\n\toption comment 'all'\n")
    expect(router.read('etc/portico/migrated-from-upnpd.txt')).toMatch(/miniupnpd had on: NAT-PMP and UPnP[\s\S]*uuid/)
  })

  test('an image runs it again after every sysupgrade: the first report stays, and nothing more is logged', async () => {
    router.write('etc/config/portico', readFileSync(join(root, 'openwrt/portico/files/portico.config'), 'utf8'))
    router.write('etc/config/upnpd', "config upnpd 'config'\n\toption enabled '1'\n\toption uuid 'abc'\n")
    const again = '( cd /etc/uci-defaults; . /tmp/60-portico )'
    const output = await router.run(`cp /etc/uci-defaults/60-portico /tmp; ${INSTALL}
      sed -i "s/enabled '0'/enabled '1'/" /etc/config/portico; ${again}; told | grep -c 'daemon.notice'`)
    expect(output).toBe('1\n')
    expect(router.read('etc/portico/migrated-from-upnpd.txt')).toMatch(/miniupnpd had on: NAT-PMP and UPnP[\s\S]*uuid/)
  })

  test('a full overlay: one line, and the file stays as it was', async () => {
    const shipped = readFileSync(join(root, 'openwrt/portico/files/portico.config'), 'utf8')
    const output = await router.run(`
      mount -t tmpfs -o size=16k tmpfs /etc/config
      cat >/etc/config/portico <<'END'\n${shipped}END
      echo "config upnpd 'config'" >/etc/config/upnpd
      yes >/etc/config/rest 2>/dev/null
      ${INSTALL}; told; ls -a /etc/config; sed -n 1p /etc/config/portico`)
    expect(lines(output).filter(line => line.includes('daemon.'))).toEqual([
      expect.stringMatching(/portico: \/etc\/config\/portico cannot be written: .*ENOSPC/),
    ])
    expect(output).toContain('.\n..\nportico\nrest\nupnpd\n# Portico opens ports')
  })

  test('an upgrade keeps the mappings in the kernel and the owner’s file', async () => {
    const output = await router.run(`
      ${START}; export PKG_UPGRADE=1; ${INFO}.prerm upgrade; soon over; nft list tables; cat /etc/config/portico`)
    expect(output).toContain('table inet portico')
    expect(output).toContain("option enabled '1'")
  })

  /** A mapping and a flow through it. */
  const FLOW = `printf 'UDP:4000:192.168.1.7:4001:0:NAT-PMP Game\\n' >/tmp/leases; portico import-leases /tmp/leases
      conntrack -I -p udp -s 11.22.33.9 -d 11.22.33.44 --sport 9 --dport 4000 --dst-nat 192.168.1.7:4001 -t 60 2>/dev/null`
  const FLOWS = 'flows $(conntrack -L 2>/dev/null | grep -c dport=4000)'

  test('removing leaves nothing behind, not even a flow or a lease', async () => {
    router.write('etc/config/portico', `${ON}config portico 'system'\n\toption lease_file '/etc/portico/leases'\n`)
    const output = await router.run(`
      ${INSTALL}; soon ready; ${FLOW}; echo "${FLOWS}"; ${INFO}.prerm remove; soon over; echo "${FLOWS}"
      nft list tables | grep portico; ls /tmp/procd /etc/rc.d /tmp/run /etc/portico; pidof portico; ls -d /var/run/portico*`)
    expect(output).toMatch(/flows 1\nflows 0\n/)
    expect(output).not.toContain('leases\n')
    expect(output).not.toContain('portico\n')
    expect(output).not.toMatch(/[SK][0-9]+portico/)
    expect(output).not.toContain('table inet portico')
  })

  test.each(['/etc/portico', '/etc', 'none', ''])(
    'a lease file that is none, %j, takes nothing with it',
    async path => {
      router.write('etc/config/portico', `config portico 'system'\n\toption lease_file '${path}'\n`)
      const output = await router.run(
        `mkdir /etc/portico; cd /; : >none; ${INFO}.prerm remove; ls -d /etc/config/network /etc/portico /none`,
      )
      expect(output).toContain('/etc/config/network\n/etc/portico\n/none\n')
    },
  )

  /** apk writes its scripts so (include/package-pack.mk): the package's own below the call. */
  const APK = 'export pkgname=portico; . /lib/functions.sh'
  const BY_APK = `mkdir -p /lib/apk/packages; mv ${INFO}.list /lib/apk/packages/portico.list; mv ${INFO}.prerm-pkg /tmp/own`
  const REMOVE = `( ${APK}; default_prerm; . /tmp/own )`

  test('removed by apk, which stops the service first, it leaves nothing either, and flows end', async () => {
    const output = await router.run(`
      ${BY_APK}; ( ${APK}; default_postinst ); soon ready; ${FLOW}; echo "${FLOWS}"; ${REMOVE}; soon over; echo "${FLOWS}"
      nft list tables | grep portico; ls /etc/rc.d /var/run; pidof portico`)
    expect(output).toContain('flows 1\nflows 0\n')
    expect(output).not.toMatch(/table inet portico|[SK][0-9]+portico|^portico$/m)
  })

  test('an upgrade by apk stops nothing: the new program is started in place of the old one, and serves the same', async () => {
    const output = await router.run(`
      ${BY_APK}; ( ${APK}; default_postinst ); soon ready; first=$(instance); ${FLOW}
      cp /usr/bin/portico /usr/bin/.new; printf '\\n' >>/usr/bin/.new; mv /usr/bin/.new /usr/bin/portico
      ( export PKG_UPGRADE=1; ${APK}; default_postinst ); soon sh -c '[ "$(grep -c ready: /tmp/log/messages)" = 2 ]'
      echo "same: $([ "$first" = "$(instance)" ] && echo yes)"; nft list table inet portico | grep -c Game`)
    expect(output).toMatch(/same: \n[1-9]/)
  })
})
