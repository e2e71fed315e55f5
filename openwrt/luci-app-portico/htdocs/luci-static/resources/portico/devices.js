'use strict';
'require baseclass';
'require uci';
'require portico.common as common';

/*
 * One switch for a device, on top of ordered `config permission` sections of which the first that matches decides.
 *
 * Off is one rule at the very top: `deny` with the MAC address and nothing else. Nothing can come before it, so off
 * means off. On is no rule at all where the other rules and the default policy allow the device the ports from 1024
 * up; where they do not, it is one rule that does, right before the rule that would refuse. Rules written by hand are
 * never changed: those before the switch's own keep deciding for the ports that they name.
 */

const USUAL = '1024-65535';

/* Matches this device: 'yes', 'no', or 'maybe' where the router cannot tell. */
function matches(rule, host) {
	if (rule.mac && rule.mac.toLowerCase() !== host.mac)
		return 'no';

	/* By which interface the device asks is not known here. */
	if (rule.interface)
		return 'maybe';

	if (!rule.internal_address)
		return 'yes';

	const own = host.addresses.filter(address => address.indexOf(':') < 0);
	const inside = own.filter(address => isInside(address, rule.internal_address));

	if (!own.length)
		return 'maybe';

	return inside.length === own.length ? 'yes' : inside.length ? 'maybe' : 'no';
}

function number(address) {
	return address.split('.').reduce((sum, part) => sum * 256 + (+part), 0);
}

/* `range`: an address, a prefix (192.168.1.0/24) or a range (192.168.1.10-192.168.1.20). */
function isInside(address, range) {
	const prefix = range.split('/');
	const ends = range.split('-');

	if (prefix.length === 2) {
		const size = Math.pow(2, 32 - prefix[1]);

		return Math.floor(number(address) / size) === Math.floor(number(prefix[0]) / size);
	}

	return number(address) >= number(ends[0]) && number(address) <= number(ends[ends.length - 1]);
}

function isDisabled(rule) {
	return common.isTrue(rule.disabled);
}

function isForAll(rule) {
	const services = L.toArray(rule.service);

	return (!rule.protocol || rule.protocol === 'both') && (!services.length || services.length === 2);
}

function isWhole(rule) {
	return !rule.dst_port && !rule.internal_port && isForAll(rule);
}

/* Covers at least the ports from 1024 up, on both sides. */
function isUsual(rule) {
	return isForAll(rule) && [ rule.dst_port, rule.internal_port ].every(range => {
		const ends = (range || USUAL).split('-');

		return +ends[0] <= 1024 && +ends[ends.length - 1] === 65535;
	});
}

function isOnlyAbout(rule, host) {
	return !isDisabled(rule) && (rule.mac || '').toLowerCase() === host.mac && !rule.internal_address && !rule.interface;
}

/* The two rules that the switch itself writes, and nothing that is narrower. */
function isSwitch(rule, host) {
	if (!isOnlyAbout(rule, host))
		return false;

	if (rule.action === 'deny')
		return isWhole(rule);

	return rule.dst_port === USUAL && rule.internal_port === USUAL && isForAll(rule);
}

/* A name that a device chose is no comment to trust: what is plain stays. */
function commentOf(host) {
	const name = host.name.replace(/[^A-Za-z0-9 ._-]/g, '').slice(0, 40).trim();

	return name ? '%s (Devices)'.format(name) : 'Devices';
}

return baseclass.extend({
	rules: function() {
		return uci.sections('portico', 'permission');
	},

	defaultAction: function() {
		return uci.get('portico', 'limits', 'default_action') || 'high_ports';
	},

	/*
	 * May the device ({ mac, addresses }) open the ports from 1024 up?
	 * { on, some, rule }: `some` while it is off for most and rules allow it single ports; `rule` is the number of
	 * the permission that decides, as the journal numbers it, or null for the default policy.
	 */
	stateOf: function(host, rules, defaultAction) {
		let some = false;

		for (let n = 0; n < rules.length; n++) {
			const rule = rules[n];
			const match = isDisabled(rule) ? 'no' : matches(rule, host);

			if (match === 'no')
				continue;

			if (match === 'yes' && rule.action === 'deny' && isWhole(rule))
				return { on: false, some: some, rule: n };

			if (match === 'yes' && rule.action === 'allow' && isUsual(rule))
				return { on: true, some: false, rule: n };

			if (rule.action === 'allow')
				some = true;
		}

		return { on: defaultAction !== 'deny', some: some && defaultAction === 'deny', rule: null };
	},

	state: function(host) {
		return this.stateOf(host, this.rules(), this.defaultAction());
	},

	/* Changes the loaded UCI configuration; the caller saves it. */
	turn: function(host, on) {
		this.rules().filter(rule => isSwitch(rule, host)).forEach(rule => uci.remove('portico', rule['.name']));

		const rules = this.rules();
		const now = this.stateOf(host, rules, this.defaultAction());

		if (on && !now.on)
			this.add(host, { action: 'allow', dst_port: USUAL, internal_port: USUAL }, rules[now.rule]);
		else if (!on && (now.on || now.some))
			this.add(host, { action: 'deny' }, rules[0]);
	},

	/* `before`: the rule to stand in front of, or undefined for the end. */
	add: function(host, values, before) {
		const sid = uci.add('portico', 'permission');

		uci.set('portico', sid, 'action', values.action);
		uci.set('portico', sid, 'mac', host.mac);
		uci.set('portico', sid, 'comment', commentOf(host));

		if (values.dst_port) {
			uci.set('portico', sid, 'dst_port', values.dst_port);
			uci.set('portico', sid, 'internal_port', values.internal_port);
		}

		if (before)
			uci.move('portico', sid, before['.name'], false);
	}
});
