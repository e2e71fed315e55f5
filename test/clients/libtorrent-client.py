"""Seeds one torrent with libtorrent, with NAT-PMP (or UPnP, if said so) as its only way through the router.

usage: libtorrent-client.py LISTEN_ADDRESS PORT DIRECTORY [upnp]
Prints one line per port mapping alert and `seeding` when the torrent is complete.
"""
import sys
import time

import libtorrent as lt

address, port, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
upnp = sys.argv[4:] == ['upnp']
session = lt.session({
    'listen_interfaces': f'{address}:{port}',
    'enable_natpmp': not upnp,
    'enable_upnp': upnp,
    'enable_dht': False,
    'enable_lsd': False,
    'alert_mask': lt.alert.category_t.port_mapping_notification | lt.alert.category_t.error_notification,
})
torrent = session.add_torrent({'ti': lt.torrent_info(f'{directory}/hello.torrent'), 'save_path': directory})
seeding = False
while True:
    for alert in session.pop_alerts():
        print(type(alert).__name__, alert.message(), flush=True)
    if not seeding and torrent.status().is_seeding:
        seeding = True
        print('seeding', flush=True)
    time.sleep(0.05)
