'use strict';
'require baseclass';
'require rpc';
'require uci';
'require portico.sentences as sentences';

/*
 * What the pages share: the daemon's ubus methods, the names of hosts, words for what the daemon answers, and tables
 * that are updated in place. Text from clients only ever becomes a text node: `textContent`, or a member of an array
 * that is given to E().
 */

const callStatus = rpc.declare({
	object: 'portico',
	method: 'status',
	reject: true
});

const callMappings = rpc.declare({
	object: 'portico',
	method: 'mappings',
	params: [ 'offset', 'limit' ],
	reject: true
});

const callHostHints = rpc.declare({
	object: 'luci-rpc',
	method: 'getHostHints',
	expect: { '': {} }
});

const callDHCPLeases = rpc.declare({
	object: 'luci-rpc',
	method: 'getDHCPLeases',
	expect: { '': {} }
});

const PAGE = 1000;

/* As OpenWrt reads a yes. */
const TRUE = [ '1', 'on', 'true', 'yes', 'enabled' ];

const STYLE = [
	'.portico-dot { display: inline-block; width: .75em; height: .75em; margin-right: .5em; border-radius: 50%; background: #999 }',
	'.portico-dot.green { background: var(--success-color-high, #3b9444) }',
	'.portico-dot.amber { background: var(--warn-color-high, #d9940b) }',
	'.portico-dot.red { background: var(--error-color-high, #bd362f) }',
	'.portico-quiet { opacity: .65; font-size: 90% }',
	'.portico-quiet:empty { display: none }',
	'.portico-text { overflow-wrap: anywhere }',
	'.portico-tools { display: flex; flex-wrap: wrap; gap: .5em; align-items: center; margin: 0 0 1em }',
	'.portico-ended { opacity: .4 }',
	'.portico-warning { color: var(--error-color-high, #bd362f) }',
	'.portico-graph { vertical-align: middle; width: 72px; height: 18px; color: var(--primary-color-high, #37c) }',
	'.portico-amount { display: inline-block; min-width: 5.5em; white-space: nowrap }',
	'.portico-check { display: flex; gap: .25em; padding: .6em 0 }',
	'.portico-check + .portico-check { border-top: 1px solid var(--border-color-low, #ddd) }',
	'.portico-check .portico-dot { flex: none; margin-top: .35em }',
	/* Whole sentences, which a theme cuts off. */
	'[data-name="default_action"] select { width: auto; max-width: 100% }',
	/* A row of Networks, which a theme squeezes until nobody can tell internal from external. */
	'td[data-name="interface"] .cbi-dropdown:not(.btn):not(.cbi-button), td[data-name="service"] .cbi-dropdown:not(.btn):not(.cbi-button) { min-width: 9em }',
	'.table .tr td[data-name="type"] select, .table .tr td[data-name="forced_ip"] input[type="text"] { min-width: 9em }'
].join('\n');

const SERVICES = {
	'upnp': 'UPnP',
	'nat-pmp': 'NAT-PMP',
	'static': _('Fixed by you')
};

/* The refusals of the daemon (docs/ubus.md), each as a sentence. */
const REASONS = {
	'absent': _('It has ended meanwhile.'),
	'not-owner': _('It is fixed in the configuration. Remove it under Settings, Fixed ports.'),
	'kernel': _('The kernel refused. The system log says more.'),
	'static': _('It is fixed already.'),
	'pinhole': _('An IPv6 address may change. Open the port with a traffic rule of the firewall instead.'),
	'remote': _('It is open to one remote host only, which a fixed port cannot express.'),
	'broken': _('The configuration has errors or changes that are not applied yet. Apply or revert them first.'),
	'write': _('The configuration cannot be written: the storage is full or read-only.')
};

/* Why a device was refused, for what comes without a sentence of its own. */
const REFUSALS = {
	'not-allowed': _('A rule refuses it.'),
	'forwarding-off': _('The service may not open ports.'),
	'bad-host': _('The device is on no network that is served.'),
	'not-owner': _('The port belongs to somebody else.'),
	'quota': _('The limit is reached.'),
	'no-port': _('No port is free.'),
	'conflict': _('Another device has the port.'),
	'reserved': _('The router itself has the port.'),
	'absent': _('There is no such port to close or to change.'),
	'no-uplink': _('There is no connection to the internet.'),
	'busy': _('Too much was asked at once.'),
	'kernel': _('The kernel refused. The system log says more.')
};

function setText(node, text) {
	const wanted = '' + text;

	if (node.textContent !== wanted)
		node.textContent = wanted;
}

