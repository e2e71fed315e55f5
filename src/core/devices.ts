/** Which device is behind an address, and what that means for the mappings that lead there (docs/decisions/025). */
import type { Mac } from '../base/ip.ts'
import type { Change, Mapping } from './mapping.ts'

type Replacement = Extract<Change, { readonly act: 'replace' }>

/** What must change when this device is behind the address of these mappings; `disabled` ones lead nowhere anyway. */
export function atDevice(mappings: readonly Mapping[], mac: Mac): readonly Replacement[] {
  const changes: Replacement[] = []
  for (const was of mappings) {
    if (was.mac === undefined || was.state === 'disabled') continue
    const state = was.mac === mac ? 'on' : 'suspended'
    if (state !== was.state) changes.push({ act: 'replace', was, mapping: { ...was, state } })
  }
  return changes
}
