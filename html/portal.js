// SPDX-License-Identifier: MIT
import { Emitter, PortalError, emit } from './events.js'
import { Connection } from './peer.js'
import { Session, within } from './signal.js'
import { Stream } from './stream.js'

export { Connection, PortalError }

const PLUGIN = 'janus.plugin.portal'

/** A member that vanished without a word may come back this long, if its direct connection holds. */
const LINGER = 60_000

/** How long `close()` waits for the server. */
const FAREWELL = 2_000

/**
 * @typedef {object} Member
 * @property {string} id
 * @property {string} [display] the name to show
 * @property {object} [metadata]
 * @property {boolean} polite what this side is towards that member
 */

/**
 * @typedef {object} Info
 * @property {string} room
 * @property {string} id one's own
 * @property {number} version counts the room's changes
 * @property {Member[]} members the others
 */

/**
 * A room in which every member is connected with every other one directly.
 *
 * Events: `connection` (Connection: a member to be connected with), `close` (Connection: it ended),
 * `info` (Info: the roster, whenever it changes), `message` ({from, type, payload}: what another member sent
 * through the server), `error` (PortalError), `state` (`idle`, `connecting`, `open`, `closed`).
 */
export class Portal extends Emitter {
	#options
	#state = 'idle'
	#id = null
	#key
	#version = 0
	/** @type {Session | null} */
	#session = null
	/** @type {Stream | null} */
	#stream = null
	#early = []
	#rosterN = 0
	#stopJoining = _ => {}
	/** @type {Map<string, Member>} */
	#members = new Map()
	/** @type {Map<string, Connection>} */
	#connections = new Map()
	/** @type {Map<string, () => void>} */
	#lingering = new Map()
	/** @type {Map<MediaStreamTrack, MediaStream[]>} */
	#tracks = new Map()
	#page = new AbortController()

	/**
	 * @param {object} options
	 * @param {string} options.room
	 * @param {string} [options.url] of Janus's WebSocket transport; by default `/janus` where the page comes from
	 * @param {string} [options.display] the name that the others see
	 * @param {object} [options.metadata] anything else that they should know
	 * @param {string} [options.pin] of the room
	 * @param {string} [options.token] one of those that the room allows
	 * @param {RTCIceServer[]} [options.iceServers]
	 * @param {RTCConfiguration} [options.rtc] anything else for each RTCPeerConnection
	 * @param {{token?: string, apisecret?: string}} [options.janus] what Janus itself asks for in every request
	 * @param {typeof WebSocket} [options.WebSocket]
	 * @param {typeof RTCPeerConnection} [options.RTCPeerConnection]
	 * @param {EventTarget} [options.page] where `pagehide` and `pageshow` happen; by default the window, if any
	 */
	constructor(options) {
		super()
		this.#options = { page: globalThis.addEventListener ? globalThis : undefined, ...options }
		this.#key = makeKey()
	}

	/**
	 * The rooms that may be seen by anybody.
	 *
	 * @param {{url?: string, janus?: object, WebSocket?: typeof WebSocket}} [options]
	 * @returns {Promise<{room: string, description?: string, num_members: number, max_members: number,
	 *   pin_required: boolean, locked: boolean}[]>}
	 */
	static rooms(options = {}) {
		return visit(options, async peer => {
			const rooms = []
			for (let after; ;) {
				const { list, next } = await peer.request({ request: 'list', after })
				rooms.push(...list)
				if (next === undefined) return rooms
				after = next
			}
		})
	}

	/**
	 * Whether there is such a room, be it listed or not.
	 *
	 * @param {string} room
	 * @param {{url?: string, janus?: object, WebSocket?: typeof WebSocket}} [options]
	 * @returns {Promise<boolean>}
	 */
	static exists(room, options = {}) {
		return visit(options, async peer => (await peer.request({ request: 'exists', room })).exists)
	}

	get state() {
		return this.#state
	}

	/** One's own id in the room, known after `join()`. */
	get id() {
		return this.#id
	}

	get room() {
		return this.#options.room
	}

