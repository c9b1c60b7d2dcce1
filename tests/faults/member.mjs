// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A member as the README asks for one, over whatever wire: it numbers its requests, and sends again what was not answered;
 * takes every event once and in order, and acknowledges; believes only its current peer; and comes back by itself, whatever
 * happens to its wires. What cannot happen to such a member is kept in `faults`.
 */
import { createHash, randomBytes } from 'node:crypto'
import { openWire } from './wire.mjs'

const ENVELOPE = 512 /* more than a request weighs without its signals */
const LOOK = 25 /* milliseconds between two looks at what is missing */
const TRIES = 3 /* of the same peer, before another one is taken */
const COMES_AGAIN = new Set(['rate_limited', 'window_exceeded'])
const NO_MEMBERSHIP = new Set(['room_not_set', 'peer_used', 'already_joined'])

/** What an entry weighs: what Janus's default indented writer makes of it. */
const weightOf = entry => JSON.stringify(entry, null, 3).length

/** Its membership ended before there was an answer. */
export class Ended extends Error {}

export class Member {
	/** What happened to it that the promises exclude. */
	faults = []
	/** Its last doings, for those who look for a fault. */
	notes = []
	/** Whether it was asked to leave: then the end of its membership is what it waits for. */
	leaving = false
	/** Counts up with each membership. */
	life = 1
	/** The number of the last event of this life. */
	n = 0
	/** The others, by id: what the events made of what `join` told. */
	roster = new Map()
	counts = {
		joins: 0, resumed: 0, peers: 0, gaps: 0, repeated: 0, again: 0, duplicates: 0, rate_limited: 0, window_exceeded: 0,
		disbelieved: 0, lost: 0, too_slow: 0,
	}
	/** Hears every signal, in order. */
	onSignal = () => {}
	#attempt = 0
	#known = false
	#rosterN = 0
	#unsure = null
	#peer = null
	#requests = new Map()
	#seq = 0
	#done = 0
	#headSince = 0
	#inFlight = 0
	#acked = 0
	#unacked = 0
	#asked = false
	#transactions = 0
	#failures = 0
	#limits
	#syncs = []
	#ended = false
	#asleep = false
	#watcher

	/**
	 * @param {object} options
	 * @param {'websockets' | 'http' | 'pfunix' | 'rabbitmq' | 'mqtt'} options.transport
	 * @param {string} options.url
	 * @param {string} options.room
	 * @param {() => number} options.random
	 * @param {string} [options.display]
	 * @param {number} [options.patience] milliseconds without an answer after which it no longer believes in a wire
	 * @param {number} [options.quiet] milliseconds without a word after which it asks whether it missed anything
	 */
	constructor({ patience = 600, quiet = 600, ...options }) {
		Object.assign(this, options, { patience, quiet })
		this.key = randomBytes(24).toString('base64url')
		this.id = createHash('sha256').update(this.key).digest('base64url').slice(0, 22)
	}

