'use strict';
'require baseclass';
'require portico.common as common';

/* The box on the status page: how many ports are open, and for whom. The page calls load and render again and again. */

const MOST = 10;

return baseclass.extend({
	title: _('Open ports'),

	load: function() {
		/* A service that is off or not running is no reason to disturb the status page. */
		return Promise.all([
			L.resolveDefault(common.status(), null),
			L.resolveDefault(common.mappings(), null),
			L.resolveDefault(common.hosts(), [])
		]);
	},

	render: function(data) {
		const status = data[0];
		const answer = data[1];

		if (status == null || answer == null || !(status.services || []).some(service => service.enabled))
			return null;

		this.nameOf = common.namesOf(data[2]);
		this.box = this.box || this.build();

		const line = common.uplink(status);

		this.dot.className = 'portico-dot ' + line.state;
		common.setText(this.sentence, line.text);
		this.table.update(answer.mappings.slice().sort(common.byPort).slice(0, MOST));
		common.setText(this.more, answer.total > MOST ? _('All %d open ports').format(answer.total) : _('Open ports and settings'));

		return this.box;
	},

	build: function() {
		this.dot = common.dot('');
		this.sentence = E('span');
		this.more = E('a', { 'href': L.url('admin/services/portico/mappings') });
		this.table = new common.LiveTable({
			key: mapping => mapping.id,
			order: common.byPort,
			words: () => '',
			empty: _('No port is open.'),
			columns: [
				{ title: _('Device'), cell: td => mapping =>
					common.setText(td, this.nameOf(mapping.internal_address) || mapping.internal_address) },
				{ title: _('Port'), cell: td => mapping =>
					common.setText(td, '%s %s'.format(mapping.protocol.toUpperCase(), common.ports(mapping))) },
				{ title: _('Asked by'), cell: td => {
					td.classList.add('portico-text');

					return mapping => common.setText(td, [ common.service(mapping.service), mapping.comment ]
						.filter(word => word).join(': '));
				} },
				{ title: _('Ends in'), cell: td => mapping =>
					common.setText(td, mapping.timeout == null ? _('never') : common.duration(mapping.timeout)) }
			]
		});

		return E('div', { 'class': 'portico-box' }, [
			common.style(),
			E('p', {}, [ this.dot, this.sentence ]),
			this.table.node,
			E('p', {}, [ this.more ])
		]);
	}
});
