'use strict';
'require baseclass';

/* From the byte counters of two answers: rates, and a small graph of the last of them. */

const SVG = 'http://www.w3.org/2000/svg';
const SAMPLES = 24;
const WIDTH = 72;
const HEIGHT = 18;

return baseclass.extend({
	Rates: baseclass.extend({
		__init__: function() {
			this.known = new Map();
		},

		/* `time`: seconds since boot, of this answer. Mappings that are gone are forgotten. */
		take: function(mappings, time) {
			const next = new Map();

			mappings.forEach(mapping => {
				if (mapping.bytes == null)
					return;

				const before = this.known.get(mapping.id);
				const rates = before ? before.rates : [];
				const passed = before ? time - before.time : 0;

				if (before && passed <= 0) {
					next.set(mapping.id, before);
					return;
				}

				/* Smaller than before: the mapping was made again, and its counter starts at 0. */
				const rate = before && mapping.bytes >= before.bytes ? (mapping.bytes - before.bytes) / passed : 0;

				next.set(mapping.id, {
					bytes: mapping.bytes,
					time: time,
					rates: (before ? rates.concat([ rate ]) : rates).slice(-SAMPLES)
				});
			});

			this.known = next;
		},

		/* Bytes a second, oldest first. */
		of: function(id) {
			const entry = this.known.get(id);

			return entry ? entry.rates : [];
		}
	}),

	/* An SVG element, and a function that draws rates into it. */
	graph: function() {
		const svg = document.createElementNS(SVG, 'svg');
		const line = document.createElementNS(SVG, 'polyline');

		svg.setAttribute('class', 'portico-graph');
		svg.setAttribute('viewBox', '0 0 %d %d'.format(WIDTH, HEIGHT));
		svg.setAttribute('aria-hidden', 'true');
		line.setAttribute('fill', 'none');
		line.setAttribute('stroke', 'currentColor');
		line.setAttribute('stroke-width', '1.5');
		svg.appendChild(line);

		return {
			node: svg,
			draw: function(rates) {
				const top = Math.max.apply(null, rates.concat([ 1 ]));
				const points = rates.map((rate, n) => {
					const x = WIDTH - (rates.length - 1 - n) * WIDTH / (SAMPLES - 1);
					const y = HEIGHT - 1 - rate / top * (HEIGHT - 2);

					return x.toFixed(1) + ',' + y.toFixed(1);
				});

				line.setAttribute('points', points.join(' '));
			}
		};
	}
});
