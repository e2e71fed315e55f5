/** The version of this program: as `status` shows it, as the package is named, and whose options are in force. */
export const RELEASE = '0.2.0'
