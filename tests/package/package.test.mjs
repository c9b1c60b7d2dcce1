// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The Debian package: built from a copy of the tree, looked at by lintian, loaded by Janus; and installed, upgraded, removed
 * and purged by dpkg where that changes nothing on this machine: in an overlay over its own system, in namespaces.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Session } from '../integration/client.mjs'
import { startJanus } from '../lib/janus.mjs'

const project = fileURLToPath(new URL('../..', import.meta.url))
const INSIDE = fileURLToPath(new URL('inside/install.mjs', import.meta.url))

const run = (command, args, options = {}) => spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options })

function succeeds(command, args, options) {
	const { status, stdout, stderr, error } = run(command, args, options)
	assert.equal(status, 0, `${command} ${args.join(' ')} failed:\n${error?.message ?? (stdout + stderr).slice(-6000)}`)
	return stdout
}

const version = name => run('dpkg-query', ['--show', '--showformat', '${db:Status-Status} ${source:Upstream-Version}', name]).stdout
	?.replace(/^installed /, '') ?? ''
const janusVersion = version('janus-dev')
const skip = /^\d/.test(janusVersion) ? false : 'the package is for Debian\'s Janus, and that is not installed'

/** Why nothing can be installed here, not even in an overlay. */
const noOverlay = process.getuid() !== 0 ? 'an overlay over the system needs root'
	: run('unshare', ['--mount', '--net', '--pid', '--cgroup', '--fork', 'true']).status !== 0 ? 'no namespaces can be made here' : ''

const filesBelow = root => readdirSync(root, { withFileTypes: true }).flatMap(entry => {
	const path = join(root, entry.name)
	return entry.isDirectory() ? filesBelow(path) : [path]
})

