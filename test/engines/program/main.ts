/** The program that the tests of the engines run: one scene, named by the first word, on the platform of the engine. */
import { createNodePlatform } from '../../../src/platform/node.ts'
import type { Platform } from '../../../src/platform/platform.ts'
import { createQuickjsPlatform } from '../../../src/platform/quickjs.ts'
import { loopScenes } from './loop.ts'
import { netlinkScenes } from './netlink.ts'
import { socketScenes } from './sockets.ts'
import { systemScenes } from './system.ts'

/** Prints what it saw, one line each; the tests judge. */
export type Scene = (platform: Platform, words: readonly string[]) => unknown

const SCENES: Readonly<Record<string, Scene>> = { ...loopScenes, ...socketScenes, ...netlinkScenes, ...systemScenes }

// No top-level await: see src/platform/quickjs.ts.
void ('process' in globalThis ? createNodePlatform() : createQuickjsPlatform()).then(play)

async function play(platform: Platform) {
  platform.onFault(error => platform.stdout(`fault: ${error instanceof Error ? error.message : String(error)}\n`))
  const [name = '', ...words] = platform.arguments
  const scene = SCENES[name]
  if (scene === undefined) {
    platform.stderr(`no scene '${name}'`)
    platform.exit(2)
  } else {
    await scene(platform, words)
    platform.stdout('ready\n')
  }
}
