'use strict';
'require baseclass';
'require portico.common as common';
'require portico.ports as ports';

/* The box on the status page: how many ports are open, and for whom. The page calls load and render again and again. */

const MOST = 10;

return baseclass.extend({
	title: _('Open ports'),

	load: function() {
		/* A service that is off or not running is no reason to disturb the status page. */
		return Promise.all([
			L.resolveDefault(common.status(), null),
			L.resolveDefault(common.mappings(), null),
			common.hosts()
		]);
	},

	render: function(data) {
		const status = data[0];
		const answer = data[1] || common.NONE;

		/* The page keeps what it was given last, so a box that is there has to say that the service went. */
		if (!this.box && (status == null || data[1] == null || !common.isOn(status)))
			return null;

		this.box = this.box || this.build();

		const line = common.summary(status);

		this.dot.className = 'portico-dot ' + line.state;
		common.setText(this.sentence, line.text);
		this.ports.show(answer, data[2], answer.mappings.slice().sort(common.byPort).slice(0, MOST));
		common.setText(this.more, answer.total > MOST ? _('All %d open ports').format(answer.total) : _('Open ports and settings'));

		return this.box;
	},

	build: function() {
		this.dot = common.dot('');
		this.sentence = E('span');
		this.more = E('a', { 'href': L.url('admin/services/portico/mappings') });
		this.ports = new ports.Ports(() => this.load().then(data => this.render(data)));

		return E('div', { 'class': 'portico-box' }, [
			common.style(),
			E('p', {}, [ this.dot, this.sentence ]),
			this.ports.node,
			E('p', {}, [ this.more ])
		]);
	}
});
