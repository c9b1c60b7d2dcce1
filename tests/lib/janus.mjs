// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Starts a real Janus with nothing but the portal plugin, on loopback, from a folder of its own:
 * nothing of the system's Janus is read or touched.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
	accessSync, closeSync, constants, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync,
	realpathSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { withSettings } from './jcfg.mjs'
import { freePorts } from './ports.mjs'
import { probeHttp, probeWebSocket } from './probe.mjs'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const TRIES = 5

/** What a plugin that was built with a sanitizer needs in a Janus that was not: PORTAL_PRELOAD names the sanitizer's library. */
const PRELOADED = process.env.PORTAL_PRELOAD ? { LD_PRELOAD: process.env.PORTAL_PRELOAD } : {}

/**
 * @typedef {object} Options
 * @property {string} [config] text of janus.plugin.portal.jcfg; without it, the sample's
 * @property {number | null} [taskPoolSize] without it, as in the sample janus.jcfg; null: Janus's own default
 * @property {('websockets' | 'http' | 'pfunix' | 'rabbitmq' | 'mqtt')[]} [transports] which ones to load; `websockets` always is
 * @property {{ rabbitmq?: number, mqtt?: number }} [brokers] ports of the brokers that those transports need
 * @property {boolean} [admin] whether the Admin API is there, on each transport
 * @property {string[]} [wrapper] a command that runs Janus, such as ['valgrind', '-q']; it must end by becoming Janus
 * @property {Record<string, string>} [env] added to Janus's environment
 * @property {Record<string, string | number | boolean | null>} [settings] more of janus.jcfg, by 'category.name'
 * @property {string} [eventHandler] address that Janus's sample event handler posts to; without it there is none
 * @property {{ trigger: number, timeout: number }} [pingpong] seconds until Janus asks a silent WebSocket whether it is
 *   still there, and that it waits for the answer; without it, as in the sample
 * @property {number} [timeout] milliseconds that Janus may take to answer
 * @property {number} [patience] milliseconds that Janus may take to end after SIGTERM, before it is killed
 * @property {(count: number) => Promise<number[]>} [ports] chooses the ports
 * @property {string[]} [plugins] more plugins, as paths of their libraries
 */

/**
 * @typedef {object} Janus
 * @property {string} url of the WebSocket API
 * @property {string} [adminUrl] of the Admin API over WebSocket
 * @property {string} [httpUrl] of the HTTP API
 * @property {string} [httpAdminUrl] of the Admin API over HTTP
 * @property {string} [unixPath] of the Unix socket
 * @property {string} adminSecret
 * @property {number} pid
 * @property {string} folder with its settings and its log; gone after `stop`
 * @property {() => string} log what Janus wrote so far; all of it after `stop`
 * @property {Promise<End>} ended resolves when Janus ends, for whatever reason
 * @property {() => Promise<End>} stop ends it, tells how it ended, and removes the folder
 */

/** @typedef {{ code: number | null, signal: string | null }} End */

/** Starts that the process which asked for them may leave behind if it ends without stopping them. */
const running = new Set()
process.on('exit', () => {
	for (const run of running) run.abandon()
})

/**
 * @param {Options} [options]
 * @returns {Promise<Janus>}
 */
export async function startJanus(options = {}) {
	for (let tries = 1; ; tries++) {
		const run = new Run(await plan(options))
		try {
			await run.ready(options.timeout ?? 20_000)
			return run.face()
		} catch (error) {
			await run.stop()
			if (!error.unlucky || tries === TRIES) throw error
		}
	}
}

