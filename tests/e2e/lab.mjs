// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A real Janus, the page, and Chromium: what the end-to-end tests share.
 *
 * Everything stays on this machine: no STUN server is set, and the browser may use loopback for its candidates.
 * PORTAL_CHROMIUM names another Chromium than /usr/bin/chromium.
 */
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import puppeteer from 'puppeteer-core'
import { within } from '../../html/signal.js'
import { startJanus } from '../lib/janus.mjs'
import { startWeb } from '../lib/web.mjs'

const HTML = fileURLToPath(new URL('../../html', import.meta.url))

const ARGUMENTS = [
	'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--mute-audio',
	'--allow-loopback-in-peer-connection',
	// Without a camera the browser would hide its addresses behind names that only multicast can resolve.
	'--disable-features=WebRtcHideLocalIpsWithMdns'
]
/* Several, so that one can be chosen; the second one makes pictures that nothing encodes. */
const CAMERA = ['--use-fake-device-for-media-stream=device-count=4', '--use-fake-ui-for-media-stream']

export const DESKTOP = { width: 1280, height: 800 }
export const WALL = { width: 3840, height: 2160 }
export const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true }

/** Janus, and a web server in front of it that has the pages; `front` starts another one than our own. */
export async function startServer({ front = janus => startWeb({ root: HTML, janusUrl: janus.url }), ...options } = {}) {
	const janus = await startJanus(options)
	try {
		return { janus, web: await front(janus) }
	} catch (error) {
		await janus.stop()
		throw error
	}
}

/** A Chromium whose camera is a picture that it makes itself. */
export const launchChromium = () => launch(CAMERA)

export const startLab = options => new Lab().start(options)

/**
 * A lab for all tests of a file, which is there once they run, and how they are written: one that fails shows what its pages
 * had to say.
 *
 * @param {object | (() => Promise<object>)} [options] for Janus, or what makes them before the first test
 * @param {() => string} [also] what else is to be shown of one that fails
 */
export function useLab(options, also = () => '') {
	const lab = new Lab()
	let passed
	before(async () => { await lab.start(typeof options === 'function' ? await options() : options) })
	afterEach(async () => {
		lab.web?.cut(false)
		await lab.closeTabs(!passed)
		if (!passed) console.error(also())
	})
	after(() => lab.stop())
	const scenario = (name, work, timeout = 90_000) => test(name, { timeout }, async t => {
		passed = false
		await work(t)
		passed = true
	})
	return { lab, scenario }
}

function launch(more) {
	return puppeteer.launch({
		browser: 'chrome', executablePath: process.env.PORTAL_CHROMIUM ?? '/usr/bin/chromium', headless: true,
		// Our nginx has a certificate that nobody signed.
		acceptInsecureCerts: true, args: [...ARGUMENTS, ...more]
	})
}

class Lab {
	#browsers = []
	#tabs = []

	async start(options) {
		Object.assign(this, await startServer(options))
		this.#browsers = await Promise.all([launch(CAMERA), launch([])])
		return this
	}

	/** Where the page and the library find the server. */
	get url() {
		return `${this.web.url.replace(/^http/, 'ws')}janus`
	}

	/** @param {{path?: string, camera?: boolean, size?: object}} [options] */
	async open({ path = '', camera = true, size = DESKTOP } = {}) {
		const browser = this.#browsers[camera ? 0 : 1]
		// A context of its own: a window in front of no other, and nothing remembered.
		const context = await browser.createBrowserContext()
		// Without this permission Chromium offers only the address of the default route, and a machine that has none
		// no candidate at all.
		await context.overridePermissions(this.web.url, ['camera', 'microphone'])
		const tab = new Tab(await context.newPage(), context)
		this.#tabs.push(tab)
		await tab.load(`${this.web.url}${path}`, size)
		return tab
	}

	async enter(room, name, options) {
		const tab = await this.open({ path: `?room=${room}`, ...options })
		await tab.enter(room, name)
		return tab
	}

	/** Ends the tabs of one test; when it failed, says first what they had to say. */
	async closeTabs(failed) {
		for (const tab of this.#tabs.splice(0)) {
			if (failed) console.error(await tab.describe())
			await within(5_000, tab.context.close().catch(() => {}))
		}
		if (failed && this.janus) console.error(`Janus:\n${this.janus.log().split('\n').slice(-20).join('\n')}`)
	}

