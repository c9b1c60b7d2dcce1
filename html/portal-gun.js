// SPDX-License-Identifier: MIT
// The API of @openlab/portals/client.js, version 0.2, on top of Portal: a program that was written for that library changes its
// import and its URL. Its classes keep their names, so `Portal` here is one connection, what is a Connection in portal.js.
import { Portal as Room } from './portal.js'
import { PASSING } from './signal.js'

/** @typedef {import('./events.js').PortalError} PortalError */
/** @typedef {import('./peer.js').Connection} Connection */

/**
 * @typedef {object} RoomMember
 * @property {string} id
 * @property {boolean} polite what this side is towards it
 */

/**
 * @typedef {object} InfoSignal who is in the room
 * @property {string} id one's own
 * @property {RoomMember[]} members the others
 */

/** @typedef {{code: string}} ErrorSignal */
/** @typedef {RTCSessionDescription} DescriptionSignal */
/** @typedef {RTCIceCandidate | undefined} CandidateSignal */

/**
 * @template {any[]} [Args=any]
 * @typedef {(...args: Args) => void} EventListener
 */

/**
 * @typedef {object} PortalEventMap what a Portal tells, with the arguments of its listeners
 * @property {[RTCTrackEvent]} track
 * @property {[Error]} error
 * @property {[string, ...any[]]} debug
 */

/**
 * @typedef {object} PortalGunEventMap what a PortalGun tells, with the arguments of its listeners
 * @property {[Portal]} connection
 * @property {[Portal]} disconnection
 * @property {[InfoSignal]} info
 * @property {[Error]} error
 * @property {[string, ...any[]]} debug
 */

/**
 * @typedef {object} PortalGunOptions
 * @property {string} room
 * @property {string | URL} url of Janus's WebSocket transport
 * @property {RTCConfiguration} [rtc]
 */

/** Before the first try to enter a room succeeds, the next one comes after so many milliseconds. */
const RETRY = 2_000

/**
 * Hands the arguments themselves to its listeners, unlike an EventTarget.
 *
 * @template {{[Name in keyof Events]: any[]}} [Events=any]
 */
export class EventEmitter {
	/** @type {Map<keyof Events, Function[]>} */
	#listeners = new Map()

	/**
	 * @template {keyof Events} Name
	 * @param {Name} name
	 * @param {EventListener<Events[Name]>} listener
	 */
	addEventListener(name, listener) {
		this.#listeners.set(name, [...this.#listeners.get(name) ?? [], listener])
	}

	/**
	 * @template {keyof Events} Name
	 * @param {Name} name
	 * @param {EventListener<Events[Name]>} listener
	 */
	removeEventListener(name, listener) {
		this.#listeners.set(name, (this.#listeners.get(name) ?? []).filter(other => other !== listener))
	}

	/**
	 * @template {keyof Events} Name
	 * @param {Name} name
	 * @param {Events[Name]} args
	 */
	emit(name, ...args) {
		for (const listener of this.#listeners.get(name) ?? []) listener(...args)
	}
}

/** There is no such room on the server. */
export class RoomNotFoundError extends Error {
	/** @param {string} room */
	constructor(room) {
		super('Room not found')
		this.name = 'RoomNotFoundError'
		this.room = room
	}
}

/** A STUN or TURN server that could not be used; told as `debug`, since others usually can. */
export class IceCandidateError extends Error {
	/** @param {RTCPeerConnectionIceErrorEvent} event */
	constructor({ address, errorCode, errorText, port, url }) {
		super('Ice exchange failed')
		this.name = 'IceCandidateError'
		Object.assign(this, { address, errorCode, errorText, port, url })
	}
}

/**
 * The connection with one other member.
 *
 * @extends {EventEmitter<PortalEventMap>}
 */
export class Portal extends EventEmitter {
	#connection

	/** @param {import('./peer.js').Connection} connection */
	constructor(connection) {
		super()
		this.#connection = connection
		this.target = { id: connection.id, polite: connection.polite }
		/** The RTCPeerConnection; after a renewal there is another Portal with another one. */
		this.peer = connection.pc
		this.peer.addEventListener('track', event => this.emit('track', event))
		this.peer.addEventListener('icecandidateerror', (/** @type {any} */ event) => this.emit('debug', 'icecandidateerror', new IceCandidateError(event)))
	}

	/** @param {MediaStream} stream */
	addMediaStream(stream) {
		this.#connection.addStream(stream)
	}

	close() {
		this.#connection.close()
	}
}

/**
 * A room, entered as soon as this is made.
 *
 * @extends {EventEmitter<PortalGunEventMap>}
 */
export class PortalGun extends EventEmitter {
	/** @type {Map<string, Portal>} */
	connections = new Map()
	#room
	#closed = false
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#timer

	/** @param {PortalGunOptions} options */
	constructor(options) {
		super()
		this.options = options
		this.#room = new Room({ ...options, url: String(options.url) })
		/** @type {Connection[]} whom the next `info` names: it comes first, as in @openlab/portals */
		const fresh = []
		this.#room.on('connection', connection => fresh.push(connection))
		this.#room.on('close', ({ id }) => this.#disconnected(id))
		this.#room.on('info', ({ id, members }) => {
			this.emit('info', { id, members: members.map(({ id, polite }) => ({ id, polite })) })
			for (const connection of fresh.splice(0)) if (!connection.closed) this.#connected(connection)
		})
		this.#room.on('state', state => this.emit('debug', `state@${state}`))
		this.#room.on('error', error => error.id || this.emit('error', error))
		this.#enter()
	}

	/** Leaves the room, and lets go of everything. */
	close() {
		this.#closed = true
		clearTimeout(this.#timer)
		return this.#room.close()
	}

	async #enter() {
		try {
			await this.#room.join()
			if (this.#closed) await this.#room.close()
		} catch (caught) {
			const error = /** @type {PortalError} */ (caught)
			if (this.#closed) return
			if (PASSING.has(error.code)) this.#timer = setTimeout(() => this.#enter(), RETRY)
			this.emit('error', error.code === 'room_not_found' ? new RoomNotFoundError(this.options.room) : error)
		}
	}

	/** @param {Connection} connection */
	#connected(connection) {
		// What belongs to the RTCPeerConnection is set up by the program again, on the new one.
		connection.on('renewed', () => this.#tell(connection))
		connection.on('error', (/** @type {PortalError} */ error) => this.connections.get(connection.id)?.emit('error', error))
		this.#tell(connection)
	}

	/** @param {Connection} connection */
	#tell(connection) {
		const portal = new Portal(connection)
		this.connections.set(connection.id, portal)
		this.emit('connection', portal)
	}

	/** @param {string} id */
	#disconnected(id) {
		const portal = this.connections.get(id)
		this.connections.delete(id)
		if (portal) this.emit('disconnection', portal)
	}
}

/** There is none to make here: the signalling is Janus's. */
export class SignalingChannel {
	constructor() {
		throw new Error('There is no SignalingChannel: Portal signals through Janus; make a PortalGun')
	}
}

/** @param {number} milliseconds */
export function pause(milliseconds) {
	return new Promise(resolve => setTimeout(resolve, milliseconds))
}

/**
 * @param {number} milliseconds
 * @param {() => void} work
 * @returns {() => void} calls `work` when it was not called for so long
 */
export function debounce(milliseconds, work) {
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer
	return () => {
		clearTimeout(timer)
		timer = setTimeout(work, milliseconds)
	}
}
