// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * An upgrade under a running call: `make install` of a newly built plugin over the one that Janus has loaded, then a restart.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { until, useLab } from './lab.mjs'
import { joinBot } from './members.mjs'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const BUILD = join(PROJECT, 'build')
const folder = mkdtempSync(join(tmpdir(), 'portal-upgrade-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const make = (build, ...args) => execFileSync('make', ['-C', build, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const newest = join(folder, 'build')
const system = join(folder, 'system')

/** The plugin as the next version, which says so when it starts; a quick build, so not the same code either. */
function buildNext() {
	mkdirSync(newest)
	execFileSync(join(PROJECT, 'configure'), ['-q', 'CFLAGS=-O0'], { cwd: newest, stdio: ['ignore', 'ignore', 'pipe'] })
	const header = join(newest, 'portal-config.h')
	const text = readFileSync(header, 'utf8')
	version = /^#define PACKAGE_VERSION "(.*)"$/m.exec(text)[1]
	writeFileSync(header, text.replaceAll(`"${version}"`, `"${version}+next"`))
	make(newest, '-j2', 'plugin/libjanus_portal.la')
}

let plugin, version
const { lab, scenario } = useLab(() => {
	make(BUILD, 'install', `DESTDIR=${system}`)
	plugin = execFileSync('find', [system, '-name', 'libjanus_portal.so'], { encoding: 'utf8' }).trim()
	process.env.PORTAL_PLUGIN = plugin
	buildNext()
	return {}
})

/** All RTCPeerConnections that a page ever made, and the ids on its tiles. */
const state = tab => tab.page.evaluate(() => ({
	made: window.peerConnections.length,
	ids: [...document.querySelectorAll('.tile')].map(tile => tile.dataset.id)
}))

/** Members who talk without a pause, through the server, and what became of it. */
async function talkers(count) {
	const bots = await Promise.all(Array.from({ length: count }, () => joinBot({ url: lab.web.janusUrl, room: 'misc' })))
	const told = { sent: 0, heard: 0, errors: [] }
	let going = true
	for (const bot of bots) {
		bot.on('signal', () => { told.heard++ })
		bot.on('error', error => told.errors.push(error))
	}
	const talking = bots.map(async bot => {
		while (going) {
			await bot.signal('test', { text: 'x'.repeat(2000) })
			told.sent++
		}
	})
	for (const each of talking) each.catch(error => told.errors.push(error))
	const close = () => {
		going = false
		return Promise.all(bots.map(bot => bot.close()))
	}
	const stop = async () => {
		going = false
		await Promise.all(talking)
		await until('what was sent to be heard', () => told.heard >= told.sent * (count - 1))
		await close()
		return told
	}
	return { told, stop, close }
}

/** Looks each half second until `work` is done: in each of them frames came, over the same connections. */
async function flowing(tabs, work) {
	let isDone = false
	const done = work.finally(() => { isDone = true })
	let before = await Promise.all(tabs.map(tab => tab.flows()))
	do {
		await wait(1000)
		const now = await Promise.all(tabs.map(tab => tab.flows()))
		now.forEach((flows, i) => {
			assert.equal(flows.length, 1)
			assert.equal(flows[0].state, 'connected')
			assert.ok(flows[0].frames > before[i][0].frames, `${tabs[i].name}: no frame for a second`)
		})
		before = now
	} while (!isDone)
	return done
}

scenario('make install over a plugin that is loaded leaves the running one whole; after a restart the new one has the call', async t => {
	const tabs = [await lab.enter('home', 'Ada'), await lab.enter('home', 'Bob')]
	const [ada, bob] = tabs
	for (const tab of tabs) await tab.until('video of the other', async () => (await tab.flows()).some(({ frames }) => frames > 10))
	const before = await Promise.all(tabs.map(state))
	const pid = lab.janus.pid
	const mapped = () => readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').filter(line => line.includes('libjanus_portal'))
	const first = { inode: statSync(plugin).ino, bytes: readFileSync(plugin) }
	assert.ok(lab.janus.log().includes(`JANUS Portal plugin ${version} started`))
	assert.ok(mapped().length > 3 && mapped().every(line => line.includes(` ${first.inode} `) && !line.endsWith('(deleted)')), mapped().join('\n'))

	const load = await talkers(4)
	t.after(() => load.close())
	await flowing(tabs, (async () => {
		for (let round = 0; round < 3; round++) {
			make(newest, 'install-pluginLTLIBRARIES', `DESTDIR=${system}`)
			const { sent } = load.told
			await wait(1000)
			assert.ok(load.told.sent > sent + 20, `after the installation only ${load.told.sent - sent} signals were sent`)
		}
	})())
	assert.notDeepEqual(readFileSync(plugin), first.bytes)
	assert.ok(mapped().every(line => line.includes(` ${first.inode} `) && line.endsWith('(deleted)')), mapped().join('\n'))
	await ada.say('while the old one runs')
	await bob.until('the message', async () => (await bob.texts('#messages li')).includes('Adawhile the old one runs'))
	const { sent, heard, errors } = await load.stop()
	assert.deepEqual(errors, [])
	assert.equal(heard, sent * 3)
	t.diagnostic(`${sent} signals were sent, ${heard} heard while the file was replaced three times`)

	await flowing(tabs, (async () => {
		assert.deepEqual(await lab.janus.stop(), { code: 0, signal: null })
		await ada.until('word that the connection is lost', () => ada.visible('#resuming'))
		await lab.startJanusAgain()
		await ada.until('both to be back', async () => !(await Promise.all(tabs.map(tab => tab.visible('#resuming')))).includes(true), 30_000)
	})())
	assert.ok(lab.janus.log().includes(`JANUS Portal plugin ${version}+next started`))
	assert.deepEqual(await Promise.all(tabs.map(state)), before)
	await bob.say('on the new one')
	await ada.until('the message', async () => (await ada.texts('#messages li')).includes('Bobon the new one'))
	const eve = await lab.enter('home', 'Eve')
	await eve.until('both', async () => String(await eve.tiles()) === 'Ada,Bob,Eve (you)')
	for (const { name, errors } of tabs)
		assert.deepEqual(errors.filter(text => !/WebSocket connection to/.test(text)), [], `${name}'s page complained`)
})
