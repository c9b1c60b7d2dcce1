// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What a packager and an administrator do with the build: install, keep a live settings file, uninstall, make a release
 * tarball; and what `configure` tells those who miss something. All of it below temporary folders.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('../..', import.meta.url))
const build = join(project, 'build')
let folder

before(() => { folder = mkdtempSync(join(tmpdir(), 'portal-build-')) })
after(() => rmSync(folder, { recursive: true, force: true }))

function run(command, args, options = {}) {
	const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options })
	return { status, output: stdout + stderr }
}

function succeeds(command, args, options) {
	const { status, output } = run(command, args, options)
	assert.equal(status, 0, `${command} ${args.join(' ')} failed:\n${output.slice(-4000)}`)
	return output
}

function filesBelow(root) {
	return readdirSync(root, { withFileTypes: true }).flatMap(entry => {
		const path = join(root, entry.name)
		return entry.isDirectory() ? filesBelow(path) : [path]
	})
}

function installed(root) {
	return filesBelow(root).map(path => relative(root, path)).sort()
}

describe('make install', () => {
	const make = (...args) => succeeds('make', ['-C', build, ...args])

	it('puts the plugin where Janus looks, samples beside its settings, the whole page; and uninstall takes all away', () => {
		const root = join(folder, 'destdir')
		make('install', `DESTDIR=${root}`)
		const files = installed(root)
		const plugins = files.filter(file => /\/janus\/plugins\//.test(file)).map(file => file.replace(/.*\//, ''))
		assert.ok(plugins.includes('libjanus_portal.so'), files.join('\n'))
		assert.deepEqual(plugins.filter(file => !/^libjanus_portal\.(so|la)$/.test(file)), [])
		assert.ok(files.some(file => file.endsWith('etc/janus/janus.plugin.portal.jcfg.sample')), files.join('\n'))
		const page = files.filter(file => file.includes('janus-portal/html/')).map(file => file.replace(/.*janus-portal\/html\//, ''))
		/* The picture is the README's. */
		const source = installed(join(project, 'html')).filter(file => !file.includes('node_modules') && file !== 'picture.png')
		assert.deepEqual(page, source)
		const samples = files.filter(file => /share\/janus-portal\/(janus|nginx|systemd)\//.test(file)).map(file => file.replace(/.*janus-portal\//, ''))
		assert.deepEqual(samples, ['janus/janus.jcfg.sample', 'janus/janus.transport.websockets.jcfg.sample', 'nginx/portal.conf.sample',
			'systemd/portal.conf.sample'])
		const exporter = files.find(file => file.endsWith('share/janus-portal/portal-prometheus'))
		assert.match(run(join(root, exporter), []).output, /PORTAL_ADMIN_SECRET=/)
		make('uninstall', `DESTDIR=${root}`)
		assert.deepEqual(installed(root), [])
	})

	it('never touches settings that are live, the page\'s neither; make configs writes one only where there is none', () => {
		const root = join(folder, 'live')
		make('install', `DESTDIR=${root}`)
		const live = () => filesBelow(root).filter(file => file.endsWith('/janus.plugin.portal.jcfg'))
		assert.deepEqual(live(), [])
		make('configs', `DESTDIR=${root}`)
		assert.equal(live().length, 1)
		assert.equal(readFileSync(live()[0], 'utf8'), readFileSync(join(project, 'conf/janus.plugin.portal.jcfg.sample'), 'utf8'))
		const settings = filesBelow(root).find(file => file.endsWith('/html/settings.js'))
		writeFileSync(live()[0], 'room-mine: { }\n')
		writeFileSync(settings, '// mine\n')
		make('install', 'configs', `DESTDIR=${root}`)
		make('uninstall', `DESTDIR=${root}`)
		assert.equal(readFileSync(live()[0], 'utf8'), 'room-mine: { }\n')
		assert.equal(readFileSync(settings, 'utf8'), '// mine\n')
	})
})

describe('make distcheck', () => {
	it('makes a tarball that builds, checks, installs and uninstalls by itself', () => {
		const tree = join(folder, 'dist')
		mkdirSync(tree)
		succeeds(join(project, 'configure'), [], { cwd: tree })
		const output = succeeds('make', ['distcheck'], { cwd: tree })
		assert.match(output, /janus-portal-[\d.]+ archives ready for distribution/)
	})
})

describe('configure', () => {
	const configure = (args, env = {}) => {
		const cwd = mkdtempSync(join(folder, 'configure-'))
		return run(join(project, 'configure'), args, { cwd, env: { ...process.env, ...env } })
	}

	it('says what to do where --with-janus names no Janus', () => {
		const { status, output } = configure([`--with-janus=${folder}`])
		assert.notEqual(status, 0)
		assert.match(output, /no include\/janus\/plugins\/plugin\.h below .*, the folder that --with-janus named/)
	})

	it('refuses a Janus that is too old', () => {
		const prefix = join(folder, 'old')
		mkdirSync(join(prefix, 'include/janus/plugins'), { recursive: true })
		writeFileSync(join(prefix, 'include/janus/plugins/plugin.h'), '#define JANUS_PLUGIN_API_VERSION 101\n')
		const { status, output } = configure([`--with-janus=${prefix}`])
		assert.notEqual(status, 0)
		assert.match(output, /older than 1\.1\.2/)
	})

	it('names the Debian package of a library that is missing', () => {
		// A pkg-config that knows nothing of jansson.
		const bin = join(folder, 'bin')
		mkdirSync(bin)
		const real = run('sh', ['-c', 'command -v pkg-config']).output.trim()
		writeFileSync(join(bin, 'pkg-config'), `#!/bin/sh\ncase "$*" in *jansson*) exit 1;; esac\nexec ${real} "$@"\n`, { mode: 0o755 })
		const { status, output } = configure([], { PKG_CONFIG: join(bin, 'pkg-config') })
		assert.notEqual(status, 0)
		assert.match(output, /apt-get install libjansson-dev/)
	})

	it('finds Janus by pkg-config first, and installs beside it', () => {
		const prefix = join(folder, 'opt')
		mkdirSync(join(prefix, 'lib/pkgconfig'), { recursive: true })
		mkdirSync(join(prefix, 'include'))
		symlinkSync('/usr/include/janus', join(prefix, 'include/janus'))
		writeFileSync(join(prefix, 'lib/pkgconfig/janus-gateway.pc'),
			`prefix=${prefix}\nlibdir=${prefix}/lib64\nName: janus-gateway\nDescription: x\nVersion: 1.4.0\n`)
		const { status, output } = configure([], { PKG_CONFIG_PATH: join(prefix, 'lib/pkgconfig') })
		assert.equal(status, 0, output.slice(-2000))
		assert.match(output, new RegExp(`plugin goes to +${prefix}/lib64/janus/plugins`))
		assert.match(output, new RegExp(`settings go to +${prefix}/etc/janus`))
	})

	it('refuses two sanitizers that exclude each other', () => {
		const { status, output } = configure(['--enable-asan', '--enable-tsan'])
		assert.notEqual(status, 0)
		assert.match(output, /exclude each other/)
	})
})
