// SPDX-License-Identifier: MIT
import { applyChanges, deflate, inflate, shorten } from './description.js'
import { Emitter, PortalError, emit, stoppable } from './events.js'
import { Messages, fromBase64, toBase64 } from './messages.js'

/** Tries to begin anew, without having been connected in between, after negotiation went wrong. */
const MAX_RENEWALS = 3

/** States that an ICE restart may mend. */
const BROKEN = ['disconnected', 'failed']

/** Candidates that are kept until there is a description to add them to. */
const MAX_CANDIDATES = 256

/** A connection that is interrupted for so long is restarted; shorter interruptions mend themselves. */
const INTERRUPTED = 5_000

/** For so long the impolite side leaves it to the other one, which made the first offer. Two Firefoxes that failed before they
 * had ever connected do not agree on who begins with DTLS when the other one offers the restart, and need half a minute. */
const GIVE_WAY = 5_000

/** What is still broken so long after an ICE restart will not be mended by it: a Firefox in which a connection has failed restores ICE, and not
 * DTLS. */
const RESTARTED = 10_000

/**
 * Hints for sending a track, as in RTCRtpEncodingParameters.
 *
 * @typedef {object} Encoding
 * @property {number} [maxBitrate] bits a second
 * @property {number} [maxFramerate]
 * @property {number} [scaleResolutionDownBy]
 * @property {boolean} [active]
 * @property {RTCDegradationPreference} [degradationPreference]
 */

/**
 * @typedef {object} Stats
 * @property {number} [roundTripTime] seconds
 * @property {boolean} [relayed] whether it goes through a TURN server
 * @property {string} [local] type of the candidate of this side: `host`, `srflx`, `prflx`, `relay`
 * @property {string} [remote] the same of the other side
 * @property {number} [bitrateOut] bits a second, since the stats before
 * @property {number} [bitrateIn]
 * @property {number} loss of packets of media that came in, from 0 to 1
 */

/**
 * A track that the other member sends.
 *
 * @typedef {object} Track
 * @property {MediaStreamTrack} track
 * @property {readonly MediaStream[]} streams that it belongs to
 * @property {RTCRtpReceiver} receiver
 * @property {RTCRtpTransceiver} transceiver
 */

/**
 * What `connection.on()` tells of.
 *
 * @typedef {object} ConnectionEvents
 * @property {Track} track
 * @property {RTCPeerConnectionState} state
 * @property {{type: string | null, payload: any}} message what the other member sent
 * @property {'direct' | 'server' | null} route how messages go now; null: they wait
 * @property {RTCDataChannel} channel one that the other member opened
 * @property {Stats} stats if `statsInterval` is set
 * @property {Connection} renewed `pc` is another one
 * @property {Connection} close
 * @property {PortalError} error
 */

/** In the place of an RTCPeerConnection where none is wanted: it never connects, so that messages go through the server. */
class NoPeerConnection extends EventTarget {
	connectionState = 'new'
	signalingState = 'stable'
	createDataChannel() {
		return new EventTarget()
	}
	async getStats() {
		return new Map()
	}
	addTrack() {}
	setConfiguration() {}
	close() {}
}

/**
 * The direct connection to one other member.
 *
 * Both sides may offer at any time ("perfect negotiation"): when two offers meet, the polite side takes its own
 * back and the impolite side ignores the other's. Everything that concerns this member's negotiation is done one
 * after the other, each step awaited, so an offer that comes in the middle of applying an answer finds that answer
 * applied (the pending-answer case), and between two steps the signalling state is `stable` or `have-local-offer`.
 *
 * An RTCPeerConnection that can't be repaired is replaced by one of the next generation. Only the polite side
 * begins one; what carries a lower generation belongs to a former one and is dropped.
 *
 * @hideconstructor
 * @extends {Emitter<ConnectionEvents>}
 */
