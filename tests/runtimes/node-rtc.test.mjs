// SPDX-License-Identifier: GPL-3.0-or-later
/** RTCPeerConnection made of node-datachannel: as the standard says, and as portal.js needs it, with real connections. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import WebSocket from 'ws'
import { Portal } from '../../html/portal.js'
import { until } from '../e2e/lab.mjs'
import { startJanus } from '../lib/janus.mjs'
import { startTurn } from '../lib/turn.mjs'
import { startWeb } from '../lib/web.mjs'
import { HTML, makeProject } from './project.mjs'

const LOOPBACK = { bindAddress: '127.0.0.1' }

describe('RTCPeerConnection of node-datachannel', { timeout: 120_000 }, () => {
	let project, turn, janus, web, RTCPeerConnection, PeerConnection
	before(async () => {
		const files = { 'node-rtc.mjs': await readFile(join(HTML, 'examples/node-rtc.mjs'), 'utf8') }
		files['native.mjs'] = "export { PeerConnection } from 'node-datachannel'"
		project = await makeProject({ packages: ['node-datachannel'], files })
		;({ RTCPeerConnection } = await import(join(project.folder, 'node-rtc.mjs')))
		;({ PeerConnection } = await import(join(project.folder, 'native.mjs')))
		turn = await startTurn('shared with nobody else')
		janus = await startJanus({ config: `general: {}\nroom-home: {}\n${turn.config}` })
		web = await startWeb({ root: HTML, janusUrl: janus.url })
	})
	const open = []
	afterEach(async () => {
		web?.cut(false)
		await Promise.all(open.splice(0).map(each => each.close()))
	})
	after(async () => {
		await web?.close()
		await janus?.stop()
		await turn?.stop()
		await project?.remove()
	})

	/** Two with a channel each, whose events are written down, and who get each other's candidates. */
	function makePair(send = true) {
		const pair = ['polite', 'impolite'].map(name => {
			const pc = new RTCPeerConnection(LOOPBACK)
			const channel = pc.createDataChannel('portal', { negotiated: true, id: 0 })
			open.push(pc)
			const side = { name, pc, channel, events: [], got: [], candidates: [], early: [] }
			for (const type of ['negotiationneeded', 'signalingstatechange', 'connectionstatechange', 'iceconnectionstatechange'])
				pc.addEventListener(type, () => side.events.push(type))
			pc.addEventListener('icecandidate', ({ candidate }) => side.candidates.push(candidate))
			channel.addEventListener('message', ({ data }) => side.got.push(data))
			return side
		})
		for (const [one, other] of [pair, [...pair].reverse()])
			one.pc.addEventListener('icecandidate', ({ candidate }) => {
				if (!other.pc.remoteDescription) other.early.push(candidate)
				else if (send) other.pc.addIceCandidate(JSON.parse(JSON.stringify(candidate)))
			})
		return pair
	}

	const opened = (...sides) => until('channels to open', () => sides.every(({ channel }) => channel.readyState === 'open'))
	async function take({ pc, early }, description) {
		await pc.setRemoteDescription(description)
		for (const candidate of early.splice(0)) await pc.addIceCandidate(candidate)
	}
	const said = pc => JSON.parse(JSON.stringify(pc.localDescription))

	test('asks for negotiation once, offers, answers, tells its states, and carries messages', async () => {
		const [a, b] = makePair()
		await until('both to ask', () => a.events.length > 0 && b.events.length > 0)
		assert.deepEqual([a.pc.localDescription, a.pc.remoteDescription, a.pc.signalingState, a.pc.connectionState], [null, null, 'stable', 'new'])
		await a.pc.setLocalDescription()
		assert.deepEqual([a.pc.signalingState, a.pc.localDescription.type], ['have-local-offer', 'offer'])
		await take(b, said(a.pc))
		assert.equal(b.pc.signalingState, 'have-remote-offer')
		await b.pc.setLocalDescription()
		assert.deepEqual([b.pc.signalingState, b.pc.localDescription.type], ['stable', 'answer'])
		await until('candidates of the one who answers', () => b.candidates.includes(null))
		assert.deepEqual(a.candidates, [], 'libdatachannel may begin before it has taken the answer')
		await take(a, said(b.pc))
		await opened(a, b)
		assert.deepEqual([a.channel.label, a.channel.id], ['portal', 0])
		a.channel.send(new Uint8Array([0, 1, 255]))
		b.channel.send('text')
		await until('messages', () => a.got.length > 0 && b.got.length > 0)
		assert.deepEqual([a.got, [...new Uint8Array(b.got[0])]], [['text'], [0, 1, 255]])
		await until('connected', () => [a, b].every(({ pc }) => pc.connectionState === 'connected' && pc.iceConnectionState === 'connected'))
		await until('all candidates', () => a.candidates.includes(null) && b.candidates.includes(null))
		for (const { events, candidates } of [a, b]) {
			assert.equal(events.filter(type => type === 'negotiationneeded').length, 1)
			for (const type of ['signalingstatechange', 'connectionstatechange', 'iceconnectionstatechange']) assert.ok(events.includes(type), type)
			assert.equal(candidates.at(-1), null)
			for (const { candidate, sdpMid } of candidates.slice(0, -1)) assert.match(`${candidate} in ${sdpMid}`, /^candidate:.* 127\.0\.0\.1 .* in 0$/)
			assert.equal(candidates.length, 2)
		}
	})

	test('when two offers meet, the one who takes the other\'s gives up its own, and they connect', async () => {
		const [polite, impolite] = makePair()
		await Promise.all([polite.pc.setLocalDescription(), impolite.pc.setLocalDescription()])
		await take(polite, said(impolite.pc))
		assert.equal(polite.pc.signalingState, 'have-remote-offer')
		await polite.pc.setLocalDescription()
		await take(impolite, said(polite.pc))
		await opened(polite, impolite)
		assert.deepEqual([polite.pc.signalingState, impolite.pc.signalingState], ['stable', 'stable'])
		polite.channel.send('well')
		await until('a message', () => impolite.got.includes('well'))
	})

	test('candidates count wherever they are: in an offer, before the answer, after it', async () => {
		for (const where of ['in the offer', 'before the answer', 'after it']) {
			const offerer = new PeerConnection('offerer', { ...LOOPBACK, iceServers: [], disableAutoNegotiation: true, disableFingerprintVerification: true })
			open.push(offerer)
			offerer.onStateChange(() => {})
			const found = new Promise(resolve => offerer.onLocalCandidate(candidate => resolve(candidate.replace(/^a=/, ''))))
			const channel = offerer.createDataChannel('portal', { negotiated: true, id: 0 })
			offerer.setLocalDescription('offer')
			const candidate = { candidate: await found, sdpMid: '0' }
			await until('an offer with all candidates', () => /a=end-of-candidates/.test(offerer.localDescription().sdp))
			const { sdp } = offerer.localDescription()
			const [{ pc }] = makePair(false)
			await pc.setRemoteDescription({ type: 'offer', sdp: where === 'in the offer' ? sdp : sdp.replace(/^a=(candidate|end-of).*\r\n/gm, '') })
			if (where === 'before the answer') await pc.addIceCandidate(candidate)
			await pc.setLocalDescription()
			assert.doesNotMatch(pc.localDescription.sdp, /candidate/)
			offerer.setRemoteDescription(pc.localDescription.sdp, 'answer')
			if (where === 'after it') await pc.addIceCandidate(candidate)
			await until(`a connection by a candidate ${where}`, () => channel.isOpen() && pc.connectionState === 'connected')
		}
	})

	test('refuses what makes no sense, and is silent once it is closed', async () => {
		const [{ pc, events }] = makePair(false)
		await assert.rejects(pc.addIceCandidate({ candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMid: '0' }), { name: 'InvalidStateError' })
		await pc.addIceCandidate(null)
		await assert.rejects(pc.setRemoteDescription({ type: 'offer', sdp: 'nonsense' }), { name: 'OperationError' })
		await assert.rejects(pc.setRemoteDescription({ type: 'answer', sdp: 'nonsense' }), { name: 'OperationError' })
		assert.throws(() => pc.addTrack({}), { name: 'NotSupportedError' })
		assert.equal((await pc.getStats()).size, 0)
		await pc.setLocalDescription()
		await until('an event', () => events.includes('signalingstatechange'))
		pc.close()
		pc.close()
		const before = events.length
		assert.deepEqual([pc.signalingState, pc.connectionState, pc.iceConnectionState], ['closed', 'closed', 'closed'])
		await assert.rejects(pc.setLocalDescription(), { name: 'InvalidStateError' })
		assert.throws(() => pc.createDataChannel('late'), { name: 'InvalidStateError' })
		await new Promise(resolve => setTimeout(resolve, 300))
		assert.equal(events.length, before)
		// Closed by who listens, in the middle of what there is to tell.
		const [a, b] = makePair()
		b.pc.addEventListener('icegatheringstatechange', () => b.pc.iceGatheringState === 'complete' && b.pc.close())
		await a.pc.setLocalDescription()
		await take(b, said(a.pc))
		await b.pc.setLocalDescription()
		await until('all candidates', () => b.pc.signalingState === 'closed')
		await new Promise(resolve => setTimeout(resolve, 50))
		assert.equal(b.candidates.includes(null), false)
	})

	async function enter(display, rtc = LOOPBACK) {
		const portal = new Portal({ url: `${web.url.replace(/^http/, 'ws')}janus`, room: 'home', display, WebSocket, RTCPeerConnection, rtc })
		open.push(portal)
		const heard = [], errors = [], found = []
		portal.on('connection', ({ pc }) => pc.addEventListener('icecandidate', ({ candidate }) => candidate && found.push(candidate.candidate)))
		portal.on('message', ({ payload }) => heard.push(payload))
		portal.on('error', error => errors.push(`${error.code} ${error.message}`))
		await portal.join()
		return { portal, heard, errors, found, get connection() { return portal.connections[0] } }
	}
	const state = ({ portal, errors }) => portal.connections.map(({ generation, polite, pc }) =>
		({ generation, polite, state: pc.connectionState, ice: pc.iceConnectionState, signaling: pc.signalingState, errors }))
	const direct = (...members) => until('direct routes', () => members.every(({ connection }) => connection?.route === 'direct'), 20_000)
		.catch(error => assert.fail(`${error.message}: ${JSON.stringify(members.map(state))}`))

	test('portals: large messages, channels of one\'s own, numbers about the connection', async () => {
		const [ada, bob] = [await enter('Ada'), await enter('Bob')]
		await direct(ada, bob)
		const bytes = Uint8Array.from({ length: 500_000 }, (_, i) => i % 251)
		await ada.portal.send('file', bytes)
		await until('the file', () => bob.heard.length > 0)
		assert.deepEqual(new Uint8Array(bob.heard[0]), bytes)
		const channels = []
		bob.connection.on('channel', channel => {
			channels.push(channel.label)
			channel.onmessage = ({ data }) => channel.send(`${data} yourself`)
		})
		const game = ada.connection.channel('game', { ordered: false, maxRetransmits: 0 })
		const answers = []
		game.onmessage = ({ data }) => answers.push(data)
		game.onopen = () => game.send('hello')
		await until('an answer on that channel', () => answers.length > 0)
		assert.deepEqual([channels, answers], [['game'], ['hello yourself']])
		const stats = await ada.connection.stats()
		assert.deepEqual([stats.local, stats.relayed, stats.loss], ['host', false, 0])
		assert.ok(stats.roundTripTime >= 0 && stats.roundTripTime < 5, `${stats.roundTripTime} s`)
		await ada.portal.send('file', bytes)
		await until('the file again', () => bob.heard.length > 1)
		const { bitrateOut } = await ada.connection.stats()
		assert.ok(bitrateOut > 500_000, `${bitrateOut} bit/s`)
		assert.deepEqual([...ada.errors, ...bob.errors], [])
	})

	test('portals: whichever side sees the connection fail, another one takes its place, also if the server was away just then', async () => {
		for (const cut of [false, true]) for (const politeFails of [false, true]) {
			const members = [await enter('Ada'), await enter('Bob')]
			await direct(...members)
			const [dying, other] = members[0].connection.polite === politeFails ? members : [...members].reverse()
			const before = other.connection.pc
			if (cut) web.cut(true)
			if (cut) await until('both to lose the server', () => members.every(({ portal }) => portal.state === 'resuming'))
			/* The other side may hear of its channel before it hears of the connection, and the polite one then begins anew at once. */
			let channelFirst = false
			other.connection.ownChannel.addEventListener('close', () => { channelFirst = before.connectionState === 'connected' })
			dying.connection.pc.close()
			await until('the failure to be seen', () => before.connectionState !== 'connected')
			for (const { portal } of members) portal.send('note', 'not lost')
			if (cut) assert.equal(other.connection.pc === before, !(channelFirst && other.connection.polite))
			web.cut(false)
			await until('the notes', () => members.every(({ heard }) => heard.includes('not lost')), 40_000)
			await direct(...members)
			assert.notEqual(other.connection.pc, before)
			for (const { heard, errors } of members) assert.deepEqual([heard, errors], [['not lost'], []])
			for (const { portal } of members) await portal.close()
		}
	})
})
