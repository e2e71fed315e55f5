# From `uci show firewall`, `uci show network` and the rules that services publish (`ubus SERVICE NUMBER KEY VALUE`)
# to a ruleset of firewall4's shape.

/^ubus / {
  id = $2 " rule " $3
  if (!(id in seen)) { seen[id] = 1; published[++publishedCount] = id }
  value = $5
  for (i = 6; i <= NF; i++) value = value " " $i
  pub[id, $4] = value
  next
}
{
  at = index($0, "=")
  path = substr($0, 1, at - 1)
  value = substr($0, at + 1)
  gsub(/'/, "", value)
  n = split(path, part, ".")
  if (n == 2) { kind[part[1] "." part[2]] = value; order[++sections] = part[1] "." part[2]; next }
  option[part[1] "." part[2], part[3]] = value
}

function line(text) { print "\t\t" text }

function low(text) { return tolower(text) }

# "a", "b" in braces
function set(words,   n, w, i, out) {
  n = split(words, w, " ")
  for (i = 1; i <= n; i++) out = out (i > 1 ? ", " : "") "\"" w[i] "\""
  return n == 0 ? "{ \"-\" }" : "{ " out " }"
}

function protocols(text) {
  if (text == "" || text == "tcpudp") text = "tcp udp"
  gsub(/ /, ", ", text)
  return "meta l4proto { " text " }"
}

function verdict(policy) {
  policy = low(policy)
  if (policy == "accept") return "counter accept"
  if (policy == "drop") return "counter drop"
  return "counter jump handle_reject"
}

function collect(   i, s, n, w, j, name) {
  for (i = 1; i <= sections; i++) {
    s = order[i]
    if (kind[s] == "defaults") defaults = s
    if (kind[s] != "zone") continue
    name = option[s, "name"]
    zone[++zones] = s
    n = split(option[s, "network"], w, " ")
    for (j = 1; j <= n; j++) devices[name] = devices[name] " " option["network." w[j], "device"]
    devices[name] = devices[name] " " option[s, "device"]
  }
}

# A zone may be about one family only; a rule of the zone is about no more, and packets of the other family are in none.
function family(word) {
  if (word == "inet" || word ~ /4/) return "meta nfproto ipv4 "
  return word ~ /6/ ? "meta nfproto ipv6 " : ""
}

function familyOf(name,   i) {
  for (i = 1; i <= zones; i++) if (option[zone[i], "name"] == name) return family(option[zone[i], "family"])
  return ""
}

# Those from a zone are in the chain of the zone, those from everywhere (`*`) in the base chain, before any zone.
function rules(name, chain,   i, id, forward, text) {
  for (i = 1; i <= publishedCount; i++) {
    id = published[i]
    if (pub[id, "type"] != "rule" || pub[id, "target"] != "ACCEPT") continue
    if (pub[id, "src"] != name) continue
    forward = (id SUBSEP "dest") in pub
    if (forward != (chain == "forward")) continue
    # A rule for the one family in a zone of the other one is left out.
    text = familyOf(name)
    if (family(pub[id, "family"]) != "") {
      if (text != "" && text != family(pub[id, "family"])) continue
      text = family(pub[id, "family"])
    }
    if (pub[id, "device"] != "") text = text "iifname " set(pub[id, "device"]) " "
    if (pub[id, "dest_port"] != "") text = text protocols(pub[id, "proto"]) " th dport { " pub[id, "dest_port"] " } "
    if (pub[id, "mark"] != "") text = text marked(pub[id, "mark"]) " "
    line(text "counter accept comment \"!fw4: ubus:" id "\"")
  }
  for (i = 1; i <= sections; i++) {
    id = order[i]
    if (kind[id] != "rule" || option[id, "src"] != name || option[id, "enabled"] == "0") continue
    forward = (id SUBSEP "dest") in option
    if (forward != (chain == "forward")) continue
    text = ""
    if (option[id, "dest_port"] != "") text = protocols(option[id, "proto"]) " th dport { " option[id, "dest_port"] " } "
    if (option[id, "mark"] != "") text = text marked(option[id, "mark"]) " "
    line(text verdict(option[id, "target"]) " comment \"!fw4: " option[id, "name"] "\"")
  }
}

function marked(text,   m) {
  split(text, m, "/")
  return "meta mark & " (m[2] == "" ? "0xffffffff" : m[2]) " == " m[1]
}

function zoneChains(s,   name, own, i, redirected) {
  name = option[s, "name"]
  own = set(devices[name])
  print "\tchain input_" name " {"
  rules(name, "input")
  line(verdict(option[s, "input"]))
  print "\t}"
  print "\tchain forward_" name " {"
  rules(name, "forward")
  for (i = 1; i <= sections; i++) {
    if (kind[order[i]] == "forwarding" && option[order[i], "src"] == name)
      line("oifname " set(devices[option[order[i], "dest"]]) " counter accept")
    if (kind[order[i]] == "redirect" && option[order[i], "src"] == name) redirected = 1
  }
  if (redirected) line("ct status dnat accept comment \"!fw4: Accept port forwards\"")
  # The zone's own policy is for what stays within it; what goes elsewhere falls back to forward.
  line("oifname " own " " verdict(option[s, "forward"]))
  print "\t}"
}

function redirects(   i, s) {
  print "\tchain dstnat {"
  line("type nat hook prerouting priority dstnat; policy accept;")
  for (i = 1; i <= sections; i++) {
    s = order[i]
    if (kind[s] != "redirect") continue
    line("iifname " set(devices[option[s, "src"]]) " meta nfproto ipv4 " protocols(option[s, "proto"]) " th dport " \
      option[s, "src_dport"] " dnat ip to " option[s, "dest_ip"] ":" option[s, "dest_port"])
  }
  print "\t}"
}

function base(chain, policy,   i, name) {
  print "\tchain " chain " {"
  line("type filter hook " chain " priority filter; policy " policy ";")
  if (chain != "forward") line((chain == "input" ? "iif" : "oif") " \"lo\" accept")
  line("ct state vmap { established : accept, related : accept } comment \"!fw4: Handle flows\"")
  if (chain == "output") { print "\t}"; return }
  rules("*", chain)
  for (i = 1; i <= zones; i++) {
    name = option[zone[i], "name"]
    line(family(option[zone[i], "family"]) "iifname " set(devices[name]) " jump " chain "_" name)
  }
  if (low(option[defaults, chain]) != "accept") line("jump handle_reject")
  else line("accept")
  print "\t}"
}

END {
  collect()
  print "table inet fw4"
  print "flush table inet fw4"
  print "table inet fw4 {"
  print "\tchain handle_reject {"
  line("meta l4proto tcp reject with tcp reset comment \"!fw4: Reject TCP traffic\"")
  line("reject with icmpx type port-unreachable comment \"!fw4: Reject any other traffic\"")
  print "\t}"
  for (i = 1; i <= zones; i++) zoneChains(zone[i])
  base("input", "drop")
  base("forward", "drop")
  base("output", "accept")
  redirects()
  print "\tchain srcnat {"
  line("type nat hook postrouting priority srcnat; policy accept;")
  for (i = 1; i <= zones; i++)
    if (option[zone[i], "masq"] == "1")
      line("oifname " set(devices[option[zone[i], "name"]]) " meta nfproto ipv4 masquerade comment \"!fw4: Masquerade IPv4 traffic\"")
  print "\t}"
  print "\tchain raw_prerouting {"
  line("type filter hook prerouting priority raw; policy accept;")
  print "\t}"
  print "\tchain mangle_forward {"
  line("type filter hook forward priority mangle; policy accept;")
  for (i = 1; i <= zones; i++)
    if (option[zone[i], "mtu_fix"] == "1")
      line("oifname " set(devices[option[zone[i], "name"]]) " tcp flags syn tcp option maxseg size set rt mtu")
  print "\t}"
  print "}"
}