describe('The Debian package', { skip }, () => {
	let folder, deb, dsc, changes, unpacked
	const inPackage = path => join(unpacked, path)

	before(() => {
		folder = mkdtempSync(join(tmpdir(), 'portal-package-'))
		const tree = join(folder, 'janus-portal-0.1.0')
		/* What git would have of this tree, as it is now. */
		const files = succeeds('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: project }).split('\0').filter(Boolean)
		for (const file of files.filter(file => existsSync(join(project, file)))) {
			mkdirSync(dirname(join(tree, file)), { recursive: true })
			copyFileSync(join(project, file), join(tree, file))
		}
		const { status, stdout, stderr } = run('dpkg-parsechangelog', ['-S', 'Version'], { cwd: tree })
		assert.equal(status, 0, stderr)
		const upstream = stdout.trim().replace(/-\d+$/, '')
		assert.ok(readFileSync(join(project, 'configure.ac'), 'utf8').includes(`AC_INIT([janus-portal],[${upstream}])`),
			`debian/changelog says ${upstream}, configure.ac something else`)
		succeeds('tar', ['-cJf', join(folder, `janus-portal_${upstream}.orig.tar.xz`), '--exclude=./debian', '--transform', `s,^\\.,janus-portal-${upstream},`, '-C', tree, '.'])
		succeeds('dpkg-source', ['-b', '.'], { cwd: tree })
		/* As the README says it. */
		const [, line, told] = /^(dpkg-buildpackage .*)\n.* \.\.\/(janus-portal_\S+\.deb)$/m.exec(readFileSync(join(project, 'README.md'), 'utf8'))
		succeeds('sh', ['-c', line], { cwd: tree, env: { ...process.env, TMPDIR: folder } })
		assert.ok(existsSync(join(folder, told.replace('amd64', succeeds('dpkg', ['--print-architecture']).trim()))), `there is no ${told}`)
		rmSync(tree, { recursive: true })
		const made = name => join(folder, readdirSync(folder).find(file => name.test(file)))
		deb = made(/^janus-portal_.*\.deb$/)
		dsc = made(/\.dsc$/)
		changes = made(/\.changes$/)
		unpacked = join(folder, 'unpacked')
		succeeds('dpkg-deb', ['-x', deb, unpacked])
	})
	after(() => { rmSync(folder, { recursive: true, force: true }) })

	it('satisfies lintian, source and binary, without an error or a warning', () => {
		const { status, stdout, stderr } = run('lintian', ['--allow-root', '--fail-on', 'error,warning', dsc, changes])
		assert.equal(status, 0, stdout + stderr)
		/* Nothing is overridden but what has a good reason. */
		const tags = readFileSync(join(project, 'debian/janus-portal.lintian-overrides'), 'utf8').match(/^janus-portal: \S+/gm)
		assert.deepEqual(tags, ['janus-portal: initial-upload-closes-no-bugs', 'janus-portal: non-standard-file-perm'])
	})

	it('has what make install has, each thing where Debian wants it', () => {
		const files = filesBelow(unpacked).map(file => relative(unpacked, file)).sort()
		const multiarch = succeeds('dpkg-architecture', ['-qDEB_HOST_MULTIARCH']).trim()
		const plugin = `usr/lib/${multiarch}/janus/plugins/libjanus_portal.so`
		assert.ok(files.includes(plugin), files.join('\n'))
		assert.ok(existsSync(`/${dirname(plugin)}`), 'Debian\'s Janus looks for plugins elsewhere')
		for (const file of readdirSync(join(project, 'html'), { withFileTypes: true }))
			if (file.isFile() && !/^(LICENSE|picture\.png)$/.test(file.name)) assert.ok(files.includes(`usr/share/janus-portal/html/${file.name}`), file.name)
		assert.equal(readlinkSync(inPackage('usr/share/janus-portal/html/settings.js')), '/etc/janus-portal/settings.js')
		assert.equal(readFileSync(inPackage('etc/janus-portal/settings.js'), 'utf8'), readFileSync(join(project, 'html/settings.js'), 'utf8'))
		for (const sample of ['janus/janus.jcfg.sample', 'janus/janus.transport.websockets.jcfg.sample', 'nginx/portal.conf.sample', 'systemd/portal.conf.sample'])
			assert.ok(files.includes(`usr/share/janus-portal/${sample}`), sample)
		assert.deepEqual(succeeds('dpkg-deb', ['-I', deb, 'conffiles']).trim().split('\n').sort(),
			['/etc/janus-portal/settings.js', '/etc/janus/janus.plugin.portal.jcfg'])
		assert.deepEqual(files.filter(file => /\.(la|a|sample\.sample)$|^etc\/.*sample|^tmp|test/.test(file)), [])
		assert.ok(lstatSync(inPackage('var/lib/janus-portal')).isDirectory())
		assert.equal(lstatSync(inPackage('etc/janus/janus.plugin.portal.jcfg')).mode & 0o777, 0o640)
		assert.match(run('python3', [inPackage('usr/share/janus-portal/portal-prometheus')]).stderr, /PORTAL_ADMIN_SECRET=/)
	})

	it('has the sample as its configuration, but for the place of permanent rooms', () => {
		const lines = path => readFileSync(path, 'utf8').split('\n')
		const packaged = lines(inPackage('etc/janus/janus.plugin.portal.jcfg'))
		const sample = lines(join(project, 'conf/janus.plugin.portal.jcfg.sample'))
		const only = (some, others) => some.filter(line => !others.includes(line)).map(line => line.replace(/\t+/g, ' ').trim())
		assert.deepEqual(only(packaged, sample), ['state_file = "/var/lib/janus-portal/rooms.json" # Where rooms that are made permanent are kept'])
		assert.deepEqual(only(sample, packaged), ['#state_file = "…" # Where rooms that are made permanent are kept (default:',
			'# janus.plugin.portal.state.json beside this file)'])
	})

	it('is for that Janus only whose headers it was built with', () => {
		const depends = succeeds('dpkg-deb', ['-f', deb, 'Depends']).split(', ').filter(one => /^janus /.test(one))
		const satisfied = candidate => depends.every(one => {
			const [, operator, bound] = /^janus \((\S+) (\S+)\)$/.exec(one)
			return run('dpkg', ['--compare-versions', candidate, operator, bound]).status === 0
		})
		assert.equal(depends.length, 2, depends)
		const [major, minor, patch] = janusVersion.split('.').map(Number)
		for (const [candidate, wanted] of [[`${janusVersion}-1`, true], [`${janusVersion}-9+deb12u1`, true], [`${major}.${minor}.${patch + 1}-1`, false],
			[`${major}.${minor}.${patch + 1}~rc1-1`, false], [`${major}.${minor + 1}.0-1`, false], [`${major}.${minor}.${patch - 1}-1`, false]])
			assert.equal(satisfied(candidate), wanted, candidate)
	})

	it('is loaded by Janus with its configuration, by whoever may not install it', async () => {
		const own = process.env.PORTAL_PLUGIN
		process.env.PORTAL_PLUGIN = filesBelow(unpacked).find(file => file.endsWith('libjanus_portal.so'))
		let janus
		try {
			const config = readFileSync(inPackage('etc/janus/janus.plugin.portal.jcfg'), 'utf8').replace('/var/lib/janus-portal', folder)
			janus = await startJanus({ config })
			const session = await Session.open(janus.url)
			const handle = await session.attach()
			const { list } = await handle.ask({ request: 'list' })
			assert.deepEqual(list.map(({ room }) => room), ['coffee-chat', 'home', 'misc'])
			await session.close()
		} finally {
			if (own === undefined) delete process.env.PORTAL_PLUGIN
			else process.env.PORTAL_PLUGIN = own
			assert.deepEqual(await janus?.stop(), { code: 0, signal: null })
		}
	})

	it('is installed, loaded by Debian\'s Janus as it comes, upgraded, removed and purged; what was edited stays till then', { timeout: 180_000 }, t => {
		if (noOverlay) return t.skip(noOverlay)
		const later = join(folder, 'later.deb'), tree = join(folder, 'later')
		succeeds('dpkg-deb', ['-R', deb, tree])
		const edit = (path, change) => writeFileSync(join(tree, path), change(readFileSync(join(tree, path), 'utf8')))
		edit('DEBIAN/control', text => text.replace(/^Version: .*/m, line => `${line}.1`))
		edit('etc/janus/janus.plugin.portal.jcfg', text => `${text}\n# A line of the later package.\n`)
		succeeds('dpkg-deb', ['-b', tree, later])
		const before = systemState()
		const { status, stdout, stderr } = run('unshare', ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc',
			process.execPath, INSIDE, deb, later, join(folder, 'overlay')], { timeout: 150_000, killSignal: 'SIGKILL' })
		for (const line of stdout.split('\n').filter(line => line.startsWith('done: '))) t.diagnostic(line)
		assert.equal(status, 0, stdout + stderr)
		assert.match(stdout, /^done: purged/m)
		assert.deepEqual(systemState(), before, 'the system of this machine was changed')
	})

	it('has a drop-in for systemd that is without a mistake', t => {
		if (run('systemd-analyze', ['--version']).error) return t.skip('there is no systemd-analyze')
		const units = join(folder, 'units')
		mkdirSync(join(units, 'janus.service.d'), { recursive: true })
		copyFileSync('/lib/systemd/system/janus.service', join(units, 'janus.service'))
		const verify = dropIn => {
			writeFileSync(join(units, 'janus.service.d/portal.conf'), dropIn)
			const { status, stdout, stderr } = run('systemd-analyze', ['verify', join(units, 'janus.service')],
				{ env: { ...process.env, SYSTEMD_UNIT_PATH: `${units}:/lib/systemd/system` } })
			return { status, said: stdout + stderr }
		}
		const dropIn = readFileSync(inPackage('usr/share/janus-portal/systemd/portal.conf.sample'), 'utf8')
		assert.deepEqual(verify(dropIn), { status: 0, said: '' })
		assert.match(verify(`${dropIn}ProtectSistem=strict\n`).said, /Unknown key 'ProtectSistem'/)
	})

	it('runs under systemd with that drop-in: no privileges, nothing writable but its rooms, always started again', { timeout: 180_000 }, t => {
		if (noOverlay) return t.skip(noOverlay)
		if (!existsSync('/lib/systemd/systemd')) return t.skip('there is no systemd')
		const ended = inCgroup(entered => {
			const [command, ...args] = [...entered, 'unshare', '--mount', '--net', '--pid', '--cgroup', '--fork', '--kill-child', '--mount-proc',
				process.execPath, fileURLToPath(new URL('inside/systemd.mjs', import.meta.url)), deb, join(folder, 'systemd')]
			return run(command, args, { timeout: 150_000, killSignal: 'SIGKILL' })
		})
		if (!ended) return t.skip('systemd wants a cgroup of its own, and none can be made here')
		const { status, stdout, stderr } = ended
		if (status === 77) return t.skip(stdout)
		for (const line of stdout.split('\n').filter(line => line.startsWith('done: '))) t.diagnostic(line)
		assert.equal(status, 0, stdout + stderr)
		assert.match(stdout, /^done: it stops well/m)
	})
})

