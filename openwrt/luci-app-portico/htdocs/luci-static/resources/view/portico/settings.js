'use strict';
'require view';
'require form';
'require rpc';
'require uci';
'require portico.common as common';

const callInterfaces = rpc.declare({
	object: 'network.interface',
	method: 'dump',
	expect: { interface: [] }
});

/* LuCI's own datatypes take port 0, and one and a half. */
const PORT = 'and(port,min(1))';
const WHOLE = 'and(uinteger,range(%d,%d))';
const NETWORK = /^[A-Za-z0-9_.@-]+$/;
const PLACE = /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9_.+-]+)+$/;
const ADDRESS = /^https?:\/\/[^\s\/]/;

/*
 * As src/config/kinds.ts of the daemon reads it: the service gets all of the folder to write to, so it must be none of
 * the system or of other programs.
 */
const SHARED = /^\/[^\/]*$|^\/(tmp|var)\/(cache|etc|lib|lock|log|run|spool|state)$/;
const SYSTEM = /^\/(bin|boot|dev|lib|lib32|lib64|overlay|proc|rom|sbin|sys|usr)\/|^\/etc\/([^\/]+\.d|apk|capabilities|config|crontabs|dropbear|opkg|ssl|uci-defaults)(\/|$)/;

function hasOwnFolder(file) {
	const folder = file.replace(/\/[^\/]*$/, '');

	return file.length <= 201 && PLACE.test(file) && !SHARED.test(folder || '/') && !SYSTEM.test(folder + '/');
}

