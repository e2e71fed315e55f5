/** Names of items: `*1F90`. They hold as long as the item does, and say nothing else to anybody. */
import type { Mapping } from '../core/mapping.ts'

export const idText = (n: number): string => `*${n.toString(16).toUpperCase()}`

/**
 * An external port of one transport has one mapping and a pinhole has its number, so these name them: tcp `*1..*FFFF`,
 * udp `*10001..*1FFFF`, pinholes `*20001..*2FFFF`.
 */
export function mappingId({ transport, external, pinhole }: Mapping): string {
  if (pinhole !== undefined) return idText(0x20000 + pinhole)
  return idText((transport === 'udp' ? 0x10000 : 0) + external.port)
}