/** One try: a folder, and the process that lives in it. */
class Run {
	constructor(plan) {
		Object.assign(this, plan)
		this.logFile = join(this.folder, 'janus.log')
		const log = openSync(this.logFile, 'a')
		/* A session of its own: Ctrl-C in a terminal shall reach us, and we stop Janus. And if this
		   process is killed, the kernel ends Janus. */
		this.child = spawn('setpriv', ['--pdeathsig', 'KILL', ...this.command],
			{ stdio: ['ignore', log, log], detached: true, env: { ...process.env, ...PRELOADED, ...this.env } })
		closeSync(log)
		this.ended = new Promise(resolve => {
			this.child.once('error', error => resolve({ code: null, signal: null, error }))
			this.child.once('exit', (code, signal) => resolve({ code, signal }))
		})
		this.ended.then(end => { this.end = end })
		running.add(this)
	}

	/** Resolves once all that was asked for answers, and it is this Janus that does. */
	async ready(timeout) {
		const deadline = Date.now() + timeout
		for (const probe of this.probes) await this.#until(probe, deadline)
		/* A transport answers while Janus still starts the others, and a SIGTERM in the middle of that can make Janus
		   wait for itself for ever. */
		const started = async () => {
			if (this.log().split(STARTED).length - 1 < this.transports)
				throw new Error('not all transports have started')
		}
		await this.#until(started, deadline)
	}

	async #until(probe, deadline) {
		for (;;) {
			if (this.end) throw this.#failed(`Janus did not start: ${describe(this.end)}`)
			const problem = await probe().then(() => undefined, error => error)
			if (!problem) return
			if (UNLUCKY.test(this.log()) || Date.now() > deadline)
				throw this.#failed(`Janus does not answer: ${problem.message}`)
			await sleep(20)
		}
	}

	#failed(text) {
		const log = this.log()
		const error = new Error(`${text}\n${log.split('\n').slice(-30).join('\n')}`)
		error.unlucky = UNLUCKY.test(log)
		return error
	}

	log() {
		return this.lastLog ?? readFileSync(this.logFile, 'utf8')
	}

	async stop() {
		if (!this.end) this.child.kill('SIGTERM')
		/* Janus forgets a signal that comes just before its main loop runs, which is after it began to answer. */
		const again = setTimeout(() => {
			if (!this.log().includes('Ending sessions timeout watchdog')) this.child.kill('SIGTERM')
		}, 500)
		const late = setTimeout(() => {
			console.error(`Janus (${this.child.pid}) did not end within ${this.patience} ms of SIGTERM and was killed`)
			this.child.kill('SIGKILL')
		}, this.patience)
		const { code, signal } = await this.ended
		clearTimeout(again)
		clearTimeout(late)
		this.lastLog ??= this.log()
		this.#clean()
		return { code, signal }
	}

	/** For a process that ends now and cannot wait. */
	abandon() {
		if (!this.end) this.child.kill('SIGKILL')
		this.#clean()
	}

	#clean() {
		running.delete(this)
		rmSync(this.folder, { recursive: true, force: true })
	}

	/** @returns {Janus} */
	face() {
		return {
			...this.urls, adminSecret: this.secret, pid: this.child.pid, folder: this.folder,
			log: () => this.log(), ended: this.ended, stop: () => this.stop(),
		}
	}
}

/* Worth another start. Somebody may have taken a port between our look and Janus's bind (each transport says so in its
   own words), and a transport's thread that comes to run before Janus has noted that it started ends at once. */
const UNLUCKY = /Error creating vhost|Couldn't start .*web ?server|Address (already )?in use|Sockets thread ended/i

/** What each transport says last; that of MQTT has words of its own. */
const STARTED = /transport plugin initialized!|successfully subscribed to MQTT topic/

const describe = ({ code, signal, error }) =>
	error ? `${error.message} (setpriv is part of util-linux)` : signal ? `it ended by ${signal}` : `it ended with ${code}`

