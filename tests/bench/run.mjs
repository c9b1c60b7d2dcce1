// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The bench: starts the servers on loopback, lets the load generator loose on them in turn, and prints a table and JSON. See
 * README.md beside this file. It prints what it measured and judges nothing: slow is no failure. `tests/bench/run` calls it.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { startJanus } from '../lib/janus.mjs'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const BUILD = resolve(process.env.PORTAL_BENCH_BUILD ?? join(HERE, '../../build/tests/bench'))
const ALL = ['relay', 'mesh', 'fill', 'broadcast', 'idle', 'storm', 'defaults']
const NODE = ['peerserver', 'socketio', 'portalsjs']
const run = promisify(execFile)

const { values: options } = parseArgs({
	options: {
		scenarios: { type: 'string', default: ALL.join() },
		systems: { type: 'string', default: ['portal', 'forward', ...NODE].join() },
		rounds: { type: 'string', default: '3' },
		seconds: { type: 'string', default: '0.5' },
		budget: { type: 'string', default: '200' },
		sizes: { type: 'string', default: '1' },
		json: { type: 'string' },
		smoke: { type: 'boolean', default: false },
		quiet: { type: 'boolean', default: false },
		help: { type: 'boolean', default: false },
	},
})
if (options.help) {
	console.log(`tests/bench/run [--scenarios ${ALL.join()}] [--systems portal,forward,${NODE.join()}]
                [--rounds 3] [--seconds 0.5 (of each measurement at a steady rate)]
                [--budget 200 (seconds; after its share a scenario begins no further round)]
                [--sizes 1 (0.1: a tenth of all clients)] [--json FILE] [--quiet]
                [--smoke (each scenario once, with few clients: shows that it runs, measures nothing)]`)
	process.exit(0)
}
const scenarios = options.scenarios.split(',')
const systems = options.systems.split(',')
const { smoke } = options
const rounds = smoke ? 1 : Number(options.rounds)
const seconds = smoke ? 0.1 : Number(options.seconds)
const scale = smoke ? 0.05 : Number(options.sizes)
const budget = Number(options.budget)
const janusNames = systems.filter(system => system === 'portal' || system === 'forward')
const nodeNames = systems.filter(system => NODE.includes(system))
for (const name of scenarios) if (!ALL.includes(name)) throw new Error(`there is no scenario ${name}`)

/** So many clients, made smaller by --sizes, in whole rooms. */
const scaled = (count, whole = 1) => Math.max(whole, Math.round(count * scale / whole) * whole, 2)

// ----- Servers

const LIFTED = {
	rate: 1_000_000_000, burst: 1_000_000_000, byte_rate: 1_000_000_000, byte_burst: 1_000_000_000, room_rate: 1_000_000_000,
	max_members: 2000, max_backlog: 67_108_864, max_total_backlog: 1_073_741_824, events: false,
}
const ROOMS = 2000

const settings = (general, rooms) => `general: {
${Object.entries(general).map(([name, value]) => `\t${name} = ${value}\n`).join('')}}
${Array.from({ length: rooms }, (_, room) => `room-b${room}: {\n}\n`).join('')}`

const running = new Set()

async function startServer(system, { general = { ...LIFTED, resume_timeout: 0 }, rooms = ROOMS } = {}) {
	const server = NODE.includes(system) ? await startNode(system) : await startOfJanus({ general, rooms })
	running.add(server)
	return { ...server, system, rooms: 0, stop: () => (running.delete(server), server.stop()) }
}

async function startOfJanus({ general, rooms }) {
	const janus = await startJanus({ config: settings(general, rooms), plugins: [join(BUILD, '.libs/libbench_forward.so')] })
	return { port: Number(new URL(janus.url).port), pid: janus.pid, stop: janus.stop }
}

async function startNode(system) {
	const child = spawn(process.execPath, [join(HERE, 'servers', `${system}.mjs`)], { stdio: ['ignore', 'pipe', 'inherit'] })
	const ended = new Promise(resolve => child.once('exit', resolve))
	const port = await new Promise((resolve, reject) => {
		child.stdout.once('data', text => resolve(Number(text)))
		ended.then(code => reject(new Error(`the server ${system} ended with ${code}`)))
	})
	return { port, pid: child.pid, stop: () => (child.kill(), ended) }
}

const ticks = pid => {
	const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
	return Number(fields[11]) + Number(fields[12])
}

/** What is left over from the last measurement, such as members that go, must not disturb the next one. */
async function quiet(server) {
	if (smoke) return
	for (let calm = 0, tries = 0; calm < 2 && tries < 100; tries++) {
		const before = ticks(server.pid)
		await sleep(60)
		calm = ticks(server.pid) - before <= 1 ? calm + 1 : 0
	}
}

