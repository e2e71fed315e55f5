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
const DUMP = ['ubus', 'call', 'network.interface', 'dump']

export class Configuration {
  readonly #platform: Platform
  readonly #log: Log
  readonly #directory: string
  readonly #askBus: () => Promise<unknown>
  #config: Config = defaultConfig()
  #problems: readonly Problem[] = []
  #netifd: readonly NetifdInterface[] | undefined
  /** Some file has been good: before that, nothing is in force. */
  #wasGood = false
  #isAbsent = false
  #complaint: string | undefined

  /** `askBus`: netifd's dump, where we are on its bus; else the `ubus` command is asked. */
  constructor(platform: Platform, log: Log, directory: string, askBus: () => Promise<unknown> = async () => undefined) {
    this.#platform = platform
    this.#log = log
    this.#directory = directory
    this.#askBus = askBus
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

  /** Of Portico's own file. */
  get path(): string {
    return fileNames(this.#directory).portico
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
    this.tell(problems)
    if (config === undefined) {
      const meanwhile = this.#wasGood ? 'the last good configuration stays in force' : 'every service is off'
      this.#log('error', 'config', `${names.portico} has errors: ${meanwhile}`)
      return false
    }
    this.#wasGood = true
    this.#config = config
    return true
  }

  /** In the log, where a problem of the files belongs, and what the network makes of them. */
  tell(problems: readonly Problem[]): void {
    for (const problem of problems) this.#log(SEVERITY[problem.weight], 'config', describe(problem))
  }

  /**
   * Asks netifd which device each network has now; whether it says otherwise than before. Without netifd (no `ubus`
   * command) the network file serves, and nobody is asked again until `anew`.
   */
  async askNetifd(anew: boolean): Promise<boolean> {
    const dumped = await this.#askBus()
    if (dumped !== undefined) return this.#understand(JSON.stringify(dumped))
    if (anew) this.#isAbsent = false
    if (this.#isAbsent) return false
    const { status, stdout, stderr } = await this.#platform.run(DUMP, PATIENCE)
    this.#isAbsent = status === COMMAND_NOT_FOUND
    if (this.#isAbsent) return false
    if (status !== 0) return this.#complain(`netifd does not answer (status ${status}): ${stderr.trim()}`)
    return this.#understand(stdout)
  }

  #understand(dumped: string): boolean {
    try {
      const before = JSON.stringify(this.#netifd)
      this.#netifd = parseNetifd(utf8Encode(dumped))
      this.#complaint = undefined
      return JSON.stringify(this.#netifd) !== before
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      return this.#complain(`netifd's answer is not understood: ${error.message}`)
    }
  }

  /** Once for each complaint: links may change often. What netifd said last stands. */
  #complain(complaint: string): false {
    if (complaint !== this.#complaint) this.#log('warning', 'config', `${complaint}; its last word stands`)
    this.#complaint = complaint
    return false
  }

  #file(path: string): FileBytes {
    try {
      return this.#platform.readFile(path)
    } catch {
      return 'unreadable'
    }
  }
}
