// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />
import { Emitter, PortalError, emit, stoppable } from './events.js'
import { toBase64 } from './messages.js'
import { Connection, rename } from './peer.js'
import { PASSING, Session, within } from './signal.js'
import { Stream } from './stream.js'

export { Connection, PortalError }
export { PortalGun } from './portal-gun.js'

const PLUGIN = 'janus.plugin.portal'

/** Not every browser has one. @type {typeof Symbol.asyncDispose} */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

/** Types of signals that are the library's own. */
const OWN = /^(description$|candidate$|portal\.)/

/** A member that vanished without a word may come back this long, if its direct connection holds. */
const LINGER = 60_000

/** How long one try to come back may take. */
const TRY = 10_000

/** Before the first try to come back there is no wait, before the others anything up to this ("full jitter": not all at
 * once), half as long again each time. */
const FIRST_WAIT = 300
const GROWTH = 1.5
const LONGEST_WAIT = 30_000

/** There is nothing to come back to: begin anew. */
const GONE = new Set(['member_gone', 'events_gone', 'invalid_ack'])

/** Members that left of whom the last generation is known, in case they come again. */
const MAX_FORMER = 1_000

/** How long `close()` waits for the server. */
const FAREWELL = 2_000

/**
 * @typedef {object} Member
 * @property {string} id
 * @property {string} [display] the name to show
 * @property {object} [metadata]
 * @property {boolean} polite what this side is towards that member
 * @property {boolean} [away] its connection to the server is lost; it may come back
 */

/**
 * @typedef {object} Info
 * @property {string} room
 * @property {string} id one's own
 * @property {number} version counts the room's changes
 * @property {string} [description] of the room
 * @property {object} [metadata] of the room
 * @property {boolean} [locked] known after the room was edited; so are the next two
 * @property {boolean} [pin_required]
 * @property {number} [max_members]
 * @property {Member[]} members the others
 */

/** @typedef {import('./peer.js').ConnectionEvents} ConnectionEvents */
/** @typedef {import('./peer.js').Encoding} Encoding */
/** @typedef {import('./peer.js').Stats} Stats */
/** @typedef {import('./peer.js').Track} Track */

/** @typedef {'idle' | 'connecting' | 'open' | 'resuming' | 'closed'} State */

/**
 * What another member sent.
 *
 * @typedef {object} Message
 * @property {string} from the member's id
 * @property {string | null} type
 * @property {any} payload text, JSON or an ArrayBuffer, as it was sent
 */

/**
 * What `portal.on()` tells of.
 *
 * @typedef {object} PortalEvents
 * @property {Connection} connection a member to be connected with
 * @property {Connection} close it ended
 * @property {Info} info the roster, whenever it changes
 * @property {Message} message of `send()`
 * @property {Message} signal of `signal()`
 * @property {PortalError} error
 * @property {State} state
 * @property {Info} rejoined the membership had ended while the connection was lost, so this is a new one, under the same id
 */

/**
 * A room in which every member is connected with every other one directly.
 *
 * When the connection to the server is lost, the portal comes back by itself and misses nothing; the direct
 * connections stay as they are, and what is sent meanwhile is sent afterwards.
 *
 * @extends {Emitter<PortalEvents>}
 */
export class Portal extends Emitter {
	#options
	/** @type {State} */
	#state = 'idle'
	/** @type {string | null} */
	#id = null
	#key
	#version = 0
	/** @type {Session | null} */
	#session = null
	/** @type {any} */
	#peer = null
	/** @type {Stream} null while there is no membership, and nothing asks for it then */
	#stream = /** @type {any} */ (null)
	/** What is known of the room itself. */
	/** @type {Partial<Info>} */
	#about = {}
	/** @type {RTCIceServer[]} what the server says */
	#iceServers = []
	/** @type {any[]} */
	#early = []
	/** Bytes that the server takes as one signal. */
	#largest = Infinity
	#rosterN = 0
	#attempt = 0
	/** Whether the stream's membership has not begun yet. */
	#fresh = true
	#stopJoining = (/** @type {Error} */ _) => {}
	#wake = () => {}
	/** @type {Map<string, Member>} */
	#members = new Map()
	/** @type {Map<string, Connection>} */
	#connections = new Map()
	/** @type {Map<string, () => void>} */
	#lingering = new Map()
	/** The last generation with each member that there was a connection with, in case it comes again. @type {Map<string, number>} */
	#generations = new Map()
	/** @type {Map<MediaStreamTrack, MediaStream[]>} */
	#tracks = new Map()
	/** @type {Map<MediaStreamTrack, Encoding>} */
	#encodings = new Map()
	/** @type {Info | null} the last that was told */
	#told = null
	#page = new AbortController()