// ----- Measuring

const results = []

async function load(server, system, scenario, more) {
	const { rooms = 1, ...flags } = more
	if (server.rooms + rooms > ROOMS) server.rooms = 0
	const wish = { protocol: system, scenario, port: server.port, pid: server.pid, 'room-base': server.rooms, ...flags }
	server.rooms += rooms
	await quiet(server)
	const { stdout, stderr } = await run(join(BUILD, 'load'),
		Object.entries(wish).flatMap(([name, value]) => [`--${name}`, String(value)]), { timeout: 180_000 })
	if (stderr) process.stderr.write(stderr)
	return JSON.parse(stdout)
}

/** Something that did not work is shown and does not end the rest. */
async function measure(cell, server, system, scenario, flags) {
	try {
		const result = await load(server, system, scenario, flags)
		results.push({ ...cell, system, ...result })
	} catch (error) {
		const text = (error.stderr || error.message).trim().split('\n').at(-1)
		results.push({ ...cell, system, failed: text })
		console.error(`${cell.name}, ${system}: ${text}`)
	}
	if (!options.quiet) process.stderr.write('.')
}

/** Node compiles what runs often: the first of all measurements would be of something else. */
const warmUp = (server, system) =>
	load(server, system, 'relay', { clients: 16, 'room-size': 2, rooms: 8, seconds: 0.5, size: 1000, window: 4 })

/** Each server once for all cells; the systems take turns. When the scenario's share of the time is over, no round begins. */
async function interleaved(cells, names, share, general) {
	const servers = new Map()
	const end = Date.now() + share * budget * 1000
	try {
		const janus = names.some(name => !NODE.includes(name)) && await startServer('janus', general && { general })
		for (const name of names) servers.set(name, NODE.includes(name) ? await startServer(name) : janus)
		for (const name of smoke ? [] : names) await warmUp(servers.get(name), name)
		for (let round = 0; round < rounds && (round === 0 || Date.now() < end); round++)
			for (const { name, scenario, flags, only = names, once = [] } of smoke ? cells.slice(0, 1) : cells)
				for (const system of names)
					if (only.includes(system) && !(round > 0 && once.includes(system)))
						await measure({ name }, servers.get(system), system, scenario, flags)
	} finally {
		for (const server of new Set(servers.values())) await server.stop()
	}
}

const RUN = {
	async relay() {
		const flags = { clients: scaled(16, 2), 'room-size': 2, rooms: 8, seconds }
		const plain = { name: 'request and answer', scenario: 'ping', flags: { ...flags, window: 4 }, only: systems.filter(name => !NODE.includes(name)) }
		const cells = []
		for (const size of [200, 3000])
			for (const batch of [1, 10])
				cells.push({ name: `relay ${size} B, ${batch} at a time`, scenario: 'relay', flags: { ...flags, size, batch, window: size * batch > 10_000 ? 1 : 4 } })
		cells.push(plain, { name: 'relay 200 B, 1 in flight', scenario: 'relay', flags: { ...flags, size: 200, window: 1 } })
		await interleaved(cells, systems, 0.25)
	},
	async mesh() {
		const cells = [10, 20, 50].map(count =>
			({ name: `mesh of ${scaled(count)}`, scenario: 'mesh', flags: { clients: scaled(count) } }))
		const clients = scaled(50)
		cells.push({ name: `mesh of ${clients}, not deflated`, scenario: 'mesh', flags: { clients, deflated: 0 }, only: ['portal'] })
		await interleaved(cells, systems, 0.14)
	},
	async fill() {
		const names = systems.filter(system => ['portal', 'socketio', 'portalsjs'].includes(system))
		const whole = scale >= 1
		/* The Node servers need many seconds for these; portals.js's way needs minutes for 1,000. */
		const once = { 400: ['portalsjs'], 1000: ['socketio'] }
		const cells = [100, 200, 400, 1000].map(count => ({
			name: `fill ${scaled(count)}`, scenario: 'fill', flags: { clients: scaled(count) }, once: whole ? once[count] : [],
			only: count === 1000 && whole ? names.filter(name => name !== 'portalsjs') : names,
		}))
		await interleaved(cells, names, 0.19)
	},
	async broadcast() {
		const cells = [10, 100, 400].map(count => ({
			name: `broadcast to ${scaled(count)}`, scenario: 'broadcast', flags: { clients: scaled(count) + 1, window: 4, seconds },
		}))
		await interleaved(cells, systems, 0.2)
	},
	/** A server of its own for each measurement: memory that was used once is seldom given back. */
	async idle() {
		for (const count of smoke ? [1000] : [1000, 10_000]) {
			const clients = scaled(count, 8)
			/* With 10,000 the others take long: they are measured if nothing else is. */
			const names = ['portal', ...count === 1000 || scenarios.length === 1 ? nodeNames : []].filter(name => systems.includes(name))
			for (const system of names) {
				const server = await startServer(system)
				try {
					await measure({ name: `idle ${clients}` }, server, system, 'idle', { clients, 'room-size': 8, seconds })
				} finally {
					await server.stop()
				}
			}
		}
	},
	async storm() {
		const clients = scaled(2000, 8)
		const names = systems.filter(system => ['portal', 'socketio', 'portalsjs'].includes(system))
		await interleaved([{
			name: `storm of ${clients}`, scenario: 'storm', flags: { clients, 'room-size': 8, window: 1, rooms: clients / 8 },
		}], names, 0.13, { ...LIFTED, resume_timeout: 30 })
	},
	/** Portal with the limits that it has by default. */
	async defaults() {
		if (!systems.includes('portal')) return
		const server = await startServer('portal', { general: { resume_timeout: 0 } })
		try {
			for (let round = 0; round < rounds; round++)
				await measure({ name: `mesh of ${scaled(20)}, default limits` }, server, 'portal', 'mesh', { clients: scaled(20) })
		} finally {
			await server.stop()
		}
	},
}

