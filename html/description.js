// SPDX-License-Identifier: MIT
import { fromBase64, toBase64 } from './messages.js'

/** What is shorter is not worth the trouble: an offer of data channels alone has half of it. */
const WORTH = 1_000

/** No description is as long: what would become longer was made to fill memory. */
const LONGEST = 262_144

/**
 * A description as it is signalled: browsers say much that repeats itself, and a third of it is left once it is deflated (RFC 1950, in base64).
 *
 * @typedef {{type: RTCSdpType, sdp?: string, deflated?: string}} Said
 */

/**
 * @param {{type: RTCSdpType, sdp: string}} description
 * @param {boolean} [plain] whether whoever it is for reads it only as it is
 * @returns {Promise<Said>} as it is, also where it is short or there is nothing to deflate it with
 */
export async function deflate({ type, sdp }, plain) {
	if (plain || sdp.length < WORTH || !('CompressionStream' in globalThis)) return { type, sdp }
	const stream = new Blob([sdp]).stream().pipeThrough(new CompressionStream('deflate'))
	return { type, deflated: toBase64(new Uint8Array(await new Response(stream).arrayBuffer())) }
}

/**
 * @param {Said} said by anybody, so by no means always what deflate() makes
 * @returns {Promise<RTCSessionDescriptionInit>}
 */
export async function inflate({ type, sdp, deflated }) {
	if (deflated === undefined) return { type, sdp }
	const stream = new Blob([fromBase64(deflated)]).stream().pipeThrough(new DecompressionStream('deflate')).pipeThrough(new TextDecoderStream())
	const reader = stream.getReader()
	for (let text = ''; ;) {
		const { done, value } = await reader.read()
		if (done) return { type, sdp: text }
		text += value
		if (text.length > LONGEST) {
			reader.cancel().catch(() => {})
			throw new RangeError('The description is too long')
		}
	}
}
