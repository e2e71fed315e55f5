/** The datatypes of LuCI that the views name, with what LuCI lets through: port 0, fractions in a range. */

const decimal = text => (/^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN)
const integer = text => (/^-?\d+$/.test(text) ? Number(text) : Number.NaN)
const within = (value, least, most) => value >= least && value <= most

const TYPES = {
  uinteger: text => integer(text) >= 0,
  min: (text, least) => decimal(text) >= Number(least),
  range: (text, least, most) => within(decimal(text), Number(least), Number(most)),
  port: text => within(integer(text), 0, 65535),
  portrange(text) {
    const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? []
    return from === undefined ? TYPES.port(text) : Number(from) <= Number(to) && Number(to) <= 65535
  },
  /** Those of single devices: the second digit of a multicast address is odd. */
  macaddr: text => /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) && !/^.[13579]/.test(text),
  /** Bytes, not characters. */
  maxlength: (text, most) => new Blob([text]).size <= Number(most),
  ip4addr: text => /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every(part => Number(part) <= 255),
}

/** `and(port,min(1))`: all of them; else one type with its arguments. */
export function isValid(datatype, text) {
  const [, name, inside = ''] = /^(\w+)(?:\((.*)\))?$/.exec(datatype) ?? []
  if (name === 'and') return inside.split(/,(?![^(]*\))/).every(each => isValid(each, text))
  const check = TYPES[name]
  if (check === undefined) throw new TypeError(`datatype ${datatype}`)
  return check(text, ...inside.split(','))
}