	/** @returns {Member[]} the others */
	get members() {
		return [...this.#members.values()]
	}

	/** @returns {Connection[]} */
	get connections() {
		return [...this.#connections.values()]
	}

	/**
	 * @param {object} [options]
	 * @param {AbortSignal} [options.signal]
	 * @returns {Promise<Info>}
	 */
	async join({ signal } = {}) {
		if (this.#state === 'connecting' || this.#state === 'open') {
			throw new PortalError('already_joined', `This portal is ${this.#state} already`)
		}
		signal?.throwIfAborted()
		this.#clear()
		this.#setState('connecting')
		const session = this.#session = this.#newSession()
		const entering = this.#enter(session)
		try {
			this.#enterRoom(await this.#stoppable(entering, signal))
		} catch (error) {
			abandon(session, entering)
			if (session === this.#session) this.#end()
			throw error
		}
		return this.#info()
	}

	/**
	 * Sends something of one's own to other members, through the server, in order.
	 *
	 * @param {string} type any but `description`, `candidate` and those that begin with `portal.`
	 * @param {any} [payload]
	 * @param {{to?: string | string[]}} [options] whom to; to everyone else by default
	 * @returns {Promise<{failed: {id: string, code: string, error: string}[]}>} those of several who were not
	 *   reached; if nobody was, it rejects
	 */
	async send(type, payload = {}, { to } = {}) {
		if (type === 'description' || type === 'candidate' || type.startsWith('portal.')) {
			throw new PortalError('invalid_type', `Signals of type ${type} are the library's own`)
		}
		const { failed } = await this.#opened().relay({ to, type, payload })
		const missed = failed.flatMap(({ to: ids = [], code, error }) => ids.map(id => ({ id, code, error })))
		const refused = failed.find(failure => !failure.to)
		const nobody = failed.length > 0 && to !== undefined && missed.length === new Set([to].flat()).size
		if (refused || nobody) throw failureError(refused ?? failed[0])
		return { failed: missed }
	}

	/**
	 * Changes what the others know about this member; null takes it away.
	 *
	 * @param {{display?: string | null, metadata?: object | null}} changes
	 */
	async configure(changes) {
		const { display, metadata } = changes
		const { version } = await this.#opened().request({ request: 'configure', display, metadata })
		if (display !== undefined) this.#options.display = display
		if (metadata !== undefined) this.#options.metadata = metadata
		this.#version = Math.max(this.#version, version)
	}

	/**
	 * Sends a track to all members, to those who come later as well.
	 *
	 * @param {MediaStreamTrack} track
	 * @param {...MediaStream} streams
	 */
	addTrack(track, ...streams) {
		this.#tracks.set(track, streams)
		for (const connection of this.#connections.values()) connection.addTrack(track, ...streams)
	}

	/** @param {MediaStreamTrack} track */
	removeTrack(track) {
		this.#tracks.delete(track)
		for (const connection of this.#connections.values()) connection.removeTrack(track)
	}

	/** @param {MediaStream} stream */
	addStream(stream) {
		for (const track of stream.getTracks()) this.addTrack(track, stream)
	}

	/** @param {MediaStream} stream */
	removeStream(stream) {
		for (const track of stream.getTracks()) this.removeTrack(track)
	}

	/** Leaves the room and ends all connections. It can be joined again. */
	async close() {
		this.#page.abort()
		if (this.#state !== 'open') return this.#stop()
		const session = this.#session
		const left = this.#leave()
		await within(FAREWELL, left)
		await session.close()
	}

	#stop() {
		this.#clear()
		if (this.#state !== 'connecting') return
		this.#stopJoining(new PortalError('closed', 'The portal was closed'))
		this.#end()
	}

	#newSession() {
		const session = newSession(this.#options)
		session.onlost = error => {
			if (session === this.#session && this.#state === 'open') this.#lost(error)
		}
		return session
	}

	async #enter(session) {
		await session.open()
		// A client believes only its current peer.
		const peer = await session.attach(PLUGIN, (push, size) => session === this.#session && this.#receive(push, size))
		const { room, display, metadata, pin, token } = this.#options
		const reply = await peer.request({
			request: 'join', room, pin, token, key: this.#key, display: display ?? undefined, metadata: metadata ?? undefined
		})
		return { peer, reply }
	}

	#stoppable(promise, signal) {
		return new Promise((resolve, reject) => {
			const stop = () => reject(signal.reason)
			this.#stopJoining = reject
			signal?.addEventListener('abort', stop)
			promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', stop))
		})
	}

	#enterRoom({ peer, reply }) {
		const { id, key, n, version, members, limits } = reply
		this.#stream = new Stream(body => peer.request(body), limits)
		this.#id = id
		this.#key = key ?? this.#key
		this.#version = version
		this.#rosterN = n
		this.#watchPage()
		this.#setState('open')
		for (const member of members) this.#whileOpen(() => this.#welcome(member))
		this.#whileOpen(() => emit(this, 'info', this.#info()))
		for (const [push, size] of this.#early.splice(0)) this.#whileOpen(() => this.#take(push, size))
	}

	// Whoever listens may close the portal in the middle of what there is to tell.
	#whileOpen(work) {
		return this.#state === 'open' && work()
	}

	#receive(push, size) {
		// Janus may deliver the first events before the reply to join, which says who is there.
		if (this.#state === 'connecting') this.#early.push([push, size])
		this.#whileOpen(() => this.#take(push, size))
	}

	#take(push, size) {
		if (push.portal === 'closed') return this.#expelled(push.reason)
		if (push.portal !== 'event') return
		let entries
		try {
			entries = this.#stream.accept(push, size)
		} catch (error) {
			return this.#lost(error)
		}
		this.#version = Math.max(this.#version, push.version)
		const changes = entries.filter(({ number, event }) => this.#whileOpen(() => this.#handle(number, event)))
		if (changes.length > 0) this.#whileOpen(() => emit(this, 'info', this.#info()))
		this.#whileOpen(() => this.#stream.acknowledge())
	}

	/** @returns {boolean} whether the roster changed */
	#handle(number, entry) {
		if (entry.event === 'signal') return this.#signalled(entry)
		if (number <= this.#rosterN) return false
		switch (entry.event) {
			case 'joined':
				this.#welcome(entry.member)
				return true
			case 'left':
				this.#farewell(entry)
				return true
			case 'changed':
				return this.#changed(entry.member)
			default:
				return false
		}
	}

	#welcome(member) {
		// Nobody takes an old connection up again yet: whoever joins has started from nothing.
		this.#drop(member.id)
		this.#whileOpen(() => this.#connect(member))
	}

	#connect(member) {
		this.#members.set(member.id, member)
		const connection = new Connection({
			id: member.id,
			polite: member.polite,
			signal: (type, payload) => this.#signal(member.id, type, payload),
			RTCPeerConnection: this.#options.RTCPeerConnection ?? globalThis.RTCPeerConnection,
			configuration: { iceServers: this.#options.iceServers ?? [], ...this.#options.rtc },
			tracks: this.#tracks,
			mayRestart: () => this.#state === 'open' && this.#members.has(member.id)
		})
		this.#connections.set(member.id, connection)
		connection.on('close', () => this.#dropped(connection))
		connection.on('error', error => emit(this, 'error', error))
		emit(this, 'connection', connection)
	}

	#farewell({ id, reason }) {
		this.#members.delete(id)
		if (reason === 'timeout' || reason === 'too_slow') this.#linger(id)
		else this.#drop(id)
	}

	// A drop of the signalling says nothing about the direct connection.
	#linger(id) {
		const connection = this.#connections.get(id)
		if (!connection || this.#lingering.has(id)) return
		const check = () => connection.alive || connection.close()
		const stop = connection.on('state', check)
		const timer = setTimeout(() => connection.close(), LINGER)
		this.#lingering.set(id, () => {
			stop()
			clearTimeout(timer)
		})
		check()
	}

	#drop(id) {
		this.#connections.get(id)?.close()
	}

	#dropped(connection) {
		this.#lingering.get(connection.id)?.()
		this.#lingering.delete(connection.id)
		this.#connections.delete(connection.id)
		emit(this, 'close', connection)
	}

