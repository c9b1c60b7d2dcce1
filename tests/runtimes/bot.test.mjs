// SPDX-License-Identifier: GPL-3.0-or-later
/** The bot of html/examples as its users have it: in a real room, with each other, with a real page, with a server that goes and comes. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { launchChromium, startServer, until } from '../e2e/lab.mjs'
import { startJanus } from '../lib/janus.mjs'
import { startTurn } from '../lib/turn.mjs'
import { startProgram, stopPrograms } from './program.mjs'
import { HTML, copyExamples, makeProject } from './project.mjs'

const read = path => readFile(new URL(path, import.meta.url), 'utf8')

describe('The bot', { timeout: 120_000 }, () => {
	let project, turn, config, janus, web, browser
	before(async () => {
		const files = { 'bot.mjs': await read('../../html/examples/bot.mjs'), 'node-rtc.mjs': await read('../../html/examples/node-rtc.mjs') }
		project = await makeProject({ packages: ['node-datachannel', 'ws'], files })
		turn = await startTurn('shared with nobody else')
		config = `general: {}\nroom-home: {}\nroom-misc: {}\nroom-coffee-chat: {}\n${turn.config}`
		;({ janus, web } = await startServer({ config }))
		browser = await launchChromium()
	})
	afterEach(async () => {
		web?.cut(false)
		await stopPrograms()
		for (const page of await browser?.pages() ?? []) await page.goto('about:blank')
	})
	after(async () => {
		await browser?.close()
		await web?.close()
		await janus?.stop()
		await turn?.stop()
		await project?.remove()
	})

	const startBot = (name, room) => startProgram(process.execPath,
		['bot.mjs', '--url', `${web.url.replace(/^http/, 'ws')}janus`, '--room', room, '--name', name, '--bind', '127.0.0.1'], { cwd: project.folder })

	/** A page with the library alone. It writes down what it hears, and each RTCPeerConnection that is made. */
	async function openPage(room, name, { camera = false, rtc = {} } = {}) {
		const context = await browser.createBrowserContext()
		await context.overridePermissions(web.url, ['camera', 'microphone'])
		const page = await context.newPage()
		await page.goto(`${web.url}settings.js`)
		await page.evaluate(async (room, name, camera, rtc) => {
			window.made = 0
			window.RTCPeerConnection = class extends RTCPeerConnection {
				constructor(...configuration) {
					super(...configuration)
					window.made++
				}
			}
			const { Portal } = await import('/portal.js')
			window.heard = []
			const portal = window.portal = new Portal({ room, display: name, rtc })
			portal.on('message', ({ type, payload }) => window.heard.push(`${type} ${payload.text}`))
			portal.on('error', error => window.heard.push(`error ${error.message}`))
			if (camera) portal.addStream(await navigator.mediaDevices.getUserMedia({ video: true, audio: true }))
			await portal.join()
		}, room, name, camera, rtc)
		const hears = text => until(`${name} should hear ${text}`, () => page.evaluate(text => window.heard.includes(text), text))
		const isDirect = () => page.evaluate(() => window.portal.connections.length > 0 && window.portal.connections.every(({ route }) => route === 'direct'))
		return {
			do: (work, ...args) => page.evaluate(work, ...args),
			hears, say: text => page.evaluate(text => window.portal.send('chat', { text }), text),
			direct: () => until(`${name} should have a direct route`, isDirect),
			heard: () => page.evaluate(() => window.heard), made: () => page.evaluate(() => window.made),
			// A context that is closed may take along what its page has just said, which is that it leaves.
			close: () => page.goto('about:blank').then(() => context.close())
		}
	}

	test('declares what it imports, in the versions that are tested', async () => {
		const [declared, tested] = await Promise.all(['../../html/examples/package.json', '../package.json'].map(async path => JSON.parse(await read(path))))
		const { 'janus-portal': library, ...others } = declared.dependencies
		assert.equal(library, 'file:..')
		for (const [name, range] of Object.entries(others)) assert.equal(range, tested.devDependencies[name], name)
		const sources = await Promise.all(['bot.mjs', 'node-rtc.mjs'].map(name => readFile(join(HTML, 'examples', name), 'utf8')))
		const imported = sources.flatMap(text => [...text.matchAll(/(?:from |import\()'([^'./][^']*)'/g)].map(match => match[1]))
		const names = imported.filter(name => !name.startsWith('node:')).map(name => name.split('/')[0])
		assert.deepEqual([...new Set(names)].sort(), Object.keys(declared.dependencies).sort())
	})

	test('runs in the folder of the examples, in a copy of the library', async t => {
		const copy = await copyExamples(['node-datachannel', 'ws'])
		t.after(() => copy.remove())
		const bot = startProgram(process.execPath, ['bot.mjs', '--url', `${web.url.replace(/^http/, 'ws')}janus`, '--room', 'coffee-chat'], { cwd: copy.folder })
		await bot.says('The portal is open')
		assert.deepEqual(await bot.stop(), { code: 0, signal: null })
	})

	test('two of them meet directly; the first greets the second, they do not answer each other for ever, and leaving is seen', async () => {
		const first = startBot('First', 'home')
		await first.says('The portal is open')
		const second = startBot('Second', 'home')
		await Promise.all([first.says('Second: direct route'), second.says('First: direct route'), second.says('First: Welcome, Second!')])
		assert.deepEqual(await second.stop('SIGINT'), { code: 0, signal: null })
		await first.says('Second has gone', { patience: 3_000 })
		assert.deepEqual(first.lines().filter(line => line.startsWith('Second: ') && !line.endsWith('route')), [])
		assert.deepEqual(await first.stop('SIGTERM'), { code: 0, signal: null })
		assert.equal(first.lines().at(-1), 'The portal is closed')
	})

	test('talks with a page over their direct connection, takes no video, and goes on without the server and with another one', async () => {
		const bot = startBot('Bot', 'misc')
		await bot.says('The portal is open')
		const ada = await openPage('misc', 'Ada', { camera: true })
		await ada.direct()
		await ada.hears('chat Welcome, Ada!')
		await ada.say('hello')
		await ada.hears('chat You said: hello')
		await ada.say('Who is here?')
		await ada.hears('chat With me: Ada')
		const sent = () => ada.do(async () => [...(await window.portal.connections[0].pc.getStats()).values()]
			.filter(({ type }) => type === 'outbound-rtp').map(({ packetsSent }) => packetsSent))
		assert.ok((await sent()).every(packets => packets === 0), `the page sends media in vain: ${await sent()}`)

		web.cut(true)
		await bot.says('The portal is resuming')
		await until('Ada to lose the server', () => ada.do(() => window.portal.state === 'resuming'))
		await ada.say('without a server')
		await ada.hears('chat You said: without a server')
		const beforeReturn = bot.lines().length
		web.cut(false)
		await bot.says('The portal is open', { from: beforeReturn, patience: 40_000 })

		process.kill(janus.pid, 'SIGKILL')
		await janus.stop()
		const beforeRestart = bot.lines().length
		await bot.says('The portal is resuming', { from: beforeReturn })
		await ada.say('without any server')
		await ada.hears('chat You said: without any server')
		janus = await startJanus({ config })
		web.janusUrl = janus.url
		await bot.says('The portal is open', { from: beforeRestart, patience: 40_000 })
		await until('Ada to be back', () => ada.do(() => window.portal.state === 'open'), 40_000)
		await ada.say('with another one')
		await ada.hears('chat You said: with another one')
		assert.equal(await ada.made(), 1)
		assert.equal(bot.lines().filter(line => line.startsWith('Ada: ') && line.endsWith('route')).join(), 'Ada: direct route')
		assert.equal(bot.lines().filter(line => line === 'Ada is here').length, 1)
		assert.deepEqual((await ada.heard()).filter(text => text.startsWith('error')), [])

		await ada.do(() => window.portal.close())
		await bot.says('Ada has gone', { patience: 3_000 })
		await ada.close()
		assert.deepEqual(await bot.stop(), { code: 0, signal: null })
	})

	test('when a page restarts ICE, which libdatachannel cannot, another connection takes over, and no message is lost', async () => {
		const bot = startBot('Bot', 'coffee-chat')
		await bot.says('The portal is open')
		const eve = await openPage('coffee-chat', 'Eve')
		await eve.direct()
		await eve.do(() => {
			window.portal.connections[0].on('renewed', () => { window.renewed = true })
			window.portal.connections[0].pc.restartIce()
		})
		await eve.say('in the middle of it')
		await until('Eve to have another connection', () => eve.do(() => window.renewed))
		await eve.direct()
		await eve.say('after it')
		await eve.hears('chat You said: after it')
		assert.deepEqual((await eve.heard()).filter(text => text.includes('You said')), ['chat You said: in the middle of it', 'chat You said: after it'])
		await eve.close()
		await bot.says('Eve has gone', { patience: 5_000 })
	})
	// Two bots that both had a relay froze in two of six runs (libdatachannel's pull request 1630).
	test('uses no TURN server itself: a page that has only that reaches it all the same', async () => {
		const bot = startBot('Bot', 'home')
		await bot.says('The portal is open')
		const before = turn.log().length
		const zoe = await openPage('home', 'Zoe', { rtc: { iceTransportPolicy: 'relay' } })
		await zoe.direct()
		await zoe.hears('chat Welcome, Zoe!')
		assert.equal(await zoe.do(async () => (await window.portal.connections[0].stats()).relayed), true)
		const owners = turn.log().slice(before).matchAll(/user <\d+:([\w-]+)>: incoming packet ALLOCATE processed, success/g)
		assert.deepEqual([...new Set([...owners].map(([, owner]) => owner))], [await zoe.do(() => window.portal.id)])
		await zoe.close()
		await bot.says('Zoe has gone', { patience: 5_000 })
	})
})
