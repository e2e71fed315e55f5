/** `rpc.declare`: a ubus method as a function. Calls go to /ubus as JSON-RPC, as uhttpd answers it. */

const session = 'e'.repeat(32)
let number = 0

/** As LuCI's `raise` has it from 22.03 on: below the message stands where it came from. */
const raise = message => {
  throw new Error(`${message}\n  at handleCallReply (rpc.js:115:7)\n  at async Promise.all`)
}

/** What is done when a call was refused because the session has ended. */
let whenEnded = () => {}
export const onEnd = run => {
  whenEnded = run
}

const callAccess = declare({ object: 'session', method: 'access', params: ['scope', 'object', 'function'] })

export function declare({ object, method, params = [], expect = {}, reject = false }) {
  return async (...args) => {
    const values = {}
    params.forEach((name, index) => {
      if (args[index] !== undefined) values[name] = args[index]
    })
    const reply = await call(object, method, values)
    if (reject && reply[0] !== 0) raise(`RPC call to ${object}/${method} failed with ubus code ${reply[0]}: ?`)
    return expected(reply, expect)
  }
}

async function call(object, method, values) {
  const body = { jsonrpc: '2.0', id: ++number, method: 'call', params: [session, object, method, values] }
  const response = await fetch('/ubus', { method: 'POST', body: JSON.stringify(body) })
  const { error, result } = await response.json()
  // A refusal that is not for want of a session leads to nothing more.
  if (error?.code === -32002 && object !== 'session') await callAccess('uci', 'luci', 'read').catch(whenEnded)
  if (error !== undefined) raise(`RPC call to ${object}/${method} failed with error ${error.code}: ${error.message}`)
  return result
}

/** `expect: { key: fallback }` picks one key and answers the fallback where the type differs; `''` is the whole. */
function expected([status, data], expect) {
  // LuCI hands out the bare status where there is no data.
  const whole = data ?? status
  const [key] = Object.keys(expect)
  if (key === undefined) return whole
  const fallback = expect[key]
  const value = key === '' ? whole : whole[key]
  const kind = each => Object.prototype.toString.call(each)
  return value !== null && value !== undefined && kind(value) === kind(fallback) ? value : fallback
}