	get pending() { return this.#requests.size }
	get isOpen() { return this.#peer?.open === true }

	note(text) {
		this.notes.push(`${(performance.now() / 1000).toFixed(3)} ${text}`)
		if (this.notes.length > 150) this.notes.shift()
	}

	#fault(text) {
		this.note(`FAULT ${text}`)
		this.faults.push(text)
	}

	start() {
		this.#watcher = setInterval(() => this.#watch(), LOOK)
		this.#connect(0)
	}

	/** Ends it without a word to anybody. */
	stop() {
		this.#ended = true
		clearInterval(this.#watcher)
		this.#peer?.wire?.end()
		for (const { reject } of this.#requests.values()) reject(new Ended())
		for (const { reject } of this.#syncs.splice(0)) reject(new Ended())
	}

	/** It loses its wire, and does nothing for a while. */
	sleep(ms) {
		this.note(`sleeps for ${ms} ms`)
		this.#asleep = true
		this.#peer?.wire?.detach()
		const wire = this.#peer?.wire
		this.#peer = null
		setTimeout(() => wire?.end(), 50)
		setTimeout(() => {
			this.#asleep = false
			this.#connect(0)
		}, ms)
	}

	/* Peers */

	#connect(delay) {
		if (this.#ended || this.#asleep) return
		this.#peer?.wire?.end()
		const peer = this.#peer = { number: ++this.counts.peers, wire: null, open: false, stale: false, kept: [], asked: new Map() }
		setTimeout(() => this.#open(peer), delay)
	}

	#isCurrent(peer) { return peer === this.#peer && !this.#ended }

	async #open(peer) {
		if (!this.#isCurrent(peer)) return
		try {
			const wire = await openWire[this.transport](this.url, this.#ears(peer), this.patience)
			if (!this.#isCurrent(peer)) return wire.end()
			peer.wire = wire
			this.#join(peer)
		} catch (error) {
			if (this.#isCurrent(peer)) this.#connect(this.random() * 100)
		}
	}

	#ears(peer) {
		const believed = act => (...heard) => {
			if (this.#isCurrent(peer)) act(...heard)
			else this.counts.disbelieved++
		}
		return {
			heard: () => { peer.heard = performance.now() },
			answer: believed((transaction, data) => this.#answer(peer, transaction, data)),
			push: believed(data => this.#push(peer, data)),
			broken: believed(why => this.#broken(peer, why)),
			gone: believed(why => {
				this.note(`peer ${peer.number} is gone: ${why}`)
				this.#connect(this.random() * 50)
			}),
		}
	}

	/** Something is lost: the same join again, on the same peer if that may help. */
	#broken(peer, why) {
		if (peer.mending) return
		this.note(`peer ${peer.number} is broken: ${why}`)
		peer.mending = true
		const other = this.transport !== 'http' || !peer.wire || ++this.#failures >= TRIES || this.random() < 0.2
		if (other) this.#connect(this.random() * 50)
		else setTimeout(() => {
			peer.mending = false
			if (this.#isCurrent(peer)) this.#again(peer)
		}, 10 + this.random() * 40)
	}

	#again(peer) {
		this.counts.again++
		peer.stale = true
		peer.wire.renew()
		this.#join(peer)
	}

	#ask(peer, body, heard) {
		const transaction = `${peer.number}.${++this.#transactions}`
		peer.asked.set(transaction, heard)
		peer.wire.send(transaction, body)
	}

	#answer(peer, transaction, data) {
		const heard = peer.asked.get(transaction)
		peer.asked.delete(transaction)
		if (NO_MEMBERSHIP.has(data.code)) {
			/* Somebody ended it, or a later try on another peer has it by now. */
			this.note(`peer ${peer.number} has no membership: ${data.code}`)
			this.#connect(this.random() * 50)
		} else heard?.(data)
	}

	/* Joining and coming back */

	#join(peer) {
		peer.open = false
		peer.synced = peer.behind = null
		for (const request of this.#requests.values()) request.sent = null
		this.#inFlight = 0
		this.counts.joins++
		const { key, room, display } = this
		const attempt = peer.attempt = ++this.#attempt
		peer.joined = performance.now()
		this.note(`peer ${peer.number} joins, attempt ${attempt}${this.#known ? `, ack ${this.n}` : ''}`)
		const body = { request: 'join', room, key, display, attempt, ...this.#known && { ack: this.n } }
		/* Only the answer to the last try counts: an earlier one says nothing about what was asked since. */
		this.#ask(peer, body, data => peer.attempt === attempt && this.#joinAnswered(peer, data))
	}

	#joinAnswered(peer, data) {
		this.note(`peer ${peer.number} is told ${data.code ?? `resumed ${data.resumed}, ack ${data.ack}, n ${data.n}, seq ${data.seq}`}`)
		switch (data.code) {
		case undefined:
			return this.#entered(peer, data)
		case 'rate_limited':
			this.counts.rate_limited++
			peer.joined = performance.now() + data.retry_after
			return void setTimeout(() => this.#isCurrent(peer) && !peer.mending && this.#join(peer), data.retry_after)
		case 'member_gone':
			if (this.leaving) return this.stop() // that to an acknowledgement has overtaken the answer to `leave`, or it was lost
			this.#beginAnew()
			return this.#join(peer)
		case 'events_gone':
		case 'invalid_ack':
			/* It lost nothing that it acknowledged, and acknowledged nothing that it did not get. */
			this.counts.lost++
			this.#fault(`${data.code} to ack ${this.n}`)
			this.#known = false
			return this.#join(peer)
		case 'superseded':
			this.#fault('superseded, with the last attempt that there is')
			return this.#join(peer)
		default:
			this.#fault(`join was refused: ${data.code} ${data.error}`)
		}
	}

	/** Its membership is over: what was asked of it has no answer any more, and all numbers begin with one. */
	#beginAnew() {
		this.note(`life ${this.life} is over`)
		for (const { reject } of this.#requests.values()) reject(new Ended())
		this.#requests.clear()
		this.#unsure = null // events of the former life, for a roster that never came
		this.#known = false
		this.#seq = this.#done = this.n = 0
		this.life++
	}

	#entered(peer, data) {
		if (data.id !== this.id) this.#fault(`the id is ${data.id} instead of ${this.id}`)
		if (this.#known && !data.resumed) this.#fault('a fresh membership, where it was told to come back')
		if (data.resumed && data.seq < this.#done) {
			/* A membership, but another one: made by a try of a former life that was late. */
			this.#fault(`seq ${data.seq} in a membership in which ${this.#done} was done`)
			this.#beginAnew()
		}
		if (data.resumed) this.counts.resumed++
		if (!this.#known) this.n = data.resumed ? data.ack : data.n
		this.#limits = data.limits
		this.#acked = this.n
		this.#unacked = 0
		if (data.members) this.#learn(data)
		else if (!this.#known) {
			/* Its first answer was lost, and with it the roster. */
			this.#unsure = []
			this.#sync(peer)
		}
		this.#known = true
		peer.open = true
		for (const push of peer.kept.splice(0)) this.#push(peer, push)
		this.#fill()
	}

	/* Events */

	#push(peer, data) {
		if (data.portal === 'closed') return this.#closed(peer, data.reason)
		if (peer.open) this.#take(peer, data)
		else peer.kept.push(data)
	}

	#closed(peer, reason) {
		this.note(`peer ${peer.number} is closed: ${reason}`)
		if (reason === 'too_slow') this.counts.too_slow++
		else this.#fault(`its current peer was closed: ${reason}`)
		this.#connect(0)
	}

	#take(peer, { n, events, version }) {
		if (n > this.n + 1) {
			/* What was on its way when it joined again may come before what is pushed again. */
			if (peer.stale) return
			this.note(`gap: ${n} after ${this.n}`)
			this.counts.gaps++
			this.#again(peer)
			return
		}
		peer.stale = false
		this.#failures = 0
		for (const [index, entry] of events.entries()) {
			if (n + index <= this.n) this.counts.repeated++
			else this.#append(entry)
		}
		this.version = version
		this.#acknowledge(peer)
	}

	#append(entry) {
		this.n++
		this.#unacked += weightOf(entry)
		this.#asked ||= entry.event === 'ack'
		this.note(`${this.n} ${entry.event} ${entry.id ?? entry.member?.id ?? entry.members?.map(({ id }) => id) ?? `${entry.from} ${JSON.stringify(entry.payload).slice(0, 70)}`}`)
		if (entry.event === 'signal') return this.onSignal(entry)
		for (const one of entry.event === 'ack' ? [] : entry.members ? entry.members.map(member => ({ ...entry, member })) : [entry]) {
			if (this.#unsure) this.#unsure.push({ n: this.n, entry: one })
			else if (this.n > this.#rosterN) this.#change(one)
		}
	}

	/** The whole roster: events up to its number change nothing in it. */
	#learn({ n, members }) {
		this.#rosterN = n
		this.roster = new Map(members.map(({ id, display, away }) => [id, { display, away: away === true }]))
		for (const { n, entry } of this.#unsure ?? []) if (n > this.#rosterN) this.#change(entry)
		this.#unsure = null
	}

	#change({ event, id, member, reason }) {
		const who = id ?? member.id
		const there = this.roster.get(who)
		const fits = event === 'joined' ? !there : there && (event !== 'away' || !there.away) && (event !== 'back' || there.away)
		if (!fits) this.#fault(`event ${this.n}: ${event} of ${who}, who is ${there ? there.away ? 'away' : 'there' : 'not there'}`)
		if (event === 'left') {
			this.roster.delete(who)
			this.onLeft?.(who, reason)
		} else if (event === 'away' || event === 'back') there.away = event === 'away'
		else this.roster.set(who, { display: member.display, away: there?.away ?? false })
	}

	#acknowledge(peer) {
		const { ack_every: every, max_backlog: backlog } = this.#limits
		if (this.#asked || this.n - this.#acked >= every || this.#unacked >= backlog / 4) this.#ask(peer, { request: 'ack', ...this.#ack() }, () => {})
	}

	#ack() {
		if (this.n === this.#acked) return {}
		this.#acked = this.n
		this.#unacked = 0
		this.#asked = false
		return { ack: this.n }
	}

	/** The whole roster, as the server has it, once this member has all events up to it. */
	sync() {
		return new Promise((resolve, reject) => {
			this.#syncs.push({ resolve, reject })
			if (this.isOpen && !this.#peer.synced) this.#sync(this.#peer)
		})
	}

	#sync(peer) {
		peer.synced = performance.now()
		/* Whoever asks while this one is on its way wants to know more than it may tell. */
		const asked = new Set(this.#syncs)
		this.#ask(peer, { request: 'sync' }, data => {
			peer.synced = null
			if (data.portal !== 'success') return
			peer.behind = data.n > this.n ? { n: data.n, since: performance.now() } : null
			if (!peer.behind) this.#failures = 0
			if (this.#unsure) this.#learn(data)
			if (peer.behind) return
			this.#syncs = this.#syncs.filter(one => !asked.has(one))
			for (const { resolve } of asked) resolve(data)
		})
	}

	/* Numbered requests */

	/**
	 * Resolves with the answer, however often it has to be sent; rejects if the membership ends before there is one.
	 *
	 * @param {(seq: number) => object} make the body of the request of that number
	 */
	request(make) {
		const seq = ++this.#seq
		const body = { ...make(seq), seq }
		return new Promise((resolve, reject) => {
			if (this.#requests.size === 0) this.#headSince = performance.now()
			this.#requests.set(seq, { body, weight: weightOf(body) + ENVELOPE, resolve, reject, sent: null, resting: false })
			this.#fill()
		})
	}

	/** Sends what the window and the bytes that may wait allow, counted from the first that is not answered. */
	#fill() {
		const peer = this.#peer
		if (!peer?.open) return
		const { window, max_request: most } = this.#limits
		const low = this.#requests.keys().next().value
		for (const [seq, request] of this.#requests) {
			if (seq >= low + window) break
			if (request.sent || request.resting) continue
			if (seq !== low && this.#inFlight + request.weight > most) break
			this.#send(peer, request)
		}
	}

	#send(peer, request) {
		const sent = request.sent = { at: performance.now() }
		this.#inFlight += request.weight
		/* Sometimes what it has is acknowledged on the way. */
		const body = this.random() < 0.3 ? { ...request.body, ...this.#ack() } : request.body
		/* An answer to what was sent before the last join is not believed: the number comes again. */
		this.#ask(peer, body, answer => peer.open && request.sent === sent && this.#answered(request, answer))
	}

	#answered(request, answer) {
		this.#inFlight -= request.weight
		request.sent = null
		if (COMES_AGAIN.has(answer.code)) this.#rest(request, answer)
		else {
			const { seq } = request.body
			if (answer.duplicate) this.counts.duplicates++
			if (answer.code === 'answer_gone') this.#fault(`the answer to ${seq} is gone`)
			this.#done = Math.max(this.#done, seq)
			this.#requests.delete(seq)
			this.#headSince = performance.now()
			request.resolve(answer)
		}
		this.#fill()
	}

	/** The same number again when the server said so; those behind it wait there. */
	#rest(request, { code, retry_after: wait = 20 }) {
		this.counts[code]++
		request.resting = true
		setTimeout(() => {
			request.resting = false
			this.#headSince = performance.now()
			this.#fill()
		}, wait)
	}

	/* What is missing */

	#watch() {
		const peer = this.#peer
		if (!peer?.wire || peer.mending) return
		const now = performance.now()
		const late = since => since && now - since > this.patience
		const head = this.#requests.values().next().value
		if (!peer.open) {
			if (late(peer.joined)) this.#broken(peer, 'no answer to join')
		} else if (head?.sent && late(Math.max(head.sent.at, this.#headSince))) {
			this.#broken(peer, `no answer to number ${head.body.seq}`)
		} else if (late(peer.synced)) {
			this.#broken(peer, 'no answer to sync')
		} else if (late(peer.behind?.since)) {
			if (peer.behind.n > this.n) this.#broken(peer, `event ${this.n + 1} did not come`)
			peer.behind = null
		} else if (!peer.synced && !peer.behind && (this.#syncs.length > 0 || now - peer.heard > this.quiet)) this.#sync(peer)
	}
}
