// SPDX-License-Identifier: MIT
/**
 * RTCPeerConnection for Node, made of node-datachannel (libdatachannel): of the standard what data channels and portal.js need.
 *
 * node-datachannel has such a class itself, but its setLocalDescription() does not find out what to describe, and it offers on
 * its own, whoever else does so. This one is "perfect negotiation" as in a browser: an offer takes one's own back.
 *
 * What libdatachannel has not: ICE restarts, so there is no restartIce(), and an offer that restarts ICE is rejected; portal.js
 * replaces the RTCPeerConnection then. And no media: what others offer to send is declined, so that they do not send it in vain.
 * Nor has it a TURN server of its own: nativeServers() says why.
 */
import { PeerConnection } from 'node-datachannel'
import { RTCDataChannel } from 'node-datachannel/polyfill'

export class RTCPeerConnection extends EventTarget {
	#native
	#configuration
	#states = { connection: 'new', iceConnection: 'new', iceGathering: 'new' }
	#closed = false
	#hasChannel = false
	/** @type {(RTCIceCandidateInit | null)[]} one's own, which are told when the offer is answered. Else the other side would begin at
	 * once, and what it sends could be there before its answer: libdatachannel then begins in the middle of taking the answer, and
	 * does not know yet whose certificate to expect. */
	#held = []

