/** Wall time for people. What time it is now is nobody's business here: the time is an argument. */

/** `2026-11-21 09:05:00` in the router's time zone, from milliseconds since 1970. */
export function localTime(time: number): string {
  const date = new Date(time)
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(twoDigits).join('-')
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':')}`
}

const twoDigits = (n: number): string => String(n).padStart(2, '0')
