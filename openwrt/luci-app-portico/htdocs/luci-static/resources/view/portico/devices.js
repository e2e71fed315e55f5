'use strict';
'require view';
'require ui';
'require uci';
'require portico.common as common';
'require portico.devices as devices';

const DEFAULTS = {
	'high_ports': _('A device without a rule of its own may open the ports from 1024 up.'),
	'allow': _('A device without a rule of its own may open every port.'),
	'deny': _('A device without a rule of its own may not open ports.')
};

return view.extend({
	load: function() {
		return Promise.all([ common.hosts(), L.resolveDefault(common.mappings(), common.NONE), uci.load('portico') ]);
	},

	render: function(data) {
		this.hosts = this.allHosts(data[0], data[1].mappings);
		this.wanted = new Map();
		this.rows = this.hosts.map(host => this.row(host, data[1].mappings));

		return E('div', {}, [
			common.style(),
			E('h2', {}, [ _('Devices') ]),
			E('div', { 'class': 'cbi-map-descr' }, [
				_('Which devices may open ports by themselves. Off closes what a device has open, and refuses what it asks for.'),
				' ',
				DEFAULTS[devices.defaultAction()] || DEFAULTS.high_ports,
				' ',
				E('a', { 'href': L.url('admin/services/portico/permissions') }, [ _('Change this under Permissions.') ])
			]),
			E('table', { 'class': 'table' }, [
				E('tr', { 'class': 'tr table-titles' }, [
					E('th', { 'class': 'th' }, [ _('Device') ]),
					E('th', { 'class': 'th' }, [ _('Addresses') ]),
					E('th', { 'class': 'th' }, [ _('Open ports') ]),
					E('th', { 'class': 'th' }, [ _('May open ports') ])
				])
			].concat(this.rows.map(row => row.node), this.rows.length ? [] : [
				E('tr', { 'class': 'tr placeholder' }, [
					E('td', { 'class': 'td', 'colspan': 4 }, [ E('em', {}, [ _('The router knows no device yet.') ]) ])
				])
			]))
		]);
	},

	/* Those of the leases and neighbours, those that hold ports, and those that a rule names. */
	allHosts: function(known, mappings) {
		const hosts = new Map(known.map(host => [ host.mac, host ]));
		const add = (mac, address) => {
			const key = (mac || '').toLowerCase();

			if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(key))
				return;

			if (!hosts.has(key))
				hosts.set(key, { mac: key, name: '', addresses: [] });

			if (address && hosts.get(key).addresses.indexOf(address) < 0)
				hosts.get(key).addresses.push(address);
		};

		mappings.filter(mapping => mapping.dynamic).forEach(mapping => add(mapping.mac, mapping.client));
		devices.rules().forEach(rule => add(rule.mac));

		return Array.from(hosts.values()).sort((a, b) => this.titleOf(a).localeCompare(this.titleOf(b)));
	},

	titleOf: function(host) {
		return host.name || host.addresses[0] || host.mac;
	},

	row: function(host, mappings) {
		const open = mappings.filter(mapping => mapping.dynamic && this.isOf(mapping, host)).length;
		const note = E('div', { 'class': 'portico-quiet' });
		const box = E('input', {
			'type': 'checkbox',
			'role': 'switch',
			'disabled': !L.hasViewPermission() || null,
			'data-mac': host.mac,
			'aria-label': _('%s may open ports').format(this.titleOf(host)),
			'change': () => {
				this.wanted.set(host.mac, box.checked);
				common.setText(note, '');
			}
		});
		const row = { host, box, note };

		this.show(row);
		row.node = E('tr', { 'class': 'tr' }, [
			E('td', { 'class': 'td', 'data-title': _('Device') }, [
				E('div', { 'class': 'portico-text' }, [ this.titleOf(host) ]),
				E('div', { 'class': 'portico-quiet' }, [ host.mac ])
			]),
			E('td', { 'class': 'td', 'data-title': _('Addresses') }, host.addresses.map(address => E('div', {}, [ address ]))),
			E('td', { 'class': 'td', 'data-title': _('Open ports') }, [ open || '–' ]),
			E('td', { 'class': 'td', 'data-title': _('May open ports') }, [ box, note ])
		]);

		return row;
	},

	isOf: function(mapping, host) {
		return mapping.mac ? mapping.mac.toLowerCase() === host.mac : host.addresses.indexOf(mapping.client) >= 0;
	},

	show: function(row) {
		const state = devices.state(row.host);

		row.box.checked = state.on;
		common.setText(row.note, state.some ? _('Single ports are allowed by rules under Permissions.') : '');
	},

	handleSave: function(ev) {
		this.hosts.forEach(host => {
			if (this.wanted.has(host.mac) && this.wanted.get(host.mac) !== devices.state(host).on)
				devices.turn(host, this.wanted.get(host.mac));
			else if (this.wanted.get(host.mac) === false && devices.state(host).some)
				devices.turn(host, false);
		});
		this.wanted.clear();

		/* LuCI tells nobody; what was not taken is tried again by the next save. */
		return uci.save().then(() => this.rows.forEach(row => this.show(row))).catch(error => {
			common.warn(ui, _('The change was not saved'), error.message);

			throw error;
		});
	},

	handleReset: function(ev) {
		this.wanted.clear();
		this.rows.forEach(row => this.show(row));
	}
});
