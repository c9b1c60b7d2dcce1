// SPDX-License-Identifier: GPL-3.0-or-later
// An RTCPeerConnection without a network that keeps the rules of negotiation: the states, the implicit rollback,
// when negotiationneeded is fired, operations one after the other, promises of a closed one that never settle,
// candidates that only fit the description they belong to.

const settle = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

let counter = 0

class FakeChannel extends EventTarget {
	readyState = 'connecting'

	send() {}
}

export class FakePeerConnection extends EventTarget {
	static all = []
	/** How long an operation takes, in milliseconds. */
	static delay = () => 0
	/** Lines that each description says besides, as those of browsers do. */
	static chatter = []

	signalingState = 'stable'
	connectionState = 'new'
	localDescription = null
	remoteDescription = null
	restarts = 0
	#name = `pc${++counter}`
	#round = 0
	#operations = Promise.resolve()
	#pending = 0
	#senders = []
	#channels = []
	#agreed = ''
	#offered = null
	#stableRemote = null
	#stableLocal = null
	#heard = new Set()

	constructor(configuration) {
		super()
		this.configuration = configuration
		FakePeerConnection.all.push(this)
	}

	async getStats() {
		return new Map()
	}

	getConfiguration() {
		return this.configuration
	}

	setConfiguration(configuration) {
		if (this.signalingState === 'closed') throw new Error('it is closed')
		this.configuration = configuration
	}

	createDataChannel(label, options) {
		const channel = Object.assign(new FakeChannel(), { label, ...options })
		this.#channels.push(channel)
		this.#update()
		return channel
	}

	addTrack(track, ...streams) {
		const parameters = { encodings: [{}] }
		const sender = {
			track, streams, parameters,
			/** The track becomes the other one only when the operation is done (W3C WebRTC, RTCRtpSender.replaceTrack). */
			async replaceTrack(by) {
				await null
				this.track = by
			},
			getParameters: () => structuredClone(parameters),
			setParameters: async changed => { Object.assign(parameters, changed) }
		}
		this.#senders.push(sender)
		this.#update()
		return sender
	}

	removeTrack(sender) {
		this.#senders = this.#senders.filter(other => other !== sender)
		this.#update()
	}

	getSenders() {
		return this.#senders
	}

	restartIce() {
		this.restarts++
		this.#agreed = ''
		this.#update()
	}

	setLocalDescription() {
		return this.#chain(() => {
			if (this.signalingState === 'have-remote-offer') return this.#answer()
			if (this.signalingState !== 'stable') throw new Error(`setLocalDescription in ${this.signalingState}`)
			this.#offered = this.#wanted()
			this.#stableLocal = this.localDescription
			this.localDescription = this.#description('offer')
			this.signalingState = 'have-local-offer'
			this.#gather()
		})
	}

	setRemoteDescription({ type, sdp }) {
		return this.#chain(() => {
			const said = JSON.parse(sdp)
			if (type === 'answer') return this.#takeAnswer(type, sdp, said)
			if (this.signalingState === 'have-local-offer') this.localDescription = this.#stableLocal
			else if (this.signalingState !== 'stable') throw new Error(`offer in ${this.signalingState}`)
			if (this.remoteDescription && JSON.parse(this.remoteDescription.sdp).name !== said.name) {
				throw new Error(`an offer of ${said.name} does not fit`)
			}
			this.remoteDescription = { type, sdp }
			this.signalingState = 'have-remote-offer'
			this.#hear(said)
		})
	}

	addIceCandidate(candidate) {
		return this.#chain(() => {
			if (!this.remoteDescription) throw new Error('no remote description')
			const { name, round } = JSON.parse(this.remoteDescription.sdp)
			if (candidate && candidate.candidate !== `${name}.${round}`) throw new Error('unknown ufrag')
			this.candidates = [...this.candidates ?? [], candidate]
		})
	}

	close() {
		this.signalingState = 'closed'
		this.connectionState = 'closed'
	}

	/** For tests: what the network would do. */
	become(connectionState) {
		this.connectionState = connectionState
		this.dispatchEvent(new Event('connectionstatechange'))
	}

	#takeAnswer(type, sdp, said) {
		if (this.signalingState !== 'have-local-offer') throw new Error(`answer in ${this.signalingState}`)
		if (said.to !== `${this.#name}.${this.#round}`) throw new Error('an answer to something else')
		this.remoteDescription = { type, sdp }
		this.#agreed = this.#offered
		this.#stable()
		this.#hear(said)
	}

	#answer() {
		const { name, round } = JSON.parse(this.remoteDescription.sdp)
		this.localDescription = this.#description('answer', `${name}.${round}`)
		this.#agreed = this.#wanted()
		this.#stable()
		this.#gather()
	}

	#stable() {
		this.signalingState = 'stable'
		if (this.connectionState === 'new') setTimeout(() => this.signalingState !== 'closed' && this.become('connected'), 1)
	}

	#description(type, to) {
		const tracks = this.#senders.map(({ track }) => track.id)
		const said = { name: this.#name, round: ++this.#round, to, tracks, chatter: FakePeerConnection.chatter }
		return { type, sdp: `${JSON.stringify(said, null, 1).replaceAll('\n', '\r\n')}\r\n` }
	}

	#gather() {
		const candidate = `${this.#name}.${this.#round}`
		for (const found of [{ candidate }, { candidate }, null]) {
			setTimeout(() => {
				if (this.signalingState === 'closed') return
				this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: found }))
			}, 1)
		}
	}

	#hear({ tracks }) {
		for (const id of tracks.filter(id => !this.#heard.has(id))) {
			this.#heard.add(id)
			this.dispatchEvent(Object.assign(new Event('track'), { track: { id }, streams: [] }))
		}
	}

	#wanted() {
		return JSON.stringify([this.#channels.length, this.#senders.map(({ track }) => track.id)])
	}

	#chain(work) {
		this.#pending++
		const result = this.#operations.then(async () => {
			await settle(FakePeerConnection.delay())
			if (this.signalingState === 'closed') return new Promise(() => {})
			return work()
		})
		this.#operations = result.catch(() => {}).then(() => {
			this.#pending--
			this.#update()
		})
		return result
	}

	#update() {
		setTimeout(() => {
			if (this.#pending > 0 || this.signalingState !== 'stable' || this.#agreed === this.#wanted()) return
			if (this.announced === this.#wanted() + this.#round + this.restarts) return
			this.announced = this.#wanted() + this.#round + this.restarts
			this.dispatchEvent(new Event('negotiationneeded'))
		})
	}
}
