'use strict';
'require baseclass';

/*
 * What the daemon says in its checks (src/control/check.ts) and as the reason of an end, so that it can be translated.
 * %s is what varies. A sentence that is not here is shown as it came.
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
	[ 'not looked for: there is no pidof', _('not looked for: there is no pidof') ],
	[ 'no other port-mapping daemon runs', _('no other port-mapping daemon runs') ],
	[ '%s runs too', _('%s runs too') ],
	[ 'Run: /etc/init.d/%s disable; /etc/init.d/%s stop', _('Run: /etc/init.d/%s disable; /etc/init.d/%s stop') ],
	[ '%s of %s mappings are in use', _('%s of %s mappings are in use') ],
	[ 'Raise option total of config portico \'limits\'.', _('Raise option total of config portico \'limits\'.') ],
	[ 'by its client', _('by its client') ],
	[ 'by the operator', _('by the operator') ]
].map(pair => ({
	pattern: new RegExp('^' + pair[0].replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/%s/g, '(.+)') + '$'),
	words: pair[1]
}));

return baseclass.extend({
	translate: function(text) {
		for (let sentence of SENTENCES) {
			const match = sentence.pattern.exec(text);

			if (match)
				return sentence.words.format.apply(sentence.words, match.slice(1));
		}

		return text;
	}
});