	/**
	 * @param {object} options
	 * @param {string} options.room
	 * @param {string} [options.url] of Janus's WebSocket transport; by default `/janus` where the page comes from
	 * @param {string} [options.display] the name that the others see
	 * @param {object} [options.metadata] anything else that they should know
	 * @param {string} [options.pin] of the room
	 * @param {string} [options.token] one of those that the room allows
	 * @param {RTCIceServer[]} [options.iceServers] instead of those that the server gives
	 * @param {number} [options.statsInterval] milliseconds between two `stats` of a connection; none without it
	 * @param {RTCConfiguration} [options.rtc] anything else for each RTCPeerConnection
	 * @param {{token?: string, apisecret?: string}} [options.janus] what Janus itself asks for in every request
	 * @param {typeof WebSocket} [options.WebSocket]
	 * @param {typeof RTCPeerConnection | null} [options.RTCPeerConnection] null: everything goes through the server
	 * @param {EventTarget} [options.page] where `pagehide`, `pageshow` and `online` happen; by default the window, if any
	 */
	constructor(options) {
		super()
		this.#options = { page: globalThis, ...options }
		this.#key = makeKey()
	}

	/**
	 * The rooms that may be seen by anybody; with an `admin_key` all of them.
	 *
	 * @param {{url?: string, janus?: object, WebSocket?: typeof WebSocket, signal?: AbortSignal, admin_key?: string}} [options]
	 * @returns {Promise<{room: string, description?: string, num_members: number, max_members: number,
	 *   pin_required: boolean, locked: boolean}[]>}
	 */
	static rooms(options = {}) {
		return visit(options, async (/** @type {any} */ peer) => {
			const rooms = []
			for (let after; ;) {
				/** @type {any} */
				const { list, next } = await peer.request({ request: 'list', after, admin_key: options.admin_key })
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
	 * @param {{url?: string, janus?: object, WebSocket?: typeof WebSocket, signal?: AbortSignal}} [options]
	 * @returns {Promise<boolean>}
	 */
	static exists(room, options = {}) {
		return visit(options, async (/** @type {any} */ peer) => (await peer.request({ request: 'exists', room })).exists)
	}

	/**
	 * Manages rooms without being in one: `create`, `edit`, `destroy`, `kick`, `allowed`, `listmembers`, `stats`, with the
	 * fields that the plugin's README describes.
	 *
	 * @param {{request: string}} body
	 * @param {{url?: string, janus?: object, WebSocket?: typeof WebSocket, signal?: AbortSignal}} [options]
	 * @returns {Promise<any>} the reply; rejects with the server's error, `unauthorized` for one
	 */
	static manage(body, options = {}) {
		return visit(options, (/** @type {any} */ peer) => peer.request(body))
	}

	/**
	 * Whoever listens late is told, too: to `connection`, of those that are there; to `info`, of the roster.
	 *
	 * @template {keyof PortalEvents} Type
	 * @param {Type} type
	 * @param {(thing: PortalEvents[Type]) => void} listener
	 * @param {AddEventListenerOptions} [options]
	 * @returns {() => void} stops listening
	 */
	on(type, listener, options) {
		return this.replay(type, listener, options, () => {
			if (type === 'connection') return this.connections
			return type === 'info' && this.#told ? [this.#told] : []
		})
	}

	/**
	 * Messages as they come, from the first call of `next()` on: `for await (const { from, payload } of portal.messages('chat'))`.
	 * Ends with the portal, and with the signal.
	 *
	 * @param {string} [type] only those of this type
	 * @param {{signal?: AbortSignal, most?: number}} [options] `most` that wait to be taken; the oldest are dropped then
	 * @returns {AsyncGenerator<Message, void, void>}
	 */
	async *messages(type, { signal, most = 1_000 } = {}) {
		/** @type {any[]} */
		const waiting = []
		let wake = () => {}
		let ended = this.#state === 'closed' || signal?.aborted
		const end = () => {
			ended = true
			wake()
		}
		const stops = [
			super.on('message', message => {
				if (type !== undefined && message.type !== type) return
				if (waiting.push(message) > most) waiting.shift()
				wake()
			}),
			super.on('state', state => state === 'closed' && end())
		]
		signal?.addEventListener('abort', end)
		try {
			for (;;) {
				while (waiting.length > 0) yield waiting.shift()
				if (ended) return
				await /** @type {Promise<void>} */ (new Promise(resolve => { wake = resolve }))
			}
		} finally {
			for (const stop of stops) stop()
			signal?.removeEventListener('abort', end)
		}
	}

	/** `await using portal = new Portal(…)` leaves at the end of the block. */
	[asyncDispose]() {
		return this.close()
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
		if (this.#state !== 'idle' && this.#state !== 'closed') {
			throw new PortalError('already_joined', `This portal is ${this.#state} already`)
		}
		if (this.#RTCPeerConnection === undefined) {
			throw new PortalError('unsupported', 'There is no RTCPeerConnection here: hand one in, or null')
		}
		signal?.throwIfAborted()
		const session = this.#newSession()
		this.#clear()
		this.#stream = new Stream()
		this.#fresh = true
		this.#session = session
		this.#setState('connecting')
		const entering = this.#enter(session)
		try {
			this.#enterRoom(await stoppable(entering, signal, stop => { this.#stopJoining = stop }))
		} catch (error) {
			abandon(session, entering)
			if (session === this.#session) this.#end()
			throw error
		}
		return this.#info()
	}

	/**
	 * Sends a message to other members: to each in order and once, over the direct connection or, while there is none,
	 * through the server.
	 *
	 * @param {string} type of one's own
	 * @param {any} [payload] a string, an ArrayBuffer, a view of one, a Blob, or anything that is JSON
	 * @param {{to?: string | string[], signal?: AbortSignal}} [options] whom to, everyone else by default; `signal` ends the waiting;
	 *   the message goes all the same
	 * @returns {Promise<{failed: {id: string, code: string, error: string}[]}>} when there is room for more with each; those
	 *   who were not reached, as they are not there; if `to` names nobody who is, it rejects
	 */
	async send(type, payload = {}, { to, signal } = {}) {
		this.#opened()
		signal?.throwIfAborted()
		const ids = to === undefined ? [...this.#connections.keys()] : [...new Set([to].flat())]
		const results = await stoppable(Promise.allSettled(ids.map(id => this.#connections.get(id)?.send(payload, type)
			?? Promise.reject(new PortalError('member_not_found', 'to: no such member', { id })))), signal)
		const failed = results.flatMap((/** @type {any} */ { reason }, i) => reason ? [{ id: ids[i], code: reason.code, error: reason.message }] : [])
		if (to !== undefined && failed.length === ids.length) throw /** @type {any} */ (results[0])?.reason ?? new PortalError('invalid_field', 'to: is empty')
		return { failed }
	}

	/**
	 * Sends a signal of one's own to other members, through the server, in order: for programs that do not use this library,
	 * too, and for what has to do with connections. Smaller than a message may be (`limits.max_signal` of the server).
	 *
	 * @param {string} type any but `description`, `candidate` and those that begin with `portal.`
	 * @param {any} [payload]
	 * @param {{to?: string | string[]}} [options] whom to; to everyone else by default
	 * @returns {Promise<{failed: {id: string, code: string, error: string}[]}>} those of several who were not
	 *   reached; if nobody was, it rejects
	 */
	async signal(type, payload = {}, { to } = {}) {
		if (OWN.test(type)) {
			throw new PortalError('invalid_type', `The type ${type} is the library's own`)
		}
		const { failed } = await this.#opened().relay({ to, type, payload })
		const missed = failed.flatMap(({ to: ids = [], code, error }) => ids.map(id => ({ id, code, error })))
		const refused = failed.find(failure => !failure.to)
		const nobody = failed.length > 0 && to !== undefined && missed.length === new Set([to].flat()).size
		if (refused || nobody) throw failureError(refused ?? failed[0])
		return { failed: missed }
	}

	/**
	 * Manages the room that one is in, as `Portal.manage()` does.
	 *
	 * @param {{request: string, secret?: string}} body `room` may be left out
	 * @returns {Promise<any>} the reply
	 */
	manage(body) {
		if (this.#state !== 'open') return Promise.reject(new PortalError('room_not_set', 'Join first'))
		return this.#peer.request({ room: this.room, ...body })
	}

	/**
	 * Changes what the others know about this member; null takes it away.
	 *
	 * @param {{display?: string | null, metadata?: object | null}} changes
	 */
	async configure(changes) {
		const { display, metadata } = changes
		const { version } = await this.#opened().request({ request: 'configure', display, metadata })
		if (display !== undefined) this.#options.display = display ?? undefined
		if (metadata !== undefined) this.#options.metadata = metadata ?? undefined
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
		for (const connection of this.connections) connection.addTrack(track, ...streams)
	}

	/** @param {MediaStreamTrack} track */
	removeTrack(track) {
		this.#tracks.delete(track)
		this.#encodings.delete(track)
		for (const connection of this.connections) connection.removeTrack(track)
	}

	/**
	 * Sends another track in the place of one, to those who are there and to those who come: another camera, a screen.
	 *
	 * @param {MediaStreamTrack} track
	 * @param {MediaStreamTrack} by
	 */
	async replaceTrack(track, by) {
		if (!this.#tracks.has(track) || this.#tracks.has(by)) return
		for (const map of [this.#tracks, this.#encodings]) rename(map, track, by)
		await Promise.all(this.connections.map(connection => connection.replaceTrack(track, by)))
	}

	/**
	 * Hints for how a track is to be sent: to those who are there and to those who come.
	 *
	 * @param {MediaStreamTrack} track
	 * @param {Encoding} encoding
	 */
	async setEncoding(track, encoding) {
		this.#encodings.set(track, encoding)
		await Promise.all(this.connections.map(connection => connection.setEncoding(track, encoding)))
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
		await within(FAREWELL, this.#leave())
		await session?.close()
	}

	#stop() {
		if (this.#state === 'idle' || this.#state === 'closed') return
		this.#stopJoining(new PortalError('closed', 'The portal is closed'))
		if (this.#state === 'resuming') this.#session?.abandon()
		this.#end()
	}

	get #RTCPeerConnection() {
		const { RTCPeerConnection = globalThis.RTCPeerConnection } = this.#options
		return RTCPeerConnection
	}

	#newSession() {
		const session = newSession(this.#options)
		session.onlost = () => {
			if (session === this.#session && this.#state === 'open') this.#lost()
		}
		return session
	}

	/** @param {Session} session */
	async #enter(session) {
		await session.open()
		// A client believes only its current peer.
		const peer = await session.attach(PLUGIN, push => session === this.#session && this.#receive(push))
		const reply = await this.#ask(peer)
		// Only who joins is told of the room and who is there; if the answer to that was lost, one has to ask.
		const roster = reply.members || !this.#fresh ? reply : await peer.request({ request: 'sync' })
		// As if an event said it: servers that the browser refuses are told, and end no call.
		this.#tryToHandle(Infinity, { ...reply, event: 'ice' })
		return { peer, reply, roster }
	}

	/**
	 * Joins, or comes back if there is something to come back to.
	 *
	 * @param {any} peer
	 */
	async #ask(peer) {
		const { room, display, metadata, pin, token } = this.#options
		const join = (/** @type {number | undefined} */ ack = undefined) => peer.request({
			request: 'join', room, pin, token, key: this.#key, display: display ?? undefined, metadata: metadata ?? undefined,
			attempt: ++this.#attempt, ack
		})
		if (this.#fresh) return join()
		try {
			const reply = await join(this.#stream.got)
			// One that knows less than was done is not the one that this was: a first `join` that came late has made it.
			if (reply.seq < this.#stream.done) this.#beginAnew()
			return reply
		} catch (caught) {
			const error = /** @type {PortalError} */ (caught)
			if (!GONE.has(error.code)) throw error
			this.#beginAnew()
			return join()
		}
	}

	#beginAnew() {
		this.#stream?.end(new PortalError('member_gone', 'The membership has ended'))
		this.#stream = new Stream()
		this.#fresh = true
	}

	/** @param {any} entered */
	#enterRoom(entered) {
		this.#watchPage()
		this.#begin(entered)
		this.#whileOpen(() => this.#tellInfo())
		this.#takeEarly()
	}

	#tellInfo() {
		this.#told = this.#info()
		emit(this, 'info', this.#told)
	}

	/**
	 * A membership begins, under an id that one may have had before.
	 *
	 * @param {any} options
	 */
	#begin({ peer, reply, roster }) {
		const { id, key, resumed, seq, ack, version, limits } = reply
		const { members, n, description, metadata } = roster
		this.#peer = peer
		this.#about = { ...description !== undefined && { description }, ...metadata !== undefined && { metadata } }
		this.#fresh = false
		this.#largest = limits.max_signal ?? Infinity
		this.#id = id
		this.#key = key ?? this.#key
		this.#version = version
		this.#rosterN = n
		this.#stream.start(body => peer.request(body), { seq, n: resumed ? ack : 0, limits })
		this.#setState('open')
		const there = new Set(members.map((/** @type {Member} */ { id }) => id))
		for (const { id } of this.members) if (!there.has(id)) this.#farewell({ id, reason: 'timeout' }, TRY)
		for (const member of members) this.#whileOpen(() => this.#welcome(member))
	}

	#takeEarly() {
		for (const push of this.#early.splice(0)) this.#whileOpen(() => this.#take(push))
	}

	// Whoever listens may close the portal in the middle of what there is to tell.
	/** @param {any} work */
	#whileOpen(work) {
		return this.#state === 'open' && work()
	}

	/**
	 * @param {any} push
	 */
	#receive(push) {
		// Janus may deliver events before the reply to join, which says where they begin.
		if (this.#state === 'connecting' || this.#state === 'resuming') this.#early.push(push)
		this.#whileOpen(() => this.#take(push))
	}

	/**
	 * @param {any} push
	 */
	#take(push) {
		if (push.portal === 'closed') return this.#ended(push.reason)
		if (push.portal !== 'event') return
		let entries
		try {
			entries = this.#stream.accept(push).flatMap(oneByOne)
		} catch {
			return this.#lost() // events are missing: they come again on the next peer
		}
		this.#version = Math.max(this.#version, push.version)
		const changes = entries.filter(({ number, event }) => this.#whileOpen(() => this.#tryToHandle(number, event)))
		if (changes.length > 0) this.#whileOpen(() => this.#tellInfo())
		this.#whileOpen(() => this.#stream.acknowledge())
	}

	/**
	 * One entry that cannot be handled, such as an ICE server that the browser refuses, does not take those behind it along:
	 * they are acknowledged with it.
	 *
	 * @param {number} number
	 * @param {any} entry
	 */
	#tryToHandle(number, entry) {
		try {
			return this.#handle(number, entry)
		} catch (cause) {
			emit(this, 'error', new PortalError('event_failed', `${entry.event}: ${/** @type {Error} */ (cause).message}`, { cause }))
			return false
		}
	}

	/**
	 * @param {number} number
	 * @param {any} entry
	 * @returns {boolean} whether the roster changed
	 */
	#handle(number, { event, ...about }) {
		if (event === 'signal') return this.#signalled(about)
		if (number <= this.#rosterN) return false
		switch (event) {
			case 'joined':
				this.#welcome(about.member)
				return true
			case 'left':
				this.#farewell(about)
				return true
			case 'changed':
				return this.#changed(about.member)
			case 'away':
				return this.#changed({ ...this.#members.get(about.id), away: true })
			case 'back':
				if (!this.#changed({ ...this.#members.get(about.id), away: undefined })) return false
				this.#connections.get(about.id)?.repair()
				return true
			case 'room':
				this.#about = about
				return true
			case 'ice':
				this.#takeIceServers(about)
		}
		return false
	}

	/**
	 * Credentials that expire are replaced on connections that live as well: they may have to gather again.
	 *
	 * @param {any} options
	 */
	#takeIceServers({ ice_servers: iceServers }) {
		if (!iceServers || this.#options.iceServers || this.#options.rtc?.iceServers) return
		this.#iceServers = iceServers
		for (const connection of this.connections) connection.setIceServers(iceServers)
	}

	/** @param {Member} member */
	#welcome(member) {
		const { id } = member
		this.#members.set(id, member)
		const connection = this.#connections.get(id)
		if (!connection) return this.#connect(member)
		// Who comes back under the same id after its membership ended may have kept the direct connection, as this side did.
		this.#lingering.get(id)?.()
		this.#lingering.delete(id)
		connection.sendAgain()
		// An offer that was lost with a membership would be waited for for ever.
		if (!connection.alive || connection.pc.signalingState !== 'stable') connection.renew()
	}

	/** @param {Member} member */
	#connect(member) {
		const reachable = () => this.#state === 'open' && this.#members.has(member.id)
		const connection = new Connection({
			id: member.id,
			polite: member.polite,
			signal: (type, payload) => this.#signal(member.id, type, payload),
			RTCPeerConnection: this.#RTCPeerConnection,
			configuration: { iceServers: this.#options.iceServers ?? this.#iceServers, ...this.#options.rtc },
			tracks: this.#tracks,
			encodings: this.#encodings,
			statsInterval: this.#options.statsInterval,
			generation: this.#generations.get(member.id),
			largest: () => this.#largest,
			reachable,
			mayRestart: () => reachable() && !this.#members.get(member.id)?.away
		})
		this.#connections.set(member.id, connection)
		connection.on('close', () => this.#dropped(connection))
		connection.on('error', error => emit(this, 'error', error))
		connection.on('message', message => emit(this, 'message', { from: member.id, ...message }))
		emit(this, 'connection', connection)
	}

	/**
	 * @param {any} options
	 * @param {number} [grace] milliseconds for one that is on its way back, as everybody is when the server has begun anew
	 */
	#farewell({ id, reason }, grace) {
		this.#members.delete(id)
		if (reason === 'timeout' || reason === 'too_slow') this.#linger(id, grace)
		else this.#connections.get(id)?.close()
	}

	// A drop of the signalling says nothing about the direct connection.
	/**
	 * @param {string} id
	 * @param {number} [grace] milliseconds, if the direct connection does not hold
	 */
	#linger(id, grace) {
		const connection = this.#connections.get(id)
		if (!connection || this.#lingering.has(id)) return
		const stop = connection.on('state', () => connection.alive || connection.close())
		const timer = setTimeout(() => connection.close(), connection.alive ? LINGER : grace)
		this.#lingering.set(id, () => {
			stop()
			clearTimeout(timer)
		})
	}

	/** @param {Connection} connection */
	#dropped(connection) {
		this.#lingering.get(connection.id)?.()
		this.#lingering.delete(connection.id)
		this.#connections.delete(connection.id)
		this.#generations.delete(connection.id)
		this.#generations.set(connection.id, connection.generation)
		if (this.#generations.size > MAX_FORMER) this.#generations.delete(/** @type {string} */ (this.#generations.keys().next().value))
		emit(this, 'close', connection)
	}

	/** @param {any} options */
	#changed({ id, display, metadata, away }) {
		const { polite } = this.#members.get(id) ?? {}
		if (polite === undefined) return false
		this.#members.set(id, { id, display, metadata, polite, ...away && { away } })
		return true
	}

	/** @param {any} options */
	#signalled({ from, type, payload }) {
		if (OWN.test(type)) {
			this.#connections.get(from)?.take(type, payload)
		} else {
			emit(this, 'signal', { from, type, payload })
		}
		return false
	}

	/**
	 * @param {string} to
	 * @param {string} type
	 * @param {any} payload
	 */
	async #signal(to, type, payload) {
		try {
			const stream = this.#opened()
			const relayed = await (typeof payload === 'function' ? stream.relayLate(payload) : stream.relay({ to, type, payload }))
			const failure = relayed?.failed[0]
			if (!failure || failure.code === 'member_not_found') return
			if (failure.code !== 'recipient_full') return emit(this, 'error', failureError(failure, to))
			if (type === 'portal.data') return failure // it comes again
			// Of a negotiation of which something was refused, the rest is of no use.
			const connection = this.#connections.get(to), generation = connection?.generation
			setTimeout(() => connection?.generation === generation && connection?.renew(), failure.retry_after)
		} catch (caught) {
			const error = /** @type {PortalError} */ (caught)
			// What was under way when a membership ended is made up for where the next one begins.
			if (error.code === 'member_gone') return
			// If the session ended, that was or will be said once, not once for every signal.
			if (this.#state === 'open') emit(this, 'error', error)
		}
	}

	#opened() {
		if (this.#state !== 'open' && this.#state !== 'resuming') throw new PortalError('room_not_set', 'Join first')
		return this.#stream
	}

	#info() {
		return { room: this.room, id: /** @type {string} */ (this.#id), version: this.#version, members: this.members, ...this.#about }
	}

	/** Says goodbye; the socket stays open, as closing it right behind would lose what was said. */
	#leave() {
		const left = this.#stream.leave().catch(() => {})
		this.#stream = new Stream() // that one still waits for its answer
		this.#end()
		return left
	}

	// The direct connections hold without the server, so they are left alone.
	#lost() {
		this.#session?.abandon()
		this.#resume()
	}

	async #resume() {
		this.#stream.pause()
		this.#setState('resuming')
		let least = 0
		for (let tries = 0; this.#state === 'resuming'; tries++) {
			const wait = tries === 0 ? 0 : Math.random() * Math.min(LONGEST_WAIT, FIRST_WAIT * GROWTH ** tries)
			await this.#pause(Math.max(least, wait))
			if (this.#state !== 'resuming') return
			try {
				return this.#goOn(await this.#tryOnce())
			} catch (caught) {
				const error = /** @type {PortalError} */ (caught)
				if (this.#state !== 'resuming') return
				if (!PASSING.has(error.code)) return this.#expel(error)
				least = error.retryAfter ?? 0
			}
		}
	}

	/**
	 * Waits, but not longer than until there is reason to believe that a try may succeed.
	 *
	 * @param {number} milliseconds
	 */
	#pause(milliseconds) {
		return within(milliseconds, /** @type {Promise<void>} */ (new Promise(resolve => { this.#wake = resolve })))
	}

	async #tryOnce() {
		const session = this.#session = this.#newSession()
		this.#early = []
		const timer = setTimeout(() => session.abandon(), TRY)
		try {
			return await this.#enter(session)
		} catch (error) {
			session.abandon()
			throw error
		} finally {
			clearTimeout(timer)
		}
	}

	/** @param {any} entered */
	#goOn(entered) {
		if (this.#state !== 'resuming') return
		const anew = this.#fresh
		if (anew) {
			this.#begin(entered)
		} else {
			this.#peer = entered.peer
			this.#stream.resume((/** @type {any} */ body) => entered.peer.request(body))
			this.#setState('open')
		}
		for (const connection of this.connections) connection.repair()
		if (anew) this.#whileOpen(() => emit(this, 'rejoined', this.#info()))
		this.#whileOpen(() => this.#tellInfo())
		this.#takeEarly()
	}

	// Whoever was too slow begins anew; of the other ends none is to be undone by coming back.
	/** @param {any} reason */
	#ended(reason) {
		if (reason === 'too_slow') return this.#lost()
		this.#expel(new PortalError(reason, `The server ended the membership: ${reason}`))
	}

	/** @param {any} error */
	#expel(error) {
		this.#page.abort()
		this.#session?.abandon()
		this.#end()
		emit(this, 'error', error)
	}

	#clear() {
		for (const connection of this.connections) connection.close()
		this.#members.clear()
		this.#told = null
	}

	#end() {
		this.#clear()
		this.#wake()
		this.#session = null
		this.#stream?.end(new PortalError('closed', 'The portal is closed'))
		this.#early = []
		this.#setState('closed')
	}

	#watchPage() {
		/** @type {any} the window, or something like one */
		const { page } = this.#options
		this.#page.abort()
		this.#page = new AbortController()
		const { signal } = this.#page
		page?.addEventListener?.('pagehide', () => this.#pageHide(), { signal })
		const look = () => {
			if (this.#state === 'open') this.#session?.probe()
			else this.#wake()
		}
		page?.addEventListener?.('online', look, { signal })
		page?.document?.addEventListener('visibilitychange', () => page.document.hidden || look(), { signal })
	}

	#pageHide() {
		if (this.#state !== 'open') return
		const session = this.#session
		this.#leave()
		const { signal } = this.#page
		signal.addEventListener('abort', () => session?.close())
		// It is shown again only if the browser kept the page in its cache.
		this.#options.page?.addEventListener?.('pageshow', () => {
			this.#watchPage()
			if (this.#state !== 'closed') return
			this.#beginAnew()
			this.#resume()
		}, { signal })
	}

	/** @param {State} state */
	#setState(state) {
		if (state === this.#state) return
		this.#state = state
		for (const connection of this.connections) connection.rerouted()
		emit(this, 'state', state)
	}
}

/**
 * Of those who join close to one another the server tells in one event.
 *
 * @param {{number: number, event: any}} entry
 * @returns {{number: number, event: any}[]}
 */
function oneByOne({ number, event }) {
	if (event.event !== 'joined') return [{ number, event }]
	return event.members.map((/** @type {Member} */ member) => ({ number, event: { event: 'joined', member } }))
}

/** @param {any} options */
function newSession({ url, janus, WebSocket }) {
	return new Session({ url: url ?? defaultUrl(), envelope: janus, WebSocket })
}

function defaultUrl() {
	if (!globalThis.location) throw new PortalError('unsupported', 'There is no page here: say the url')
	return globalThis.location.origin.replace('http', 'ws') + '/janus'
}

/**
 * Runs `work` with a peer that joins nothing.
 *
 * @param {any} options
 * @param {any} work
 */
async function visit(options, work) {
	const session = newSession(options)
	const visiting = async () => {
		await session.open()
		return work(await session.attach(PLUGIN, () => {}))
	}
	try {
		return await stoppable(visiting(), options.signal)
	} finally {
		session.close()
	}
}

// The server may have made us a member all the same, or be about to: tell it, then hang up.
/**
 * @param {Session} session
 * @param {any} entering
 */
async function abandon(session, entering) {
	const leaving = entering.then((/** @type {any} */ { peer }) => peer.request({ request: 'leave', seq: 1 }))
	await within(FAREWELL, leaving.catch(() => {}))
	session.close()
}

/**
 * @param {any} options
 * @param {string} [id]
 */
function failureError({ code, error, error_code: errorCode }, id) {
	return new PortalError(code, error, { errorCode, id })
}

// The key is the proof of who one is, so it stays in memory: storage would be copied with a duplicated tab.
function makeKey() {
	// Node 18 has no global crypto; then the server makes the key.
	if (!globalThis.crypto?.getRandomValues) return undefined
	return toBase64(crypto.getRandomValues(new Uint8Array(24))).replace(/\W/g, '_')
}
