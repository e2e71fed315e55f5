/** Imports one TypeScript file of this repository, with what it imports, into a program that runs on Node 20. */
import { build } from 'esbuild'

/** The module's exports; `path` is relative to the repository. */
export async function loadTypeScript(path) {
  const result = await build({
    absWorkingDir: new URL('..', import.meta.url).pathname,
    entryPoints: [path],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    write: false,
  })
  return import(`data:text/javascript;base64,${Buffer.from(result.outputFiles[0].contents).toString('base64')}`)
}
