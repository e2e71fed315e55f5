/** Names of networks and devices, as owners write them, to the devices that packets come in by. */
import type { NetifdInterface } from './netifd.ts'
import type { NetworkFile } from './network-file.ts'
import { isDeviceName } from './network-file.ts'

export type Named =
  | { readonly is: 'device'; readonly device: string }
  /** A network without a device now; which one it will have is known where the network file says so. */
  | { readonly is: 'down'; readonly device: string | undefined }
  /** Neither a network nor fit to be the name of a device. */
  | { readonly is: 'unknown' }

export interface NameFacts {
  /** What netifd says; `undefined` where there is none. */
  readonly netifd: readonly NetifdInterface[] | undefined
  readonly network: NetworkFile | undefined
}

/** netifd knows best; the network file stands in where it has no such network; any other name is a device's. */
export function resolveName(name: string, { netifd, network }: NameFacts): Named {
  const known = netifd?.find(each => each.name === name)
  if (known?.device !== undefined) return { is: 'device', device: known.device }
  const written = network?.devices.get(name)
  if (known !== undefined) return { is: 'down', device: written }
  if (network?.devices.has(name) === true) {
    return written === undefined ? { is: 'down', device: undefined } : { is: 'device', device: written }
  }
  return isDeviceName(name) ? { is: 'device', device: name } : { is: 'unknown' }
}

/** Whether netifd or the network file has a network of this name. */
export const isNetwork = (name: string, { netifd, network }: NameFacts): boolean =>
  netifd?.some(each => each.name === name) === true || network?.devices.has(name) === true
