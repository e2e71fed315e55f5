/** procd's jail (ujail): no process but our own is seen from there, and older ones pass none of the environment on. */
import type { Platform } from '../platform/platform.ts'

export const isJailed = (platform: Platform): boolean => platform.environment('container') === 'ujail'