/*
 * A table whose rows are kept and filled again. Rows are known by a key. While the pointer or the focus is inside,
 * no row moves: what has ended is greyed, what is new waits.
 */
const LiveTable = baseclass.extend({
	__init__: function(options) {
		this.key = options.key;
		this.order = options.order;
		this.words = options.words;
		this.columns = options.columns;
		this.empty = options.empty;
		this.needle = '';
		this.rows = new Map();
		this.latest = [];
		this.body = E('tbody');
		this.note = E('p', { 'class': 'portico-quiet', 'aria-live': 'polite' });
		this.table = E('table', { 'class': 'table' }, [
			E('thead', {}, [
				E('tr', { 'class': 'tr table-titles' }, this.columns.map(column =>
					E('th', { 'class': 'th ' + (column.cls || '') }, [ column.title ])))
			]),
			this.body
		]);
		this.node = E('div', {}, [ this.table, this.note ]);
		this.table.addEventListener('mouseleave', () => this.settle());
		this.table.addEventListener('focusout', () => window.setTimeout(() => this.settle(), 0));
	},

	isHeld: function() {
		return this.body.matches(':hover') || this.body.contains(document.activeElement);
	},

	update: function(rows) {
		this.latest = rows;
		this.settle();
	},

	/* Case does not matter; an empty text shows all rows. */
	filter: function(text) {
		this.needle = text.trim().toLowerCase();
		this.rows.forEach(entry => this.showOrHide(entry));
		this.describe(0);
	},

	settle: function() {
		const held = this.isHeld();
		const known = new Set();
		let waiting = 0;

		for (let row of this.latest) {
			const key = this.key(row);
			let entry = this.rows.get(key);

			known.add(key);

			if (entry == null && held) {
				waiting++;
				continue;
			}

			if (entry == null)
				this.rows.set(key, entry = this.build());

			if (entry.tr.classList.contains('portico-ended')) {
				entry.tr.classList.remove('portico-ended');
				entry.tr.querySelectorAll('button').forEach(button => { button.disabled = !L.hasViewPermission() });
			}

			entry.row = row;
			entry.fill.forEach(fill => fill(row));
			this.showOrHide(entry);
		}

		this.rows.forEach((entry, key) => {
			if (known.has(key))
				return;

			if (held) {
				entry.tr.classList.add('portico-ended');
				entry.tr.querySelectorAll('button').forEach(button => { button.disabled = true });
			}
			else {
				entry.tr.remove();
				this.rows.delete(key);
			}
		});

		if (!held)
			this.arrange();

		this.describe(waiting);
	},

	build: function() {
		const tr = E('tr', { 'class': 'tr' });
		const fill = this.columns.map(column => {
			const td = E('td', { 'class': 'td ' + (column.cls || ''), 'data-title': column.title || null });

			tr.appendChild(td);

			return column.cell(td);
		});

		return { tr, fill };
	},

	arrange: function() {
		let place = this.body.firstElementChild;

		for (let entry of Array.from(this.rows.values()).sort((a, b) => this.order(a.row, b.row))) {
			if (entry.tr === place)
				place = place.nextElementSibling;
			else
				this.body.insertBefore(entry.tr, place);
		}
	},

	showOrHide: function(entry) {
		const shown = this.needle === '' || this.words(entry.row).toLowerCase().indexOf(this.needle) >= 0;

		entry.tr.style.display = shown ? '' : 'none';
	},

	describe: function(waiting) {
		const shown = Array.from(this.rows.values()).some(entry => entry.tr.style.display === '');

		if (waiting > 0)
			setText(this.note, N_(waiting, '%d new row waits until the pointer leaves the table.', '%d new rows wait until the pointer leaves the table.').format(waiting));
		else if (this.rows.size === 0)
			setText(this.note, this.empty);
		else
			setText(this.note, shown ? '' : _('Nothing fits the filter.'));
	}
});

/* Where a word of one's own is typed below choices that LuCI offers; null where there is no word. */
function typedInto(option, section_id) {
	const element = option.getUIElement(section_id);
	const input = element ? element.node.querySelector('ul:not(.preview) .create-item-input') : null;

	return input && input.value.trim() !== '' ? input : null;
}

