/** Test data as text, `import text from '../vectors/x.txt?raw'`. */
declare module '*?raw' {
  const text: string
  export default text
}
