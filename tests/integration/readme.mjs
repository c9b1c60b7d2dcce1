// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The JSON examples of the README as a conversation. An example is a ```json block right under a
 * comment that says whose it is: `<!-- ada request -->`, `<!-- ada reply -->`, `<!-- bob event -->`
 * (`admin` goes through the Admin API). A string such as "<id of bob>" stands for a value that
 * differs from run to run: what it first met, it must meet again.
 */
import assert from 'node:assert/strict'

const COMMENT = /^<!--\s*([\w-]+)\s+(request|reply|event)\s*-->$/

/** All ```json blocks: `{ line, heading, text, who, kind }`; who and kind only where a comment says so. */
export function examples(markdown) {
	const found = []
	let heading = '', comment = null, block = null
	for (const [index, line] of markdown.split('\n').entries()) {
		if (block) {
			if (line.trim() === '```') {
				found.push(block)
				block = null
			} else block.text += line + '\n'
		} else if (/^```json\s*$/.test(line)) {
			block = { line: index + 1, heading, text: '', who: comment?.[1], kind: comment?.[2] }
			comment = null
		} else {
			if (/^## /.test(line)) heading = line.slice(3).trim()
			if (line.trim()) comment = COMMENT.exec(line.trim())
		}
	}
	return found
}

const isPlaceholder = value => typeof value === 'string' && /^<.+>$/.test(value)

const kindOf = value => value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value

/** Where `seen` differs from `shown`, in words; placeholders are looked up and bound in `names`. */
export function differences(shown, seen, names, path = '$') {
	const told = value => value === undefined ? 'nothing' : JSON.stringify(value)
	if (isPlaceholder(shown) && seen !== undefined) {
		if (!names.has(shown)) names.set(shown, seen)
		const bound = names.get(shown)
		return JSON.stringify(bound) === JSON.stringify(seen) ? []
			: [`${path}: ${shown} was ${told(bound)} before, now ${told(seen)}`]
	}
	if (kindOf(shown) !== kindOf(seen) || (kindOf(shown) !== 'object' && kindOf(shown) !== 'array'))
		return shown === seen ? [] : [`${path}: README ${told(shown)}, Janus ${told(seen)}`]
	const keys = [...new Set([...Object.keys(shown), ...Object.keys(seen)])]
	return keys.flatMap(key => differences(shown[key], seen[key], names, `${path}.${key}`))
}

/** The value with every placeholder replaced by what it was bound to. */
export function filled(value, names) {
	if (isPlaceholder(value)) {
		assert.ok(names.has(value), `${value} is used in a request before any reply or event showed it`)
		return names.get(value)
	}
	if (Array.isArray(value)) return value.map(element => filled(element, names))
	if (kindOf(value) === 'object')
		return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, filled(element, names)]))
	return value
}

/** One run of the examples against a lab. */
export class Conversation {
	#lab
	#names = new Map()
	#peers = new Map()
	#replies = new Map()

	constructor(lab) {
		this.#lab = lab
	}

	async run({ who, kind, text }) {
		const json = JSON.parse(text)
		if (kind === 'request') return this.#request(who, filled(json, this.#names))
		const seen = kind === 'reply' ? this.#reply(who) : await this.#event(who)
		const wrong = differences(json, seen, this.#names)
		assert.ok(wrong.length === 0, wrong.join('\n'))
	}

	async #peer(who) {
		if (!this.#peers.has(who)) this.#peers.set(who, await this.#lab.peer())
		return this.#peers.get(who)
	}

	async #request(who, body) {
		const reply = who === 'admin' ? await this.#lab.adminAsk(body) : await (await this.#peer(who)).ask(body)
		this.#replies.set(who, reply)
		await this.#settle()
	}

	/** Waits until everybody has what this request told them, so that requests never share a push. */
	async #settle() {
		for (const peer of this.#peers.values()) {
			const { n = 0 } = await peer.ask({ request: 'sync' })
			await peer.reached(n)
		}
	}

	#reply(who) {
		assert.ok(this.#replies.has(who), `${who} has asked nothing that this could be the reply to`)
		const reply = this.#replies.get(who)
		this.#replies.delete(who)
		return reply
	}

	/** The next push of a client. */
	async #event(who) {
		return (await this.#peer(who)).event()
	}
}
