/** Chromium on a device of the LAN: what it asks for goes through the lab's network, as a person's browser would. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { LAN, type Lab } from '../../support/lab.ts'
import { HTTP_PORT } from '../../support/upnp.ts'
import { CHROMIUM, FLAGS } from './browser.ts'

export const PAGE = `http://${LAN}:${HTTP_PORT}/`

export async function openOnLan(lab: Lab): Promise<Browser> {
  const wrapper = join(lab.directory, 'chromium')
  writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${lab.a.netns} ${CHROMIUM} "$@"\n`, { mode: 0o755 })
  return chromium.launch({
    executablePath: wrapper,
    args: FLAGS,
  })
}