export class Connection extends Emitter {
	/** @type {typeof globalThis.RTCPeerConnection} */
	#RTCPeerConnection
	#negotiates
	#configuration
	#signal
	#mayRestart
	#patience
	/** @type {RTCPeerConnection} */
	#pc = /** @type {any} */ (null)
	#generation
	/** @type {Promise<unknown>} */
	#steps = Promise.resolve()
	/** @type {(RTCIceCandidateInit | null)[] | null} what was found since, until its signal is sent */
	#found = null
	/** The last offer of this side, which answers are said by their differences to. */
	#offered = ''
	/** Goes with all that the other side may take for the first sign of this one, if it is so. @type {true | undefined} */
	#readsPlain
	/** Whether the other side has said that it reads descriptions only as they are. */
	#plain = false
	#described = false
	#ignoring = false
	/** Ends with the RTCPeerConnection of now. */
	#current = /** @type {AbortController} */ (/** @type {any} */ (null))
	/** Whether this RTCPeerConnection was connected once. */
	#established = false
	/** @type {(RTCIceCandidateInit | null)[]} */
	#candidates = []
	#renewals = 0
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#offerTimer
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#mendTimer
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#statsTimer
	/** What was told of the other member's tracks, for those who listen later. */
	#received = new Map() // MediaStreamTrack → what `track` told
	/** @type {Map<MediaStreamTrack, Encoding>} */
	#encodings
	/** @type {'direct' | 'server' | null} */
	#route = null
	/** At the last stats of this RTCPeerConnection; of none there is no rate. @type {{at: number, sent: number, received: number}} */
	#counted = /** @type {any} */ (null)
	/** @type {Map<MediaStreamTrack, MediaStream[]>} */
	#tracks
	/** Their own `track` is another one only a while after `replaceTrack()`. @type {Map<MediaStreamTrack, RTCRtpSender>} */
	#senders = new Map()
	#messages

	/**
	 * @param {object} options
	 * @param {Iterable<[MediaStreamTrack, Encoding]>} [options.encodings]
	 * @param {number} [options.statsInterval] milliseconds between two `stats`; none without it
	 * @param {string} options.id the other member
	 * @param {boolean} options.polite what this side is
	 * @param {(type: string, payload: any) => Promise<any> | void} options.signal sends to the other member; a function in the
	 *   place of the payload makes the whole signal when it is sent, or nothing
	 * @param {() => number} [options.largest] bytes that the server takes as one signal
	 * @param {() => boolean} [options.reachable] whether signals reach the other member, be it now or when it is back
	 * @param {typeof globalThis.RTCPeerConnection | null} options.RTCPeerConnection null: there is to be no direct connection
	 * @param {RTCConfiguration} [options.configuration]
	 * @param {Iterable<[MediaStreamTrack, MediaStream[]]>} [options.tracks]
	 * @param {() => boolean} [options.mayRestart] whether signals would reach the other member now
	 * @param {number} [options.generation] the last one that was used with this member, if there was an earlier connection
	 * @param {number} [options.patience] milliseconds that the impolite side waits for the first offer
	 * @param {boolean} [options.inflates] whether this side reads deflated descriptions
	 */
	constructor({
		id, polite, signal, RTCPeerConnection, configuration, tracks, mayRestart = () => true,
		reachable = () => false, largest, generation = 0, patience = 10_000, encodings, statsInterval,
		inflates = !!globalThis.DecompressionStream
	}) {
		super()
		/** The other member's id. */
		this.id = id
		/** What this side is: a polite one takes its own offer back when two meet, and begins generations. */
		this.polite = polite
		/** Whether the member is gone, or one has left. */
		this.closed = false
		this.#signal = signal
		this.#negotiates = RTCPeerConnection !== null
		this.#RTCPeerConnection = RTCPeerConnection ?? /** @type {any} */ (NoPeerConnection)
		this.#configuration = configuration
		this.#mayRestart = mayRestart
		this.#patience = patience
		this.#readsPlain = !inflates || undefined
		this.#generation = generation + 1
		this.#tracks = new Map(tracks)
		this.#encodings = new Map(encodings)
		this.#messages = new Messages({
			direct: { open: () => this.ownChannel?.readyState === 'open', send: frame => this.ownChannel?.send(/** @type {any} */ (frame)) },
			largest,
			server: { open: reachable, send: frame => signal('portal.data', toBase64(frame)) },
			deliver: (type, payload) => emit(this, 'message', { type, payload }),
			rerouted: () => {
				if (this.closed || this.route === this.#route) return
				this.#route = this.route
				emit(this, 'route', this.#route)
			}
		})
		this.#open()
		this.#route = this.route
		// If the other side has forgotten which was the last one, it has to know.
		if (generation > 0 && !polite) this.#step(() => this.#askToRenew(generation))
		if (statsInterval) this.#statsTimer = setInterval(() => this.#tellStats(), statsInterval)
	}

