/**
 * Tar archives in GNU's format, as OpenWrt's ipkg-build makes them: `./` names, sorted, owned by root by number, one
 * time for all members. Reading is for tests, and strict.
 */

/**
 * @typedef {object} Member
 * @property {string} name `./etc/config/portico`; a folder's name ends in `/`
 * @property {number} mode permission bits
 * @property {Buffer} [bytes] absent for a folder
 */

const BLOCK = 512
/** tar's own rounding: archives are a multiple of twenty blocks. */
const RECORD = 20 * BLOCK

/**
 * @param {readonly Member[]} members in the order in which they shall stand
 * @param {number} mtime seconds since 1970, for every member
 * @returns {Buffer}
 */
export function writeTar(members, mtime) {
  const parts = members.flatMap(({ name, mode, bytes = Buffer.alloc(0) }) => {
    const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)
    return [header(name, mode, bytes.length, mtime), bytes, padding]
  })
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const end = Buffer.alloc(RECORD * Math.ceil((size + 2 * BLOCK) / RECORD) - size)
  return Buffer.concat([...parts, end])
}

/** Folders are named too, each before what is in it, as `tar --sort=name .` names them. */
export function withFolders(members) {
  const folders = new Set(['./'])
  for (const { name } of members) {
    for (let at = name.indexOf('/', 2); at > 0; at = name.indexOf('/', at + 1)) folders.add(name.slice(0, at + 1))
  }
  const all = [...members, ...[...folders].map(name => ({ name, mode: 0o755 }))]
  // Folder by folder: a folder's own name sorts before its members, and among siblings the plain name decides.
  const key = ({ name }) => name.replace(/\/$/, '').split('/')
  return all.sort((a, b) => comparePaths(key(a), key(b)))
}

function comparePaths(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1
  return a.length - b.length
}

function header(name, mode, size, mtime) {
  const block = Buffer.alloc(BLOCK)
  if (Buffer.byteLength(name) > 100) throw new Error(`${name}: names of more than 100 bytes are not written`)
  block.write(name, 0)
  octal(block, 100, 8, mode)
  octal(block, 108, 8, 0)
  octal(block, 116, 8, 0)
  octal(block, 124, 12, size)
  octal(block, 136, 12, mtime)
  block.write('        ', 148)
  block.write(name.endsWith('/') ? '5' : '0', 156)
  block.write('ustar  \0', 257, 'latin1') // GNU: magic and version in one
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

const octal = (block, at, width, value) => block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at)

/** @returns {(Member & { mtime: number, uid: number, gid: number, owner: string, magic: string })[]} */
export function readTar(bytes) {
  const members = []
  let at = 0
  for (;;) {
    const block = bytes.subarray(at, at + BLOCK)
    if (block.length < BLOCK) throw new Error('the archive ends without its end mark')
    if (block.every(byte => byte === 0)) break
    const text = (from, length) => block.toString('latin1', from, from + length).replace(/\0[\s\S]*$/, '')
    const number = (from, length) => Number.parseInt(text(from, length).trim(), 8)
    const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0)
    if (number(148, 8) !== sum) throw new Error(`wrong checksum of ${text(0, 100)}`)
    const size = number(124, 12)
    const isFolder = text(156, 1) === '5'
    members.push({
      name: text(0, 100),
      mode: number(100, 8),
      uid: number(108, 8),
      gid: number(116, 8),
      mtime: number(136, 12),
      magic: block.toString('latin1', 257, 265),
      owner: text(265, 32) + text(297, 32),
      ...(isFolder ? {} : { bytes: bytes.subarray(at + BLOCK, at + BLOCK + size) }),
    })
    at += BLOCK + BLOCK * Math.ceil(size / BLOCK)
  }
  return members
}
