'use strict';
'require baseclass';
'require rpc';
'require ui';
'require portico.common as common';
'require portico.traffic as traffic';

/* The table of open ports, on the page of its own and in the box of the status page. */

const callRemove = rpc.declare({
	object: 'portico',
	method: 'remove',
	params: [ 'id' ],
	reject: true
});

const callPin = rpc.declare({
	object: 'portico',
	method: 'pin',
	params: [ 'id', 'comment' ],
	reject: true
});

/* Never rejects: whatever went wrong has been shown under this title. */
function warned(call, title) {
	return call.then(answer => {
		if (!answer.ok)
			common.warn(ui, title, common.reason(answer));
	}).catch(error => {
		common.warn(ui, title, error.message);
	});
}

const Ports = baseclass.extend({
	/* `refresh`: asks the daemon anew and shows what it answers; a promise. */
	__init__: function(refresh) {
		this.refresh = refresh;
		this.rates = new traffic.Rates();
		this.nameOf = common.namesOf([]);
		this.table = new common.LiveTable({
			key: mapping => mapping.id,
			order: common.byPort,
			words: mapping => this.wordsOf(mapping),
			columns: this.columns(),
			empty: _('No port is open.')
		});
		this.node = this.table.node;
	},

	/* All mappings of an answer count for the rates; `shown` are those that get a row. */
	show: function(answer, hosts, shown) {
		this.nameOf = common.namesOf(hosts);
		this.rates.take(answer.mappings, answer.time);
		this.table.update(shown || answer.mappings);
	},

	filter: function(text) {
		this.table.filter(text);
	},

	wordsOf: function(mapping) {
		return [
			this.nameOf(mapping.internal_address), mapping.internal_address, mapping.dst_address, mapping.dst_port,
			mapping.internal_port, mapping.protocol, common.service(mapping.service), mapping.comment, mapping.mac
		].join(' ');
	},

	columns: function() {
		return [
			{ title: _('Device'), cell: td => this.deviceCell(td) },
			{ title: _('Port'), cell: td => this.portCell(td) },
			{ title: _('Asked by'), cell: td => this.askerCell(td) },
			{ title: _('Ends in'), cell: td => mapping => common.setText(td, this.endOf(mapping)) },
			{ title: _('Traffic'), cell: td => this.trafficCell(td) },
			{ title: '', cls: 'cbi-section-actions', cell: td => this.actionsCell(td) }
		];
	},

	deviceCell: function(td) {
		const [ name, address ] = common.twoLines(td);

		return mapping => {
			const known = this.nameOf(mapping.internal_address);

			common.setText(name, known || mapping.internal_address);
			common.setText(address, known ? mapping.internal_address : '');
		};
	},

	portCell: function(td) {
		const [ ports, more ] = common.twoLines(td);

		return mapping => {
			const words = [ mapping.pinhole != null ? 'IPv6' : 'IPv4' ];

			if (mapping.remote_address)
				words.push(_('only from %s').format(mapping.remote_address));

			if (mapping.state === 'disabled')
				words.push(_('switched off by its device'));

			if (mapping.state === 'suspended')
				words.push(_('suspended: the address belongs to another device now'));

			common.setText(ports, '%s %s'.format(mapping.protocol.toUpperCase(), common.ports(mapping)));
			common.setText(more, words.join(', '));
		};
	},

	askerCell: function(td) {
		const [ service, comment ] = common.twoLines(td, '', 'portico-text');

		return mapping => {
			common.setText(service, common.service(mapping.service));
			common.setText(comment, mapping.comment || '');
		};
	},

	trafficCell: function(td) {
		const amount = E('span', { 'class': 'portico-amount' });
		const rate = E('span', { 'class': 'portico-quiet portico-amount' });
		const graph = traffic.graph();

		td.appendChild(amount);
		td.appendChild(graph.node);
		td.appendChild(E('br'));
		td.appendChild(rate);

		return mapping => {
			const rates = this.rates.of(mapping.id);
			/* Whole: LuCI's format() rounds from the first kibibyte on. */
			const now = rates.length ? Math.round(rates[rates.length - 1]) : 0;

			common.setText(amount, mapping.bytes == null ? '–' : '%1024.1mB'.format(mapping.bytes));
			common.setText(rate, now > 0 ? _('%s/s').format('%1024.1mB'.format(now)) : '');
			graph.node.style.display = rates.some(each => each > 0) ? '' : 'none';
			graph.draw(rates);
		};
	},

	actionsCell: function(td) {
		let current = null;

		const pin = E('button', {
			'class': 'btn cbi-button cbi-button-neutral',
			'title': _('Keep this port open for good'),
			'disabled': !L.hasViewPermission() || null,
			'click': () => this.askToPin(current)
		}, [ _('Pin') ]);
		const remove = E('button', {
			'class': 'btn cbi-button cbi-button-remove',
			'title': _('Close this port now'),
			'disabled': !L.hasViewPermission() || null,
			'click': () => this.remove(current, remove)
		}, [ _('Remove') ]);

		td.appendChild(E('div', {}, [ pin, ' ', remove ]));

		return mapping => {
			const mine = !mapping.dynamic;

			current = mapping;
			pin.style.display = mine || mapping.pinhole != null || mapping.remote_address ? 'none' : '';
			remove.style.display = mine ? 'none' : '';
		};
	},

	endOf: function(mapping) {
		return mapping.timeout == null ? _('never') : common.duration(mapping.timeout);
	},

	remove: function(mapping, button) {
		button.disabled = true;

		return warned(callRemove(mapping.id), _('The port was not closed')).then(() => {
			button.disabled = !L.hasViewPermission();
			button.blur();

			return this.refresh();
		});
	},

	askToPin: function(mapping) {
		const comment = E('input', {
			'type': 'text',
			'class': 'cbi-input-text',
			'maxlength': 64,
			'aria-label': _('Comment')
		});

		comment.value = mapping.comment || '';

		ui.showModal(_('Keep this port open'), [
			E('p', {}, [
				_('%s stays open to %s until you remove it under Settings, Fixed ports. Give the device a fixed address, or the port will lead to whoever has the address then.').format(
					'%s %d'.format(mapping.protocol.toUpperCase(), mapping.dst_port),
					common.endpoint(mapping.internal_address, mapping.internal_port))
			]),
			E('p', {}, [ E('label', {}, [ _('Comment'), ' ', comment ]) ]),
			E('div', { 'class': 'right' }, [
				E('button', { 'class': 'btn', 'click': ui.hideModal }, [ _('Cancel') ]),
				' ',
				E('button', {
					'class': 'btn cbi-button-action important',
					'click': () => this.pin(mapping, comment.value)
				}, [ _('Keep open') ])
			])
		]);
		comment.focus();
	},

	pin: function(mapping, comment) {
		ui.hideModal();

		return warned(callPin(mapping.id, comment), _('The port was not fixed')).then(() => this.refresh());
	}
});

return baseclass.extend({
	Ports: Ports
});
