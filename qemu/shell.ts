/** A prompt at the router with the package on, among its neighbours: `KEEP=1`, or `main.mjs shell`. */
import { createInterface } from 'node:readline'
import { makeSurroundings } from './lab.ts'
import { ready } from './ready.ts'
import type { Given } from './share.ts'
import { Vm } from './vm.ts'

export async function shell(given: Given): Promise<void> {
  const lab = await makeSurroundings()
  const vm = new Vm(given.image, { directory: given.directory, rom: given.rom, taps: lab.taps })
  await ready(vm)
  const hosts = { a: lab.a, b: lab.b, iot: lab.iot, guest: lab.guest, world: lab.world }
  console.log(
    `${given.image.name}: commands run in the router; '@a natpmpc' runs one on a (${Object.keys(hosts).join(', ')}); ^D ends`,
  )
  const prompt = createInterface({ input: process.stdin, output: process.stdout, prompt: 'router# ' })
  prompt.prompt()
  for await (const line of prompt) {
    const [, name, command] = /^@(\w+)\s+(.*)$/.exec(line) ?? []
    const host = hosts[name as keyof typeof hosts]
    const done = host === undefined ? await vm.sh(line, 300_000) : await host.run(['sh', '-c', command ?? ''])
    process.stdout.write(done.stdout + done.stderr)
    prompt.prompt()
  }
  await vm.off()
  await lab.close()
  process.exit(0)
}
