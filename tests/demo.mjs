// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The demo: a Janus of its own with the sample rooms, and a web server with the sample client, both on
 * loopback, until Ctrl-C. `./bootstrap demo` builds what is needed and comes here.
 */
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { startJanus } from './lib/janus.mjs'
import { startWeb } from './lib/web.mjs'

const FIRST_PORT = 8080
const LAST_PORT = 8179

/* A terminal that was closed cannot be written to any more; ending matters more than saying so. */
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

const say = text => console.log(text)

/** Whether nobody else is there, on IPv6 either: a browser may take localhost for ::1. */
async function isFree(port) {
	const errors = await Promise.all(['127.0.0.1', '::1'].map(host => new Promise(resolve => {
		const server = createServer()
		server.once('error', error => resolve(error.code))
		server.listen({ host, port }, () => server.close(() => resolve()))
	})))
	return !errors.includes('EADDRINUSE')
}

async function startPage(janusUrl) {
	const root = fileURLToPath(new URL('../html', import.meta.url))
	for (let port = FIRST_PORT; port <= LAST_PORT; port++) {
		if (!await isFree(port)) continue
		const web = await startWeb({ root, janusUrl, port }).catch(error => {
			if (error.code !== 'EADDRINUSE') throw error
		})
		if (web) return web
	}
	throw new Error(`All ports from ${FIRST_PORT} to ${LAST_PORT} are taken`)
}

/** Resolves with the reason to end. */
const reasonToEnd = janus => new Promise(resolve => {
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => resolve(signal))
	janus.ended.then(() => resolve('janus'))
})

async function main() {
	const janus = await startJanus()
	const end = reasonToEnd(janus)
	try {
		if (!/plugin\.portal\].* started/.test(janus.log()))
			throw new Error(`Janus runs, but without the portal plugin:\n${janus.log()}`)
		const web = await startPage(janus.url)
		say('')
		say(`  Open  ${web.url}  in two tabs: you see yourself twice, connected directly.`)
		say('')
		say(`  Janus listens on ${janus.url} and writes its log to ${janus.folder}/janus.log`)
		say('  Ctrl-C ends all of it.')
		const reason = await end
		say('')
		if (reason === 'janus') process.exitCode = 1
		else say('Ending …')
		await web.close()
	} finally {
		const how = await janus.stop()
		if (how.code !== 0) {
			process.exitCode = 1
			console.error(`Janus ended by itself or badly (${how.signal ?? how.code}). The end of its log:`)
			console.error(janus.log().split('\n').slice(-20).join('\n'))
		}
	}
}

main().then(() => process.exit(), error => {
	console.error(error.message)
	process.exit(1)
})
