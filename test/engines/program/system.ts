/** Scenes about files, child processes, standard input. */
import type { Milliseconds } from '../../../src/base/time.ts'
import type { Scene } from './main.ts'

const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error)

export const systemScenes: Record<string, Scene> = {
  /** What the platform says about itself. */
  about(platform, words) {
    const { engine, littleEndian } = platform
    const random = platform.random(32)
    const errors = [2, 98, 111, 4095].map(errno => platform.errnoName(errno))
    const environment = [platform.environment('PORTICO_TEST') ?? null, platform.environment('PORTICO_ABSENT') ?? null]
    const different = new Set(random).size > 8 && String(random) !== String(platform.random(32))
    platform.stdout(`${JSON.stringify({ engine, littleEndian, words, errors, environment, different })}\n`)
  },

  /** run MILLISECONDS WORDS...: the outcome as JSON. */
  async run(platform, [timeout, ...command]) {
    platform.stdout(`${JSON.stringify(await platform.run(command, Number(timeout) as Milliseconds))}\n`)
  },

  /** many COUNT: as many children at once, each with its own status. */
  async many(platform, [count]) {
    const commands = Array.from({ length: Number(count) }, (_, n) => ['sh', '-c', `echo ${n}; exit ${n % 100}`])
    const all = await Promise.all(commands.map(command => platform.run(command, 20_000 as Milliseconds)))
    const right = all.filter(({ status, stdout }, n) => status === n % 100 && stdout === `${n}\n`)
    platform.stdout(`right ${right.length}\n`)
  },

  /** read PATH: its length and its first words, or the error. */
  read(platform, [path]) {
    try {
      const bytes = platform.readFile(path as string)
      const start = bytes === undefined ? '' : String.fromCharCode(...bytes.subarray(0, 13))
      platform.stdout(`${bytes === undefined ? 'absent' : bytes.length} ${start}\n`)
    } catch (error) {
      platform.stdout(`refused ${codeOf(error)}\n`)
    }
  },

  /** write PATH SIZE COUNT: the file again and again, all of one letter each time. */
  write(platform, [path, size, count]) {
    try {
      for (let i = 0; i < Number(count); i++) {
        platform.writeFile(path as string, new Uint8Array(Number(size)).fill(97 + (i % 26)))
      }
      platform.stdout('written\n')
    } catch (error) {
      platform.stdout(`refused ${codeOf(error)}\n`)
    }
  },

  /** Directory and file operations that must be harmless when repeated. */
  tidy(platform, [directory]) {
    const path = `${directory}/a/b/c`
    platform.makeDirectory(path)
    platform.makeDirectory(path)
    platform.writeFile(`${path}/file`, Uint8Array.of(1, 2, 3))
    platform.removeFile(`${path}/file`)
    platform.removeFile(`${path}/file`)
    platform.removeFile(`${path}/absent/file`)
    try {
      platform.makeDirectory(`/proc/none/such`)
    } catch (error) {
      platform.stdout(`refused ${codeOf(error)}\n`)
    }
  },

  /** Repeats every line of standard input. */
  async lines(platform) {
    for (;;) {
      const line = await platform.readLine()
      platform.stdout(`${line === undefined ? 'end' : `[${line}]`}\n`)
      if (line === undefined) return
    }
  },

  /** Everything that was printed must have left before the end. */
  exit(platform) {
    platform.stdout(`${'x'.repeat(300_000)}\n`)
    platform.stderr('y'.repeat(300_000))
    platform.exit(3)
  },
}
