// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * One random schedule: some members in a room, who send each other numbered signals while their connections suffer; then calm,
 * and what everybody got and knows is compared with what everybody was told. All that is random comes from one seed.
 */
import { isDeepStrictEqual } from 'node:util'
import { Ended, Member } from './member.mjs'
import { randomness } from '../lib/random.mjs'
import { startProxy } from './proxy.mjs'

const PATIENCE = 30_000 /* milliseconds after the calm, until everything must be there */

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const among = (random, list) => list[Math.floor(random() * list.length)]
const between = (random, low, high) => low + Math.floor(random() * (high - low))

/** How many of the connections break, and in which way. */
const HARM = 0.75
const FAULTS = ['refuse', 'cut', 'cut', 'tear', 'tear', 'unanswered', 'unanswered', 'swallow', 'late']

/** What happens to the connections of one member, one after the other; `lingers` is how long their ends may take. */
function planOf(random, lingers) {
	return () => {
		const kind = random() < HARM ? among(random, FAULTS) : 'pass'
		const slow = random() < 0.3 ? between(random, 2, 60) : 0
		return {
			kind,
			way: kind === 'unanswered' || kind === 'late' ? 'up' : among(random, ['up', 'down']),
			/* Many end while they open; the others later, at any byte. */
			after: kind === 'pass' ? Infinity : random() < 0.3 ? between(random, 0, 700) : between(random, 700, 12_000),
			reset: random() < 0.5,
			linger: among(random, lingers),
			...slow && { delay: () => random() * slow },
		}
	}
}

/** A schedule of one seed. */
export class Schedule {
	/** What was found wrong. */
	wrong = []
	/** Deliveries: told to the senders, got by the recipients. */
	told = 0
	got = 0
	lives = 0
	#members = []
	#proxies = []
	/** By sender, then recipient: the order numbers of what the sender was told to be relayed. */
	#relayed
	/** By recipient, then sender: the order numbers of what it got, of all its lives. */
	#heard
	#retries = new Set()
	#visitor = null

	/**
	 * @param {object} options
	 * @param {number} options.seed
	 * @param {string} options.room
	 * @param {string[]} options.transports that its members use
	 * @param {boolean} [options.each] whether there is one member for each transport, instead of four that choose
	 * @param {Record<string, string>} options.addresses of Janus, by transport
	 * @param {boolean} [options.deaths] whether members stay away for so long that their membership ends
	 * @param {number} [options.patience] milliseconds for everything to be as it has to be
	 * @param {(kind: string) => void} options.count hears of every fault of the network
	 */
	constructor(options) {
		Object.assign(this, { patience: PATIENCE }, options)
		this.random = randomness(options.seed)
		this.size = options.each ? options.transports.length : 4
		const table = () => Array.from({ length: this.size }, () => Array.from({ length: this.size }, () => []))
		this.#relayed = table()
		this.#heard = table()
	}