function isBit(text) {
	const value = /^(0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(text) ? Number(text) : 0;

	return value > 0 && value <= 0x80000000 && Number.isInteger(Math.log2(value));
}

/* The form is one, and its options live in several named sections. */
function inSection(option, section, name) {
	option.ucisection = section;
	option.ucioption = name;

	return common.onlyChanges(option);
}

function isEnabled(section) {
	return common.isTrue(uci.get('portico', section, 'enabled'));
}

return view.extend({
	load: function() {
		return Promise.all([
			L.resolveDefault(callInterfaces(), []),
			common.hosts(),
			uci.load([ 'portico', 'firewall' ]).then(() => common.addSections())
		]);
	},

	render: function(data) {
		const m = new form.Map('portico', _('Portico'),
			_('Lets games, consoles and programs in your network open the ports they need, and closes them in time.'));

		m.readonly = !L.hasViewPermission();
		this.networks = data[0].filter(network => network.interface !== 'loopback');
		this.services(m);
		this.roles(m);
		this.fixed(m, data[1]);

		return m.render().then(node => E('div', {}, [ common.style(), node ]));
	},

	services: function(m) {
		const s = m.section(form.NamedSection, 'upnp', 'portico');

		s.tab('general', _('General'));
		s.tab('services', _('Services'));
		s.tab('limits', _('Limits'));
		s.tab('advanced', _('Advanced'));
		this.general(s);
		this.details(s);
		this.limits(s);
		this.advanced(s);
	},

	/* Every option has a name of its own in the form, since the sections share theirs. */
	put: function(s, tab, kind, section, name, title, descr) {
		return inSection(s.taboption(tab, kind, '_%s_%s'.format(section, name), title, descr), section, name);
	},

	putFlag: function(s, tab, section, name, standard, title, descr) {
		const o = common.anyTruth(this.put(s, tab, form.Flag, section, name, title, descr));

		o.default = standard;
	},

	putText: function(s, section, name, most, standard, title, descr) {
		const o = this.put(s, 'services', form.Value, section, name, title, descr);

		o.datatype = 'maxlength(%d)'.format(most);
		o.placeholder = standard;
		o.optional = true;

		return o;
	},

	general: function(s) {
		const on = s.taboption('general', form.Flag, '_on', _('Let devices open ports'),
			_('As shipped this is off. Turned on, it serves the devices of your internal networks.'));

		on.rmempty = false;
		on.cfgvalue = () => isEnabled('upnp') || isEnabled('nat_pmp') ? '1' : '0';
		on.write = on.remove = () => {};

		[
			[ 'upnp', 'UPnP', _('UPnP IGD: what consoles, games and most Windows programs speak.') ],
			[ 'nat_pmp', 'NAT-PMP', _('NAT-PMP: what Apple devices and many download programs speak.') ]
		].forEach(row => {
			const o = inSection(s.taboption('general', form.Flag, '_' + row[0], row[1], row[2]), row[0], 'enabled');

			o.depends('portico.upnp._on', '1');
			o.rmempty = false;
			/* With one turn of the switch on, both are. */
			o.cfgvalue = () => isEnabled(row[0]) || on.cfgvalue() === '0' ? '1' : '0';
			o.remove = () => {
				if (isEnabled(row[0]))
					uci.set('portico', row[0], 'enabled', '0');
			};
		});
	},

	limits: function(s) {
		const number = (name, title, descr, least, most, standard) => {
			const o = inSection(s.taboption('limits', form.Value, name, title, descr), 'limits', name);

			o.datatype = WHOLE.format(least, most);
			o.placeholder = '' + standard;
			o.optional = true;
		};

		number('per_host', _('Ports for one device'), _('How many ports one device may have open.'), 1, 131070, 64);
		number('total', _('Ports for all'), _('How many ports all devices together may have open.'), 1, 131070, 2048);
		number('min_lease', _('Shortest time'), _('In seconds, where the protocol lets the router choose.'), 1, 86400, 1);
		number('max_lease', _('Longest time'), _('In seconds. A device that asks for more gets this, and asks again in time.'), 60, 31536000, 604800);
		number('requests_per_second', _('Requests a second'), _('That one device may send; 0 is no limit.'), 0, 1000000, 100);
	},

	details: function(s) {
		const flag = (section, name, standard, title, descr) => this.putFlag(s, 'services', section, name, standard, title, descr);
		let o;

		flag('upnp', 'nat_traversal', '1', _('UPnP opens ports'), _('Off: devices learn the external address, and every request for a port is refused.'));
		flag('nat_pmp', 'allow_port_forwarding', '1', _('NAT-PMP opens ports'), _('Off: devices learn the external address, and every request for a port is refused.'));
		flag('upnp', 'show_all_mappings', '0', _('Show devices the ports of others'), _('Off: a UPnP client sees those that lead to it.'));
		flag('upnp', 'show_dummy_rule', '1', _('Placeholder for empty lists'), _('Shows UPnP clients one placeholder while no port is open, as some of them expect.'));
		flag('upnp', 'allow_disable_external_interface', '0', _('Devices may disconnect the internet'), _('Lets a UPnP client take the external interface down. Rarely wanted.'));
		flag('upnp', 'allow_disable_internal_interface', '0', _('Devices may disconnect a network'), _('Lets a UPnP client cut its own network off from the internet. Rarely wanted. Off: what was cut off is open again.'));

		o = this.put(s, 'services', form.Value, 'upnp', 'http_port', _('UPnP port'), _('TCP port of the UPnP pages, on the internal networks only.'));
		o.datatype = PORT;
		o.placeholder = '5000';

		this.putText(s, 'upnp', 'friendly_name', 63, 'Portico', _('Name'), _('Under which UPnP clients and their users see this router.'));
		this.putText(s, 'upnp', 'model_name', 31, 'Portico', _('Model'), _('That UPnP clients see.'));
		this.putText(s, 'upnp', 'serial_number', 64, _('none'), _('Serial number'), _('That UPnP clients see.'));

		o = this.putText(s, 'upnp', 'presentation_url', 255, _('the page of this router'), _('Page for users'),
			_('Where UPnP clients lead their users. Empty: a page of this router that shows users what is open to their own device.'));
		o.validate = (section_id, value) => value === '' || ADDRESS.test(value) || _('A whole address, with http:// or https:// before it.');
	},

	advanced: function(s) {
		const put = (kind, section, name, title, descr) => this.put(s, 'advanced', kind, section, name, title, descr);
		let o;

		o = common.orTyped(put(form.Value, 'system', 'lease_file', _('Ports over a reboot'),
			_('The file that open ports are kept in, so that they return if they are still allowed. Empty: in memory, which survives a restart of the service only. On flash it is written seldom.')));
		o.value('/etc/portico/leases', _('on flash: /etc/portico/leases'));
		o.value('none', _('not kept at all'));
		o.placeholder = _('in memory');
		o.validate = (section_id, value) => value === '' || value === 'none' || hasOwnFolder(value) ||
			_('The whole path of a file in a folder of its own, such as /etc/portico/leases, or none.');

		o = put(form.Value, 'system', 'lease_file_interval', _('Written every'),
			_('Minutes between two writings of that file, when something has changed. 0: only when the service stops.'));
		o.datatype = WHOLE.format(0, 10080);
		o.placeholder = '30';

		o = put(form.ListValue, 'system', 'log_level', _('Log'), _('The least important message that reaches the system log.'));
		o.value('error', _('errors'));
		o.value('warning', _('warnings'));
		o.value('info', _('information'));
		o.value('debug', _('everything'));
		o.default = 'info';

		o = put(form.Value, 'system', 'mark', _('Mark'), _('The bit by which the firewall knows the traffic of open ports. Choose another one only where a program of yours uses this bit.'));
		o.placeholder = '0x40000000';
		o.validate = (section_id, value) => value === '' || isBit(value) || _('One bit, such as 0x40000000.');
	},

	roles: function(m) {
		const s = m.section(form.TableSection, 'interface', _('Networks'),
			_('Empty: devices are served in lan, and the internet is where the firewall masquerades. Add rows to choose for yourself.'));
		let o;

		s.anonymous = true;
		s.addremove = true;
		s.addbtntitle = _('Add network');
		s.handleAdd = () => this.addNetwork(m);

		o = common.orTyped(s.option(form.Value, 'interface', _('Network')));
		o.rmempty = false;
		this.networks.forEach(network => o.value(network.interface, network.l3_device
			? '%s (%s)'.format(network.interface, network.l3_device) : network.interface));
		o.validate = (section_id, value) => NETWORK.test(value) || _('A network or a network device.');

		const role = s.option(form.ListValue, 'type', _('Role'));
		role.value('internal', _('internal: devices are served here'));
		role.value('external', _('external: the internet is here'));
		role.rmempty = false;

		o = s.option(form.MultiValue, 'service', _('Services'));
		o.value('upnp', 'UPnP');
		o.value('nat_pmp', 'NAT-PMP');
		o.placeholder = _('all');

		o = s.option(form.Value, 'forced_ip', _('Address to tell'));
		o.datatype = 'ip4addr("nomask")';
		o.placeholder = _('the one it has');

		common.onlyChanges(common.anyTruth(s.option(form.Flag, 'disabled', _('Ignore'))));

		o = s.option(form.DummyValue, '_warning', ' ');
		o.rawhtml = true;
		o.cfgvalue = section_id => E('span', { 'class': 'portico-warning', 'data-row': section_id }, [
			this.danger(uci.get('portico', section_id, 'interface'), uci.get('portico', section_id, 'type'))
		]);

		this.warnWhileChoosing(s, role);
	},

	/*
	 * LuCI hands a new row to rpcd at once. An empty one would be a mistake in the configuration, and would keep LuCI
	 * from saving the next one; so it begins with a network that has no row yet, in the role that fits it.
	 */
	addNetwork: function(m) {
		return m.save(() => {
			const taken = uci.sections('portico', 'interface').map(row => row.interface);
			const network = this.networks.find(each => taken.indexOf(each.interface) < 0) || this.networks[0];
			const name = network ? network.interface : 'lan';
			const out = this.hasDefaultRoute(network) || this.isMasqueraded(name, network);
			const sid = uci.add('portico', 'interface');

			uci.set('portico', sid, 'interface', name);
			uci.set('portico', sid, 'type', out ? 'external' : 'internal');
		});
	},

	/* The warning changes with the choice, before anything is saved. */
	warnWhileChoosing: function(s, role) {
		const network = s.children.find(option => option.option === 'interface');
		const update = section_id => {
			const node = document.querySelector('.portico-warning[data-row="%s"]'.format(section_id));

			if (node)
				common.setText(node, this.danger(network.formvalue(section_id), role.formvalue(section_id)));
		};

		network.onchange = role.onchange = (ev, section_id) => update(section_id);
	},

	/* Why this role is a bad idea for this network; '' where it is none. */
	danger: function(name, type) {
		const network = this.networks.find(each => each.interface === name || each.l3_device === name);
		const leadsOut = this.hasDefaultRoute(network);
		const masquerades = this.isMasqueraded(name, network);

		if (type !== 'external' && leadsOut)
			return _('Danger: this network leads to the internet. Strangers could open ports, so Portico refuses to serve it.');

		if (type !== 'external' && masquerades)
			return _('Careful: the firewall masquerades this network as if it led to the internet. Whoever is there could open ports.');

		if (type === 'external' && network && !leadsOut && !masquerades)
			return _('This network does not seem to lead to the internet.');

		if (name && !network)
			return _('The router has no such network now.');

		return '';
	},

	hasDefaultRoute: function(network) {
		return ((network || {}).route || []).some(route =>
			route.mask === 0 && (route.target === '0.0.0.0' || route.target === '::'));
	},

	isMasqueraded: function(name, network) {
		const names = [ name ].concat(network ? [ network.interface, network.l3_device ] : []);

		return uci.sections('firewall', 'zone').some(zone => common.isTrue(zone.masq) &&
			L.toArray(zone.network).concat(L.toArray(zone.device)).some(each => names.indexOf(each) >= 0));
	},

	fixed: function(m, hosts) {
		const s = m.section(form.GridSection, 'mapping', _('Fixed ports'),
			_('Ports that you keep open yourself. They never end, and no device can close them.'));
		let o;

		s.anonymous = true;
		s.addremove = true;
		s.nodescriptions = true;
		s.addbtntitle = _('Add port');
		s.modaltitle = _('Fixed port');

		o = s.option(form.ListValue, 'protocol', _('Protocol'));
		o.value('tcp', 'TCP');
		o.value('udp', 'UDP');
		o.value('both', _('TCP and UDP'));
		o.rmempty = false;
		o.textvalue = function(section_id) {
			return E('span', {}, [ { tcp: 'TCP', udp: 'UDP' }[this.cfgvalue(section_id)] || _('TCP and UDP') ]);
		};

		o = s.option(form.Value, 'external_port', _('External port'));
		o.datatype = PORT;
		o.rmempty = false;

		o = common.orTyped(s.option(form.Value, 'internal_address', _('Device')));
		o.datatype = 'ip4addr("nomask")';
		o.rmempty = false;
		hosts.forEach(host => host.addresses.filter(address => address.indexOf(':') < 0).forEach(address =>
			common.offer(o, address, host)));

		o = s.option(form.Value, 'internal_port', _('Port of the device'));
		o.datatype = PORT;
		o.placeholder = _('the same');
		o.textvalue = function(section_id) {
			return E('span', {}, [ this.cfgvalue(section_id) || _('the same') ]);
		};

		o = s.option(form.Value, 'comment', _('Comment'));
		o.optional = true;

		o = common.onlyChanges(common.anyTruth(s.option(form.Flag, 'disabled', _('Ignore'))));
		o.editable = true;
	}
});