	/** Janus dies without a word. */
	async killJanus() {
		process.kill(this.janus.pid, 'SIGKILL')
		await this.janus.stop()
	}

	/** Another Janus, at the same address for the pages. */
	async startJanusAgain(options) {
		this.janus = await startJanus(options)
		this.web.janusUrl = this.janus.url
	}

	async stop() {
		await this.closeTabs(false)
		await Promise.all(this.#browsers.map(browser => browser.close()))
		await this.web?.close()
		await this.janus?.stop()
	}
}

/** One page and what it said. */
class Tab {
	name = 'somebody'
	/** All that the page wrote to its console, and its errors. */
	console = []
	/** Of these, what no page should ever say. */
	errors = []

	constructor(page, context) {
		this.page = page
		this.context = context
		page.on('console', message => this.#heard(message.type(), message.text()))
		page.on('pageerror', error => this.#heard('error', error.stack ?? error.message))
		page.on('requestfailed', request => this.#heard('error', `${request.url()}: ${request.failure()?.errorText}`))
	}

	#heard(type, text) {
		this.console.push(`${type}: ${text}`)
		if (type === 'error' || type === 'warn') this.errors.push(text)
	}

	async load(url, size) {
		await this.page.setViewport(size)
		await this.page.evaluateOnNewDocument(() => {
			window.peerConnections = []
			window.dataChannels = []
			window.RTCPeerConnection = class extends RTCPeerConnection {
				constructor(...configuration) {
					super(...configuration)
					window.peerConnections.push(this)
				}

				createDataChannel(...description) {
					const channel = super.createDataChannel(...description)
					window.dataChannels.push(channel)
					return channel
				}
			}
		})
		await this.page.goto(url)
	}

	async enter(room, name) {
		this.name = name
		const button = `#rooms button[value="${room}"]`
		await this.until(`the room ${room} to choose`, () => this.page.$(button))
		await this.page.type('#name', name)
		await this.page.click(button)
		await this.until('the room', () => this.visible('#room'))
	}

	async say(text) {
		await this.page.type('#text', text)
		await this.page.keyboard.press('Enter')
	}

	visible(selector) {
		return this.page.evaluate(selector => document.querySelector(selector)?.checkVisibility() ?? false, selector)
	}

	text(selector) {
		return this.page.evaluate(selector => document.querySelector(selector)?.textContent.trim(), selector)
	}

	texts(selector) {
		return this.page.evaluate(selector => [...document.querySelectorAll(selector)].map(each => each.textContent.trim()), selector)
	}

	/** The names on the tiles, sorted. */
	async tiles() {
		return (await this.texts('.tile .name')).sort()
	}

	/** One entry for each direct connection: how it is, and how many frames of video have come through it. */
	flows() {
		return this.page.evaluate(() => {
			const open = window.peerConnections.filter(pc => pc.signalingState !== 'closed')
			return Promise.all(open.map(async pc => {
				const reports = [...(await pc.getStats()).values()]
				const video = reports.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')
				return { state: pc.connectionState, frames: video.reduce((sum, { framesReceived = 0 }) => sum + framesReceived, 0) }
			}))
		})
	}

	/** Waits from outside: a tab's own timers may sleep. */
	until(what, condition, patience) {
		return until(`${this.name} waits for ${what}`, condition, patience)
	}

	async describe() {
		const ask = question => within(3_000, question.catch(error => error.message))
		const text = await ask(this.page.evaluate(() => document.body.innerText))
		const flows = await ask(this.flows())
		return `--- ${this.name}\n${text}\nconnections: ${JSON.stringify(flows)}\nconsole:\n${this.console.join('\n')}`
	}
}

/**
 * @template T
 * @param {string} what to say when it does not come true
 * @param {() => T | Promise<T>} condition
 * @returns {Promise<T>} what was true at last
 */
export async function until(what, condition, patience = 15_000) {
	const end = Date.now() + patience
	for (let last; ; await wait(50)) {
		last = await condition()
		if (last) return last
		if (Date.now() > end) throw new Error(`${what}, in vain for ${patience / 1000} s`)
	}
}
