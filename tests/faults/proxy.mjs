// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A TCP proxy on loopback that does to connections what networks do: it cuts them, between frames and in the middle of one,
 * before the answer to what it passed on; it keeps them while nothing passes any more; it delays. What happens to which
 * connection is decided by a plan, so a seeded source of randomness gives the same plan again.
 */
import { connect, createServer } from 'node:net'

/**
 * What happens to one connection, once; until then it passes everything.
 *
 * - `pass`: nothing.
 * - `refuse`: it is reset before anything passes.
 * - `cut`: after `after` bytes on `way` both ends are closed, wherever in a frame that is.
 * - `tear`: the first chunk after `after` bytes on `way` passes by half, then both ends are closed: mid-frame.
 * - `unanswered`: what the client says after `after` bytes still passes, but nothing that comes back; then both ends are closed.
 * - `swallow`: after `after` bytes on `way` nothing passes any more, in neither direction, and nobody is told. The server's
 *   end is closed `linger` ms after the client's.
 * - `late`: the same, but what the client said meanwhile reaches the server all the same, before its end is closed: long after
 *   the client gave this connection up.
 *
 * @typedef {object} Fault
 * @property {'pass' | 'refuse' | 'cut' | 'tear' | 'unanswered' | 'swallow' | 'late'} kind
 * @property {'up' | 'down'} [way] from the client or to it
 * @property {number} [after] bytes
 * @property {boolean} [reset] whether the ends are reset (RST) or closed (FIN)
 * @property {number} [linger] milliseconds
 * @property {() => number} [delay] milliseconds that each chunk takes
 */

/** How long `unanswered` waits for an answer that it can keep back. */
const ANSWER_TIME = 200
/** How long the server has for what reached it late, before its end is closed too. */
const LATE_TIME = 100

/** One connection, and its other half to the server. */
class Link {
	#client
	#server
	#fault
	#passed = { up: 0, down: 0 }
	#lanes = { up: [], down: [] }
	#state = 'passing'
	#kept = []
	#timers = new Set()

	constructor(client, server, fault, count) {
		this.#client = client
		this.#server = server
		this.#fault = fault
		this.count = count
		for (const socket of [client, server]) socket.setNoDelay(true).on('error', () => {})
		this.over = Promise.all([client, server].map(socket => new Promise(resolve => socket.once('close', resolve))))
		client.on('data', chunk => this.#later('up', () => this.#take('up', chunk)))
		server.on('data', chunk => this.#later('down', () => this.#take('down', chunk)))
		/* An end comes after what was said before it, so it is delayed as that is. */
		client.on('close', () => this.#later('up', () => this.#ended()))
		server.on('close', () => this.#later('down', () => this.#state === 'swallowing' || client.destroySoon()))
	}

	/** Nothing more happens to this connection, unless nothing passes on it already. */
	calm() {
		if (this.#state === 'passing') this.#fault = { kind: 'pass' }
	}

	/** Chunks of one direction never overtake each other, however long each of them takes. */
	#later(way, act) {
		const lane = this.#lanes[way]
		const delay = this.#fault.delay?.() ?? 0
		if (delay === 0 && lane.length === 0) return act()
		lane.push({ act, due: Math.max(performance.now() + delay, lane.at(-1)?.due ?? 0) })
		if (lane.length === 1) this.#run(lane)
	}

	#run(lane) {
		this.#timer(() => {
			lane[0].act()
			lane.shift()
			if (lane.length > 0) this.#run(lane)
		}, lane[0].due - performance.now())
	}

	#timer(act, ms) {
		const timer = setTimeout(() => {
			this.#timers.delete(timer)
			act()
		}, ms)
		this.#timers.add(timer)
	}

	#ended() {
		if (this.#state === 'swallowing') this.#timer(() => this.#letLate(), this.#fault.linger ?? 0)
		else this.#server.destroySoon()
	}

	#letLate() {
		for (const chunk of this.#kept.splice(0)) this.#pass('up', chunk)
		this.#timer(() => this.#server.destroy(), LATE_TIME)
	}

	#take(way, chunk) {
		if (this.#state === 'swallowing') {
			if (way === 'up' && this.#fault.kind === 'late') this.#kept.push(chunk)
			return
		}
		if (this.#state === 'muted') {
			if (way === 'down') this.cut(this.#fault.reset)
			else this.#pass(way, chunk)
			return
		}
		const { kind, way: which, after } = this.#fault
		const left = which === way ? after - this.#passed[way] : Infinity
		if (chunk.length <= left) this.#pass(way, chunk)
		else this.#strike(kind, way, chunk, Math.max(0, left))
	}

	#strike(kind, way, chunk, left) {
		this.count(kind)
		if (kind === 'cut' || kind === 'tear') {
			this.#pass(way, chunk.subarray(0, kind === 'cut' ? left : Math.ceil(chunk.length / 2)))
			this.cut(this.#fault.reset)
		} else if (kind === 'swallow' || kind === 'late') {
			this.#state = 'swallowing'
			this.#take(way, chunk)
		} else {
			this.#state = 'muted'
			this.#pass(way, chunk)
			this.#timer(() => this.cut(this.#fault.reset), ANSWER_TIME)
		}
	}

	#pass(way, chunk) {
		this.#passed[way] += chunk.length
		const to = way === 'up' ? this.#server : this.#client
		if (to.writable && chunk.length > 0) to.write(chunk)
	}

	/** Ends both halves, with RST or with FIN; what was passed before arrives where the kernel lets it. */
	cut(reset) {
		for (const socket of [this.#client, this.#server])
			/* Node 20 never closes a socket that it is asked to reset while it is ending. */
			if (reset && !socket.writableEnded) socket.resetAndDestroy()
			else socket.destroySoon()
	}

	end() {
		for (const timer of this.#timers) clearTimeout(timer)
		this.#client.destroy()
		this.#server.destroy()
	}
}

/**
 * @param {object} options
 * @param {number} options.port of the server, on 127.0.0.1
 * @param {(number: number) => Fault} [options.plan] what happens to the connection of that number, from 0 on
 * @param {(kind: string) => void} [options.count] hears of every fault that really happened
 */
export async function startProxy({ port, plan = () => ({ kind: 'pass' }), count = () => {} }) {
	const links = new Set()
	let number = 0, calm = false
	const server = createServer(client => {
		const fault = calm ? { kind: 'pass' } : plan(number++)
		if (fault.kind === 'refuse') {
			count('refuse')
			client.on('error', () => {}).resetAndDestroy()
			return
		}
		const link = new Link(client, connect({ port, host: '127.0.0.1' }), fault, count)
		links.add(link)
		link.over.then(() => links.delete(link))
	})
	await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
	return {
		port: server.address().port,
		/** From now on everything passes, but where nothing passes already. */
		calm() {
			calm = true
			for (const link of links) link.calm()
		},
		/** Cuts what is there. */
		cut(reset = true) {
			for (const link of links) link.cut(reset)
		},
		close() {
			for (const link of links) link.end()
			return new Promise(resolve => server.close(resolve))
		},
	}
}