	get counts() {
		const sum = {}
		for (const { counts } of this.#members)
			for (const [name, value] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + value
		return sum
	}

	/** @returns {Promise<boolean>} whether all was as promised */
	async run() {
		try {
			await this.#open()
			await this.#suffer()
			for (const proxy of this.#proxies) proxy.calm()
			await this.#settle()
			this.#judge()
			if (this.wrong.length === 0) await this.#leave()
		} catch (error) {
			this.wrong.push(error.stack)
		}
		for (const member of [...this.#members, ...this.#visitor ? [this.#visitor] : []]) member.stop()
		await Promise.all(this.#proxies.map(proxy => proxy.close()))
		return this.wrong.length === 0
	}

	/** For whoever has to find out why. */
	report() {
		const of = (member, index) => `  member ${index} ${member.id} over ${member.transport}, life ${member.life}, n ${member.n}, ` +
			`${member.pending} pending\n${member.notes.map(note => `    ${note}\n`).join('')}`
		return `schedule ${this.seed} (PORTAL_SEED=${this.seed} PORTAL_SCHEDULES=1 repeats it) in ${this.room}:\n` +
			`${this.wrong.map(text => `  ${text}\n`).join('')}${this.#members.map(of).join('')}`
	}

	async #open() {
		/* No join may come so late that the membership which it was for is over: it would make another one. */
		const lingers = this.deaths ? [0, 100, 500] : [0, 100, 1000, 4000]
		for (let index = 0; index < this.size; index++) {
			const own = randomness(this.random() * 2 ** 32)
			const transport = this.each ? this.transports[index] : among(own, this.transports)
			const target = new URL(this.addresses[transport])
			const proxy = await startProxy({ port: Number(target.port), plan: planOf(own, lingers), count: this.count })
			this.#proxies.push(proxy)
			target.port = proxy.port
			const member = new Member({
				transport, url: target.href.replace(/\/$/, ''), room: this.room, random: own, display: `member ${index}`,
				patience: among(own, [300, 500, 800]), quiet: among(own, [200, 500, 1500]),
			})
			member.onSignal = entry => this.#hear(index, entry)
			this.#members.push(member)
		}
		for (const member of this.#members) member.start()
		const others = this.size - 1
		await this.#until('everybody to be there', () => this.#members.every(({ isOpen, roster }) => isOpen && roster.size === others))
	}

	async #until(what, look) {
		const end = performance.now() + this.patience
		while (!look()) {
			if (performance.now() > end) throw new Error(`waited in vain for ${what}`)
			if (this.#members.some(({ faults }) => faults.length > 0)) return
			await sleep(20)
		}
	}

	/** While their connections break, the members talk, change their names, and some are away for long. */
	async #suffer() {
		const end = performance.now() + between(this.random, 1000, 2500)
		const visit = this.random() < 0.3 ? this.#visit() : null
		await Promise.all([...this.#members.map(async (member, index) => {
			const random = randomness(this.random() * 2 ** 32)
			const dies = this.deaths && random() < 0.5 ? performance.now() + random() * 1000 : Infinity
			let slept = false
			while (performance.now() < end) {
				if (!slept && performance.now() > dies) {
					slept = true
					member.sleep(between(random, 200, 3500))
				}
				for (let burst = random() < 0.05 ? 20 : 1; burst > 0; burst--) this.#talk(member, index, random)
				if (random() < 0.05) member.request(() => ({ request: 'configure', display: `${index} since ${Math.floor(random() * 1e6)}` }))
					.catch(mayEnd)
				await sleep(random() * 200)
			}
		}), visit])
	}

	/** Somebody comes and goes meanwhile, over a connection that does not suffer: an answer that is late only is no reason to come back. */
	async #visit() {
		const visitor = this.#visitor = new Member({
			transport: 'websockets', url: this.addresses.websockets, room: this.room, random: this.random, patience: this.patience,
		})
		visitor.start()
		await sleep(300 + this.random() * 500)
		await this.#until('the visitor to be there', () => visitor.isOpen)
		visitor.leaving = true
		await visitor.request(() => ({ request: 'leave' })).catch(mayEnd)
		visitor.stop()
	}