return baseclass.extend({
	LiveTable: LiveTable,
	status: callStatus,
	setText: setText,

	/* In a cell a line and a quiet one below it, each perhaps with a class of its own; returns both. */
	twoLines: function(td, first, second) {
		const lines = [
			E('div', first ? { 'class': first } : {}),
			E('div', { 'class': second ? 'portico-quiet ' + second : 'portico-quiet' })
		];

		lines.forEach(line => td.appendChild(line));

		return lines;
	},

	/* A form shows nothing of a section that the file lacks: such are added, and written when the owner saves. */
	addSections: function() {
		[ 'upnp', 'nat_pmp', 'limits', 'system' ].forEach(name => {
			if (!uci.get('portico', name))
				uci.add('portico', 'portico', name);
		});
	},

	isTrue: function(value) {
		return TRUE.indexOf(value) >= 0;
	},

	/* A flag of LuCI knows 1 and nothing else: a rule that is off by `yes` would be turned on by the next save. */
	anyTruth: function(option) {
		option.load = function(section_id) {
			const value = uci.get('portico', this.ucisection || section_id, this.ucioption || this.option);

			return value == null ? null : (TRUE.indexOf(value) >= 0 ? '1' : '0');
		};

		return option;
	},

	/* Devices to choose from; what they call themselves is a text node. */
	offer: function(option, key, host) {
		option.value(key, E('span', {}, [ host.name ? '%s (%s)'.format(host.name, key) : key ]));
	},

	/*
	 * Choices, or a word of one's own. LuCI takes the word when Enter is pressed, and forgets it otherwise: a rule for
	 * one device would be saved as a rule for all. So leaving the field takes it, and so does saving.
	 */
	orTyped: function(option) {
		const renderWidget = option.renderWidget;
		const formvalue = option.formvalue;
		const isValid = option.isValid;

		option.renderWidget = function(section_id) {
			const node = renderWidget.apply(this, arguments);

			node.addEventListener('focusout', () => {
				const input = typedInto(this, section_id);

				if (input && !input.classList.contains('cbi-input-invalid')) {
					const word = input.value.trim();

					input.value = '';
					this.getUIElement(section_id).setValue(word);
				}
			});

			return node;
		};
		option.formvalue = function(section_id) {
			const input = typedInto(this, section_id);

			return input ? input.value.trim() : formvalue.apply(this, arguments);
		};
		/* LuCI validates when a key is released; what was pasted may be unknown to it. */
		option.isValid = function(section_id) {
			const input = typedInto(this, section_id);

			if (input)
				input.dispatchEvent(new Event('keyup'));

			return input ? !input.classList.contains('cbi-input-invalid') : isValid.apply(this, arguments);
		};

		return option;
	},

	/*
	 * LuCI writes flags although nothing changed, and takes away what is set to its default; either would be a change
	 * to apply.
	 */
	onlyChanges: function(option) {
		const write = option.write;
		const remove = option.remove;

		option.write = function(section_id, value) {
			const now = this.load(section_id);

			if (now !== value && (now != null || value !== this.default))
				return write.call(this, section_id, value);
		};
		option.remove = function(section_id) {
			if (this.load(section_id) !== this.default)
				return remove.call(this, section_id);
		};

		return option;
	},

	/* Every mapping, however many pages it takes: { mappings, time, total }. */
	mappings: function(offset, before) {
		return callMappings(offset || 0, PAGE).then(answer => {
			const all = (before || []).concat(answer.mappings || []);

			if (all.length >= (answer.total || 0) || !(answer.mappings || []).length)
				return { mappings: all, time: answer.time, total: answer.total };

			return this.mappings(all.length, all);
		});
	},

	/*
	 * The devices that the router knows, from its host hints and its DHCP leases: [{ mac, name, addresses }]. None
	 * where rpcd does not tell: a page without names is better than none.
	 */
	hosts: function() {
		return Promise.all([
			L.resolveDefault(callHostHints(), {}),
			L.resolveDefault(callDHCPLeases(), {})
		]).then(data => {
			const byMac = new Map();
			const about = mac => {
				const key = mac.toLowerCase();

				if (!byMac.has(key))
					byMac.set(key, { mac: key, name: '', addresses: [] });

				return byMac.get(key);
			};
			const add = (mac, name, addresses) => {
				if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac || ''))
					return;

				const host = about(mac);

				host.name = host.name || (name || '').replace(/\.lan$/, '');
				/* Leases of IPv6 come as prefixes in newer releases. */
				addresses.map(address => (address || '').replace(/\/128$/, '')).forEach(address => {
					if (address && host.addresses.indexOf(address) < 0)
						host.addresses.push(address);
				});
			};

			for (let mac in data[0])
				add(mac, data[0][mac].name, (data[0][mac].ipaddrs || []).concat(data[0][mac].ip6addrs || []));

			(data[1].dhcp_leases || []).forEach(lease => add(lease.macaddr, lease.hostname, [ lease.ipaddr ]));
			(data[1].dhcp6_leases || []).forEach(lease =>
				add(lease.macaddr, lease.hostname, lease.ip6addrs || [ lease.ip6addr ]));

			return Array.from(byMac.values());
		});
	},

	/* A function from an address to the name of its host, '' where it has none. */
	namesOf: function(hosts) {
		const names = new Map();

		hosts.forEach(host => host.addresses.forEach(address =>
			names.set(address.toLowerCase(), host.name)));

		return address => names.get(('' + address).toLowerCase()) || '';
	},

	service: function(name) {
		return SERVICES[name] || name;
	},

	/* Why the daemon did not do it: { why, because }. */
	reason: function(answer) {
		return REASONS[answer.why] || answer.because || answer.why || _('The daemon did not answer.');
	},

	/* What decided: { because, rule } of a journal entry or of `why`. Rules count from 1, as people do. */
	because: function(answer) {
		const text = answer.because || '';
		const rule = /^permission [0-9]+(?: \((.*)\))?$/.exec(text);
		const port = /^default policy: (?:internal|external) port ([0-9]+) is /.exec(text);

		if (answer.rule != null)
			return rule && rule[1] ? _('Rule %d: %s').format(answer.rule + 1, rule[1]) : _('Rule %d').format(answer.rule + 1);

		if (port)
			return _('No rule fits, and without one port %d stays closed.').format(port[1]);

		if (text === 'default policy: deny')
			return _('No rule fits, and other requests are refused.');

		return sentences.translate(text) || REFUSALS[answer.why] || answer.why || '';
	},

	/* Of an error of LuCI's the first line alone: below it stands where in LuCI it came from. */
	warn: function(ui, title, text) {
		ui.addNotification(title, E('p', {}, [ ('' + text).split('\n')[0] ]), 'warning');
	},

	/* Seconds, as a person would say it. */
	duration: function(seconds) {
		if (seconds < 60)
			return _('%d s').format(seconds);

		if (seconds < 3600)
			return _('%d min').format(Math.floor(seconds / 60));

		if (seconds < 86400)
			return _('%d h %d min').format(Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60);

		return _('%d d %d h').format(Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24);
	},

	endpoint: function(address, port) {
		return ('' + address).indexOf(':') >= 0 ? '[%s]:%d'.format(address, port) : '%s:%d'.format(address, port);
	},

	ports: function(mapping) {
		if (mapping.pinhole != null || mapping.dst_port === mapping.internal_port)
			return '' + mapping.dst_port;

		return '%d → %d'.format(mapping.dst_port, mapping.internal_port);
	},

	byPort: function(a, b) {
		return (a.dynamic - b.dynamic) || ((a.pinhole || 0) - (b.pinhole || 0)) || (a.dst_port - b.dst_port) ||
			(a.protocol < b.protocol ? -1 : 1);
	},

	/* Nothing to show, and why. */
	NONE: { mappings: [], time: 0, total: 0 },
	SILENT: { state: 'red', text: _('Portico does not answer. Is the service running?') },

	/* In whatever theme: the few rules that it cannot know. */
	style: function() {
		return E('style', {}, [ STYLE ]);
	},

	isOn: function(status) {
		return (status.services || []).some(service => service.enabled);
	},

	/* One sentence on the service, null where it is silent, with its colour: { state, text }. */
	summary: function(status) {
		if (status == null)
			return this.SILENT;

		if (!this.isOn(status))
			return { state: '', text: _('Portico is off. Turn it on under Settings.') };

		return this.uplink(status);
	},

	/* One sentence on the way out. */
	uplink: function(status) {
		const uplink = status.uplink || {};

		if (uplink.state !== 'up')
			return { state: 'red', text: _('No connection to the internet: no port can be opened.') };

		if (uplink.told !== uplink.address)
			return { state: 'green', text: _('Clients are told the address %s.').format(uplink.told) };

		if (uplink.reach === 'shared')
			return { state: 'amber', text: _('Your provider shares the address %s among customers (carrier-grade NAT): the world cannot reach it.').format(uplink.address) };

		if (uplink.reach === 'private')
			return { state: 'amber', text: _('The address %s is private: another router stands before this one, and the world cannot reach it.').format(uplink.address) };

		return { state: 'green', text: _('The world reaches you at %s.').format(uplink.address) };
	},

	dot: function(state) {
		return E('span', { 'class': 'portico-dot ' + state });
	}
});
