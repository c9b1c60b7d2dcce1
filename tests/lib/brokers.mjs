// SPDX-License-Identifier: GPL-3.0-or-later
/** Message brokers on loopback, each from a folder of its own: Mosquitto for MQTT, RabbitMQ for AMQP. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePorts } from './ports.mjs'

const PATIENCE = 60_000

/**
 * @typedef {object} Broker
 * @property {number} port
 * @property {() => Promise<void>} stop ends it at once
 * @property {() => string} log
 */

/** @param {{port?: number}} [options] @returns {Promise<Broker>} one that anybody may use */
export async function startMosquitto({ port } = {}) {
	const folder = await mkdtemp(join(tmpdir(), 'mosquitto-'))
	port ??= (await freePorts(1))[0]
	/* Without a limit of messages that wait: Janus has none either, and a broker that drops some would be another test. */
	await writeFile(join(folder, 'mosquitto.conf'),
		`listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\nuser root\n`)
	const program = process.env.PORTAL_MOSQUITTO ?? 'mosquitto'
	const path = `${process.env.PATH}:/usr/sbin`
	return broker({ folder, port, commands: [{ command: [program, '-c', join(folder, 'mosquitto.conf')], env: { PATH: path } }] })
}

/**
 * @param {{port?: number}} [options]
 * @returns {Promise<Broker>} for user `guest` with password `guest`
 */
export async function startRabbit({ port } = {}) {
	const folder = await mkdtemp(join(tmpdir(), 'rabbit-'))
	const [free, nodes, names] = await freePorts(3)
	port ??= free
	const env = {
		HOME: folder, RABBITMQ_NODENAME: 'portal@localhost', RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1', RABBITMQ_NODE_PORT: port,
		RABBITMQ_DIST_PORT: nodes, RABBITMQ_BASE: folder, RABBITMQ_MNESIA_BASE: join(folder, 'data'), RABBITMQ_LOG_BASE: join(folder, 'log'),
		RABBITMQ_LOGS: '-', RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'), RABBITMQ_PID_FILE: join(folder, 'pid'),
		RABBITMQ_CONF_ENV_FILE: join(folder, 'none'), RABBITMQ_CONFIG_FILE: join(folder, 'none'), RABBITMQ_GENERATED_CONFIG_DIR: folder,
		ERL_EPMD_PORT: names, ERL_EPMD_ADDRESS: '127.0.0.1',
	}
	await writeFile(join(folder, 'plugins'), '[].')
	return broker({
		folder, port, commands: [
			/* Else the first Erlang node starts one that stays behind. */
			{ command: ['epmd', '-address', '127.0.0.1', '-port', String(names)], env },
			{ command: [process.env.PORTAL_RABBITMQ ?? '/usr/lib/rabbitmq/bin/rabbitmq-server'], env },
		],
	})
}

/** @returns {Promise<Broker>} once its port answers */
async function broker({ folder, port, commands }) {
	let text = ''
	const children = commands.map(({ command: [program, ...args], env }) => {
		const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, ...env } })
		for (const output of [child.stdout, child.stderr]) output.on('data', data => { text = (text + data).slice(-20_000) })
		child.on('error', error => { text += error.message })
		return child
	})
	const alive = child => child.pid !== undefined && child.exitCode === null && child.signalCode === null
	const stop = async () => {
		for (const child of children.toReversed?.() ?? [...children].reverse()) {
			if (!alive(child)) continue
			const ended = once(child, 'exit')
			try { process.kill(-child.pid, 'SIGKILL') } catch { /* it has just ended */ }
			await ended
		}
		await rm(folder, { recursive: true, force: true })
	}
	for (const end = Date.now() + PATIENCE; !await answers(port); await wait(100)) {
		if (children.every(alive) && Date.now() < end) continue
		await stop()
		throw new Error(`${commands.at(-1).command[0]} did not start; is it installed?\n${text}`)
	}
	return { port, stop, log: () => text }
}

const answers = port => new Promise(resolve => {
	const socket = connect(port, '127.0.0.1', () => {
		socket.destroy()
		resolve(true)
	})
	socket.on('error', () => resolve(false))
})
