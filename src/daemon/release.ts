/** The version of this program, as `status` shows it and the package is named. */
export const RELEASE = '0.2.0'