	/** @param {RTCConfiguration & object} [configuration] with what libdatachannel knows besides, such as `bindAddress` */
	constructor(configuration = {}) {
		super()
		this.#configuration = configuration
		const native = this.#native = new PeerConnection('portal.js', {
			...configuration, iceServers: (configuration.iceServers ?? []).flatMap(nativeServers), disableAutoNegotiation: true
		})
		native.onStateChange(state => this.#changed('connection', state))
		native.onIceStateChange(state => this.#changed('iceConnection', state))
		native.onGatheringStateChange(state => this.#gathering(state))
		native.onSignalingStateChange(() => this.#emit('signalingstatechange'))
		native.onLocalCandidate((candidate, sdpMid) => this.#found({ candidate: candidate.replace(/^a=/, ''), sdpMid }))
		native.onDataChannel(channel => this.#emit('datachannel', { channel: wrap(channel) }))
	}

	get connectionState() {
		return this.#closed ? 'closed' : this.#states.connection
	}

	get iceConnectionState() {
		return this.#closed ? 'closed' : this.#states.iceConnection
	}

	get iceGatheringState() {
		return this.#states.iceGathering
	}

	get signalingState() {
		return this.#closed ? 'closed' : this.#native.signalingState()
	}

	get localDescription() {
		const description = this.#native.localDescription()
		return description && { type: description.type, sdp: withoutMedia(apart(description.sdp).rest) }
	}

	get remoteDescription() {
		return this.#native.remoteDescription()
	}

	/** Offers, or answers the offer that is there. */
	async setLocalDescription() {
		this.#mustBeOpen()
		this.#native.setLocalDescription(this.signalingState === 'have-remote-offer' ? 'answer' : 'offer')
	}

	/** @param {RTCSessionDescriptionInit} description an offer takes back one's own that is not answered */
	async setRemoteDescription({ type, sdp }) {
		this.#mustBeOpen()
		const { rest, candidates } = apart(sdp)
		attempt(() => this.#native.setRemoteDescription(rest, type))
		for (const candidate of candidates) this.#addCandidate(candidate)
		for (const candidate of this.#held.splice(0)) this.#emit('icecandidate', { candidate })
	}

	/** @param {RTCIceCandidateInit | null} [candidate] */
	async addIceCandidate(candidate) {
		this.#mustBeOpen()
		if (!candidate?.candidate) return // there are no more
		if (!this.remoteDescription) throw new DOMException('There is no remote description yet', 'InvalidStateError')
		this.#addCandidate(candidate)
	}

	#addCandidate(candidate) {
		attempt(() => this.#native.addRemoteCandidate(candidate.candidate, candidate.sdpMid ?? '0'))
	}

	/**
	 * @param {string} label
	 * @param {RTCDataChannelInit} [options]
	 */
	createDataChannel(label, options = {}) {
		this.#mustBeOpen()
		const channel = wrap(this.#native.createDataChannel(label, { ...options, unordered: options.ordered === false }), options)
		// Those that follow need no negotiation.
		if (!this.#hasChannel) setImmediate(() => this.signalingState === 'stable' && !this.remoteDescription && this.#emit('negotiationneeded'))
		this.#hasChannel = true
		return channel
	}

	getConfiguration() {
		return this.#configuration
	}

	/** For the next RTCPeerConnection: this one has gathered its candidates, or is about to. */
	setConfiguration(configuration) {
		this.#configuration = configuration
	}

	addTrack() {
		throw new DOMException('There are only data channels here', 'NotSupportedError')
	}

	removeTrack() {}

	getSenders() {
		return []
	}

	getReceivers() {
		return []
	}

	getTransceivers() {
		return []
	}

	async getStats() {
		const pair = this.#closed ? null : this.#native.getSelectedCandidatePair()
		if (!pair) return new Map()
		const traffic = { bytesSent: this.#native.bytesSent(), bytesReceived: this.#native.bytesReceived() }
		const roundTrip = this.#native.rtt() // milliseconds, or -1
		const side = (type, { type: candidateType, address, port, transportType }) =>
			({ id: type, type, candidateType, address, port, protocol: transportType.toLowerCase() })
		return new Map([
			side('local-candidate', pair.local), side('remote-candidate', pair.remote),
			{
				id: 'pair', type: 'candidate-pair', localCandidateId: 'local-candidate', remoteCandidateId: 'remote-candidate',
				state: 'succeeded', nominated: true, ...traffic, ...roundTrip >= 0 && { currentRoundTripTime: roundTrip / 1000 }
			},
			{ id: 'transport', type: 'transport', selectedCandidatePairId: 'pair', ...traffic }
		].map(report => [report.id, { timestamp: Date.now(), ...report }]))
	}

	close() {
		this.#closed = true
		this.#native.close()
	}

	/** One that libdatachannel closes by itself has failed. */
	#changed(what, native) {
		const state = { closed: 'failed', completed: 'connected' }[native] ?? native
		if (this.#closed || state === this.#states[what]) return
		this.#states[what] = state
		this.#emit(`${what.toLowerCase()}statechange`)
	}

	#gathering(state) {
		this.#states.iceGathering = state === 'in-progress' ? 'gathering' : state
		this.#emit('icegatheringstatechange')
		// libdatachannel's callbacks of different kinds may overtake each other.
		if (state === 'complete') setImmediate(() => this.#found(null))
	}

	#found(candidate) {
		if (this.signalingState === 'have-local-offer') this.#held.push(candidate)
		else this.#emit('icecandidate', { candidate })
	}

	#emit(type, more) {
		if (!this.#closed) this.dispatchEvent(Object.assign(new Event(type), more))
	}

	#mustBeOpen() {
		if (this.#closed) throw new DOMException('The RTCPeerConnection is closed', 'InvalidStateError')
	}
}

function attempt(work) {
	try {
		work()
	} catch (error) {
		throw new DOMException(error.message, 'OperationError')
	}
}

function wrap(native, options) {
	const channel = new RTCDataChannel(native, options)
	native.onError(message => channel.dispatchEvent(Object.assign(new Event('error'), { message })))
	return channel
}

/**
 * STUN servers in the form that libdatachannel reads, and no TURN server: up to version 0.24.5 it may stand still for ever, and all of
 * Node with it, when a connection begins through its own relay (its pull request 1630). One relay on the way is enough, and browsers
 * have theirs.
 */
function nativeServers({ urls }) {
	return [urls].flat().flatMap(url => {
		const [, hostname, port] = /^stun:(\[[^\]]+\]|[^:?]+)(?::(\d+))?$/.exec(url) ?? []
		return hostname ? { hostname: hostname.replace(/[[\]]/g, ''), port: Number(port ?? 3478) } : []
	})
}

/** A description, and the candidates that were in it: after `end-of-candidates` libdatachannel would take none. */
function apart(sdp) {
	const candidates = sdp.split(/^(?=m=)/m).flatMap(section => {
		const [, sdpMid] = /^a=mid:(.*?)\r?$/m.exec(section) ?? []
		return [...section.matchAll(/^a=(candidate:.*?)\r?$/gm)].map(([, candidate]) => ({ candidate, sdpMid }))
	})
	return { rest: sdp.replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, ''), candidates }
}

/** In an answer to who would send video or sound: neither of it. */
function withoutMedia(sdp) {
	return sdp.split(/^(?=m=)/m).map(section => /^m=(audio|video)/.test(section)
		? section.replace(/^a=(sendrecv|recvonly|sendonly)\r$/m, 'a=inactive\r') : section).join('')
}