/** Writes a folder for a Janus and says how to run it. */
async function plan(options) {
	const { transports = ['websockets'], admin = false, wrapper = [], env = {}, ports = freePorts } = options
	const janus = executable(process.env.PORTAL_JANUS ?? 'janus')
	const plugin = resolve(PROJECT, process.env.PORTAL_PLUGIN ?? 'build/plugin/.libs/libjanus_portal.so')
	if (!existsSync(plugin)) throw new Error(`There is no plugin at ${plugin}: build it, or name it in PORTAL_PLUGIN`)
	const [ws, adminWs, http, adminHttp] = await ports(4)
	const name = `portal-${randomBytes(6).toString('hex')}`
	const secret = randomBytes(12).toString('hex')
	const wanted = new Set(['websockets', ...transports])
	const folder = mkdtempSync(join(realpathSync(tmpdir()), 'portal-janus-'))
	const place = { folder, admin, ports: { ws, adminWs, http, adminHttp } }
	writeSettings(place, options, name, secret)
	link(join(folder, 'plugins'), [plugin, ...options.plugins ?? []])
	if (options.eventHandler) link(join(folder, 'events'), [join(dirname(transportsOf(janus)), 'events', 'libjanus_sampleevh.so')])
	link(join(folder, 'transports'), [...wanted].map(transport => join(transportsOf(janus), `libjanus_${transport}.so`)))
	const command = [...wrapper, janus, '-C', join(folder, 'conf', 'janus.jcfg'), '-F', join(folder, 'conf'), '-o']
	return {
		folder, secret, command, env, patience: options.patience ?? 10_000,
		urls: urls(place, wanted), probes: probes(place, wanted, name), transports: wanted.size,
	}
}

const sample = name => readFileSync(join(PROJECT, 'conf', name), 'utf8')

function writeSettings({ folder, admin, ports }, options, name, secret) {
	const conf = join(folder, 'conf')
	mkdirSync(conf)
	const write = (file, text) => writeFileSync(join(conf, file), text)
	write('janus.plugin.portal.jcfg', options.config ?? sample('janus.plugin.portal.jcfg.sample'))
	const watched = options.eventHandler ? 'events: {\n\tbroadcast = true\n}\n' : ''
	write('janus.eventhandler.sampleevh.jcfg', withSettings('general: {\n}\n', {
		'general.enabled': true, 'general.events': 'all', 'general.grouping': true, 'general.json': 'compact',
		'general.backend': options.eventHandler ?? 'http://127.0.0.1:9/',
	}))
	write('janus.jcfg', withSettings(sample('janus/janus.jcfg.sample') + watched, {
		'general.configs_folder': conf,
		/* What starts is of use to whoever looks for a fault. */
		'general.debug_level': 4,
		'general.plugins_folder': join(folder, 'plugins'),
		'general.transports_folder': join(folder, 'transports'),
		/* Empty folders: no event handler and no logger of the system's Janus. */
		'general.events_folder': options.eventHandler ? join(folder, 'events') : folder,
		'general.loggers_folder': folder,
		'general.server_name': name,
		'general.admin_secret': secret,
		'general.interface': '127.0.0.1',
		'nat.ice_enforce_list': '127.0.0.1',
		...options.taskPoolSize === undefined ? {} : { 'general.task_pool_size': options.taskPoolSize },
		...options.settings,
	}))
	write('janus.transport.websockets.jcfg', withSettings(sample('janus/janus.transport.websockets.jcfg.sample'), {
		'general.ws_port': ports.ws,
		'admin.admin_ws': admin,
		'admin.admin_ws_port': ports.adminWs,
		...options.pingpong ? {
			'general.pingpong_trigger': options.pingpong.trigger,
			'general.pingpong_timeout': options.pingpong.timeout,
		} : {},
	}))
	write('janus.transport.http.jcfg', withSettings('general: {\n}\nadmin: {\n}\n', {
		'general.json': 'compact', 'general.http': true, 'general.https': false,
		'general.ip': '127.0.0.1', 'general.port': ports.http,
		'admin.admin_http': admin, 'admin.admin_https': false,
		'admin.admin_ip': '127.0.0.1', 'admin.admin_port': ports.adminHttp,
	}))
	write('janus.transport.pfunix.jcfg', withSettings('general: {\n}\nadmin: {\n}\n', {
		'general.enabled': true, 'general.json': 'compact', 'general.path': join(folder, 'janus.sock'),
		'admin.admin_enabled': false,
	}))
	/* Through an exchange, as several clients of one queue would get each other's messages. */
	write('janus.transport.rabbitmq.jcfg', withSettings('general: {\n}\nadmin: {\n}\n', {
		'general.enabled': true, 'general.json': 'compact', 'general.host': '127.0.0.1', 'general.port': options.brokers?.rabbitmq ?? 5672,
		'general.janus_exchange': 'janus-exchange', 'general.to_janus': 'to-janus', 'general.from_janus': 'from-janus',
		'general.declare_outgoing_queue': false, 'admin.admin_enabled': false,
	}))
	write('janus.transport.mqtt.jcfg', withSettings('general: {\n}\nadmin: {\n}\n', {
		'general.enabled': true, 'general.json': 'compact', 'general.url': `tcp://127.0.0.1:${options.brokers?.mqtt ?? 1883}`,
		'general.client_id': name, 'general.subscribe_topic': 'to-janus', 'general.publish_topic': 'from-janus',
		'admin.admin_enabled': false,
	}))
}

