/** `rpc.declare`: a ubus method as a function. Calls go to /ubus as JSON-RPC, as rpcd answers it. */

let number = 0

export function declare({ object, method, params = [], expect = {}, reject = false }) {
  return async (...args) => {
    const values = {}
    params.forEach((name, index) => {
      if (args[index] !== undefined) values[name] = args[index]
    })
    const reply = await call(object, method, values)
    if (reject && reply[0] !== 0) throw new Error(`RPC call to ${object}/${method} failed with ubus code ${reply[0]}`)
    return expected(reply, expect)
  }
}

async function call(object, method, values) {
  const body = { jsonrpc: '2.0', id: ++number, method: 'call', params: ['0'.repeat(32), object, method, values] }
  const response = await fetch('/ubus', { method: 'POST', body: JSON.stringify(body) })
  const { error, result } = await response.json()
  if (error !== undefined)
    throw new Error(`RPC call to ${object}/${method} failed with error ${error.code}: ${error.message}`)
  return result
}

/** `expect: { key: fallback }` picks one key and answers the fallback where the type differs; `''` is the whole. */
function expected([status, data], expect) {
  const [key] = Object.keys(expect)
  if (key === undefined) {
    // LuCI hands out the bare status where there is no data.
    return data ?? status
  }
  const fallback = expect[key]
  const value = status !== 0 ? undefined : key === '' ? data : data?.[key]
  const fits = Array.isArray(fallback)
    ? Array.isArray(value)
    : typeof value === typeof fallback && !Array.isArray(value)
  return fits && value !== null ? value : fallback
}