// ----- Reporting

const median = list => {
	const sorted = [...list].sort((a, b) => a - b)
	return sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2
}

/** The rounds of one cell and system as one line: the median of each number, and the least and greatest of the main one. */
function summary(group) {
	const good = group.filter(result => !result.failed)
	const line = { name: group[0].name, system: group[0].system, rounds: good.length, failed: group.length - good.length }
	if (!good.length) return line
	line.scenario = good[0].scenario
	for (const [key, value] of Object.entries(good[0]))
		if (typeof value === 'number') line[key] = median(good.map(result => result[key] ?? NaN))
	for (const key of ['empty', 'attached', 'members']) if (good[0][key]) line[key] = good[0][key]
	const main = mainOf(line.scenario)
	line.least = Math.min(...good.map(result => result[main]))
	line.most = Math.max(...good.map(result => result[main]))
	line.violations = {}
	for (const { violations } of good)
		for (const [kind, count] of Object.entries(violations)) if (count) line.violations[kind] = (line.violations[kind] ?? 0) + count
	return line
}

const mainOf = scenario => ({ relay: 'rate', ping: 'rate', broadcast: 'rate', idle: 'bytes_per_member', storm: 'back_max' })[scenario] ?? 'seconds'

const thousands = value => value >= 10_000 ? `${(value / 1000).toFixed(1)} k` : value.toFixed(0)
const time = value => value < 1 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(2)} s`
const bytes = value => value > 1e6 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e3).toFixed(0)} kB`
const micro = value => value === undefined ? '' : value < 10_000 ? `${value.toFixed(0)} µs` : `${(value / 1000).toFixed(0)} ms`

const COLUMNS = {
	rate: line => ({ 'per s': thousands(line.rate), spread: `${thousands(line.least)} … ${thousands(line.most)}`, p50: micro(line.p50_us), p99: micro(line.p99_us),
		'CPU µs each': (line.cpu / line.count * 1e6).toFixed(1) }),
	seconds: line => ({ time: time(line.seconds), spread: `${time(line.least)} … ${time(line.most)}`, 'server CPU': time(line.cpu),
		'to server': bytes(line.tx_bytes), 'from server': bytes(line.rx_bytes), messages: thousands(line.rx_messages + line.tx_messages) }),
	bytes_per_member: line => ({ 'B a member': line.bytes_per_member.toFixed(0), 'B a connection': line.bytes_per_connection.toFixed(0),
		threads: `${line.empty.threads} → ${line.members.threads}`, files: `${line.empty.files} → ${line.members.files}`, RSS: bytes(line.members.rss_kb * 1024) }),
	back_max: line => ({ 'all back': time(line.back_max), spread: `${time(line.least)} … ${time(line.most)}`, back: String(line.back),
		p50: time(line.back_p50), p99: time(line.back_p99), 'server CPU': time(line.cpu) }),
}

const problems = ({ violations = {}, failed }) =>
	[...Object.entries(violations).map(([kind, count]) => `${kind} ${count}`), ...failed ? [`failed ${failed}`] : []].join(', ') || '0'