	#changed({ id, display, metadata }) {
		const member = this.#members.get(id)
		if (!member) return false
		this.#members.set(id, { ...member, display, metadata })
		return true
	}

	#signalled({ from, type, payload }) {
		if (type === 'description' || type === 'candidate' || type.startsWith('portal.')) {
			this.#connections.get(from)?.take(type, payload)
		} else {
			emit(this, 'message', { from, type, payload })
		}
		return false
	}

	async #signal(to, type, payload) {
		if (this.#state !== 'open') return
		try {
			const { failed: [failure] } = await this.#stream.relay({ to, type, payload })
			if (!failure || failure.code === 'member_not_found') return
			emit(this, 'error', failureError(failure, to))
		} catch (error) {
			// If the session ended, that was or will be said once, not once for every signal.
			if (this.#state === 'open') emit(this, 'error', error)
		}
	}

	#opened() {
		if (this.#state !== 'open') throw new PortalError('room_not_set', 'Join first')
		return this.#stream
	}

	#info() {
		return { room: this.room, id: this.#id, version: this.#version, members: this.members }
	}

	/** Says goodbye; the socket stays open, as closing it right behind would lose what was said. */
	#leave() {
		const left = this.#stream.leave().catch(() => {})
		this.#clear()
		this.#end()
		return left
	}

	// Here coming back will begin: the direct connections hold without the server, so they are left alone.
	#lost(error) {
		this.#session.close()
		this.#end()
		for (const id of [...this.#connections.keys()]) this.#linger(id)
		emit(this, 'error', error)
	}

	#expelled(reason) {
		this.#session.close()
		this.#clear()
		this.#end()
		emit(this, 'error', new PortalError(reason, `The server ended the membership: ${reason}`))
	}

	#clear() {
		for (const connection of this.connections) connection.close()
		this.#members.clear()
	}

	#end() {
		this.#session = null
		this.#stream?.end(new PortalError('closed', 'The portal is closed'))
		this.#early = []
		this.#setState('closed')
	}

	#watchPage() {
		const { page } = this.#options
		this.#page.abort()
		this.#page = new AbortController()
		page?.addEventListener('pagehide', () => this.#pageHide(), { signal: this.#page.signal })
	}

	#pageHide() {
		if (this.#state !== 'open') return
		const session = this.#session
		this.#leave()
		const { signal } = this.#page
		signal.addEventListener('abort', () => session.close())
		// It is shown again only if the browser kept the page in its cache.
		this.#options.page.addEventListener('pageshow', () => {
			this.#page.abort()
			if (this.#state === 'closed') this.join().catch(error => emit(this, 'error', error))
		}, { signal })
	}

	#setState(state) {
		if (state === this.#state) return
		this.#state = state
		emit(this, 'state', state)
	}
}

function newSession({ url, janus, WebSocket }) {
	return new Session({ url: url ?? defaultUrl(), envelope: janus, WebSocket })
}

function defaultUrl() {
	const { protocol, host } = globalThis.location
	return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/janus`
}

/** Runs `work` with a peer that joins nothing. */
async function visit(options, work) {
	const session = newSession(options)
	try {
		await session.open()
		return await work(await session.attach(PLUGIN, () => {}))
	} finally {
		session.close()
	}
}

// The server may have made us a member all the same, or be about to: tell it, then hang up.
async function abandon(session, entering) {
	const leaving = entering.then(({ peer }) => peer.request({ request: 'leave', seq: 1 }))
	await within(FAREWELL, leaving.catch(() => {}))
	session.close()
}

function failureError({ code, error, error_code: errorCode }, id) {
	return new PortalError(code, error, { errorCode, id })
}

// The key is the proof of who one is, so it stays in memory: storage would be copied with a duplicated tab.
function makeKey() {
	// Node 18 has no global crypto; then the server makes the key.
	if (!globalThis.crypto?.getRandomValues) return undefined
	const bytes = crypto.getRandomValues(new Uint8Array(24))
	return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_')
}
