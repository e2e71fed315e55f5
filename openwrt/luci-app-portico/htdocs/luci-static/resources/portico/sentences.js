'use strict';
'require baseclass';

/*
 * What the daemon says in its checks (src/control/check.ts), of what it refuses or ends (src/core), and of the way out
 * (src/kernel/uplink.ts), so that it can be translated. %s is what varies, and may be a sentence of this list itself.
 * The first that fits is taken; a sentence that is not here is shown as it came.
 */

const SENTENCES = [
	[ '%s is on', _('%s is on') ],
	[ '%s and %s are on', _('%s and %s are on') ],
	[ 'no service is enabled', _('no service is enabled') ],
	[ 'Turn NAT-PMP or UPnP on in the settings.', _('Turn NAT-PMP or UPnP on in the settings.') ],
	[ 'the files have no mistakes', _('the files have no mistakes') ],
	[ 'Mend it, then run: /etc/init.d/portico reload. Until then the last good configuration stays in force.', _('Mend it, then run: /etc/init.d/portico reload. Until then the last good configuration stays in force.') ],
	[ 'Mend it, then run: /etc/init.d/portico reload.', _('Mend it, then run: /etc/init.d/portico reload.') ],
	[ 'no internal interface has an address', _('no internal interface has an address') ],
	[ 'Name the LAN as internal interface in the settings.', _('Name the LAN as internal interface in the settings.') ],
	[ 'there is no external interface', _('there is no external interface') ],
	[ 'Name the WAN as external interface in the settings.', _('Name the WAN as external interface in the settings.') ],
	[ 'internal %s, external %s', _('internal %s, external %s') ],
	[ '%s, of IPv6 %s', _('%s, of IPv6 %s') ],
	[ '%s is cut off from the Internet, as %s asked by UPnP', _('%s is cut off from the Internet, as %s asked by UPnP') ],
	[ 'Turn allow_disable_internal_interface off in the settings: that opens it again.', _('Turn allow_disable_internal_interface off in the settings: that opens it again.') ],
	[ 'Bring the internet connection up.', _('Bring the internet connection up.') ],
	[ '%s is public', _('%s is public') ],
	[ '%s is private; clients are told %s', _('%s is private; clients are told %s') ],
	[ '%s is shared by the provider', _('%s is shared by the provider') ],
	[ 'Ask your provider for a public IPv4 address.', _('Ask your provider for a public IPv4 address.') ],
	[ '%s is private: another router stands before this one', _('%s is private: another router stands before this one') ],
	[ 'Forward ports there, or put it into bridge mode.', _('Forward ports there, or put it into bridge mode.') ],
	[ 'Stop the program that has the port.', _('Stop the program that has the port.') ],
	[ '%s answers nowhere', _('%s answers nowhere') ],
	[ 'Look at the roles above.', _('Look at the roles above.') ],
	[ 'none is needed', _('none is needed') ],
	[ 'answers at %s', _('answers at %s') ],
	[ 'firewall4 accepts what carries our mark %s', _('firewall4 accepts what carries our mark %s') ],
	[ 'there is no firewall4 that could object', _('there is no firewall4 that could object') ],
	[ 'firewall4 has no rule that accepts mark %s: it refuses what comes in by a mapping', _('firewall4 has no rule that accepts mark %s: it refuses what comes in by a mapping') ],
	[ 'Run: /etc/init.d/portico restart && /etc/init.d/firewall reload', _('Run: /etc/init.d/portico restart && /etc/init.d/firewall reload') ],
	[ 'firewall4 cannot be looked at: %s', _('firewall4 cannot be looked at: %s') ],
	[ 'Look with: nft list table inet fw4', _('Look with: nft list table inet fw4') ],
	[ 'the kernel counts the traffic of flows', _('the kernel counts the traffic of flows') ],
	[ 'the kernel does not count the traffic of flows, so none is shown', _('the kernel does not count the traffic of flows, so none is shown') ],
	[ 'Run: sysctl -w net.netfilter.nf_conntrack_acct=1', _('Run: sysctl -w net.netfilter.nf_conntrack_acct=1') ],
	[ 'not looked for from here: the init script looks when it starts', _('not looked for from here: the init script looks when it starts') ],
	[ 'no other port-mapping daemon runs', _('no other port-mapping daemon runs') ],
	[ '%s runs too', _('%s runs too') ],
	[ 'Run: /etc/init.d/%s disable; /etc/init.d/%s stop', _('Run: /etc/init.d/%s disable; /etc/init.d/%s stop') ],
	[ '%s of %s mappings are in use', _('%s of %s mappings are in use') ],
	[ 'Raise option total of config portico \'limits\'.', _('Raise option total of config portico \'limits\'.') ],
	[ 'by its client', _('by its client') ],
	[ 'by the operator', _('by the operator') ],
	[ 'anybody', _('anybody') ],
	[ 'others', _('others') ],
	[ 'port mapping protocols', _('port mapping protocols') ],
	[ 'a program of the router', _('a program of the router') ],
	[ 'a redirect of the firewall', _('a redirect of the firewall') ],
	[ '%s port %s is used by %s', _('%s port %s is used by %s') ],
	[ '%s port %s is mapped to %s', _('%s port %s is mapped to %s') ],
	[ '%s port %s is reserved for %s', _('%s port %s is reserved for %s') ],
	[ '%s port %s is not mapped for %s', _('%s port %s is not mapped for %s') ],
	[ '%s port %s is %s', _('%s port %s is %s') ],
	[ 'made by the operator', _('made by the operator') ],
	[ 'mapped to %s', _('mapped to %s') ],
	[ 'redirected by the firewall from port %s', _('redirected by the firewall from port %s') ],
	[ 'no %s port %s-%s is mapped to the client', _('no %s port %s-%s is mapped to the client') ],
	[ 'every allowed port is taken', _('every allowed port is taken') ],
	[ 'every pinhole number is in use', _('every pinhole number is in use') ],
	[ 'there is no pinhole %s', _('there is no pinhole %s') ],
	[ 'pinhole %s leads to %s', _('pinhole %s leads to %s') ],
	[ 'there is no way out for IPv6', _('there is no way out for IPv6') ],
	[ '%s is off or may not forward ports', _('%s is off or may not forward ports') ],
	[ '%s is off, or may not map (%s)', _('%s is off, or may not map (%s)') ],
	[ '%s may ask for itself only', _('%s may ask for itself only') ],
	[ '%s holds %s mappings (per_host)', _('%s holds %s mappings (per_host)') ],
	[ '%s mappings exist (total)', _('%s mappings exist (total)') ],
	[ 'used by a redirect of the firewall', _('used by a redirect of the firewall') ],
	[ 'an earlier one has its external port', _('an earlier one has its external port') ],
	[ 'no longer configured', _('no longer configured') ],
	[ 'a static mapping takes its place', _('a static mapping takes its place') ],
	[ 'too many requests are waiting', _('too many requests are waiting') ],
	[ 'default policy: no permission speaks of it', _('default policy: no permission speaks of it') ],
	[ '%s is no address of a host', _('%s is no address of a host') ],
	[ '%s is the router itself', _('%s is the router itself') ],
	[ '%s is the network or broadcast address of a subnet', _('%s is the network or broadcast address of a subnet') ],
	[ '%s is on no internal network', _('%s is on no internal network') ],
	[ '%s is not on the network of %s', _('%s is not on the network of %s') ],
	[ '%s is no IPv6 address', _('%s is no IPv6 address') ],
	[ '%s is not reachable from outside: it is no global address', _('%s is not reachable from outside: it is no global address') ],
	[ 'no external interface is configured or up', _('no external interface is configured or up') ],
	[ 'there is no device %s', _('there is no device %s') ],
	[ '%s is switched off', _('%s is switched off') ],
	[ '%s has no carrier', _('%s has no carrier') ],
	[ '%s has no IPv4 address', _('%s has no IPv4 address') ],
	[ 'forced address %s is not an address of a host', _('forced address %s is not an address of a host') ],
	[ 'no default route of IPv6 leaves by %s', _('no default route of IPv6 leaves by %s') ],
	[ '%s, but by %s, which is no external interface', _('%s, but by %s, which is no external interface') ],
	[ 'the router has no global IPv6 address', _('the router has no global IPv6 address') ],
	[ 'not known yet', _('not known yet') ],
	[ 'moved %s mappings to %s', _('moved %s mappings to %s') ],
	[ 'adopted %s mappings that the kernel holds', _('adopted %s mappings that the kernel holds') ],
	[ 'static mapping %s %s is left out: %s', _('static mapping %s %s is left out: %s') ],
	[ '%s from %s in %s s', _('%s from %s in %s s') ],
	[ 'dropped %s malformed datagrams', _('dropped %s malformed datagrams') ],
	[ 'refused %s UPnP calls that mean nothing', _('refused %s UPnP calls that mean nothing') ],
	[ 'dropped %s datagrams that are responses', _('dropped %s datagrams that are responses') ],
	[ 'dropped %s datagrams of no internal host', _('dropped %s datagrams of no internal host') ],
	[ 'dropped %s requests above the limit', _('dropped %s requests above the limit') ],
	[ 'dropped %s requests for which there was no place', _('dropped %s requests for which there was no place') ],
	[ '%s more lines left out here; /log print has the latest', _('%s more lines left out here; /log print has the latest') ],
	[ 'network %s is cut off from the Internet: %s', _('network %s is cut off from the Internet: %s') ],
	[ 'network %s reaches the Internet again: %s', _('network %s reaches the Internet again: %s') ],
	[ 'asked by %s', _('asked by %s') ],
	[ 'no device may cut it off any more', _('no device may cut it off any more') ],
	[ 'the service ends', _('the service ends') ],
	[ 'external interface %s is down: %s', _('external interface %s is down: %s') ],
	[ 'external interface %s has %s', _('external interface %s has %s') ],
	[ '%s, clients are told %s', _('%s, clients are told %s') ],
	[ '%s (private: the world cannot reach it)', _('%s (private: the world cannot reach it)') ],
	[ '%s (shared by the provider, RFC 6598: the world cannot reach it)', _('%s (shared by the provider, RFC 6598: the world cannot reach it)') ]
].map(pair => ({
	pattern: new RegExp('^' + pair[0].replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/%s/g, '(.+)') + '$'),
	words: pair[1]
}));

const SERVICES = { 'upnp': 'UPnP', 'nat-pmp': 'NAT-PMP' };

return baseclass.extend({
	translate: function(text) {
		for (let sentence of SENTENCES) {
			const match = sentence.pattern.exec(text);

			if (match)
				return sentence.words.format.apply(sentence.words, match.slice(1).map(part => this.translate(part)));
		}

		return SERVICES[text] || text;
	}
});