	/**
	 * Whoever listens to `track` late is told of those that are there.
	 *
	 * @template {keyof ConnectionEvents} Type
	 * @param {Type} type
	 * @param {(thing: ConnectionEvents[Type]) => void} listener
	 * @param {AddEventListenerOptions} [options]
	 * @returns {() => void} stops listening
	 */
	on(type, listener, options) {
		return this.replay(type, listener, options, () => type === 'track' ? [...this.#received.values()] : [])
	}

	/**
	 * A data channel of one's own, on the RTCPeerConnection of now: it ends with that one.
	 *
	 * @param {string} label
	 * @param {RTCDataChannelInit} [options]
	 * @returns {RTCDataChannel}
	 */
	channel(label, options) {
		if (!this.#negotiates) throw new PortalError('unsupported', 'There is no RTCPeerConnection here')
		return this.#pc.createDataChannel(label, options)
	}

	/**
	 * Sends a message: in order and once, over the direct connection or, while there is none, through the server.
	 *
	 * @param {any} payload a string, an ArrayBuffer, a view of one, a Blob, or anything that is JSON
	 * @param {string | null} [type] of one's own
	 * @param {{signal?: AbortSignal}} [options] ends the waiting; the message goes all the same
	 * @returns {Promise<void>} resolves when there is room for more
	 */
	send(payload, type = null, { signal } = {}) {
		return stoppable(this.#messages.send(payload, type), signal)
	}

	/** How messages go now: `direct`, `server`, or null while they wait. */
	get route() {
		return this.#messages.route
	}

	/** Whether one of the routes is open has changed. @internal */
	rerouted() {
		this.#messages.rerouted()
	}

	/** What was on its way through the server may be lost. @internal */
	sendAgain() {
		this.#messages.again()
	}

	/** What carries a lower one belongs to a former RTCPeerConnection. */
	get generation() {
		return this.#generation
	}

	/** The RTCPeerConnection of now; it is another one after a renewal. */
	get pc() {
		return this.#pc
	}

	/** Whether the two sides still reach each other, as far as this one knows. */
	get alive() {
		return !this.closed && this.#pc.connectionState === 'connected' && this.ownChannel?.readyState !== 'closed'
	}

	/**
	 * @param {MediaStreamTrack} track
	 * @param {...MediaStream} streams
	 */
	addTrack(track, ...streams) {
		if (this.closed || this.#tracks.has(track)) return
		this.#tracks.set(track, streams)
		this.#senders.set(track, this.#pc.addTrack(track, ...streams))
	}

	/** @param {MediaStream} stream */
	addStream(stream) {
		for (const track of stream.getTracks()) this.addTrack(track, stream)
	}

	/** @param {MediaStreamTrack} track */
	removeTrack(track) {
		if (this.closed || !this.#tracks.delete(track)) return
		const sender = this.#senders.get(track)
		if (sender) this.#pc.removeTrack(sender)
		this.#senders.delete(track)
		this.#encodings.delete(track)
	}

	/**
	 * Sends another track in the place of one, without negotiation.
	 *
	 * @param {MediaStreamTrack} track
	 * @param {MediaStreamTrack} by
	 * @returns {Promise<void>}
	 */
	async replaceTrack(track, by) {
		if (this.closed || !this.#tracks.has(track) || this.#tracks.has(by)) return
		for (const map of [this.#tracks, this.#encodings, this.#senders]) rename(map, track, by)
		await this.#senders.get(by)?.replaceTrack(by)
	}

	/**
	 * @param {MediaStreamTrack} track
	 * @param {Encoding} encoding
	 */
	async setEncoding(track, encoding) {
		this.#encodings.set(track, encoding)
		const sender = this.closed ? undefined : this.#senders.get(track)
		if (!sender) return
		const { degradationPreference, ...hints } = encoding
		const parameters = sender.getParameters()
		if (!parameters.encodings?.length) return // Firefox has none before the first negotiation; it is said again then
		Object.assign(parameters.encodings[0], hints)
		if (degradationPreference) parameters.degradationPreference = degradationPreference
		try {
			await sender.setParameters(parameters)
		} catch { /* it is a hint, and the RTCPeerConnection may be another one by now */ }
	}

	/**
	 * @returns {Promise<Stats>} what there is to know of the RTCPeerConnection of now
	 */
	async stats() {
		/** @type {any[]} */
		const reports = [.../** @type {any} */ (await this.#pc.getStats()).values()]
		const of = (/** @type {string} */ type) => reports.filter(report => report.type === type)
		const by = (/** @type {string | undefined} */ id) => reports.find(report => report.id === id)
		const pair = by(of('transport')[0]?.selectedCandidatePairId) ?? of('candidate-pair').find(({ nominated, state }) => nominated && state === 'succeeded')
		const sum = (/** @type {any[]} */ list, /** @type {string} */ name) => list.reduce((total, report) => total + (report[name] ?? 0), 0)
		const inbound = of('inbound-rtp'), lost = sum(inbound, 'packetsLost'), got = sum(inbound, 'packetsReceived')
		const local = by(pair?.localCandidateId)?.candidateType, remote = by(pair?.remoteCandidateId)?.candidateType
		const bytes = (/** @type {string} */ name) => sum(of('transport'), name) || (pair?.[name] ?? 0)
		const now = { at: performance.now(), sent: bytes('bytesSent'), received: bytes('bytesReceived') }
		const seconds = (now.at - this.#counted.at) / 1000
		const rate = (/** @type {'sent' | 'received'} */ name) => seconds > 0 ? Math.max(0, (now[name] - this.#counted[name]) * 8 / seconds) : undefined
		const stats = {
			roundTripTime: pair?.currentRoundTripTime, relayed: pair && [local, remote].includes('relay'), local, remote,
			bitrateOut: rate('sent'), bitrateIn: rate('received'), loss: Math.max(0, lost) / (lost + got) || 0
		}
		this.#counted = now
		return stats
	}

	async #tellStats() {
		if (this.#pc.connectionState !== 'connected') return
		const stats = await this.stats().catch(() => undefined)
		if (stats && !this.closed) emit(this, 'stats', stats)
	}

	/** @internal @param {RTCIceServer[]} iceServers to be used from the next gathering of candidates on */
	setIceServers(iceServers) {
		const configuration = { ...this.#configuration, iceServers }
		if (!this.closed) this.#pc.setConfiguration(configuration) // it throws where it refuses one, and then nothing has changed
		this.#configuration = configuration
	}

	/**
	 * Ends the direct connection. The other side is not told, so what it sends to this one waits, for good: to part from somebody, leave the
	 * room.
	 */
	close() {
		if (this.closed) return
		this.closed = true
		clearTimeout(this.#offerTimer)
		clearTimeout(this.#mendTimer)
		clearInterval(this.#statsTimer)
		this.#current.abort()
		this.#pc.close()
		this.#messages.close()
		emit(this, 'close', this)
	}

	/**
	 * What the other member's library signalled.
	 *
	 * @internal
	 * @param {string} type
	 * @param {any} payload
	 */
	take(type, payload) {
		this.#plain ||= payload?.plain === true
		if (type === 'description' || type === 'candidate') this.#step(() => this.#takeSaid(payload ?? {}))
		if (type === 'portal.data') this.#takeData(payload)
		if (type === 'portal.renew') this.#step(() => this.#takeRenew(payload ?? {}))
	}

	/** @param {unknown} payload by anybody, so by no means always what this library sends */
	#takeData(payload) {
		let frame
		try {
			frame = fromBase64(/** @type {string} */ (payload))
		} catch {
			return
		}
		this.#messages.receive(frame, 'server')
	}

	/** Signals pass again: what failed while they did not is taken up. @internal */
	repair() {
		if (BROKEN.includes(this.#pc.connectionState)) this.#mend(0)
	}

	/**
	 * @param {number} wait milliseconds to see first whether it mends itself
	 * @param {any} [restarts] whether an ICE restart may do; not every RTCPeerConnection outside of browsers has one, and another one does as well
	 */
	#mend(wait, restarts = (this.polite || this.#established) && /** @type {any} */ (this.#pc).restartIce) {
		const mend = () => {
			if (this.closed || !BROKEN.includes(this.#pc.connectionState) || !this.#mayRestart()) return
			if (!restarts) return this.renew()
			this.#pc.restartIce()
			this.#mend(RESTARTED, false)
		}
		clearTimeout(this.#mendTimer)
		if (!this.polite) wait += GIVE_WAY
		if (wait === 0) mend()
		else this.#mendTimer = setTimeout(mend, wait)
	}

	/** Something of the negotiation was lost: begins it anew, with the next generation. */
	renew() {
		this.#step(() => this.polite ? this.#replace(this.#generation + 1) : this.#askToRenew())
	}

	#askToRenew(generation = this.#generation) {
		this.#signal('portal.renew', { generation, plain: this.#readsPlain })
	}

	#open() {
		const pc = this.#pc = new this.#RTCPeerConnection(this.#configuration)
		this.#current = new AbortController()
		// What a former RTCPeerConnection still says is not heard, and whoever keeps one does not keep all that hears it.
		const { signal } = this.#current
		const hear = (/** @type {EventTarget} */ target, /** @type {string} */ type, /** @type {(event: any) => void} */ listener) =>
			target.addEventListener?.(type, listener, { signal })
		this.#described = false
		this.#ignoring = false
		this.#established = false
		this.#candidates = []
		this.#found = null
		this.#received.clear()
		this.#counted = /** @type {any} */ ({})
		hear(pc, 'negotiationneeded', () => this.#step(() => this.#negotiationNeeded(pc)))
		hear(pc, 'icecandidate', ({ candidate }) => this.#candidateFound(candidate))
		hear(pc, 'connectionstatechange', () => this.#stateChanged(pc))
		hear(pc, 'track', ({ track, streams, receiver, transceiver }) => {
			const told = { track, streams, receiver, transceiver }
			this.#received.set(track, told)
			hear(track, 'ended', () => this.#received.delete(track))
			emit(this, 'track', told)
		})
		hear(pc, 'datachannel', ({ channel }) => emit(this, 'channel', channel))
		hear(pc, 'signalingstatechange', () => {
			if (pc.signalingState !== 'stable') return
			for (const [track, encoding] of this.#encodings) this.setEncoding(track, encoding)
		})
		/** The library's own channel: so that there is always something to negotiate. @internal */
		this.ownChannel = pc.createDataChannel('portal', { negotiated: true, id: 0 })
		this.ownChannel.binaryType = 'arraybuffer'
		hear(this.ownChannel, 'open', () => this.rerouted())
		hear(this.ownChannel, 'close', () => {
			this.rerouted()
			this.#stateChanged(pc)
			// SCTP has failed, or the other side thinks that the connection is over: the library never closes it.
			if (pc.connectionState === 'connected') this.renew()
		})
		hear(this.ownChannel, 'message', ({ data }) => {
			if (data instanceof ArrayBuffer) this.#messages.receive(new Uint8Array(data), 'direct')
		})
		for (const [track, streams] of this.#tracks) this.#senders.set(track, pc.addTrack(track, ...streams))
		clearTimeout(this.#offerTimer)
		this.#offerTimer = this.polite ? undefined : setTimeout(() => this.#step(() => this.#offer(pc)), this.#patience)
	}

	// An RTCPeerConnection is replaced only within a step, so never while one waits for it: what is asked of
	// one that was closed meanwhile is never answered.
	/** @param {any} work */
	#step(work) {
		this.#steps = this.#steps.then(() => this.#negotiates && !this.closed && work()).catch(error => this.#fail(error))
	}

	// The browser says this again whenever the state becomes stable and it still holds, so nothing is lost here.
	/** @param {RTCPeerConnection} pc */
	#negotiationNeeded(pc) {
		if (this.polite || this.#described) return this.#offer(pc)
	}

	/** @param {RTCPeerConnection} pc */
	async #offer(pc) {
		if (this.#stale(pc) || pc.signalingState !== 'stable') return
		await pc.setLocalDescription()
		this.#describe(pc)
	}

	/** @param {any} payload */
	async #takeSaid(payload) {
		const { generation, deflated } = payload
		if (generation < this.#generation) return
		// The other side could not know it yet; what this side says next tells it.
		if (deflated !== undefined && this.#readsPlain) return this.#beginAnew(generation)
		const { description, candidates } = deflated === undefined ? payload : await inflate(deflated)
		if (description) await this.#takeDescription(generation, description)
		if (generation !== this.#generation || !Array.isArray(candidates)) return
		for (const candidate of candidates.slice(0, MAX_CANDIDATES)) {
			if (this.#pc.remoteDescription) await this.#addCandidate(this.#pc, candidate)
			else if (!this.#ignoring && this.#candidates.length < MAX_CANDIDATES) this.#candidates.push(candidate)
		}
	}

	/**
	 * @param {number} generation
	 * @param {any} description
	 */
	async #takeDescription(generation, { type, sdp, changes }) {
		const offer = type === 'offer'
		if (generation > this.#generation && offer && !this.polite) this.#replace(generation)
		if (generation !== this.#generation) return
		const pc = this.#pc
		this.#ignoring = offer && pc.signalingState !== 'stable' && !this.polite
		if (this.#ignoring) return
		await pc.setRemoteDescription({ type, sdp: sdp ?? applyChanges(changes, this.#offered) })
		this.#described = true
		clearTimeout(this.#offerTimer)
		for (const candidate of this.#candidates.splice(0)) await this.#addCandidate(pc, candidate)
		if (!offer) return
		await pc.setLocalDescription()
		this.#describe(pc, sdp)
	}

	/**
	 * @param {RTCPeerConnection} pc
	 * @param {RTCIceCandidateInit | null} candidate
	 */
	async #addCandidate(pc, candidate) {
		try {
			await pc.addIceCandidate(candidate)
		} catch (error) {
			// One bad candidate leaves the others, and those of an offer that was ignored fit nothing.
			if (!this.#ignoring) this.#report('A candidate was refused', error)
		}
	}

	/** @param {any} options */
	#takeRenew({ generation }) {
		if (this.polite && generation >= this.#generation) this.#replace(generation + 1)
	}

	/** @param {RTCIceCandidateInit | null} candidate */
	#candidateFound(candidate) {
		if (!this.#found) this.#say('candidate')
		this.#found?.push(candidate)
	}

	/**
	 * @param {RTCPeerConnection} pc
	 * @param {string} [offer] that it answers
	 */
	#describe(pc, offer) {
		if (this.#stale(pc)) return
		const description = /** @type {RTCSessionDescription} */ (pc.localDescription)
		if (!offer) this.#offered = description.sdp
		this.#say('description', shorten(description, this.#plain ? '' : offer))
	}

	/**
	 * Says something of the RTCPeerConnection of now, and what candidates are found until it is sent.
	 *
	 * @param {string} type
	 * @param {object} [description]
	 */
	#say(type, description) {
		const pc = this.#pc, generation = this.#generation
		/** @type {(RTCIceCandidateInit | null)[]} */
		const candidates = this.#found = []
		const make = async () => {
			if (this.#found === candidates) this.#found = null
			if (this.#stale(pc)) return
			const payload = { generation, plain: this.#readsPlain, ...await deflate({ description, candidates }, this.#plain) }
			return { to: this.id, type, payload }
		}
		this.#signal(type, () => make().catch(error => this.#fail(error)))
	}

	/** @param {RTCPeerConnection} pc */
	#stateChanged(pc) {
		if (pc.connectionState === 'connected') {
			this.#renewals = 0
			this.#established = true
		}
		clearTimeout(this.#mendTimer)
		if (BROKEN.includes(pc.connectionState)) this.#mend(pc.connectionState === 'failed' ? 0 : INTERRUPTED)
		emit(this, 'state', pc.connectionState)
	}

	/** @param {any} error */
	#fail(error) {
		if (this.closed) return
		this.#report('Negotiation failed', error)
		this.#beginAnew()
	}

	#beginAnew(generation = this.#generation) {
		if (++this.#renewals > MAX_RENEWALS) return
		if (this.polite) this.#replace(this.#generation + 1)
		else this.#askToRenew(generation)
	}

	/** @param {number} generation */
	#replace(generation) {
		if (this.closed) return
		this.#current.abort()
		this.#pc.close()
		this.#generation = generation
		this.#open()
		this.rerouted()
		emit(this, 'renewed', this)
	}

	/**
	 * @param {string} what
	 * @param {any} cause
	 */
	#report(what, cause) {
		emit(this, 'error', new PortalError('negotiation_failed', `${what}: ${cause.message}`, { id: this.id, cause }))
	}

	// What was asked of a former RTCPeerConnection may still be answered.
	/** @param {RTCPeerConnection} pc */
	#stale(pc) {
		return this.closed || pc !== this.#pc
	}
}

/**
 * What is known of one track is known of another from now on.
 *
 * @param {Map<MediaStreamTrack, any>} map
 * @param {MediaStreamTrack} track
 * @param {MediaStreamTrack} by
 */
export function rename(map, track, by) {
	if (map.has(track)) map.set(by, map.get(track))
	map.delete(track)
}