function table(lines) {
	const rows = lines.map(line => ({ '': line.name, system: line.system, ...line.scenario ? COLUMNS[mainOf(line.scenario)](line) : {}, rounds: String(line.rounds), violations: problems(line) }))
	const heads = [...new Set(rows.flatMap(Object.keys))].filter(head => !['rounds', 'violations'].includes(head)).concat('rounds', 'violations')
	const width = head => Math.max(head.length, ...rows.map(row => (row[head] ?? '').length))
	const text = row => `| ${heads.map(head => (row[head] ?? '').padEnd(width(head))).join(' | ')} |`
	return [text(Object.fromEntries(heads.map(head => [head, head]))), `|${heads.map(head => '-'.repeat(width(head) + 2)).join('|')}|`, ...rows.map(text)].join('\n')
}

/** The numbers that the targets speak of. */
function targets(lines) {
	const found = (name, system) => lines.find(line => line.name === name && line.system === system && line.scenario)
	const list = []
	const ratio = (text, top, bottom, key) => { if (top && bottom) list.push(`${text}: ${(top[key] / bottom[key]).toFixed(2)}`) }
	const best = (name, key, pick) => lines.filter(line => line.name === name && NODE.includes(line.system) && line.scenario)
		.sort((a, b) => pick * (a[key] - b[key]))[0]
	for (const size of [200, 3000]) {
		const one = `relay ${size} B, 1 at a time`, ten = `relay ${size} B, 10 at a time`
		ratio(`${one}: rate, Portal / forwarding`, found(one, 'portal'), found(one, 'forward'), 'rate')
		ratio(`${one}: rate, Portal / best Node peer`, found(one, 'portal'), best(one, 'rate', -1), 'rate')
		ratio(`${ten}: rate, Portal / best Node peer`, found(ten, 'portal'), best(ten, 'rate', -1), 'rate')
	}
	for (const line of lines.filter(({ system, scenario, name }) => system === 'portal' && scenario === 'mesh' && !name.includes('default'))) {
		ratio(`${line.name}: time, Portal / best Node peer`, line, best(line.name, 'seconds', 1), 'seconds')
		ratio(`${line.name}: CPU, Portal / best Node peer`, line, best(line.name, 'cpu', 1), 'cpu')
	}
	for (const line of lines.filter(({ system, scenario }) => system === 'portal' && scenario === 'fill')) {
		ratio(`${line.name}: time, portals.js's way / Portal`, found(line.name, 'portalsjs'), line, 'seconds')
		ratio(`${line.name}: time, Socket.IO / Portal`, found(line.name, 'socketio'), line, 'seconds')
	}
	for (const line of lines.filter(({ system, scenario }) => system === 'portal' && scenario === 'broadcast'))
		ratio(`${line.name}: rate, Portal / best Node peer`, line, best(line.name, 'rate', -1), 'rate')
	return list
}

// ----- All of it

const begun = Date.now()
if (!existsSync(join(BUILD, 'load'))) throw new Error(`there is no load generator in ${BUILD}: make it with \`make bench\``)
process.on('SIGINT', () => process.exit(130))
try {
	for (const name of scenarios) await RUN[name]()
} finally {
	for (const server of running) await server.stop()
}
const groups = Map.groupBy ? [...Map.groupBy(results, ({ name, system }) => `${name}\n${system}`).values()]
	: Object.values(results.reduce((all, result) => ((all[`${result.name}\n${result.system}`] ??= []).push(result), all), {}))
const lines = groups.map(summary)
const machine = { cpus: cpus().length, model: cpus()[0]?.model.trim(), node: process.version, load: loadavg() }
if (!options.quiet) process.stderr.write('\n')
for (const kind of [...new Set(lines.map(line => line.scenario ? mainOf(line.scenario) : 'none'))]) {
	const some = lines.filter(line => (line.scenario ? mainOf(line.scenario) : 'none') === kind)
	for (const scenario of new Set(some.map(line => line.scenario)))
		console.log(`\n${table(some.filter(line => line.scenario === scenario))}`)
}
console.log(`\nRatios:\n${targets(lines).map(line => `  ${line}`).join('\n')}`)
const bad = lines.filter(line => line.system === 'portal' && problems(line) !== '0')
console.log(`\n${bad.length ? `VIOLATIONS of Portal: ${bad.map(line => `${line.name}: ${problems(line)}`).join('; ')}` : 'Portal: no violations'}`)
const took = (Date.now() - begun) / 1000
console.log(`${machine.cpus} CPUs, ${machine.model}, Node ${machine.node}; ${took.toFixed(0)} s, ${rounds} rounds`)
if (options.json) writeFileSync(options.json, JSON.stringify({ machine, seconds: took, options, summary: lines, results }, null, '\t') + '\n')
