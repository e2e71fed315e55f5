/**
 * The owner's files as they were last read well. A file with a mistake leaves the last good configuration in force
 * and its mistakes among the problems, with file and line; nothing here ends the daemon.
 */
import { Malformed } from '../base/fail.ts'
import type { Log, Severity } from '../base/log.ts'
import { utf8Encode } from '../base/text.ts'
import { milliseconds } from '../base/time.ts'
import type { Config } from '../config/config.ts'
import { defaultConfig } from '../config/config.ts'
import type { FileBytes } from '../config/load.ts'
import { fileNames, load } from '../config/load.ts'
import type { NetifdInterface } from '../config/netifd.ts'
import { parseNetifd } from '../config/netifd.ts'
import type { Problem, Weight } from '../config/problems.ts'
import { describe } from '../config/problems.ts'
import type { Platform } from '../platform/platform.ts'

const SEVERITY: Record<Weight, Severity> = { error: 'error', warning: 'warning', note: 'info' }
/** netifd answers in milliseconds; without an answer the names of the network file serve. */
const PATIENCE = milliseconds(3000)
const COMMAND_NOT_FOUND = 127

export class Configuration {
  readonly #platform: Platform
  readonly #log: Log
  readonly #directory: string
  #config: Config = defaultConfig()
  #problems: readonly Problem[] = []
  #netifd: readonly NetifdInterface[] | undefined

  constructor(platform: Platform, log: Log, directory: string) {
    this.#platform = platform
    this.#log = log
    this.#directory = directory
  }

  /** In force. */
  get config(): Config {
    return this.#config
  }

  /** Of the files as they are now, whether they are in force or not. */
  get problems(): readonly Problem[] {
    return this.#problems
  }

  get netifd(): readonly NetifdInterface[] | undefined {
    return this.#netifd
  }

  /** Reads the files. Whether a new configuration came into force. */
  read(): boolean {
    const names = fileNames(this.#directory)
    const { config, problems } = load(
      { portico: this.#file(names.portico), network: this.#file(names.network), firewall: this.#file(names.firewall) },
      names,
      this.#config,
    )
    this.#problems = problems
    for (const problem of problems) this.#log(SEVERITY[problem.weight], 'config', describe(problem))
    if (config === undefined) {
      this.#log('error', 'config', `${names.portico} has errors: the last good configuration stays in force`)
      return false
    }
    this.#config = config
    return true
  }

  /** Asks netifd which device each network has now. Without netifd (no `ubus` command) the network file serves. */
  async askNetifd(): Promise<void> {
    const { status, stdout, stderr } = await this.#platform.run(['ubus', 'call', 'network.interface', 'dump'], PATIENCE)
    if (status === COMMAND_NOT_FOUND) return
    if (status !== 0) {
      this.#log('warning', 'config', 'netifd does not answer; its last word stands', { status, said: stderr.trim() })
      return
    }
    try {
      this.#netifd = parseNetifd(utf8Encode(stdout))
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#log('warning', 'config', `netifd's answer is not understood: ${error.message}`)
    }
  }

  #file(path: string): FileBytes {
    try {
      return this.#platform.readFile(path)
    } catch {
      return 'unreadable'
    }
  }
}
