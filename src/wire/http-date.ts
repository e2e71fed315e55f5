/** IMF-fixdate (RFC 9110 §5.6.7) of milliseconds since 1970: `Sun, 06 Nov 1994 08:49:37 GMT`. For people to read. */
export const httpDate = (wallTime: number): string => new Date(wallTime).toUTCString()
