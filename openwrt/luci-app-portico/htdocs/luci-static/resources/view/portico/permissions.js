'use strict';
'require view';
'require form';
'require uci';
'require portico.common as common';

const NETWORK = /^[A-Za-z0-9_.@-]+$/;
const ZERO = /^0/;
const ADDRESSES = /^[0-9.]+(\/[0-9]+|-[0-9.]+)?$/;

function anyOr(option, any) {
	option.textvalue = function(section_id) {
		const value = this.cfgvalue(section_id);

		return E('span', {}, [ value ? '' + value : any ]);
	};
}

/* LuCI's own datatype takes port 0. */
function ports(option) {
	option.datatype = 'portrange';
	option.validate = (section_id, value) => !ZERO.test(value) || _('A port is a number from 1 to 65535.');
	anyOr(option, _('any'));
}

return view.extend({
	load: function() {
		return Promise.all([
			common.hosts(),
			uci.load('portico').then(() => common.addSections())
		]);
	},

	render: function(data) {
		const m = new form.Map('portico', _('Permissions'),
			_('Who may open which port. The first rule that fits decides, from top to bottom; drag rules to change their order. What a rule leaves empty fits everything.'));

		m.readonly = !L.hasViewPermission();
		this.rules(m, data[0]);
		this.otherwise(m);

		return m.render().then(node => E('div', {}, [ common.style(), node ]));
	},

	rules: function(m, hosts) {
		const names = new Map(hosts.map(host => [ host.mac, host.name ]));
		const s = m.section(form.GridSection, 'permission', _('Rules'));
		let o;

		s.anonymous = true;
		s.addremove = true;
		s.sortable = true;
		/* LuCI sorts the rows by the title that is clicked: another order would be another policy. */
		s.handleSort = () => {};
		s.nodescriptions = true;
		s.addbtntitle = _('Add rule');
		s.modaltitle = _('Permission');

		o = s.option(form.ListValue, 'action', _('Action'));
		o.value('allow', _('allow'));
		o.value('deny', _('refuse'));
		o.default = 'allow';
		o.rmempty = false;
		o.textvalue = function(section_id) {
			return E('span', {}, [ this.cfgvalue(section_id) === 'deny' ? _('refuse') : _('allow') ]);
		};

		o = common.orTyped(s.option(form.Value, 'mac', _('Device'), _('By its MAC address.')));
		o.datatype = 'macaddr';
		o.placeholder = _('any');
		hosts.forEach(host => common.offer(o, host.mac, host));
		o.textvalue = function(section_id) {
			const mac = this.cfgvalue(section_id);

			return E('span', {}, [ mac ? names.get(mac.toLowerCase()) || mac : _('any') ]);
		};

		o = s.option(form.Value, 'internal_address', _('Address'),
			_('Of the device: an address, a prefix such as 192.168.1.0/24 or a range such as 192.168.1.10-192.168.1.20.'));
		o.validate = (section_id, value) => value === '' || ADDRESSES.test(value) || _('An IPv4 address, a prefix or a range.');
		anyOr(o, _('any'));

		o = s.option(form.Value, 'dst_port', _('External port'), _('A port, or a range such as 1024-65535.'));
		ports(o);

		o = s.option(form.Value, 'internal_port', _('Port of the device'));
		ports(o);

		o = s.option(form.ListValue, 'protocol', _('Protocol'));
		o.value('both', _('TCP and UDP'));
		o.value('tcp', 'TCP');
		o.value('udp', 'UDP');
		o.default = 'both';
		o.textvalue = function(section_id) {
			return E('span', {}, [ { tcp: 'TCP', udp: 'UDP' }[this.cfgvalue(section_id)] || _('TCP and UDP') ]);
		};

		o = s.option(form.Value, 'interface', _('Network'), _('The network that the device is in, such as lan, or a network device, such as br-lan.'));
		o.modalonly = true;
		o.validate = (section_id, value) => value === '' || NETWORK.test(value) || _('A network or a network device.');

		o = s.option(form.MultiValue, 'service', _('Services'), _('None chosen: all of them.'));
		o.value('upnp', 'UPnP');
		o.value('nat_pmp', 'NAT-PMP');
		o.modalonly = true;

		o = s.option(form.Value, 'comment', _('Comment'), _('The journal shows it where this rule decides.'));
		o.optional = true;

		o = common.onlyChanges(common.anyTruth(s.option(form.Flag, 'disabled', _('Ignore'))));
		o.editable = true;
	},

	otherwise: function(m) {
		const s = m.section(form.NamedSection, 'limits', 'portico', _('Where no rule fits'));
		const o = s.option(form.ListValue, 'default_action', _('Other requests'));

		o.value('high_ports', _('are allowed from port 1024 up, except known dangerous ones'));
		o.value('allow', _('are all allowed'));
		o.value('deny', _('are all refused'));
		o.default = 'high_ports';
		common.onlyChanges(o);
	}
});
