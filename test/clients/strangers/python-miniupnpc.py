"""python3-miniupnpc: maps EXTERNAL to INTERNAL, prints what it sees, waits for a line, unmaps."""
import json
import sys

import miniupnpc

external, internal, protocol = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
u = miniupnpc.UPnP()
u.discoverdelay = 500
u.discover()
u.selectigd()
added = u.addportmapping(external, protocol, u.lanaddr, internal, 'python', '', 1200)
print(json.dumps({
    'ip': u.externalipaddress(),
    'status': u.statusinfo()[0],
    'added': added,
    'specific': u.getspecificportmapping(external, protocol),
    'generic': u.getgenericportmapping(0),
    'kind': u.connectiontype(),
}), flush=True)
sys.stdin.readline()
print(json.dumps({'deleted': u.deleteportmapping(external, protocol)}), flush=True)
