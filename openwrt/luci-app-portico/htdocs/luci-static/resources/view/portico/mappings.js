'use strict';
'require view';
'require poll';
'require portico.common as common';
'require portico.ports as ports';

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: function() {
		return this.ask();
	},

	/* A daemon that does not answer is no reason for an empty page. */
	ask: function() {
		return Promise.all([
			L.resolveDefault(common.status(), null),
			L.resolveDefault(common.mappings(), common.NONE),
			common.hosts()
		]);
	},

	render: function(data) {
		this.dot = common.dot('');
		this.sentence = E('span');
		this.count = E('span', { 'class': 'portico-quiet' });
		this.ports = new ports.Ports(() => this.refresh());

		this.show(data);
		poll.add(() => this.refresh(), 3);

		return E('div', {}, [
			common.style(),
			E('h2', {}, [ _('Open ports') ]),
			E('div', { 'class': 'cbi-map-descr' }, [
				_('Ports that devices in your network have opened by themselves, and those that you have fixed.')
			]),
			E('p', {}, [ this.dot, this.sentence ]),
			E('div', { 'class': 'portico-tools' }, [
				E('input', {
					'type': 'text',
					'class': 'cbi-input-text',
					'placeholder': _('Filter: name, address, port …'),
					'aria-label': _('Filter'),
					'input': ev => this.ports.filter(ev.target.value)
				}),
				this.count
			]),
			this.ports.node
		]);
	},

	refresh: function() {
		return this.ask().then(data => this.show(data));
	},

	show: function(data) {
		const answer = data[1];
		const line = common.summary(data[0]);

		this.dot.className = 'portico-dot ' + line.state;
		common.setText(this.sentence, line.text);
		common.setText(this.count, N_(answer.total, '%d open port', '%d open ports').format(answer.total));
		this.ports.show(answer, data[2]);
	}
});
