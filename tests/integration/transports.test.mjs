// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newKey, PLUGIN } from './client.mjs'
import { politeTowards, useLab } from './lab.mjs'

/** A member that speaks HTTP and reads its events by long poll. */
class HttpPeer {
	entries = []
	#last = 0

	static async open(base) {
		const peer = new HttpPeer()
		peer.base = base
		peer.session = (await peer.#post('', { janus: 'create' })).data.id
		peer.handle = (await peer.#post(`/${peer.session}`, { janus: 'attach', plugin: PLUGIN })).data.id
		return peer
	}

	async #post(path, message) {
		const body = JSON.stringify({ ...message, transaction: `h${++this.#last}` })
		return (await fetch(this.base + path, { method: 'POST', body, signal: AbortSignal.timeout(10_000) })).json()
	}

	async ask(body) {
		return (await this.#post(`/${this.session}/${this.handle}`, { janus: 'message', body })).plugindata.data
	}

	/** Long polls until there are `count` entries. */
	async gather(count) {
		const signal = AbortSignal.timeout(15_000)
		while (this.entries.length < count) {
			const frames = await (await fetch(`${this.base}/${this.session}?maxev=10`, { signal })).json()
			for (const frame of [frames].flat().filter(({ janus }) => janus === 'event')) {
				const { n, events } = frame.plugindata.data
				assert.equal(n, this.entries.length + 1)
				this.entries.push(...events)
			}
		}
		return this.entries
	}

	destroy() {
		return this.#post(`/${this.session}`, { janus: 'destroy' })
	}
}

describe('Transports', () => {
	const lab = useLab()

	test('a member over HTTP and one over WebSocket are members of the same kind', async () => {
		const ada = await HttpPeer.open(lab.janus.httpUrl)
		const { id, members } = await ada.ask({ request: 'join', room: 'home', key: newKey() })
		assert.deepEqual(members, [])
		const bob = await lab.join('home')
		assert.deepEqual(bob.joined.members, [{ id, polite: politeTowards(bob.id, id) }])
		const signals = [{ to: bob.id, type: 'x', payload: { a: [1] } }]
		assert.deepEqual(await ada.ask({ request: 'relay', seq: 1, signals }), { portal: 'success', relayed: 1 })
		assert.deepEqual((await bob.entry('signal')).payload, { a: [1] })
		for (let seq = 1; seq <= 300; seq++) bob.send({ request: 'relay', seq, signals: [{ type: 'x', payload: seq }] })
		const entries = await ada.gather(301)
		assert.deepEqual(entries.slice(1), Array.from({ length: 300 }, (_, i) =>
			({ event: 'signal', from: bob.id, type: 'x', payload: i + 1 })))
		await ada.destroy()
		assert.equal((await bob.entry('left')).id, id)
	})
})