/**
 * A cgroup for what runs in `use`, which gets a command that puts a process into it; gone afterwards. Where none can be made,
 * nothing is done: a systemd that is not in one of its own would take all others for its own.
 */
function inCgroup(use) {
	const unified = existsSync('/sys/fs/cgroup/cgroup.controllers')
	const [, own] = (unified ? /^0::(.*)$/m : /^\d+:name=systemd:(.*)$/m).exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? []
	const parent = join(unified ? '/sys/fs/cgroup' : '/sys/fs/cgroup/systemd', own ?? 'none')
	let path
	try {
		path = mkdtempSync(join(parent, 'portal-test-'))
	} catch {
		return
	}
	try {
		return use(['sh', '-c', `echo $$ >${path}/cgroup.procs && exec "$@"`, 'sh'])
	} finally {
		/* The kernel may take a moment to bury the dead. */
		for (let tries = 0; existsSync(path) && tries < 50; tries++)
			run('find', [path, '-depth', '-type', 'd', '-exec', 'sh', '-c', 'rmdir "$1" 2>/dev/null || sleep 0.1', 'sh', '{}', ';'])
	}
}

/** What a package would change here. */
function systemState() {
	return {
		package: run('dpkg-query', ['--show', 'janus-portal']).status,
		paths: ['/etc/janus/janus.plugin.portal.jcfg', '/etc/janus-portal', '/usr/share/janus-portal', '/var/lib/janus-portal'].map(path => existsSync(path)),
		status: lstatSync('/var/lib/dpkg/status').mtimeMs,
	}
}