function urls({ folder, admin, ports }, wanted) {
	const http = wanted.has('http')
	return {
		url: `ws://127.0.0.1:${ports.ws}`,
		...admin ? { adminUrl: `ws://127.0.0.1:${ports.adminWs}` } : {},
		...http ? { httpUrl: `http://127.0.0.1:${ports.http}/janus` } : {},
		...http && admin ? { httpAdminUrl: `http://127.0.0.1:${ports.adminHttp}/admin` } : {},
		...wanted.has('pfunix') ? { unixPath: join(folder, 'janus.sock') } : {},
	}
}

/** What has to answer; the name in the answer shows that it is no other Janus on a port that we lost. */
function probes({ folder, admin, ports }, wanted, name) {
	const info = { janus: 'info', transaction: 'ready' }
	const list = [() => probeWebSocket({ port: ports.ws, protocol: 'janus-protocol', message: info, sign: name })]
	if (admin)
		list.push(() => probeWebSocket({ port: ports.adminWs, protocol: 'janus-admin-protocol', message: info, sign: name }))
	if (wanted.has('http')) {
		list.push(() => probeHttp({ url: `http://127.0.0.1:${ports.http}/janus/info`, sign: name }))
		if (admin) list.push(() => probeHttp({ url: `http://127.0.0.1:${ports.adminHttp}/admin/info`, sign: name }))
	}
	if (wanted.has('pfunix')) list.push(async () => accessSync(join(folder, 'janus.sock')))
	return list
}

function link(folder, files) {
	mkdirSync(folder)
	for (const file of files) {
		if (!existsSync(file)) throw new Error(`There is no ${file}`)
		symlinkSync(file, join(folder, file.slice(file.lastIndexOf('/') + 1)))
	}
}

/** The path of a command, as a shell would find it. */
function executable(command) {
	const places = command.includes('/') ? [resolve(command)]
		: (process.env.PATH ?? '').split(delimiter).map(folder => join(folder, command))
	const found = places.find(place => {
		try { accessSync(place, constants.X_OK); return true } catch { return false }
	})
	if (!found) throw new Error(`There is no ${command}: install Janus, or name it in PORTAL_JANUS`)
	return found
}

/** Where the transports of a Janus are: lib/janus, lib64/janus or, as Debian has it, lib/<machine>/janus. */
function transportsOf(janus) {
	const prefix = dirname(dirname(realpathSync(janus)))
	const lib = join(prefix, 'lib')
	const libs = [lib, join(prefix, 'lib64'), ...readdirSync(lib).sort().map(name => join(lib, name))]
	const found = libs.map(folder => join(folder, 'janus', 'transports')).find(folder => existsSync(folder))
	if (!found) throw new Error(`There are no transports of Janus below ${prefix}`)
	return found
}
