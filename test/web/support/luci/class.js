/** `baseclass.extend`: members are not enumerable, `__init__` is the constructor. */

function Base() {}

Base.extend = function extend(properties) {
  function Class(...args) {
    if (!(this instanceof Class)) throw new TypeError('a class is made with new')
    if (typeof this.__init__ === 'function') this.__init__(...args)
  }
  const members = Object.entries(properties).map(([name, value]) => [name, { value, writable: true }])
  Class.prototype = Object.create(this.prototype, Object.fromEntries(members))
  Class.prototype.constructor = Class
  Class.extend = extend
  return Class
}

export const baseclass = Base
export const isClass = value => typeof value === 'function' && value.extend === Base.extend
