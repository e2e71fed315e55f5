/** How every bundle is made: one file of ES2022, which both engines have; their own modules stay outside. */
export const RULES = {
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  external: ['os', 'std', 'sys', '*.so', 'netlink', 'dgram-as-promised', 'node:*'],
}
