// SPDX-License-Identifier: MIT
import { fromBase64, toBase64 } from './messages.js'

/** What is shorter is not worth the trouble: an offer of data channels alone is. */
const WORTH = 600

/** Nothing that is said is as long: what would become longer was made to fill memory. */
const LONGEST = 262_144

/** Nor has any description as many lines, which changes may repeat with two letters for each. */
const MOST_LINES = 4_096

/**
 * What is said of a negotiation, deflated (RFC 1950, in base64): browsers say much that repeats itself, and a third of it is left.
 *
 * @param {object} said
 * @param {boolean} [plain] whether whoever it is for reads it only as it is
 * @returns {Promise<object>} as it is, also where it is short or there is nothing to deflate it with
 */
export async function deflate(said, plain) {
	const text = JSON.stringify(said)
	if (plain || text.length < WORTH || !globalThis.CompressionStream) return said
	const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate'))
	return { deflated: toBase64(new Uint8Array(await new Response(stream).arrayBuffer())) }
}

/**
 * @param {string} deflated by anybody, so by no means always what deflate() makes
 * @returns {Promise<any>}
 */
export async function inflate(deflated) {
	const stream = new Blob([fromBase64(deflated)]).stream().pipeThrough(new DecompressionStream('deflate')).pipeThrough(new TextDecoderStream())
	const reader = stream.getReader()
	for (let text = ''; ;) {
		const { done, value } = await reader.read()
		if (done) return JSON.parse(text)
		text += value
		if (text.length > LONGEST) {
			reader.cancel().catch(() => {})
			throw new RangeError('It is too long')
		}
	}
}

/**
 * An answer by its changes to the offer, most of whose lines it repeats: for such a line how many lines further it stands there than
 * the one before, for any other the line itself.
 *
 * @param {{type: RTCSdpType, sdp: string}} description
 * @param {string} [offer]
 * @returns {{type: RTCSdpType, sdp?: string, changes?: string}}
 */
export function shorten({ type, sdp }, offer = '') {
	const lines = offer.split('\n')
	let last = -1
	const changes = sdp.split('\n').map(line => {
		const place = lines[last + 1] === line ? last + 1 : lines.indexOf(line)
		if (place < 0) return line
		const further = place - last
		last = place
		return further
	}).join('\n')
	return offer && applyChanges(changes, offer) === sdp ? { type, changes } : { type, sdp }
}

/**
 * @param {string} changes
 * @param {string} offer
 */
export function applyChanges(changes, offer) {
	const lines = offer.split('\n')
	let last = -1
	return changes.split('\n', MOST_LINES).map(line => /^-?\d+$/.test(line) ? lines[last += Number(line)] : line).join('\n')
}
