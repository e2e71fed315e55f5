/**
 * The words of the page in its languages, side by side: a text that is missing in one of them does not compile. `{0}`
 * is a place for a value, which another language may want elsewhere; `|` stands between the forms for one and for more.
 */
import { type Html, html, type Part } from './page-html.ts'

/** As HTML names them (RFC 5646). */
const LANGUAGES = ['en', 'de', 'zh-Hans'] as const
export type Language = (typeof LANGUAGES)[number]

const TEXTS = {
  title: ['Open ports – {0}', 'Offene Ports – {0}', '开放的端口 – {0}'],
  heading: ['Ports open to this device', 'Offene Ports dieses Geräts', '对本设备开放的端口'],
  lede: [
    'This device is {0}. Its programs asked the router to let the internet in here.',
    'Dieses Gerät ist {0}. Seine Programme baten den Router, das Internet hier einzulassen.',
    '本设备是 {0}，其程序请求路由器放行这些端口。',
  ],
  footer: [
    'Only this device sees this list. It is read anew every minute.',
    'Nur dieses Gerät sieht diese Liste, jede Minute neu.',
    '仅本设备可见，每分钟更新。',
  ],
  now: ['Now', 'Jetzt', '立即更新'],
  address: ['External address', 'Externe Adresse', '外部地址'],
  none: ['none', 'keine', '无'],
  ownAddress: ["The router's own address is {0}.", 'Der Router selbst hat {0}.', '路由器自身为 {0}。'],
  public: ['Public address.', 'Öffentliche Adresse.', '公网地址。'],
  publicMeans: [
    'The internet can reach this router, and through it the ports that are open here.',
    'Das Internet erreicht die Ports, die hier offen sind.',
    '互联网可访问这里开放的端口。',
  ],
  private: ['Private address.', 'Private Adresse.', '私有地址。'],
  privateMeans: [
    'There is another router between this one and the internet, and it stops what comes from there. Open the ports in that router too, or let it work as a bridge.',
    'Ein weiterer Router steht davor. Die Ports auch dort öffnen oder ihn als Bridge betreiben.',
    '前面还有一台路由器，请在其上也开放端口，或设为桥接。',
  ],
  shared: ['Shared address.', 'Geteilte Adresse.', '共享地址。'],
  sharedMeans: [
    'The provider shares one address among many customers (carrier-grade NAT), so nobody on the internet can reach what is opened here. Ask the provider for an address of your own; over IPv6 it may work as it is.',
    'Der Anbieter gibt sie vielen Kunden (CGNAT), das Internet erreicht hier nichts. Eine eigene verlangen; IPv6 geht vielleicht.',
    '运营商多用户共用（CGNAT），外部无法访问。请申请独立地址，或用 IPv6。',
  ],
  down: ['No connection.', 'Keine Verbindung.', '未连接。'],
  downMeans: [
    'The router has no external address at the moment. Nothing can be opened until it has one.',
    'Ohne externe Adresse lässt sich nichts öffnen.',
    '暂时无法开放端口。',
  ],
  openPorts: ['Open ports', 'Offene Ports', '开放的端口'],
  openCount: ['{0} open port|{0} open ports', '{0} offener Port|{0} offene Ports', '{0} 个开放的端口'],
  idle: [', {0} idle', ', {0} ruhend', '，{0} 个停用'],
  allowed: ['{0} of {1} allowed', '{0} von {1} erlaubten', '已用 {0} 个，上限 {1} 个'],
  closedHere: [
    'No port is open to this device, and the router does not open any on request.',
    'Kein Port ist offen, und der Router öffnet keine auf Anfrage.',
    '没有开放的端口，路由器也不应请求开放。',
  ],
  askOwner: [
    'Its owner can switch that on, or open a port by hand.',
    'Sein Betreiber kann das einschalten oder selbst einen öffnen.',
    '管理者可启用，或手动开放。',
  ],
  nobodyAsked: [
    'No program on this device has asked for a port.',
    'Kein Programm dieses Geräts bat um einen Port.',
    '没有程序请求端口。',
  ],
  howTo: [
    'Programs that work better with one ask by themselves when they are told to:',
    'Programme bitten selbst darum, wenn man sie lässt:',
    '程序启用相应选项后会自行请求：',
  ],
  games: [
    'Games and consoles: start online play; they show an open or moderate “NAT type” when it worked.',
    'Spiele: online spielen; „NAT-Typ“ offen oder moderat ist gut.',
    '游戏：联机后“NAT 类型”为开放或中等即可。',
  ],
  torrents: [
    'Torrent and file sharing: look for “UPnP / NAT-PMP port forwarding” in the connection settings.',
    'Torrent: „UPnP / NAT-PMP“ in den Einstellungen.',
    'BT：连接设置中的“UPnP / NAT-PMP”。',
  ],
  others: [
    'Others: look for “UPnP”, “NAT-PMP” or “automatic port mapping”.',
    'Andere: „UPnP“, „NAT-PMP“ oder „Portfreigabe“.',
    '其他：“UPnP”、“NAT-PMP”或“端口映射”。',
  ],
  seeBelow: ['What was asked for and refused stands below.', 'Abgelehntes steht unten.', '被拒绝的请求见下方。'],
  noRefusals: ['Nothing was refused lately either.', 'Abgelehnt wurde auch nichts.', '最近也没有请求被拒绝。'],
  port: ['Port', 'Port', '端口'],
  purpose: ['For', 'Für', '用途'],
  leadsTo: ['Leads to', 'Führt zu', '转到'],
  timeLeft: ['Time left', 'Restzeit', '剩余时间'],
  traffic: ['Traffic', 'Verkehr', '流量'],
  unnamed: ['No name given', 'Ohne Namen', '未命名'],
  firewallRule: ['Firewall rule', 'Firewall-Regel', '防火墙规则'],
  portOf: ['port {0}', 'Port {0}', '端口 {0}'],
  noEnd: ['No end', 'Unbegrenzt', '无限期'],
  onlyFrom: ['only from {0}', 'nur von {0}', '仅限 {0}'],
  owner: ["Router's owner", 'Betreiber des Routers', '路由器管理者'],
  disabled: ['Switched off by its program', 'Vom Programm abgeschaltet', '已被程序停用'],
  suspended: [
    'Paused: another device opened it',
    'Pausiert: von einem anderen Gerät geöffnet',
    '已暂停：由其他设备开放',
  ],
  noTraffic: ['None yet', 'Noch keiner', '暂无'],
  received: ['received', 'empfangen', '接收'],
  sent: ['sent', 'gesendet', '发送'],
  packets: ['{0} packet|{0} packets', '{0} Paket|{0} Pakete', '{0} 个数据包'],
  refusedLately: ['Refused lately', 'Zuletzt abgelehnt', '最近被拒绝'],
  forWhat: [' for {0}', ' für {0}', '，用于 {0}'],
  by: [' by {0}', ' per {0}', '，通过 {0}'],
  times: [' ({0} times)', ' ({0}-mal)', '（{0} 次）'],
  justNow: ['just now', 'gerade eben', '刚刚'],
  ago: ['{0} ago', 'vor {0}', '{0} 前'],
  open: ['Open {0} port {1}', '{0}-Port {1} öffnen', '开放 {0} 端口 {1}'],
  openAny: ['Open any {0} port', 'Irgendeinen {0}-Port öffnen', '开放任意 {0} 端口'],
  openTo: ['{0} to port {1} of {2}', '{0}, zu Port {1} von {2}', '{0}，转到 {2} 的端口 {1}'],
  openHole: ['Open {0} port {1} of {2}', '{0}-Port {1} von {2} öffnen', '开放 {2} 的 {0} 端口 {1}'],
  closePort: ['Close {0} port {1}', '{0}-Port {1} schließen', '关闭 {0} 端口 {1}'],
  closeRange: ['Close {0} ports {1} to {2}', '{0}-Ports {1} bis {2} schließen', '关闭 {0} 端口 {1} 至 {2}'],
  closeAll: ['Close every {0} port', 'Alle {0}-Ports schließen', '关闭所有 {0} 端口'],
  keepHole: ['Keep IPv6 pinhole {0} open', 'IPv6-Freigabe {0} offen halten', '保持 IPv6 放行 {0}'],
  closeHole: ['Close IPv6 pinhole {0}', 'IPv6-Freigabe {0} schließen', '关闭 IPv6 放行 {0}'],
  'not-allowed': [
    "The router's rules do not allow it.",
    'Die Regeln des Routers erlauben es nicht.',
    '路由器规则不允许。',
  ],
  'forwarding-off': [
    'This router does not open ports on request.',
    'Der Router öffnet nichts auf Anfrage.',
    '路由器不应请求开放端口。',
  ],
  'bad-host': [
    'The address is no device of this network.',
    'Die Adresse ist kein Gerät dieses Netzes.',
    '不是此网络的设备。',
  ],
  'not-owner': [
    "The port belongs to another device, or to the router's owner.",
    'Der Port gehört einem anderen Gerät oder dem Betreiber.',
    '端口属于其他设备或管理者。',
  ],
  quota: [
    'This device, or all together, hold as many ports as they may.',
    'Mehr Ports sind nicht erlaubt.',
    '端口数已达上限。',
  ],
  'no-port': [
    'Every port that the rules allow is taken.',
    'Alle erlaubten Ports sind vergeben.',
    '允许的端口均已占用。',
  ],
  conflict: ['Another device has this port.', 'Ein anderes Gerät hat diesen Port.', '已被其他设备占用。'],
  reserved: ['The router itself uses this port.', 'Der Router selbst braucht diesen Port.', '路由器正在使用。'],
  absent: ['There was nothing like that to change.', 'So etwas gab es nicht.', '没有对应项。'],
  'no-uplink': ['The router had no external address.', 'Ohne externe Adresse geht es nicht.', '没有外部地址。'],
  busy: ['The router had too much to do.', 'Der Router war überlastet.', '路由器繁忙。'],
  kernel: ["The router's firewall did not take it.", 'Die Firewall nahm es nicht an.', '路由器防火墙未接受。'],
} as const satisfies Readonly<Record<string, readonly [en: string, de: string, zh: string]>>

