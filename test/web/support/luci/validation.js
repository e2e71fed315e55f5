/** The datatypes of LuCI that the views name. */

const isNumber = (text, least, most) => /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most
const isPort = text => isNumber(text, 0, 65535)
const isIp4 = text => /^\d+(\.\d+){3}$/.test(text) && text.split('.').every(part => isNumber(part, 0, 255))

const TYPES = {
  port: text => isPort(text),
  portrange(text) {
    const [from, to, ...more] = text.split('-')
    if (more.length > 0 || !isPort(from)) return false
    return to === undefined || (isPort(to) && Number(from) <= Number(to))
  },
  range: (text, least, most) => isNumber(text, Number(least), Number(most)),
  macaddr: text => /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text),
  maxlength: (text, most) => text.length <= Number(most),
  ip4addr: text => isIp4(text),
}

export function isValid(datatype, text) {
  const [, name, inside] = /^(\w+)(?:\((.*)\))?$/.exec(datatype) ?? []
  const check = TYPES[name]
  if (check === undefined) throw new TypeError(`datatype ${datatype}`)
  return check(text, ...(inside ?? '').split(','))
}
