/** `baseclass.extend`: prototypes as plain objects, `__init__` as the constructor. */

function Base() {}

Base.extend = function extend(properties) {
  function Class(...args) {
    if (!(this instanceof Class)) throw new TypeError('a class is made with new')
    if (typeof this.__init__ === 'function') this.__init__(...args)
  }
  Class.prototype = Object.assign(Object.create(this.prototype), properties)
  Class.prototype.constructor = Class
  Class.extend = extend
  return Class
}

export const baseclass = Base
export const isClass = value => typeof value === 'function' && value.extend === Base.extend
