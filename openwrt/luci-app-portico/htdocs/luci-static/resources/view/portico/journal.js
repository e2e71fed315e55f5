'use strict';
'require view';
'require poll';
'require rpc';
'require portico.common as common';
'require portico.sentences as sentences';

const callJournal = rpc.declare({
	object: 'portico',
	method: 'journal',
	params: [ 'after', 'limit' ],
	reject: true
});

const MOST = 500;

const WORDS = {
	'granted': _('opened'),
	'renewed': _('renewed'),
	'changed': _('changed'),
	'suspended': _('paused'),
	'resumed': _('resumed'),
	'expired': _('ended'),
	'removed': _('closed'),
	'refused': _('refused'),
	'static-refused': _('fixed port refused'),
	'uplink': _('connection'),
	'network': _('network'),
	'moved': _('moved'),
	'adopted': _('taken over'),
	'kernel': _('kernel'),
	'noise': _('noise'),
	'quiet': _('summary')
};

const COLOURS = {
	'granted': 'green',
	'refused': 'amber',
	'suspended': 'amber',
	'static-refused': 'amber',
	'kernel': 'red'
};

/* What the filter offers; the other kinds show under "Everything". */
const KINDS = {
	'': _('Everything'),
	'granted': _('Opened'),
	'refused': _('Refused'),
	'removed': _('Closed by someone'),
	'expired': _('Ended by time')
};

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: function() {
		return Promise.all([ L.resolveDefault(callJournal(0, MOST), { entries: [], last: 0 }), common.hosts() ]);
	},

	render: function(data) {
		this.entries = [];
		this.last = 0;
		this.kind = '';
		this.nameOf = common.namesOf(data[1]);
		this.table = new common.LiveTable({
			key: entry => entry.number,
			order: (a, b) => b.number - a.number,
			words: entry => this.wordsOf(entry),
			empty: _('Nothing has happened yet.'),
			columns: [
				{ title: _('Time'), cell: td => entry => common.setText(td, this.timeOf(entry)) },
				{ title: _('What'), cell: td => this.whatCell(td) },
				{ title: _('Device'), cell: td => this.deviceCell(td) },
				{ title: _('Port'), cell: td => entry => common.setText(td, this.portOf(entry)) },
				{ title: _('Details'), cell: td => this.detailCell(td) }
			]
		});

		this.take(data[0]);
		poll.add(() => this.refresh(), 3);

		return E('div', {}, [
			common.style(),
			E('h2', {}, [ _('Journal') ]),
			E('div', { 'class': 'cbi-map-descr' }, [
				_('Who opened a port, who was refused, and by which rule. The latest 500 entries are kept in memory.')
			]),
			E('div', { 'class': 'portico-tools' }, [
				E('input', {
					'type': 'text',
					'class': 'cbi-input-text',
					'placeholder': _('Filter: name, address, port …'),
					'aria-label': _('Filter'),
					'input': ev => this.table.filter(ev.target.value)
				}),
				E('select', {
					'class': 'cbi-input-select',
					'aria-label': _('What'),
					'change': ev => {
						this.kind = ev.target.value;
						this.show();
					}
				}, Object.keys(KINDS).map(kind => E('option', { 'value': kind }, [ KINDS[kind] ])))
			]),
			this.table.node
		]);
	},

	refresh: function() {
		return callJournal(this.last, MOST).then(answer => this.take(answer)).catch(() => {});
	},

	take: function(answer) {
		/* Numbers begin anew when the daemon does. */
		if (answer.last < this.last) {
			this.last = 0;
			this.entries = [];
			this.show();

			return this.refresh();
		}

		const now = Date.now();

		this.last = answer.last;
		this.entries = this.entries.concat(answer.entries.map(entry =>
			Object.assign({}, entry, { at: new Date(now - entry.age * 1000) }))).slice(-MOST);
		this.show();
	},

	show: function() {
		this.table.update(this.entries.filter(entry => this.kind === '' || entry.what === this.kind));
	},

	wordsOf: function(entry) {
		return [
			this.nameOf(entry.client), entry.client, entry.internal_address, entry.mac, entry.dst_port,
			entry.internal_port, entry.protocol, entry.comment, entry.text, common.because(entry), WORDS[entry.what]
		].join(' ');
	},

	timeOf: function(entry) {
		return entry.at.toLocaleString(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' });
	},

	portOf: function(entry) {
		const port = entry.dst_port || entry.internal_port;

		return port ? '%s %d'.format((entry.protocol || '').toUpperCase(), port) : '';
	},

	whatCell: function(td) {
		const dot = common.dot('');
		const word = E('span');

		td.appendChild(dot);
		td.appendChild(word);

		return entry => {
			dot.className = 'portico-dot ' + (COLOURS[entry.what] || '');
			common.setText(word, WORDS[entry.what] || entry.what);
		};
	},

	deviceCell: function(td) {
		const [ name, more ] = common.twoLines(td);

		return entry => {
			const known = entry.client ? this.nameOf(entry.client) : '';

			common.setText(name, known || entry.client || '');
			common.setText(more, [ known ? entry.client : '', entry.service ? common.service(entry.service) : '' ]
				.filter(word => word !== '').join(', '));
		};
	},

	detailCell: function(td) {
		const [ text, more ] = common.twoLines(td, 'portico-text', 'portico-text');

		return entry => {
			const isMapping = entry.client != null && entry.what !== 'refused';

			common.setText(text, this.mainOf(entry, isMapping));
			common.setText(more, isMapping ? sentences.translate(entry.because || '') : '');
		};
	},

	mainOf: function(entry, isMapping) {
		if (entry.what === 'refused')
			return common.because(entry);

		return isMapping ? entry.comment || '' : sentences.translate(entry.text || '');
	}
});
