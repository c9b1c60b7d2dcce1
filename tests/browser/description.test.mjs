// SPDX-License-Identifier: GPL-3.0-or-later
/** What is said of a negotiation: shorter, and the same again on the other side. */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { applyChanges, deflate, inflate, shorten } from '../../html/description.js'
import { newSeed, randomness } from '../lib/random.mjs'

const answer = sdp => ({ type: 'answer', sdp })

const OFFER = ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=ice-ufrag:aaaa', 'a=mid:0', 'a=rtcp-mux',
	'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:aaaa', 'a=mid:1', 'a=rtcp-mux', ''].join('\r\n')

test('an answer says only what its offer has not', () => {
	const sdp = OFFER.replace('o=- 1', 'o=- 7').replaceAll('ufrag:aaaa', 'ufrag:bbbb')
	const { changes, ...rest } = shorten(answer(sdp), OFFER)
	assert.deepEqual(rest, { type: 'answer' })
	assert.deepEqual(changes.split('\n'), ['1', 'o=- 7 2 IN IP4 127.0.0.1\r', '2', '1', 'a=ice-ufrag:bbbb\r', '2', '1', '1', 'a=ice-ufrag:bbbb\r', '2', '1', '1'])
	assert.equal(applyChanges(changes, OFFER), sdp)
})

test('where there is no offer, or changes to it would be read as another text, it stays whole', () => {
	assert.deepEqual(shorten(answer(OFFER)), answer(OFFER))
	assert.deepEqual(shorten(answer(OFFER), ''), answer(OFFER))
	for (const text of ['7', '', 'a=x\n7\nb=y', 'v=0\n\n', '\n', '0']) {
		const said = shorten(answer(text), 'v=0\r\ns=-')
		assert.ok('sdp' in said ? said.sdp === text : applyChanges(said.changes, 'v=0\r\ns=-') === text, JSON.stringify([text, said]))
	}
})

test('whatever the two are, the other side has the same text in the end', async t => {
	const seed = newSeed()
	const random = randomness(seed)
	const pick = list => list[Math.floor(random() * list.length)]
	const lines = [...OFFER.split('\n'), '1', '12', '', ' ', '-1', '1e3', 'a=ünïcödé', '\r', 'a=x\r\ra']
	const text = () => Array.from({ length: Math.floor(random() * 40) }, () => pick(lines)).join(pick(['\n', '\r\n']))
	let short = 0
	for (let i = 0; i < 2_000; i++) {
		const [offer, sdp] = [text(), text()]
		const said = JSON.parse(JSON.stringify(shorten(answer(sdp), offer)))
		if ('changes' in said) short++
		assert.equal('changes' in said ? applyChanges(said.changes, offer) : said.sdp, sdp, `seed ${seed}, ${i}`)
		if (i % 50 === 0) {
			const payload = { description: said, candidates: Array.from({ length: i / 50 }, () => ({ candidate: pick(lines), sdpMid: '0' })) }
			const { deflated, ...rest } = await deflate(payload)
			assert.deepEqual(deflated === undefined ? rest : await inflate(deflated), payload, `seed ${seed}, ${i}`)
			assert.deepEqual(await deflate(payload, true), payload)
		}
	}
	assert.ok(short > 100, `${short} of them were shortened`)
	t.diagnostic(`seed ${seed}, ${short} of 2000 were shortened`)
})

test('changes that repeat a line over and over fill no memory', () => {
	const line = 'a=x'.repeat(100)
	assert.ok(applyChanges(`1\n${'0\n'.repeat(100_000)}`, line).length < 5_000 * line.length)
	const many = 'a=x\r\n'.repeat(10_000)
	assert.deepEqual(shorten(answer(many), many), answer(many), 'who says so much says it as it is')
})
