'use strict';
'require view';
'require poll';
'require rpc';
'require portico.common as common';
'require portico.sentences as sentences';

const callCheck = rpc.declare({
	object: 'portico',
	method: 'check',
	expect: { checks: [] },
	reject: true
});

const callWhy = rpc.declare({
	object: 'portico',
	method: 'why',
	params: [ 'service', 'protocol', 'dst_port', 'internal_address', 'internal_port', 'mac' ],
	reject: true
});

/* The checks of the daemon (docs/ubus.md): what each looks at. */
const TITLES = {
	'running': _('Daemon'),
	'service': _('Services'),
	'configuration': _('Configuration'),
	'roles': _('Networks'),
	'uplink': _('Internet address'),
	'ports': _('Answers to devices'),
	'firewall': _('Firewall'),
	'accounting': _('Traffic counters'),
	'rival': _('Other services of this kind'),
	'capacity': _('Room for more ports')
};

const STATES = {
	'green': _('good'),
	'amber': _('works, with a catch'),
	'red': _('does not work')
};

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: function() {
		return Promise.all([ this.ask(), common.hosts() ]);
	},

	/* A daemon that does not answer is the first thing to mend. */
	ask: function() {
		return callCheck().then(checks => checks.length ? checks : Promise.reject()).catch(() => [ {
			name: 'running',
			state: 'red',
			what: _('Portico does not answer.'),
			mend: _('Start the service: System, Startup, portico. The system log says why it ended.')
		} ]);
	},

	render: function(data) {
		this.list = E('div');
		this.show(data[0]);
		poll.add(() => this.ask().then(checks => this.show(checks)), 10);

		return E('div', {}, [
			common.style(),
			E('h2', {}, [ _('Check') ]),
			E('div', { 'class': 'cbi-map-descr' }, [
				_('What must be right for a port to open. Mend from top to bottom.')
			]),
			E('div', { 'class': 'cbi-section' }, [ this.list ]),
			this.question(data[1])
		]);
	},

	/* Drawn anew only when something changed: who reads is not disturbed. */
	show: function(checks) {
		const seen = JSON.stringify(checks);

		if (this.seen === seen)
			return;

		this.seen = seen;
		this.list.replaceChildren.apply(this.list, checks.map(check => this.line(check)));
	},

	line: function(check) {
		const words = [
			E('div', {}, [
				E('strong', {}, [ TITLES[check.name] || check.name ]),
				' ',
				E('span', { 'class': 'portico-quiet' }, [ STATES[check.state] || '' ])
			])
		];

		words.push(E('div', { 'class': 'portico-text' }, [ sentences.translate(check.what || '') ]));

		if (check.mend)
			words.push(E('div', { 'class': 'portico-text' }, [ E('em', {}, [ _('What to do:') ]), ' ', sentences.translate(check.mend) ]));

		return E('div', { 'class': 'portico-check', 'data-check': check.name, 'data-state': check.state }, [
			common.dot(check.state),
			E('div', {}, words)
		]);
	},

	question: function(hosts) {
		const known = hosts.filter(host => host.addresses.some(address => address.indexOf(':') < 0));
		const device = E('select', { 'class': 'cbi-input-select', 'aria-label': _('Device') }, known.map(host => {
			const address = host.addresses.find(each => each.indexOf(':') < 0);

			return E('option', { 'value': address, 'data-mac': host.mac }, [
				host.name ? '%s (%s)'.format(host.name, address) : address
			]);
		}));
		const protocol = E('select', { 'class': 'cbi-input-select', 'aria-label': _('Protocol') }, [
			E('option', { 'value': 'tcp' }, [ 'TCP' ]),
			E('option', { 'value': 'udp' }, [ 'UDP' ])
		]);
		const port = E('input', {
			'class': 'cbi-input-text', 'type': 'number', 'min': 1, 'max': 65535, 'value': 8080, 'aria-label': _('Port')
		});
		const dot = common.dot('');
		const answer = E('span', { 'class': 'portico-text' });

		dot.style.display = 'none';

		const ask = () => callWhy('upnp', protocol.value, +port.value, device.value, +port.value,
			device.selectedOptions[0].getAttribute('data-mac')).then(reply => {
			dot.style.display = '';
			dot.className = 'portico-dot ' + (reply.allowed ? 'green' : 'amber');
			common.setText(answer, reply.allowed
				? (reply.rule != null ? _('Allowed: %s').format(common.because(reply)) : _('Allowed: no rule fits, and other requests are allowed.'))
				: _('Refused: %s').format(common.because(reply)));
		}).catch(() => {
			dot.style.display = 'none';
			common.setText(answer, _('A port is a number from 1 to 65535.'));
		});

		if (!known.length)
			return E('div');

		return E('div', { 'class': 'cbi-section' }, [
			E('h3', {}, [ _('Would it be allowed?') ]),
			E('div', { 'class': 'cbi-section-descr' }, [ _('Ask the rules without opening anything.') ]),
			E('div', { 'class': 'portico-tools' }, [
				device, protocol, port,
				E('button', { 'class': 'btn cbi-button cbi-button-action', 'click': ask }, [ _('Ask') ])
			]),
			E('p', {}, [ dot, answer ])
		]);
	}
});