export type Key = keyof typeof TEXTS

/** The words of one language. */
export class Words {
  readonly language: Language
  readonly #at: number

  constructor(language: Language) {
    this.language = language
    this.#at = LANGUAGES.indexOf(language)
  }

  text(key: Key): string {
    return TEXTS[key][this.#at] as string
  }

  /** With values in their places. */
  fill(key: Key, ...values: readonly (string | number)[]): string {
    return this.text(key).replaceAll(PLACE, (_, n: string) => String(values[Number(n)]))
  }

  /** The same as HTML, in which the values stay what they are. */
  say(key: Key, ...parts: readonly Part[]): Html {
    const pieces = this.text(key).split(PLACE)
    const texts = pieces.filter((_, i) => i % 2 === 0)
    return html(texts, ...pieces.filter((_, i) => i % 2 === 1).map(n => parts[Number(n)] as Part))
  }

  /** How many, in figures. */
  count(key: Key, count: number): string {
    const [one = '', more = one] = this.text(key).split('|')
    return (count === 1 ? one : more).replace('{0}', this.grouped(count))
  }

  /** `1,204` */
  grouped(count: number): string {
    return String(count).replace(/\B(?=(\d{3})+$)/g, this.language === 'de' ? '.' : ',')
  }
}

const PLACE = /\{(\d)\}/g

/** Ranges of a header that are looked at. */
const MOST_RANGES = 16

/** Accept-Language (RFC 9110 §12.5.4): the dearest of the languages that we have, the first of equals; else English. */
export function languageOf(accept: string | undefined): Language {
  let best: Language = 'en'
  let most = 0
  for (const range of (accept ?? '').split(',', MOST_RANGES)) {
    const match = /^\s*([a-z]{1,8})(?:-[a-z0-9-]{1,40})?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?$/i.exec(range)
    if (match === null) continue
    const language = LANGUAGES.find(each => each.slice(0, 2) === (match[1] as string).toLowerCase())
    const quality = Number(match[2] ?? 1)
    if (language === undefined || quality <= most) continue
    best = language
    most = quality
  }
  return best
}
