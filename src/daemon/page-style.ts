/** The style and the sign of the page: files of their own, so that its policy can forbid everything else. */

/** Colours follow the system; below 42rem each row of a table is a card. */
export const STYLE = `:root{color-scheme:light dark;
--ground:#f4f3ef;--card:#fffefb;--line:#dfdcd3;--ink:#1d1c1a;--soft:#625e56;--accent:#0b6358;--accent-soft:#dcefea;
--good:#0b6358;--good-soft:#dcefea;--warn:#7d4b00;--warn-soft:#fcefd6;--bad:#98261c;--bad-soft:#fbe5e1;--track:#e6e3da}
@media (prefers-color-scheme:dark){:root{
--ground:#121416;--card:#1b1e21;--line:#2f3439;--ink:#ebe9e4;--soft:#a5a29b;--accent:#63cbb6;--accent-soft:#15352f;
--good:#63cbb6;--good-soft:#15352f;--warn:#f0bb6a;--warn-soft:#3a2a10;--bad:#f39a8e;--bad-soft:#3e1c18;--track:#2c3135}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Cantarell,"Noto Sans","DejaVu Sans",sans-serif}
header,main,footer{max-width:60rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;align-items:center;gap:.6rem;padding-top:1.1rem;color:var(--soft);font-size:.95rem}
header img{width:1.5rem;height:1.5rem;flex:none}
h1{font-size:1.75rem;line-height:1.2;letter-spacing:-.015em;margin:1.6rem 0 .3rem;font-weight:650}
h2{font-size:1.1rem;margin:0;font-weight:650;letter-spacing:-.005em}
p{margin:0}
.lede{color:var(--soft);margin-bottom:1.4rem}
.mono,.port{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-variant-numeric:tabular-nums}
bdi,.mono{overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--line);border-radius:.9rem;padding:1.15rem 1.25rem;margin-bottom:1.1rem}
.reach{display:grid;grid-template-columns:minmax(0,auto) 1fr;gap:.25rem 2rem;align-items:center;padding-left:1.5rem;box-shadow:inset .35rem 0 0 var(--tone);overflow:hidden}
.reach h2{font-size:.85rem;color:var(--soft);font-weight:500}
.reach p{color:var(--soft);font-size:.95rem}
.reach p .mono{font-size:1em}
.reach #address{color:var(--ink);font-size:1.45rem;font-weight:600;letter-spacing:-.01em;line-height:1.3}
.reach b{color:var(--tone)}
.public{--tone:var(--good)}.private,.shared{--tone:var(--warn)}.down{--tone:var(--bad)}
.top{display:flex;justify-content:space-between;align-items:baseline;gap:1rem;margin-bottom:.5rem}
.top span{color:var(--soft);font-size:.9rem;white-space:nowrap}
table{width:100%;border-collapse:collapse}
th{text-align:left;font-size:.8rem;font-weight:500;color:var(--soft);padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line)}
td{padding:.75rem .75rem .75rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th:last-child,td:last-child{padding-right:0}
tbody tr:last-child td{border-bottom:0;padding-bottom:.15rem}
.port{font-size:1.2rem;font-weight:650;line-height:1.25}
.tag,.chip{display:inline-block;font-size:.72rem;font-weight:600;letter-spacing:.03em;border-radius:.35rem;padding:.1rem .4rem;line-height:1.35}
.tag{background:var(--accent-soft);color:var(--accent);margin-right:.45rem;vertical-align:.12em}
.chip{background:var(--warn-soft);color:var(--warn);margin-top:.3rem;letter-spacing:0;font-weight:500}
small{display:block;color:var(--soft);font-size:.84rem;line-height:1.4}
.idle .port,.idle .name{color:var(--soft)}
.name{font-weight:550}
.amount{font-variant-numeric:tabular-nums;white-space:nowrap}
.amount+.amount{display:block}
.amount small{display:inline;margin-left:.25rem}
progress{appearance:none;-webkit-appearance:none;display:block;width:100%;min-width:5rem;max-width:9rem;height:.35rem;margin-top:.35rem;border:0;border-radius:.2rem;overflow:hidden;background:var(--track)}
progress::-webkit-progress-bar{background:var(--track)}
progress::-webkit-progress-value{background:var(--accent)}
progress::-moz-progress-bar{background:var(--accent)}
ul{list-style:none;margin:0;padding:0}
li{padding:.7rem 0;border-bottom:1px solid var(--line);display:grid;grid-template-columns:1fr auto;gap:.1rem 1rem}
li:last-child{border-bottom:0;padding-bottom:0}
li time{color:var(--soft);font-size:.84rem;white-space:nowrap}
li p{grid-column:1/-1}
li .why{color:var(--bad)}
.empty{padding:.35rem 0 .15rem}
.empty *+p,.empty p+ul{margin-top:.6rem;color:var(--soft)}
.empty li{display:list-item;list-style:disc;margin-left:1.2rem;border:0;padding:.12rem 0;color:var(--soft)}
footer{color:var(--soft);font-size:.84rem;padding-bottom:2rem}
a{color:var(--accent)}
@media (max-width:42rem){
header,main,footer{padding-left:.9rem;padding-right:.9rem}
h1{font-size:1.45rem;margin-top:1.1rem}
section{padding:1rem;border-radius:.75rem}
.reach{grid-template-columns:1fr}
.reach #address{font-size:1.3rem}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody{display:block}
tr{display:grid;grid-template-columns:1fr 1fr;gap:.7rem 1rem;padding:.9rem 0;border-bottom:1px solid var(--line)}
tbody tr:last-child{border-bottom:0;padding-bottom:.1rem}
td,tbody tr:last-child td{display:block;border:0;padding:0;min-width:0}
td::before{content:attr(data-label);display:block;font-size:.78rem;color:var(--soft)}
td:nth-child(-n+2)::before{content:none}
td:nth-child(2){grid-column:1/-1;grid-row:2}
td:first-child,td:last-child{grid-column:1/-1}
tr{gap:.55rem 1rem}
progress{max-width:none}
}
`

export const SIGN = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#128273" d="M12 2 1.5 7.2V9h21V7.2zM3 10.5V19h2.6v-8.5zm15.4 0V19H21v-8.5zM1.5 20.2V22h21v-1.8zM8 19h2v-4.5a2 2 0 0 1 4 0V19h2v-4.4a4 4 0 0 0-8 0z"/></svg>
`
