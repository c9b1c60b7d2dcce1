// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A real nginx on loopback with the sample site of conf/nginx, in which nothing but names, ports and paths is changed. It
 * reads and writes nothing outside a folder of its own. PORTAL_NGINX names another one.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePorts } from './ports.mjs'

const SAMPLE = fileURLToPath(new URL('../../conf/nginx/portal.conf.sample', import.meta.url))
const TRIES = 5
/* Debian has it where only root's PATH leads. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }
const nginx = process.env.PORTAL_NGINX ?? 'nginx'

/**
 * @param {{ root: string, janusUrl: string, adminUrl?: string, change?: (site: string) => string }} options `adminUrl` turns
 *   the Admin API on, by taking away the # of the sample
 * @returns {Promise<{ url: string, httpUrl: string, ca: string, acme: string, log: () => string, cut: () => void, close: () => Promise<void> }>}
 */
export async function startNginx(options) {
	for (let tries = 1; ; tries++) {
		const folder = mkdtempSync(join(realpathSync(tmpdir()), 'portal-nginx-'))
		try {
			return await start(folder, options)
		} catch (error) {
			rmSync(folder, { recursive: true, force: true })
			/* Somebody may have taken a port between our look and nginx's bind. */
			if (tries === TRIES || !/Address already in use/.test(error.message)) throw error
		}
	}
}

async function start(folder, { root, janusUrl, adminUrl, change = site => site }) {
	const [http, https] = await freePorts(2)
	const certificate = newCertificate(folder)
	const acme = join(folder, 'acme')
	mkdirSync(acme)
	writeFileSync(join(folder, 'site.conf'), change(localSite({ folder, root, janusUrl, adminUrl, acme, http, https })))
	writeFileSync(join(folder, 'nginx.conf'), main(folder))
	const command = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')]
	const checked = spawnSync(nginx, ['-t', '-q', ...command], { encoding: 'utf8', env })
	if (checked.status !== 0 || checked.stderr)
		throw new Error(`nginx does not like the site: ${checked.error?.message ?? checked.stderr}`)
	/* If this process is killed, the kernel ends nginx. */
	const child = spawn('setpriv', ['--pdeathsig', 'KILL', nginx, ...command], { stdio: 'ignore', env })
	const ended = once(child, 'exit')
	const log = () => readFileSync(join(folder, 'error.log'), 'utf8')
	for (const end = Date.now() + 10_000; !await answers(https); await wait(50)) {
		if (child.exitCode === null && Date.now() < end) continue
		child.kill('SIGKILL')
		throw new Error(`nginx did not start:\n${log()}`)
	}
	const close = async () => {
		if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
		await ended
		rmSync(folder, { recursive: true, force: true })
	}
	return { url: `https://localhost:${https}/`, httpUrl: `http://localhost:${http}/`, ca: certificate, acme, log, cut() {}, close }
}

/** Each thing that is replaced has to be in the sample. */
function localSite({ folder, root, janusUrl, adminUrl, acme, http, https }) {
	const hasIpv6 = Object.values(networkInterfaces()).flat().some(({ address }) => address === '::1')
	let site = readFileSync(SAMPLE, 'utf8')
	const replace = (from, to) => {
		if (!site.includes(from)) throw new Error(`The sample site has no ${from} any more`)
		site = site.replaceAll(from, to)
	}
	replace('listen 80;', `listen 127.0.0.1:${http};`)
	replace('listen [::]:80;', hasIpv6 ? `listen [::1]:${http};` : '')
	replace('listen 443 ssl;', `listen 127.0.0.1:${https} ssl;`)
	replace('listen [::]:443 ssl;', hasIpv6 ? `listen [::1]:${https} ssl;` : '')
	replace('/etc/letsencrypt/live/portal.example.org/fullchain.pem', join(folder, 'cert.pem'))
	replace('/etc/letsencrypt/live/portal.example.org/privkey.pem', join(folder, 'key.pem'))
	replace('portal.example.org', 'localhost')
	replace('root /usr/share/janus-portal/html;', `root ${root};`)
	replace('root /var/www/html;', `root ${acme};`)
	replace('server 127.0.0.1:8188;', `server ${new URL(janusUrl).host};`)
	if (adminUrl) {
		site = site.replace(/^\t#location = \/admin \{\n(\t#.*\n)+/m, block => block.replaceAll('\t#', '\t'))
		replace('\n\tlocation = /admin {', '\n\tlocation = /admin {')
		replace('http://127.0.0.1:7088', new URL(adminUrl).origin)
	}
	return site
}

/** What Debian's nginx.conf has round a site, in our folder, and as one process: then nothing outlives it. */
const main = folder => `daemon off;
master_process off;
pid ${folder}/pid;
events {
	worker_connections 768;
}
http {
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	sendfile on;
	tcp_nopush on;
	types_hash_max_size 2048;
	access_log off;
	${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`).join('\n\t')}
	gzip on;
	include ${folder}/site.conf;
}
`

function newCertificate(folder) {
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
		'-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', join(folder, 'key.pem'),
		'-out', join(folder, 'cert.pem')], { stdio: ['ignore', 'ignore', 'pipe'] })
	return readFileSync(join(folder, 'cert.pem'), 'utf8')
}

const answers = port => new Promise(resolve => {
	const socket = connect({ port, host: '127.0.0.1' }, () => { socket.destroy(); resolve(true) })
	socket.on('error', () => resolve(false))
})
