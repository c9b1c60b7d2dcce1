// SPDX-License-Identifier: GPL-3.0-or-later
// A Janus with the portal plugin behind one fake WebSocket class: just enough for the library, with handlers
// that a test replaces. Everything that was said is in `requests` (bodies for the plugin) and `frames` (whole).

const later = work => setTimeout(work, 0)

export class FakeJanus {
	frames = []
	requests = []
	sockets = []
	members = []
	limits = {}
	/** How an answer of the plugin travels: `sync`, `late` (ack, then event) or `early` (event, then ack). */
	answers = 'sync'
	#ids = 0

	/** What the plugin answers; undefined leaves a request unanswered. */
	handlers = {
		join: ({ room }) => ({
			portal: 'success', resumed: false, protocol: 1, room, id: 'me', version: 5, n: 0, members: this.members,
			limits: this.limits, resume_timeout: 0
		}),
		relay: ({ signals }) => ({ portal: 'success', relayed: signals.length }),
		configure: () => ({ portal: 'success', version: 6 }),
		leave: () => ({ portal: 'success' }),
		ack: () => ({ portal: 'success' }),
		list: () => ({ portal: 'success', list: [] }),
		exists: ({ room }) => ({ portal: 'success', room, exists: room === 'home' })
	}

	constructor() {
		const janus = this
		this.WebSocket = class extends EventTarget {
			readyState = 0

			constructor(url, protocol) {
				super()
				Object.assign(this, { url, protocol })
				janus.sockets.push(this)
				later(() => {
					if (this.readyState === 3) return
					if (janus.refuse) return this.drop()
					this.readyState = 1
					this.dispatchEvent(new Event('open'))
				})
			}

			send(text) {
				if (this.readyState === 1) later(() => janus.receive(this, JSON.parse(text)))
			}

			close() {
				this.closedByClient = this.readyState === 1
				this.drop()
			}

			drop() {
				if (this.readyState === 3) return
				this.readyState = 3
				later(() => this.dispatchEvent(new Event('close')))
			}
		}
	}

	receive(socket, frame) {
		this.frames.push(frame)
		const { janus, transaction, body } = frame
		if (this.deaf) return
		if (janus === 'create') return this.say(socket, { janus: 'success', transaction, data: { id: ++this.#ids } })
		if (janus === 'attach') return this.#attach(socket, frame)
		if (janus !== 'message') return this.say(socket, { janus: janus === 'destroy' ? 'success' : 'ack', transaction })
		this.requests.push(body)
		const data = this.handlers[body.request]?.(body, frame)
		if (data !== undefined) this.#answer(socket, frame, data)
	}

	/** Says something in the name of Janus. */
	say(socket, message) {
		const event = Object.assign(new Event('message'), { data: JSON.stringify(message) })
		if (socket.readyState === 1) socket.dispatchEvent(event)
	}

	/** Pushes entries; the first has the number `n`. */
	push(n, ...events) {
		this.pushData({ portal: 'event', room: 'home', n, version: 5 + n + events.length, events })
	}

	pushData(data, socket = this.sockets.at(-1)) {
		this.say(socket, { janus: 'event', sender: socket.peer, plugindata: { plugin: 'janus.plugin.portal', data } })
	}

	/** The bodies of one request. */
	asked(request) {
		return this.requests.filter(body => body.request === request)
	}

	#attach(socket, { transaction }) {
		socket.peer = ++this.#ids
		this.say(socket, { janus: 'success', transaction, data: { id: socket.peer } })
	}

	#answer(socket, { transaction, handle_id: sender }, data) {
		const plugindata = { plugin: 'janus.plugin.portal', data }
		const success = { janus: 'success', transaction, sender, plugindata }
		const event = { janus: 'event', transaction, sender, plugindata }
		const ack = { janus: 'ack', transaction }
		const said = { sync: [success], late: [ack, event], early: [event, ack] }[this.answers]
		for (const message of said) this.say(socket, message)
	}
}
