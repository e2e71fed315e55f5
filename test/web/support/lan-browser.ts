/** Chromium on a device of the LAN: what it asks for goes through the lab's network, as a person's browser would. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { LAN, type Lab } from '../../support/lab.ts'
import { HTTP_PORT, httpRaw, soap } from '../../support/upnp.ts'
import { CHROMIUM, FLAGS } from './browser.ts'

export const PAGE = `http://${LAN}:${HTTP_PORT}/`

/** The device asks for a mapping to itself, port to the same port; resolves with the answer. */
export function mapByUpnp(
  { a }: Lab,
  external: number,
  label: string,
  more: Readonly<Record<string, string | number>> = {},
): Promise<string> {
  const request = soap('AddPortMapping', {
    NewRemoteHost: '',
    NewExternalPort: external,
    NewProtocol: 'TCP',
    NewInternalPort: external,
    NewInternalClient: a.ip,
    NewEnabled: 1,
    NewPortMappingDescription: label.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    NewLeaseDuration: 7200,
    ...more,
  })
  return httpRaw(a, LAN, request)
}

export async function openOnLan(lab: Lab): Promise<Browser> {
  const wrapper = join(lab.directory, 'chromium')
  writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${lab.a.netns} ${CHROMIUM} "$@"\n`, { mode: 0o755 })
  return chromium.launch({
    executablePath: wrapper,
    args: FLAGS,
  })
}
