/** `portico check`: what must be in order for the service to work, each green, amber or red with the mending step. */
import { oneLine } from '../base/text.ts'
import { describe } from '../config/problems.ts'
import type { Check, CheckState, Status } from './world.ts'

export interface Facts {
  readonly status: Status
  /** Whether the system's firewall lets pass what carries our mark. */
  readonly firewall: FirewallFact
  /** As nft writes it: `0x40000000`. */
  readonly mark: string
  /** `net.netfilter.nf_conntrack_acct`; `undefined` where the kernel does not say. */
  readonly accounting: boolean | undefined
  /** Other port-mapping daemons that run, by name; `undefined` when it could not be looked at. */
  readonly rivals: readonly string[] | undefined
}

export type FirewallFact =
  | { readonly is: 'accepts' | 'absent' | 'refuses' }
  /** `why`: a sentence. */
  | { readonly is: 'unknown'; readonly why: string }

/** In the order in which to mend them. */
export const checksOf = (facts: Facts): readonly Check[] =>
  Object.entries(CHECKS).map(([name, look]) => {
    const [state, what, mend] = look(facts)
    return {
      name,
      state,
      what: oneLine(what, LONGEST),
      ...(mend === undefined ? {} : { mend: oneLine(mend, LONGEST) }),
    }
  })

/** For people: the state, the name, what was found; below it what to do. */
export function checksText(checks: readonly Check[]): string {
  const widest = Math.max(0, ...checks.map(({ name }) => name.length))
  return checks
    .map(({ name, state, what, mend }) => {
      const indent = ' '.repeat(widest + 9)
      const found = `${state.padStart(6)} ${name.padEnd(widest)}  ${what}\n`
      return mend === undefined ? found : `${found}${indent}${mend}\n`
    })
    .join('')
}

const LONGEST = 512

type Finding = readonly [state: CheckState, what: string, mend?: string]

const CHECKS: Readonly<Record<string, (facts: Facts) => Finding>> = {
  service: ({ status }) => {
    const on = status.services.filter(({ enabled }) => enabled).map(({ service }) => service)
    if (on.length > 0) return ['green', `${on.join(' and ')} ${on.length > 1 ? 'are' : 'is'} on`]
    return ['red', 'no service is enabled', 'Turn NAT-PMP or UPnP on in the settings.']
  },
  configuration: ({ status }) => {
    const gravest =
      status.problems.find(({ weight }) => weight === 'error') ??
      status.problems.find(({ weight }) => weight === 'warning')
    if (gravest === undefined) return ['green', 'the files have no mistakes']
    const error = gravest.weight === 'error'
    const mend = error
      ? 'Mend it, then run: /etc/init.d/portico reload. Until then the last good configuration stays in force.'
      : 'Mend it, then run: /etc/init.d/portico reload.'
    return [error ? 'red' : 'amber', describe(gravest), mend]
  },
  roles: ({ status }) => {
    if (status.internal.length === 0) {
      return ['red', 'no internal interface has an address', 'Name the LAN as internal interface in the settings.']
    }
    if (status.uplink.device === undefined) {
      return ['red', 'there is no external interface', 'Name the WAN as external interface in the settings.']
    }
    const [cut] = status.closed
    if (cut !== undefined) {
      return [
        'amber',
        `${cut.device} is cut off from the Internet, as ${cut.by} asked by UPnP`,
        'Turn allow_disable_internal_interface off in the settings: that opens it again.',
      ]
    }
    const inside = [...new Set(status.internal.map(({ device }) => device))].join(', ')
    const outside6 = status.uplink6.is === 'up' ? status.uplink6.device : undefined
    const apart = outside6 === undefined || outside6 === status.uplink.device ? '' : `, of IPv6 ${outside6}`
    return ['green', `internal ${inside}, external ${status.uplink.device}${apart}`]
  },
  uplink: ({ status: { uplink } }) => {
    if (uplink.is === 'down') return ['red', uplink.why, 'Bring the internet connection up.']
    if (uplink.reach === 'public') return ['green', `${uplink.address} is public`]
    const forced = uplink.told !== uplink.address
    if (forced) return ['green', `${uplink.address} is private; clients are told ${uplink.told}`]
    return uplink.reach === 'shared'
      ? ['amber', `${uplink.address} is shared by the provider`, 'Ask your provider for a public IPv4 address.']
      : [
          'amber',
          `${uplink.address} is private: another router stands before this one`,
          'Forward ports there, or put it into bridge mode.',
        ]
  },
  ports: ({ status }) => {
    const troubled = status.services.find(({ enabled, trouble }) => enabled && trouble !== undefined)
    if (troubled?.trouble !== undefined) {
      return ['red', `${troubled.service}: ${troubled.trouble}`, 'Stop the program that has the port.']
    }
    const silent = status.services.find(({ enabled, listening }) => enabled && listening.length === 0)
    if (silent !== undefined) return ['red', `${silent.service} answers nowhere`, 'Look at the roles above.']
    const all = status.services.flatMap(({ enabled, listening }) => (enabled ? listening : []))
    return ['green', all.length === 0 ? 'none is needed' : `answers at ${all.join(', ')}`]
  },
  firewall: ({ firewall, mark }) => {
    switch (firewall.is) {
      case 'accepts':
        return ['green', `firewall4 accepts what carries our mark ${mark}`]
      case 'absent':
        return ['green', 'there is no firewall4 that could object']
      case 'refuses':
        return [
          'red',
          `firewall4 has no rule that accepts mark ${mark}: it refuses what comes in by a mapping`,
          'Run: /etc/init.d/portico restart && /etc/init.d/firewall reload',
        ]
      case 'unknown':
        return ['amber', `firewall4 cannot be looked at: ${firewall.why}`, 'Look with: nft list table inet fw4']
    }
  },
  accounting: ({ accounting }) =>
    accounting === true
      ? ['green', 'the kernel counts the traffic of flows']
      : [
          'amber',
          'the kernel does not count the traffic of flows, so none is shown',
          'Run: sysctl -w net.netfilter.nf_conntrack_acct=1',
        ],
  rival: ({ rivals }) => {
    if (rivals === undefined) return ['green', 'not looked for from here: the init script looks when it starts']
    if (rivals.length === 0) return ['green', 'no other port-mapping daemon runs']
    return [
      'red',
      `${rivals.join(', ')} runs too`,
      `Run: /etc/init.d/${rivals[0]} disable; /etc/init.d/${rivals[0]} stop`,
    ]
  },
  capacity: ({ status: { held, limits } }) => {
    const what = `${held} of ${limits.total} mappings are in use`
    const mend = "Raise option total of config portico 'limits'."
    if (held >= limits.total) return ['red', what, mend]
    return held >= limits.total * 0.9 ? ['amber', what, mend] : ['green', what]
  },
}