	#others(index) {
		return this.#members.flatMap((_, other) => other === index ? [] : [other])
	}

	/** One request with some signals, to one, to several, to all. */
	#talk(member, index, random) {
		const others = this.#others(index)
		const signals = Array.from({ length: between(random, 1, 3) }, () => {
			const to = random() < 0.3 ? null : others.filter(() => random() < 0.5)
			return { to: to && (to.length > 0 ? to : [among(random, others)]), size: random() < 0.1 ? between(random, 200, 3000) : 0 }
		})
		this.#relay(member, index, signals)
	}

	#relay(member, index, signals) {
		const { life } = member
		const idsOf = to => to.length === 1 ? this.#members[to[0]].id : to.map(other => this.#members[other].id)
		let number
		member.request(seq => {
			number = seq
			return { request: 'relay', signals: signals.map(({ to, size }, at) => ({
				...to && { to: idsOf(to) }, type: 'test', payload: { order: [life, seq, at], ...size && { pad: 'x'.repeat(size) } },
			})) }
		}).then(answer => this.#answered(member, index, life, number, signals, answer), mayEnd)
			.catch(error => this.wrong.push(error.stack))
	}

	/** What was relayed is due to its recipients; what found no room is said again, in a request of its own. */
	#answered(member, index, life, seq, signals, answer) {
		if (answer.portal !== 'success') return void this.wrong.push(`relay ${seq} of member ${index}: ${JSON.stringify(answer)}`)
		let count = 0
		for (const [at, { to, size }] of signals.entries()) {
			const failures = (answer.failed ?? []).filter(failed => failed.index === at)
			const failed = new Set(failures.flatMap(({ to }) => to))
			const all = to ?? this.#others(index)
			for (const other of all.filter(other => !failed.has(this.#members[other].id))) {
				this.#relayed[index][other].push([life, seq, at])
				count++
			}
			for (const failure of failures) this.#again(member, index, failure, all, size)
		}
		this.told += count
		const visited = this.#visitor && signals.some(({ to }) => to === null)
		if (answer.relayed !== count && !visited && !this.deaths)
			this.wrong.push(`relay ${seq} of member ${index}: ${count} deliveries, said to be ${answer.relayed}`)
	}

	#again(member, index, failure, all, size) {
		const to = all.filter(other => failure.to.includes(this.#members[other].id))
		if (failure.code === 'member_not_found' && this.deaths) return
		if (failure.code !== 'recipient_full') return void this.wrong.push(`a signal of member ${index}: ${JSON.stringify(failure)}`)
		if (to.length === 0) return /* the visitor */
		this.count('recipient_full')
		const retry = sleep(failure.retry_after).then(() => {
			this.#retries.delete(retry)
			this.#relay(member, index, [{ to, size }])
		})
		this.#retries.add(retry)
	}

	#hear(index, { from, payload: { order } }) {
		const sender = this.#members.findIndex(({ id }) => id === from)
		const heard = this.#heard[index][sender]
		const former = heard.at(-1)
		if (former && !isBefore(former, order))
			this.wrong.push(`member ${index} got ${order} of member ${sender} after ${former}`)
		heard.push(order)
		this.got++
	}

	/** Until everything that was said is answered, and everybody has all events and knows the same. */
	async #settle() {
		await this.#until('all answers', () => this.#retries.size === 0 && this.#members.every(({ pending, isOpen }) => isOpen && pending === 0))
		let views
		const end = performance.now() + this.patience
		for (;;) {
			views = await this.#views()
			if (views.every(({ version, members }) => version === views[0].version && members.length === this.size - 1 &&
				members.every(({ away }) => !away))) break
			if (performance.now() > end) throw new Error(`the rosters never agreed: ${JSON.stringify(views)}`)
			await sleep(100)
		}
		this.views = views
	}

	#views() {
		let timer
		const late = new Promise((resolve, reject) => {
			timer = setTimeout(() => reject(new Error('waited in vain for sync')), this.patience)
		})
		return Promise.race([Promise.all(this.#members.map(member => member.sync())), late]).finally(() => clearTimeout(timer))
	}

	#judge() {
		for (const [index, member] of this.#members.entries()) {
			for (const fault of member.faults) this.wrong.push(`member ${index}: ${fault}`)
			this.lives += member.life
			this.#judgeRoster(member, index)
			for (let to = 0; to < this.size; to++) this.#judgeSignals(index, to)
		}
		if (!this.deaths && this.lives !== this.size) this.wrong.push(`${this.lives} memberships of ${this.size} members`)
	}

	/** What the events made of the roster is what the server says that it is. */
	#judgeRoster(member, index) {
		const own = Object.fromEntries([...member.roster].sort())
		const { members, version } = this.views[index]
		const theirs = Object.fromEntries(members.map(({ id, display, away }) => [id, { display, away: away === true }]).sort())
		if (!isDeepStrictEqual(own, theirs))
			this.wrong.push(`member ${index} knows ${JSON.stringify(own)}, the server at version ${version} ${JSON.stringify(theirs)}`)
	}

	/** In order and once each is seen as it comes. All of it, and nothing else, as far as no membership ended meanwhile. */
	#judgeSignals(from, to) {
		const ended = index => this.#members[index].life > 1
		const relayed = new Set(this.#relayed[from][to].map(String)), heard = new Set(this.#heard[to][from].map(String))
		const missing = ended(from) || ended(to) ? [] : [...relayed].filter(order => !heard.has(order))
		const strange = ended(from) ? [] : [...heard].filter(order => !relayed.has(order))
		if (missing.length > 0 || strange.length > 0)
			this.wrong.push(`member ${to} got ${heard.size} of ${relayed.size} signals of member ${from}; ` +
				`missing ${missing.join(' ')}; not said to be relayed ${strange.join(' ')}`)
	}

	async #leave() {
		await Promise.all(this.#members.map(member => Promise.race([member.request(() => ({ request: 'leave' })), sleep(3000)]).catch(mayEnd)))
	}
}

const isBefore = (a, b) => a[0] - b[0] || a[1] - b[1] ? a[0] < b[0] || a[0] === b[0] && a[1] < b[1] : a[2] < b[2]

/** What was asked of a membership that ended has no answer; all else is a fault of this test. */
function mayEnd(error) {
	if (!(error instanceof Ended)) throw error
}
